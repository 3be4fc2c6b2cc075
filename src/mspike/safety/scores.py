"""Scores from blood values before lymphodepletion: CAR-HEMATOTOX, EASIX and its variants, MyCARe (rules.md 5.6, 6).

A missing item makes a range. A class of risk is named only where the whole range lies in it.
"""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.knowledge.criteria import Rule, published
from mspike.record.amounts import UNBOUNDED
from mspike.record.analytes import MICRO
from mspike.response.compare import Amount, kleene
from mspike.safety.values import before_treatment, last_before, meets, named, side_by_side, stated_above_normal

HEMATOTOX, EASIX, MYCARE = "car-hematotox-2021", "easix-2021", "mycare-2024"
HEMATOTOX_ITEMS = ("platelets", "anc", "haemoglobin", "crp", "ferritin")
EASIX_ITEMS = ("ldh", "creatinine", "crp", "platelets")
# Each index by what multiplies LDH.
EASIX_FORMS = {"easix": "creatinine", "m_easix": "crp", "s_easix": None}
UNDEFINED = "platelets above 0"


def car_hematotox(derived: Derived) -> pl.DataFrame:
    """How high is the risk of lasting cytopenia by CAR-HEMATOTOX (Rejeski 2021)?

    One row an infusion: gid, pid, before_day, anchor (lymphodepletion, infusion), low and high (points; equal where
    all is known), score (null where they differ), risk (low, high, null), missing (items not measured), undecided
    (items measured as below or above a limit that could score differently), and for each item `<item>_lo`, `_hi`
    (millionths), `_day`, `_points_low`, `_points_high`.
    """
    rules = published(HEMATOTOX)
    days = int(rules.value("hematotox.age", "days"))
    before = before_treatment(episodes(derived))
    last = last_before(derived.record.results, before, HEMATOTOX_ITEMS, days)
    frame = _without_limits(side_by_side(last, before, HEMATOTOX_ITEMS))
    for item in HEMATOTOX_ITEMS:
        low, high = _points(item, rules.rule(f"hematotox.{item}"))
        frame = frame.with_columns(low.alias(f"{item}_points_low"), high.alias(f"{item}_points_high"))
    frame = frame.with_columns(
        low=pl.sum_horizontal(f"{i}_points_low" for i in HEMATOTOX_ITEMS).cast(pl.Int64),
        high=pl.sum_horizontal(f"{i}_points_high" for i in HEMATOTOX_ITEMS).cast(pl.Int64),
        missing=named({i: pl.col(f"{i}_lo").is_null() for i in HEMATOTOX_ITEMS}),
        undecided=named({i: _open(i) for i in HEMATOTOX_ITEMS}),
    )
    limit = int(rules.value("hematotox.risk", "high"))
    risk = pl.when(pl.col("low") >= limit).then(pl.lit("high")).when(pl.col("high") < limit).then(pl.lit("low"))
    return frame.with_columns(score=_settled(), risk=risk)


