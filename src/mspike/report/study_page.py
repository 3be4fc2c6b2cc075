"""A study as one page that works offline: no script, no request, figures and style inside."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mspike.report.markup import bare, css_text, linked
from mspike.report.study_figures import drawings, inline
from mspike.report.study_tables import shown_rows, table_html
from mspike.study.parts import StudyFigure

if TYPE_CHECKING:
    from mspike.study.study import Study


def page_of(study: Study, drawn: Mapping[str, str] | None = None) -> str:
    """The whole study as one HTML page.

    drawn  its figures as SVG text by name, where they were drawn already (`study_figures.drawings`)

    Nothing in it is fetched: a policy in the head forbids the browser to. Text of the registry is escaped everywhere.
    """
    figures = dict(drawn) if drawn is not None else drawings(study)
    page = _room().get_template("study.html.j2")
    return page.render(
        study=study, stamp=study.stamp, figures=figures, references=[bare(t) for t in study.references],
        # The page travels: where the registry lies on whose disk is for study.json.
        registry=Path(study.stamp["registry"]).name,
    )  # fmt: skip


@cache
def _room() -> Environment:
    room = Environment(
        loader=PackageLoader("mspike.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    room.filters.update(css_text=css_text, linked=linked, inline=inline)
    room.globals.update(table_html=table_html, shown_rows=shown_rows)
    room.tests["figure"] = _is_figure
    return room


def _is_figure(part: Any) -> bool:
    return isinstance(part, StudyFigure)
