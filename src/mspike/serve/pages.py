"""Templates to pages: one environment, the words and marks that every page shares, the look as one style sheet."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from mspike import INTENDED_USE, __version__
from mspike.report.terminal import counted, day_told, marked
from mspike.serve.worklist import QUEUES


@cache
def environment() -> Environment:
    """The templates. Whatever they print is escaped, and a name that nobody gave is an error."""
    room = Environment(
        loader=PackageLoader("mspike.serve"), autoescape=select_autoescape(default=True), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    room.filters.update(known=known, day=day, mark=marked, words=_words)
    room.globals.update(
        counted=counted, intended_use=INTENDED_USE, version=__version__, queues=QUEUES, style=style()[1]
    )
    return room


def rendered(template: str, **values: Any) -> str:
    """A page."""
    return environment().get_template(template).render(**values)


@cache
def style() -> tuple[str, str]:
    """The style sheet of all pages (the look of the study page, and what only pages need), and its fingerprint."""
    look = files("mspike.report") / "templates"
    parts = [look / "study.css", look / "study_print.css", files("mspike.serve") / "templates" / "serve.css"]
    text = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    return text, hashlib.sha256(text.encode()).hexdigest()[:12]


def known(value: Any, unknown: str = "not known") -> Markup:
    """A value; where there is none, words under their own sign, never a blank."""
    if value is None or value == "":
        return Markup('<span class="unknown">{}</span>').format(unknown)
    return Markup(escape({True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value))


def day(value: Any, unknown: str = "not known") -> Markup:
    """A date or day of the infusion."""
    return known(None if value is None else day_told(value), unknown)


def _words(value: str | None) -> str | None:
    """A name of a column as a reader says it."""
    return None if value is None else value.replace("_", " ")
