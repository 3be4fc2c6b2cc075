"""Where the disease was and how its parts behaved: extramedullary sites, high-risk genetics, parts that part ways."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived
from mspike.course.extramedullary import OUTSIDE
from mspike.course.stage import stages_of
from mspike.knowledge.mechanisms import timing
from mspike.response.compare import amount, fallen
from mspike.response.lesions import seen as measured_lesions
from mspike.why.observation import number, observation
from mspike.why.readings import DAY, INFUSION

UNTIL, FAILURE = pl.col("until"), pl.col("failure")
NOT_FAILED = "it has not failed: nothing to ask"
PROTEINS = {"serum_m": "by_serum", "urine_m_24h": "by_urine", "dflc": "by_dflc"}
RISING = ("pd_serum_m", "pd_qiga", "pd_urine_m", "pd_dflc")


def observations_of_disease(derived: Derived, infusions: pl.DataFrame) -> list[pl.DataFrame]:
    """The findings about sites, cytogenetics and heterogeneity, one frame each."""
    stages = stages_of(derived).filter((pl.col("at") == "car_t") & pl.col("gid").is_not_null())
    stages = stages.with_columns(pl.col("gid").cast(pl.Int64))
    visits = _visits(derived, infusions)
    return [
        _extraosseous_before(infusions, stages),
        _extraosseous_at_failure(derived, infusions),
        _high_risk(infusions, stages),
        _mixed_response(infusions, visits),
        _lesions_apart(derived, infusions, visits),
        _escape(infusions, visits),
    ]


def _extraosseous_before(infusions: pl.DataFrame, stages: pl.DataFrame) -> pl.DataFrame:
    named = pl.col("extramedullary_recorded").fill_null(False)  # nobody wrote it down
    told = stages.filter(pl.col("extraosseous").is_not_null() | named)
    value = (
        pl.when("extraosseous")
        .then(pl.lit("extraosseous disease before the infusion"))
        .when(pl.col("extraosseous").is_null())
        .then(pl.lit("recorded as extramedullary; whether it touches bone is not told"))
        .when(pl.col("paraskeletal").fill_null(False))
        .then(pl.lit("disease that touches bone only"))
        .otherwise(pl.lit("no extraosseous disease"))
    )
    return observation(
        infusions,
        "why.extramedullary.before",
        told,
        holds=pl.col("extraosseous"),
        value=value,
        day="imaging_day",
        reason="no imaging before the infusion is recorded",
        undecided="contact with bone is not told, and disease that touches it does not count",
    )


def _extraosseous_at_failure(derived: Derived, infusions: pl.DataFrame) -> pl.DataFrame:
    """Looked for by imaging around the failure. A site that is not told could be either."""
    near = int(timing()["why.timing.around_failure"]["distance"])
    images = measured_lesions(derived.record.lesions).join(infusions.filter("failed"), on="pid")
    window = (DAY > INFUSION) & DAY.is_between(FAILURE - near, FAILURE + near) & (DAY <= UNTIL)
    finding, size = pl.col("finding"), pl.col("product")
    there = finding.is_in(["measured", "new", "new_uptake"]) & (size != 0).fill_null(True)  # the size was not told
    outside = pl.when(pl.col("site").is_not_null()).then(pl.col("site").is_in(OUTSIDE))
    summed = (
        images.filter(window)
        .group_by("gid")
        .agg(
            day=DAY.max(),
            outside=(there & outside).any(ignore_nulls=False),
            ids=pl.col("lesion_id").filter(there & pl.col("site").is_in(OUTSIDE)).unique().sort().str.join(", "),
        )
    )
    value = (
        pl.when("outside")
        .then(pl.concat_str(pl.lit("extraosseous disease at failure: "), "ids"))
        .when(~pl.col("outside"))
        .then(pl.lit("imaged, no extraosseous disease"))
    )
    reason = pl.when("failed").then(pl.lit("no imaging at failure is recorded")).otherwise(pl.lit(NOT_FAILED))
    return observation(
        infusions,
        "why.extramedullary.at_failure",
        summed,
        holds=pl.col("outside"),
        value=value.otherwise(pl.lit("imaged, a lesion's site is not told")),
        reason=reason,
        undecided="the site of a lesion is not told",
    )


def _high_risk(infusions: pl.DataFrame, stages: pl.DataFrame) -> pl.DataFrame:
    markers = {"del17p": "del(17p)", "t_4_14": "t(4;14)", "t_14_16": "t(14;16)"}
    found = pl.concat_list(pl.when(pl.col(c)).then(pl.lit(name)) for c, name in markers.items()).list.drop_nulls()
    day = pl.max_horizontal(f"{column}_day" for column in markers)
    known = stages.filter(pl.col("high_risk_cytogenetics").is_not_null()).with_columns(day=day)
    value = (
        pl.when("high_risk_cytogenetics").then(found.list.join(", ")).otherwise(pl.lit("none of the high-risk markers"))
    )
    return observation(
        infusions,
        "why.burden.high_risk_cytogenetics",
        known,
        holds=pl.col("high_risk_cytogenetics"),
        value=value,
        reason="the high-risk markers were not all tested",
    )


def _visits(derived: Derived, infusions: pl.DataFrame) -> pl.DataFrame:
    """The visits of each infusion before the next therapy, with what fell by half and what progressed."""
    sheet = derived.sheet.join(infusions.select("gid"), on="gid", how="semi").filter(~pl.col("after_new_therapy"))
    half = number("why.heterogeneity.mixed_response", "fall")
    falls = [pl.col(by) & fallen(amount(name), amount(f"{name}_base"), half) for name, by in PROTEINS.items()]
    shrunk = pl.col("spd") * 2 <= pl.col("spd_base")
    return sheet.with_columns(
        protein_fell=pl.any_horizontal(falls),
        protein_rose=pl.any_horizontal(RISING),
        # No plasmacytoma at baseline: there is none that could shrink while the protein rises.
        lesions_shrank=pl.when(~pl.col("has_plasmacytoma")).then(False).when(pl.col("spd_base") > 0).then(shrunk),
        day=pl.col("opened").cast(pl.Int32),
    )


def _mixed_response(infusions: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Asked at visits that progressed with imaging: do protein and lesions go opposite ways?"""
    shown = visits.filter(pl.col("pd").fill_null(False) & pl.col("imaging_day").is_not_null())  # no progression shown
    lesion_alone = pl.col("pd_lesion") & pl.col("protein_fell") & ~pl.col("protein_rose").fill_null(False)
    protein_alone = pl.col("protein_rose") & pl.col("lesions_shrank") & ~pl.col("pd_lesion")
    shown = shown.with_columns(apart=lesion_alone | protein_alone)
    first = shown.sort("gid", pl.col("apart").fill_null(False), "day").unique("gid", keep="last", maintain_order=True)
    value = (
        pl.when(pl.col("apart") & pl.col("pd_lesion"))
        .then(pl.lit("a lesion progresses while the protein is down by half or more"))
        .when("apart")
        .then(pl.lit("the protein progresses while the lesions are down by half or more"))
        .otherwise(pl.lit("no lesion goes another way than the protein"))
    )
    return observation(
        infusions,
        "why.heterogeneity.mixed_response",
        first,
        holds=pl.col("apart"),
        value=pl.when(pl.col("apart").is_not_null()).then(value),
        reason="no progression with imaging and a protein marker at one visit",
        undecided="the protein marker or the lesions were not measured then",
    )


