"""What the laboratory reports of the clone: spike, urine, light chains, immunofixation, immunoglobulins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mspike.demo.clone import LIGHT_CHAIN_HALF_LIFE_DAYS
from mspike.demo.fate import Fate
from mspike.demo.kinetics import Levels, protein
from mspike.demo.laboratory import Laboratory

Mask = npt.NDArray[np.bool_]

VISIBLE_SERUM_G_DL = 0.02  # immunofixation sees this much; rough, memory
VISIBLE_URINE_MG = 5.0
# A therapeutic antibody shows on immunofixation up to about six months after its last dose (rules.md 1.7).
ANTIBODY_STAYS_DAYS = 180


def report_markers(fate: Fate, laboratory: Laboratory, days: Levels) -> None:
    """Writes the rows of all markers of the clone for the given visit days."""
    clone = fate.clone
    long_lived = protein(fate.phases, days, fate.screening_mass, clone.half_life_days)
    short_lived = protein(fate.phases, days, fate.screening_mass, LIGHT_CHAIN_HALF_LIFE_DAYS)
    serum = clone.serum_g_dl * long_lived
    urine = clone.urine_mg_24h * short_lived
    clonal_chain = clone.flc_mg_l * short_lived + light_chain_escape(fate, days)
    clonal_chain = np.where(clonal_chain < 0.2, 0.0, clonal_chain)
    band = _antibody_band(fate, days)
    _report_serum(fate, laboratory, days, serum, band, clonal_chain)
    _report_urine(fate, laboratory, days, urine)
    _report_light_chains(fate, laboratory, days, clonal_chain)
    _report_immunoglobulins(fate, laboratory, days, serum)


def light_chain_escape(fate: Fate, days: Levels) -> Levels:
    """Light chains (mg/L) of a subclone that lost its heavy chain; doubling in 40 days, next line stops it."""
    if not fate.has("escape") or not fate.salvage:
        return np.zeros_like(days)
    change = fate.salvage[0].start
    grown = 30 * 2 ** ((np.minimum(days, change) - 240) / 40)
    return np.where(days > 100, grown, 0) * np.where(days > change, 0.5 ** ((days - change) / 25), 1)


def antibody_given(fate: Fate) -> tuple[int, int] | None:
    """First and last day of daratumumab around the infusion, where it was given."""
    if fate.has("antibody"):
        return -30, 400
    bridged = fate.archetype.infused and fate.draws.happens("daratumumab bridging", 0.12)
    return (-30, -14) if bridged else None


def _antibody_band(fate: Fate, days: Levels) -> Mask:
    given = antibody_given(fate)
    if given is None:
        return np.zeros(len(days), bool)
    return (days >= given[0]) & (days <= given[1] + ANTIBODY_STAYS_DAYS)


def _report_serum(
    fate: Fate, laboratory: Laboratory, days: Levels, serum: Levels, band: Mask, clonal_chain: Levels
) -> None:
    """The antibody is IgG kappa: its faint spike is mistaken for an IgG kappa clone, others are told apart."""
    draws, clone = fate.draws, fate.clone
    visible = (serum >= VISIBLE_SERUM_G_DL) | ((clone.heavy == "none") & (clonal_chain > 60))
    mistaken = band & ~visible & (clone.heavy == "IgG") & (clone.light == "kappa")
    faint = draws.stream("antibody spike").uniform(0.05, 0.15, len(days))
    spike = np.where(mistaken, faint, np.where(serum < VISIBLE_SERUM_G_DL, 0, serum))
    laboratory.report_serum_m(days, spike)
    adjudicated = mistaken & (days > 150) & (draws.stream("adjudicated").random(len(days)) < 0.5)
    extra = fate.has("oligoclonal") & ~visible & (days > 85) & (days < 420)
    words = np.select(
        [visible, adjudicated, mistaken, extra],
        ["positive", "therapeutic_antibody", "positive", "oligoclonal"],
        "negative",
    )
    laboratory.report("serum_ife", days, words)


def _report_urine(fate: Fate, laboratory: Laboratory, days: Levels, urine: Levels) -> None:
    clone = fate.clone
    if clone.kidney_failure:
        return
    laboratory.report("urine_m_24h", days, np.where(urine < VISIBLE_URINE_MG, 0, urine))
    words = np.where(urine >= VISIBLE_URINE_MG, "positive", "negative")
    laboratory.report("urine_ife", days, words)
    volume = fate.draws.stream("urine volume").uniform(1.1, 2.8, len(days))
    laboratory.report("urine_volume_24h", days, volume)


def _report_light_chains(fate: Fate, laboratory: Laboratory, days: Levels, clonal: Levels) -> None:
    """Healthy chains are low after the CAR T cells, raised in kidney failure with a ratio still in its range."""
    clone = fate.clone
    healthy = _polyclonal(fate, days, "chains")
    kidney = 4.0 if clone.kidney_failure else 1.0
    kappa, lambda_ = 11.0 * healthy * kidney * (1.2 if clone.kidney_failure else 1.0), 12.5 * healthy * kidney
    if clone.light == "kappa":
        kappa = kappa + clonal
    elif clone.light == "lambda":
        lambda_ = lambda_ + clonal
    laboratory.report("kappa_flc", days, kappa)
    laboratory.report("lambda_flc", days, lambda_)


def _report_immunoglobulins(fate: Fate, laboratory: Laboratory, days: Levels, serum: Levels) -> None:
    """Uninvolved classes are suppressed by disease and by the CAR T cells; mg/dL."""
    healthy = _polyclonal(fate, days, "immunoglobulins")
    for analyte, usual in (("igg", 850.0), ("iga", 150.0), ("igm", 70.0)):
        own = 1000 * serum if fate.clone.heavy.lower() == analyte else 0.0
        laboratory.report(analyte, days, np.maximum(usual * healthy, 5) + own)


def _polyclonal(fate: Fate, days: Levels, name: str) -> Levels:
    """Healthy plasma cells as a fraction of normal: 0.55 before, deeply suppressed after infusion, then recovering."""
    deep = not fate.has("complete_testing") and fate.draws.happens(f"{name} suppressed", 0.3)
    depth = fate.draws.uniform(f"{name} depth", 0.02, 0.10) if deep else 0.45
    recovered = np.clip((days - 120) / 300, 0, 1)
    return (
        np.where(days < 14, 0.55, depth + (1 - depth) * recovered)
        if fate.archetype.infused
        else np.full(len(days), 0.55)
    )
