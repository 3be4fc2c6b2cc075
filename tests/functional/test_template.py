"""The empty registry: what the workbook offers, and that what is typed into it comes back as typed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import openpyxl
import pytest

from mspike.errors import UnreadableInput, WrongUsage
from mspike.read.workbook import number_text, read_workbook, unknown_sheets
from mspike.record.analytes import ANALYTES
from mspike.record.tables import TABLES
from mspike.write.template import EXAMPLE, write_csv_template, write_workbook_template


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "registry.xlsx"
    write_workbook_template(path)
    return path


def offered(book: openpyxl.Workbook, table: str, column: str) -> list[str] | None:
    """What the drop-down of this column lists, or None where there is none."""
    sheet = book[table]
    letter = next(c.column_letter for c in sheet[1] if c.value == column)
    for validation in sheet.data_validations.dataValidation:
        if f"{letter}2" in validation.sqref:
            name, cells = validation.formula1.split("!")
            return [cell.value for (cell,) in book[name][cells.replace("$", "")]]
    return None


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_sheet_has_the_declared_headers_explained_and_is_otherwise_empty(template, table):
    sheet = openpyxl.load_workbook(template)[table.name]
    assert [cell.value for cell in sheet[1]] == list(table.names)
    assert all(column.meaning in cell.comment.text for column, cell in zip(table.columns, sheet[1], strict=True))
    assert sheet.max_row == 1
    assert sheet.freeze_panes == "A2"


def test_every_choice_has_a_drop_down_with_exactly_its_choices(template):
    book = openpyxl.load_workbook(template)
    for table in TABLES.values():
        for column in table.columns:
            if column.choices:
                assert offered(book, table.name, column.name) == list(column.choices)
            if column.kind == "boolean":
                assert offered(book, table.name, column.name) == ["yes", "no"]
    assert offered(book, "results", "analyte") == list(ANALYTES)
    assert set(offered(book, "results", "unit") or []) == {u for a in ANALYTES.values() for u in a.units}


def test_the_guide_explains_every_column_and_the_units_every_analyte(template):
    book = openpyxl.load_workbook(template)
    explained = {tuple(row[:2]) for row in book["guide"].iter_rows(values_only=True)}
    assert {(t.name, c.name) for t in TABLES.values() for c in t.columns} <= explained
    assert set(ANALYTES) <= {row[0] for row in book["units"].iter_rows(values_only=True)}
    assert unknown_sheets(template) == []


def test_an_untouched_template_reads_as_empty_tables(template):
    tables = read_workbook(template)
    assert set(tables) == set(TABLES)
    assert all(frame.height == 0 and frame.columns == [*TABLES[n].names, "row"] for n, frame in tables.items())


def test_a_typed_in_patient_comes_back_as_typed(template):
    book = openpyxl.load_workbook(template)
    for table, cells in EXAMPLE:
        book[table].append([cells.get(column) for column in TABLES[table].names])
    book.save(template)
    tables = read_workbook(template)
    for table in {table for table, _ in EXAMPLE}:
        typed = [{c: cells.get(c) for c in TABLES[table].names} for name, cells in EXAMPLE if name == table]
        assert tables[table].drop("row").to_dicts() == typed
    assert tables["results"]["row"].to_list() == [2, 3, 4]


def test_cells_are_read_as_the_text_a_person_would_type(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Results"
    sheet.append(["Patient_ID", "date", "value", "note"])
    sheet.append(["001", dt.datetime(2024, 5, 31), 28.0, True])
    sheet.append([])
    sheet.append(["001", 28, 2.8, "#N/A"])
    sheet.append([None, dt.datetime(2024, 5, 31, 13, 5), 1e-5, False])
    book.create_sheet("patient")
    book.save(tmp_path / "typed.xlsx")
    frame = read_workbook(tmp_path / "typed.xlsx")["results"]
    assert frame.columns == ["patient_id", "date", "value", "note", "row"]
    assert frame.rows() == [
        ("001", "2024-05-31", "28", "yes", 2),
        ("001", "28", "2.8", "#N/A", 4),
        (None, "2024-05-31 13:05", "0.00001", "no", 5),
    ]
    assert unknown_sheets(tmp_path / "typed.xlsx") == ["patient"]


@pytest.mark.parametrize(
    ("number", "text"), [(28.0, "28"), (2.8, "2.8"), (0.1 + 0.2, "0.3"), (1e-7, "0.0000001"), (1e20, "1" + "0" * 20)]
)
def test_numbers_have_their_shortest_text(number, text):
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "password"),
        (b"PK\x03\x04 and then nothing", "damaged"),
        (b"patient_id,date\n", "no Excel workbook"),
    ],
)
def test_an_unreadable_workbook_says_what_to_do(tmp_path, content, says):
    path = tmp_path / "registry.xlsx"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match=says) as error:
        read_workbook(path)
    assert "save" in str(error.value) or "name it .csv" in str(error.value)


def test_a_truncated_workbook_is_called_damaged(template):
    template.write_bytes(template.read_bytes()[:4000])
    with pytest.raises(UnreadableInput, match="damaged"):
        read_workbook(template)


def test_a_formula_that_was_never_calculated_is_refused_by_its_cell(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "results"
    book.active.append(["patient_id", "value"])
    book.active.append(["P1", "=1+1"])
    book.save(tmp_path / "formula.xlsx")
    with pytest.raises(UnreadableInput, match="B2"):
        read_workbook(tmp_path / "formula.xlsx")


def test_an_existing_file_is_never_overwritten(template, tmp_path):
    with pytest.raises(WrongUsage, match="move the file away"):
        write_workbook_template(template)
    (tmp_path / "results.csv").write_text("mine")
    with pytest.raises(WrongUsage, match=r"results\.csv"):
        write_csv_template(tmp_path)
    assert (tmp_path / "results.csv").read_text() == "mine"
    assert not (tmp_path / "patients.csv").exists()


def test_the_csv_template_has_every_header_and_explains_it(tmp_path):
    write_csv_template(tmp_path / "new")
    guide = (tmp_path / "new" / "columns.txt").read_text()
    for table in TABLES.values():
        assert (tmp_path / "new" / f"{table.name}.csv").read_text() == ",".join(table.names) + "\n"
        assert all(f"{c.name} (" in guide for c in table.columns)
