"""Endpoints with their censoring (rules.md 4): event, date and reason, one row a line and endpoint.

fda (default): new therapy before the event censors at the last evaluable visit before it; an event after two or more
missed scheduled visits is censored before the gap, where a schedule is set. ema: both are ignored.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.response.settings import Settings

ENDPOINTS = ("pfs", "ttp", "dor", "os", "ttnt", "pfs2", "efs")
GAP_GRACE_DAYS = 14
_NEVER = 2**30

Parts = dict[str, pl.Expr]


def endpoints_of(
    courses: pl.DataFrame, sheet: pl.DataFrame, radiotherapy: pl.DataFrame, settings: Settings
) -> pl.DataFrame:
    """When did each line end, by each endpoint?

    courses       see `course.courses`
    sheet         visits judged, with `evaluable` visits found again for the gap test
    radiotherapy  pid, day: palliative radiotherapy is no line, but it ends event-free survival

    Returns gid, endpoint, start, end, event, reason; days are day numbers; `days = end - start`, never + 1.
    """
    courses = _with_progressions(courses, radiotherapy)
    courses = _with_last_visits(courses, sheet, settings)
    asked = {
        "pfs": _pfs(settings),
        "ttp": _ttp(settings),
        "dor": _dor(settings),
        "os": _os(),
        "ttnt": _ttnt(settings),
        "pfs2": _pfs2(),
        "efs": _efs(),
    }
    rows = [
        courses.select("gid", "died_undated", "undated_next", pl.lit(name).alias("endpoint"), **parts)
        for name, parts in asked.items()
    ]
    told = _with_undated_therapy(_with_undated_deaths(pl.concat(rows)))
    return told.with_columns(days=pl.col("end") - pl.col("start")).drop("died_undated", "undated_next")


def _with_undated_therapy(rows: pl.DataFrame) -> pl.DataFrame:
    """New therapy of which the day is not known is an event without a date, and came before whatever ended the time.

    A progression that somebody saw on this line is taken to have come before it.
    """
    counts_therapy = (pl.col("endpoint") == "ttnt") | (
        (pl.col("endpoint") == "efs") & ~pl.col("reason").is_in(["PD", "unconfirmed_pd"])
    )
    undated = pl.col("undated_next") & counts_therapy
    return rows.with_columns(
        end=pl.when(~undated).then(pl.col("end")),
        event=undated | pl.col("event"),
        reason=pl.when(undated).then(pl.lit("therapy_undated")).otherwise("reason"),
    )


def _with_undated_deaths(rows: pl.DataFrame) -> pl.DataFrame:
    """A death known only by month or year is an event without a date, never a patient who is still alive."""
    counts_death = pl.col("endpoint") != "ttp"
    open_end = pl.col("reason").is_in(["no_event", "no_assessment", "alive"])
    undated = pl.col("died_undated") & counts_death & open_end
    return rows.with_columns(
        end=pl.when(~undated).then(pl.col("end")),
        event=undated | pl.col("event"),
        reason=pl.when(undated).then(pl.lit("death_undated")).otherwise("reason"),
    )


def _with_progressions(courses: pl.DataFrame, radiotherapy: pl.DataFrame) -> pl.DataFrame:
    """Adds the second progression (on a later line) and the first radiotherapy after the index day."""
    later = courses.select("pid", later_line="line", later_pd="pd_day").filter(pl.col("later_pd").is_not_null())
    second = (
        courses.select("gid", "pid", "line", "pd_day")
        .join(later, on="pid")
        .filter((pl.col("later_line") > pl.col("line")) & (pl.col("later_pd") > pl.col("pd_day").fill_null(-_NEVER)))
        .group_by("gid")
        .agg(second_pd=pl.col("later_pd").min())
    )
    rays = (
        courses.select("gid", "pid", "index_day")
        .join(radiotherapy, on="pid")
        .filter(pl.col("day") > pl.col("index_day"))
        .group_by("gid")
        .agg(radiotherapy_day=pl.col("day").min())
    )
    courses = courses.join(second, on="gid", how="left", maintain_order="left")
    return courses.join(rays, on="gid", how="left", maintain_order="left")


def _with_last_visits(courses: pl.DataFrame, sheet: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Adds the last evaluable visit before the PFS event, for the gap test and its censoring date."""
    event = pl.min_horizontal(_progression_column(settings), "death_day")
    courses = courses.with_columns(pfs_event_day=event.cast(pl.Int64))
    if settings.visit_interval_days is None or settings.censoring != "fda":
        return courses.with_columns(attended=pl.lit(None, pl.Int64), attended_settled=pl.lit(None, pl.Int64))
    seen = (
        sheet.filter("evaluable")
        .select("gid", "day", "unconfirmed_pd")
        .join(courses.select("gid", "pfs_event_day"), on="gid")
        .filter(pl.col("day") < pl.col("pfs_event_day"))
    )
    last = seen.group_by("gid").agg(
        attended=pl.col("day").max(), attended_settled=pl.col("day").filter(~pl.col("unconfirmed_pd")).max()
    )
    return courses.join(last, on="gid", how="left", maintain_order="left")


