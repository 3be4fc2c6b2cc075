"""Assesses a whole registry: bucket by bucket, written aside and only then put in place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from mspike import INTENDED_USE, __version__
from mspike.course.results import results_of
from mspike.engines import Engine, engine_named
from mspike.errors import MspikeError
from mspike.knowledge.criteria import Criteria, criteria, knowledge_hash
from mspike.read.buckets import Load, buckets
from mspike.read.folder import Source, file_hash, open_registry
from mspike.record.dates import Calendar
from mspike.record.findings import counts, ordered
from mspike.record.record import add_counts, clean_record
from mspike.response.settings import Settings, settings_of
from mspike.write.place import MADE, put_in_place, refuse_out, room_beside
from mspike.write.results import TableWriter

TABLES = ("assessments", "courses", "endpoints", "mrd_status", "reasons", "findings")
RUN = "run.json"
Progress = Callable[[int, int], None]


def assess_registry(
    registry: str | Path,
    out: str | Path,
    *,
    edition: str = "imwg-2016",
    settings: Mapping[str, Any] | None = None,
    csv: bool = False,
    engine: str = "local",
    master: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Assesses every patient of a registry and writes the result tables; returns what run.json holds.

    registry  folder of CSV or Parquet tables, or an Excel workbook
    out       folder for the results; tables of an earlier run in it are replaced, other files are kept
    settings  names and values as behind --set
    engine    local, or spark with the master of a cluster; the tables are the same to the byte

    A killed run leaves the output as it was: everything is written aside and put in place at the end.
    """
    rules = criteria(edition)
    chosen = settings_of(rules, settings)
    where = engine_named(engine, master)
    registry, out = where.place(Path(registry)), where.place(Path(out))
    source = open_registry(registry)
    refuse_out(registry, out)
    with room_beside(out) as room:
        told = _assess_into(room, where, source, rules, chosen, csv, progress)
        write_run(room, out, told)
    return told


def _assess_into(
    room: Path,
    engine: Engine,
    source: Source,
    rules: Criteria,
    settings: Settings,
    csv: bool,
    progress: Progress | None,
) -> dict[str, Any]:
    parts = room / "parts"
    parts.mkdir()
    stamp = f"mspike {__version__}; {rules.edition}; settings {settings.hash}; knowledge {knowledge_hash()}"
    writers = {name: TableWriter(room / MADE, name, csv, stamp) for name in TABLES}
    total, given = buckets(source, parts)
    rows: dict[str, dict[str, int]] = {}
    tally = dict.fromkeys(("error", "warning", "info"), 0)
    patients = 0
    work = partial(bucket_results, calendar=source.calendar, rules=rules, settings=settings)
    for done, (results, row_counts) in enumerate(engine.worked(work, given, total, room / "tasks")):
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
        "engine": engine.name,
        "edition": rules.edition,
        "settings": settings.as_text(),
        "settings_hash": settings.hash,
        "knowledge_hash": knowledge_hash(),
        "calendar": source.calendar,
        "input": {raw.path.name: file_hash(raw.path) for raw in source.tables.values()},
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


def write_run(room: Path, out: Path, told: dict[str, Any]) -> None:
    """Puts the tables made in `room` in place, run.json last: it vouches for the whole. Other files are kept."""
    (room / MADE / RUN).write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
    put_in_place(room, out, {RUN, *(f"{name}.{suffix}" for name in TABLES for suffix in ("parquet", "csv"))}, RUN)


__all__ = ["MspikeError", "assess_registry"]
