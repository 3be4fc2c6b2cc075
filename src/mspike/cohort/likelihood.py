"""Cox's partial likelihood with its slope and information, event by event: for what no library at hand offers.

Used by Firth's penalty, by the score test of proportional hazards and, of many patients, by the search for its
maximum; plain hazard ratios of fewer come from statsmodels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mspike.cohort.times import Numbers, Times


@dataclass(frozen=True)
class Fit:
    """At given coefficients: log-likelihood; and for each event its share of the slope and of the information.

    slope        events x terms: covariates of the patient with the event less their mean among those at risk
                 (the Schoenfeld residuals)
    information  events x terms x terms: their variance among those at risk
    """

    log_likelihood: float
    slope: Numbers
    information: Numbers


class PartialLikelihood:
    """Efron's partial likelihood of intervals (entry, day], as `coxph(Surv(entry, day, event) ~ ...)` in R."""

    def __init__(self, times: Times, columns: Numbers) -> None:
        order = np.argsort(times.days, kind="stable")
        self._columns = (columns - columns.mean(axis=0))[order]
        self._event = times.event[order]
        days = times.days[order]
        self._days = days[self._event]
        at, self._which, ties = np.unique(self._days, return_inverse=True, return_counts=True)
        first = np.concatenate([[0], ties.cumsum()[:-1]])
        # Of several events on one day the k-th is compared with a risk set from which k/d of that day's are gone.
        self._gone = (np.arange(len(self._days)) - first[self._which]) / ties[self._which]
        self._from = np.searchsorted(days, at, side="left")
        self._entry_order, self._not_yet = _entries(times, order, at)

    @property
    def event_days(self) -> Numbers:
        return self._days

    def at(self, coefficients: Numbers) -> Fit:
        columns, happened = self._columns, self._columns[self._event]
        linear = columns @ coefficients
        weight = np.exp(linear - linear.max())
        total = self._at_risk(weight)
        mean = np.stack([self._at_risk(weight * column) / total for column in columns.T], axis=1)
        log_likelihood = float((linear - linear.max())[self._event].sum() - np.log(total).sum())
        terms = columns.shape[1]
        information = np.empty((len(total), terms, terms))
        for i in range(terms):
            for j in range(i + 1):
                square = self._at_risk(weight * columns[:, i] * columns[:, j]) / total
                information[:, i, j] = information[:, j, i] = square - mean[:, i] * mean[:, j]
        return Fit(log_likelihood, happened - mean, information)

    def _at_risk(self, values: Numbers) -> Numbers:
        """The sum over those at risk at each event, less the share of tied events that went before it."""
        still = np.concatenate([values[::-1].cumsum()[::-1], [0.0]])[self._from]
        if self._entry_order is not None:
            later = np.concatenate([values[self._entry_order][::-1].cumsum()[::-1], [0.0]])
            still = still - later[self._not_yet]
        tied = np.bincount(self._which, weights=values[self._event], minlength=len(still))
        return np.asarray(still[self._which] - self._gone * tied[self._which], dtype=float)


def _entries(
    times: Times, order: np.ndarray[Any, Any], at: Numbers
) -> tuple[np.ndarray[Any, Any] | None, np.ndarray[Any, Any]]:
    """Patients by entry, and for each event day the first of them who enters on it or later: not yet at risk."""
    if times.entry is None:
        return None, np.empty(0, dtype=np.int64)
    entry = times.entry[order]
    by_entry = np.argsort(entry, kind="stable")
    return by_entry, np.searchsorted(entry[by_entry], at, side="left")


STEPS, HALVINGS = 50, 20
CLOSE = 1e-7  # of the log-likelihood: the step that would gain no more is the last, and leaves an error of its square


def maximum(times: Times, columns: Numbers) -> tuple[Numbers, Numbers]:
    """Which coefficients maximise the partial likelihood, and what are their errors? Not a number where none do.

    Newton's steps, halved where they would go down, as `coxph` in R; the columns should be centred and scaled.
    For many patients only: statsmodels does the same, but counts the patients one by one in Python.
    """
    likelihood = PartialLikelihood(times, columns)
    at = np.zeros(columns.shape[1])
    fit = likelihood.at(at)
    for _ in range(STEPS):
        slope, information = fit.slope.sum(axis=0), fit.information.sum(axis=0)
        step = np.linalg.solve(information, slope)
        if abs(float(slope @ step)) < CLOSE:
            last = likelihood.at(at + step).information.sum(axis=0)
            return at + step, np.sqrt(np.diag(np.linalg.inv(last)))
        nearer = likelihood.at(at + step)
        for _ in range(HALVINGS):
            if nearer.log_likelihood >= fit.log_likelihood:
                break
            step = step / 2
            nearer = likelihood.at(at + step)
        at, fit = at + step, nearer
    return at * np.nan, at * np.nan
