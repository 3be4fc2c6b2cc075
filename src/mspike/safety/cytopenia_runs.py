"""Daily counts of many patients at once: gaps filled, days below a level, and the longest run of such days.

Arrays have one row an episode and one column a day of the window. A filled day lies on a straight line between two
counts and may be a fraction: all counts are held in whole parts of a millionth, so many that every fraction is whole
(840 = least common multiple of 1 to 8 for gaps of up to 7 days). Nothing is rounded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mspike.record.amounts import UNBOUNDED

Counts = npt.NDArray[np.int64]
Days = npt.NDArray[np.int16]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Daily:
    """The count of each day.

    lo, hi    the count lies in [lo, hi], in millionths of the canonical unit times `parts`
    measured  a count was taken on this day
    known     measured, or filled between counts near enough
    inside    the day lies in the window of this episode
    """

    lo: Counts
    hi: Counts
    measured: Mask
    known: Mask
    inside: Mask
    parts: int

    @property
    def unknown(self) -> Mask:
        return self.inside & ~self.known

    def surely_below(self, level: int) -> Mask:
        return self.known & (self.hi < level)

    def perhaps_below(self, level: int) -> Mask:
        """Below for all that is known. A day without a count is left out: whoever asks says what it means."""
        return self.known & (self.lo < level)


def daily(lo: Counts, hi: Counts, measured: Mask, until: Days, *, gap: int, edges: bool) -> Daily:
    """Fills the gaps of so many days or fewer.

    lo, hi  lowest count of each measured day, in millionths
    until   last column of each row that belongs to the window; -1 where none does
    edges   hold the first and the last count over a gap at the edge of the window
    """
    parts = math.lcm(*range(1, gap + 2))
    if UNBOUNDED * parts >= 2**63:
        raise ValueError(f"Gaps of {gap} days cannot be filled exactly in 64 bits.")
    inside = np.arange(lo.shape[1]) <= until[:, None]
    measured = measured & inside
    before, after = _nearest(measured)
    known = measured | _fillable(before, after, until, inside, gap=gap, edges=edges)
    left, width, step = _places(before, after)
    right = left + width
    width = np.maximum(width, 1)
    low, high = (_on_the_line(c, left, right, width, step, known, parts) for c in (lo, hi))
    return Daily(low, high, measured, known, inside, parts)


def _nearest(marked: Mask) -> tuple[Days, Days]:
    """The column of the nearest marked day up to and from each day; -1, and the number of columns, for none."""
    days = marked.shape[1]
    at = np.arange(days, dtype=np.int16)
    before = np.maximum.accumulate(np.where(marked, at, np.int16(-1)), axis=1)
    after = np.minimum.accumulate(np.where(marked, at, np.int16(days))[:, ::-1], axis=1)[:, ::-1]
    return before, after


def _fillable(before: Days, after: Days, until: Days, inside: Mask, *, gap: int, edges: bool) -> Mask:
    first, last = before < 0, after >= before.shape[1]
    fillable = ~first & ~last & (after - before - 1 <= gap)
    if edges:
        leading = first & ~last & (after <= gap)
        trailing = ~first & last & (until[:, None] - before <= gap)
        fillable |= leading | trailing
    return fillable & inside


def _places(before: Days, after: Days) -> tuple[Days, Days, Days]:
    """The column of the count to the left, how far the one to the right is, and how far the day is from the left one.

    At an edge both are the one count there is, so that the line through them is flat.
    """
    days = before.shape[1]
    left = np.clip(np.where(before < 0, after, before), 0, days - 1)
    right = np.clip(np.where(after >= days, before, after), 0, days - 1)
    return left, right - left, np.arange(days, dtype=np.int16) - left


def _on_the_line(counts: Counts, left: Days, right: Days, width: Days, step: Days, known: Mask, parts: int) -> Counts:
    one = np.take_along_axis(counts, left.astype(np.intp), axis=1)
    other = np.take_along_axis(counts, right.astype(np.intp), axis=1)
    # Weighted first, then brought to whole parts: parts // width is exact wherever the gap may be filled.
    line = (one * (width - step) + other * step) * (parts // width)
    return np.where(known, line, np.int64(0))


def joined(low: Mask, recovery: int) -> Mask:
    """Days in a run: low ones, and those between two low days that lie fewer than `recovery` days apart."""
    before, after = _nearest(low)
    between = (before >= 0) & (after < low.shape[1]) & (after - before - 1 < recovery)
    return low | between


def so_far(run: Mask) -> Days:
    """For each day, how many days its run has lasted up to it; 0 outside runs."""
    at = np.arange(run.shape[1], dtype=np.int16)
    broken = np.maximum.accumulate(np.where(run, np.int16(-1), at), axis=1)
    return at - broken


def longest(run: Mask) -> Days:
    """How many days the longest run has."""
    return so_far(run).max(axis=1, initial=0)


def first_longest(run: Mask) -> tuple[Days, Days]:
    """First and last column of the longest run, the earliest of equals; meaningless where there is none."""
    lasted = so_far(run)
    end = lasted.argmax(axis=1)
    start = end - lasted.max(axis=1, initial=0) + 1
    return start.astype(np.int16), end.astype(np.int16)


def open_at(run: Mask, until: Days, first: int) -> Mask:
    """Does a run that began on the column `first` or before last to the end of the window?"""
    end = np.clip(until, 0, None).astype(np.intp)[:, None]
    lasted = np.take_along_axis(so_far(run), end, axis=1)[:, 0]
    return (until >= 0) & (lasted > 0) & (until - lasted + 1 <= first)
