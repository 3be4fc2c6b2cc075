"""The page of a study opened in Chromium: silent, self-contained, reachable by keyboard, readable, printable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import lacking, needs
from mspike.report.study_page import page_of
from study_example import study

try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError:
    Axe = None

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 780}
# Pixels of 1/96 inch between the margins: A4 upright, which is narrower than Letter; Letter lying, narrower than A4.
UPRIGHT, LYING = 672, 933
# How far a box's content stands out of it, by the label of the box.
CUT = """wide => [...document.querySelectorAll('main .scroll')].filter(box => box.checkVisibility())
  .map(box => [box.ariaLabel, box.querySelector('table.lying') !== null, box.firstElementChild])
  .filter(([label, lying, inside]) => inside && lying === wide)
  .map(([label, lying, inside]) => [label, inside.getBoundingClientRect().right - document.body.clientWidth])
  .filter(([label, over]) => over > 0.5)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if Axe is None:
        lacking("playwright and axe-playwright-python are not installed; they are needed to open pages")
    chromium = needs("chromium", "open the page of a study")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.html"
    path.write_text(page_of(study()), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, as an indirect parameter says (viewport, color_scheme); what it said and asked for in `.heard`."""
    context = browser.new_context(**getattr(request, "param", {"viewport": DESK}))
    page = context.new_page()
    heard: list[str] = []
    page.heard = heard  # type: ignore[attr-defined]
    page.on("console", lambda message: heard.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda asked: heard.append(f"request: {asked.url}"))
    page.goto(file.as_uri())
    yield page
    context.close()


def views(*keys: str) -> Any:
    known = {
        "light": {"viewport": DESK, "color_scheme": "light"},
        "dark": {"viewport": DESK, "color_scheme": "dark"},
        "phone": {"viewport": PHONE, "color_scheme": "light"},
        "dark phone": {"viewport": PHONE, "color_scheme": "dark"},
    }
    return pytest.mark.parametrize("opened", [known[key] for key in keys], ids=keys, indirect=True)


@views("light", "phone")
def test_the_page_says_nothing_and_asks_for_nothing_but_itself(opened: Page, file: Path):
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert opened.heard == [f"request: {file.as_uri()}"]  # type: ignore[attr-defined]


@views("light", "dark", "phone", "dark phone")
def test_axe_finds_nothing_serious(opened: Page):
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = Axe().run(opened).response["violations"]
    grave = [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]
    assert grave == []


@views("light", "phone")
def test_only_boxes_scroll_sideways_never_the_page(opened: Page):
    assert opened.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@views("phone")
def test_on_a_phone_the_keyboard_reaches_every_box_and_scrolls_it(opened: Page):
    boxes = opened.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(b => b.checkVisibility()).map(b => b.ariaLabel)"
    )
    reached = []
    for _ in range(40):
        opened.keyboard.press("Tab")
        reached.append(opened.evaluate("document.activeElement.ariaLabel"))
    assert len(boxes) == 4 and set(boxes) <= set(reached)
    wide = opened.get_by_role("region", name="Table: Twelve estimates with intervals (SYNTHETIC)")
    wide.focus()
    opened.keyboard.press("ArrowRight")
    for _ in range(50):  # scrolling is smooth; the page's policy forbids the browser to wait for a condition itself
        if opened.evaluate("document.activeElement.scrollLeft > 0"):
            return
        opened.wait_for_timeout(100)
    raise AssertionError("the box did not scroll")


def test_the_first_tab_offers_to_skip_to_the_study(opened: Page):
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.id") == "content"


@views("dark")
def test_in_the_dark_figures_keep_their_white_ground(opened: Page):
    def ground(what: str) -> str:
        return opened.evaluate(f"getComputedStyle(document.querySelector('{what}')).backgroundColor")

    assert ground(".drawing") == "rgb(255, 255, 255)"
    assert ground("body") == "rgb(21, 24, 27)"


def test_on_paper_no_table_and_no_figure_stands_out_of_its_page(opened: Page):
    opened.emulate_media(media="print")
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for wide, width in ((False, UPRIGHT), (True, LYING)):
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate(CUT, wide) == []


@pytest.mark.parametrize("form", ["A4", "Letter"])
def test_it_prints_on_a_few_pages_and_what_is_wide_lies(opened: Page, form: str):
    printed = opened.pdf(format=form)
    sizes = [tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox \[([^\]]*)\]", printed)]
    lying = [size for size in sizes if size[2] > size[3]]
    assert 4 <= len(sizes) <= 8
    assert len(lying) == 1  # the table of twelve estimates


def test_paper_is_white_also_where_the_screen_is_dark(browser: Browser, file: Path):
    page = browser.new_page(color_scheme="dark")
    page.goto(file.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 26, 26)"
    page.close()
