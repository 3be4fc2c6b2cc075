"""What was measured before the infusion: lymphocytes, inflammation, burden, soluble BCMA."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.knowledge.mechanisms import timing
from mspike.response.compare import Amount, at_least, below, kleene, more_than
from mspike.safety.scores import easix
from mspike.safety.values import before_treatment, last_before, stated_above_normal
from mspike.why.observation import number, observation
from mspike.why.readings import DAY, INFUSION, last_within, measured, numeral, said, said_interval

VALUE = Amount(pl.col("lo"), pl.col("hi"))
NOT_MEASURED = "not measured before lymphodepletion"
OPEN = "the reported value spans the threshold"


def observations_before(derived: Derived, infusions: pl.DataFrame) -> list[pl.DataFrame]:
    """The findings of the time before the infusion, one frame each."""
    return [
        _lymphocytes(derived, infusions),
        _above_normal(derived, infusions, "why.burden.ferritin", "ferritin", "ferritin"),
        _crp(derived, infusions),
        _marrow(derived, infusions),
        _above_normal(derived, infusions, "why.burden.ldh", "ldh", "LDH"),
        _easix(derived, infusions),
        _soluble_bcma(derived, infusions),
    ]


def _last(derived: Derived, infusions: pl.DataFrame, analyte: str) -> pl.DataFrame:
    """The last value before lymphodepletion (before the infusion where its day is not recorded)."""
    days = int(timing()["why.timing.before_lymphodepletion"]["age"])
    last = last_before(derived.record.results, before_treatment(episodes(derived)), [analyte], days)
    return _placed(last, infusions)


def _placed(last: pl.DataFrame, infusions: pl.DataFrame) -> pl.DataFrame:
    """Adds `perhaps_after`: lymphodepletion is not recorded, and the value is not from before its usual day."""
    days = infusions.select("gid", "ld", "ld_assumed")
    return last.join(days, on="gid").with_columns(perhaps_after=pl.col("ld_assumed") & (pl.col("day") >= pl.col("ld")))


def _told(analyte: str, name: str) -> pl.Expr:
    late = pl.when("perhaps_after").then(pl.lit(" (day of lymphodepletion not recorded; perhaps after it)"))
    return pl.concat_str(said_interval(analyte, name, "lo", "hi"), late.otherwise(pl.lit("")))


def _lymphocytes(derived: Derived, infusions: pl.DataFrame) -> pl.DataFrame:
    # Lymphodepletion empties the blood: where its day is not recorded, only a count before its usual day is used.
    rule = "why.t_cell_fitness.alc"
    days = int(timing()["why.timing.before_lymphodepletion"]["age"])
    until = infusions.select("gid", "pid", before_day=pl.col("ld").cast(pl.Int32))
    seen = last_before(derived.record.results, until, ["alc"], days)
    value = said_interval("alc", "lymphocytes", "lo", "hi")
    holds = below(VALUE, number(rule, "level"))
    return observation(infusions, rule, seen, holds=holds, value=value, reason=NOT_MEASURED, undecided=OPEN)


def _above_normal(derived: Derived, infusions: pl.DataFrame, rule: str, analyte: str, name: str) -> pl.DataFrame:
    days = int(timing()["why.timing.before_lymphodepletion"]["age"])
    stated = stated_above_normal(derived.record, before_treatment(episodes(derived)), analyte, days)
    seen = _last(derived, infusions, analyte).join(stated, on="gid", how="left", maintain_order="left")
    times, limit = number(rule, "level"), pl.col("ref_high")
    p, q = times.numerator, times.denominator
    holds = pl.coalesce(kleene(pl.col("lo") * q > limit * p, pl.col("hi") * q <= limit * p), "stated")
    given = pl.concat_str(pl.lit(", upper limit of normal "), numeral(limit))
    said_so = pl.when("stated").then(pl.lit(", stated as above normal")).when(~pl.col("stated")).then(
        pl.lit(", stated as normal")
    )  # fmt: skip
    value = pl.concat_str(
        _told(analyte, name), pl.coalesce(given, said_so, pl.lit(", upper limit of normal not given"))
    )
    no_limit = pl.when(limit.is_null()).then(pl.lit("the laboratory's upper limit of normal is not given"))
    undecided = no_limit.otherwise(pl.lit(OPEN))
    return observation(infusions, rule, seen, holds=holds, value=value, reason=NOT_MEASURED, undecided=undecided)


def _crp(derived: Derived, infusions: pl.DataFrame) -> pl.DataFrame:
    rule = "why.burden.crp"
    seen = _last(derived, infusions, "crp")
    holds = at_least(VALUE, number(rule, "level"))
    return observation(
        infusions, rule, seen, holds=holds, value=_told("crp", "CRP"), reason=NOT_MEASURED, undecided=OPEN
    )


def _marrow(derived: Derived, infusions: pl.DataFrame) -> pl.DataFrame:
    """Aspirate and biopsy of one day: the higher percentage counts; a flow report cannot supply one."""
    rule = "why.burden.marrow"
    days = int(timing()["why.timing.before_lymphodepletion"]["age"])
    flow = pl.col("method").cast(pl.String).str.contains("(?i)flow").fill_null(False)  # no method: taken for a count
    rows = derived.record.results.filter((pl.col("analyte") == "marrow_plasma_cells") & ~flow)
    rows = rows.sort("pid", "day", "hi", "row").unique(["pid", "day"], keep="last", maintain_order=True)
    seen = last_before(rows, before_treatment(episodes(derived)), ["marrow_plasma_cells"], days)
    seen = _placed(seen, infusions)
    holds = at_least(VALUE, number(rule, "level"))
    value = _told("marrow_plasma_cells", "plasma cells in marrow")
    return observation(infusions, rule, seen, holds=holds, value=value, reason=NOT_MEASURED, undecided=OPEN)


def _easix(derived: Derived, infusions: pl.DataFrame) -> pl.DataFrame:
    known = easix(derived).filter(pl.col("easix").is_not_null())
    known = known.with_columns(day=pl.max_horizontal("ldh_day", "creatinine_day", "platelets_day"))
    return observation(
        infusions,
        "why.burden.easix",
        known,
        holds=pl.lit(None),
        value=pl.format("EASIX {}", pl.col("easix").round(2)),
        reason="LDH, creatinine and platelets were not all measured before lymphodepletion",
    )


def _soluble_bcma(derived: Derived, infusions: pl.DataFrame) -> pl.DataFrame:
    rule = "why.antigen_shedding.sbcma"
    age = int(timing()["why.timing.before_infusion"]["age"])
    aimed = infusions.filter(pl.col("target") == "BCMA")
    seen = last_within(measured(derived.record, "sbcma"), aimed, DAY.is_between(INFUSION - age, INFUSION))
    return observation(
        infusions,
        rule,
        seen,
        holds=more_than(VALUE, number(rule, "level")),
        value=said("sbcma", "soluble BCMA"),
        reason=for_bcma("not measured before the infusion"),
        undecided=OPEN,
    )


def for_bcma(reason: str) -> pl.Expr:
    """Why a finding about BCMA is unknown: the product is not against it, or nothing was measured."""
    return (
        pl.when(pl.col("target").is_null())
        .then(pl.lit("the product's target is not known"))
        .when(pl.col("target") != "BCMA")
        .then(pl.format("asked of BCMA products only; this one is against {}", pl.col("target")))
        .otherwise(pl.lit(reason))
    )
