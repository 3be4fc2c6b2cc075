"""The audit log: whole, or it says where it is not."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mspike.errors import UnreadableInput
from mspike.store.adjudications import Visit
from mspike.store.faults import StoreDamaged
from mspike.store.house_key import HouseKey
from mspike.store.models import APPEND_ONLY

PATIENT = "SYNTHETIC-4711"


@pytest.fixture
def filled(store):
    """A log of ten rows: the opening, and nine looks at a patient."""
    for _ in range(9):
        store.audit.record("ann", "see", registry="r", patient=PATIENT, page="patient")
    return store


def forge(store, *statements: str) -> None:
    """What somebody does who owns the database: the triggers go first."""
    with store.database.writing() as session:
        if store.database.sqlite:
            for deed in ("update", "delete"):
                session.execute(text(f"DROP TRIGGER IF EXISTS audit_no_{deed}"))
        else:
            session.execute(text("DROP TRIGGER IF EXISTS audit_no_change ON audit"))
        for statement in statements:
            session.execute(text(statement))


def test_a_log_that_nobody_touched_is_whole(filled):
    verdict = filled.audit.verify()
    assert verdict.whole and verdict.rows == 10 and filled.audit.head().number == 10


@pytest.mark.parametrize(
    "statement, broken, why",
    [
        ("UPDATE audit SET who = 'zoe' WHERE number = 4", 4, "changed after it was written"),
        ("UPDATE audit SET details = '{}' WHERE number = 4", 4, "changed after it was written"),
        ("UPDATE audit SET previous = own WHERE number = 4", 4, "does not follow"),
        ("DELETE FROM audit WHERE number = 4", 4, "rows are missing"),
        ("DELETE FROM audit WHERE number = 1", 1, "rows are missing"),
        ("DELETE FROM audit WHERE number > 7", 8, "ends at 7; its signed head names 10"),
        ("DELETE FROM audit", 1, "ends at 0; its signed head names 10"),
        ("DELETE FROM audit_head", 11, "head is gone"),
        ("UPDATE audit_head SET number = 9", 11, "not signed"),
    ],
)
def test_the_first_broken_row_is_found(filled, statement, broken, why):
    forge(filled, statement)
    verdict = filled.audit.verify()
    assert not verdict.whole and verdict.broken == broken and why in verdict.why


def test_a_tail_cut_off_with_a_head_to_fit_is_not_signed(filled):
    cut = "DELETE FROM audit WHERE number > 7"
    forge(filled, cut, "UPDATE audit_head SET number = 7, own = (SELECT own FROM audit WHERE number = 7)")
    assert "not signed with the key" in filled.audit.verify().why


def test_an_old_head_put_back_is_found_by_the_one_noted_outside(filled):
    with filled.database.reading() as session:
        old = session.execute(text("SELECT number, own, signature FROM audit_head")).one()
    filled.audit.record("ann", "see", registry="r", patient=PATIENT, page="patient")
    noted = filled.audit.head()
    back = f"UPDATE audit_head SET number = {old.number}, own = '{old.own}', signature = '{old.signature}'"
    forge(filled, "DELETE FROM audit WHERE number = 11", back)
    assert filled.audit.verify().whole, "from inside it cannot be told"
    assert "11 was noted outside" in filled.audit.verify(noted).why


def test_nothing_is_kept_where_the_head_is_gone(filled):
    forge(filled, "DELETE FROM audit_head")
    with pytest.raises(StoreDamaged, match="head of the audit log is gone"):
        filled.registries.add("SYNTHETIC", by="ann")
    assert filled.registries.all() == []


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("deed", ["UPDATE {} SET who = 'zoe'", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_what_is_append_only(store, upload, no_findings, table, deed):
    held = store.registries.add("SYNTHETIC", by="ann")
    kept = store.registries.add_version(held.id, upload, no_findings, based_on=None, by="ann")
    store.notes.add(held.id, PATIENT, "note", "SYNTHETIC", by="ann")
    visit = Visit(held.id, kept.id, PATIENT, 1, "2021-03-01")
    store.adjudications.add(visit, derived="PD", category="SD", reason="SYNTHETIC", by="ann")
    with pytest.raises(DBAPIError, match="append-only"), store.database.writing() as session:
        session.execute(text(deed.format(table)))
    assert store.audit.verify().whole


def test_postgresql_refuses_to_empty_the_log(store):
    if store.database.sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(DBAPIError, match="append-only"), store.database.writing() as session:
        session.execute(text("TRUNCATE audit"))


def test_the_log_holds_no_patient_and_yet_tells_who_saw_one(filled):
    filled.audit.record("bea", "see", registry="r", patient="SYNTHETIC-1", page="patient")
    with filled.database.reading() as session:
        told = str(session.execute(text("SELECT * FROM audit")).all())
    assert "SYNTHETIC" not in told
    assert [entry.who for entry in filled.audit.entries(registry="r", patient="SYNTHETIC-1")] == ["bea"]
    assert len(filled.audit.entries(registry="r", patient=f" {PATIENT} ")) == 9


def test_one_patient_id_in_two_registries_has_two_marks(filled):
    key = filled.key
    assert key.patient("r", PATIENT) != key.patient("s", PATIENT)
    assert key.patient("ab", "c") != key.patient("a", "bc")


def test_entries_come_newest_first_and_page_by_page(filled):
    first = filled.audit.entries(limit=4)
    assert [entry.number for entry in first] == [10, 9, 8, 7]
    assert [entry.number for entry in filled.audit.entries(before=7, limit=4)] == [6, 5, 4, 3]
    assert filled.audit.entries()[-1].verb == "open_house"


@pytest.mark.parametrize(
    "verb, details",
    [("invented", {}), ("see", {"value": 3}), ("see", {"page": "M-protein 2.8 g/dL"}), ("see", {"page": "x" * 65})],
)
def test_a_detail_that_could_hold_a_value_is_refused(filled, verb, details):
    with pytest.raises(ValueError, match="audit"):
        filled.audit.record("ann", verb, **details)
    assert filled.audit.verify().rows == 10


def test_a_store_whose_key_is_gone_is_refused_and_one_with_another_key_is_found(place):
    with place.open() as store:
        file = store.folder / "house.key"
    file.unlink()
    with pytest.raises(UnreadableInput, match="key of this house is gone"):
        place.open()
    HouseKey.of(place.folder)
    with place.open() as store:
        assert "not signed with the key of this house" in store.audit.verify().why


def test_a_damaged_key_is_told(place):
    place.open().close()
    (place.folder / "house.key").write_text("SYNTHETIC")
    with pytest.raises(UnreadableInput, match="64 hexadecimal digits"):
        place.open()


def test_a_deed_that_fails_leaves_no_row(filled, monkeypatch):
    with pytest.raises(RuntimeError), filled.database.writing() as session:
        filled.audit.append(session, "ann", "see", page="patient")
        raise RuntimeError
    assert filled.audit.verify().rows == 10
