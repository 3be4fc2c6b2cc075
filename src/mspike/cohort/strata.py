"""Strata that answer the question: by what a cohort is divided, in which order, and from when on it is known.

A group that is formed by what happens later (the first salvage therapy, MRD negativity) holds patients who lived long
enough to come into it. Such a stratum is no baseline: it enters an analysis as a time-dependent exposure or at a
landmark, never as a comparison of ever with never.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import polars as pl

Known = Literal["infusion", "failure", "later"]
Origin = Literal["infusion", "failure", "apheresis"]

# From which origin on is what is known at that time a property of the group, and not of its future?
_SETTLED: dict[Origin, tuple[Known, ...]] = {
    "infusion": ("infusion",),
    "failure": ("infusion", "failure"),
    # Earlier therapy, product and risk are told as of the infusion: patients enter there (delayed entry).
    "apheresis": ("infusion",),
}

TARGETED_CLASSES = ("car_t", "bispecific", "adc")
# The bands of pages.md; a regimen goes by the first of them that it holds.
SALVAGE_CLASSES = (*TARGETED_CLASSES, "anti_cd38", "imid_celmod", "pi", "alkylator_transplant", "other", "none")
PRIOR_BCMA = ("none", "adc", "bispecific", "car_t", "several")
PATTERNS = ("biochemical", "light_chain_escape", "marrow", "bone", "lesion", "extramedullary", "cns")
RELATIONS = ("same_target", "other_target", "no_target", "none")
STAGES = ("R-ISS I", "R-ISS II", "R-ISS III", "ISS I", "ISS II", "ISS III")
FAILURE_TYPES = (
    "not_infused", "primary_refractory", "early_relapse", "late_relapse", "molecular_relapse", "next_therapy",
    "second_malignancy", "nonrelapse_death", "none", "undetermined",
)  # fmt: skip
DEATH_OF_MYELOMA = "death_of_myeloma"
FIRST_FAILURES = ("primary_refractory", "early_relapse", "late_relapse", "next_therapy", DEATH_OF_MYELOMA)
RESPONSES = ("sCR", "CR", "VGPR", "PR", "MR", "SD", "PD", "NE")
AGES = {"under 65": 65, "65 to 74": 75, "75 and over": None}  # upper ends, years, not included
LINES = {"0": 1, "1": 2, "2 to 3": 4, "4 and more": None}  # upper ends, earlier lines, not included
YES_NO = ("false", "true")


class Stratum(NamedTuple):
    """By which column a cohort is divided.

    column  of the cohort; its null is "not known" and a group of its own, or left out and counted, never merged
    words   what stands in the head of a table
    order   the levels in their order; empty: as they come, sorted (products, years)
    known   from when on every patient's group is settled: at the infusion, at failure, or only later
    """

    column: str
    words: str
    order: tuple[str, ...] = ()
    known: Known = "infusion"

    @property
    def baseline(self) -> bool:
        """Is it a property at the infusion? False: a comparison of its groups from infusion compares futures."""
        return self.known == "infusion"

    def comparable_from(self, origin: Origin) -> bool:
        """May outcomes that start at this origin be compared between its groups?"""
        return self.known in _SETTLED[origin]


STRATA: dict[str, Stratum] = {
    "product": Stratum("product", "CAR-T product"),
    "target": Stratum("target", "Target of the product"),
    "prior_bcma": Stratum("prior_bcma", "Earlier BCMA-directed therapy", PRIOR_BCMA),
    "lines": Stratum("lines_group", "Earlier lines of therapy", tuple(LINES)),
    "emd": Stratum("extramedullary", "Extramedullary disease", YES_NO),
    "risk": Stratum("high_risk", "High-risk cytogenetics: del(17p), t(4;14) or t(14;16)", YES_NO),
    "stage": Stratum("stage", "Stage before infusion", STAGES),
    "triple_class": Stratum("triple_class_refractory", "Triple-class refractory", YES_NO),
    "penta_drug": Stratum("penta_drug_refractory", "Penta-drug refractory", YES_NO),
    "age": Stratum("age_group", "Age at infusion, years", tuple(AGES)),
    "sex": Stratum("sex", "Sex", ("female", "male", "other")),
    "heavy_chain": Stratum("heavy_chain", "Heavy chain", ("IgG", "IgA", "IgM", "IgD", "IgE", "none")),
    "light_chain": Stratum("light_chain", "Light chain", ("kappa", "lambda", "none")),
    "year": Stratum("index_year", "Year of infusion"),
    "response": Stratum("best_response", "Best response", RESPONSES, "failure"),
    "failure_type": Stratum("first_failure_type", "How it failed first", FIRST_FAILURES, "failure"),
    "failure_pattern": Stratum("failure_pattern", "Pattern of failure (most severe component)", PATTERNS, "failure"),
    "crs": Stratum("crs_grade", "Highest grade of CRS", ("0", "1", "2", "3", "4", "5"), "later"),
    "icans": Stratum("icans_grade", "Highest grade of ICANS", ("0", "1", "2", "3", "4", "5"), "later"),
    "mrd": Stratum("mrd_best", "MRD at 10⁻⁵", ("negative", "positive", "indeterminate", "not_tested"), "later"),
    "salvage": Stratum("first_salvage_class", "First therapy after failure", SALVAGE_CLASSES, "later"),
    "salvage_target": Stratum("salvage_relation", "Target of the first therapy after failure", RELATIONS, "later"),
}


def banded(number: pl.Expr, bands: dict[str, int | None]) -> pl.Expr:
    """The band a whole number falls into; unknown where the number is.

    bands  name and upper end (not included), in rising order; the last has none
    """
    named: pl.Expr = pl.lit(None, pl.String)
    for name, end in reversed(bands.items()):
        named = pl.lit(name) if end is None else pl.when(number < end).then(pl.lit(name)).otherwise(named)
    return pl.when(number.is_not_null()).then(named)
