"""The acute toxicities of one infusion: cytokine release and neurotoxicity, their days and grades."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mspike.demo.fate import Fate
from mspike.demo.kinetics import Levels


@dataclass(frozen=True)
class Toxicity:
    """Days from infusion and ASTCT grades; grade 0: none."""

    crs_grade: int
    crs_start: int
    crs_end: int
    icans_grade: int
    icans_start: int
    icans_end: int
    last_day: int

    @property
    def ward_days(self) -> Levels:
        return np.arange(0, min(14, self.last_day) + 1, dtype=float)

    def intensity(self, days: Levels) -> Levels:
        """Cytokine release as a multiple that rises and falls around its middle."""
        middle = (self.crs_start + self.crs_end) / 2 + 1
        return self.crs_grade * np.exp(-0.5 * ((days - middle) / 4) ** 2)


def toxicity_of(fate: Fate) -> Toxicity:
    """Onset near day 1 after ide-cel and day 7 after cilta-cel, about 5 and 4 days (trial medians, memory)."""
    draws, product = fate.draws, fate.product
    if not fate.archetype.infused:
        return Toxicity(0, 0, 0, 0, 0, 0, fate.end)
    start = draws.whole("crs onset", 1, 3) if product == "ide-cel" else draws.whole("crs onset", 5, 9)
    grade = 4 if fate.has("severe_crs") else draws.one_of("crs grade", (0, 1, 2, 3), (14, 54, 28, 4))
    icans = 3 if fate.has("severe_crs") else draws.one_of("icans grade", (0, 1, 2, 3), (82, 10, 6, 2))
    end = start + draws.whole("crs duration", 2, 5)
    return Toxicity(grade, start, end, icans, start + 1, start + 1 + draws.whole("icans duration", 1, 4), fate.end)
