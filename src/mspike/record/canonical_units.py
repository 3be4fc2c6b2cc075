"""Amounts in their canonical unit: times an exact factor, "<x" and ">x" as intervals, the implausible set aside."""

from __future__ import annotations

from typing import Any, cast

import polars as pl

from mspike.record.amounts import UNBOUNDED
from mspike.record.analytes import ANALYTE, ANALYTES, MICRO, NAMES, URINE_CONCENTRATION, folded, unit_factors
from mspike.record.findings import Findings
from mspike.record.refusals import Check, refuse


def in_canonical_units(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
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
    return refuse(frame, checks, findings)


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


def refuse_implausible(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
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
    return refuse(frame, [("value", "implausible", pl.col("lo") > highest, expected)], findings)
