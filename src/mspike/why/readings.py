"""The one result that answers a question about an infusion, and how it is said: value, unit, day."""

from __future__ import annotations

import polars as pl

from mspike.record.analytes import ANALYTES, MICRO
from mspike.record.record import Record

DAY, INFUSION = pl.col("day"), pl.col("infusion")


def measured(record: Record, analyte: str) -> pl.DataFrame:
    """Every usable result of an analyte: pid, day, lo, hi, comparator, state, row."""
    mark = pl.col("attribution").cast(pl.String).str.to_lowercase()
    rows = record.results.filter((pl.col("analyte") == analyte) & (mark != "spurious").fill_null(True))
    return rows.select(
        "pid",
        "day",
        "lo",
        "hi",
        pl.col("comparator").cast(pl.String),
        pl.col("state").cast(pl.String),
        "row",
    )


def last_within(rows: pl.DataFrame, infusions: pl.DataFrame, window: pl.Expr) -> pl.DataFrame:
    """The last result of each infusion in its window; of one day the later report (rules.md C0.4)."""
    near = _joined(rows, infusions).filter(window)
    return near.sort("gid", "day", "row").unique("gid", keep="last", maintain_order=True)


def highest_within(rows: pl.DataFrame, infusions: pl.DataFrame, window: pl.Expr) -> pl.DataFrame:
    """The highest result of each infusion in its window, the first day of it."""
    near = _joined(rows, infusions).filter(window & pl.col("lo").is_not_null())
    return near.sort("gid", "hi", "lo", "day", "row", descending=[False, True, True, False, False]).unique(
        "gid", keep="first", maintain_order=True
    )


def _joined(rows: pl.DataFrame, infusions: pl.DataFrame) -> pl.DataFrame:
    return rows.join(infusions, on="pid", how="inner")


def said(analyte: str, name: str) -> pl.Expr:
    """The result as a reader says it: "CRP 4 mg/dL", "BCMA negative". Needs lo, hi, comparator and state."""
    amount = pl.concat_str(pl.lit(f"{name} ".lstrip()), _sign(), numeral(_printed()), pl.lit(_unit(analyte)))
    return pl.when(pl.col("lo").is_not_null()).then(amount).otherwise(pl.concat_str(pl.lit(f"{name} "), "state"))


def said_interval(analyte: str, name: str, lo: str, hi: str) -> pl.Expr:
    """The same where only the interval is left: "<5" is held from 0 on, ">5" without an end."""
    low, high = pl.col(lo), pl.col(hi)
    number = (
        pl.when(low == high)
        .then(numeral(low))
        .when(low == 0)
        .then(pl.concat_str(pl.lit("below "), numeral(high + 1)))
        .otherwise(pl.concat_str(pl.lit("above "), numeral(low)))
    )
    return pl.concat_str(pl.lit(f"{name} "), number, pl.lit(_unit(analyte)))


def numeral(micro: pl.Expr) -> pl.Expr:
    """Millionths as a plain number, exactly."""
    decimals = (micro % MICRO).cast(pl.String).str.zfill(6).str.strip_chars_end("0")
    point = pl.when(decimals == "").then(pl.lit("")).otherwise(pl.lit("."))
    return pl.concat_str((micro // MICRO).cast(pl.String), point, decimals)


def _unit(analyte: str) -> str:
    unit = ANALYTES[analyte].unit
    if unit == "1":  # a score or a ratio
        return ""
    return f" {unit.replace('10*9/L', 'x 10^9/L').replace('/ug', 'copies/ug DNA')}".rstrip()


def _sign() -> pl.Expr:
    return pl.when(pl.col("comparator").is_in(["<", "<=", ">", ">="])).then(pl.col("comparator")).otherwise(pl.lit(""))


def _printed() -> pl.Expr:
    """The number that was printed: "<50" is held as [0, 50)."""
    under, up_to = pl.col("comparator") == "<", pl.col("comparator") == "<="
    return pl.when(under).then(pl.col("hi") + 1).when(up_to).then("hi").otherwise("lo")
