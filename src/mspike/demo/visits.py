"""When the patient is seen: screening, baseline, then by schedule, more often when the disease returns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mspike.demo.fate import Fate

Days = npt.NDArray[np.float64]

SCREENING, BASELINE = -40, -7


def visit_days(fate: Fate) -> Days:
    """Visits in days from infusion; about one in 25 is missed."""
    planned = {SCREENING, BASELINE}
    if fate.archetype.infused:
        planned |= {28, 60, 90}
    planned |= set(_later_visits(fate))
    watched = {day + step for day in fate.progressions for step in (0, 22, 44)}
    before_next_line = {s.start - 1 for s in fate.salvage}
    days = _spaced(planned, watched | before_next_line)
    if fate.has("unconfirmed") and fate.progression is not None and fate.salvage:
        quiet = (fate.progression - 40, fate.salvage[0].start)
        days = [d for d in days if not quiet[0] < d <= quiet[1] or d == fate.progression]
    return np.array(_kept(fate, days), float)


def _later_visits(fate: Fate) -> list[int]:
    draws = fate.draws
    first_year, afterwards = draws.one_of("interval", ((28, 42), (30, 56), (35, 56), (28, 28)))
    jitter = draws.stream("visit jitter").integers(-3, 4, size=80)
    days, day, number = [], 90 if fate.archetype.infused else 0, 0
    while day < fate.end:
        day += first_year if day < 365 else afterwards
        days.append(day + int(jitter[number]))
        number += 1
    return days


def _spaced(planned: set[int], wanted: set[int]) -> list[int]:
    """Planned visits give way to those that the disease calls for within ten days of them."""
    first = sorted(wanted)
    kept = [d for i, d in enumerate(first) if i == 0 or d - first[i - 1] > 3]
    return sorted([*kept, *(p for p in planned if all(abs(p - d) > 10 for d in kept))])


def _kept(fate: Fate, days: list[int]) -> list[int]:
    missed = fate.draws.stream("missed visits").random(2_000) < 0.04
    wanted = {*fate.progressions, *(d + 22 for d in fate.progressions)}
    return [d for d in days if d < fate.end and (d in (SCREENING, BASELINE, 28, 60) or d in wanted or not missed[d])]


def inpatient_days(fate: Fate) -> Days:
    """Days of the first three weeks on which blood is taken, response markers apart."""
    days = np.array([-5, 0, 2, 4, 6, 8, 10, 12, 14, 18], float)
    return days[days <= fate.end] if fate.archetype.infused else days[:0]
