"""Three-valued comparisons of exact intervals: true if it holds over the whole interval, false if nowhere, else null.

Amounts are whole millionths of the canonical unit. Percentages are multiplied out, never divided or rounded: after a
complete response the nadir is 0, and 49.9 % is not 50 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from mspike.record.analytes import MICRO


@dataclass(frozen=True)
class Amount:
    """An interval [lo, hi] held in two columns."""

    lo: pl.Expr
    hi: pl.Expr

    @property
    def known(self) -> pl.Expr:
        return self.lo.is_not_null()


def amount(name: str) -> Amount:
    """The amount in the columns `<name>_lo` and `<name>_hi`."""
    return Amount(pl.col(f"{name}_lo"), pl.col(f"{name}_hi"))


def micro(number: Fraction, scale: int = MICRO) -> int:
    """A published number on the exact grid of the record."""
    scaled = number * scale
    if scaled.denominator != 1:
        raise ValueError(f"{number} does not lie on the grid of {scale}")
    return int(scaled)


def kleene(surely: pl.Expr, impossible: pl.Expr) -> pl.Expr:
    """True where sure, false where impossible, otherwise unknown."""
    return pl.when(surely).then(True).when(impossible).then(False)


def at_least(value: Amount, limit: Fraction) -> pl.Expr:
    """Is the value at or above the limit?"""
    bound = micro(limit)
    return kleene(value.lo >= bound, value.hi < bound)


def more_than(value: Amount, limit: Fraction) -> pl.Expr:
    """Is the value above the limit?"""
    bound = micro(limit)
    return kleene(value.lo > bound, value.hi <= bound)


def below(value: Amount, limit: Fraction) -> pl.Expr:
    """Is the value below the limit?"""
    return ~at_least(value, limit)


def at_most(value: Amount, limit: Fraction) -> pl.Expr:
    return ~more_than(value, limit)


def fallen(value: Amount, baseline: Amount, fall: Fraction) -> pl.Expr:
    """Has the value fallen from its baseline by at least this fraction?"""
    p, q = fall.numerator, fall.denominator
    return kleene(value.hi * q <= baseline.lo * (q - p), value.lo * q > baseline.hi * (q - p))


def grown(value: Amount, nadir: Amount, rise: Fraction) -> pl.Expr:
    """Is the value at least this fraction above its nadir?"""
    p, q = rise.numerator, rise.denominator
    return kleene(value.lo * q >= nadir.hi * (q + p), value.hi * q < nadir.lo * (q + p))


def risen(value: Amount, nadir: Amount, rise: Fraction) -> pl.Expr:
    """Is the value at least this much above its nadir?"""
    bound = micro(rise)
    return kleene(value.lo - nadir.hi >= bound, value.hi - nadir.lo < bound)


def risen_above(value: Amount, nadir: Amount, rise: Fraction) -> pl.Expr:
    """Is the value more than this much above its nadir?"""
    bound = micro(rise)
    return kleene(value.lo - nadir.hi > bound, value.hi - nadir.lo <= bound)


def ratio_between(kappa: Amount, lambda_: Amount, low: Fraction, high: Fraction) -> pl.Expr:
    """Does kappa/lambda lie within [low, high]? Undefined (0/0) is unknown."""
    a, b = low.numerator, low.denominator
    c, d = high.numerator, high.denominator
    undefined = (kappa.hi == 0) & (lambda_.hi == 0)
    surely = (kappa.lo * b >= lambda_.hi * a) & (kappa.hi * d <= lambda_.lo * c)
    impossible = (kappa.hi * b < lambda_.lo * a) | (kappa.lo * d > lambda_.hi * c)
    return kleene(surely & ~undefined, impossible & ~undefined)


def ratio_above(kappa: Amount, lambda_: Amount, limit: Fraction) -> pl.Expr:
    """Is kappa/lambda above the limit?"""
    p, q = limit.numerator, limit.denominator
    return kleene(kappa.lo * q > lambda_.hi * p, kappa.hi * q <= lambda_.lo * p)


def ratio_below(kappa: Amount, lambda_: Amount, limit: Fraction) -> pl.Expr:
    """Is kappa/lambda below the limit?"""
    p, q = limit.numerator, limit.denominator
    return kleene(kappa.hi * q < lambda_.lo * p, kappa.lo * q >= lambda_.hi * p)
