"""The page of a packet: one file, nothing fetched, nothing obeyed, the unknown told (SYNTHETIC patient)."""

from __future__ import annotations

import base64
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from mspike import INTENDED_USE
from mspike.packet.blocks import Facts, Grid, Heading, Packet, Paragraph
from mspike.packet.legible import STRANGE, legible
from mspike.packet.pages import page_of
from mspike.packet.shown import anchors, is_unknown, size_of
from packet_example import EVIL, SAYS, packet, results, small, wide

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Read(HTMLParser):
    """The elements of a page in order; refuses tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.elements if tag in tags]

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(packet())


@pytest.fixture(scope="module")
def read(page: str) -> Read:
    return Read(page)


def test_nothing_on_the_page_is_fetched_or_run(read: Read):
    tags = Counter(tag for tag, _ in read.elements)
    assert not {"script", "iframe", "object", "embed", "form", "base", "svg", "video"} & set(tags)
    assert [name for _, attrs in read.elements for name in attrs if name.startswith("on") or name == "srcset"] == []
    assert all(attrs["src"].startswith("data:image/svg+xml;base64,") for attrs in read.all("img"))
    outward = [attrs["href"] for attrs in read.all("a", "link") if not attrs["href"].startswith("#")]
    assert outward == ["data:,", "https://doi.org/10.1016/S1470-2045(16)30206-6"]
    policy = next(a["content"] for a in read.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_text_of_the_record_is_text(page: str, read: Read):
    assert EVIL not in page and "</style><script>" not in page
    assert read.said.count(EVIL) == 2
    assert "VRd & <b>co</b>" in read.said and "Nothing <on> record Nothing to show: no rows." in read.said
    assert [tag for tag, _ in read.elements].count("style") == 1


def test_marks_that_turn_text_or_cannot_be_seen_are_shown_as_a_sign(page: str, read: Read):
    assert f"Patient SYN{STRANGE}1{STRANGE} ·" in read.said
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08]", page)
    assert legible("a\tb\r\nc\x00\ud800") == f"a b c{STRANGE}{STRANGE}"
    assert legible("Zoë Ångström 患者 לאה ≥ 5 · µg") == "Zoë Ångström 患者 לאה ≥ 5 · µg"


def test_what_is_not_known_has_its_sign_and_no_cell_is_blank(page: str, read: Read):
    unknown = re.findall(r'<span class="unknown">([^<]*)</span>', page)
    # Age; "not tested"; the cell of None and the blank one of line 2; 60 methods; one of the twin.
    assert Counter(unknown) == {"not known": 1 + 2 + 60 + 1, "not tested": 1}
    assert not re.search(r"<t[hd][^>]*>\s*</t[hd]>", page)
    assert is_unknown(None) and is_unknown(" ") and not is_unknown("no") and not is_unknown("0")


def test_the_answer_comes_first(read: Read):
    order = ["Progressed 142 days", "Calcium is due", "SYNTHETIC.", INTENDED_USE, "Contents", "What happened", "Age"]
    places = [read.said.index(text) for text in order]
    assert places == sorted(places)


def test_invented_patients_are_said_to_be_and_real_ones_are_not():
    real = page_of(small(synthetic=False, title="Packet"))
    assert "This patient is invented" in page_of(small())
    assert "This patient is invented" not in real and "SYNTHETIC" not in real.split("<body")[1].split("<main")[0]


def test_one_h1_no_level_skipped_every_id_once_and_every_link_inside_leads_somewhere(read: Read):
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1 and all(b - a <= 1 for a, b in pairwise(levels))
    ids = [attrs["id"] for _, attrs in read.elements if attrs.get("id")]
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    led = {attrs["href"][1:] for attrs in read.all("a") if attrs["href"].startswith("#")}
    led |= {attrs["aria-labelledby"] for _, attrs in read.elements if "aria-labelledby" in attrs}
    assert led <= set(ids) and {"content", "timeline", "reference-1", "stamp"} <= led
    assert read.all("html")[0]["lang"] == "en-GB"


def test_an_id_of_ours_is_taken_by_no_heading():
    named = anchors(small(blocks=(Heading("Stamp"), Heading("Stamp"), Heading("…"), Heading("x", id="stamp"))))
    assert list(named.values()) == ["stamp-2", "stamp-3", "part", "stamp-4"]


def test_a_reference_is_led_to_and_an_interval_is_not(page: str):
    assert '<a href="#reference-2">[2]</a>' in page
    assert "[3, 12]" in page and "and [99]," in page  # no such reference
    assert re.findall(r'<li id="reference-\d">(.)', page) == ["K", "A"]  # the list counts itself


def test_a_figure_has_its_words_and_its_numbers(read: Read):
    (img,) = read.all("img")
    assert img["alt"] == SAYS
    drawn = base64.b64decode(img["src"].split(",")[1]).decode()
    assert drawn.startswith("<svg") and "Days from infusion" in drawn
    assert "The numbers of this figure" in read.said and "M-protein by day (SYNTHETIC)" in read.said


def test_figures_stand_right_and_the_first_cell_names_its_row(page: str):
    assert '<th scope="row" class="gt_stub">1</th><td>VRd &amp; &lt;b&gt;co&lt;/b&gt;</td>' in page
    assert '<td class="gt_right">142</td>' in page
    assert '<th scope="col" class="gt_right">Days</th>' in page


def test_what_the_packet_is_not_for_and_how_it_was_made_but_not_where_it_lay(page: str, read: Read):
    end = read.said[read.said.rindex("How this page was made") :]
    assert INTENDED_USE in end and "imwg-2016" in end and "exa<mple" in end
    assert "secret-folder" not in page


def test_the_patients_own_page_has_larger_type_and_web_addresses_to_follow():
    own = page_of(packet(plain=True))
    assert '<body class="plain">' in own
    assert '<a href="https://www.myeloma.org">https://www.myeloma.org</a> for more' in own
    assert '<a href="https://www.myeloma.org">' not in page_of(packet())


def test_on_paper_there_is_nothing_to_click_and_the_numbers_stand_at_the_end():
    paper = Read(page_of(packet(), paper=True))
    assert not {"nav", "details", "summary"} & {tag for tag, _ in paper.elements}
    assert [attrs for _, attrs in paper.elements if "tabindex" in attrs and attrs.get("id") != "content"] == []
    assert paper.said.index("The numbers behind the figures") > paper.said.index("All results")


def test_wide_tables_lie_and_long_ones_may_run_over_pages():
    assert size_of(results()) == "upright long" and size_of(wide()) == "lying"
    assert size_of(Grid("", ("A", "B"), ((None, "x"),))) == "upright"


def test_a_packet_of_nothing_is_still_a_page():
    empty = Packet("Nothing", "Patient 1", (), (), {}, synthetic=False)
    assert INTENDED_USE in Read(page_of(empty)).said
    only = replace(empty, blocks=(Paragraph("Only this."), Facts(())))
    assert "Only this." in Read(page_of(only)).said
