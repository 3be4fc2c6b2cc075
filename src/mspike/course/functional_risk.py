"""Functional high risk: the disease came back early after the first transplant, or early in the first line."""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from mspike.course.derived import Derived
from mspike.course.doses import NEVER, RULES, Earlier
from mspike.course.earlier_targets import DAYS_PER_MONTH
from mspike.course.progressions import progressions
from mspike.knowledge.criteria import published


def _within_months(days: pl.Expr, months: Fraction) -> pl.Expr:
    limit = months * DAYS_PER_MONTH
    return days * limit.denominator <= limit.numerator


def functional_risk(earlier: Earlier) -> pl.DataFrame:
    """Did the disease come back early after the first transplant, or early in the first line?

    1. The first line is line 1, unless that is the infusion itself. Progression counts up to the infusion.
    2. True if PD fell into the window; false if PD of that line came later, or the line was followed beyond it.

    One row a viewpoint: key, first_line_day, transplant_day (first autologous), first_pd_day (after the first),
    first_pd_after_transplant, functional_high_risk (12 and 18 months), functional_high_risk_24 (24 months of either).
    """
    rule, views = published(RULES).rule("risk.functional").values, earlier.views
    rows = earlier.placed.join(views.select("key", "pid", "infusion", own="line"), on="pid")
    rows = rows.filter((pl.col("line") < pl.col("own")) | pl.col("own").is_null())
    begun = rows.filter(pl.col("line") == 1).group_by("key").agg(first_line_day=pl.col("start").min())
    told = views.select("key", "pid", "infusion").join(begun, on="key", how="left", maintain_order="left")
    told = told.join(_first_transplant(earlier), on="key", how="left", maintain_order="left")
    days = progressions(earlier.derived, earlier.placed).select("pid", _pd="pd").sort("_pd")
    told = _followed(told, earlier.derived, days, "first_line_day", "line", "first_pd_day")
    told = _followed(told, earlier.derived, days, "transplant_day", "transplant", "first_pd_after_transplant")

    def early(start: str, name: str, pd: str, months: Fraction) -> pl.Expr:
        days = pl.col(pd) - pl.col(start)
        beyond = ~_within_months(pl.col(f"{name}_seen") - pl.col(start), months)
        return pl.when(_within_months(days, months)).then(True).when(beyond).then(False)

    def either(after_transplant: str, from_start: str) -> pl.Expr:
        transplant = early("transplant_day", "transplant", "first_pd_after_transplant", rule[after_transplant].number)
        transplant = pl.when(pl.col("transplanted").eq(False)).then(False).otherwise(transplant)
        return early("first_line_day", "line", "first_pd_day", rule[from_start].number) | transplant

    shown = ("first_line_day", "transplant_day", "first_pd_day", "first_pd_after_transplant")
    return told.select(
        "key",
        *shown,
        functional_high_risk=either("after_transplant", "from_first_line"),
        functional_high_risk_24=either("wider", "wider"),
    )


def _first_transplant(earlier: Earlier) -> pl.DataFrame:
    """key, transplanted (false only where the history is complete), transplant_day of the first autologous one."""
    named = pl.col("agent_id").is_in(["autologous_transplant", "transplant"])
    allogeneic = (pl.col("agent_id") == "allogeneic_transplant").any().over("key", "row")
    found = earlier.courses.filter((named | (pl.col("role") == "transplant")) & ~allogeneic)
    found = found.group_by("key").agg(transplant_day=pl.col("start").min(), undated=pl.col("start").is_null().any())
    told = earlier.history.join(found, on="key", how="left", maintain_order="left")
    given = pl.when(pl.col("undated").is_not_null()).then(True).when("complete").then(False)
    # Where one of several has no day nobody knows which was the first.
    day = pl.when(~pl.col("undated")).then("transplant_day")
    return told.select("key", transplanted=given, transplant_day=day)


def _followed(told: pl.DataFrame, derived: Derived, days: pl.DataFrame, start: str, name: str, pd: str) -> pl.DataFrame:
    """Adds the first progression after a day (up to the infusion), and until when the line of that day was followed."""
    lines = derived.courses.select(
        "pid",
        "gid",
        "next_day",
        begun=pl.coalesce("begun_day", "index_day").cast(pl.Int64),
        seen=pl.max_horizontal(pl.col("last_evaluable").cast(pl.Int64), pl.col("pd_day").cast(pl.Int64)),
    ).sort("begun")
    visits = (
        derived.sheet.filter(pl.col("evaluable") & ~pl.col("after_new_therapy")).group_by("gid").agg(visits=pl.len())
    )
    lines = lines.join(visits, on="gid", how="left").sort("begun")
    dated = told.filter(pl.col(start).is_not_null()).with_columns(_after=pl.col(start) + 1).sort("_after")
    dated = dated.join_asof(
        days, left_on="_after", right_on="_pd", by="pid", strategy="forward", check_sortedness=False
    )
    dated = dated.join_asof(lines, left_on=start, right_on="begun", by="pid", check_sortedness=False)
    horizon = pl.coalesce("infusion", pl.lit(NEVER, pl.Int64))
    in_line = pl.col("next_day").is_null() | (pl.col("_pd") <= pl.col("next_day"))
    of_the_line = pl.when(in_line & (pl.col("_pd") <= horizon)).then("_pd")
    found = dated.select(
        "key",
        pl.when(pl.col("_pd") <= horizon).then("_pd").alias(pd),
        # One visit years later has nothing to compare with: it shows no progression that came before it. But the first
        # progression of the line itself ends the time without one, whoever told of it.
        pl.max_horizontal(pl.when(pl.col("visits") > 1).then("seen"), of_the_line).alias(f"{name}_seen"),
    )
    return told.join(found, on="key", how="left", maintain_order="left")
