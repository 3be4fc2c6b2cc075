"""All tables of a database as JSON lines of one moment, and back: a backup where the database has no file to copy."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from mspike.store.database import Database
from mspike.store.models import AuditHead, Base, Utc, utc_of, utc_text

BATCH = 1_000


def dump_tables(database: Database, file: Path) -> list[tuple[str, str]]:
    """Writes a line a row, tables in an order that can be loaded. Returns registry and id of every version."""
    versions = []
    with database.reading() as session, file.open("x", encoding="utf-8") as lines:
        for table in Base.metadata.sorted_tables:
            asked = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
            for row in session.execute(asked).mappings():
                lines.write(json.dumps([table.name, {name: _plain(value) for name, value in row.items()}]) + "\n")
                if table.name == "versions":
                    versions.append((row["registry_id"], row["id"]))
    file.chmod(0o600)
    return versions


def load_tables(database: Database, file: Path) -> None:
    """Inserts every row in one transaction: all of them, or none."""
    waiting: list[dict[str, Any]] = []
    name = ""
    with database.writing() as session, file.open(encoding="utf-8") as lines:
        for line in lines:
            table, row = json.loads(line)
            if waiting and (table != name or len(waiting) >= BATCH):
                session.execute(insert(Base.metadata.tables[name]), waiting)
                waiting = []
            name = table
            waiting.append(_typed(name, row))
        if waiting:
            session.execute(insert(Base.metadata.tables[name]), waiting)


def nothing_in(database: Database) -> bool:
    """Has this database never been a store?"""
    with database.reading() as session:
        return session.get(AuditHead, 1) is None


def _plain(value: Any) -> Any:
    return utc_text(value) if isinstance(value, dt.datetime) else value


def _typed(table: str, row: dict[str, Any]) -> dict[str, Any]:
    moments = {column.name for column in Base.metadata.tables[table].columns if isinstance(column.type, Utc)}
    return {name: utc_of(value) if name in moments and value else value for name, value in row.items()}
