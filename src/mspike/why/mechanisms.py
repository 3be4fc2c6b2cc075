"""Each mechanism of each infusion: supported, not supported or not tested. Several may hold; none is the one cause."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived
from mspike.knowledge.mechanisms import STRENGTHS, mechanisms
from mspike.why.findings import findings_of
from mspike.why.infusions import infusions_of

ANSWERS = ("supported", "not_supported", "not_tested")


def why_of(derived: Derived, findings: pl.DataFrame | None = None) -> pl.DataFrame:
    """Which mechanisms do the data support, for each infusion, failed or not?

    findings  see `findings_of`; derived anew where not given

    One row an infusion and mechanism: gid, pid, failed, failure_day, target (BCMA, GPRC5D, null: unknown), mechanism,
    title, answer (supported: a finding that decides speaks for it; not_supported: what would show it was tested and is
    absent; else not_tested), partly (not tested as a whole, but some of it speaks against), strength (the strongest of
    the findings that carry the answer; null where not tested), conflict (studies disagree about a finding that carries
    it), conflicts (in words), and the rules of the findings: for, against, descriptive, not_tested.
    """
    infusions = infusions_of(derived)
    found = findings_of(derived) if findings is None else findings
    found = found.join(_needed(), on=["mechanism", "rule"], how="left").with_columns(
        rank=pl.col("strength").replace_strict({s: at for at, s in enumerate(STRENGTHS)}, return_dtype=pl.Int8)
    )
    summed = found.group_by("gid", "mechanism", maintain_order=True).agg(**_lists(), **_decided())
    summed = summed.with_columns(answer=_answer()).with_columns(strength=_strength())
    summed = summed.with_columns(partly=(pl.col("answer") == "not_tested") & (pl.col("against").list.len() > 0))
    told = infusions.select("gid", "pid", "failed", "target", failure_day="failure")
    told = _with_conflicts(summed).join(told, on="gid", how="left", maintain_order="left")
    told = told.join(_titles(), on="mechanism", how="left").sort("pid", "gid", "order")
    return told.select(
        "gid", "pid", "failed", "failure_day", "target", "mechanism", "title", "answer", "partly", "strength",
        "conflict", "conflicts", "for", "against", "descriptive", "not_tested",
    )  # fmt: skip


def _lists() -> dict[str, pl.Expr]:
    state, rule = pl.col("state"), pl.col("rule")
    return {name: rule.filter(state == name) for name in ("for", "against", "descriptive", "not_tested")}


def _decided() -> dict[str, pl.Expr]:
    needed, against = pl.col("needed"), pl.col("state") == "against"
    return {
        # Nothing is needed of a mechanism that no test can exclude: it is never called not supported.
        "excluded": (against | ~needed).all() & needed.any(),
        "best_for": pl.col("rank").filter(pl.col("state") == "for").min(),
        "best_against": pl.col("rank").filter(against & needed).min(),
    }


def _answer() -> pl.Expr:
    return (
        pl.when(pl.col("for").list.len() > 0)
        .then(pl.lit("supported"))
        .when("excluded")
        .then(pl.lit("not_supported"))
        .otherwise(pl.lit("not_tested"))
    )


def _strength() -> pl.Expr:
    rank = pl.when(pl.col("answer") == "supported").then("best_for").when("excluded").then("best_against")
    return rank.replace_strict(dict(enumerate(STRENGTHS)), return_dtype=pl.String)


def _needed() -> pl.DataFrame:
    """Which findings must be absent before a mechanism is called not supported."""
    rows = [(m.id, f.rule, f.rule in m.not_supported_needs) for m in mechanisms().values() for f in m.findings]
    return pl.DataFrame(rows, schema=["mechanism", "rule", "needed"], orient="row")


def _with_conflicts(summed: pl.DataFrame) -> pl.DataFrame:
    """Adds what studies disagree about, where it touches a finding that speaks for or against."""
    conflicts = [(m.id, c) for m in mechanisms().values() for c in m.conflicts]
    carrying = pl.concat_list("for", "against")
    hits = [
        pl.when((pl.col("mechanism") == mechanism) & (carrying.list.set_intersection(list(c.touches)).list.len() > 0))
        .then(pl.lit(c.told))
        for mechanism, c in conflicts
    ]  # fmt: skip
    told = pl.concat_list(hits).list.drop_nulls()
    return summed.with_columns(conflicts=told).with_columns(conflict=pl.col("conflicts").list.len() > 0)


def _titles() -> pl.DataFrame:
    rows = [(m.id, m.title, m.order) for m in mechanisms().values()]
    return pl.DataFrame(rows, schema=["mechanism", "title", "order"], orient="row")
