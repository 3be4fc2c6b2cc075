"""What do the studies of one stratum say together? Pooled proportions, by several methods, agreeing with metafor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mspike.options.binomial_normal import binomial_normal, deviance
from mspike.options.intervals import chi_square_tail, clopper_pearson
from mspike.options.pool_models import ESTIMATORS, Fit, critical_value, inverse_variance

Study = tuple[str, int, int]  # name, events, n
SCALES = ("raw", "logit", "arcsine", "double_arcsine")
METHODS = ("glmm", *(f"{scale}_{estimator}" for scale in SCALES for estimator in ESTIMATORS))
TESTS = ("z", "t", "knha")
NOT_REACHED = "NR"


@dataclass(frozen=True)
class Pooled:
    """A pooled proportion (0 to 1) with its 95 % interval, the interval for a new study, and how studies differ.

    i2 is in percent. q is Cochran's (for glmm Wald's, with the likelihood-ratio form in q_lrt). None: not estimable.
    """

    method: str
    test: str
    k: int
    events: int
    n: int
    estimate: float
    low: float
    high: float
    prediction_low: float | None = None
    prediction_high: float | None = None
    tau2: float | None = None
    i2: float | None = None
    h2: float | None = None
    q: float | None = None
    q_df: int | None = None
    q_p: float | None = None
    q_lrt: float | None = None
    q_lrt_p: float | None = None
    note: str = ""


def pool(studies: Sequence[Study], method: str = "glmm", test: str = "z") -> Pooled:
    """What proportion responded over all studies together?

    studies  name, events, n; patients of one study must not be part of another's
    method   glmm, or SCALE_ESTIMATOR of SCALES and ESTIMATORS, such as logit_reml and double_arcsine_reml
    test     z; t with k - 1 degrees of freedom (glmm); knha, Hartung and Knapp's (all others)

    One study is not pooled: its exact interval is given, and `note` says so. Where the model has no maximum, the exact
    interval of the summed counts stands in, and `note` says so.
    """
    _checked(studies, method, test)
    counts = [(events, n) for _, events, n in studies]
    plain = _summed(counts, method, test)
    if len(counts) == 1:
        return replace(
            plain, note="one study: its own proportion with the exact (Clopper-Pearson) interval, no pooling"
        )
    if method == "glmm":
        return _by_glmm(counts, plain)
    scale, estimator = method.rsplit("_", 1)
    values, variances = zip(*(_on_scale(events, n, scale) for events, n in counts), strict=True)
    fit = inverse_variance(values, variances, estimator, test)
    return _shown(plain, fit, scale, len(counts) / sum(1 / n for _, n in counts), estimator != "fe")


def _checked(studies: Sequence[Study], method: str, test: str) -> None:
    if not studies:
        raise ValueError("there is no study to pool; give at least one (name, events, n)")
    for name, events, n in studies:
        if not 0 <= events <= n or n < 1:
            raise ValueError(f"{name}: {events} events of {n} patients; expected 0 <= events <= n and n of at least 1")
    if method not in METHODS:
        raise ValueError(f"no method {method!r}; choose one of {', '.join(METHODS)}")
    if test not in TESTS or test == ("knha" if method == "glmm" else "t"):
        allowed = "z or t" if method == "glmm" else "z or knha"
        raise ValueError(f"test {test!r} does not go with {method}; choose {allowed}")


def _summed(counts: Sequence[tuple[int, int]], method: str, test: str) -> Pooled:
    """All patients as if of one study, with the exact interval."""
    events, n = sum(x for x, _ in counts), sum(n for _, n in counts)
    return Pooled(method, test, len(counts), events, n, events / n, *clopper_pearson(events, n))


def _by_glmm(counts: Sequence[tuple[int, int]], plain: Pooled) -> Pooled:
    fit = binomial_normal(counts, [_on_scale(events, n, "logit")[1] for events, n in counts])
    if fit is not None:
        ratio = deviance(counts)
        shown = _shown(plain, fit, "logit", 0.0, True)
        return replace(shown, q_lrt=ratio, q_lrt_p=chi_square_tail(ratio, plain.k - 1))
    if plain.events in (0, plain.n):
        which = "no patient responded" if plain.events == 0 else "every patient responded"
        return replace(plain, note=f"{which}, so the model has no maximum: exact interval of the summed counts")
    note = (
        "the studies contradict each other so fully that the model finds no mean and spread: the proportion is that of "
        "the summed counts, and no interval narrower than 0 to 100 % is defensible"
    )
    return replace(plain, low=0.0, high=1.0, note=note)


def _shown(plain: Pooled, fit: Fit, scale: str, harmonic_n: float, predicts: bool) -> Pooled:
    """The fit as proportions, with what is known of the differences between studies."""
    df = plain.k - 1
    critical = critical_value(plain.test, df)
    low, high = (_as_proportion(limit, scale, harmonic_n) for limit in fit.interval(critical))
    new_low, new_high = (_as_proportion(limit, scale, harmonic_n) for limit in fit.interval(critical, fit.tau2))
    return replace(
        plain,
        estimate=_as_proportion(fit.mean, scale, harmonic_n),
        low=low,
        high=high,
        prediction_low=new_low if predicts else None,
        prediction_high=new_high if predicts else None,
        tau2=fit.tau2,
        i2=fit.i2,
        h2=100 / (100 - fit.i2),
        q=fit.q,
        q_df=df,
        q_p=chi_square_tail(fit.q, df),
    )


def _on_scale(events: int, n: int, scale: str) -> tuple[float, float]:
    """A study's proportion and variance on the scale of the model."""
    if scale == "arcsine":
        return math.asin(math.sqrt(events / n)), 1 / (4 * n)
    if scale == "double_arcsine":  # Freeman and Tukey
        return _freeman_tukey(events, n), 1 / (4 * n + 2)
    # A half is added to both cells where one of them is empty, and only there.
    x, m = (events + 0.5, n - events + 0.5) if events in (0, n) else (float(events), float(n - events))
    if scale == "raw":
        return x / (x + m), x * m / (x + m) ** 3
    return math.log(x / m), 1 / x + 1 / m


