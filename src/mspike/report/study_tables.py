"""A table of a study as HTML by great-tables, in the one theme of the page (templates/study.css)."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
from great_tables import GT
from markupsafe import Markup, escape

from mspike.study.cells import NONE, NOT_KNOWN
from mspike.study.parts import StudyTable

# Rows on the page of a table told in words, and of one that is printed as its file stands; the file holds all.
MOST_ROWS, MOST_OF_A_FILE = 150, 30
MOST_ON_PAPER = 38  # rows that fit one printed page
# Letters side by side that fit a page of A4 or Letter upright in small type, and in the smallest with some cells broken
# in two; else the page lies.
UPRIGHT, SMALLEST = 104, 175
_UNKNOWN = re.compile(rf">({NOT_KNOWN}|not tested)</(td|th)>")
_NO_HEAD = re.compile(r'<th [^>]*(rowspan="\d+")[^>]*>\s*</th>')
_GROUP = re.compile(
    r'<tr class="gt_group_heading_row">\s*<th class="gt_group_heading" colspan="(\d+)" scope="colgroup">'
)


def shown_rows(table: StudyTable) -> tuple[int, int]:
    """How many rows the page shows, and how many there are."""
    total = _source(table).height
    return min(total, MOST_OF_A_FILE if table.shown is None else MOST_ROWS), total


def table_html(table: StudyTable, described_by: str = "") -> Markup:
    """The table as HTML without a style of its own: caption, heads with their scope, a first cell that names the row.

    described_by  id of the notes below it
    """
    told = _told(table)
    names = [name for name in told.columns if name != table.groups]
    whole = GT(told, rowname_col=names[0], groupname_col=table.groups, id=table.name)
    whole = whole.tab_stubhead(_head(table, names[0]))
    whole = whole.cols_label(cases={name: _head(table, name) for name in names[1:]})
    whole = whole.cols_align("left", names[1:]).cols_align("right", _right(table, names[1:]))
    for words, columns in table.spans.items():
        whole = whole.tab_spanner(words, columns=[name for name in columns if name in names[1:]])
    rows = told.height + (told[table.groups].n_unique() if table.groups else 0)
    size = _size(_letters(told, table, names), rows)
    return _dressed(whole.as_raw_html(), table.title, size, described_by)


def _source(table: StudyTable) -> pl.DataFrame:
    return table.frame if table.shown is None else table.shown


def _told(table: StudyTable) -> pl.DataFrame:
    """Every cell of the rows shown in words."""
    frame = _source(table).head(shown_rows(table)[0])
    return frame.select(
        pl.Series(
            name, [_words(value, NOT_KNOWN if name == table.groups else NONE) for value in frame[name]], pl.String
        )
        for name in frame.columns
    )


def _words(value: Any, nothing: str) -> str:
    if value is None:
        return nothing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10 or value == 0 else f"{value:.3g}"
    if isinstance(value, pl.Series | list):
        return "; ".join(str(item) for item in value)
    return str(value)


def _head(table: StudyTable, name: str) -> str:
    words = name.replace("_", " ")
    return table.heads.get(name, words[:1].upper() + words[1:])


def _right(table: StudyTable, names: list[str]) -> list[str]:
    """Columns of figures: those the table says, and all numbers where it prints its file."""
    numbers = () if table.shown is not None else [n for n, kind in table.frame.schema.items() if kind.is_numeric()]
    return [name for name in names if name in table.right or name in numbers]


def _letters(told: pl.DataFrame, table: StudyTable, names: list[str]) -> int:
    """Letters on the widest line, heads broken between words and no first cell wider than 30 letters."""
    cells = {name: max((len(text) for text in told[name]), default=0) for name in names}
    cells[names[0]] = min(cells[names[0]], 30)
    return sum(max(cells[name], max(map(len, _head(table, name).split()), default=0)) + 3 for name in names)


def _dressed(html: str, title: str, size: str, describing: str) -> Markup:
    """What great-tables made, without its style sheet (11 kB a table) and its ids, which clash between tables.

    Cells and heads come escaped from great-tables; a test holds it to that.
    """
    start, end = html.index("<table"), html.rindex("</table>")
    body = html[html.index(">", start) + 1 : end]
    body = re.sub(r' (?:id|headers)="[^"]*"', "", body)
    body = _GROUP.sub(
        r'</tbody><tbody><tr class="group"><th class="gt_group_heading" colspan="\1" scope="rowgroup">', body
    )
    body = re.sub(r'<tbody class="gt_table_body">\s*</tbody>', "", body)
    body = _NO_HEAD.sub(r"<td \1></td>", body)
    body = _UNKNOWN.sub(r'><span class="unknown">\1</span></\2>', body)
    told = f' aria-describedby="{escape(describing)}"' if describing else ""
    return Markup(f'<table class="{size}"{told}><caption>{escape(title)}</caption>{body}</table>')


def _size(letters: int, rows: int) -> str:
    """How it prints: in small type, in the smallest, on a page that lies; over pages where one cannot hold it."""
    size = "upright" if letters <= UPRIGHT else "narrow" if letters <= SMALLEST else "lying"
    return f"{size} long" if rows > MOST_ON_PAPER else size
