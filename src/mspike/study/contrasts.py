"""Hazards of the levels of a stratum beside one of them, and what must be told so that nobody reads more into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mspike.cohort.disclosure import hidden_cells
from mspike.cohort.regression import Regression, cox
from mspike.cohort.strata import Stratum
from mspike.cohort.times import Unstable
from mspike.study.cells import NONE, p_value
from mspike.study.divided import Divided, Group, divided
from mspike.study.plan import Plan

FEW = 5  # patients or events: fewer carry a figure, not a finding
MOST_LEVELS = 8  # of a number (years): with more, it enters as a number
NOT_ESTIMABLE, REFERENCE, NOT_COMPARED, KEPT_BACK = "not estimable", "reference", "not compared", "kept back"
CONSTANT = 0.05  # p of the test of proportional hazards below which a hazard ratio is called an average over time
SCHEMA: dict[str, Any] = {
    "subgroup": pl.String, "level": pl.String, "n": pl.Int64, "events": pl.Int64, "reference": pl.Boolean,
    "hazard_ratio": pl.Float64, "low": pl.Float64, "high": pl.Float64, "p": pl.Float64,
    "proportional_hazards_p": pl.Float64, "method": pl.String, "told": pl.String,
}  # fmt: skip
_METHODS = {None: "Cox", "firth": "Cox with Firth's penalty"}


@dataclass(frozen=True)
class Contrast:
    """One stratum: a row a level as in SCHEMA.

    hidden      levels whose events must not be told
    refused     why there is no estimate, or not of every level
    kept_back   patients in groups too small to show: neither in a row nor in the regression
    """

    stratum: Stratum
    rows: pl.DataFrame
    hidden: frozenset[str]
    refused: tuple[str, ...]
    kept_back: int

    @property
    def estimates(self) -> int:
        return int(self.rows["hazard_ratio"].is_not_null().sum())

    @property
    def changes_with_time(self) -> bool:
        return bool((self.rows["proportional_hazards_p"] < CONSTANT).any())


def contrast(points: pl.DataFrame, stratum: Stratum, plan: Plan) -> Contrast:
    """How many times higher is the hazard in each level than in the reference, every level taken alone?

    points  what `cohort.outcomes.time_points` gives
    1. Reference: the first level of the stratum's order with at least five events, else the one with the most; of those
       without an order (products) the commonest. Beside a handful of patients every other level would look odd.
    2. A level without an event has no finite hazard ratio. It is left out of the regression, which is where the
       likelihood has its limit: the hazard ratios of the others stay exactly what they would be there. With
       plan.penalty it stays in.
    3. Unknown is a row without a hazard ratio. Where a number has more than eight values it enters per unit.
    """
    parts = divided(points, stratum, plan.min_cell)
    known = [group for group in parts.groups if group.known]
    if not stratum.order and points[stratum.column].dtype.is_numeric() and len(known) > MOST_LEVELS:
        return _per_unit(points, stratum, plan)
    counted = {group.words: _events(group) for group in parts.groups}
    usable = [group for group in known if counted[group.words] or (plan.penalty and group.patients.height)]
    refused, found, reference = _estimated(points, stratum, plan, known, usable, counted)
    hidden = _hidden(points, parts, counted, plan.min_cell)
    rows = [
        _row(group, stratum, counted[group.words], found, reference, plan, len(known) > 1) for group in parts.groups
    ]
    frame = pl.DataFrame(rows, schema=SCHEMA)
    if plan.discreet:
        frame, refused = _discreet(frame, hidden, refused, stratum)
    return Contrast(stratum, frame, hidden, refused, parts.kept_back)


def _events(group: Group) -> int:
    return int(group.patients["event"].sum())


def _estimated(
    points: pl.DataFrame, stratum: Stratum, plan: Plan, known: Sequence[Group], usable: Sequence[Group],
    counted: dict[str, int],
) -> tuple[tuple[str, ...], Regression | None, str | None]:  # fmt: skip
    """What was refused, the regression, the reference level."""
    if len(known) < 2:
        return (), None, None  # one group alone: nothing was asked of it
    refused = [_without_events(stratum, [group for group in known if group not in usable])]
    if len(usable) < 2:
        return (f"{stratum.words}: no hazard ratio; events were seen in fewer than two of its levels.",), None, None
    reference = _reference(stratum, usable, counted)
    levels = [group.level for group in usable]
    text = pl.col(stratum.column).cast(pl.String)
    frame = points.filter(text.is_in(levels)).with_columns(text.alias(stratum.column))
    try:
        found = cox(
            frame, "days", "event", [stratum.column], late(points), plan.penalty,
            references={stratum.column: str(reference)},
        )  # fmt: skip
    except Unstable as said:
        return (f"{stratum.words}: {said}",), None, None
    return tuple(said for said in refused if said), found, reference


def _without_events(stratum: Stratum, empty: Sequence[Group]) -> str:
    if not empty:
        return ""
    named = ", ".join(f"'{group.words}' (n = {group.patients.height:,})" for group in empty)
    return (
        f"{stratum.words}: nobody with {named} had the event, so that there is no finite hazard ratio; those of the "
        "other levels stand as they would without."
    )


def late(points: pl.DataFrame) -> str | None:
    """The column of delayed entry, where somebody entered late."""
    return "entry" if "entry" in points.columns and bool((points["entry"] > 0).any()) else None


def _reference(stratum: Stratum, usable: Sequence[Group], counted: dict[str, int]) -> str | None:
    ordered = stratum.order or stratum.column == "index_year"
    enough = [group for group in usable if counted[group.words] >= FEW]
    if ordered and enough:
        return enough[0].level
    most = [counted[group.words] if ordered else group.patients.height for group in usable]
    return usable[most.index(max(most))].level


def _row(
    group: Group,
    stratum: Stratum,
    events: int,
    found: Regression | None,
    reference: str | None,
    plan: Plan,
    asked: bool,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "subgroup": stratum.words, "level": group.words, "n": group.patients.height, "events": events,
        "reference": found is not None and group.level == reference,
    }  # fmt: skip
    if not group.known:
        return {**row, "told": NOT_COMPARED}
    if found is None:
        return {**row, "told": NOT_ESTIMABLE if asked else NOT_COMPARED}
    check = found.ph_check["p"].to_list()[-1]
    if group.level == reference:
        return {**row, "told": REFERENCE, "proportional_hazards_p": check, "method": _METHODS[plan.penalty]}
    own = found.terms.filter(pl.col("level") == group.level)
    if own.is_empty():
        return {**row, "told": NOT_ESTIMABLE}
    estimate = own.select("hazard_ratio", "low", "high", "p").row(0, named=True)
    return {**row, **estimate, "proportional_hazards_p": check, "method": _METHODS[plan.penalty],
            "told": ratio(estimate["hazard_ratio"], estimate["low"], estimate["high"])}  # fmt: skip


def ratio(value: float | None, low: float | None, high: float | None) -> str:
    """1.52 [1.01, 2.29]; a limit that is not there is open."""
    if value is None:
        return NOT_ESTIMABLE
    return f"{value:.2f} [{'0' if low is None else f'{low:.2f}'}, {'∞' if high is None else f'{high:.2f}'}]"


def told_p(values: pl.Series) -> list[str]:
    """Each p as a table tells it; a dash where there is none."""
    return [NONE if value is None else p_value(value) for value in values]


def _per_unit(points: pl.DataFrame, stratum: Stratum, plan: Plan) -> Contrast:
    known = points.filter(pl.col(stratum.column).is_not_null())
    refused: tuple[str, ...] = ()
    row: dict[str, Any] = {"subgroup": stratum.words, "level": "per year later", "n": known.height, "reference": False,
                           "events": int(known["event"].sum()), "told": NOT_ESTIMABLE}  # fmt: skip
    try:
        found = cox(known, "days", "event", [stratum.column], late(points), plan.penalty)
        estimate = found.terms.select("hazard_ratio", "low", "high", "p").row(0, named=True)
        row |= {**estimate, "proportional_hazards_p": found.ph_check["p"].to_list()[-1]}
        row |= {"method": _METHODS[plan.penalty], "told": ratio(*list(estimate.values())[:3])}
    except Unstable as said:
        refused = (f"{stratum.words}: {said}",)
    rows = [row]
    if known.height < points.height:
        unknown = points.filter(pl.col(stratum.column).is_null())
        rows.append({"subgroup": stratum.words, "level": "not known", "n": unknown.height, "reference": False,
                     "events": int(unknown["event"].sum()), "told": NOT_COMPARED})  # fmt: skip
    made = Contrast(stratum, pl.DataFrame(rows, schema=SCHEMA), frozenset(), refused, 0)
    if not plan.discreet:
        return made
    cells: list[list[int | None]] = [[row["events"], row["n"] - row["events"]] for row in rows]
    if hidden_cells(cells, plan.min_cell) or hidden_cells([[row["n"]] for row in rows], plan.min_cell):
        return replace(made, rows=made.rows[:0], kept_back=points.height, refused=(_too_small(stratum),))
    return made


def _hidden(points: pl.DataFrame, parts: Divided, counted: dict[str, int], min_cell: int) -> frozenset[str]:
    """The levels whose events, or whose patients without, are too few to be told, or would give others away."""
    if min_cell < 2 or not parts.groups:
        return frozenset()
    cells: list[list[int | None]] = [[counted[g.words], g.patients.height - counted[g.words]] for g in parts.groups]
    if parts.kept_back:  # known by subtraction
        rest = int(points["event"].sum()) - sum(counted.values())
        cells.append([rest, parts.kept_back - rest])
    rows = {row for row, _ in hidden_cells(cells, min_cell)}
    return frozenset(group.words for row, group in enumerate(parts.groups) if row in rows)


def _discreet(
    frame: pl.DataFrame, hidden: frozenset[str], refused: tuple[str, ...], stratum: Stratum
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Without the estimates of hidden levels, and without the counts that a refusal names."""
    gone = pl.col("level").is_in(sorted(hidden))
    compared = gone & ~pl.col("told").is_in([NOT_COMPARED, REFERENCE])
    emptied = [pl.when(~gone).then(pl.col(name)).alias(name) for name in ("hazard_ratio", "low", "high", "p")]
    told = pl.when(compared).then(pl.lit(KEPT_BACK)).otherwise("told").alias("told")
    return frame.with_columns(*emptied, told), (_too_small(stratum),) if refused else ()


def _too_small(stratum: Stratum) -> str:
    return f"{stratum.words}: no estimate, or not of every level; what stands in its way would tell of small counts."
