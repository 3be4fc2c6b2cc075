"""Notes and adjudications: nobody overwrites what he has not seen, and nothing is lost."""

from __future__ import annotations

import threading

import pytest

from mspike.errors import WrongUsage
from mspike.store.adjudications import Visit
from mspike.store.faults import NoSuchRegistry, StaleWrite

PATIENT = "SYNTHETIC-1"


@pytest.fixture
def registry(store) -> str:
    return store.registries.add("SYNTHETIC", by="local").id


@pytest.fixture
def visit(store, registry, upload, no_findings) -> Visit:
    kept = store.registries.add_version(registry, upload, no_findings, based_on=None, by="ann")
    return Visit(registry, kept.id, PATIENT, 1, "2021-03-01")


def test_a_note_is_read_back_as_it_was_written(store, registry):
    text = "SYNTHETIC: <b>µ</b> ’ 漢字 \U0001f9ec\nsecond line"
    note = store.notes.add(registry, f" {PATIENT} ", "decision", text, by="ann")
    assert store.notes.of_patient(registry, PATIENT) == [note]
    assert (note.text, note.version, note.kind, note.who, note.patient) == (text, 1, "decision", "ann", PATIENT)


def test_of_two_writers_the_second_gets_both_texts(store, registry, caplog):
    note = store.notes.add(registry, PATIENT, "note", "first text", by="ann")
    store.notes.revise(registry, note.id, "of ann", seen=1, by="ann")
    with pytest.raises(StaleWrite) as caught:
        store.notes.revise(registry, note.id, "of bea", seen=1, by="bea")
    stale = caught.value
    assert (stale.version, stale.who, stale.current, stale.refused) == (2, "ann", "of ann", "of bea")
    assert "of bea" not in str(stale) and "of ann" not in str(stale), "a message may end in a log"
    store.notes.revise(registry, note.id, "of both", seen=stale.version, by="bea")
    assert [told.text for told in store.notes.history(registry, note.id)] == ["first text", "of ann", "of both"]


def test_of_many_writers_at_once_exactly_one_wins(store, registry):
    note = store.notes.add(registry, PATIENT, "note", "first text", by="ann")
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def write(name: str) -> None:
        together.wait()
        try:
            outcomes.append(store.notes.revise(registry, note.id, name, seen=1, by=name).text)
        except StaleWrite:
            outcomes.append("stale")

    threads = [threading.Thread(target=write, args=(f"writer{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[:3] == ["stale"] * 3
    assert store.notes.of_patient(registry, PATIENT)[0].text == sorted(outcomes)[3]
    assert store.audit.verify().whole


def test_a_withdrawn_note_says_so_and_keeps_its_texts(store, registry):
    note = store.notes.add(registry, PATIENT, "note", "SYNTHETIC", by="ann")
    store.notes.withdraw(registry, note.id, seen=1, by="bea")
    (told,) = store.notes.of_patient(registry, PATIENT)
    assert (told.withdrawn, told.version, told.text, told.who) == (True, 2, "SYNTHETIC", "bea")
    with pytest.raises(StaleWrite):
        store.notes.withdraw(registry, note.id, seen=1, by="ann")


def test_a_note_is_not_found_from_another_registry(store, registry):
    note = store.notes.add(registry, PATIENT, "note", "SYNTHETIC", by="ann")
    other = store.registries.add("SYNTHETIC other", by="local").id
    for deed in (
        lambda: store.notes.history(other, note.id),
        lambda: store.notes.revise(other, note.id, "x", seen=1, by="zoe"),
        lambda: store.notes.add("0" * 32, PATIENT, "note", "x", by="zoe"),
    ):
        with pytest.raises(NoSuchRegistry):
            deed()
    assert store.notes.of_patient(other, PATIENT) == []


@pytest.mark.parametrize("text", ["", " \n", "x" * 20_001])
def test_an_empty_or_overlong_note_is_refused(store, registry, text):
    with pytest.raises(WrongUsage, match="expected 1 to 20,000"):
        store.notes.add(registry, PATIENT, "note", text, by="ann")


def test_writing_is_told_in_the_log_without_the_text(store, registry):
    note = store.notes.add(registry, PATIENT, "note", "SYNTHETIC", by="ann")
    store.notes.revise(registry, note.id, "SYNTHETIC 2", seen=1, by="bea")
    told = [(e.who, e.verb, e.details.get("note")) for e in store.audit.entries(registry=registry, patient=PATIENT)]
    assert told == [("bea", "revise_note", note.id), ("ann", "add_note", note.id)]


def test_a_reviewers_category_stands_beside_the_derived_one(store, visit):
    judged = store.adjudications.add(visit, derived="PD", category="SD", reason="spurious rise", by="ann")
    assert (judged.derived, judged.category, judged.visit) == ("PD", "SD", visit)
    assert store.adjudications.standing(visit.registry, PATIENT) == [judged]


def test_unknown_stays_unknown_on_either_side(store, visit):
    judged = store.adjudications.add(visit, derived=None, category=None, reason="cannot be told", by="ann")
    (stands,) = store.adjudications.standing(visit.registry)
    assert stands == judged and stands.derived is None and stands.category is None


def test_the_last_judgement_of_each_reviewer_stands_and_all_stay_readable(store, visit):
    add = store.adjudications.add
    add(visit, derived="PD", category="SD", reason="first look", by="ann")
    add(visit, derived="PD", category="PD", reason="after imaging", by="bea")
    add(visit, derived="PD", category="PD", reason="second look", by="ann")
    assert {(j.who, j.category) for j in store.adjudications.standing(visit.registry)} == {("ann", "PD"), ("bea", "PD")}
    add(visit, derived="PD", category=None, reason="not my patient", by="bea", withdrawn=True)
    assert [j.who for j in store.adjudications.standing(visit.registry)] == ["ann"]
    assert [j.reason for j in store.adjudications.history(visit.registry, PATIENT)] == [
        "first look", "after imaging", "second look", "not my patient",
    ]  # fmt: skip


@pytest.mark.parametrize("change", [{"category": "progression"}, {"derived": "pd"}, {"reason": " "}])
def test_an_adjudication_needs_a_category_and_a_reason(store, visit, change):
    given = {"derived": "PD", "category": "SD", "reason": "SYNTHETIC", **change}
    with pytest.raises(WrongUsage, match="expected"):
        store.adjudications.add(visit, by="ann", **given)


def test_an_adjudication_is_of_a_version_of_that_registry(store, visit):
    other = store.registries.add("SYNTHETIC other", by="local").id
    with pytest.raises(NoSuchRegistry):
        store.adjudications.add(
            Visit(other, visit.version, PATIENT, 1, "x"), derived=None, category="SD", reason="x", by="ann"
        )
