"""Table 1: who was infused. Characteristics at the infusion, all patients beside the groups of a stratum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mspike.cohort.strata import STRATA, YES_NO, Stratum
from mspike.study.cells import NONE, NOT_KNOWN
from mspike.study.counted import Column, Counts, as_share, columns_of, counted, counts_column, median_iqr, quartiles
from mspike.study.divided import levels_of, words_of
from mspike.study.kept_back import note, tellable
from mspike.study.parts import StudyTable

MEASURES = {
    "serum_m": "serum M-protein", "urine_m": "urine M-protein", "dflc": "free light chains (dFLC)",
    "qiga": "quantitative IgA", "marrow": "marrow plasma cells", "lesion": "lesions",
    "circulating_plasma_cells": "circulating plasma cells",
}  # fmt: skip
SPREAD, RANGE = "median [IQR]", "range"


@dataclass(frozen=True)
class Variable:
    """A block of rows: the levels of a column, the spread of a number, or both."""

    words: str
    levels_from: Stratum | None = None
    number: str | None = None


VARIABLES = (
    Variable("Age at infusion, years", STRATA["age"], "age"),
    Variable("Sex", STRATA["sex"]),
    Variable("Heavy chain", STRATA["heavy_chain"]),
    Variable("Light chain", STRATA["light_chain"]),
    Variable("Year of infusion", STRATA["year"]),
    Variable("CAR-T product", STRATA["product"]),
    Variable("Target of the product", STRATA["target"]),
    Variable("Earlier lines of therapy", STRATA["lines"], "prior_lines"),
    Variable("Earlier BCMA-directed therapy", STRATA["prior_bcma"]),
    Variable("Triple-class refractory", STRATA["triple_class"]),
    Variable("Penta-drug refractory", STRATA["penta_drug"]),
    Variable("Extramedullary disease", STRATA["emd"]),
    Variable("Paraskeletal disease", Stratum("paraskeletal", "Paraskeletal disease", ("false", "true"))),
    Variable("High-risk cytogenetics: del(17p), t(4;14) or t(14;16)", STRATA["risk"]),
    Variable("Stage before infusion", STRATA["stage"]),
    Variable("Days from apheresis to infusion", None, "entry_days"),
)  # fmt: skip


def first_infusions(cohort: pl.DataFrame) -> pl.DataFrame:
    """One row a patient who was infused: the first infusion."""
    return cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))


def table_1(
    cohort: pl.DataFrame, name: str, stratum: Stratum | None, min_cell: int, *, failed: bool = False
) -> StudyTable:
    """Table 1 of the first infusions; no p-values: groups that were not randomised differ, and may differ by chance.

    failed  only of those who failed, where outcomes count from failure; so too where the stratum is known only then
    """
    patients = first_infusions(cohort)
    later = failed or (stratum is not None and not stratum.baseline)
    if later:
        patients = patients.filter("failed")
    columns = columns_of(patients, stratum, min_cell, "All who failed" if later else "All patients")
    rows = [row for variable in VARIABLES for row in _rows(variable, columns, min_cell)]
    rows += list(_measured(columns, min_cell))
    who = "Patients in whom the therapy failed" if later else "Patients at the first infusion"
    return StudyTable(
        name=name,
        title=f"Table 1. {who}" + ("" if stratum is None else f", by: {stratum.words}"),
        frame=_frame(rows, columns, min_cell),
        shown=_shown(rows, columns),
        heads={"level": "", **{f"c{at}": column.head for at, column in _open(columns)}},
        groups="variable",
        right=tuple(f"c{at}" for at, _ in _open(columns)),
        notes=_notes(patients, columns, min_cell, later),
    )


@dataclass(frozen=True)
class _Row:
    """A row of the table: in each column a count (with what it is out of) or the spread of a number."""

    variable: str
    level: str
    counts: tuple[str | None, ...]
    totals: tuple[int | None, ...]
    spreads: tuple[dict[str, float], ...]
    shown: tuple[str, ...]


def _open(columns: Sequence[Column]) -> Iterator[tuple[int, Column]]:
    return ((at, column) for at, column in enumerate(columns) if column.shown)


def _rows(variable: Variable, columns: Sequence[Column], min_cell: int) -> list[_Row]:
    counts, first = _counts(variable, columns, min_cell), 0
    rows: list[_Row] = []
    known = range(len(counts.levels) - 1)
    unknown = len(counts.levels) - 1
    totals = tuple(counts.told(known, at) for at, _ in enumerate(columns))
    if variable.number is not None:
        rows += _spreads(variable, columns, totals, min_cell)
        first = 0 if variable.levels_from is not None else unknown  # "known" itself is no level
    for row in range(first, unknown):
        texts = tuple(counts.text(row, at) for at, _ in enumerate(columns))
        shown = tuple(as_share(text, total) for text, total in zip(texts, totals, strict=True))
        rows.append(_Row(variable.words, counts.levels[row], texts, totals, _nothing(columns), shown))
    if counts.n[unknown][0]:
        rows.append(_unknown(variable.words, counts, unknown, columns))
    return rows


def _unknown(words: str, counts: Counts, row: int, columns: Sequence[Column]) -> _Row:
    texts = tuple(counts.text(row, at) for at, _ in enumerate(columns))
    totals = tuple(column.n for column in columns)
    shown = tuple(as_share(text, total) for text, total in zip(texts, totals, strict=True))
    return _Row(words, NOT_KNOWN, texts, totals, _nothing(columns), shown)


def _nothing(columns: Sequence[Column]) -> tuple[dict[str, float], ...]:
    return tuple({} for _ in columns)


def _counts(variable: Variable, columns: Sequence[Column], min_cell: int) -> Counts:
    if variable.levels_from is None:
        number = pl.col(str(variable.number))
        return counted(columns, [("known", number.is_not_null()), (NOT_KNOWN, number.is_null())], min_cell)
    column = pl.col(variable.levels_from.column).cast(pl.String)
    levels = levels_of(columns[0].patients[variable.levels_from.column], variable.levels_from)
    conditions = [(words_of(level), column == level) for level in levels]
    known = [range(len(levels))]  # what a share is out of
    return counted(columns, [*conditions, (NOT_KNOWN, column.is_null())], min_cell, sums=known)


def _spreads(
    variable: Variable, columns: Sequence[Column], totals: Sequence[int | None], min_cell: int
) -> Iterator[_Row]:
    """Median and quartiles; lowest and highest, which are single patients, only where nothing is kept back."""
    numbers, shown = [], []
    for column, total in zip(columns, totals, strict=True):
        known = column.patients[str(variable.number)].drop_nulls()
        found = quartiles(known) if total and total >= min_cell else None
        told = {} if found is None else dict(zip(("q1", "median", "q3"), found, strict=True))
        if found is not None and min_cell < 2:
            told |= {"min": float(str(known.min())), "max": float(str(known.max()))}
        numbers.append(told)
        shown.append(median_iqr(found))
    nobody: tuple[None, ...] = (None,) * len(columns)
    yield _Row(variable.words, SPREAD, nobody, tuple(totals), tuple(numbers), tuple(shown))
    if min_cell < 2:
        ranges = tuple(f"{told['min']:g}–{told['max']:g}" if "min" in told else NONE for told in numbers)
        yield _Row(variable.words, RANGE, nobody, tuple(totals), _nothing(columns), ranges)


def _measured(columns: Sequence[Column], min_cell: int) -> Iterator[_Row]:
    """By what disease was measurable; a patient may be measurable by several, so each is a question of its own."""
    by, words = pl.col("measurable_by"), "Measurable by (several may apply)"
    nothing = (by.list.len() == 0) | by.is_null()
    asked = {MEASURES[name]: by.list.contains(name).fill_null(False) for name in MEASURES}  # no list: the row below
    for level, holds in {**asked, "nothing measured, or not recorded": nothing}.items():
        counts = counted(columns, [(level, holds), ("not", ~holds)], min_cell)
        if counts.n[0][0]:
            row = _unknown(words, counts, 0, columns)
            yield _Row(words, level, row.counts, row.totals, row.spreads, row.shown)


def _frame(rows: Sequence[_Row], columns: Sequence[Column], min_cell: int) -> pl.DataFrame:
    """A row a group, variable and level."""
    told: list[dict[str, Any]] = []
    for at, column in _open(columns):
        for row in rows:
            if row.level == RANGE:  # stands beside the median
                continue
            n = row.counts[at]
            percent = 100 * int(n) / total if n is not None and n.isdigit() and (total := row.totals[at]) else None
            told.append(
                {"group": column.words, "group_n": column.n, "variable": row.variable, "level": row.level, "n": n,
                 "total": row.totals[at], "percent": percent, **row.spreads[at]}
            )  # fmt: skip
    kinds: dict[str, Any] = dict.fromkeys(("group", "variable", "level", "n"), pl.String)
    kinds |= dict.fromkeys(("group_n", "total"), pl.Int64)
    kinds |= dict.fromkeys(("percent", "median", "q1", "q3", "min", "max"), pl.Float64)
    frame = pl.DataFrame(told, schema=kinds).select(
        "group", "group_n", "variable", "level", "n", "total", "percent", "median", "q1", "q3", "min", "max"
    )
    return frame.with_columns(counts_column("n", frame["n"].to_list(), min_cell))


def _shown(rows: Sequence[_Row], columns: Sequence[Column]) -> pl.DataFrame:
    cells = {f"c{at}": [row.shown[at] for row in rows] for at, _ in _open(columns)}
    words = {"variable": [row.variable for row in rows], "level": [row.level for row in rows]}
    return pl.DataFrame({**words, **cells}, schema=dict.fromkeys((*words, *cells), pl.String))


def only_yes(patients: pl.DataFrame, column: str) -> tuple[int, int] | None:
    """Of how many is presence on record where absence is on record of nobody? (yes, all); None where it is of some.

    Then those in whom it is known are those who have it, and a share of them is no frequency.
    """
    known = patients[column].drop_nulls()
    if known.is_empty() or known.len() == patients.height or not bool(known.cast(pl.Boolean).all()):
        return None
    return known.len(), patients.height


def _presence_only(patients: pl.DataFrame, min_cell: int) -> list[str]:
    said = []
    for variable in VARIABLES:
        stratum = variable.levels_from
        found = only_yes(patients, stratum.column) if stratum is not None and stratum.order == YES_NO else None
        if found is not None:
            told = tellable(*found, min_cell)
            least = (
                f"{found[0]:,} of {found[1]:,} at least have it" if told else "how many have it at least is not told"
            )
            said.append(
                f"{variable.words}: absence is recorded of nobody, so that the share of those in whom it is known is "
                f"no frequency; {least}."
            )
    return said


def _notes(patients: pl.DataFrame, columns: Sequence[Column], min_cell: int, later: bool) -> tuple[str, ...]:
    notes = [
        "One row in the data a patient: the first infusion. n / N (%): N are the patients of the column in whom the "
        "characteristic is known; in the rows 'not known' N are all patients of the column. A characteristic without "
        "such a row is known in everybody.",
        "Median [lower to upper quartile], of those in whom it is known. No p-values: nobody was allocated to a group.",
        "Stage: R-ISS where it can be told, else ISS. Age: whole years, counted as if the birthday were still ahead.",
    ]
    if later:
        notes.append("Only patients in whom the therapy failed, as they were at the infusion.")
    notes += _presence_only(patients, min_cell)
    notes += discretion(columns, min_cell)
    return tuple(notes)


def discretion(columns: Sequence[Column], min_cell: int) -> list[str]:
    """What is kept back, in words; nothing where nothing is."""
    if min_cell < 2:
        return []
    said = [note(min_cell)]
    if any(not column.shown for column in columns):
        said.append(f"Groups of fewer than {min_cell} patients, and what would give them away, have no column.")
    return said
