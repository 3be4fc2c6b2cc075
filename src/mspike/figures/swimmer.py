"""A swimmer plot: a lane a patient, with response, later therapy, progression, death and follow-up; and the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from mspike.errors import WrongUsage
from mspike.figures.axes import Plane, Unit, day_zero, in_unit, of, text, time_axis, time_ticks
from mspike.figures.labels import LETTER, Sign, category_signs, key, marks
from mspike.figures.palette import CATEGORIES, DAGGER, GROUND, INK, LINE, MUTED, band, category, text_on
from mspike.figures.saved import PADDING, PRINT_WIDTH, SIZE, SMALL, Figure, dressed

AT_MOST = 50  # lanes
TALLEST, LOWEST, HIGHEST = 26, 13, 620  # pixels: of a lane, of a lane, of all lanes together
MARKED = 40  # lanes up to which a new category carries its mark
WHAT = ("response", "therapy", "progression", "death", "followed")


def swimmer_table(cohort: pl.DataFrame, assessments: pl.DataFrame, lines: pl.DataFrame | None = None) -> pl.DataFrame:
    """What each lane shows: lane, patient_id, what, name, from_day, to_day; all patients, longest followed first.

    cohort       patient_id, line, os_days, os_event, cr_days, cr_cause and, where `lines` is absent,
                 first_salvage_class, first_salvage_day (from failure)
    assessments  patient_id, line, day (from infusion), response_confirmed
    lines        later lines of therapy: patient_id, start_day, end_day (null: not known), therapy (class or name)

    A response holds from its visit to the next one; behind the last nothing is claimed. what is one of response,
    therapy, progression, death, followed.
    """
    lanes = cohort.filter(pl.col("os_days").is_not_null()).sort("os_days", "patient_id", descending=[True, False])
    lanes = lanes.with_columns(lane=pl.int_range(1, pl.len() + 1))
    parts = [_responses(lanes, assessments), _therapies(lanes, lines), *_ends(lanes)]
    order = pl.col("what").cast(pl.Enum(WHAT))
    return pl.concat(parts).sort("lane", order, "from_day", maintain_order=True)


def _responses(lanes: pl.DataFrame, assessments: pl.DataFrame) -> pl.DataFrame:
    visits = lanes.select("lane", "patient_id", "line").join(assessments, on=["patient_id", "line"]).sort("lane", "day")
    until = pl.col("day").shift(-1).over("lane")
    visits = visits.filter(pl.col("day").is_not_null()).with_columns(until=pl.coalesce(until, "day"))
    # Visits in a row with one category are one piece.
    begins = pl.col("response_confirmed").ne_missing(pl.col("response_confirmed").shift()).over("lane").cum_sum()
    pieces = visits.with_columns(piece=begins.over("lane")).group_by("lane", "piece", maintain_order=True)
    told = pieces.agg(pl.col("patient_id", "response_confirmed", "day").first(), pl.col("until").last())
    return _spans(told, "response", pl.col("response_confirmed").fill_null("NE"), pl.col("day"), pl.col("until"))


def _therapies(lanes: pl.DataFrame, lines: pl.DataFrame | None) -> pl.DataFrame:
    """Later lines, each until its end, else until the next begins, else until the end of follow-up."""
    if lines is None:
        first = lanes.filter(pl.col("first_salvage_day").is_not_null() & pl.col("cr_days").is_not_null())
        start = pl.col("cr_days") + pl.col("first_salvage_day")
        known = first.with_columns(start_day=start, end_day=pl.lit(None, pl.Float64), therapy="first_salvage_class")
    else:
        known = lanes.select("lane", "patient_id", "os_days").join(lines, on="patient_id")
    known = known.filter(pl.col("start_day").is_not_null()).sort("lane", "start_day")
    next_one = pl.col("start_day").shift(-1).over("lane")
    until = pl.min_horizontal(pl.coalesce("end_day", next_one, "os_days"), "os_days")
    return _spans(known, "therapy", pl.col("therapy").fill_null("not known"), pl.col("start_day"), until)


def _ends(lanes: pl.DataFrame) -> list[pl.DataFrame]:
    progressed, dead = lanes.filter(pl.col("cr_cause") == "progression"), lanes.filter("os_event")
    alive = lanes.filter(~pl.col("os_event"))  # of whom it is not known is drawn neither alive nor dead
    day, end = pl.col("cr_days"), pl.col("os_days")
    return [
        _spans(progressed, "progression", pl.lit("PD"), day, day),
        _spans(dead, "death", pl.lit("died"), end, end),
        _spans(alive, "followed", pl.lit("alive at last contact"), end, end),
    ]


def _spans(frame: pl.DataFrame, what: str, name: pl.Expr, start: pl.Expr, end: pl.Expr) -> pl.DataFrame:
    return frame.select(
        pl.col("lane").cast(pl.Int64), "patient_id", pl.lit(what).alias("what"), name.cast(pl.String).alias("name"),
        start.cast(pl.Float64).alias("from_day"), end.cast(pl.Float64).alias("to_day"),
    )  # fmt: skip


def swimmer_chart(
    cohort: pl.DataFrame,
    assessments: pl.DataFrame,
    title: str,
    *,
    lines: pl.DataFrame | None = None,
    unit: Unit = "months",
    at_most: int = AT_MOST,
    notes: Sequence[str] = (),
) -> Figure:
    """What happened to each patient, in order of follow-up? Inputs as for `swimmer_table`.

    at_most  lanes drawn; of more patients every so many, evenly by length of follow-up
    """
    table = swimmer_table(cohort, assessments, lines)
    if table.is_empty():
        raise WrongUsage("A swimmer plot needs patients whose follow-up is known (os_days); none was given.")
    lanes, n = _shown(table, at_most)
    plane = _plane(lanes, table, unit)
    rows = [
        {**row, "y": lanes[row["lane"]], "x": in_unit(row["from_day"], unit), "to": in_unit(row["to_day"], unit)}
        for row in table.iter_rows(named=True)
        if row["lane"] in lanes
    ]
    layers = [
        *_followed(plane, rows, unit),
        *_bands(plane, rows),
        *_pieces(plane, rows, len(lanes)),
        *_finals(plane, rows),
    ]
    layers += [*day_zero(plane, "infusion"), *_patients(plane, rows, len(lanes)), *key(plane, _signs(rows), 36)]
    said = [*notes, "Upper half of a lane: confirmed response, from visit to visit; lower half: later therapy."]
    if len(lanes) < n:
        said.append(f"{len(lanes):,} of {n:,} patients are drawn, evenly by length of follow-up; all are in the table.")
    return dressed(plane.sized(layers), title, said)


def _shown(table: pl.DataFrame, at_most: int) -> tuple[dict[int, int], int]:
    """Which lanes are drawn and where, from the top; first and last are among them. And how many there are."""
    numbers = table["lane"].unique().sort().to_list()
    n = len(numbers)
    if n > at_most:
        numbers = [numbers[round(place * (n - 1) / max(1, at_most - 1))] for place in range(at_most)]
    return {number: place for place, number in enumerate(numbers)}, n


def _plane(lanes: dict[int, int], table: pl.DataFrame, unit: Unit) -> Plane:
    names = table.filter(pl.col("lane").is_in(list(lanes)))
    longest = names["patient_id"].str.len_chars().max()
    left = max(50.0, int(str(longest)) * LETTER * SMALL / SIZE + 14)
    ticks = time_ticks(max(1.0, float(names["to_day"].max())), unit)  # type: ignore[arg-type]
    tall = min(TALLEST, max(LOWEST, HIGHEST / len(lanes)))
    width = PRINT_WIDTH - 2 * PADDING - left - 16
    return Plane(width, tall * len(lanes), 0, ticks[-1], len(lanes) - 0.5, -0.5, time_axis(unit, "infusion", ticks))


def _rects(plane: Plane, rows: Sequence[dict[str, Any]], top: float, bottom: float, edge: str | None) -> alt.Chart:
    """Pieces of lanes; top and bottom in parts of a lane from its middle."""
    boxes = of({**row, "y": row["y"] + top, "y_to": row["y"] + bottom} for row in rows)
    mark = boxes.mark_rect(stroke=edge, strokeWidth=0.4) if edge else boxes.mark_rect()
    fill = alt.Fill("fill:N", scale=None)
    return mark.encode(x=plane.across("x"), x2="to:Q", y=plane.up("y"), y2="y_to:Q", fill=fill)


def _followed(plane: Plane, rows: Sequence[dict[str, Any]], unit: Unit) -> list[Any]:
    """A hair from day 0 to the end of follow-up."""
    ends = [{"x": 0, "to": row["to"], "y": row["y"]} for row in rows if row["what"] in ("death", "followed")]
    hair = of(ends).mark_rule(color=MUTED, strokeWidth=1)
    return [hair.encode(x=plane.across("x"), x2="to:Q", y=plane.up("y"))]


def _bands(plane: Plane, rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Later therapy as pale bands, named where the name fits."""
    spans = [{**row, "fill": band(row["name"]).colour} for row in rows if row["what"] == "therapy"]
    named = []
    tall = plane.height / (plane.y_from - plane.y_to)
    size = min(SMALL, max(8, round(tall * 0.46)))
    for row in spans:
        words = _therapy(row["name"])
        room = (row["to"] - row["x"]) / (plane.x_to - plane.x_from) * plane.width
        if len(words) * LETTER * size / SIZE + 6 <= room:
            named.append({"x": row["x"], "y": row["y"] + 0.2, "words": words})
    return [
        _rects(plane, spans, -0.06, 0.46, MUTED),
        text(named, plane, "x", "y", "words", size=size, dx=3),
    ]


