"""Dates: ISO dates or, where the whole registry uses them, integer days from the infusion. Both become whole days.

A date becomes the number of days since 1970-01-01; a relative day stays as it is. All arithmetic is then the same.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import polars as pl

Calendar = Literal["iso", "day"]

_INTEGER = r"^[+-]?\d{1,6}(\.0+)?$"
_PARTIAL = r"^\d{4}(-\d{2})?$"
EXCEL_SERIAL = r"^[34]\d{4}(\.0+)?$"
_ISO = r"^\d{4}-\d{2}-\d{2}"

EXPECTED = {
    "iso": "an ISO date (2024-05-31)",
    "day": "a whole number of days from the infusion (28)",
}


def calendar_votes(samples: pl.Series) -> tuple[int, int]:
    """How many of these texts look like ISO dates (partial ones too), and how many like days from infusion."""
    texts = samples.drop_nulls().cast(pl.String).str.strip_chars()
    iso = (texts.str.contains(_ISO) | texts.str.contains(_PARTIAL)).sum()
    # A bare four-figure number is a year to a person and a day to nobody: it votes for ISO above.
    # Nor does a number that Excel would show as a date: nobody is followed for eighty years.
    days = (texts.str.contains(_INTEGER) & ~texts.str.contains(r"^\d{4}$") & ~texts.str.contains(EXCEL_SERIAL)).sum()
    return int(iso), int(days)


def day_of(column: str, dtype: pl.DataType, calendar: Calendar) -> pl.Expr:
    """The day of a date column as Int32; null where it is no complete date of this calendar."""
    value = pl.col(column)
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        return value.cast(pl.Date).cast(pl.Int32) if calendar == "iso" else pl.lit(None, pl.Int32)
    if dtype.is_integer():
        return value.cast(pl.Int32, strict=False) if calendar == "day" else pl.lit(None, pl.Int32)
    if dtype.is_float():
        whole = pl.when(value == value.round()).then(value)
        return whole.cast(pl.Int32, strict=False) if calendar == "day" else pl.lit(None, pl.Int32)
    text = value.cast(pl.String).str.strip_chars()
    if calendar == "day":
        return pl.when(text.str.contains(_INTEGER)).then(text.cast(pl.Float64, strict=False)).cast(pl.Int32)
    # A time of day after the date is allowed and dropped; anything else behind the date is not.
    date = text.str.replace(r"[T ]\d{2}:\d{2}.*$", "")
    return date.str.to_date("%Y-%m-%d", strict=False).cast(pl.Int32)


def is_partial(column: str) -> pl.Expr:
    """Is it a year or a year and month, which is kept as it stands and never completed?"""
    return pl.col(column).cast(pl.String).str.strip_chars().str.contains(_PARTIAL)


def expected_date(column: str, calendar: Calendar) -> pl.Expr:
    """What the user should have written; an Excel serial number is named with the date it would be."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    serial = pl.when(text.str.contains(EXCEL_SERIAL)).then(text.cast(pl.Float64, strict=False).cast(pl.Int32))
    as_date = (pl.lit(dt.date(1899, 12, 30)) + pl.duration(days=serial)).cast(pl.String)
    if calendar == "day":
        return pl.lit(EXPECTED["day"])
    return (
        pl.when(serial.is_not_null())
        .then(pl.format("an ISO date; if this is an Excel serial number it means {}", as_date))
        .otherwise(pl.lit(EXPECTED["iso"]))
    )


def shown(day: pl.Expr, calendar: Calendar) -> pl.Expr:
    """A day as the output gives it: a date, or the integer day of a day registry."""
    return day.cast(pl.Int32).cast(pl.Date) if calendar == "iso" else day.cast(pl.Int32)


def shown_text(day: pl.Expr, calendar: Calendar) -> pl.Expr:
    return shown(day, calendar).cast(pl.String)
