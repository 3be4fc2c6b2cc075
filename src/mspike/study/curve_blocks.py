"""The curves of one endpoint: of all patients, or of the groups of one stratum, as far as each may be told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mspike.cohort.disclosure import hidden_cells
from mspike.cohort.followup import reverse_kaplan_meier
from mspike.cohort.strata import Stratum
from mspike.cohort.survival import Curve, LogRank, kaplan_meier, log_rank, survival_at
from mspike.cohort.times import DAYS_A_MONTH, Unstable
from mspike.study.cells import in_sentence
from mspike.study.divided import ALL, Group, divided
from mspike.study.followed import Followed
from mspike.study.kept_back import Count, count, counts_column, cut_off, hidden_among
from mspike.study.plan import WORDS


@dataclass(frozen=True)
class Told:
    """One group: its counts, its curve and its follow-up as far as they may be told.

    curve       None where it cannot be estimated or must not be told
    until       the last day told; None: all of it
    follow_up   reverse Kaplan-Meier, likewise; its last day told is `followed_until`
    """

    group: Group
    n: Count
    events: Count
    curve: Curve | None
    until: float | None
    follow_up: Curve | None
    followed_until: float | None

    @property
    def words(self) -> str:
        return self.group.words


@dataclass(frozen=True)
class Compared:
    """The log-rank test of one block: how many groups and patients it compares, and how many are in no known group."""

    groups: int
    n: Count
    unknown: Count
    test: LogRank


@dataclass(frozen=True)
class Block:
    """The groups of one endpoint.

    endpoint   a key of `plan.WORDS`
    stratum    name and words of what divides them; None, for all patients
    kept_back  patients in groups too small to tell
    silent     groups whose curve must not be told, by name
    test       between the known groups that are told; `untested` says why there is none
    refused    sentences on what these patients cannot carry
    """

    endpoint: str
    stratum: str | None
    words: str
    told: Followed
    groups: tuple[Told, ...]
    kept_back: int
    silent: tuple[str, ...]
    test: Compared | None
    untested: str | None
    refused: tuple[str, ...]
    min_cell: int

    @property
    def drawn(self) -> dict[str, Curve]:
        return {group.words: group.curve for group in self.groups if group.curve is not None and group.curve.n}


def block_of(
    told: Followed,
    endpoint: str,
    stratum: tuple[str, Stratum] | None,
    min_cell: int,
    *,
    name: str,
    follow_up: bool = False,
) -> Block:
    """The curves of an endpoint, for all patients or by a stratum.

    name       of the endpoint in a sentence: "Overall survival"
    follow_up  also the reverse curves

    Kept back under `min_cell`: small groups; counts of events and of patients without, where small; the curve of a
    group whose events are few, and of another where the total would give them away; the rest of each curve, once few
    are at risk.
    """
    parts = divided(told.patients, stratum[1], min_cell) if stratum else None
    groups = parts.groups if parts else (Group("all", ALL, told.patients),)
    kept = parts.kept_back if parts else 0
    n, events, curves = _hidden(told, groups, kept, min_cell)
    rows: list[Told] = []
    refused, silent = [], []
    for place, group in enumerate(groups):
        whole, why = _estimated(told, group, kaplan_meier, f"{name}, {group.words}")
        back, _ = _estimated(told, group, reverse_kaplan_meier, "") if follow_up else (None, None)
        if place in curves:
            silent.append(group.words)
            why, whole, back = None, None, None
        cut, until = cut_off(whole, min_cell) if whole else (None, None)
        cut_back, back_until = cut_off(back, min_cell) if back else (None, None)
        happened = int(group.patients["event"].sum())
        rows.append(
            Told(
                group, count(group.patients.height, place in n, min_cell), count(happened, place in events, min_cell),
                cut, until, cut_back, back_until,
            )
        )  # fmt: skip
        refused += [why] if why else []
    named, words = (stratum[0], stratum[1].words) if stratum else (None, "")
    test, untested = _compared(told, rows, endpoint, words, min_cell) if stratum else (None, None)
    return Block(
        endpoint, named, words, told, tuple(rows), kept, tuple(silent), test, untested, tuple(refused), min_cell
    )


def _hidden(told: Followed, groups: Sequence[Group], kept: int, min_cell: int) -> tuple[set[int], set[int], set[int]]:
    """Of which groups n, the number of events, and the curve are not told."""
    if min_cell < 2:
        return set(), set(), set()
    sizes = [group.patients.height for group in groups]
    happened = [int(group.patients["event"].sum()) for group in groups]
    n = hidden_among([*sizes, kept, told.missing], min_cell)
    # The patients of groups kept back are a row of their own: the total tells them by subtraction.
    sizes.append(kept)
    happened.append(int(told.patients["event"].sum()) - sum(happened))
    cells = hidden_cells([[event, size - event] for event, size in zip(happened, sizes, strict=True)], min_cell)
    few = hidden_among(happened, min_cell)
    tiny = {place for place, size in enumerate(sizes) if 0 < size < min_cell}
    return n, {row for row, column in cells if column == 0}, few | tiny


def _estimated(told: Followed, group: Group, estimate: Any, name: str) -> tuple[Curve | None, str | None]:
    rows = group.patients
    try:
        return estimate(rows["days"], rows["event"], rows["entry"] if told.late else None), None
    except Unstable as why:
        return None, f"{name}: {why}"


def at_risk(block: Block, day: int) -> list[Count]:
    """By group, how many are under observation and free of the event just before a day?"""
    everybody = _at_risk(block.told, block.told.patients, day)
    counts = [_at_risk(block.told, told.group.patients, day) for told in block.groups]
    hidden = hidden_among([*counts, everybody - sum(counts)], block.min_cell)
    # On day 0 it is n, where nobody comes later.
    hidden |= {place for place, told in enumerate(block.groups) if day == 0 and isinstance(told.n, str)}
    return [count(n, place in hidden, block.min_cell) for place, n in enumerate(counts)]


def _at_risk(told: Followed, patients: pl.DataFrame, day: int) -> int:
    rows = pl.col("days") >= day
    if told.late:
        rows = rows & ((pl.col("entry") < day) | (pl.col("entry") <= 0))
    return int(patients.select(rows.sum()).item())


def at_months(block: Block, months: Sequence[int]) -> pl.DataFrame:
    """What share of each group is free of the event after so many months, and how many are at risk?

    group, months, days, survival_percent, low_percent, high_percent, and at_risk (text under min_cell). An estimate is
    null behind the follow-up, and where it is kept back (then at_risk begins with "<" or "≥").
    1. The estimate is that of the last whole day within the month; at risk is who was under observation just before
       the first whole day after, as R's `summary(survfit(...), times = )` counts both.
    """
    days = [math.floor(month * DAYS_A_MONTH) for month in months]
    counts = [at_risk(block, math.ceil(month * DAYS_A_MONTH)) for month in months]
    frames, told_at_risk = [], []
    for place, told in enumerate(block.groups):
        hidden = [isinstance(row[place], str) for row in counts]
        frames.append(_estimates(told, list(months), days, hidden))
        told_at_risk += [row[place] for row in counts]
    column = counts_column("at_risk", told_at_risk, block.min_cell)
    if not frames:  # every group is kept back
        frames = [_estimates(Told(Group("", "", block.told.patients), 0, 0, None, None, None, None), [], [], [])]
    return pl.concat(frames).with_columns(column)


def _estimates(told: Told, months: list[int], days: list[int], hidden: list[bool]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"group": [told.words] * len(months), "months": months, "days": days},
        schema={"group": pl.String, "months": pl.Int64, "days": pl.Int64},
    )
    names = ("survival", "low", "high")
    if told.curve is None:
        return frame.with_columns(pl.lit(None, pl.Float64).alias(f"{name}_percent") for name in names)
    said = survival_at(told.curve, days).with_columns(hidden=pl.Series(hidden, dtype=pl.Boolean))
    shown = [pl.when(~pl.col("hidden")).then(100 * pl.col(name)).alias(f"{name}_percent") for name in names]
    return pl.concat([frame, said.select(shown)], how="horizontal")


def _compared(
    told: Followed, rows: Sequence[Told], endpoint: str, words: str, min_cell: int
) -> tuple[Compared | None, str | None]:
    """The test between the known groups that are told, or why there is none."""
    groups = [row for row in rows if row.group.known and row.curve is not None]
    if len(groups) < 2:
        return None, f"By {in_sentence(words)}: there are no two known groups to compare."
    both = pl.concat([row.group.patients.with_columns(_group=pl.lit(row.words)) for row in groups])
    try:
        test = log_rank(both["days"], both["event"], both["_group"], both["entry"] if told.late else None)
    except Unstable as why:
        return None, f"{WORDS[endpoint]} by {in_sentence(words)}. {why}"
    left = told.patients.height - both.height
    hidden = hidden_among([left, both.height], min_cell)
    some_hidden = any(isinstance(row.n, str) for row in groups)
    n = count(both.height, 1 in hidden or some_hidden, min_cell)
    return Compared(len(groups), n, count(left, 0 in hidden, min_cell), test), None
