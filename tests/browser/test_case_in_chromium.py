"""A packet opened in Chromium: silent, self-contained, readable in light, dark and on a telephone, printable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import lacking, needs
from mspike.packet.pages import page_of
from packet_example import packet

try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError:
    Axe = None

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 780}
VIEWS = {
    "light": {"viewport": DESK, "color_scheme": "light"},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark"},
}
SIZE = "getComputedStyle(document.querySelector('main p.text')).fontSize"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if Axe is None:
        lacking("playwright and axe-playwright-python are not installed; they are needed to open pages")
    chromium = needs("chromium", "open a packet")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("packets")
    (room / "board.html").write_text(page_of(packet()), encoding="utf-8")
    (room / "patient.html").write_text(page_of(packet(plain=True)), encoding="utf-8")
    return room


@pytest.fixture
def opened(browser: Browser, room: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A packet as an indirect parameter says (its name, the view); what it said and asked for in `.heard`."""
    name, view = request.param
    context = browser.new_context(**VIEWS[view])
    page = context.new_page()
    heard: list[str] = []
    page.heard = heard  # type: ignore[attr-defined]
    page.on("console", lambda message: heard.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda asked: heard.append(asked.url.split(",")[0]))
    page.goto((room / f"{name}.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    yield page
    context.close()


def shown(*views: str, names: tuple[str, ...] = ("board", "patient")):
    pairs = [(name, view) for name in names for view in views]
    return pytest.mark.parametrize("opened", pairs, ids=[" ".join(pair) for pair in pairs], indirect=True)


@shown("light")
def test_it_asks_for_nothing_but_itself_and_what_is_inside_it(opened: Page):
    asked, *rest = opened.heard  # type: ignore[attr-defined]
    assert asked.startswith("file:") and set(rest) <= {"data:image/svg+xml;base64"}


@shown(*VIEWS)
def test_axe_finds_nothing_serious(opened: Page):
    found = Axe().run(opened).response["violations"]
    grave = [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]
    assert grave == []


@shown("light", "phone")
def test_only_boxes_scroll_sideways_never_the_page(opened: Page):
    assert opened.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@shown("light")
def test_the_figure_was_drawn(opened: Page):
    assert opened.evaluate("document.querySelector('.drawing img').naturalWidth") > 500


@shown("light")
def test_the_first_tab_offers_to_skip_to_the_text(opened: Page):
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.id") == "content"


@shown("dark", names=("board",))
def test_in_the_dark_figures_keep_their_white_ground_and_paper_is_white(opened: Page):
    def colour(what: str, name: str) -> str:
        return opened.evaluate(f"getComputedStyle(document.querySelector('{what}')).{name}")

    assert colour(".drawing", "backgroundColor") == "rgb(255, 255, 255)"
    assert colour("body", "backgroundColor") == "rgb(21, 24, 27)"
    opened.emulate_media(media="print", color_scheme="dark")
    assert colour("body", "color") == "rgb(26, 26, 26)"


@shown("light", names=("patient",))
def test_what_the_patient_reads_is_18_pixels_on_a_screen_and_12_points_in_print(opened: Page):
    assert opened.evaluate(SIZE) == "18px"
    opened.emulate_media(media="print")
    assert opened.evaluate(SIZE) == "16px"  # 12 points


@pytest.mark.parametrize("form", ["A4", "Letter"])
@shown("light", names=("board",))
def test_it_prints_on_a_few_pages_breaks_where_asked_and_what_is_wide_lies(opened: Page, form: str):
    printed = opened.pdf(format=form)
    sizes = [tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox \[([^\]]*)\]", printed)]
    assert 4 <= len(sizes) <= 7
    assert len([size for size in sizes if size[2] > size[3]]) == 1  # the table of ten columns


@shown("light", names=("board",))
def test_on_paper_no_table_stands_out_of_its_page(opened: Page):
    opened.emulate_media(media="print")
    opened.set_viewport_size({"width": 672, "height": 900})  # A4 between its margins
    over = opened.evaluate(
        "[...document.querySelectorAll('main table:not(.lying), main img')].filter(e => e.checkVisibility())"
        ".map(e => e.getBoundingClientRect().right - document.body.clientWidth).filter(n => n > 0.5)"
    )
    assert over == []
