"""The page of a study: one file, nothing fetched, nothing obeyed, everything told (SYNTHETIC patients)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest

from mspike import INTENDED_USE
from mspike.report.study_figures import inline
from mspike.report.study_page import page_of
from mspike.report.study_tables import table_html
from mspike.study.parts import StudyTable
from study_example import EVIL, characteristics, long, study, wide

VOID = {"meta", "link", "br", "img", "input", "hr"}
DRAWN = '<svg xmlns="http://www.w3.org/2000/svg"><g id="c" clip-path="url(#c)" role="x" aria-label="y"/></svg>'


class Read(HTMLParser):
    """The elements of a page in order, each with the names of those around it; refuses tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs, _ in self.elements if tag in tags]

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(study(), {"pfs": DRAWN})


@pytest.fixture(scope="module")
def read(page: str) -> Read:
    return Read(page)


def test_nothing_on_the_page_is_fetched_or_run(read: Read):
    tags = Counter(tag for tag, _, _ in read.elements)
    assert not {"script", "iframe", "object", "embed", "form", "base", "img", "video", "audio"} & set(tags)
    assert [a for _, attrs, _ in read.elements for a in attrs if a.startswith("on") or a in ("src", "srcset")] == []
    assert [attrs["href"] for attrs in read.all("link")] == ["data:,"]
    outward = [attrs["href"] for attrs in read.all("a") if not attrs["href"].startswith("#")]
    assert outward == ["https://doi.org/10.1080/01621459.1958.10501452"]


