"""Low polyclonal IgG after an infusion: in IgG myeloma the M-protein is taken off what was measured (rules.md 5.7)."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.knowledge.criteria import Criteria, published
from mspike.record.amounts import UNBOUNDED
from mspike.response.compare import amount, below
from mspike.safety.late_effects import infections_of
from mspike.safety.values import after_infusion, measured

CRITERIA = "hypogammaglobulinaemia"
MG_DL_PER_G_DL = 1000
UNKNOWN_CHAIN = "unknown"


def igg_readings(derived: Derived) -> pl.DataFrame:
    """How much of each IgG after an infusion is polyclonal, and is it low?

    One row an IgG measured: gid, pid, day, at, heavy_chain, igg_lo, igg_hi, serum_m_lo, serum_m_hi, serum_m_day (the
    M-protein nearest in time, at most 7 days apart; taken off in IgG disease), polyclonal_lo, polyclonal_hi (all in
    millionths; IgG in mg/dL, M-protein in g/dL), low (polyclonal IgG below 400 mg/dL), infections (recorded in the
    half year before, since the infusion), often_or_serious (two of them, or one of grade 3 or more),
    low_with_infections (both), missing (serum_m, heavy_chain).

    1. IgG disease: IgG less M-protein, never below 0. No M-protein measured: anything from 0 to the IgG.
    2. IgA, IgM, IgD, IgE, light chain only: the IgG as measured.
    3. Heavy chain unknown: anything between the two.
    """
    rules = published(CRITERIA)
    igg = _of(derived, "igg").rename({"lo": "igg_lo", "hi": "igg_hi"})
    rows = _with_m_protein(igg, derived, int(rules.value("late.igg.polyclonal", "days_apart")))
    chains = derived.record.patients.select("pid", "heavy_chain")
    rows = rows.join(chains, on="pid", how="left", maintain_order="left").with_columns(_polyclonal())
    rows = rows.with_columns(low=below(amount("polyclonal"), rules.value("late.igg.low", "level")))
    rows = _with_infections(rows, derived, rules)
    gone = [
        pl.when(pl.col("polyclonal_lo") != pl.col("polyclonal_hi")).then(
            pl.when(holds.fill_null(False)).then(pl.lit(name))
        )  # a chain that is not told is named by the other item
        for name, holds in {
            "heavy_chain": _chain_unknown(),
            "serum_m": (pl.col("heavy_chain") == "IgG") & pl.col("serum_m_lo").is_null(),
        }.items()
    ]
    rows = rows.with_columns(
        low_with_infections=pl.col("low") & pl.col("often_or_serious"),
        missing=pl.concat_list(gone).list.drop_nulls(),
    )
    return rows.drop("row").sort("gid", "day", maintain_order=True)


def hypogammaglobulinaemia(derived: Derived) -> pl.DataFrame:
    """Is replacement of immunoglobulin to be considered, by the last IgG and by any since the infusion?

    One row an infusion: gid, the last reading (last_day, last_at, last_igg_lo, last_igg_hi, last_polyclonal_lo,
    last_polyclonal_hi, last_low, last_low_with_infections, last_missing), ever_low, first_low_day, first_low_at,
    ever_low_with_infections, readings. Null where IgG was never measured.
    """
    readings = igg_readings(derived)
    shown = ("day", "at", "igg_lo", "igg_hi", "polyclonal_lo", "polyclonal_hi", "low", "low_with_infections", "missing")
    summed = readings.group_by("gid").agg(
        *(pl.col(c).last().alias(f"last_{c}") for c in shown),
        ever_low=pl.col("low").any(ignore_nulls=False),
        first_low_day=pl.col("day").filter("low").min(),
        first_low_at=pl.col("at").filter("low").min(),
        ever_low_with_infections=pl.col("low_with_infections").any(ignore_nulls=False),
        readings=pl.len().cast(pl.Int64),
    )
    frame = episodes(derived).select("gid").join(summed, on="gid", how="left", maintain_order="left")
    return frame.with_columns(pl.col("readings").fill_null(0))  # a count: none is none


def _of(derived: Derived, analyte: str) -> pl.DataFrame:
    """The values of an analyte after each infusion; of two on one day the later in the file stands."""
    rows = after_infusion(measured(derived.record.results, [analyte]), episodes(derived))
    rows = rows.sort("gid", "day", "row").unique(["gid", "day"], keep="last", maintain_order=True)
    return rows.select("gid", "pid", "day", "at", "lo", "hi", "row")


def _with_m_protein(igg: pl.DataFrame, derived: Derived, days: int) -> pl.DataFrame:
    """Adds the nearest M-protein of the clone; one that stands for something else (`other`) is not the clone's."""
    rows = measured(derived.record.results, ["serum_m"])
    rows = rows.filter(pl.col("attribution").cast(pl.String).str.to_lowercase().ne_missing("other"))
    rows = rows.sort("day", "row").unique(["pid", "day"], keep="last", maintain_order=True)
    m_protein = rows.select("pid", "day", serum_m_lo="lo", serum_m_hi="hi", serum_m_day="day")
    joined = igg.sort("day").join_asof(
        m_protein, on="day", by="pid", strategy="nearest", tolerance=days, check_sortedness=False
    )
    return joined.sort("gid", "day")


