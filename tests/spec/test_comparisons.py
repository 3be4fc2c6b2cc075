"""The comparisons under every rule agree with exact fractions, drawn at and beside the thresholds."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from mspike.record.amounts import read_value
from mspike.response import compare
from mspike.response.compare import Amount

VALUE = Amount(pl.col("v_lo"), pl.col("v_hi"))
BASE = Amount(pl.col("b_lo"), pl.col("b_hi"))
FALLS = st.sampled_from([Fraction(1, 4), Fraction(1, 2), Fraction(9, 10)])


@st.composite
def beside_a_fall(draw: st.DrawFn) -> tuple[Fraction, int, int]:
    """A fall, a baseline in millionths, and a value at or one millionth beside the fall."""
    fall = draw(FALLS)
    baseline = draw(st.integers(1, 10_000)) * 20_000
    value = int(baseline * (1 - fall)) + draw(st.sampled_from([-1, 0, 1]))
    return fall, baseline, max(value, 0)


@given(beside_a_fall())
def test_a_fall_is_met_exactly_at_its_fraction(drawn: tuple[Fraction, int, int]) -> None:
    fall, baseline, value = drawn
    frame = pl.DataFrame({"v_lo": [value], "v_hi": [value], "b_lo": [baseline], "b_hi": [baseline]})
    got = frame.select(compare.fallen(VALUE, BASE, fall)).item()
    assert got == (Fraction(value, baseline) <= 1 - fall)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_an_interval_answers_only_what_all_its_values_agree_on(a: int, b: int, c: int, d: int) -> None:
    value, base = sorted((a, b)), sorted((c, d))
    frame = pl.DataFrame({"v_lo": [value[0]], "v_hi": [value[1]], "b_lo": [base[0]], "b_hi": [base[1]]})
    corners = {v >= Fraction(5, 4) * n for v in value for n in base}
    got = frame.select(compare.grown(VALUE, BASE, Fraction(1, 4))).item()
    assert got == (corners.pop() if len(corners) == 1 else None)


def test_a_ratio_of_nothing_to_nothing_is_unknown() -> None:
    low, high = Fraction("0.26"), Fraction("1.65")
    rows = [
        (0, 0, None),
        (0, 10, False),
        (10, 0, False),
        (26, 100, True),
        (25, 100, False),
        (165, 100, True),
        (166, 100, False),
    ]
    frame = pl.DataFrame(rows, schema=["k", "l", "expected"], orient="row")
    kappa, lambda_ = Amount(pl.col("k"), pl.col("k")), Amount(pl.col("l"), pl.col("l"))
    assert (
        frame.select(compare.ratio_between(kappa, lambda_, low, high)).to_series().to_list()
        == frame["expected"].to_list()
    )


def test_words_that_may_mean_not_done_are_never_read_as_nothing_found() -> None:
    assert {word: read_value(word).problem for word in ("ND", "None", "none", "not done")} == dict.fromkeys(
        ("ND", "None", "none", "not done"), "not_readable"
    )
    assert read_value("not detected").state == "negative"
