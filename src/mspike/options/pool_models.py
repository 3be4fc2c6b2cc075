"""Pooling by inverse variance: each study a value with its variance, and five estimators of what lies between studies.

All work on plain lists of floats: the pools are of tens of studies, and numpy takes longer to import than they take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mspike.options.intervals import normal_quantile, t_quantile

GOLDEN = (math.sqrt(5) - 1) / 2
STEPS = 20  # of the grid that finds the hill


@dataclass(frozen=True)
class Fit:
    """A pooled mean on the scale of the model: its standard error, the spread between studies, and Q."""

    mean: float
    error: float
    tau2: float
    q: float
    i2: float  # percent

    def interval(self, critical: float, spread: float = 0.0) -> tuple[float, float]:
        half = critical * math.sqrt(self.error**2 + spread)
        return self.mean - half, self.mean + half


def critical_value(test: str, df: int) -> float:
    """How many standard errors either side make 95 %: from the normal, or from t with k - 1 degrees of freedom."""
    return normal_quantile(0.975) if test == "z" else t_quantile(0.975, df)


def inverse_variance(values: Sequence[float], variances: Sequence[float], estimator: str, test: str) -> Fit:
    """The weighted mean of the studies' values, each weighted by 1 / (its variance + tau-squared).

    1. tau-squared by the estimator named (fe: none; dl: DerSimonian-Laird; pm: Paule-Mandel; ml; reml).
    2. The mean and its error; with knha the error is rescaled by what the values really scatter (Hartung-Knapp).
    3. I-squared: tau-squared against the typical variance within studies; for fe, from Q.
    """
    df = len(values) - 1
    q = scatter(values, [1 / v for v in variances])
    typical = typical_variance(variances)
    tau2 = _TAU2[estimator](values, variances, q, typical)
    weights = [1 / (v + tau2) for v in variances]
    error = math.sqrt(1 / sum(weights))
    if test == "knha":
        error *= math.sqrt(scatter(values, weights) / df)
    i2 = 100 * tau2 / (typical + tau2) if estimator != "fe" else 100 * max(0.0, (q - df) / q) if q > 0 else 0.0
    return Fit(_mean(values, weights), error, tau2, q, i2)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(w * y for w, y in zip(weights, values, strict=True)) / sum(weights)


def typical_variance(variances: Sequence[float]) -> float:
    """The variance within a typical study (Higgins and Thompson)."""
    weights = [1 / v for v in variances]
    return (len(weights) - 1) / (sum(weights) - sum(w * w for w in weights) / sum(weights))


def scatter(values: Sequence[float], weights: Sequence[float]) -> float:
    """Cochran's Q: squared distances from the weighted mean, weighted."""
    mean = _mean(values, weights)
    return sum(w * (y - mean) ** 2 for w, y in zip(weights, values, strict=True))


def _fe(values: Sequence[float], variances: Sequence[float], q: float, typical: float) -> float:
    return 0.0


def _dl(values: Sequence[float], variances: Sequence[float], q: float, typical: float) -> float:
    df = len(values) - 1
    return max(0.0, (q - df) * typical / df)


def _pm(values: Sequence[float], variances: Sequence[float], q: float, typical: float) -> float:
    """The tau-squared at which Q is what chance alone would make it, k - 1."""
    df = len(values) - 1
    if q <= df:
        return 0.0
    low, high = 0.0, 1.0
    while scatter(values, [1 / (v + high) for v in variances]) > df:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        over = scatter(values, [1 / (v + middle) for v in variances]) > df
        low, high = (middle, high) if over else (low, middle)
    return middle


def _likeliest(values: Sequence[float], variances: Sequence[float], restricted: bool) -> float:
    def height(tau2: float) -> float:
        weights = [1 / (v + tau2) for v in variances]
        lost = math.log(sum(weights)) if restricted else 0.0
        return (sum(map(math.log, weights)) - scatter(values, weights) - lost) / 2

    widest = (max(values) - min(values)) ** 2 + max(variances)
    return peak(height, widest)


_TAU2: dict[str, Callable[[Sequence[float], Sequence[float], float, float], float]] = {
    "fe": _fe,
    "dl": _dl,
    "pm": _pm,
    "ml": lambda values, variances, q, typical: _likeliest(values, variances, False),
    "reml": lambda values, variances, q, typical: _likeliest(values, variances, True),
}
ESTIMATORS = tuple(_TAU2)


def peak(height: Callable[[float], float], widest: float, precision: float = 1e-9) -> float:
    """Where between 0 and `widest` is the function highest? 0 itself counts.

    A grid that is finer towards 0 finds the hill, so that a lesser hill beside it does not mislead; golden section
    then climbs it.
    """
    grid = [widest * (step / STEPS) ** 3 for step in range(STEPS + 1)]
    heights = [height(place) for place in grid]
    best = max(range(STEPS + 1), key=heights.__getitem__)
    low, high = grid[max(0, best - 1)], grid[min(STEPS, best + 1)]
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = height(left), height(right)
    while high - low > precision * (high + 1e-3):
        if at_left < at_right:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = height(right)
        else:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = height(left)
    top = (low + high) / 2
    return top if height(top) > heights[0] + 1e-12 * abs(heights[0]) else 0.0
