"""The category of one visit, before confirmation: sCR, CR, VGPR, PR, MR, SD, PD or NE (rules.md 1.4, 1.6).

Evaluated from the top; progression is tested first and wins. A criterion counts only where it is true; where it is
unknown the visit falls to the next lower category, and `could_be` says what it might still have been.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.record.tables import CATEGORIES
from mspike.response.bands import negative
from mspike.response.compare import Amount, amount, below, fallen, more_than, ratio_between
from mspike.response.progression import LIMBS
from mspike.response.rules import rule
from mspike.response.settings import Settings

CATEGORY = pl.Enum(list(reversed(CATEGORIES)))  # NE < PD < SD < MR < PR < VGPR < CR < sCR
RESPONSES = ("sCR", "CR", "VGPR", "PR", "MR")

_SERUM, _URINE, _DFLC = ("serum_m", "urine_m_24h", "dflc")


def _pair(name: str) -> tuple[Amount, Amount]:
    return amount(name), amount(f"{name}_base")


def _spd_fall(fall: Fraction) -> pl.Expr:
    p, q = fall.numerator, fall.denominator
    return pl.col("spd") * q <= pl.col("spd_base") * (q - p)


def _with_plasmacytoma(biochemical: pl.Expr, fall: Fraction) -> pl.Expr:
    """A plasmacytoma present at baseline is a component of every response; the lowest level decides."""
    return pl.when(pl.col("has_target")).then(biochemical & _spd_fall(fall)).otherwise(biochemical)


def _urine_limb(fall: Fraction, level: Fraction, *, waived_if_not_done: bool) -> pl.Expr:
    """The urine limb of PR and MR. Not measurable at baseline: below the level now, or waived if not done."""
    value, base = _pair(_URINE)
    low = below(value, level)
    followed = fallen(value, base, fall) | low
    other = pl.when(value.known).then(low).otherwise(waived_if_not_done)
    limb = pl.when(pl.col("by_urine")).then(followed).otherwise(other)
    return pl.when(pl.col("urine_unobtainable")).then(True).otherwise(limb)


@rule("imwg.cr")
def cr(criteria: Criteria, settings: Settings) -> pl.Expr:
    """Are both immunofixations negative, the marrow below 5 %, and no plasmacytoma left?"""
    return cr_sample(settings) & cr_marrow(criteria) & cr_imaging() & ~clear_spike(criteria)


def cr_sample(settings: Settings, *, undecided: bool | None = None) -> pl.Expr:
    """What two consecutive samples must show for CR: immunofixation, and the ratio where light chains are followed.

    undecided  what a ratio says that was measured but lies on both sides of a limit ("<1" over "<1")
    """
    urine = pl.when(pl.col("urine_unobtainable")).then(True).otherwise(negative("urine_ife_lo"))
    ratio = pl.when(pl.col("by_dflc")).then(normal_ratio(settings, undecided=undecided)).otherwise(True)
    return negative("serum_ife_lo") & urine & ratio


def cr_marrow(criteria: Criteria) -> pl.Expr:
    return below(amount("cr_marrow"), criteria.value("imwg.cr", "marrow"))


def cr_imaging() -> pl.Expr:
    baseline = pl.when(pl.col("has_plasmacytoma")).then(pl.col("spd_all_resolved")).otherwise(True)
    return baseline & ~pl.col("other_plasmacytoma")


def normal_ratio(settings: Settings, *, undecided: bool | None = None) -> pl.Expr:
    """Is kappa/lambda in the normal range? 0/0 is unknown. The setting may read suppression as normal.

    undecided  what a ratio says that was measured but lies on both sides of a limit
    """
    kappa, lambda_ = amount("kappa_flc"), amount("lambda_flc")
    ratio = ratio_between(kappa, lambda_, *settings.flc_ratio_range)
    ratio = (
        pl.when(kappa.known & lambda_.known).then(pl.coalesce(ratio, pl.lit(undecided, pl.Boolean))).otherwise(ratio)
    )
    if settings.flc_suppression_as_normal:
        return pl.when(pl.col("flc_suppressed")).then(True).otherwise(ratio)
    return ratio


def _spikes(criteria: Criteria) -> tuple[pl.Expr, pl.Expr]:
    # An unknown spike is no evidence against CR; only a measured one is.
    rule_id = "imwg.band.contradiction"
    serum = more_than(amount(_SERUM), criteria.value(rule_id, "serum_m")).fill_null(False) & ~pl.col("is_qiga")
    return serum, more_than(amount(_URINE), criteria.value(rule_id, "urine_m")).fill_null(False)


def clear_spike(criteria: Criteria) -> pl.Expr:
    """Is a quantified spike there? Then immunofixation is positive or contradicts it: CR is withheld either way."""
    serum, urine = _spikes(criteria)
    return serum | urine


def contradiction(criteria: Criteria) -> pl.Expr:
    """A clear spike beside negative immunofixation cannot both be true: somebody must look."""
    serum, urine = _spikes(criteria)
    return ((serum & negative("serum_ife_lo")) | (urine & negative("urine_ife_lo"))).fill_null(False)


@rule("imwg.scr")
def scr(criteria: Criteria, settings: Settings) -> pl.Expr:
    """CR with a normal ratio and no clonal plasma cells in that same marrow?"""
    kappa_limit, lambda_limit = (criteria.value("imwg.scr", f"{c}_cell_ratio") for c in ("kappa", "lambda"))
    ratio = Amount(pl.col("cr_cell_ratio"), pl.col("cr_cell_ratio"))
    by_ratio = (
        pl.when(pl.col("chain") == "kappa")
        .then(~more_than(ratio, kappa_limit))
        .when(pl.col("chain") == "lambda")
        .then(~below(ratio, lambda_limit))
    )
    not_clonal = pl.coalesce(~pl.col("cr_clonal"), by_ratio)
    return cr(criteria, settings) & normal_ratio(settings) & not_clonal


@rule("imwg.vgpr")
def vgpr(criteria: Criteria, settings: Settings) -> pl.Expr:
    """Is the M-protein seen by immunofixation only, or down by 90 % with urine below 100 mg/24 h?"""
    value = {n: criteria.value("imwg.vgpr", n) for n in ("serum_m_fall", "urine_m_fall", "urine_m", "dflc_fall")}
    urine, urine_base = _pair(_URINE)
    low_urine = below(urine, value["urine_m"])
    waived = below(urine_base, value["urine_m"]).fill_null(False)  # waived only where the baseline is documented
    by_fall = fallen(*_pair(_SERUM), value["serum_m_fall"]) & pl.when(
        pl.col("urine_unobtainable") | (~urine.known & waived)
    ).then(True).otherwise(low_urine)
    urine_only = low_urine
    if settings.urine_only_vgpr == "strict":
        urine_only = urine_only & fallen(urine, urine_base, value["urine_m_fall"])
    serum = amount(_SERUM)
    no_spike = (serum.hi == 0) & ((urine.hi == 0) | pl.col("urine_unobtainable"))
    # CR lacking only its marrow or imaging is the next lower level, whatever the baseline was (rules.md M2).
    nothing_seen = cr_sample(settings) & ~clear_spike(criteria)
    by_ig = pl.when(pl.col("by_serum")).then(by_fall).otherwise(urine_only) | no_spike | nothing_seen
    by_flc = fallen(*_pair(_DFLC), value["dflc_fall"]) | nothing_seen
    biochemical = (
        pl.when(pl.col("by_serum") | pl.col("by_urine"))
        .then(by_ig)
        .when(pl.col("by_dflc"))
        .then(by_flc)
        .otherwise(False)
    )
    fall = Fraction(int(settings.vgpr_plasmacytoma), 100)
    return _with_plasmacytoma(biochemical, fall)


@rule("imwg.pr")
def pr(criteria: Criteria, settings: Settings) -> pl.Expr:
    """Has the disease halved by every parameter that judges it?"""
    value = {
        n: criteria.value("imwg.pr", n)
        for n in ("serum_m_fall", "urine_m_fall", "urine_m", "dflc_fall", "marrow_fall", "spd_fall")
    }
    urine = _urine_limb(value["urine_m_fall"], value["urine_m"], waived_if_not_done=True)
    serum = fallen(*_pair(_SERUM), value["serum_m_fall"])
    by_ig = pl.when(pl.col("by_serum")).then(serum & urine).otherwise(urine)
    marrow = fallen(*_pair("marrow_plasma_cells"), value["marrow_fall"])
    biochemical = (
        pl.when(pl.col("by_serum") | pl.col("by_urine"))
        .then(by_ig)
        .when(pl.col("by_dflc"))
        .then(fallen(*_pair(_DFLC), value["dflc_fall"]))
        .when(pl.col("by_marrow"))
        .then(marrow)
        .when(pl.col("by_lesion"))
        .then(True)
        .otherwise(False)
    )
    return _with_plasmacytoma(biochemical, value["spd_fall"])


@rule("imwg.mr")
def mr(criteria: Criteria, settings: Settings) -> pl.Expr:
    """Has serum M-protein fallen by a quarter and urine by half? Not defined on free light chains."""
    if not criteria.has("imwg.mr"):
        return pl.lit(False)
    value = {n: criteria.value("imwg.mr", n) for n in ("serum_m_fall", "urine_m_fall", "dflc_fall", "spd_fall")}
    urine = _urine_limb(value["urine_m_fall"], criteria.value("imwg.pr", "urine_m"), waived_if_not_done=True)
    serum = fallen(*_pair(_SERUM), value["serum_m_fall"])
    by_ig = pl.when(pl.col("by_serum")).then(serum & urine).otherwise(urine)
    by_flc = fallen(*_pair(_DFLC), value["dflc_fall"]) if settings.mr_on_flc else pl.lit(False)
    biochemical = (
        pl.when(pl.col("by_serum") | pl.col("by_urine"))
        .then(by_ig)
        .when(pl.col("by_dflc"))
        .then(by_flc)
        .otherwise(False)
    )
    return _with_plasmacytoma(biochemical, value["spd_fall"])


def index_missing() -> dict[str, pl.Expr]:
    """Which parameter that judges this line was not measured at this visit? Then the visit is NE (rules.md M1, M4)."""
    return {
        "serum_m": pl.col("by_serum") & pl.col("serum_m_lo").is_null() & ~pl.col("is_qiga"),
        "qiga": pl.col("by_serum") & pl.col("serum_m_lo").is_null() & pl.col("is_qiga"),
        "urine_m": pl.col("by_urine") & pl.col("urine_m_24h_lo").is_null() & ~pl.col("urine_unobtainable"),
        "dflc": pl.col("by_dflc") & pl.col("dflc_lo").is_null(),
        "marrow": pl.col("by_marrow") & pl.col("marrow_plasma_cells_lo").is_null(),
    }


def with_categories(sheet: pl.DataFrame, criteria: Criteria, settings: Settings) -> pl.DataFrame:
    """Adds the three-valued criteria, `raw`, `could_be`, and `biochemical` (the category with imaging left out)."""
    sheet = _judged(sheet, criteria, settings)
    imaged = (
        pl.col("has_plasmacytoma") | pl.col("other_plasmacytoma") | pl.col("by_lesion") | pl.col("lesion_pd")
    ).fill_null(True)
    if not sheet.select(imaged.any()).item():
        return sheet.with_columns(biochemical=pl.col("raw"))
    sheet = sheet.with_row_index("_row")
    # The same criteria once more, as if nobody had seen a lesion: reported beside NE where it was never imaged again.
    blind = sheet.filter(imaged).with_columns(
        has_target=False, has_plasmacytoma=False, other_plasmacytoma=False, lesion_pd=False, pd_lesion=False,
        baseline_unknown=pl.col("baseline_unknown") | pl.col("by_lesion"),
    )  # fmt: skip
    blind = _judged(blind, criteria, settings).select("_row", biochemical="raw")
    return (
        sheet.join(blind, on="_row", how="left", maintain_order="left")
        .with_columns(biochemical=pl.coalesce("biochemical", "raw"))
        .drop("_row")
    )


def _judged(sheet: pl.DataFrame, criteria: Criteria, settings: Settings) -> pl.DataFrame:
    sheet = sheet.with_columns(
        pd=pl.any_horizontal(f"pd_{limb}" for limb in LIMBS),
        scr=scr(criteria, settings),
        cr=cr(criteria, settings),
        vgpr=vgpr(criteria, settings),
        pr=pr(criteria, settings),
        mr=mr(criteria, settings),
        # A sample whose own CR is withheld confirms nobody else's.
        cr_sample=cr_sample(settings, undecided=False) & ~clear_spike(criteria),
        normal_ratio=normal_ratio(settings, undecided=False),
        contradiction=contradiction(criteria),
        lab_missing=pl.any_horizontal(index_missing().values()),
        imaging_missing=pl.col("has_target") & pl.col("spd").is_null(),
    )
    unknown_index = pl.col("lab_missing") | pl.col("imaging_missing")
    return sheet.with_columns(raw=_first_true(unknown_index), could_be=_first_possible())


def _enum(category: str) -> pl.Expr:
    return pl.lit(category, CATEGORY)


def _first_true(unknown_index: pl.Expr) -> pl.Expr:
    chosen: Any = pl.when(pl.col("pd")).then(_enum("PD")).when(unknown_index).then(_enum("NE"))
    for category in RESPONSES:
        chosen = chosen.when(pl.col(category.lower())).then(_enum(category))
    return chosen.when(pl.col("baseline_unknown")).then(_enum("NE")).otherwise(_enum("SD"))


def _first_possible() -> pl.Expr:
    """The best category not ruled out: what the visit could still be had the missing items been measured."""
    chosen: Any = pl.when(pl.col("pd")).then(_enum("PD"))
    for category in RESPONSES:
        chosen = chosen.when(pl.col(category.lower()).ne_missing(False)).then(_enum(category))
    return chosen.when(pl.col("baseline_unknown")).then(_enum("VGPR")).otherwise(_enum("SD"))
