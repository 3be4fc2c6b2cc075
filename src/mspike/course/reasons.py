"""Why: for every visit the rules that decided it, with inputs, thresholds and source."""

from __future__ import annotations

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.record.dates import Calendar, shown, shown_text
from mspike.response.progression import LIMBS
from mspike.response.settings import Settings

_RULE = {c: f"imwg.{c.lower()}" for c in ("sCR", "CR", "VGPR", "PR", "MR", "SD", "NE")}
RULE = pl.Enum([*_RULE.values(), *(f"imwg.pd.{limb}" for limb in LIMBS), "imwg.confirmed"])
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
_USED = [
    "gid",
    "patient_id",
    "line",
    "day",
    "raw",
    "assigned",
    "by_serum",
    "by_urine",
    "by_dflc",
    "by_marrow",
    "has_target",
    "is_qiga",
    *(f"{name}_{end}" for name in ("cr_marrow", "kappa_flc", "lambda_flc") for end in ("lo", "hi")),
    "serum_ife_lo",
    "urine_ife_lo",
    "spd",
    "spd_base",
    *(
        f"{name}_{part}_{end}".replace("_now", "")
        for name, _, _ in _SHOWN
        for part in ("now", "base")
        for end in ("lo", "hi")
    ),
]


def reasons_of(
    sheet: pl.DataFrame, courses: pl.DataFrame, criteria: Criteria, settings: Settings, calendar: Calendar
) -> pl.DataFrame:
    """One row a rule that fired, by patient, line and date."""
    frames = [_categories(sheet, calendar), *_progressions(sheet, calendar), _confirmations(sheet, calendar)]
    reasons = pl.concat(frames).sort("gid", "day", maintain_order=True)
    rules = [criteria.rule(r) for r in reasons["rule"].unique().sort()]
    told = pl.DataFrame(
        {
            "rule": [r.id for r in rules],
            "thresholds": [r.thresholds for r in rules],
            "source": [f"{r.source}, {r.where} ({r.checked})" for r in rules],
        },
        schema=dict.fromkeys(("rule", "thresholds", "source"), pl.String),
    ).cast({"thresholds": pl.Categorical, "source": pl.Categorical, "rule": RULE})
    reasons = reasons.join(told, on="rule", how="left", maintain_order="left")
    return reasons.select(
        "patient_id", "line", shown(pl.col("day"), calendar).alias("date"), "rule", "inputs", "thresholds", "source"
    )


def written(micro: pl.Expr) -> pl.Expr:
    """Millionths as the shortest decimal that says the same."""
    return (micro / 1_000_000).round(6).cast(pl.String).str.strip_suffix(".0")


def text_of(name: str) -> pl.Expr:
    """An amount as a person writes it: 2.8, <0.1, >500; null where not measured."""
    lo, hi = pl.col(f"{name}_lo"), pl.col(f"{name}_hi")
    exact = written(lo)
    if_interval = pl.when(lo == 0).then(pl.format("<{}", written(hi + 1)))
    bounded = if_interval.otherwise(pl.format("{}+", exact))
    return pl.when(lo == hi).then(exact).otherwise(bounded)


def _part(name: str, label: str, unit: str, other: str, told: pl.Expr) -> pl.Expr:
    return pl.format(f"{label} {{}} {unit} ({other} {{}})", text_of(name), told.fill_null("not measured"))


def _with_baseline_texts(judged: pl.DataFrame) -> pl.DataFrame:
    """Adds `_<name>_base`, the baseline in words: written once a line and pointed at by its visits. Rows lie by gid."""
    if judged.is_empty():
        return judged.with_columns(pl.lit(None, pl.String).alias(f"_{name}_base") for name, _, _ in _SHOWN)
    first = judged["gid"] != judged["gid"].shift(1)
    first = first.fill_null(True)  # the first row of all
    lines = judged.filter(first).select(text_of(f"{name}_base").alias(f"_{name}_base") for name, _, _ in _SHOWN)
    return judged.hstack(lines[first.cum_sum().cast(pl.Int64) - 1])


