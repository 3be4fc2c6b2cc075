"""Progressive disease, limb by limb (rules.md 1.5). Each limb is true, false or unknown.

`prefix` names the value columns, so that the confirming visit can be judged against the nadirs frozen at the first.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.response.compare import Amount, amount, at_least, grown, more_than, risen, risen_above
from mspike.response.nadirs import NADIRS, with_nadirs
from mspike.response.rules import rule
from mspike.response.settings import Settings

# Limbs that a second assessment must confirm; the others stand at once (rules.md 1.8.4).
BIOCHEMICAL = ("serum_m", "qiga", "urine_m", "dflc", "circulating_plasma_cells")
LIMBS = ("serum_m", "qiga", "urine_m", "dflc", "marrow", "lesion", "circulating_plasma_cells", "calcium")

NOT_BY_IG = ~(pl.col("by_serum") | pl.col("by_urine"))


def _seen(name: str, at: str) -> tuple[Amount, Amount]:
    """The value at this visit (or, with at="next_", at the confirming one) and the nadir at this visit."""
    return amount(f"{at}{name}"), amount(f"{name}_nadir")


def serum_m_limb(criteria: Criteria, at: str = "") -> pl.Expr:
    """Has serum M-protein progressed from its nadir? g/dL."""
    rule_id = "imwg.pd.serum_m"
    value, nadir = _seen("serum_m", at)
    usual = grown(value, nadir, criteria.value(rule_id, "relative_rise")) & risen(
        value, nadir, criteria.value(rule_id, "rise")
    )
    from_high = at_least(nadir, criteria.value(rule_id, "high_nadir")) & risen(
        value, nadir, criteria.value(rule_id, "rise_from_high_nadir")
    )
    return pl.when(pl.col("is_qiga")).then(False).otherwise(usual | from_high)


def qiga_limb(criteria: Criteria, at: str = "") -> pl.Expr:
    """Has quantitative IgA, where it stands in for serum M-protein, progressed? mg/dL; no shortcut if high."""
    value, nadir = _seen("serum_m", at)
    risen_enough = grown(value, nadir, criteria.value("imwg.pd.qiga", "relative_rise")) & risen(
        value, nadir, criteria.value("imwg.pd.qiga", "rise")
    )
    return pl.when(pl.col("is_qiga")).then(risen_enough).otherwise(False)


def urine_m_limb(criteria: Criteria, at: str = "") -> pl.Expr:
    """Has urine M-protein progressed? mg/24 h. It need not have been measurable at baseline."""
    value, nadir = _seen("urine_m_24h", at)
    return grown(value, nadir, criteria.value("imwg.pd.urine_m", "relative_rise")) & risen(
        value, nadir, criteria.value("imwg.pd.urine_m", "rise")
    )


def dflc_limb(criteria: Criteria, at: str = "") -> pl.Expr:
    """Has the free light chain difference progressed, where serum and urine were not measurable? mg/L."""
    value, nadir = _seen("dflc", at)
    risen_enough = grown(value, nadir, criteria.value("imwg.pd.dflc", "relative_rise")) & risen_above(
        value, nadir, criteria.value("imwg.pd.dflc", "rise")
    )
    return pl.when(NOT_BY_IG).then(risen_enough).otherwise(False)


def circulating_limb(criteria: Criteria, at: str = "") -> pl.Expr:
    """Have circulating plasma cells progressed, where they are the only measure of disease? cells/uL."""
    if not criteria.has("imwg.pd.circulating_plasma_cells"):
        return pl.lit(False)
    value, nadir = _seen("circulating_plasma_cells", at)
    sole = NOT_BY_IG & ~pl.col("by_dflc") & ~pl.col("by_marrow") & ~pl.col("by_lesion")
    grown_enough = grown(value, nadir, criteria.value("imwg.pd.circulating_plasma_cells", "relative_rise")) & at_least(
        value, criteria.value("imwg.pd.circulating_plasma_cells", "level")
    )
    # Blood counts without plasma cells are no measure of this disease: only a documented value asks the question.
    return pl.when(sole).then(grown_enough).otherwise(False)


@rule("imwg.pd.serum_m")
def serum_m(criteria: Criteria, settings: Settings) -> pl.Expr:
    return serum_m_limb(criteria)


@rule("imwg.pd.qiga")
def qiga(criteria: Criteria, settings: Settings) -> pl.Expr:
    return qiga_limb(criteria)


@rule("imwg.pd.urine_m")
def urine_m(criteria: Criteria, settings: Settings) -> pl.Expr:
    return urine_m_limb(criteria)


@rule("imwg.pd.dflc")
def dflc(criteria: Criteria, settings: Settings) -> pl.Expr:
    return dflc_limb(criteria)


@rule("imwg.pd.circulating_plasma_cells")
def circulating_plasma_cells(criteria: Criteria, settings: Settings) -> pl.Expr:
    return circulating_limb(criteria)


@rule("imwg.pd.marrow")
def marrow(criteria: Criteria, settings: Settings) -> pl.Expr:
    """Has the marrow progressed, where serum, urine and free light chains were not measurable? Percent."""
    value, nadir = amount("marrow_plasma_cells"), amount("marrow_plasma_cells_nadir")
    grown_enough = grown(value, nadir, criteria.value("imwg.pd.marrow", "relative_rise"))
    if settings.marrow_pd == "increase":
        enough = risen(value, nadir, criteria.value("imwg.pd.marrow", "rise"))
    else:
        enough = at_least(value, criteria.value("imwg.pd.marrow", "level"))
    applies = NOT_BY_IG & ~pl.col("flc_measurable")
    return pl.when(applies).then(grown_enough & enough).otherwise(False)


@rule("imwg.pd.lesion")
def lesion(criteria: Criteria, settings: Settings) -> pl.Expr:
    """Did imaging show a new or growing lesion? Judged in `lesions`, where the history of each lesion is."""
    return pl.col("lesion_pd")


@rule("imwg.pd.calcium")
def calcium(criteria: Criteria, settings: Settings) -> pl.Expr:
    """Is corrected calcium above the limit, where the edition or the setting counts it as progression? mg/dL."""
    if not settings.hypercalcaemia_pd:
        return pl.lit(False)
    high = more_than(corrected_calcium(), criteria.value("imwg.pd.calcium", "corrected_calcium"))
    return high & (pl.col("calcium_by").fill_null("not judged") != "other")


def corrected_calcium() -> Amount:
    """Calcium + 0.8 x (4.0 - albumin in g/dL); without albumin the reported value is taken as corrected."""
    corrected = pl.col("calcium_lo") + (4_000_000 - pl.col("albumin_lo")) * 4 // 5
    value = pl.when(pl.col("albumin_lo").is_null()).then(pl.col("calcium_lo")).otherwise(corrected)
    return Amount(value, value)


def limbs(criteria: Criteria, settings: Settings) -> Iterator[pl.Expr]:
    """Every limb as a three-valued column `pd_<limb>`."""
    asked = {
        "serum_m": serum_m,
        "qiga": qiga,
        "urine_m": urine_m,
        "dflc": dflc,
        "marrow": marrow,
        "lesion": lesion,
        "circulating_plasma_cells": circulating_plasma_cells,
        "calcium": calcium,
    }
    for name, ask in asked.items():
        yield ask(criteria, settings).alias(f"pd_{name}")


def with_other_policy(sheet: pl.DataFrame, criteria: Criteria, policy: str) -> pl.DataFrame:
    """Adds `nadir_policies_differ`: would the other reading of "nadir" have judged a limb of this visit otherwise?

    The lowest value held twice is never below the lowest observed one, so that under lowest_observed only lines with a
    progression can differ.
    """
    limbs_by_nadir = {"serum_m": serum_m_limb, "qiga": qiga_limb, "urine_m": urine_m_limb, "dflc": dflc_limb}
    other = "lowest_confirmed" if policy == "lowest_observed" else "lowest_observed"
    sheet = sheet.with_row_index("_row")
    parts = ("lo", "hi", "base_lo", "base_hi")
    values = [f"{name}_{part}" for name in NADIRS for part in parts]
    doubtful = sheet.select(
        "_row", "gid", "is_qiga", "by_serum", "by_urine", *values, *(f"pd_{limb}" for limb in limbs_by_nadir)
    )
    if policy == "lowest_observed":
        progressed = pl.any_horizontal(f"pd_{limb}" for limb in limbs_by_nadir)
        lines = doubtful.filter(progressed)["gid"].unique()
        doubtful = doubtful.filter(pl.col("gid").is_in(lines.implode()))
    doubtful = with_nadirs(doubtful, other)
    differs = pl.any_horizontal(ask(criteria).ne_missing(pl.col(f"pd_{limb}")) for limb, ask in limbs_by_nadir.items())
    hit = doubtful.filter(differs).select("_row", nadir_policies_differ=pl.lit(True))
    joined = sheet.join(hit, on="_row", how="left", maintain_order="left").drop("_row")
    return joined.with_columns(pl.col("nadir_policies_differ").fill_null(False))  # not in question


def confirming_limbs(criteria: Criteria) -> dict[str, pl.Expr]:
    """The biochemical limbs at the next assessment, against the nadirs frozen at this one."""
    return {
        "serum_m": serum_m_limb(criteria, "next_"),
        "qiga": qiga_limb(criteria, "next_"),
        "urine_m": urine_m_limb(criteria, "next_"),
        "dflc": dflc_limb(criteria, "next_"),
        "circulating_plasma_cells": circulating_limb(criteria, "next_"),
    }
