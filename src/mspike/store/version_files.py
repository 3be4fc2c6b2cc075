"""The files of one version: canonical Parquet tables, the upload as it came, the findings, and a manifest of hashes.

VERSION/tables/<table>.parquet   uploaded/...   findings.parquet   manifest.json
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mspike import __version__
from mspike.errors import UnreadableInput
from mspike.read.folder import Source, open_registry
from mspike.record.findings import SCHEMA
from mspike.record.tables import EXTRA
from mspike.store.disk import hashes, sha256, sync_tree

TABLES, UPLOADED, FINDINGS, MANIFEST = "tables", "uploaded", "findings.parquet", "manifest.json"


@dataclass(frozen=True)
class Written:
    """What stands on the disk now, for the row that makes it count."""

    patients: int
    manifest_hash: str


def write_version(upload: Path, room: Path, findings: pl.DataFrame) -> Written:
    """Writes a version into `room`, which must not exist yet, and forces it to the disk.

    Raises UnreadableInput where the upload is no registry or cannot be read to its end.
    """
    (room / TABLES).mkdir(parents=True)
    _copy_upload(upload, room / UPLOADED)
    # Read from the copy: what is kept as uploaded is what the tables were made from, whatever happens to the upload.
    copy = room / UPLOADED if upload.is_dir() else room / UPLOADED / upload.name
    source = open_registry(copy)
    rows = _write_tables(source, room / TABLES)
    findings.cast(SCHEMA).write_parquet(room / FINDINGS)
    manifest = {
        "mspike": __version__, "calendar": source.calendar, "rows": rows, "files": hashes(room),
    }  # fmt: skip
    (room / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    sync_tree(room)
    return Written(rows["patients"], sha256(room / MANIFEST))


def damage(folder: Path, manifest_hash: str) -> list[str]:
    """Files that are missing, changed or added since the version was written."""
    manifest = folder / MANIFEST
    if not manifest.is_file() or sha256(manifest) != manifest_hash:
        return [MANIFEST]
    then = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    now = hashes(folder, but=MANIFEST)
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))


def _copy_upload(upload: Path, room: Path) -> None:
    """The files of the upload under their own names. Links are refused: they could lead to any file of the machine."""
    room.mkdir()
    for file in sorted(upload.iterdir()) if upload.is_dir() else [upload]:
        if file.is_symlink():
            raise UnreadableInput(f"{file.name}: a link found; a file was expected. Upload the file itself.")
        if file.is_file():
            shutil.copyfile(file, room / file.name)


def _write_tables(source: Source, folder: Path) -> dict[str, int]:
    """Every table as Parquet, in the order of the upload. Returns the rows of each.

    Cells stay the text that they were: to read them is the business of `record`, which may learn to read them better.
    """
    rows = {}
    for name, raw in source.tables.items():
        file = folder / f"{name}.parquet"
        frame = raw.frame.drop("row")
        try:
            if EXTRA in frame.collect_schema() and frame.select(pl.col(EXTRA).is_null().all()).collect().item():
                frame = frame.drop(EXTRA)
            frame.sink_parquet(file)
        except (pl.exceptions.ComputeError, pl.exceptions.SchemaError, UnicodeDecodeError) as error:
            if "os error" in str(error):
                raise
            raise UnreadableInput(
                f"{raw.path.name}: the file cannot be read to its end; it is damaged, or a quotation mark is never "
                "closed. Export it again."
            ) from None
        rows[name] = int(pl.scan_parquet(file).select(pl.len()).collect().item())
    _refuse_other_calendar(source, folder)
    return rows


def _refuse_other_calendar(source: Source, folder: Path) -> None:
    """Dates read as days would shift every answer: the tables must be understood as the upload was."""
    read_back = open_registry(folder)
    if read_back.calendar != source.calendar or set(read_back.tables) != set(source.tables):
        raise UnreadableInput(
            "The tables do not read back as they were uploaded: some dates are ISO dates and some are days. One of "
            "the two was expected throughout. Mend the dates, then upload again."
        )
