"""Values around an infusion: the last one before a day, the limits of normal beside it, and what came after it.

Days after infusion are written `at`: 0 is the day of the infusion itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import polars as pl

from mspike.knowledge.criteria import Value
from mspike.record.amounts import read_value
from mspike.record.analytes import folded, unit_factors
from mspike.record.record import Record
from mspike.response.compare import micro

LIMITS = ("ref_low", "ref_high")


def meets(number: pl.Expr, value: Value) -> pl.Expr:
    """Does an exact number (millionths) meet a published limit, compared as the limit says?"""
    bound = micro(value.number)
    return {
        "at_least": number >= bound,
        "more_than": number > bound,
        "at_most": number <= bound,
        "below": number < bound,
    }[value.comparison]


def measured(results: pl.DataFrame, analytes: Sequence[str]) -> pl.DataFrame:
    """The amounts of these analytes that a clinician has not called spurious."""
    rows = results.filter(pl.col("analyte").is_in(list(analytes)) & pl.col("lo").is_not_null())
    mark = pl.col("attribution").cast(pl.String).str.to_lowercase()
    return rows.filter(mark.ne_missing("spurious"))


def before_treatment(episodes: pl.DataFrame) -> pl.DataFrame:
    """Up to which day is a value one from before the treatment?

    gid, pid, before_day, anchor: the first day of lymphodepletion; of the infusion where none is recorded, when
    counts may already have fallen.
    """
    depleted = pl.col("ld_day").is_not_null()
    return episodes.select(
        "gid",
        "pid",
        before_day=pl.min_horizontal(pl.coalesce("ld_day", "index_day"), "index_day").cast(pl.Int32),
        anchor=pl.when(depleted).then(pl.lit("lymphodepletion")).otherwise(pl.lit("infusion")),
    )


def at_infusion(episodes: pl.DataFrame) -> pl.DataFrame:
    """The day of the infusion as the day up to which values count: gid, pid, before_day."""
    return episodes.select("gid", "pid", before_day=pl.col("index_day").cast(pl.Int32))


def last_before(results: pl.DataFrame, episodes: pl.DataFrame, analytes: Sequence[str], days: int) -> pl.DataFrame:
    """The last value of each analyte before a day: gid, analyte, day, lo, hi, ref_low, ref_high (all in millionths).

    episodes  gid, pid, before_day
    days      how old it may be

    1. A value of an earlier day; of two reports of one day the later in the file stands.
    2. Else one of that very day, which is mostly drawn before the first dose.
    """
    rows = measured(results, analytes).select("pid", "day", "analyte", "lo", "hi", "unit", *LIMITS, "row")
    joined = rows.join(episodes.select("gid", "pid", "before_day"), on="pid")
    age = pl.col("before_day") - pl.col("day")
    recent = joined.filter(age.is_between(0, days)).with_columns(same_day=age == 0)
    ordered = recent.sort("gid", "analyte", "same_day", "day", "row", descending=[False, False, False, True, True])
    last = ordered.unique(["gid", "analyte"], keep="first", maintain_order=True)
    return with_limits(last).select("gid", "analyte", "day", "lo", "hi", *LIMITS)


def side_by_side(last: pl.DataFrame, episodes: pl.DataFrame, analytes: Sequence[str], after: str = "") -> pl.DataFrame:
    """One row an episode: `<analyte><after>_lo`, `_hi`, `_day`, `_ref_low`, `_ref_high`."""
    wide = episodes
    for analyte in analytes:
        one = last.filter(pl.col("analyte") == analyte)
        one = one.select("gid", *(pl.col(c).alias(f"{analyte}{after}_{c}") for c in ("lo", "hi", "day", *LIMITS)))
        wide = wide.join(one, on="gid", how="left", maintain_order="left")
    return wide


def with_limits(rows: pl.DataFrame) -> pl.DataFrame:
    """Reads ref_low and ref_high, which stand in the unit of the value, into millionths of the canonical unit."""
    words = ["analyte", "unit", *LIMITS]
    distinct = rows.select(words).unique()
    read = [(_limit(a, unit, low), _limit(a, unit, high)) for a, unit, low, high in distinct.iter_rows()]
    limits = pl.DataFrame(read, schema={"_low": pl.Int64, "_high": pl.Int64}, orient="row")
    known = rows.join(distinct.hstack(limits), on=words, how="left", nulls_equal=True, maintain_order="left")
    return known.with_columns(ref_low=pl.col("_low"), ref_high=pl.col("_high")).drop("_low", "_high")


def _limit(analyte: str, unit: str | None, text: str | None) -> int | None:
    if text is None or (number := read_value(text).lo) is None:
        return None
    factor = unit_factors(analyte).get(folded(unit)) if unit and unit.strip() else Fraction(1)
    if factor is None:
        return None
    # Rounded as the value itself is, so that a value printed like its limit is equal to it.
    return (number * factor.numerator + factor.denominator // 2) // factor.denominator


def stated_above_normal(record: Record, episodes: pl.DataFrame, analyte: str, days: int) -> pl.DataFrame:
    """What the registry states where it holds no limit: an event `<analyte>_above_normal`, detail yes or no.

    One row an episode that has such a statement, not older than `days`: gid, stated, stated_day.
    """
    named = pl.col("event").str.to_lowercase().str.replace_all(r"[\s-]+", "_") == f"{analyte}_above_normal"
    word = pl.col("detail").str.strip_chars().str.to_lowercase().replace_strict(_ANSWERS, default=None)
    rows = record.events.filter(named).select("pid", stated_day="date", stated=word).drop_nulls("stated")
    rows = rows.join(episodes.select("gid", "pid", "before_day"), on="pid")
    recent = rows.filter((pl.col("before_day") - pl.col("stated_day")).is_between(0, days)).sort("gid", "stated_day")
    return recent.unique("gid", keep="last", maintain_order=True).select("gid", "stated", "stated_day")


_ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def after_infusion(rows: pl.DataFrame, episodes: pl.DataFrame, day: str = "day") -> pl.DataFrame:
    """What befell a patient after an infusion and before the next one: the rows with `gid` and `at`.

    rows      pid and a day
    episodes  gid, pid, index_day, sorted by pid, line
    """
    joined = rows.join(spans_of(episodes), on="pid")
    day_ = pl.col(day)
    held = (day_ >= pl.col("index_day")) & (pl.col("until_day").is_null() | (day_ < pl.col("until_day")))
    return joined.filter(held).with_columns(at=day_ - pl.col("index_day")).drop("index_day", "until_day")


def spans_of(episodes: pl.DataFrame) -> pl.DataFrame:
    """gid, pid, index_day and the day of the patient's next infusion, from which on things belong to that one."""
    spans = episodes.select("gid", "pid", pl.col("index_day").cast(pl.Int32)).sort("pid", "index_day", "gid")
    again = pl.col("pid") == pl.col("pid").shift(-1)
    return spans.with_columns(until_day=pl.when(again).then(pl.col("index_day").shift(-1)))


def named(items: dict[str, pl.Expr]) -> pl.Expr:
    """The names of the items whose condition holds, as a list."""
    # An unknown condition names nothing: each item says itself when it is missing.
    parts = [pl.when(holds.fill_null(False)).then(pl.lit(name)) for name, holds in items.items()]
    return pl.concat_list(parts).list.drop_nulls()
