"""Survival curves of one or several groups: with intervals, medians and the number at risk; and the same as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from mspike.cohort.survival import Curve, at_risk_at, survival_at
from mspike.errors import WrongUsage
from mspike.figures.axes import Unit, in_days, in_unit, time_ticks, whole
from mspike.figures.curves import TICKS_DRAWN, Axes, Traced, curves_drawn
from mspike.figures.palette import STROKES
from mspike.figures.saved import Figure, dressed

NOT_REACHED = "NR"
FEW = 4  # groups; with more, labels are shorter and the medians are not drawn, only told


def survival_chart(
    curves: Mapping[str, Curve],
    title: str,
    *,
    endpoint: str,
    origin: str = "infusion",
    unit: Unit = "months",
    until_days: float | None = None,
    notes: Sequence[str] = (),
    at_risk: Mapping[str, Sequence[str]] | None = None,
    words: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """How long do they live, or live without progression, and how sure is that?

    curves      a curve a group, in the order to be shown; at most eight are drawn, the largest
    endpoint    what the vertical axis says: "Progression-free survival"
    origin      what day 0 is: infusion, failure, apheresis
    until_days  ends the axis there; the estimates do not change
    notes       sentences below: the test that compared the groups, the settings
    at_risk     by group, in words at each of `survival_ticks`, where the numbers themselves must not be printed
    words       by group, what stands below its name, for the same reason
    """
    drawn, left_out = _largest(curves)
    ticks = survival_ticks(curves, unit, until_days)
    told = words or {name: _words(curve, unit, len(drawn)) for name, curve in drawn.items()}
    lines = [_traced(name, drawn[name], place, ticks, unit, told[name]) for place, name in enumerate(drawn)]
    said = [
        *notes,
        f"Bands and brackets: 95 % confidence intervals; medians in {unit}; NR: not reached.",
        _censoring(lines, drawn),
        left_out,
    ]
    below = [
        (name, at_risk[name] if at_risk else [whole(n) for n in counted(curve, ticks, unit)])
        for name, curve in drawn.items()
    ]
    axes = Axes(f"{endpoint}, %", unit, origin, ticks)
    return dressed(curves_drawn(lines, axes, half=True, at_risk=below), title, said)


def survival_ticks(curves: Mapping[str, Curve], unit: Unit = "months", until_days: float | None = None) -> list[int]:
    """The ticks of the figure of these curves, in the unit; its table tells the estimates there."""
    return time_ticks(_last_day(_largest(curves)[0], until_days), unit)


def survival_table(
    curves: Mapping[str, Curve], *, unit: Unit = "months", until_days: float | None = None
) -> pl.DataFrame:
    """The curves at the ticks of the figure: group, months (or days), days, at_risk, survival, low and high in percent.

    Null behind the last day that a group was followed. Every group is here, also one that the figure leaves out.
    """
    ticks = survival_ticks(curves, unit, until_days)
    return pl.concat([_at_ticks(name, curve, ticks, unit) for name, curve in curves.items()])


def median_table(curves: Mapping[str, Curve], *, unit: Unit = "months") -> pl.DataFrame:
    """The medians of the figure: group, n, events, median, low, high in the unit; NR where not reached."""
    rows = [
        {"group": name, "n": curve.n, "events": curve.events, f"median_{unit}": _told(curve.median, unit),
         f"low_{unit}": _told(curve.median_low, unit), f"high_{unit}": _told(curve.median_high, unit)}
        for name, curve in curves.items()
    ]  # fmt: skip
    return pl.DataFrame(rows)


def steps_table(curves: Mapping[str, Curve]) -> pl.DataFrame:
    """Every step of every curve: group, and the columns of the estimate."""
    return pl.concat(
        [curve.table.select(pl.lit(name).alias("group"), pl.all()) for name, curve in curves.items()],
        how="vertical_relaxed",
    )


def _largest(curves: Mapping[str, Curve]) -> tuple[dict[str, Curve], str]:
    """As many groups as can be told apart, in the order given, and a sentence on the others."""
    followed = {name: curve for name, curve in curves.items() if curve.n > 0 and curve.table.height}
    if not followed:
        raise WrongUsage("A survival figure needs at least one group with patients; none was given.")
    if len(followed) <= len(STROKES):
        return followed, ""
    kept = sorted(followed, key=lambda name: -followed[name].n)[: len(STROKES)]
    told = f"{len(kept)} of {len(followed)} groups are drawn, the largest; all are in the table."
    return {name: curve for name, curve in followed.items() if name in kept}, told


def _last_day(curves: Mapping[str, Curve], until_days: float | None) -> float:
    last = max(float(curve.table["days"].max()) for curve in curves.values())  # type: ignore[arg-type]
    return last if until_days is None else min(last, until_days)


def _traced(name: str, curve: Curve, place: int, ticks: Sequence[int], unit: Unit, words: Sequence[str]) -> Traced:
    end = in_days(ticks[-1], unit)
    table = curve.table.filter(pl.col("days") <= end)
    steps = [
        (row["days"], 100 * row["survival"], percent(row["low"]), percent(row["high"]))
        for row in table.iter_rows(named=True)
    ]
    if not steps or steps[0][0] > 0:
        steps.insert(0, (0.0, 100.0, 100.0, 100.0))
    if table.height < curve.table.height:  # the axis ends before the follow-up: the curve runs to its edge
        steps.append((end, *steps[-1][1:]))
    ends = table.filter(pl.lit(curve.table["censored"].sum() <= TICKS_DRAWN) & (pl.col("censored") > 0))
    censored = [(row["days"], 100 * row["survival"]) for row in ends.iter_rows(named=True)]
    shown = curve.median if curve.median is not None and curve.median <= end and len(words) > 2 else None
    return Traced(name, STROKES[place], steps, words, censored, shown)


def percent(share: float | None) -> float | None:
    """A proportion in percent; null where there is none."""
    return None if share is None or share != share else 100 * share


def _words(curve: Curve, unit: Unit, groups: int) -> list[str]:
    """What stands under the name of a curve: in three lines, or in two where many groups share the height."""
    limits = f"[{_told(curve.median_low, unit)}, {_told(curve.median_high, unit)}]"
    median, counts = f"median {_told(curve.median, unit)}", f"{curve.events:,} events / {curve.n:,}"
    if groups > FEW:
        return [counts, f"{median} {limits}"]
    return [counts, median if curve.median is None else f"{median} {unit}", f"95 % CI {limits}"]


def _told(days: float | None, unit: Unit) -> str:
    if days is None or days != days or days == float("inf"):
        return NOT_REACHED
    return f"{in_unit(days, unit):.1f}" if unit == "months" else f"{days:.0f}"


def counted(curve: Curve, ticks: Sequence[int], unit: Unit) -> list[int]:
    """How many are at risk just before each tick. Days are whole: a tick between two days means the later one."""
    return at_risk_at(curve, [math.ceil(in_days(tick, unit)) for tick in ticks])["at_risk"].to_list()


def _at_ticks(name: str, curve: Curve, ticks: Sequence[int], unit: Unit) -> pl.DataFrame:
    said = survival_at(curve, [math.floor(in_days(tick, unit)) for tick in ticks])
    percents = {f"{column}_percent": 100 * said[column] for column in ("survival", "low", "high")}
    start = {
        "group": [name] * len(ticks),
        unit: list(ticks),
        "days": said["days"],
        "at_risk": counted(curve, ticks, unit),
    }
    return pl.DataFrame({**start, **percents})


def _censoring(lines: Sequence[Traced], drawn: Mapping[str, Curve]) -> str:
    marked = [line for line in lines if line.censored]
    bare = [line.name for line in lines if not line.censored and drawn[line.name].table["censored"].sum()]
    if not marked:
        return "Patients censored are not marked: they are many." if bare else ""
    return f"Upright ticks: patients censored{', not marked where they are many' if bare else ''}."
