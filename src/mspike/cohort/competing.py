"""Cumulative incidence where one event forestalls another: relapse and death without relapse (Aalen-Johansen)."""

from __future__ import annotations

import warnings
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from mspike.cohort.times import LEVEL, Numbers, times_of

CENSORED = "censored"
COLUMNS = pl.Schema(
    {
        "days": pl.Float64,
        "at_risk": pl.Int64,
        "events": pl.Int64,
        "incidence": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)


def aalen_johansen(
    days: pl.Series, cause: pl.Series, level: float = LEVEL, causes: list[str] | None = None
) -> dict[str, pl.DataFrame]:
    """What share has had each event after so many days, the others being able to come first?

    days    from the start of the clock to the first event of any cause, or the end of follow-up
    cause   "censored", or the event; unknown (null) leaves the patient out
    causes  the causes to report, also those that never came; None for those that did, sorted
    Each frame has a row for day 0 and for each day on which somebody left: days, at_risk, events (of this cause),
    incidence, low, high. The interval is null while the incidence is 0.
    1. Estimate by statsmodels, which takes tied days as they are; lifelines would move them apart at random.
    2. Variance by the delta method (Marubini and Valsecchi 1995), which is what R survival prints; written out here
       because statsmodels has none on the day on which all who are left have an event.
    3. Interval on the log-log scale, as `survfit(..., conf.type = "log-log")` in R.
    """
    times = times_of(days, cause != CENSORED, among=cause.is_not_null().to_numpy())
    names = causes if causes is not None else sorted(set(cause.drop_nulls().unique().to_list()) - {CENSORED})
    told = cause.cast(pl.String).to_numpy()[times.kept]
    others = sorted(set(told.tolist()) - {CENSORED} - set(names))
    code = {name: number for number, name in enumerate([CENSORED, *names, *others])}
    status = np.array([code[name] for name in told], dtype=np.int64)
    if times.n == 0:
        return {name: pl.DataFrame(schema=COLUMNS) for name in names}
    return {name: _incidence(times.days, status, code[name], level) for name in names}


def incidence_at(frame: pl.DataFrame, days: list[int]) -> pl.DataFrame:
    """What share has had the event at each of these days? Beyond the last day of follow-up nothing is said (null)."""
    asked = pl.DataFrame({"days": days}, schema={"days": pl.Float64}).with_row_index("_order").sort("days")
    steps = frame.select("days", "incidence", "low", "high", last=pl.col("days").max())
    found = asked.join_asof(steps, on="days", strategy="backward").sort("_order")
    known = pl.col("days") <= pl.col("last")
    return found.select("days", *[pl.when(known).then(name).alias(name) for name in ("incidence", "low", "high")])


def _incidence(days: Numbers, status: np.ndarray[Any, Any], code: int, level: float) -> pl.DataFrame:
    at, position = np.unique(days, return_inverse=True)
    left = np.bincount(position, minlength=len(at)).astype(float)
    at_risk = left[::-1].cumsum()[::-1]
    of_any = np.bincount(position, weights=status > 0, minlength=len(at)).astype(float)
    of_this = np.bincount(position, weights=status == code, minlength=len(at)).astype(float)
    incidence = _estimate(days, status, code, len(at))
    low, high = _log_log(incidence, np.sqrt(_variance(at_risk, of_any, of_this, incidence)), level)
    frame = pl.DataFrame(
        {"days": at, "at_risk": at_risk, "events": of_this, "incidence": incidence, "low": low, "high": high}
    ).fill_nan(None)
    start = {"days": [0.0], "at_risk": [at_risk[0]], "events": [0.0], "incidence": [0.0], "low": [None], "high": [None]}
    if at[0] > 0:
        frame = pl.concat([pl.DataFrame(start, schema=frame.schema), frame])
    return frame.cast(COLUMNS)


def _estimate(days: Numbers, status: np.ndarray[Any, Any], code: int, steps: int) -> Numbers:
    from statsmodels.duration.survfunc import CumIncidenceRight

    if code > status.max():  # statsmodels counts causes up to the highest that came
        return np.zeros(steps)
    with warnings.catch_warnings():
        # statsmodels divides by zero in its own variance when the last patients at risk all have an event.
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(CumIncidenceRight(days, status).cinc[code - 1], dtype=float)


def _variance(at_risk: Numbers, of_any: Numbers, of_this: Numbers, incidence: Numbers) -> Numbers:
    """Variance of the cumulative incidence on each day, from the counts of each day.

    The first three terms are what the survival of all events adds; where all at risk have an event on the last day
    their parts for that day cancel, so that the infinite factor is left out.
    """
    survivors = at_risk - of_any
    before = np.concatenate([[1.0], np.cumprod(survivors / at_risk)[:-1]])
    hazard = np.divide(of_any, at_risk * survivors, out=np.zeros_like(at_risk), where=survivors > 0)
    share = before * of_this / at_risk**2
    own = before**2 * of_this * (at_risk - of_this) / at_risk**3
    total = incidence**2 * hazard.cumsum() - 2 * incidence * (incidence * hazard).cumsum()
    total += (incidence**2 * hazard).cumsum() + own.cumsum()
    total += 2 * (incidence * share).cumsum() - 2 * incidence * share.cumsum()
    return np.asarray(np.maximum(total, 0.0), dtype=float)


def _log_log(incidence: Numbers, error: Numbers, level: float) -> tuple[Numbers, Numbers]:
    told = (incidence > 0) & (incidence < 1)
    share = np.where(told, incidence, 0.5)
    spread = NormalDist().inv_cdf((1 + level) / 2) * error / (share * np.log(share))  # negative: the log of a share is
    low, high = share ** np.exp(-spread), share ** np.exp(spread)
    return np.where(told, low, np.nan), np.where(told, high, np.nan)
