"""Tumour mass and the proteins it makes, in closed form.

Each therapy splits the mass into cells that it kills, cells that it leaves alone and resistant cells that grow: a
sum of exponentials (the shape of Stein et al. 2008 for tumour growth, memory). A secreted protein with first-order
clearance then is a sum of exponentials too, so a long-lived IgG spike lags behind the marrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.float64]

CEILING = 1.8  # no patient carries more than this multiple of the baseline mass for long


@dataclass(frozen=True)
class Phase:
    """One therapy from its first day until the next one.

    start       day from infusion
    residue     part of the mass at its start that it leaves unchanged, fraction
    resistant   part of the mass at its start that grows, fraction of the baseline mass
    kill_per_day, growth_per_day
    """

    start: float
    residue: float
    resistant: float
    kill_per_day: float
    growth_per_day: float

    def parts(self, mass: float) -> tuple[tuple[float, float], ...]:
        """(mass, rate per day) of the killed, the remaining and the growing cells."""
        growing = min(self.resistant, mass)
        left = min(self.residue * mass, mass - growing)
        return (
            (mass - left - growing, -self.kill_per_day),
            (left, 0.0),
            (growing, self.growth_per_day),
        )


def tumour(phases: Sequence[Phase], days: Levels, before: float) -> Levels:
    """Tumour mass as a fraction of baseline on each day; `before` is the mass at screening, 33 days before it."""
    return protein(phases, days, before, half_life_days=0.0)


def protein(phases: Sequence[Phase], days: Levels, before: float, half_life_days: float) -> Levels:
    """Level of a secreted protein as a fraction of baseline; a half-life of 0 gives the tumour mass itself."""
    clearance = np.log(2) / half_life_days if half_life_days else np.inf
    level = 1 + (before - 1) * np.clip(-(days + 7) / 33, 0, None)
    mass, carried = 1.0, 1.0
    for number, phase in enumerate(phases):
        end = phases[number + 1].start if number + 1 < len(phases) else np.inf
        here = (days >= phase.start) & (days < end)
        parts = phase.parts(mass)
        level[here] = _within_phase(parts, days[here] - phase.start, carried, clearance)
        if np.isfinite(end):
            span = np.array([end - phase.start])
            mass = float(_within_phase(parts, span, mass, np.inf)[0])
            carried = float(_within_phase(parts, span, carried, clearance)[0])
    return np.minimum(level, CEILING)


def _within_phase(parts: tuple[tuple[float, float], ...], days: Levels, carried: float, clearance: float) -> Levels:
    """Solves d(level)/dt = clearance * (mass - level) for a mass that is a sum of exponentials."""
    if np.isinf(clearance):
        return np.minimum(sum((m * np.exp(rate * days) for m, rate in parts), np.zeros_like(days)), CEILING)
    washout = np.exp(-clearance * days)
    level = carried * washout
    for mass, rate in parts:
        share = mass * clearance / (clearance + rate) if abs(clearance + rate) > 1e-9 else 0.0
        level = level + share * (np.exp(rate * days) - washout)
    return np.clip(level, 0.0, CEILING)
