"""Was the next line watched? What ends with its progression is only known where somebody looked for one."""

from __future__ import annotations

import polars as pl

from mspike.cohort.strata import Origin
from mspike.study.kept_back import tellable
from mspike.study.plan import WORDS, Plan

NEEDS_NEXT = {("infusion", "pfs2"), ("failure", "pfs")}


def unseen(patients: pl.DataFrame, origin: Origin, endpoint: str, plan: Plan) -> str | None:
    """Why an endpoint that ends with progression in the next line is not told; None where it can be.

    patients  the cohort's columns, of those who are followed: next_line_seen is null without a next line

    Where fewer than half of the next lines have a visit that could be judged, hardly anything but death can end it, and
    it would be overall survival under another name.
    """
    seen, of = _seen(patients, origin, endpoint)
    if not of or 2 * seen >= of:
        return None
    counts = f" ({seen:,} of {of:,})" if tellable(seen, of, plan.min_cell) else ""
    return (
        f"{WORDS[endpoint]} from {origin}: fewer than half of the next lines have a visit that could be judged{counts},"
        " so that death would be nearly all that could end it."
    )


def partly_unseen(patients: pl.DataFrame, origin: Origin, endpoint: str, plan: Plan) -> str:
    """A note where some next lines were not watched; empty where all were, or where the endpoint does not ask."""
    seen, of = _seen(patients, origin, endpoint)
    if seen == of or unseen(patients, origin, endpoint, plan):
        return ""
    counts = f"{of - seen:,} of {of:,}" if tellable(seen, of, plan.min_cell) else "some"
    return f"{WORDS[endpoint]}: in {counts} next lines no visit could be judged; progression there went unseen."


def _seen(patients: pl.DataFrame, origin: Origin, endpoint: str) -> tuple[int, int]:
    if (origin, endpoint) not in NEEDS_NEXT:
        return 0, 0
    told = patients["next_line_seen"].drop_nulls()
    return int(told.sum()), told.len()
