"""A store on SQLite and on PostgreSQL: the same tests run on both."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from argon2 import PasswordHasher, Type
from sqlalchemy import create_engine, text

from mspike.record.findings import Findings
from mspike.store import Store, passwords

NOON = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)


@dataclass
class Clock:
    """A clock that goes by hand; a microsecond passes at each look, so that no two rows are of one moment."""

    now: dt.datetime = NOON

    def __call__(self) -> dt.datetime:
        self.now += dt.timedelta(microseconds=1)
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


@dataclass
class Cluster:
    """A PostgreSQL of our own, that can be stopped and started."""

    folder: Path
    port: int
    pg_ctl: str
    made: int = field(default=0)

    def url(self, database: str) -> str:
        return f"postgresql+pg8000://mspike@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        log = str(self.folder / "log")
        self.run(self.pg_ctl, "-D", str(self.folder / "data"), "-w", "-t", "60", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self.run(self.pg_ctl, "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")

    def run(self, *command: str) -> None:
        subprocess.run([*as_nobody(), *command], check=True, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=120)

    def database(self) -> str:
        """The URL of a new, empty database."""
        self.made += 1
        self.say(f"CREATE DATABASE store{self.made}")
        return self.url(f"store{self.made}")

    def drop(self) -> None:
        """Drops the databases made so far: at 7 MB each, hundreds of tests would fill a small disk."""
        while self.made:
            self.say(f"DROP DATABASE IF EXISTS store{self.made} WITH (FORCE)")
            self.made -= 1

    def say(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def as_nobody() -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as its own user."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


@pytest.fixture
def cluster(running_cluster: Cluster) -> Iterator[Cluster]:
    """PostgreSQL without any database of another test."""
    yield running_cluster
    running_cluster.drop()


@pytest.fixture(scope="session", name="running_cluster")
def _running_cluster(needs: Callable[[str, str], str]) -> Iterator[Cluster]:
    initdb = needs("initdb", "make a PostgreSQL cluster for the tests of the store")
    pg_ctl = needs("pg_ctl", "start a PostgreSQL for the tests of the store")
    if os.getuid() == 0:
        needs("setpriv", "run PostgreSQL as another user than root")
    folder = Path(tempfile.mkdtemp(prefix="mspike-pg-"))  # pytest's own folders are closed to the user postgres
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Cluster(folder, port, pg_ctl)
    try:
        made.run(initdb, "-D", str(folder / "data"), "-U", "mspike", "-A", "trust", "-E", "UTF8", "--no-sync")
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Place:
    """Where a store is; `open` opens it anew, as after a restart."""

    folder: Path
    url: str | None
    clock: Clock

    def open(self) -> Store:
        if self.url is None:
            return Store.open(self.folder, clock=self.clock)
        return Store.open(self.url, self.folder, clock=self.clock)

    @property
    def arguments(self) -> list[str]:
        """As a process of its own opens it."""
        return [str(self.folder)] if self.url is None else [self.url, str(self.folder)]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    url = None if request.param == "sqlite" else request.getfixturevalue("cluster").database()
    return Place(tmp_path / "data", url, Clock())


@pytest.fixture
def sqlite_place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data", None, Clock())


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


@pytest.fixture
def clock(place: Place) -> Clock:
    return place.clock


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 MiB for each password would be most of the tests' time; one test asks for the real parameters."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1, type=Type.ID))
    passwords._nobodys.cache_clear()


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    """Two invented patients."""
    return invented(tmp_path / "upload", 2)


def invented(folder: Path, patients: int) -> Path:
    folder.mkdir()
    ids = [f"SYNTHETIC-{number}" for number in range(1, patients + 1)]
    (folder / "patients.csv").write_text("patient_id,diagnosis_date\n" + "".join(f"{i},2020-01-05\n" for i in ids))
    rows = [f"{i},2021-0{month}-01,serum_m,{month}.50,g/dL\n" for i in ids for month in (1, 2, 3)]
    (folder / "results.csv").write_text("patient_id,date,analyte,value,unit\n" + "".join(rows))
    return folder


@pytest.fixture
def no_findings() -> pl.DataFrame:
    return Findings().frame()
