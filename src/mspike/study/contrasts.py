"""Hazards of the levels of a stratum beside one of them, and what must be told so that nobody reads more into it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mspike.cohort.disclosure import MARK, hidden_cells
from mspike.cohort.regression import Regression, cox
from mspike.cohort.strata import Stratum
from mspike.cohort.times import Unstable
from mspike.study.cells import NONE, p_value
from mspike.study.divided import Divided, Group, divided, levels_of, words_of
from mspike.study.plan import Plan

FEW = 5  # patients or events: fewer carry a figure, not a finding
MOST_LEVELS = 8  # of a number (years): with more, it enters as a number
NOT_ESTIMABLE, REFERENCE, NOT_COMPARED, KEPT_BACK = "not estimable", "reference", "not compared", MARK
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
    merged      a small level was put together with others: the estimates are not those of all levels apart
    """

    stratum: Stratum
    rows: pl.DataFrame
    hidden: frozenset[str]
    refused: tuple[str, ...]
    kept_back: int
    merged: bool = False

    @property
    def estimates(self) -> int:
        return int(self.rows["hazard_ratio"].is_not_null().sum())

    @property
    def changes_with_time(self) -> bool:
        return bool((self.rows["proportional_hazards_p"] < CONSTANT).any())


def contrast(points: pl.DataFrame, stratum: Stratum, plan: Plan, reference: str | None = None) -> Contrast:
    """How many times higher is the hazard in each level than in the reference, every level taken alone?

    points     what `cohort.outcomes.time_points` gives
    reference  level that the others stand beside, as `reference_of` decides it for all endpoints of a page; None: by
               these points alone
    1. A level without an event has no finite hazard ratio. It is left out of the regression, which is where the
       likelihood has its limit: the hazard ratios of the others stay exactly what they would be there. With
       plan.penalty it stays in.
    2. Unknown is a row without a hazard ratio. Where a number has more than eight values it enters per unit.
    3. Levels too small to show are put together, so that the large ones can still be compared.
    """
    reference = reference_of([points], stratum, plan) if reference is None else reference
    parts = divided(points, stratum, plan.min_cell)
    known = [group for group in parts.groups if group.known]
    if not stratum.order and points[stratum.column].dtype.is_numeric() and len(known) > MOST_LEVELS:
        return _per_unit(points, stratum, plan)
    before = parts.kept_back
    points, parts = _together(points, stratum, parts, plan)
    known = [group for group in parts.groups if group.known]
    counted = {group.words: _events(group) for group in parts.groups}
    usable = [group for group in known if counted[group.words] or (plan.penalty and group.patients.height)]
    refused, found = _estimated(points, stratum, plan, known, usable, reference)
    hidden = _hidden(points, parts, counted, plan.min_cell)
    asked = len(known) > 1
    rows = [_row(group, stratum, counted[group.words], found, reference, plan, asked) for group in parts.groups]
    frame = pl.DataFrame(rows, schema=SCHEMA)
    if plan.discreet:
        frame, refused = _discreet(frame, hidden, refused, stratum)
    return Contrast(stratum, frame, hidden, refused, parts.kept_back, before != parts.kept_back)


def reference_of(points: Sequence[pl.DataFrame], stratum: Stratum, plan: Plan) -> str | None:
    """Beside which level do the others stand, on a whole page? None: no level could carry it.

    points  of each endpoint of the page

    The first level of the stratum's order with at least five events of every endpoint, else the commonest; of those
    without an order (products) the commonest. Beside a handful of events every other level would look odd, and beside
    none there is no finite ratio. One level for all endpoints: two tables whose references differ cannot be read beside
    each other.
    """
    parts = divided(points[0], stratum, plan.min_cell)
    usable = [group for group in parts.groups if group.known and (plan.penalty or _in_all(points, stratum, group, 1))]
    if not usable:
        return None
    ordered = stratum.order or stratum.column == "index_year"
    enough = [group for group in usable if _in_all(points, stratum, group, FEW)]
    if ordered and enough:
        return enough[0].level
    return max(usable, key=lambda group: group.patients.height).level


def _in_all(points: Sequence[pl.DataFrame], stratum: Stratum, group: Group, least: int) -> bool:
    """Has the level so many events of every endpoint of which there are any?"""
    own = pl.col(stratum.column).cast(pl.String) == group.level
    return all(int(one.filter(own)["event"].sum()) >= least for one in points if one["event"].any())


