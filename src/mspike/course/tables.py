"""The result tables as they are written: names, order, dates shown, flags gathered into lists."""

from __future__ import annotations

import polars as pl

from mspike.record.dates import Calendar, shown
from mspike.record.record import Record
from mspike.response.flags import FLAGS
from mspike.response.progression import LIMBS

MISSING = (
    "serum_m",
    "qiga",
    "urine_m",
    "dflc",
    "marrow",
    "imaging",
    "serum_ife",
    "urine_ife",
    "flc_ratio",
    "clonality",
)
COURSE_FLAGS = (
    "not_infused",
    "infusion_implied",
    "after_LD",
    "baseline_old",
    "imaging_old",
    "baseline_unknown",
    "non_measurable",
    "serum_baseline_missing",
    "urine_baseline_missing",
    "unconfirmed_pd",
    "relapse_at_death",
    "responded",
    "measurability_differs",
)


NOTHING = pl.lit([], pl.List(pl.String))


def gathered(frame: pl.DataFrame, columns: dict[str, pl.Expr], name: str) -> pl.DataFrame:
    """Turns boolean columns into one list column of the names that are true.

    Each distinct combination becomes a list once; rows then only point at it.
    """
    bits = pl.sum_horizontal(
        pl.when(e.fill_null(False)).then(pl.lit(1 << i, pl.Int64)).otherwise(pl.lit(0, pl.Int64))
        for i, e in enumerate(columns.values())
    )
    codes = frame.select(bits.alias("bits"))["bits"]
    distinct = codes.unique().sort()
    names = list(columns)
    lists = [[n for i, n in enumerate(names) if code >> i & 1] for code in distinct]
    lookup = pl.DataFrame(
        {"bits": distinct, name: pl.Series(lists, dtype=pl.List(pl.String))}, schema_overrides={"bits": pl.Int64}
    )
    joined = codes.to_frame().join(lookup, on="bits", how="left", maintain_order="left")
    return frame.with_columns(joined[name])


def _missing() -> dict[str, pl.Expr]:
    """What was not measured and would have mattered: index parameters, and what a still possible CR or sCR lacks."""
    not_pd = pl.col("raw") != "PD"
    cr_open = pl.col("cr").is_null() & not_pd
    scr_open = pl.col("scr").is_null() & not_pd
    absent = {
        "serum_m": pl.col("by_serum") & pl.col("serum_m_lo").is_null() & ~pl.col("is_qiga"),
        "qiga": pl.col("by_serum") & pl.col("serum_m_lo").is_null() & pl.col("is_qiga"),
        "urine_m": pl.col("urine_m_24h_lo").is_null()
        & ~pl.col("urine_unobtainable")
        & (pl.col("by_urine") | (pl.col("vgpr").is_null() & not_pd)),
        "dflc": pl.col("by_dflc") & pl.col("dflc_lo").is_null(),
        "marrow": (pl.col("by_marrow") & pl.col("marrow_plasma_cells_lo").is_null())
        | (cr_open & pl.col("cr_marrow_lo").is_null()),
        "imaging": (
            pl.col("imaging_missing") | (cr_open & pl.col("has_plasmacytoma") & pl.col("spd_all_resolved").is_null())
        ),
        "serum_ife": cr_open & pl.col("serum_ife_lo").is_null(),
        "urine_ife": cr_open & pl.col("urine_ife_lo").is_null() & ~pl.col("urine_unobtainable"),
        "flc_ratio": (scr_open | cr_open & pl.col("by_dflc"))
        & (pl.col("kappa_flc_lo").is_null() | pl.col("lambda_flc_lo").is_null()),
        "clonality": scr_open & pl.col("cr_clonal").is_null() & pl.col("cr_cell_ratio").is_null(),
    }
    judged_here = ~pl.col("assigned")
    return {name: expression & judged_here for name, expression in absent.items()}


