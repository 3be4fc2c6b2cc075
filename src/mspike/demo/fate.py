"""The fate of one patient: when infused, how the disease behaves, what follows, when and of what the patient dies."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np

from mspike.demo.archetypes import Archetype, archetype_of, product_of
from mspike.demo.clone import Clone, clone_of
from mspike.demo.draws import Draws
from mspike.demo.kinetics import Phase

DATA_CUT = (dt.date(2025, 6, 30) - dt.date(1970, 1, 1)).days
# Days from infusion to progression of those who respond for half a year: median and log-spread, chosen so that the
# whole product has a median near 12 and 30 months (KarMMa 8.8-13, CARTITUDE-1 34.9 months: memory).
_RESPONSE_LASTS = {"ide-cel": (430.0, 0.55), "cilta-cel": (1050.0, 0.6)}
# No product was on the market longer before the data cut than this (first approvals 2021 and 2022, memory).
_LONGEST_FOLLOW_UP = {"ide-cel": 1480, "cilta-cel": 1190}


@dataclass(frozen=True)
class Salvage:
    """A later line: the day it starts, its agents, and the day on which the disease has grown again."""

    start: int
    agents: tuple[str, ...]
    progression: int
    reason: str


@dataclass(frozen=True)
class Fate:
    """All that happens to a patient, in days from infusion; `infusion` is a day number of the calendar."""

    draws: Draws
    archetype: Archetype
    product: str
    clone: Clone
    infusion: int
    end: int
    progression: int | None
    death_cause: str | None
    salvage: tuple[Salvage, ...]
    phases: tuple[Phase, ...]
    screening_mass: float

    def has(self, trait: str) -> bool:
        return trait in self.archetype.traits

    @property
    def progressions(self) -> tuple[int, ...]:
        first = () if self.progression is None else (self.progression,)
        return tuple(d for d in (*first, *(s.progression for s in self.salvage)) if d <= self.end)


def fate_of(draws: Draws) -> Fate:
    archetype, product = archetype_of(draws), product_of(draws)
    clone = clone_of(draws, archetype)
    follow_up = int(min(draws.uniform("follow-up", *archetype.follow_up), _LONGEST_FOLLOW_UP[product]))
    fate = Fate(
        draws, archetype, product, clone,
        infusion=DATA_CUT - follow_up, end=follow_up,
        progression=_progression(draws, archetype, product, follow_up),
        death_cause=None, salvage=(), phases=(), screening_mass=draws.uniform("screening mass", 0.9, 1.3),
    )  # fmt: skip
    fate = _not_infused(fate) if not archetype.infused else _with_salvage(_with_death(fate))
    return replace(fate, phases=_phases(fate))


def _progression(draws: Draws, archetype: Archetype, product: str, follow_up: int) -> int | None:
    if archetype.progression is None:
        return None
    if "molecular" in archetype.traits:
        return follow_up + 260
    if isinstance(archetype.progression, str):
        median, spread = _RESPONSE_LASTS[product]
        return int(max(215, median * np.exp(spread * draws.stream("progression").standard_normal())))
    return int(draws.uniform("progression", *archetype.progression))


def _with_salvage(fate: Fate) -> Fate:
    """Adds up to three later lines, each after the progression before it was seen twice."""
    day, reason = _first_change(fate)
    lines: list[Salvage] = []
    for number in range(3):
        name = f"salvage {number}"
        if day is None or day >= fate.end - 30:
            break
        if number and fate.draws.happens(f"{name} none", 0.25):
            fate = _untreated(fate, day)
            break
        lasts = fate.draws.uniform(f"{name} lasts", 110, 420)
        lines.append(Salvage(day, _salvage_agents(fate, number), int(day + lasts), reason))
        day, reason = int(day + lasts + fate.draws.uniform(f"{name} gap", 60, 90)), "progression"
    else:
        fate = _untreated(fate, day)
    return replace(fate, salvage=tuple(lines))


def _untreated(fate: Fate, day: int | None) -> Fate:
    """Progressed and no further line: death from myeloma within months."""
    death = (day or 0) + fate.draws.whole("untreated", 10, 150)
    return fate if death >= fate.end else replace(fate, end=death, death_cause="myeloma")


def _first_change(fate: Fate) -> tuple[int | None, str]:
    """The day and reason of the first new therapy."""
    draws = fate.draws
    if fate.has("escape"):
        return draws.whole("escape change", 430, 470), "light-chain escape"
    if fate.has("changed_early"):
        return draws.whole("early change", 190, 260), "physician decision"
    if fate.progression is None or fate.progression > fate.end:
        return None, ""
    if fate.has("unconfirmed"):
        return fate.progression + 5, "suspected progression"
    return int(fate.progression + draws.uniform("salvage lag", 75, 110)), "progression"


def _salvage_agents(fate: Fate, number: int) -> tuple[str, ...]:
    if fate.has("reinfusion") and number == 0:
        return ("cilta-cel" if fate.product == "ide-cel" else "ide-cel",)
    choices = (
        ("talquetamab",),
        ("teclistamab",),
        ("elranatamab",),
        ("carfilzomib", "cyclophosphamide", "dexamethasone"),
        ("selinexor", "bortezomib", "dexamethasone"),
        ("isatuximab", "pomalidomide", "dexamethasone"),
        ("belantamab mafodotin", "bortezomib", "dexamethasone"),
    )
    return fate.draws.one_of(f"salvage {number} agents", choices, (5, 4, 2, 2, 2, 2, 1))


def _with_death(fate: Fate) -> Fate:
    if fate.archetype.death is not None:
        cause, low, high = fate.archetype.death
        day = int(fate.draws.uniform("death", low, high))
        day = min(day, int(0.8 * fate.end))
        before = fate.progression is not None and fate.progression < day
        return replace(fate, end=day, death_cause="myeloma" if before else cause)
    if fate.progression is None or fate.progression > fate.end:
        return fate
    if fate.has("relapse_death"):
        wait = fate.draws.uniform("relapse death", 150, 320)
    else:
        wait = 60 + float(fate.draws.stream("relapse death").exponential(780))  # OS about 18 months, memory
    if fate.progression + wait >= fate.end:
        return fate
    return replace(fate, end=int(fate.progression + wait), death_cause="myeloma")


def _not_infused(fate: Fate) -> Fate:
    """Day 0 is the day the infusion was planned for."""
    if fate.has("death_before"):
        return replace(fate, end=fate.draws.whole("death", -4, 9), death_cause="myeloma")
    if fate.has("progression_before"):
        end = min(fate.end, fate.draws.whole("death", 90, 300))
        return replace(fate, end=end, progression=-3, death_cause="myeloma", salvage=_next_line(fate, "progression"))
    lost = min(fate.end, fate.draws.whole("lost to follow-up", 240, 420))
    return replace(fate, end=lost, salvage=_next_line(fate, "manufacturing failure"))


def _next_line(fate: Fate, reason: str) -> tuple[Salvage, ...]:
    return (Salvage(fate.draws.whole("next line", 10, 30), ("talquetamab",), 330, reason),)


def _phases(fate: Fate) -> tuple[Phase, ...]:
    archetype, draws = fate.archetype, fate.draws
    growth = float(np.log(2) / draws.uniform("doubling", *archetype.doubling))
    start = _first_phase(fate, growth) if archetype.infused else Phase(0.0, 0.0, 1.0, 0.1, growth)
    later = []
    for number, salvage in enumerate(fate.salvage):
        responds = draws.happens(f"salvage {number} responds", 0.5)
        residue = draws.uniform(f"salvage {number} residue", 0.0, 0.3) if responds else 0.8
        at_end = residue * 0.5 + fate.clone.progression_step * 1.3
        resistant = at_end * float(np.exp(-growth * (salvage.progression - salvage.start)))
        later.append(Phase(salvage.start, residue, resistant, 0.08, growth))
    return (start, *later)


def _first_phase(fate: Fate, growth: float) -> Phase:
    """The CAR T cells: resistant cells are as many as will call progression on the day the fate says."""
    residue = fate.draws.uniform("residue", *fate.archetype.residue)
    kill = float(np.log(2) / fate.draws.uniform("kill half-life", 3.5, 6.0))
    if fate.progression is None:
        return Phase(0.0, residue, 0.0, kill, 0.0)
    if fate.has("refractory"):
        at_progression = 1.5 - residue
    else:
        at_progression = max(0.35 * residue, 1.25 * fate.clone.progression_step)
        at_progression *= 2.2 if fate.has("unconfirmed") else 1.0
    return Phase(0.0, residue, at_progression * float(np.exp(-growth * fate.progression)), kill, growth)
