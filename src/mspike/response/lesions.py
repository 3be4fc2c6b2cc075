"""Plasmacytomas and bone lesions: what is left of them, what is new, what has grown (rules.md 1.4, 1.5, M4).

Lengths are whole micrometres; products of two lengths are exact. Bone lesions are no response target (they need not
heal), but a new or growing one is progression.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.response.settings import Settings

MICROMETRE = 1_000
BASELINE_FRESH_DAYS = 28

NO_LESIONS: dict[str, Any] = {
    "spd": pl.Int64,
    "spd_all_resolved": pl.Boolean,
    "lesion_pd": pl.Boolean,
    "lesion_review": pl.Boolean,
    "new_uptake": pl.Boolean,
    "lesion_sites": pl.List(pl.String),
    "lesion_ids": pl.List(pl.String),
}


def seen(lesions: pl.DataFrame) -> pl.DataFrame:
    """Imaging rows with their measurement: resolved is 0 x 0; fracture and uptake alone measure nothing."""
    finding = pl.col("finding").fill_null("measured")  # a row with diameters and no word is a measurement
    gone = finding == "resolved"
    silent = finding.is_in(["fracture", "new_uptake"])
    size = [
        pl.when(gone).then(pl.lit(0, pl.Int64)).when(silent).then(None).otherwise(pl.col(c)).alias(c)
        for c in ("longest_mm", "perpendicular_mm")
    ]
    return (
        lesions.with_columns(
            *size, finding=finding, day=pl.col("date"), irradiated=pl.col("irradiated").fill_null(False)
        )
        .with_columns(product=pl.col("longest_mm") * pl.col("perpendicular_mm"))
        .sort("pid", "lesion_id", "day", "row")
        .unique(["pid", "lesion_id", "day"], keep="last", maintain_order=True)
    )


def baseline_lesions(images: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The lesions present at each baseline: gid, lesion_id, site, sizes, target (soft tissue, not irradiated)."""
    before = images.join(lines.select("gid", "pid", "index_day", "cut_day"), on="pid").filter(
        pl.col("day") <= pl.col("index_day")
    )
    timely = pl.col("day") < pl.col("cut_day")
    before = before.sort("gid", "lesion_id", timely, "day").unique(
        ["gid", "lesion_id"], keep="last", maintain_order=True
    )
    present = before.filter((pl.col("product") > 0).fill_null(pl.col("finding").is_in(["measured", "new"])))
    soft = pl.col("site").fill_null("unknown") != "bone"
    return present.with_columns(soft=soft, target=soft & ~pl.col("irradiated") & pl.col("product").is_not_null())


def lesion_baselines(baseline: pl.DataFrame, lines: pl.DataFrame, criteria: Criteria) -> pl.DataFrame:
    """Adds to each line: has_plasmacytoma, has_target, lesion_measurable, spd_base, baseline_lesions (count)."""
    short = int(criteria.value("imwg.measurable.lesion", "short_axis") * MICROMETRE)
    summed = baseline.group_by("gid").agg(
        has_plasmacytoma=pl.col("soft").any(),
        has_target=pl.col("target").any(),
        lesion_measurable=(pl.col("target") & (pl.col("perpendicular_mm") >= short)).any(),
        spd_base=pl.col("product").filter("target").sum(),
        imaging_old=(pl.col("cut_day") - pl.col("day") > BASELINE_FRESH_DAYS).any(),
    )
    none = [pl.col(c).fill_null(False) for c in ("has_plasmacytoma", "has_target", "lesion_measurable", "imaging_old")]
    return lines.join(summed, on="gid", how="left", maintain_order="left").with_columns(*none)


