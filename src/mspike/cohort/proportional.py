"""Does a hazard ratio stay the same over time?"""

from __future__ import annotations

import numpy as np
import polars as pl

from mspike.cohort.likelihood import PartialLikelihood
from mspike.cohort.survival import kaplan_meier
from mspike.cohort.times import Numbers, Times

ALL_TERMS = "all terms"


def proportional_hazards(times: Times, columns: Numbers, names: list[str], coefficients: Numbers) -> pl.DataFrame:
    """Would any coefficient change with time? Frame[term, statistic, df, p], a row a term and one for all of them.

    Score test for an added product of the covariate and a function of time, that function being 1 - Kaplan-Meier just
    before the event: what `cox.zph(fit, terms = FALSE)` in R (survival 3 and later) computes. lifelines offers only
    the approximation that R gave up in 2019, and none with time-dependent covariates.
    """
    from scipy.stats import chi2

    likelihood = PartialLikelihood(times, columns)
    fit = likelihood.at(coefficients)
    clock = _share_gone_before(times, likelihood.event_days)
    clock = clock - clock.mean()
    slope = clock @ fit.slope
    plain, mixed, squared = (np.tensordot(weight, fit.information, axes=1) for weight in (clock**0, clock, clock**2))
    free = squared - mixed @ np.linalg.pinv(plain) @ mixed
    each = [
        _statistic(slope[[i]], squared[np.ix_([i], [i])] - mixed[[i]] @ np.linalg.pinv(plain) @ mixed[:, [i]])
        for i in range(len(names))
    ]
    statistics, df = [*each, _statistic(slope, free)], [*[1] * len(names), len(names)]
    return pl.DataFrame(
        {
            "term": [*names, ALL_TERMS],
            "statistic": statistics,
            "df": df,
            "p": [float(chi2.sf(statistic, n)) for statistic, n in zip(statistics, df, strict=True)],
        },
        schema={"term": pl.String, "statistic": pl.Float64, "df": pl.Int64, "p": pl.Float64},
    ).fill_nan(None)


def _statistic(slope: Numbers, information: Numbers) -> float:
    """Nothing can be tested (not a number) where all events came on one day."""
    return float(slope @ np.linalg.pinv(information) @ slope) if np.abs(information).max() > 1e-12 else float("nan")


def _share_gone_before(times: Times, days: Numbers) -> Numbers:
    entry = None if times.entry is None else pl.Series(times.entry)
    curve = kaplan_meier(pl.Series(times.days), pl.Series(times.event), entry).table
    survival = np.concatenate([[1.0], curve["survival"].to_numpy()])
    return np.asarray(1 - survival[np.searchsorted(curve["days"].to_numpy(), days, side="left")], dtype=float)