def _freeman_tukey(events: float, n: float) -> float:
    return (math.asin(math.sqrt(events / (n + 1))) + math.asin(math.sqrt((events + 1) / (n + 1)))) / 2


def _as_proportion(value: float, scale: str, harmonic_n: float) -> float:
    """Back from the scale of the model; a limit beyond what the scale can hold is 0 or 1."""
    if scale == "raw":
        return value  # may lie outside 0 to 1: the reason not to pool raw proportions
    if scale == "logit":
        return 1 / (1 + math.exp(-value)) if value > 0 else math.exp(value) / (1 + math.exp(value))
    if scale == "arcsine":
        return math.sin(min(max(value, 0.0), math.pi / 2)) ** 2
    if value >= _freeman_tukey(harmonic_n, harmonic_n):
        return 1.0
    if value <= _freeman_tukey(0, harmonic_n):
        return 0.0
    # Miller's inverse, with the harmonic mean of the studies' sizes for n.
    sine = math.sin(2 * value)
    root = math.sqrt(max(0.0, 1 - (sine + (sine - 1 / sine) / harmonic_n) ** 2))
    return (1 - math.copysign(root, math.cos(2 * value))) / 2


def median_range(medians: Sequence[float | str | None]) -> tuple[float | str, float | str]:
    """The lowest and the highest median of the studies, "NR" where one was not reached. Medians are never averaged.

    "NR" stands above every number: it was not reached in the follow-up of its study, which says no more than that.
    None (not given) is left out.
    """
    given = [median for median in medians if median is not None]
    if not given:
        raise ValueError("no median is given; there is no range of nothing")
    for median in given:
        if isinstance(median, str) and median != NOT_REACHED:
            raise ValueError(f"median {median!r}; expected a number, or {NOT_REACHED!r} for not reached")
    reached = sorted(median for median in given if not isinstance(median, str))
    if not reached:
        return NOT_REACHED, NOT_REACHED
    return reached[0], NOT_REACHED if len(reached) < len(given) else reached[-1]
