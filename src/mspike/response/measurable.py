"""Measurable disease and the parameters that judge a line, decided once at its baseline (rules.md 1.1, 1.2).

A parameter that was not measured at baseline cannot be followed (docs/decisions/003); the flag says so.
"""

from __future__ import annotations

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.response.compare import Amount, amount, at_least, ratio_above, ratio_below
from mspike.response.settings import Settings


def involved_chain(settings: Settings) -> pl.Expr:
    """The chain of the clone: as recorded, else the one the baseline ratio leans to; null where neither tells."""
    low, high = settings.flc_ratio_range
    kappa, lambda_ = amount("kappa_flc_base"), amount("lambda_flc_base")
    return (
        pl.when(pl.col("light_chain").is_in(["kappa", "lambda"]))
        .then("light_chain")
        .when(ratio_above(kappa, lambda_, high))
        .then(pl.lit("kappa"))
        .when(ratio_below(kappa, lambda_, low))
        .then(pl.lit("lambda"))
    )


def dflc(kappa: Amount, lambda_: Amount) -> tuple[pl.Expr, pl.Expr]:
    """Involved minus uninvolved free light chain, never below 0, as an interval; needs the column `chain`."""
    is_kappa = pl.col("chain") == "kappa"
    involved = Amount(
        pl.when(is_kappa).then(kappa.lo).otherwise(lambda_.lo), pl.when(is_kappa).then(kappa.hi).otherwise(lambda_.hi)
    )
    other = Amount(
        pl.when(is_kappa).then(lambda_.lo).otherwise(kappa.lo), pl.when(is_kappa).then(lambda_.hi).otherwise(kappa.hi)
    )
    known = pl.col("chain").is_not_null() & involved.known & other.known
    return (
        pl.when(known).then(pl.max_horizontal(involved.lo - other.hi, pl.lit(0))),
        pl.when(known).then(pl.max_horizontal(involved.hi - other.lo, pl.lit(0))),
    )


def measurable_disease(lines: pl.DataFrame, criteria: Criteria, settings: Settings) -> pl.DataFrame:
    """Adds what each line is judged by: by_serum, by_urine, by_dflc, by_marrow, by_lesion (booleans, at baseline).

    lines  one row a line with the baseline columns, `light_chain`, `is_qiga`, `lesion_measurable`
    """
    low, high = settings.flc_ratio_range
    kappa, lambda_ = amount("kappa_flc_base"), amount("lambda_flc_base")
    lines = lines.with_columns(chain=involved_chain(settings))
    base_lo, base_hi = dflc(kappa, lambda_)
    lines = lines.with_columns(dflc_base_lo=base_lo, dflc_base_hi=base_hi)
    serum = at_least(amount("serum_m_base"), settings.serum_measurable_g_dl)
    qiga = at_least(amount("serum_m_base"), criteria.value("imwg.measurable.qiga", "level"))
    urine = at_least(amount("urine_m_24h_base"), criteria.value("imwg.measurable.urine_m", "level"))
    level = criteria.value("imwg.measurable.dflc", "involved")
    is_kappa = pl.col("chain") == "kappa"
    # High chains with a normal ratio are retention by the kidney, not measurable disease.
    flc = (
        pl.when(is_kappa)
        .then(at_least(kappa, level) & ratio_above(kappa, lambda_, high))
        .when(pl.col("chain") == "lambda")
        .then(at_least(lambda_, level) & ratio_below(kappa, lambda_, low))
    )
    marrow = at_least(amount("marrow_plasma_cells_base"), criteria.value("imwg.measurable.marrow", "level"))
    lines = lines.with_columns(
        by_serum=_documented(pl.when(pl.col("is_qiga")).then(qiga).otherwise(serum)),
        by_urine=_documented(urine),
        flc_measurable=_documented(flc),
        marrow_measurable=_documented(marrow),
    )
    ig = pl.col("by_serum") | pl.col("by_urine")
    by_dflc = ~ig & pl.col("flc_measurable")
    by_marrow = ~ig & ~pl.col("flc_measurable") & pl.col("marrow_measurable")
    lines = lines.with_columns(by_dflc=by_dflc, by_marrow=by_marrow)
    nothing = ~(ig | by_dflc | by_marrow)
    known = amount("serum_m_base").known | amount("urine_m_24h_base").known
    by_lesion = nothing & pl.col("lesion_measurable")
    return lines.with_columns(
        by_lesion=by_lesion,
        non_measurable=nothing & ~by_lesion & known,
        # Nobody looked: then nobody can say that there is nothing to follow.
        baseline_unknown=nothing & ~by_lesion & ~known,
        serum_baseline_missing=~amount("serum_m_base").known,
        urine_baseline_missing=~amount("urine_m_24h_base").known,
    )


def _documented(measurable: pl.Expr) -> pl.Expr:
    """A parameter is followed only if a baseline value shows that it can be: docs/decisions/003."""
    return measurable.eq_missing(True)
