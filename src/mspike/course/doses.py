"""Each course of an agent, seen from each CAR-T infusion: what came of it, as far as the record tells.

A course of an agent is a treatment row and one agent of its regimen. Seen from an infusion only what began before it
counts, and only progression up to it; a patient without an infusion is seen from the end of the record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import polars as pl

from mspike.course.agents import given
from mspike.course.courses import PROVISIONAL_DAYS
from mspike.course.derived import Derived, episodes
from mspike.course.progressions import progressions, stopped_for_failure
from mspike.course.starts import numbered_rows
from mspike.knowledge.criteria import published
from mspike.knowledge.therapies import recognised
from mspike.record.record import Record

RULES = "rajkumar-2011"
# Lymphodepletion, radiotherapy and supportive care are not given to see whether the myeloma responds.
THERAPY = ("induction", "transplant", "maintenance", "bridging", "infusion", "treatment")
GIVEN_ONCE = ("transplant", "infusion")
NO_RESPONSE = ("SD", "PD")
RESPONSE = ("MR", "PR", "VGPR", "CR", "sCR")
NEVER = 2**30  # a day after every other
# What is asked of a visit here. A sheet has some 200 columns, and a filter of its rows would copy them all.
OF_VISITS = ("gid", "opened", "evaluable", "assigned", "after_new_therapy")


@dataclass(frozen=True)
class Earlier:
    """The therapy before each viewpoint.

    derived  what was derived of these patients; its sheet has the columns OF_VISITS at least
    views    one row a viewpoint: see `viewpoints`
    courses  one row a viewpoint, treatment row and agent: see `courses_of_agents`
    history  one row a viewpoint, whether all earlier therapy is known: see `complete_histories`
    placed   every treatment row that is therapy, with its line: see `placed_rows`
    """

    derived: Derived
    views: pl.DataFrame
    courses: pl.DataFrame
    history: pl.DataFrame
    placed: pl.DataFrame


def earlier_therapy(derived: Derived) -> Earlier:
    """What was given before each infusion, and what came of it."""
    derived = replace(derived, sheet=derived.sheet.select(OF_VISITS))
    views = viewpoints(derived)
    placed = placed_rows(derived.record, derived.settings.lines)
    courses = courses_of_agents(derived, placed, views)
    return Earlier(derived, views, courses, complete_histories(placed, views), placed)


def viewpoints(derived: Derived) -> pl.DataFrame:
    """From where a history is told: one row an infused episode, and one for each patient who never had one.

    Columns: key, pid, gid and line (null without an infusion), apheresis_day, infusion (null: the end of the record).
    """
    infused = episodes(derived).select(
        "pid", "gid", "line", pl.col("apheresis_day").cast(pl.Int64), infusion=pl.col("index_day").cast(pl.Int64)
    )
    others = derived.record.patients.select("pid").join(infused, on="pid", how="anti")
    both = pl.concat([infused, others], how="diagonal").sort("pid", "line")
    return both.with_row_index("key").with_columns(pl.col("key").cast(pl.Int64))


def placed_rows(record: Record, rules: str) -> pl.DataFrame:
    """Treatment rows that are therapy, with their line: pid, row, start, end, role, line, agent.

    rules  the rule set by which lines are numbered where the registry does not number them
    """
    told = numbered_rows(record, rules).filter(pl.col("row").is_not_null()).select("pid", "row", "role", "line")
    rows = record.treatments.select(
        "pid",
        pl.col("row").cast(pl.Int64),
        start=pl.col("start_date").cast(pl.Int64),
        end=pl.col("end_date").cast(pl.Int64),
        agent="agent",
    )
    return rows.join(told, on=["pid", "row"], how="inner").filter(pl.col("role").is_in(THERAPY))


def earlier(rows: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """The rows that began before each viewpoint, with its `key`, `infusion` and `own_line`.

    An undated row is earlier if its line is; undated bridging belongs to the line of its infusion and is earlier too.
    """
    seen = rows.join(views.select("key", "pid", "infusion", "apheresis_day", own_line="line"), on="pid")
    dated = pl.col("start") < pl.col("infusion")
    bridging = (pl.col("role") == "bridging") & (pl.col("line") == pl.col("own_line"))
    undated = (pl.col("line") < pl.col("own_line")) | bridging
    before = pl.when(pl.col("start").is_not_null()).then(dated).otherwise(undated)
    # A row that can be placed neither by its day nor by its line cannot be called earlier.
    return seen.filter(pl.col("infusion").is_null() | before.fill_null(False))


def courses_of_agents(derived: Derived, placed: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """Was this course of this agent refractory, as the record tells up to the viewpoint?

    One row a viewpoint, treatment row and agent. Columns: key, pid, row, agent_id, cls, targets, high_dose, doubtful
    (it may not have been given: then nothing is said of it), role, line, gid, start, last (last dose; null: not known,
    or still given), ongoing, best, best_from (derived, assigned, recorded), pd, pd_from, stopped_for_failure,
    responded, no_response, in_window, refractory (null: unknown), rule (the rule that held, or null).
    """
    record = derived.record
    told = given(record).filter(~pl.col("conditioning"))
    agents = told.select(
        "pid", pl.col("row").cast(pl.Int64), "agent_id", "cls", "targets", "high_dose", "doubtful", "stop_reason",
        "best_response",
    )  # fmt: skip
    rows = placed.join(agents, on=["pid", "row"], how="inner")
    rows = _with_courses(_with_last_dose(rows), derived)
    rows = _with_first_progression(rows, derived, progressions(derived, placed))
    return _judged(earlier(rows, views))


def _with_last_dose(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `last` and `ongoing`: without an end date, a drug after which nothing else began is still being given."""
    once = pl.when(pl.col("role").is_in(GIVEN_ONCE)).then("start")
    latest = pl.max_horizontal(pl.col("start").max().over("pid"), pl.lit(-NEVER, pl.Int64))
    later_line = (pl.col("line").max().over("pid") > pl.col("line")).fill_null(False)  # unnumbered: the days tell
    nothing_later = (pl.col("start") >= latest) & ~later_line
    return rows.with_columns(last=pl.coalesce("end", once)).with_columns(
        ongoing=(pl.col("last").is_null() & nothing_later).fill_null(False)
    )


