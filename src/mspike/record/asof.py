"""What was known on a day: later rows are taken out, and what had not ended yet has no end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from mspike.record.record import Record

# The day a row became known, and the day on which something ends that may still have been going on.
_DAYS = {
    "results": ("day", None),
    "mrd": ("date", None),
    "lesions": ("date", None),
    "treatments": ("start_date", "end_date"),
    "responses": ("date", None),
    "events": ("date", "end_date"),
    "genetics": ("date", None),
}
# What was written down when something ended was not known before.
_KNOWN_AT_END = ("stop_reason", "best_response")


def as_of(record: Record, day: int) -> Record:
    """The record as it stood on that day (a day number of its calendar); rows without a date stay."""
    tables: dict[str, Any] = {
        name: _until(getattr(record, name), start, end, day) for name, (start, end) in _DAYS.items()
    }
    return replace(record, patients=_living(record.patients, day), **tables)


def _until(frame: pl.DataFrame, start: str, end: str | None, day: int) -> pl.DataFrame:
    known = frame.filter((pl.col(start) <= day).fill_null(True))  # an undated earlier line was known all along
    if end is None:
        return known
    ended = pl.col(end).is_null() | (pl.col(end) <= day)
    emptied = [end, *(c for c in _KNOWN_AT_END if c in frame.columns)]
    return known.with_columns(pl.when(ended).then(pl.col(c)).alias(c) for c in emptied)


def _living(patients: pl.DataFrame, day: int) -> pl.DataFrame:
    """A later death and its cause were not known; who was in contact later was alive on the day."""
    dead = (pl.col("death_day") <= day).fill_null(True)  # an undated death cannot be placed after the day
    seen_later = (pl.col("contact_day") > day) | (pl.col("death_day") > day)
    return patients.with_columns(
        death_cause=pl.when(dead).then("death_cause"),
        death_day=pl.when(dead).then("death_day"),
        contact_day=pl.when(seen_later).then(pl.lit(day, pl.Int32)).otherwise("contact_day"),
    )
