"""The foreign spreadsheet as it is: one line per row, its patient, its filled cells and those of joined sheets."""

from __future__ import annotations

import csv
import difflib
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from mspike.errors import UnreadableInput
from mspike.read.days import number, plain
from mspike.read.grammar import Condition, Map, Source
from mspike.read.workbook import opened, sheet_frame, text_frame
from mspike.record.findings import SCHEMA


@dataclass(frozen=True)
class Line:
    """One row of a sheet; `cells` holds the filled ones, those of a joined sheet as `sheet.column`."""

    file: str
    row: int
    patient: str
    cells: dict[str, str]


@dataclass
class Sheet:
    """One source: its file as shown to the user, its columns and its lines."""

    source: Source
    file: str
    columns: list[str]
    lines: list[Line]
    used: set[str] = field(default_factory=set)

    def use(self, column: str, where: str, map_path: Path) -> None:
        """Marks a column as spoken for; refuses a column that the sheet does not have."""
        self.used.update(self.called(column, where, map_path))

    def called(self, column: str, where: str, map_path: Path) -> list[str]:
        """The columns of that name; `*` in it stands for any text."""
        found = (
            [column] if column in self.columns else [c for c in self.columns if "*" in column and matches(column, c)]
        )
        if not found:
            near = difflib.get_close_matches(column, self.columns, 3, 0.5)
            hint = f"Nearest: {', '.join(map(repr, near))}. " if near else ""
            raise UnreadableInput(
                f"{map_path}, {where}: {self.file} has no column {column!r}. {hint}Expected a name from its header "
                f"(row {self.source.header_row}). Mend the name in the map, or header_row of the source."
            )
        return found


class Notes:
    """Collects what the import found; equal remarks about many rows become one with their number."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, int | None, str, str | None, str, str, str]] = []
        self._tallies: Counter[tuple[str, str, str, str, str, str]] = Counter()

    def add(self, severity: str, line: Line, column: str, problem: str, found: str, expected: str) -> None:
        self.rows.append((severity, line.file, line.row, column, line.patient, problem, found, expected))

    def tally(self, severity: str, file: str, column: str, problem: str, what: str, expected: str) -> None:
        self._tallies[severity, file, column, problem, what, expected] += 1

    def merge(self, other: Notes) -> None:
        self.rows += other.rows
        self._tallies.update(other._tallies)

    def frame(self) -> pl.DataFrame:
        tallied = [
            (severity, file, None, column, None, problem, f"{count} {what}", expected)
            for (severity, file, column, problem, what, expected), count in self._tallies.items()
        ]
        return pl.DataFrame([*self.rows, *tallied], schema=SCHEMA, orient="row")


def read_sheets(source: Path, mapping: Map, notes: Notes) -> dict[str, Sheet]:
    """Every sheet that the map names."""
    if not source.exists():
        raise UnreadableInput(f"{source}: there is no such file or folder. Check the path of the spreadsheet.")
    return {name: _read_sheet(source, declared, mapping, notes) for name, declared in mapping.sources.items()}


def _read_sheet(folder: Path, source: Source, mapping: Map, notes: Notes) -> Sheet:
    path = folder / source.file if folder.is_dir() else folder
    if folder.is_dir() and (not source.file or not path.is_file()):
        there = ", ".join(sorted(p.name for p in folder.iterdir() if p.is_file())) or "nothing"
        raise UnreadableInput(
            f"{mapping.path}, sources.{source.name}.file: {folder} has no file {source.file!r}; it holds {there}. "
            "Name one of these files in the map."
        )
    frame = _workbook_frame(path, source, mapping) if path.suffix.lower() == ".xlsx" else _csv_frame(path, source)
    shown = f"{path.name}:{source.sheet}" if source.sheet else path.name
    sheet = Sheet(source, shown, [c for c in frame.columns if c != "row"], [])
    sheet.use(source.patient, f"sources.{source.name}.patient", mapping.path)
    sheet.lines = _lines(frame, source, shown, notes)
    return sheet


def _workbook_frame(path: Path, source: Source, mapping: Map) -> pl.DataFrame:
    with opened(path) as book:
        titles = {title.strip().lower(): title for title in book.sheetnames}
        title = titles.get(source.sheet.strip().lower()) if source.sheet else book.sheetnames[0]
        if title is None:
            raise UnreadableInput(
                f"{mapping.path}, sources.{source.name}.sheet: {path} has no sheet {source.sheet!r}; it has "
                f"{', '.join(book.sheetnames)}. Name one of these in the map."
            )
        return sheet_frame(path, book[title], source.header_row)


def _csv_frame(path: Path, source: Source) -> pl.DataFrame:
    """The CSV as text. Rows are numbered as records: the header's row first, as a spreadsheet would show them."""
    try:
        with path.open(encoding=source.encoding, newline="") as file:
            records = [[cell.strip() or None for cell in row] for row in csv.reader(file, delimiter=source.separator)]
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadableInput(
            f"{path}: the file is not {source.encoding} text ({error}). Say its encoding in the map "
            f"(sources.{source.name}.encoding: latin-1), or save it as UTF-8."
        ) from error
    except (OSError, csv.Error) as error:
        raise UnreadableInput(f"{path}: the file cannot be read as CSV ({error}). Save it anew as CSV.") from error
    header = records[source.header_row - 1] if len(records) >= source.header_row else []
    body = [(at, row) for at, row in enumerate(records, start=1) if at > source.header_row and any(row)]
    return text_frame(str(path), header, body)


