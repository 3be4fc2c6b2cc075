"""A therapy, its labels, its needs and its cautions: the words they are written in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

REGIONS = ("US", "EU")
LABELS_READ = date(2026, 6, 26)  # day of the newest page of a label that was read (rules.md 7.3)
SCHEDULES = ("one-off", "continuous", "fixed course")
BASES = ("label", "off_label", "established", "investigational")
STATUSES = ("accelerated", "conditional", "standard")
PRECISIONS = ("day", "reported", "month")
TOXICITIES = (
    "crs",
    "neurotoxicity",
    "infection",
    "cytopenia",
    "eye_toxicity",
    "neuropathy",
    "taste_skin_nail",
    "second_malignancy",
    "embryo_fetal",
    "thrombosis",
    "cardiac",
    "gastrointestinal",
    "graft_versus_host",
)


@dataclass(frozen=True)
class Criterion:
    """One need: open where the atom is true, closed where it is false, unknown where it cannot be told."""

    atom: dict[str, Any]
    says: str
    source: str
    where: str
    checked: str


@dataclass(frozen=True)
class Caution:
    """Something to weigh where the atom is true. It never closes an option."""

    atom: dict[str, Any]
    says: str
    source: str
    where: str
    checked: str


@dataclass(frozen=True)
class Approval:
    """One label of one region, from its first day until the day on which it no longer holds.

    from_precision  day: the day of the decision; reported: the day of a dated report of it, a little later at most;
                    month: only the month is known and its first day is written. until_precision is the same for `until`
    checked         how day and indication were checked; each need tells for itself how it was checked
    """

    region: str
    start: date
    until: date | None
    from_precision: str
    until_precision: str
    status: str
    indication: str
    needs: tuple[Criterion, ...]
    source: str
    where: str
    checked: str


@dataclass(frozen=True)
class Marketed:
    """Since when the agents of an off-label therapy can be had in a region, each for a use of its own."""

    region: str
    start: date
    from_precision: str
    says: str
    source: str
    where: str
    checked: str


@dataclass(frozen=True)
class Therapy:
    """One therapy that can be weighed after CAR-T failure.

    agents            ids of agents.yaml; of a combination those that always belong to it
    targets           antigens it binds, or the molecule it acts on where it has no antigen
    visits            how often it is given, in plain words
    visits_per_month  only where a label sets the visits of the later course; those of the first weeks are more
    visits_checked    how the sentence and the number of visits were checked
    pending           decisions of a region that were due by a day and whose outcome was not found
    basis             label, off_label, established (older than labels by line) or investigational (only in a trial)
    needs             what holds whatever the label says; the label's own needs stand in its approvals
    source            of the statement; `checked` tells how that was checked
    """

    id: str
    name: str
    says: str
    agents: tuple[str, ...]
    cls: str
    targets: tuple[str, ...]
    route: str
    schedule: str
    visits: str
    visits_per_month: float | None
    visits_checked: str
    basis: str
    approvals: tuple[Approval, ...]
    marketed: tuple[Marketed, ...]
    pending: tuple[Marketed, ...]
    needs: tuple[Criterion, ...]
    cautions: tuple[Caution, ...]
    boxed: tuple[str, ...]
    toxicities: tuple[str, ...]
    order: int
    source: str
    where: str
    checked: str
    ours: tuple[str, ...]

    def in_force(self, region: str, day: date) -> tuple[Approval, ...]:
        """Which labels of the region hold on this day? Several may; one whose needs are met is enough."""
        return tuple(a for a in self.of(region) if a.start <= day and (a.until is None or day < a.until))

    def of(self, region: str) -> tuple[Approval, ...]:
        """Every label that the region ever had, the oldest first."""
        return tuple(sorted((a for a in self.approvals if a.region == region), key=lambda a: a.start))

    def on_market(self, region: str, day: date) -> bool:
        """Can the agents of an off-label therapy be had there on this day? False for every other basis."""
        return any(m.region == region and m.start <= day for m in self.marketed)
