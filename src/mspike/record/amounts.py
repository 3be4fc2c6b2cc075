"""Reads a reported value: a number becomes an exact interval in millionths, a word becomes a state.

"<0.1" is the interval [0, 0.1): in whole millionths [0, 0.1 - 1 millionth]. ">x" is [x, infinity). A number is
[x, x]. Binary floats never meet a threshold: 0.7 - 0.2 < 0.5 in floats and would miss a progression.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import polars as pl

from mspike.record.analytes import MICRO

# Stands for "no upper limit"; small enough that a threshold's numerator times it still fits into 64 bits.
UNBOUNDED = 4_000_000_000 * MICRO
LARGEST = 1_000_000_000  # larger numbers are slips; 64-bit products stay exact below

NEGATIVE = "negative"
POSITIVE = "positive"
ANTIBODY = "therapeutic_antibody"
OLIGOCLONAL = "oligoclonal"

_WORDS = {
    **dict.fromkeys(("negative", "neg", "absent", "not detected", "undetectable", "nd", "none"), NEGATIVE),
    **dict.fromkeys(("no spike", "no m-spike", "no m spike", "no band"), NEGATIVE),
    **dict.fromkeys(("positive", "pos", "present", "detected"), POSITIVE),
    **dict.fromkeys(("therapeutic_antibody", "therapeutic antibody", "tmab"), ANTIBODY),
    **dict.fromkeys(("oligoclonal", "oligoclonal bands", "oligo"), OLIGOCLONAL),
    **dict.fromkeys(("faint", "too faint to quantify", "too faint to quantitate"), "faint"),
}
_BAND = re.compile(r"^(?:free )?(ig[gamde])?[ -]?(kappa|lambda)?$")
_NUMBER = re.compile(r"^(<=|>=|<|>|≤|≥)?\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$")
_RATIO = re.compile(r"^(\d+(?:\.\d+)?)\s*:\s*(\d+(?:\.\d+)?)$")


class Reading(NamedTuple):
    """What one reported text says. `lo` is in millionths of the reported unit; `problem` is empty if it was read."""

    text: str
    lo: int | None = None
    comparator: str = ""
    state: str | None = None
    problem: str = ""


def read_value(text: str) -> Reading:
    """What does this reported value say? Scalar and exact; the vectorised path uses it once per distinct text."""
    plain = " ".join(text.split())
    if match := _NUMBER.match(plain):
        comparator = {"≤": "<=", "≥": ">="}.get(match[1], match[1] or "")
        return _number(text, comparator, Decimal(match[2]))
    if match := _RATIO.match(plain):
        below = Decimal(match[2])
        return _number(text, "", Decimal(match[1]) / below) if below else Reading(text, problem="not_readable")
    word = plain.lower()
    if word in _WORDS:
        return Reading(text, state=_WORDS[word])
    if word and (band := _BAND.match(word)) and (band[1] or band[2]):
        return Reading(text, state="_".join(part for part in band.groups() if part))
    try:
        if not Decimal(plain).is_finite():
            return Reading(text, problem="not_finite")
    except InvalidOperation:
        pass
    return Reading(text, problem="not_readable")


def _number(text: str, comparator: str, number: Decimal) -> Reading:
    if abs(number) >= LARGEST:
        return Reading(text, problem="too_large")
    if number < 0:
        return Reading(text, problem="negative_number")
    scaled = number * MICRO
    whole = int(scaled.to_integral_value())
    return Reading(text, lo=whole, comparator=comparator, problem="" if scaled == whole else "more_than_6_decimals")


def read_values(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds lo (millionths of the reported unit), comparator, state and problem to a frame with a text `value`.

    Plain short numbers go through float parsing, which is exact after rounding to a millionth below 1e9; every
    other distinct text is read once by `read_value`.
    """
    text = pl.col("value").cast(pl.String).str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    simple = number.is_finite() & (text.str.len_bytes() <= 8) & (number >= 0) & (number < LARGEST)
    frame = frame.with_columns(
        value=text,
        lo=pl.when(simple).then((number * MICRO).round().cast(pl.Int64, strict=False)),
    )
    # Eight characters hold at most six decimals after "0.", save for exponents and a leading point.
    odd = frame["lo"].is_null() | (frame["value"].str.contains(r"[eE]|^\.").fill_null(False))
    if not odd.any():
        return frame.with_columns(
            comparator=pl.lit("", pl.String), state=pl.lit(None, pl.String), problem=pl.lit("", pl.String)
        )
    texts = frame.filter(odd)["value"].drop_nulls().unique().sort()
    readings = pl.DataFrame(
        [read_value(t) for t in texts],
        schema={"value": pl.String, "lo_read": pl.Int64, "comparator": pl.String, "state": pl.String, "problem": pl.String},
        orient="row",
    )
    return (
        frame.join(readings, on="value", how="left", maintain_order="left")
        .with_columns(
            lo=pl.when(odd).then(pl.col("lo_read")).otherwise(pl.col("lo")),
            comparator=pl.col("comparator").fill_null(""),
            problem=pl.when(pl.col("value").is_null()).then(pl.lit("missing_value")).otherwise(pl.col("problem").fill_null("")),
        )
        .drop("lo_read")
    )
