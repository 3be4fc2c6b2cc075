"""A forest of subgroups: hazard ratios with their intervals on a logarithmic axis, beside counts; and the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from mspike.figures.axes import Plane, Side, of, text
from mspike.figures.labels import width_of
from mspike.figures.palette import INK, MUTED
from mspike.figures.saved import PADDING, PRINT_WIDTH, SMALL, Figure, dressed

ROW, NARROW, MANY = 22, 17, 30  # pixels; of more rows than that each is narrow, so that the figure stays on a page
COUNTS = 110  # pixels: room for events / n
ROUND = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 10, 20)
WIDEST = (0.05, 20.0)  # limits of the axis; an interval that goes on ends in an arrow
NOT_ESTIMABLE, REFERENCE = "not estimable", "reference"
SHOWN = ("subgroup", "level", "n", "events", "hazard_ratio", "low", "high")


def subgroups_chart(
    frame: pl.DataFrame,
    title: str,
    *,
    better: tuple[str, str] = ("fewer events", "more events"),
    notes: Sequence[str] = (),
) -> Figure:
    """In which subgroups is the hazard higher or lower, and how sure is that?

    frame   subgroup, level, n, events, hazard_ratio, low, high, and if at hand reference (bool); a row a level, in the
            order to be shown. No hazard_ratio: not estimable, unless the row is the reference, or `told` (if at hand)
            says why. No events: kept back
    better  what lies left and right of 1
    """
    rows = _rows(frame)
    span = _span(frame)
    ticks = [value for value in ROUND if span[0] * 0.999 <= value <= span[1] * 1.001]
    left = max(
        [120 + COUNTS, *(width_of(row["words"]) + (14 + COUNTS if row["kind"] == "level" else 24) for row in rows)]
    )
    height = (ROW if len(rows) <= MANY else NARROW) * (len(rows) + 0.5)
    plane = Plane(
        PRINT_WIDTH - 2 * PADDING - left - 130, height, math.log(span[0]), math.log(span[1]), len(rows) + 0.5, 0,
        _axis(ticks),
    )  # fmt: skip
    drawn = [row for row in rows if row["kind"] == "level" and row["hazard_ratio"] is not None]
    references = [{"at": row["at"], "value": 0.0} for row in rows if row["told"] == REFERENCE]
    hollow = of(references).mark_point(shape="square", filled=True, fill="white", stroke=INK, opacity=1, size=45)
    layers = [
        _one(plane),
        hollow.encode(x=plane.across("value"), y=plane.up("at")),
        *_intervals(plane, drawn),
        *_words(plane, rows, left),
        *_sides(plane, better),
    ]
    said = [
        *notes,
        "Brackets: 95 % confidence intervals. The area of a square grows with the number of events; hollow: reference.",
    ]
    if any(row["told"] == NOT_ESTIMABLE for row in rows):
        said.append(
            "Not estimable: too few events, or all of them on one side; no figure is given rather than a wrong one."
        )
    return dressed(plane.sized(layers), title, said)


def subgroups_table(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows with the words of the figure: subgroup, level, n, events, hazard_ratio, low, high, told."""
    told = [_told(row) for row in frame.iter_rows(named=True)]
    return frame.select(SHOWN).with_columns(told=pl.Series(told, dtype=pl.String))


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Heads and levels from the top down, each with its place and words."""
    rows: list[dict[str, Any]] = []
    most = max([1, *(row["events"] or 0 for row in frame.iter_rows(named=True))])
    for subgroup in frame["subgroup"].unique(maintain_order=True):
        rows.append({"kind": "head", "words": subgroup, "at": len(rows) + 0.75, "told": "", "counts": ""})
        for row in frame.filter(pl.col("subgroup") == subgroup).iter_rows(named=True):
            told = {"told": _told(row), "counts": f"{_count(row['events'])} / {_count(row['n'])}"}
            size = 25 + 120 * (row["events"] or 0) / most
            rows.append({"kind": "level", **row, "words": row["level"], "at": len(rows) + 0.75, "size": size, **told})
    return rows


def _count(count: int | None) -> str:
    return "*" if count is None else f"{count:,}"


def _told(row: dict[str, Any]) -> str:
    if row.get("reference"):
        return REFERENCE
    if row["hazard_ratio"] is None:
        return str(row.get("told") or NOT_ESTIMABLE)
    if row["low"] is None or row["high"] is None:
        return f"{row['hazard_ratio']:.2f}"
    return f"{row['hazard_ratio']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def _span(frame: pl.DataFrame) -> tuple[float, float]:
    """From and to which hazard ratio the axis runs: round, holding every estimate, at least one half to two."""
    known = frame.filter(pl.col("hazard_ratio").is_not_null())
    lows = [value for value in (*known["low"], *known["hazard_ratio"]) if value]
    highs = [value for value in (*known["high"], *known["hazard_ratio"]) if value]
    low, high = max(min([0.5, *lows]), WIDEST[0]), min(max([2.0, *highs]), WIDEST[1])
    return max(v for v in ROUND if v <= low * 1.001), min(v for v in ROUND if v >= high * 0.999)


def _axis(ticks: Sequence[float]) -> alt.Axis:
    return alt.Axis(
        values=[math.log(tick) for tick in ticks], labelExpr="format(exp(datum.value), '.2~g')",
        title="Hazard ratio (logarithmic axis)", grid=False, titlePadding=22,
    )  # fmt: skip


def _one(plane: Plane) -> alt.Chart:
    rule = of([{"at": 0.0, "from": 0, "to": plane.y_from}]).mark_rule(color=MUTED)
    return rule.encode(x=plane.across("at"), y=plane.up("from"), y2="to:Q")


def _intervals(plane: Plane, rows: Sequence[dict[str, Any]]) -> list[alt.Chart]:
    points = [{"at": row["at"], "value": _held(plane, row["hazard_ratio"]), "size": row["size"]} for row in rows]
    lines, arrows = [], []
    for row in rows:
        if row["low"] is None or row["high"] is None:
            continue
        lines.append({"at": row["at"], "low": _held(plane, row["low"]), "high": _held(plane, row["high"])})
        for end, beyond, turn in (
            (plane.x_from, row["low"] <= 0 or math.log(row["low"]) < plane.x_from - 1e-9, -90),
            (plane.x_to, row["high"] == math.inf or math.log(row["high"]) > plane.x_to + 1e-9, 90),
        ):
            arrows += [{"at": row["at"], "value": end, "turn": turn}] if beyond else []
    rule = of(lines).mark_rule(color=INK, strokeWidth=1.5)
    square = of(points).mark_point(shape="square", filled=True, color=INK, opacity=1)
    layers = [
        rule.encode(x=plane.across("low"), x2="high:Q", y=plane.up("at")),
        square.encode(x=plane.across("value"), y=plane.up("at"), size=alt.Size("size:Q", scale=None)),
    ]
    for turn in (-90, 90):
        head = of(arrow for arrow in arrows if arrow["turn"] == turn)
        shape = head.mark_point(shape="triangle-up", angle=turn % 360, filled=True, color=INK, opacity=1, size=45)
        layers.append(shape.encode(x=plane.across("value"), y=plane.up("at")))
    return layers


def _held(plane: Plane, ratio: float) -> float:
    """The place of a hazard ratio on the axis; beyond its ends, the end."""
    if ratio <= 0:
        return plane.x_from
    return min(max(math.log(ratio), plane.x_from), plane.x_to) if ratio != math.inf else plane.x_to


def _words(plane: Plane, rows: Sequence[dict[str, Any]], left: float) -> list[alt.Chart]:
    heads = [{**row, "x": plane.x(-left + 4)} for row in rows if row["kind"] == "head"]
    levels = [{**row, "x": plane.x(-left + 18)} for row in rows if row["kind"] == "level"]
    counts = [{**row, "x": plane.x(-20)} for row in rows if row["kind"] == "level"]
    told = [{**row, "x": plane.x(plane.width + 126)} for row in rows if row["kind"] == "level"]
    names = [
        {"x": plane.x(-20), "at": -0.3, "words": "events / n"},
        {"x": plane.x(plane.width + 126), "at": -0.3, "words": "HR [95 % CI]"},
    ]
    return [
        text(_bare(heads), plane, "x", "at", "words", bold=True),
        text(_bare(levels), plane, "x", "at", "words"),
        text(_bare(counts), plane, "x", "at", "counts", side="right"),
        text(_bare(told), plane, "x", "at", "told", side="right"),
        text(names, plane, "x", "at", "words", side="right", size=SMALL, colour=MUTED),
    ]


def _bare(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("x", "at", "words", "counts", "told")} for row in rows]


def _sides(plane: Plane, better: tuple[str, str]) -> list[alt.Chart]:
    """What lies left and right of 1, under the axis; left out where it would not fit."""
    below = plane.y(plane.height + 30)
    one = plane.pixels_right(0.0)
    rows: tuple[tuple[Side, float, str, float], ...] = (
        ("right", one - 6, f"← {better[0]}", one),
        ("left", one + 6, f"{better[1]} →", plane.width - one),
    )
    return [
        text(
            [{"x": plane.x(at), "y": below, "words": words}],
            plane,
            "x",
            "y",
            "words",
            side=side,
            size=SMALL,
            colour=MUTED,
        )
        for side, at, words, room in rows
        if width_of(words, SMALL) <= room + 60
    ]
