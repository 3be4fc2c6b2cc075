"""The look that all figures share, and how a figure becomes a file: SVG, PNG or PDF, without a browser."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt

from mspike.errors import WrongUsage
from mspike.figures.palette import FONT, GROUND, INK, LINE, MUTED

PRINT_WIDTH = 643  # pixels of 1/96 inch: 17 cm, the width of the text on A4
PADDING = 8
TITLE_LETTERS, NOTE_LETTERS = 65, 118  # on one line
SIZE, SMALL = 12, 11  # pixels: letters of axes and labels; of notes and tables

Figure = alt.VConcatChart


def dressed(inner: Any, title: str, notes: Sequence[str] = ()) -> Figure:
    """A drawing with its title above and its notes below, in the type and colours of mspike.

    inner  a layered chart, whatever it holds
    title  at most two lines of 65 characters
    notes  sentences below the axis
    """
    said = [line for note in notes if note for line in textwrap.wrap(note, NOTE_LETTERS)]
    head = alt.TitleParams(
        textwrap.wrap(title, TITLE_LETTERS), anchor="start", frame="bounds", fontSize=15, fontWeight=600, color=INK,
        offset=12, font=FONT, lineHeight=20,
    )  # fmt: skip
    foot = alt.TitleParams(
        said or "", orient="bottom", anchor="start", frame="bounds", fontSize=SMALL, fontWeight="normal", color=MUTED,
        lineHeight=15, offset=12, font=FONT,
    )  # fmt: skip
    told = " ".join((title.rstrip(".") + ".", *notes))
    whole = alt.vconcat(inner.properties(title=foot))
    whole = whole.properties(title=head, background=GROUND, padding=PADDING, description=told)
    whole = whole.configure(font=FONT).configure_view(stroke=None)
    return whole.configure_axis(
        labelColor=MUTED, titleColor=MUTED, labelFontSize=SIZE, titleFontSize=SIZE, titleFontWeight="normal",
        gridColor=LINE, domainColor=MUTED, tickColor=MUTED, labelFlush=False, labelOverlap=False,
    )  # fmt: skip


def _spec(chart: Figure) -> dict[str, Any]:
    # The tests hold every chart against Vega-Lite's schema; doing so at each drawing takes a third of its time.
    return chart.to_dict(validate=False)


def svg(chart: Figure) -> str:
    """The figure as SVG text, to stand in a page that works offline."""
    import vl_convert

    return vl_convert.vegalite_to_svg(_spec(chart))


def png(chart: Figure, scale: float = 2.0) -> bytes:
    """The figure as PNG, `scale` times 96 dots an inch; 3.125 prints at 300."""
    import vl_convert

    return vl_convert.vegalite_to_png(_spec(chart), scale=scale)


def pdf(chart: Figure) -> bytes:
    """The figure as a page of PDF of its own size."""
    import vl_convert

    return vl_convert.vegalite_to_pdf(_spec(chart))


def save(chart: Figure, path: Path | str, scale: float = 2.0) -> Path:
    """Writes the figure as its name says: .svg, .png or .pdf. scale: of a PNG only."""
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".svg", ".png", ".pdf"):
        raise WrongUsage(f"{path}: a figure is written as .svg, .png or .pdf; found '{path.suffix}'. Name it so.")
    if kind == ".svg":
        path.write_text(svg(chart), encoding="utf-8")
    else:
        path.write_bytes(png(chart, scale) if kind == ".png" else pdf(chart))
    return path
