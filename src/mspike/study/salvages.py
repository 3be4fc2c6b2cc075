"""What came after failure: which therapy first, when it began, and how patients lived before and since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from mspike.cohort.outcomes import time_points
from mspike.cohort.salvage import datable
from mspike.cohort.strata import SALVAGE_CLASSES, STRATA
from mspike.figures.sequence import sequence_chart
from mspike.study.contrasts import FEW
from mspike.study.counted import counts_column, median_iqr, plain, quartiles
from mspike.study.exposures import (
    ANY,
    KINDS,
    STARTED,
    Exposed,
    exposed,
    exposures_table,
    therapy_words,
    too_many_undated,
)
from mspike.study.gathered import Gathered
from mspike.study.kept_back import count, count_words, hidden_among
from mspike.study.medians import KEPT_BACK
from mspike.study.moving_curves import moving_curves, moving_figure
from mspike.study.partitions import partition_tables
from mspike.study.parts import Part, Section, StudyFigure, StudyTable
from mspike.study.plan import Plan
from mspike.study.sequences import sequence_twin

TITLE = "What came after failure"
WORDS = {name: therapy_words(name) for name in (None, *SALVAGE_CLASSES)}
NO_SINGLE = "The diagram of the way from CAR-T to outcome is not drawn: its bands would show small counts (--min-cell)."
NO_CURVES = (
    "Curves before and since the first therapy are not drawn: patients move between them one by one (--min-cell)."
)


def salvages(gathered: Gathered, plan: Plan) -> Section:
    """Which therapy came first after failure, and does the hazard of death differ once it has begun?

    First infusions, from failure, whatever plan.origin is. Ever is never compared with never: who got a therapy had
    lived until then (immortal time). The therapy counts from the day it begins.
    """
    first = gathered.cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    failed = first.filter("failed")
    if failed.is_empty():
        return Section("salvages", TITLE, ("Of nobody a failure after an infusion is on record.",), ())
    parts: list[Part] = [*_what(failed, plan), _when(failed, plan)]
    parts += [sequence_twin(first, plan) if plan.discreet else _sequence(first, plan)]
    points = time_points(gathered.cohort, "failure", "os")
    used = datable(points)
    undated = too_many_undated(points, plan)
    made = [exposed(used, kind, plan) for kind in KINDS] if used.height and not undated else []
    parts += [exposures_table(made, points.height - used.height, plan)] if made else []
    figures, why = ([], [undated]) if undated else _curves(used, plan)
    refused = [*(said for one in made for said in one.refused), *why, *((NO_SINGLE,) if plan.discreet else ())]
    says = (_says_what(failed, plan), _says_when(failed, plan), _says_hazard(made))
    methods, references = _methods(made, figures)
    return Section(
        "salvages", TITLE, tuple(said for said in says if said), (*parts, *figures), tuple(refused), methods, references
    )


_CLASSIFIED = (
    "The first therapy after failure was classified by the highest-ranking class that the regimen held, and by whether "
    "it aimed at the target of the infused product."
)


def _methods(made: Sequence[Exposed], figures: Sequence[StudyFigure]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was really done, and its sources: a regression only where one gave an estimate, curves where they stand."""
    said, keys = [_CLASSIFIED], list[str]()
    estimates = any(one.rows["hazard_ratio"].is_not_null().any() for one in made)
    if estimates:
        said.append(
            "Its relation to survival from failure was estimated by Cox regression with the therapy as a time-dependent"
            " exposure counted from its first day; proportional hazards were tested by the score test."
        )
        keys += ["cox-1972", "grambsch-therneau-1994"]
    if figures:
        said.append("Survival before and since the first therapy was shown as Simon-Makuch curves.")
        keys.append("simon-makuch-1984")
    if estimates or figures:
        said.append("Patients were never grouped by a therapy that they were still to receive.")
    return tuple(said), tuple(keys)


def _what(failed: pl.DataFrame, plan: Plan) -> list[StudyTable]:
    classes = partition_tables(
        failed, STRATA["salvage"], plan, name="salvage_classes", title="First therapy after failure",
        everybody="All who failed", words=WORDS,
        notes=[f"A regimen goes by the first of: {', '.join(WORDS[name] for name in SALVAGE_CLASSES[:-1])}.",
               "None recorded: no later line in the data, which may also mean that it was not reported. Not known: a "
               "later line whose agents cannot be read."],
    )  # fmt: skip
    targets = partition_tables(
        failed, STRATA["salvage_target"], plan, name="salvage_targets", 
        title="Target of the first therapy after failure",
        everybody="All who failed", words=WORDS,
        notes=["Same target: a CAR T product, bispecific antibody or antibody-drug conjugate against the target of the "
               "infused product. No target: none of these."],
    )  # fmt: skip
    return [*classes, *targets]


def _started(failed: pl.DataFrame) -> pl.DataFrame:
    return failed.filter((pl.col("first_salvage_class") != "none").fill_null(True) | pl.col(STARTED).is_not_null())


