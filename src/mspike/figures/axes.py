"""The plane a figure is drawn on: time from day 0, percent, and words set by the pixel beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from mspike.cohort.times import DAYS_A_MONTH
from mspike.figures.palette import INK, MUTED
from mspike.figures.saved import SIZE

Unit = Literal["months", "days"]
Side = Literal["left", "center", "right"]
STEPS: dict[Unit, tuple[int, ...]] = {
    "months": (1, 2, 3, 6, 12, 24, 36, 60, 120),
    "days": (1, 7, 14, 30, 60, 90, 180, 360, 720, 1800, 3600),
}
MOST_TICKS = 9


@dataclass(frozen=True)
class Plane:
    """Width and height in pixels, what the axes run from and to, and how they look.

    A scale goes on in a straight line beyond its ends, so a place counted in pixels, also one beside the plot, can be
    told in units of the axis. Labels stand there. Every layer tells the same axes: one without would remove them.
    """

    width: float
    height: float
    x_from: float
    x_to: float
    y_from: float
    y_to: float
    x_axis: alt.Axis | None = None
    y_axis: alt.Axis | None = None

    def x(self, pixels: float) -> float:
        """What stands that many pixels right of the left end."""
        return self.x_from + (self.x_to - self.x_from) * pixels / self.width

    def y(self, pixels: float) -> float:
        """What stands that many pixels below the top."""
        return self.y_to - (self.y_to - self.y_from) * pixels / self.height

    def pixels_down(self, value: float) -> float:
        return (self.y_to - value) / (self.y_to - self.y_from) * self.height

    def pixels_right(self, value: float) -> float:
        return (value - self.x_from) / (self.x_to - self.x_from) * self.width

    def across(self, field: str) -> alt.X:
        scale = alt.Scale(domain=[self.x_from, self.x_to], nice=False, zero=False)
        return alt.X(f"{field}:Q", scale=scale, axis=self.x_axis)

    def up(self, field: str) -> alt.Y:
        scale = alt.Scale(domain=[self.y_from, self.y_to], nice=False, zero=False)
        return alt.Y(f"{field}:Q", scale=scale, axis=self.y_axis)

    def sized(self, layers: Sequence[Any]) -> Any:
        return alt.layer(*layers).properties(width=self.width, height=self.height)


def of(rows: Iterable[Mapping[str, Any]]) -> alt.Chart:
    """A chart on literal rows: altair never counts them, writes no file and needs no pandas.

    The rows stand as one JSON text: altair copies and checks every cell of a list over and over (half of the time).
    """
    told = json.dumps([dict(row) for row in rows], ensure_ascii=False, allow_nan=False)
    return alt.Chart(alt.Data(values=told, format=alt.JsonDataFormat(type="json")))


def in_unit(days: float, unit: Unit) -> float:
    return days / DAYS_A_MONTH if unit == "months" else days


def in_days(value: float, unit: Unit) -> float:
    return value * DAYS_A_MONTH if unit == "months" else value


def time_ticks(days: float, unit: Unit) -> list[int]:
    """Round times from 0 to just beyond `days`, in the unit, at most nine of them."""
    last = max(in_unit(days, unit), 1e-9)
    step = next((step for step in STEPS[unit] if last / step <= MOST_TICKS - 1), STEPS[unit][-1])
    return [step * count for count in range(math.ceil(round(last / step, 9)) + 1)]


def time_axis(unit: Unit, origin: str, ticks: Sequence[float]) -> alt.Axis:
    """The time axis: its unit, and what day 0 is."""
    title = f"{unit.capitalize()} from {origin} (day 0)"
    return alt.Axis(values=list(ticks), title=title, grid=False, titlePadding=6)


def percent_axis(title: str, values: Sequence[float] = (0, 25, 50, 75, 100)) -> alt.Axis:
    return alt.Axis(values=list(values), title=title, grid=True, domain=False, ticks=False, titlePadding=8)


def day_zero(plane: Plane, origin: str) -> list[alt.Chart]:
    """Day 0 as a line with its name above."""
    row = [{"at": 0, "from": plane.y_from, "to": plane.y_to, "over": plane.y(-11), "says": f"Day 0: {origin}"}]
    rule = of(row).mark_rule(color=MUTED, strokeWidth=1)
    words = text(
        row, plane, "at", "over", "says", colour=MUTED, side="left" if plane.pixels_right(0) < 50 else "center"
    )
    return [rule.encode(x=plane.across("at"), y=plane.up("from"), y2="to:Q"), words]


def text(
    rows: Sequence[Mapping[str, Any]], plane: Plane, x: str, y: str, field: str, *, side: Side = "left",
    colour: str = INK, size: int = SIZE, bold: bool = False, dx: int = 0,
) -> alt.Chart:  # fmt: skip
    """Words at places of the plane; they may stand beside it."""
    mark = of(rows).mark_text(
        align=side, baseline="middle", fontSize=size, color=colour, fontWeight=600 if bold else 400, dx=dx
    )
    return mark.encode(x=plane.across(x), y=plane.up(y), text=alt.Text(f"{field}:N"))


def whole(count: int) -> str:
    return f"{count:,}"
