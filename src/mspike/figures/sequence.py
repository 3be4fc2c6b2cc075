"""The way from CAR-T over its failure and the next therapy to the outcome, as flows of patients; and the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt
import polars as pl

from mspike.errors import WrongUsage
from mspike.figures.axes import Plane, of, text
from mspike.figures.labels import LINE_HEIGHT, spread, wrapped
from mspike.figures.palette import ACCENT, ALARM, BANDS, GROUND, INK, MUTED, band
from mspike.figures.saved import PADDING, PRINT_WIDTH, SMALL, Figure, dressed

NODE, NAMES, LETTERS = 12, 116, 17  # pixels: width of a node; room for its name; letters on a line of it
SPACE, LEAST = 10, 2.0  # pixels: between nodes; the lowest node
HEIGHT, MOST = 340, 8  # pixels; nodes of a stage, the smallest others are put together
NOT_KNOWN, OTHERS = "not known", "others"
STAGES = ("product", "failure", "next_therapy", "outcome")
HEADS = {"product": "CAR-T", "failure": "Failure", "next_therapy": "Next therapy", "outcome": "Outcome after failure"}
_FAILURES = {
    "not_infused": "not infused", "primary_refractory": "primary refractory", "early_relapse": "early relapse",
    "late_relapse": "late relapse", "molecular_relapse": "molecular relapse only", 
    "next_therapy": "next therapy, no PD",
    "death_of_myeloma": "death of myeloma, no PD seen",
    "second_malignancy": "second malignancy", "nonrelapse_death": "death, not of relapse", "none": "no failure so far",
    "undetermined": "undetermined",
}  # fmt: skip
_NO_THERAPY = "none recorded"
_DEAD, _AGAIN, _ALIVE = "died", "progressed again", "alive, no further PD"


def ways(cohort: pl.DataFrame) -> pl.DataFrame:
    """The stages of each patient in words: product, failure, next_therapy, outcome. Null: the way ends before it.

    cohort  product, failed, first_failure_type, failure_type, first_salvage_class ("none": nothing recorded; null: not
            known), os_event, from_failure_pfs_event; one row a CAR-T episode

    Who failed goes by the first failure in time, the others by what became of them.
    """
    failed = pl.col("failed").fill_null(False)  # unknown whether it failed: the way is not followed further
    named = {told: band(told).name for told in cohort["first_salvage_class"].drop_nulls().unique().to_list()}
    therapy = (
        pl.when(pl.col("first_salvage_class") == "none")
        .then(pl.lit(_NO_THERAPY))
        .otherwise(pl.col("first_salvage_class").replace(named))
    )
    outcome = (
        pl.when("os_event").then(pl.lit(_DEAD))
        .when("from_failure_pfs_event").then(pl.lit(_AGAIN))
        .when(~pl.col("os_event")).then(pl.lit(_ALIVE))
    )  # fmt: skip
    return cohort.select(
        product=pl.col("product").fill_null(NOT_KNOWN),
        failure=pl.when(failed)
        .then("first_failure_type")
        .otherwise("failure_type")
        .replace(_FAILURES)
        .fill_null(NOT_KNOWN),
        next_therapy=pl.when(failed).then(therapy.fill_null(NOT_KNOWN)),
        outcome=pl.when(failed).then(outcome.fill_null(NOT_KNOWN)),
    )


def sequence_table(cohort: pl.DataFrame, least: int = 0) -> pl.DataFrame:
    """The flows: from_stage, from_name, to_stage, to_name, n, from_n, percent (of those who were in from_name).

    least  names of fewer patients are put together, until none is smaller; flows may still be
    Where the way ends, to_name is null: those patients stay in from_name.
    """
    return _flows(_joined(ways(cohort), least))


def _flows(told: pl.DataFrame) -> pl.DataFrame:
    parts = []
    for one, next_one in pairwise(STAGES):
        came = told.filter(pl.col(one).is_not_null())
        counted = came.group_by(pl.col(one).alias("from_name"), pl.col(next_one).alias("to_name")).agg(n=pl.len())
        counted = counted.with_columns(from_n=pl.col("n").sum().over("from_name"))
        order = {name: place for stage in (one, next_one) for place, name in enumerate(_ordered(told[stage]))}
        place = [
            pl.col(c).replace_strict(order, default=len(order), return_dtype=pl.Int64) for c in ("from_name", "to_name")
        ]
        parts.append(
            counted.sort(*place).select(
                pl.lit(one).alias("from_stage"), "from_name", pl.lit(next_one).alias("to_stage"), "to_name",
                pl.col("n").cast(pl.Int64), pl.col("from_n").cast(pl.Int64),
                percent=100 * pl.col("n") / pl.col("from_n"),
            )
        )  # fmt: skip
    return pl.concat(parts)


def _joined(told: pl.DataFrame, least: int = 0) -> pl.DataFrame:
    """Of more than eight names in a stage the rarest become "others", in figure and table alike."""
    for stage in STAGES:
        told = _without_small(told, stage, least)
        counts = told[stage].drop_nulls().value_counts(sort=True)
        if counts.height > MOST:
            kept = counts.sort("count", stage, descending=[True, False])[stage][: MOST - 1].to_list()
            rare = pl.col(stage).is_not_null() & ~pl.col(stage).is_in(kept)
            told = told.with_columns(pl.when(rare).then(pl.lit(OTHERS)).otherwise(stage).alias(stage))
    return told


def _without_small(told: pl.DataFrame, stage: str, least: int) -> pl.DataFrame:
    """Names of too few patients become "others", with the next larger where all of them together are still too few.

    Where the way ends is a group too: whoever is not in the stage can be counted.
    """
    sizes = sorted(told[stage].value_counts().iter_rows(), key=lambda row: (row[1], row[0] or ""))
    small: list[str | None] = []
    together = 0
    for name, n in sizes:
        if n < least or 0 < together < least:
            small, together = [*small, name], together + n
    if not small:
        return told
    return told.with_columns(
        pl.when(pl.col(stage).is_in(small, nulls_equal=True)).then(pl.lit(OTHERS)).otherwise(stage).alias(stage)
    )


def _ordered(names: pl.Series) -> list[str]:
    """Names of a stage from the top: as medicine orders them, else the most frequent first; not known at the end."""
    counts = dict(names.drop_nulls().value_counts().iter_rows())
    order = [*_FAILURES.values(), *BANDS, _NO_THERAPY, _AGAIN, _DEAD, _ALIVE]
    known = {name: place for place, name in enumerate(order)}
    last = (OTHERS, NOT_KNOWN)
    return sorted(counts, key=lambda n: (n in last, n == NOT_KNOWN, known.get(n, -1), -counts[n], n))


@dataclass
class _Node:
    """A group of patients in a stage: where it stands, in pixels, and how much of it the flows have used."""

    stage: int
    name: str
    n: int
    top: float
    height: float
    out: float = 0.0
    into: float = 0.0


def sequence_chart(cohort: pl.DataFrame, title: str, *, notes: Sequence[str] = ()) -> Figure:
    """Which way did the patients go: which CAR-T, which failure, which therapy next, which outcome? See `ways`.

    Bands of few patients are drawn as they are: not for publication where small counts are kept back.
    """
    told = _joined(ways(cohort))
    if told.is_empty():
        raise WrongUsage("A sequence needs patients; the cohort is empty.")
    nodes = _nodes(told)
    flows = _flows(told)
    gap = (PRINT_WIDTH - 2 * PADDING - NAMES - NODE) / (len(STAGES) - 1)
    width = gap * (len(STAGES) - 1) + NODE
    plane = Plane(width, HEIGHT, 0, width, HEIGHT, 0)
    layers = [_ribbons(plane, nodes, flows, gap, told.height), *_boxes(plane, nodes, gap), *_names(plane, nodes, gap)]
    said = [*notes, "The height of a band is its number of patients; a way ends where there was no failure."]
    said.append("Outcome: the worst known at the end of follow-up, not adjusted for its length.")
    return dressed(plane.sized(layers), title, said)


def _nodes(told: pl.DataFrame) -> dict[tuple[str, str], _Node]:
    """All groups, each stage from the top down, all on one scale."""
    stages = {stage: _ordered(told[stage]) for stage in STAGES}
    most = max(len(names) for names in stages.values())
    scale = (HEIGHT - SPACE * (most - 1)) / told.height
    nodes = {}
    for place, (stage, names) in enumerate(stages.items()):
        top = 0.0
        for name in names:
            n = int((told[stage] == name).sum())
            nodes[(stage, name)] = _Node(place, name, n, top, n * scale)
            top += n * scale + SPACE
    return nodes


def _ribbons(
    plane: Plane, nodes: dict[tuple[str, str], _Node], flows: pl.DataFrame, gap: float, total: int
) -> alt.Chart:
    """A band for each flow, curved, in the colour of where it leads."""
    points = []
    steps = [step / 16 for step in range(17)]
    for flow in flows.filter(pl.col("to_name").is_not_null()).iter_rows(named=True):
        one, other = nodes[(flow["from_stage"], flow["from_name"])], nodes[(flow["to_stage"], flow["to_name"])]
        thick = flow["n"] * one.height / one.n
        start, end = one.top + one.out, other.top + other.into
        one.out, other.into = one.out + thick, other.into + thick
        left, right = one.stage * gap + NODE, other.stage * gap
        which = f"{flow['from_stage']} {flow['from_name']} {flow['to_name']}"
        for step in steps:
            y = start + (end - start) * step * step * (3 - 2 * step)
            points.append(
                {"x": left + (right - left) * step, "y": y, "y_to": y + thick, "flow": which, "fill": _ribbon(other)}
            )
    mark = of(points).mark_area(opacity=0.5)
    return mark.encode(
        x=plane.across("x"), y=plane.up("y"), y2="y_to:Q", detail="flow:N", fill=alt.Fill("fill:N", scale=None)
    )


def _colour(node: _Node) -> str:
    """Fill of a node; unknown is hollow."""
    if node.name == NOT_KNOWN:
        return GROUND
    stage = STAGES[node.stage]
    if stage == "next_therapy":
        return band(node.name).colour if node.name != _NO_THERAPY else "#C9CED3"
    if stage == "outcome":
        return {_AGAIN: ALARM, _DEAD: INK, _ALIVE: ACCENT}.get(node.name, MUTED)
    return MUTED


def _ribbon(node: _Node) -> str:
    """Pale: the bands are many, and words stand on them."""
    if STAGES[node.stage] == "next_therapy" and node.name not in (NOT_KNOWN, _NO_THERAPY):
        return band(node.name).colour
    return {_AGAIN: "#E3A0A5", _DEAD: "#A9AEB4", _ALIVE: "#9CC1E0"}.get(node.name, "#D3D8DC")


def _boxes(plane: Plane, nodes: dict[tuple[str, str], _Node], gap: float) -> list[Any]:
    rows = [
        {"x": node.stage * gap, "to": node.stage * gap + NODE, "y": node.top,
         "y_to": node.top + max(node.height, LEAST), "fill": _colour(node)}
        for node in nodes.values()
    ]  # fmt: skip
    mark = of(rows).mark_rect(stroke=INK, strokeWidth=0.6)
    fill = alt.Fill("fill:N", scale=None)
    return [mark.encode(x=plane.across("x"), x2="to:Q", y=plane.up("y"), y2="y_to:Q", fill=fill)]


def _names(plane: Plane, nodes: dict[tuple[str, str], _Node], gap: float) -> list[Any]:
    """Name and number beside each node, clear of one another; the head of the stage above."""
    rows = []
    for stage in range(len(STAGES)):
        here = [node for node in nodes.values() if node.stage == stage]
        blocks = [wrapped(f"{node.name},\N{NO-BREAK SPACE}{node.n:,}", LETTERS) for node in here]
        heights = [LINE_HEIGHT * len(block) - 1.0 for block in blocks]
        wished = [node.top + node.height / 2 for node in here]
        for block, height, middle in zip(blocks, heights, spread(wished, heights, -4, HEIGHT + 40), strict=True):
            for line, words in enumerate(block):
                y = middle - height / 2 + LINE_HEIGHT * (line + 0.5)
                rows.append({"x": stage * gap + NODE + 4, "y": y, "words": words})
    heads = [{"x": place * gap, "y": -22, "words": HEADS[stage]} for place, stage in enumerate(STAGES)]
    halo = of(rows).mark_text(
        align="left",
        baseline="middle",
        fontSize=SMALL,
        stroke=GROUND,
        strokeWidth=2.5,
        strokeOpacity=0.75,
        strokeJoin="round",
    )
    return [
        halo.encode(x=plane.across("x"), y=plane.up("y"), text="words:N"),
        text(rows, plane, "x", "y", "words", size=SMALL),
        text(heads, plane, "x", "y", "words", colour=MUTED, bold=True),
    ]
