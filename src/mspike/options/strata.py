"""What is published about a therapy: the narrowest stratum that has anything, and the wider ones beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from mspike.knowledge.evidence import Evidence, evidence
from mspike.options.pool import Pooled, pool

if TYPE_CHECKING:  # a pool of evidence need not wait for the therapies
    from mspike.knowledge.therapies.salvage import Therapy
    from mspike.options.facts import Standing

AFTER = ("yes",)
LEVELS = {
    0: "this therapy after CAR-T, in the same situation (extramedullary disease, or the same product again)",
    1: "this therapy after CAR-T",
    2: "this therapy, most or some after CAR-T",
    3: "same class and target after CAR-T",
    4: "same class after CAR-T",
    5: "this therapy without CAR-T before",
}
SAME_PRODUCT = "same_product"
NAIVE = -1  # for a patient who never had CAR-T those without one before are the direct ones


@dataclass(frozen=True)
class Stratum:
    """Published results of one degree of directness (0: the most direct).

    records  all results that belong to it, superseded ones left out
    pooled   response of the independent ones among them, where there are counts; `used` are those
    """

    level: int
    says: str
    records: tuple[Evidence, ...]
    used: tuple[Evidence, ...]
    pooled: Pooled | None

    @property
    def patients(self) -> int:
        """Patients behind the response rate; where no counts are given, of the largest result."""
        counted = sum(e.orr.n or 0 for e in self.used if e.orr)
        return counted or max((e.n or 0 for e in self.records), default=0)


def strata_of(therapy: Therapy, standing: Standing, relation: str) -> tuple[Stratum, ...]:
    """The strata that have any result, narrowest first. A result stands in its narrowest stratum only.

    relation  of the therapy to what was aimed at before (`answers.relation_of`)
    """
    had_car_t = any(d.cls == "car_t" for d in standing.doses)
    outside = standing.states.get("extramedullary")
    alike = {"extramedullary"} if outside is not None and outside.holds else set()
    alike |= {SAME_PRODUCT} if relation == "same product" else set()
    levels: dict[int, list[Evidence]] = {}
    for record in current():
        level = _level(record, therapy, alike, had_car_t)
        if level is not None:
            levels.setdefault(level, []).append(record)
    told = {**LEVELS, NAIVE: LEVELS[5]}
    return tuple(_stratum(level, told[level], levels[level]) for level in sorted(levels))


def current() -> tuple[Evidence, ...]:
    """Every result that no later one has replaced."""
    return tuple(e for e in evidence().values() if e.superseded_by is None)


def _level(record: Evidence, therapy: Therapy, alike: set[str], had_car_t: bool) -> int | None:
    after = record.after_car_t in AFTER
    if therapy.id in record.options:
        if after and SAME_PRODUCT in record.tags and SAME_PRODUCT not in alike:
            return 3  # the same product a second time tells little about its first use
        if after:
            return 0 if alike & set(record.tags) else 1
        if record.after_car_t in ("mostly", "partly"):
            return 2
        return 5 if had_car_t else NAIVE
    if not after or record.cls != therapy.cls or therapy.cls == "supportive":
        return None
    return 3 if set(record.targets) & set(therapy.targets) else 4


def _stratum(level: int, says: str, records: list[Evidence]) -> Stratum:
    used = independent(records)
    counts = tuple((e.study, o.events, o.n) for e in used if (o := e.orr) and o.events is not None and o.n)
    pooled = pooled_once(counts) if counts else None
    return Stratum(level, says, tuple(sorted(records, key=lambda e: -(e.n or 0))), used, pooled)


@cache
def pooled_once(studies: tuple[tuple[str, int, int], ...]) -> Pooled:
    """One stratum serves many options: it is pooled once."""
    return pool(studies)


def independent(records: Iterable[Evidence], outcome: str = "orr") -> tuple[Evidence, ...]:
    """The results that may be pooled: with counts, and no patient twice; of linked results the largest stays."""
    counted = [e for e in records if (o := e.proportion(outcome)) and o.events is not None and o.n]
    chosen: list[Evidence] = []
    for one in sorted(counted, key=lambda e: (-(e.proportion(outcome).n or 0), e.id)):  # type: ignore[union-attr]
        if not any(linked(one, other) for other in chosen):
            chosen.append(one)
    return tuple(sorted(chosen, key=lambda e: (e.year, e.id)))


def linked(one: Evidence, other: Evidence) -> bool:
    """Do two results share patients, or may they?"""
    return other.id in (one.subset_of, *one.overlaps) or one.id in (other.subset_of, *other.overlaps)
