"""Cox regression with Firth's penalty: finite hazard ratios also where a covariate separates perfectly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mspike.cohort.likelihood import PartialLikelihood
from mspike.cohort.times import Numbers, Times, Unstable

STEPS, HALVINGS, CLOSE, NUDGE = 200, 30, 1e-9, 1e-4
FARTHEST = 60.0  # a limit beyond exp(60) standard deviations apart is no limit


Limits = list[float | None]


@dataclass(frozen=True)
class Penalised:
    """Coefficients with the limits of the profile penalised likelihood (None = none on that side) and its p."""

    coefficients: Numbers
    low: Limits
    high: Limits
    p: list[float]


class _Penalty:
    """The penalised log-likelihood: Efron's, plus half the logarithm of the determinant of the information."""

    def __init__(self, times: Times, columns: Numbers) -> None:
        self._plain = PartialLikelihood(times, columns)

    def value(self, coefficients: Numbers) -> float:
        fit = self._plain.at(coefficients)
        return fit.log_likelihood + _half_log_det(fit.information.sum(axis=0))

    def slope_and_information(self, coefficients: Numbers) -> tuple[Numbers, Numbers]:
        fit = self._plain.at(coefficients)
        nudges = np.eye(len(coefficients)) * NUDGE
        penalty = [
            _half_log_det(self._plain.at(coefficients + nudge).information.sum(axis=0))
            - _half_log_det(self._plain.at(coefficients - nudge).information.sum(axis=0))
            for nudge in nudges
        ]
        return fit.slope.sum(axis=0) + np.array(penalty) / (2 * NUDGE), fit.information.sum(axis=0)

    def highest(self, start: Numbers, fixed: int | None = None) -> tuple[Numbers, float]:
        """The best coefficients from a start, one of them held where it is if `fixed`; by Newton's steps, halved."""
        at, value = start.copy(), self.value(start)
        free = [i for i in range(len(start)) if i != fixed]
        for _ in range(STEPS if free else 0):
            slope, information = self.slope_and_information(at)
            step = np.zeros(len(at))
            step[free] = np.linalg.solve(information[np.ix_(free, free)], slope[free])
            step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
            at, value, better = self._climb(at, value, step)
            if not better or float(np.abs(slope[free] @ step[free])) < CLOSE:
                break
        return at, value

    def _climb(self, at: Numbers, value: float, step: Numbers) -> tuple[Numbers, float, bool]:
        for halving in range(HALVINGS):
            there = at + step / 2**halving
            higher = self.value(there)
            if higher > value:
                return there, higher, True
        return at, value, False


def firth(times: Times, columns: Numbers, level: float) -> Penalised:
    """Which coefficients maximise Firth's penalised partial likelihood, and which would it not refuse?

    Heinze and Schemper 2001 (Biometrics 57:114): penalised likelihood for estimates, its profile for limits, its ratio
    for p. Wald limits would be misleading where the likelihood is lopsided, which is where the penalty is wanted.
    Covariates are scaled inside, which changes nothing but the numerics.
    """
    from scipy.stats import chi2

    spread = columns.std(axis=0)
    penalty = _Penalty(times, columns / spread)
    try:
        best, highest = penalty.highest(np.zeros(columns.shape[1]))
        if not np.isfinite(highest):  # the information has no determinant, not even where every hazard is the same
            raise np.linalg.LinAlgError
        drop = float(chi2.ppf(level, 1)) / 2
        low: Limits = []
        high: Limits = []
        p = []
        for i in range(len(best)):
            at_zero = best.copy()
            at_zero[i] = 0.0
            p.append(float(chi2.sf(max(0.0, 2 * (highest - penalty.highest(at_zero, i)[1])), 1)))
            for side, limits in ((-1, low), (1, high)):
                found = _limit(penalty, best, highest - drop, i, side)
                limits.append(None if found is None else found / float(spread[i]))
    except np.linalg.LinAlgError:
        raise Unstable(
            "Even the penalised regression has no answer: at no event do the patients at risk differ in every "
            "covariate. Use fewer covariates."
        ) from None
    return Penalised(best / spread, low, high, p)


def _limit(penalty: _Penalty, best: Numbers, level: float, term: int, side: int) -> float | None:
    """Where on this side the profile falls to the level; the other coefficients follow from the last place."""
    from scipy.optimize import brentq

    place = best.copy()

    def above(value: float) -> float:
        nonlocal place
        place[term] = value
        place, height = penalty.highest(place, term)
        return height - level

    inside, reach = float(best[term]), 0.5
    while above(outside := float(best[term]) + side * reach) > 0:
        inside, reach = outside, reach * 2
        if reach > FARTHEST:
            return None
    return float(brentq(above, inside, outside, xtol=1e-8))


def _half_log_det(information: Numbers) -> float:
    sign, value = np.linalg.slogdet(information)
    return 0.5 * float(value) if sign > 0 else -np.inf
