"""Judges every visit of every line: from clean rows to category, confirmation, dates and flags."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.record.record import Record
from mspike.response.baseline import baselines, cut_days
from mspike.response.category import CATEGORY, with_categories
from mspike.response.confirmation import with_confirmation
from mspike.response.flags import with_flags, with_relapses, with_suppression, with_visit_facts
from mspike.response.flowsheet import flowsheet, usable_rows, visit_table
from mspike.response.lesions import baseline_lesions, lesion_baselines, seen, with_lesions
from mspike.response.marrow import with_carried_marrow
from mspike.response.measurable import measurable_disease
from mspike.response.mrd import mrd_status
from mspike.response.progression import limbs, with_other_policy
from mspike.response.settings import Settings


@dataclass
class Judged:
    """Every visit judged, and every line with its baseline."""

    sheet: pl.DataFrame
    lines: pl.DataFrame


def judge(record: Record, lines: pl.DataFrame, criteria: Criteria, settings: Settings) -> Judged:
    """What was the response at each visit of each line, raw and confirmed?

    lines  one row a line (gid, pid, line, kind, infused, index_day, ld_day, next_day ...), by gid

    1. Clean rows to visits; visits to a flowsheet with baseline and nadirs.
    2. Progression limbs, then the marrow in force, then the categories.
    3. Confirmation, dates, flags. Categories that somebody assigned join before confirmation.
    """
    rows = usable_rows(record, settings)
    images = seen(record.lesions)
    lines = _with_baseline(record, rows, images, lines, criteria, settings)
    visits = visit_table(record, rows, lines, settings)
    sheet = flowsheet(visits, lines, criteria, settings)
    sheet = with_lesions(sheet, images, baseline_lesions(images, lines), criteria, settings)
    sheet = sheet.with_columns(limbs(criteria, settings))
    sheet = with_other_policy(sheet, criteria, settings.nadir)
    early = (
        sheet.filter("early")
        .group_by("gid")
        .agg(
            early_imaging=pl.col("imaging_day").filter(~pl.col("after_new_therapy")).max(),
            early_imaging_ever=pl.col("imaging_day").max(),
        )
    )
    lines = lines.join(early, on="gid", how="left", maintain_order="left")
    # Before the first response day nothing is judged, save progression seen on imaging.
    sheet = sheet.filter(~pl.col("early") | pl.col("pd_lesion").fill_null(False))
    sheet = with_carried_marrow(sheet)
    sheet = with_visit_facts(sheet, record)
    sheet = with_suppression(sheet, criteria, settings)
    sheet = with_categories(sheet, criteria, settings)
    sheet = sheet.with_columns(assigned=pl.lit(False), assigned_confirmed=pl.lit(False), not_pd=pl.lit(False))
    sheet = _with_dates(sheet)
    sheet = with_flags(sheet, criteria, settings)
    sheet = _with_assigned(sheet, record, lines, settings)
    sheet = with_confirmation(sheet, criteria, settings)
    sheet = with_relapses(sheet, mrd_status(record.mrd), criteria)
    return Judged(_with_best(sheet), lines)


def _with_baseline(
    record: Record,
    rows: pl.DataFrame,
    images: pl.DataFrame,
    lines: pl.DataFrame,
    criteria: Criteria,
    settings: Settings,
) -> pl.DataFrame:
    facts = record.patients.select(
        "pid", "patient_id", "heavy_chain", "light_chain", "death_day", "death_cause", "died_undated"
    )
    lines = lines.join(facts, on="pid", how="left", maintain_order="left")
    lines = lines.with_columns(is_qiga=(pl.col("heavy_chain") == "IgA").fill_null(False) & settings.qiga_index)
    measured = _measured(record, rows, images, lines, criteria, settings)
    bridged = lines.filter(pl.col("bridging_day").is_not_null() & (pl.col("kind") == "car_t"))
    if bridged.is_empty() or settings.baseline != "pre_ld":
        return measured.with_columns(measurability_differs=pl.lit(False))
    # Effective bridging may hide what was measurable before it: both readings are reported (rules.md 1.3).
    before = replace(settings, baseline="relapse_before_bridging")
    by = ("by_serum", "by_urine", "by_dflc", "by_marrow", "by_lesion")
    other = _measured(record, rows, images, bridged, criteria, before).select(
        "gid", *(pl.col(c).alias(f"_{c}") for c in by)
    )
    measured = measured.join(other, on="gid", how="left", maintain_order="left")
    differs = pl.any_horizontal(pl.col(c) != pl.col(f"_{c}") for c in by).fill_null(False)  # not bridged
    return measured.with_columns(measurability_differs=differs).drop(f"_{c}" for c in by)


def _measured(
    record: Record,
    rows: pl.DataFrame,
    images: pl.DataFrame,
    lines: pl.DataFrame,
    criteria: Criteria,
    settings: Settings,
) -> pl.DataFrame:
    """The lines with their baseline values and what is measurable at baseline."""
    randomised = record.events.filter(pl.col("event").str.to_lowercase() == "randomisation").select("pid", day="date")
    lines = cut_days(lines, randomised, settings)
    lines = lines.join(baselines(rows, lines, settings), on="gid", how="left", maintain_order="left")
    if settings.qiga_index:
        lines = lines.with_columns(
            pl.when("is_qiga").then(f"iga_base_{part}").otherwise(f"serum_m_base_{part}").alias(f"serum_m_base_{part}")
            for part in ("lo", "hi")
        )
    lines = lesion_baselines(baseline_lesions(images, lines), lines, criteria)
    return measurable_disease(lines, criteria, settings)


def _with_dates(sheet: pl.DataFrame) -> pl.DataFrame:
    """Dates each visit: a response by the last specimen its category needed, progression by its first limb."""
    limb_days = {
        "serum_m": "serum_m_day", "qiga": "serum_m_day", "urine_m": "urine_m_24h_day", "dflc": "dflc_day",
        "marrow": "marrow_plasma_cells_day", "lesion": "imaging_day",
        "circulating_plasma_cells": "circulating_plasma_cells_day", "calcium": "calcium_day",
    }  # fmt: skip
    pd_day = pl.min_horizontal(
        pl.when(f"pd_{limb}").then(pl.col(day).cast(pl.Int64)) for limb, day in limb_days.items()
    )
    needed = [
        pl.when("by_serum").then("serum_m_day"),
        pl.when("by_urine").then("urine_m_24h_day"),
        pl.when("by_dflc").then("dflc_day"),
        pl.when("by_marrow").then("marrow_plasma_cells_day"),
        pl.when("has_target").then("imaging_day"),
    ]
    complete = [*needed, pl.col("serum_ife_day"), pl.col("urine_ife_day"), pl.col("cr_marrow_day")]
    stringent = [*complete, pl.col("dflc_day")]
    raw, opened = pl.col("raw"), pl.col("opened")

    def latest(days: list) -> pl.Expr:
        return pl.coalesce(pl.max_horizontal(d.cast(pl.Int64) for d in days), opened)

    return sheet.with_columns(pd_day=pd_day).with_columns(
        day=pl.when(raw == "PD")
        .then(pl.coalesce("pd_day", "opened"))
        .when(raw == "sCR")
        .then(latest(stringent))
        .when(raw == "CR")
        .then(latest(complete))
        .when(raw == "NE")
        .then(opened)
        .otherwise(latest(needed))
    )


def _with_assigned(sheet: pl.DataFrame, record: Record, lines: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Adds categories that somebody already assigned, for patients whose own values judge no visit.

    A single image or blood count judges nothing: it must not silence what was assigned.
    """
    if record.responses.is_empty():
        return sheet
    judged = sheet.filter(pl.col("raw") != "NE").select("pid").unique()
    assigned = record.responses.join(judged, on="pid", how="anti")
    sheet = sheet.join(assigned.select("pid").unique(), on="pid", how="anti", maintain_order="left")
    order = pl.col("response").replace_strict({"PD": 0, "not_PD": 8, "NE": 9}, default=1)
    # Two entries on one day: a progression is never hidden, a category says more than "not progressed".
    assigned = assigned.sort("pid", "date", order, "row").unique(["pid", "date"], keep="first", maintain_order=True)
    rows = lines.join(
        assigned.select("pid", "date", "response", "confirmed"), on="pid", how="inner", maintain_order="left"
    )
    rows = rows.filter(pl.col("date") > pl.col("index_day"))
    stands = pl.col("confirmed").fill_null(False)
    wait = pl.when(pl.col("kind") == "car_t").then(settings.first_response_day).otherwise(0)
    rows = rows.filter(stands | (pl.col("date") >= pl.col("index_day") + wait))
    seen_only = pl.col("response") == "not_PD"
    category = pl.when(seen_only).then(pl.lit("NE")).otherwise("response").cast(CATEGORY)
    rows = rows.with_columns(
        opened=pl.col("date").cast(pl.Int64),
        day=pl.col("date").cast(pl.Int64),
        visit=pl.lit(-1, pl.Int64),
        raw=category,
        could_be=category,
        biochemical=category,
        assigned=pl.lit(True),
        assigned_confirmed=stands,
        not_pd=seen_only,
        pd_day=pl.when(pl.col("response") == "PD").then(pl.col("date").cast(pl.Int64)),
        after_new_therapy=(pl.col("date") > pl.col("next_day")).fill_null(False),  # no next line
    ).drop("confirmed", "date", "response")
    flags = {c: pl.lit(False) for c, t in sheet.schema.items() if t == pl.Boolean and c not in rows.columns}
    rows = rows.with_columns(**flags)
    rows = rows.with_columns(lab_missing=pl.lit(False), imaging_missing=pl.lit(False))
    both = pl.concat([sheet, rows.select([c for c in rows.columns if c in sheet.columns])], how="diagonal_relaxed")
    return both.sort("gid", "opened", "visit", maintain_order=True)


def _with_best(sheet: pl.DataFrame) -> pl.DataFrame:
    """The best confirmed category so far, up to progression or new therapy; then it stays as it was."""
    order = pl.col("confirmed").to_physical().cast(pl.Int32)
    progressed = pl.col("pd_confirmed").cast(pl.Int32).cum_sum().over("gid")
    ended = ((progressed - pl.col("pd_confirmed").cast(pl.Int32)) > 0) | pl.col("after_new_therapy")
    sheet = sheet.with_columns(_ended=ended)
    best = pl.when(~pl.col("_ended")).then(order).cum_max().forward_fill().over("gid").fill_null(0)
    names = pl.Series(list(CATEGORY.categories))
    return sheet.with_columns(
        best_so_far=best.replace_strict(list(range(len(names))), names, return_dtype=CATEGORY), ended="_ended"
    ).drop("_ended")
