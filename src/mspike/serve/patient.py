"""The page of a patient and of one of his lines, and the drawing beside it: put together from what is kept."""

from __future__ import annotations

import os
import secrets
from typing import Any

from mspike.knowledge.schedule import schedule
from mspike.report import watch as watch_words
from mspike.report import why as why_words
from mspike.report.because import FAILURE, PARAMETER, sentence
from mspike.report.safety_rows import PARTS
from mspike.serve.hall import Hall
from mspike.serve.pages import rendered
from mspike.serve.strip import strip_svg
from mspike.serve.telling import (
    PAGE,
    answer_told,
    courses_told,
    safety_told,
    visits_told,
    watch_told,
    why_told,
)
from mspike.serve.worklist import Row

Told = dict[str, Any]


def patient_page(hall: Hall, token: str, row: Row) -> str:
    """What happened, why, what to watch, safety, data: the answer first."""
    kept = hall.kept(token, *PAGE)
    courses = courses_told(kept)
    car_t = [course for course in courses if course["kind"] == "car_t"]
    infusions, facts = safety_told(kept)
    return rendered(
        "patient.html.j2", hall=hall, row=row, token=token, person=kept["person"][0],
        answer=answer_told(courses, row), courses=[_course(hall, course) for course in courses],
        car_t=[(course, _judged(kept, course["line"])) for course in car_t],
        why=[_why(hall, row, infusion) for infusion in why_told(kept)],
        watch=[_watch(row, line) for line in watch_told(kept)],
        safety=[(one, [r for part in PARTS for r in part(one)]) for one in infusions], facts=facts,
        findings=kept["findings"], parameter=PARAMETER,
    )  # fmt: skip


def line_page(hall: Hall, token: str, row: Row, line: int) -> str | None:
    """One line visit by visit, each with its rules; None where the patient has no such line."""
    kept = hall.kept(token, "courses", "endpoints", "visits", "reasons")
    course = next((c for c in courses_told(kept) if c["line"] == line), None)
    if course is None:
        return None
    return rendered("line.html.j2", hall=hall, row=row, token=token, course=course, says=sentence(course),
                    visits=visits_told(kept, line), parameter=PARAMETER)  # fmt: skip


def chart_of(hall: Hall, token: str) -> bytes:
    """The drawing of a patient; drawn once, then read from disk."""
    folder = hall.folder / "charts"
    file = folder / f"{token}.svg"
    try:
        return file.read_bytes()
    except FileNotFoundError:
        pass
    kept = hall.kept(token, "visits", "courses")
    drawn = strip_svg(kept["visits"], kept["courses"]).encode()
    folder.mkdir(mode=0o700, exist_ok=True)
    aside = folder / f".{token}.{secrets.token_hex(4)}"
    aside.write_bytes(drawn)
    os.replace(aside, file)
    return drawn


def _course(hall: Hall, course: Told) -> Told:
    early = {"early_relapse_days": hall.asked.settings.early_relapse_days}
    return course | {"says": sentence(course), "failed": FAILURE[course["failure_type"]].format(**early)}


def _judged(kept: dict[str, list[Told]], line: int) -> list[Told]:
    """The visits that still say something about this line: those after new therapy stand with the next."""
    return [visit for visit in visits_told(kept, line) if "after_new_therapy" not in visit["flags"]]


def _why(hall: Hall, row: Row, infusion: Told) -> Told:
    failed = any(mechanism["failed"] for mechanism in infusion["mechanisms"])
    early = hall.asked.settings.early_relapse_days
    told = [
        m | {"mark": why_words.MARK[m["answer"]], "said": why_words.answer_told(m, failed),
             "lines": [(f["state"], why_words.finding_told(f)) for f in m["findings"]]}
        for m in infusion["mechanisms"]
    ]  # fmt: skip
    tests = [t | {"says": why_words.CHANGES[t["changes"]]} for t in infusion["tests_that_would_tell"]]
    return {"head": why_words.head_told(row["patient_id"], infusion, failed, early), "mechanisms": told, "tests": tests}


def _watch(row: Row, line: Told) -> Told:
    says = {item.name: item for item in schedule().items}
    tests = sorted(line["tests"], key=lambda t: watch_words.ORDER.index(t["state"]))
    if line["ended"] is not None:
        tests = [t for t in tests if t["state"] in ("overdue", "due", "next")]
    return {
        "head": watch_words.watch_told(row["patient_id"], line),
        "tests": [(t["state"], watch_words.test_row(t, says[t["item"]])) for t in tests],
        "gaps": [watch_words.gap_told(gap) for gap in line["missed_visits"]],
    }
