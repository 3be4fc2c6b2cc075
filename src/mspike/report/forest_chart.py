"""How the forest is drawn with altair: one row a study, words left and right of it, the axis from 0 to 100 %."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Literal

import altair as alt

INK, MUTED, LINE, ACCENT = "#1A1A1A", "#5C6670", "#D9DEE3", "#1B6CA8"
FONT = "Inter, Arial, Helvetica, sans-serif"
ROW, WIDTH = 26, 380  # pixels: height of a row, width of the axis
Side = Literal["left", "right"]
Word = tuple[str, str, int, Side]  # field, head, pixels from the left end of the axis, side the words are set to
LETTERS = 125  # of a note on one line


def chart(marks: Sequence[dict[str, Any]], title: str, notes: Sequence[str]) -> alt.LayerChart:
    """The layers of the forest.

    marks  rows from the top: name, kind (study, memory, pooled, new), value, low, high (percent), counts, figures, size
    notes  sentences below the axis
    """
    rows = [{**mark, "row": place + (mark["kind"] in ("pooled", "new")) * 0.4} for place, mark in enumerate(marks)]
    bottom = max((row["row"] for row in rows), default=0) + 0.7
    scale = alt.Scale(domain=[-0.7, bottom], reverse=True, nice=False, zero=False)
    words = _places(max((len(row["name"]) for row in rows), default=0))
    y = alt.Y("row:Q", scale=scale, axis=None)
    layers = [*_intervals(rows, y), *_points(rows, y), _diamond(rows, y), *_words(rows, y, words), *_heads(words)]
    below = [line for note in notes for line in textwrap.wrap(note, LETTERS)]
    head = alt.TitleParams(
        title, anchor="start", frame="bounds", fontSize=16, fontWeight=600, color=INK, offset=12, font=FONT
    )
    foot = alt.TitleParams(
        below or "", orient="bottom", anchor="start", frame="bounds", fontSize=12, fontWeight="normal", color=MUTED,
        lineHeight=17, offset=12, font=FONT,
    )  # fmt: skip
    inner = alt.layer(*layers).properties(width=WIDTH, height=ROW * (bottom + 0.7), title=foot)
    whole = alt.vconcat(inner).properties(title=head, background="white", padding=16, description=title)
    return whole.configure(font=FONT).configure_view(stroke=None)


def _x(field: str) -> alt.X:
    axis = alt.Axis(
        values=[0, 20, 40, 60, 80, 100], title="Patients, %", gridColor=LINE, domainColor=MUTED, tickColor=MUTED,
        labelColor=MUTED, titleColor=MUTED, labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
        labelOverlap=False, labelFlush=False,
    )  # fmt: skip
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, 100], nice=False), axis=axis)


def _of(rows: Sequence[dict[str, Any]], *kinds: str) -> alt.Chart:
    return alt.Chart(alt.Data(values=[row for row in rows if row["kind"] in kinds]))


def _intervals(rows: Sequence[dict[str, Any]], y: alt.Y) -> list[alt.Chart]:
    studies = _of(rows, "study", "memory").mark_rule(color=INK, strokeWidth=1.5)
    new = _of(rows, "new").mark_rule(color=ACCENT, strokeWidth=2, strokeDash=[2, 3])
    return [layer.encode(x=_x("low"), x2="high:Q", y=y) for layer in (studies, new)]


def _points(rows: Sequence[dict[str, Any]], y: alt.Y) -> list[alt.Chart]:
    """Squares that grow with the study; hollow where its figure was recalled only."""
    size = alt.Size("size:Q", scale=None)
    full = _of(rows, "study").mark_point(shape="square", filled=True, color=INK, opacity=1)
    hollow = _of(rows, "memory").mark_point(shape="square", filled=True, fill="white", stroke=INK, opacity=1)
    return [layer.encode(x=_x("value"), y=y, size=size) for layer in (full, hollow)]


def _diamond(rows: Sequence[dict[str, Any]], y: alt.Y) -> alt.Chart:
    """The pooled result: as wide as its interval, highest at its estimate."""
    corners = [
        {"at": at, "row": row["row"] + lift, "order": order}
        for row in rows
        if row["kind"] == "pooled"
        for order, (at, lift) in enumerate(
            [(row["low"], 0), (row["value"], 0.3), (row["high"], 0), (row["value"], -0.3), (row["low"], 0)]
        )
    ]
    shape = alt.Chart(alt.Data(values=corners)).mark_line(filled=True, fill=ACCENT, strokeWidth=0)
    return shape.encode(x=_x("at"), y=y, order="order:Q")


def _places(letters: int) -> tuple[Word, ...]:
    """Where the words stand: the names as far left as the longest needs."""
    return (
        ("name", "Study", -max(200, 90 + round(7.4 * letters)), "left"),
        ("counts", "n / N", -16, "right"),
        ("figures", "% [95 % interval]", WIDTH + 150, "right"),
    )


def _words(rows: Sequence[dict[str, Any]], y: alt.Y, words: Sequence[Word]) -> list[alt.Chart]:
    layers = []
    for heavy, part in ((False, _of(rows, "study", "memory", "new")), (True, _of(rows, "pooled"))):
        for field, _, place, side in words:
            text = part.mark_text(
                align=side, fontSize=13, fontWeight="bold" if heavy else "normal", color=INK, font=FONT
            )
            layers.append(text.encode(x=alt.value(place), y=y, text=f"{field}:N"))
    return layers


def _heads(words: Sequence[Word]) -> list[alt.Chart]:
    one = alt.Chart(alt.Data(values=[{}]))
    return [
        one.mark_text(align=side, fontSize=12, color=MUTED, font=FONT, baseline="bottom").encode(
            x=alt.value(place), y=alt.value(-4), text=alt.value(head)
        )
        for _, head, place, side in words
    ]
