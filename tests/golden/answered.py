"""The answers about many patients at once: the record is derived once for all, and each stands for himself."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import polars as pl
from generated_patients import ON, Rows

from mspike.asking import Question, question
from mspike.course.derived import Derived
from mspike.options.answers import options_of
from mspike.options.standing import standing_of
from mspike.record.tables import TABLES

REGIONS = ("US", "EU")
Answers = dict[tuple[str, str], str]  # (region, option): answer


def answers_of(
    patients: Mapping[str, Rows], folder: Path, labels: Callable[[str], dt.date]
) -> Iterator[tuple[str, Answers]]:
    """Every patient's answers in both regions.

    labels  the date whose labels count, by the name of the patient
    """
    asked = question(_written(patients, folder), on=str(ON))
    everybody = _derived(asked)
    for row in everybody.record.patients.sort("patient_id").to_dicts():
        standing = standing_of(_only(everybody, row), asked.on or 0)
        told = {}
        for region in REGIONS:
            for option in options_of(replace(standing, date=labels(row["patient_id"])), region):
                told[region, option.therapy.id] = option.answer
        yield row["patient_id"], told


def _written(patients: Mapping[str, Rows], folder: Path) -> Path:
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for patient, rows in patients.items():
        tables["patients"].append({"patient_id": patient, "sex": "female", "birth_year": 1955})
        for table, row in rows:
            tables[table].append({"patient_id": patient, **row})
    for name, found in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, TABLES[name].names, restval="")
            writer.writeheader()
            writer.writerows(found)
    return folder


def _derived(asked: Question) -> Derived:
    return asked.derived({name: raw.frame.collect() for name, raw in asked.source.tables.items()})


def _only(derived: Derived, row: dict[str, Any]) -> Derived:
    """The part of one patient; patients are independent."""
    mine = {f.name: _rows(getattr(derived.record, f.name), row) for f in fields(derived.record)}
    parts = {f.name: _rows(getattr(derived, f.name), row) for f in fields(derived)}
    return replace(derived, **{**parts, "record": replace(derived.record, **mine)})


def _rows(part: Any, row: dict[str, Any]) -> Any:
    key = (
        next((k for k in ("pid", "patient_id") if k in part.columns), None) if isinstance(part, pl.DataFrame) else None
    )
    return part if key is None else part.filter(pl.col(key) == row[key])
