"""Why a patient was judged so: every visit with its rules, values, dates, thresholds and sources, and the course."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from mspike import INTENDED_USE, __version__
from mspike.course.lines import lines_of
from mspike.course.reasons import reasons_of
from mspike.course.results import results_of
from mspike.course.tables import assessments_table
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import Criteria, criteria, knowledge_hash
from mspike.read.folder import Source, open_registry
from mspike.record.dates import Calendar
from mspike.record.record import Record, clean_record
from mspike.report.criteria import rule_told
from mspike.report.inputs import Visits, baseline_of, date_of
from mspike.response.assessments import judge
from mspike.response.settings import Settings, settings_of

PERSON = ("sex", "birth_year", "heavy_chain", "light_chain", "death_cause")
CLOSE_IDS = 3
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
    record = clean_record(_rows_of(source, patient), source.calendar)
    _refuse_stranger(record, source, patient)
    results = results_of(record, rules, chosen)
    lines = _lines(record, results, rules, chosen)
    if line is not None:
        lines = _only_line(lines, line, patient)
    if on is not None:
        lines = _only_on(lines, on, source.calendar)
    person = record.patients.to_dicts()[0]
    fired = sorted({b["rule"] for told in lines for visit in told["visits"] for b in visit["because"]})
    return {
        "patient_id": patient,
        "calendar": source.calendar,
        "patient": {name: person[name] for name in PERSON}
        | {"death_date": date_of(person["death_day"], source.calendar)},
        "on": on,
        "lines": lines,
        "rules": {rule: rule_told(rules.rule(rule), edition) for rule in fired},
        "findings": results["findings"].to_dicts(),
        "settings": chosen.as_text(),
        "settings_changed": _changed(chosen, Settings()),
        "stamp": {
            "mspike": __version__, "edition": edition, "title": rules.title, "settings_hash": chosen.hash,
            "knowledge_hash": knowledge_hash(), "registry": str(registry),
        },
        "intended_use": INTENDED_USE,
    }  # fmt: skip


def _rows_of(source: Source, patient: str) -> dict[str, pl.DataFrame]:
    mine = pl.col("patient_id").str.strip_chars() == patient.strip()
    return {name: raw.frame.filter(mine).collect() for name, raw in source.tables.items()}


def _refuse_stranger(record: Record, source: Source, patient: str) -> None:
    if record.patients.height:
        return
    ids = source.tables["patients"].frame.select("patient_id").drop_nulls().unique().collect()["patient_id"].to_list()
    close = get_close_matches(patient, sorted(ids), n=CLOSE_IDS, cutoff=0.5)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    raise WrongUsage(f"explain {patient}: no such patient among the {len(ids):,} of {source.path}.{hint}")


def _changed(chosen: Settings, plain: Settings) -> dict[str, str]:
    default = plain.as_text()
    return {name: value for name, value in chosen.as_text().items() if value != default[name]}


def _lines(record: Record, results: Mapping[str, pl.DataFrame], rules: Criteria, settings: Settings) -> list[Told]:
    """Every line of therapy with its baseline, course, endpoints and visits."""
    judged = judge(record, lines_of(record), rules, settings)
    lesions = record.lesions.to_dicts()
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
                "visits": _visits(sheet, row, record.calendar, lesions, rules, settings),
            }
        )  # fmt: skip
    return lines


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _visits(
    sheet: pl.DataFrame, line: Told, calendar: Calendar, lesions: list[Told], rules: Criteria, settings: Settings
) -> list[Told]:
    if sheet.is_empty():
        return []
    assessed = assessments_table(sheet, calendar).to_dicts()
    # In the order they opened: that is the order in which a nadir was reached.
    in_order = sheet.with_row_index("_at").sort("opened", "visit", maintain_order=True)
    visits = Visits(line, in_order.to_dicts(), calendar, lesions)
    place = {at: position for position, at in enumerate(in_order["_at"])}
    told = []
    for at, row in enumerate(assessed):
        reasons = reasons_of(sheet[at : at + 1], sheet, rules, settings, calendar).to_dicts()
        because = [_because(reason, visits, place[at]) for reason in reasons]
        visit = {k: _plain(v) for k, v in row.items() if k not in ("patient_id", "line")}
        told.append(visit | {"because": because})
    return told


def _because(reason: Told, visits: Visits, at: int) -> Told:
    """One rule that fired. Its statement, thresholds and source stand once, under `rules`."""
    known = reason["rule"] != "imwg.confirmed"
    inputs = visits.inputs(at, reason["rule"]) if known else []
    return {"rule": reason["rule"], "inputs": inputs, "told": "" if known else reason["inputs"]}


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
