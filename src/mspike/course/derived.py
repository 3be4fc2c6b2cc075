"""What was derived of some patients: every visit judged and every line with its course. All later rooms ask this."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mspike.course.courses import courses_of, evaluable
from mspike.course.lines import lines_of
from mspike.knowledge.criteria import Criteria
from mspike.record.record import Record
from mspike.response.assessments import judge
from mspike.response.mrd import mrd_course, mrd_status
from mspike.response.settings import Settings


@dataclass(frozen=True)
class Derived:
    """A record and what follows from it.

    lines    one row a line of therapy, with its baseline
    sheet    one row a line and visit, judged and confirmed
    courses  one row a line: all of `lines` and what became of it
    mrd      one row a sample and threshold
    """

    record: Record
    lines: pl.DataFrame
    sheet: pl.DataFrame
    courses: pl.DataFrame
    mrd: pl.DataFrame
    criteria: Criteria
    settings: Settings


def derive(record: Record, criteria: Criteria, settings: Settings) -> Derived:
    """Lines, visits and courses of some patients. Patients are independent."""
    judged = judge(record, lines_of(record, settings.lines), criteria, settings)
    sheet = judged.sheet.with_columns(evaluable=evaluable())
    status = mrd_status(record.mrd)
    mrd = mrd_course(status, judged.lines, sheet, record.lesions)
    courses = courses_of(sheet, judged.lines, mrd, record, settings)
    return Derived(record, judged.lines, sheet, courses, status, criteria, settings)


def episodes(derived: Derived) -> pl.DataFrame:
    """One row an infusion: the courses of the CAR-T lines that were infused, by patient and line."""
    infused = derived.courses.filter((pl.col("kind") == "car_t") & pl.col("infused"))
    return infused.sort("pid", "line")
