"""Kaplan-Meier curves as data, what they say at a day, and the log-rank test between groups."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mspike.cohort.times import LEVEL, Times, Unstable, after, times_of

TOUCHES = 1.5e-8  # how near to one half counts as one half (square root of the precision of a double), as in R


@dataclass(frozen=True)
class Curve:
    """A survival curve, with everything that its figure and its tables need.

    table   a row a day on which somebody left, and day 0: days, at_risk (just before the day), events, censored,
            survival, low, high. The interval is null where survival is still 1 or already 0: none can be given.
    median  days; None = not reached. So too for the limits of its interval
    late    the days on which patients came under observation after day 0 (delayed entry), sorted; mostly empty
    """

    table: pl.DataFrame
    median: float | None
    median_low: float | None
    median_high: float | None
    n: int
    events: int
    late: pl.Series
    left_out: int
    level: float


def kaplan_meier(days: pl.Series, event: pl.Series, entry: pl.Series | None = None, level: float = LEVEL) -> Curve:
    """What share is still free of the event after so many days?

    days   from the start of the clock to the event or the end of follow-up (whole days)
    event  did it end with the event?
    entry  days from the start of the clock until the patient came under observation (delayed entry)
    1. Product-limit estimate by lifelines; on a tied day events come before censoring.
    2. Interval from Greenwood's variance on the log-log scale (rules.md 4.7).
    3. Median and its limits: where the curve, and each band of the interval, falls below one half; where it stays at
       exactly one half for a while, the middle of that while (as R survival and SAS print it).
    """
    times = times_of(days, event, entry)
    if times.n == 0:
        return _nobody(times, level)
    _always_somebody_at_risk(times)
    table = _table(times, level)
    median, low, high = (_falls_to_half(table, column) for column in ("survival", "low", "high"))
    return Curve(table, median, low, high, times.n, int(times.event.sum()), _late(times), times.left_out, level)


def survival_at(curve: Curve, days: list[int]) -> pl.DataFrame:
    """What share is free of the event at each of these days, with interval and number at risk?

    Beyond the last day of follow-up nothing is said (null), unless the curve has already reached 0.
    """
    asked = pl.DataFrame({"days": days}, schema={"days": pl.Float64}).with_row_index("_order").sort("days")
    steps = curve.table.select("days", "survival", "low", "high", last=pl.col("days").max())
    found = asked.join_asof(steps, on="days", strategy="backward").sort("_order")
    known = (pl.col("days") <= pl.col("last")) | (pl.col("survival") == 0)
    said = [pl.when(known).then(name).alias(name) for name in ("survival", "low", "high")]
    return found.select("days", *said).with_columns(at_risk=at_risk_at(curve, days)["at_risk"])


def at_risk_at(curve: Curve, days: list[int]) -> pl.DataFrame:
    """How many were under observation and free of the event just before each of these days?"""
    left = curve.table.select("days", gone=(pl.col("events") + pl.col("censored")).cum_sum())
    counts = []
    for day in days:
        gone = left.filter(pl.col("days") < day)["gone"].max() or 0
        not_yet = int((curve.late >= day).sum())
        counts.append(curve.n - not_yet - int(str(gone)))
    return pl.DataFrame({"days": days, "at_risk": counts}, schema={"days": pl.Float64, "at_risk": pl.Int64})


@dataclass(frozen=True)
class LogRank:
    """How unlike are the curves of the groups? Chi-square statistic, degrees of freedom, p."""

    statistic: float
    df: int
    p: float


def log_rank(days: pl.Series, event: pl.Series, group: pl.Series, entry: pl.Series | None = None) -> LogRank:
    """Could the groups have one hazard in common?

    Log-rank test with hypergeometric variance, by statsmodels (it takes delayed entry, lifelines does not). Patients
    of unknown group are left out; so is a group of which nobody was at risk when the first event came.
    """
    from scipy.stats import chi2
    from statsmodels.duration.survfunc import survdiff

    times = times_of(days, event, entry, among=group.is_not_null().to_numpy())
    groups = group.cast(pl.String).rank("dense").to_numpy()[times.kept]  # numbers are told apart faster than words
    compared = _comparable(times, groups)
    if len(np.unique(groups[compared])) < 2:
        raise Unstable(
            "No log-rank test: it needs two groups under observation when an event comes. "
            f"Found {times.n} patients with {int(times.event.sum())} events."
        )
    entered = None if times.entry is None else times.entry[compared]
    ends, happened = times.days[compared], times.event[compared].astype(float)
    try:
        statistic, _ = survdiff(ends, happened, groups[compared], entry=entered)
    except np.linalg.LinAlgError:
        raise Unstable("No log-rank test: a group was never at risk together with another.") from None
    df = len(np.unique(groups[compared])) - 1
    return LogRank(float(statistic), df, float(chi2.sf(statistic, df)))


def _comparable(times: Times, groups: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The rows of groups that were at risk at some event; the others add no information and no degree of freedom."""
    events = np.unique(times.days[times.event])
    entry = np.full(times.n, -np.inf) if times.entry is None else times.entry
    first = np.searchsorted(events, entry, side="right")  # the first event after entry
    met = (
        (first < len(events)) & (events[np.minimum(first, len(events) - 1)] <= times.days) if len(events) else first > 0
    )
    return np.isin(groups, np.unique(groups[met]))


