"""Backups: everything that a store holds, in one folder that proves its own content, and back again."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import delete

from mspike import __version__
from mspike.errors import UnreadableInput, WrongUsage
from mspike.store.database import Database
from mspike.store.disk import copied, hashes, naming_full_disk, sha256, sync_folder, sync_tree
from mspike.store.dump import dump_tables, load_tables, nothing_in
from mspike.store.faults import StoreDamaged
from mspike.store.house import SQLITE, Store
from mspike.store.house_key import FILE as KEY
from mspike.store.migrate import migrate
from mspike.store.models import SignedIn, utc_text

MANIFEST, TABLES, FORM = "backup.json", "tables.jsonl", 1


def back_up(store: Store, into: str | Path | None = None, *, by: str = "local") -> Path:
    """Writes a backup and returns its folder, while readers and writers go on.

    into  a folder, best on another disk; None: `backups` in the data folder, where the files of the versions (which
          never change) are second names of the same files, and a failure of the disk takes both

    1. The database first: SQLite by its own copying of a live file, any other as JSON lines of one moment.
    2. Then the versions that this copy names: a version's files are in place before its row is.
    3. The house key: without it the log cannot be checked. Guard a backup as the store itself.

    Raises StoreFull; nothing half-written is left then.
    """
    home = (store.folder / "backups" if into is None else Path(into)).absolute()
    name = f"backup-{utc_text(store.database.now())[:19].replace(':', '')}-{secrets.token_hex(4)}"
    aside = home / f".{name}"
    with naming_full_disk(home, "No backup was written."):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            store.audit.record(by, "back_up", backup=name)
            _write(store, aside, link=into is None)
            os.rename(aside, home / name)
            sync_folder(home)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return home / name


def restore(backup: str | Path, folder: str | Path, url: str | None = None, *, by: str = "local") -> Store:
    """Puts a backup into an empty data folder (and an empty database, where it had one by URL) and opens it.

    Sessions are not taken over: one that was ended after the backup would be open again.

    1. Every file must be there and have the hash that the backup's manifest names.
    2. The audit log must be whole, and every version's files those that were uploaded.

    Raises StoreDamaged where either is not so, WrongUsage where the place is not empty or of another kind; then
    nothing is left in the folder (a database by URL may hold rows: drop it before the next attempt).
    """
    backup, folder = Path(backup), Path(folder).absolute()
    manifest = _checked(backup)
    if folder.exists() and any(folder.iterdir()):
        raise WrongUsage(f"{folder}: not empty. A backup is restored into an empty folder; nothing was changed.")
    if (manifest["database"] == TABLES) != (url is not None):
        wanted = "the URL of an empty PostgreSQL database" if url is None else "a folder alone"
        raise WrongUsage(f"{backup}: this backup is of another kind of database; expected {wanted}.")
    aside = folder.parent / f".{folder.name}-restoring-{secrets.token_hex(4)}"
    try:
        with naming_full_disk(folder, "Nothing was restored."):
            _put(backup, aside, manifest, url)
            if folder.exists():
                folder.rmdir()
            os.rename(aside, folder)
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    store = Store.open(folder) if url is None else Store.open(url, folder)
    store.audit.record(by, "restore", backup=backup.name if backup.name.startswith("backup-") else "backup")
    return store


def _write(store: Store, room: Path, *, link: bool) -> None:
    room.mkdir(mode=0o700)
    if store.database.sqlite:
        database = SQLITE
        versions = _copy_sqlite(store.database, room / SQLITE)
    else:
        database = TABLES
        versions = dump_tables(store.database, room / TABLES)
    for registry, version in versions:
        source = store.registries.folder / registry / version
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            inside = file.relative_to(source)
            copied(file, room / "registries" / registry / version / inside, link=link)
    copied(store.folder / KEY, room / KEY, link=False)
    os.chmod(room / KEY, 0o600)
    manifest = {"form": FORM, "mspike": __version__, "database": database, "files": hashes(room)}
    (room / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    sync_tree(room)


def _copy_sqlite(database: Database, file: Path) -> list[tuple[str, str]]:
    """Copies the live database; returns registry and version of each version that the copy knows."""
    with database.naming_faults(), closing(sqlite3.connect(file)) as copy:
        os.chmod(file, 0o600)
        held = database.engine.raw_connection()
        try:
            source: Any = held.driver_connection
            source.backup(copy)
        finally:
            held.close()
        copy.execute("PRAGMA journal_mode = DELETE")
        return list(copy.execute("SELECT registry_id, id FROM versions ORDER BY id"))


def _checked(backup: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((backup / MANIFEST).read_text(encoding="utf-8"))
        files, form = dict(manifest["files"]), manifest["form"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UnreadableInput(f"{backup}: no backup here. Expected a folder backup-... with {MANIFEST}.") from None
    if form != FORM:
        raise WrongUsage(f"{backup}: a backup of form {form}; this mspike knows form {FORM}. Install a newer one.")
    wrong = sorted(name for name, was in files.items() if _leads_out(name) or not _is(backup / name, was))
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise StoreDamaged(
            f"{backup}: {', '.join(wrong[:3])}{more} not as written. Nothing was restored. Take another backup."
        )
    return manifest


def _leads_out(name: str) -> bool:
    """A manifest that somebody made could name a file outside the folder."""
    return PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts


def _is(file: Path, was: str) -> bool:
    return file.is_file() and not file.is_symlink() and sha256(file) == was


def _put(backup: Path, room: Path, manifest: dict[str, Any], url: str | None) -> None:
    room.mkdir(mode=0o700, parents=True)
    for name in manifest["files"]:
        if name != TABLES:
            copied(backup / name, room / name, link=False)
    os.chmod(room / KEY, 0o600)
    database = Database(url or f"sqlite:///{room / SQLITE}")
    try:
        migrate(database)
        if url is not None:
            if not nothing_in(database):
                raise WrongUsage(f"{database.shown}: not empty. Name an empty database; nothing was changed.")
            load_tables(database, backup / TABLES)
        _forget_sessions(database)
    finally:
        database.close()
    with Store.open(room) if url is None else Store.open(url, room) as store:
        _refuse_damage(store, backup)
    sync_tree(room)


def _forget_sessions(database: Database) -> None:
    with database.writing() as session:
        session.execute(delete(SignedIn))


def _refuse_damage(store: Store, backup: Path) -> None:
    verdict = store.audit.verify()
    if not verdict.whole:
        raise StoreDamaged(f"{backup}: its audit log is broken at row {verdict.broken}: {verdict.why}.")
    for held in store.registries.all():
        for kept in store.registries.versions(held.id):
            wrong = store.registries.damage(kept)
            if wrong:
                raise StoreDamaged(f"{backup}: version {kept.id} is damaged in {', '.join(wrong[:3])}.")
