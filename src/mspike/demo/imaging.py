"""Imaging: bone lesions that stay as scars, plasmacytomas that shrink and grow, new lesions at relapse."""

from __future__ import annotations

import numpy as np

from mspike.demo.fate import Fate
from mspike.demo.kinetics import tumour
from mspike.demo.sheets import Sheets

SMALLEST_SEEN_MM = 6.0


def report_imaging(fate: Fate, sheets: Sheets) -> None:
    days = _imaging_days(fate)
    mass = tumour(fate.phases, np.array(days, float), fate.screening_mass)
    if not fate.clone.bone_lesions and not fate.clone.plasmacytomas:
        for day in days:  # a scan without a lesion leaves no row among the lesions
            sheets.add("events", date=day, event="pet_ct", detail="no lesion, no extramedullary disease")
    for lesion in range(fate.clone.bone_lesions):
        for day, burden in zip(days, mass, strict=True):
            uptake = 4 if burden > 0.5 else 3 if burden > 0.1 else 2
            sheets.add(
                "lesions", date=day, lesion_id=f"B{lesion + 1}", site="bone", finding="measured", deauville=uptake,
                irradiated="no",
            )  # fmt: skip
    for lesion in range(fate.clone.plasmacytomas):
        _report_plasmacytoma(fate, sheets, lesion, days, mass)
    if fate.has("extramedullary") and fate.progression is not None:
        _report_new_lesion(fate, sheets, [d for d in days if d >= fate.progression])


def _imaging_days(fate: Fate) -> list[int]:
    """Baseline, month 3, then every 84 days with a plasmacytoma, else at months 6, 12 and yearly; and at relapse."""
    planned = [-20, *range(84, 1500, 84)] if fate.clone.plasmacytomas else [-20, 90, 180, 365, 730, 1095]
    if not fate.archetype.infused:
        planned = planned[:1]
    at_relapse = [d for d in fate.progressions if d > 0]
    spaced = [d for d in planned if all(abs(d - r) > 15 for r in at_relapse)]
    return sorted(d for d in {*spaced, *at_relapse} if d < fate.end)


def _report_plasmacytoma(fate: Fate, sheets: Sheets, lesion: int, days: list[int], mass: np.ndarray) -> None:
    """Diameters in mm follow the cube root of the mass."""
    at_baseline = fate.draws.uniform(f"plasmacytoma {lesion}", 22, 55)
    flatness = fate.draws.uniform(f"plasmacytoma {lesion} shape", 0.6, 0.95)
    irradiated = "yes" if fate.draws.happens(f"plasmacytoma {lesion} irradiated", 0.1) else "no"
    for day, burden in zip(days, mass, strict=True):
        longest = at_baseline * float(burden) ** (1 / 3)
        # In the archetype with a new lesion the old one stays small: the new one is the progression.
        if fate.has("extramedullary") and day > 60:
            longest = min(longest, 0.35 * at_baseline)
        seen = longest * flatness >= SMALLEST_SEEN_MM
        sheets.add(
            "lesions", date=day, lesion_id=f"P{lesion + 1}", site=fate.clone.site,
            longest_mm=f"{longest:.0f}" if seen else None,
            perpendicular_mm=f"{longest * flatness:.0f}" if seen else None,
            finding="measured" if seen else "resolved", deauville=(5 if burden > 0.3 else 3) if seen else 1,
            irradiated=irradiated,
        )  # fmt: skip


def _report_new_lesion(fate: Fate, sheets: Sheets, days: list[int]) -> None:
    for number, day in enumerate(days):
        longest = 24 + 6 * number
        sheets.add(
            "lesions", date=day, lesion_id="N1", site="extraosseous", longest_mm=longest, perpendicular_mm=longest - 6,
            finding="measured" if number else "new", deauville=5, irradiated="no",
        )  # fmt: skip
