"""What passes between the driver of a cluster and its tasks: one bucket in, its tables and facts out, through a folder.

    ROOM/loads/7.pickle   how to load bucket 7, and what to do with it; written by the driver
    ROOM/parts/7-<random> the tables of one attempt at it; nobody else writes there
    ROOM/done/7.json      names the attempt that counts, with its facts; renamed into place when the tables are whole

A task that is lost is repeated, and one that is slow may run twice: the last rename wins, and both tell the same.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import resource
import shutil
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from mspike import __version__
from mspike.engines.engine import Parts, Work
from mspike.errors import MspikeError, WrongUsage
from mspike.knowledge.criteria import knowledge_hash
from mspike.read.buckets import Load

# Repeating a task mends none of these: they are handed to the driver, which raises them as a local run would.
LASTING = (MspikeError, UnicodeDecodeError, pl.exceptions.PolarsError)
SHARED = (
    "--out and the registry must lie on storage that every machine of the cluster mounts under the same path, and the "
    "executors must run as a user who may read and write there."
)


def versions() -> dict[str, str]:
    """What must be the same on every machine, or results would differ without a word."""
    return {"mspike": __version__, "knowledge": knowledge_hash(), "polars": pl.__version__}


def prepare(room: Path) -> None:
    """Makes the folders of a room that is empty or not there yet."""
    for name in ("loads", "parts", "done"):
        (room / name).mkdir(parents=True)


def set_down(room: Path, number: int, work: Work, load: Load) -> None:
    """Writes what a task needs to know of one bucket."""
    (room / "loads" / f"{number}.pickle").write_bytes(pickle.dumps((work, load)))


def rows_done(batches: Iterable[Any], room: Path, expected: dict[str, str]) -> Iterator[Any]:
    """Works on the buckets whose numbers arrive (Arrow batches, column `id`); one row for each, with what it took."""
    import pyarrow as pa

    for batch in batches:
        for number in batch.column("id").to_pylist():
            start = time.monotonic()
            _do(room, number, expected)
            took = {"bucket": [number], "seconds": [time.monotonic() - start], "peak_mb": [_peak_mb()]}
            yield pa.RecordBatch.from_pydict(took)


def _do(room: Path, number: int, expected: dict[str, str]) -> None:
    if is_done(room, number):  # its machine was lost after the work; the driver may even have cleared it away
        return
    attempt = f"{number}-{uuid.uuid4().hex}"
    try:
        _refuse_other_versions(expected)
        told = _worked(room, number, attempt)
    except LASTING as problem:
        told = {"failed": base64.b64encode(pickle.dumps(problem)).decode()}
    aside = room / "done" / f".{attempt}"
    aside.write_text(json.dumps(told))
    os.replace(aside, _marker(room, number))


def _worked(room: Path, number: int, attempt: str) -> dict[str, Any]:
    work, load = pickle.loads(_given(room, number))  # written by our own driver, in a folder only its user can write
    try:
        tables, facts = work(load)
    except FileNotFoundError as problem:
        raise WrongUsage(f"{_where()} cannot find a file of the registry: {problem}. {SHARED}") from None
    folder = room / "parts" / attempt
    folder.mkdir()
    for place, table in enumerate(tables.values()):
        table.write_ipc(folder / f"{place}.arrow", compression="lz4")
    return {"attempt": attempt, "tables": list(tables), "facts": facts}


def _given(room: Path, number: int) -> bytes:
    try:
        return (room / "loads" / f"{number}.pickle").read_bytes()
    except (FileNotFoundError, PermissionError) as problem:
        raise WrongUsage(f"{room}: {_where()} cannot read this folder ({problem.strerror}). {SHARED}") from None


def _where() -> str:
    return f"an executor on {os.uname().nodename}"


def _refuse_other_versions(expected: dict[str, str]) -> None:
    found = versions()
    differ = [f"{name} {found[name]} (here {expected[name]})" for name in expected if found[name] != expected[name]]
    if differ:
        raise WrongUsage(
            f"The executors have {', '.join(differ)}. Results could differ. Install the same versions on every machine."
        )


def _peak_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _marker(room: Path, number: int) -> Path:
    return room / "done" / f"{number}.json"


def is_done(room: Path, number: int) -> bool:
    return _marker(room, number).exists()


def taken(room: Path, number: int) -> Parts:
    """The tables and facts of a bucket that is done; what they lay in is deleted. Raises what its work raised."""
    told = json.loads(_marker(room, number).read_text())
    if "failed" in told:
        raise pickle.loads(base64.b64decode(told["failed"]))
    folder = room / "parts" / told["attempt"]
    names = enumerate(told["tables"])
    tables = {name: pl.read_ipc((folder / f"{place}.arrow").read_bytes()) for place, name in names}
    shutil.rmtree(folder, ignore_errors=True)
    (room / "loads" / f"{number}.pickle").unlink(missing_ok=True)
    return tables, told["facts"]