def with_lesions(
    sheet: pl.DataFrame, images: pl.DataFrame, baseline: pl.DataFrame, criteria: Criteria, settings: Settings
) -> pl.DataFrame:
    """Adds to each visit what imaging says: spd now, all resolved, progression (three-valued), sites, review flags."""
    if images.is_empty():
        return sheet.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in NO_LESIONS.items()).with_columns(
            lesion_pd=pl.lit(False),
            lesion_review=pl.lit(False),
            new_uptake=pl.lit(False),
            other_plasmacytoma=pl.lit(False),
        )
    sheet = sheet.with_row_index("_row")
    remaining = _remaining(sheet, images, baseline, settings)
    judged = _judged(sheet, images, baseline, criteria, settings)
    left = _others_left(sheet, images, baseline)
    return (
        sheet.with_columns(other_plasmacytoma=pl.col("_row").is_in(left.implode()))
        .join(remaining, on="_row", how="left", maintain_order="left")
        .join(judged, on=["gid", "imaging_day"], how="left", maintain_order="left")
        .with_columns(
            # No imaging at this visit: nothing new was looked for; imaging is not compulsory (rules.md 1.4).
            pl.when(pl.col("imaging_day").is_null()).then(False).otherwise(pl.col("lesion_pd")).alias("lesion_pd"),
            pl.col("lesion_review").fill_null(False),
            pl.col("new_uptake").fill_null(False),
        )
        .drop("_row")
    )


