"""What is counted by which rules, on which days after an infusion, and the lowest count of each day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mspike.knowledge.criteria import Criteria, Rule, published
from mspike.record.analytes import ANALYTES
from mspike.record.record import Record
from mspike.response.compare import micro
from mspike.safety.cytopenia_runs import Counts, Daily, daily

NEUTROPHILS, PLATELETS = "icaht-2023", "t-icaht-2025"
FOLLOW_UP = ("death", "last_follow_up")
ANY_END = ("death", "progression", "next_therapy", "last_follow_up")
NEEDED = ("gid", "pid", "index_day", "alive_day", "next_day", "pd_day")


@dataclass(frozen=True)
class Counted:
    """What is counted, by which rules, and what ends the early window."""

    analyte: str
    criteria: Criteria
    family: str
    early_ends: tuple[str, ...]

    def whole(self, rule: str, name: str) -> int:
        return int(self.criteria.value(f"{self.family}.{rule}", name))

    def grades(self, part: str) -> list[Rule]:
        """The rules that give a grade in this part, mildest first."""
        rules = self.criteria.rules.values()
        graded = [r for r in rules if r.id.startswith(f"{self.family}.{part}.") and "grade" in r.values]
        return sorted(graded, key=lambda r: r.values["grade"].number)

    def level(self, rule: Rule, parts: int = 1) -> int:
        """A count below this is low, in millionths of the canonical unit times `parts`."""
        level = rule.values["level"]
        amount = micro(level.number * ANALYTES[self.analyte].units[level.unit]) * parts
        return amount + (level.comparison == "at_most")


def neutrophils() -> Counted:
    return Counted("anc", published(NEUTROPHILS), "icaht", FOLLOW_UP)


def platelets() -> Counted:
    return Counted("platelets", published(PLATELETS), "t-icaht", ANY_END)


def prepared(record: Record, episodes: pl.DataFrame, counted: Counted) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The episodes with their windows, and the lowest count of each day up to the last."""
    last = counted.whole("late.window", "last_day")
    rows = followed(record, episodes)
    rows = closed(rows, "early", counted.whole("early.window", "last_day"), counted.early_ends)
    rows = closed(rows, "late", last, ANY_END)
    return rows, lowest_by_day(record, rows, counted.analyte, last)


def followed(record: Record, episodes: pl.DataFrame) -> pl.DataFrame:
    """One row an episode, sorted by gid: until when was the patient followed, in days from infusion?

    Columns: episode (row number), gid, pid, index_day, death, last_follow_up, progression, next_therapy.

    Without a last contact and without a death nobody said until when the patient was followed: last_follow_up is empty
    then. The last count itself is no end of follow-up; counts that merely stop do not show that nothing recovered.
    """
    known = record.patients.select("pid", "contact_day", death="death_day")
    last_result = record.results.group_by("pid").agg(last_result=pl.col("day").max())
    rows = episodes.select(*NEEDED).sort("gid").with_row_index("episode")
    rows = rows.join(known, on="pid", how="left", maintain_order="left")
    rows = rows.join(last_result, on="pid", how="left", maintain_order="left")
    alive = pl.max_horizontal("contact_day", "alive_day", "last_result")
    contacted = pl.col("contact_day").is_not_null() & pl.col("death").is_null()
    ends = {
        "death": pl.col("death"),
        "last_follow_up": pl.when(contacted).then(alive),
        "progression": pl.col("pd_day"),
        "next_therapy": pl.col("next_day"),
    }
    since = {name: (day - pl.col("index_day")).cast(pl.Int32) for name, day in ends.items()}
    return rows.select("episode", "gid", "pid", "index_day", **since)


def closed(rows: pl.DataFrame, name: str, last: int, ends: tuple[str, ...]) -> pl.DataFrame:
    """Adds `<name>_until` (days from infusion) and `<name>_ended_by`: the earliest of these ends and the last day.

    An end on the last day itself is named; death before all others of the same day.
    """
    # What lies before the infusion did not end what came after it, save death and follow-up, which leave no window.
    after = {e: pl.when((pl.col(e) >= 0) | (e in ("death", "last_follow_up"))).then(pl.col(e)) for e in ends}
    until = pl.min_horizontal(pl.lit(last, pl.Int32), *after.values())
    named = pl.coalesce(*(pl.when(day == until).then(pl.lit(end)) for end, day in after.items()), pl.lit(f"day_{last}"))
    return rows.with_columns(until.alias(f"{name}_until"), named.alias(f"{name}_ended_by"))


def lowest_by_day(record: Record, rows: pl.DataFrame, analyte: str, last: int) -> pl.DataFrame:
    """The lowest count of each day from infusion to the last day: episode, at (days from infusion), lo, hi.

    Counts that a clinician marked as spurious are left out. The lowest of two intervals runs from the lower of the
    lower ends to the lower of the upper ends.
    """
    mark = pl.col("attribution").cast(pl.String).str.to_lowercase()
    counts = record.results.filter(
        (pl.col("analyte") == analyte) & pl.col("lo").is_not_null() & mark.ne_missing(pl.lit("spurious"))
    ).select("pid", "day", "lo", "hi")
    since = counts.join(rows.select("episode", "pid", "index_day"), on="pid")
    since = since.with_columns(at=(pl.col("day") - pl.col("index_day")).cast(pl.Int32))
    inside = since.filter((pl.col("at") >= 0) & (pl.col("at") <= last))
    return inside.group_by("episode", "at").agg(pl.col("lo").min(), pl.col("hi").min()).sort("episode", "at")


def placed(counts: pl.DataFrame, until: Counts, *, days: int, gap: int, edges: bool) -> Daily:
    """Puts the counts of a long table (episode, at, lo, hi) into one row an episode."""
    shape = (len(until), days)
    at = (counts["episode"].to_numpy(), counts["at"].to_numpy())
    lo, hi, measured = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    lo[at], hi[at], measured[at] = counts["lo"].to_numpy(), counts["hi"].to_numpy(), True
    return daily(lo, hi, measured, np.clip(until, -1, None).astype(np.int16), gap=gap, edges=edges)
