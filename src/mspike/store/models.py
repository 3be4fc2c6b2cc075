"""The tables of the store. Migrations make them; a test says that both agree."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

ID, HASH, NAME, PATIENT = 32, 64, 64, 200

# Rows of these are written once. Triggers in the database refuse to change or remove them.
APPEND_ONLY = ("audit", "note_texts", "adjudications")


class Utc(TypeDecorator[dt.datetime]):
    """A moment in UTC, kept as text of one width: it sorts and hashes alike in SQLite and PostgreSQL."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else utc_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        return None if value is None else utc_of(value)


def utc_text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def utc_of(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)


def new_id() -> str:
    """A random name: it tells nobody how many others there are, and is safe as a folder's name."""
    return secrets.token_hex(ID // 2)


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {dt.datetime: Utc()}
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class User(Base):
    """Somebody with an account. Never removed, so that what they signed keeps its name."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(ID), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(NAME), unique=True)
    password: Mapped[str] = mapped_column(String(255))
    admin: Mapped[bool]
    disabled: Mapped[bool]
    made_at: Mapped[dt.datetime]


class Registry(Base):
    """A registry by its random id; the name is for people to read."""

    __tablename__ = "registries"
    id: Mapped[str] = mapped_column(String(ID), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(PATIENT))
    made_at: Mapped[dt.datetime]
    made_by: Mapped[str] = mapped_column(String(NAME))


class Version(Base):
    """One upload that was kept. Its files stand in a folder of the same id and never change."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("registry_id", "number"),)
    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    registry_id: Mapped[str] = mapped_column(ForeignKey("registries.id"))
    number: Mapped[int]
    made_at: Mapped[dt.datetime]
    made_by: Mapped[str] = mapped_column(String(NAME))
    patients: Mapped[int]
    findings: Mapped[str] = mapped_column(Text)
    manifest_hash: Mapped[str] = mapped_column(String(HASH))


class Current(Base):
    """Which version of a registry is in force. No row: none was ever kept."""

    __tablename__ = "currents"
    registry_id: Mapped[str] = mapped_column(ForeignKey("registries.id"), primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"))


class Grant(Base):
    """What a person may do in one registry."""

    __tablename__ = "grants"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    registry_id: Mapped[str] = mapped_column(ForeignKey("registries.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))


class SignedIn(Base):
    """A session. Only the hash of its token is kept: whoever reads the table can use none."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(HASH), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    made_at: Mapped[dt.datetime]
    seen_at: Mapped[dt.datetime]


class Throttle(Base):
    """Failed attempts by a name or an address, each kept as a keyed hash: the name may not exist."""

    __tablename__ = "throttles"
    mark: Mapped[str] = mapped_column(String(HASH), primary_key=True)
    failures: Mapped[int]
    since: Mapped[dt.datetime]
    locked_until: Mapped[dt.datetime | None]


class Note(Base):
    """A note or a decision on a patient; `version` says which of its texts stands."""

    __tablename__ = "notes"
    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    registry_id: Mapped[str] = mapped_column(ForeignKey("registries.id"), index=True)
    patient_id: Mapped[str] = mapped_column(String(PATIENT))
    kind: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]


class NoteText(Base):
    """One text of a note, as it was written."""

    __tablename__ = "note_texts"
    note_id: Mapped[str] = mapped_column(ForeignKey("notes.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    withdrawn: Mapped[bool]
    who: Mapped[str] = mapped_column(String(NAME))
    at: Mapped[dt.datetime]


class Adjudication(Base):
    """A reviewer's own category beside the derived one. `number` is that of its row in the audit log."""

    __tablename__ = "adjudications"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    registry_id: Mapped[str] = mapped_column(ForeignKey("registries.id"), index=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"))
    patient_id: Mapped[str] = mapped_column(String(PATIENT))
    line: Mapped[int]
    visit: Mapped[str] = mapped_column(String(32))
    derived: Mapped[str | None] = mapped_column(String(8))
    category: Mapped[str | None] = mapped_column(String(8))
    withdrawn: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(NAME))
    at: Mapped[dt.datetime]


class AuditRow(Base):
    """One link of the audit log's chain. The registry is no foreign key: the log outlives what it tells of."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[dt.datetime]
    who: Mapped[str] = mapped_column(String(NAME))
    verb: Mapped[str] = mapped_column(String(32))
    registry_id: Mapped[str | None] = mapped_column(String(ID))
    patient_mark: Mapped[str | None] = mapped_column(String(HASH), index=True)
    details: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(HASH))
    own: Mapped[str] = mapped_column(String(HASH))


class AuditHead(Base):
    """The last link, signed: rows cut off the end of the log are missed."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int]
    own: Mapped[str] = mapped_column(String(HASH))
    signature: Mapped[str] = mapped_column(String(HASH))
