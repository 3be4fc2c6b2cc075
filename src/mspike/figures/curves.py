"""Curves over time with their intervals, named at their ends, with the number at risk below: survival and incidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt

from mspike.figures.axes import Plane, Unit, day_zero, in_unit, of, percent_axis, text, time_axis
from mspike.figures.labels import LETTER, LINE_HEIGHT, spread, width_of, wrapped
from mspike.figures.palette import MUTED, Stroke
from mspike.figures.saved import PADDING, PRINT_WIDTH, SMALL

HEIGHT = 260
NAME_LETTERS = 20
SAMPLE = 22  # pixels: length of the piece of line before a label
STEPS_DRAWN = 1000  # along the axis; more could not be seen
TICKS_DRAWN = 150  # patients censored on one curve; marks of more would only thicken it

Counted = tuple[str, Sequence[str]]


@dataclass(frozen=True)
class Traced:
    """One curve as it is drawn: steps of (days, percent, low, high), the words of its label, and what stands below.

    censored  days and percent of the marks of censoring; none where there are too many
    drop      days at which the curve falls to one half, where it does
    """

    name: str
    stroke: Stroke
    steps: Sequence[tuple[float, float, float | None, float | None]]
    words: Sequence[str] = ()
    censored: Sequence[tuple[float, float]] = field(default=())
    drop: float | None = None


@dataclass(frozen=True)
class Axes:
    """What the axes say: percent of what, time in which unit from which day 0, and the ticks in that unit."""

    percent: str
    unit: Unit
    origin: str
    ticks: Sequence[int]


def curves_drawn(lines: Sequence[Traced], axes: Axes, *, half: bool, at_risk: Sequence[Counted] | None = None) -> Any:
    """The plot: intervals, curves, marks of censoring, names at the ends, number at risk.

    half     draws 50 %
    at_risk  rows below the axis: a name, and the number at risk at each tick, in words
    """
    left, right = _left(at_risk or ()), _right(lines)
    height = max(HEIGHT, sum(_label_height(line) for line in lines))
    plane = Plane(
        PRINT_WIDTH - 2 * PADDING - left - right, height, 0, axes.ticks[-1], 0, 100,
        time_axis(axes.unit, axes.origin, axes.ticks), percent_axis(axes.percent),
    )  # fmt: skip
    layers: list[Any] = _half(plane, lines, axes.unit) if half else []
    for line in lines:
        layers += _line(plane, line, axes.unit)
    layers += [*day_zero(plane, axes.origin), *_names(plane, lines, axes.unit)]
    layers += _risk(plane, at_risk, axes.ticks, left) if at_risk else []
    return plane.sized(layers)


def _left(at_risk: Sequence[Counted]) -> float:
    """Room for the axis and, below it, for the names before the numbers at risk."""
    longest = max((len(part) for name, _ in at_risk for part in wrapped(name, NAME_LETTERS)), default=0)
    return max(62, longest * LETTER + 36)


def _right(lines: Sequence[Traced]) -> float:
    names = [width_of(part) for line in lines for part in wrapped(line.name, NAME_LETTERS)]
    return 14 + SAMPLE + 6 + max([*names, *(width_of(part, SMALL) for line in lines for part in line.words)], default=0)


def _label(line: Traced) -> list[str]:
    return [*wrapped(line.name, NAME_LETTERS), *line.words]


def _label_height(line: Traced) -> float:
    return LINE_HEIGHT * len(_label(line)) + 6


def _banded(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps whose interval is known; where it ends, it holds up to the next step, as the curve does."""
    kept: list[dict[str, Any]] = []
    for row in rows:
        if row["low"] is not None and row["high"] is not None:
            kept.append(row)
        elif kept and kept[-1]["known"]:
            kept.append({**kept[-1], "at": row["at"], "known": False})
    return kept


def _line(plane: Plane, line: Traced, unit: Unit) -> list[alt.Chart]:
    rows = [
        {"at": in_unit(days, unit), "percent": value, "low": low, "high": high, "known": True}
        for days, value, low, high in _thinned(line.steps, plane.x_to, unit)
    ]
    known = of(_banded(rows))
    x, y = plane.across("at"), plane.up("percent")
    band = known.mark_area(interpolate="step-after", color=line.stroke.colour, opacity=0.12, line=False)
    curve = of(rows).mark_line(
        interpolate="step-after", color=line.stroke.colour, strokeDash=list(line.stroke.dash), strokeWidth=2
    )
    layers = [band.encode(x=x, y=plane.up("low"), y2="high:Q"), curve.encode(x=x, y=y)]
    if line.censored:
        ticks = of({"at": in_unit(days, unit), "percent": value} for days, value in line.censored)
        stroke = ticks.mark_tick(orient="vertical", thickness=1, size=8, color=line.stroke.colour)
        layers.append(stroke.encode(x=x, y=y))
    return layers


