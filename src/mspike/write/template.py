"""An empty registry to type into: a workbook with drop-downs, or CSV files with their headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from mspike import INTENDED_USE
from mspike.errors import WrongUsage
from mspike.record.analytes import ANALYTES
from mspike.record.tables import RESULTS, TABLES, Column, Table

LAST_ROW = 10_000  # drop-downs reach so far down; rows below are read all the same
GUIDE_HEADER = ("table", "column", "type", "unit", "meaning", "choices", "required")
UNITS_HEADER = ("analyte", "meaning", "canonical unit", "accepted units")

_HEADER_FONT = Font(bold=True, color="FFFFFF")
_HEADER_FILL = PatternFill("solid", fgColor="1F4E79")
_REQUIRED_FILL = PatternFill("solid", fgColor="7B2D26")
# Text keeps 001 an 001 and 2024-05 a partial date; Excel would make the number 1 and the day 2024-05-01 of them.
_AS_TEXT = ("id", "date", "text")

HOW_TO = (
    "How to fill this in",
    "One sheet is one table, one row is one entry; leave empty what is not known. Dark red headers are required.",
    "Dates are ISO dates (2024-05-31), or whole days from the infusion (28) in the whole workbook. Never mix the two.",
    "Values are typed as reported (2.8, <0.1, negative), with their unit. Sheets may be deleted; names must stay.",
    INTENDED_USE,
    "",
)

# An invented patient, as text: table, then column=value.
EXAMPLE: tuple[tuple[str, dict[str, str]], ...] = (
    ("patients", {"patient_id": "P1", "sex": "female", "heavy_chain": "IgG", "light_chain": "kappa"}),
    ("treatments", {"patient_id": "P1", "start_date": "2024-03-04", "agent": "ide-cel", "role": "infusion"}),
    ("results", {"patient_id": "P1", "date": "2024-02-20", "analyte": "serum_m", "value": "2.8", "unit": "g/dL"}),
    ("results", {"patient_id": "P1", "date": "2024-04-03", "analyte": "serum_m", "value": "<0.1", "unit": "g/dL"}),
    ("results", {"patient_id": "P1", "date": "2024-04-03", "analyte": "serum_ife", "value": "negative"}),
    ("mrd", {"patient_id": "P1", "date": "2024-04-03", "method": "ngf", "result": "negative"}),
    ("events", {"patient_id": "P1", "date": "2024-03-06", "end_date": "2024-03-08", "event": "crs", "grade": "1"}),
)


def write_workbook_template(path: Path) -> None:
    """Writes the empty workbook: a sheet a table, then `guide`, `units`, `example` and the hidden `lists`."""
    _refuse_existing([path])
    book = Workbook()
    book.remove(book.worksheets[0])
    sheets = [(table, book.create_sheet(table.name)) for table in TABLES.values()]
    _fill_guide(book.create_sheet("guide"))
    _fill_units(book.create_sheet("units"))
    _fill_example(book.create_sheet("example"))
    ranges = _fill_lists(book.create_sheet("lists"))
    for table, sheet in sheets:
        _fill_table(sheet, table, ranges)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def write_csv_template(folder: Path) -> None:
    """Writes <table>.csv with its header alone for every table, and columns.txt, which explains them."""
    files = {folder / f"{table.name}.csv": ",".join(table.names) + "\n" for table in TABLES.values()}
    files[folder / "columns.txt"] = _columns_text()
    _refuse_existing(list(files))
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")


def _refuse_existing(paths: list[Path]) -> None:
    existing = [path for path in paths if path.exists()]
    if existing:
        raise WrongUsage(
            f"{existing[0]}: the file is there already and may hold patients. A new file was expected. "
            "Choose another name, or move the file away first."
        )


def _fill_table(sheet: Any, table: Table, ranges: dict[str, str]) -> None:
    for at, column in enumerate(table.columns, start=1):
        letter = get_column_letter(at)
        _header_cell(sheet.cell(1, at, column.name), required=column.required).comment = _comment(column)
        sheet.column_dimensions[letter].width = max(12, len(column.name) + 4)
        if column.kind in _AS_TEXT or column.name == "value":
            sheet.column_dimensions[letter].number_format = "@"
        drop_down = _drop_down(table, column, ranges)
        if drop_down is not None:
            drop_down.add(f"{letter}2:{letter}{LAST_ROW}")
            sheet.add_data_validation(drop_down)
    sheet.freeze_panes = "A2"


def _drop_down(table: Table, column: Column, ranges: dict[str, str]) -> DataValidation | None:
    """The list a cell offers: choices bind, units only suggest (other spellings of a unit are read as well)."""
    name = f"{table.name}.{column.name}"
    if name not in ranges:
        return None
    binding = name != "results.unit"
    return DataValidation(
        type="list",
        formula1=ranges[name],
        allow_blank=True,
        showErrorMessage=binding,
        errorTitle="Not in the list",
        error=f"{column.name}: choose from the list; the sheet 'guide' explains it.",
    )


def _comment(column: Column) -> Comment:
    unit = f" Unit: {column.unit}." if column.unit else ""
    needed = " Required." if column.required else ""
    return Comment(f"{column.meaning}{unit}{needed}", "mspike", width=280, height=90)


def _header_cell(cell: Any, *, required: bool = False) -> Any:
    cell.font, cell.fill = _HEADER_FONT, _REQUIRED_FILL if required else _HEADER_FILL
    return cell


def choices_of(table: Table, column: Column) -> tuple[str, ...]:
    """What may stand in this column, where that is a closed list."""
    if table is RESULTS and column.name == "analyte":
        return tuple(ANALYTES)
    return ("yes", "no") if column.kind == "boolean" else column.choices


def _lists() -> Iterator[tuple[str, tuple[str, ...]]]:
    for table in TABLES.values():
        for column in table.columns:
            if choices := choices_of(table, column):
                yield f"{table.name}.{column.name}", choices
    units = {unit for analyte in ANALYTES.values() for unit in analyte.units}
    yield "results.unit", tuple(sorted(units, key=lambda unit: (unit.lower(), unit)))


def _fill_lists(sheet: Any) -> dict[str, str]:
    """One column a list (an inline list ends at 255 characters); returns table.column -> its range."""
    ranges = {}
    for at, (name, choices) in enumerate(_lists(), start=1):
        for row, text in enumerate((name, *choices), start=1):
            cell = sheet.cell(row, at, text)
            cell.number_format = "@"
        letter = get_column_letter(at)
        ranges[name] = f"lists!${letter}$2:${letter}${len(choices) + 1}"
    sheet.sheet_state = "hidden"
    return ranges


def guide_rows() -> list[tuple[str, ...]]:
    """Every declared column in words, in the order of GUIDE_HEADER."""
    return [
        (
            table.name, column.name, column.kind, column.unit, column.meaning,
            ", ".join(choices_of(table, column)), "yes" if column.required else "no",
        )
        for table in TABLES.values()
        for column in table.columns
    ]  # fmt: skip


def units_rows() -> list[tuple[str, ...]]:
    """Every analyte with its units, in the order of UNITS_HEADER."""
    return [(a.name, a.meaning, a.unit, ", ".join(a.units)) for a in ANALYTES.values()]


def _fill_guide(sheet: Any) -> None:
    for line in HOW_TO:
        sheet.append([line])
    sheet.cell(1, 1).font = Font(bold=True, size=14)
    _fill_grid(sheet, GUIDE_HEADER, guide_rows(), (14, 22, 10, 28, 52, 60, 10))


def _fill_units(sheet: Any) -> None:
    _fill_grid(sheet, UNITS_HEADER, units_rows(), (26, 60, 16, 44))
    sheet.freeze_panes = "A2"


def _fill_example(sheet: Any) -> None:
    rows = [(table, ", ".join(f"{c} = {v}" for c, v in cells.items())) for table, cells in EXAMPLE]
    _fill_grid(sheet, ("table", "one row of it (an invented patient)"), rows, (14, 110))


def _fill_grid(sheet: Any, header: tuple[str, ...], rows: list[Any], widths: tuple[int, ...]) -> None:
    first = sheet.max_row + 1 if sheet.max_row > 1 else 1
    for at, (name, width) in enumerate(zip(header, widths, strict=True), start=1):
        _header_cell(sheet.cell(first, at, name))
        sheet.column_dimensions[get_column_letter(at)].width = width
    for number, row in enumerate(rows, start=first + 1):
        for at, text in enumerate(row, start=1):
            sheet.cell(number, at, text).alignment = Alignment(wrap_text=True, vertical="top")


def _columns_text() -> str:
    lines = [*HOW_TO]
    for table in TABLES.values():
        lines += [f"{table.name}.csv: one row per {table.row}"]
        for column in table.columns:
            choices = choices_of(table, column)
            parts = [column.kind, column.unit, "required" if column.required else ""]
            lines += [f"  {column.name} ({', '.join(p for p in parts if p)}): {column.meaning}"]
            lines += [f"      one of {', '.join(choices)}"] if choices else []
        lines += [""]
    lines += ["Units accepted for each analyte"]
    lines += [f"  {name}: {units or 'no unit (a word)'}" for name, _, _, units in units_rows()]
    return "\n".join(lines) + "\n"
