"""Builds visits from raw rows (rules.md 1.3b).

1. Laboratory rows are clustered greedily: a visit opens at its first result and takes results up to 7 days later,
   until a parameter repeats from another specimen. The start of a new line of therapy also ends a visit.
2. A marrow up to 14 days after a visit's last result belongs to it; imaging up to 7 days after its first.
   Either also joins a visit that opens up to 7 days later. What fits nowhere is a visit of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

VISIT_DAYS = 7
MARROW_DAYS = 14

LABORATORY = ("serum_m", "urine_m_24h", "kappa_flc", "lambda_flc", "serum_ife", "urine_ife", "circulating_plasma_cells")
MARROW = ("marrow_plasma_cells", "marrow_clonality")


def day_of_patient(rows: pl.Series, pid: pl.Series, day: pl.Series, *, missing: int) -> np.ndarray:
    """For each row's pid the day given for that patient, `missing` where none is. Far cheaper than a join."""
    days = np.full(max(cast(int, rows.max() or 0), cast(int, pid.max() or 0)) + 1, missing, dtype=np.int32)
    days[pid.to_numpy()] = day.to_numpy()
    return days[rows.to_numpy()]


@dataclass(frozen=True)
class Clusters:
    """Which visit each day-group of laboratory rows belongs to, and when each visit opened and last drew blood."""

    visit_of_row: np.ndarray
    pid: np.ndarray
    opened: np.ndarray
    last: np.ndarray


def cluster(rows: pl.DataFrame, starts: pl.DataFrame) -> Clusters:
    """Which visit does each laboratory row belong to?

    rows    pid, day, analyte (Enum), specimen_id; sorted by pid, day
    starts  pid, day on which a line of therapy starts: a result on that day still belongs to what came before
    """
    pid = rows["pid"].to_numpy().astype(np.int64)
    day = rows["day"].to_numpy().astype(np.int64)
    if not len(pid):
        empty = np.empty(0, dtype=np.int64)
        return Clusters(empty, empty, empty, empty)
    analyte = rows["analyte"].to_physical().to_numpy().astype(np.int64)
    round_ = _rounds(rows)
    low = int(day.min())
    when = pid * (int(day.max()) - low + VISIT_DAYS + 2) + (day - low)
    group, first = _groups(when, round_)
    g_when, g_pid, g_day = when[first], pid[first], day[first]
    following = _following(group, analyte, g_when, len(first))
    ends = _first_change(stretch(g_pid, g_day, starts))
    visit = _visits(np.minimum(following, ends), g_pid)
    opened = np.full(visit[-1] + 1, np.iinfo(np.int64).max)
    last = np.full(visit[-1] + 1, np.iinfo(np.int64).min)
    np.minimum.at(opened, visit, g_day)
    np.maximum.at(last, visit, g_day)
    v_pid = np.zeros(visit[-1] + 1, dtype=np.int64)
    v_pid[visit] = g_pid
    return Clusters(visit[group], v_pid, opened, last)


def _rounds(rows: pl.DataFrame) -> np.ndarray | None:
    """0 for the first specimen of a parameter on a day, 1 for the second ...; None where no day has two."""
    if rows["specimen_id"].null_count() == rows.height:
        return None
    key = ["pid", "day", "analyte"]
    repeated = rows.select(pl.len().over(key) > 1).to_series()
    if not repeated.any():
        return None
    # A whole specimen moves to the later round, so that one serum sample is not split over two visits.
    named = rows.select(*key, specimen=pl.col("specimen_id").fill_null(""))
    ranked = named.with_columns(round=pl.col("specimen").rank("dense").over(key).cast(pl.Int64) - 1)
    return ranked.select(pl.col("round").max().over("pid", "day", "specimen")).to_series().to_numpy()