def _with_courses(rows: pl.DataFrame, derived: Derived) -> pl.DataFrame:
    """Adds what became of the line: gid, next_day, best response (of the line; else as recorded), followed."""
    followed = [
        c for c in ("by_serum", "by_urine", "by_dflc", "by_marrow", "by_lesion") if c in derived.courses.columns
    ]
    assigned = derived.sheet.filter("assigned").select("gid").unique().with_columns(assigned=pl.lit(True))
    first = derived.sheet.filter("evaluable").group_by("gid").agg(first_seen=pl.col("opened").min().cast(pl.Int64))
    courses = (
        derived.courses.join(assigned, on="gid", how="left")
        .join(first, on="gid", how="left")
        .select(
            "first_seen",
            "pid",
            "line",
            "gid",
            begun=pl.coalesce("begun_day", "index_day").cast(pl.Int64),
            next=pl.col("next_day").cast(pl.Int64),
            seen=pl.max_horizontal(pl.col("last_evaluable").cast(pl.Int64), pl.col("pd_day").cast(pl.Int64)),
            line_best=pl.col("best").cast(pl.String),
            assigned=pl.col("assigned").is_not_null(),
            # Without measurable disease SD means that nothing could be judged.
            judged=pl.any_horizontal(followed).fill_null(False) | pl.col("assigned").is_not_null(),
        )
    )
    rows = rows.join(courses, on=["pid", "line"], how="left", maintain_order="left")
    # Bridging is over before the response of its line begins.
    known = pl.col("line_best").is_in([*NO_RESPONSE, *RESPONSE]) & (pl.col("role") != "bridging")
    stands = known & (pl.col("judged") | (pl.col("line_best") != "SD"))
    long_enough = (pl.col("seen") - pl.col("begun") >= PROVISIONAL_DAYS) | pl.col("next").is_not_null()
    settled = pl.col("line_best").is_in(RESPONSE) | long_enough | pl.col("last").is_not_null()
    # Where progression is all that was seen, what is recorded of the response before it tells more.
    only_pd = pl.when(stands & (pl.col("line_best") == "PD")).then("line_best")
    from_line = pl.when(stands & settled & (pl.col("line_best") != "PD")).then("line_best")
    recorded = pl.when(pl.col("best_response").is_in([*NO_RESPONSE, *RESPONSE])).then("best_response")
    origin = pl.when("assigned").then(pl.lit("assigned")).otherwise(pl.lit("derived"))
    return rows.with_columns(
        best=pl.coalesce(from_line, recorded, only_pd),
        best_from=pl.when(from_line.is_null() & recorded.is_not_null())
        .then(pl.lit("recorded"))
        .when(from_line.is_not_null() | only_pd.is_not_null())
        .then(origin),
    )


def _with_first_progression(rows: pl.DataFrame, derived: Derived, days: pl.DataFrame) -> pl.DataFrame:
    """Adds the first progression after the start, and how far the line in force at the end of the window was followed.

    Progression on the day of the start is why it was started, not how it ended.
    """
    window = int(published(RULES).value("refractory.progression", "after_last_dose"))
    rows = rows.with_columns(after=pl.col("start") + 1, until=pl.col("last") + window)
    dated = rows.filter(pl.col("start").is_not_null()).sort("after")
    dated = dated.join_asof(
        days.sort("pd"), left_on="after", right_on="pd", by="pid", strategy="forward", check_sortedness=False
    )
    rows = pl.concat([dated, rows.filter(pl.col("start").is_null())], how="diagonal")
    lines = derived.courses.select(
        "pid",
        in_force=pl.col("gid"),
        in_force_begun=pl.coalesce("begun_day", "index_day").cast(pl.Int64),
        in_force_seen=pl.max_horizontal(pl.col("last_evaluable").cast(pl.Int64), pl.col("pd_day").cast(pl.Int64)),
    ).sort("in_force_begun")
    closed = rows.filter(pl.col("until").is_not_null()).sort("until")
    closed = closed.join_asof(
        lines, left_on="until", right_on="in_force_begun", by="pid", strategy="backward", check_sortedness=False
    )
    return pl.concat([closed, rows.filter(pl.col("until").is_null())], how="diagonal")


