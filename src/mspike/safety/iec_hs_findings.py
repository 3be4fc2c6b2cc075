"""The findings that IEC-HS asks for, one row a measurement: was it met, or can that not be said? (rules.md 5.4)"""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.record.record import Record
from mspike.response.compare import Amount, below, kleene, micro
from mspike.safety.values import after_infusion, at_infusion, before_treatment, last_before, measured, with_limits

LINEAGES = ("anc", "platelets", "haemoglobin")
ANALYTES = ("ferritin", "alt", "fibrinogen", *LINEAGES)
HAEMOPHAGOCYTOSIS = r"(?i)h(a)?emophagocytosis"
NOT_SEEN = r"(?i)\b(no|not|none|negative|absent|without)\b"
COLUMNS = ("gid", "item", "analyte", "day", "at", "met", "lo", "hi", "ref_low", "ref_high")
BEFORE = ("before_lo", "before_hi", "before_day")
VALUE, EARLIER = Amount(pl.col("lo"), pl.col("hi")), Amount(pl.col("before_lo"), pl.col("before_hi"))


def findings(record: Record, episodes: pl.DataFrame, rules: Criteria) -> pl.DataFrame:
    """Every measurement after an infusion that bears on IEC-HS: gid, item, analyte, day, at, met (null: cannot be
    said), lo, hi, ref_low, ref_high and before_lo, before_hi, before_day, the value before that it is compared with.
    """
    window = int(rules.value("iec_hs.suspected", "window"))
    rows = after_infusion(measured(record.results, ANALYTES), episodes).filter(pl.col("at") <= window)
    rows = with_limits(rows).join(_values_before(record, episodes, rules), on=["gid", "analyte"], how="left")
    ferritin = rows.filter(pl.col("analyte") == "ferritin")
    found = [
        _rising(ferritin, rules).with_columns(item=pl.lit("ferritin"), met=_ferritin(rules)),
        _of(rows, "alt").with_columns(item=pl.lit("transaminases"), met=_transaminases(rules)),
        _of(rows, "fibrinogen").with_columns(item=pl.lit("fibrinogen"), met=_fibrinogen(rules)),
        *(_of(rows, a).with_columns(item=pl.lit(a), met=_cytopenia(a, rules)) for a in LINEAGES),
    ]
    measured_ = pl.concat(frame.select(*COLUMNS, *BEFORE) for frame in found)
    return pl.concat([measured_, _haemophagocytosis(record, episodes, window)], how="diagonal_relaxed")


def _of(rows: pl.DataFrame, analyte: str) -> pl.DataFrame:
    return rows.filter(pl.col("analyte") == analyte)


def _values_before(record: Record, episodes: pl.DataFrame, rules: Criteria) -> pl.DataFrame:
    """Ferritin and transaminases as they were at infusion, blood counts as they were before lymphodepletion."""
    days = int(rules.value("iec_hs.suspected", "age_of_value_before"))
    chemistry = last_before(record.results, at_infusion(episodes), ["ferritin", "alt"], days)
    counts = last_before(record.results, before_treatment(episodes), LINEAGES, days)
    return pl.concat([chemistry, counts]).select(
        "gid",
        "analyte",
        before_lo="lo",
        before_hi="hi",
        before_day="day",
        before_limit="ref_high",
    )


def _times(value: Amount, other: Amount, times: Fraction) -> pl.Expr:
    """Is the value more than so many times the other?"""
    p, q = times.numerator, times.denominator
    return kleene(value.lo * q > other.hi * p, value.hi * q <= other.lo * p)


def above_limit(finding: str, rules: Criteria) -> pl.Expr:
    """Is the value more than so many times its upper limit of normal as the criterion asks?"""
    limit = Amount(pl.col("ref_high"), pl.col("ref_high"))
    return _times(VALUE, limit, rules.value(f"iec_hs.{finding}", "times_upper_limit"))


def _ferritin(rules: Criteria) -> pl.Expr:
    above_before = _times(VALUE, EARLIER, rules.value("iec_hs.ferritin", "times_baseline"))
    return above_limit("ferritin", rules) | above_before | pl.col("rising")


def _rising(ferritin: pl.DataFrame, rules: Criteria) -> pl.DataFrame:
    """Adds `rising`: doubled from some value of the three days before, and high enough to matter."""
    days, times = (rules.value("iec_hs.rising", name) for name in ("days", "times"))
    p, q = times.numerator, times.denominator
    earlier = ferritin.select("gid", earlier_day="day", earlier_lo="lo", earlier_hi="hi")
    pairs = ferritin.select("gid", "row", "day", "lo", "hi").join(earlier, on="gid")
    pairs = pairs.filter((pl.col("day") - pl.col("earlier_day")).is_between(1, int(days)))
    doubled = kleene(
        pl.col("lo") * q >= pl.col("earlier_hi") * p,
        pl.col("hi") * q < pl.col("earlier_lo") * p,
    )
    known = pairs.group_by("gid", "row").agg(doubled=doubled.any(ignore_nulls=False))
    high = ~below(VALUE, rules.value("iec_hs.rising", "level"))
    return ferritin.join(known, on=["gid", "row"], how="left").with_columns(rising=high & pl.col("doubled"))


def _transaminases(rules: Criteria) -> pl.Expr:
    """Above five times the limit; where the value before was raised already, above five times that value instead."""
    over_limit = above_limit("transaminases", rules)
    over_before = _times(VALUE, EARLIER, rules.value("iec_hs.transaminases", "times_baseline"))
    raised = kleene(pl.col("before_lo") > pl.col("before_limit"), pl.col("before_hi") <= pl.col("before_limit"))
    # Where nothing is known from before, the limit decides: the other reading is for values known to have been raised.
    return pl.when(raised).then(over_before).otherwise(over_limit)


def _fibrinogen(rules: Criteria) -> pl.Expr:
    under_limit = kleene(pl.col("hi") < pl.col("ref_low"), pl.col("lo") >= pl.col("ref_low"))
    return below(VALUE, rules.value("iec_hs.fibrinogen", "level")) | under_limit


def _cytopenia(analyte: str, rules: Criteria) -> pl.Expr:
    """New: low now, and not before. Worsening: low before too, and at most half of that now."""
    level = rules.value("iec_hs.cytopenia_levels", analyte)
    share = rules.value("iec_hs.cytopenia_levels", "share_of_before")
    p, q = share.numerator, share.denominator
    halved = kleene(pl.col("hi") * q <= pl.col("before_lo") * p, pl.col("lo") * q > pl.col("before_hi") * p)
    low_before = kleene(pl.col("before_hi") < micro(level), pl.col("before_lo") >= micro(level))
    return below(VALUE, level) & (~low_before | halved)


def _haemophagocytosis(record: Record, episodes: pl.DataFrame, window: int) -> pl.DataFrame:
    """What was seen holds to the end of the window; that it was not seen is said only where somebody looked."""
    events = record.events.filter(pl.col("event").str.contains(HAEMOPHAGOCYTOSIS))
    after = after_infusion(events, episodes, "date").filter(pl.col("at") <= window)
    absent = (pl.col("detail").str.contains(NOT_SEEN) | (pl.col("grade") == 0)).fill_null(False)  # no word against it
    seen = after.select("gid", "at", day="date", item=pl.lit("haemophagocytosis"), met=~absent)
    later = pl.int_ranges(pl.col("at"), pl.lit(window + 1), dtype=pl.Int32)
    held = seen.filter("met").with_columns(at=later).explode("at")
    return pl.concat([held, seen.filter(pl.col("met").not_())])
