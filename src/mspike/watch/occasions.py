"""Every due day of the schedule for every infusion, and whether the test was done for it."""

from __future__ import annotations

import numpy as np
import polars as pl

from mspike.knowledge.schedule import Item, Schedule
from mspike.record.record import Record

# As far ahead as the next due day of any item may lie.
AHEAD_DAYS = 400
DAY_SPAN = 2**21  # wider than any span of days, so that (patient, day) is one whole number
BEFORE_LYMPHODEPLETION = "before_lymphodepletion"


def occasions_of(record: Record, episodes: pl.DataFrame, known: pl.DataFrame, plan: Schedule) -> pl.DataFrame:
    """Which tests were due when, and were they done?

    record    as it stood on the day asked
    episodes  one row an infusion: gid, pid, index_day, ld_day, on_day (the day asked), end_day (failure; null: none),
              death_day
    known     one row an infusion: gid and one boolean a condition of the schedule (null: not known)

    Returns gid, item, kind (before_lymphodepletion, after), due, opens, last, done_day (for this due day), last_done
    (ever), applies; by gid, item, due.
    """
    frames = [_of_item(record, episodes, item) for item in plan.items]
    conditions = pl.DataFrame({"item": [i.name for i in plan.items], "only_if": [i.only_if for i in plan.items]})
    long = known.unpivot(index="gid", variable_name="only_if", value_name="applies")
    together = pl.concat(frames).join(conditions, on="item", how="left")
    together = together.join(long, on=["gid", "only_if"], how="left")
    # An item without condition always applies; a condition that is not known stays null.
    applies = pl.when(pl.col("only_if") == "").then(True).otherwise("applies")
    return together.with_columns(applies=applies).drop("only_if").sort("gid", "item", "due")


def _of_item(record: Record, episodes: pl.DataFrame, item: Item) -> pl.DataFrame:
    due = pl.concat([_after(episodes, item), _before(episodes, item)])
    pid, first, until = (due[c].to_numpy() for c in ("pid", "first", "until"))
    always = np.full(due.height, DAY_SPAN // 2 - 1)
    shown = shown_days(record, item)
    # Done when the last thing it asks for was done.
    done = np.min([_last_within(keys, pid, first, until, item.days_needed) for keys in shown], axis=0)
    ever = np.min([_last_within(keys, pid, -always, always, 1) for keys in shown], axis=0)
    return due.select(
        "gid", pl.lit(item.name).alias("item"), "kind", "due", "opens", "last",
        done_day=_day_of(done), last_done=_day_of(ever),
    )  # fmt: skip


def _after(episodes: pl.DataFrame, item: Item) -> pl.DataFrame:
    """The due days after the infusion up to the day asked, and some way ahead of it; none after the line has failed."""
    columns = ("day", "first", "opens", "last", "until")
    planned = pl.DataFrame(
        {c: [getattr(o, c) for o in item.occasions] for c in columns}, schema=dict.fromkeys(columns, pl.Int32)
    )
    end = pl.coalesce("death_day" if item.lifelong else "end_day", pl.lit(2**30, pl.Int32))
    horizon = pl.min_horizontal(pl.col("on_day") + AHEAD_DAYS, end) - pl.col("index_day")
    each = episodes.select("gid", "pid", "index_day", horizon=horizon).join(planned, how="cross")
    index = pl.col("index_day")
    return each.filter(pl.col("day") <= pl.col("horizon")).select(
        "gid", "pid", kind=pl.lit("after"), due=index + pl.col("day"),
        **{c: index + pl.col(c) for c in columns[1:]},
    )  # fmt: skip


def _before(episodes: pl.DataFrame, item: Item) -> pl.DataFrame:
    anchor = pl.coalesce("ld_day", "index_day").cast(pl.Int32)
    due = episodes.select(
        "gid", "pid", kind=pl.lit(BEFORE_LYMPHODEPLETION), due=anchor, first=anchor - (item.before or 0),
        opens=anchor - (item.before or 0), last=anchor, until=anchor,
    )  # fmt: skip
    return due if item.before is not None else due.clear()


def shown_days(record: Record, item: Item) -> list[np.ndarray]:
    """For each thing the item asks for the sorted (patient, day) keys on which it was done."""
    asked = [record.results.filter(pl.col("analyte").is_in(list(group))).select("pid", "day") for group in item.results]
    others = []
    if item.table:
        others.append(getattr(record, item.table).select("pid", day="date"))
    if item.event:
        named = pl.col("event").str.to_lowercase().str.contains(item.event).fill_null(False)
        others.append(record.events.filter(named).select("pid", day="date"))
    if others:  # a table or an event: either shows it
        asked.append(pl.concat(others))
    return [_keys(frame) for frame in asked]


def _keys(frame: pl.DataFrame) -> np.ndarray:
    frame = frame.drop_nulls()
    return np.unique(_key(frame["pid"].to_numpy(), frame["day"].to_numpy()))


def _key(pid: np.ndarray, day: np.ndarray) -> np.ndarray:
    return pid.astype(np.int64) * DAY_SPAN + day.astype(np.int64) + DAY_SPAN // 2


def _last_within(keys: np.ndarray, pid: np.ndarray, first: np.ndarray, last: np.ndarray, needed: int) -> np.ndarray:
    """The last key from first to last of each patient, or -1 where fewer than `needed` days lie in between."""
    start = np.searchsorted(keys, _key(pid, first), side="left")
    stop = np.searchsorted(keys, _key(pid, last), side="right")
    padded = np.append(keys, -1)
    return np.where(stop - start >= needed, padded[np.maximum(stop - 1, 0)], -1)


def _day_of(keys: np.ndarray) -> pl.Expr:
    days = np.where(keys >= 0, keys % DAY_SPAN - DAY_SPAN // 2, -DAY_SPAN)
    return pl.lit(pl.Series(days, dtype=pl.Int32)).replace(-DAY_SPAN, None)
