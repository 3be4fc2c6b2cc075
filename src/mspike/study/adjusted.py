"""Strata together in one regression: the hazard of each level, the other strata being equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from mspike.cohort.regression import cox
from mspike.cohort.strata import Stratum
from mspike.cohort.times import Unstable
from mspike.study.cells import NONE, p_value
from mspike.study.contrasts import CONSTANT, KEPT_BACK, late, ratio, refusal, told_p
from mspike.study.divided import words_of
from mspike.study.parts import StudyTable
from mspike.study.plan import WORDS, Plan


def adjusted(
    points: pl.DataFrame, endpoint: str, plan: Plan, references: Mapping[str, str | None]
) -> tuple[StudyTable | None, list[str]]:
    """What is the hazard of each level, the other strata of plan.by being equal? And what was refused.

    points      what `cohort.outcomes.time_points` gives. Two strata or more, else there is nothing to adjust for; only
                patients in whom all of them are known. Cox regression as `cohort.regression.cox`
    references  by column, the level beside which the univariable tables of the page put the others

    A stratum in which all these patients are alike leaves the model, and that is said; the others stay.
    """
    asked = list(plan.strata.values())
    if len(asked) < 2:
        return None, []
    head = f"{WORDS[endpoint]}, {' and '.join(stratum.words for stratum in asked)} together"
    used, gone, strata = _usable(points, asked, plan)
    alike = [
        f"{head}: {stratum.words} is not in the model; the patients in whom all are known have one level of it."
        for stratum in asked
        if stratum not in strata
    ]
    if len(strata) < 2:
        return None, [*alike, f"{head}: fewer than two strata divide these patients; nothing was adjusted."]
    try:
        found = cox(used, "days", "event", [s.column for s in strata], late(points), plan.penalty,
                    references=_references_of(used, strata, references))  # fmt: skip
    except Unstable as said:
        reason = "the reason would tell of small counts" if plan.discreet else refusal(said, strata)
        return None, [*alike, f"{head}: no adjusted hazard ratios; {reason}"]
    words = {stratum.column: stratum.words for stratum in strata}
    terms = found.terms.with_columns(
        subgroup=pl.col("covariate").replace(words),
        hidden=(pl.min_horizontal("events", pl.col("n") - pl.col("events")) < plan.min_cell).fill_null(False),
    )
    # Complete cases beside the counts of the univariable table would tell of the few who are not complete.
    if plan.discreet:
        counts = [pl.lit(None, pl.Int64).alias(name) for name in ("n", "events")]
        emptied = [pl.when(~pl.col("hidden")).then(name).alias(name) for name in ("hazard_ratio", "low", "high", "p")]
        terms = terms.with_columns(*counts, *emptied)
    return _adjusted_table(terms, found.ph_check["p"].to_list()[-1], found.n, gone, endpoint, plan), alike


def _usable(
    points: pl.DataFrame, strata: Sequence[Stratum], plan: Plan
) -> tuple[pl.DataFrame, int, tuple[Stratum, ...]]:
    """Complete cases; without levels that have no event (no finite estimate), unless penalised; how many are out.

    And the strata that still divide them. One that nobody knows anything of does not cost the others their patients.
    """
    told = [stratum for stratum in strata if points[stratum.column].n_unique() > points[stratum.column].has_nulls()]
    used = points.filter(pl.all_horizontal(pl.lit(True), *(pl.col(stratum.column).is_not_null() for stratum in told)))
    used = used.with_columns(pl.col(stratum.column).cast(pl.String) for stratum in told)
    while not plan.penalty and told:
        enough = [pl.col("event").any().over(stratum.column) for stratum in told]
        enough += [pl.len().over(stratum.column) >= plan.min_cell for stratum in told]
        kept = used.filter(pl.all_horizontal(enough))
        if kept.height == used.height:
            break
        used = kept
    return used, points.height - used.height, tuple(s for s in told if used[s.column].n_unique() > 1)


def _references_of(
    used: pl.DataFrame, strata: Sequence[Stratum], references: Mapping[str, str | None]
) -> dict[str, str]:
    """As in the tables above; where these patients have no such level, the first of the order."""
    found = {}
    for stratum in strata:
        there = set(used[stratum.column].unique().to_list())
        first = [level for level in (references.get(stratum.column), *stratum.order) if level in there]
        first += sorted(there) if stratum.column == "index_year" else []
        if first:
            found[stratum.column] = str(first[0])
    return found


def _adjusted_table(
    terms: pl.DataFrame, constant: float | None, n: int, gone: int, endpoint: str, plan: Plan
) -> StudyTable:
    shown = pl.DataFrame(
        {
            "subgroup": terms["subgroup"],
            "level": [f"{words_of(row['level'])} vs {words_of(row['reference'])}" for row in terms.to_dicts()],
            "n": [NONE if value is None else f"{value:,}" for value in terms["n"]],
            "events": [NONE if value is None else f"{value:,}" for value in terms["events"]],
            "hazard_ratio": [_told(row) for row in terms.to_dicts()],
            "p": told_p(terms["p"]),
        }
    )
    few = plan.discreet and 0 < gone < plan.min_cell
    told = "Few" if few else f"{gone:,}"
    notes = [
        f"{'' if few else f'{n:,} patients in whom all of these are known. '}{told} left out: not known, or a "
        "level without events (it has no finite estimate and takes nothing from the others).",
        "" if constant is None else f"Proportional hazards, all terms together: p {_equals(constant)}"
        + (": the hazard ratios are averages over the follow-up." if constant < CONSTANT else "."),
    ]  # fmt: skip
    return StudyTable(
        f"subgroups_adjusted_{endpoint}", f"{WORDS[endpoint]} from {plan.origin}: adjusted for each other",
        terms.select("subgroup", "level", "reference", "n", "events", "hazard_ratio", "low", "high", "p"), shown,
        {"level": "", "n": "n", "events": "Events", "hazard_ratio": "Hazard ratio [95 % CI]", "p": "p"},
        groups="subgroup", right=("n", "events", "hazard_ratio", "p"), notes=tuple(note for note in notes if note),
    )  # fmt: skip


def _told(row: dict[str, Any]) -> str:
    return KEPT_BACK if row["hazard_ratio"] is None else ratio(row["hazard_ratio"], row["low"], row["high"])


def _equals(p: float) -> str:
    told = p_value(p)
    return told if told.startswith("<") else f"= {told}"
