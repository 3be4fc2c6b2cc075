"""Reads `results`: text to exact intervals in the canonical unit, with every row used or set aside with a reason."""

from __future__ import annotations

import numpy as np
import polars as pl

from mspike.record.amounts import LARGEST, read_values
from mspike.record.analytes import ANALYTE, ANALYTES
from mspike.record.canonical_units import in_canonical_units, refuse_implausible
from mspike.record.clean import today
from mspike.record.dates import Calendar, day_of, expected_date, is_partial
from mspike.record.findings import Findings
from mspike.record.refusals import Check, as_text, refuse
from mspike.record.specimens import one_value_a_specimen
from mspike.record.tables import ATTRIBUTIONS, RESULTS
from mspike.record.words import by_word

# Words that repeat: kept as categories, so that each distinct one is read once.
CATEGORICAL = ("analyte", "value", "unit", "method", "ref_low", "ref_high", "attribution")


def clean_results(raw: pl.DataFrame, patients: pl.DataFrame, calendar: Calendar, findings: Findings) -> pl.DataFrame:
    """The usable results, by patient and day.

    raw       text columns of the table and `row`
    patients  cleaned patients with `pid` (their order), `patient_id`, `birth_year`, `death_date`

    Returns pid, day, analyte (Enum), lo and hi (millionths of the canonical unit; [lo, hi] holds the true value),
    comparator, state (a word: negative, positive, oligoclonal ...), method, specimen_id, ref_high, attribution, row.
    """
    frame = _typed(raw, patients, calendar)
    frame = _set_aside(frame, raw, calendar, findings)
    frame = read_values(frame)
    frame = _refuse_unreadable(frame, findings)
    frame = in_canonical_units(frame, findings)
    frame = refuse_implausible(frame, findings)
    return one_value_a_specimen(frame.drop("patient_id"), patients, findings)