def _therapy(name: str) -> str:
    found = band(name).name
    return name if found == "other therapy" and name not in ("other",) else found


def _pieces(plane: Plane, rows: Sequence[dict[str, Any]], lanes: int) -> list[Any]:
    pieces = []
    for row in rows:
        if row["what"] == "response":
            found = category(row["name"])
            edge = MUTED if found.name == "NE" else text_on(found.colour)
            pieces.append({**row, "fill": found.fill, "shape": found.shape, "stroke": edge, "up": row["y"] - 0.27})
    judged = [row for row in pieces if row["to"] > row["x"]]
    hollow = [row for row in judged if row["fill"] == GROUND]
    layers: list[Any] = [
        _rects(plane, [row for row in judged if row["fill"] != GROUND], -0.46, -0.08, None),
        _rects(plane, hollow, -0.46, -0.08, LINE),
    ]
    if lanes <= MARKED:
        layers.append(marks([row for row in pieces if row["name"] != "PD"], plane, "x", "up", size=38))
    return layers


def _finals(plane: Plane, rows: Sequence[dict[str, Any]]) -> list[Any]:
    signs = {sign.words: sign for sign in _END_SIGNS}
    names = {"progression": "PD", "death": "died", "followed": "alive at last contact"}
    ends = []
    for row in rows:
        if row["what"] in names:
            sign = signs[names[row["what"]]]
            up = row["y"] - (0.27 if row["what"] == "progression" else 0)
            ends.append({"x": row["x"], "y": up, "shape": sign.shape, "fill": sign.fill, "stroke": sign.stroke})
    return [marks(ends, plane, "x", "y", size=60)]


_PD = category("PD")
_END_SIGNS = (
    Sign("PD", _PD.shape, _PD.colour, GROUND),
    Sign("died", DAGGER, INK, GROUND),
    Sign("alive at last contact", "triangle-right", INK, GROUND),
)


def _signs(rows: Sequence[dict[str, Any]]) -> list[Sign]:
    """The categories and the ends that are drawn."""
    used = {category(row["name"]).name for row in rows if row["what"] == "response"} - {"PD"}
    told = {row["name"] for row in rows if row["what"] in ("progression", "death", "followed")}
    order = [found.name for found in CATEGORIES if found.name in used]
    return [*category_signs(order), *(sign for sign in _END_SIGNS if sign.words in told)]


def _patients(plane: Plane, rows: Sequence[dict[str, Any]], lanes: int) -> list[Any]:
    whose = {row["y"]: row["patient_id"] for row in rows}
    names = [{"x": plane.x(-8), "y": y, "words": name} for y, name in whose.items()]
    size = SMALL if plane.height / lanes >= LOWEST + 1 else 10
    return [text(names, plane, "x", "y", "words", side="right", size=size, colour=MUTED)]
