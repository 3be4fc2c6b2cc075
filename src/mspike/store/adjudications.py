"""Adjudication: a reviewer's own category stands beside the derived one, and neither overwrites the other."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select

from mspike.errors import WrongUsage
from mspike.record.tables import CATEGORIES
from mspike.store.audit import Audit
from mspike.store.database import Database
from mspike.store.models import Adjudication, Version
from mspike.store.people import no_registry

MOST = 4_000  # characters of a reason


@dataclass(frozen=True)
class Visit:
    """What is judged: one visit of one line. day: ISO date, or the day as text where the registry counts days."""

    registry: str
    version: str
    patient: str
    line: int
    day: str


@dataclass(frozen=True)
class Judged:
    """One judgement as it was given. derived, category: None is unknown, and is told so.

    number  in the order in which they were given; also its row in the audit log
    """

    number: int
    visit: Visit
    derived: str | None
    category: str | None
    withdrawn: bool
    reason: str
    who: str
    at: dt.datetime


class Adjudications:
    """The judgements of one store. They are only ever added: changing one's mind is one more row."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def add(
        self,
        visit: Visit,
        *,
        derived: str | None,
        category: str | None,
        reason: str,
        by: str,
        withdrawn: bool = False,
    ) -> Judged:
        """Keeps a judgement.

        derived    what the rules gave at that visit, in that version of the data, when the reviewer saw it
        category   the reviewer's own: one of sCR ... NE, or None where the reviewer cannot tell
        withdrawn  the reviewer takes the judgement on this visit back

        Raises WrongUsage for another category or no reason, NoSuchRegistry for a version that is not the registry's.
        """
        reason = _checked(derived, category, reason)
        with self._database.writing() as session:
            version = session.get(Version, visit.version)
            if version is None or version.registry_id != visit.registry:
                raise no_registry()
            number = self._audit.append(
                session, by, "adjudicate", registry=visit.registry, patient=visit.patient, version=visit.version,
                withdrawn=withdrawn,
            )  # fmt: skip
            row = Adjudication(
                number=number, registry_id=visit.registry, version_id=visit.version, patient_id=visit.patient.strip(),
                line=visit.line, visit=visit.day, derived=derived, category=category, withdrawn=withdrawn,
                reason=reason, who=by, at=self._database.now(),
            )  # fmt: skip
            session.add(row)
            session.flush()
            return _judged(row)

    def history(self, registry: str, patient: str | None = None) -> list[Judged]:
        """Every judgement on this patient, or in this registry, in the order given."""
        asked = select(Adjudication).where(Adjudication.registry_id == registry).order_by(Adjudication.number)
        if patient is not None:
            asked = asked.where(Adjudication.patient_id == patient.strip())
        with self._database.reading() as session:
            return [_judged(row) for row in session.scalars(asked)]

    def standing(self, registry: str, patient: str | None = None) -> list[Judged]:
        """The last judgement of each reviewer on each visit, unless withdrawn. Two reviewers may disagree."""
        last = {(j.visit.patient, j.visit.line, j.visit.day, j.who): j for j in self.history(registry, patient)}
        return [judged for judged in last.values() if not judged.withdrawn]


def _checked(derived: str | None, category: str | None, given: str) -> str:
    for name, value in (("derived", derived), ("category", category)):
        if value is not None and value not in CATEGORIES:
            raise WrongUsage(f"{name} {value!r}: expected one of {', '.join(CATEGORIES)}, or none for unknown.")
    reason = given.strip().replace("\x00", "")
    if not 0 < len(reason) <= MOST:
        raise WrongUsage(f"reason: {len(reason):,} characters found; expected 1 to {MOST:,}. Say why in a sentence.")
    return reason


def _judged(row: Adjudication) -> Judged:
    visit = Visit(row.registry_id, row.version_id, row.patient_id, row.line, row.visit)
    return Judged(row.number, visit, row.derived, row.category, row.withdrawn, row.reason, row.who, row.at)
