"""Exact binomial intervals and the tails of normal, t and chi-square, in plain Python.

Written out because importing scipy alone takes longer than the command that asks may take to answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

TINY = 1e-300
LEVEL = 0.95


def clopper_pearson(events: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Which proportions would not have made this count, or one further away, improbable? The exact interval.

    Each limit leaves half of 1 - level in its own tail (Clopper and Pearson).
    """
    tail = (1 - level) / 2
    low = 0.0 if events == 0 else _solve(lambda p: beta_cdf(p, events, n - events + 1), tail, 0.0, 1.0)
    high = 1.0 if events == n else _solve(lambda p: beta_cdf(p, events + 1, n - events), 1 - tail, 0.0, 1.0)
    return low, high


def wald(events: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The proportion and so many standard errors either side, not cut at 0 and 1; some trials print this one."""
    proportion = events / n
    half = normal_quantile((1 + level) / 2) * math.sqrt(proportion * (1 - proportion) / n)
    return proportion - half, proportion + half


def normal_quantile(probability: float) -> float:
    """The value below which a standard normal variable lies with this probability."""
    return NormalDist().inv_cdf(probability)


def t_quantile(probability: float, df: int) -> float:
    """The value below which Student's t lies with this probability (above a half)."""
    highest = 2.0
    while _t_cdf(highest, df) < probability:
        highest *= 2
    return _solve(lambda t: _t_cdf(t, df), probability, 0.0, highest)


def chi_square_tail(value: float, df: int) -> float:
    """How often is a chi-square variable with `df` degrees of freedom at least this large?

    Starts from one or two degrees of freedom, whose tails are closed, and adds two at a time.
    """
    if value <= 0:
        return 1.0
    half = value / 2
    shape, tail = (1.0, math.exp(-half)) if df % 2 == 0 else (0.5, math.erfc(math.sqrt(half)))
    while shape < df / 2:
        tail += math.exp(shape * math.log(half) - half - math.lgamma(shape + 1))
        shape += 1
    return tail


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast only on this side
        return 1 - beta_cdf(1 - x, b, a)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(front) * _beta_fraction(x, a, b) / a


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _not_zero(1 + step * d)
            c = _not_zero(1 + step / c)
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return fraction


def _not_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY


def _t_cdf(t: float, df: int) -> float:
    return 1 - beta_cdf(df / (df + t * t), df / 2, 0.5) / 2


def _solve(rising: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a rising function reaches the target, by halving until the doubles on either side are neighbours."""
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if rising(middle) < target:
            low = middle
        else:
            high = middle
