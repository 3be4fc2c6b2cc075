"""A packet as a Word document: real headings, tables whose heads repeat, figures with words for who cannot see them."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from docx import Document
from docx.shared import Cm, Pt

from mspike import INTENDED_USE
from mspike.figures.saved import png
from mspike.packet import shown
from mspike.packet.blocks import Block, Bullets, Drawing, Facts, Grid, Heading, Packet, PageBreak, Paragraph
from mspike.packet.legible import legible_packet
from mspike.packet.word_parts import (
    alarmed,
    count_again,
    field,
    framed,
    head_repeats,
    named_table,
    page_edges,
    ruled,
    stays_whole,
    told_figure,
    typed,
    unknown_run,
)
from mspike.report.markup import bare

TEXT_WIDTH = Cm(17.0)
_NAMES_WIDTH = Cm(4.2)
_LEVELS = {2: 1, 3: 2}  # a heading of the packet: Word's "Heading n"; the title has a style of its own
_BULLET, _NUMBERED = "List Bullet", "List Number"
_LETTERS = {"upright": 8.5, "narrow": 7.0, "lying": 6.0}
# A document made twice is the same file: no clock in it.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def word_of(packet: Packet) -> bytes:
    """The packet as .docx. What came from a record is plain text: no field, no control character, no link."""
    packet = legible_packet(packet)
    document = Document()
    typed(document, shown.LANGUAGE, plain=packet.plain)
    _properties(document, packet)
    _edges(document, packet)
    opening = shown.opening(packet)
    document.add_paragraph(packet.title, style="Title")
    for block in packet.blocks[:opening]:
        _add(document, block)
    if packet.synthetic:
        framed(document.add_paragraph(shown.SYNTHETIC))
    for block in packet.blocks[opening:]:
        _add(document, block)
    _add_end(document, packet)
    return _without_clock(document)


def _add(document: Any, block: Block) -> None:
    if isinstance(block, Heading):
        document.add_heading(block.words, _LEVELS.get(block.level, 2))
    elif isinstance(block, Paragraph):
        _add_paragraph(document, block)
    elif isinstance(block, Bullets):
        _add_list(document, block.items, ordered=block.ordered)
    elif isinstance(block, Facts):
        _add_facts(document, block.rows)
    elif isinstance(block, Grid):
        _add_grid(document, block)
    elif isinstance(block, Drawing):
        _add_drawing(document, block)
    elif isinstance(block, PageBreak):
        document.add_page_break()


def _add_paragraph(document: Any, block: Paragraph) -> None:
    style = {"lead": "mspike lead", "note": "mspike note"}.get(block.kind, "Normal")
    paragraph = document.add_paragraph(block.words, style=style)
    if block.kind == "alarm":
        alarmed(paragraph)


def _add_list(document: Any, items: tuple[str, ...], *, ordered: bool) -> None:
    paragraphs = [document.add_paragraph(item, style=_NUMBERED if ordered else _BULLET) for item in items]
    if ordered:
        count_again(document, paragraphs)


def _add_facts(document: Any, rows: tuple[tuple[str, str | None], ...]) -> None:
    if not rows:
        return
    table = document.add_table(rows=0, cols=2)
    for name, value in rows:
        cells = table.add_row().cells
        cells[0].text = name
        _fill(cells[1].paragraphs[0], value)
        cells[0].width, cells[1].width = _NAMES_WIDTH, TEXT_WIDTH - _NAMES_WIDTH
    ruled(table, head=False)
    stays_whole(table)
    document.add_paragraph(style="mspike gap")


def _add_grid(document: Any, grid: Grid) -> None:
    document.add_paragraph(grid.title, style="mspike title")
    if not grid.rows:
        document.add_paragraph("Nothing to show: no rows.", style="mspike note")
    else:
        _add_table(document, grid)
    for note in grid.notes:
        document.add_paragraph(note, style="mspike note")
    document.add_paragraph(style="mspike gap")


def _add_table(document: Any, grid: Grid) -> None:
    # All rows at once: adding them one by one takes a time that grows with their square.
    table = document.add_table(rows=len(grid.rows) + 1, cols=len(grid.heads))
    size = Pt(_LETTERS[shown.size_of(grid).split()[0]])
    right = [head in grid.right for head in grid.heads]
    for row, told in zip(table.rows, (grid.heads, *grid.rows), strict=True):
        for cell, words, figures in zip(row.cells, told, right, strict=True):
            paragraph = cell.paragraphs[0]
            _fill(paragraph, words)
            paragraph.alignment = 2 if figures else 0
            for run in paragraph.runs:
                run.font.size = size
                run.bold = told is grid.heads or None
    head_repeats(table)
    ruled(table, head=True)
    stays_whole(table)
    named_table(table, grid.title)


def _fill(paragraph: Any, words: str | None) -> None:
    if shown.is_unknown(words):
        unknown_run(paragraph, f"{shown.SIGN} {shown.words_of(words)}")
    else:
        paragraph.add_run(words)


def _add_drawing(document: Any, drawing: Drawing) -> None:
    document.add_paragraph(drawing.title, style="mspike title")
    picture = document.add_picture(io.BytesIO(png(drawing.chart, scale=2.5)))
    if picture.width > TEXT_WIDTH:
        picture.height = int(picture.height * TEXT_WIDTH / picture.width)
        picture.width = TEXT_WIDTH
    document.paragraphs[-1].paragraph_format.keep_with_next = True
    told_figure(picture, drawing.name, drawing.says)
    document.add_paragraph(drawing.says, style="mspike note")


def _add_end(document: Any, packet: Packet) -> None:
    """The tables behind the figures, the references, how it was made."""
    if behind := shown.twins(packet):
        document.add_heading(shown.BEHIND, 1)
        for twin in behind:
            _add_grid(document, twin)
    if packet.references:
        document.add_heading("References", 1)
        _add_list(document, tuple(bare(text) for text in packet.references), ordered=True)
    document.add_heading("How this document was made", 1)
    _add_facts(document, shown.stamp_rows(packet))


def _edges(document: Any, packet: Packet) -> None:
    """What stands on every page: whose packet, of which day, by which version; what it is not for; the page."""
    head, foot = page_edges(document)
    head.add_run(f"SYNTHETIC · {packet.head}" if packet.synthetic else packet.head)
    foot.add_run(f"{INTENDED_USE} Page ")
    field(foot, "PAGE")
    foot.add_run(" of ")
    field(foot, "NUMPAGES")


def _properties(document: Any, packet: Packet) -> None:
    told = document.core_properties
    told.title = packet.title[:255]  # the format holds no more
    told.language, told.comments, told.subject, told.keywords = shown.LANGUAGE, INTENDED_USE, "", ""
    told.author = told.last_modified_by = shown.MADE_BY
    for child in list(told._element):
        if child.tag.endswith("}created") or child.tag.endswith("}modified"):
            told._element.remove(child)


def _without_clock(document: Any) -> bytes:
    written, again = io.BytesIO(), io.BytesIO()
    document.save(written)
    with zipfile.ZipFile(written) as made, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as fixed:
        for name in made.namelist():
            fixed.writestr(zipfile.ZipInfo(name, _NO_TIME), made.read(name), zipfile.ZIP_DEFLATED)
    return again.getvalue()
