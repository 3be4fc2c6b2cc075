"""Names beside what they name: labels that keep clear of each other, and a key of marks where names find no room."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from mspike.figures.axes import Plane, of, text
from mspike.figures.palette import CATEGORIES, INK, MUTED
from mspike.figures.saved import SIZE

LETTER = 6.4  # pixels: mean width of a letter of 12 px, on the wide side
LINE_HEIGHT = 15


def wrapped(name: str, letters: int) -> list[str]:
    return textwrap.wrap(name, letters, break_long_words=True) or [""]


def width_of(words: str, size: int = SIZE) -> float:
    """About how many pixels the words take: capitals are wide, i and l are narrow."""
    wide = sum(8.6 if c.isupper() or c in "mw%" else 3.8 if c in " iljtf.,|'[]()-/" else 6.7 for c in words)
    return wide * size / SIZE


def spread(places: Sequence[float], heights: Sequence[float], top: float, bottom: float) -> list[float]:
    """Where labels stand, so that none covers another: as near as may be to their places, in the same order.

    places   the middle each would like, in pixels down from the top
    heights  of the labels, pixels
    """
    order = sorted(range(len(places)), key=lambda label: places[label])
    middles = [0.0] * len(places)
    edge = top
    for label in order:
        middles[label] = max(places[label], edge + heights[label] / 2)
        edge = middles[label] + heights[label] / 2
    edge = max(bottom, top + sum(heights))
    for label in reversed(order):
        middles[label] = min(middles[label], edge - heights[label] / 2)
        edge = middles[label] - heights[label] / 2
    return middles


@dataclass(frozen=True)
class Sign:
    """One entry of a key: a mark and what it stands for."""

    words: str
    shape: str
    fill: str
    stroke: str = INK


def category_signs(used: Sequence[str]) -> list[Sign]:
    """The categories in order of depth, as many as are used."""
    return [sign_of(category.name) for category in CATEGORIES if category.name in used]


def sign_of(name: str) -> Sign:
    found = next(category for category in CATEGORIES if category.name == name)
    return Sign(name, found.shape, found.fill, MUTED if name == "NE" else INK)


def key(plane: Plane, signs: Sequence[Sign], above: float, left: float = 0, right: float | None = None) -> list[Any]:
    """Marks with their names in a row above the plot, in more rows where one is too short.

    above  pixels between the top of the plot and the middle of the lowest row
    """
    lines: list[list[tuple[float, Sign]]] = [[]]
    at, end = left, plane.width if right is None else right
    for sign in signs:
        needed = 20 + width_of(sign.words) + 12
        if at + needed > end + 12 and lines[-1]:
            lines.append([])
            at = left
        lines[-1].append((at, sign))
        at += needed
    rows = [
        {"x": plane.x(at + 6), "beside": plane.x(at + 16), "y": plane.y(-above - 18 * (len(lines) - 1 - place)),
         "shape": sign.shape, "fill": sign.fill, "stroke": sign.stroke, "words": sign.words}
        for place, line in enumerate(lines)
        for at, sign in line
    ]  # fmt: skip
    return [marks(rows, plane, "x", "y"), text(rows, plane, "beside", "y", "words")]


def marks(rows: Sequence[dict[str, Any]], plane: Plane, x: str, y: str, size: float = 70) -> alt.Chart:
    """Marks whose rows say their shape, fill and stroke. Pale fills have an edge that can be seen on white."""
    points = of(rows).mark_point(size=size, strokeWidth=0.8, opacity=1, filled=True)
    return points.encode(
        x=plane.across(x), y=plane.up(y), shape=alt.Shape("shape:N", scale=None),
        fill=alt.Fill("fill:N", scale=None), stroke=alt.Stroke("stroke:N", scale=None),
    )  # fmt: skip