def _categories(sheet: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """The category rule of each visit that is no progression, with the values that judged it."""
    judged = _with_baseline_texts(sheet.select(_USED).filter(pl.col("raw") != "PD"))
    by = {"serum_m": "by_serum", "urine_m_24h": "by_urine", "dflc": "by_dflc", "marrow_plasma_cells": "by_marrow"}
    used = [
        pl.when(pl.col(by[name]) & ~(pl.col("is_qiga") & (name == "serum_m"))).then(
            _part(name, label, unit, "baseline", pl.col(f"_{name}_base"))
        )
        for name, label, unit in _SHOWN
    ]
    iga = _part("serum_m", "IgA", "mg/dL", "baseline", pl.col("_serum_m_base"))
    used.append(pl.when(pl.col("by_serum") & pl.col("is_qiga")).then(iga))
    complete = pl.col("raw").is_in(["sCR", "CR"])
    used.append(pl.when(complete).then(pl.format("marrow {} %", text_of("cr_marrow"))))
    ratio = pl.format("kappa {} mg/L, lambda {} mg/L", text_of("kappa_flc"), text_of("lambda_flc"))
    used.append(pl.when((pl.col("raw") == "sCR") | (complete & pl.col("by_dflc"))).then(ratio))
    ife = pl.col("raw").is_in(["sCR", "CR", "VGPR"])
    words = ["negative", "positive", "therapeutic antibody", "oligoclonal", "other band"]
    extras = [
        pl.when(ife).then(
            pl.format(f"{label} {{}}", pl.col(f"{c}_lo").replace_strict(list(range(5)), words, default=None))
        )
        for c, label in (("serum_ife", "serum IFE"), ("urine_ife", "urine IFE"))
    ]
    spd = pl.when("has_target").then(
        pl.format(
            "sum of products {} mm2 (baseline {})",
            (pl.col("spd") // 1_000_000).cast(pl.String).fill_null("not imaged"),
            pl.col("spd_base") // 1_000_000,
        )
    )
    assigned = pl.when("assigned").then(pl.lit("as assigned"))
    inputs = pl.concat_str([assigned, *used, *extras, spd], separator="; ", ignore_nulls=True)
    return judged.select(
        "gid",
        "patient_id",
        "line",
        "day",
        rule=pl.col("raw").replace_strict(_RULE, default="imwg.ne", return_dtype=RULE),
        inputs=inputs,
    )


def _progressions(sheet: pl.DataFrame, calendar: Calendar) -> list[pl.DataFrame]:
    frames = []
    limbs = [f"pd_{limb}" for limb in LIMBS]
    values = [
        f"{name}_{end}" for name, _, _ in set(_LIMB_VALUE.values()) for end in ("lo", "hi", "nadir_lo", "nadir_hi")
    ]
    used = [
        "gid",
        "patient_id",
        "line",
        "day",
        "raw",
        "assigned",
        "lesion_ids",
        "calcium_lo",
        *limbs,
        *sorted(set(values)),
    ]
    progressed = sheet.select(used).filter(pl.col("raw") == "PD")
    for limb in LIMBS:
        hit = progressed.filter(pl.col(f"pd_{limb}"))
        if hit.is_empty():
            continue
        if limb in _LIMB_VALUE:
            name, label, unit = _LIMB_VALUE[limb]
            inputs = _part(name, label, unit, "nadir", text_of(f"{name}_nadir"))
        elif limb == "lesion":
            inputs = pl.format("lesions {}", pl.col("lesion_ids").fill_null([]).list.join(", "))
        else:
            inputs = pl.format("calcium {} mg/dL", written(pl.col("calcium_lo")))
        frames.append(
            hit.select("gid", "patient_id", "line", "day", rule=pl.lit(f"imwg.pd.{limb}", RULE), inputs=inputs)
        )
    assigned = progressed.filter("assigned")
    frames.append(
        assigned.select(
            "gid", "patient_id", "line", "day", rule=pl.lit("imwg.confirmed", RULE), inputs=pl.lit("PD as assigned")
        )
    )
    return frames


def _confirmations(sheet: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """What the next assessment did to the category of this one."""
    used = [
        "gid",
        "patient_id",
        "line",
        "day",
        "raw",
        "confirmed",
        "unconfirmed_pd",
        "unconfirmed_response",
        "next_seen",
    ]
    asked = sheet.select(*used, "assigned_confirmed").filter(
        pl.col("raw").is_in(["sCR", "CR", "VGPR", "PR", "MR", "PD"]) & ~pl.col("assigned_confirmed")
    )
    outcome = (
        pl.when(pl.col("raw") == pl.col("confirmed"))
        .then(pl.lit("confirmed as"))
        .when(pl.col("unconfirmed_pd") | pl.col("unconfirmed_response"))
        .then(pl.lit("not confirmed: counts as"))
        .otherwise(pl.lit("confirmed only as"))
    )
    following = pl.concat_str(pl.lit(" (next assessment "), _day_texts(asked["next_seen"], calendar), pl.lit(")"))
    inputs = pl.concat_str(
        pl.col("raw").cast(pl.String),
        pl.lit(" "),
        outcome,
        pl.lit(" "),
        pl.col("confirmed").cast(pl.String),
        following.fill_null(" (no later assessment)"),
    )
    return asked.select("gid", "patient_id", "line", "day", rule=pl.lit("imwg.confirmed", RULE), inputs=inputs)


def _day_texts(days: pl.Series, calendar: Calendar) -> pl.Series:
    """The days in words. Few days serve many rows: each is written once."""
    distinct = days.drop_nulls().unique().sort()
    if distinct.is_empty():
        return pl.Series("day", [None] * len(days), dtype=pl.String)
    texts = pl.DataFrame({"day": distinct}).select(shown_text(pl.col("day"), calendar))["day"]
    place = distinct.search_sorted(days.fill_null(distinct[0]))
    return texts.gather(place).set(days.is_null(), None)
