"""The myeloma clone at baseline: what it secretes and how much, and the kidney it meets."""

from __future__ import annotations

from dataclasses import dataclass

from mspike.demo.archetypes import Archetype
from mspike.demo.draws import Draws

# Days; textbook values from memory. IgD and IgE are short-lived like IgA.
HALF_LIFE_DAYS = {"IgG": 21.0, "IgA": 6.0, "IgM": 5.0, "IgD": 3.0, "none": 0.2}
LIGHT_CHAIN_HALF_LIFE_DAYS = 0.2  # hours with healthy kidneys; textbook value, memory


@dataclass(frozen=True)
class Clone:
    """Levels at baseline: serum_g_dl, urine_mg_24h, flc_mg_l (clonal part of the involved chain), marrow_percent."""

    heavy: str
    light: str
    serum_g_dl: float
    urine_mg_24h: float
    flc_mg_l: float
    marrow_percent: float
    kidney_failure: bool
    bone_lesions: int
    plasmacytomas: int
    site: str

    @property
    def half_life_days(self) -> float:
        return HALF_LIFE_DAYS[self.heavy]

    @property
    def progression_step(self) -> float:
        """Smallest rise from zero, as a fraction of baseline, that the leading marker can call progression."""
        if self.serum_g_dl >= 1:
            return 0.5 / self.serum_g_dl
        if self.urine_mg_24h >= 200:
            return 200 / self.urine_mg_24h
        if self.flc_mg_l >= 100:
            return 100 / self.flc_mg_l
        return 10 / self.marrow_percent


def clone_of(draws: Draws, archetype: Archetype) -> Clone:
    """The patient's clone. Shares of isotypes are the usual ones (IgG a half, IgA a fifth; memory)."""
    kinds = (
        "IgG kappa",
        "IgG lambda",
        "IgA kappa",
        "IgA lambda",
        "free kappa",
        "urine lambda",
        "IgD lambda",
        "IgM kappa",
    )
    kind = archetype.clone or draws.one_of("isotype", kinds, (36, 19, 12, 9, 10, 10, 2, 2))
    heavy, light = kind.split()[0] if kind.startswith("Ig") else "none", kind.split()[-1]
    serum, urine, flc = _levels(draws, kind)
    kidney = "kidney" in archetype.traits or (not archetype.traits and draws.happens("kidney", 0.04))
    extramedullary = "extramedullary" in archetype.traits
    soft = extramedullary or (not archetype.clone and draws.happens("plasmacytoma", 0.15))
    return Clone(
        heavy=heavy,
        light=light if kind != "nonsecretory" else "none",
        serum_g_dl=serum,
        urine_mg_24h=0.0 if kidney else urine,
        flc_mg_l=flc,
        marrow_percent=draws.uniform("marrow", 35, 80) if kind == "nonsecretory" else draws.uniform("marrow", 10, 75),
        kidney_failure=kidney,
        bone_lesions=draws.whole("bone lesions", 0, 4),
        plasmacytomas=draws.whole("plasmacytomas", 1, 2) if soft else 0,
        site="extraosseous" if extramedullary else draws.one_of("site", ("paraskeletal", "extraosseous")),
    )


def _levels(draws: Draws, kind: str) -> tuple[float, float, float]:
    """Serum g/dL, urine mg/24 h and clonal light chain mg/L of a kind of clone."""
    if kind == "nonsecretory":
        return 0.0, 0.0, 0.0
    if kind == "free kappa":
        return 0.0, draws.uniform("urine", 40, 150), draws.uniform("flc", 400, 2500)
    if kind == "urine lambda":
        return 0.0, draws.uniform("urine", 900, 4500), draws.uniform("flc", 500, 3000)
    high = {"IgG": 5.2, "IgA": 4.4, "IgM": 3.5, "IgD": 2.0}[kind[:3]]
    measurable = draws.happens("urine measurable", 0.3)
    urine = draws.uniform("urine", 250, 1800) if measurable else draws.uniform("urine", 0, 150)
    return draws.uniform("serum", 1.3, high), urine, draws.uniform("flc", 20, 900)
