"""Toxicity by a stratum: a row a harm, a column a group; shares of all patients of the group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from mspike.cohort.strata import Stratum
from mspike.study.characteristics import discretion
from mspike.study.counted import NOT_SHOWN, Column, columns_of, counted, counts_column
from mspike.study.parts import StudyTable
from mspike.study.responses import cell, rate_row, share_of
from mspike.study.toxicity_grades import BLOOD, SECOND_MALIGNANCY, SEVERE, WARD, Graded

Told = tuple[str, Sequence[int | None]]  # a harm and how many of each column had it; None: kept back


def toxicity_by(patients: pl.DataFrame, name: str, stratum: Stratum, min_cell: int) -> StudyTable:
    """Who of each group had which harm? Shares of all of the group with exact intervals; no test."""
    columns = columns_of(patients, stratum, min_cell)
    rows: list[dict[str, Any]] = []
    shown: list[dict[str, str]] = []
    for harm, numbers in _harms(columns, min_cell):
        cells = {"harm": harm}
        for at, column in enumerate(columns):
            if column.shown:
                text = NOT_SHOWN if numbers[at] is None else str(numbers[at])
                row = rate_row(column, "", harm, text, share_of(numbers[at], column.n))
                rows.append(row)
                cells[f"c{at}"] = cell(row)
        shown.append(cells)
    frame = pl.DataFrame(rows, infer_schema_length=None).drop("kind").rename({"level": "harm"})
    open_ = {f"c{at}": column.head for at, column in enumerate(columns) if column.shown}
    return StudyTable(
        name=f"toxicity_by_{name}",
        title=f"Toxicity, by: {stratum.words}",
        frame=frame.with_columns(counts_column("n", frame["n"].to_list(), min_cell)),
        shown=pl.DataFrame(shown, schema=dict.fromkeys(("harm", *open_), pl.String)),
        heads={"harm": "", **open_},
        right=tuple(open_),
        notes=(
            "n / N (%) [95 % interval, Clopper-Pearson]. N: all patients of the group; counted is who surely had it. "
            "Groups differ in how completely they were recorded: the rows of the unrecorded tell how much.",
            *discretion(columns, min_cell),
        ),
    )


def _harms(columns: Sequence[Column], min_cell: int) -> Iterator[Told]:
    for toxic in (*WARD, *BLOOD):
        yield from _of_grades(toxic, columns, min_cell)
    low = [pl.col(f"infections_{period}_severe_low") > 0 for period in ("early", "middle", "late")]
    severe = pl.any_horizontal(low).fill_null(False)  # surely there; who was not followed had none recorded
    infected = counted(columns, [("yes", severe), ("no", ~severe)], min_cell)
    second = counted(columns, SECOND_MALIGNANCY.levels, min_cell, sums=[range(SECOND_MALIGNANCY.yes)])
    each = range(len(columns))
    yield "Infection of grade 3 or more recorded, first year", [infected.told((0,), at) for at in each]
    yield "Second malignancy recorded", [second.told(range(SECOND_MALIGNANCY.yes), at) for at in each]


def _of_grades(toxic: Graded, columns: Sequence[Column], min_cell: int) -> Iterator[Told]:
    """Any grade, severe, unrecorded. What the table of grades keeps back of all patients is kept back of the groups."""
    low, known = toxic.low, toxic.low.is_not_null()
    levels = [
        ("severe", low >= SEVERE),
        ("mild", (low >= 1) & (low < SEVERE)),
        ("none sure", known & (low < 1)),
        ("unrecorded", ~known),
    ]
    counts, of_all = counted(columns, levels, min_cell, sums=[(0, 1)]), toxic.counts(columns[:1], min_cell)
    unrecorded = (len(of_all.levels) - 1,)
    for words, rows, beside in (
        ("any grade", (0, 1), toxic.at_least(1)),
        ("grade 3 or more", (0,), toxic.at_least(SEVERE)),
        (toxic.nothing, (3,), unrecorded),
    ):
        whole = of_all.told(beside)
        groups = [None if whole is None else counts.told(rows, at) for at in range(1, len(columns))]
        yield f"{toxic.words}: {words}", [whole, *groups]
