"""Uploads: a version is kept as a whole, or the one before stays in force."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import polars as pl
import pytest

from mspike.errors import UnreadableInput, WrongUsage
from mspike.read.folder import open_registry
from mspike.record.findings import Findings
from mspike.store import Store, registries, version_files
from mspike.store.faults import NoSuchRegistry, StaleVersion, StoreFull
from mspike.store.registries import Held


@pytest.fixture
def held(store: Store) -> Held:
    return store.registries.add("SYNTHETIC registry", by="local")


def files(store: Store) -> list[str]:
    return sorted(p.name for p in store.registries.folder.glob("*/*"))


def test_an_upload_comes_into_force_with_its_tables_its_files_and_its_findings(store, held, upload):
    findings = Findings()
    findings.note(severity="warning", table="results", problem="invented", found="x", expected="SYNTHETIC")
    kept = store.registries.add_version(held.id, upload, findings.frame(), based_on=None, by="ann")
    assert store.registries.current(held.id) == kept
    assert (kept.number, kept.patients, kept.findings) == (1, 2, {"error": 0, "warning": 1, "info": 0})
    tables = open_registry(kept.tables).tables
    assert tables["results"].frame.collect()["value"].to_list() == ["1.50", "2.50", "3.50"] * 2, "text as uploaded"
    assert (kept.folder / "uploaded" / "results.csv").read_bytes() == (upload / "results.csv").read_bytes()
    assert pl.read_parquet(kept.folder / "findings.parquet")["problem"].to_list() == ["invented"]
    assert store.registries.damage(kept) == []


def test_a_workbook_is_kept_too(store, held, tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "patients"
    sheet.append(["patient_id", "diagnosis_date"])
    sheet.append(["SYNTHETIC-1", "2020-01-05"])
    book.save(tmp_path / "registry.xlsx")
    kept = store.registries.add_version(
        held.id, tmp_path / "registry.xlsx", Findings().frame(), based_on=None, by="ann"
    )
    assert open_registry(kept.tables).tables["patients"].frame.collect()["patient_id"].to_list() == ["SYNTHETIC-1"]


def test_a_row_with_a_cell_too_many_is_still_one_in_the_kept_tables(store, held, upload, no_findings):
    with (upload / "results.csv").open("a") as file:
        file.write("SYNTHETIC-1,2021-04-01,serum_m,1,g/dL,one too many\n")
    kept = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")
    one, other = (open_registry(path).tables["results"].frame.drop("row").collect() for path in (upload, kept.tables))
    assert one.equals(other) and one["_one_column_too_many"].to_list()[-1] == "one too many"


def test_changed_missing_and_added_files_of_a_version_are_named(store, held, upload, no_findings):
    kept = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")
    (kept.folder / "uploaded" / "patients.csv").write_text("patient_id\nSYNTHETIC-9\n")
    (kept.tables / "results.parquet").unlink()
    (kept.tables / "mrd.parquet").write_text("")
    wrong = ["tables/mrd.parquet", "tables/results.parquet", "uploaded/patients.csv"]
    assert store.registries.damage(kept) == wrong
    (kept.folder / "manifest.json").write_text("{}")
    assert store.registries.damage(kept) == ["manifest.json"]


def test_an_earlier_version_can_be_put_in_force_again(store, held, upload, no_findings):
    first = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")
    store.registries.add_version(held.id, upload, no_findings, based_on=first.id, by="ann")
    store.registries.put_in_force(held.id, first.id, by="ann")
    assert store.registries.current(held.id) == first
    assert [kept.number for kept in store.registries.versions(held.id)] == [1, 2]


def test_a_version_of_another_registry_cannot_be_put_in_force(store, held, upload, no_findings):
    first = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")
    other = store.registries.add("SYNTHETIC other", by="local")
    with pytest.raises(NoSuchRegistry):
        store.registries.put_in_force(other.id, first.id, by="ann")


def test_of_two_curators_who_saw_the_same_version_the_second_is_told(store, held, upload, no_findings):
    first = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")
    with pytest.raises(StaleVersion) as caught:
        store.registries.add_version(held.id, upload, no_findings, based_on=None, by="bea")
    assert caught.value.current == first.id
    assert store.registries.current(held.id) == first and files(store) == [first.id]


@pytest.mark.parametrize("spoilt", ["no_patients", "damaged", "link"])
def test_a_bad_upload_leaves_the_version_before_in_force_and_no_file(store, held, upload, no_findings, spoilt):
    first = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")
    if spoilt == "no_patients":
        (upload / "patients.csv").unlink()
    elif spoilt == "damaged":
        (upload / "mrd.parquet").write_bytes(b"PAR1 SYNTHETIC")
    else:
        (upload / "events.csv").symlink_to("/etc/hostname")
    with pytest.raises(UnreadableInput):
        store.registries.add_version(held.id, upload, no_findings, based_on=first.id, by="ann")
    assert store.registries.current(held.id) == first and files(store) == [first.id]


@pytest.mark.parametrize("where", ["copy", "tables", "sync", "rename"])
def test_a_full_disk_leaves_the_version_before_in_force(store, held, upload, no_findings, monkeypatch, where):
    first = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "copy":
        monkeypatch.setattr(version_files.shutil, "copyfile", full)
    elif where == "tables":
        monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    elif where == "sync":
        monkeypatch.setattr(version_files, "sync_tree", full)
    else:
        monkeypatch.setattr(registries.os, "rename", full)
    with pytest.raises(
        StoreFull, match=r"the disk is full\. The upload was not kept; the version in force before still"
    ):
        store.registries.add_version(held.id, upload, no_findings, based_on=first.id, by="ann")
    assert store.registries.current(held.id) == first and files(store) == [first.id]


def test_a_full_database_is_told_and_changes_nothing(sqlite_place):
    """SQLite itself says here that it is full: it may not grow by another page."""
    with sqlite_place.open() as store:
        held = store.registries.add("SYNTHETIC", by="local")
        before = store.audit.head()
        with store.database.reading() as session:
            session.connection().exec_driver_sql("PRAGMA max_page_count = 1")  # never below what is used already
        with pytest.raises(StoreFull, match="Nothing was changed"):
            store.notes.add(held.id, "SYNTHETIC-1", "note", "x" * 19_000, by="ann")
        assert store.audit.head() == before and store.notes.of_patient(held.id, "SYNTHETIC-1") == []


def test_leftovers_are_cleared_when_the_store_is_opened_and_versions_are_not(place, upload, no_findings):
    with place.open() as store:
        held = store.registries.add("SYNTHETIC", by="local")
        kept = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")
        home = store.registries.folder / held.id
        (home / ".aside-1" / "tables").mkdir(parents=True)
        (home / ("0" * 32)).mkdir()
    with place.open() as store:
        assert files(store) == [kept.id] and store.registries.damage(kept) == []


def test_an_upload_under_way_is_no_leftover(store, held, monkeypatch, upload, no_findings):
    seen = []

    def look(*arguments: object) -> object:
        seen.append(store.registries.clear_leftovers())
        return write(*arguments)

    write = registries.write_version
    monkeypatch.setattr(registries, "write_version", look)
    kept = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")
    assert seen == [[]] and store.registries.damage(kept) == []


def test_what_is_kept_is_closed_to_other_users_of_the_machine(sqlite_place):
    with sqlite_place.open() as store:
        for path in (store.folder, store.folder / "store.sqlite", store.folder / "house.key"):
            assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path.name


def test_a_registry_needs_a_name_and_is_not_found_under_another_id(store):
    with pytest.raises(WrongUsage, match="expected 1 to 200"):
        store.registries.add("  ", by="local")
    with pytest.raises(NoSuchRegistry):
        store.registries.of("../../etc")


def test_the_registries_of_a_person_are_those_granted(store, held):
    store.registries.add("SYNTHETIC other", by="local")
    assert [registry.id for registry in store.registries.all([held.id])] == [held.id]
    assert store.registries.all([]) == [] and len(store.registries.all()) == 2


def test_a_new_registry_has_no_version(store, held, tmp_path: Path):
    assert store.registries.current(held.id) is None and store.registries.versions(held.id) == []
