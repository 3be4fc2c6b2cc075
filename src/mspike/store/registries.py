"""Registries and their versions: an upload becomes a version as a whole, or leaves no trace."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mspike.errors import WrongUsage
from mspike.record.findings import counts
from mspike.store.audit import Audit
from mspike.store.database import Database
from mspike.store.disk import door, naming_full_disk, sync_folder
from mspike.store.faults import StaleVersion, StoreAway
from mspike.store.models import Current, Registry, Version, new_id
from mspike.store.people import no_registry
from mspike.store.version_files import TABLES, Written, damage, write_version

ASIDE = ".aside-"


@dataclass(frozen=True)
class Held:
    """A registry as it is known here. current: id of the version in force; None: nothing was uploaded yet."""

    id: str
    name: str
    made_at: dt.datetime
    made_by: str
    current: str | None


@dataclass(frozen=True)
class Kept:
    """One version. tables: a registry that every reader of mspike opens; folder: that, the upload and findings."""

    id: str
    registry: str
    number: int
    made_at: dt.datetime
    made_by: str
    patients: int
    findings: dict[str, int]
    folder: Path

    @property
    def tables(self) -> Path:
        return self.folder / TABLES


class Registries:
    """The registries of one store. Who may see or upload is asked of `People.require` before."""

    def __init__(self, database: Database, audit: Audit, folder: Path) -> None:
        self._database, self._audit, self.folder = database, audit, folder / "registries"

    def add(self, name: str, *, by: str) -> Held:
        """A new registry without any data. Raises WrongUsage for an empty or overlong name."""
        name = " ".join(name.split())
        if not 0 < len(name) <= 200:
            raise WrongUsage(f"registry: a name of {len(name)} characters found; expected 1 to 200.")
        with self._database.writing() as session:
            registry = Registry(id=new_id(), name=name, made_at=self._database.now(), made_by=by)
            session.add(registry)
            self._audit.append(session, by, "add_registry", registry=registry.id)
            return _held(registry, None)

    def all(self, among: Iterable[str] | None = None) -> list[Held]:
        """The registries, by name. among: only these ids (`People.registries_of`)."""
        asked = select(Registry, Current.version_id).outerjoin(Current, Current.registry_id == Registry.id)
        if among is not None:
            asked = asked.where(Registry.id.in_(list(among)))
        with self._database.reading() as session:
            return [_held(registry, current) for registry, current in session.execute(asked.order_by(Registry.name))]

    def of(self, registry: str) -> Held:
        """Raises NoSuchRegistry."""
        found = self.all([registry])
        if not found:
            raise no_registry()
        return found[0]

    def versions(self, registry: str) -> list[Kept]:
        """Every version that was kept, oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(Version).where(Version.registry_id == registry).order_by(Version.number))
            return [self._kept(row) for row in rows]

    def current(self, registry: str) -> Kept | None:
        """The version in force. None: nothing was uploaded yet. Raises NoSuchRegistry."""
        held = self.of(registry)
        return next((kept for kept in self.versions(registry) if kept.id == held.current), None)

    def add_version(
        self, registry: str, upload: Path, findings: pl.DataFrame, *, based_on: str | None, by: str
    ) -> Kept:
        """Keeps an upload as the next version and puts it in force.

        upload    a folder of CSV or Parquet tables, or a workbook, as `read` opens it
        findings  what a check of that upload found; the caller has shown it before
        based_on  id of the version that was in force when the preview was shown; None: there was none

        1. Tables, upload and findings are written aside, forced to the disk, and moved to the version's own folder.
        2. One transaction adds the version, puts it in force and tells the log.

        Raises UnreadableInput where the upload is no registry, StaleVersion where another version came into force
        meanwhile, StoreFull and StoreAway. After any of them what was in force still is.
        """
        self.of(registry)
        home, version = self.folder / registry, new_id()
        told = "The upload was not kept; the version in force before still is."
        with door(self.folder, alone=False), naming_full_disk(self.folder, told):
            home.mkdir(parents=True, exist_ok=True)
            sync_folder(self.folder)
            aside = home / f"{ASIDE}{secrets.token_hex(8)}"
            try:
                written = write_version(upload, aside, findings)
                os.rename(aside, home / version)
                sync_folder(home)
                return self._commit(registry, version, written, counts(findings), based_on, by)
            except BaseException:
                self._remove_unless_kept(home / version)
                raise
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def put_in_force(self, registry: str, version: str, *, by: str) -> Kept:
        """Puts an earlier version in force again, as after a mistaken upload. Raises NoSuchRegistry."""
        with self._database.writing() as session:
            row = session.get(Version, version)
            if row is None or row.registry_id != registry:
                raise no_registry()
            session.merge(Current(registry_id=registry, version_id=version))
            self._audit.append(session, by, "set_current", registry=registry, version=version, number=row.number)
            return self._kept(row)

    def damage(self, kept: Kept) -> list[str]:
        """Files of a version that are not what they were when it was kept; empty where all are."""
        with self._database.reading() as session:
            manifest_hash = session.get_one(Version, kept.id).manifest_hash
        return damage(kept.folder, manifest_hash)

    def clear_leftovers(self) -> list[Path]:
        """Removes what a killed or refused upload left behind, unless an upload is under way. Returns what it removed.

        A folder counts as a version only where the database has its row.
        """
        removed = []
        with door(self.folder, alone=True) as alone:
            if not alone:
                return []
            with self._database.reading() as session:
                known = set(session.scalars(select(Version.id)))
            for folder in sorted(self.folder.glob("*/*")):
                if folder.is_dir() and (folder.name.startswith(ASIDE) or folder.name not in known):
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(folder)
        return removed

    def _remove_unless_kept(self, folder: Path) -> None:
        """The commit may have succeeded although its answer was lost; `clear_leftovers` asks again later."""
        try:
            with self._database.reading() as session:
                kept = session.get(Version, folder.name) is not None
        except StoreAway:
            return
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)

    def _commit(
        self, registry: str, version: str, written: Written, found: dict[str, int], based_on: str | None, by: str
    ) -> Kept:
        with self._database.writing() as session:
            current = session.get(Current, registry)
            in_force = None if current is None else current.version_id
            if in_force != based_on:
                raise StaleVersion(
                    "Another version of this registry came into force while you looked at your upload. Yours was not "
                    "kept. Look at the new version, then upload again.",
                    in_force,
                )
            last = session.scalar(select(func.max(Version.number)).where(Version.registry_id == registry)) or 0
            row = Version(
                id=version, registry_id=registry, number=last + 1, made_at=self._database.now(), made_by=by,
                patients=written.patients, findings=json.dumps(found), manifest_hash=written.manifest_hash,
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.merge(Current(registry_id=registry, version_id=version))
            told: dict[str, Any] = {"version": version, "number": row.number, "patients": row.patients}
            self._audit.append(session, by, "add_version", registry=registry, **told)
            return self._kept(row)

    def _kept(self, row: Version) -> Kept:
        return Kept(
            row.id, row.registry_id, row.number, row.made_at, row.made_by, row.patients, json.loads(row.findings),
            self.folder / row.registry_id / row.id,
        )  # fmt: skip


def known_registry(session: Session, registry: str) -> Registry:
    """The registry's row. Raises NoSuchRegistry."""
    found = session.get(Registry, registry)
    if found is None:
        raise no_registry()
    return found


def _held(registry: Registry, current: str | None) -> Held:
    return Held(registry.id, registry.name, registry.made_at, registry.made_by, current)