def _judged(seen: pl.DataFrame) -> pl.DataFrame:
    """Adds responded, no_response, in_window, refractory and rule; all three-valued."""
    horizon = pl.coalesce("infusion", pl.lit(NEVER, pl.Int64))
    pd = pl.when(pl.col("pd") <= horizon).then("pd")
    own = pl.col("in_force") == pl.col("gid")
    # Somebody looked at the disease after the window closed, in the line then in force, and in this line before.
    # A first value after the window has nothing to compare with; a category that somebody assigned has.
    before = pl.col("assigned") | (pl.col("first_seen") <= pl.col("until"))
    watched = (pl.col("in_force_seen") >= pl.col("until")) & pl.when(own).then(before).otherwise(
        pl.col("seen").is_not_null()
    )
    clear = watched & (pl.col("until") <= horizon) & (pd.is_null() | (pd > pl.col("until")))
    later = pd.is_not_null() & (pd > pl.col("until")) & ((pd <= pl.col("next")) | pl.col("next").is_null())
    failed = stopped_for_failure() & ((pl.col("end") <= horizon) | pl.col("end").is_null())
    seen = seen.with_columns(
        pd=pd,
        pd_from=pl.when(pd.is_not_null()).then("pd_from"),
        stopped_for_failure=failed,
        in_window=pl.when(pl.col("ongoing") & pd.is_not_null())
        .then(True)
        .when(pd <= pl.col("until"))
        .then(True)
        .when(clear | later)
        .then(False),
    )
    # Progression after the window says nothing of the response before, which nobody saw.
    unseen = (pl.col("best") == "PD") & (pl.col("best_from") != "recorded") & ~pl.col("in_window").fill_null(False)
    seen = seen.with_columns(
        no_response=pl.when(pl.col("best").is_in(NO_RESPONSE) & ~unseen)
        .then(True)
        .when(pl.col("best").is_in(RESPONSE))
        .then(False)
    )
    # That it was stopped for another reason says nothing of the 60 days after it.
    stopped = pl.when(pl.col("stopped_for_failure")).then(True)
    rule = (
        pl.when("in_window")
        .then(pl.lit("refractory.progression"))
        .when("stopped_for_failure")
        .then(pl.lit("refractory.recorded"))
        .when("no_response")
        .then(pl.lit("refractory.no_response"))
    )
    either = pl.col("no_response") | pl.col("in_window")
    surely = ~pl.col("doubtful")
    return seen.with_columns(
        responded=~pl.col("no_response"),
        refractory=pl.when(surely).then(pl.coalesce(stopped, either)),
        rule=pl.when(surely).then(rule),
    )


def complete_histories(placed: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """Is everything given before the viewpoint known? key, complete, unread (texts nobody could place), untold_lines.

    Complete: therapy stands there, every text was placed, and no line before that of the infusion lacks its rows.
    """
    rows = earlier(placed, views).filter(pl.col("role") != "bridging")
    texts = {text: unplaced(text) for text in rows["agent"].unique().drop_nulls()}
    unread = pl.col("agent").replace_strict(texts, default=True, return_dtype=pl.Boolean)
    lines = pl.when(pl.col("line") < pl.col("own_line")).then("line")
    found = rows.group_by("key").agg(
        known=pl.len() > 0,
        unread=pl.when(unread).then(pl.coalesce("agent", pl.lit("(no agent named)"))).drop_nulls().unique().sort(),
        lines=lines.n_unique() - lines.null_count().clip(0, 1),
        expected=pl.col("own_line").first() - 1,
    )
    gap = (pl.col("lines") < pl.col("expected")).fill_null(False)  # never infused: there is no line to count up to
    told = views.select("key").join(found, on="key", how="left", maintain_order="left")
    return told.select(
        "key",
        complete=(pl.col("known") & (pl.col("unread").list.len() == 0) & ~gap).fill_null(False),
        unread=pl.col("unread").fill_null(pl.lit([], pl.List(pl.String))),
        untold_lines=pl.when(gap).then(pl.col("expected") - pl.col("lines")).otherwise(0),
    )


@cache
def unplaced(text: str) -> bool:
    """Does the text hold a word that names no agent anybody could place?"""
    told = recognised(text)
    return bool(told.unknown) or not told.mentions