def _groups(when: np.ndarray, round_: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Numbers the distinct (patient, day, round) in order; gives each row's number and each group's first row."""
    if round_ is None:
        new = np.empty(len(when), dtype=bool)
        new[0] = True
        np.not_equal(when[1:], when[:-1], out=new[1:])
        return np.cumsum(new) - 1, np.flatnonzero(new)
    keys = when * (int(round_.max()) + 1) + round_
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return group, first


def stretch(pid: np.ndarray, day: np.ndarray, starts: pl.DataFrame) -> np.ndarray:
    """Numbers the stretches between line starts: one number for each patient and number of lines begun before the day.

    A visit never reaches over the start of a line. A result on that day still belongs to what came before.
    """
    if starts.is_empty() or not len(pid):
        return pid * 64
    s_pid = starts["pid"].to_numpy().astype(np.int64)
    s_day = starts["day"].to_numpy().astype(np.int64)
    low = min(int(day.min()), int(s_day.min()))
    width = max(int(day.max()), int(s_day.max())) - low + 1
    keys = np.sort(s_pid * width + (s_day - low))
    begun = np.searchsorted(keys, pid * width + (day - low), side="left") - np.searchsorted(keys, pid * width)
    return pid * 64 + np.minimum(begun, 63)


def _following(group: np.ndarray, analyte: np.ndarray, g_when: np.ndarray, n: int) -> np.ndarray:
    """The first group that a visit opened at each group cannot take: too late, or a parameter repeats.

    A visit from s must end before the first group e such that some group in [s, e) shares a parameter with e.
    With q(g) = the next group that repeats a parameter of g, that is the minimum of q over all groups from s on.
    """
    index = np.arange(n)
    repeat = np.full(n, n)
    for code in np.flatnonzero(np.bincount(analyte)):
        has = np.zeros(n, dtype=bool)
        has[group[analyte == code]] = True
        # next group with this analyte, strictly after each group
        at = np.where(has, index, n)
        after = np.minimum.accumulate(at[::-1])[::-1]
        later = np.append(after[1:], n)
        repeat = np.where(has, np.minimum(repeat, later), repeat)
    repeat = np.minimum.accumulate(repeat[::-1])[::-1]
    too_late = np.searchsorted(g_when, g_when + VISIT_DAYS, side="right")
    return np.minimum(repeat, too_late)


def _first_change(key: np.ndarray) -> np.ndarray:
    """For each place the first later place where the key differs."""
    n = len(key)
    change = np.flatnonzero(key[1:] != key[:-1]) + 1
    return np.append(change, n)[np.searchsorted(change, np.arange(n), side="right")]


def _visits(following: np.ndarray, g_pid: np.ndarray) -> np.ndarray:
    """Follows every patient from visit to visit at once: as many rounds as the busiest patient has visits."""
    opens = np.zeros(len(g_pid), dtype=bool)
    at = np.flatnonzero(np.append(True, g_pid[1:] != g_pid[:-1]))
    while len(at):
        opens[at] = True
        onward = following[at]
        inside = onward < len(g_pid)
        at, onward = at[inside], onward[inside]
        at = onward[g_pid[onward] == g_pid[at]]
    return np.cumsum(opens) - 1


def attach(days: pl.DataFrame, visits: pl.DataFrame, *, name: str, after_last: int | None) -> pl.DataFrame:
    """Puts each marrow or imaging day to the visit it belongs to, or opens a visit for it.

    days        pid, stretch, day (distinct)
    visits      visit, pid, stretch, opened, last
    after_last  days allowed after the visit's last result (marrow); None: after its opening (imaging)

    Returns visits with the column `name` (the day attached, null where none), own visits added.
    """
    if days.is_empty():
        return visits.with_columns(pl.lit(None, pl.Int64).alias(name))
    visits = visits.sort("opened", "visit")
    days = days.sort("day")
    # The table an asof join is made on must be sorted by its key alone.
    backward = days.join_asof(
        visits, left_on="day", right_on="opened", by="stretch", strategy="backward", check_sortedness=False
    )
    limit = pl.col("opened") + VISIT_DAYS if after_last is None else pl.col("last") + after_last
    fits = (pl.col("day") <= limit).fill_null(False)
    backward = backward.select("pid", "stretch", "day", before=pl.when(fits).then(pl.col("visit")))
    forward = days.join_asof(
        visits,
        left_on="day",
        right_on="opened",
        by="stretch",
        strategy="forward",
        tolerance=VISIT_DAYS,
        check_sortedness=False,
    ).select("stretch", "day", behind="visit")
    matched = backward.join(forward, on=["stretch", "day"]).with_columns(visit=pl.coalesce("before", "behind"))
    # One marrow and one imaging day a visit: a second one is an assessment of its own.
    first = pl.col("visit").is_not_null() & pl.col("day").rank("ordinal").over("visit").eq(1)
    taken = matched.filter(first).select("visit", pl.col("day").alias(name))
    alone = matched.filter(~first)
    top = visits["visit"].max()
    base = 0 if top is None else cast(int, top) + 1
    own = alone.sort("pid", "day").select(
        visit=pl.int_range(pl.len(), dtype=pl.Int64) + base,
        pid="pid",
        stretch="stretch",
        opened=pl.col("day"),
        last=pl.col("day"),
        **{name: pl.col("day")},
    )
    joined = visits.join(taken, on="visit", how="left")
    return pl.concat([joined, own.cast({c: t for c, t in joined.schema.items() if c in own.columns})], how="diagonal")
