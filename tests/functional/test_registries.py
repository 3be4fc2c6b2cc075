"""Whole registries: the demonstration reaches everything, and the real one agrees with what its authors recorded."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from conftest import shared
from mspike.demo import write_demo_registry
from mspike.read.mapping import import_registry
from mspike.record.tables import CATEGORIES
from mspike.run import assess_registry

FAILURES = {
    "not_infused",
    "primary_refractory",
    "early_relapse",
    "late_relapse",
    "molecular_relapse",
    "nonrelapse_death",
    "second_malignancy",
    "next_therapy",
    "none",
    "undetermined",
}
ENDPOINTS = 7
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo_registry(folder / "registry", 60)
    assess_registry(folder / "registry", folder / "results")
    return folder / "results"


def test_the_demonstration_reaches_every_category_and_every_failure_type(demo: Path) -> None:
    visits = pl.read_parquet(demo / "assessments.parquet")
    courses = pl.read_parquet(demo / "courses.parquet").filter(pl.col("kind") == "car_t")
    assert set(visits["response_raw"]) == set(CATEGORIES)
    assert set(courses["failure_type"]) == FAILURES


def test_every_infused_patient_has_one_car_t_course_a_line_and_every_endpoint(demo: Path) -> None:
    courses = pl.read_parquet(demo / "courses.parquet")
    endpoints = pl.read_parquet(demo / "endpoints.parquet")
    assert courses.select("patient_id", "line").is_unique().all()
    assert endpoints.height == courses.height * ENDPOINTS
    assert endpoints.select("patient_id", "line", "endpoint").is_unique().all()


def test_every_visit_has_a_reason_with_a_source(demo: Path) -> None:
    visits = pl.read_parquet(demo / "assessments.parquet").select("patient_id", "line", "date").unique()
    reasons = pl.read_parquet(demo / "reasons.parquet")
    assert visits.join(reasons, on=["patient_id", "line", "date"], how="anti").is_empty()
    assert reasons["source"].null_count() == 0 and (reasons["source"].str.len_chars() > 0).all()


def test_a_progression_lies_between_the_index_day_and_the_next_line(demo: Path) -> None:
    courses = pl.read_parquet(demo / "courses.parquet").filter(pl.col("pd_date").is_not_null())
    assert courses.height > 10
    assert (courses["pd_date"] > courses["index_date"]).all()
    assert courses.filter(pl.col("pd_date") > pl.col("next_line_date")).is_empty()


def test_the_real_registry_agrees_with_its_authors_on_survival(tmp_path: Path) -> None:
    """52 patients of Fandrei 2024: PFS and OS days and events as recorded, progressions as flagged."""
    source = shared("data/fandrei2024")
    import_registry(source, ROOT / "examples" / "maps" / "fandrei2024.yaml", tmp_path / "registry")
    assess_registry(tmp_path / "registry", tmp_path / "results")
    recorded = pl.read_csv(source / "sheet_clin_data.csv", infer_schema=False).select(
        "patient_id",
        pl.col("pfs", "os").cast(pl.Int32),
        *(pl.col(c) == "1" for c in ("progression", "status", "death")),
    )
    courses = pl.read_parquet(tmp_path / "results" / "courses.parquet").filter(pl.col("kind") == "car_t")
    ends = pl.read_parquet(tmp_path / "results" / "endpoints.parquet")
    told = ends.join(courses.select("patient_id", "line"), on=["patient_id", "line"]).join(recorded, on="patient_id")
    pfs, os = told.filter(pl.col("endpoint") == "pfs"), told.filter(pl.col("endpoint") == "os")
    assert courses.height == pfs.height == os.height == 52
    assert (pfs["days"] == pfs["pfs"]).all() and (pfs["event"] == pfs["status"]).all()
    assert (os["days"] == os["os"]).all() and (os["event"] == os["death"]).all()
    progressed = courses.join(recorded, on="patient_id")
    assert (progressed["pd_date"].is_not_null() == progressed["progression"]).all()
