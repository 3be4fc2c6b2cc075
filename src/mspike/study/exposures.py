"""Salvage counted from the day it begins: the hazard of death once it has begun, beside before it and without it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mspike.cohort.disclosure import hidden_cells
from mspike.cohort.exposure import NOT_YET, episodes, salvage
from mspike.cohort.salvage import datable
from mspike.cohort.strata import RELATIONS, SALVAGE_CLASSES
from mspike.cohort.times import Unstable
from mspike.figures.palette import band
from mspike.study.cells import NONE
from mspike.study.contrasts import CONSTANT, KEPT_BACK, NOT_ESTIMABLE, REFERENCE, ratio, told_p
from mspike.study.divided import words_of
from mspike.study.parts import StudyTable
from mspike.study.plan import Plan

STARTED = "first_salvage_day"
ANY = "_any"
KINDS = {
    ANY: "Any therapy",
    "first_salvage_class": "By class of the first therapy",
    "salvage_relation": "By its target",
}
ORDERS = {"first_salvage_class": SALVAGE_CLASSES, "salvage_relation": RELATIONS}
DAYS_A_YEAR = 365.25
MOST_UNDATED = 0.1  # of all therapies; with more, the time without one would be that of a selection
SCHEMA: dict[str, Any] = {
    "exposure_by": pl.String, "exposure": pl.String, "patients": pl.Int64, "patient_years": pl.Float64,
    "deaths": pl.Int64, "hazard_ratio": pl.Float64, "low": pl.Float64, "high": pl.Float64, "p": pl.Float64,
    "proportional_hazards_p": pl.Float64, "told": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Exposed:
    """Hazards by one way to look at salvage: a row an exposure as in SCHEMA, `none yet` first; what was refused."""

    rows: pl.DataFrame
    left_out: int
    refused: tuple[str, ...]
    hidden: frozenset[str]


def therapy_words(name: str | None) -> str:
    """A class of therapy, its target or an exposure, as a table names it."""
    if name is None or name == "none":
        return "not known" if name is None else "none recorded"
    return band(name).name if name in SALVAGE_CLASSES else words_of(name)


def too_many_undated(points: pl.DataFrame, plan: Plan) -> str | None:
    """Why the therapies cannot be counted from the day they began; None where they can.

    Leaving out whoever had a therapy without its day takes from the time without therapy those who lived to get one.
    """
    treated = points.filter((pl.col("first_salvage_class") != "none").fill_null(True)).height
    undated = points.height - datable(points).height
    if undated <= MOST_UNDATED * treated:
        return None
    counts = "Too many" if plan.discreet else f"{undated:,} of {treated:,}"
    return (
        f"Death since the first therapy beside before it: {counts} of the therapies after failure have no day. Whoever "
        "had one lived until then; compared without them, the time before a therapy would look more dangerous than it "
        "was. Record the start of each therapy."
    )


def exposed(points: pl.DataFrame, kind: str, plan: Plan) -> Exposed:
    """How many times higher is the hazard of death once a therapy has begun than before it, or without one?

    points  of overall survival from failure, `datable`
    kind    of KINDS; ANY: whatever it was
    Cox regression with the therapy as a time-dependent exposure. An exposure without a death has no finite hazard
    ratio: its days are left out (the others stay as they would be in the limit), unless plan.penalty.
    """
    column = None if kind == ANY else kind
    rows = episodes(points, "days", "event", STARTED, column, kinds_in_order(points, column))
    told = _counts(rows, kind)
    empty = [] if plan.penalty else told.filter(pl.col("deaths") == 0)["exposure"].to_list()
    words = KINDS[kind]
    refused = [
        f"{words}: no death while on or after {therapy_words(name)}, so that it has no finite hazard "
        "ratio; those of the others stand as they would without."
        for name in empty
        if name != NOT_YET
    ]
    found: dict[str, dict[str, Any]] = {}
    check = None
    try:
        fitted = salvage(_without(points, column, empty), "days", "event", STARTED, column, penalty=plan.penalty)
        found = {row["level"]: row for row in fitted.terms.iter_rows(named=True)}
        check = fitted.ph_check["p"].to_list()[-1]
    except Unstable as why:
        refused = [f"{words}: {_in_words(why)}"]
    hidden = _hidden(told, plan.min_cell)
    frame = _with_ratios(told, found, check)
    left = points.height - rows["_patient"].n_unique()
    if plan.discreet:
        return _discreet(frame, hidden, left, refused, words)
    return Exposed(frame, left, tuple(refused), hidden)


def _in_words(why: Unstable) -> str:
    """The reason without the names of columns."""
    said = re.sub(r"exposure: ([^,]+?) \(vs [^)]*\)", lambda m: therapy_words(m[1]), str(why))
    return said.replace(f" ({STARTED})", "").replace("'exposure'", "the therapy")


def kinds_in_order(points: pl.DataFrame, column: str | None) -> list[str] | None:
    """The exposures that occur, in the order of their stratum; None where all are one."""
    if column is None:
        return None
    there = set(points[column].drop_nulls().unique().to_list())
    return [name for name in ORDERS[column] if name in there and name != "none"]


def _counts(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    counted = rows.group_by("exposure").agg(
        patients=pl.col("_patient").n_unique().cast(pl.Int64),
        patient_years=(pl.col("_stop") - pl.col("_start")).sum() / DAYS_A_YEAR,
        deaths=pl.col("_event").sum().cast(pl.Int64),
    )
    return counted.sort("exposure").with_columns(pl.col("exposure").cast(pl.String), exposure_by=pl.lit(KINDS[kind]))


def _without(points: pl.DataFrame, column: str | None, empty: Sequence[str]) -> pl.DataFrame:
    """Patients whose exposure holds no death leave when it begins: before, they count like everybody."""
    if column is None or not empty:
        return points
    began = pl.col(column).is_in(list(empty)) & pl.col(STARTED).is_not_null()
    inside = began & ((pl.col(STARTED) < pl.col("days")) | (pl.col(STARTED) <= 0))
    kept = points.with_columns(_leaves=inside.fill_null(False))
    kept = kept.filter(~(pl.col("_leaves") & (pl.col(STARTED) <= 0)))
    return kept.with_columns(
        days=pl.when("_leaves").then(STARTED).otherwise("days"),
        event=pl.col("event") & ~pl.col("_leaves"),
        **{STARTED: pl.when(~pl.col("_leaves")).then(STARTED)},
    ).drop("_leaves")


def _with_ratios(told: pl.DataFrame, found: dict[str, dict[str, Any]], check: float | None) -> pl.DataFrame:
    rows = []
    for row in told.iter_rows(named=True):
        own = found.get(row["exposure"])
        if row["exposure"] == NOT_YET:
            rows.append({**row, "told": REFERENCE if found else NONE, "proportional_hazards_p": check})
        elif own is None:
            rows.append({**row, "told": NOT_ESTIMABLE})
        else:
            estimate = {name: own[name] for name in ("hazard_ratio", "low", "high", "p")}
            said = ratio(own["hazard_ratio"], own["low"], own["high"])
            rows.append({**row, **estimate, "proportional_hazards_p": check, "told": said})
    return pl.DataFrame(rows, schema=SCHEMA)


def _hidden(told: pl.DataFrame, min_cell: int) -> frozenset[str]:
    """Exposures whose patients or deaths are too few to tell, or would give another away."""
    if min_cell < 2 or told.is_empty():
        return frozenset()
    counts: list[list[int | None]] = [[deaths, n - deaths] for n, deaths in told.select("patients", "deaths").rows()]
    sizes: list[list[int | None]] = [[n] for n in told["patients"].to_list()]
    rows = {row for row, _ in hidden_cells(counts, min_cell)} | {row for row, _ in hidden_cells(sizes, min_cell)}
    return frozenset(told["exposure"][row] for row in rows)


def _discreet(frame: pl.DataFrame, hidden: frozenset[str], left: int, refused: Sequence[str], words: str) -> Exposed:
    """Of a hidden exposure nothing is told but its name; patients come into several rows, so no bounds either."""
    gone = pl.col("exposure").is_in(sorted(hidden))
    numbers = [name for name, kind in SCHEMA.items() if kind != pl.String and name != "proportional_hazards_p"]
    frame = frame.with_columns(
        *(pl.when(~gone).then(name).alias(name) for name in numbers),
        told=pl.when(gone).then(pl.lit(KEPT_BACK)).otherwise("told"),
    )
    said = (f"{words}: no hazard ratio, or not of every exposure; the reason would tell of small counts.",)
    return Exposed(frame, left, said if refused else (), hidden)


def exposures_table(made: Sequence[Exposed], undated: int, plan: Plan) -> StudyTable:
    """All ways to look at it, one below the other."""
    frame = pl.concat([one.rows for one in made])
    shown = frame.select(
        "exposure_by",
        exposure=pl.Series([therapy_words(name) for name in frame["exposure"]], dtype=pl.String),
        patients=_whole(frame["patients"]),
        patient_years=pl.Series([NONE if y is None else f"{y:.1f}" for y in frame["patient_years"]], dtype=pl.String),
        deaths=_whole(frame["deaths"]),
        hazard_ratio=frame["told"],
        p=pl.Series(told_p(frame["p"]), dtype=pl.String),
    )
    changing = frame.filter(pl.col("proportional_hazards_p") < CONSTANT)["exposure_by"].unique(maintain_order=True)
    few = plan.discreet and 0 < undated < plan.min_cell
    notes = [
        "A patient counts as 'none yet' up to the first day of the therapy and as exposed from then on, whatever "
        "follows; so nobody's time before it counts for it.",
        "An association only: who is fit enough for a therapy gets it, and who dies early gets none.",
        f"{'Few' if few else f'{undated:,}'} left out: a therapy is on record, but not its day." if undated else "",
        f"The hazard ratio changes with time (p < {CONSTANT}), it is an average: {', '.join(changing)}."
        if len(changing)
        else "",
    ]
    return StudyTable(
        "salvage_hazards", "Death after failure: once a therapy has begun, compared with before it or without one",
        frame.drop("told").with_columns(estimate=frame["told"]), shown,
        {"exposure": "Exposure", "patients": "Patients", "patient_years": "Patient-years", "deaths": "Deaths",
         "hazard_ratio": "Hazard ratio [95 % CI]", "p": "p"},
        groups="exposure_by", right=("patients", "patient_years", "deaths", "hazard_ratio", "p"),
        notes=tuple(note for note in notes if note),
    )  # fmt: skip


def _whole(counts: pl.Series) -> pl.Series:
    return pl.Series([KEPT_BACK if n is None else f"{n:,}" for n in counts], dtype=pl.String)
