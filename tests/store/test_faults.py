"""Killed, stopped and started again: what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from mspike.errors import WrongUsage
from mspike.store import Store
from mspike.store.faults import StoreAway, StoreDamaged

SCRIPT = Path(__file__).with_name("writing_and_killed.py")


@pytest.fixture
def begun(place, upload, no_findings):
    """A store with one version and one note, closed; its registry."""
    with place.open() as store:
        registry = store.registries.add("SYNTHETIC", by="local").id
        store.registries.add_version(registry, upload, no_findings, based_on=None, by="ann")
        store.notes.add(registry, "SYNTHETIC-1", "note", "before", by="ann")
    return registry


def killed(place, registry: str, upload: Path, moment: str) -> None:
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), moment, registry, str(upload), *place.arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert ran.stdout == "", "nothing was acknowledged"


@pytest.mark.parametrize(
    "moment, kept",
    [
        ("while files are written", 1),
        ("before the folder is moved", 1),
        ("before the commit", 1),
        ("after the commit", 2),
    ],
)
def test_an_upload_that_is_killed_is_there_as_a_whole_or_not_at_all(place, begun, upload, moment, kept):
    killed(place, begun, upload, moment)
    with place.open() as store:
        versions = store.registries.versions(begun)
        assert len(versions) == kept and store.registries.current(begun) == versions[-1]
        assert [store.registries.damage(version) for version in versions] == [[]] * kept
        assert sorted(p.name for p in (store.registries.folder / begun).iterdir()) == sorted(v.id for v in versions)
        assert store.audit.verify().whole


@pytest.mark.parametrize("moment, kept", [("note, before the commit", 1), ("note, after the commit", 2)])
def test_a_note_that_is_killed_is_there_with_its_log_or_not_at_all(place, begun, upload, moment, kept):
    killed(place, begun, upload, moment)
    with place.open() as store:
        assert len(store.notes.of_patient(begun, "SYNTHETIC-1")) == kept
        logged = [entry for entry in store.audit.entries(registry=begun) if entry.verb == "add_note"]
        assert len(logged) == kept and store.audit.verify().whole


def test_whatever_was_acknowledged_before_a_kill_at_any_moment_is_there(place, begun, upload):
    command = [sys.executable, str(SCRIPT), "any", begun, str(upload), *place.arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(20)]
        process.kill()
        told += process.stdout.readlines()
    acknowledged = {line.strip() for line in told if line.endswith("\n")}
    with place.open() as store:
        there = {note.id for note in store.notes.of_patient(begun, "SYNTHETIC-1")}
        assert len(acknowledged) >= 20 and acknowledged <= there
        assert store.audit.verify().whole


def test_a_database_that_is_gone_is_told_once_and_used_again_when_it_is_back(cluster, tmp_path):
    with Store.open(cluster.database(), tmp_path / "data") as store:
        registry = store.registries.add("SYNTHETIC", by="local").id
        store.notes.add(registry, "SYNTHETIC-1", "note", "before", by="ann")
        cluster.stop()
        try:
            for deed in (
                lambda: store.notes.of_patient(registry, "SYNTHETIC-1"),
                lambda: store.notes.add(registry, "SYNTHETIC-1", "note", "meanwhile", by="ann"),
                lambda: Store.open(store.database.engine.url.render_as_string(), store.folder),
            ):
                with pytest.raises(StoreAway, match="does not answer") as caught:
                    deed()
                assert "meanwhile" not in str(caught.value) and caught.value.__cause__ is None
        finally:
            cluster.start()
        store.notes.add(registry, "SYNTHETIC-1", "note", "after", by="ann")
        assert [note.text for note in store.notes.of_patient(registry, "SYNTHETIC-1")] == ["before", "after"]
        assert store.audit.verify().whole


def test_a_database_that_goes_in_the_middle_of_a_deed_keeps_nothing_of_it(cluster, tmp_path):
    with Store.open(cluster.database(), tmp_path / "data") as store:
        registry = store.registries.add("SYNTHETIC", by="local").id
        try:
            with pytest.raises(StoreAway), store.database.writing() as session:
                store.audit.append(session, "ann", "see", registry=registry, page="patient")
                cluster.stop()
        finally:
            cluster.start()
        assert [entry.verb for entry in store.audit.entries(registry=registry)] == ["add_registry"]
        assert store.audit.verify().whole


def test_a_database_that_stays_silent_is_told_and_used_again(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("mspike.store.database.ANSWER_SECONDS", 2)
    with Store.open(cluster.database(), tmp_path / "data") as store:
        with pytest.raises(StoreAway, match="does not answer"), store.database.reading() as session:
            session.execute(text("SELECT pg_sleep(4)"))
        assert store.audit.verify().whole


def test_a_writer_that_waits_too_long_is_told_that_the_store_is_busy(place, monkeypatch):
    monkeypatch.setattr("mspike.store.database.BUSY_SECONDS", 1)
    with place.open() as store:
        inside, done = threading.Event(), threading.Event()

        def hold() -> None:
            with store.database.writing():
                inside.set()
                done.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        inside.wait(30)
        start = time.monotonic()
        try:
            with pytest.raises(StoreAway, match="busy"):
                store.registries.add("SYNTHETIC", by="local")
        finally:
            done.set()
            holder.join()
        assert time.monotonic() - start < 8
        assert store.registries.all() == []


def test_a_folder_that_is_gone_is_told(sqlite_place):
    with sqlite_place.open() as store:
        store.database.engine.dispose()
        (store.folder / "store.sqlite").unlink()
        store.folder.rename(store.folder.with_name("moved"))
        with pytest.raises(StoreAway, match="does not answer"):
            store.registries.all()


def test_a_file_that_is_no_database_is_told(sqlite_place):
    sqlite_place.folder.mkdir()
    (sqlite_place.folder / "store.sqlite").write_bytes(b"SYNTHETIC " * 1_000)
    with pytest.raises(StoreDamaged, match="Restore a backup"):
        sqlite_place.open()


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/d", "postgresql://u:secret@h/d", "nonsense://", "postgresql+x://s"]
)
def test_another_kind_of_database_is_refused_without_telling_a_password(tmp_path, url):
    with pytest.raises(WrongUsage, match=r"postgresql\+pg8000") as caught:
        Store.open(url, tmp_path / "data")
    assert "secret" not in str(caught.value)


def test_a_url_needs_a_folder_beside_it_and_a_folder_no_second(tmp_path):
    with pytest.raises(WrongUsage, match="no data folder"):
        Store.open("postgresql+pg8000://mspike@127.0.0.1/x")
    with pytest.raises(WrongUsage, match="Two folders"):
        Store.open(tmp_path, tmp_path)
