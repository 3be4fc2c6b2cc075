"""A backup holds everything, proves itself, and comes back."""

from __future__ import annotations

import errno
import json
import threading

import pytest
from sqlalchemy import select

from mspike.errors import UnreadableInput, WrongUsage
from mspike.store import Store, backup
from mspike.store.adjudications import Visit
from mspike.store.backup import back_up, restore
from mspike.store.dump import dump_tables
from mspike.store.faults import StoreDamaged, StoreFull
from mspike.store.models import Base
from mspike.store.people import Role

PATIENT = "SYNTHETIC-1"


@pytest.fixture
def full(store, upload, no_findings) -> Store:
    """A store with something in every table."""
    store.people.add("ann", "SYNTHETIC words in a row", by="setup", admin=True)
    registry = store.registries.add("SYNTHETIC registry", by="ann").id
    store.people.grant("ann", registry, Role.curator, by="ann")
    first = store.registries.add_version(registry, upload, no_findings, based_on=None, by="ann")
    store.registries.add_version(registry, upload, no_findings, based_on=first.id, by="ann")
    note = store.notes.add(registry, PATIENT, "note", 'SYNTHETIC ’µ\n"quoted"', by="ann")
    store.notes.revise(registry, note.id, "SYNTHETIC 2", seen=1, by="ann")
    visit = Visit(registry, first.id, PATIENT, 1, "2021-03-01")
    store.adjudications.add(visit, derived=None, category="SD", reason="SYNTHETIC", by="ann")
    store.sessions.sign_in("ann", "SYNTHETIC words in a row", "192.0.2.1")
    return store


@pytest.fixture
def empty_url(place, request) -> str | None:
    return None if place.url is None else request.getfixturevalue("cluster").database()


def rows(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.database.reading() as session:
        tables = Base.metadata.sorted_tables
        return {t.name: [tuple(r) for r in session.execute(select(t).order_by(*t.primary_key.columns))] for t in tables}


def without(told: dict[str, list[tuple[object, ...]]], *tables: str) -> dict[str, list[tuple[object, ...]]]:
    return {name: found for name, found in told.items() if name not in tables}


def test_a_restored_backup_holds_everything_but_the_sessions(full, tmp_path, empty_url):
    made = back_up(full, tmp_path / "elsewhere", by="ann")
    before = rows(full)
    assert all(found for found in before.values()), "something in every table"
    with restore(made, tmp_path / "restored", empty_url) as restored:
        after = rows(restored)
        assert without(after, "sessions", "audit", "audit_head") == without(before, "sessions", "audit", "audit_head")
        assert after["sessions"] == [] and after["audit"][:-1] == before["audit"]
        assert [entry.verb for entry in restored.audit.entries(limit=2)] == ["restore", "back_up"]
        assert restored.audit.verify().whole and restored.audit.verify(full.audit.head()).whole
        (held,) = restored.registries.all()
        for kept, then in zip(restored.registries.versions(held.id), full.registries.versions(held.id), strict=True):
            assert restored.registries.damage(kept) == []
            for file in (path for path in then.folder.rglob("*") if path.is_file()):
                assert (kept.folder / file.relative_to(then.folder)).read_bytes() == file.read_bytes()
        assert restored.sessions.sign_in("ann", "SYNTHETIC words in a row", "192.0.2.1")


def test_a_backup_taken_while_others_write_is_of_one_moment(full, tmp_path, empty_url):
    (held,) = full.registries.all()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            full.notes.add(held.id, PATIENT, "note", "SYNTHETIC", by="ann")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = back_up(full)
    finally:
        stop.set()
        writer.join()
    with restore(made, tmp_path / "restored", empty_url) as restored:
        logged = [entry for entry in restored.audit.entries(limit=10_000) if entry.verb == "add_note"]
        assert len(logged) == len(restored.notes.of_patient(held.id, PATIENT))


def test_a_backup_in_the_data_folder_takes_no_second_room_for_the_versions(full):
    made = back_up(full)
    files = [path for path in (made / "registries").rglob("*") if path.is_file()]
    assert files and all(path.stat().st_nlink == 2 for path in files)
    assert made.parent == full.folder / "backups"


@pytest.mark.parametrize("spoilt", ["changed", "missing", "link", "outside"])
def test_a_damaged_backup_is_refused_before_anything_is_restored(full, tmp_path, empty_url, spoilt):
    made = back_up(full, tmp_path / "elsewhere")
    file = next(made.rglob("patients.parquet"))
    if spoilt == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    elif spoilt == "missing":
        file.unlink()
    elif spoilt == "link":
        file.rename(tmp_path / "moved")
        file.symlink_to(tmp_path / "moved")
    else:
        manifest = json.loads((made / "backup.json").read_text())
        (tmp_path / "outside").write_text("")
        manifest["files"]["../../outside"] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        (made / "backup.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreDamaged, match="not as written"):
        restore(made, tmp_path / "restored", empty_url)
    assert not (tmp_path / "restored").exists()


def test_a_backup_whose_log_was_forged_is_refused(full, tmp_path, empty_url, monkeypatch):
    if not full.database.sqlite:
        pytest.skip("the log of a copy is checked alike for both")
    from sqlalchemy import text

    with full.database.writing() as session:
        session.execute(text("DROP TRIGGER audit_no_update"))
        session.execute(text("UPDATE audit SET who = 'zoe' WHERE number = 3"))
    with pytest.raises(StoreDamaged, match="broken at row 3"):
        restore(back_up(full, tmp_path / "elsewhere"), tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_a_place_that_is_not_empty_is_left_as_it_is(full, tmp_path, empty_url):
    made = back_up(full, tmp_path / "elsewhere")
    (tmp_path / "restored").mkdir()
    (tmp_path / "restored" / "mine").write_text("SYNTHETIC")
    with pytest.raises(WrongUsage, match="not empty"):
        restore(made, tmp_path / "restored", empty_url)
    if empty_url is not None:
        with pytest.raises(WrongUsage, match="not empty"):
            restore(made, tmp_path / "other", full.database.engine.url.render_as_string())
    wrong_kind = "postgresql+pg8000://mspike@127.0.0.1/x" if empty_url is None else None
    with pytest.raises(WrongUsage, match="another kind"):
        restore(made, tmp_path / "other", wrong_kind)
    assert not (tmp_path / "other").exists() and (tmp_path / "restored" / "mine").read_text() == "SYNTHETIC"


def test_a_folder_that_is_no_backup_is_told(tmp_path):
    with pytest.raises(UnreadableInput, match="no backup here"):
        restore(tmp_path, tmp_path / "restored")


def test_a_full_disk_leaves_no_half_a_backup(full, tmp_path, monkeypatch):
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(backup, "copied", no_room)
    with pytest.raises(StoreFull, match="No backup was written"):
        back_up(full, tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_dump_of_a_database_names_every_version(full, tmp_path):
    (held,) = full.registries.all()
    told = dump_tables(full.database, tmp_path / "tables.jsonl")
    assert sorted(told) == sorted((held.id, kept.id) for kept in full.registries.versions(held.id))