def _without_limits(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop(c for c in frame.columns if "_ref_" in c)


def _points(item: str, rule: Rule) -> tuple[pl.Expr, pl.Expr]:
    """Fewest and most points the item can give; what was not measured can give any."""
    most = len(rule.values)
    ends = [_scored(pl.col(f"{item}_{end}"), rule) for end in ("lo", "hi")]
    unknown = pl.col(f"{item}_lo").is_null()
    return (
        pl.when(unknown).then(0).otherwise(pl.min_horizontal(ends)),
        pl.when(unknown).then(most).otherwise(pl.max_horizontal(ends)),
    )


def _scored(number: pl.Expr, rule: Rule) -> pl.Expr:
    return pl.sum_horizontal(meets(number, value).cast(pl.Int64) for value in rule.values.values())


def _open(item: str) -> pl.Expr:
    return pl.col(f"{item}_lo").is_not_null() & (pl.col(f"{item}_points_low") != pl.col(f"{item}_points_high"))


def _settled() -> pl.Expr:
    return pl.when(pl.col("low") == pl.col("high")).then("low")


def easix(derived: Derived) -> pl.DataFrame:
    """EASIX, m-EASIX and s-EASIX before lymphodepletion (Pennisi 2021), with their logarithms to base 2.

    One row an infusion: gid, pid, before_day, anchor; for each of easix, m_easix, s_easix: `<index>` (null unless
    exact), `_low`, `_high` (an interval where a value is one; `_high` null beside a `_low`: no upper end), `_log2`,
    `_log2_low`, `_log2_high`, `_missing`; for ldh, creatinine, crp, platelets: `_lo`, `_hi` (millionths), `_day`.
    No limit between low and high is applied: none is universal.
    """
    days = int(published(EASIX).value("easix.age", "days"))
    before = before_treatment(episodes(derived))
    last = last_before(derived.record.results, before, EASIX_ITEMS, days)
    return easix_of(_without_limits(side_by_side(last, before, EASIX_ITEMS)))


def easix_of(frame: pl.DataFrame) -> pl.DataFrame:
    """The three indices of values that stand side by side: `ldh_lo`, `ldh_hi` ... in millionths."""
    for index, factor in EASIX_FORMS.items():
        needed = ["ldh", "platelets"] if factor is None else ["ldh", factor, "platelets"]
        gone = {item: pl.col(f"{item}_lo").is_null() for item in needed}
        # No platelets at all: the index is not defined, however well everything was measured.
        gone[UNDEFINED] = pl.col("platelets_hi") == 0
        frame = frame.with_columns(named(gone).alias(f"{index}_missing"))
        frame = frame.with_columns(_index(index, factor))
    return frame


def _index(index: str, factor: str | None) -> list[pl.Expr]:
    known = pl.col(f"{index}_missing").list.len() == 0
    low = _product(factor, "lo") / pl.col("platelets_hi")
    low = pl.when(pl.col("platelets_hi") >= UNBOUNDED).then(0.0).otherwise(low)
    endless = pl.any_horizontal(
        pl.col("platelets_lo") == 0, *(pl.col(f"{i}_hi") >= UNBOUNDED for i in ("ldh", factor) if i)
    )
    low = pl.when(known).then(low)
    high = pl.when(known & ~endless).then(_product(factor, "hi") / pl.col("platelets_lo"))
    exact = pl.when(low == high).then(low)
    shown = {index: exact, f"{index}_low": low, f"{index}_high": high}
    logs = {f"{index}_log2{end}": _log2(shown[f"{index}{end}"]) for end in ("", "_low", "_high")}
    return [expr.alias(name) for name, expr in {**shown, **logs}.items()]


def _product(factor: str | None, end: str) -> pl.Expr:
    ldh = pl.col(f"ldh_{end}").cast(pl.Float64)
    return ldh if factor is None else ldh * pl.col(f"{factor}_{end}") / MICRO


def _log2(number: pl.Expr) -> pl.Expr:
    """Null for 0, whose logarithm has no lower end."""
    return pl.when(number > 0).then(number.log(2))


def ferritin_raised(derived: Derived) -> pl.DataFrame:
    """Was ferritin at lymphodepletion above the laboratory's own upper limit of normal (an item of MyCARe)?

    Where no limit is given, what the registry states counts (see `stated_above_normal`).

    One row an infusion: gid, ferritin_raised (null without a value or without its limit), ferritin_lo, ferritin_hi,
    ferritin_ref_high (millionths), ferritin_day, ferritin_missing.
    """
    rules = published(MYCARE)
    before = before_treatment(episodes(derived))
    days = int(rules.value("mycare.age", "days"))
    last = last_before(derived.record.results, before, ["ferritin"], days)
    stated = stated_above_normal(derived.record, before, "ferritin", days)
    frame = side_by_side(last, before, ["ferritin"]).join(stated, on="gid", how="left", maintain_order="left")
    times = rules.value("mycare.ferritin", "times_upper_limit")
    limit = pl.col("ferritin_ref_high") * times.numerator
    value = Amount(pl.col("ferritin_lo") * times.denominator, pl.col("ferritin_hi") * times.denominator)
    no_limit = pl.col("ferritin_lo").is_not_null() & pl.col("ferritin_ref_high").is_null()
    gone = {
        "ferritin": pl.col("ferritin_lo").is_null() & pl.col("stated").is_null(),
        "upper limit of normal of ferritin": no_limit & pl.col("stated").is_null(),
    }
    return frame.select(
        "gid",
        "ferritin_lo",
        "ferritin_hi",
        "ferritin_ref_high",
        "ferritin_day",
        ferritin_raised=pl.coalesce(kleene(value.lo > limit, value.hi <= limit), "stated"),
        ferritin_missing=named(gone),
    )


def mycare(frame: pl.DataFrame) -> pl.DataFrame:
    """How likely is relapse within 5 months by MyCARe (Gagelmann 2024)?

    frame  gid and what is known, each true, false or null: extraosseous, plasma_cell_leukaemia,
           lenalidomide_refractory, high_risk_cytogenetics, ferritin_raised

    Adds low and high (points), score, risk (low, intermediate, high; null unless the whole range says so),
    relapse_5_months_percent (of the published patients in that class), missing.
    """
    rules = published(MYCARE)
    items = {
        "extramedullary disease or plasma cell leukaemia": pl.col("extraosseous") | pl.col("plasma_cell_leukaemia"),
        "lenalidomide-refractory": pl.col("lenalidomide_refractory"),
        "high-risk cytogenetics": pl.col("high_risk_cytogenetics"),
        "raised ferritin": pl.col("ferritin_raised"),
    }
    points = [item.cast(pl.Int64) for item in items.values()]
    # What is unknown gives no point at the lower end of the range and its point at the upper one.
    frame = frame.with_columns(
        low=pl.sum_horizontal(p.fill_null(0) for p in points),
        high=pl.sum_horizontal(p.fill_null(1) for p in points),
        missing=named({name: item.is_null() for name, item in items.items()}),
    )
    upper, lower = int(rules.value("mycare.low", "points")), int(rules.value("mycare.high", "points"))
    between = (pl.col("low") > upper) & (pl.col("high") < lower)
    risk = (
        pl.when(pl.col("high") <= upper)
        .then(pl.lit("low"))
        .when(pl.col("low") >= lower)
        .then(pl.lit("high"))
        .when(between)
        .then(pl.lit("intermediate"))
    )
    relapse = {r: int(rules.value(f"mycare.{r}", "relapse_5_months")) for r in ("low", "intermediate", "high")}
    published_rate = risk.replace_strict(relapse, default=None, return_dtype=pl.Int64)
    return frame.with_columns(score=_settled(), risk=risk, relapse_5_months_percent=published_rate)