def _typed(raw: pl.DataFrame, patients: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    missing = [c for c in RESULTS.names if c not in raw.columns]
    frame = raw.with_columns(pl.lit(None, pl.String).alias(c) for c in missing)
    words = [pl.col(c).cast(pl.String).cast(pl.Categorical) for c in CATEGORICAL if frame.schema[c] != pl.Categorical]
    typed = frame.with_columns(
        *words,
        pl.col("specimen_id").cast(pl.String).str.strip_chars(),
        day=day_of("date", frame.schema["date"], calendar),
    )
    named = by_word(typed["analyte"], _known_analyte).alias("name")
    return typed.drop("patient_id").with_columns(named).hstack(_patient_of_row(frame["patient_id"], patients))


def _patient_of_row(ids: pl.Series, patients: pl.DataFrame) -> pl.DataFrame:
    """The patient of each row. Rows of one patient mostly stand together: each run of them is looked up once."""
    runs = ids.rle().struct.unnest()
    runs = runs.select("len", patient_id=pl.col("value").cast(pl.String).str.strip_chars())
    known = patients.select("patient_id", "pid", "birth_day", "death_day")
    found = runs.join(known, on="patient_id", how="left", maintain_order="left")
    return found.drop("len")[np.repeat(np.arange(found.height), found["len"].to_numpy())]


def _known_analyte(words: pl.Series) -> pl.Series:
    return words.str.strip_chars().str.to_lowercase().cast(ANALYTE, strict=False)


def _set_aside(frame: pl.DataFrame, raw: pl.DataFrame, calendar: Calendar, findings: Findings) -> pl.DataFrame:
    """Refuses rows whose patient, date or analyte cannot be used."""
    day, partial = pl.col("day"), is_partial("date") if calendar == "iso" else pl.lit(False)
    no_date = day.is_null()
    future = day > (today() if calendar == "iso" else 2**30)
    checks: list[Check] = [
        ("patient_id", "missing", pl.col("patient_id").is_null(), "a patient_id"),
        ("patient_id", "unknown_patient", pl.col("pid").is_null(), "a patient of the table patients"),
        ("date", "missing", pl.col("date").is_null(), "a date"),
        ("date", "partial_date", no_date & partial, "a complete date: a partial one cannot be ordered"),
        ("date", "unreadable_date", no_date, expected_date("date", calendar)),
        ("analyte", "missing", pl.col("analyte").is_null(), "an analyte"),
        ("analyte", "unknown_analyte", pl.col("name").is_null(), "an analyte listed by `mspike columns --analytes`"),
        ("date", "after_death", day > pl.col("death_day"), "a date not after the patient's death"),
        ("date", "before_birth", day < pl.col("birth_day"), "a date after the patient's birth"),
        ("date", "future_date", future, "a date not after today"),
    ]
    refused = pl.any_horizontal(
        pl.col("pid").is_null(),
        no_date,
        pl.col("name").is_null(),
        day > pl.col("death_day"),
        day < pl.col("birth_day"),
        future,
    )
    frame = refuse(frame, checks, findings, refused)
    _note_attribution(frame, findings)
    return frame.drop("analyte", "date", "birth_day", "death_day").rename({"name": "analyte"})


def _note_attribution(frame: pl.DataFrame, findings: Findings) -> None:
    if frame["attribution"].null_count() == frame.height:
        return
    marks = pl.col("attribution").cast(pl.String).str.to_lowercase()
    findings.add(
        as_text(frame.filter(marks.is_not_null() & ~marks.is_in(ATTRIBUTIONS))),
        severity="warning",
        table="results",
        column="attribution",
        problem="unreadable",
        expected="one of " + ", ".join(ATTRIBUTIONS),
    )


_UNREADABLE = {
    "missing_value": "a value as reported: 2.8, <0.1, negative",
    "negative_number": "a number not below zero",
    "not_finite": "a finite number",
    "too_large": f"a number below {LARGEST:,}",
    "unknown_word": "a number, or a word listed for this analyte by `mspike columns --analytes`",
    "not_readable": "a number, <number, negative, positive, oligoclonal or therapeutic_antibody",
}


def _refuse_unreadable(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    dirty = frame.filter(pl.col("problem") != "")
    if dirty.height:
        dirty = as_text(dirty)
        rounded = dirty.filter(pl.col("problem") == "more_than_6_decimals")
        findings.add(
            rounded,
            severity="warning",
            table="results",
            column="value",
            problem="more_than_6_decimals",
            expected="at most 6 decimals; it was rounded to 6",
        )
        checks: list[Check] = [("value", p, pl.col("problem") == p, text) for p, text in _UNREADABLE.items()]
        frame = refuse(frame, checks, findings)
    return _refuse_wrong_kind(frame.drop("problem"), findings)


def _refuse_wrong_kind(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """A number where a word belongs, or a word where a number belongs. "negative" for an amount is 0."""
    amounts = [a.name for a in ANALYTES.values() if a.kind == "amount"]
    words = [a.name for a in ANALYTES.values() if a.kind == "finding"]
    # "too faint to quantify" is nothing on electrophoresis: whether a band is there, immunofixation says.
    nothing = pl.col("analyte").is_in(amounts) & pl.col("state").is_in(["negative", "faint"])
    frame = frame.with_columns(
        lo=pl.when(nothing).then(pl.lit(0, pl.Int64)).otherwise(pl.col("lo")),
        state=pl.when(~nothing).then(pl.col("state")),
    )
    if not frame.select(
        (pl.col("lo").is_null() & pl.col("analyte").is_in(amounts)).any()
        | (pl.col("state").is_null() & pl.col("analyte").is_in(words)).any()
    ).item():
        return frame
    is_amount, is_word = pl.col("analyte").is_in(amounts), pl.col("analyte").is_in(words)
    checks: list[Check] = [
        ("value", "not_a_number", is_amount & pl.col("lo").is_null(), "a number, <number, or negative (none found)"),
        (
            "value",
            "not_a_word",
            is_word & pl.col("state").is_null(),
            _words_expected(),
        ),
    ]
    return refuse(frame, checks, findings)


def _words_expected() -> pl.Expr:
    own = {a.name: "one of " + ", ".join(a.words) for a in ANALYTES.values() if a.words}
    others = "negative, positive, oligoclonal, therapeutic_antibody or a band such as IgG kappa"
    return pl.col("analyte").cast(pl.String).replace_strict(own, default=others)
