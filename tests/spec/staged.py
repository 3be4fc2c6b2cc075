"""A small registry in days from the infusion, and how its patients are staged."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived
from mspike.course.lines import lines_of
from mspike.course.stage import stages_of
from mspike.knowledge.criteria import criteria
from mspike.record.record import Record, clean_record
from mspike.record.tables import TABLES
from mspike.response.settings import settings_of

DIAGNOSIS, LYMPHODEPLETION = -1000, -5
UNITS = {
    "b2m": "mg/L",
    "albumin": "g/dL",
    "creatinine": "mg/dL",
    "ldh": "U/L",
    "circulating_plasma_cells": "/uL",
    "circulating_plasma_cell_share": "%",
    "wbc": "10^9/L",
}


def table(name: str, rows: list[dict]) -> pl.DataFrame:
    """Rows as the reader gives them: text, of patient P unless another is named."""
    told = [{"patient_id": "P", **row} for row in rows]
    text = {c: [None if row.get(c) is None else str(row[c]) for row in told] for c in TABLES[name].names}
    return pl.DataFrame(text, schema=dict.fromkeys(text, pl.String)).with_row_index("row", offset=2)


def record_of(**tables: list[dict]) -> Record:
    """Every patient that a row names, infused on day 0 after lymphodepletion, diagnosed on day -1000."""
    names = sorted({row.get("patient_id", "P") for rows in tables.values() for row in rows} | {"P"})
    given = {name: list(rows) for name, rows in tables.items()}
    given.setdefault("patients", [{"patient_id": n, "diagnosis_date": DIAGNOSIS} for n in names])
    given.setdefault(
        "treatments",
        [
            row
            for n in names
            for row in (
                {"patient_id": n, "start_date": LYMPHODEPLETION, "agent": "fludarabine", "role": "lymphodepletion"},
                {"patient_id": n, "start_date": 0, "agent": "cilta-cel", "role": "infusion"},
            )
        ],
    )
    return clean_record({name: table(name, rows) for name, rows in given.items()}, "day")


def derived_of(**tables: list[dict]) -> Derived:
    """All but the response, which no stage asks for: judging it would take most of the time of these tests."""
    record = record_of(**tables)
    rules, lines = criteria("imwg-2016"), lines_of(record)
    return Derived(record, lines, lines.clear(), lines, record.mrd, rules, settings_of(rules))


def blood(day: int, **values: str) -> list[dict]:
    """Results of one day. An LDH written "300/250" has 250 as the laboratory's upper limit."""
    rows = []
    for analyte, value in values.items():
        number, _, limit = value.partition("/")
        rows.append(
            {"date": day, "analyte": analyte, "value": number, "unit": UNITS[analyte], "ref_high": limit or None}
        )
    return rows


def genes(day: int, **findings: str) -> list[dict]:
    """Genetic findings of one day; t_4_14 stands for t(4;14). "0.3" is a share, "present 0.3" a finding with it."""
    rows = []
    for marker, text in findings.items():
        name = marker.replace("t_", "t(").replace("_", ";") + ")" if marker.startswith("t_") else marker
        words = text.split()
        share = words.pop() if words[-1].replace(".", "", 1).isdigit() else None
        rows.append({"date": day, "marker": name, "finding": " ".join(words) or None, "fraction": share})
    return rows


def before_car_t(**tables: list[dict]) -> dict:
    """The stages of the only infusion."""
    return stages_of(derived_of(**tables)).filter(pl.col("at") == "car_t").row(0, named=True)


def at_diagnosis(**tables: list[dict]) -> dict:
    return stages_of(derived_of(**tables)).filter(pl.col("at") == "diagnosis").row(0, named=True)
