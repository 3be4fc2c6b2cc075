"""Finds and opens the tables of a registry: a folder of CSV or Parquet, or one Excel workbook."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mspike.errors import UnreadableInput
from mspike.record.dates import Calendar, calendar_votes
from mspike.record.findings import Findings
from mspike.record.tables import EXTRA, TABLES, Table

MISSING = ["", "NA", "N/A", "n/a", "NULL", "null", "None", "NaN", "nan", "."]
NOT_TABLES = ("import_findings.csv",)  # what other commands leave beside the tables
SAMPLE = 1_000  # dates looked at to tell ISO dates from days


@dataclass
class RawTable:
    """One table as it stands in the file: text or typed columns, and `row` as a person would count it."""

    table: Table
    path: Path
    frame: pl.LazyFrame
    parquet: bool = False


@dataclass
class Source:
    """A registry as found: its tables, its calendar, and what is wrong with the files themselves."""

    path: Path
    tables: dict[str, RawTable]
    calendar: Calendar
    findings: Findings = field(default_factory=Findings)


def open_registry(path: Path) -> Source:
    """Which tables does this registry hold, and does it count in dates or in days?

    Raises UnreadableInput if there is no registry here or no patient in it.
    """
    findings = Findings()
    if path.is_dir():
        tables = _open_folder(path, findings)
    elif path.suffix.lower() == ".xlsx" and path.is_file():
        tables = _open_workbook(path, findings)
    else:
        raise UnreadableInput(
            f"{path}: no registry here. Expected a folder with patients.csv or patients.parquet, or an Excel "
            f"workbook (.xlsx) with a sheet `patients`. `mspike init DIR` writes an empty one."
        )
    if "patients" not in tables:
        raise UnreadableInput(
            f"{path}: no table `patients`. Expected patients.csv or patients.parquet (or a sheet of that name); "
            f"found {', '.join(sorted(tables)) or 'no table at all'}. `mspike init DIR` writes an empty registry."
        )
    opened = {name: _with_known_columns(raw, findings) for name, raw in tables.items()}
    if opened["patients"].frame.head(1).collect().is_empty():
        findings.note(
            severity="warning",
            table="patients",
            problem="no_patient",
            found="a header without rows",
            expected="one row a patient",
        )
    return Source(path, opened, _calendar(opened), findings)


def _open_folder(path: Path, findings: Findings) -> dict[str, RawTable]:
    tables = {}
    _note_other_files(path, findings)
    for name, table in TABLES.items():
        found = [p for suffix in (".parquet", ".csv") if (p := path / f"{name}{suffix}").exists()]
        if len(found) > 1:
            raise UnreadableInput(f"{path}: both {found[0].name} and {found[1].name} are here. Keep one of them.")
        if not found:
            continue
        file = found[0]
        if file.suffix == ".parquet":
            tables[name] = RawTable(table, file, _scan_parquet(file), parquet=True)
        elif (frame := _scan_csv(file, table, findings)) is not None:
            tables[name] = RawTable(table, file, frame)
    return tables


def _note_other_files(path: Path, findings: Findings) -> None:
    """A table under another name would be left out in silence: results.csv is not Results.csv."""
    for file in sorted(path.iterdir()):
        told = file.suffix.lower() in (".csv", ".parquet") and file.name not in NOT_TABLES
        if told and (file.stem not in TABLES or file.suffix not in (".csv", ".parquet")):
            findings.note(
                severity="warning",
                table="registry",
                problem="unknown_file",
                found=file.name,
                expected="a file named for a table: " + ", ".join(f"{name}.csv" for name in TABLES),
            )


def _scan_parquet(file: Path) -> pl.LazyFrame:
    try:
        frame = pl.scan_parquet(file, row_index_name="row", row_index_offset=1)
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError):
        raise UnreadableInput(f"{file}: not a readable Parquet file. Export it again.") from None
    return frame


def _scan_csv(file: Path, table: Table, findings: Findings) -> pl.LazyFrame | None:
    if file.stat().st_size == 0:
        findings.note(
            severity="warning",
            table=table.name,
            problem="empty_file",
            found=file.name,
            expected="a header line; the file holds nothing",
        )
        return None
    encoding = _encoding(file)
    if encoding != "utf-8":
        findings.note(
            severity="warning",
            table=table.name,
            problem="encoding",
            found=f"{file.name} read as {encoding}",
            expected="UTF-8; save the file as UTF-8 if names look wrong",
        )
    header, separator = _header(file, encoding)
    schema = dict.fromkeys([*header, EXTRA], pl.String)
    options: dict[str, Any] = {
        "separator": separator,
        "has_header": False,
        "skip_rows": 1,
        "schema": schema,
        "null_values": MISSING,
        "row_index_name": "row",
        "row_index_offset": 2,
        "truncate_ragged_lines": True,
        "missing_columns": "insert",
    }
    try:
        if encoding == "utf-8":
            frame = pl.scan_csv(file, **options)
        else:
            frame = pl.read_csv(file.read_text(encoding=encoding, errors="replace").encode(), **options).lazy()
        frame.head(1).collect()
    except (pl.exceptions.PolarsError, OSError):
        raise UnreadableInput(
            f"{file}: not a readable CSV file. Look for an unclosed quotation mark; save it as UTF-8 CSV again."
        ) from None
    return _with_decimal_points(frame, table) if separator == ";" else frame


def _encoding(file: Path) -> str:
    """UTF-8 unless its bytes say otherwise; then UTF-16 by its mark, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open("rb") as handle:
        start = handle.read(2)
        if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        handle.seek(0)
        try:
            while block := handle.read(1 << 22):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _header(file: Path, encoding: str) -> tuple[list[str], str]:
    with file.open(encoding=encoding, errors="replace", newline="") as handle:
        line = handle.readline().lstrip("\ufeff").rstrip("\r\n")
    separator = max(",;\t", key=line.count)
    names = [name.strip().strip('"').strip().lower() for name in line.split(separator)]
    repeated = sorted({n for n in names if names.count(n) > 1})
    if repeated:
        raise UnreadableInput(
            f"{file}, header: column {', '.join(map(repr, repeated))} stands twice. Rename or drop one."
        )
    return names, separator


