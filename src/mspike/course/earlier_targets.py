"""Earlier agents against the antigens that T cells look for, and alkylators before the T cells were collected."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import polars as pl

from mspike.course.doses import RULES, Earlier
from mspike.knowledge.criteria import published

DAYS_PER_MONTH = Fraction("30.4375")  # rules.md C0.6
TARGETS = ("BCMA", "GPRC5D")
TARGETED = ("adc", "bispecific", "car_t")
STUDY_DRUG = "study_drug"


def earlier_targets(earlier: Earlier, targets: Sequence[str] = TARGETS) -> pl.DataFrame:
    """Was an agent against BCMA or GPRC5D (`targets`) given before, and how long before the cells were collected?

    One row a viewpoint (key); for each antigen: <antigen>_exposed (null: the history is not complete, or an agent whose
    target is not told may be hiding it), _kinds (adc, bispecific, car_t), _agents, _last_day, _interval_days (from the
    last dose to apheresis, else to the infusion; negative where it was given after apheresis), _below_6_months,
    _below_8_months. A course of which no end is known
    leaves the interval open; that it was short may still be certain from its start.
    """
    told = earlier.views.select("key")
    untold = pl.col("cls").is_in(TARGETED) & (pl.col("targets").list.len() == 0)
    may_be = earlier.courses.filter(untold | (pl.col("agent_id") == STUDY_DRUG))["key"].unique()
    for target in targets:
        against = earlier.courses.filter(pl.col("targets").list.contains(target) & pl.col("cls").is_in(TARGETED))
        spans = _spans(against, earlier)
        # A CAR-T whose target nobody named may have been against this one.
        hidden = ~pl.col("exposed") & pl.col("key").is_in(may_be.to_list())
        spans = spans.with_columns(exposed=pl.when(hidden).then(None).otherwise("exposed"))
        name = target.lower()
        part = spans.select(
            "key",
            *(pl.col(c).alias(f"{name}_{c}") for c in ("exposed", "kinds", "agents", "last_day", "interval_days")),
            *(_below(limit).alias(f"{name}_below_{limit}_months") for limit in _limits()),
        )
        told = told.join(part, on="key", how="left", maintain_order="left")
    return told


def alkylators(earlier: Earlier) -> pl.DataFrame:
    """Was bendamustine, or an alkylator at high dose, given before the cells were collected?

    One row a viewpoint (key): bendamustine_before, _last_day, _interval_days; high_dose_alkylator_ likewise.
    """
    told = earlier.views.select("key")
    for name, chosen in (("bendamustine", pl.col("agent_id") == "bendamustine"), ("high_dose_alkylator", _high_dose())):
        spans = _spans(_before_collection(earlier.courses.filter(chosen)), earlier)
        columns = {"exposed": "before", "last_day": "last_day", "interval_days": "interval_days"}
        part = spans.select("key", *(pl.col(c).alias(f"{name}_{shown}") for c, shown in columns.items()))
        told = told.join(part, on="key", how="left", maintain_order="left")
    return told


def _high_dose() -> pl.Expr:
    """Melphalan and its like at the dose that needs stem cells; a transplant implies it where nothing else is named."""
    alkylator = (pl.col("cls") == "alkylator") & (pl.col("high_dose") | (pl.col("role") == "transplant"))
    return alkylator | (pl.col("agent_id") == "autologous_transplant")


def _before_collection(courses: pl.DataFrame) -> pl.DataFrame:
    """Undated lines came before the collection; undated bridging may not have."""
    collected = pl.coalesce("apheresis_day", "infusion")
    dated = (pl.col("start") < collected) | collected.is_null()
    told = pl.when(pl.col("start").is_not_null()).then(dated).otherwise(pl.col("role") != "bridging")
    return courses.filter(told)


def _spans(courses: pl.DataFrame, earlier: Earlier) -> pl.DataFrame:
    """One row a viewpoint: exposed, agents, kinds, last_day (null: not known), interval_days, interval_at_most."""
    courses = courses.filter(~pl.col("doubtful"))
    day = pl.coalesce("last", pl.when(pl.col("cls") == "car_t").then("start"))
    # A course without an end may be the last one given; of one without any day, the number of its line tells.
    undated = pl.col("start").is_null() & (pl.col("line") == pl.col("line").max().over("key"))
    courses = courses.with_columns(day=day, open=day.is_null() & (pl.col("start").is_not_null() | undated))
    spans = courses.group_by("key").agg(
        agents=pl.col("agent_id").unique().sort(),
        kinds=pl.col("cls").unique().sort(),
        known=pl.coalesce("day", "start").max(),
        open=pl.col("open").any(),
    )
    places = earlier.views.select("key", collected=pl.coalesce("apheresis_day", "infusion"))
    told = earlier.history.select("key", "complete").join(places, on="key", how="left", maintain_order="left")
    told = told.join(spans, on="key", how="left", maintain_order="left")
    last = pl.when(~pl.col("open")).then("known")
    return told.with_columns(
        exposed=pl.when(pl.col("agents").is_not_null()).then(True).when("complete").then(False),
        last_day=last,
        interval_days=pl.col("collected") - last,
        interval_at_most=pl.col("collected") - pl.col("known"),
    )


def _limits() -> dict[int, Fraction]:
    """Months to days, of both readings."""
    values = published(RULES).rule("earlier_target.interval").values.values()
    return {int(value.number): value.number * DAYS_PER_MONTH for value in values}


def _below(months: int) -> pl.Expr:
    """Was the interval shorter? A start within it is enough; a start before it tells nothing of the last dose."""
    limit = _limits()[months]

    def shorter(days: str) -> pl.Expr:
        return pl.col(days) * limit.denominator < limit.numerator

    return pl.coalesce(shorter("interval_days"), pl.when(shorter("interval_at_most")).then(True))
