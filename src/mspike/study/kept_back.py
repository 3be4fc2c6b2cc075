"""What of a curve and of its counts may be published: curves end where few are at risk, small counts are not told.

The counts at each time are protected as `cohort.disclosure` protects a table. Not protected: what the steps of a curve
tell by their height while many are at risk, and differences between analyses of overlapping patients, except where
this says so (`overlapping`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from mspike.cohort.disclosure import hidden_cells
from mspike.cohort.survival import Curve

Count = int | str  # a number, or what is told instead: "<5", "≥5"


def hidden_among(counts: Sequence[int], min_cell: int) -> set[int]:
    """The places of the counts that are not told; their sum is taken as known."""
    if min_cell < 2 or not counts:
        return set()
    return {row for row, _ in hidden_cells([[n] for n in counts], min_cell)}


def counted(n: int, hidden: bool, min_cell: int) -> str:
    """The count in words."""
    if not hidden:
        return f"{n:,}"
    return f"<{min_cell}" if n < min_cell else f"≥{min_cell}"


def count(n: int, hidden: bool, min_cell: int) -> Count:
    """The count as a table holds it."""
    return counted(n, True, min_cell) if hidden else n


def count_words(n: Count) -> str:
    """A count of a table as it is printed."""
    return n if isinstance(n, str) else f"{n:,}"


def counted_words(n: Count, noun: str) -> str:
    """A count with what is counted: 1 patient, <5 patients."""
    return f"{count_words(n)} {noun}{'' if n == 1 else 's'}"


def counts_column(name: str, values: Iterable[Count | None], min_cell: int) -> pl.Series:
    """Whole numbers; text where small counts are kept back, so that the column has one type whatever it holds."""
    told = list(values)
    if min_cell < 2:
        return pl.Series(name, told, dtype=pl.Int64)
    return pl.Series(name, [None if n is None else str(n) for n in told], dtype=pl.String)


def last_day_told(table: pl.DataFrame, min_cell: int) -> float | None:
    """The last day of an estimate before fewer than min_cell are at risk; None: all of it may be told.

    table  days, at_risk (just before the day); a row a day on which somebody left, and day 0
    """
    thin = table.filter((pl.col("at_risk") < min_cell) & (pl.col("days") > 0))
    if min_cell < 2 or thin.is_empty():
        return None
    first = float(thin["days"][0])
    before = table.filter(pl.col("days") < first)
    return float(before["days"].max() or 0) if before.height else 0.0  # type: ignore[arg-type]


def cut_off(curve: Curve, min_cell: int) -> tuple[Curve, float | None]:
    """The curve as far as it may be told, without marks of censoring, and its last day (None: whole)."""
    if min_cell < 2:
        return curve, None
    until = last_day_told(curve.table, min_cell)
    kept = curve.table if until is None else curve.table.filter(pl.col("days") <= until)
    kept = kept.with_columns(censored=pl.lit(0, pl.Int64))  # each mark is one patient's last day
    median, low, high = (_within(day, until) for day in (curve.median, curve.median_low, curve.median_high))
    return replace(curve, table=kept, median=median, median_low=low, median_high=high), until


def _within(day: float | None, until: float | None) -> float | None:
    return None if day is None or (until is not None and day > until) else day


def overlapping(counts: Sequence[Sequence[int]], min_cell: int) -> list[bool]:
    """Which analyses of overlapping patients may stand beside those before them: their counts differ by none or many.

    counts  of each analysis (n, events, without event), in the order of telling
    """
    told: list[Sequence[int]] = []
    answers = []
    for row in counts:
        free = all(not 0 < abs(a - b) < min_cell for other in told for a, b in zip(row, other, strict=True))
        answers.append(free)
        if free:
            told.append(row)
    return answers
