"""Minimal residual disease: status at each threshold, loss of negativity, sustained negativity (rules.md 2).

Fractions are whole 1e-12, so that 3 in a million meets 1e-5 exactly. A status is reported with its threshold, always.
"""

from __future__ import annotations

import polars as pl

THRESHOLDS = {"1e-4": 100_000_000, "1e-5": 10_000_000, "1e-6": 1_000_000}
SCALE = 1_000_000_000_000
NGF_EVENTS_FOR_DETECTION = 20  # limit of detection = 20 events of the total (EuroFlow; memory)
PAIRING_DAYS = 91  # CR at any time before, or within three months of the sample
IMAGING_DAYS = 91
YEAR_DAYS = 365
COURSE = {
    "mrd_negative_day": pl.Int32,
    "loss_day": pl.Int32,
    "sustained_mrd_days": pl.Int32,
    "mrd_negative_cr": pl.Boolean,
    "imaging_mrd_negative": pl.Boolean,
    "sustained_mrd_negative": pl.Boolean,
}
MEDIASTINUM = 2  # Deauville 2: uptake not above the mediastinal blood pool


def mrd_status(mrd: pl.DataFrame) -> pl.DataFrame:
    """One row a sample and threshold: pid, day, threshold, status, flags.

    negative: nothing found, or less than the threshold, by an adequate sample whose limit of detection reaches it.
    positive: at least the threshold found. Otherwise indeterminate.
    """
    by_events = pl.when(pl.col("method") == "ngf").then(
        (NGF_EVENTS_FOR_DETECTION * SCALE / pl.col("total_events")).cast(pl.Int64, strict=False)
    )
    limit = pl.coalesce("limit_of_detection", by_events)
    reaches = pl.when(pl.col("method") == "flow").then(False).otherwise(limit <= pl.col("limit"))
    fraction, inadequate = pl.col("fraction"), pl.col("adequate").eq_missing(False)
    found = pl.col("result") == "positive"
    less = pl.when(fraction.is_not_null()).then(fraction < pl.col("limit")).otherwise(pl.col("result") == "negative")
    nothing = (pl.col("result") == "negative") & (fraction.is_null() | (fraction == 0))
    positive = (fraction >= pl.col("limit")) & ~(pl.col("result") == "negative").fill_null(False)
    status = (
        pl.when(positive | (found & fraction.is_null()))
        .then(pl.lit("positive"))
        .when(inadequate)
        .then(pl.lit("indeterminate"))
        .when((nothing | less) & reaches)
        .then(pl.lit("negative"))
        .otherwise(pl.lit("indeterminate"))
    )
    flags = pl.concat_list(
        pl.when(inadequate).then(pl.lit("haemodilution")),
        pl.when(limit.is_null()).then(pl.lit("no_limit_of_detection")),
    ).list.drop_nulls()
    levels = pl.DataFrame({"threshold": list(THRESHOLDS), "limit": list(THRESHOLDS.values())})
    return (
        mrd.join(levels, how="cross")
        .with_columns(status=status, flags=flags, day=pl.col("date"))
        .select("pid", "day", "threshold", "status", "flags", "method", "row")
        .sort("pid", "day", "threshold", "row")
    )