def test_a_policy_forbids_the_browser_what_the_page_does_not_need(read: Read):
    policy = next(a["content"] for a in read.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_text_of_the_registry_is_text(page: str, read: Read):
    assert EVIL not in page
    assert EVIL in read.said
    assert "ide-cel & <b>co</b>" in read.said
    assert "Nothing <on> record Nothing to show: no rows." in read.said


def test_no_name_of_a_registry_ends_the_style():
    stamp = {**study().stamp, "registry": "x</style><script>alert(1)</script>\"'; } * { display: none }"}
    odd = Read(page_of(replace(study(), stamp=stamp), {"pfs": DRAWN}))
    assert "script" not in {tag for tag, _, _ in odd.elements}
    assert [tag for tag, _, _ in odd.elements].count("style") == 1


def test_where_the_registry_lies_stays_at_home(page: str, read: Read):
    assert "secret-folder" not in page
    assert 'Registry exa"mple<style> · 2025-01-31 · mspike 0.1.0 · imwg-2016' in read.said


def test_the_answer_comes_before_everything_else(read: Read):
    order = ["12 patients were infused", "SYNTHETIC.", INTENDED_USE, "Contents", "12 invented patients", "Survival was"]
    places = [read.said.index(text) for text in order]
    assert places == sorted(places)


def test_invented_patients_are_said_to_be_and_real_ones_are_not():
    real = page_of(study(synthetic=False), {"pfs": DRAWN})
    assert "These patients are invented" in page_of(study(), {"pfs": DRAWN})
    assert "These patients are invented" not in real and "SYNTHETIC \\b7" not in real


def test_one_h1_each_section_an_h2_and_every_link_inside_leads_somewhere(read: Read):
    tags = Counter(tag for tag, _, _ in read.elements)
    assert tags["h1"] == 1 and tags["main"] == 1
    ids = [attrs["id"] for _, attrs, _ in read.elements if attrs.get("id")]
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    named = [
        attrs[key] for _, attrs, _ in read.elements for key in ("aria-labelledby", "aria-describedby") if key in attrs
    ]
    inward = [attrs["href"][1:] for attrs in read.all("a") if attrs["href"].startswith("#")]
    assert {"content", "people", "survival", "quality", "methods-paragraph", "references", "stamp"} <= set(inward)
    assert set(named) | set(inward) <= set(ids)


def test_what_was_not_estimated_is_told_beside_the_reason(read: Read):
    assert "Not estimated, and why The hazard ratio of 'line 5': nobody there progressed" in read.said
    assert read.said.count("Not estimated, and why") == 1  # only where there is something


def test_every_table_has_a_caption_scopes_a_named_box_and_its_file(read: Read):
    tables = [attrs for tag, attrs, _ in read.elements if tag == "table"]
    captions = [inside for tag, _, inside in read.elements if tag == "caption"]
    assert len(tables) == len(captions) == 4  # the empty one is a sentence
    assert [attrs for attrs in read.all("th") if "scope" not in attrs] == []
    boxes = [a for a in read.all("div") if a.get("class") == "scroll"]
    assert all(a["tabindex"] == "0" and a["role"] == "region" and a["aria-label"] for a in boxes)
    for name in ("characteristics", "wide", "long", "pfs_at_ticks", "nothing"):
        assert f"tables/{name}.csv" in read.said


def test_a_figure_is_one_image_with_a_sentence_and_its_numbers_fold_out(read: Read):
    says = "Of 12 invented patients half had progressed or died by 13.1 months."
    (image,) = [attrs for _, attrs, _ in read.elements if attrs.get("role") == "img"]
    assert image["aria-label"] == says
    twin = [inside for tag, _, inside in read.elements if tag == "table" and "details" in inside]
    assert len(twin) == 1 and "figure" in twin[0]
    assert says in read.said


def test_ids_inside_a_drawing_carry_the_name_of_its_figure():
    drawn = inline(DRAWN + "\n", "os")
    assert 'id="os-c" clip-path="url(#os-c)"' in drawn
    assert drawn.startswith('<svg aria-hidden="true"') and 'role="x"' not in drawn and "aria-label" not in drawn


def test_groups_of_rows_heads_over_heads_and_figures_to_the_right():
    html = str(table_html(characteristics(), "below"))
    assert html.count("<tbody") == 3 and html.count('scope="rowgroup"') == 3
    assert re.search(r'<th class="[^"]*spanner[^"]*" rowspan="1" colspan="2" scope="colgroup">', html)
    assert '<td class="gt_row gt_right">5 / 12 (42 %)</td>' in html
    assert '<th scope="row" class="gt_row gt_left gt_stub">female</th>' in html
    assert "<style" not in html and " id=" not in html and "headers=" not in html
    assert 'aria-describedby="below"' in html


def test_unknown_has_a_sign_of_its_own_wherever_it_stands():
    html = str(table_html(characteristics()))
    assert html.count('<span class="unknown">not known</span>') == 3  # a row, a cell, a group without a name
    assert "None" not in html and ">null<" not in html


def test_a_file_printed_as_it_is_has_its_figures_to_the_right_and_no_false_digits():
    frame = pl.DataFrame(
        {"group": ["a"], "n": [12345], "share": [0.123456], "months": [13.1234], "p": [0.00042], "known": [True],
         "more": [[1, 2]], "none": [None]}
    )  # fmt: skip
    html = str(table_html(StudyTable("t", "T", frame)))
    cells = re.findall(r'<td class="gt_row gt_(left|right)">([^<]*)</td>', html)
    assert cells == [
        ("right", "12,345"), ("right", "0.123"), ("right", "13.1"), ("right", "0.00042"), ("left", "yes"),
        ("left", "1; 2"), ("left", "–"),
    ]  # fmt: skip
    assert ">Group</th>" in html


def test_a_head_without_words_is_no_head():
    frame = pl.DataFrame({"what": ["a"], "n": [1]})
    html = str(table_html(StudyTable("t", "T", frame, heads={"what": ""})))
    assert '<td rowspan="1"></td>' in html and html.count('scope="col"') == 1


def test_a_long_table_is_cut_and_says_so(read: Read):
    assert str(table_html(long())).count("<tr>") == 30
    assert "30 of 400 rows are printed here ; the file holds all" in read.said


def test_how_a_table_prints_follows_its_width_and_length():
    assert 'class="lying"' in table_html(wide())
    assert 'class="upright"' in table_html(characteristics())
    many = pl.DataFrame({"n": [str(n) for n in range(60)]})
    assert 'class="upright long"' in table_html(StudyTable("t", "T", many, many))


def test_references_count_themselves_once(read: Read):
    assert "1. Kaplan" not in read.said and "Kaplan EL, Meier P." in read.said


def test_every_printed_page_says_registry_day_version_and_what_it_is_not_for(page: str):
    margins = page.split("@page {")[-1].split("</style>")[0]
    told = re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), margins)
    assert 'Registry exa"mple<style>' in told and "2025-01-31 · mspike 0.1.0 · imwg-2016" in told
    assert INTENDED_USE in told


def test_a_study_without_sections_methods_or_references_is_still_a_page():
    bare = Read(page_of(replace(study(), sections=(), methods=(), references=()), {}))
    assert "References" not in bare.said and "How this page was made" in bare.said
