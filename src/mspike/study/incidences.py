"""Progression and death without it as events that compete: of all patients, or of the groups of one stratum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mspike.cohort.competing import CENSORED, aalen_johansen, incidence_at
from mspike.cohort.disclosure import Cell, hidden_cells
from mspike.cohort.strata import Stratum
from mspike.cohort.survival import kaplan_meier, survival_at
from mspike.cohort.times import DAYS_A_MONTH
from mspike.study.curve_blocks import hidden_events, hidden_n
from mspike.study.curve_months import MONTHS
from mspike.study.divided import ALL, Group, divided
from mspike.study.followed import Followed
from mspike.study.kept_back import Count, count, counts_column, hidden_among, last_day_told, too_soon

CAUSES = ("progression", "non_relapse_death")
EVENTS = (*CAUSES, CENSORED)


@dataclass(frozen=True)
class Competed:
    """One group: its counts of each event, and the incidence of each cause as far as it may be told.

    counts      by cause, and of the censored
    incidences  by cause; empty where nothing is told (or nobody is in the group)
    until       the last day told; None: all of it
    """

    group: Group
    n: Count
    counts: dict[str, Count]
    incidences: dict[str, pl.DataFrame]
    until: float | None

    @property
    def words(self) -> str:
        return self.group.words


@dataclass(frozen=True)
class Contest:
    """The groups of one stratum, or all patients (stratum None)."""

    stratum: str | None
    words: str
    patients: pl.DataFrame
    groups: tuple[Competed, ...]
    kept_back: int
    min_cell: int


def contest(whole: Followed, stratum: tuple[str, Stratum] | None, min_cell: int) -> Contest:
    """The incidence of each cause from infusion.

    whole  the followed, with the cohort's cr_days and cr_cause, both known: those of PFS

    Under min_cell a group is not told whose progressions or deaths without it are few, also where only the other of
    the two is: with PFS, which is told elsewhere, one gives the other away.
    """
    patients = whole.patients
    parts = divided(patients, stratum[1], min_cell, beside=False) if stratum else None
    groups = parts.groups if parts else (Group("all", ALL, patients),)
    kept = parts.kept_back if parts else 0
    sizes = hidden_n(whole, groups, kept, stratum[1].column if stratum else None, (), min_cell)
    happened = [_happened(group.patients) for group in groups]
    cells, silent = _hidden(whole, groups, kept, happened, min_cell)
    told = []
    for row, (group, counts) in enumerate(zip(groups, happened, strict=True)):
        said = {
            name: count(n, (row, at) in cells, min_cell)
            for at, (name, n) in enumerate(zip(EVENTS, counts, strict=True))
        }
        tiny = 0 < sum(counts) < min_cell
        frames, until = ({}, None) if row in silent or tiny else _incidences(group.patients, min_cell)
        told.append(Competed(group, count(sum(counts), row in sizes, min_cell), said, frames, until))
    return Contest(
        stratum[0] if stratum else None, stratum[1].words if stratum else "", patients, tuple(told), kept, min_cell
    )


def _hidden(
    whole: Followed, groups: Sequence[Group], kept: int, happened: Sequence[Sequence[int]], min_cell: int
) -> tuple[set[Cell], set[int]]:
    """The counts (group, place in EVENTS) and the groups whose incidence is not told.

    Events of PFS and patients without are told as survival tells them, so that both causes add up to a known number.
    """
    if min_cell < 2:
        return set(), set()
    of_pfs, _ = hidden_events(whole, groups, kept, min_cell)
    everybody = _happened(whole.patients)
    rest = [total - sum(row[place] for row in happened) for place, total in enumerate(everybody)]
    rows = [[*row] for row in (*happened, *([rest] if sum(rest) else []))]
    always = [(row, at) for row in (*of_pfs, *([len(groups)] if kept else [])) for at in (0, 1)]
    cells = hidden_cells([row[:2] for row in rows], min_cell, always) | {
        (row, EVENTS.index(CENSORED)) for row in of_pfs
    }
    silent = {row for at in range(len(CAUSES)) for row in hidden_among([line[at] for line in rows], min_cell)}
    return cells, silent


def _happened(patients: pl.DataFrame) -> list[int]:
    causes = patients["cr_cause"]
    return [int((causes == event).sum()) for event in EVENTS]


def _incidences(patients: pl.DataFrame, min_cell: int) -> tuple[dict[str, pl.DataFrame], float | None]:
    if patients.is_empty():
        return {}, None
    frames = aalen_johansen(patients["cr_days"], patients["cr_cause"], causes=list(CAUSES))
    until = last_day_told(frames[CAUSES[0]], min_cell)
    if until is None:
        return frames, None
    return {cause: frame.filter(pl.col("days") <= until) for cause, frame in frames.items()}, until


def at_risk(made: Contest, day: int, always: Sequence[int] = ()) -> list[Count]:
    """By group, how many are free of any event and still followed just before a day?"""
    counts = [int((told.group.patients["cr_days"] >= day).sum()) for told in made.groups]
    rest = int((made.patients["cr_days"] >= day).sum()) - sum(counts)
    more = [place for place, told in enumerate(made.groups) if day == 0 and isinstance(told.n, str)]
    if made.stratum is None:
        hidden = hidden_among(counts, made.min_cell) | {*always, *more}
    else:
        hidden = hidden_among([*counts, rest], made.min_cell, [*always, *more, *([len(counts)] if rest else [])])
    if len(hidden) == 1 and (others := [(not n, n, place) for place, n in enumerate(counts) if place not in hidden]):
        hidden.add(min(others)[2])  # what is alone in its month is what the others lack
    return [count(n, place in hidden, made.min_cell) for place, n in enumerate(counts)]


def at_months(made: Contest, months: Sequence[int]) -> pl.DataFrame:
    """What share of each group has had each event after so many months?

    group, cause, months, days, incidence_percent, low_percent, high_percent, at_risk (text under min_cell); null
    behind the follow-up and where kept back. The interval is null while nothing has happened.
    """
    days = [math.floor(month * DAYS_A_MONTH) for month in months]
    near = [_too_soon(told, months, made.min_cell) for told in made.groups]
    counts = [
        at_risk(made, math.ceil(month * DAYS_A_MONTH), [place for place, gone in enumerate(near) if month in gone])
        for month in months
    ]
    frames, told_at_risk = [], []
    for place, told in enumerate(made.groups):
        told_now = [not isinstance(row[place], str) for row in counts]
        for cause in CAUSES:
            frames.append(_at(told, cause, list(months), days, told_now))
            told_at_risk += [row[place] for row in counts]
    if not frames:  # every group is kept back
        frames = [_at(Competed(Group("", "", made.patients), 0, {}, {}, None), "", [], [], [])]
    return pl.concat(frames).with_columns(counts_column("at_risk", told_at_risk, made.min_cell))


def _too_soon(told: Competed, months: Sequence[int], min_cell: int) -> set[int]:
    rows = told.group.patients

    def counts_at(month: int) -> list[int]:
        day = math.ceil(month * DAYS_A_MONTH)
        past = rows.filter(pl.col("cr_days") < day)
        return [rows.height - past.height, *(int((past["cr_cause"] == cause).sum()) for cause in CAUSES)]

    return too_soon((*MONTHS, *sorted(months)), counts_at, rows.height, min_cell)


def _at(told: Competed, cause: str, months: list[int], days: list[int], shown: list[bool]) -> pl.DataFrame:
    group = {"group": [told.words] * len(months), "cause": [cause] * len(months), "months": months, "days": days}
    schema = {"group": pl.String, "cause": pl.String, "months": pl.Int64, "days": pl.Int64}
    frame = pl.DataFrame(group, schema=schema)
    names = ("incidence", "low", "high")
    if cause not in told.incidences:
        return frame.with_columns(pl.lit(None, pl.Float64).alias(f"{name}_percent") for name in names)
    said = incidence_at(told.incidences[cause], days).with_columns(shown=pl.Series(shown, dtype=pl.Boolean))
    told_now = [pl.when("shown").then(100 * pl.col(name)).alias(f"{name}_percent") for name in names]
    return pl.concat([frame, said.select(told_now)], how="horizontal")


def overstated(made: Contest, months: Sequence[int]) -> pl.DataFrame:
    """By how much would 1 - Kaplan-Meier, the other event counted as censoring, overstate each cause?

    cause, months, incidence_percent, one_minus_km_percent, overstated_points; months up to which all are told.
    """
    told = made.groups[0]
    days = [math.floor(month * DAYS_A_MONTH) for month in months]
    frames = []
    for cause in CAUSES:
        rows = told.group.patients
        curve = kaplan_meier(rows["cr_days"], rows["cr_cause"] == cause)
        naive = 100 * (1 - survival_at(curve, days)["survival"])
        frames.append(
            at_months(made, months)
            .filter(pl.col("cause") == cause)
            .select("cause", "months", "incidence_percent", one_minus_km_percent=naive)
        )
    both = pl.concat(frames).drop_nulls()
    return both.with_columns(overstated_points=pl.col("one_minus_km_percent") - pl.col("incidence_percent"))
