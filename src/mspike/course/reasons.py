"""Why: for every visit the rule that decided it, with its inputs, thresholds and source; for every line its progression."""

from __future__ import annotations

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.record.dates import Calendar, shown, shown_text
from mspike.response.progression import LIMBS
from mspike.response.settings import Settings

_RULE = {c: f"imwg.{c.lower()}" for c in ("sCR", "CR", "VGPR", "PR", "MR", "SD", "NE")}
_SHOWN = (
    ("serum_m", "serum M", "g/dL"),
    ("urine_m_24h", "urine M", "mg/24 h"),
    ("dflc", "dFLC", "mg/L"),
    ("marrow_plasma_cells", "marrow", "%"),
)
_LIMB_VALUE = {
    "serum_m": ("serum_m", "serum M", "g/dL"),
    "qiga": ("serum_m", "IgA", "mg/dL"),
    "urine_m": ("urine_m_24h", "urine M", "mg/24 h"),
    "dflc": ("dflc", "dFLC", "mg/L"),
    "marrow": ("marrow_plasma_cells", "marrow", "%"),
    "circulating_plasma_cells": ("circulating_plasma_cells", "circulating plasma cells", "/uL"),
}
SCHEMA = ("patient_id", "line", "date", "rule", "inputs", "thresholds", "source")


def reasons_of(
    sheet: pl.DataFrame, courses: pl.DataFrame, criteria: Criteria, settings: Settings, calendar: Calendar
) -> pl.DataFrame:
    """One row a rule that fired, by patient, line and date."""
    frames = [_categories(sheet, calendar), *_progressions(sheet, calendar), _confirmations(sheet, calendar)]
    reasons = pl.concat(frames)
    rules = [criteria.rule(r) for r in reasons["rule"].unique().sort()]
    told = pl.DataFrame(
        {
            "rule": [r.id for r in rules],
            "thresholds": [r.thresholds for r in rules],
            "source": [f"{r.source}, {r.where} ({r.checked})" for r in rules],
        },
        schema=dict.fromkeys(("rule", "thresholds", "source"), pl.String),
    )
    reasons = reasons.join(told, on="rule", how="left", maintain_order="left")
    return reasons.sort("patient_id", "line", "day", "rule", maintain_order=True).select(
        "patient_id", "line", shown(pl.col("day"), calendar).alias("date"), "rule", "inputs", "thresholds", "source"
    )


def text_of(name: str) -> pl.Expr:
    """An amount as a person writes it: 2.8, <0.1, >500; null where not measured."""
    lo, hi = pl.col(f"{name}_lo"), pl.col(f"{name}_hi")
    exact = (lo / 1_000_000).cast(pl.String).str.strip_suffix(".0")
    if_interval = pl.when(lo == 0).then(pl.format("<{}", ((hi + 1) / 1_000_000).cast(pl.String).str.strip_suffix(".0")))
    bounded = if_interval.otherwise(pl.format("{}+", exact))
    return pl.when(lo == hi).then(exact).otherwise(bounded)


def _part(name: str, label: str, unit: str, compared: str) -> pl.Expr:
    value, other = text_of(name), text_of(f"{name}_{compared}")
    return pl.format(f"{label} {{}} {unit} ({'baseline' if compared == 'base' else 'nadir'} {{}})", value, other.fill_null("not measured"))


def _categories(sheet: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """The category rule of each visit that is no progression, with the values that judged it."""
    judged = sheet.filter(pl.col("raw") != "PD")
    by = {"serum_m": "by_serum", "urine_m_24h": "by_urine", "dflc": "by_dflc", "marrow_plasma_cells": "by_marrow"}
    used = [pl.when(pl.col(by[name])).then(_part(name, label, unit, "base")) for name, label, unit in _SHOWN]
    ife = pl.col("raw").is_in(["sCR", "CR", "VGPR"])
    words = ["negative", "positive", "therapeutic antibody", "oligoclonal", "other band"]
    extras = [
        pl.when(ife).then(pl.format(f"{label} {{}}", pl.col(f"{c}_lo").replace_strict(list(range(5)), words, default=None)))
        for c, label in (("serum_ife", "serum IFE"), ("urine_ife", "urine IFE"))
    ]
    spd = pl.when("has_target").then(
        pl.format("sum of products {} mm2 (baseline {})", (pl.col("spd") // 1_000_000).cast(pl.String).fill_null("not imaged"), pl.col("spd_base") // 1_000_000)
    )  # fmt: skip
    assigned = pl.when("assigned").then(pl.lit("as assigned"))
    inputs = pl.concat_str([assigned, *used, *extras, spd], separator="; ", ignore_nulls=True)
    return judged.select(
        "patient_id", "line", "day", rule=pl.col("raw").cast(pl.String).replace_strict(_RULE, default="imwg.ne"), inputs=inputs
    )


def _progressions(sheet: pl.DataFrame, calendar: Calendar) -> list[pl.DataFrame]:
    frames = []
    for limb in LIMBS:
        hit = sheet.filter(pl.col(f"pd_{limb}") & (pl.col("raw") == "PD"))
        if hit.is_empty():
            continue
        if limb in _LIMB_VALUE:
            name, label, unit = _LIMB_VALUE[limb]
            inputs = _part(name, label, unit, "nadir")
        elif limb == "lesion":
            inputs = pl.format("lesions {}", pl.col("lesion_ids").fill_null([]).list.join(", "))
        else:
            inputs = pl.format("calcium {} mg/dL", (pl.col("calcium_lo") / 1_000_000).cast(pl.String))
        frames.append(hit.select("patient_id", "line", "day", rule=pl.lit(f"imwg.pd.{limb}"), inputs=inputs))
    assigned = sheet.filter((pl.col("raw") == "PD") & pl.col("assigned"))
    frames.append(assigned.select("patient_id", "line", "day", rule=pl.lit("imwg.confirmed"), inputs=pl.lit("PD as assigned")))
    return frames


def _confirmations(sheet: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """What the next assessment did to the category of this one."""
    asked = sheet.filter(
        pl.col("raw").is_in(["sCR", "CR", "VGPR", "PR", "MR", "PD"]) & ~pl.col("assigned_confirmed")
    )
    outcome = (
        pl.when(pl.col("raw") == pl.col("confirmed")).then(pl.lit("confirmed as"))
        .when(pl.col("unconfirmed_pd") | pl.col("unconfirmed_response")).then(pl.lit("not confirmed: counts as"))
        .otherwise(pl.lit("confirmed only as"))
    )  # fmt: skip
    following = pl.when(pl.col("next_seen").is_null()).then(pl.lit("no later assessment")).otherwise(
        pl.format("next assessment {}", shown_text(pl.col("next_seen"), calendar))
    )  # fmt: skip
    inputs = pl.concat_str(
        [pl.col("raw").cast(pl.String), outcome, pl.concat_str([pl.col("confirmed").cast(pl.String), following], separator=" (")],
        separator=" ",
    ) + pl.lit(")")  # fmt: skip
    return asked.select("patient_id", "line", "day", rule=pl.lit("imwg.confirmed"), inputs=inputs)
