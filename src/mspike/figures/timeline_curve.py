"""The panels of a timeline that hold a value axis: the marker with its threshold, CAR copies, soluble BCMA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import altair as alt

from mspike.figures.axes import Plane, of, text
from mspike.figures.labels import marks, width_of
from mspike.figures.palette import ACCENT, ALARM, GROUND, INK, MUTED, category
from mspike.figures.saved import SMALL
from mspike.figures.timeline_frame import Frame, Measure, measure
from mspike.figures.timeline_told import Curve, Reading, Threshold

HEIGHT, SMALL_HEIGHT = 230, 74
SHAPES = {"": "circle", "below": "triangle-down", "above": "triangle-up"}
LINE_OF_TEXT = 14  # pixels
MARK_WEIGHS = 6  # words rather cover six bits of a line than one mark


def marker_panel(frame: Frame, log: bool) -> tuple[Plane, list[Any]]:
    """The marker that is followed: curve, threshold of progression, progressions."""
    story = frame.story
    curve = story.curve
    assert curve is not None  # the caller asks only where there is one
    values = [reading.value for reading in curve.drawn] + [threshold.value for threshold in story.thresholds]
    scale = measure(values, log)
    title = [curve.name, f"{curve.unit}{', log' if log else ''}"]
    plane = frame.plane(HEIGHT, scale.low, scale.high, scale.axis(title))  # type: ignore[arg-type]
    rules, words = _thresholds(frame, plane, scale)
    line, points = _curve(frame, plane, scale, curve, ACCENT)
    return plane, [rules, line, *words, points, *_progressions(frame, plane, scale)]


def other_panel(frame: Frame, curve: Curve) -> tuple[Plane, list[Any]]:
    """CAR copies or soluble BCMA, always logarithmic: they run over decades."""
    scale = measure([reading.value for reading in curve.drawn], True)
    title = [curve.name, f"{curve.unit}, log"]
    plane = frame.plane(SMALL_HEIGHT, scale.low, scale.high, scale.axis(title))  # type: ignore[arg-type]
    return plane, _curve(frame, plane, scale, curve, INK)


def _curve(frame: Frame, plane: Plane, scale: Measure, curve: Curve, colour: str) -> list[Any]:
    rows = _points(frame, scale, curve, colour)
    line = of(rows).mark_line(color=colour, strokeWidth=1.4, opacity=0.75)
    line = line.encode(x=plane.across("x"), y=plane.up("y"), detail="piece:N", order="x:Q")
    size = 30 if len(rows) <= 60 else 16
    return [line, with_tips(marks(rows, plane, "x", "y", size=size), frame)]


def _points(frame: Frame, scale: Measure, curve: Curve, colour: str) -> list[dict[str, Any]]:
    """The points of the curve; a gap in the values begins a new piece of its line."""
    rows: list[dict[str, Any]] = []
    piece, before, gap = 0, None, curve.gap
    for reading in sorted(curve.drawn, key=lambda reading: reading.day):
        piece += before is not None and reading.day - before > gap
        before = reading.day
        rows.append(
            {"x": frame.at(reading.day), "y": scale.at(reading.value), "piece": piece, "shape": SHAPES[reading.bound],
             "fill": GROUND if reading.bound else colour, "stroke": colour, "says": _says(frame, curve, reading)}
        )  # fmt: skip
    return rows


def _says(frame: Frame, curve: Curve, reading: Reading) -> str:
    return f"{frame.told(reading.day)}: {curve.name} {reading.reported}"


def _thresholds(frame: Frame, plane: Plane, scale: Measure) -> tuple[Any, list[Any]]:
    """The lines of the thresholds, and their words, which stand before lines and behind marks."""
    drawn = _path(frame, plane, scale)
    rows: list[dict[str, Any]] = []
    for threshold in frame.story.thresholds:
        rows.append(_threshold(frame, plane, scale.at(threshold.value), threshold, drawn))
        left, down = plane.pixels_right(rows[-1]["at"]), plane.pixels_down(rows[-1]["beside"])
        drawn += [(left + x, down) for x in range(0, int(width_of(threshold.words, SMALL)), 2)]  # the next keeps clear
    rule = of(rows).mark_rule(color=ALARM, strokeDash=[4, 3], strokeWidth=1.2)
    rule = rule.encode(x=plane.across("from"), x2="to:Q", y=plane.up("y"))
    halo = text(rows, plane, "at", "beside", "words", size=SMALL)
    halo.mark.stroke, halo.mark.strokeWidth = GROUND, 2.5  # words stay readable where a line runs behind them
    return rule, [halo, text(rows, plane, "at", "beside", "words", size=SMALL, colour=ALARM)]


def _threshold(
    frame: Frame, plane: Plane, up: float, threshold: Threshold, drawn: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    """The line of a threshold with its words above or below it, wherever they cover least of what is drawn."""
    start, end = frame.pixels(max(threshold.start, frame.first)), frame.pixels(threshold.end)
    wide, down = width_of(threshold.words, SMALL), plane.pixels_down(up)
    lefts = {min(max(left, 2), frame.width - wide - 2) for left in (start + 4, (start + end - wide) / 2, end - wide)}
    places = [
        (left, down + off) for off in (-9, 9, -22, 22) for left in sorted(lefts) if 6 <= down + off <= plane.height - 6
    ]

    def covered(place: tuple[float, float]) -> int:
        left, middle = place
        away = int(abs(middle - down)) // 2  # far from its line it might be taken for the words of another
        return away + sum(left - 4 <= x <= left + wide + 4 and abs(y - middle) < 9 for x, y in drawn)

    left, middle = min(places, key=covered)  # of equals the first: above, at the nadir
    return {
        "from": plane.x(start), "to": plane.x(end), "y": up, "words": threshold.words,
        "at": plane.x(left), "beside": plane.y(middle),
    }  # fmt: skip


def _path(frame: Frame, plane: Plane, scale: Measure) -> list[tuple[float, float]]:
    """Places along the curve, in pixels, a few pixels apart; and the lines of progression and of infusions."""
    story = frame.story
    readings = sorted(story.curve.drawn, key=lambda one: one.day) if story.curve else []
    ends = [(frame.pixels(one.day), plane.pixels_down(scale.at(one.value))) for one in readings]
    drawn = ends * MARK_WEIGHS
    for (x, y), (to_x, to_y) in pairwise(ends):
        steps = int(max(abs(to_x - x), abs(to_y - y)) / 4) + 1
        drawn += [(x + (to_x - x) * k / steps, y + (to_y - y) * k / steps) for k in range(steps)]
    days = [one.day for one in story.progressions] + [day for day, _ in story.infusions]
    drawn += [(frame.pixels(day), y) for day in days for y in range(0, int(plane.height), 6)]
    lines = [(threshold, plane.pixels_down(scale.at(threshold.value))) for threshold in story.thresholds]
    return drawn + [
        (float(x), y) for one, y in lines for x in range(int(frame.pixels(one.start)), int(frame.pixels(one.end)), 6)
    ]


def _progressions(frame: Frame, plane: Plane, scale: Measure) -> list[Any]:
    """A line on the day of progression and its mark on the curve; hollow where nothing confirmed it."""
    cross = category("PD").shape
    rows = [
        {"x": frame.at(one.day), "from": scale.low, "to": scale.high, "dash": [1, 0] if one.confirmed else [2, 3],
         "y": scale.at(one.on_curve) if one.on_curve is not None else plane.y(8), "shape": cross,
         "fill": ALARM if one.confirmed else GROUND, "stroke": GROUND if one.confirmed else ALARM,
         "says": f"{frame.told(one.day)}: {one.words}"}
        for one in frame.story.progressions
    ]  # fmt: skip
    rules = []
    for dash in ([1, 0], [2, 3]):
        rule = of([row for row in rows if row["dash"] == dash]).mark_rule(color=ALARM, strokeWidth=0.9, strokeDash=dash)
        rules.append(rule.encode(x=plane.across("x"), y=plane.up("from"), y2="to:Q"))
    return [*rules, with_tips(marks(rows, plane, "x", "y", size=110), frame)]


def day_lines(frame: Frame, plane: Plane) -> list[Any]:
    """Day 0 and further infusions as lines through a panel; the end of follow-up as a paler one."""
    story = frame.story
    days = [(story.zero, 1.1)] + [(day, 1.1) for day, _ in story.infusions if day != story.zero]
    days += [(story.end[0], 0.6)] if story.end else []
    rows = [
        {"x": frame.at(day), "from": plane.y_from, "to": plane.y_to, "wide": wide}
        for day, wide in days
        if frame.first <= day <= frame.last
    ]
    rule = of(rows).mark_rule(color=MUTED)
    wide = alt.StrokeWidth("wide:Q", scale=None)
    return [rule.encode(x=plane.across("x"), y=plane.up("from"), y2="to:Q", strokeWidth=wide)]


def heads_panel(frame: Frame) -> tuple[Plane, list[Any]]:
    """What happened on the days that are drawn through all panels: in words above them, in rows that keep clear."""
    placed, rows = _placed(_heads(frame), frame)
    plane = replace(frame.plane(rows * LINE_OF_TEXT, rows, 0), x_axis=None)
    layers: list[Any] = []
    for side in ("left", "center", "right"):
        for colour in (INK, ALARM):
            some = [
                {"x": plane.x(at), "y": row + 0.5, "words": words}
                for at, row, words, tone, stands in placed
                if tone == colour and stands == side
            ]
            layers.append(text(some, plane, "x", "y", "words", side=side, size=SMALL, colour=colour))
    return plane, layers


def _heads(frame: Frame) -> list[tuple[int, str, str]]:
    story = frame.story
    heads = [(one.day, one.words, ALARM) for one in story.progressions]
    heads += [(day, f"{what}{' (day 0)' if day == story.zero else ''}", INK) for day, what in story.infusions]
    if story.zero not in [day for day, _ in story.infusions] and frame.first <= story.zero:
        heads.append((story.zero, f"{story.zero_says} (day 0)", INK))
    return [*heads, (*story.end, INK)] if story.end else heads


Placed = tuple[float, int, str, str, str]


def _placed(heads: Sequence[tuple[int, str, str]], frame: Frame) -> tuple[list[Placed], int]:
    """Each in the lowest row where it covers no other; rows count from the top."""
    placed: list[Placed] = []
    ends: list[float] = []
    for day, words, colour in sorted(heads, key=lambda head: head[0]):
        at, wide = frame.pixels(day), width_of(words, SMALL)
        side = "left" if at - wide / 2 < 0 else "right" if at + wide / 2 > frame.width else "center"
        begin = at - {"left": 0, "center": wide / 2, "right": wide}[side]
        row = next((row for row, end in enumerate(ends) if begin > end + 8), len(ends))
        ends[row : row + 1] = [begin + wide]
        placed.append((at, row, words, colour, side))
    rows = max(len(ends), 1)
    return [(at, rows - 1 - row, words, colour, side) for at, row, words, colour, side in placed], rows


def with_tips(chart: Any, frame: Frame) -> Any:
    """On a screen the mark tells what it is."""
    return chart.encode(tooltip=alt.Tooltip("says:N", title=" ")) if frame.interactive else chart
