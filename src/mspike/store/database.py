"""The database of a store: what is read is one moment's state, what is written is one transaction, one at a time."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session

from mspike.errors import MspikeError, WrongUsage
from mspike.store.faults import StoreAway, StoreDamaged, StoreFull

Clock = Callable[[], dt.datetime]
BUSY_SECONDS = 10
ANSWER_SECONDS = 60  # for one answer of PostgreSQL; longer than the wait for a turn
WRITER = 6_715_009  # names the lock that all writers of one PostgreSQL database take in turn


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Database:
    """SQLite or PostgreSQL behind one door. Errors of the driver come out as StoreAway, StoreFull or StoreDamaged."""

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self.engine = _engine(url)
        self.now = clock
        self._writer = self.engine.execution_options(mspike_writes=True)
        isolated = {} if self.sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = self.engine.execution_options(**isolated)

    @property
    def sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def shown(self) -> str:
        """Where the database is, without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one moment and keeps nothing."""
        with self.naming_faults(), Session(self._reader) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at its end, or leaves no trace. Writers wait for each other."""
        with self.naming_faults(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            connection = session.connection()  # SQLite takes its turn here, by BEGIN IMMEDIATE
            if not self.sqlite:
                wait_for_turn(connection)
            yield session

    @contextmanager
    def naming_faults(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error, NoConnectionFree, ConnectionError, TimeoutError) as error:
            fault = _fault(error, self.shown)
            if fault is None:
                raise
            # Without its cause: drivers print the row that they refused.
            raise fault from None

    def close(self) -> None:
        self.engine.dispose()


def wait_for_turn(connection: Connection) -> None:
    """PostgreSQL lets writers run side by side; here one follows the other, as in SQLite."""
    connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER})


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        if parsed.drivername != "postgresql+pg8000":
            raise WrongUsage(
                f"{parsed.render_as_string()}: expected postgresql+pg8000://USER:PASSWORD@HOST:PORT/DATABASE, or a "
                "folder, in which SQLite keeps the database."
            )
        return create_engine(
            parsed, hide_parameters=True, pool_pre_ping=True, pool_timeout=BUSY_SECONDS,
            connect_args={"timeout": ANSWER_SECONDS, "application_name": "mspike"},
        )  # fmt: skip
    except (ArgumentError, NoSuchModuleError):
        raise WrongUsage(
            "The address of the database cannot be read (it is not repeated here, since it may hold a password): "
            "expected postgresql+pg8000://USER:PASSWORD@HOST:PORT/DATABASE, or a folder."
        ) from None


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # else sqlite3 begins transactions of its own, and never an immediate one
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("mspike_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# What the drivers say -> what a user is told. PostgreSQL by the class or code of its SQLSTATE.
_FULL = ("database or disk is full", "53100")
_BUSY = ("database is locked", "55P03", "QueuePool limit")
_AWAY = ("unable to open database file", "disk I/O error", "readonly database", "57P0", "08", "53300", "3D000", "28")
_DAMAGED = ("malformed", "not a database")


def _fault(error: Exception, where: str) -> MspikeError | None:
    original = error.orig if isinstance(error, DBAPIError) else error
    told = original.args[0] if original is not None and original.args else ""
    state = str(told.get("C", "")) if isinstance(told, dict) else ""
    words = "" if state else f"{told} {error if isinstance(error, NoConnectionFree) else ''}"

    def says(kinds: tuple[str, ...]) -> bool:
        return any(state.startswith(kind) if state else not kind[0].isdigit() and kind in words for kind in kinds)

    if says(_FULL):
        return StoreFull(f"{where}: the disk of the database is full. Nothing was changed. Free room, then try again.")
    if says(_BUSY):
        return StoreAway(f"{where}: busy for more than {BUSY_SECONDS} s. Nothing was changed. Try again.")
    if says(_DAMAGED):
        return StoreDamaged(f"{where}: the database is damaged. An intact one was expected. Restore a backup.")
    lost = isinstance(error, DBAPIError) and (error.connection_invalidated or _never_connected(original))
    silent = isinstance(error, ConnectionError | TimeoutError)
    if lost or silent or says(_AWAY):
        return StoreAway(
            f"{where}: the database does not answer. See that it runs and can be reached. What was told as kept is "
            "safe; look whether what you just wrote was kept before you write it again."
        )
    return None


def _never_connected(original: BaseException | None) -> bool:
    """pg8000 raises InterfaceError only for the connection itself."""
    return type(original).__module__.startswith("pg8000") and type(original).__name__ == "InterfaceError"
