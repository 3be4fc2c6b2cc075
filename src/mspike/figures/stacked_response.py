"""Response over time: the share of all patients in each category at fixed times from infusion; and the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from mspike.errors import WrongUsage
from mspike.figures.axes import Plane, Unit, in_days, of, percent_axis, text
from mspike.figures.labels import spread
from mspike.figures.palette import CATEGORIES, GROUND, INK, MUTED, category, text_on
from mspike.figures.saved import PADDING, PRINT_WIDTH, SMALL, Figure, dressed

HEIGHT = 320
MOST = 8  # bars; in more, the names would not fit
LEAST = 4.5  # percent; thinner pieces carry no figure
AT: dict[Unit, tuple[int, ...]] = {"months": (1, 3, 6, 9, 12, 18, 24), "days": (28, 90, 180, 270, 365, 540, 730)}
DEAD, OUT, NOT_JUDGED = "died without PD", "not followed so far", "NE"
PROGRESSED = "PD"
_DEAD_FILL = "#4A4F55"
STATES = (*(c.name for c in CATEGORIES if c.name not in ("PD", "NE")), NOT_JUDGED, PROGRESSED, DEAD, OUT)
_WORDS = {PROGRESSED: "PD, also before", NOT_JUDGED: "NE, or no visit yet"}


def response_over_time_table(
    cohort: pl.DataFrame, assessments: pl.DataFrame, *, unit: Unit = "months", at: Sequence[int] | None = None
) -> pl.DataFrame:
    """How many of all patients are in each state at each time: months (or days), state, n, total, percent.

    cohort       patient_id, line, cr_days, cr_cause
    assessments  patient_id, line, day (from infusion), response_confirmed
    at           times in the unit; a patient is counted once in each

    1. Progressed, or dead without progression, by then: stays so.
    2. Followed to an earlier day only, without either: not followed so far. Never counted as a response.
    3. Else the category of the last visit by then; NE where that was not evaluable, or none was made yet.
    """
    patients = cohort.filter(pl.col("cr_days").is_not_null()).select("patient_id", "line", "cr_days", "cr_cause")
    visits = assessments.filter(pl.col("day").is_not_null()).select("patient_id", "line", "day", "response_confirmed")
    parts = [
        _at(patients, visits, time, in_days(time, unit)).select(pl.lit(time).alias(unit), pl.all())
        for time in _times(unit, at)
    ]
    return pl.concat(parts)


def _times(unit: Unit, at: Sequence[int] | None) -> Sequence[int]:
    return AT[unit] if at is None else at


def _at(patients: pl.DataFrame, visits: pl.DataFrame, time: int, day: float) -> pl.DataFrame:
    last = visits.filter(pl.col("day") <= day).sort("day", maintain_order=True)
    last = last.group_by("patient_id", "line").agg(pl.col("response_confirmed").last())
    ended = pl.col("cr_days") <= day
    state = (
        pl.when(ended & (pl.col("cr_cause") == "progression"))
        .then(pl.lit(PROGRESSED))
        .when(ended & (pl.col("cr_cause") == "non_relapse_death"))
        .then(pl.lit(DEAD))
        .when(pl.col("cr_days") < day)
        .then(pl.lit(OUT))
        .otherwise(pl.col("response_confirmed").fill_null(NOT_JUDGED))
    )
    counts = dict(
        patients.join(last, on=["patient_id", "line"], how="left").group_by(state.alias("state")).len().iter_rows()
    )
    n = [counts.get(name, 0) for name in STATES]
    total = patients.height
    percent = [100 * count / total if total else None for count in n]
    return pl.DataFrame({"state": STATES, "n": n, "total": [total] * len(n), "percent": percent})


def response_over_time_chart(
    cohort: pl.DataFrame,
    assessments: pl.DataFrame,
    title: str,
    *,
    unit: Unit = "months",
    at: Sequence[int] | None = None,
    notes: Sequence[str] = (),
) -> Figure:
    """What is the response of all patients at each time? Inputs as for `response_over_time_table`."""
    table = response_over_time_table(cohort, assessments, unit=unit, at=at)
    if table.is_empty() or not table["total"][0]:
        raise WrongUsage("Response over time needs patients with a known end of follow-up (cr_days); none was given.")
    times = _times(unit, at)
    if len(times) > MOST:
        raise WrongUsage(f"Response over time shows at most {MOST} times; found {len(times)}. Ask for fewer.")
    plane = _plane(times, unit)
    pieces = _pieces(table, times, unit)
    layers = [
        _boxes(plane, pieces),
        *_figures(plane, pieces),
        *_named(plane, pieces, len(times)),
        *_counts(plane, table, times, unit),
    ]
    total = table["total"][0]
    said = [
        *notes,
        f"All {total:,} patients in every bar. White: not followed so long, so that the response is not known. State "
        "known: without those not followed, not evaluable (NE) or not seen yet.",
    ]
    return dressed(plane.sized(layers), title, said)


def _plane(times: Sequence[int], unit: Unit) -> Plane:
    """Bars stand side by side at even distance: the times are chosen, not a scale."""
    names = ", ".join(str(time) for time in times)
    lookup = f"[{names}][datum.value]"
    x = alt.Axis(
        values=list(range(len(times))), labelExpr=lookup, grid=False, ticks=False, titlePadding=6,
        title=f"{unit.capitalize()} from infusion (day 0)",
    )  # fmt: skip
    width = PRINT_WIDTH - 2 * PADDING - 66 - 150
    return Plane(width, HEIGHT, -0.5, len(times) - 0.5, 0, 100, x, percent_axis("Patients, %"))


def _look(state: str) -> tuple[str, str]:
    """Fill and edge of a state."""
    if state in (OUT, NOT_JUDGED):
        return (GROUND, MUTED) if state == OUT else ("#E6E8EB", MUTED)
    return (_DEAD_FILL, GROUND) if state == DEAD else (category(state).colour, GROUND)


def _pieces(table: pl.DataFrame, times: Sequence[int], unit: Unit) -> list[dict[str, Any]]:
    """The pieces of the bars from the bottom: the deepest response stands on the axis."""
    pieces = []
    for place, time in enumerate(times):
        foot = 0.0
        for row in table.filter(pl.col(unit) == time).iter_rows(named=True):
            if not row["n"]:
                continue
            fill, edge = _look(row["state"])
            pieces.append(
                {"place": place, "from": place - 0.4, "to": place + 0.4, "low": foot, "high": foot + row["percent"],
                 "middle": foot + row["percent"] / 2, "state": row["state"], "percent": row["percent"], "fill": fill,
                 "edge": edge, "ink": text_on(fill), "says": f"{row['percent']:.0f}"}
            )  # fmt: skip
            foot += row["percent"]
    return pieces


def _boxes(plane: Plane, pieces: Sequence[dict[str, Any]]) -> alt.Chart:
    fill, edge = alt.Fill("fill:N", scale=None), alt.Stroke("edge:N", scale=None)
    boxes = of(pieces).mark_rect(strokeWidth=0.7)
    return boxes.encode(x=plane.across("from"), x2="to:Q", y=plane.up("low"), y2="high:Q", fill=fill, stroke=edge)


def _figures(plane: Plane, pieces: Sequence[dict[str, Any]]) -> list[Any]:
    """Percent in every piece that is tall enough, with its category: the colour is not alone."""
    layers = []
    for ink in (INK, GROUND):
        rows = [
            {**piece, "says": f"{_short(piece['state'])} {piece['says']}"}
            for piece in pieces
            if piece["ink"] == ink and piece["percent"] >= LEAST
        ]
        layers.append(text(rows, plane, "place", "middle", "says", side="center", size=10, colour=ink))
    return layers


def _short(state: str) -> str:
    return {DEAD: "died", OUT: "–"}.get(state, state)


def _named(plane: Plane, pieces: Sequence[dict[str, Any]], bars: int) -> list[Any]:
    """Every state is named once, beside the last bar; a hair leads from its piece, or from where it would lie."""
    used = {piece["state"] for piece in pieces}
    last = {piece["state"]: piece["middle"] for piece in pieces if piece["place"] == bars - 1}
    states = [state for state in STATES if state in used]
    wished, level = [], 0.0
    for state in states:
        level = max(level, last.get(state, level))
        wished.append(plane.pixels_down(level))
    # Counted from the bottom, as the bars are: equal wishes keep the order of the pieces.
    middles = spread([plane.height - down for down in wished], [17.0] * len(states), 0, plane.height)
    rows, hairs = [], []
    for state, up in zip(states, middles, strict=True):
        fill, _ = _look(state)
        y, start = plane.y(plane.height - up), plane.width
        rows.append({"from": plane.x(start + 12), "to": plane.x(start + 24), "low": plane.y(plane.height - up + 6),
                     "high": plane.y(plane.height - up - 6), "fill": fill,
                     "edge": MUTED, "x": plane.x(start + 30), "y": y,
                     "words": _WORDS.get(state, state)})  # fmt: skip
        if state in last:
            hairs.append({"x": bars - 1 + 0.4, "to": plane.x(start + 10), "y": last[state], "y_to": y})
    hair = of(hairs).mark_rule(color=MUTED, strokeWidth=0.5)
    return [
        hair.encode(x=plane.across("x"), x2="to:Q", y=plane.up("y"), y2="y_to:Q"),
        _boxes(plane, rows),
        text(rows, plane, "x", "y", "words", size=SMALL),
    ]


def _counts(plane: Plane, table: pl.DataFrame, times: Sequence[int], unit: Unit) -> list[Any]:
    """Of how many the state is known at each time: judged, or progressed or died by then; under the axis."""
    down = plane.y(plane.height + 56)
    known = (
        table.filter(~pl.col("state").is_in([OUT, NOT_JUDGED]))
        .group_by(unit, maintain_order=True)
        .agg(pl.col("n").sum())
    )
    counts = dict(known.iter_rows())
    rows = [{"x": place, "y": down, "words": f"{counts[time]:,}"} for place, time in enumerate(times)]
    head = [{"x": plane.x(-12), "y": down, "words": "State known, n"}]
    return [
        text(rows, plane, "x", "y", "words", side="center", size=SMALL),
        text(head, plane, "x", "y", "words", side="right", size=SMALL, colour=MUTED),
    ]
