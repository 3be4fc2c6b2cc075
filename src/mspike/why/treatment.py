"""What was given before the infusion and how long before: alkylators, washout, BCMA agents, T-cell engagers.

Whether and when is answered by `course.earlier_targets`; here it becomes findings. A history that is not complete
excludes nothing.
"""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived
from mspike.course.doses import Earlier, earlier_therapy
from mspike.course.earlier_targets import alkylators, earlier_targets
from mspike.knowledge.therapies import agents
from mspike.why.observation import number, observation

NOT_WASHED_OUT = ("steroid", "supportive", "conditioning", "transplant", "other")
NO_HISTORY = "earlier treatment is not recorded, or a part of it cannot be read"
NO_DAY = "it was given, but not on which day"
NONE = "none among the earlier treatments"


def observations_of_treatment(derived: Derived, infusions: pl.DataFrame) -> list[pl.DataFrame]:
    """The findings about earlier treatment, one frame each."""
    earlier = earlier_therapy(derived)
    keys = earlier.views.filter(pl.col("gid").is_not_null()).select("key", "gid", "apheresis_day", "infusion")
    history = keys.join(earlier.history.select("key", "complete"), on="key")
    told = history.join(alkylators(earlier), on="key").join(earlier_targets(earlier), on="key")
    return [
        _bendamustine(infusions, told),
        _high_dose(infusions, told),
        *(_bcma(infusions, told, months) for months in (6, 8)),
        _washout(infusions, earlier, history),
        _engager(infusions, earlier, history),
    ]


def _before(interval: str) -> pl.Expr:
    """How long before apheresis, as a reader says it; of the infusion where apheresis is not recorded."""
    days, anchor = pl.col(interval), pl.col("apheresis_day").is_null()
    what = pl.when(anchor).then(pl.lit("the infusion")).otherwise(pl.lit("apheresis"))
    return (
        pl.when(days > 0)
        .then(pl.format("{} days before {}", days, what))
        .when(days == 0)
        .then(pl.format("up to {}", what))
        .when(days < 0)
        .then(pl.format("{} days after {}", -days, what))
        .otherwise(pl.lit("on a day not known"))
    )


def _bendamustine(infusions: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    given = pl.col("bendamustine_before")
    text = pl.when(given).then(pl.concat_str(pl.lit("bendamustine last given "), _before("bendamustine_interval_days")))
    return observation(
        infusions,
        "why.t_cell_fitness.bendamustine",
        told.filter(given.is_not_null()),
        holds=given,
        value=text.otherwise(pl.lit(NONE)),
        day="bendamustine_last_day",
        reason=NO_HISTORY,
    )


def _high_dose(infusions: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    rule = "why.t_cell_fitness.high_dose_alkylator"
    given, days = pl.col("high_dose_alkylator_before"), pl.col("high_dose_alkylator_interval_days")
    text = pl.concat_str(pl.lit("high-dose alkylator last given "), _before("high_dose_alkylator_interval_days"))
    return observation(
        infusions,
        rule,
        told.filter(given.is_not_null()),
        holds=given & pl.when(given).then(days <= int(number(rule, "interval"))),
        value=pl.when(given).then(text).otherwise(pl.lit(NONE)),
        day="high_dose_alkylator_last_day",
        reason=NO_HISTORY,
        undecided=NO_DAY,
    )


def _bcma(infusions: pl.DataFrame, told: pl.DataFrame, months: int) -> pl.DataFrame:
    """Asked of BCMA products: for another antigen nothing is published."""
    rule = f"why.earlier_bcma.{'six' if months == 6 else 'eight'}_months"
    aimed = told.join(infusions.filter(pl.col("target") == "BCMA").select("gid"), on="gid", how="semi")
    given = pl.col("bcma_exposed")
    which = pl.col("bcma_agents").list.eval(pl.element().replace(_names())).list.join(", ")
    text = pl.concat_str(which, pl.lit(", last given "), _before("bcma_interval_days"))
    other = pl.when(pl.col("target").is_null()).then(pl.lit("the product's target is not known"))
    return observation(
        infusions,
        rule,
        aimed.filter(given.is_not_null()),
        holds=given & pl.when(given).then(pl.col(f"bcma_below_{months}_months")),
        value=pl.when(given).then(text).otherwise(pl.lit(NONE)),
        day="bcma_last_day",
        reason=other.when(pl.col("target") != "BCMA")
        .then(pl.lit("asked of BCMA products only"))
        .otherwise(pl.lit(NO_HISTORY)),
        undecided=NO_DAY,
    )


def _washout(infusions: pl.DataFrame, earlier: Earlier, history: pl.DataFrame) -> pl.DataFrame:
    rule = "why.t_cell_fitness.washout"
    days = int(number(rule, "interval"))
    since = pl.col("apheresis_day") - pl.col("last")
    near = (since >= 0) & (since < days) & ~pl.col("cls").is_in(NOT_WASHED_OUT)
    text = pl.format("{} {} days before apheresis", pl.col("agent_id").replace(_names()), since)
    rows = earlier.courses.filter(near).with_columns(text=text)
    return _described(infusions, history, rows, rule, f"no other drug known in the {days} days before apheresis")


def _engager(infusions: pl.DataFrame, earlier: Earlier, history: pl.DataFrame) -> pl.DataFrame:
    rows = earlier.courses.filter((pl.col("cls") == "bispecific") & ~pl.col("doubtful"))
    rows = rows.with_columns(given=pl.coalesce("last", "start")).sort("key", "agent_id", "given", nulls_last=False)
    rows = rows.unique(["key", "agent_id"], keep="last", maintain_order=True)
    since = pl.format(" {} days before the infusion", pl.col("infusion") - pl.col("given"))
    text = pl.concat_str(pl.col("agent_id").replace(_names()), since.fill_null(" on a day not known"))
    return _described(
        infusions, history, rows.with_columns(text=text), "why.exhaustion.recent_engager", "no T-cell engager before"
    )


def _names() -> dict[str, str]:
    return {id_: agent.name for id_, agent in agents().items()}


def _described(
    infusions: pl.DataFrame, history: pl.DataFrame, rows: pl.DataFrame, rule: str, none: str
) -> pl.DataFrame:
    """Shown, never judged: the courses found, or that a complete history holds none."""
    found = (
        rows.with_columns(day=pl.coalesce("last", "start"))
        .sort("key", "day", nulls_last=False)
        .group_by("key")
        .agg(text=pl.col("text").unique(maintain_order=True).str.join("; "), day=pl.col("day").last())
    )
    seen = history.join(found, on="key", how="left").filter(pl.col("complete") | pl.col("text").is_not_null())
    value = pl.coalesce("text", pl.lit(none))
    return observation(infusions, rule, seen, holds=pl.lit(None), value=value, reason=NO_HISTORY)
