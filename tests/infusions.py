"""Patients with one infusion of CAR T cells, told by days from it: results, events and the few facts a test needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from mspike.course.derived import Derived, derive
from mspike.knowledge.criteria import criteria
from mspike.record.record import clean_record
from mspike.record.tables import TABLES
from mspike.response.settings import settings_of

UNITS = {
    "platelets": "10*9/L",
    "anc": "10*9/L",
    "alc": "10*9/L",
    "haemoglobin": "g/dL",
    "crp": "mg/dL",
    "ferritin": "ng/mL",
    "ldh": "U/L",
    "alt": "U/L",
    "creatinine": "mg/dL",
    "fibrinogen": "mg/dL",
    "igg": "mg/dL",
    "serum_m": "g/dL",
}
IMWG = criteria("imwg-2016")
Result = tuple[int, str, str, dict[str, str]]


def result(day: int, analyte: str, value: object, **more: object) -> Result:
    """One result; `unit`, `ref_low`, `ref_high`, `attribution` where they matter."""
    return day, analyte, str(value), {name: str(text) for name, text in more.items()}


def patient(
    results: Sequence[Result] = (),
    events: Sequence[dict[str, Any]] = (),
    *,
    agent: str | None = "cilta-cel",
    ld_day: int | None = -5,
    infusions: Sequence[int] = (0,),
    **facts: Any,
) -> dict[str, Any]:
    """What is known of a patient. `facts` go to the table of patients: heavy_chain, death_date, last_contact_date."""
    return {"results": results, "events": events, "agent": agent, "ld": ld_day, "infusions": infusions, "facts": facts}


def derived(*patients: dict[str, Any]) -> Derived:
    """The registry of these patients, in their order, with everything that is derived of it."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for number, told in enumerate(patients):
        who = {"patient_id": f"P{number:05d}"}
        rows["patients"].append(who | told["facts"])
        rows["treatments"] += [who | treatment for treatment in _treatments(told)]
        rows["events"] += [who | event for event in told["events"]]
        rows["results"] += [_result_row(who, one) for one in told["results"]]
    record = clean_record({name: _table(name, found) for name, found in rows.items()}, "day")
    wrong = record.findings.filter(pl.col("severity") == "error")
    assert wrong.is_empty(), wrong
    return derive(record, IMWG, settings_of(IMWG))


def _treatments(told: dict[str, Any]) -> list[dict[str, Any]]:
    given = [{"start_date": day, "agent": told["agent"], "role": "infusion"} for day in told["infusions"]]
    if told["ld"] is not None:
        given.append({"start_date": told["ld"], "agent": "fludarabine", "role": "lymphodepletion"})
    return given


def _result_row(who: dict[str, str], one: Result) -> dict[str, Any]:
    day, analyte, value, more = one
    return who | {"date": day, "analyte": analyte, "value": value, "unit": UNITS[analyte]} | more


def _table(name: str, found: list[dict[str, Any]]) -> pl.DataFrame:
    columns = TABLES[name].names
    texts = {c: [None if row.get(c) is None else str(row[c]) for row in found] for c in columns}
    frame = pl.DataFrame(texts, schema=dict.fromkeys(columns, pl.String))
    return frame.with_columns(row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