def _thinned(steps: Sequence[tuple[Any, ...]], x_to: float, unit: Unit) -> list[tuple[Any, ...]]:
    """At most a thousand places along the axis, the last step of each: nothing that could be seen is lost."""
    if len(steps) <= STEPS_DRAWN:
        return list(steps)
    kept = {math.floor(in_unit(step[0], unit) / x_to * STEPS_DRAWN): step for step in steps[1:]}
    return [steps[0], *kept.values()]


def _half(plane: Plane, lines: Sequence[Traced], unit: Unit) -> list[alt.Chart]:
    """One half as a line across, and where each curve first reaches it."""
    across = of([{"percent": 50, "from": 0, "to": plane.x_to}]).mark_rule(color=MUTED, strokeDash=[2, 3])
    drops = of({"at": in_unit(line.drop, unit), "from": 0, "to": 50} for line in lines if line.drop is not None)
    down = drops.mark_rule(color=MUTED, strokeDash=[2, 3])
    return [
        across.encode(y=plane.up("percent"), x=plane.across("from"), x2="to:Q"),
        down.encode(x=plane.across("at"), y=plane.up("from"), y2="to:Q"),
    ]


def _names(plane: Plane, lines: Sequence[Traced], unit: Unit) -> list[Any]:
    """Each curve is named at its end, with a piece of its line; a hair leads there where the label had to move."""
    blocks = [_label(line) for line in lines]
    ends = [plane.pixels_down(line.steps[-1][1]) for line in lines]
    heights = [_label_height(line) for line in lines]
    middles = spread(ends, heights, 0, plane.height)
    layers: list[Any] = []
    for line, block, middle, height in zip(lines, blocks, middles, heights, strict=True):
        top = middle - height / 2 + 3 + LINE_HEIGHT / 2
        start, y = plane.width + 10, plane.y(top)
        piece = of([{"x": plane.x(start), "to": plane.x(start + SAMPLE), "y": y}]).mark_rule(
            color=line.stroke.colour, strokeDash=list(line.stroke.dash), strokeWidth=2
        )
        layers.append(piece.encode(x=plane.across("x"), x2="to:Q", y=plane.up("y")))
        last = {"x": in_unit(line.steps[-1][0], unit), "y": line.steps[-1][1]}
        hair = of([{**last, "to": plane.x(start - 2), "y_to": y}]).mark_rule(color=line.stroke.colour, strokeWidth=0.6)
        layers.append(hair.encode(x=plane.across("x"), x2="to:Q", y=plane.up("y"), y2="y_to:Q"))
        rows = [
            {"x": plane.x(start + SAMPLE + 6), "y": plane.y(top + LINE_HEIGHT * place), "words": words}
            for place, words in enumerate(block)
        ]
        named = len(block) - len(line.words)
        layers += [text(rows[:named], plane, "x", "y", "words", bold=True)]
        layers += [text(rows[named:], plane, "x", "y", "words", size=SMALL)] if line.words else []
    return layers


def _risk(plane: Plane, at_risk: Sequence[Counted], ticks: Sequence[int], left: float) -> list[Any]:
    """The numbers at risk under the axis, a row a curve, each figure under its tick."""
    down, edge = plane.height + 58, plane.x(-24)
    heads = [{"x": plane.x(-left + 4), "y": plane.y(down - 2), "words": "Number at risk"}]
    names, figures = [], []
    for name, counts in at_risk:
        down += 4
        parts = wrapped(name, NAME_LETTERS)
        for place, part in enumerate(parts):
            names.append({"x": edge, "y": plane.y(down + LINE_HEIGHT * (place + 1)), "words": part})
        for tick, count in zip(ticks, counts, strict=True):
            figures.append({"x": tick, "y": plane.y(down + LINE_HEIGHT), "words": count})
        down += LINE_HEIGHT * len(parts)
    return [
        text(heads, plane, "x", "y", "words", colour=MUTED, size=SMALL),
        text(names, plane, "x", "y", "words", side="right", size=SMALL),
        text(figures, plane, "x", "y", "words", side="center", size=SMALL),
    ]