def _lesions_apart(derived: Derived, infusions: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """On a day on which a lesion progressed: has another gone or lost half of its longest diameter?"""
    keep = 1 - number("why.heterogeneity.lesions_apart", "fall")
    p, q = keep.numerator, keep.denominator
    images = measured_lesions(derived.record.lesions).with_columns(pl.col("day").cast(pl.Int32))
    grown = visits.filter(pl.col("pd_lesion").fill_null(False))  # no lesion progressed at that visit
    days = grown.select("gid", "pid", "lesion_ids", day=pl.col("imaging_day").cast(pl.Int32))
    before = images.join(infusions.select("gid", "pid", "infusion"), on="pid").filter(DAY <= INFUSION)
    before = before.sort("gid", "lesion_id", "day").unique(["gid", "lesion_id"], keep="last", maintain_order=True)
    now = days.unique(["gid", "day"]).join(images.select("pid", "day", "lesion_id", "longest_mm"), on=["pid", "day"])
    now = now.filter(~pl.col("lesion_ids").list.contains(pl.col("lesion_id")))
    now = now.join(before.select("gid", "lesion_id", base="longest_mm"), on=["gid", "lesion_id"], how="left")
    now = now.with_columns(fell=pl.when(pl.col("base") > 0).then(pl.col("longest_mm") * q <= pl.col("base") * p))
    summed = now.group_by("gid", maintain_order=True).agg(
        day=DAY.filter(pl.col("fell").fill_null(False))
        .first()
        .fill_null(DAY.last()),  # none fell: the last day looked at
        fell=pl.col("fell").any(ignore_nulls=False),
        which=pl.col("lesion_id").filter(pl.col("fell")).unique().sort().str.join(", "),
    )
    value = pl.when("fell").then(pl.concat_str(pl.lit("one lesion progresses while another shrinks: "), "which"))
    return observation(
        infusions,
        "why.heterogeneity.lesions_apart",
        summed,
        holds=pl.col("fell"),
        value=value.when(~pl.col("fell")).then(pl.lit("the other lesions did not shrink by half")),
        reason="no lesion progressed beside another that was imaged",
        undecided="the other lesions were not measured before and now",
    )


def _escape(infusions: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Asked where the disease is followed by M-protein in serum or urine: do light chains alone progress?

    Light chains often rise a visit before the M-protein does; where it follows, the whole clone is back.
    """
    followed = visits.filter((pl.col("by_serum") | pl.col("by_urine")) & pl.col("dflc_lo").is_not_null())
    whole = visits.group_by("gid").agg(whole=pl.any_horizontal("pd_serum_m", "pd_qiga", "pd_urine_m").any())
    summed = followed.group_by("gid", maintain_order=True).agg(
        rises=pl.col("light_chain_escape").any(),
        day=DAY.filter(pl.col("light_chain_escape")).first().fill_null(DAY.last()),  # none: the last day looked at
    )
    summed = summed.join(whole, on="gid", how="left")
    escape = pl.col("rises") & ~pl.col("whole")
    value = (
        pl.when(escape)
        .then(pl.lit("free light chains progress, the M-protein does not"))
        .when("rises")
        .then(pl.lit("free light chains rose first, the M-protein followed"))
        .otherwise(pl.lit("free light chains do not progress without the M-protein"))
    )
    return observation(
        infusions,
        "why.heterogeneity.light_chain_escape",
        summed,
        holds=escape,
        value=value,
        reason="no free light chains beside a measurable M-protein",
    )
