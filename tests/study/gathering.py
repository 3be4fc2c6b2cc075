"""SYNTHETIC: what a study gathers, of the demonstration registry and of literal patients, for the tests of sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mspike.asking import question
from mspike.cohort.frame import SCHEMA
from mspike.demo import write_demo_registry
from mspike.study.gathered import Gathered, gather

VISITS = {
    "patient_id": pl.String, "line": pl.Int64, "day": pl.Int32, "response_confirmed": pl.String, "known_day": pl.Int32,
}  # fmt: skip
VALUES = {
    "patient_id": pl.String, "line": pl.Int64, "marker": pl.String, "day": pl.Int32, "value": pl.Float64,
    "baseline": pl.Float64,
}  # fmt: skip
FINDINGS = {
    "severity": pl.String, "table": pl.String, "column": pl.String, "problem": pl.String, "expected": pl.String,
    "n": pl.Int64,
}  # fmt: skip
_FIRST = {"line": 1, "infused": True, "infusion_number": 1, "failed": False}


@pytest.fixture(scope="module")
def demo_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 300 invented patients."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo_registry(folder, 300, parquet=True)
    return folder


@pytest.fixture(scope="module")
def demo(demo_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    """What a study gathers of 300 invented patients."""
    return gather(question(demo_registry), tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def safety_schema(demo: Gathered) -> pl.Schema:
    return demo.safety.schema


def cohort_rows(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Literal patients with the columns of a cohort: infused once, in line 1, not failed, where a row says no other."""
    told = [{"patient_id": f"P{place:03}", **_FIRST, **row} for place, row in enumerate(rows, start=1)]
    return pl.DataFrame(told, schema={**SCHEMA, "unconfirmed_pd_days": pl.Int32})


def gathered_of(
    cohort: pl.DataFrame,
    *,
    visits: Sequence[Mapping[str, Any]] = (),
    values: Sequence[Mapping[str, Any]] = (),
    safety: pl.DataFrame | None = None,
    patients: int | None = None,
) -> Gathered:
    """A study's input of literal frames; `patients`: of the registry, the cohort's where not told."""
    n = cohort["patient_id"].n_unique() if patients is None else patients
    return Gathered(
        cohort,
        pl.DataFrame(list(visits), schema=VISITS).lazy(),
        pl.DataFrame(list(values), schema=VALUES).lazy(),
        pl.DataFrame(schema={"patient_id": pl.String, "line": pl.Int64}) if safety is None else safety,
        pl.DataFrame(schema=FINDINGS),
        {},
        n,
    )


def safety_rows(schema: pl.Schema, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Literal answers of the safety room for P001 and on, line 1; what a row does not say is not known."""
    told = [{"patient_id": f"P{place:03}", "line": 1, **row} for place, row in enumerate(rows, start=1)]
    return pl.DataFrame(told, schema=schema)


def times(count: int, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The same patient so many times."""
    return [row] * count
