"""Brings the tables of a database to the form that this version of mspike needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from mspike.errors import WrongUsage
from mspike.store.database import Database, wait_for_turn


def migrate(database: Database) -> str:
    """Applies the migrations that are missing, all or none. Returns the revision.

    Raises WrongUsage where a newer mspike has already changed the tables.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    newest = str(scripts.get_current_head())
    writer = database.engine.execution_options(mspike_writes=True)
    with database.naming_faults(), writer.begin() as connection:
        if not database.sqlite:
            wait_for_turn(connection)
        found = revision_of(connection)
        if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
            raise WrongUsage(
                f"{database.shown}: its tables have the form {found}, which this mspike does not know; it knows up to "
                f"{newest}. Install the newer mspike that wrote it."
            )
        if found != newest:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return newest


def revision_of(connection: Connection) -> str | None:
    """Which form do the tables have? None: there are none."""
    return MigrationContext.configure(connection).get_current_revision()
