"""A table of how patients fall into the levels of one thing: all of them, beside the groups of each stratum asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from mspike.cohort.strata import Stratum
from mspike.study.counted import Column, Counts, as_share, columns_of, counted, counts_column
from mspike.study.divided import levels_of, words_of
from mspike.study.kept_back import notes as kept_back
from mspike.study.parts import StudyTable
from mspike.study.plan import Plan


def partition_tables(
    patients: pl.DataFrame,
    of: Stratum,
    plan: Plan,
    *,
    name: str,
    title: str,
    everybody: str,
    words: Mapping[str | None, str] | None = None,
    together: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> list[StudyTable]:
    """How many are in each level? A table of all patients, or one for each stratum of plan.by with its groups beside.

    patients   a row a patient
    of         what they are counted by; unknown is its last level
    everybody  what all of them are called: "All who failed"
    words      of levels, where their own would not do
    together   the first levels of `of` that the page sums up elsewhere (all kinds of failure): small counts among them
               hide one another, because their sum is known
    Small counts are kept back as `study.counted` does it; then no share is told either.
    """
    strata: list[tuple[str, Stratum] | None] = [pair for pair in plan.strata.items() if pair[1].column != of.column]
    tables = []
    for stratum in strata or [None]:
        columns = columns_of(patients, stratum[1] if stratum else None, plan.min_cell, everybody)
        counts, levels = _counts(columns, of, plan.min_cell, words or {}, together)
        by = "" if stratum is None else f", by: {stratum[1].words}"
        tables.append(
            StudyTable(
                name if stratum is None else f"{name}_by_{stratum[0]}", title + by,
                _frame(counts, columns, levels, of, plan), _shown(counts, columns),
                {"level": of.words, **{f"c{at}": column.head for at, column in enumerate(columns) if column.shown}},
                right=tuple(f"c{at}" for at, column in enumerate(columns) if column.shown), notes=_notes(notes, plan),
            )
        )  # fmt: skip
    return tables


def _notes(notes: Sequence[str], plan: Plan) -> tuple[str, ...]:
    return (*(said for said in notes if said), *kept_back(plan.min_cell))


def _counts(
    columns: Sequence[Column],
    of: Stratum,
    min_cell: int,
    words: Mapping[str | None, str],
    together: Sequence[str],
) -> tuple[Counts, list[str | None]]:
    column = pl.col(of.column).cast(pl.String)
    levels: list[str | None] = [*levels_of(columns[0].patients[of.column], of)]
    if columns[0].patients[of.column].null_count():
        levels.append(None)
    conditions = [(words.get(level, words_of(level)), column.eq_missing(pl.lit(level, pl.String))) for level in levels]
    return counted(columns, conditions, min_cell, sum(level in together for level in levels)), levels


def _frame(
    counts: Counts, columns: Sequence[Column], levels: Sequence[str | None], of: Stratum, plan: Plan
) -> pl.DataFrame:
    cells = [(at, row) for at, column in enumerate(columns) if column.shown for row in range(len(levels))]
    texts = [counts.text(row, at) for at, row in cells]
    percent = [
        100 * int(text) / columns[at].n if text.isdigit() and columns[at].n else None
        for (at, _), text in zip(cells, texts, strict=True)
    ]
    frame = pl.DataFrame(
        {
            "group": pl.Series([columns[at].words for at, _ in cells], dtype=pl.String),
            "group_n": pl.Series([columns[at].n for at, _ in cells], dtype=pl.Int64),
            of.column: pl.Series([levels[row] for _, row in cells], dtype=pl.String),
        }
    )
    return frame.with_columns(counts_column("n", texts, plan.min_cell), pl.Series("percent", percent, dtype=pl.Float64))


def _shown(counts: Counts, columns: Sequence[Column]) -> pl.DataFrame:
    cells = {
        f"c{at}": [as_share(counts.text(row, at), column.n) for row in range(len(counts.levels))]
        for at, column in enumerate(columns)
        if column.shown
    }
    return pl.DataFrame({"level": list(counts.levels), **cells}, schema=dict.fromkeys(("level", *cells), pl.String))