def _when(failed: pl.DataFrame, plan: Plan) -> StudyTable:
    """Days from failure to the first dose, by class: of those whose day is known."""
    told = _started(failed)
    groups = [("Any therapy", told)]
    groups += [
        (therapy_words(name), part)
        for name in (*SALVAGE_CLASSES[:-1], None)
        if (part := told.filter(pl.col("first_salvage_class").eq_missing(pl.lit(name, pl.String)))).height
    ]
    rows: list[dict[str, Any]] = []
    n, dated = [part.height for _, part in groups], [part[STARTED].drop_nulls().len() for _, part in groups]
    hidden = {place + 1 for place in hidden_among([*n[1:], failed.height - n[0]], plan.min_cell)}
    for known in (dated[1:], [a - b for a, b in zip(n[1:], dated[1:], strict=True)]):
        hidden |= {place + 1 for place in hidden_among(known, plan.min_cell)}
    if plan.discreet and any(0 < m < plan.min_cell for m in (n[0], dated[0], n[0] - dated[0])):
        hidden |= set(range(len(groups)))
    for place, (words, part) in enumerate(groups):
        found = None if place in hidden else quartiles(part[STARTED])
        low, middle, high = found or (None, None, None)
        counts = [count(value[place], place in hidden, plan.min_cell) for value in (n, dated)]
        rows.append({"therapy": words, "n": counts[0], "with_a_day": counts[1], "median_days": middle, "q1_days": low,
                     "q3_days": high, "told": median_iqr(found) if place not in hidden else KEPT_BACK})  # fmt: skip
    frame = pl.DataFrame(
        [{name: row[name] for name in ("therapy", *_DAYS)} for row in rows],
        schema={"therapy": pl.String, **dict.fromkeys(_DAYS, pl.Float64)},
    ).with_columns(counts_column(name, [str(row[name]) for row in rows], plan.min_cell) for name in ("n", "with_a_day"))
    shown = pl.DataFrame(
        {"therapy": [row["therapy"] for row in rows], "n": [count_words(row["n"]) for row in rows],
         "dated": [count_words(row["with_a_day"]) for row in rows], "told": [row["told"] for row in rows]}
    )  # fmt: skip
    return StudyTable(
        "salvage_start", "Days from failure to the first therapy", frame.select("therapy", "n", "with_a_day", *_DAYS),
        shown,
        {"therapy": "First therapy", "n": "n", "dated": "With a day", "told": "Median [quartiles], days"},
        right=("n", "dated", "told"),
        notes=("Of those in whom a therapy is on record. Day 0: the therapy itself was the failure (no progression "
               "before it), or began on its day.",),
    )  # fmt: skip


_DAYS = ("median_days", "q1_days", "q3_days")


def _sequence(first: pl.DataFrame, plan: Plan) -> StudyFigure:
    title = "From CAR-T over failure and the next therapy to the outcome"
    says = f"Flow diagram of {first.height:,} patients: product, failure, first therapy after it, outcome."
    return StudyFigure("sequence", title, sequence_chart(first, title), says, sequence_twin(first, plan))


def _curves(points: pl.DataFrame, plan: Plan) -> tuple[list[StudyFigure], list[str]]:
    if plan.discreet:
        return [], [NO_CURVES]
    figures, refused = [], []
    for kind in (ANY, "salvage_relation"):
        curves, why = moving_curves(points, kind)
        refused += why
        if len(curves) > 1:
            figures.append(moving_figure(curves, kind))
    return figures, refused


def _says_what(failed: pl.DataFrame, plan: Plan) -> str:
    told = _started(failed)
    n = [told.height, failed.height - told.height]
    if hidden_among(n, plan.min_cell):
        return f"Of {failed.height:,} in whom the therapy failed, how many had a further one is not told (small)."
    counts = dict(told["first_salvage_class"].drop_nulls().value_counts(sort=True).iter_rows())
    # Not the smallest of the counts, which the total would give away.
    often = [f"{therapy_words(name)} {n:,}" for name, n in list(counts.items())[:1] if not plan.discreet]
    most = f", most often {often[0]}" if often else ""
    return f"Of {failed.height:,} in whom the therapy failed, {n[0]:,} had a further one on record{most}."


def _says_when(failed: pl.DataFrame, plan: Plan) -> str:
    days = failed[STARTED].drop_nulls()
    found = quartiles(days)
    if found is None or days.len() < plan.min_cell:
        return "The day on which it began is not known in anybody." if found is None else ""
    low, middle, high = (plain(value) for value in found)
    return f"It began a median of {middle} days [quartiles {low}–{high}] after failure, where its day is known."


def _says_hazard(made: list[Exposed]) -> str:
    rows = made[0].rows.filter(pl.col("hazard_ratio").is_not_null()) if made else pl.DataFrame()
    if rows.is_empty() or (made[0].rows["deaths"] < FEW).any():
        return ""  # a figure for the table, no finding
    row = rows.row(0, named=True)
    return (
        f"Once a therapy had begun, the hazard of death was {row['told']} [95 % CI] times that before it or without "
        "one: an association, since who is fit enough for a therapy gets it."
    )
