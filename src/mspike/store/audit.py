"""The audit log: who saw and changed what. Rows are only ever added, and each holds the hash of the one before."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mspike.store.database import Database
from mspike.store.faults import StoreDamaged
from mspike.store.house_key import HouseKey
from mspike.store.models import AuditHead, AuditRow, utc_text

FIRST = "0" * 64
PAGE = 500
Detail = str | int | bool

# What may be told of each deed: counts, ids and words of our own. A value of a patient has no place to stand in.
VERBS: dict[str, tuple[str, ...]] = {
    "open_house": (),
    "add_user": ("user", "admin"),
    "set_password": ("user",),
    "disable_user": ("user",),
    "enable_user": ("user",),
    "grant": ("user", "role"),
    "revoke": ("user",),
    "sign_in": ("address",),
    "sign_in_failed": ("address", "name"),
    "sign_out": (),
    "add_registry": (),
    "add_version": ("version", "number", "patients"),
    "set_current": ("version", "number"),
    "see": ("page", "version"),
    "export": ("page", "version", "form"),
    "add_note": ("note", "kind"),
    "revise_note": ("note", "number"),
    "withdraw_note": ("note", "number"),
    "adjudicate": ("version", "withdrawn"),
    "back_up": ("backup",),
    "restore": ("backup",),
}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class Entry:
    """One row of the log as it is shown."""

    number: int
    at: dt.datetime
    who: str
    verb: str
    registry: str | None
    patient_mark: str | None
    details: dict[str, Detail]


@dataclass(frozen=True)
class Head:
    """The end of the log at one time. Noted outside the house, it proves later that nothing before it was changed."""

    number: int
    own: str


@dataclass(frozen=True)
class Verdict:
    """Is the log whole? broken: the first row that is not what it was (None: none); why: a sentence."""

    rows: int
    broken: int | None
    why: str

    @property
    def whole(self) -> bool:
        return self.broken is None


class Audit:
    """The log of one store."""

    def __init__(self, database: Database, key: HouseKey) -> None:
        self._database, self._key = database, key

    def begin(self) -> None:
        """Signs the empty log. Does nothing where the log has begun."""
        with self._database.writing() as session:
            if session.get(AuditHead, 1) is None and not session.scalar(select(func.count(AuditRow.number))):
                session.add(AuditHead(id=1, number=0, own=FIRST, signature=self._signature(0, FIRST)))
                session.flush()
                self.append(session, "house", "open_house")

    def append(
        self,
        session: Session,
        who: str,
        verb: str,
        *,
        registry: str | None = None,
        patient: str | None = None,
        **details: Detail,
    ) -> int:
        """Adds a row in the transaction of the deed it tells of: both are kept, or neither. Returns its number.

        who      name of the user; "local" where there are no accounts
        patient  id of the patient; only its keyed hash is kept
        details  names as declared in VERBS; numbers, ids and single words

        Raises ValueError for any other detail (a bug, never a user's mistake), StoreDamaged where the head is gone.
        """
        _refuse_values(verb, details)
        head = session.get(AuditHead, 1)
        if head is None:
            raise StoreDamaged("The head of the audit log is gone. Nothing is kept without a log: restore a backup.")
        mark = None if patient is None else self._key.patient(registry or "", patient)
        row = AuditRow(
            number=head.number + 1, at=self._database.now(), who=who, verb=verb, registry_id=registry,
            patient_mark=mark, details=_canonical(details), previous=head.own, own="",
        )  # fmt: skip
        row.own = _hash(row)
        session.add(row)
        head.number, head.own, head.signature = row.number, row.own, self._signature(row.number, row.own)
        session.flush()
        return row.number

    def record(
        self, who: str, verb: str, *, registry: str | None = None, patient: str | None = None, **details: Detail
    ) -> int:
        """Adds a row about something that changed nothing, as looking at a page. Arguments as in `append`."""
        with self._database.writing() as session:
            return self.append(session, who, verb, registry=registry, patient=patient, **details)

    def entries(
        self,
        *,
        registry: str | None = None,
        patient: str | None = None,
        before: int | None = None,
        limit: int = PAGE,
    ) -> list[Entry]:
        """The last rows, newest first: of all, of a registry, or of one patient of it."""
        asked = select(AuditRow).order_by(AuditRow.number.desc()).limit(limit)
        if registry is not None:
            asked = asked.where(AuditRow.registry_id == registry)
        if patient is not None:
            asked = asked.where(AuditRow.patient_mark == self._key.patient(registry or "", patient))
        if before is not None:
            asked = asked.where(AuditRow.number < before)
        with self._database.reading() as session:
            return [_entry(row) for row in session.scalars(asked)]

    def head(self) -> Head:
        """Where the log ends now."""
        with self._database.reading() as session:
            head = session.get(AuditHead, 1)
            return Head(0, FIRST) if head is None else Head(head.number, head.own)

    def verify(self, noted: Head | None = None) -> Verdict:
        """Is every row what it was when it was written, and is none missing?

        noted  an earlier head that was kept outside: it must still be a link of the chain

        1. Row by row: numbers without a gap, the hash of the row before, the row's own hash.
        2. The last row is the one that the signed head names: else rows were cut off the end.
        3. The head's signature is ours.
        """
        previous, number = FIRST, 0
        with self._database.reading() as session:
            for row in session.scalars(select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=PAGE)):
                why = _break(row, number, previous)
                if why:
                    return Verdict(number, number + 1, why)
                previous, number = row.own, row.number
                if noted is not None and noted.number == number and noted.own != row.own:
                    return Verdict(number, number, "it is not the row that was noted outside")
            return self._ending(session.get(AuditHead, 1), number, previous, noted)

    def _ending(self, head: AuditHead | None, number: int, own: str, noted: Head | None) -> Verdict:
        if head is None:
            return Verdict(number, number + 1, "the signed head is gone")
        if not hmac.compare_digest(head.signature, self._signature(head.number, head.own)):
            return Verdict(number, number + 1, "the head is not signed with the key of this house")
        if (head.number, head.own) != (number, own):
            return Verdict(number, number + 1, f"the log ends at {number}; its signed head names {head.number}")
        if noted is not None and noted.number > number:
            return Verdict(number, number + 1, f"the log ends at {number}; {noted.number} was noted outside")
        return Verdict(number, None, f"{number} rows, each as it was written")

    def _signature(self, number: int, own: str) -> str:
        return self._key.mark("audit head", str(number), own)


def _refuse_values(verb: str, details: dict[str, Detail]) -> None:
    if verb not in VERBS:
        raise ValueError(f"audit: no verb {verb!r}; declare it in VERBS")
    for name, value in details.items():
        if name not in VERBS[verb]:
            raise ValueError(f"audit {verb}: detail {name!r} is not declared in VERBS")
        if isinstance(value, str) and not _WORD.fullmatch(value):
            raise ValueError(f"audit {verb}: {name} is no single word or id; the log holds no free text")


def _canonical(details: dict[str, Detail]) -> str:
    return json.dumps(details, sort_keys=True, separators=(",", ":"))


def _hash(row: AuditRow) -> str:
    told = [row.number, utc_text(row.at), row.who, row.verb, row.registry_id, row.patient_mark, row.details]
    return hashlib.sha256(json.dumps([*told, row.previous], separators=(",", ":")).encode()).hexdigest()


def _break(row: AuditRow, number: int, previous: str) -> str:
    if row.number != number + 1:
        return f"after row {number} comes row {row.number}: rows are missing"
    if row.previous != previous:
        return "it does not follow the row before it"
    return "" if row.own == _hash(row) else "it was changed after it was written"


def _entry(row: AuditRow) -> Entry:
    details = json.loads(row.details)
    return Entry(row.number, row.at, row.who, row.verb, row.registry_id, row.patient_mark, details)
