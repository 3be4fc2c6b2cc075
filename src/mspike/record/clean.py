"""Reads the text of a table into its declared types; what cannot be read becomes a finding, never a guess."""

from __future__ import annotations

import datetime as dt
from functools import cache

import polars as pl

from mspike.record.dates import Calendar, day_of, expected_date, is_partial
from mspike.record.findings import Findings
from mspike.record.tables import Column, Table

TRUE = ("yes", "true", "1", "y", "t")
FALSE = ("no", "false", "0", "n", "f")

# Exact grids for the numbers that thresholds meet: lesions in micrometres, MRD fractions in 1e-12.
SCALES = {
    "longest_mm": 1_000,
    "perpendicular_mm": 1_000,
    "fraction": 1_000_000_000_000,
    "limit_of_detection": 1_000_000_000_000,
}


def clean_table(raw: pl.DataFrame, table: Table, calendar: Calendar, findings: Findings) -> pl.DataFrame:
    """The typed rows of one table (all but `results`). Days are Int32; partial dates stay in `<column>_partial`.

    A bad cell in an optional column is emptied with a warning; in a required one the row is set aside with an error.
    """
    if raw.is_empty():
        return _empty(table)
    given = raw.columns
    frame = raw.with_columns(pl.lit(None, pl.String).alias(c) for c in table.names if c not in given)
    frame = _without_blanks(frame, table)
    parsed = frame.with_columns(expr for c in table.columns for expr in _typed(c, frame.schema[c.name], calendar))
    refused = pl.lit(False)
    for column in table.columns:
        bad = _note_bad_cells(
            raw_frame=frame, parsed=parsed, column=column, table=table, calendar=calendar, findings=findings
        )
        if column.required:
            refused = refused | bad | pl.col(column.name).is_null()
        if column.unless:
            refused = refused | (pl.col(column.name).is_null() & pl.col(column.unless).is_null())
    kept = parsed.filter(~refused)
    order = ["patient_id", *table.dates[:1], "row"] if table.dates else ["patient_id", "row"]
    return kept.sort(order, nulls_last=True)


@cache
def _empty(table: Table) -> pl.DataFrame:
    """No rows, but the types that rows would have."""
    row = {name: ["" if name == "patient_id" else None] for name in table.names} | {"row": [0]}
    schema = dict.fromkeys(table.names, pl.String) | {"row": pl.Int64}
    return clean_table(pl.DataFrame(row, schema=schema), table, "day", Findings()).clear()


def _without_blanks(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    texts = [c for c in table.names if frame.schema[c] == pl.String]
    stripped = (pl.col(c).str.strip_chars() for c in texts)
    frame = frame.with_columns(stripped)
    return frame.with_columns(pl.when(pl.col(c) != "").then(pl.col(c)).alias(c) for c in texts)


def _typed(column: Column, dtype: pl.DataType, calendar: Calendar) -> list[pl.Expr]:
    name, text = column.name, pl.col(column.name).cast(pl.String)
    if column.kind == "date":
        partial = pl.when(is_partial(name) & (calendar == "iso")).then(text)
        return [day_of(name, dtype, calendar).alias(name), partial.alias(f"{name}_partial")]
    if column.kind == "choice":
        folded = {choice.lower(): choice for choice in column.choices}
        return [text.str.to_lowercase().replace_strict(folded, default=None, return_dtype=pl.String).alias(name)]
    if column.kind == "boolean":
        words = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
        return [text.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean).alias(name)]
    if column.kind == "integer":
        number = text.cast(pl.Float64, strict=False)
        whole = pl.when(number.is_finite() & (number == number.round())).then(number)
        return [_within(whole, column).cast(pl.Int64, strict=False).alias(name)]
    if column.kind == "number":
        number = _within(text.cast(pl.Float64, strict=False), column)
        scale = SCALES.get(name)
        return [(number * scale).round().cast(pl.Int64).alias(name) if scale else number.alias(name)]
    return [text.alias(name)]


def _within(number: pl.Expr, column: Column) -> pl.Expr:
    plausible = number.is_finite()
    if column.low is not None:
        plausible = plausible & (number >= column.low)
    if column.high is not None:
        plausible = plausible & (number <= column.high)
    return pl.when(plausible).then(number)


def _note_bad_cells(
    *,
    raw_frame: pl.DataFrame,
    parsed: pl.DataFrame,
    column: Column,
    table: Table,
    calendar: Calendar,
    findings: Findings,
) -> pl.Expr:
    """Notes the cells of this column that hold something unreadable; returns the expression for such rows."""
    name = column.name
    needed = pl.repeat(column.required, parsed.height, eager=True)
    if column.unless:
        needed = parsed[column.unless].is_null()
    empty = raw_frame[name].is_null()
    if column.required or column.unless:
        findings.add(
            raw_frame.filter(empty & needed),
            severity="error",
            table=table.name,
            column=name,
            problem="missing",
            expected=_expected(column, calendar),
        )
    unread = parsed[name].is_null() & ~empty
    for severity, rows in (("error", unread & needed), ("warning", unread & ~needed)):
        if rows.any():
            _note_unread(raw_frame.filter(rows), parsed.filter(rows), severity, column, table, calendar, findings)
    if column.kind == "date":
        _note_future(raw_frame, parsed, name, table, calendar, findings)
    return pl.lit(unread)


def _note_unread(
    bad: pl.DataFrame,
    parsed: pl.DataFrame,
    severity: str,
    column: Column,
    table: Table,
    calendar: Calendar,
    findings: Findings,
) -> None:
    """Notes these rows, whose cell of the column could not be read."""
    name = column.name
    told: list[tuple[pl.DataFrame, str, str | pl.Expr]] = [(bad, "unreadable", _expected(column, calendar))]
    if column.kind == "date":
        partial = parsed[f"{name}_partial"].is_not_null()
        kept = "a complete date: a partial one is kept as it is and never completed"
        told = [
            (bad.filter(partial), "partial_date", kept),
            (bad.filter(~partial), "unreadable_date", expected_date(name, calendar)),
        ]
    for rows, problem, expected in told:
        findings.add(rows, severity=severity, table=table.name, column=name, problem=problem, expected=expected)


def _note_future(
    raw_frame: pl.DataFrame, parsed: pl.DataFrame, name: str, table: Table, calendar: Calendar, findings: Findings
) -> None:
    if calendar != "iso":
        return
    future = (parsed[name] > today()).fill_null(False)
    findings.add(
        raw_frame.filter(future),
        severity="warning",
        table=table.name,
        column=name,
        problem="future_date",
        expected="a date not after today",
    )


def today() -> int:
    """Today as a day number; dates after it are slips of the pen."""
    return (dt.date.today() - dt.date(1970, 1, 1)).days


def _expected(column: Column, calendar: Calendar) -> str:
    if column.kind == "choice":
        return "one of " + ", ".join(column.choices)
    if column.kind == "boolean":
        return "yes or no"
    if column.kind == "date":
        return f"a date, or {column.unless}" if column.unless else "a date"
    bounds = f" from {column.low:g}" if column.low is not None else ""
    bounds += f" to {column.high:g}" if column.high is not None else ""
    return {"integer": "a whole number", "number": "a number"}.get(column.kind, "a value") + bounds
