"""In what pattern did the myeloma come back? Asked of progressions only, and read alike wherever it is told."""

from __future__ import annotations

import polars as pl

from mspike.cohort.strata import PATTERNS, STRATA
from mspike.study.cells import NOT_KNOWN

NOT_DOCUMENTED = "no documented progression"
# As a table counts it: nobody is left over.
PATTERN = STRATA["failure_pattern"]._replace(order=(*PATTERNS, NOT_KNOWN, NOT_DOCUMENTED))
_BY_PROGRESSION = ("early_relapse", "late_relapse")


def documented() -> pl.Expr:
    """Is a progression on record? No response by day 90, a next therapy or a death tell of none."""
    first = pl.col("first_failure_type").is_in(_BY_PROGRESSION).fill_null(False)  # not failed: no progression
    return pl.col("failure_pattern").is_not_null() | pl.col("ttp_event").fill_null(False) | first


def with_pattern(failed: pl.DataFrame) -> pl.DataFrame:
    """Failed patients with every one in a level of `PATTERN`: a pattern, "not known", or no documented progression."""
    pattern = pl.col("failure_pattern")
    open_ = pl.when(documented()).then(pl.lit(NOT_KNOWN)).otherwise(pl.lit(NOT_DOCUMENTED))
    return failed.with_columns(failure_pattern=pl.when(pattern.is_not_null()).then(pattern).otherwise(open_))


def progressed_first() -> pl.Expr:
    """Was the failure from which time is counted a documented progression, so that its pattern was known then?"""
    by_then = pl.col("ttp_event") & (pl.col("ttp_days") <= pl.col("failure_day") - pl.col("index_day"))
    return pl.col("first_failure_type").is_in(_BY_PROGRESSION).fill_null(False) | by_then.fill_null(False)