def _together(points: pl.DataFrame, stratum: Stratum, parts: Divided, plan: Plan) -> tuple[pl.DataFrame, Divided]:
    """Levels too small to show as one level, where it is large enough itself and nobody in it is unknown."""
    shown = {group.level for group in parts.groups}
    rest = [level for level in levels_of(points[stratum.column], stratum) if level not in shown]
    unknown = points[stratum.column].null_count() and None not in shown
    alone = not any(group.known for group in parts.groups)
    if len(rest) < 2 or alone or unknown or parts.kept_back < plan.min_cell:
        return points, parts
    words = " or ".join(words_of(level) for level in rest)
    text = pl.col(stratum.column).cast(pl.String)
    recoded = points.with_columns(pl.when(text.is_in(rest)).then(pl.lit(words)).otherwise(text).alias(stratum.column))
    one = Group(words, words, recoded.filter(pl.col(stratum.column) == words))
    groups = list(parts.groups)
    groups.insert(len([group for group in groups if group.known]), one)
    return recoded, Divided(tuple(groups), 0)


def _events(group: Group) -> int:
    return int(group.patients["event"].sum())


def _estimated(
    points: pl.DataFrame, stratum: Stratum, plan: Plan, known: Sequence[Group], usable: Sequence[Group],
    reference: str | None,
) -> tuple[tuple[str, ...], Regression | None]:  # fmt: skip
    """What was refused, and the regression."""
    if len(known) < 2:
        return (), None  # one group alone: nothing was asked of it
    refused = [_without_events(stratum, [group for group in known if group not in usable])]
    if len(usable) < 2:
        return (f"{stratum.words}: no hazard ratio; events were seen in fewer than two of its levels.",), None
    if reference not in {group.level for group in usable}:
        return (f"{stratum.words}: no hazard ratio; no level with enough patients has an event of every endpoint, so "
                "that there is nothing that the others could stand beside.",), None  # fmt: skip
    levels = [group.level for group in usable]
    text = pl.col(stratum.column).cast(pl.String)
    frame = points.filter(text.is_in(levels)).with_columns(text.alias(stratum.column))
    try:
        found = cox(
            frame, "days", "event", [stratum.column], late(points), plan.penalty,
            references={stratum.column: str(reference)},
        )  # fmt: skip
    except Unstable as said:
        return (refusal(said, [stratum]),), None
    return tuple(said for said in refused if said), found


def refusal(said: Unstable, strata: Iterable[Stratum]) -> str:
    """Why a regression was refused, in the words of the page instead of columns and their values."""
    told = str(said)
    strata = list(strata)
    for stratum in strata:
        told = _without_columns(told, stratum)
    told = re.sub(r"patients with '([^']*)'", lambda m: f"patients with '{words_of(m[1])}'", told)
    if len(strata) > 1:
        return told
    return f"{strata[0].words}: {told.removeprefix(f'{strata[0].words}: ')}"


def _without_events(stratum: Stratum, empty: Sequence[Group]) -> str:
    if not empty:
        return ""
    named = ", ".join(f"'{group.words}' (n = {group.patients.height:,})" for group in empty)
    return (
        f"{stratum.words}: nobody with {named} had the event, so that there is no finite hazard ratio; those of the "
        "other levels stand as they would without."
    )


def _without_columns(told: str, stratum: Stratum) -> str:
    def level(found: re.Match[str]) -> str:
        return f"{stratum.words}: {words_of(found[1])} (vs {words_of(found[2])})"

    def name(_: re.Match[str]) -> str:
        return stratum.words

    column = re.escape(stratum.column)
    told = re.sub(rf"(?<![\w']){column}: (.+?) \(vs (.+?)\)", level, told)
    # A column of one word may stand in the sentence as a word of its own.
    return re.sub(rf"'{column}'" + (rf"|(?<!\w){column}(?!\w)" if "_" in stratum.column else ""), name, told)


def late(points: pl.DataFrame) -> str | None:
    """The column of delayed entry, where somebody entered late."""
    return "entry" if "entry" in points.columns and bool((points["entry"] > 0).any()) else None


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
        refused = (refusal(said, [stratum]),)
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
