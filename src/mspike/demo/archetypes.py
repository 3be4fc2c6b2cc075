"""The outcome archetypes: what happens to a patient after CAR T-cell therapy, and how often.

The first patients take the archetypes in turn, so that a small registry shows every IMWG category and every type of
failure; later patients are drawn by weight. Weights give about 5 % not infused and a response rate near 80 %
(ide-cel 73 %, cilta-cel 85-98 % in trials: memory); they are a demonstration, no estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

from mspike.demo.draws import Draws

Span = tuple[float, float]


@dataclass(frozen=True)
class Archetype:
    """One outcome.

    residue       tumour mass that the CAR T cells leave, fraction of baseline (range)
    progression   day from infusion on which the regrown mass is progression: a range, or "product" for a draw from
                  the product's own distribution; None: never
    doubling      doubling time of the resistant cells, days (range)
    follow_up     days from infusion to the data cut (range)
    death         cause and day range of a death that is not from relapse
    weights       per cent of ide-cel and of cilta-cel patients beyond the rotation
    clone         fixed clone, see clone.py; empty: drawn
    traits        peculiarities that other modules look for
    """

    name: str
    tells: str
    residue: Span = (0.0, 0.0)
    progression: Span | str | None = None
    doubling: Span = (35, 55)
    follow_up: Span = (365, 1400)
    death: tuple[str, float, float] | None = None
    weights: tuple[float, float] = (0.0, 0.0)
    clone: str = ""
    traits: frozenset[str] = frozenset()

    @property
    def infused(self) -> bool:
        return "not_infused" not in self.traits


def _with(*traits: str) -> frozenset[str]:
    return frozenset(traits)


_DECLARED = (
    Archetype("sustained_scr", "Stringent complete response that lasts.", follow_up=(800, 1200), weights=(7, 20),
              clone="IgG kappa", traits=_with("complete_testing")),
    Archetype("relapse_from_cr", "Complete response, then serum M-protein comes back.", progression=(330, 520),
              follow_up=(900, 1300), clone="IgA kappa", traits=_with("complete_testing", "relapse_death")),
    Archetype("early_relapse", "Response, then progression within half a year.", (0.02, 0.10), (90, 130), (17, 22),
              (500, 1300), weights=(17, 7), clone="IgA lambda"),
    Archetype("primary_refractory", "No response, progression at once.", (0.45, 0.55), (50, 80), (28, 36),
              (400, 1300), weights=(11, 5), clone="IgA kappa", traits=_with("refractory")),
    Archetype("manufacturing_failure", "Apheresis, but the product failed its release.", weights=(2, 2),
              traits=_with("not_infused")),
    Archetype("vgpr_plateau", "Very good partial response that lasts; one spurious result.", (0.05, 0.07),
              follow_up=(700, 1200), clone="IgG lambda", traits=_with("spurious")),
    Archetype("molecular_relapse", "MRD negativity lost, no progression by the data cut.", progression=(0, 0),
              doubling=(43, 47), follow_up=(800, 1000), weights=(3, 5), clone="IgA lambda",
              traits=_with("molecular", "complete_testing")),
    Archetype("relapse_from_pr", "Partial response, late progression.", (0.25, 0.38), (260, 420),
              follow_up=(700, 1300), clone="IgG kappa"),
    Archetype("infection_death", "Death from infection in response.", (0.0, 0.05), death=("infection", 110, 420),
              weights=(4, 4), clone="IgG lambda"),
    Archetype("second_malignancy", "Myeloid neoplasm in response, later its death.", follow_up=(700, 1300),
              death=("second_malignancy", 520, 690), weights=(2, 2), traits=_with("second_malignancy")),
    Archetype("therapeutic_antibody", "Complete response under the band of daratumumab.", follow_up=(600, 1100),
              weights=(1, 1), clone="IgG kappa", traits=_with("antibody", "complete_testing")),
    Archetype("unconfirmed_pd", "One progression visit, new therapy before a second.", (0.02, 0.06), (240, 330),
              (15, 18), (700, 1200), weights=(3, 2), clone="IgA lambda", traits=_with("unconfirmed")),
    Archetype("light_chain_escape", "Free light chains return, the spike does not; next therapy without PD.",
              follow_up=(700, 1200), weights=(2, 2), clone="IgG kappa", traits=_with("escape")),
    Archetype("minimal_response", "Minimal response and no better.", (0.60, 0.66), follow_up=(400, 900),
              weights=(2, 1), clone="IgG lambda"),
    Archetype("kidney_failure", "Dialysis: no urine, both light chains raised.", follow_up=(500, 1100), weights=(1, 1),
              clone="IgG lambda", traits=_with("kidney", "complete_testing")),
    Archetype("toxicity_death", "Death from early toxicity.", (0.1, 0.2), death=("toxicity", 12, 40), weights=(2, 1.5),
              clone="IgG kappa", traits=_with("severe_crs")),
    Archetype("short_follow_up", "Infused weeks before the data cut, not yet assessed twice.", (0.85, 0.92),
              follow_up=(45, 55), weights=(1, 1), clone="IgG kappa"),
    Archetype("next_therapy", "New therapy without progression, for prolonged cytopenia and MRD.", (0.22, 0.35),
              follow_up=(600, 1200), weights=(2, 2), clone="IgG lambda", traits=_with("changed_early")),
    Archetype("light_chain_relapse", "Light-chain disease: complete response, then dFLC rises.",
              progression=(300, 480), follow_up=(700, 1200), weights=(3, 2), clone="free kappa",
              traits=_with("complete_testing")),
    Archetype("urine_only", "Bence Jones disease; urine is not always collected.", (0.04, 0.07), "product",
              follow_up=(500, 1200), weights=(3, 3), clone="urine lambda", traits=_with("urine_gaps")),
    Archetype("extramedullary_relapse", "Plasmacytoma shrinks, then a new one appears.", (0.01, 0.03), (130, 300),
              (30, 40), (500, 1200), weights=(6, 3), clone="IgG kappa",
              traits=_with("extramedullary", "relapse_death")),
    Archetype("oligoclonal_bands", "Complete response with bands of the recovering immune system.",
              follow_up=(600, 1200), weights=(3, 5), clone="IgA kappa",
              traits=_with("oligoclonal", "complete_testing")),
    Archetype("method_change", "The laboratory changes from gel to capillary electrophoresis.", (0.1, 0.14),
              (420, 560), follow_up=(800, 1200), weights=(1, 1), clone="IgG kappa",
              traits=_with("capillary", "si_units")),
    Archetype("death_before_infusion", "Apheresis, then death from myeloma.", weights=(1.5, 1.5),
              traits=_with("not_infused", "death_before")),
    Archetype("stable_disease", "Neither response nor progression.", (0.86, 0.95), follow_up=(150, 400),
              weights=(3, 1), clone="IgG lambda"),
    Archetype("nonsecretory", "Followed by marrow and imaging alone.", (0.05, 0.1), (330, 500), follow_up=(700, 1200),
              weights=(1, 1), clone="nonsecretory"),
    Archetype("unknown_death", "Death of unknown cause without documented progression.", (0.0, 0.04),
              death=("unknown", 150, 500), weights=(1, 1)),
    Archetype("progression_before_infusion", "Apheresis, then too rapid a progression.", weights=(1.5, 1.5),
              traits=_with("not_infused", "progression_before")),
    Archetype("other_death", "Death from another cause in response.", (0.0, 0.03), death=("other", 200, 700),
              weights=(1, 1)),
    Archetype("second_infusion", "Late progression, treated with a second CAR T-cell product.", (0.0, 0.03),
              (380, 500), follow_up=(900, 1300), weights=(1, 0.5), clone="IgA kappa", traits=_with("reinfusion")),
    Archetype("late_relapse", "Response, progression after half a year.", (0.0, 0.06), "product",
              follow_up=(365, 1450), weights=(15, 21)),
)  # fmt: skip

ARCHETYPES = {a.name: a for a in _DECLARED}
PRODUCTS = ("ide-cel", "cilta-cel")


def product_of(draws: Draws) -> str:
    """ide-cel or cilta-cel; in the rotation by turns."""
    if draws.patient <= len(_DECLARED):
        return PRODUCTS[draws.patient % 2]
    return draws.one_of("product", PRODUCTS)


def archetype_of(draws: Draws) -> Archetype:
    """The archetype of a patient, who is counted from 1."""
    if draws.patient <= len(_DECLARED):
        return _DECLARED[draws.patient - 1]
    column = PRODUCTS.index(product_of(draws))
    return draws.one_of("archetype", _DECLARED, [a.weights[column] for a in _DECLARED])
