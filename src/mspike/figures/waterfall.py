"""A waterfall: how deep the measured marker fell in each patient, deepest last, with the response; and the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from mspike.errors import WrongUsage
from mspike.figures.axes import Plane, of, percent_axis, text
from mspike.figures.labels import category_signs, key, marks, width_of
from mspike.figures.palette import INK, MUTED, category
from mspike.figures.saved import PADDING, PRINT_WIDTH, SMALL, Figure, dressed

HEIGHT, GAP = 260, 40  # pixels; between panels
MARKED, WIDEST = 5.5, 34  # pixels: bars of this width carry their mark; no bar is wider
AT_MOST = 400  # bars; more would be thinner than a hair
HIGHEST = 100.0  # percent; a rise beyond it is cut and marked
THRESHOLDS = ((-50.0, "PR −50 %"), (-90.0, "VGPR −90 %"))  # serum M-protein; dFLC: PR −50 % (clinical/rules.md 1)


def best_depths(values: pl.DataFrame, best: pl.DataFrame) -> pl.DataFrame:
    """How far did the marker of each patient fall from its baseline, at best?

    values  patient_id, day (from infusion), marker, value, baseline (in the unit of value); before the next therapy
    best    patient_id, best_response
    Gives patient_id, marker, change_percent (null: no baseline, or nothing measured after day 0), best_response.
    """
    after = pl.col("value").filter(pl.col("day") > 0).min()
    lowest = values.group_by("patient_id", "marker", maintain_order=True).agg(
        lowest=after, baseline=pl.col("baseline").first()
    )
    fall = 100 * (pl.col("lowest") - pl.col("baseline")) / pl.col("baseline")
    change = pl.when(pl.col("baseline") > 0).then(fall)
    responses = best.select("patient_id", "best_response").unique("patient_id", keep="first", maintain_order=True)
    return lowest.join(responses, on="patient_id", how="left", maintain_order="left").select(
        "patient_id", "marker", "best_response", change_percent=change
    )


def waterfall_chart(depths: pl.DataFrame, title: str, *, at_most: int = AT_MOST, notes: Sequence[str] = ()) -> Figure:
    """How deep did it fall in each patient?

    depths   as `best_depths` gives them; a panel a marker
    at_most  bars drawn; of more patients every so many, evenly by depth, and the note says how many of how many
    """
    table = waterfall_table(depths)
    if table.is_empty():
        raise WrongUsage("A waterfall needs a patient with a baseline and a later value; none was given.")
    kept = _evenly(table, at_most)
    signs = category_signs([category(name).name for name in kept["best_response"].unique()])
    panels = _side_by_side(kept, table)
    plane = _plane(kept, panels[-1].end)
    layers: list[Any] = [part for panel in panels for part in _bars(plane, panel)]
    layers += [*_names(plane, panels), *_thresholds(plane), *key(plane, signs, 30)]
    said = [*notes, _left_out(depths, table, kept)]
    if (kept["change_percent"] > HIGHEST).any():
        said.append(f"Bars that end in an arrow: a rise of more than {HIGHEST:.0f} %.")
    return dressed(plane.sized(layers), title, said)


def waterfall_table(depths: pl.DataFrame) -> pl.DataFrame:
    """The bars from left to right, all of them: marker, rank, patient_id, change_percent, best_response."""
    known = depths.filter(pl.col("change_percent").is_not_null())
    ordered = known.sort("marker", "change_percent", "patient_id", descending=[False, True, False])
    rank = pl.int_range(1, pl.len() + 1).over("marker")
    return ordered.select("marker", rank.alias("rank"), "patient_id", "change_percent", "best_response")


def _evenly(table: pl.DataFrame, at_most: int) -> pl.DataFrame:
    """Every so many of the ranks of each marker, first and last among them."""
    if table.height <= at_most:
        return table.with_columns(place=pl.col("rank") - 1)
    parts = []
    for _, part in table.group_by("marker", maintain_order=True):
        count = max(2, round(at_most * part.height / table.height))
        kept = sorted({round(i * (part.height - 1) / (count - 1)) for i in range(count)})
        parts.append(part[kept].with_columns(place=pl.int_range(len(kept))))
    return pl.concat(parts)


@dataclass(frozen=True)
class Panel:
    """The bars of one marker under their name: where they start, in pixels from the left, and how wide each is."""

    name: str
    bars: pl.DataFrame
    start: float
    step: float

    @property
    def end(self) -> float:
        return self.start + max(self.step * self.bars.height, width_of(self.name, SMALL))


def _side_by_side(kept: pl.DataFrame, table: pl.DataFrame) -> list[Panel]:
    """A panel a marker, the largest first; every bar has the same width, every name its room."""
    parts = kept.partition_by("marker", maintain_order=True)
    parts.sort(key=lambda part: -part.height)
    totals = dict(table.group_by("marker").len().iter_rows())
    names = [f"{part['marker'][0]}, n = {totals[part['marker'][0]]:,}" for part in parts]
    step = _step([part.height for part in parts], [width_of(name, SMALL) for name in names])
    panels: list[Panel] = []
    for part, name in zip(parts, names, strict=True):
        panels.append(Panel(name, part, panels[-1].end + GAP if panels else 0.0, step))
    return panels


def _step(counts: Sequence[int], widths: Sequence[float]) -> float:
    """How wide a bar may be, in pixels, so that all panels fit; a panel is never narrower than its name."""
    room = PRINT_WIDTH - 2 * PADDING - 62 - 76 - GAP * (len(counts) - 1)
    step = min(WIDEST, room / sum(counts))
    for _ in counts:  # each round may find one more panel that its name holds open
        held = [width for count, width in zip(counts, widths, strict=True) if step * count < width]
        free = sum(count for count, width in zip(counts, widths, strict=True) if step * count >= width)
        step = min(step, (room - sum(held)) / free) if free else step
    return step


def _plane(kept: pl.DataFrame, width: float) -> Plane:
    """Pixels across; upward the change, from -100 % to the highest rise, or to where it is cut."""
    highest = float(kept["change_percent"].max())  # type: ignore[arg-type]
    top = min(HIGHEST, max(25.0, 25.0 * math.ceil(highest / 25)))
    axis = percent_axis("Best change from baseline, %", [value for value in range(-100, 101, 25) if value <= top])
    return Plane(width, HEIGHT, 0, width, -100, top, None, axis)


def _bars(plane: Plane, panel: Panel) -> list[Any]:
    rows = []
    for row in panel.bars.iter_rows(named=True):
        found, at = category(row["best_response"]), panel.start + panel.step * row["place"]
        value = min(row["change_percent"], plane.y_to)
        rows.append(
            {"from": at + panel.step * 0.08, "to": at + panel.step * 0.92, "middle": at + panel.step / 2, "zero": 0,
             "value": value, "fill": found.fill, "shape": found.shape, "stroke": MUTED if found.name == "NE" else INK,
             "edge": MUTED if found.name == "NE" else found.colour, "strip": plane.y(HEIGHT + 10),
             "cut": row["change_percent"] > plane.y_to}
        )  # fmt: skip
    bars = of(rows).mark_bar(strokeWidth=0.4).encode(
        x=plane.across("from"), x2="to:Q", y=plane.up("zero"), y2="value:Q", fill=alt.Fill("fill:N", scale=None),
        stroke=alt.Stroke("edge:N", scale=None),
    )  # fmt: skip
    arrows = of(row for row in rows if row["cut"]).mark_point(shape="triangle-up", filled=True, color=INK, opacity=1)
    layers: list[Any] = [bars, arrows.encode(x=plane.across("middle"), y=plane.up("value"))]
    if panel.step >= MARKED:
        layers.append(marks(rows, plane, "middle", "strip", size=min(60, panel.step**2)))
    return layers


def _names(plane: Plane, panels: Sequence[Panel]) -> list[Any]:
    """Which marker, of how many patients, above each panel; a line at the baseline."""
    rows = [{"x": panel.start, "y": plane.y(-8), "words": panel.name} for panel in panels]
    zero = of({"from": panel.start, "to": panel.end, "y": 0} for panel in panels).mark_rule(color=INK)
    return [
        zero.encode(x=plane.across("from"), x2="to:Q", y=plane.up("y")),
        text(rows, plane, "x", "y", "words", size=SMALL, bold=True),
    ]


def _thresholds(plane: Plane) -> list[Any]:
    """The falls that the criteria ask for, named at the right end."""
    rows = [{"at": at, "from": 0, "to": plane.width, "x": plane.width + 6, "words": says} for at, says in THRESHOLDS]
    rule = of(rows).mark_rule(color=INK, strokeDash=[3, 3])
    return [
        rule.encode(x=plane.across("from"), x2="to:Q", y=plane.up("at")),
        text(rows, plane, "x", "at", "words", size=SMALL),
    ]


def _left_out(depths: pl.DataFrame, table: pl.DataFrame, kept: pl.DataFrame) -> str:
    without = depths.height - table.height
    said = (
        "One bar a patient and marker, the deepest last; colour, and mark where there is room: best confirmed response."
    )
    if kept.height < table.height:
        said += f" {kept.height:,} of {table.height:,} are drawn, evenly by depth; all are in the table."
    if without:
        said += f" {without:,} without a baseline or a later value: not shown."
    return said
