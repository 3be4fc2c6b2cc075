"""What is recorded about a patient on the day asked: for each fact what speaks for it and what speaks against it.

A fact counts as known only where the record speaks with one voice. Nothing recorded, or two rows that contradict each
other, is unknown; so taking rows away can make an answer unknown, but cannot turn a no into a yes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from mspike.knowledge.criteria import published
from mspike.knowledge.therapies import agents

EPOCH = dt.date(1970, 1, 1)


def days_counted(rule: str, name: str) -> int:
    """How many days a fact counts (knowledge/criteria/options/standing.yaml)."""
    return int(published("standing").value(f"standing.{rule}", name))


def named(item: str) -> str:
    """An agent by its name, a class or condition in words."""
    if item in _CLASS_WORDS:
        return _CLASS_WORDS[item]
    agent = agents().get(item)
    return agent.name if agent else item.replace("_", " ")


_CLASS_WORDS = {
    "PI": "a proteasome inhibitor",
    "IMiD": "an IMiD",
    "anti_CD38": "an anti-CD38 antibody",
    "anti_SLAMF7": "an anti-SLAMF7 antibody",
    "car_t": "CAR-T",
    "bispecific": "a bispecific antibody",
    "adc": "an antibody-drug conjugate",
    "alkylator": "an alkylator",
    "xpo1": "an XPO1 inhibitor",
    "bcl2": "a BCL2 inhibitor",
    "transplant": "a transplant",
    "autologous_transplant": "an autologous transplant",
    "triple_class": "triple-class",
    "penta_drug": "penta-drug",
}


@dataclass(frozen=True)
class Fact:
    """What speaks for a fact and what against it, each as a reader says it; `ask` says how it would become known."""

    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    ask: str = ""

    @property
    def holds(self) -> bool | None:
        if self.yes and self.no:
            return None
        return True if self.yes else False if self.no else None

    @property
    def because(self) -> str:
        if self.yes and self.no:
            return f"recorded both ways: {'; '.join((*self.yes, *self.no))}"
        return "; ".join(self.yes or self.no)


@dataclass(frozen=True)
class Reading:
    """One value of an analyte: day, exact interval in millionths of the canonical unit, and how a reader says it."""

    day: int
    lo: int
    hi: int
    told: str


@dataclass(frozen=True)
class Exposure:
    """An agent or class: was it given, is the myeloma refractory to it (None: unknown), and what says so."""

    exposed: bool | None
    refractory: bool | None
    told: str
    stated_absent: bool = False  # somebody wrote down that it was never given
    refractory_told: str = ""


@dataclass(frozen=True)
class Dose:
    """One treatment row and agent: first and last day (None: not told), and what it is aimed at."""

    agent: str
    cls: str
    targets: tuple[str, ...]  # empty: it aims at none, or nobody said at which
    start: int | None
    last: int | None
    told: str


@dataclass(frozen=True)
class Lines:
    """Prior lines of therapy: at least `least`; exactly so many where the history is complete."""

    least: int
    exact: bool
    told: str


@dataclass(frozen=True)
class Standing:
    """All that decides about a therapy for one patient on one day.

    day        the day asked, in the registry's calendar; `date` the same as a date (None in a registry of days
               without --label-date: then no label can be looked up)
    lines      prior lines
    complete   is all earlier therapy known
    exposures  by agent id, class and group (triple_class)
    last_line  what was given last and what became of it, in words; last_record the last day with any row
    doses      every treatment row and agent up to the day
    tests      by target: the tests of the antigen after it was last aimed at (see standing.py)
    values     by analyte: every reading up to the day
    states     by name: infection, neuropathy ...
    genetics   by marker: t(11;14) ...
    age        lowest and highest possible age in years, or None
    empty      nothing but the patient's own row is recorded
    """

    patient: str
    day: int
    date: dt.date | None
    lines: Lines
    complete: bool
    age: tuple[int, int] | None
    empty: bool
    exposures: Mapping[str, Exposure] = field(default_factory=dict)
    doses: tuple[Dose, ...] = ()
    last_line: str = ""
    last_record: int | None = None
    tests: Mapping[str, Fact] = field(default_factory=dict)
    values: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    states: Mapping[str, Fact] = field(default_factory=dict)
    genetics: Mapping[str, Fact] = field(default_factory=dict)
    day_registry: bool = False

    def said_day(self, day: int | None) -> str:
        """A day number as a reader says it."""
        if day is None:
            return "on a day not known"
        return f"day {day}" if self.day_registry else (EPOCH + dt.timedelta(days=day)).isoformat()
