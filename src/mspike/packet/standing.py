"""What the parts of a case say about where the patient stands: the line that matters, the day asked, dead or alive."""

from __future__ import annotations

import datetime as dt
from typing import Any

from mspike.packet.case import Case
from mspike.record.dates import Calendar
from mspike.report.inputs import date_of
from mspike.report.terminal import day_told

Told = dict[str, Any]
NONE = "none on record"


def as_of(case: Case) -> str:
    """The day the packet speaks of, as a reader says it."""
    if case.on is not None:
        return _as_day(case.on, case)
    asked = (case.options or {}).get("on")
    return _as_day(asked, case) if asked is not None else "all that is recorded"


def _as_day(day: Any, case: Case) -> str:
    text = str(day)
    return f"day {text}" if calendar(case) == "day" and not text.startswith("day") else text


def calendar(case: Case) -> Calendar:
    return case.asked.calendar


def said_day(case: Case, day: int | None, unknown: str = "not known") -> str:
    """A day number of the record as a reader says it."""
    return day_told(date_of(day, calendar(case)), unknown)


def person_of(case: Case) -> Told:
    """The row of the patient."""
    return dict(case.derived.record.patients.to_dicts()[0])


def main_infusion(case: Case) -> Told | None:
    """The last infusion, as `why` tells it; None where there was none."""
    infusions = case.why["infusions"]
    return infusions[-1] if infusions else None


def course_of(case: Case, line: int) -> Told | None:
    """The course of a line, as `explain` tells it."""
    return next((told for told in case.explained["lines"] if told["line"] == line), None)


def main_course(case: Case) -> Told | None:
    """The course that the packet is about: of the last infusion, else of cells collected, else of the last line."""
    lines = case.explained["lines"]
    infusion = main_infusion(case)
    if infusion is not None:
        return course_of(case, infusion["line"])
    collected = [line for line in lines if line["kind"] == "car_t"]
    return (collected or lines or [None])[-1]


def later_courses(case: Case) -> list[Told]:
    """The lines after that one."""
    main = main_course(case)
    return [] if main is None else [line for line in case.explained["lines"] if line["line"] > main["line"]]


def undated_since(case: Case) -> str:
    """The lines after it that bear no date, by number and agents: they have no course, and were given all the same."""
    main = main_course(case)
    told = {line["line"] for line in case.explained["lines"]}
    later = [line for line in case.history["lines"]
             if main is not None and line["line"] not in told and line["line"] > main["line"]]  # fmt: skip
    return "; ".join(f"line {line['line']} {', '.join(line['agents']) or ', '.join(line['roles'])}" for line in later)


def episode_of(case: Case, line: int | None) -> Told | None:
    """What came before the infusion of this line, as `history` tells it."""
    before = case.history["before"]
    return next((told for told in before if told["line"] == line), before[-1] if before else None)


def failed(infusion: Told | None) -> bool:
    """Has this infusion failed, by what `why` tells?"""
    return infusion is not None and any(m["failed"] for m in infusion["mechanisms"])


def death_told(case: Case) -> str | None:
    """When the patient died and of what; None where no death is on record."""
    person = case.explained["patient"]
    undated = person_of(case)["died_undated"]
    if person["death_date"] is None and person["death_cause"] is None and not undated:
        return None
    when = day_told(person["death_date"]) if person["death_date"] is not None else "on an unknown date"
    return f"died {when} ({person['death_cause'] or 'cause unknown'})"


def age_told(case: Case) -> str:
    """Born when, and how old on the day asked; in a registry of days the age cannot be told."""
    born = person_of(case)["birth_year"]
    if born is None:
        return "year of birth not known"
    try:
        years = dt.date.fromisoformat(as_of(case)).year - born
    except ValueError:
        return f"born {born}"
    return f"{years - 1} or {years} years old (born {born})"


def person_words(case: Case) -> str:
    """Sex, age and type of myeloma."""
    person = case.explained["patient"]
    chains = [c for c in (person["heavy_chain"], person["light_chain"]) if c and c not in ("none", "unknown")]
    kind = f"{' '.join(chains)} myeloma" if chains else "type of myeloma not stated"
    if chains and person["heavy_chain"] == "none":
        kind = f"{chains[0]} light chain myeloma"
    return ", ".join((person["sex"] or "sex not stated", age_told(case), kind))
