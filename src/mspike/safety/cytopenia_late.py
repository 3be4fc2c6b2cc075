"""The late grade of a cytopenia: how deep it was between day 31 and day 100; for platelets also for how long."""

from __future__ import annotations

import polars as pl

from mspike.knowledge.criteria import Rule
from mspike.safety.cytopenia_runs import joined, longest
from mspike.safety.cytopenia_windows import Counted, placed


def late_counts(rows: pl.DataFrame, lowest: pl.DataFrame, counted: Counted) -> pl.DataFrame:
    """The lowest count of each measured day of the late window."""
    first = counted.whole("late.window", "first_day")
    late = lowest.filter(pl.col("at") >= first).join(rows.select("episode", "late_until"), on="episode")
    return late.filter(pl.col("at") <= pl.col("late_until")).sort("episode", "at")


def _two_lowest(counts: pl.DataFrame) -> pl.DataFrame:
    """The lowest and the second-lowest daily count as intervals; no second where one day only was measured."""
    several = pl.len() >= 2
    return counts.group_by("episode", maintain_order=True).agg(
        late_days_measured=pl.len(),
        nadir_at=pl.col("at").sort_by("hi", "lo", "at").first(),
        **{f"late_nadir_{side}": pl.col(side).min() for side in ("lo", "hi")},
        **{f"late_second_{side}": pl.when(several).then(pl.col(side).bottom_k(2).max()) for side in ("lo", "hi")},
    )


def _graded(rules: list[Rule], counted: Counted, count: pl.Expr) -> pl.Expr:
    """The grade whose level the count reaches; 0 for none."""
    grades = [pl.when(count < counted.level(r)).then(int(r.values["grade"].number)).otherwise(0) for r in rules]
    return pl.max_horizontal(*grades).cast(pl.Int8)


def late_by_nadir(counts: pl.DataFrame, counted: Counted) -> pl.DataFrame:
    """Neutrophils: the lowest count, where the second-lowest shows that it was not a moment's."""
    rules = counted.grades("late")
    limit = counted.level(counted.criteria.rule(f"{counted.family}.late.not_transient"))

    def grade(side: str) -> pl.Expr:
        # A single value is accepted: that is the rule, not a guess at the second.
        lasting = pl.col(f"late_second_{side}").is_null() | (pl.col(f"late_second_{side}") < limit)
        depth = _graded(rules, counted, pl.col(f"late_nadir_{side}"))
        return pl.when(lasting).then(depth).otherwise(pl.lit(0, pl.Int8))

    return _two_lowest(counts).with_columns(late_low=grade("hi"), late_high=grade("lo"), late_second_needed=False)


def late_by_second(counts: pl.DataFrame, counted: Counted) -> pl.DataFrame:
    """Platelets: two days below the level. One low day alone may be a moment's and leaves the grade open."""
    rules = [r for r in counted.grades("late") if "days" not in r.values]
    lows, highs = (_graded(rules, counted, pl.col(f"late_second_{side}")) for side in ("hi", "lo"))
    alone = pl.col("late_days_measured") < counted.whole("late.not_transient", "tests")
    single = _graded(rules, counted, pl.col("late_nadir_lo"))
    return _two_lowest(counts).with_columns(
        late_low=pl.when(alone).then(pl.lit(0, pl.Int8)).otherwise(lows),
        late_high=pl.when(alone).then(single).otherwise(highs),
        late_second_needed=alone & (single > 0),
    )


def with_duration(late: pl.DataFrame, rows: pl.DataFrame, counts: pl.DataFrame, counted: Counted) -> pl.DataFrame:
    """Raises the late grade by how long a run lasted. Counts are weeks apart by now: unknown days add nothing."""
    first, last = (counted.whole("late.window", f"{end}_day") for end in ("first", "last"))
    recovery, gap = counted.whole("early.joined", "recovery"), counted.whole("early.gaps", "gap")
    numbered = late.select("episode").with_row_index("place")
    shifted = counts.join(numbered, on="episode").select(pl.col("at") - first, "lo", "hi", episode="place")
    until = numbered.join(rows, on="episode", how="left", maintain_order="left")["late_until"].to_numpy() - first
    days = placed(shifted, until, days=last - first + 1, gap=gap, edges=False)
    for rule in (r for r in counted.grades("late") if "days" in r.values):
        level, name = counted.level(rule, days.parts), f"late_days_{int(rule.values['level'].number)}"
        sure = longest(joined(days.surely_below(level), recovery))
        most = longest(joined(days.perhaps_below(level), recovery))
        late = late.with_columns(pl.Series(name, sure), pl.Series(f"{name}_high", most))
        grade, lasting = pl.lit(int(rule.values["grade"].number), pl.Int8), int(rule.values["days"].number)
        late = late.with_columns(
            late_low=pl.when(pl.col(name) >= lasting).then(grade).otherwise("late_low"),
            late_high=pl.when(pl.col(f"{name}_high") >= lasting).then(grade).otherwise("late_high"),
        )
    return late
