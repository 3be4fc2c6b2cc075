"""Reads a reported value: a number becomes an exact interval in millionths, a word becomes a state.

"<0.1" is the interval [0, 0.1): in whole millionths [0, 0.1 - 1 millionth]. ">x" is [x, infinity). A number is
[x, x]. Binary floats never meet a threshold: 0.7 - 0.2 < 0.5 in floats and would miss a progression.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl

from mspike.record.analytes import ANALYTES, MICRO
from mspike.record.ward_words import read_ward_word
from mspike.record.words import by_word

# Stands for "no upper limit"; small enough that a threshold's numerator times it still fits into 64 bits.
UNBOUNDED = 4_000_000_000 * MICRO
LARGEST = 1_000_000_000  # larger numbers are slips; 64-bit products stay exact below

NEGATIVE = "negative"
POSITIVE = "positive"
ANTIBODY = "therapeutic_antibody"
OLIGOCLONAL = "oligoclonal"

_WORDS = {
    # "ND" and "none" are no words here: as often as "not detected" they mean that nothing was done.
    **dict.fromkeys(("negative", "neg", "absent", "not detected", "undetectable"), NEGATIVE),
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


READING = pl.Schema(
    [("lo", pl.Int64()), ("comparator", pl.Categorical()), ("state", pl.Categorical()), ("problem", pl.Categorical())]
)


def read_values(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds lo (millionths of the reported unit), comparator, state and problem to a frame with a categorical `value`.

    Each distinct text is read once; the rows then only point at it.
    """
    missing = pl.DataFrame([(None, "", None, "missing_value")], schema=READING, orient="row")
    read = frame.hstack(by_word(frame["value"], lambda texts: pl.concat([missing, _readings(texts[1:])])))
    return _with_ward_words(read)


def _with_ward_words(read: pl.DataFrame) -> pl.DataFrame:
    """Reads what is no plain number once more where the analyte has words of its own: "none" means different things."""
    if "analyte" not in read.columns:
        return read
    own = [a.name for a in ANALYTES.values() if a.words]
    # A number is read; only a word, or a number with its device, is left for the analyte to tell.
    asked = pl.col("analyte").is_in(own) & ((pl.col("problem") == "not_readable") | pl.col("state").is_not_null())
    at = read.select(asked.fill_null(False).arg_true()).to_series()
    if at.is_empty():
        return read
    asked_of, words = read["analyte"][at], read["value"][at]
    for analyte in asked_of.unique().cast(pl.String).sort():
        here = (asked_of == analyte).arg_true()
        found = by_word(words[here], partial(_ward_readings, analyte))
        read = read.with_columns(read[name].scatter(at[here], found[name]) for name in READING)
    return read


def _ward_readings(analyte: str, texts: pl.Series) -> pl.DataFrame:
    told = [(None, "", None, "missing_value"), *(_ward_reading(analyte, text) for text in texts[1:])]
    return pl.DataFrame(told, schema=READING, orient="row")


def _ward_reading(analyte: str, text: str) -> tuple[int | None, str, str | None, str]:
    told = read_ward_word(analyte, text, ANALYTES[analyte].words)
    return (None, "", None, "unknown_word") if told is None else (told.lo, "", told.state, "")


def _readings(texts: pl.Series) -> pl.DataFrame:
    """One row a text. Short plain numbers go through float parsing, which is exact after rounding to a millionth."""
    number = texts.cast(pl.Float64, strict=False)
    # Eight characters hold at most six decimals after "0.", save for exponents and a leading point.
    simple = number.is_finite() & (texts.str.len_bytes() <= 8) & (number >= 0) & ~texts.str.contains(r"[eE]|^\.| ")
    plain = pl.DataFrame({"lo": (number * MICRO).round()}).select(
        pl.col("lo").cast(pl.Int64, strict=False),
        comparator=pl.lit(""),
        state=pl.lit(None, pl.String),
        problem=pl.lit(""),
    )
    others = texts.filter(~simple.fill_null(False))
    read = [read_value(text)[1:] for text in others]
    special = pl.DataFrame(
        read, schema={name: pl.Int64 if name == "lo" else pl.String for name in READING}, orient="row"
    )
    order = np.argsort(
        np.concatenate([np.flatnonzero(simple.fill_null(False)), np.flatnonzero(~simple.fill_null(False))])
    )
    return pl.concat([plain.filter(simple.fill_null(False)), special])[order].cast(READING)
