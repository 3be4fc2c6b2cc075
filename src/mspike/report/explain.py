"""Why a patient was judged so: every visit with its rules, values, dates, thresholds and sources, and the course."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mspike import INTENDED_USE, __version__
from mspike.asking import refuse_stranger, rows_of
from mspike.course.lines import lines_of
from mspike.course.results import results_of
from mspike.course.tables import assessments_table
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import Criteria, criteria, knowledge_hash
from mspike.read.folder import open_registry
from mspike.record.dates import Calendar
from mspike.record.record import Record, clean_record
from mspike.report.criteria import rule_told
from mspike.report.inputs import Visits, baseline_of, date_of
from mspike.response.assessments import judge
from mspike.response.settings import Settings, settings_of

PERSON = ("sex", "birth_year", "heavy_chain", "light_chain", "death_cause")
BUILDS_ON = {"imwg.scr": ("imwg.cr", "imwg.flc_ratio")}  # sCR is CR with a normal ratio
Told = dict[str, Any]


def explain_patient(
    registry: str | Path,
    patient: str,
    *,
    on: str | None = None,
    line: int | None = None,
    edition: str = "imwg-2016",
    settings: Mapping[str, Any] | None = None,
) -> Told:
    """Everything that was derived for one patient, and because of what. Reads the rows of this patient only.

    on    only the last visit of each line on or before this date (or day)
    line  only this line of therapy
    """
    rules = criteria(edition)
    chosen = settings_of(rules, settings)
    source = open_registry(Path(registry))
    record = clean_record(rows_of(source, patient), source.calendar)
    refuse_stranger(record, source, patient, "explain")
    return explained(record, rules, chosen, patient, registry, on=on, line=line)


def explained(
    record: Record,
    rules: Criteria,
    chosen: Settings,
    patient: str,
    registry: str | Path,
    *,
    on: str | None = None,
    line: int | None = None,
) -> Told:
    """The same of a record already at hand, as that of a day (record.asof); arguments as in `explain_patient`."""
    results = results_of(record, rules, chosen)
    lines = _lines(record, results, rules, chosen)
    if line is not None:
        lines = _only_line(lines, line, patient)
    if on is not None:
        lines = _only_on(lines, on, record.calendar)
    person = record.patients.to_dicts()[0]
    return {
        "patient_id": patient,
        "calendar": record.calendar,
        "patient": {name: person[name] for name in PERSON}
        | {"death_date": date_of(person["death_day"], record.calendar)},
        "on": on,
        "lines": lines,
        "rules": {rule: rule_told(rules.rule(rule), rules.edition) for rule in _rules_used(lines)},
        "findings": results["findings"].to_dicts(),
        "settings": chosen.as_text(),
        "settings_changed": _changed(chosen, Settings()),
        "stamp": {
            "mspike": __version__, "edition": rules.edition, "title": rules.title, "settings_hash": chosen.hash,
            "knowledge_hash": knowledge_hash(), "registry": str(registry),
        },
        "intended_use": INTENDED_USE,
    }  # fmt: skip


def _changed(chosen: Settings, plain: Settings) -> dict[str, str]:
    default = plain.as_text()
    return {name: value for name, value in chosen.as_text().items() if value != default[name]}


def _lines(record: Record, results: Mapping[str, pl.DataFrame], rules: Criteria, settings: Settings) -> list[Told]:
    """Every line of therapy with its baseline, course, endpoints and visits."""
    judged = judge(record, lines_of(record, settings.lines), rules, settings)
    lines = []
    for course in results["courses"].to_dicts():
        number = course["line"]
        row = judged.lines.filter(pl.col("line") == number).to_dicts()[0]
        sheet = judged.sheet.filter(pl.col("line") == number).sort("day", maintain_order=True)
        of_line = results["endpoints"].filter(pl.col("line") == number).drop("patient_id", "line")
        course = {k: _plain(v) for k, v in course.items() if k != "patient_id"}
        lines.append(
            course | {
                "baseline": baseline_of(row, record.calendar),
                "endpoints": [{k: _plain(v) for k, v in e.items()} for e in of_line.to_dicts()],
                "visits": _visits(sheet, results["reasons"], record.calendar, Visits(row, sheet, record)),
            }
        )  # fmt: skip
    return lines


def _rules_used(lines: list[Told]) -> list[str]:
    """The rules that fired, those they build on, and those that made the line measurable."""
    fired = {b["rule"] for told in lines for visit in told["visits"] for b in visit["because"]}
    fired |= {rule for name in fired for rule in BUILDS_ON.get(name, ())}
    return sorted(fired | {f"imwg.measurable.{name}" for told in lines for name in told["measurable_by"]})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _visits(sheet: pl.DataFrame, reasons: pl.DataFrame, calendar: Calendar, visits: Visits) -> list[Told]:
    """The visits of a line by date, each with the rules that fired at it."""
    if sheet.is_empty():
        return []
    told = []
    for row, assessed in zip(sheet.to_dicts(), assessments_table(sheet, calendar).to_dicts(), strict=True):
        at = visits.place[row["visit"], row["day"]]
        fired = reasons.filter((pl.col("line") == row["line"]) & (pl.col("date") == assessed["date"])).to_dicts()
        because = [_because(reason, visits, at) for reason in fired if _of_visit(reason["rule"], row)]
        visit = {k: _plain(v) for k, v in assessed.items() if k not in ("patient_id", "line")}
        told.append(visit | {"because": because})
    return told


def _of_visit(rule: str, row: Told) -> bool:
    """Two visits may bear one date: a rule belongs to the visit whose category or limb it is."""
    if rule == "imwg.confirmed":
        return row["raw"] not in ("SD", "NE")
    limb = rule.removeprefix("imwg.pd.")
    return bool(row[f"pd_{limb}"]) and row["raw"] == "PD" if limb != rule else rule == f"imwg.{row['raw'].lower()}"


def _because(reason: Told, visits: Visits, at: int) -> Told:
    """One rule that fired. Its statement, thresholds and source stand once, under `rules`."""
    known = reason["rule"] != "imwg.confirmed"
    inputs = visits.inputs(at, reason["rule"]) if known else []
    return {
        "rule": reason["rule"],
        "inputs": inputs,
        "told": "" if known else visits.confirmation(at) or reason["inputs"],
    }


def _only_line(lines: list[Told], number: int, patient: str) -> list[Told]:
    kept = [told for told in lines if told["line"] == number]
    if not kept:
        numbers = ", ".join(str(told["line"]) for told in lines) or "none"
        raise WrongUsage(f"--line {number}: {patient} has no such line of therapy. Lines: {numbers}.")
    return kept


def _only_on(lines: list[Told], on: str, calendar: Calendar) -> list[Told]:
    """Each line with its last visit on or before the date; lines that had none by then are left out."""
    by_day = on.strip().lstrip("+-").isdigit()
    key = "day" if by_day and calendar == "iso" else "date"
    asked: Any = int(on) if by_day else _iso(on, calendar)
    kept = []
    for told in lines:
        before = [v for v in told["visits"] if v[key] is not None and v[key] <= asked]
        if before:
            last = before[-1]
            kept.append(told | {"visits": [v for v in before if v[key] == last[key]]})
    if not kept:
        first = min((v[key] for told in lines for v in told["visits"] if v[key] is not None), default=None)
        seen = f"the first one is {first}" if first is not None else "there is none at all"
        raise WrongUsage(f"--on {on}: no visit on or before it; {seen}.")
    return kept


def _iso(text: str, calendar: Calendar) -> str:
    try:
        if calendar == "iso":
            return dt.date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        pass
    expected = "a date (2024-05-31) or a day from the infusion (60)" if calendar == "iso" else "a day (60)"
    raise WrongUsage(f"--on {text}: expected {expected}.")
