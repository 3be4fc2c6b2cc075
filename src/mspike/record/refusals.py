"""Rows of `results` that cannot be used are set aside, each with the first finding that fits it."""

from __future__ import annotations

import polars as pl

from mspike.record.findings import Findings

Check = tuple[str, str, pl.Expr, "str | pl.Expr"]


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Findings speak text: categorical words are shown as they stood."""
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String))


def refuse(
    frame: pl.DataFrame, checks: list[Check], findings: Findings, refused: pl.Expr | None = None
) -> pl.DataFrame:
    """Drops the rows that fail a check, each with the first finding that fits it.

    `refused` is a cheaper expression for "fails any of them", where there is one.
    """
    if refused is None:
        refused = pl.any_horizontal(condition for _, _, condition, _ in checks)
    # A check that cannot be made refuses nothing.
    refused = refused.fill_null(False)
    if not frame.select(refused.any()).item():
        return frame
    bad = as_text(frame.filter(refused))
    for column, problem, condition, expected in checks:
        hit = bad.filter(condition.fill_null(False))
        findings.add(hit, severity="error", table="results", column=column, problem=problem, expected=expected)
        bad = bad.filter(~condition.fill_null(False))
    return frame.filter(~refused)
