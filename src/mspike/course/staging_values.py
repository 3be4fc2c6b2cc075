"""The points in time at which a patient is staged, and the laboratory values that count there.

At diagnosis: the nearest value, none from after the first dose. At each infusion: the last one before lymphodepletion.
"""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.knowledge.criteria import published
from mspike.record.amounts import read_value
from mspike.record.analytes import folded as folded_unit
from mspike.record.analytes import unit_factors
from mspike.record.record import Record
from mspike.response.visits import day_of_patient

ANALYTES = ("b2m", "albumin", "creatinine", "ldh", "circulating_plasma_cells", "circulating_plasma_cell_share")
TREATING = ("induction", "transplant", "maintenance", "treatment", "bridging", "lymphodepletion", "infusion")
FAR = 2**30


def points_of(derived: Derived) -> pl.DataFrame:
    """One row a patient at diagnosis and one an infusion.

    Columns: point (row number), pid, at (diagnosis, car_t), gid (of the infusion), day (diagnosis or infusion; unknown
    where not recorded), first and last (a value counts from first to last, both included), genetics_until and
    imaging_until (markers and imaging up to that day count).
    """
    points = pl.concat([_diagnoses(derived.record), _infusions(episodes(derived))]).sort("pid", "at", "gid")
    points = points.sort("pid", pl.col("at") != "diagnosis", "day", "gid", nulls_last=True)
    return points.with_row_index("point").with_columns(pl.col("point").cast(pl.Int64))


def window(at: str) -> int:
    """How many days around the diagnosis, or before the infusion, does a value count?"""
    return int(published("stage-conventions").value(f"stage.at_{at}", "window"))


def _diagnoses(record: Record) -> pl.DataFrame:
    treating = record.treatments.filter(pl.col("role").is_in(TREATING))
    begun = treating.group_by("pid").agg(begun=pl.col("start_date").min())
    day, days = pl.col("diagnosis_date"), window("diagnosis")
    after = day + days
    return record.patients.join(begun, on="pid", how="left", maintain_order="left").select(
        "pid",
        at=pl.lit("diagnosis"),
        gid=pl.lit(None, pl.Int64),
        day=day,
        first=day - days,
        # A sample on the day of the first dose precedes it. Treatment not recorded excludes nothing.
        last=pl.when(day.is_not_null()).then(pl.min_horizontal(after, "begun")),
        genetics_until=after,
        imaging_until=after,
    )


def _infusions(infused: pl.DataFrame) -> pl.DataFrame:
    day = pl.col("index_day").cast(pl.Int32)
    prepared = pl.when(pl.col("ld_day") <= pl.col("index_day")).then(pl.col("ld_day").cast(pl.Int32))
    return infused.select(
        "pid",
        at=pl.lit("car_t"),
        gid=pl.col("gid").cast(pl.Int64),
        day=day,
        first=pl.coalesce(prepared, day) - window("car_t"),
        last=pl.coalesce(prepared - 1, day),
        genetics_until=day,
        imaging_until=day,
    )


def values_at(record: Record, points: pl.DataFrame) -> pl.DataFrame:
    """The value of each analyte that counts at each point in time.

    Adds `<analyte>_lo`, `_hi` and `_day`; `ldh_limit`, the laboratory's own upper limit beside that LDH; `wbc_lo` and
    `wbc_hi` of the day on which plasma cells in blood were counted.
    """
    chosen = _nearest(record.results, points)
    wide = points
    for analyte in ANALYTES:
        one = chosen.filter(pl.col("analyte") == analyte)
        columns = {f"{analyte}_{name}": pl.col(name) for name in ("lo", "hi", "day")}
        if analyte == "ldh":
            one, columns = _with_limit(one), {**columns, "ldh_limit": pl.col("limit")}
        wide = wide.join(one.select("point", **columns), on="point", how="left", maintain_order="left")
    white = _usable(record.results, ["wbc"]).sort("row").unique(["pid", "day"], keep="last", maintain_order=True)
    return wide.join(
        white.select("pid", circulating_plasma_cells_day="day", wbc_lo="lo", wbc_hi="hi"),
        on=["pid", "circulating_plasma_cells_day"],
        how="left",
        maintain_order="left",
    )


def _usable(results: pl.DataFrame, analytes: list[str]) -> pl.DataFrame:
    mark = pl.col("attribution").cast(pl.String).str.to_lowercase()
    rows = results.filter(pl.col("analyte").is_in(analytes) & pl.col("lo").is_not_null())
    return rows.filter(mark.is_null() | (mark != "spurious"))


def _nearest(results: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """The row of each analyte nearest to each point within its window; of two as near the earlier."""
    dated = points.filter(pl.col("last").is_not_null())
    spans = dated.group_by("pid").agg(pl.col("first").min(), pl.col("last").max())
    rows = _usable(results, list(ANALYTES))
    if rows.is_empty() or spans.is_empty():
        return rows.clear().with_columns(point=pl.lit(None, pl.Int64))
    # Years of follow-up lie outside every window: dropped before the join, which would copy them.
    first = day_of_patient(rows["pid"], spans["pid"], spans["first"], missing=FAR)
    last = day_of_patient(rows["pid"], spans["pid"], spans["last"], missing=-FAR)
    day = rows["day"].to_numpy()
    rows = rows.filter(pl.Series((day >= first) & (day <= last)))
    found = rows.join(dated.select("point", "pid", "first", "last", at_day="day"), on="pid")
    found = found.filter(pl.col("day").is_between("first", "last"))
    away = (pl.col("day") - pl.col("at_day")).abs()
    found = found.sort("point", "analyte", away, "day", pl.col("row") * -1)
    return found.unique(["point", "analyte"], keep="first", maintain_order=True)


def _with_limit(ldh: pl.DataFrame) -> pl.DataFrame:
    """Adds `limit`: the upper limit of normal printed beside the value, in millionths of U/L; unknown without one."""
    pairs = ldh.select(pl.col("ref_high", "unit").cast(pl.String)).unique()
    limits = [(text, unit, _limit(text, unit)) for text, unit in pairs.iter_rows()]
    schema = {"ref_high": pl.String, "unit": pl.String, "limit": pl.Int64}
    read = pl.DataFrame(limits, schema=schema, orient="row")
    ldh = ldh.with_columns(pl.col("ref_high", "unit").cast(pl.String))
    return ldh.join(read, on=["ref_high", "unit"], how="left", nulls_equal=True, maintain_order="left")


def _limit(text: str | None, unit: str | None) -> int | None:
    read = read_value(text or "")
    factor = unit_factors("ldh").get(folded_unit(unit or ""))
    if read.lo is None or factor is None or read.comparator in (">", ">="):
        return None
    return round(read.lo * factor)
