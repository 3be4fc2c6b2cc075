"""Every rate has its denominator and its exact interval. All patients here are SYNTHETIC."""

from __future__ import annotations

import polars as pl
import pytest

from mspike.cohort.rates import clopper_pearson, mrd_rates, response_rates
from mspike.errors import MspikeError

BEST = pl.Series(["sCR", "sCR", "CR", "VGPR", "PR", "SD", "PD", "NE", None, "PR"])


def row(category: str) -> dict:
    return response_rates(BEST).filter(pl.col("category") == category).row(0, named=True)


def test_everybody_is_in_the_denominator_also_who_was_never_assessed():
    rates = response_rates(BEST)
    assert rates["n"].sum() == 10
    assert rates["total"].unique().to_list() == [10]
    assert (row("NE")["n"], row("not assessed")["n"]) == (1, 1)


def test_at_least_a_category_adds_all_deeper_ones():
    assert [row(name)["at_least_n"] for name in ("sCR", "CR", "VGPR", "PR", "MR")] == [2, 3, 4, 6, 6]
    assert row("PR")["at_least_percent"] == pytest.approx(60)
    assert row("SD")["at_least_n"] is None


def test_the_interval_of_eight_in_thirteen_is_the_published_one():
    # rules.md, seed errors: 31.6-86.1 % recomputed for 8/13
    assert clopper_pearson(8, 13) == pytest.approx((31.6, 86.1), abs=0.05)


def test_none_and_all_have_one_sided_intervals_and_nobody_has_none():
    assert clopper_pearson(0, 9)[0] == 0
    assert clopper_pearson(9, 9)[1] == 100
    assert clopper_pearson(0, 0) == (None, None)
    assert response_rates(pl.Series([], dtype=pl.String))["percent"].is_null().all()


def test_a_word_that_is_no_category_is_refused():
    with pytest.raises(MspikeError, match="No response category 'good'"):
        response_rates(pl.Series(["PR", "good"]))


def test_mrd_stands_over_those_tested_and_over_all():
    rates = mrd_rates(pl.Series([True, True, False, None, None]))
    assert rates.select("denominator", "n", "total").rows() == [("tested", 2, 3), ("all", 2, 5)]
    assert rates["percent"].to_list() == pytest.approx([200 / 3, 40])


def test_nobody_tested_leaves_that_rate_unknown():
    rates = mrd_rates(pl.Series([None, None], dtype=pl.Boolean))
    assert rates["percent"].to_list() == [None, 0.0]
