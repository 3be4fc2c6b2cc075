"""What a study needs of a registry, bucket by bucket: the cohort, its visits, values, toxicity and findings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from mspike.asking import Progress, Question
from mspike.cohort.frame import cohort_of
from mspike.course.derived import Derived, derive, episodes
from mspike.course.results import findings_of
from mspike.engines import Engine, Parts, engine_named
from mspike.knowledge.criteria import Criteria
from mspike.read.buckets import Load, buckets
from mspike.record.amounts import UNBOUNDED
from mspike.record.analytes import MICRO
from mspike.record.dates import Calendar
from mspike.record.record import add_counts, clean_record
from mspike.response.settings import Settings
from mspike.safety.answers import safety_of

DECIMALS = 4  # of a value, in its unit
UNITS = {"serum_m": "g/dL", "urine_m_24h": "mg/24h", "dflc": "mg/L"}
# A finding in the study is a kind of finding and how often it was met: no patient, no value.
KIND = ("severity", "table", "column", "problem", "expected")


@dataclass(frozen=True)
class Gathered:
    """A registry as a study sees it.

    cohort    `cohort.frame.cohort_of` of all patients, and unconfirmed_pd_days (from infusion; a progression that
              neither was confirmed nor refuted before new therapy or the end of data)
    visits    patient_id, line, day (from infusion), response_confirmed, known_day (the day of the visit that confirmed
              it, so that a landmark does not look ahead): of the infused lines
    values    patient_id, line, day, marker (serum_m, dflc, urine_m_24h), value, baseline, in UNITS: before new therapy,
              each patient by the marker that judges the line; a value below a limit stands at that limit, one above
              a limit is left out
    safety    `safety.answers.safety_of`
    findings  severity, table, column, problem, expected, n
    rows      table -> rows, used, set_aside
    patients  in the registry, also those without a CAR-T line
    """

    cohort: pl.DataFrame
    visits: pl.LazyFrame
    values: pl.LazyFrame
    safety: pl.DataFrame
    findings: pl.DataFrame
    rows: dict[str, dict[str, int]]
    patients: int


def gather(asked: Question, room: Path, engine: Engine | None = None, progress: Progress | None = None) -> Gathered:
    """Judges the whole registry and keeps what a study needs.

    room  an empty folder for what is too long for memory; must stand as long as `visits` and `values` are used
    """
    work = partial(bucket_parts, calendar=asked.calendar, rules=asked.rules, settings=asked.settings)
    parts, made = room / "parts", room / "made"
    for folder in (parts, made):
        folder.mkdir(parents=True)
    total, loads = buckets(asked.source, parts)
    kept: dict[str, list[pl.DataFrame]] = {"cohort": [], "safety": [], "findings": [asked.source.findings.frame()]}
    kept["findings"] = [_kinds(kept["findings"][0])]
    rows: dict[str, dict[str, int]] = {}
    for done, (tables, told) in enumerate((engine or engine_named()).worked(work, loads, total, room / "engine")):
        for name, frames in kept.items():
            frames.append(tables[name])
        for name in ("visits", "values"):
            tables[name].write_parquet(made / f"{name}-{done:06}.parquet", compression="lz4")
        add_counts(rows, told["rows"])
        if progress:
            progress(done + 1, total)
    whole = {name: pl.concat(frames, how="vertical_relaxed") for name, frames in kept.items()}
    findings = whole["findings"].group_by(KIND, maintain_order=True).agg(pl.col("n").sum())
    lazily = {name: pl.scan_parquet(sorted(made.glob(f"{name}-*.parquet"))) for name in ("visits", "values")}
    return Gathered(
        whole["cohort"], lazily["visits"], lazily["values"], whole["safety"], findings, rows, rows["patients"]["used"]
    )


def bucket_parts(load: Load, *, calendar: Calendar, rules: Criteria, settings: Settings) -> Parts:
    """What a study needs of one bucket; a cluster runs the same."""
    record = clean_record(load(), calendar)
    derived = derive(record, rules, settings)
    infused = episodes(derived)
    tables = {
        "cohort": _with_unconfirmed(cohort_of(derived), infused),
        "visits": _visits(derived, infused),
        "values": _values(derived, infused),
        "safety": safety_of(derived).drop("gid", "agent", "index_day"),
        "findings": _kinds(findings_of(derived)),
    }
    told: dict[str, Any] = {"rows": record.rows}
    return tables, told


def _with_unconfirmed(cohort: pl.DataFrame, infused: pl.DataFrame) -> pl.DataFrame:
    days = (pl.col("unconfirmed_pd_day") - pl.col("infusion_day")).cast(pl.Int32)
    open_ = infused.select("patient_id", "line", unconfirmed_pd_days=days)
    return cohort.join(open_, on=["patient_id", "line"], how="left", maintain_order="left")


def _visits(derived: Derived, infused: pl.DataFrame) -> pl.DataFrame:
    sheet = derived.sheet.join(infused.select("gid"), on="gid", how="semi", maintain_order="left")
    # A response that asks for a second look is known from that look on; one that somebody assigned, at once.
    second = pl.col("confirmed").cast(pl.String).is_in(["sCR", "CR", "VGPR", "PR", "MR"]) & ~pl.col(
        "assigned_confirmed"
    )
    known = pl.when(second).then(pl.coalesce("next_seen", "day")).otherwise("day")
    return sheet.select(
        "patient_id",
        "line",
        day=(pl.col("day") - pl.col("day_zero")).cast(pl.Int32),
        response_confirmed=pl.col("confirmed").cast(pl.String),
        known_day=(known - pl.col("day_zero")).cast(pl.Int32),
    )


def _values(derived: Derived, infused: pl.DataFrame) -> pl.DataFrame:
    """Serum M where it judges the line, else dFLC, else urine M. IgA by nephelometry is no spike and is not drawn."""
    marker = (
        pl.when(pl.col("by_serum") & ~pl.col("is_qiga")).then(pl.lit("serum_m"))
        .when("by_dflc").then(pl.lit("dflc"))
        .when("by_urine").then(pl.lit("urine_m_24h"))
    )  # fmt: skip
    lines = infused.select("gid", marker=marker).drop_nulls()
    sheet = derived.sheet.filter(~pl.col("after_new_therapy").fill_null(False)).join(lines, on="gid")
    chosen = {
        name: pl.coalesce(pl.when(pl.col("marker") == m).then(pl.col(f"{m}_{name}")) for m in UNITS)
        for name in ("hi", "base_hi", "day")
    }
    told = sheet.select(
        "patient_id", "line", "marker",
        day=(chosen["day"] - pl.col("day_zero")).cast(pl.Int32),
        value=_amount(chosen["hi"]), baseline=_amount(chosen["base_hi"]),
    )  # fmt: skip
    return told.filter(pl.col("value").is_not_null() & pl.col("day").is_not_null()).unique(maintain_order=True)


def _amount(millionths: pl.Expr) -> pl.Expr:
    """The upper end of "<0.1" lies a millionth below it: it is told as 0.1."""
    return pl.when(millionths < UNBOUNDED).then((millionths / MICRO).round(DECIMALS))


def _kinds(findings: pl.DataFrame) -> pl.DataFrame:
    return findings.group_by(KIND, maintain_order=True).agg(n=pl.len().cast(pl.Int64))
