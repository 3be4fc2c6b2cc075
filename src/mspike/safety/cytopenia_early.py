"""The early grade of a cytopenia: how many days in a row the count was low, from infusion to day 30.

A day without a count is unknown where the gap is too long to be filled. The published code takes such days as not low;
here that gives the lower end of a range, and the upper end takes them as the deepest cytopenia.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from mspike.knowledge.criteria import Rule
from mspike.safety.cytopenia_runs import Counts, Daily, Days, Mask, first_longest, joined, longest, open_at
from mspike.safety.cytopenia_windows import Counted, placed

Runs = dict[Fraction, Mask]  # days in a run, by level


def early_days(rows: pl.DataFrame, lowest: pl.DataFrame, counted: Counted) -> Daily:
    """The count of each day of the early window."""
    last = counted.whole("early.window", "last_day")
    until = rows["early_until"].to_numpy()
    gap = counted.whole("early.gaps", "gap")
    return placed(lowest.filter(pl.col("at") <= last), until, days=last + 1, gap=gap, edges=True)


def early(rows: pl.DataFrame, lowest: pl.DataFrame, counted: Counted) -> pl.DataFrame:
    """The early answers, one row an episode; without any count in the window all but the coverage is empty."""
    counts = early_days(rows, lowest, counted)
    recovery = counted.whole("early.joined", "recovery")
    rules = counted.grades("early")
    levels = {rule.values["level"].number: counted.level(rule, counts.parts) for rule in rules}
    sure = {n: joined(counts.surely_below(level), recovery) for n, level in levels.items()}
    # The deepest cytopenia that may have been: every day without a count is low.
    most = {n: joined(counts.perhaps_below(level) | counts.unknown, recovery) for n, level in levels.items()}
    answers: dict[str, Any] = {}
    for n in levels:
        answers[f"early_days_{int(n)}"] = longest(sure[n])
        answers[f"early_days_{int(n)}_high"] = longest(most[n])
    answers["early_from"], answers["early_to"] = first_longest(sure[max(levels)])
    until = np.clip(rows["early_until"].to_numpy(), -1, None).astype(np.int16)
    answers |= _grades(rules, sure, most, until)
    return _where_judged(rows, answers, _coverage(counts, list(levels.values())), int(max(levels)))


def _grades(rules: list[Rule], sure: Runs, most: Runs, until: Days) -> dict[str, Any]:
    """The lowest and the highest grade, the rule that gives the lowest, and what is said of recovery."""
    low, high, place = (np.zeros(len(until), np.int8) for _ in range(3))
    answers: dict[str, Any] = {}
    for number, rule in enumerate(rules, start=1):  # mildest first: the last rule met is the grade
        level, grade = rule.values["level"].number, np.int8(rule.values["grade"].number)
        met, possible = _lasts(rule, sure[level], until), _lasts(rule, most[level], until)
        low, high = np.where(met, grade, low), np.where(possible, grade, high)
        place = np.where(met, np.int8(number), place)
        if "first_day" in rule.values:
            answers[f"never_above_{int(level)}"] = pl.Series(met).set(pl.Series(possible & ~met), None)
    named = pl.Series([None, *(r.id for r in rules)], dtype=pl.String)
    return {"early_low": low, "early_high": high, "early_rule": named.gather(place)} | answers


def _lasts(rule: Rule, run: Mask, until: Days) -> Mask:
    """Does the longest run last so long, or one that began early stay open to the end?"""
    if "first_day" in rule.values:
        return open_at(run, until, int(rule.values["first_day"].number))
    return longest(run) >= int(rule.values["days"].number)


def _coverage(counts: Daily, levels: list[int]) -> dict[str, Counts]:
    undecided = np.logical_or.reduce([(counts.lo < level) & (counts.hi >= level) for level in levels])
    masks = {
        "measured": counts.measured,
        "interpolated": counts.known & ~counts.measured,
        "unknown": counts.unknown,
        "undecided": counts.known & undecided,
    }
    return {f"early_days_{name}": mask.sum(axis=1) for name, mask in masks.items()}


def _where_judged(rows: pl.DataFrame, answers: dict[str, Any], coverage: dict[str, Counts], level: int) -> pl.DataFrame:
    covered = rows.with_columns(pl.Series(n, c, dtype=pl.Int16) for n, c in coverage.items())
    judged = pl.col("early_days_measured") > 0
    ran = pl.col(f"early_days_{level}") > 0
    graded = covered.with_columns(**{n: pl.Series(a) for n, a in answers.items()})
    graded = graded.with_columns(pl.when(ran).then(pl.col(n)).alias(n) for n in ("early_from", "early_to"))
    graded = graded.with_columns(pl.when(judged).then(pl.col(n)).alias(n) for n in answers)
    settled = pl.col("early_low") == pl.col("early_high")
    return graded.with_columns(early_grade=pl.when(settled).then("early_low"))


def grid(counts: Daily) -> pl.DataFrame:
    """Every day of the window as a long table: episode, at, lo, hi, how."""
    episode, at = np.nonzero(counts.inside)
    inside = (episode, at)
    known, measured = counts.known[inside], counts.measured[inside]
    before = np.logical_or.accumulate(counts.measured, axis=1)[inside]
    after = np.logical_or.accumulate(counts.measured[:, ::-1], axis=1)[:, ::-1][inside]
    how = np.select([measured, known & before & after, known], ["measured", "interpolated", "held"], "unknown")
    days = pl.DataFrame(
        {
            "episode": pl.Series(episode, dtype=pl.UInt32),
            "at": pl.Series(at, dtype=pl.Int32),
            "lo": counts.lo[inside] // counts.parts,
            "hi": -(-counts.hi[inside] // counts.parts),
            "how": pl.Series(how.tolist(), dtype=pl.String),
        }
    )
    return days.with_columns(pl.when(pl.col("how") != "unknown").then(pl.col(n)).alias(n) for n in ("lo", "hi"))
