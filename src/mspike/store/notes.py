"""Notes and decisions on a patient. Every text that was kept stays readable; nobody overwrites what he has not seen."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from mspike.errors import WrongUsage
from mspike.store.audit import Audit
from mspike.store.database import Database
from mspike.store.faults import StaleWrite
from mspike.store.models import Note, NoteText, new_id
from mspike.store.people import no_registry
from mspike.store.registries import known_registry

Kind = Literal["note", "decision"]
MOST = 20_000  # characters


@dataclass(frozen=True)
class Told:
    """One text of a note. version: send it back with a revision."""

    id: str
    registry: str
    patient: str
    kind: Kind
    version: int
    text: str
    withdrawn: bool
    who: str
    at: dt.datetime


class Notes:
    """The notes of one store. Who may write is asked of `People.require` before."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def add(self, registry: str, patient: str, kind: Kind, text: str, *, by: str) -> Told:
        """Keeps a new note. Raises WrongUsage for an empty or overlong text, NoSuchRegistry for no such registry."""
        text = _text(text)
        if kind not in get_args(Kind):
            raise WrongUsage(f"kind {kind!r}: expected {' or '.join(get_args(Kind))}.")
        with self._database.writing() as session:
            known_registry(session, registry)
            note = Note(id=new_id(), registry_id=registry, patient_id=patient.strip(), kind=kind, version=0)
            session.add(note)
            session.flush()
            self._audit.append(
                session, by, "add_note", registry=registry, patient=note.patient_id, note=note.id, kind=kind
            )
            return self._next(session, note, text, by, withdrawn=False)

    def revise(self, registry: str, note: str, text: str, *, seen: int, by: str) -> Told:
        """Keeps a new text of a note. seen: the version that was read before writing.

        Raises StaleWrite where somebody wrote since: it holds both texts.
        """
        text = _text(text)
        with self._database.writing() as session:
            found = self._unchanged(session, registry, note, seen, text)
            self._append(session, by, "revise_note", found)
            return self._next(session, found, text, by, withdrawn=False)

    def withdraw(self, registry: str, note: str, *, seen: int, by: str) -> Told:
        """Takes a note back: it stands as withdrawn, its texts stay. Raises StaleWrite as `revise` does."""
        with self._database.writing() as session:
            found = self._unchanged(session, registry, note, seen, "")
            self._append(session, by, "withdraw_note", found)
            return self._next(session, found, _standing(session, found).text, by, withdrawn=True)

    def of_patient(self, registry: str, patient: str) -> list[Told]:
        """What stands on this patient, oldest first, withdrawn notes too (they say so)."""
        stands = and_(NoteText.note_id == Note.id, NoteText.version == Note.version)
        asked = select(Note, NoteText).join(NoteText, stands)
        asked = asked.where(Note.registry_id == registry, Note.patient_id == patient.strip())
        with self._database.reading() as session:
            told = [_told(note, text) for note, text in session.execute(asked)]
        return sorted(told, key=lambda note: (note.at, note.id))

    def history(self, registry: str, note: str) -> list[Told]:
        """Every text of a note, oldest first."""
        with self._database.reading() as session:
            found = _note(session, registry, note)
            texts = session.scalars(select(NoteText).where(NoteText.note_id == note).order_by(NoteText.version))
            return [_told(found, text) for text in texts]

    def _unchanged(self, session: Session, registry: str, note: str, seen: int, refused: str) -> Note:
        found = _note(session, registry, note)
        if found.version == seen:
            return found
        stands = _standing(session, found)
        raise StaleWrite(
            f"{stands.who} wrote version {stands.version} of this note while you had version {seen} before you. "
            "Nothing was overwritten and your text is not lost: compare the two, then keep yours again.",
            version=stands.version, who=stands.who, at=stands.at, current=stands.text, refused=refused,
        )  # fmt: skip

    def _append(self, session: Session, by: str, verb: str, note: Note) -> None:
        where = {"registry": note.registry_id, "patient": note.patient_id}
        self._audit.append(session, by, verb, **where, note=note.id, number=note.version + 1)

    def _next(self, session: Session, note: Note, text: str, by: str, *, withdrawn: bool) -> Told:
        note.version += 1
        kept = NoteText(
            note_id=note.id, version=note.version, text=text, withdrawn=withdrawn, who=by, at=self._database.now()
        )
        session.add(kept)
        session.flush()
        return _told(note, kept)


def _text(given: str) -> str:
    text = given.strip().replace("\x00", "")  # PostgreSQL holds no NUL
    if not 0 < len(text) <= MOST:
        raise WrongUsage(
            f"note: {len(text):,} characters found; expected 1 to {MOST:,}. Shorten it or write two notes."
        )
    return text


def _note(session: Session, registry: str, note: str) -> Note:
    found = session.get(Note, note)
    # Of another registry or of none: one answer, so that nobody learns of a registry by guessing.
    if found is None or found.registry_id != registry:
        raise no_registry()
    return found


def _standing(session: Session, note: Note) -> NoteText:
    return session.get_one(NoteText, (note.id, note.version))


def _told(note: Note, text: NoteText) -> Told:
    kind: Kind = "decision" if note.kind == "decision" else "note"
    return Told(
        note.id, note.registry_id, note.patient_id, kind, text.version, text.text, text.withdrawn, text.who, text.at
    )
