"""Small registries of treatments, responses and statements, in days from the infusion, and what is derived of them."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived, derive
from mspike.course.doses import Earlier, earlier_therapy
from mspike.course.refractory import refractoriness
from mspike.knowledge.criteria import criteria
from mspike.record.record import clean_record
from mspike.record.tables import TABLES
from mspike.response.settings import settings_of

TREATMENT = ("start_date", "end_date", "agent", "role", "line", "stop_reason", "best_response")
RESPONSE = ("date", "response")
EVENT = ("date", "event", "detail")
RESULT = ("date", "analyte", "value", "unit")
INFUSION = (0, None, "cilta-cel", "infusion")

Rows = list[tuple]


def registry(patients: dict[str, dict[str, Rows]], *, calendar: str = "day") -> Derived:
    """patients: id -> table -> rows, in the columns of TREATMENT, RESPONSE, EVENT and RESULT."""
    columns = {"treatments": TREATMENT, "responses": RESPONSE, "events": EVENT, "results": RESULT}
    raw = {"patients": pl.DataFrame({"patient_id": list(patients)}, schema={"patient_id": pl.String})}
    for table, names in columns.items():
        rows = [
            {"patient_id": who} | {n: _text(v) for n, v in zip(names, row, strict=False)}
            for who, given in patients.items()
            for row in given.get(table, [])
        ]
        for row in rows:
            if table == "responses":
                row["confirmed"] = "yes"
        schema = dict.fromkeys(TABLES[table].names, pl.String)
        raw[table] = pl.DataFrame(rows, schema=schema)
    raw = {name: frame.with_row_index("row", offset=2) for name, frame in raw.items()}
    rules = criteria("imwg-2016")
    return derive(clean_record(raw, calendar), rules, settings_of(rules))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def patient(treatments: Rows, responses: Rows = (), events: Rows = (), *, calendar: str = "day") -> Derived:
    told = {"treatments": list(treatments), "responses": list(responses), "events": list(events)}
    return registry({"P1": told}, calendar=calendar)


def earlier(*told, **options) -> Earlier:
    return earlier_therapy(patient(*told, **options))


def refractory(table: pl.DataFrame, item: str, column: str = "refractory") -> bool | None:
    """The answer about one agent or class."""
    return table.filter(pl.col("item") == item)[column].item()


def answer(item: str, *told, column: str = "refractory", **options) -> bool | None:
    return refractory(refractoriness(earlier(*told, **options)), item, column)