def _remaining(sheet: pl.DataFrame, images: pl.DataFrame, baseline: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """What is left of the baseline lesions at each visit, by imaging carried forward at most 95 days."""
    if baseline.filter("soft").is_empty():
        return pl.DataFrame(schema={"_row": sheet.schema["_row"], "spd": pl.Int64, "spd_all_resolved": pl.Boolean})
    wanted = sheet.select("_row", "gid", "pid", "index_day", "kind", at=pl.coalesce("imaging_day", "opened")).join(
        baseline.filter("soft").select("gid", "lesion_id", "target"), on="gid"
    )
    later = images.select("pid", "lesion_id", pl.col("day").cast(pl.Int64).alias("seen_day"), "product").sort(
        "seen_day"
    )
    found = wanted.sort("at").join_asof(
        later.with_columns(pl.col("pid").cast(wanted.schema["pid"])),
        left_on="at",
        right_on="seen_day",
        by=["pid", "lesion_id"],
        strategy="backward",
        tolerance=settings.imaging_carry_forward_days,
        check_sortedness=False,
    )
    wait = pl.when(pl.col("kind") == "car_t").then(settings.first_response_day).otherwise(1)
    valid = pl.col("seen_day") >= pl.col("index_day") + wait
    product = pl.when(valid).then(pl.col("product"))
    return found.group_by("_row").agg(
        spd=pl.when(product.filter("target").is_not_null().all()).then(product.filter("target").sum()),
        spd_all_resolved=(product == 0).all(ignore_nulls=False),
    )


def _others_left(sheet: pl.DataFrame, images: pl.DataFrame, baseline: pl.DataFrame) -> pl.Series:
    """Rows at which a soft-tissue lesion that was not there at baseline is left: it was seen and not yet resolved.

    However long ago it was seen, nothing but imaging shows that it has gone.
    """
    soft = images.filter(
        (pl.col("site").fill_null("unknown") != "bone") & pl.col("finding").is_in(["measured", "new", "resolved"])
    )
    named = soft.select("pid", "lesion_id").unique()
    wanted = sheet.select("_row", "gid", "pid", "index_day", at=pl.coalesce("imaging_day", "opened")).join(
        named, on="pid"
    )
    wanted = wanted.join(baseline.select("gid", "lesion_id"), on=["gid", "lesion_id"], how="anti")
    states = soft.select(
        "pid", "lesion_id", pl.col("day").cast(pl.Int64).alias("seen_day"), gone=pl.col("product") == 0
    )
    found = wanted.sort("at").join_asof(
        states.with_columns(pl.col("pid").cast(wanted.schema["pid"])).sort("seen_day"),
        left_on="at",
        right_on="seen_day",
        by=["pid", "lesion_id"],
        strategy="backward",
        check_sortedness=False,
    )
    there = (
        pl.col("seen_day").is_not_null() & (pl.col("seen_day") > pl.col("index_day")) & pl.col("gone").ne_missing(True)
    )
    return found.filter(there)["_row"].unique()


def _judged(
    sheet: pl.DataFrame, images: pl.DataFrame, baseline: pl.DataFrame, criteria: Criteria, settings: Settings
) -> pl.DataFrame:
    """Is there progression on this imaging day? One row a line and imaging day."""
    days = (
        sheet.filter(pl.col("imaging_day").is_not_null())
        .select("gid", "pid", "index_day", "kind", "imaging_day")
        .unique()
    )
    now = days.join(
        images.with_columns(pl.col("day").cast(pl.Int64)), left_on=["pid", "imaging_day"], right_on=["pid", "day"]
    )
    now = _with_history(now, images, settings)
    now = _grown(now, criteria)
    sums = _spd_growth(now, images, baseline, criteria, settings)
    per_day = now.group_by("gid", "imaging_day").agg(
        any_pd=pl.col("pd").any(ignore_nulls=False),
        new_uptake=(pl.col("finding") == "new_uptake").any(),
        unproven=pl.col("unproven").any(),
        lesion_sites=pl.col("site").filter(pl.col("pd")).unique().sort().drop_nulls(),
        lesion_ids=pl.col("lesion_id").filter(pl.col("pd")).unique().sort(),
        longest_grown=pl.col("longest_grown").any(ignore_nulls=False),
        soft_sites=pl.col("site").unique().sort().drop_nulls(),
    )
    joined = per_day.join(sums, on=["gid", "imaging_day"], how="left")
    several = (pl.col("lesions") > 1).fill_null(False)
    by_sum = pl.when(several).then(pl.col("sum_grown")).otherwise(False)
    alone = ~several & pl.col("sum_grown").fill_null(False) & ~pl.col("longest_grown").fill_null(False)
    return joined.select(
        "gid",
        "imaging_day",
        lesion_pd=pl.col("any_pd") | by_sum,
        lesion_review=alone | pl.col("unproven"),
        new_uptake="new_uptake",
        lesion_sites=pl.when(pl.col("lesion_sites").list.len() > 0).then("lesion_sites").otherwise("soft_sites"),
        lesion_ids="lesion_ids",
    )


def _with_history(now: pl.DataFrame, images: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """What was known of each lesion before: seen at all, resolved last, and its nadir (longest with its short axis)."""
    past = images.select("pid", "lesion_id", past_day="day", past_longest="longest_mm", past_short="perpendicular_mm")
    earlier = (
        now.select("gid", "pid", "index_day", "kind", "imaging_day", "lesion_id")
        .join(past, on=["pid", "lesion_id"])
        .filter(pl.col("past_day") < pl.col("imaging_day"))
    )
    wait = pl.when(pl.col("kind") == "car_t").then(settings.first_response_day).otherwise(1)
    counts = (pl.col("past_day") <= pl.col("index_day")) | (pl.col("past_day") >= pl.col("index_day") + wait)
    key = ["gid", "imaging_day", "lesion_id"]
    # The nadir runs from the baseline on: of what lies before the index day only the last measurement counts.
    last_before = pl.col("past_day").filter(pl.col("past_day") <= pl.col("index_day")).max()
    history = (
        earlier.sort("past_day")
        .group_by(key)
        .agg(
            had=pl.len() > 0,
            last_longest=pl.col("past_longest").last(),
            rows=pl.struct("past_longest", "past_short").filter(
                counts
                & pl.col("past_longest").is_not_null()
                & ((pl.col("past_day") > pl.col("index_day")) | (pl.col("past_day") == last_before))
            ),
        )
    )
    # Where the smallest longest diameter was seen twice, the larger short axis tells how large the lesion was.
    longest, axis = (pl.element().struct.field(f"past_{name}") for name in ("longest", "short"))
    lowest = (
        pl.col("rows")
        .list.eval(pl.element().sort_by(longest, axis, descending=[False, True], nulls_last=True))
        .list.first()
    )
    history = history.with_columns(
        nadir_longest=lowest.struct.field("past_longest"), nadir_short=lowest.struct.field("past_short")
    ).drop("rows")
    ever = images.group_by("pid").agg(first_imaging=pl.col("day").min())
    return (
        now.join(history, on=key, how="left")
        .join(ever, on="pid", how="left")
        .with_columns(had=pl.col("had").fill_null(False), imaged_before=pl.col("first_imaging") < pl.col("imaging_day"))
    )


def _grown(now: pl.DataFrame, criteria: Criteria) -> pl.DataFrame:
    """Which lesions are progression by themselves: new, back again, or longer by half."""
    rule = "imwg.pd.lesion"
    growth = criteria.value(rule, "longest_growth")
    p, q = growth.numerator, growth.denominator
    short = int(criteria.value(rule, "short_axis") * MICROMETRE)
    rise = int(criteria.value(rule, "longest_rise") * MICROMETRE)
    longest, nadir = pl.col("longest_mm"), pl.col("nadir_longest")
    by_half = (longest * q >= nadir * (q + p)) & (longest > 0)
    large_before = pl.col("nadir_short") > short
    large_now = (pl.col("perpendicular_mm") > short) & (longest - nadir >= rise)
    measured = pl.col("finding").is_in(["measured", "new"])
    reported_new = pl.col("finding") == "new"
    back = (pl.col("last_longest") == 0) & (longest > 0)
    first_seen = measured & ~pl.col("had")
    longest_grown = (
        pl.when(pl.col("had") & measured & nadir.is_not_null())
        .then(by_half & (large_before | large_now))
        .otherwise(False)
    )
    # Without any imaging before, nobody can say whether a first-seen lesion is new.
    new = reported_new | (first_seen & pl.col("imaged_before")) | (measured & back.fill_null(False))
    unproven = first_seen & ~reported_new & ~pl.col("imaged_before")
    return now.with_columns(
        longest_grown=longest_grown,
        unproven=unproven,
        pd=pl.when(new).then(True).when(unproven).then(None).otherwise(longest_grown),
    )


def _spd_growth(
    now: pl.DataFrame, images: pl.DataFrame, baseline: pl.DataFrame, criteria: Criteria, settings: Settings
) -> pl.DataFrame:
    """Has the sum of products of the baseline lesions grown by half from its nadir? Only complete sums count."""
    growth = criteria.value("imwg.pd.lesion", "spd_growth")
    p, q = growth.numerator, growth.denominator
    base = baseline.filter(pl.col("product").is_not_null()).select(
        "gid", "pid", "lesion_id", "index_day", base_product="product"
    )
    if base.is_empty():
        schema: dict[str, Any] = {
            "gid": now.schema["gid"],
            "imaging_day": pl.Int64,
            "lesions": pl.UInt32,
            "sum_grown": pl.Boolean,
        }
        return pl.DataFrame(schema=schema)
    n = base.group_by("gid").agg(lesions=pl.len(), base_sum=pl.col("base_product").sum())
    later = (
        base.join(images.select("pid", "lesion_id", "day", "product"), on=["pid", "lesion_id"])
        .filter((pl.col("day") > pl.col("index_day")) & pl.col("product").is_not_null())
        .group_by("gid", "index_day", "day")
        .agg(total=pl.col("product").sum(), measured=pl.len())
        .join(n, on="gid")
        .filter(pl.col("measured") == pl.col("lesions"))
        .sort("gid", "day")
    )
    kinds = now.select("gid", "kind").unique()
    wait = pl.when(pl.col("kind") == "car_t").then(settings.first_response_day).otherwise(1)
    lowers = pl.when(pl.col("day") >= pl.col("index_day") + wait).then(pl.col("total"))
    later = later.join(kinds, on="gid", maintain_order="left").with_columns(
        nadir=pl.min_horizontal(lowers.cum_min().forward_fill().shift(1).over("gid"), "base_sum")
    )
    grown = (pl.col("total") * q >= pl.col("nadir") * (q + p)) & (pl.col("total") > 0)
    sums = later.select("gid", imaging_day=pl.col("day").cast(pl.Int64), sum_grown=grown)
    # An incomplete sum is unknown, not unchanged; the longest diameters are still judged.
    return (
        now.select("gid", "imaging_day")
        .unique()
        .join(n.select("gid", "lesions"), on="gid")
        .join(sums, on=["gid", "imaging_day"], how="left")
    )
