"""Wards written down as a few words a day, and what the engine makes of them."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.record.record import Record, clean_record
from mspike.record.tables import TABLES

EPISODE = {"gid": pl.Int32, "pid": pl.Int32, "line": pl.Int32, "index_day": pl.Int32}
Row = dict[str, str]
FULL = {"temperature": "36.8", "oxygen": "room air", "vasopressors": "none", "hypotension": "no"}


def result(day: int, analyte: str, value: str, patient: str = "P1", **more: str) -> Row:
    unit = {"unit": "Cel"} if analyte == "temperature" else {}
    return {"patient_id": patient, "date": str(day), "analyte": analyte, "value": value, **unit, **more}


def signs(day: int, patient: str = "P1", **values: str) -> list[Row]:
    return [result(day, analyte, value, patient) for analyte, value in values.items()]


def charted(day: int, **changed: str) -> list[Row]:
    """A day on which every sign was recorded; all absent but the ones given."""
    return signs(day, **{**FULL, **changed})


def drug(day: int, agent: str, end: int | None = None, patient: str = "P1") -> Row:
    told = {"patient_id": patient, "start_date": str(day), "agent": agent, "role": "supportive"}
    return told if end is None else {**told, "end_date": str(end)}


def event(day: int, name: str, patient: str = "P1", **more: str) -> Row:
    return {"patient_id": patient, "date": str(day), "event": name, **more}


def ward(results: list[Row], treatments: list[Row] = (), events: list[Row] = (), patients: int = 1) -> Record:
    rows = {
        "patients": [{"patient_id": f"P{n + 1}"} for n in range(patients)],
        "results": results,
        "treatments": list(treatments),
        "events": list(events),
    }
    return clean_record({name: _text(name, given) for name, given in rows.items()}, "day")


def _text(name: str, rows: list[Row]) -> pl.DataFrame:
    columns = {c: [row.get(c) for row in rows] for c in TABLES[name].names}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index("row", offset=2)


def infused(record: Record, *days: int) -> pl.DataFrame:
    """Each patient infused on these days (day 0 if none is given)."""
    rows = [
        (pid * 10 + line, pid, line, day)
        for pid in record.patients["pid"].to_list()
        for line, day in enumerate(days or (0,), start=1)
    ]
    return pl.DataFrame(rows, schema=EPISODE, orient="row")


def by_day(days: pl.DataFrame, *columns: str) -> dict[int, Any]:
    """The columns of each day; of one column its value alone."""
    wanted = columns or ("grade", "at_least", "at_most")
    return {
        row["day"]: row[wanted[0]] if len(wanted) == 1 else tuple(row[c] for c in wanted)
        for row in days.iter_rows(named=True)
    }
