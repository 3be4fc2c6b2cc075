"""An Excel workbook as a registry: a sheet a table, every cell as the text a person would have typed."""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import polars as pl
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from mspike.errors import UnreadableInput
from mspike.record.tables import TABLES

OWN_SHEETS = ("guide", "units", "example", "lists")  # what the template adds beside the tables

_DAMAGED = (
    zipfile.BadZipFile, InvalidFileException, ParseError, zlib.error, KeyError, ValueError, TypeError, IndexError,
    AttributeError, EOFError, OSError,
)  # fmt: skip
# A formula nobody calculated has an empty value; a formula whose result is the empty text says so by t="str".
_UNCALCULATED = re.compile(rb"<c ([^>]*)>\s*<f(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
_OLE = b"\xd0\xcf\x11\xe0"  # an encrypted .xlsx, and an .xls of before 2007, are both such containers


def read_workbook(path: Path) -> dict[str, pl.DataFrame]:
    """The tables of a workbook: text columns and `row`, the number that Excel shows beside the row.

    Sheet names are matched without regard to case; other sheets are skipped (`unknown_sheets` names them).
    """
    declared = {name.lower(): name for name in TABLES}
    with opened(path) as book:
        return {
            declared[title.strip().lower()]: _with_declared_names(sheet_frame(path, book[title]), title)
            for title in book.sheetnames
            if title.strip().lower() in declared
        }


def unknown_sheets(path: Path) -> list[str]:
    """The sheets that are neither a table nor one of the template's own: a misspelt table hides among these."""
    with opened(path) as book:
        known = {*TABLES, *OWN_SHEETS}
        return [title for title in book.sheetnames if title.strip().lower() not in known]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The workbook, with the values of formulas as last calculated."""
    _refuse_other_containers(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # styles and drop-downs that openpyxl does not know
        try:
            book = load_workbook(path, read_only=True, data_only=True)
        except _DAMAGED as error:
            raise _damaged(path, error) from error
        try:
            yield book
        finally:
            book.close()


def _refuse_other_containers(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise UnreadableInput(f"{path}: the workbook cannot be opened ({error.strerror}). Check the path.") from error
    if start == _OLE:
        raise UnreadableInput(
            f"{path}: the workbook is protected by a password, or is an .xls of before 2007. An open .xlsx was "
            "expected. Open it in Excel or LibreOffice, remove the password and save it as .xlsx."
        )
    if start != b"PK\x03\x04":
        raise UnreadableInput(
            f"{path}: this is no Excel workbook, whatever its name says. An .xlsx was expected. If it is a CSV file, "
            "name it .csv; otherwise open it in Excel or LibreOffice and save it as .xlsx."
        )


def _damaged(path: Path, error: BaseException, sheet: str = "") -> UnreadableInput:
    where = f"{path}, sheet {sheet!r}" if sheet else f"{path}"
    return UnreadableInput(
        f"{where}: the workbook is damaged ({type(error).__name__}). An intact .xlsx was expected. Open it in Excel "
        "or LibreOffice (which offers to repair it), save it anew, or fetch the file again."
    )


def sheet_frame(path: Path, sheet: Any, header_row: int = 1) -> pl.DataFrame:
    """One sheet as text columns and `row`; rows without any cell are dropped."""
    try:
        sheet.reset_dimensions()  # some programs store a range that is too small
        rows = list(enumerate(sheet.iter_rows(values_only=True), start=1))
        uncalculated = _uncalculated(sheet)
    except _DAMAGED as error:
        raise _damaged(path, error, sheet.title) from error
    if uncalculated:
        raise UnreadableInput(
            f"{path}, sheet {sheet.title!r}: the formula in {', '.join(uncalculated[:5])} was never calculated "
            f"({len(uncalculated)} in all), so its value is unknown. A calculated value was expected. Open the "
            "workbook in Excel or LibreOffice and save it, or type the values."
        )
    texts = [(number, [cell_text(value) for value in cells]) for number, cells in rows]
    header = next((cells for number, cells in texts if number == header_row), [])
    body = [(number, cells) for number, cells in texts if number > header_row and any(cells)]
    return text_frame(f"{path}, sheet {sheet.title!r}", header, body)


def _uncalculated(sheet: Any) -> list[str]:
    """The cells whose formula has no stored result (a program wrote the workbook and no Excel opened it since)."""
    content = sheet.parent._archive.read(sheet._worksheet_path)
    attributes = (match[1] for match in _UNCALCULATED.finditer(content))
    cells = (re.search(rb'\br="([A-Z]+[0-9]+)"', text) for text in attributes if b't="str"' not in text)
    return [cell[1].decode() for cell in cells if cell]


def text_frame(where: str, header: list[str | None], body: Iterable[tuple[int, list[str | None]]]) -> pl.DataFrame:
    """Numbered rows of text under their header. A filled column without a name keeps its letter as a name."""
    rows = list(body)
    width = max([len(header), *(len(cells) for _, cells in rows)], default=0)
    columns: dict[str, list[str | None]] = {}
    for at in range(width):
        values = [cells[at] if at < len(cells) else None for _, cells in rows]
        name = header[at] if at < len(header) else None
        if name is None and not any(values):
            continue
        name = name or f"unnamed column {get_column_letter(at + 1)}"
        name = "row (as given)" if name == "row" else name
        if name in columns:
            raise UnreadableInput(
                f"{where}: two columns are called {name!r}. Each name was expected once. Rename or remove one of them."
            )
        columns[name] = values
    schema: dict[str, Any] = dict.fromkeys(columns, pl.String) | {"row": pl.Int64}
    return pl.DataFrame({**columns, "row": [number for number, _ in rows]}, schema=schema)


def cell_text(value: object) -> str | None:
    """A cell as text: 28 -> 28, 2.8 -> 2.8, a date -> 2024-05-31, true -> yes, #N/A -> #N/A, nothing -> None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value).strip() or None


def number_text(value: float) -> str:
    """The shortest text of a number. Excel keeps 15 significant figures; what lies behind them is binary dust."""
    short = f"{value:.15g}"
    if "e" in short:
        short = f"{value:.20f}" if abs(value) < 1 else f"{value:.0f}"
        return short.rstrip("0").rstrip(".") if "." in short else short
    return short


def _with_declared_names(frame: pl.DataFrame, title: str) -> pl.DataFrame:
    """Headers typed in another case, or with blanks around them, are the declared columns all the same."""
    declared = {name.lower(): name for name in TABLES[title.strip().lower()].names}
    wanted = {name: declared.get(name.strip().lower(), name) for name in frame.columns}
    renamed = [new for old, new in wanted.items()]
    twice = next((name for name in renamed if renamed.count(name) > 1), None)
    if twice is not None:
        raise UnreadableInput(f"sheet {title!r}: the column {twice!r} is there twice. Remove one of them.")
    return frame.rename(wanted)
