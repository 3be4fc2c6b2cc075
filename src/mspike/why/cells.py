"""What became of the CAR T cells: their peak in the first days and whether they were still there at failure."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived
from mspike.knowledge.mechanisms import timing
from mspike.record.record import Record
from mspike.safety.expansion import lymphocyte_peak
from mspike.why.observation import nothing_seen, observation
from mspike.why.readings import DAY, INFUSION, highest_within, last_within, measured, said, said_interval

UNTIL, FAILURE = pl.col("until"), pl.col("failure")


def observations_of_cells(derived: Derived, infusions: pl.DataFrame) -> list[pl.DataFrame]:
    """The findings about expansion, persistence and exhaustion, one frame each."""
    record = derived.record
    peak = lymphocyte_peak(derived).filter(pl.col("peak_15_lo").is_not_null())
    return [
        _peak_low(infusions, peak, "why.poor_expansion.alc_max", "expansion_poor"),
        _peak_low(infusions, peak, "why.poor_expansion.alc_max_very_low", "expansion_very_poor"),
        _transgene_peak(record, infusions),
        _persistence(record, infusions),
        nothing_seen(infusions, "why.exhaustion.markers", "the record holds no T-cell phenotype"),
    ]


def _peak_low(infusions: pl.DataFrame, peak: pl.DataFrame, rule: str, low: str) -> pl.DataFrame:
    """Is the peak low? Judged by `safety.expansion`: a high count settles it, a low one only if taken when due."""
    return observation(
        infusions,
        rule,
        peak,
        holds=pl.col(low),
        value=said_interval("alc", "highest lymphocyte count", "peak_15_lo", "peak_15_hi"),
        day="peak_15_day",
        reason="no lymphocyte count in the first 15 days",
        undecided="low so far, but no count was taken from day 7 to day 15, when the cells usually peak",
    )


def _transgene_peak(record: Record, infusions: pl.DataFrame) -> pl.DataFrame:
    until = timing()["why.timing.persistence"]["from"]
    early = DAY.is_between(INFUSION, INFUSION + int(until)) & (DAY <= UNTIL)
    seen = highest_within(measured(record, "car_transgene"), infusions, early)
    return observation(
        infusions,
        "why.poor_expansion.transgene_peak",
        seen,
        holds=pl.lit(None),
        value=said("car_transgene", "highest CAR transgene"),
        reason="CAR transgene not measured in the first four weeks",
    )


def _persistence(record: Record, infusions: pl.DataFrame) -> pl.DataFrame:
    """Was the transgene gone at failure?

    Once gone it stays gone, so an earlier negative sample counts; an earlier positive one says nothing about failure.
    """
    rule = "why.short_persistence.transgene"
    near = int(timing()["why.timing.around_failure"]["distance"])
    first = int(timing()["why.timing.persistence"]["from"])
    window = DAY.is_between(INFUSION + first, FAILURE + near) & (DAY <= UNTIL)
    seen = last_within(measured(record, "car_transgene"), infusions.filter("failed"), window)
    gone = (pl.col("hi") == 0) | pl.col("comparator").is_in(["<", "<="])
    there = (pl.col("lo") > 0) & DAY.ge(FAILURE - near)
    not_failed = pl.lit("it has not failed: nothing to ask")
    reason = pl.lit(f"CAR transgene not measured between day {first} and {near} days after failure")
    return observation(
        infusions,
        rule,
        seen,
        holds=pl.when(gone).then(True).when(there).then(False),
        value=said("car_transgene", "CAR transgene"),
        reason=pl.when(pl.col("failed")).then(reason).otherwise(not_failed),
        undecided=f"detectable, but measured more than {near} days before failure",
    )
