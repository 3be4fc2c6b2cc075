"""Files that somebody typed are never written over, and files that are left out are named."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mspike.demo import write_demo_registry
from mspike.errors import WrongUsage
from mspike.read.folder import open_registry
from mspike.report.compare import write_changes


def typed(folder: Path, **tables: str) -> Path:
    folder.mkdir()
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def problems(folder: Path) -> set[str]:
    return set(open_registry(folder).findings.frame()["problem"])


def test_the_demonstration_does_not_write_over_a_typed_registry(tmp_path: Path) -> None:
    folder = typed(tmp_path / "mine", patients="patient_id\nP1\n")
    with pytest.raises(WrongUsage, match="Name another folder"):
        write_demo_registry(folder, 2)
    assert pl.read_csv(folder / "patients.csv")["patient_id"].to_list() == ["P1"]
    assert write_demo_registry(tmp_path / "demo", 2) == write_demo_registry(tmp_path / "demo", 2)


def test_compare_does_not_write_over_another_file(tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text("patient_id\nP1\n")
    with pytest.raises(WrongUsage, match="Name another file"):
        write_changes({"changes": []}, file)
    assert file.read_text() == "patient_id\nP1\n"


def test_a_table_under_another_name_is_pointed_out(tmp_path: Path) -> None:
    folder = typed(tmp_path / "r", patients="patient_id\nP1\n", result="patient_id,date\nP1,2024-01-01\n")
    assert "unknown_file" in problems(folder)


def test_a_registry_without_patients_is_pointed_out(tmp_path: Path) -> None:
    assert "no_patient" in problems(typed(tmp_path / "r", patients="patient_id\n"))


def test_excel_serial_numbers_do_not_make_a_day_registry(tmp_path: Path) -> None:
    folder = typed(
        tmp_path / "r", patients="patient_id\nP1\n", treatments="patient_id,start_date,role\nP1,45355,infusion\n"
    )
    assert open_registry(folder).calendar == "iso"
