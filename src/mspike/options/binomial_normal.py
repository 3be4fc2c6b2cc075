"""The binomial-normal model: events are binomial in each study, and the studies' logits scatter normally.

All on plain lists of floats: a pool has tens of studies, and numpy takes longer to import than this takes to run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mspike.options.pool_models import Fit, peak, scatter, typical_variance

ROUGH, FINE = 0.9, 0.4  # steps of the integral in widths of its peak: to find the top, and to stand on it
FLAT = 1e-9  # a gain in log-likelihood that is only rounding: studies of one patient tell nothing of the scatter
NEGLIGIBLE = -34.0  # logarithm of a height beside the peak's from which on nothing adds to a double
WIDEST_TAU = 10.0  # a spread on the logit scale at which the likelihood only creeps on upwards

Counts = Sequence[tuple[int, int]]  # events, n of each study


def binomial_normal(counts: Counts, variances: Sequence[float]) -> Fit | None:
    """The logit of a typical study when logits scatter normally between studies; None where no maximum exists.

    1. The likelihood of a study is integrated over the scatter, in even steps outwards from its own mode. Such a sum
       is exact to rounding for these smooth peaks; Gauss-Hermite points are not where all patients responded.
    2. For each tau the best mean by Newton (the likelihood is log-concave in the mean), then the best tau.
    3. The error of the mean from the curvature in mean and tau together; on the edge tau = 0, in the mean alone.
    4. Q is Wald's: the scatter of the observed logits, in which studies without a finite logit weigh nothing.

    variances  of the logits with 0.5 added to studies with a zero cell; only I-squared uses them
    """
    start = sum(x for x, _ in counts) / sum(n for _, n in counts)
    if start in (0, 1):
        return None
    mean_at = {0.0: math.log(start / (1 - start))}

    def height(tau: float) -> float:
        nearest = min(mean_at, key=lambda other: abs(other - tau))
        mean_at[tau], at_best = _best_mean(counts, mean_at[nearest], tau)
        return at_best

    tau = peak(height, WIDEST_TAU, 1e-3)
    if tau > 0.9 * WIDEST_TAU:
        return None
    height(tau)
    mean, tau = _sharpened(counts, mean_at[tau], tau)
    if _sums(counts, mean, tau, FINE)[0] < _sums(counts, mean_at[0.0], 0.0, FINE)[0] + FLAT:
        mean, tau = mean_at[0.0], 0.0
    return _with_heterogeneity(counts, variances, mean, _error_of_mean(counts, mean, tau), tau * tau)


def _sharpened(counts: Counts, mean: float, tau: float) -> tuple[float, float]:
    """Newton in mean and tau together, from near the top; the edge tau = 0 is left as it is."""
    for _ in range(20 if tau else 0):
        _, slope_mean, slope_tau, mm, mt, tt = _sums(counts, mean, tau, FINE)
        fall = mm * tt - mt * mt
        if fall <= 0 or abs(mm * slope_tau - mt * slope_mean) > fall * tau / 2:
            break  # no top here to stand on: the rough one, or tau = 0, is as good
        step_mean, step_tau = (tt * slope_mean - mt * slope_tau) / fall, (mm * slope_tau - mt * slope_mean) / fall
        mean, tau = mean - step_mean, tau - step_tau
        if abs(step_mean) + abs(step_tau) < 1e-11:
            break
    return mean, abs(tau)


def _sums(counts: Counts, mean: float, tau: float, step: float) -> list[float]:
    """The log-likelihood of all studies and its five derivatives."""
    parts = [_study(x, n, mean, tau, step) for x, n in counts]
    return [sum(column) for column in zip(*parts, strict=True)]


def _with_heterogeneity(counts: Counts, variances: Sequence[float], mean: float, error: float, tau2: float) -> Fit:
    typical = typical_variance(variances)
    inner = [(x, n) for x, n in counts if 0 < x < n]
    q = scatter([math.log(x / (n - x)) for x, n in inner], [x * (n - x) / n for x, n in inner]) if inner else 0.0
    return Fit(mean, error, tau2, q, 100 * tau2 / (typical + tau2))


def deviance(counts: Counts) -> float:
    """Q as a likelihood ratio: each study with a proportion of its own against one proportion for all."""
    pooled = sum(x for x, _ in counts) / sum(n for _, n in counts)
    own = sum(_plain_log_likelihood(x, n, x / n) for x, n in counts)
    return max(0.0, 2 * (own - sum(_plain_log_likelihood(x, n, pooled) for x, n in counts)))


def _plain_log_likelihood(x: int, n: int, p: float) -> float:
    return (x * math.log(p) if x else 0.0) + ((n - x) * math.log(1 - p) if x < n else 0.0)


def _best_mean(counts: Counts, mean: float, tau: float) -> tuple[float, float]:
    """The mean logit of greatest likelihood at this tau, and the log-likelihood there."""
    for _ in range(100):
        value, slope, _, bend, _, _ = _sums(counts, mean, tau, ROUGH)
        shift = -slope / bend
        if abs(shift) < 1e-5:
            break
        mean += max(-2.0, min(2.0, shift))
    return mean, value


def _error_of_mean(counts: Counts, mean: float, tau: float) -> float:
    mean_mean, mean_tau, tau_tau = (-bend for bend in _sums(counts, mean, tau, FINE)[3:])
    if tau == 0:
        return math.sqrt(1 / mean_mean)
    return math.sqrt(tau_tau / (mean_mean * tau_tau - mean_tau**2))


def _study(x: int, n: int, mean: float, tau: float, step: float) -> tuple[float, float, float, float, float, float]:
    """The log-likelihood of one study and its derivatives: by mean, tau, mean twice, mean and tau, tau twice.

    With u the study's place in the scatter, each derivative is an average over what u can be, given its events.
    """
    mode, top, width = _mode(x, n, mean, tau)
    between = step * min(width, 1 / tau) if tau else step
    total = s1 = s2 = s11 = s12 = s22 = 0.0
    for first, stride in ((mode, between), (mode - between, -between)):
        u, height = first, 0.0
        while height > NEGLIGIBLE:
            logit = mean + tau * u
            log_rest, p = _logistic(logit)
            height = x * logit + n * log_rest - u * u / 2 - top
            weight = math.exp(height)
            slope = x - n * p
            bend = slope * slope - n * p * (1 - p)
            total += weight
            s1 += weight * slope
            s2 += weight * slope * u
            s11 += weight * bend
            s12 += weight * bend * u
            s22 += weight * bend * u * u
            u += stride
    d1, d2 = s1 / total, s2 / total
    value = top + math.log(total * between / math.sqrt(2 * math.pi))
    return value, d1, d2, s11 / total - d1 * d1, s12 / total - d1 * d2, s22 / total - d2 * d2


def _mode(x: int, n: int, mean: float, tau: float) -> tuple[float, float, float]:
    """The likeliest place of a study in the scatter, the log-height there, and the width of the peak.

    Newton, halved where it would leap over a steep logistic; the sum around the mode needs no last digit of it.
    """
    low, high = -tau * n, tau * n  # the slope x - n p lies between -n and n
    own = (x + 0.5) * (n - x + 0.5) / (n + 1)
    u = tau * own / (1 + tau * tau * own) * (math.log((x + 0.5) / (n - x + 0.5)) - mean)
    before = math.inf
    for _ in range(100):
        _, p = _logistic(mean + tau * u)
        slope, curvature = tau * (x - n * p) - u, 1 + tau * tau * n * p * (1 - p)
        if abs(slope) < 1e-5 * curvature:
            break
        low, high = (u, high) if slope > 0 else (low, u)
        newton = u + slope / curvature
        halves = abs(slope) > before / 2 or not low <= newton <= high
        u, before = (low + high) / 2 if halves else newton, abs(slope)
    logit = mean + tau * u
    return u, x * logit + n * _logistic(logit)[0] - u * u / 2, 1 / math.sqrt(curvature)


def _logistic(logit: float) -> tuple[float, float]:
    """log(1 - p) and p of a logit, without overflow."""
    if logit > 0:
        small = math.exp(-logit)
        return -logit - math.log1p(small), 1 / (1 + small)
    small = math.exp(logit)
    return -math.log1p(small), small / (1 + small)
