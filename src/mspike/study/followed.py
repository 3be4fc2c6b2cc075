"""Whom the outcomes of a study follow, from which day on, and from when each patient was under observation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mspike.cohort.outcomes import left_out, time_points
from mspike.cohort.strata import Origin
from mspike.study.kept_back import counted, hidden_among
from mspike.study.plan import ObservedFrom, Plan

MISSED = "missed_visits"  # the reason of a PFS that was censored before a gap in the visits


@dataclass(frozen=True)
class Followed:
    """Patients with a time, and who has none.

    patients  the cohort's columns with days, event and entry (days from the origin)
    left_out  reason, n
    late      do patients come under observation only after day 0?
    """

    patients: pl.DataFrame
    left_out: pl.DataFrame
    late: bool

    @property
    def missing(self) -> int:
        return int(self.left_out["n"].sum())


def decided(cohort: pl.DataFrame, plan: Plan) -> ObservedFrom:
    """From apheresis: are the patients observed from the apheresis or only from the infusion?

    1. What the plan says.
    2. apheresis, if any patient whose cells were collected was never infused: the registry follows all who were
       collected, and the wait is part of the risk (intention to treat).
    3. Else infusion: a registry of infused patients holds only who lived long enough to be infused. They come under
       observation at the infusion (delayed entry), or the wait would count as time without danger.
    """
    if plan.observed_from is not None:
        return plan.observed_from
    return "apheresis" if _never_infused(cohort) else "infusion"


def why_observed(cohort: pl.DataFrame, plan: Plan) -> str:
    """The sentence that tells which of the two was chosen, and why."""
    asked = " as asked (--observed-from)" if plan.observed_from is not None else ""
    if decided(cohort, plan) == "infusion":
        why = asked or ": the registry holds nobody who was collected and not infused, so it cannot tell of the wait"
        return f"Patients come under observation at the infusion (delayed entry){why}."
    never = _never_infused(cohort)
    told = counted(never, hidden_among([never], plan.min_cell) != set(), plan.min_cell)
    why = asked or f": {told} were collected and never infused"
    return f"All who were collected are followed from the day of apheresis (intention to treat){why}."


def _never_infused(cohort: pl.DataFrame) -> int:
    return cohort.filter(~pl.col("infused") & pl.col("apheresis_day").is_not_null()).height


def followed(cohort: pl.DataFrame, origin: Origin, endpoint: str, observed_from: ObservedFrom = "infusion") -> Followed:
    """Who can be followed from the origin to the endpoint."""
    patients = time_points(cohort, origin, endpoint, observed_from=observed_from)
    gone = left_out(cohort, origin, endpoint, observed_from=observed_from)
    return Followed(patients, gone, late=origin == "apheresis" and observed_from == "infusion")


def with_unconfirmed(told: Followed, origin: Origin) -> tuple[Followed, int]:
    """PFS with unconfirmed progression counted as event (rules.md 1.8.6), and of how many patients that changes PFS.

    told  PFS from infusion or from apheresis

    1. The day of the unconfirmed progression ends PFS with an event, unless an event came before it.
    2. Not where PFS ended before a gap in the visits: what was seen after the gap does not count there either.
    """
    day = pl.col("unconfirmed_pd_days")
    if origin == "apheresis":
        day = day + pl.col("entry_days")
    earlier = day.is_not_null() & ~(pl.col("event") & (pl.col("days") <= day)) & (day >= 0)
    counts = (earlier & pl.col("pfs_reason").ne_missing(MISSED)).fill_null(False)
    patients = told.patients.with_columns(
        days=pl.when(counts).then(day).otherwise("days"), event=pl.col("event") | counts, _changed=counts
    )
    changed = int(patients["_changed"].sum())
    return Followed(patients.drop("_changed"), told.left_out, told.late), changed


def left_out_words(told: Followed, min_cell: int) -> str:
    """8 no response, 2 ...; empty where nobody is left out. Small counts and what would tell them are kept back."""
    counts: Sequence[int] = told.left_out["n"].to_list()
    hidden = hidden_among([*counts, told.patients.height], min_cell)
    parts = [
        f"{counted(n, place in hidden, min_cell)} {reason}"
        for place, (reason, n) in enumerate(zip(told.left_out["reason"], counts, strict=True))
    ]
    return ", ".join(parts)
