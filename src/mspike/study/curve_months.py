"""The curves of an endpoint at fixed months: free of the event, and at risk, as far as each may be told."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from mspike.cohort.survival import survival_at
from mspike.cohort.times import DAYS_A_MONTH
from mspike.study.curve_blocks import Block, Told
from mspike.study.divided import Group
from mspike.study.followed import Followed
from mspike.study.kept_back import Count, count, counts_column, hidden_among, too_soon

MONTHS = (6, 12, 24, 36)  # told in every table, before the ticks of a figure


def at_risk(block: Block, day: int, always: Sequence[int] = ()) -> list[Count]:
    """By group, how many are under observation and free of the event just before a day?

    always  groups of which it is not told for another reason
    """
    everybody = _at_risk(block.told, block.told.patients, day)
    counts = [_at_risk(block.told, told.group.patients, day) for told in block.groups]
    rest = everybody - sum(counts)
    # On day 0 it is n, where nobody comes later.
    more = [place for place, told in enumerate(block.groups) if day == 0 and isinstance(told.n, str)]
    if block.stratum is None:
        hidden = hidden_among(counts, block.min_cell) | {*always, *more}
    else:
        hidden = hidden_among([*counts, rest], block.min_cell, [*always, *more, *([len(counts)] if rest else [])])
    # What is alone in its month is what the others lack.
    if len(hidden) == 1 and (others := [(not n, n, place) for place, n in enumerate(counts) if place not in hidden]):
        hidden.add(min(others)[2])
    return [count(n, place in hidden, block.min_cell) for place, n in enumerate(counts)]


def _at_risk(told: Followed, patients: pl.DataFrame, day: int) -> int:
    rows = pl.col("days") >= day
    if told.late:
        rows = rows & ((pl.col("entry") < day) | (pl.col("entry") <= 0))
    return int(patients.select(rows.sum()).item())


def at_months(block: Block, months: Sequence[int]) -> pl.DataFrame:
    """What share of each group is free of the event after so many months, and how many are at risk?

    group, months, days, survival_percent, low_percent, high_percent, and at_risk (text under min_cell). An estimate is
    null behind the follow-up, and where it is kept back (then at_risk is MARK).
    1. The estimate is that of the last whole day within the month; at risk is who was under observation just before
       the first whole day after, as R's `summary(survfit(...), times = )` counts both.
    2. Under min_cell a month is not told between which and the months told next to it fewer had the event, or left.
    """
    days = [math.floor(month * DAYS_A_MONTH) for month in months]
    near = [_too_soon(block, told, months) for told in block.groups]
    counts = [
        at_risk(block, math.ceil(month * DAYS_A_MONTH), [place for place, gone in enumerate(near) if month in gone])
        for month in months
    ]
    frames, told_at_risk = [], []
    for place, told in enumerate(block.groups):
        hidden = [isinstance(row[place], str) for row in counts]
        frames.append(_estimates(told, list(months), days, hidden))
        told_at_risk += [row[place] for row in counts]
    column = counts_column("at_risk", told_at_risk, block.min_cell)
    if not frames:  # every group is kept back
        frames = [_estimates(Told(Group("", "", block.told.patients), 0, 0, None, None, None, None), [], [], [])]
    return pl.concat(frames).with_columns(column)


def _too_soon(block: Block, told: Told, months: Sequence[int]) -> set[int]:
    """MONTHS come first, so that a table and a figure of the same curve tell alike."""
    rows = told.group.patients

    def counts_at(month: int) -> tuple[int, int]:
        day = math.ceil(month * DAYS_A_MONTH)
        had = int(rows.select((pl.col("event") & (pl.col("days") < day)).sum()).item())
        return _at_risk(block.told, rows, day), had

    return too_soon((*MONTHS, *sorted(months)), counts_at, rows.height, block.min_cell)


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
