"""Whom the outcomes of a study follow, from which day on, and from when each patient was under observation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from mspike.cohort.outcomes import (
    DIED_OF_IT,
    LATER_INFUSION,
    NEVER_INFUSED,
    NO_APHERESIS,
    NO_RESPONSE,
    NOT_FAILED,
    left_out,
    time_points,
)
from mspike.cohort.strata import DEATH_OF_MYELOMA, Origin
from mspike.study.kept_back import Count, count, count_words, hidden_among, small
from mspike.study.plan import ObservedFrom, Plan

# Told in the flow of patients or with the responses, unless they are small.
TOLD_ELSEWHERE = (NOT_FAILED, DIED_OF_IT, NO_APHERESIS, NO_RESPONSE)
# Of nobody's first infusion: the number of those infused is told, that of the rows is not.
OUTSIDE = (NEVER_INFUSED, LATER_INFUSION)
MISSED = "missed_visits"  # the reason of a PFS that was censored before a gap in the visits


@dataclass(frozen=True)
class Followed:
    """Patients with a time, and who has none.

    patients  the cohort's columns with days, event and entry (days from the origin)
    left_out  reason, n
    late      do patients come under observation only after day 0?
    of        whom the page tells of elsewhere, the followed among them: those infused, failed, with a response; None:
              nobody is counted beside them
    """

    patients: pl.DataFrame
    left_out: pl.DataFrame
    late: bool
    of: pl.DataFrame | None = None

    @property
    def missing(self) -> int:
        return int(self.left_out["n"].sum())

    def lacking(self, min_cell: int) -> int:
        """How many are left out for a reason that no other table counts, or counts too few to tell?"""
        return sum(n for reason, n in self.left_out.iter_rows() if not _elsewhere(reason, n, min_cell))

    def reasons(self, min_cell: int) -> dict[str, Count]:
        """How many are left out for each reason, as far as it may be told: the same on the whole page.

        What the flow of patients tells is told here too. The others add up to what the number of patients lacks.
        """
        own = [(reason, n) for reason, n in self.left_out.iter_rows() if not _elsewhere(reason, n, min_cell)]
        hidden = hidden_among([n for _, n in own], min_cell)
        kept = {reason for place, (reason, _) in enumerate(own) if place in hidden}
        kept |= {reason for reason, n in self.left_out.iter_rows() if reason in OUTSIDE and small(n, min_cell)}
        return {reason: count(n, reason in kept, min_cell) for reason, n in self.left_out.iter_rows()}


def _elsewhere(reason: str, n: int, min_cell: int) -> bool:
    return reason in OUTSIDE or (reason in TOLD_ELSEWHERE and not small(n, min_cell))


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
    told = count_words(count(never, small(never, plan.min_cell), plan.min_cell))
    why = asked or f": {told} were collected and never infused"
    return f"All who were collected are followed from the day of apheresis (intention to treat){why}."


def _never_infused(cohort: pl.DataFrame) -> int:
    return cohort.filter(~pl.col("infused") & pl.col("apheresis_day").is_not_null()).height


def followed(cohort: pl.DataFrame, origin: Origin, endpoint: str, observed_from: ObservedFrom = "infusion") -> Followed:
    """Who can be followed from the origin to the endpoint."""
    patients = time_points(cohort, origin, endpoint, observed_from=observed_from)
    gone = left_out(cohort, origin, endpoint, observed_from=observed_from)
    return Followed(
        patients,
        gone,
        origin == "apheresis" and observed_from == "infusion",
        _told_of(cohort, origin, endpoint, observed_from),
    )


def _told_of(cohort: pl.DataFrame, origin: Origin, endpoint: str, observed_from: ObservedFrom) -> pl.DataFrame:
    """Whom the page tells of elsewhere: the followed, and who is left out for a reason that nothing else counts."""
    everybody = origin == "apheresis" and observed_from == "apheresis"
    whom = pl.col("infusion_number").fill_null(1) == 1
    if not everybody:
        whom &= pl.col("infused")
    if origin == "apheresis":
        whom &= pl.col("apheresis_day").is_not_null()
    if origin == "failure":
        whom &= pl.col("failed").fill_null(False) & pl.col("first_failure_type").ne_missing(DEATH_OF_MYELOMA)
    if endpoint == "dor":
        whom &= pl.col("dor_event").is_not_null()
    return cohort.filter(whom.fill_null(False))


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
    return Followed(patients.drop("_changed"), told.left_out, told.late, told.of), changed


def numbers(told: Mapping[str, Followed], min_cell: int) -> dict[str, Count]:
    """How many are followed to each endpoint, as far as it may be told beside those before it."""
    counts: dict[str, Count] = {}
    for name, points in told.items():
        n = points.patients.height
        near = any(not isinstance(other, str) and small(abs(n - other), min_cell) for other in counts.values())
        counts[name] = count(n, near or small(n, min_cell) or small(points.lacking(min_cell), min_cell), min_cell)
    return counts


def left_out_words(told: Followed, min_cell: int) -> str:
    """8 no response, * ...; empty where nobody is left out. Small counts and what would tell them are kept back."""
    return ", ".join(f"{count_words(n)} {reason}" for reason, n in told.reasons(min_cell).items())