def _table(times: Times, level: float) -> pl.DataFrame:
    from lifelines import KaplanMeierFitter

    entry = None if times.entry is None else after(times.entry)
    with warnings.catch_warnings():
        # log(0) on the day the last patient at risk has the event: survival is then 0, as it should be.
        warnings.simplefilter("ignore", RuntimeWarning)
        fitted = KaplanMeierFitter().fit(times.days, times.event, entry=entry, alpha=1 - level)
    life, bands = fitted.event_table, fitted.confidence_interval_
    table = pl.DataFrame(
        {
            "days": life.index.to_numpy(dtype=float),
            "at_risk": life["at_risk"].to_numpy(dtype=np.int64),
            "events": life["observed"].to_numpy(dtype=np.int64),
            "censored": life["censored"].to_numpy(dtype=np.int64),
            "survival": fitted.survival_function_.to_numpy()[:, 0],
            "low": bands.to_numpy()[:, 0],
            "high": bands.to_numpy()[:, 1],
        }
    )
    return _from_day_0(table, times)


def _from_day_0(table: pl.DataFrame, times: Times) -> pl.DataFrame:
    """Only days on which somebody left, and day 0; no interval of no width where nothing has happened yet."""
    told = (pl.col("survival") < 1) & (pl.col("survival") > 0)
    left = table.filter((pl.col("events") + pl.col("censored") > 0) | (pl.col("days") == 0))
    if left["days"][0] != 0:
        at_start = times.n if times.entry is None else int((times.entry <= 0).sum())
        start = {"days": 0.0, "at_risk": at_start, "events": 0, "censored": 0, "survival": 1.0, "low": 1.0, "high": 1.0}
        left = pl.concat([pl.DataFrame([start], schema=table.schema), left])
    return left.with_columns(pl.when(told).then(name).alias(name) for name in ("low", "high"))


def _nobody(times: Times, level: float) -> Curve:
    columns = {"days": pl.Float64, "at_risk": pl.Int64, "events": pl.Int64, "censored": pl.Int64}
    table = pl.DataFrame(schema={**columns, "survival": pl.Float64, "low": pl.Float64, "high": pl.Float64})
    return Curve(table, None, None, None, 0, 0, _late(times), times.left_out, level)


def _late(times: Times) -> pl.Series:
    late = times.days[:0] if times.entry is None else np.sort(times.entry[times.entry > 0])
    return pl.Series("late", late, dtype=pl.Float64)


def _always_somebody_at_risk(times: Times) -> None:
    """With a gap, nobody at risk before the last entry, the curve means nothing from there on (it may stay at 0)."""
    if times.entry is None:
        return
    ends, begins = np.sort(times.days), np.sort(times.entry)
    gone = np.arange(1, times.n + 1)
    entered = np.searchsorted(begins, ends, side="left")  # whoever enters on the day itself is at risk after it
    empty = ends[(entered == gone) & (gone < times.n)]
    if len(empty):
        raise Unstable(
            f"After day {empty[0]:g} nobody is under observation although other patients enter later (delayed entry), "
            "so survival from day 0 cannot be estimated. Count from a later origin, or take a larger group."
        )


def _falls_to_half(table: pl.DataFrame, column: str) -> float | None:
    known = table.filter(pl.col(column) < 0.5 + TOUCHES).select("days", value=column)
    if known.is_empty():
        return None
    first = known.row(0, named=True)
    below = known.filter(pl.col("value") < first["value"])
    if abs(first["value"] - 0.5) < TOUCHES and not below.is_empty():
        return float(first["days"] + below["days"][0]) / 2
    return float(first["days"])
