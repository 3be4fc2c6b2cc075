"""The sentence at the head of a study: how many, how well, how long, and how long after it failed."""

from __future__ import annotations

import polars as pl

from mspike.cohort.outcomes import time_points
from mspike.cohort.strata import Origin
from mspike.cohort.survival import kaplan_meier
from mspike.cohort.times import Unstable
from mspike.study.cells import NOT_REACHED, median
from mspike.study.plan import Plan

RESPONDED = ("sCR", "CR", "VGPR", "PR")


def answer_of(cohort: pl.DataFrame, plan: Plan) -> str:
    """What would a colleague say aloud of these patients? From infusion and from failure, whatever the origin asked.

    Medians in months with their 95 % intervals; counts below plan.min_cell are not told.
    """
    infused = cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    if infused.is_empty():
        return "No patient of this registry has an infusion of CAR T cells on record."
    responded = infused.filter(pl.col("best_response").is_in(RESPONDED)).height
    failed = infused.filter("failed").height
    parts = [
        f"{_patients(infused.height, plan)} {'was' if infused.height == 1 else 'were'} infused with CAR T cells",
        f"{_of(responded, infused.height, plan)} had a partial response or better",
        f"median progression-free survival {_median(cohort, 'infusion', 'pfs', plan)}",
        f"median overall survival {_median(cohort, 'infusion', 'os', plan)}",
    ]
    if failed:
        after = f"the cells failed in {_of(failed, infused.height, plan)}, who lived a median of "
        parts.append(f"{after}{_median(cohort, 'failure', 'os', plan)} from there")
    else:
        parts.append("in nobody did the cells fail so far")
    return "; ".join(parts) + "."


def _patients(n: int, plan: Plan) -> str:
    if _small(n, plan):
        return f"Fewer than {plan.min_cell} patients"
    return f"{n:,} patient{'' if n == 1 else 's'}"


def _of(n: int, total: int, plan: Plan) -> str:
    """Neither a small count nor its small complement."""
    if _small(n, plan) or _small(total - n, plan):
        return "a number not told (small)"
    return f"{n:,} ({100 * n / total:.0f} %)"


def _small(n: int, plan: Plan) -> bool:
    return plan.discreet and 0 < n < plan.min_cell


def _median(cohort: pl.DataFrame, origin: Origin, endpoint: str, plan: Plan) -> str:
    points = time_points(cohort, origin, endpoint)
    if points.is_empty() or _small(points.height, plan):
        return "not known"
    try:
        curve = kaplan_meier(points["days"], points["event"], points["entry"])
    except Unstable:
        return "not known"
    if _small(curve.events, plan):
        return "not told (few events)"
    told = median(curve.median, curve.median_low, curve.median_high)
    return f"not reached {told.removeprefix(NOT_REACHED).strip()}" if curve.median is None else f"{told} months"
