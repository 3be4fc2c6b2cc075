"""Cumulative incidence of events that compete: progression and death without it, with intervals; and the table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from mspike.cohort.survival import Curve
from mspike.errors import WrongUsage
from mspike.figures.axes import Unit, in_days, time_ticks, whole
from mspike.figures.curves import Axes, Counted, Traced, curves_drawn
from mspike.figures.palette import ALARM, INK, STROKES, Stroke
from mspike.figures.saved import Figure, dressed
from mspike.figures.survival import counted, percent

WORDS = {"progression": "Progression", "non_relapse_death": "Death without progression"}
CAUSES = {"progression": Stroke(ALARM, (1, 0)), "non_relapse_death": Stroke(INK, (6, 3))}


def incidence_chart(
    causes: Mapping[str, pl.DataFrame],
    title: str,
    *,
    origin: str = "infusion",
    unit: Unit = "months",
    free: Curve | None = None,
    until_days: float | None = None,
    notes: Sequence[str] = (),
    at_risk: Mapping[str, Sequence[str]] | None = None,
    what: str = "Cumulative incidence",
) -> Figure:
    """What share has had each event by each time, where one event precludes the other?

    causes  cause -> days, incidence, low, high (proportions), by days (Aalen-Johansen)
            or, to compare groups, group -> the same of one cause
    free    the curve of patients free of any event: gives the number at risk below the axis
    at_risk instead of `free`: a name, and the number at risk in words at each of `incidence_ticks`
    what    the vertical axis says
    """
    _some(causes)
    ticks = incidence_ticks(causes, unit, until_days)
    end = in_days(ticks[-1], unit)
    lines = [
        Traced(WORDS.get(cause, cause), stroke, _steps(table, end), _words(table))
        for (cause, table), stroke in zip(causes.items(), _strokes(causes), strict=True)
    ]
    rows: Sequence[Counted] | None = (
        None if free is None else [("Free of any event", [whole(n) for n in counted(free, ticks, unit)])]
    )
    rows = rows if at_risk is None else list(at_risk.items())
    said = [*notes, "Bands and brackets: 95 % confidence intervals. Each event precludes the others (Aalen-Johansen)."]
    axes = Axes(f"{what}, %", unit, origin, ticks)
    return dressed(curves_drawn(lines, axes, half=False, at_risk=rows), title, said)


def incidence_ticks(
    causes: Mapping[str, pl.DataFrame], unit: Unit = "months", until_days: float | None = None
) -> list[int]:
    """The ticks of the figure, in the unit; its table tells the estimates there."""
    return time_ticks(_last_day(causes, until_days), unit)


def incidence_table(
    causes: Mapping[str, pl.DataFrame],
    *,
    unit: Unit = "months",
    free: Curve | None = None,
    until_days: float | None = None,
) -> pl.DataFrame:
    """The curves at the ticks of the figure: cause, months (or days), days, at_risk; incidence, low, high in percent.

    Null behind the last day known of the cause; at_risk is null where no curve `free` is given.
    """
    _some(causes)
    ticks = incidence_ticks(causes, unit, until_days)
    at_risk = [None] * len(ticks) if free is None else counted(free, ticks, unit)
    rows: list[dict[str, Any]] = []
    for cause, table in causes.items():
        for tick, count in zip(ticks, at_risk, strict=True):
            day = math.floor(in_days(tick, unit))
            rows.append({"cause": cause, str(unit): tick, "days": day, "at_risk": count, **_at(table, day)})
    return pl.DataFrame(rows, schema_overrides={"at_risk": pl.Int64}, infer_schema_length=None)


def _some(causes: Mapping[str, pl.DataFrame]) -> None:
    if not causes or any(table.is_empty() for table in causes.values()):
        raise WrongUsage("A figure of incidence needs at least one cause with a row; none was given.")


def _strokes(causes: Iterable[str]) -> list[Stroke]:
    """Causes by their own lines; groups by those that they have in every figure."""
    names = list(causes)
    others = 2 if any(name in CAUSES for name in names) else 0
    return [CAUSES.get(name, STROKES[(place + others) % len(STROKES)]) for place, name in enumerate(names)]


def _last_day(causes: Mapping[str, pl.DataFrame], until_days: float | None) -> float:
    last = max(float(table["days"].max()) for table in causes.values())  # type: ignore[arg-type]
    return last if until_days is None else min(last, until_days)


def _steps(table: pl.DataFrame, end: float) -> list[tuple[float, float, float | None, float | None]]:
    kept = table.filter(pl.col("days") <= end)
    steps = [
        (row["days"], 100 * row["incidence"], percent(row["low"]), percent(row["high"]))
        for row in kept.iter_rows(named=True)
    ]
    if not steps or steps[0][0] > 0:
        steps.insert(0, (0.0, 0.0, 0.0, 0.0))
    if kept.height < table.height:
        steps.append((end, *steps[-1][1:]))
    return steps


def _words(table: pl.DataFrame) -> list[str]:
    """The incidence at one year, which abstracts tell, where follow-up reaches it."""
    year = _at(table, 365)
    if year["incidence_percent"] is None:
        return []
    limits = f" [{year['low_percent']:.0f}, {year['high_percent']:.0f}]" if year["low_percent"] is not None else ""
    return [f"at 12 months {year['incidence_percent']:.0f} %{limits}"]


def _at(table: pl.DataFrame, day: float) -> dict[str, float | None]:
    """Percent at a day: incidence, low, high; null behind the last day."""
    past = table.filter(pl.col("days") <= day)
    names = ("incidence", "low", "high")
    if day > float(table["days"].max()):  # type: ignore[arg-type]
        return {f"{name}_percent": None for name in names}
    if past.is_empty():
        return {f"{name}_percent": 0.0 for name in names}
    row = past.row(-1, named=True)
    return {f"{name}_percent": percent(row[name]) for name in names}
