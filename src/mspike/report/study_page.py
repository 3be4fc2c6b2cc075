"""A study as one page that works offline: no script, no request, figures and style inside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mspike.report.study_figures import drawings, inline
from mspike.report.study_tables import shown_rows, table_html
from mspike.study.parts import StudyFigure

if TYPE_CHECKING:
    from mspike.study.study import Study

_DOI = re.compile(r"\b(?:doi:\s?|https://doi\.org/)(10\.\d{4,9}/[^\s<>\"]*[^\s<>\".,;)])", re.IGNORECASE)
_NUMBER = re.compile(r"^\s*\[?\d+[.\])]\s+")


def page_of(study: Study, drawn: Mapping[str, str] | None = None) -> str:
    """The whole study as one HTML page.

    drawn  its figures as SVG text by name, where they were drawn already (`study_figures.drawings`)

    Nothing in it is fetched: a policy in the head forbids the browser to. Text of the registry is escaped everywhere.
    """
    figures = dict(drawn) if drawn is not None else drawings(study)
    page = _room().get_template("study.html.j2")
    return page.render(
        study=study, stamp=study.stamp, figures=figures, references=[_bare(t) for t in study.references],
        # The page travels: where the registry lies on whose disk is for study.json.
        registry=Path(study.stamp["registry"]).name,
    )  # fmt: skip


@cache
def _room() -> Environment:
    room = Environment(
        loader=PackageLoader("mspike.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    room.filters.update(css_text=_css_text, linked=_linked, inline=inline)
    room.globals.update(table_html=table_html, shown_rows=shown_rows)
    room.tests["figure"] = _is_figure
    return room


def _is_figure(part: Any) -> bool:
    return isinstance(part, StudyFigure)


def _css_text(text: str) -> Markup:
    """A string of CSS. What is no plain letter goes by its number, so that no text can end the string or the style."""
    return Markup('"{}"').format("".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text))


def _linked(text: str) -> Markup:
    """A reference with its DOI as a link."""
    return Markup(_DOI.sub(r'<a href="https://doi.org/\1">doi:\1</a>', str(escape(text))))


def _bare(reference: str) -> str:
    """Without its number: the list counts itself."""
    return _NUMBER.sub("", reference)
