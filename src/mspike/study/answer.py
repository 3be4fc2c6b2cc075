"""The sentence at the head of a study: how many, how well, how long, and how long after it failed."""

from __future__ import annotations

import polars as pl

from mspike.cohort.disclosure import MARK
from mspike.cohort.strata import Origin
from mspike.study.cells import NOT_REACHED
from mspike.study.followed import decided, followed
from mspike.study.kept_back import small, tellable
from mspike.study.medians import median_told
from mspike.study.plan import Plan

RESPONDED = ("sCR", "CR", "VGPR", "PR")
_FROM = {
    "infusion": "from the infusion",
    "failure": "from failure",
    "apheresis": "from apheresis, all who were collected",
    "entry": "from apheresis, of who was infused",
}


def answer_of(cohort: pl.DataFrame, plan: Plan) -> str:
    """What would a colleague say aloud of these patients? Outcomes from the origin asked, then from failure.

    Medians in months with their 95 % intervals; counts below plan.min_cell are not told.
    """
    infused = cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    if infused.is_empty():
        return "No patient of this registry has an infusion of CAR T cells on record."
    parts = [f"{_patients(infused.height, plan)} {'was' if infused.height == 1 else 'were'} infused with CAR T cells"]
    if plan.origin != "failure":
        parts.append(_response(infused, plan))
        parts.append(_outcomes(cohort, plan))
    return "; ".join([*parts, _failure(cohort, infused, plan)]) + " (medians with 95 % confidence intervals)."


def _response(infused: pl.DataFrame, plan: Plan) -> str:
    if infused.filter(pl.col("best_response") != "NE").is_empty():
        return "nobody's response could be judged"
    responded = infused.filter(pl.col("best_response").is_in(RESPONDED)).height
    return f"{_of(responded, infused.height, plan)} had a partial response or better"


def _outcomes(cohort: pl.DataFrame, plan: Plan) -> str:
    origin = plan.origin
    late = origin == "apheresis" and decided(cohort, plan) == "infusion"
    medians = [
        f"median {words} {_median(cohort, origin, name, plan)}"
        for name, words in (("pfs", "progression-free survival"), ("os", "overall survival"))
    ]
    return f"{_FROM['entry' if late else origin]}, {' and '.join(medians)}"


def _failure(cohort: pl.DataFrame, infused: pl.DataFrame, plan: Plan) -> str:
    failed = infused.filter("failed").height
    open_ = infused.filter(~pl.col("failed") & (pl.col("failure_type") == "undetermined")).height
    if not failed:
        doubt = f", and of {_of(open_, infused.height, plan)} it is not known" if open_ else ""
        return f"in nobody is a failure on record so far{doubt}"
    lived = _median(cohort, "failure", "os", plan)
    told = f"the therapy failed in {_of(failed, infused.height, plan)}"
    return f"{told}; {_FROM['failure']}, median overall survival {lived}"


def _patients(n: int, plan: Plan) -> str:
    if small(n, plan.min_cell):
        return f"Fewer than {plan.min_cell} patients"
    return f"{n:,} patient{'' if n == 1 else 's'}"


def _of(n: int, total: int, plan: Plan) -> str:
    """Neither a small count nor its small complement."""
    if not tellable(n, total, plan.min_cell):
        return "a number not told (small)"
    return f"{n:,} ({100 * n / total:.0f} %)"


def _median(cohort: pl.DataFrame, origin: Origin, endpoint: str, plan: Plan) -> str:
    observed = decided(cohort, plan) if origin == "apheresis" else "infusion"
    told = median_told(followed(cohort, origin, endpoint, observed), endpoint, plan.min_cell)
    if told == MARK:
        return "not told (small counts)"
    if told.startswith(NOT_REACHED):
        return f"not reached {told.removeprefix(NOT_REACHED).strip()}"
    return f"{told} months" if told[:1].isdigit() or told[:1] == ">" else told
