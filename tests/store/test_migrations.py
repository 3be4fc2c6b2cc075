"""The migrations make the tables that the models declare."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from mspike.errors import WrongUsage
from mspike.store.migrate import migrate, revision_of
from mspike.store.models import APPEND_ONLY, Base


def test_the_tables_made_step_by_step_are_those_declared(store):
    with store.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_an_up_to_date_database_is_left_as_it_is(place):
    with place.open() as store, place.open() as again:
        with store.database.engine.connect() as connection:
            assert revision_of(connection) == migrate(again.database) == "0001"
        assert again.audit.verify().rows == 1, "one house is opened once"


def test_tables_of_a_newer_mspike_are_refused(place):
    with place.open() as store, store.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WrongUsage, match="newer mspike"):
        place.open()


def test_every_append_only_table_is_one_of_the_tables():
    assert set(APPEND_ONLY) <= set(Base.metadata.tables)


def test_sqlite_forces_every_commit_to_the_disk(sqlite_place):
    with sqlite_place.open() as store, store.database.reading() as session:
        asked = ("journal_mode", "synchronous", "foreign_keys")
        assert [session.connection().exec_driver_sql(f"PRAGMA {p}").scalar() for p in asked] == ["wal", 2, 1]


def test_a_writer_has_its_turn_before_it_reads(sqlite_place):
    """Else two writers could read the same state, and the later one would overwrite the first."""
    with sqlite_place.open() as store, store.database.writing():
        other = sqlite3.connect(store.folder / "store.sqlite", timeout=0, isolation_level=None)
        with closing(other), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