def _with_decimal_points(frame: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """In a semicolon file the comma is the decimal sign of numbers and values."""
    decimal = [c.name for c in table.columns if c.kind == "number" or (table.name, c.name) == ("results", "value")]
    names = [n for n in decimal if n in frame.collect_schema()]
    return frame.with_columns(pl.col(n).str.replace(r"^([<>]?=?\s*[+-]?\d*),(\d+)$", "${1}.${2}") for n in names)


def _open_workbook(path: Path, findings: Findings) -> dict[str, RawTable]:
    from mspike.read.workbook import read_workbook, unknown_sheets  # a folder need not wait for the Excel reader

    for sheet in unknown_sheets(path):
        findings.note(
            severity="warning",
            table="workbook",
            problem="unknown_sheet",
            found=sheet,
            expected="a sheet named for a table: " + ", ".join(TABLES),
        )
    sheets = read_workbook(path)
    return {name: RawTable(TABLES[name], path, frame.lazy()) for name, frame in sheets.items() if name in TABLES}


def _with_known_columns(raw: RawTable, findings: Findings) -> RawTable:
    """Notes columns that the table does not have, rows longer than the header, and missing key columns."""
    names = raw.frame.collect_schema().names()
    allowed = {*raw.table.names, "row", EXTRA}
    for column in [n for n in names if n not in allowed]:
        findings.note(
            severity="warning",
            table=raw.table.name,
            column=column,
            problem="unknown_column",
            found=column,
            expected="a column of `mspike columns`; this one is not used",
        )
    if "patient_id" not in names:
        raise UnreadableInput(
            f"{raw.path}: no column patient_id; found {', '.join(n for n in names if n not in ('row', EXTRA))}. "
            f"`mspike columns {raw.table.name}` lists what belongs here."
        )
    kept = [n for n in names if n in allowed]
    raw.frame = raw.frame.select(kept).with_columns(pl.col("patient_id").cast(pl.String))
    return raw


def _calendar(tables: dict[str, RawTable]) -> Calendar:
    """ISO dates, or days from the infusion: what most dates of a sample look like."""
    iso = days = 0
    for raw in tables.values():
        schema = raw.frame.collect_schema()
        columns = [c for c in raw.table.dates if c in schema]
        sample = raw.frame.select(columns).head(SAMPLE).collect() if columns else pl.DataFrame()
        for column in sample.get_columns():
            votes = calendar_votes(column)
            iso, days = iso + votes[0], days + votes[1]
    return "day" if days > iso else "iso"


def file_hash(path: Path) -> str:
    """SHA-256 of a file: two runs that name the same hashes read the same data."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
