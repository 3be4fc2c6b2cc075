"""A packet as one page that works offline: no script, no request, figures and style inside."""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mspike import INTENDED_USE
from mspike.figures.saved import svg
from mspike.packet import shown
from mspike.packet.blocks import Drawing, Packet
from mspike.packet.legible import legible, legible_packet
from mspike.report.markup import bare, css_text, linked

# A number alone in brackets is a reference; an interval has two.
_CITED = re.compile(r"\[(\d{1,3})\]")
_WEB = re.compile(r"\bhttps://[a-z0-9.-]+(?:/[A-Za-z0-9._~/#?=%-]*[A-Za-z0-9_~/=])?")


def page_of(packet: Packet, *, paper: bool = False) -> str:
    """The packet as one HTML page.

    paper  as the PDF is made of it: nothing to click, the tables behind the figures at the end

    Nothing in it is fetched: a policy in the head forbids the browser to. Text of the record is escaped everywhere.
    """
    packet = legible_packet(packet)
    references = [bare(text) for text in packet.references]
    page = _room().get_template("packet.html.j2")
    return page.render(
        packet=packet, paper=paper, references=references, opening=shown.opening(packet), twins=shown.twins(packet),
        anchors=shown.anchors(packet), stamp=shown.stamp_rows(packet), behind=shown.BEHIND, made_by=shown.MADE_BY,
        synthetic=shown.SYNTHETIC, language=shown.LANGUAGE, intended_use=INTENDED_USE,
        said=_saying(len(references), packet.plain), pictures=_pictures(packet),
    )  # fmt: skip


@cache
def _room() -> Environment:
    room = Environment(
        loader=ChoiceLoader([PackageLoader("mspike.packet"), PackageLoader("mspike.report")]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    room.filters.update(css_text=css_text, linked=linked, worded=shown.words_of, size=shown.size_of)
    room.tests.update(unknown=shown.is_unknown, kind=_is_kind)
    return room


def _is_kind(block: Any, name: str) -> bool:
    return type(block).__name__ == name


def _saying(references: int, plain: bool) -> Any:
    """How a sentence is printed: [n] leads to reference n; on the patient's page a web address is a link."""

    def cited(found: re.Match[str]) -> str:
        number = int(found[1])
        return f'<a href="#reference-{number}">[{number}]</a>' if 1 <= number <= references else found[0]

    def said(words: str) -> Markup:
        text = _CITED.sub(cited, str(escape(words)))
        return Markup(_WEB.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', text) if plain else text)

    return said


def _pictures(packet: Packet) -> dict[str, str]:
    """Every drawing as an address that holds it: a picture of its own, whose ids clash with nothing of the page."""
    drawings = [block for block in packet.blocks if isinstance(block, Drawing)]
    return {each.name: _address(legible(svg(each.chart))) for each in drawings}


def _address(drawn: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode()