def _chain_unknown() -> pl.Expr:
    return pl.col("heavy_chain").is_null() | (pl.col("heavy_chain") == UNKNOWN_CHAIN)


def _polyclonal() -> list[pl.Expr]:
    """IgG less the M-protein (g/dL x 1000 = mg/dL) as an interval."""
    open_end = pl.col("igg_hi") >= UNBOUNDED
    most_m = pl.col("serum_m_hi").clip(upper_bound=UNBOUNDED // MG_DL_PER_G_DL) * MG_DL_PER_G_DL
    zero = pl.lit(0, pl.Int64)
    # No M-protein measured: it may be nothing, or the whole of the IgG.
    least = pl.max_horizontal(zero, pl.col("igg_lo") - most_m.fill_null(UNBOUNDED))
    most = pl.max_horizontal(zero, pl.col("igg_hi") - (pl.col("serum_m_lo") * MG_DL_PER_G_DL).fill_null(0))
    most = pl.when(open_end).then(pl.col("igg_hi")).otherwise(most)
    igg_disease, unknown = pl.col("heavy_chain") == "IgG", _chain_unknown()
    return [
        pl.when(igg_disease | unknown).then(least).otherwise("igg_lo").alias("polyclonal_lo"),
        pl.when(igg_disease & ~unknown).then(most).otherwise("igg_hi").alias("polyclonal_hi"),
    ]


def _with_infections(rows: pl.DataFrame, derived: Derived, rules: Criteria) -> pl.DataFrame:
    """Adds the infections of the half year before each IgG. One without a grade may have been serious."""
    days, enough, grade = (int(rules.value("late.igg.infections", n)) for n in ("days", "infections", "grade"))
    infections = infections_of(derived).select("gid", infection_at="at", infection_grade="grade")
    pairs = rows.select("gid", "row", "at").join(infections, on="gid")
    pairs = pairs.filter((pl.col("at") - pl.col("infection_at")).is_between(0, days))
    counted = pairs.group_by("gid", "row").agg(
        infections=pl.len().cast(pl.Int64),
        serious=(pl.col("infection_grade") >= grade).any(ignore_nulls=False),
    )
    joined = rows.join(counted, on=["gid", "row"], how="left", maintain_order="left")
    # No infection among the events of the half year: none recorded, and none serious.
    joined = joined.with_columns(pl.col("infections").fill_null(0))
    serious = pl.when(pl.col("infections") == 0).then(False).otherwise("serious")
    return joined.with_columns(often_or_serious=(pl.col("infections") >= enough) | serious).drop("serious")
