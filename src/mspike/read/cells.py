"""From a line of the spreadsheet to a row of a table: codes read, days moved, what cannot be read noted."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from mspike.read.days import day_number, day_text, number, plain, shortest
from mspike.read.grammar import Block, Cell
from mspike.read.sheets import Line, Notes, holds, matches
from mspike.record.analytes import ANALYTES
from mspike.record.tables import TABLES, Column

Wide = dict[str, Cell]  # one item of `wide`: its keys and where their text comes from


@dataclass
class Row:
    """One row of a table in the making, with the line it comes from."""

    line: Line
    cells: dict[str, str]


class Skipped(Exception):
    """The source says that there is nothing here (0 = not done)."""


class OfAnotherBlock(Exception):
    """The cell holds none of the codes of which this block makes rows."""


def rows_of(block: Block, lines: list[Line], wide: tuple[Wide, ...], calendar: str, notes: Notes) -> list[Row]:
    """The rows that a block of the map makes of these lines."""
    rows = []
    for line in lines:
        if not holds(block.when, line):
            continue
        for item in wide or ({},):
            row = _row(block, line, item, calendar, notes)
            if row is not None:
                rows.append(row)
    return rows


def _row(block: Block, line: Line, item: Wide, calendar: str, notes: Notes) -> Row | None:
    own = Notes()  # what is said about a row that turns out to be skipped is not said
    cells: dict[str, str] = {"patient_id": line.patient}
    try:
        for name, cell in block.cells.items():
            column = TABLES[block.table].column(name)
            text = _Reading(block, column, line, item, calendar, own).text(cell)
            if text is not None:
                cells[name] = text
    except OfAnotherBlock:
        return None
    except Skipped as skipped:
        column_name, code = skipped.args
        notes.tally(
            "info", line.file, column_name, "skipped", f"cells hold {code!r}", "nothing: the map skips this code"
        )
        return None
    return Row(line, cells) if _complete(block, line, item, cells, own, notes) else None


def _complete(block: Block, line: Line, item: Wide, cells: dict[str, str], own: Notes, notes: Notes) -> bool:
    """Has the row all it needs? A row of which nothing was filled in is no row; any other lack is a finding."""
    from_source = [name for name, cell in block.cells.items() if _from_source(cell, item)]
    unread = any(severity != "info" for severity, *_ in own.rows)
    if from_source and not any(name in cells for name in from_source) and not unread:
        return False
    notes.merge(own)
    said = {row[3] for row in own.rows if row[0] == "error"}
    missing = [c for c in TABLES[block.table].columns if c.name not in cells and _needed(c, cells)]
    for column_ in missing:
        name = column_.name
        column = origin(block.cells.get(name, Cell()), item)
        if column not in said:
            notes.add("error", line, column, "missing", "", f"{block.table}.{name}: the row was set aside")
    return not missing


def _needed(column: Column, cells: dict[str, str]) -> bool:
    return column.required or (bool(column.unless) and column.unless not in cells)


def _from_source(cell: Cell, item: Wide) -> bool:
    resolved = item.get(cell.wide, cell) if cell.wide else cell
    return bool(resolved.column)


def origin(cell: Cell, item: Wide) -> str:
    """The column of the spreadsheet that a cell is read from; empty for a constant."""
    return item[cell.wide].column if cell.wide in item else cell.column


class _Reading:
    """Reads one cell, in the order: origin, skip, codes, date format, sign, shift, cap, choice."""

    def __init__(self, block: Block, column: Column, line: Line, item: Wide, calendar: str, notes: Notes) -> None:
        self.block, self.column, self.line, self.item = block, column, line, item
        self.calendar, self.notes = calendar, notes

    def text(self, cell: Cell) -> str | None:
        if cell.when and not holds(cell.when, self.line):
            return None
        source = self.item.get(cell.wide, Cell()) if cell.wide else cell
        name = source.column
        text: str | None = source.constant or self.line.cells.get(name)
        if cell.only and not (text is not None and any(matches(pattern, text) for pattern in cell.only)):
            raise OfAnotherBlock
        if text is None:
            return None
        if plain(text) in {plain(code) for code in cell.skip}:
            raise Skipped(name, plain(text))
        if cell.because:
            table = f"{self.block.table}.{self.column.name}"
            self.notes.tally(
                "info", self.line.file, name, "assumed", f"rows: {table} = {cell.constant or name}", cell.because
            )
        for read in (self._decoded, self._dated, self._moved, self._capped, self._chosen):
            text = read(cell, name, text)
            if text is None:
                return None
        return text

    def _note(self, name: str, problem: str, found: str, expected: str) -> None:
        aside = "the row was set aside" if self.column.required else "the cell was left empty"
        severity = "error" if self.column.required else "warning"
        self.notes.add(severity, self.line, name, problem, found, f"{expected}; {aside}")

    def _decoded(self, cell: Cell, name: str, text: str) -> str | None:
        if not cell.codes:
            return text
        code = next((code for pattern, code in cell.codes if matches(pattern, text)), None)
        if code is None:
            self._note(name, "unmapped_code", text, "a code of value_map: " + ", ".join(p for p, _ in cell.codes))
            return None
        if code.because:
            self.notes.add("warning", self.line, name, "read_as", text, f"read as {code.text}: {code.because}")
        return code.text or None

    def _dated(self, cell: Cell, name: str, text: str) -> str | None:
        if not cell.date_format:
            return text
        try:
            return dt.datetime.strptime(text, cell.date_format).date().isoformat()
        except ValueError:
            self._note(name, "unreadable_date", text, f"a date written as {cell.date_format}")
            return None

    def _moved(self, cell: Cell, name: str, text: str) -> str | None:
        value = number(text)
        if self.column.kind in ("date", "integer") and value is not None:
            text = shortest(value)  # 28.0 is how some programs write 28
        if cell.negate:
            if value is None:
                self._note(name, "not_a_number", text, "a number (the map turns its sign)")
                return None
            value = -value
            text = shortest(value)
        if cell.plus:
            if value is None:
                self._note(name, "not_a_number", text, "a number (the map adds to it)")
                return None
            text = shortest(value + cell.plus)
        if not cell.after:
            return text
        start, days = self.line.cells.get(cell.after), number(text)
        first = day_number(start, self.calendar) if start is not None else None
        if first is None or days is None:
            self._note(
                name, "unreadable_date", f"{text} after {start or 'nothing'}", f"days after the date in {cell.after}"
            )
            return None
        return day_text(first + int(days), self.calendar)

    def _capped(self, cell: Cell, name: str, text: str) -> str | None:
        limit = self.line.cells.get(cell.cap_at) if cell.cap_at else None
        if limit is None:
            return text
        day, last = day_number(text, self.calendar), day_number(limit, self.calendar)
        if day is None or last is None or day <= last:
            return text
        expected = f"a day not after {cell.cap_at} ({limit}); it was dated then"
        self.notes.add("info", self.line, name or cell.cap_at, "capped", text, expected)
        return day_text(last, self.calendar)

    def _chosen(self, cell: Cell, name: str, text: str) -> str | None:
        choices = tuple(ANALYTES) if self.column.name == "analyte" else self.column.choices
        if not choices or text.lower() in {choice.lower() for choice in choices}:
            return text
        self._note(name, "unmapped_code", text, f"one of {', '.join(choices)} (add the code to value_map)")
        return None
