"""Hazard ratios, and what is refused because no finite one exists. All patients here are SYNTHETIC."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mspike.cohort import regression
from mspike.cohort.regression import Unstable, cox
from mspike.errors import MspikeError

PRODUCT = pl.Enum(["ide-cel", "cilta-cel", "other"])
# Nobody on "other" had the event; x separates by order: the higher, the earlier, without exception.
PATIENTS = pl.DataFrame(
    {
        "days": [10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
        "event": [True, True, True, False, True, True, False, True, False, False],
        "product": ["ide-cel", "cilta-cel", "ide-cel", "other", "cilta-cel", "ide-cel", "other"] + ["cilta-cel"] * 3,
        "emd": [True, False, True, True, False, False, True, True, False, False],
        "age": [70.0, 61.0, 55.0, 66.0, 72.0, 58.0, 63.0, 69.0, 50.0, 64.0],
        "x": [10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
    }
).with_columns(pl.col("product").cast(PRODUCT))


def fit(*covariates: str, **options):
    return cox(PATIENTS, "days", "event", list(covariates), **options)


def test_a_level_without_an_event_is_refused_in_words_one_can_act_on():
    with pytest.raises(Unstable, match="'product': none of the 2 patients with 'other' had the event") as refusal:
        fit("product")
    assert "--penalty firth" in str(refusal.value)


def test_a_number_that_orders_the_events_perfectly_is_refused():
    with pytest.raises(Unstable, match="x separates those with the event from those without perfectly"):
        fit("x")


def test_two_covariates_that_separate_only_together_are_refused():
    together = PATIENTS.with_columns(y=pl.Series([0, 9, 8, 7, 6, 5, 4, 3, 2, 1]), z=pl.Series([1] + [0] * 9))
    assert cox(together, "days", "event", ["y"]).n == 10
    with pytest.raises(Unstable, match="separate"):
        cox(together, "days", "event", ["y", "z"])


def test_one_covariate_that_follows_from_another_is_refused_also_when_penalised():
    twice = PATIENTS.with_columns(months=pl.col("age") * 12)
    for penalty in (None, "firth"):
        with pytest.raises(Unstable, match="cannot be told apart"):
            cox(twice, "days", "event", ["age", "months"], penalty=penalty)


@pytest.mark.parametrize("covariate", ["product", "x"])
def test_firths_penalty_gives_finite_ratios_and_says_so(covariate: str):
    found = fit(covariate, penalty="firth")
    assert "Firth" in found.method
    assert found.terms["hazard_ratio"].is_between(1e-4, 1e4).all()
    assert (found.terms["low"] < found.terms["hazard_ratio"]).all()
    assert (found.terms["hazard_ratio"] < found.terms["high"]).all()


def test_nobody_with_the_event_is_refused():
    with pytest.raises(Unstable, match="none of the 10 patients had the event"):
        cox(PATIENTS.with_columns(event=pl.lit(False)), "days", "event", ["age"])


@pytest.mark.parametrize("value", [pl.lit("a"), pl.lit(3), pl.lit(True)])
def test_a_covariate_with_one_value_is_refused(value: pl.Expr):
    with pytest.raises(Unstable, match="there is nothing to compare"):
        cox(PATIENTS.with_columns(same=value), "days", "event", ["same"])


def test_a_group_stands_beside_its_first_level_or_the_one_asked_for():
    known = PATIENTS.filter(pl.col("product") != "other")
    assert cox(known, "days", "event", ["product"]).terms["term"].to_list() == ["product: cilta-cel (vs ide-cel)"]
    turned = cox(known, "days", "event", ["product"], references={"product": "cilta-cel"}).terms
    assert turned.select("level", "reference", "n", "events").row(0) == ("ide-cel", "cilta-cel", 3, 3)
    usual = cox(known, "days", "event", ["product"]).terms
    assert turned["hazard_ratio"][0] == pytest.approx(1 / usual["hazard_ratio"][0])
    text = known.with_columns(pl.col("product").cast(pl.String))
    assert cox(text, "days", "event", ["product"]).terms["reference"][0] == "cilta-cel"  # the commonest


def test_a_reference_that_nobody_has_is_an_error():
    with pytest.raises(MspikeError, match="no patients with 'x' to refer to"):
        fit("emd", references={"emd": "x"})


def test_patients_with_an_unknown_covariate_are_left_out_and_counted():
    gaps = PATIENTS.with_columns(emd=pl.when(pl.col("days") == 40).then(None).otherwise("emd"))
    found = cox(gaps, "days", "event", ["emd"])
    assert (found.n, found.left_out, found.events) == (9, 1, 6)
    assert_frame_equal(found.terms, cox(gaps.drop_nulls(), "days", "event", ["emd"]).terms)


def test_the_order_of_patients_and_the_unit_of_a_number_do_not_matter():
    usual, shuffled = fit("age", "emd").terms, cox(PATIENTS.reverse(), "days", "event", ["age", "emd"]).terms
    assert_frame_equal(usual, shuffled, rel_tol=1e-6)
    scaled = cox(PATIENTS.with_columns(pl.col("age") * 1000), "days", "event", ["age", "emd"]).terms
    assert scaled["hazard_ratio"][0] == pytest.approx(usual["hazard_ratio"][0] ** 0.001)
    assert scaled["p"].to_list() == pytest.approx(usual["p"].to_list())


def test_the_check_of_constancy_has_a_row_a_term_and_one_for_all():
    check = fit("age", "emd").ph_check
    assert check["term"].to_list() == ["age", "emd: true (vs false)", "all terms"]
    assert check["df"].to_list() == [1, 1, 2]
    assert check["p"].is_between(0, 1).all()


def test_events_of_one_day_leave_constancy_untested():
    one_day = PATIENTS.with_columns(days=pl.when("event").then(10).otherwise(99))
    assert cox(one_day, "days", "event", ["age"]).ph_check["p"].to_list() == [None, None]


def test_the_penalty_hardly_moves_what_many_events_decide():
    many = pl.concat([PATIENTS.with_columns(pl.col("days") + shift) for shift in range(40)])
    plain, penalised = (cox(many, "days", "event", ["age"], penalty=penalty).terms for penalty in (None, "firth"))
    assert penalised["hazard_ratio"][0] == pytest.approx(plain["hazard_ratio"][0], rel=2e-3)


def test_wrong_words_are_named():
    with pytest.raises(MspikeError, match="No column 'stage'"):
        fit("stage")
    with pytest.raises(MspikeError, match="at least one covariate"):
        fit()
    with pytest.raises(MspikeError, match="No penalty 'ridge'"):
        fit("age", penalty="ridge")


def test_of_many_patients_the_search_over_all_of_them_ends_where_statsmodels_does(monkeypatch: pytest.MonkeyPatch):
    """SYNTHETIC: tied days, delayed entry. statsmodels is held against R in tests/reference; it stops within 1e-8."""
    draw = np.random.default_rng(5)
    n = 400
    entry = draw.integers(0, 40, n)
    frame = pl.DataFrame(
        {"entry": entry, "days": entry + 1 + draw.integers(0, 60, n), "event": draw.random(n) < 0.6,
         "arm": draw.choice(["a", "b", "c"], n), "age": draw.normal(65, 8, n)}
    )  # fmt: skip
    few = cox(frame, "days", "event", ["arm", "age"], entry="entry")
    monkeypatch.setattr(regression, "MANY", 0)
    many = cox(frame, "days", "event", ["arm", "age"], entry="entry")
    for column in ("hazard_ratio", "low", "high", "p"):
        assert many.terms[column].to_list() == pytest.approx(few.terms[column].to_list(), rel=1e-6), column


def test_of_many_patients_too_a_covariate_that_separates_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(regression, "MANY", 0)
    with pytest.raises(Unstable):
        fit("x")