def _gap(settings: Settings) -> pl.Expr:
    """Did the event come after two or more missed scheduled visits?"""
    if settings.visit_interval_days is None or settings.censoring != "fda":
        return pl.lit(False)
    since = pl.coalesce("attended", "index_day")
    return (pl.col("pfs_event_day") - since > 2 * settings.visit_interval_days + GAP_GRACE_DAYS).fill_null(False)


def _last_evaluable(settings: Settings) -> pl.Expr:
    column = "last_evaluable" if settings.censoring == "fda" else "last_evaluable_ever"
    return pl.coalesce(column, "index_day").cast(pl.Int64)


def _progression_column(settings: Settings) -> str:
    """Progression of this line; where new therapy is ignored (ema), also one seen after it."""
    return "pd_day" if settings.censoring == "fda" else "pd_day_ever"


def _unless_treated(day: pl.Expr, settings: Settings) -> pl.Expr:
    """The day of an event, unless new therapy began before it (fda)."""
    if settings.censoring == "ema":
        return day
    return pl.when(day <= pl.col("next_day").fill_null(_NEVER)).then(day)


def _until_progression(death: pl.Expr, settings: Settings, *, start: pl.Expr) -> Parts:
    """PFS-like: progression or the given death, censored at the last evaluable visit."""
    pd = pl.col(_progression_column(settings)).cast(pl.Int64)
    died = _unless_treated(death.cast(pl.Int64), settings)
    event_day = pl.min_horizontal(pd, died)
    gap = _gap(settings)
    event = event_day.is_not_null() & ~gap
    treated = pl.col("next_day").is_not_null() & pl.lit(settings.censoring == "fda")
    nothing = pl.col("last_evaluable" if settings.censoring == "fda" else "last_evaluable_ever").is_null()
    reason = (
        pl.when(event & (pd == event_day).fill_null(False))
        .then(pl.lit("PD"))
        .when(event)
        .then(pl.lit("death"))
        .when(event_day.is_not_null() & gap)
        .then(pl.lit("missed_visits"))
        .when(nothing)
        .then(pl.lit("no_assessment"))
        .when(treated)
        .then(pl.lit("new_therapy"))
        .otherwise(pl.lit("no_event"))
    )
    before_gap = pl.coalesce("attended_settled", "index_day").cast(pl.Int64)
    censored = pl.when(event_day.is_not_null() & gap).then(before_gap).otherwise(_last_evaluable(settings))
    end = pl.when(event).then(event_day).otherwise(pl.max_horizontal(censored, start.cast(pl.Int64)))
    return {"start": start.cast(pl.Int64), "end": end, "event": event, "reason": reason}


def _pfs(settings: Settings) -> Parts:
    return _until_progression(pl.col("death_day"), settings, start=pl.col("index_day"))


def _ttp(settings: Settings) -> Parts:
    return _until_progression(pl.lit(None, pl.Int64), settings, start=pl.col("index_day"))


def _dor(settings: Settings) -> Parts:
    """From the first confirmed response; only responders have a duration."""
    death = pl.col("death_day")
    if settings.dor_death == "myeloma_only":
        death = pl.when(pl.col("death_cause") == "myeloma").then(death)
    parts = _until_progression(death, settings, start=pl.col("first_response"))
    responded = pl.col("responded")
    return {
        "start": pl.when(responded).then(parts["start"]),
        "end": pl.when(responded).then(parts["end"]),
        "event": pl.when(responded).then(parts["event"]),
        "reason": pl.when(responded).then(parts["reason"]).otherwise(pl.lit("no_response")),
    }


def _first_of(events: dict[str, pl.Expr], censored: pl.Expr, no_event: str) -> Parts:
    """The earliest of several events; of two on one day the first named gives the reason."""
    days = {name: day.cast(pl.Int64) for name, day in events.items()}
    earliest = pl.min_horizontal(days.values())
    reason: Any = pl.when(False).then(pl.lit(""))
    for name, day in days.items():
        reason = reason.when((day == earliest).fill_null(False)).then(pl.lit(name))
    return {
        "start": pl.col("index_day").cast(pl.Int64),
        "end": pl.coalesce(earliest, censored.cast(pl.Int64)),
        "event": earliest.is_not_null(),
        "reason": reason.otherwise(pl.lit(no_event)),
    }


def _os() -> Parts:
    return _first_of({"death": pl.col("death_day")}, pl.col("alive_day"), "alive")


def _ttnt(settings: Settings) -> Parts:
    events = {"new_therapy": pl.col("next_day")}
    if settings.ttnt_death == "event":
        events["death"] = pl.col("death_day")
    return _first_of(events, pl.col("alive_day"), "no_event")


def _pfs2() -> Parts:
    return _first_of({"PD": pl.col("second_pd"), "death": pl.col("death_day")}, pl.col("alive_day"), "no_event")


def _efs() -> Parts:
    """Progression (also one that new therapy cut short), death, new therapy, palliative radiotherapy."""
    cut_short = pl.when(pl.col("next_day").is_not_null()).then(pl.col("unconfirmed_pd_day"))
    events = {
        "PD": pl.col("pd_day"),
        "unconfirmed_pd": cut_short,
        "death": pl.col("death_day"),
        "new_therapy": pl.col("next_day"),
        "radiotherapy": pl.col("radiotherapy_day"),
    }
    return _first_of(events, pl.coalesce("last_evaluable_ever", "index_day"), "no_event")
