"""What pages show, computed for a whole bucket of patients at once: tables with a patient_id, days as they are shown.

Asked patient by patient the same costs half a second a room; asked of a bucket it costs a few milliseconds a patient.
"""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.course.endpoints import endpoints_of
from mspike.course.reasons import reasons_of
from mspike.course.results import findings_of as data_findings
from mspike.course.tables import assessments_table, courses_table, endpoints_table
from mspike.record.dates import Calendar, shown
from mspike.safety.answers import safety_of
from mspike.watch.worklist import missed_visits, watch_of, watched
from mspike.why.findings import findings_of
from mspike.why.mechanisms import why_of
from mspike.why.telling_tests import telling_tests_of

Tables = dict[str, pl.DataFrame]
PERSON = ("sex", "birth_year", "heavy_chain", "light_chain", "death_cause")


def gathered(derived: Derived, on: pl.Expr) -> Tables:
    """Every table that a page reads, each with patient_id.

    on  the day asked, as an expression over the courses (Question.on_day)
    """
    return {
        "person": _person(derived), "safety": _safety(derived),
        **_course(derived), **_why(derived), **_watch(derived, on),
    }  # fmt: skip


def _person(derived: Derived) -> pl.DataFrame:
    return _dated(derived.record.patients, derived, "death_day").select(
        "patient_id", *PERSON, "died_undated", death_date="death_day"
    )


def _course(derived: Derived) -> Tables:
    record, sheet, courses, calendar = derived.record, derived.sheet, derived.courses, derived.record.calendar
    radiotherapy = record.treatments.filter(pl.col("role") == "radiotherapy").select("pid", day="start_date")
    endpoints = endpoints_of(courses, sheet, radiotherapy, derived.settings)
    return {
        "visits": assessments_table(sheet, calendar),
        "courses": courses_table(courses, calendar),
        "endpoints": endpoints_table(endpoints, courses, calendar),
        "reasons": reasons_of(sheet, courses, derived.criteria, derived.settings, calendar),
        "findings": data_findings(derived),
    }


def _why(derived: Derived) -> Tables:
    found = findings_of(derived)
    answers, tests = why_of(derived, found), telling_tests_of(derived, found)
    infusions = _dated(episodes(derived), derived, "index_day", "unconfirmed_pd_day").select(
        "gid", "patient_id", "line", product="agent", infused="index_day", failure_type="failure_type",
        unconfirmed_progression="unconfirmed_pd_day",
    )  # fmt: skip
    return {
        "infusions": infusions,
        "mechanisms": _named(_dated(answers, derived, "failure_day"), derived),
        "why_findings": _named(_dated(found, derived, "day"), derived),
        "tests": _named(tests, derived),
    }


def _watch(derived: Derived, on: pl.Expr) -> Tables:
    calendar = derived.record.calendar
    infusions = _dated(watched(derived, on), derived, "on_day", "end_day", "index_day")
    gaps = missed_visits(derived, on).join(infusions.select("gid", "patient_id"), on="gid", how="left")
    return {
        "watched": infusions.drop("pid", "ld_day", "death_day"),
        "watch": _dated(watch_of(derived, on), derived, "due", "since", "last_done", "on_day"),
        "gaps": gaps.with_columns(shown(pl.col(c), calendar).alias(c) for c in ("from_day", "to_day")),
    }


def _safety(derived: Derived) -> pl.DataFrame:
    rows = safety_of(derived)
    return _dated(rows, derived, *(c for c in rows.columns if c == "index_day" or c.endswith("_day"))).drop("gid")


def _dated(frame: pl.DataFrame, derived: Derived, *columns: str) -> pl.DataFrame:
    calendar: Calendar = derived.record.calendar
    return frame.with_columns(shown(pl.col(c), calendar).alias(c) for c in columns)


def _named(frame: pl.DataFrame, derived: Derived) -> pl.DataFrame:
    ids = derived.record.patients.select("pid", "patient_id")
    return frame.join(ids, on="pid", how="left", maintain_order="left").drop("pid")
