"""Blood counts, inflammation, organ function, soluble BCMA and CAR T cells over time, and the days of toxicity."""

from __future__ import annotations

import numpy as np

from mspike.demo.fate import Fate
from mspike.demo.kinetics import Levels, tumour
from mspike.demo.laboratory import Laboratory
from mspike.demo.toxicity import Toxicity

SBCMA_HALF_LIFE_DAYS = 1.5  # about a day or two; rough, memory
_TRANSGENE_DAYS = np.array([3, 7, 10, 14, 28, 60, 90, 180, 270, 365], float)


def report_monitoring(
    fate: Fate, toxicity: Toxicity, laboratory: Laboratory, visits: Levels, inpatient: Levels
) -> None:
    days = np.sort(np.concatenate([visits, inpatient]))
    mass = tumour(fate.phases, days, fate.screening_mass)
    _report_counts(fate, laboratory, days, mass)
    _report_inflammation(fate, toxicity, laboratory, days, mass)
    _report_organs(fate, laboratory, days, mass)
    laboratory.report("sbcma", visits, 4 + _burden_scale(fate) * tumour(fate.phases, visits, fate.screening_mass))
    if fate.archetype.infused:
        _report_transgene(fate, laboratory)
        _report_ward(toxicity, laboratory)


def _burden_scale(fate: Fate) -> float:
    """Soluble BCMA at baseline, ng/mL: more with more marrow disease."""
    return 4.0 * fate.clone.marrow_percent * fate.draws.uniform("sbcma scale", 0.5, 1.5)


def _dip(days: Levels, low: float, recovered: float) -> Levels:
    """1 before lymphodepletion, down to `low` in the week after infusion, back to 1 on day `recovered`."""
    back = np.clip((days - 8) / (recovered - 8), 0, 1)
    return np.where(days < -4, 1.0, np.where(days < 2, 0.35, low + (1 - low) * back))


def _report_counts(fate: Fate, laboratory: Laboratory, days: Levels, mass: Levels) -> None:
    """Counts in 10*9/L and haemoglobin in g/dL."""
    draws = fate.draws
    recovered = draws.uniform("count recovery", 25, 110)
    dip = _dip(days, 0.06, recovered) if fate.archetype.infused else np.ones(len(days))
    crowding = 1 - 0.15 * np.minimum(mass, 2) * (fate.clone.marrow_percent / 60)
    laboratory.report("anc", days, draws.uniform("anc", 1.8, 4.5) * dip)
    platelet_dip = _dip(days, 0.25, recovered * 1.2) if fate.archetype.infused else dip
    laboratory.report("platelets", days, draws.uniform("platelets", 110, 240) * platelet_dip * crowding)
    lymphocytes = draws.uniform("alc", 0.4, 1.4) * (_dip(days, 0.1, 150) if fate.archetype.infused else dip)
    laboratory.report("alc", days, lymphocytes + _expansion(fate, days))
    anaemia = 0.78 + 0.22 * np.clip((dip - 0.06) / 0.94, 0, 1)
    laboratory.report("haemoglobin", days, draws.uniform("haemoglobin", 10.5, 13.8) * anaemia * (0.6 + 0.4 * crowding))


def _expansion(fate: Fate, days: Levels) -> Levels:
    """Lymphocytes (10*9/L) that the expanding CAR T cells add around day 12; little where they fail."""
    if not fate.archetype.infused:
        return np.zeros(len(days))
    peak = (
        fate.draws.uniform("expansion", 0.1, 0.5)
        if fate.has("refractory")
        else fate.draws.uniform("expansion", 0.6, 3.5)
    )
    return peak * np.exp(-0.5 * ((days - 12) / 3.0) ** 2)