def mrd_course(
    status: pl.DataFrame, lines: pl.DataFrame, sheet: pl.DataFrame, lesions: pl.DataFrame, threshold: str = "1e-5"
) -> pl.DataFrame:
    """One row a line: first negative day, MRD-negative CR, sustained negativity, loss of negativity, imaging.

    Within each line samples count from its index day until the next line starts.
    """
    if status.is_empty():
        return lines.select("gid", *(pl.lit(None, dtype).alias(name) for name, dtype in COURSE.items()))
    samples = (
        lines.select("gid", "pid", "index_day", "next_day")
        .join(status.filter(pl.col("threshold") == threshold), on="pid")
        .filter(
            (pl.col("day") > pl.col("index_day"))
            & (pl.col("next_day").is_null() | (pl.col("day") <= pl.col("next_day")))
        )
        .sort("gid", "day")
    )
    negative, positive = pl.col("status") == "negative", pl.col("status") == "positive"
    samples = samples.with_columns(
        first_negative=pl.col("day").filter(negative).min().over("gid"),
        breaks=positive.cast(pl.Int32).cum_sum().over("gid"),
    )
    lost = positive & (pl.col("day") > pl.col("first_negative"))
    spans = (
        samples.filter(negative)
        .group_by("gid", "breaks")
        .agg(longest=pl.col("day").max() - pl.col("day").min())
        .group_by("gid")
        .agg(sustained_mrd_days=pl.col("longest").max())
    )
    summed = samples.group_by("gid").agg(
        mrd_negative_day=pl.col("first_negative").first(),
        loss_day=pl.col("day").filter(lost).min(),
        tested=pl.len() > 0,
    )
    deep = _in_complete_response(samples.filter(negative), sheet)
    quiet = _by_imaging(samples.filter(negative), lesions)
    joined = lines.select("gid").join(summed, on="gid", how="left").join(spans, on="gid", how="left")
    joined = joined.join(deep, on="gid", how="left").join(quiet, on="gid", how="left")
    ever = pl.col("mrd_negative_day").is_not_null()
    return joined.select(
        "gid",
        "mrd_negative_day",
        "loss_day",
        "sustained_mrd_days",
        mrd_negative_cr=pl.when(ever).then(pl.col("deep").fill_null(False)).when("tested").then(False),
        imaging_mrd_negative=pl.when(ever).then(pl.col("quiet")).when("tested").then(False),
        # IMWG asks for marrow and imaging a year apart: marrow alone leaves it unknown.
        sustained_mrd_negative=pl.when(pl.col("sustained_mrd_days") < YEAR_DAYS)
        .then(False)
        .when(pl.col("quiet_days") >= YEAR_DAYS)
        .then(True)
        .when(ever.not_() & pl.col("tested"))
        .then(False),
    )


def _in_complete_response(negatives: pl.DataFrame, sheet: pl.DataFrame) -> pl.DataFrame:
    """CR or sCR documented at any time before the sample, or within three months of it."""
    complete = sheet.filter(pl.col("confirmed").is_in(["CR", "sCR"])).select("gid", cr_day="day")
    paired = negatives.select("gid", "day").join(complete, on="gid")
    return (
        paired.filter(pl.col("cr_day") <= pl.col("day") + PAIRING_DAYS)
        .select("gid")
        .unique()
        .with_columns(deep=pl.lit(True))
    )


def _by_imaging(negatives: pl.DataFrame, lesions: pl.DataFrame) -> pl.DataFrame:
    """Was all uptake gone or not above the mediastinal blood pool, within three months of a negative marrow?"""
    scored = lesions.filter(pl.col("deauville").is_not_null() | (pl.col("finding") == "resolved"))
    score = pl.when(pl.col("finding") == "resolved").then(1).otherwise("deauville")
    scans = scored.group_by("pid", "date").agg(worst=score.max()).rename({"date": "scan"})
    paired = negatives.select("gid", "pid", "day", "index_day").join(scans, on="pid")
    paired = paired.filter(
        ((pl.col("scan") - pl.col("day")).abs() <= IMAGING_DAYS) & (pl.col("scan") > pl.col("index_day"))
    )
    quiet = (
        paired.filter(pl.col("worst") <= MEDIASTINUM)
        .group_by("gid")
        .agg(
            quiet_days=pl.min_horizontal(
                pl.col("day").max() - pl.col("day").min(), pl.col("scan").max() - pl.col("scan").min()
            )
        )
    )
    return paired.group_by("gid").agg(quiet=(pl.col("worst") <= MEDIASTINUM).any()).join(quiet, on="gid", how="left")
