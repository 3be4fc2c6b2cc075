"""What is done, due and overdue on a day: one row an infusion and test, and the gaps that censoring rules look at."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.course.stage import stages_of
from mspike.knowledge.schedule import Schedule, schedule
from mspike.response.visits import LABORATORY
from mspike.watch.occasions import BEFORE_LYMPHODEPLETION, occasions_of

VISITS = "serum"  # the item whose due days are the scheduled visits; any value the response is judged by attends one
MRD_THRESHOLD = "1e-5"
MISSED_VISITS = 2  # rules.md 4.3: from so many on, a later event is censored where a visit schedule is set


def watched(derived: Derived, on: pl.Expr) -> pl.DataFrame:
    """The infusions as the schedule sees them: gid, pid, index_day, ld_day, on_day, end_day, end_reason.

    on  the day asked, as an expression over the courses (a literal day, or each patient's last known day)
    """
    day = pl.col
    ends = {"progression": "pd_day", "new therapy": "next_day", "death": "death_day"}
    end = pl.min_horizontal(pl.col(c).cast(pl.Int32) for c in ends.values())
    reason = pl.coalesce(pl.when(day(c) == pl.col("end_day")).then(pl.lit(name)) for name, c in ends.items())
    frame = episodes(derived).with_columns(on_day=on.cast(pl.Int32), end_day=end).with_columns(end_reason=reason)
    return frame.select(
        "gid", "pid", "patient_id", "line", "agent", "on_day", "end_day", "end_reason",
        pl.col("index_day", "ld_day", "death_day").cast(pl.Int32),
    )  # fmt: skip


def conditions(derived: Derived, infusions: pl.DataFrame) -> pl.DataFrame:
    """One row an infusion: is there extraosseous disease, was urine ever positive, is MRD negative? Null: not known."""
    record = derived.record
    outside = pl.col("site").is_in(["extraosseous", "cns"])
    later = record.lesions.filter(outside).select("pid", seen=pl.lit(True)).unique()
    before = stages_of(derived).filter(pl.col("at") == "car_t").select("gid", before="extraosseous")
    urine = record.results.filter(pl.col("analyte").is_in(["urine_m_24h", "urine_ife"]))
    found = (pl.col("analyte") == "urine_m_24h") & (pl.col("lo") > 0) | (pl.col("state").cast(pl.String) != "negative")
    urine = urine.group_by("pid").agg(urine_positive=found.fill_null(False).any())  # an amount has no word beside it
    mrd = derived.mrd.filter(pl.col("threshold") == MRD_THRESHOLD).sort("pid", "day")
    last = mrd.group_by("pid", maintain_order=True).agg(pl.col("status").last().cast(pl.String))
    mrd = last.select("pid", mrd_negative=pl.col("status").replace_strict(_NEGATIVE, default=None))
    known = infusions.select("gid", "pid")
    for frame in (later, urine, mrd):
        known = known.join(frame, on="pid", how="left", maintain_order="left")
    known = known.join(before, on="gid", how="left", maintain_order="left")
    return known.with_columns(extraosseous=pl.coalesce("seen", "before")).drop("pid", "seen", "before")


_NEGATIVE = {"negative": True, "positive": False}


def watch_of(derived: Derived, on: pl.Expr) -> pl.DataFrame:
    """Where does each test of each infusion stand on the day asked?

    Returns patient_id, line, gid, item, state, due (the day it is or was due), since (the first day missed in a row),
    missed (how many in a row), last_done, applies; by patient, line and the order of the schedule. `state` is one of
    overdue, due (its window is open), next (not yet), done (nothing more is due), missed (it cannot be made up), ended
    (the line has failed), depends (it is not known whether the test applies).
    """
    plan = schedule()
    infusions = watched(derived, on)
    all_ = occasions_of(derived.record, infusions, conditions(derived, infusions), plan)
    ends = infusions.select("gid", "on_day", "end_day", "death_day")
    all_ = all_.join(ends, on="gid", how="left", maintain_order="left").join(_nature(plan), on="item", how="left")
    states = _states(all_.filter(pl.col("applies").fill_null(True)))  # not known whether it applies: told as depends
    order = pl.col("item").replace_strict({item.name: k for k, item in enumerate(plan.items)}, return_dtype=pl.Int32)
    named = states.join(infusions.select("gid", "patient_id", "line", "on_day"), on="gid", how="left")
    return named.sort("patient_id", "line", order).select(
        "patient_id", "line", "gid", "item", "state", "due", "since", "missed", "last_done", "applies", "on_day"
    )


def _nature(plan: Schedule) -> pl.DataFrame:
    rows = [(item.name, item.made_up, item.lifelong) for item in plan.items]
    return pl.DataFrame(rows, schema=["item", "made_up", "lifelong"], orient="row")


def _states(all_: pl.DataFrame) -> pl.DataFrame:
    on, done = pl.col("on_day"), pl.col("done_day").is_not_null()
    closed = (pl.col("last") < on) & ~done
    before = pl.col("kind") == BEFORE_LYMPHODEPLETION
    # The run of missed due days at the end: nothing of the kind was done since.
    last_met = pl.col("due").filter(done).max().over("gid", "item")
    trailing = closed & ~before & (pl.col("due") > last_met).fill_null(last_met.is_null())
    marked = all_.with_columns(
        trailing=trailing, open=~before & ~done & (pl.col("opens") <= on) & (on <= pl.col("last")),
        ahead=~before & ~done & (pl.col("opens") > on), missed_before=before & ~done & (pl.col("last") < on),
    )  # fmt: skip
    due = pl.col("due")
    rows = marked.group_by("gid", "item").agg(
        missed=pl.col("trailing").sum().cast(pl.Int32),
        since=due.filter("trailing").min(),
        overdue=due.filter("trailing").max(),
        open=due.filter("open").min(),
        ahead=due.filter("ahead").min(),
        lost=(pl.col("missed_before").any() & ~done.any()) | (pl.col("trailing").any() & ~pl.col("made_up").first()),
        last_done=pl.col("last_done").max(),
        applies=pl.col("applies").first(),
        end_day=pl.when(pl.col("lifelong").first())
        .then(pl.col("death_day").first())
        .otherwise(pl.col("end_day").first()),
        made_up=pl.col("made_up").first(),
    )
    ended = pl.col("end_day").is_not_null()
    state = (
        pl.when(pl.col("applies").is_null()).then(pl.lit("depends"))
        .when(ended).then(pl.lit("ended"))
        .when((pl.col("missed") > 0) & pl.col("made_up")).then(pl.lit("overdue"))
        .when(pl.col("open").is_not_null()).then(pl.lit("due"))
        .when(pl.col("ahead").is_not_null()).then(pl.lit("next"))
        .when("lost").then(pl.lit("missed"))
        .otherwise(pl.lit("done"))
    )  # fmt: skip
    return rows.with_columns(state=state).with_columns(
        due=pl.when(pl.col("state") == "overdue").then("overdue").otherwise(pl.coalesce("open", "ahead"))
    )


def missed_visits(derived: Derived, on: pl.Expr) -> pl.DataFrame:
    """The gaps of at least two missed scheduled visits in a row: gid, from_day (last visit attended), missed, to_day.

    A progression or death after such a gap is censored at the last assessment before it where the censoring rule
    `fda` and a visit interval are set (rules.md 4.3).
    """
    infusions = watched(derived, on)
    planned = next(item for item in schedule().items if item.name == VISITS)
    attended = replace(planned, results=(LABORATORY,))
    plan = replace(schedule(), items=(attended,))
    visits = occasions_of(derived.record, infusions, conditions(derived, infusions), plan)
    visits = visits.filter(pl.col("kind") == "after")
    visits = visits.join(infusions.select("gid", "on_day", "index_day"), on="gid", how="left", maintain_order="left")
    visits = visits.filter((pl.col("last") < pl.col("on_day")) | pl.col("done_day").is_not_null())
    missed = pl.col("done_day").is_null()
    visits = visits.with_columns(
        run=(missed != missed.shift(1).over("gid")).fill_null(True).cum_sum().over("gid"),
        attended=pl.coalesce(pl.col("done_day").forward_fill().over("gid"), "index_day"),
    )
    runs = visits.filter(missed).group_by("gid", "run", maintain_order=True).agg(
        missed=pl.len().cast(pl.Int32), from_day=pl.col("attended").first(), to_day=pl.col("due").max()
    )  # fmt: skip
    return runs.filter(pl.col("missed") >= MISSED_VISITS).drop("run").sort("gid", "from_day")
