"""What Word can do and python-docx has no word for: heads that repeat, rules of a table, fields, words of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from mspike.figures.palette import ALARM, INK, LINE, MUTED

FONT = "Arial"
_FAMILIES = ("ascii", "hAnsi", "eastAsia", "cs")


def typed(document: Any, language: str, *, plain: bool) -> None:
    """Sets paper, type and language. plain: 12 points, for the patient."""
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.0)
    section.top_margin, section.bottom_margin = Cm(2.0), Cm(2.2)
    body = 12.0 if plain else 10.0
    styles = document.styles
    _style(styles["Normal"], body, after=4)
    _style(styles["Title"], body + 6, bold=True, after=6)
    _no_line_below(styles["Title"])
    _style(styles["Heading 1"], body + 3, bold=True, before=14, after=4)
    _style(styles["Heading 2"], body + 1, bold=True, before=10, after=3)
    for name, size, bold, colour in (
        ("mspike lead", body + 2, False, INK), ("mspike note", body - 1.5, False, MUTED),
        ("mspike title", body, True, INK), ("mspike gap", 4, False, INK),
    ):  # fmt: skip
        new = styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        new.base_style = styles["Normal"]
        _style(new, size, bold=bold, after=2, colour=colour)
    styles["mspike title"].paragraph_format.keep_with_next = True
    _language(styles, language)


def page_edges(document: Any) -> tuple[Any, Any]:
    """The paragraphs at the head and the foot of every page, empty."""
    section = document.sections[0]
    edges = section.header.paragraphs[0], section.footer.paragraphs[0]
    for paragraph, name in zip(edges, ("Header", "Footer"), strict=True):
        _style(document.styles[name], 7.5, colour=MUTED)
        paragraph.style = document.styles[name]
    return edges


def field(paragraph: Any, code: str) -> None:
    """A field that Word counts itself. Only our own words come here, never text of a record."""
    new = _element("w:fldSimple", **{"w:instr": code})
    run = OxmlElement("w:r")
    text = OxmlElement("w:t")
    text.text = "1"
    run.append(text)
    new.append(run)
    paragraph._p.append(new)


def count_again(document: Any, paragraphs: Sequence[Any]) -> None:
    """Lets a numbered list begin at 1: in Word all lists of one style are one list."""
    numbering = document.part.numbering_part.numbering_definitions._numbering
    style = document.styles["List Number"].element
    kind = numbering.num_having_numId(style.pPr.numPr.numId.val).abstractNumId.val
    new = numbering.add_num(kind)
    new.add_lvlOverride(ilvl=0).add_startOverride(1)
    for paragraph in paragraphs:
        mine = paragraph._p.get_or_add_pPr().get_or_add_numPr()
        mine.get_or_add_ilvl().val = 0
        mine.get_or_add_numId().val = new.numId


def head_repeats(table: Any) -> None:
    """The first row is the head, on every page the table runs over."""
    table.rows[0]._tr.get_or_add_trPr().append(_element("w:tblHeader", **{"w:val": "true"}))


def stays_whole(table: Any) -> None:
    """No row is broken between two pages."""
    for row in table._tbl.tr_lst:
        # cantSplit stands before tblHeader: the order is Word's.
        row.get_or_add_trPr().insert(0, _element("w:cantSplit", **{"w:val": "true"}))


def ruled(table: Any, *, head: bool) -> None:
    """Rules as a statistician would draw them: above, below, under the head, a hair between rows."""
    strong, hair = {"w:sz": "8", "w:color": INK[1:]}, {"w:sz": "4", "w:color": LINE[1:]}
    borders = OxmlElement("w:tblBorders")
    for side, line in (("top", strong if head else hair), ("bottom", strong if head else hair), ("insideH", hair)):
        borders.append(_element(f"w:{side}", **{"w:val": "single", "w:space": "0", **line}))
    _before(table._tbl.tblPr, borders, ("w:shd", "w:tblLayout", "w:tblCellMar", "w:tblLook", "w:tblCaption"))
    if head:
        for cell in table.rows[0].cells:
            under = OxmlElement("w:tcBorders")
            under.append(_element("w:bottom", **{"w:val": "single", "w:space": "0", **strong}))
            cell._tc.get_or_add_tcPr().append(under)


def named_table(table: Any, title: str) -> None:
    """What the table is, for who hears it."""
    table._tbl.tblPr.append(_element("w:tblCaption", **{"w:val": title}))


def told_figure(picture: Any, name: str, says: str) -> None:
    told = picture._inline.docPr
    told.set("name", name)
    told.set("descr", says)


def unknown_run(paragraph: Any, words: str) -> None:
    paragraph.add_run(words).font.color.rgb = _colour(MUTED)


def alarmed(paragraph: Any) -> None:
    """Progression, overdue, danger: bold, with a bar beside it; never by colour alone."""
    for run in paragraph.runs:
        run.bold = True
    borders = OxmlElement("w:pBdr")
    borders.append(_element("w:left", **{"w:val": "single", "w:sz": "24", "w:space": "6", "w:color": ALARM[1:]}))
    _into_paragraph(paragraph, borders)


def framed(paragraph: Any) -> None:
    borders = OxmlElement("w:pBdr")
    for side in ("top", "left", "bottom", "right"):
        line = {"w:val": "dashed", "w:sz": "8", "w:space": "4", "w:color": MUTED[1:]}
        borders.append(_element(f"w:{side}", **line))
    _into_paragraph(paragraph, borders)


def _into_paragraph(paragraph: Any, borders: Any) -> None:
    after = ("w:shd", "w:tabs", "w:suppressAutoHyphens", "w:spacing", "w:ind", "w:jc", "w:outlineLvl", "w:rPr")
    _before(paragraph._p.get_or_add_pPr(), borders, after)


def _before(parent: Any, new: Any, successors: tuple[str, ...]) -> None:
    """Word refuses a document whose elements stand in another order than its schema has."""
    parent.insert_element_before(new, *successors)


def _style(
    style: Any, size: float, *, bold: bool = False, before: float = 0, after: float = 0, colour: str = INK
) -> None:
    font = style.font
    font.size, font.bold, font.italic, font.name = Pt(size), bold, False, FONT
    font.color.rgb = _colour(colour)
    families = style.element.get_or_add_rPr().get_or_add_rFonts()
    for name in list(families.attrib):
        if "Theme" in name or "theme" in name:
            del families.attrib[name]  # a font of the theme would win over the one named
    for family in _FAMILIES:
        families.set(qn(f"w:{family}"), FONT)
    style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)


def _no_line_below(style: Any) -> None:
    properties = style.element.get_or_add_pPr()
    for line in properties.findall(qn("w:pBdr")):
        properties.remove(line)


def _language(styles: Any, language: str) -> None:
    for mark in styles.element.iter(qn("w:lang")):
        mark.set(qn("w:val"), language)


def _colour(text: str) -> RGBColor:
    return RGBColor.from_string(text[1:])


def _element(name: str, **attributes: str) -> Any:
    new = OxmlElement(name)
    for key, value in attributes.items():
        new.set(qn(key), value)
    return new
