"""Times to events from the infusion, from failure and from apheresis, and who can be followed from there.

Every end and every censoring comes from `course.endpoints`, under the settings in force; only the start differs.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from mspike.cohort.strata import DEATH_OF_MYELOMA, Origin
from mspike.course.derived import Derived
from mspike.course.endpoints import ENDPOINTS, endpoints_of
from mspike.errors import WrongUsage

# The columns of days and of events, by origin and endpoint.
TIMES: dict[tuple[Origin, str], tuple[str, str]] = {
    **{("infusion", name): (f"{name}_days", f"{name}_event") for name in ENDPOINTS},
    **{
        ("failure", name): (f"from_failure_{name}_days", f"from_failure_{name}_event") for name in ("os", "pfs", "ttnt")
    },
    **{("apheresis", name): (f"from_apheresis_{name}_days", f"from_apheresis_{name}_event") for name in ("os", "pfs")},
}
NEVER_INFUSED = "never infused"
LATER_INFUSION = "a later infusion of the same patient"
NO_RESPONSE = "no response"
NOT_FAILED = "not failed"
DIED_OF_IT = "died of myeloma without a documented progression, so that no time after failure is known"
NO_FAILURE_DAY = "the day of failure is not known"
NO_APHERESIS = "day of apheresis not known"
NO_USABLE_DATE = "the day of the event or of the last contact is not known, or contradicts the others"
NO_TIME_AT_RISK = "no time at risk after the infusion"


def ends_of(derived: Derived) -> pl.DataFrame:
    """One row a line: gid; of each endpoint `<name>_start`, `_end` (day numbers), `_days`, `_event`, `_reason`."""
    radiotherapy = derived.record.treatments.filter(pl.col("role") == "radiotherapy").select("pid", day="start_date")
    ends = endpoints_of(derived.courses, derived.sheet, radiotherapy, derived.settings)
    wide = derived.courses.select("gid")
    for name in ENDPOINTS:
        one = ends.filter(pl.col("endpoint") == name).drop("endpoint")
        wide = wide.join(one.rename({c: f"{name}_{c}" for c in one.columns if c != "gid"}), on="gid", how="left")
    return wide


def with_outcomes(told: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Adds the times of each CAR-T line.

    told  gid, next_gid, infused, index_day (infusion, else apheresis), apheresis_day, failed, failure_day, and of the
          course death_cause, relapse_at_death, unconfirmed_pd_day, next_day
    ends  what `ends_of` gives

    1. From infusion: as `course.endpoints` has them; null for whoever was never infused.
    2. From failure: every failed patient starts at failure, whatever came next. Progression is that of the next line;
       until there is one, only death can end it. Nobody is censored before the failure that was seen.
    3. From apheresis: the same ends, also of whoever was never infused; `entry_days` is the infusion.
    """
    after = ends.select(next_gid="gid", after_end="pfs_end", after_event="pfs_event")
    told = told.join(ends, on="gid", how="left", maintain_order="left")
    told = told.join(after, on="next_gid", how="left", maintain_order="left")
    no_next = pl.col("next_gid").is_null()
    told = told.with_columns(
        after_end=pl.when(no_next).then("os_end").otherwise("after_end"),
        after_event=pl.when(no_next).then("os_event").otherwise("after_event"),
    )
    failure = pl.when("failed").then("failure_day")
    collected = pl.col("apheresis_day")
    told = told.with_columns(
        **_since(failure, "os_end", "os_event", "from_failure_os"),
        **_since(failure, "after_end", "after_event", "from_failure_pfs"),
        **_since(failure, "ttnt_end", "ttnt_event", "from_failure_ttnt"),
        **_since(collected, "os_end", "os_event", "from_apheresis_os"),
        **_since(collected, "pfs_end", "pfs_event", "from_apheresis_pfs"),
        entry_days=pl.when("infused").then(pl.col("index_day") - collected).cast(pl.Int32),
        cr_days=pl.when("infused").then("pfs_days").cast(pl.Int32),
        cr_cause=pl.when("infused").then(_cause()),
    )
    infused_only = [c for name in ENDPOINTS for c in (f"{name}_days", f"{name}_event")]
    return told.with_columns(pl.when("infused").then(c).alias(c) for c in infused_only)


def _since(start: pl.Expr, end: str, event: str, name: str) -> dict[str, pl.Expr]:
    """Days from the start to the end of an endpoint. Who was seen on the start was alive then.

    An event before the start contradicts it: its days are not known.
    """
    began = start.is_not_null()
    days = pl.when(pl.col(event)).then(pl.col(end)).otherwise(pl.max_horizontal(end, start)) - start
    seen = pl.col(end).is_not_null()  # max_horizontal passes over an end that is not known
    return {
        f"{name}_days": pl.when(began & seen & (days >= 0)).then(days).cast(pl.Int32),
        f"{name}_event": pl.when(began).then(event),
    }


