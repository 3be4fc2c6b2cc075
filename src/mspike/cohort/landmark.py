"""Landmark analysis: only who is alive, event-free and still followed at the landmark, the clock starting there."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mspike.cohort.times import Unstable
from mspike.errors import MspikeError


@dataclass(frozen=True)
class Landmark:
    """The patients of a landmark analysis, and why the others are not in it.

    frame            as given, with days (and entry) counted from the landmark; `by_landmark` if a start was named
    after_event      patients who had the event on the landmark day or before it
    after_censoring  patients whose follow-up ended on the landmark day or before it, without the event
    unknown          patients without a known time or event
    """

    frame: pl.DataFrame
    at_days: int
    after_event: int
    after_censoring: int
    unknown: int


def landmark(
    frame: pl.DataFrame,
    at_days: int,
    days: str = "days",
    event: str = "event",
    entry: str | None = None,
    started: str | None = None,
) -> Landmark:
    """Who is alive, event-free and followed beyond the landmark, and what had begun by then?

    at_days  the landmark, days from the start of the clock
    started  a column of days on which something began (salvage, a response; null = it did not within follow-up). The
             column `by_landmark` says whether it had begun by the landmark: what comes later must not sort patients,
             or those who lived long enough to get it would seem to owe it their life.
    """
    if at_days < 0:
        raise MspikeError(f"A landmark lies on or after day 0; found day {at_days}.")
    known = pl.col(days).is_not_null() & pl.col(event).is_not_null()
    past = known & (pl.col(days) <= at_days)
    happened = pl.col(event).cast(pl.Boolean)
    counts = frame.select(
        after_event=(past & happened).sum(), after_censoring=(past & ~happened).sum(), unknown=(~known).sum()
    ).row(0, named=True)
    kept = frame.filter(known & (pl.col(days) > at_days))
    if kept.is_empty():
        raise Unstable(
            f"No patient is event-free and still followed at the landmark, day {at_days}: choose an earlier one."
        )
    changed = {days: pl.col(days) - at_days}
    if entry is not None:
        changed[entry] = (pl.col(entry) - at_days).clip(lower_bound=0)
    if started is not None:
        changed["by_landmark"] = pl.col(started).is_not_null() & (pl.col(started) <= at_days).fill_null(False)
    return Landmark(kept.with_columns(**changed), at_days, **counts)
