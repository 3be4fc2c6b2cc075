"""The file that pages read: of each patient the rows of each table, found by token in a tenth of a millisecond.

One SQLite file a version of a registry. It is a cache: everything in it can be computed again, so it is written without
waiting for the disk, bucket by bucket in transactions. A killed build goes on after the last bucket that was whole; a
file that no build finished is never served.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

Rows = list[dict[str, Any]]
SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (token TEXT, name TEXT, body BLOB, PRIMARY KEY (token, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS work (place INTEGER PRIMARY KEY, token TEXT UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS buckets (number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
WHOLE = "whole"
LEVEL = 1  # of compression: 3 saves a tenth of the room and takes twice the time


class Shelf:
    """What is kept of one version of a registry. One shelf a thread: SQLite connections are not shared."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))  # patients lie in it
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    @property
    def whole(self) -> bool:
        """Did a build finish it?"""
        return self.fact(WHOLE) is not None

    def buckets(self) -> set[int]:
        """The buckets that are in it already."""
        return {number for (number,) in self._db.execute("SELECT number FROM buckets")}

    def put(self, number: int, tables: dict[str, pl.DataFrame], work: Rows, token: Callable[[str], str]) -> None:
        """Writes a bucket, all of it or nothing. work: one row a patient for the worklist, with patient_id."""
        blobs = [
            (token(patient), name, zlib.compress(f"[{rows}]".encode(), LEVEL))
            for name, frame in tables.items()
            for patient, rows in _as_json(frame)
        ]
        lines = [(token(row["patient_id"]), json.dumps(row, ensure_ascii=False, default=str)) for row in work]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", blobs)
            self._db.executemany("INSERT INTO work (token, body) VALUES (?, ?)", lines)
            self._db.execute("INSERT INTO buckets VALUES (?)", (number,))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def say(self, name: str, value: Any) -> None:
        """Notes a fact about the whole."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value, default=str)))

    def fact(self, name: str) -> Any:
        """A fact about the whole; None where it was not noted."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def work(self) -> Rows:
        """The worklist rows of all patients, each with its token, by patient_id."""
        rows = self._db.execute("SELECT token, body FROM work")
        return sorted(({**json.loads(body), "token": token} for token, body in rows), key=lambda r: r["patient_id"])

    def rows(self, token: str, names: Sequence[str]) -> dict[str, Rows]:
        """The rows of a patient in these tables; an empty list where there are none."""
        marks = ", ".join("?" * len(names))
        found: Iterable[tuple[str, bytes]] = self._db.execute(
            f"SELECT name, body FROM kept WHERE token = ? AND name IN ({marks})",
            (token, *names),
        )
        told = {name: json.loads(zlib.decompress(body)) for name, body in found}
        return {name: told.get(name, []) for name in names}


def _as_json(frame: pl.DataFrame) -> Iterable[tuple[str, str]]:
    """Each patient with his rows as JSON objects, commas between. Polars writes them outside the interpreter's lock."""
    if frame.is_empty():
        return []
    known = frame.filter(pl.col("patient_id").is_not_null())
    encoded = known.select("patient_id", rows=pl.struct(pl.all().exclude("patient_id")).struct.json_encode())
    joined = encoded.group_by("patient_id", maintain_order=True).agg(pl.col("rows").str.join(","))
    return joined.iter_rows()
