"""Findings: what is wrong with the data, where, and what was expected. Nothing bad vanishes in silence."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

SCHEMA = pl.Schema(
    {
        "severity": pl.String,
        "table": pl.String,
        "row": pl.Int64,
        "column": pl.String,
        "patient_id": pl.String,
        "problem": pl.String,
        "found": pl.String,
        "expected": pl.String,
    }
)

# error: the row was set aside. warning: it was used, look at it. info: worth knowing.
SEVERITIES = ("error", "warning", "info")


class Findings:
    """Collects findings of one bucket; `frame()` gives them in one stable order."""

    def __init__(self) -> None:
        self._frames: list[pl.DataFrame] = []

    def add(
        self,
        bad: pl.DataFrame,
        *,
        severity: str,
        table: str,
        problem: str,
        expected: str | pl.Expr,
        column: str = "",
        found: pl.Expr | None = None,
    ) -> None:
        """Note every row of `bad`, which carries `patient_id` and (where it comes from a file) `row`."""
        if bad.is_empty():
            return
        if found is None:
            found = pl.col(column).cast(pl.String) if column in bad.columns else pl.lit("")
        row = pl.col("row").cast(pl.Int64) if "row" in bad.columns else pl.lit(None, pl.Int64)
        self._frames.append(
            bad.select(
                severity=pl.lit(severity),
                table=pl.lit(table),
                row=row,
                column=pl.lit(column),
                patient_id=pl.col("patient_id").cast(pl.String),
                problem=pl.lit(problem),
                found=found.cast(pl.String),
                expected=expected if isinstance(expected, pl.Expr) else pl.lit(expected),
            )
        )

    def note(self, *, severity: str, table: str, problem: str, found: str, expected: str, column: str = "") -> None:
        """One finding about a file rather than a row."""
        self.extend(
            pl.DataFrame([[severity, table, None, column, None, problem, found, expected]], schema=SCHEMA, orient="row")
        )

    def extend(self, frame: pl.DataFrame) -> None:
        if not frame.is_empty():
            self._frames.append(frame.cast(SCHEMA))

    def frame(self) -> pl.DataFrame:
        return ordered(self._frames)


def ordered(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """All findings as one frame, by table and row, so that a re-run is identical."""
    frames = [f for f in frames if not f.is_empty()]
    if not frames:
        return pl.DataFrame(schema=SCHEMA)
    return pl.concat(frames).sort("table", "row", "patient_id", "column", "problem", "found", nulls_last=False)


def counts(frame: pl.DataFrame) -> dict[str, int]:
    """How many findings of each severity."""
    found = dict(frame.group_by("severity").len().iter_rows())
    return {severity: found.get(severity, 0) for severity in SEVERITIES}
