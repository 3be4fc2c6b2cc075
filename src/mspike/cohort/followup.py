"""How long were the patients followed?"""

from __future__ import annotations

import polars as pl

from mspike.cohort.survival import Curve, kaplan_meier
from mspike.cohort.times import LEVEL


def reverse_kaplan_meier(
    days: pl.Series, event: pl.Series, entry: pl.Series | None = None, level: float = LEVEL
) -> Curve:
    """How long would patients have been followed, had nobody had the event? `median` is the median follow-up in days.

    The Kaplan-Meier curve with the roles of event and censoring exchanged (Schemper and Smith 1996), as
    `survfit(Surv(days, 1 - event) ~ 1)` in R. Its `events` are patients whose follow-up ended without the event.
    """
    return kaplan_meier(days, ~event.cast(pl.Boolean), entry, level)
