"""The time axis that all panels of a timeline share, and their value axes, linear or logarithmic."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from mspike.errors import WrongUsage
from mspike.figures.axes import Plane, Unit, in_unit, time_ticks
from mspike.figures.saved import PADDING, SMALL
from mspike.figures.timeline_told import Story

Origin = Literal["infusion", "calendar"]
LEFT, RIGHT = 74, 14  # pixels beside the panels: axis labels and title, and air
SHORT = 190  # days of follow-up up to which the axis counts days
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
MOST_TICKS = 8
# Where 0 stands, which has no logarithm: below the lowest tick, in decades, and in parts of the axis at least.
ZERO_BELOW, ZERO_PART = 0.35, 0.2


@dataclass(frozen=True)
class Frame:
    """The time axis in its unit, and what every panel needs of it."""

    story: Story
    origin: Origin
    width: float
    first: int
    last: int
    unit: Unit
    interactive: bool

    def at(self, day: float) -> float:
        """Where a day stands on the axis."""
        return day if self.origin == "calendar" else in_unit(day - self.story.zero, self.unit)

    def told(self, day: int) -> str:
        """A day in words: its date, or the day from day 0 where no date is known."""
        return told_day(self.story, day)

    def pixels(self, day: float) -> float:
        return (day - self.first) / (self.last - self.first) * self.width

    def plane(
        self, height: float, y_from: float, y_to: float, y_axis: alt.Axis | None = None, *, axis: bool = False
    ) -> Plane:
        """A panel of that height. axis: the time axis with its words stands below it."""
        return Plane(self.width, height, self.at(self.first), self.at(self.last), y_from, y_to, self.axis(axis), y_axis)

    def axis(self, labelled: bool) -> alt.Axis:
        told: dict[str, Any] = {} if self.interactive else {"values": self.ticks()}
        if not labelled:
            return alt.Axis(title=None, labels=False, ticks=False, domain=False, grid=True, gridOpacity=0.6, **told)
        if self.origin == "calendar":
            words = "utcFormat(datum.value * 86400000, '%b %Y')"
            return alt.Axis(title=None, labelExpr=words, grid=True, gridOpacity=0.6, **told)
        title = f"{self.unit.capitalize()} from {self.story.zero_says} (day 0)"
        return alt.Axis(title=title, grid=True, gridOpacity=0.6, titlePadding=6, **told)

    def ticks(self) -> list[float]:
        if self.origin == "calendar":
            return month_starts(self.first, self.last)
        span = self.last - self.first
        scale = time_ticks(span, self.unit)
        step = scale[1] - scale[0]
        low, high = self.at(self.first), self.at(self.last)
        return [step * count for count in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def told_day(story: Story, day: int) -> str:
    if story.dates:
        return (dt.date(1970, 1, 1) + dt.timedelta(days=int(day))).isoformat()
    return f"day {day - story.zero}"


def framed(story: Story, origin: Origin, width: float, interactive: bool) -> Frame:
    """From shortly before the first measurement (where there is none, the first line) to the end of follow-up.

    Earlier lines of therapy would press years of measurements into a corner: a note tells of them.
    """
    if origin == "calendar" and not story.dates:
        raise WrongUsage("This registry counts days from the infusion: expected origin 'infusion', found 'calendar'.")
    days = story.measured_days or [therapy.start for therapy in story.therapies]
    last = max([*days, *(therapy.end for therapy in story.therapies), *([story.end[0]] if story.end else [])])
    first = min(days)
    air = max(4, round((last - first) * 0.025))
    unit: Unit = "days" if last - first <= SHORT else "months"
    return Frame(story, origin, width - 2 * PADDING - LEFT - RIGHT, first - air, last + air, unit, interactive)


def month_starts(first: int, last: int) -> list[float]:
    """First days of months between two days, evenly, at most eight of them."""
    epoch = dt.date(1970, 1, 1)
    low, high = (epoch + dt.timedelta(days=day) for day in (first, last))
    months = range(low.year * 12 + low.month - 1, high.year * 12 + high.month)
    step = next((step for step in MONTH_STEPS if len(months) / step <= MOST_TICKS), MONTH_STEPS[-1])
    starts = [(dt.date(month // 12, month % 12 + 1, 1) - epoch).days for month in months if month % step == 0]
    return [float(start) for start in starts if first <= start <= last]


@dataclass(frozen=True)
class Measure:
    """A value axis. Logarithmic: places are powers of ten, and what is 0 stands below all of them, named 0."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool
    zero: float | None = None

    def at(self, value: float) -> float:
        if not self.log:
            return value
        return max(math.log10(value), self.low) if value > 0 else self.low if self.zero is None else self.zero

    def axis(self, title: str) -> alt.Axis:
        values = [*([self.zero] if self.zero is not None else []), *self.ticks]
        words = "format(datum.value, ',~g')"
        if self.log:
            # Whole numbers in full, millions shortened, fractions as they are: 0.1, 100,000, 10M.
            power = "format(pow(10, datum.value), datum.value >= 6 ? '~s' : datum.value >= 0 ? ',.0f' : '~g')"
            words = power if self.zero is None else f"datum.value <= {self.zero} ? '0' : {power}"
        return axis_left(title, values, words)


def measure(values: Sequence[float], log: bool) -> Measure:
    """An axis that holds these values: from 0 on, or over whole decades."""
    top = max([*values, 1e-9])
    if not log:
        step = _step(top)
        high = step * math.ceil(top * 1.06 / step)
        return Measure(0.0, high, tuple(round(step * k, 9) for k in range(round(high / step) + 1)), False)
    positive = [value for value in values if value > 0] or [1.0]
    low, high = math.floor(math.log10(min(positive)) + 1e-9), math.log10(max(positive) * 1.3)
    ticks = tuple(float(power) for power in range(low, math.floor(high) + 1))
    if len(ticks) > 5:
        ticks = ticks[:: math.ceil(len(ticks) / 5)]
    high = max(high, low + 1)
    zero = low - max(ZERO_BELOW, ZERO_PART * (high - low)) if min(values) <= 0 else None
    return Measure(low - 0.1 if zero is None else zero - 0.12, high, ticks, True, zero)


def _step(top: float) -> float:
    raw = top / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    return next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= raw)


def axis_left(title: str | list[str] | None, values: Sequence[float], words: str, *, grid: bool = True) -> alt.Axis:
    """A value axis whose labels and title take the same room in every panel, so that panels stand on one another."""
    return alt.Axis(
        values=list(values), title=title, labelExpr=words, grid=grid, domain=False, ticks=False, labelPadding=6,
        minExtent=LEFT - 16, maxExtent=LEFT - 16, titleFontSize=SMALL, labelFontSize=SMALL,
    )  # fmt: skip


def named_lanes(names: Sequence[str], values: Sequence[float]) -> alt.Axis:
    """Names instead of numbers, one a lane."""
    pairs = json.dumps({f"{value:g}": name for value, name in zip(values, names, strict=True)}, ensure_ascii=False)
    return axis_left(None, values, f"({pairs})[format(datum.value, '~g')]", grid=False)