def _lines(frame: pl.DataFrame, source: Source, file: str, notes: Notes) -> list[Line]:
    empty = {plain(text) for text in source.empty}
    lines = []
    for record in frame.iter_rows(named=True):
        row = record.pop("row")
        cells = {name: text for name, text in record.items() if text is not None and plain(text) not in empty}
        patient = cells.get(source.patient, "").removesuffix(source.without_ending)
        line = Line(file, row, patient, cells)
        if patient:
            lines.append(line)
        else:
            notes.add("error", line, source.patient, "missing", f"{len(cells)} filled cells", "the patient of this row")
    return lines


def joined_lines(sheets: dict[str, Sheet], name: str, join: tuple[str, ...], notes: Notes) -> list[Line]:
    """The lines of a sheet, each with the cells of its patient's line in the joined sheets."""
    lines = sheets[name].lines
    for other in join:
        by_patient: dict[str, Line] = {}
        for line in sheets[other].lines:
            if by_patient.setdefault(line.patient, line) is not line:
                notes.tally("warning", line.file, "", "joined_more_than_once", "rows not looked at", "a row a patient")
        lines = [_joined(line, by_patient.get(line.patient), other, sheets[other].file, notes) for line in lines]
    return lines


def _joined(line: Line, other: Line | None, name: str, file: str, notes: Notes) -> Line:
    if other is None:
        notes.tally("warning", line.file, "", "nothing_to_join", "rows", f"a row of the same patient in {file}")
        return line
    return Line(line.file, line.row, line.patient, line.cells | {f"{name}.{c}": t for c, t in other.cells.items()})


def holds(conditions: tuple[Condition, ...], line: Line) -> bool:
    """Does this row meet every condition? An empty cell meets none but `filled: no`."""
    return all(_meets(condition, line.cells.get(condition.column)) for condition in conditions)


def _meets(condition: Condition, text: str | None) -> bool:
    if condition.filled:
        return (text is not None) == (condition.filled == "yes")
    if text is None:
        return False
    if condition.values:
        return plain(text) in {plain(value) for value in condition.values}
    return all(related(text, relation, bound) for relation, bound in condition.bounds)


def related(text: str, relation: str, other: str) -> bool:
    """Is the one at least, at most, above, below, equal to the other? Of words only equality can be said."""
    left, right = number(text), number(other)
    if left is None or right is None:
        return relation == "equals" and plain(text) == plain(other)
    outcomes = {
        "at_least": left >= right, "at_most": left <= right, "above": left > right, "below": left < right,
        "equals": left == right,
    }  # fmt: skip
    return outcomes[relation]


def matches(pattern: str, text: str) -> bool:
    """Is this the code? `*` in a code of the map stands for any text: `IgG*`."""
    if "*" not in pattern:
        return plain(pattern) == plain(text)
    expression = ".*".join(re.escape(part) for part in plain(pattern).split("*"))
    return re.fullmatch(expression, plain(text)) is not None
