"""Reads `results`: text to exact intervals in the canonical unit, with every row used or set aside with a reason."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import polars as pl

from mspike.record.amounts import LARGEST, UNBOUNDED, read_values
from mspike.record.analytes import ANALYTES, MICRO, URINE_CONCENTRATION, folded, unit_factors
from mspike.record.clean import today
from mspike.record.dates import Calendar, day_of, expected_date, is_partial
from mspike.record.findings import Findings
from mspike.record.tables import ATTRIBUTIONS, RESULTS
from mspike.record.words import by_word

NAMES = list(ANALYTES)
ANALYTE = pl.Enum(NAMES)

# Two values of one specimen: the later one is taken for these. Others (ward measurements) repeat by nature.
RESPONSE_ANALYTES = (
    "serum_m",
    "urine_m_24h",
    "kappa_flc",
    "lambda_flc",
    "serum_ife",
    "urine_ife",
    "iga",
    "circulating_plasma_cells",
)

# Words that repeat: kept as categories, so that each distinct one is read once.
CATEGORICAL = ("analyte", "value", "unit", "method", "ref_low", "ref_high", "attribution")

Check = tuple[str, str, pl.Expr, "str | pl.Expr"]


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
    frame = _in_canonical_units(frame, findings)
    frame = _refuse_implausible(frame, findings)
    return _one_value_a_specimen(frame.drop("patient_id"), patients, findings)


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
    frame = _refuse(frame, checks, findings, refused)
    _note_attribution(frame, findings)
    return frame.drop("analyte", "date", "birth_day", "death_day").rename({"name": "analyte"})


def _note_attribution(frame: pl.DataFrame, findings: Findings) -> None:
    if frame["attribution"].null_count() == frame.height:
        return
    marks = pl.col("attribution").cast(pl.String).str.to_lowercase()
    findings.add(
        _named(frame.filter(marks.is_not_null() & ~marks.is_in(ATTRIBUTIONS))),
        severity="warning",
        table="results",
        column="attribution",
        problem="unreadable",
        expected="one of " + ", ".join(ATTRIBUTIONS),
    )


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    """Findings speak text: categorical words are shown as they stood."""
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String))


def _refuse(
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
    bad = _named(frame.filter(refused))
    for column, problem, condition, expected in checks:
        hit = bad.filter(condition.fill_null(False))
        findings.add(hit, severity="error", table="results", column=column, problem=problem, expected=expected)
        bad = bad.filter(~condition.fill_null(False))
    return frame.filter(~refused)


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
        dirty = _named(dirty)
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
        frame = _refuse(frame, checks, findings)
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
    return _refuse(frame, checks, findings)


def _words_expected() -> pl.Expr:
    own = {a.name: "one of " + ", ".join(a.words) for a in ANALYTES.values() if a.words}
    others = "negative, positive, oligoclonal, therapeutic_antibody or a band such as IgG kappa"
    return pl.col("analyte").cast(pl.String).replace_strict(own, default=others)


def _in_canonical_units(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Multiplies each amount by the exact factor of its unit; "<x" and ">x" become intervals."""
    rows = [(a, u, *_factor(a, u)) for a, u in _units_in_use(frame).iter_rows()]
    schema: dict[str, Any] = {
        "analyte": ANALYTE,
        "unit": pl.Categorical,
        "times": pl.Int64,
        "over": pl.Int64,
        "unit_problem": pl.String,
    }
    factors = pl.DataFrame(rows, schema=schema, orient="row")
    uniform = factors.filter((pl.col("times") != 1) | (pl.col("over") != 1) | (pl.col("unit_problem") != "")).is_empty()
    if not uniform:
        frame = frame.join(factors, on=["analyte", "unit"], how="left", nulls_equal=True, maintain_order="left")
        frame = _with_urine_volume(frame, findings)
        frame = _refuse_units(frame, findings)
        scaled = (pl.col("lo") * pl.col("times") + pl.col("over") // 2) // pl.col("over")
        frame = frame.with_columns(lo=pl.when(pl.col("times").is_null()).then(pl.col("lo")).otherwise(scaled))
        frame = frame.drop("times", "over", "unit_problem")
    return _as_intervals(frame)


def _units_in_use(frame: pl.DataFrame) -> pl.DataFrame:
    """The distinct pairs of analyte and unit among the amounts. One whole number a pair is far cheaper to compare."""
    unit = pl.col("unit").to_physical().cast(pl.Int64).fill_null(-1)
    pair = unit * len(NAMES) + pl.col("analyte").to_physical()
    amounts = frame.filter(pl.col("state").is_null()).select("analyte", "unit", pair=pair)
    return amounts[amounts["pair"].arg_unique()].select("analyte", "unit")


def _factor(analyte: str, unit: str | None) -> tuple[int | None, int | None, str]:
    declared = ANALYTES[analyte]
    if unit is None or not unit.strip():
        return (
            (1, 1, "") if declared.unit_may_be_missing or declared.kind == "finding" else (None, None, "missing_unit")
        )
    factor = unit_factors(analyte).get(folded(unit))
    if factor is not None:
        return factor.numerator, factor.denominator, ""
    if analyte == "urine_m_24h" and folded(unit) in {folded(u) for u in URINE_CONCENTRATION}:
        return None, None, "concentration"
    return None, None, "unit_of_another_kind"


def _with_urine_volume(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """mg/L x L/24 h = mg/24 h. A concentration without that day's volume is a spot urine and never converted."""
    spot = pl.col("unit_problem") == "concentration"
    if frame.filter(spot).is_empty():
        return frame
    volumes = (
        frame.filter((pl.col("analyte") == "urine_volume_24h") & pl.col("times").is_not_null())
        .with_columns(volume=pl.col("lo") * pl.col("times") // pl.col("over"))
        .group_by("pid", "day")
        .agg(pl.col("volume").max())
    )
    by_unit = {folded(u): f for u, f in URINE_CONCENTRATION.items()}
    written = frame.filter(spot)["unit"].unique().cast(pl.String)
    factors = {u: int(by_unit[folded(u)]) for u in written}
    per_litre = pl.col("unit").cast(pl.String).replace_strict(factors, default=0, return_dtype=pl.Int64)
    joined = frame.join(volumes, on=["pid", "day"], how="left", maintain_order="left")
    known = spot & pl.col("volume").is_not_null()
    # mg/L in millionths times L in millionths is 1e-12: divide once, in two exact steps that fit 64 bits.
    daily = (pl.col("lo") * per_litre // 1_000) * (pl.col("volume") // 1_000)
    return joined.with_columns(
        lo=pl.when(known).then(daily).otherwise(pl.col("lo")),
        times=pl.when(known).then(1).otherwise(pl.col("times")),
        over=pl.when(known).then(1).otherwise(pl.col("over")),
        unit_problem=pl.when(known).then(pl.lit("")).otherwise(pl.col("unit_problem")),
    ).drop("volume")


def _refuse_units(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    accepted = (
        pl.col("analyte")
        .cast(pl.String)
        .replace_strict({a.name: "one of " + ", ".join(a.units) for a in ANALYTES.values()}, default="")
    )
    problem = pl.col("unit_problem")
    checks: list[Check] = [
        ("unit", "missing_unit", problem == "missing_unit", accepted),
        (
            "unit",
            "spot_urine",
            problem == "concentration",
            "mg/24 h, or a concentration with urine_volume_24h on the same day; a spot urine is never converted",
        ),
        ("unit", "unit_of_another_kind", problem == "unit_of_another_kind", accepted),
    ]
    return _refuse(frame, checks, findings)


def _as_intervals(frame: pl.DataFrame) -> pl.DataFrame:
    value = pl.col("lo")
    if (frame["comparator"] == "").all():
        return frame.with_columns(hi=value)
    comparator = pl.col("comparator")
    return frame.with_columns(
        lo=pl.when(comparator.is_in(["<", "<="])).then(pl.lit(0, pl.Int64)).otherwise(value),
        hi=pl.when(comparator == "<")
        .then(pl.max_horizontal(value - 1, pl.lit(0)))
        .when(comparator.is_in([">", ">="]))
        .then(pl.lit(UNBOUNDED, pl.Int64))
        .otherwise(value),
    )


def _refuse_implausible(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    limits = {a.name: int(a.high * MICRO) for a in ANALYTES.values() if a.high is not None}
    highest = pl.col("analyte").cast(pl.String).replace_strict(limits, default=None, return_dtype=pl.Int64)
    if cast(int, frame["lo"].max() or 0) <= min(limits.values()):
        return frame
    per_analyte = frame.group_by("analyte").agg(pl.col("lo").max())
    if per_analyte.filter(pl.col("lo") > highest).is_empty():
        return frame
    expected = pl.format(
        "at most {} {}",
        highest // MICRO,
        pl.col("analyte").cast(pl.String).replace_strict({a.name: a.unit for a in ANALYTES.values()}, default=""),
    )
    return _refuse(frame, [("value", "implausible", pl.col("lo") > highest, expected)], findings)


def _one_value_a_specimen(frame: pl.DataFrame, patients: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Sorts by patient and day; of one specimen's repeated value the later report stands (rules.md C0.4)."""
    if frame.is_empty():
        return frame
    low, high = cast(int, frame["day"].min()), cast(int, frame["day"].max())
    width = high - low + 1
    when = pl.col("pid").cast(pl.Int64) * width + (pl.col("day") - low)
    frame = frame.with_columns(_when=when)
    if not frame["_when"].is_sorted():
        frame = frame[frame.select(pl.arg_sort_by("_when", "row")).to_series()]
    key = (pl.col("_when") * len(NAMES) + pl.col("analyte").to_physical()).alias("key")
    keys = frame.select(key)["key"]
    frame = frame.drop("_when")
    if keys.n_unique() == frame.height:
        return frame
    return _without_repeats(frame, patients, findings)


def _without_repeats(frame: pl.DataFrame, patients: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    same = ["pid", "day", "analyte", "specimen_id"]
    watched = pl.col("analyte").is_in(list(RESPONSE_ANALYTES))
    # By row: which report is the later one must not depend on the order the rows happen to be held in.
    rows = frame.with_row_index("_at")
    names = patients.select("pid", "patient_id")
    repeats = rows.filter(watched).filter(pl.len().over(same) > 1).sort(*same, "row")
    identical = [pl.col(c).to_physical() for c in ("value", "unit", "method")]
    copy = repeats.filter(~pl.struct(*same, *identical).is_last_distinct())
    findings.add(
        _named(copy.join(names, on="pid")),
        severity="warning",
        table="results",
        column="value",
        problem="duplicate",
        expected="one row a result",
    )
    rest = repeats.join(copy.select("_at"), on="_at", how="anti")
    rerun = rest.filter(~pl.struct(same).is_last_distinct())
    findings.add(
        _named(rerun.join(names, on="pid")),
        severity="warning",
        table="results",
        column="value",
        problem="superseded",
        expected="one value a specimen: the later row was kept; give specimen_id if these are two specimens",
    )
    dropped = pl.concat([copy.select("_at"), rerun.select("_at")])
    return rows.join(dropped, on="_at", how="anti", maintain_order="left").drop("_at")
