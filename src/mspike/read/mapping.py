"""Imports flat spreadsheets into the canonical tables as a map file says; what it does not say becomes a finding."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from mspike.errors import WrongUsage
from mspike.read.cells import Row, Wide, rows_of
from mspike.read.checks import note_undated, note_unused_columns, run_checks
from mspike.read.days import day_number
from mspike.read.grammar import Block, Cell, Condition, Map
from mspike.read.landmarks import settled
from mspike.read.mapfile import read_map
from mspike.read.sheets import Notes, Sheet, joined_lines, read_sheets
from mspike.record.findings import Findings
from mspike.record.tables import TABLES

FINDINGS_FILE = "import_findings.csv"


def import_registry(source: Path, map_path: Path, out: Path) -> tuple[dict[str, int], pl.DataFrame]:
    """Writes <table>.csv and import_findings.csv into `out`; returns the rows of each table and the findings.

    source    a folder of CSV or .xlsx files, or one such file
    map_path  the map, docs/how-to/import-a-spreadsheet.md
    out       a new folder, an empty one, or that of an earlier import (which is replaced)
    """
    _refuse_foreign_folder(out)
    mapping, notes = read_map(map_path), Notes()
    sheets = read_sheets(source, mapping, notes)
    _claim_columns(mapping, sheets)
    tables = _tables(mapping, sheets, notes)
    run_checks(mapping, sheets, notes)
    note_undated(mapping, sheets, notes)
    note_unused_columns(mapping, sheets, notes)
    _note_unused_files(source, mapping, notes)
    _note_strangers(tables, notes)
    findings = Findings()
    findings.extend(notes.frame())
    frame = findings.frame()
    _write(out, tables, frame)
    return {name: len(rows) for name, rows in tables.items()}, frame


def _refuse_foreign_folder(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / FINDINGS_FILE).is_file():
        raise WrongUsage(
            f"{out}: the folder holds files that no import wrote. A new or empty folder was expected, or that of an "
            "earlier import. Choose another --out."
        )
    if out.exists() and not out.is_dir():
        raise WrongUsage(f"{out}: this is a file. A folder was expected. Choose another --out.")


def _claim_columns(mapping: Map, sheets: dict[str, Sheet]) -> None:
    """Checks every column named in the map against its sheet, before anything is written."""
    for block in mapping.blocks:
        for column in _named_in(block):
            _claim(sheets, block.source, block.join, column, block.where, mapping.path)
        for column, _ in _prefixed(block, sheets[block.source]):
            sheets[block.source].used.add(column)
    for check in mapping.checks:
        compared = (check.compare[0], check.compare[2]) if check.compare else ()
        for column in (*compared, *check.any_of, *(c.column for c in check.when)):
            _claim(sheets, check.source, check.join, column, check.where, mapping.path)
    for noted in mapping.noted:
        for column in noted.columns:
            sheets[noted.source].use(column, noted.where, mapping.path)
    for name, reasons in mapping.leave.items():
        for column in reasons:
            sheets[name].called(column, f"leave.{name}", mapping.path)


def _claim(sheets: dict[str, Sheet], name: str, join: tuple[str, ...], column: str, where: str, path: Path) -> None:
    other, _, rest = column.partition(".")
    if other in join:
        sheets[other].use(rest, where, path)
    else:
        sheets[name].use(column, where, path)


def _named_in(block: Block) -> Iterator[str]:
    conditions: list[Condition] = list(block.when)
    cells: list[Cell] = [*block.cells.values(), *(cell for item in block.wide for cell in item.values())]
    if block.landmarks is not None:
        yield block.landmarks.until
        conditions += block.landmarks.progressed
    for cell in cells:
        conditions += cell.when
        yield from (column for column in (cell.column, cell.after, cell.cap_at) if column)
    yield from (condition.column for condition in conditions)


def _prefixed(block: Block, sheet: Sheet) -> list[tuple[str, int]]:
    """The columns that begin with the block's prefix and end in a whole number, which is their day."""
    if not block.prefix:
        return []
    rest = ((column, column.removeprefix(block.prefix)) for column in sheet.columns if column.startswith(block.prefix))
    return [(column, day) for column, text in rest if (day := day_number(text, "day")) is not None]


def _tables(mapping: Map, sheets: dict[str, Sheet], notes: Notes) -> dict[str, list[dict[str, str]]]:
    tables: dict[str, list[dict[str, str]]] = {}
    for block in mapping.blocks:
        lines = joined_lines(sheets, block.source, block.join, notes)
        by_day = _prefixed(block, sheets[block.source])
        wide: tuple[Wide, ...] = block.wide or tuple(
            {"at": Cell(constant=str(day)), "value": Cell(column=column)} for column, day in by_day
        )
        rows = rows_of(block, lines, wide, mapping.calendar, notes) if wide or not block.prefix else []
        if block.landmarks is not None:
            rows = settled(rows, block.landmarks, mapping.calendar, notes)
        if block.combine:
            rows = _combined(rows, block, mapping.calendar, notes)
        tables.setdefault(block.table, []).extend(row.cells for row in rows)
    return tables


def _combined(rows: list[Row], block: Block, calendar: str, notes: Notes) -> list[Row]:
    """Administrations become courses: rows alike but for their day are one, from the first day to the last."""
    start = TABLES[block.table].dates[0]
    courses: dict[tuple[tuple[str, str], ...], list[Row]] = {}
    for row in rows:
        alike = tuple(sorted((name, text) for name, text in row.cells.items() if name not in (start, "end_date")))
        courses.setdefault(alike, []).append(row)
    combined = []
    for members in courses.values():
        members.sort(key=lambda row: day_number(row.cells[start], calendar) or 0)
        first, last = members[0], members[-1]
        ends = {"end_date": last.cells.get("end_date", last.cells[start])}
        combined.append(Row(first.line, first.cells | ends))
        if len(members) > 1:
            what = f"rows: {block.table} joined with an earlier row of the same course"
            expected = "one row a course: start_date its first day, end_date its last"
            for _ in members[1:]:
                notes.tally("info", first.line.file, "", "combined", what, expected)
    return combined


def _note_unused_files(source: Path, mapping: Map, notes: Notes) -> None:
    if not source.is_dir():
        return
    named = {declared.file for declared in mapping.sources.values()}
    for path in sorted(p for p in source.iterdir() if p.suffix.lower() in (".csv", ".xlsx") and p.name not in named):
        reason = mapping.leave_files.get(path.name)
        problem, severity = ("left_out", "info") if reason else ("file_not_mapped", "warning")
        notes.tally(
            severity, path.name, "", problem, "file", reason or "a source in the map, or a reason under leave_files:"
        )


def _note_strangers(tables: dict[str, list[dict[str, str]]], notes: Notes) -> None:
    """Patients of other tables that `patients` does not have: their rows are written, and said to be unknown."""
    known = {row["patient_id"] for row in tables.get("patients", [])}
    for name, rows in tables.items():
        for patient in sorted({row["patient_id"] for row in rows} - known):
            count = sum(row["patient_id"] == patient for row in rows)
            expected = "a patient of the table patients"
            notes.rows.append(
                ("error", name, None, "patient_id", patient, "unknown_patient", f"{count} rows", expected)
            )


def _write(out: Path, tables: dict[str, list[dict[str, str]]], findings: pl.DataFrame) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        (out / f"{name}.csv").unlink(missing_ok=True)  # of an earlier import; _refuse_foreign_folder has looked
    for name, rows in tables.items():
        with (out / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, TABLES[name].names, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    findings.write_csv(out / FINDINGS_FILE)
