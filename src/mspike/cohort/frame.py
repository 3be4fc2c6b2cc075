"""The cohort: one row an infused CAR-T episode, and one a patient whose cells were collected and never given."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.cohort.outcomes import ends_of, with_outcomes
from mspike.cohort.salvage import products_of, salvage_of
from mspike.cohort.strata import AGES, DEATH_OF_MYELOMA, LINES, banded
from mspike.course.agents import given
from mspike.course.derived import Derived, episodes
from mspike.course.doses import Earlier, earlier_therapy
from mspike.course.endpoints import ENDPOINTS
from mspike.course.history import groups_of
from mspike.course.stage import revised_stages_of
from mspike.course.tables import courses_table
from mspike.safety.crs import crs_of
from mspike.safety.icans import icans_of

TARGETED = ("adc", "bispecific", "car_t")
MRD_THRESHOLD = "1e-5"
_STAGE = {1: "I", 2: "II", 3: "III"}
_SEX = {"f": "female", "female": "female", "w": "female", "woman": "female", "m": "male", "male": "male", "man": "male"}
# Of several parts of a pattern the gravest stands.
_GRAVEST = ("cns", "extramedullary", "bone", "lesion", "marrow", "light_chain_escape", "biochemical")

_DAYS = [*(f"{name}_days" for name in ENDPOINTS), "cr_days", "entry_days", "first_salvage_day", "mrd_negative_day"]
_DAYS += [f"from_failure_{name}_days" for name in ("os", "pfs", "ttnt")]
_DAYS += [f"from_apheresis_{name}_days" for name in ("os", "pfs")]
SCHEMA: dict[str, Any] = {
    "patient_id": pl.String, "gid": pl.Int64, "line": pl.Int64, "infused": pl.Boolean, "infusion_number": pl.Int32,
    "product": pl.String, "target": pl.String, "index_day": pl.Int32, "apheresis_day": pl.Int32,
    "index_year": pl.Int32, "age": pl.Int32, "age_group": pl.String, "sex": pl.String, "heavy_chain": pl.String,
    "light_chain": pl.String, "prior_lines": pl.Int64, "lines_group": pl.String, "prior_bcma": pl.String,
    "triple_class_refractory": pl.Boolean, "penta_drug_refractory": pl.Boolean, "extramedullary": pl.Boolean,
    "paraskeletal": pl.Boolean, "high_risk": pl.Boolean, "stage": pl.String, "stage_at_diagnosis": pl.String,
    "measurable_by": pl.List(pl.String), "best_response": pl.String, "failed": pl.Boolean,
    "first_failure_type": pl.String, "failure_day": pl.Int32,
    "failure_type": pl.String, "failure_pattern": pl.String, "failure_patterns": pl.List(pl.String),
    "relapse_at_death": pl.Boolean, "first_salvage_class": pl.String, "salvage_relation": pl.String,
    "next_line_seen": pl.Boolean,
    "crs_grade": pl.Int8, "crs_from": pl.String, "icans_grade": pl.Int8, "icans_from": pl.String,
    "mrd_best": pl.String, "cr_cause": pl.String, "os_reason": pl.String, "pfs_reason": pl.String,
    **dict.fromkeys(_DAYS, pl.Int32),
    **{c.replace("_days", "_event"): pl.Boolean for c in _DAYS if c.endswith("_days") and c[:3] not in ("cr_", "ent")},
}  # fmt: skip


def cohort_of(derived: Derived) -> pl.DataFrame:
    """Who was treated, what came of it, and how long did it last? All that a study of CAR-T and its failure asks.

    One row an infused CAR-T episode, by patient and line, and one a patient who was collected and never infused
    (`infused` false). Works on any patients: the rows of several buckets are put one below the other; patient_id and
    line tell a row, `gid` only within its bucket. Days that start at an event are counted in `<name>_days`; other days
    are day numbers, as everywhere. Null is unknown, or does not apply; nothing is filled in.

    infusion_number  1 for the first infusion of the patient; later ones are rows of their own
    product, target  "unknown CAR-T" where the record does not say which; several targets are joined by " + "
    age              years at infusion, lower bound: only the year of birth is recorded
    prior_lines      lines before; null where nothing is recorded before the infusion and no line is numbered
    prior_bcma       kind of earlier therapy against BCMA, bridging included; null where a history is not complete, or
                     an agent was given of which nobody said what it aims at
    extramedullary   extraosseous, or written down as extramedullary without saying whether it touches bone; before
                     infusion. `paraskeletal` stands apart
    high_risk        del(17p), t(4;14) or t(14;16), by what was known at infusion
    stage            before infusion: R-ISS where it can be told, else ISS; `stage_at_diagnosis` likewise
    failed           did the therapy fail, so that the myeloma progressed, was refractory, needed the next therapy, or
                     killed? first_failure_type: the first of these in time (strata.FIRST_FAILURES), failure_day: its
                     day; null where that is not known, and of a death of myeloma without documented progression
    failure_type     as in `courses`: the category by precedence, seen from the data cut; death, second malignancy and
                     molecular relapse alone are types, and no failure in time
    failure_pattern  the gravest part of `failure_patterns`; what was not looked for is not in it
    crs_grade        highest grade where the signs leave no doubt; where no sign was recorded, as somebody graded it.
                     `crs_from` says which (signs, recorded); ICANS likewise
    mrd_negative_day days from infusion to the first negative sample at 10^-5; mrd_best: negative, positive,
                     indeterminate or not_tested in this line
    cr_cause         censored, progression, non_relapse_death: beside cr_days, see `outcomes`
    next_line_seen   has the next line an evaluable visit? Else nobody could see it fail; null: no next line
    first_salvage_*, salvage_relation   see `salvage.salvage_of`; not known at baseline, see `strata.STRATA`
    <endpoint>_*, from_failure_*, from_apheresis_*, entry_days   see `outcomes.with_outcomes`
    """
    earlier = earlier_therapy(derived)
    told = _episodes(derived)
    told = told.join(salvage_of(earlier, told), on="gid", how="left", maintain_order="left")
    told = told.join(_seen(derived), on="next_gid", how="left", maintain_order="left")
    told = with_outcomes(told, ends_of(derived))
    for part in (_persons(derived), _before(earlier), _described(derived), _toxicity(derived), _mrd(derived)):
        key = "gid" if "gid" in part.columns else "pid"
        told = told.join(part, on=key, how="left", maintain_order="left")
    told = _with_baseline(told, counts_days=derived.record.calendar == "day")
    infused = pl.col("infused")
    told = told.with_columns(
        index_day=pl.when(infused).then("index_day"), failure_day=pl.when("failed").then("failure_day")
    )
    # A line without any day has no visit either.
    unseen = pl.col("undated_next") & pl.col("next_line_seen").is_null()
    told = told.with_columns(next_line_seen=pl.when(unseen).then(False).otherwise("next_line_seen"))
    return told.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()).sort("patient_id", "line")


def _episodes(derived: Derived) -> pl.DataFrame:
    """The infused lines, and of whoever has none the first one that was collected for."""
    courses = derived.courses.filter(pl.col("kind") == "car_t").sort("pid", "index_day", "line")
    infused = courses.filter("infused").with_columns(infusion_number=pl.int_range(1, pl.len() + 1).over("pid"))
    waiting = courses.filter(~pl.col("infused")).join(infused, on="pid", how="anti")
    told = pl.concat([infused, waiting.unique("pid", keep="first", maintain_order=True)], how="diagonal")
    products = products_of(infused["agent"])
    told = told.join(products, on="agent", how="left", nulls_equal=True, maintain_order="left")
    return told.select(
        "gid", "pid", "patient_id", "line", "infused", "infusion_number", "index_day", "apheresis_day", "next_day",
        "death_cause", "relapse_at_death", "unconfirmed_pd_day", "failure_type", "undated_next",
        failed=pl.col("infused") & _first_failure().is_not_null(),
        first_failure_type=pl.when("infused").then(_first_failure()),
        failure_day=pl.col("first_failure_day").cast(pl.Int32),
        product=pl.when("infused").then("product"),
        targets=pl.when("infused").then("targets"),
        target=pl.when("infused").then(pl.col("targets").list.join(" + ")),
        best_response=pl.when("infused").then(pl.col("best").cast(pl.String).fill_null("NE")),  # never judged
        mrd_negative_day=pl.when("infused").then(pl.col("mrd_negative_day") - pl.col("index_day")),
    )  # fmt: skip


def _first_failure() -> pl.Expr:
    """See `course.courses`; and those of which no day is known."""
    return (
        pl.when(pl.col("first_failure_type").is_not_null())
        .then("first_failure_type")
        .when("undated_next")
        .then(pl.lit("next_therapy"))
        .when("relapse_at_death")
        .then(pl.lit(DEATH_OF_MYELOMA))
    )


def _persons(derived: Derived) -> pl.DataFrame:
    sex = pl.col("sex").str.strip_chars().str.to_lowercase()
    return derived.record.patients.select(
        "pid",
        "birth_year",
        sex=sex.replace(_SEX),
        heavy_chain=pl.col("heavy_chain").replace({"unknown": None}),
        light_chain=pl.col("light_chain").replace({"unknown": None}),
    )


def _before(earlier: Earlier) -> pl.DataFrame:
    """What was known before each infusion, by gid."""
    history = groups_of(earlier).filter(pl.col("gid").is_not_null())
    history = history.join(_aimed_nobody_knows_at_what(earlier.derived), on="gid", how="left", maintain_order="left")
    nothing_known = (pl.col("lines_before") == 0) & ~pl.col("history_complete")
    kinds = pl.col("bcma_kinds")
    # An agent of which the antigen is not told may have aimed at BCMA too.
    never = ~pl.col("bcma_exposed") & pl.col("vague").is_null()
    return history.select(
        "gid",
        "triple_class_refractory",
        "penta_drug_refractory",
        lines_before=pl.when(~nothing_known).then("lines_before"),
        prior_bcma=pl.when(pl.col("bcma_exposed") & (kinds.list.len() > 1))
        .then(pl.lit("several"))
        .when("bcma_exposed")
        .then(kinds.list.first())
        .when(never)
        .then(pl.lit("none")),
    )


def _aimed_nobody_knows_at_what(derived: Derived) -> pl.DataFrame:
    """gid, vague: before these infusions an ADC, a bispecific or CAR T cells were given, nobody said against what."""
    rows = given(derived.record).filter(pl.col("cls").is_in(TARGETED) & (pl.col("targets").list.len() == 0))
    rows = rows.select("pid", "start_day", given_line=pl.col("line").cast(pl.Int64))
    infused = episodes(derived).select("gid", "pid", "line", "index_day").join(rows, on="pid")
    dated = pl.col("start_day") < pl.col("index_day")
    before = pl.when(pl.col("start_day").is_not_null()).then(dated).otherwise(pl.col("given_line") < pl.col("line"))
    return infused.filter(before).select("gid", vague=pl.lit(True)).unique("gid")


def _with_baseline(told: pl.DataFrame, *, counts_days: bool) -> pl.DataFrame:
    """Adds age, year, lines and their groups, and the stages."""
    unknown = pl.lit(None, pl.Int32)
    year = unknown if counts_days else pl.col("index_day").cast(pl.Int32).cast(pl.Date).dt.year()
    # Never infused: a numbered line tells of those before it.
    numbered = pl.when(~pl.col("infused") & (pl.col("line") > 1)).then(pl.col("line") - 1)
    told = told.with_columns(
        index_year=pl.when("infused").then(year),
        # The birthday may still have been ahead.
        age=year - pl.col("birth_year") - 1,
        prior_lines=pl.coalesce("lines_before", numbered),
    )
    return told.with_columns(age_group=banded(pl.col("age"), AGES), lines_group=banded(pl.col("prior_lines"), LINES))


def _seen(derived: Derived) -> pl.DataFrame:
    seen = pl.coalesce("last_evaluable_ever", "last_evaluable").is_not_null()
    return derived.courses.select(next_gid="gid", next_line_seen=seen)


def _described(derived: Derived) -> pl.DataFrame:
    """Stage, risk and the tables' own words for what was measured and how it failed, by gid."""
    stages = revised_stages_of(derived).with_columns(_stage=_stage_text())
    at_infusion = stages.filter(pl.col("at") == "car_t").select(
        "gid",
        "paraskeletal",
        stage="_stage",
        extramedullary="extramedullary_recorded",
        high_risk="high_risk_cytogenetics",
    )
    at_diagnosis = stages.filter(pl.col("at") == "diagnosis").select("pid", stage_at_diagnosis="_stage")
    shown = courses_table(derived.courses, derived.record.calendar)
    shown = shown.select("patient_id", "line", "measurable_by", failure_patterns="pattern")
    keys = derived.courses.select("gid", "pid", "patient_id", "line")
    told = keys.join(shown, on=["patient_id", "line"], how="left").drop("patient_id", "line")
    told = told.join(at_infusion, on="gid", how="left").join(at_diagnosis, on="pid", how="left").drop("pid")
    gravest = pl.coalesce(pl.when(pl.col("failure_patterns").list.contains(p)).then(pl.lit(p)) for p in _GRAVEST)
    return told.with_columns(failure_pattern=gravest)


