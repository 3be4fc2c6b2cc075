"""A therapy that begins during follow-up, counted from the day it begins: no immortal time.

Whoever gets salvage has lived until then. Sorted into "ever" and "never", those days would count for the therapy; here
each patient counts as not exposed up to its first day and as exposed afterwards.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from mspike.cohort.regression import Regression, regression_of
from mspike.cohort.survival import Curve, kaplan_meier
from mspike.cohort.terms import known
from mspike.cohort.times import LEVEL, Unstable, times_of
from mspike.errors import MspikeError

NOT_YET = "none yet"
EXPOSED = "begun"


def episodes(
    frame: pl.DataFrame, days: str, event: str, started: str, kind: str | None = None, order: list[str] | None = None
) -> pl.DataFrame:
    """Each patient's follow-up cut at the day the exposure began.

    frame    a row a patient
    started  column: day from the start of the clock on which the exposure began; null = not within follow-up
    kind     column: which exposure it was; None for one kind only. A start without a known kind leaves the patient out
    order    the kinds in the order wanted; else sorted
    The frame comes back with `_patient` (row number), `_start`, `_stop`, `_event` and `exposure` ("none yet" before).
    Exposed from the day after its first day, as with delayed entry; one that began on day 0 or before, from the start;
    one that begins on the last day or later never counts.
    """
    if {"exposure", "_start", "_stop", "_event"} & {*frame.columns}:
        raise MspikeError("The frame already has a column named exposure, _start, _stop or _event: rename it.")
    what = pl.lit(EXPOSED) if kind is None else pl.col(kind).cast(pl.String)
    usable = pl.col(days).is_not_null() & pl.col(event).is_not_null() & (pl.col(started).is_null() | what.is_not_null())
    whole = frame.with_row_index("_patient").filter(usable).with_columns(_event=pl.col(event).cast(pl.Boolean))
    begins = (pl.col(started) < pl.col(days)) | (pl.col(started) <= 0)
    begins = pl.col(started).is_not_null() & begins.fill_null(False)
    from_start = begins & (pl.col(started) <= 0)
    before = whole.filter(~from_start).with_columns(
        _start=pl.lit(0, pl.Float64),
        _stop=pl.when(begins).then(started).otherwise(days).cast(pl.Float64),
        _event=pl.when(begins).then(False).otherwise("_event"),
        exposure=pl.lit(NOT_YET),
    )
    since = whole.filter(begins).with_columns(
        _start=pl.col(started).clip(lower_bound=0).cast(pl.Float64),
        _stop=pl.col(days).cast(pl.Float64),
        exposure=what,
    )
    both = pl.concat([before, since], how="vertical")
    kinds = order if order is not None else sorted(since["exposure"].unique().to_list())
    levels = pl.Enum([NOT_YET, *kinds])
    return both.with_columns(pl.col("exposure").cast(levels)).sort("_patient", "_start")


def salvage(
    frame: pl.DataFrame,
    days: str,
    event: str,
    started: str = "first_salvage_day",
    kind: str | None = None,
    covariates: list[str] | None = None,
    penalty: Literal["firth"] | None = None,
    level: float = LEVEL,
) -> Regression:
    """How many times higher is the hazard once salvage has begun, than before it or without it?

    Cox regression with the exposure as time-dependent covariate, as `coxph(Surv(start, stop, event) ~ exposure)` in R.
    `n` counts patients, `terms` has n and events of the time since the exposure began. Arguments as in `episodes` and
    `cox`. An association only: who is fit enough for a therapy gets it.
    """
    others = list(covariates or [])
    whole = frame.filter(pl.Series(known(frame, others))) if others else frame
    rows = episodes(whole, days, event, started, kind)
    if rows["exposure"].n_unique() < 2:
        raise Unstable(
            f"Nobody began ({started}) during follow-up, or everybody at its start: there is nothing to compare."
        )
    times = times_of(rows["_stop"], rows["_event"], rows["_start"])
    used = rows.filter(pl.Series(times.kept))
    found = regression_of(times, used, ["exposure", *others], penalty, level, {"exposure": NOT_YET})
    patients = used["_patient"].n_unique()
    return Regression(
        found.terms, found.ph_check, patients, found.events, frame.height - patients, f"{found.method}; {WITH_TIME}"
    )


WITH_TIME = "exposure as a time-dependent covariate, counted from the day it began"


def simon_makuch(
    frame: pl.DataFrame, days: str, event: str, started: str, kind: str | None = None, level: float = LEVEL
) -> dict[str, Curve]:
    """The survival curve while not exposed and while exposed: each patient moves from one to the other.

    Kaplan-Meier of the episodes of each exposure with delayed entry (Simon and Makuch 1984). Not the future of a
    patient whose exposure is known from day 0: there is none.
    """
    rows = episodes(frame, days, event, started, kind)
    return {
        str(name): kaplan_meier(part["_stop"], part["_event"], part["_start"], level)
        for (name,), part in rows.group_by("exposure", maintain_order=True)
    }
