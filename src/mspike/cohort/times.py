"""Times to an event as every estimate here takes them: days, what happened, and the day observation began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mspike.errors import MspikeError

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
LEVEL = 0.95
DAYS_A_MONTH = 365.25 / 12
FROM_THE_START = -0.5  # an entry before day 0, so that an event on day 0 still has its risk set


class Unstable(MspikeError):
    """An estimate that these patients cannot carry; the sentence says why and what to do instead."""


@dataclass(frozen=True)
class Times:
    """The patients with a known time, in their order in the input.

    days      from the start of the clock to the event or the end of follow-up
    event     whether it ended with the event
    entry     days from the start of the clock to the start of observation; None where nobody was observed late
    kept      for every row of the input: was it used?
    left_out  rows without a known time or event, or never under observation (entry on the last day or after it)
    """

    days: Numbers
    event: Flags
    entry: Numbers | None
    kept: Flags

    @property
    def n(self) -> int:
        return len(self.days)

    @property
    def left_out(self) -> int:
        return int((~self.kept).sum())


def times_of(days: pl.Series, event: pl.Series, entry: pl.Series | None = None, among: Flags | None = None) -> Times:
    """Whose time can be used, and over which days was each under observation?

    1. A row whose days, event or entry is unknown is left out and counted: unknown is neither event nor censoring.
    2. A patient is at risk after the day of entry (entry < day), as in R's Surv(start, stop]; who enters on the last
       day or later was never at risk and is left out.
    3. An entry on day 0 or before is no late entry.

    among  rows to use at all; None for all
    """
    known = (days.is_not_null() & event.is_not_null()).to_numpy()
    if among is not None:
        known = known & among
    _not_before_the_start(days.filter(pl.Series(known)))
    ends = days.cast(pl.Float64).to_numpy()
    if entry is None:
        return Times(ends[known], _flags(event)[known], None, known)
    begins = entry.cast(pl.Float64).to_numpy()
    kept = known & entry.is_not_null().to_numpy() & ((begins < ends) | (begins <= 0))
    began = np.where(begins <= 0, FROM_THE_START, begins)[kept]
    return Times(ends[kept], _flags(event)[kept], began if bool((began > 0).any()) else None, kept)


def after(entry: Numbers) -> Numbers:
    """Entries moved into the night that follows, for libraries that count a patient in on the day of entry itself.

    Days are whole, so half a day later is after every event of the day and before every event of the next.
    """
    return np.where(entry > 0, entry + 0.5, entry)


def _flags(event: pl.Series) -> Flags:
    return event.cast(pl.Boolean).fill_null(False).to_numpy()  # the null rows are never used


def _not_before_the_start(days: pl.Series) -> None:
    early = int((days < 0).sum())
    if early:
        raise MspikeError(
            f"{days.name or 'days'}: {early} of {len(days)} times end before the clock starts (negative days). "
            "Times count from the index day: correct the dates, or choose the origin that comes first."
        )
