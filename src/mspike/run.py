"""Assesses a whole registry: bucket by bucket, written aside and only then put in place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from glob import escape
from pathlib import Path
from typing import Any

import polars as pl

from mspike import INTENDED_USE, __version__
from mspike.course.results import results_of
from mspike.errors import MspikeError, WrongUsage
from mspike.knowledge.criteria import Criteria, criteria, knowledge_hash
from mspike.read.buckets import Load, buckets, in_order
from mspike.read.folder import Source, open_registry
from mspike.record.dates import Calendar
from mspike.record.findings import counts, ordered
from mspike.record.record import clean_record
from mspike.response.settings import Settings, settings_of
from mspike.write.table import flat

TABLES = ("assessments", "courses", "endpoints", "mrd_status", "reasons", "findings")
Progress = Callable[[int, int], None]


def assess_registry(
    registry: str | Path,
    out: str | Path,
    *,
    edition: str = "imwg-2016",
    settings: Mapping[str, Any] | None = None,
    csv: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Assesses every patient of a registry and writes the result tables; returns what run.json holds.

    registry  folder of CSV or Parquet tables, or an Excel workbook
    out       folder for the results; tables of an earlier run in it are replaced, other files are kept
    settings  names and values as behind --set

    A killed run leaves the output as it was: everything is written aside and put in place at the end.
    """
    rules = criteria(edition)
    chosen = settings_of(rules, settings)
    source = open_registry(Path(registry))
    out = Path(out)
    _refuse_the_registry_itself(Path(registry), out)
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(out)
    room = Path(tempfile.mkdtemp(prefix=f".mspike-{out.name}-{os.getpid()}-", dir=out.parent))
    try:
        told = _assess_into(room / "made", room / "parts", source, rules, chosen, csv, progress)
        _put_in_place(room / "made", out, told)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return told


def _refuse_the_registry_itself(registry: Path, out: Path) -> None:
    if registry.resolve() == out.resolve():
        raise WrongUsage(f"--out {out} is the registry itself. Choose another folder, so that no input is overwritten.")
    if out.exists() and not out.is_dir():
        raise WrongUsage(f"--out {out} is a file. Name a folder.")


def _remove_leftovers(out: Path) -> None:
    """A killed run leaves its room beside the output; it may hold patients, so the next run clears it away.

    Was it killed between two renames, then the results of the run before are in there: they go back first.
    """
    ours = f".mspike-{out.name}-"
    for room in out.parent.glob(f"{escape(ours)}*"):
        pid = room.name.removeprefix(ours).split("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            if (room / "old").exists() and not out.exists():
                os.replace(room / "old", out)
            shutil.rmtree(room, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _assess_into(
    room: Path, parts: Path, source: Source, rules: Criteria, settings: Settings, csv: bool, progress: Progress | None
) -> dict[str, Any]:
    room.mkdir()
    parts.mkdir()
    stamp = f"mspike {__version__}; {rules.edition}; settings {settings.hash}; knowledge {knowledge_hash()}"
    writers = {name: _Writer(room, name, csv, stamp) for name in TABLES}
    total, given = buckets(source, parts)
    rows: dict[str, dict[str, int]] = {}
    tally = dict.fromkeys(("error", "warning", "info"), 0)
    patients = 0
    work = partial(bucket_results, calendar=source.calendar, rules=rules, settings=settings)
    for done, (results, row_counts) in enumerate(in_order(work, given)):
        if done == 0:
            results["findings"] = ordered([source.findings.frame(), results["findings"]])
        patients += row_counts["patients"]["used"]
        add_counts(rows, row_counts)
        for severity, n in counts(results["findings"]).items():
            tally[severity] += n
        for name in TABLES:
            writers[name].write(results[name])
        if progress:
            progress(done + 1, total)
    written = {name: writer.close() for name, writer in writers.items()}
    return {
        "mspike": __version__,
        "edition": rules.edition,
        "settings": settings.as_text(),
        "settings_hash": settings.hash,
        "knowledge_hash": knowledge_hash(),
        "calendar": source.calendar,
        "input": {raw.path.name: _file_hash(raw.path) for raw in source.tables.values()},
        "patients": patients,
        "rows": rows,
        "findings": tally,
        "written": written,
        "intended_use": INTENDED_USE,
    }


Answer = tuple[dict[str, pl.DataFrame], dict[str, dict[str, int]]]


def bucket_results(load: Load, *, calendar: Calendar, rules: Criteria, settings: Settings) -> Answer:
    """The one function from a bucket of raw tables to its results; a cluster runs the same."""
    record = clean_record(load(), calendar)
    return results_of(record, rules, settings), record.rows


def add_counts(rows: dict[str, dict[str, int]], more: dict[str, dict[str, int]]) -> None:
    """Adds the rows of one bucket, table by table: rows, used, set aside."""
    for table, count in more.items():
        sums = rows.setdefault(table, dict.fromkeys(count, 0))
        for key, value in count.items():
            sums[key] += value


class _Writer:
    """Writes one result table bucket by bucket into one file."""

    def __init__(self, room: Path, name: str, csv: bool, stamp: str) -> None:
        self.path = room / f"{name}.{'csv' if csv else 'parquet'}"
        self.csv = csv
        self.stamp = stamp
        self.rows = 0
        self._parquet: Any = None
        self._started = False

    def write(self, frame: pl.DataFrame) -> None:
        self.rows += frame.height
        if self.csv:
            with self.path.open("ab") as handle:
                flat(frame).write_csv(handle, include_header=not self._started)
        else:
            import pyarrow.parquet as pq  # half a second that `mspike --help` need not pay

            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            if self._parquet is None:
                # Categories travel as dictionaries and are plain text to whoever reads the file.
                words = [name for name in table.schema.names if name != "inputs"]  # sentences hardly repeat
                # A reader looks patients up; statistics of other columns cost more than they save.
                self._parquet = pq.ParquetWriter(
                    self.path, table.schema, compression="lz4", use_dictionary=words, store_schema=False,
                    write_statistics=["patient_id"],
                )  # fmt: skip
            self._parquet.write_table(table)
        self._started = True

    def close(self) -> int:
        if self._parquet is not None:
            self._parquet.add_key_value_metadata({"mspike": self.stamp})
            self._parquet.close()
        return self.rows


def _put_in_place(made: Path, out: Path, told: dict[str, Any]) -> None:
    """Puts the finished tables in place. An output folder of our own changes in one step for the file system.

    Where the folder holds other files too, run.json goes first and comes last, so that it vouches for the whole.
    """
    (made / "run.json").write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
    tables = {f"{name}.{suffix}" for name in TABLES for suffix in ("parquet", "csv")}
    if not out.exists() or {entry.name for entry in out.iterdir()} <= {*tables, "run.json"}:
        if out.exists():
            os.replace(out, made.parent / "old")
        os.replace(made, out)
        return
    (out / "run.json").unlink(missing_ok=True)
    for name in sorted(tables):
        if (made / name).exists():
            os.replace(made / name, out / name)
        else:
            (out / name).unlink(missing_ok=True)
    os.replace(made / "run.json", out / "run.json")


def _file_hash(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


__all__ = ["MspikeError", "assess_registry"]
