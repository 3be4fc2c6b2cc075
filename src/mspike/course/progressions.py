"""Every progression a record tells of: derived from results, assigned by somebody, or the reason for a last dose."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived

# Why a therapy was stopped, where that says that it failed.
FAILED = (
    r"(?i)^\s*pd\b|\b(progress|relaps|refractor)\w*|\b(no|lack of|insufficient) (response|efficacy)|treatment failure"
)
NOT_FAILED = r"(?i)\b(no|not|without|before|prior to)\s+(pd\b|progress|relaps|refractor)"


def progressions(derived: Derived, placed: pl.DataFrame) -> pl.DataFrame:
    """On which days did a patient progress, as far as anybody told?

    placed  treatment rows with their line (`doses.placed_rows`)

    Columns, by patient and day: pid, pd, pd_from (derived from results; assigned by somebody; recorded as the reason
    for stopping a therapy).
    """
    courses, record = derived.courses, derived.record
    # Progression that new therapy cut short of confirmation still is progression (rules.md 1.8.6).
    cut_short = pl.when(pl.col("next_day").is_not_null()).then("unconfirmed_pd_day")
    assigned = derived.sheet.filter("assigned")["gid"].unique()
    origin = pl.when(pl.col("gid").is_in(assigned.implode())).then(pl.lit("assigned")).otherwise(pl.lit("derived"))
    of_lines = courses.select("pid", pd=pl.coalesce("pd_day", cut_short).cast(pl.Int64), pd_from=origin)
    # Before the first line that could be followed nobody can confirm a category; it stands as it was assigned.
    first = courses.group_by("pid").agg(first=pl.coalesce("begun_day", "index_day").min())
    told = record.responses.filter(pl.col("response") == "PD").join(first, on="pid", how="left")
    told = told.filter((pl.col("date") <= pl.col("first")).fill_null(True))
    of_responses = told.select("pid", pd=pl.col("date").cast(pl.Int64), pd_from=pl.lit("assigned"))
    failed = record.treatments.filter(stopped_for_failure()).select("pid", pl.col("row").cast(pl.Int64))
    failed = placed.join(failed, on=["pid", "row"], how="semi")
    failed = failed.join(courses.select("pid", "line", "next_day"), on=["pid", "line"], how="left")
    # A last dose written down after the next line began must not make that line fail too.
    stopped = pl.min_horizontal("end", "next_day").cast(pl.Int64)
    of_treatments = failed.select(
        "pid", pd=pl.when(pl.col("end").is_not_null()).then(stopped), pd_from=pl.lit("recorded")
    )
    days = pl.concat([of_lines, of_responses, of_treatments]).filter(pl.col("pd").is_not_null())
    order = pl.col("pd_from").replace_strict({"derived": 0, "assigned": 1, "recorded": 2}, return_dtype=pl.Int8)
    return days.sort("pid", "pd", order).unique(["pid", "pd"], keep="first", maintain_order=True)


def stopped_for_failure() -> pl.Expr:
    """Does the reason for stopping say that the therapy failed? Null where no reason is given."""
    reason = pl.col("stop_reason")
    return reason.str.contains(FAILED) & ~reason.str.contains(NOT_FAILED)
