"""The demonstration registry as a user finds it: the declared tables, labelled synthetic, the same every time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from mspike.demo import write_demo_registry
from mspike.errors import WrongUsage
from mspike.record.analytes import ANALYTES, unit_factors
from mspike.record.tables import TABLES

FEW, MANY = 12, 40
# Cells written wrongly on purpose; the README of the registry names them.
ON_PURPOSE = {"mg/24h", "-11.2", "2023-02-30"}


def read(folder: Path) -> dict[str, pl.DataFrame]:
    return {name: pl.read_csv(folder / f"{name}.csv", infer_schema=False) for name in TABLES}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo_registry(folder, MANY, seed=1)
    return folder


def test_the_same_seed_writes_the_same_registry(demo: Path, tmp_path: Path):
    write_demo_registry(tmp_path, MANY, seed=1)
    for path in sorted(demo.iterdir()):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_another_seed_writes_another_registry(demo: Path, tmp_path: Path):
    write_demo_registry(tmp_path, FEW, seed=2)
    assert not read(tmp_path)["results"].equals(read(demo)["results"].head(read(tmp_path)["results"].height))


@pytest.mark.parametrize("table", TABLES)
def test_a_patient_is_the_same_however_many_are_asked_for(demo: Path, tmp_path: Path, table: str):
    write_demo_registry(tmp_path, FEW, seed=1)
    few, many = read(tmp_path)[table], read(demo)[table]
    asked = read(tmp_path)["patients"]["patient_id"].implode()
    assert few.equals(many.filter(pl.col("patient_id").is_in(asked)))


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_the_declared_columns_in_their_order(demo: Path, table: str):
    assert read(demo)[table].columns == list(TABLES[table].names)


def test_every_table_but_responses_has_rows_and_their_number_is_returned(demo: Path, tmp_path: Path):
    returned = write_demo_registry(tmp_path, MANY, seed=1)
    assert returned == {name: frame.height for name, frame in read(demo).items()}
    assert {name for name, rows in returned.items() if not rows} == {"responses"}


def test_every_row_and_the_readme_say_that_it_is_synthetic(demo: Path):
    for name, frame in read(demo).items():
        assert frame["patient_id"].str.starts_with("SYNTHETIC-").all(), name
    assert (demo / "README.txt").read_text(encoding="utf-8").startswith("SYNTHETIC DATA.")


@pytest.mark.parametrize("table", TABLES)
def test_every_choice_is_a_declared_one(demo: Path, table: str):
    frame = read(demo)[table]
    for column in TABLES[table].columns:
        if column.choices:
            assert set(frame[column.name].drop_nulls()) <= set(column.choices), column.name


def test_every_analyte_is_declared_and_its_unit_accepted(demo: Path):
    used = read(demo)["results"].select("analyte", "unit").unique().drop_nulls()
    for analyte, unit in used.iter_rows():
        assert analyte in ANALYTES
        assert "".join(unit.split()).lower() in unit_factors(analyte) or unit in ON_PURPOSE, (analyte, unit)


@pytest.mark.parametrize("table", TABLES)
def test_every_date_is_an_iso_date_not_after_death_or_last_contact(demo: Path, table: str):
    frame = read(demo)[table]
    last = read(demo)["patients"].select("patient_id", last="last_contact_date")
    dated = frame.join(last, on="patient_id")
    for column in TABLES[table].dates:
        texts = dated.filter(pl.col(column).is_not_null() & ~pl.col(column).is_in(list(ON_PURPOSE)))
        assert texts[column].str.to_date("%Y-%m-%d").max() or not texts.height
        assert texts.filter(pl.col(column) > pl.col("last")).is_empty(), column


def test_no_day_lies_after_the_data_cut(demo: Path):
    assert read(demo)["patients"]["last_contact_date"].str.to_date().max() <= dt.date(2025, 6, 30)


def test_the_deliberate_slips_are_there_and_named_in_the_readme(demo: Path):
    results = read(demo)["results"]
    readme = (demo / "README.txt").read_text(encoding="utf-8")
    slips = results.filter(
        ((pl.col("analyte") == "ferritin") & (pl.col("unit") == "mg/24h"))
        | pl.col("value").str.starts_with("-")
        | (pl.col("date") == "2023-02-30")
    )
    assert slips.height == len(ON_PURPOSE)
    assert all(patient in readme for patient in slips["patient_id"])


def test_parquet_holds_the_same_rows_and_replaces_the_csv(demo: Path, tmp_path: Path):
    write_demo_registry(tmp_path, MANY, seed=1)
    write_demo_registry(tmp_path, MANY, seed=1, parquet=True)
    assert not list(tmp_path.glob("*.csv"))
    for name, frame in read(demo).items():
        assert pl.read_parquet(tmp_path / f"{name}.parquet").equals(frame, null_equal=True), name


def test_progress_is_told_after_every_patient(tmp_path: Path):
    told: list[tuple[int, int]] = []
    write_demo_registry(tmp_path, 3, progress=lambda done, asked: told.append((done, asked)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_registry_of_no_patients_is_refused(tmp_path: Path):
    with pytest.raises(WrongUsage, match="at least 1 patient"):
        write_demo_registry(tmp_path, 0)