def assessments_table(sheet: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """One row a patient, line and visit."""
    sheet = gathered(sheet, _missing(), "missing")
    sheet = gathered(sheet, {limb: pl.col(f"pd_{limb}") for limb in LIMBS}, "pd_limbs")
    flags = {name: pl.col(name) for name in FLAGS if name in sheet.columns}
    sheet = gathered(sheet, flags, "flags")
    table = sheet.select(
        "gid",
        "patient_id",
        "line",
        date=shown(pl.col("day"), calendar),
        day=(pl.col("day") - pl.col("day_zero")).cast(pl.Int32),
        response_raw=pl.col("raw"),
        response_confirmed=pl.col("confirmed"),
        best_so_far=pl.col("best_so_far"),
        could_be=pl.col("could_be"),
        response_biochemical=pl.col("biochemical"),
        missing="missing",
        pd_limbs="pd_limbs",
        flags="flags",
    )
    # Lines are numbered in the order of patient_id and line; visits lie in the order they opened.
    return table.sort("gid", "date", maintain_order=True).drop("gid")


def _with_parameters(courses: pl.DataFrame) -> pl.DataFrame:
    """Adds measurable_by and judged_by: free light chains may be measurable and still not judge the line."""
    both = {
        "serum_m": pl.col("by_serum") & ~pl.col("is_qiga"),
        "qiga": pl.col("by_serum") & pl.col("is_qiga"),
        "urine_m": pl.col("by_urine"),
    }
    measurable = {"dflc": "flc_measurable", "marrow": "by_marrow", "lesion": "lesion_measurable"}
    judging = {"dflc": "by_dflc", "marrow": "by_marrow", "lesion": "by_lesion"}
    for name, rest in (("judged_by", judging), ("measurable_by", measurable)):
        courses = gathered(courses, {**both, **{word: pl.col(column) for word, column in rest.items()}}, name)
    return courses


def _pattern() -> pl.Expr:
    """How the disease came back; the pattern describes the failure, and who did not progress has none."""
    failed = pl.col("failure_type").is_in(["primary_refractory", "early_relapse", "late_relapse"])
    by_clone = pl.any_horizontal(pl.col("limbs").list.contains(limb) for limb in ("serum_m", "qiga", "urine_m"))
    escaped = pl.col("escape").fill_null(False) & ~by_clone.fill_null(False)  # no limbs: none of them by the clone
    escape = pl.when(escaped).then(pl.lit(["light_chain_escape"])).otherwise(NOTHING)
    return pl.when(failed).then(pl.col("sites_pattern").fill_null(NOTHING).list.concat(escape)).otherwise(NOTHING)


def courses_table(courses: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """One row a patient and line."""
    courses = courses.with_columns(
        not_infused=(pl.col("kind") == "car_t") & ~pl.col("infused"),
        infusion_implied=pl.col("implied"),
        unconfirmed_pd=pl.col("unconfirmed_pd_day").is_not_null(),
    )
    courses = _with_parameters(courses)
    flags = {name: pl.col(name) for name in COURSE_FLAGS if name in courses.columns and name != "responded"}
    courses = gathered(courses, flags, "flags")
    confirmed = pl.col("shown_confirmed").fill_null(False)

    def date(column: str) -> pl.Expr:
        return shown(pl.col(column), calendar)

    return courses.sort("patient_id", "line").select(
        "patient_id",
        "line",
        "kind",
        index_date=date("index_day"),
        index_agent="agent",
        measurable_by="measurable_by",
        judged_by="judged_by",
        best_response=pl.col("best").fill_null("NE"),
        best_response_date=date("best_day"),
        first_response_date=date("first_response"),
        pd_date=date("pd_day"),
        pd_limbs=pl.when(confirmed).then(pl.col("limbs")).otherwise(NOTHING),
        failure_type="failure_type",
        failure_date=date("failure_day"),
        pattern=_pattern(),
        flags="flags",
        unconfirmed_pd_date=date("unconfirmed_pd_day"),
        next_line_date=date("next_day"),
        apheresis_date=date("apheresis_day"),
        lymphodepletion_date=date("ld_day"),
        mrd_negative_date=date("mrd_negative_day"),
        mrd_negative_cr="mrd_negative_cr",
        sustained_mrd_negative="sustained_mrd_negative",
        sustained_mrd_days=pl.col("sustained_mrd_days").cast(pl.Int32),
        imaging_mrd_negative="imaging_mrd_negative",
        loss_of_mrd_negativity_date=date("loss_day"),
    )


def endpoints_table(endpoints: pl.DataFrame, courses: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """One row a patient, line and endpoint."""
    order = {name: i for i, name in enumerate(("pfs", "ttp", "dor", "os", "ttnt", "pfs2", "efs"))}
    named = endpoints.join(courses.select("gid", "patient_id", "line"), on="gid")
    return named.sort("patient_id", "line", pl.col("endpoint").replace_strict(order)).select(
        "patient_id",
        "line",
        "endpoint",
        start_date=shown(pl.col("start"), calendar),
        date=shown(pl.col("end"), calendar),
        days=pl.col("days").cast(pl.Int32),
        event="event",
        reason="reason",
    )


def mrd_table(status: pl.DataFrame, record: Record) -> pl.DataFrame:
    """One row a patient, sample and threshold."""
    named = status.join(record.patients.select("pid", "patient_id"), on="pid")
    return named.sort("patient_id", "day", "threshold", "row").select(
        "patient_id",
        date=shown(pl.col("day"), record.calendar),
        threshold="threshold",
        method="method",
        status="status",
        flags="flags",
    )
