"""How many respond, and how many are MRD-negative: proportions with exact intervals and their denominators."""

from __future__ import annotations

import polars as pl

from mspike.cohort.times import LEVEL
from mspike.errors import MspikeError
from mspike.record.tables import CATEGORIES

NOT_ASSESSED = "not assessed"
AT_LEAST = ("sCR", "CR", "VGPR", "PR", "MR")


def clopper_pearson(n: int, total: int, level: float = LEVEL) -> tuple[float | None, float | None]:
    """The exact interval of a proportion, in percent; none (None) of nobody."""
    from scipy.stats import binomtest

    if total == 0:
        return None, None
    found = binomtest(n, total).proportion_ci(level, method="exact")
    return 100 * float(found.low), 100 * float(found.high)


def response_rates(best: pl.Series, level: float = LEVEL) -> pl.DataFrame:
    """What share had each response as their best, and what share had at least that?

    best  best confirmed response, a row a patient; null = never assessed. Everybody is in the denominator, also who was
          not evaluable or never assessed (rules.md 4.1): a missing response is no response in a rate.
    A row a category: category, n, total, percent, low, high (Clopper-Pearson, percent), and from sCR to MR the same of
    "at least this" (at_least_n, ...); at least PR is the overall response rate.
    """
    told = best.cast(pl.String)
    unknown = set(told.drop_nulls().unique().to_list()) - set(CATEGORIES)
    if unknown:
        raise MspikeError(f"No response category {min(unknown)!r}; there are {', '.join(CATEGORIES)}.")
    rows, so_far = [], 0
    for category in (*CATEGORIES, NOT_ASSESSED):
        n = int(told.null_count()) if category == NOT_ASSESSED else int((told == category).sum())
        so_far += n
        beside = _share(so_far if category in AT_LEAST else None, len(told), level)
        alone = _share(n, len(told), level)
        rows.append((category, n, len(told), *alone, so_far if category in AT_LEAST else None, *beside))
    names = ("percent", "low", "high", "at_least_n", "at_least_percent", "at_least_low", "at_least_high")
    kinds = {name: pl.Int64 if name == "at_least_n" else pl.Float64 for name in names}
    columns = {"category": pl.String, "n": pl.Int64, "total": pl.Int64, **kinds}
    return pl.DataFrame(rows, schema=columns, orient="row")


def mrd_rates(negative: pl.Series, level: float = LEVEL) -> pl.DataFrame:
    """What share was MRD-negative: of those tested, and of all?

    negative  a row a patient: true or false; null = not tested, or no adequate sample
    Both denominators stand together: of those tested overstates (samples are taken from who does well), of all takes
    who was not tested as not negative. Frame[denominator, n, total, percent, low, high] (percent).
    """
    n = int(negative.cast(pl.Boolean).sum() or 0)
    totals = {"tested": int(negative.is_not_null().sum()), "all": len(negative)}
    rows = [(name, n, total, *_share(n, total, level)) for name, total in totals.items()]
    kinds = dict.fromkeys(("percent", "low", "high"), pl.Float64)
    columns = {"denominator": pl.String, "n": pl.Int64, "total": pl.Int64, **kinds}
    return pl.DataFrame(rows, schema=columns, orient="row")


def _share(n: int | None, total: int, level: float) -> tuple[float | None, float | None, float | None]:
    if n is None or total == 0:
        return None, None, None
    return 100 * n / total, *clopper_pearson(n, total, level)
