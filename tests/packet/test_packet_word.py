"""A packet as a Word document: real headings, heads that repeat, words for figures, text only text (SYNTHETIC)."""

from __future__ import annotations

import io
import re
import zipfile
from itertools import pairwise

import pytest
from docx import Document
from docx.oxml.ns import qn

from mspike import INTENDED_USE
from mspike.packet.blocks import Facts, Paragraph
from mspike.packet.legible import STRANGE
from mspike.packet.word import word_of
from packet_example import EVIL, SAYS, packet, small

# The order of Word's schema; Word refuses a document that has another.
TABLE_ORDER = ["tblStyle", "tblW", "jc", "tblBorders", "tblLayout", "tblLook", "tblCaption"]
PARAGRAPH_ORDER = ["pStyle", "keepNext", "numPr", "pBdr", "spacing", "ind", "jc"]


@pytest.fixture(scope="module")
def made() -> bytes:
    return word_of(packet())


@pytest.fixture(scope="module")
def document(made: bytes):
    return Document(io.BytesIO(made))


def part(made: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        return opened.read(name).decode()


def local(element) -> str:
    return element.tag.split("}")[1]


def test_headings_are_headings_in_their_order(document):
    told = [(p.style.name, p.text) for p in document.paragraphs if p.style.name.startswith(("Title", "Heading"))]
    assert told[0][0] == "Title" and told[0][1].startswith("Tumour board")
    assert told[1:5] == [
        ("Heading 1", "What happened"), ("Heading 2", "Steps"), ("Heading 1", "Timeline"),
        ("Heading 1", "What happened"),
    ]  # fmt: skip
    assert [text for _, text in told[5:]] == [
        "The numbers behind the figures", "References", "How this document was made"
    ]  # fmt: skip


def test_the_head_of_a_table_repeats_and_no_row_is_broken(document):
    titled = [t for t in document.tables if t._tbl.tblPr.find(qn("w:tblCaption")) is not None]
    captions = [t._tbl.tblPr.find(qn("w:tblCaption")).get(qn("w:val")) for t in titled]
    assert captions == [
        "Courses (SYNTHETIC)", "All results (SYNTHETIC)", "Ten columns of sentences (SYNTHETIC)",
        "M-protein by day (SYNTHETIC)",
    ]  # fmt: skip
    for table in titled:
        first, *rest = table._tbl.tr_lst
        assert first.trPr.find(qn("w:tblHeader")) is not None
        assert all(row.trPr.find(qn("w:tblHeader")) is None for row in rest)
        assert all(row.trPr.find(qn("w:cantSplit")) is not None for row in table._tbl.tr_lst)
    assert len(titled[1].rows) == 61


def test_what_is_not_known_has_its_sign_and_no_cell_is_blank(document):
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert "" not in cells
    assert cells.count("○ not known") == 1 + 2 + 60 + 1 and cells.count("○ not tested") == 1


def test_text_of_the_record_is_only_text(made: bytes, document):
    whole = part(made, "word/document.xml")
    assert EVIL in "\n".join(cell.text for cell in document.tables[0].columns[1].cells)
    assert "fldSimple" not in whole and "instrText" not in whole and "w:hyperlink" not in whole
    assert f"SYN{STRANGE}1{STRANGE}" in whole and "\u202e" not in whole
    tricky = Document(
        io.BytesIO(word_of(small(blocks=(Facts((("Field", '{ DDEAUTO c:\\\\x "y" }\x13 PAGE \x15'),)),))))
    )
    assert tricky.tables[0].cell(0, 1).text == f'{{ DDEAUTO c:\\\\x "y" }}{STRANGE} PAGE {STRANGE}'


def test_a_figure_has_words_and_fits_the_page(made: bytes, document):
    (told,) = re.findall(r'<wp:docPr [^>]*descr="([^"]*)"', part(made, "word/document.xml"))
    assert told == SAYS
    (shape,) = document.inline_shapes
    section = document.sections[0]
    assert shape.width <= section.page_width - section.left_margin - section.right_margin
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert opened.read("word/media/image1.png").startswith(b"\x89PNG")


def test_every_page_says_whose_it_is_what_it_is_not_for_and_its_number(made: bytes, document):
    section = document.sections[0]
    assert section.header.paragraphs[0].text.startswith("SYNTHETIC · Patient")
    assert section.footer.paragraphs[0].text.startswith(INTENDED_USE)
    footer = next(n for n in zipfile.ZipFile(io.BytesIO(made)).namelist() if re.fullmatch(r"word/footer\d*\.xml", n))
    assert re.findall(r'w:instr="(\w+)"', part(made, footer)) == ["PAGE", "NUMPAGES"]


def test_it_has_a_title_a_language_and_no_clock(made: bytes, document):
    told = document.core_properties
    assert told.title.startswith("Tumour board") and told.language == "en-GB" and told.author.startswith("mspike ")
    core = part(made, "docProps/core.xml")
    assert "created" not in core and "modified" not in core
    assert set(re.findall(r'<w:lang [^>]*w:val="([^"]*)"', part(made, "word/styles.xml"))) == {"en-GB"}
    assert word_of(small()) == word_of(small())


def test_each_numbered_list_begins_at_one(document):
    numbered = [p for p in document.paragraphs if p.style.name == "List Number"]
    assert [p.text for p in numbered[:4]] == ["One.", "Two.", "Again one.", "Again two."]
    lists = [p._p.pPr.numPr.numId.val for p in numbered]
    assert lists[0] == lists[1] != lists[2] == lists[3] and len(set(lists)) == 3  # and the references
    assert [p.text for p in numbered[4:]][1] == "Another <one>."


def test_elements_stand_in_the_order_of_the_format(document):
    for table in document.tables:
        places = [TABLE_ORDER.index(local(child)) for child in table._tbl.tblPr]
        assert places == sorted(places)
    bordered = [p for p in document.element.body.iter(qn("w:pPr")) if p.find(qn("w:pBdr")) is not None]
    assert len(bordered) == 2  # the alarm and the frame of SYNTHETIC
    for properties in document.element.body.iter(qn("w:pPr")):
        places = [PARAGRAPH_ORDER.index(local(child)) for child in properties]
        assert all(a < b for a, b in pairwise(places))


def test_invented_patients_are_said_to_be_and_real_ones_are_not():
    def whole(synthetic: bool) -> str:
        return part(word_of(small(title="Packet", synthetic=synthetic)), "word/document.xml")

    assert "This patient is invented" in whole(True) and "This patient is invented" not in whole(False)


def test_the_patients_own_document_is_in_twelve_points():
    def points(plain: bool) -> float:
        return Document(io.BytesIO(word_of(small(plain=plain)))).styles["Normal"].font.size.pt

    assert (points(True), points(False)) == (12, 10)


def test_the_answer_comes_before_the_banner():
    told = [p.text for p in Document(io.BytesIO(word_of(small(blocks=(Paragraph("The answer.", "lead"),))))).paragraphs]
    assert told[:2] == ["SYNTHETIC packet", "The answer."] and told[2].startswith("SYNTHETIC.")