def _cause() -> pl.Expr:
    """What ended the time without progression? Follows PFS, so that the two never disagree.

    A death of myeloma, or one after a progression that new therapy cut short of confirmation, is a relapse without its
    day. Any other death without progression, also of unknown cause, is one without relapse.
    """
    cut_short = pl.col("unconfirmed_pd_day").is_not_null() & pl.col("next_day").is_not_null()
    of_myeloma = (pl.col("death_cause") == "myeloma").fill_null(False)  # no cause told: not told to be of myeloma
    relapsed = (pl.col("pfs_reason") == "PD") | pl.col("relapse_at_death") | of_myeloma | cut_short
    return (
        pl.when(~pl.col("pfs_event"))
        .then(pl.lit("censored"))
        .when(relapsed)
        .then(pl.lit("progression"))
        .otherwise(pl.lit("non_relapse_death"))
    )


def time_points(
    cohort: pl.DataFrame,
    origin: Origin = "infusion",
    endpoint: str = "os",
    *,
    observed_from: Literal["infusion", "apheresis"] = "infusion",
    every_infusion: bool = False,
) -> pl.DataFrame:
    """The patients who can be followed from an origin to an endpoint: the cohort's columns with days, event and entry.

    cohort          what `cohort_of` gives
    observed_from   only from apheresis. infusion: a patient comes under observation with the infusion (`entry`), as in
                    a registry of infused patients. apheresis: all who were collected, from day 0 (intention to treat)
    every_infusion  also a patient's later infusions: then one death counts more than once

    days, entry are days from the origin; entry is 0 unless observation begins later. `left_out` counts the others.
    """
    told = _judged(cohort, origin, endpoint, observed_from, every_infusion)
    return told.filter(pl.col("left_out").is_null()).drop("left_out")


def left_out(
    cohort: pl.DataFrame,
    origin: Origin = "infusion",
    endpoint: str = "os",
    *,
    observed_from: Literal["infusion", "apheresis"] = "infusion",
    every_infusion: bool = False,
) -> pl.DataFrame:
    """Who is not among the `time_points`, and why: reason, n. Together with them this is the whole cohort."""
    told = _judged(cohort, origin, endpoint, observed_from, every_infusion)
    gone = told.filter(pl.col("left_out").is_not_null())
    return gone.group_by(reason="left_out").agg(n=pl.len().cast(pl.Int64)).sort("n", "reason", descending=[True, False])


def _judged(
    cohort: pl.DataFrame, origin: Origin, endpoint: str, observed_from: str, every_infusion: bool
) -> pl.DataFrame:
    if (origin, endpoint) not in TIMES:
        known = ", ".join(f"{e} from {o}" for o, e in TIMES)
        raise WrongUsage(f"There is no {endpoint} from {origin}. There are: {known}.")
    if observed_from not in ("infusion", "apheresis"):
        raise WrongUsage(f"observed_from {observed_from!r}: expected infusion or apheresis.")
    days, event = TIMES[origin, endpoint]
    late = origin == "apheresis" and observed_from == "infusion"
    told = cohort.with_columns(
        days=pl.col(days), event=pl.col(event), entry=pl.col("entry_days") if late else pl.lit(0, pl.Int32)
    )
    never = ~pl.col("infused") & (pl.lit(origin != "apheresis") | pl.lit(late))
    reasons = {
        LATER_INFUSION: (pl.col("infusion_number") > 1).fill_null(False) & pl.lit(not every_infusion),
        NEVER_INFUSED: never,
        NOT_FAILED: ~pl.col("failed") & pl.lit(origin == "failure"),
        DIED_OF_IT: (pl.col("first_failure_type") == DEATH_OF_MYELOMA).fill_null(False) & pl.lit(origin == "failure"),
        NO_FAILURE_DAY: pl.col("failure_day").is_null() & pl.lit(origin == "failure"),
        NO_APHERESIS: pl.col("apheresis_day").is_null() & pl.lit(origin == "apheresis"),
        # Without a response there is no duration, and no event either.
        NO_RESPONSE: pl.col("event").is_null() & pl.lit(endpoint == "dor"),
        NO_USABLE_DATE: pl.col("days").is_null() | (pl.col("days") < 0) | (pl.col("entry") < 0),
        NO_TIME_AT_RISK: (pl.col("days") <= pl.col("entry")) & pl.lit(late),
    }
    why = pl.coalesce(pl.when(holds).then(pl.lit(reason)) for reason, holds in reasons.items())
    return told.with_columns(left_out=why)
