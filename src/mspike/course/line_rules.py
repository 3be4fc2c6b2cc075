"""What starts a line of therapy? Two rule sets: rajkumar-2015, and claims.

Each is asked about a start, given the line in force: does it continue that line, and by which rule?
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from mspike.errors import WrongUsage
from mspike.knowledge.criteria import published

RULE_SETS = ("rajkumar-2015", "claims")
NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True)
class Start:
    """One treatment row that begins something, or a row whose line is given.

    day      None only where `given` is told
    end      day of the last dose, None where it goes on or nobody knows
    kind     therapy, steroid, transplant, maintenance, infusion, apheresis and bridging (nothing was infused), or
             preparing: a row that is here only for its given line
    agents   what counts for the regimen: no corticosteroid, no supportive care
    given    number of the line, where the registry tells it
    planned  labelled as tandem, planned or consolidation
    """

    day: int | None
    end: int | None
    kind: str
    agents: frozenset[str]
    given: int | None = None
    planned: bool = False
    induction: bool = False


@dataclass(slots=True)
class Line:
    """The line in force: what was given in it so far."""

    number: int
    kind: str
    begun: int
    agents: frozenset[str] = NOTHING
    opening: frozenset[str] = NOTHING
    upkeep: frozenset[str] = NOTHING
    ended: int | None = None
    lasting: bool = False
    product: frozenset[str] = NOTHING
    transplanted: int | None = None
    transplant_planned: bool = False
    other_since_transplant: bool = False

    def take(self, start: Start, window: int) -> None:
        """Adds a start to the line."""
        day = start.day if start.day is not None else self.begun
        # A procedure is over on its day; of a drug without a last dose nobody knows that it was stopped.
        end = day if start.end is None and start.kind in ("transplant", "infusion", "apheresis") else start.end
        self.lasting |= end is None
        self.ended = max(self.ended if self.ended is not None else day, day, end if end is not None else day)
        if start.kind == "transplant":
            self.transplanted, self.other_since_transplant = day, False
            self.transplant_planned = start.planned
            return
        self.other_since_transplant |= self.transplanted is not None and bool(start.agents)
        self.agents |= start.agents
        if start.kind == "maintenance":
            self.upkeep |= start.agents
        elif day <= self.begun + window:
            self.opening |= start.agents

    def stopped_by(self, day: int) -> int | None:
        """Days since the last dose of anything; None where something may still go on."""
        return None if self.lasting or self.ended is None else day - self.ended


class Answer(NamedTuple):
    """Does a start continue the line, and by which rule, in a word?"""

    same: bool
    why: str


def _days(rules: str, rule: str, name: str = "days") -> int:
    return int(published(rules).value(rule, name))


class Rajkumar:
    """Planned sequences are one line; a line ends with another regimen, not with a pause."""

    maintenance_may_start = False

    def __init__(self) -> None:
        self.combination = _days("rajkumar-2015", "lines.rajkumar.combination")
        self.pause = _days("rajkumar-2015", "lines.rajkumar.restart", "pause")
        self.first_transplant = _days("rajkumar-2015", "lines.rajkumar.first_transplant")
        self.tandem = _days("rajkumar-2015", "lines.rajkumar.tandem")
        self.bridging = _days("rajkumar-2015", "lines.rajkumar.bridging")
        self.consolidation = _days("rajkumar-2015", "lines.rajkumar.consolidation")

    def therapy(self, line: Line, start: Start, ahead: Sequence[Start], progressions: Sequence[int]) -> Answer:
        day = day_of_start(start)
        if line.kind != "therapy":  # after an infusion, or cells that were never given, every therapy is another one
            return Answer(line.kind == "infusion" and day == line.begun, "same_day")
        if day <= line.begun + self.combination:
            return Answer(True, "combination_window")
        stopped = line.stopped_by(day)
        if not start.agents <= line.agents:
            if self._consolidates(line, start, progressions):
                return Answer(True, "consolidation")
            return Answer(False, _addition(stopped))
        if stopped is None or stopped <= self.pause:
            return Answer(True, "same_regimen")
        regimen = NOTHING.union(*(s.agents for s in _within(start, ahead, self.combination)))
        return Answer(regimen in (line.opening, line.upkeep, line.agents), "restart")

    def _consolidates(self, line: Line, start: Start, progressions: Sequence[int]) -> bool:
        if line.transplanted is None or not (start.induction or start.planned):
            return False
        day = day_of_start(start)
        return day <= line.transplanted + self.consolidation and not _between(progressions, line.transplanted, day)

    def transplant(self, line: Line, start: Start, progressions: Sequence[int]) -> Answer:
        day = day_of_start(start)
        if line.kind != "therapy":
            return Answer(line.kind == "infusion" and day == line.begun, "same_day")
        if line.transplanted is None:
            early = day <= line.begun + self.first_transplant and not _between(progressions, line.begun, day)
            return Answer(start.planned or early, "transplant")
        near = day <= line.transplanted + self.tandem and not line.other_since_transplant
        unbroken = not _between(progressions, line.transplanted, day)
        return Answer(start.planned or line.transplant_planned or (near and unbroken), "tandem")

    def maintenance(self, line: Line, start: Start) -> Answer:
        return Answer(True, "maintenance")


class Claims:
    """Drugs and dates only: a window that makes the regimen, and a gap that ends the line."""

    maintenance_may_start = True

    def __init__(self) -> None:
        self.combination = _days("claims", "lines.claims.combination")
        self.gap = _days("claims", "lines.claims.gap")
        self.first_transplant = _days("claims", "lines.claims.first_transplant")
        self.tandem = _days("claims", "lines.claims.tandem")
        self.bridging = _days("claims", "lines.claims.bridging")
        self.upkeep = _days("claims", "lines.claims.maintenance")

    def therapy(self, line: Line, start: Start, ahead: Sequence[Start], progressions: Sequence[int]) -> Answer:
        day = day_of_start(start)
        if line.kind in ("apheresis", "bridging"):
            return Answer(False, "never_infused")
        if day <= line.begun + self.combination:
            return Answer(True, "combination_window")
        if line.kind == "infusion":
            return Answer(False, "regimen")
        stopped = line.stopped_by(day)
        if stopped is not None and stopped >= self.gap:
            return Answer(False, "gap")
        if start.agents <= line.agents:
            return Answer(True, "same_regimen")
        return Answer(False, _addition(stopped))

    def transplant(self, line: Line, start: Start, progressions: Sequence[int]) -> Answer:
        day = day_of_start(start)
        if line.kind != "therapy":
            return Answer(line.kind == "infusion" and day == line.begun, "same_day")
        if line.transplanted is None:
            return Answer(day <= line.begun + self.first_transplant, "transplant")
        return Answer(day <= line.transplanted + self.tandem, "tandem")

    def maintenance(self, line: Line, start: Start) -> Answer:
        if line.kind == "infusion":
            return Answer(True, "maintenance")
        if line.transplanted is not None and day_of_start(start) <= line.transplanted + self.upkeep:
            return Answer(True, "maintenance")
        answer = self.therapy(line, start, (), ())
        return answer if answer.same or answer.why == "gap" else Answer(False, "maintenance")


Rules = Rajkumar | Claims


@cache
def rule_set(name: str) -> Rules:
    """The rules of that name. Raises WrongUsage."""
    if name not in RULE_SETS:
        raise WrongUsage(f"Lines cannot be numbered by {name!r}. Choose one of {', '.join(RULE_SETS)}.")
    return Claims() if name == "claims" else Rajkumar()


def day_of_start(start: Start) -> int:
    if start.day is None:  # the record sets such rows aside
        raise ValueError("a start without a day and without a given line")
    return start.day


def _addition(stopped: int | None) -> str:
    """Another drug beside what is given, or after all of it was stopped?"""
    return "regimen" if stopped is not None and stopped > 0 else "addition"


def _within(start: Start, ahead: Sequence[Start], days: int) -> Iterator[Start]:
    """This start and those of therapy that follow it within the window, up to the next transplant or infusion."""
    yield start
    for other in ahead:
        if (
            other.kind not in ("therapy", "maintenance", "steroid")
            or other.given is not None
            or day_of_start(other) > day_of_start(start) + days
        ):
            return
        if other.kind == "therapy":
            yield other


def _between(days: Sequence[int], after: int, until: int) -> bool:
    return any(after < day <= until for day in days)