def _report_inflammation(fate: Fate, toxicity: Toxicity, laboratory: Laboratory, days: Levels, mass: Levels) -> None:
    """Ferritin ng/mL, CRP mg/dL, fibrinogen mg/dL, ALT U/L: they follow the cytokine release."""
    draws = fate.draws
    fever = toxicity.intensity(days)
    baseline = draws.uniform("ferritin", 60, 700) * (1 + 0.3 * np.minimum(mass, 2))
    laboratory.report("ferritin", days, baseline * (1 + 2.5 * fever))
    laboratory.report("crp", days, 0.2 + draws.uniform("crp", 0.0, 1.5) * np.minimum(mass, 2) + 4 * fever)
    near = days[(days > -10) & (days < 30)]
    near_fever = toxicity.intensity(near)
    laboratory.report("fibrinogen", near, draws.uniform("fibrinogen", 280, 450) / (1 + 0.4 * near_fever))
    laboratory.report("alt", near, draws.uniform("alt", 12, 40) * (1 + 0.7 * near_fever))


def _report_organs(fate: Fate, laboratory: Laboratory, days: Levels, mass: Levels) -> None:
    """Creatinine, calcium mg/dL, albumin g/dL, LDH U/L, beta-2 microglobulin mg/L."""
    draws = fate.draws
    creatinine = (
        draws.uniform("creatinine", 4.5, 7.5) if fate.clone.kidney_failure else draws.uniform("creatinine", 0.6, 1.15)
    )
    laboratory.report("creatinine", days, np.full(len(days), creatinine))
    calcium = draws.uniform("calcium", 8.9, 9.7) + 1.2 * np.clip(mass - 1.3, 0, 1.5)
    attribution = np.where(calcium > 10.4, "myeloma", "")
    laboratory.report("calcium", days, calcium, attribution)
    laboratory.report("albumin", days, draws.uniform("albumin", 3.5, 4.4) - 0.25 * np.minimum(mass, 2))
    laboratory.report("ldh", days, draws.uniform("ldh", 140, 240) * (1 + 0.12 * np.minimum(mass, 2)))
    seldom = days[(days < -5) | (days > 80)][::3]
    kidney = 5.0 if fate.clone.kidney_failure else 1.0
    later = tumour(fate.phases, seldom, fate.screening_mass)
    laboratory.report("b2m", seldom, kidney * (1.8 + draws.uniform("b2m", 0.5, 3.0) * later))


def _report_transgene(fate: Fate, laboratory: Laboratory) -> None:
    """CAR transgene copies per ug DNA: a peak near day 10, a fast and a slow decline."""
    days = _TRANSGENE_DAYS[fate.end > _TRANSGENE_DAYS]
    height = 8_000 if fate.has("refractory") else 90_000
    peak = height * float(np.exp(0.6 * fate.draws.stream("transgene peak").standard_normal()))
    slow = fate.draws.uniform("transgene persistence", 40, 120)
    after = np.maximum(days - 10, 0)
    decline = 0.95 * np.exp(-after / 7) + 0.05 * np.exp(-after / slow)
    laboratory.report("car_transgene", days, peak * np.where(days < 10, np.exp(-(10 - days) * 0.6), decline))


def _report_ward(toxicity: Toxicity, laboratory: Laboratory) -> None:
    """Temperature, oxygen, vasopressors and ICE score on the ward, once a day."""
    days = toxicity.ward_days
    fever = (days >= toxicity.crs_start) & (days <= toxicity.crs_end) & (toxicity.crs_grade > 0)
    laboratory.report("temperature", days, np.where(fever, 38.9, 36.7))
    confused = (days >= toxicity.icans_start) & (days <= toxicity.icans_end) & (toxicity.icans_grade > 0)
    score = {0: 10, 1: 8, 2: 5, 3: 1, 4: 0}[toxicity.icans_grade]
    laboratory.report("ice_score", days, np.where(confused, score, 10))
    worst = fever & (np.cumsum(fever) <= 2) & (toxicity.crs_grade >= 2)
    flow = "2" if toxicity.crs_grade == 2 else "10"  # low flow; high flow
    laboratory.report("oxygen", days, np.where(worst, flow, "room air"))
    laboratory.report("vasopressors", days, np.where(worst, max(toxicity.crs_grade - 2, 0), 0.0))
    laboratory.report("hypotension", days, np.where(worst & (toxicity.crs_grade > 2), "yes", "no"))
