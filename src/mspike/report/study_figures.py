"""The figures of a study, each drawn once: for the page (inline, no name clashing with another's) and as files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from mspike.errors import WrongUsage
from mspike.figures.saved import svg

if TYPE_CHECKING:
    from mspike.study.study import Study

KINDS = ("svg", "png", "pdf")
PRINT_SCALE = 3.125  # 300 dots an inch
Drawing = Callable[[str, int, int], None]  # name of the figure, its number, how many there are
# For whoever cannot see the figure it is one image with a sentence; a hundred roles inside would be read out instead.
_SPOKEN = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')
_MARKED = re.compile(r'(\bid="|url\(#|href="#)')


def drawings(study: Study, progress: Drawing | None = None) -> dict[str, str]:
    """Every figure as SVG text, by name."""
    figures = [figure for section in study.sections for figure in section.figures]
    drawn = {}
    for number, figure in enumerate(figures, 1):
        if progress:
            progress(figure.name, number, len(figures))
        drawn[figure.name] = svg(figure.chart)
    return drawn


def inline(drawn: str, name: str) -> Markup:
    """The SVG to stand in a page: ids carry the figure's name, and nothing inside speaks for itself."""
    start = drawn.index("<svg")
    text = _MARKED.sub(rf"\g<1>{name}-", _SPOKEN.sub("", drawn[start:]))
    return Markup(text.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1))


def kinds_asked(figures: object) -> tuple[str, ...]:
    """The kinds of file asked for, each once. Raises WrongUsage for one that is not written."""
    words = [figures] if isinstance(figures, str) else list(figures)  # type: ignore[call-overload]
    asked = tuple(
        dict.fromkeys(kind.strip().lower() for text in words for kind in str(text).split(",") if kind.strip())
    )
    for kind in asked:
        if kind not in KINDS:
            raise WrongUsage(f"--figures {kind}: expected some of {', '.join(KINDS)}.")
    return asked


def write_figure(drawn: str, file: Path) -> None:
    """Writes a drawn figure as .svg, .png (300 dots an inch) or .pdf: from the drawing, which costs less than anew."""
    import vl_convert

    if file.suffix == ".svg":
        file.write_text(drawn, encoding="utf-8")
    elif file.suffix == ".png":
        file.write_bytes(vl_convert.svg_to_png(drawn, scale=PRINT_SCALE, ppi=96))
    else:
        file.write_bytes(vl_convert.svg_to_pdf(drawn))
