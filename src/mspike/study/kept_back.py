"""What of a curve and of its counts may be published: curves end where few are at risk, small counts are not told.

The counts at each time are protected as `cohort.disclosure` protects a table. Not protected: what the steps of a curve
tell by their height while many are at risk, and differences between analyses of overlapping patients, except where
this says so (`overlapping`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import polars as pl

from mspike.cohort.disclosure import MARK as MARK
from mspike.cohort.disclosure import hidden_cells
from mspike.cohort.survival import Curve

Count = int | str  # a number, or MARK where it is kept back


def note(min_cell: int) -> str:
    """What the mark says, for the foot of a table."""
    return f"{MARK} kept back: a count below {min_cell}, or one that would give it away."


def notes(min_cell: int) -> tuple[str, ...]:
    """The same where anything is kept back at all."""
    return (note(min_cell),) if min_cell > 1 else ()


def small(n: int, min_cell: int) -> bool:
    """Too few to be told? Nobody is told."""
    return min_cell > 1 and 0 < n < min_cell


def tellable(n: int, total: int, min_cell: int) -> bool:
    """May this part of a total be told? Neither it nor the rest may be small."""
    return not small(n, min_cell) and not small(total - n, min_cell)


def hidden_among(counts: Sequence[int], min_cell: int, always: Iterable[int] = ()) -> set[int]:
    """The places of the counts that are not told; their sum is taken as known."""
    if min_cell < 2 or not counts:
        return set()
    return {row for row, _ in hidden_cells([[n] for n in counts], min_cell, [(row, 0) for row in always])}


def counted(n: int, hidden: bool, min_cell: int) -> str:
    """The count in words."""
    return MARK if hidden else f"{n:,}"


def count(n: int, hidden: bool, min_cell: int) -> Count:
    """The count as a table holds it."""
    return MARK if hidden else n


def count_words(n: Count) -> str:
    """A count of a table as it is printed."""
    return n if isinstance(n, str) else f"{n:,}"


def counted_words(n: Count, noun: str) -> str:
    """A count with what is counted: 1 patient, * patients."""
    return f"{count_words(n)} {noun}{'' if n == 1 else 's'}"


def counts_column(name: str, values: Iterable[Count | None], min_cell: int) -> pl.Series:
    """Whole numbers; text where small counts are kept back, so that the column has one type whatever it holds."""
    told = list(values)
    if min_cell < 2:
        return pl.Series(name, told, dtype=pl.Int64)
    return pl.Series(name, [None if n is None else str(n) for n in told], dtype=pl.String)


def too_soon(months: Iterable[int], counts_at: Callable[[int], Sequence[int]], n: int, min_cell: int) -> set[int]:
    """The months between which and those told next to them 1 to K - 1 patients had an event, or left.

    months     in the order of telling: those told first decide whether others may stand between them
    counts_at  numbers at a month: at risk first, then events so far of each kind
    n          patients
    """
    if min_cell < 2:
        return set()
    kept: dict[int, Sequence[int]] = {}
    gone = set()
    for month in dict.fromkeys(months):
        here = counts_at(month)
        start = (n, *(0 for _ in here[1:]))
        before = kept[max(earlier)] if (earlier := [m for m in kept if m < month]) else start
        after = [kept[min(later)]] if (later := [m for m in kept if m > month]) else []
        if any(small(abs(a - b), min_cell) for near in (before, *after) for a, b in zip(near, here, strict=True)):
            gone.add(month)
        else:
            kept[month] = here
    return gone


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
