"""One patient with one CAR-T infusion on day 0, told in few rows; days count from the infusion."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.course.derived import Derived, derive
from mspike.knowledge.criteria import criteria
from mspike.record.record import clean_record
from mspike.record.tables import TABLES
from mspike.response.settings import settings_of

FAILS, APHERESIS, LYMPHODEPLETION = 200, -40, -5
UNITS = {
    "alc": "10*9/L",
    "ferritin": "ng/mL",
    "crp": "mg/dL",
    "marrow_plasma_cells": "%",
    "ldh": "U/L",
    "creatinine": "mg/dL",
    "platelets": "10*9/L",
    "sbcma": "ng/mL",
    "car_transgene": "copies/ug",
    "serum_m": "g/dL",
    "kappa_flc": "mg/L",
    "lambda_flc": "mg/L",
    "urine_m_24h": "mg/24h",
}
VRD = {"table": "treatments", "start_date": -900, "end_date": -700, "agent": "VRd", "role": "induction", "line": 1}
DPD = {"table": "treatments", "start_date": -600, "end_date": -300, "agent": "DPd", "role": "treatment", "line": 2}


def result(day: int, analyte: str, value: object, **more: object) -> dict[str, Any]:
    return {"table": "results", "date": day, "analyte": analyte, "value": value, "unit": UNITS.get(analyte), **more}


def gene(day: int, marker: str, finding: str) -> dict[str, Any]:
    return {"table": "genetics", "date": day, "marker": marker, "finding": finding}


def lesion(day: int, site: str | None = "extraosseous", longest: int | None = 30, **more: object) -> dict[str, Any]:
    short = None if longest is None else longest - 5
    told = {"lesion_id": "L1", "finding": "measured", "longest_mm": longest, "perpendicular_mm": short, **more}
    return {"table": "lesions", "date": day, "site": site, **told}


def given(start: int, agent: str, end: int | None = None, role: str = "treatment", line: int = 3) -> dict[str, Any]:
    return {"table": "treatments", "start_date": start, "end_date": end, "agent": agent, "role": role, "line": line}


def infusion(product: str = "cilta-cel", *, line: int = 3, lymphodepletion: bool = True) -> list[dict[str, Any]]:
    rows = [given(0, product, 0, "infusion", line), given(APHERESIS, "leukapheresis", APHERESIS, "apheresis", line)]
    return [*rows, given(LYMPHODEPLETION, "fludarabine", -3, "lymphodepletion", line)] if lymphodepletion else rows


def failure() -> list[dict[str, Any]]:
    """A response on day 30 and progression on day 200, as somebody assigned them."""
    told = {"table": "responses", "confirmed": "yes"}
    return [{**told, "date": 30, "response": "PR"}, {**told, "date": FAILS, "response": "PD"}]


def derived(patients: dict[str, list[dict[str, Any]]], **patient_facts: object) -> Derived:
    """Patients by name, each a list of rows that name their table."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for patient, rows in patients.items():
        tables["patients"].append({"patient_id": patient, "last_contact_date": 400, **patient_facts})
        for row in rows:
            tables[row["table"]].append({**row, "patient_id": patient})
    raw = {name: as_text(name, rows) for name, rows in tables.items() if rows}
    rules = criteria("imwg-2016")
    return derive(clean_record(raw, "day"), rules, settings_of(rules, {}))


def as_text(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    columns = {c: [None if row.get(c) is None else str(row[c]) for row in rows] for c in TABLES[name].names}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index("row", offset=2)