def _stage_text() -> pl.Expr:
    def named(score: str, name: str) -> pl.Expr:
        number = pl.col(score).cast(pl.Int64).replace_strict(_STAGE, default=None, return_dtype=pl.String)
        return pl.concat_str(pl.lit(f"{name} "), number)

    return pl.coalesce(named("riss", "R-ISS"), named("iss", "ISS"))


def _toxicity(derived: Derived) -> pl.DataFrame:
    infused = episodes(derived)
    told = infused.select("gid")
    for name, course in (("crs", crs_of(derived.record, infused)), ("icans", icans_of(derived.record, infused))):
        # Nothing was measured, but somebody graded it. Where signs were measured and leave it open, it stays open.
        recorded = pl.when(pl.col("agreement") == "only_recorded").then("recorded_grade")
        grade = pl.when(pl.col("days_measured") > 0).then("grade").otherwise(recorded)
        source = pl.when(pl.col("days_measured") > 0).then(pl.lit("signs")).otherwise(pl.lit("recorded"))
        part = course.select(
            "gid", grade.alias(f"{name}_grade"), pl.when(grade.is_not_null()).then(source).alias(f"{name}_from")
        )
        told = told.join(part, on="gid", how="left", maintain_order="left")
    return told


def _mrd(derived: Derived) -> pl.DataFrame:
    """gid, mrd_best: the best status of the samples of each line, by the window of `response.mrd`."""
    infused = episodes(derived).select("gid", "pid", "index_day", "next_day")
    samples = derived.mrd.filter(pl.col("threshold") == MRD_THRESHOLD).select("pid", "day", "status")
    of_line = infused.join(samples, on="pid").filter(
        (pl.col("day") > pl.col("index_day")) & (pl.col("next_day").is_null() | (pl.col("day") <= pl.col("next_day")))
    )
    order = {"negative": 0, "positive": 1, "indeterminate": 2}
    best = of_line.group_by("gid").agg(place=pl.col("status").replace_strict(order, return_dtype=pl.Int32).min())
    names = {place: name for name, place in order.items()}
    status = pl.col("place").replace_strict(names, default="not_tested", return_dtype=pl.String)
    return infused.select("gid").join(best, on="gid", how="left").select("gid", mrd_best=status)
