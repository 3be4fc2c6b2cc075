"""To which line does each start of therapy belong? One patient at a time, start by start in order of time.

Whether a start continues the line depends on all that came before it; `course.starts` brings only those patients here
in whom that is a question. `course.line_rules` holds the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mspike.course.line_rules import Answer, Line, Rules, Start, day_of_start


class Placed(NamedTuple):
    """The line of a start (None: of no line), whether it begins there, and by which rule."""

    line: int | None
    begins: bool
    why: str


class Numbering:
    """One patient's starts, numbered in order of time; a given number stands."""

    def __init__(self, rules: Rules, starts: Sequence[Start], progressions: Sequence[int]) -> None:
        self.rules, self.starts, self.progressions = rules, starts, progressions
        self.next_given = _next_given(starts)
        dated = [s.given for s in starts if s.given is not None and s.day is not None]
        undated = [s.given for s in starts if s.given is not None and s.day is None]
        # Undated earlier lines came before whatever has a date, unless a dated one has a lower number.
        self.before = max((n for n in undated if not dated or n < min(dated)), default=0)
        self.top = max([*dated, *undated], default=0)
        self.seen: set[int] = set()
        self.line: Line | None = None

    def numbered(self) -> list[Placed]:
        return [self._given(s) if s.given is not None else self._derived(at, s) for at, s in enumerate(self.starts)]

    def _given(self, start: Start) -> Placed:
        number = start.given
        assert number is not None
        begins = start.day is not None and start.kind not in ("preparing", "maintenance")
        if begins and number not in self.seen:
            self._open(number, start)
        elif self.line is not None and self.line.number == number and start.kind != "preparing":
            if start.kind == "infusion":
                self._open(number, start)
            else:
                self.line.take(start, self.rules.combination)
        return Placed(number, False, "given")

    def _derived(self, at: int, start: Start) -> Placed:
        if start.kind == "steroid":
            return self._steroid(start)
        answer = self._continues(at, start)
        if answer.same:
            if self.line is not None:
                self.line.take(start, self.rules.combination)
            return Placed(None if self.line is None else self.line.number, False, answer.why)
        number = self._free(at, start)
        if number is None or (self.line is not None and number == self.line.number):
            if self.line is not None:
                self.line.take(start, self.rules.combination)
            return Placed(number, False, "no_room")
        self._open(number, start)
        return Placed(number, True, answer.why)

    def _steroid(self, start: Start) -> Placed:
        """A corticosteroid is part of a regimen that has just begun; alone it begins, ends and delays nothing."""
        if self.line is None:
            return Placed(None, False, "steroid")
        joins = self.line.kind == "therapy" and day_of_start(start) <= self.line.begun + self.rules.combination
        return Placed(self.line.number, False, "combination_window" if joins else "steroid")

    def _continues(self, at: int, start: Start) -> Answer:
        line, rules = self.line, self.rules
        if line is None:
            return Answer(start.kind == "maintenance" and not rules.maintenance_may_start, "first")
        if start.kind == "infusion":
            again = line.kind == "infusion" and day_of_start(start) <= line.begun + rules.combination
            # Cells given in fractions, or two products on one day, are one infusion.
            return Answer(again and (start.agents == line.product or day_of_start(start) == line.begun), "infusion")
        if start.kind in ("apheresis", "bridging"):
            near = line.kind in ("apheresis", "bridging") and day_of_start(start) == line.begun
            more = start.kind == line.kind == "bridging" and (
                start.agents <= line.agents or day_of_start(start) <= line.begun + rules.combination
            )
            return Answer(near or more, start.kind)
        if start.kind == "transplant":
            return rules.transplant(line, start, self.progressions)
        if start.kind == "maintenance":
            return rules.maintenance(line, start)
        return rules.therapy(line, start, self.starts[at + 1 :], self.progressions)

    def _free(self, at: int, start: Start) -> int | None:
        """The number of a new line: the next one, where the registry's own numbers leave room for it.

        Where they do not, a start before the infusion joins the line in force (None: before all given lines); an
        infusion and what follows one are never merged, and are counted on from the highest number.
        """
        last = self.before if self.line is None else self.line.number
        given = self.next_given[at]
        if given is None:
            self.top = max(self.top, last) + 1
            return self.top
        if last + 1 < given and last + 1 not in self.seen:
            return last + 1
        if start.kind in ("infusion", "apheresis") or (self.line is not None and self.line.kind == "infusion"):
            self.top += 1
            return self.top
        return last or None

    def _open(self, number: int, start: Start) -> None:
        kind = start.kind if start.kind in ("infusion", "apheresis", "bridging") else "therapy"
        self.line = Line(number, kind, day_of_start(start), product=start.agents)
        self.line.take(start, self.rules.combination)
        self.seen.add(number)
        self.top = max(self.top, number)


def _next_given(starts: Sequence[Start]) -> list[int | None]:
    """For every start the lowest number given to a dated start that follows it."""
    lowest: int | None = None
    found: list[int | None] = []
    for start in reversed(starts):
        found.append(lowest)
        if start.given is not None and start.day is not None:
            lowest = start.given if lowest is None else min(lowest, start.given)
    return found[::-1]


def number_starts(rules: Rules, starts: Sequence[Start], progressions: Sequence[int] = ()) -> list[Placed]:
    """The line of each start of one patient, in order of time.

    starts        undated ones (their line is given) first
    progressions  days of progression that somebody recorded
    """
    return Numbering(rules, starts, progressions).numbered()
