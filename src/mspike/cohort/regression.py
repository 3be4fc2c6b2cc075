"""Cox regression: hazard ratios with intervals, a check of proportional hazards, and a refusal where there are none."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from mspike.cohort.firth import firth
from mspike.cohort.likelihood import maximum
from mspike.cohort.proportional import proportional_hazards
from mspike.cohort.terms import Term, known, refuse_levels_without_events, terms_of
from mspike.cohort.times import LEVEL, Numbers, Times, Unstable, times_of
from mspike.errors import MspikeError

__all__ = ["Regression", "Unstable", "cox", "regression_of"]

# A coefficient that would multiply the hazard by more than exp(10) = 22,000 from the lowest to the highest value of
# its covariate, with an error of the same size, has run away: no likelihood has its maximum there.
RUNAWAY = 10.0
NO_ANSWER = 1e4  # an error this large says that nothing at all is known of the coefficient
# Patients; of more, statsmodels takes ten times as long: it walks from event to event.
MANY = 2_000
WALD = "Cox regression, ties by Efron, Wald intervals"
FIRTH = "Cox regression with Firth's penalty, ties by Efron, profile penalised likelihood intervals and tests"


@dataclass(frozen=True)
class Regression:
    """Hazard ratios, and what they rest on.

    terms     term, covariate, level, reference, n and events (at that level; null for a number), hazard_ratio, low,
              high, p
    ph_check  term, statistic, df, p of the score test for a hazard ratio that changes with time; the last row, "all
              terms", tests them together
    n, events used; left_out: rows without a known time or without one of the covariates
    method    how it was estimated, in words
    """

    terms: pl.DataFrame
    ph_check: pl.DataFrame
    n: int
    events: int
    left_out: int
    method: str


def cox(
    frame: pl.DataFrame,
    days: str,
    event: str,
    covariates: list[str],
    entry: str | None = None,
    penalty: Literal["firth"] | None = None,
    level: float = LEVEL,
    references: dict[str, str] | None = None,
) -> Regression:
    """How many times higher is the hazard with each covariate, the others being equal?

    frame       a row a patient; days, event, entry (delayed entry) and covariates name its columns
    penalty     None refuses (Unstable) where a covariate separates perfectly; "firth" penalises
    references  the level that the others of a group stand beside; else the first of an Enum, else the commonest
    Only patients with every covariate known count; the others are left out and counted.
    """
    if penalty not in (None, "firth"):
        raise MspikeError(f"No penalty {penalty!r}; there is 'firth', or none.")
    among = known(frame, covariates)
    times = times_of(frame[days], frame[event], frame[entry] if entry else None, among)
    return regression_of(times, frame.filter(pl.Series(times.kept)), covariates, penalty, level, references)


def regression_of(
    times: Times,
    rows: pl.DataFrame,
    covariates: list[str],
    penalty: Literal["firth"] | None = None,
    level: float = LEVEL,
    references: dict[str, str] | None = None,
) -> Regression:
    """The regression over times already taken, `rows` being the used rows of the frame in the same order."""
    if not times.event.any():
        raise Unstable(f"No hazard ratio: none of the {times.n} patients had the event.")
    terms = terms_of(rows, covariates, references)
    columns = np.stack([term.values for term in terms], axis=1)
    _refuse_one_that_follows_from_others(columns, terms)
    if penalty is None:
        refuse_levels_without_events(rows, covariates, times.event)
        coefficients, low, high, p = _wald(times, columns, terms, level)
    else:
        found = firth(times, columns, level)
        coefficients, low, high, p = found.coefficients, found.low, found.high, found.p
    table = _table(times, terms, coefficients, low, high, p)
    check = proportional_hazards(times, columns, table["term"].to_list(), coefficients)
    return Regression(table, check, times.n, int(times.event.sum()), times.left_out, FIRTH if penalty else WALD)


Limits = list[float | None]


def _wald(
    times: Times, columns: Numbers, terms: list[Term], level: float
) -> tuple[Numbers, Limits, Limits, list[float]]:
    from scipy.stats import norm

    coefficients, errors = _fitted(times, columns)
    _refuse_runaways(coefficients, errors, columns, terms)
    half = float(norm.ppf((1 + level) / 2)) * errors
    p = 2 * norm.sf(np.abs(coefficients / errors))
    return coefficients, list(coefficients - half), list(coefficients + half), [float(value) for value in p]


def _fitted(times: Times, columns: Numbers) -> tuple[Numbers, Numbers]:
    """Coefficients and their errors by statsmodels, whose delayed entry is linear in patients (lifelines': quadratic).

    Covariates are centred and scaled for the search; times are moved up because entries must not be negative.
    """
    from statsmodels.duration.hazard_regression import PHReg

    spread = columns.std(axis=0)
    scaled = (columns - columns.mean(axis=0)) / spread
    entry = None if times.entry is None else np.where(times.entry > 0, times.entry + 1.5, 0.0)
    try:
        with warnings.catch_warnings():
            # A search that runs away overflows and warns in several words; it is refused below in one sentence.
            warnings.simplefilter("ignore")
            if times.n > MANY:
                coefficients, errors = maximum(times, scaled)
                return coefficients / spread, errors / spread
            model = PHReg(times.days + 1, scaled, times.event.astype(float), entry=entry, ties="efron")
            found = model.fit(disp=0)
            coefficients, errors = np.asarray(found.params) / spread, np.asarray(found.bse) / spread
    except np.linalg.LinAlgError:
        coefficients = errors = np.full(columns.shape[1], np.nan)
    return coefficients, errors


def _refuse_one_that_follows_from_others(columns: Numbers, terms: list[Term]) -> None:
    scaled = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    if np.linalg.matrix_rank(scaled, tol=1e-9 * math.sqrt(scaled.size)) < len(terms):
        raise Unstable(
            f"{', '.join(term.name for term in terms)} cannot be told apart in these patients: one follows "
            "from the others, so that the regression has no single answer. Leave one of them out."
        )


def _refuse_runaways(coefficients: Numbers, errors: Numbers, columns: Numbers, terms: list[Term]) -> None:
    if not (np.isfinite(coefficients).all() and np.isfinite(errors).all() and (errors > 0).all()):
        raise Unstable(
            "The regression has no finite answer: its covariates separate the events perfectly "
            f"({', '.join(term.name for term in terms)}). Use fewer, merge levels, "
            "or ask for Firth's penalty (--penalty firth)."
        )
    width = np.ptp(columns, axis=0)
    away = (np.abs(coefficients) * width > RUNAWAY) & (errors * width > RUNAWAY) | (errors * width > NO_ANSWER)
    if away.any():
        names = ", ".join(term.name for term, gone in zip(terms, away, strict=True) if gone)
        raise Unstable(
            f"{names} separates those with the event from those without perfectly, so its hazard ratio has no finite "
            "estimate. Merge levels, leave the covariate out, or ask for Firth's penalty (--penalty firth)."
        )


def _table(
    times: Times, terms: list[Term], coefficients: Numbers, low: Limits, high: Limits, p: list[float]
) -> pl.DataFrame:
    rows = [
        {
            "term": term.name,
            "covariate": term.covariate,
            "level": term.level,
            "reference": term.reference,
            "n": None if term.level is None else int(term.values.sum()),
            "events": None if term.level is None else int(term.values[times.event].sum()),
            "hazard_ratio": math.exp(coefficients[i]),
            "low": _ratio(low[i]),
            "high": _ratio(high[i]),
            "p": p[i],
        }
        for i, term in enumerate(terms)
    ]
    kinds = dict.fromkeys(("term", "covariate", "level", "reference"), pl.String)
    counts = dict.fromkeys(("n", "events"), pl.Int64)
    ratios = dict.fromkeys(("hazard_ratio", "low", "high", "p"), pl.Float64)
    return pl.DataFrame(rows, schema={**kinds, **counts, **ratios})


def _ratio(limit: float | None) -> float | None:
    return None if limit is None else math.exp(limit)
