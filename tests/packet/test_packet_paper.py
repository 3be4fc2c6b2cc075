"""A packet as PDF: tagged, titled, the same bytes each time, asking nothing of anybody (SYNTHETIC patient)."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from conftest import needs
from mspike import INTENDED_USE
from mspike.errors import MspikeError
from mspike.packet.blocks import Grid, Heading, PageBreak
from mspike.packet.paper import _only_what_is_inside, paper_of
from packet_example import SAYS, packet, small


@pytest.fixture(scope="module")
def printed() -> bytes:
    return paper_of(packet())


def unpacked(pdf: bytes) -> bytes:
    """The PDF with the text of its streams."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    opened = [each for each in map(_inflated, streams) if each]
    return b"\n".join([pdf, *opened])


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


def as_text(words: str) -> bytes:
    """As a PDF holds a text that is not ASCII only."""
    return b"\xfe\xff" + words.encode("utf-16-be")


def pages_of(pdf: bytes) -> list[tuple[float, ...]]:
    """The size of each page: left, bottom, right, top."""
    return [tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox ?\[([^\]]*)\]", unpacked(pdf))]


def test_it_is_tagged_has_a_language_a_title_and_says_what_it_conforms_to(printed: bytes):
    whole = unpacked(printed)
    assert printed.startswith(b"%PDF-1.7")
    assert b"/StructTreeRoot" in whole and b"/Marked true" in whole and b"/Lang (en-GB)" in whole
    assert b"/DisplayDocTitle true" in whole
    assert b"/Title (SYNTHETIC packet \\(SYNTHETIC\\))" in unpacked(paper_of(small()))
    assert b'pdfuaid:part="1"' in whole


def test_headings_tables_lists_and_figures_are_said_to_be(printed: bytes):
    whole = unpacked(printed)
    for tag in (b"/H1", b"/H2", b"/H3", b"/Table", b"/THead", b"/TH", b"/TD", b"/L", b"/LI", b"/Figure"):
        assert re.search(rb"/S ?" + tag + rb"\b", whole), tag
    assert SAYS.encode() in whole or as_text(SAYS) in whole
    assert len(re.findall(rb"/Alt ?\(", whole)) == 1


def test_the_same_packet_is_the_same_file():
    assert paper_of(small()) == paper_of(small())


def test_wide_tables_lie_and_the_rest_stands_on_a4(printed: bytes):
    boxes = pages_of(printed)
    upright = [box for box in boxes if box[2] < box[3]]
    assert len(upright) >= 3 and all((round(box[2]), round(box[3])) == (595, 842) for box in upright)
    assert len(boxes) - len(upright) == 1  # the table of ten columns


def test_nothing_is_asked_of_a_network_or_a_disk(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for url in ("https://example.org/x.png", "http://example.org", "file:///etc/passwd", "ftp://example.org/x"):
        with pytest.raises(ValueError, match="disallowed protocol"):
            _only_what_is_inside(url)
    assert _only_what_is_inside("data:text/plain,inside").read() == b"inside"
    assert paper_of(small()).startswith(b"%PDF")


def test_without_pango_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    class Lacking:
        def find_spec(self, name, *_):
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0': not found\nmore")

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Lacking(), *sys.meta_path])
    with pytest.raises(MspikeError, match=r"cannot load library 'libpango-1\.0-0': not found\. .*apt-get install"):
        paper_of(small())


def test_weasyprint_is_imported_only_where_a_pdf_is_written():
    asked = "import sys, mspike.verbs, mspike.packet.pages, mspike.packet.paper; print('weasyprint' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def texts(pdf: bytes, room: Path) -> list[str]:
    """What stands on each page, words only."""
    gs = needs("gs", "read the text of a PDF")
    (room / "p.pdf").write_bytes(pdf)
    subprocess.run([gs, "-q", "-sDEVICE=txtwrite", "-o", str(room / "%03d.txt"), str(room / "p.pdf")], check=True)
    return [" ".join(page.read_text(encoding="utf-8").split()) for page in sorted(room.glob("*.txt"))]


def test_every_page_says_whose_it_is_and_what_it_is_not_for(printed: bytes, tmp_path: Path):
    pages = texts(printed, tmp_path)
    assert len(pages) == len(pages_of(printed)) >= 4
    first = " ".join(INTENDED_USE.split()[:6])
    for number, page in enumerate(pages, 1):
        assert "as of 2024-05-31" in page and first in page and f"{number} / {len(pages)}" in page
    whole = " ".join(pages)
    assert "Ten columns of sentences" in whole and "○ not known" in whole


def test_a_small_table_stays_on_one_page_and_a_long_one_runs_on(tmp_path: Path):
    def rows_by_page(rows: int) -> list[int]:
        (room := tmp_path / str(rows)).mkdir()
        table = Grid("Table", ("Head",), tuple((f"row{n}",) for n in range(rows)))
        pages = texts(paper_of(small(blocks=(*(Heading("Part") for _ in range(20)), table), synthetic=False)), room)
        return [len(re.findall(r"\brow\d+", page)) for page in pages]

    assert rows_by_page(14)[:2] == [0, 14]
    assert 0 < rows_by_page(15)[0] < 15


def test_a_break_begins_a_page_on_paper():
    part = Heading("Part")
    assert len(pages_of(paper_of(small(blocks=(part, part))))) == 1
    assert len(pages_of(paper_of(small(blocks=(part, PageBreak(), part))))) == 2
