"""A spider plot: the measured marker of each patient over time as change from baseline; and the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from mspike.errors import WrongUsage
from mspike.figures.axes import Plane, Unit, day_zero, in_unit, of, percent_axis, text, time_axis, time_ticks
from mspike.figures.labels import Sign, key, marks, spread
from mspike.figures.palette import ALARM, BY_NAME, GROUND, INK, MUTED
from mspike.figures.saved import PADDING, PRINT_WIDTH, SMALL, Figure, dressed

HEIGHT = 300
AT_MOST = 100  # patients drawn
NAMED = 8  # patients up to which each line carries its name
HIGHEST = 100.0  # percent; what rises further leaves the plot, marked
GAP_DAYS = 183  # between two values; a longer gap is shown as one
THRESHOLDS = ((-50.0, "PR −50 %"), (-90.0, "VGPR −90 %"))


def spider_table(values: pl.DataFrame, progressions: pl.DataFrame | None = None) -> pl.DataFrame:
    """The lines as rows: patient_id, marker, day, value, baseline, change_percent, progressed_day; all patients.

    values        patient_id, day (from infusion), marker, value, baseline (in the unit of value)
    progressions  patient_id, cr_days, cr_cause, as in the cohort
    Patients without a positive baseline have no change and no row.
    """
    change = 100 * (pl.col("value") - pl.col("baseline")) / pl.col("baseline")
    table = values.filter((pl.col("baseline") > 0) & pl.col("value").is_not_null() & pl.col("day").is_not_null())
    table = table.with_columns(change_percent=change)
    progressed = pl.when(pl.col("cr_cause") == "progression").then("cr_days").alias("progressed_day")
    if progressions is None:
        table = table.with_columns(progressed_day=pl.lit(None, pl.Int64))
    else:
        known = progressions.select("patient_id", progressed).unique("patient_id", keep="first", maintain_order=True)
        table = table.join(known, on="patient_id", how="left", maintain_order="left")
    columns = ("patient_id", "marker", "day", "value", "baseline", "change_percent", "progressed_day")
    return table.select(columns).sort("marker", "patient_id", "day")


def spider_chart(
    values: pl.DataFrame,
    title: str,
    *,
    progressions: pl.DataFrame | None = None,
    unit: Unit = "months",
    until_days: float | None = None,
    at_most: int = AT_MOST,
    notes: Sequence[str] = (),
) -> Figure:
    """How did the marker go in each patient, from before the infusion on?

    values, progressions  as for `spider_table`; several markers share the plot, each against its own baseline
    at_most               patients drawn; of more, every so many in the order of their names
    """
    table = spider_table(values, progressions)
    if table.is_empty():
        raise WrongUsage("A spider plot needs values with a baseline above zero; none was given.")
    everyone = table["patient_id"].unique(maintain_order=True).sort()
    shown = _evenly(everyone, at_most)
    plane = _plane(table, unit, until_days, shown.len())
    rows = _rows(table.filter(pl.col("patient_id").is_in(shown.to_list())), plane, unit)
    layers = [*_lines(plane, rows), *_ends(plane, rows), *_thresholds(plane), *day_zero(plane, "infusion")]
    layers += _names(plane, rows) if shown.len() <= NAMED else []
    layers += key(plane, _signs(rows), 36)
    said = [*notes, _told(values, everyone.len(), shown.len(), table["marker"].unique().sort().to_list())]
    return dressed(plane.sized(layers), title, said)


def _evenly(names: pl.Series, at_most: int) -> pl.Series:
    """Every so many: no choice by outcome, and the same at every run."""
    if names.len() <= at_most:
        return names
    return names[[place * names.len() // at_most for place in range(at_most)]]


def _plane(table: pl.DataFrame, unit: Unit, until_days: float | None, patients: int) -> Plane:
    last = float(table["day"].max())  # type: ignore[arg-type]
    ticks = time_ticks(max(1.0, last if until_days is None else min(last, until_days)), unit)
    first = min(0.0, in_unit(float(table["day"].min()), unit))  # type: ignore[arg-type]
    start = max(first, -ticks[-1] / 10) if first < 0 else 0.0
    top = min(HIGHEST, max(25.0, 25 * math.ceil(float(table["change_percent"].max()) / 25)))  # type: ignore[arg-type]
    width = PRINT_WIDTH - 2 * PADDING - 62 - (110 if patients <= NAMED else 82)
    axis = percent_axis("Change from baseline, %", [value for value in range(-100, 101, 25) if value <= top])
    return Plane(width, HEIGHT, start, ticks[-1], -100, top, time_axis(unit, "infusion", ticks), axis)


def _rows(table: pl.DataFrame, plane: Plane, unit: Unit) -> list[dict[str, Any]]:
    """The points of the lines within the plot; a gap in the values begins a new piece of the line."""
    rows: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    for row in table.iter_rows(named=True):
        at, whose = in_unit(row["day"], unit), f"{row['patient_id']}, {row['marker']}"
        if not plane.x_from - 1e-9 <= at <= plane.x_to:
            continue
        follows, beyond = before.get("whose") == whose, row["change_percent"] > plane.y_to
        if follows and beyond and before["beyond"]:
            before = {**before, "day": row["day"], "out": True}  # it left the plot, and an arrow says so
            continue
        broken = follows and (before["out"] or row["day"] - before["day"] > GAP_DAYS)
        piece = before["piece"] + broken if follows else 0
        ill = row["progressed_day"] is not None and row["day"] >= row["progressed_day"]
        before = {
            "whose": whose, "patient": row["patient_id"],
            "piece": piece, "line": f"{whose}, {piece}", "day": row["day"],
            "at": at, "change": min(row["change_percent"], plane.y_to), "beyond": beyond, "out": False,
            "progressed": ill, "first": ill and not (follows and before["progressed"]),
        }  # fmt: skip
        rows.append(before)
    return rows


def _lines(plane: Plane, rows: Sequence[dict[str, Any]]) -> list[alt.Chart]:
    """Quiet lines; from progression on in the alarm colour, thicker."""
    after: list[dict[str, Any]] = []
    for last, row in zip([None, *rows], rows, strict=False):
        if row["progressed"]:
            same = last is not None and last["line"] == row["line"]
            after += [{**last, "progressed": True}] if same and last is not None and row["first"] else []
            after.append(row)
    quiet = of(rows).mark_line(color=MUTED, strokeWidth=1, opacity=0.6)
    loud = of(after).mark_line(color=ALARM, strokeWidth=1.6, opacity=0.85)
    lonely = of(rows).mark_point(shape="circle", size=8, filled=True, color=MUTED, opacity=0.6)
    x, y = plane.across("at"), plane.up("change")
    return [
        lonely.encode(x=x, y=y),
        *(layer.encode(x=x, y=y, detail="line:N", order="day:Q") for layer in (quiet, loud)),
    ]


def _ends(plane: Plane, rows: Sequence[dict[str, Any]]) -> list[alt.Chart]:
    """The mark of progression where it was first seen; arrows where a line leaves the plot."""
    pd = BY_NAME["PD"]
    first = [{**row, "shape": pd.shape, "fill": pd.colour, "stroke": GROUND} for row in rows if row["first"]]
    beyond = of(row for row in rows if row["beyond"])
    arrows = beyond.mark_point(shape="triangle-up", filled=True, color=INK, opacity=1, size=40)
    return [arrows.encode(x=plane.across("at"), y=plane.up("change")), marks(first, plane, "at", "change", size=75)]


def _thresholds(plane: Plane) -> list[alt.Chart]:
    rows = [
        {"at": at, "from": plane.x_from, "to": plane.x_to, "x": plane.x(6), "words": says} for at, says in THRESHOLDS
    ]
    rule = of(rows).mark_rule(color=INK, strokeDash=[3, 3])
    end = [{**row, "x": plane.x(plane.width + 6)} for row in rows]
    return [
        rule.encode(x=plane.across("from"), x2="to:Q", y=plane.up("at")),
        text(end, plane, "x", "at", "words", size=SMALL),
    ]


def _names(plane: Plane, rows: Sequence[dict[str, Any]]) -> list[alt.Chart]:
    """Who it is, at the end of each line, clear of the names of the thresholds."""
    last = list({row["whose"]: row for row in rows}.values())
    fixed = [plane.pixels_down(at) for at, _ in THRESHOLDS]
    wished = [plane.pixels_down(row["change"]) for row in last]
    middles = spread([*wished, *fixed], [14.0] * (len(last) + len(fixed)), 0, plane.height + 30)
    # Thresholds keep their place: names that would cover one step aside.
    words: list[dict[str, Any]] = []
    hairs: list[dict[str, Any]] = []
    for row, middle in zip(last, middles, strict=False):
        clash = any(abs(middle - at) < 13 for at in fixed)
        words.append({"x": plane.x(plane.width + (72 if clash else 6)), "y": plane.y(middle), "words": row["patient"]})
        hairs.append({"x": row["at"], "y": row["change"], "to": plane.x(plane.width + 4), "y_to": words[-1]["y"]})
    hair = of(hairs).mark_rule(color=MUTED, strokeWidth=0.5, strokeDash=[1, 2])
    return [
        hair.encode(x=plane.across("x"), x2="to:Q", y=plane.up("y"), y2="y_to:Q"),
        text(words, plane, "x", "y", "words", size=SMALL),
    ]


def _signs(rows: Sequence[dict[str, Any]]) -> list[Sign]:
    signs = (
        [Sign("first visit with progression", BY_NAME["PD"].shape, ALARM, GROUND)]
        if any(r["first"] for r in rows)
        else []
    )
    above = Sign(f"rise of more than {HIGHEST:.0f} %", "triangle-up", INK)
    return [*signs, above] if any(row["beyond"] for row in rows) else signs


def _told(values: pl.DataFrame, everyone: int, shown: int, markers: Sequence[str]) -> str:
    said = f"Each line a patient ({' or '.join(markers)} against its own baseline); red from progression on."
    said += f" A line breaks where nothing was measured for {GAP_DAYS} days."
    if shown < everyone:
        said += f" {shown:,} of {everyone:,} patients are drawn, every so many by name; all are in the table."
    without = values["patient_id"].n_unique() - everyone
    return said + (f" {without:,} without a baseline: not shown." if without else "")
