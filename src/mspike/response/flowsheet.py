"""The flowsheet: one row a line and visit, one column a measurement, beside its baseline and its nadir."""

from __future__ import annotations

from typing import cast

import numpy as np
import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.record.analytes import NAMES
from mspike.record.record import Record
from mspike.response import bands
from mspike.response.compare import amount, at_most
from mspike.response.measurable import dflc
from mspike.response.nadirs import with_nadirs
from mspike.response.settings import Settings
from mspike.response.visits import LABORATORY, MARROW, MARROW_DAYS, VISIT_DAYS, attach, cluster, day_of_patient, stretch

FOLLOWED = (*LABORATORY, "iga")
COMPANIONS = ("calcium", "albumin", "haemoglobin", "creatinine")
UNUSED = ("agent", "implied", "begun_day", "apheresis_day", "bridging_day", "ld_day", "baseline_old", "after_LD")
METHOD_BOUND = ("serum_m", "urine_m_24h", "kappa_flc", "lambda_flc")


def usable_rows(record: Record, settings: Settings) -> pl.DataFrame:
    """The results that may judge a response: no spurious values, one marrow a day, "<x" as the setting says."""
    rows = record.results
    if rows["attribution"].null_count() < rows.height:
        mark = pl.col("attribution").cast(pl.String).str.to_lowercase()
        rows = rows.filter(
            mark.is_null() | ~((mark == "spurious") | ((mark == "other") & ~pl.col("analyte").is_in(list(COMPANIONS))))
        )
    rows = _quantified(rows, settings)
    rows = bands.coded(rows, record.patients)
    is_marrow = pl.col("analyte").is_in(list(MARROW))
    marrow = rows.filter(is_marrow)
    if marrow.is_empty():
        return rows
    # A flow report cannot supply the percentage; of aspirate and biopsy on one day the higher counts.
    flow = (pl.col("analyte") == "marrow_plasma_cells") & pl.col("method").cast(
        pl.String
    ).str.to_lowercase().str.contains("flow").fill_null(False)
    marrow = marrow.filter(~flow).sort("pid", "day", "analyte", "hi", "row", nulls_last=False)
    marrow = marrow.unique(["pid", "day", "analyte"], keep="last", maintain_order=True)
    return pl.concat([rows.filter(~is_marrow), marrow]).sort("pid", "day", maintain_order=True)


def _quantified(rows: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Below quantification: the interval itself, or one number where the setting asks for one."""
    if settings.blq == "interval":
        return rows
    under = pl.col("comparator") == "<"
    if settings.blq == "zero":
        return rows.with_columns(hi=pl.when(under).then(pl.lit(0, pl.Int64)).otherwise("hi"))
    limit = pl.col("hi") + 1
    return rows.with_columns(
        lo=pl.when(under).then(limit).otherwise("lo"), hi=pl.when(under).then(limit).otherwise("hi")
    )


def visit_table(record: Record, rows: pl.DataFrame, lines: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """One row a visit: pid, opened, imaging_day, and `<analyte>_lo`, `_hi`, `_day` of what was measured at it."""
    starts = lines.select("pid", day=pl.col("index_day"))
    rows = _after_first_response_day(rows, lines, settings)
    followed = [*LABORATORY, "iga"] if settings.qiga_index else list(LABORATORY)
    laboratory = rows.filter(pl.col("analyte").is_in(followed))
    clusters = cluster(laboratory, starts)
    visits = pl.DataFrame(
        {
            "visit": np.arange(len(clusters.pid)),
            "pid": clusters.pid,
            "opened": clusters.opened,
            "last": clusters.last,
            "stretch": stretch(clusters.pid, clusters.opened, starts),
        }
    )
    marrow = rows.filter(pl.col("analyte").is_in(list(MARROW)))
    visits = attach(_days(marrow, starts), visits, name="marrow_day", after_last=MARROW_DAYS)
    visits = attach(_days(record.lesions.rename({"date": "day"}), starts), visits, name="imaging_day", after_last=None)
    if settings.hypercalcaemia_pd:
        calcium = rows.filter(pl.col("analyte") == "calcium")
        visits = attach(_days(calcium, starts), visits, name="calcium_seen", after_last=None).drop("calcium_seen")
    wide = _scattered(laboratory, clusters.visit_of_row, visits.height, followed)
    visits = visits.sort("pid", "opened", "visit")
    visits = visits.hstack(wide[visits["visit"]])
    visits = _with_marrow(visits, marrow)
    visits = _with_companions(visits, rows)
    return visits.with_columns(pl.col("pid").cast(pl.Int32))


def _after_first_response_day(rows: pl.DataFrame, lines: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Results in the first weeks after an infusion are stored but judge nothing (rules.md 1.3b)."""
    infusions = lines.filter("infused").select("pid", "index_day")
    if infusions.is_empty():
        return rows
    ranked = infusions.with_columns(k=pl.int_range(pl.len()).over("pid"))
    kept = np.ones(rows.height, dtype=bool)
    for k in range(cast(int, ranked["k"].max()) + 1):
        nth = ranked.filter(pl.col("k") == k)
        since = rows["day"].to_numpy() - day_of_patient(rows["pid"], nth["pid"], nth["index_day"], missing=2**30)
        kept &= (since <= 0) | (since >= settings.first_response_day)
    return rows if kept.all() else rows.filter(pl.Series(kept))


def _days(rows: pl.DataFrame, starts: pl.DataFrame) -> pl.DataFrame:
    days = rows.select(pl.col("pid").cast(pl.Int64), pl.col("day").cast(pl.Int64)).unique().sort("pid", "day")
    return days.with_columns(
        stretch=pl.Series(stretch(days["pid"].to_numpy(), days["day"].to_numpy(), starts), dtype=pl.Int64)
    )


def _scattered(rows: pl.DataFrame, visit: np.ndarray, n: int, analytes: list[str]) -> pl.DataFrame:
    """Puts each analyte into columns of its own. Scattering into arrays is far cheaper than a pivot."""
    code = rows["analyte"].to_physical().to_numpy()
    lo = rows["lo"].fill_null(-1).to_numpy()
    hi = rows["hi"].fill_null(-1).to_numpy()
    day = rows["day"].to_numpy()
    methods = _method_codes(rows)
    columns: dict[str, np.ndarray] = {}
    for analyte in analytes:
        at = code == NAMES.index(analyte)
        where = visit[at]
        names = [(f"{analyte}_lo", lo, np.int64), (f"{analyte}_hi", hi, np.int64)]
        if methods is not None and analyte in METHOD_BOUND:
            names.append((f"{analyte}_method", methods, np.int64))
        for name, source, dtype in names:
            columns[name] = np.full(n, -1, dtype=dtype)
            columns[name][where] = source[at]
        columns[f"{analyte}_day"] = np.full(n, np.iinfo(np.int32).min, dtype=np.int32)
        columns[f"{analyte}_day"][where] = day[at]
    frame = pl.DataFrame(columns)
    # Measured values are never negative, so -1 stands for "not measured" on the way through the arrays.
    return frame.with_columns(
        pl.when(pl.col(c) != (np.iinfo(np.int32).min if c.endswith("_day") else -1)).then(pl.col(c))
        for c in frame.columns
    )


def _method_codes(rows: pl.DataFrame) -> np.ndarray | None:
    if rows["method"].null_count() == rows.height:
        return None
    return rows.select(method_code(pl.col("method")).fill_null(-1)).to_series().to_numpy()


def method_code(method: pl.Expr) -> pl.Expr:
    """A number for a method's name, so that names can be compared in arrays: case and blanks do not matter."""
    code = (method.cast(pl.String).str.strip_chars().str.to_lowercase().hash() // 4).cast(pl.Int64)
    return pl.when(method.is_not_null()).then(code)


def _with_marrow(visits: pl.DataFrame, marrow: pl.DataFrame) -> pl.DataFrame:
    percent = marrow.filter(pl.col("analyte") == "marrow_plasma_cells")
    clonality = marrow.filter(pl.col("analyte") == "marrow_clonality")
    state = (
        pl.col("state")
        .cast(pl.String)
        .replace_strict({"negative": False, "positive": True}, default=None, return_dtype=pl.Boolean)
    )
    percent = percent.select(
        "pid", pl.col("day").alias("marrow_day"), marrow_plasma_cells_lo="lo", marrow_plasma_cells_hi="hi"
    )
    clonality = clonality.select(
        "pid", pl.col("day").alias("marrow_day"), clonal_state=state, cell_ratio_lo="lo", cell_ratio_hi="hi"
    )
    key = ["pid", "marrow_day"]
    for part in (percent, clonality):
        part = part.with_columns(pl.col(key).cast(pl.Int64))
        visits = visits.join(part, on=key, how="left", maintain_order="left")
    return visits.with_columns(marrow_plasma_cells_day=pl.col("marrow_day").cast(pl.Int32))


def _with_companions(visits: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Calcium, albumin, haemoglobin and creatinine within 7 days of the visit's opening; the worst value counts."""
    worst = {
        "calcium": pl.col("lo").max(),
        "albumin": pl.col("lo").max(),
        "haemoglobin": pl.col("lo").min(),
        "creatinine": pl.col("lo").max(),
    }
    near = rows.filter(pl.col("analyte").is_in(list(COMPANIONS)))
    if near.is_empty():
        none = [pl.lit(None, pl.Int64).alias(f"{c}_lo") for c in COMPANIONS]
        return visits.with_columns(
            *none,
            calcium_day=pl.lit(None, pl.Int32),
            calcium_by=pl.lit(None, pl.String),
            haemoglobin_by=pl.lit(None, pl.String),
            creatinine_by=pl.lit(None, pl.String),
        )
    place = visits.select("visit", "pid", "opened").sort("opened")
    near = near.with_columns(pl.col("pid", "day").cast(pl.Int64)).sort("day")
    found = near.join_asof(
        place,
        left_on="day",
        right_on="opened",
        by="pid",
        strategy="backward",
        tolerance=VISIT_DAYS,
        check_sortedness=False,
    ).filter(pl.col("visit").is_not_null())
    by = pl.col("attribution").cast(pl.String).str.to_lowercase()
    for analyte in COMPANIONS:
        part = (
            found.filter(pl.col("analyte") == analyte)
            .group_by("visit")
            .agg(
                worst[analyte].alias(f"{analyte}_lo"),
                pl.col("day").cast(pl.Int32).min().alias(f"{analyte}_day"),
                pl.when((by == "myeloma").any())
                .then(pl.lit("myeloma"))
                .when((by == "other").any())
                .then(pl.lit("other"))
                .alias(f"{analyte}_by"),
            )
        )
        visits = visits.join(part, on="visit", how="left", maintain_order="left")
    return visits


def flowsheet(visits: pl.DataFrame, lines: pl.DataFrame, criteria: Criteria, settings: Settings) -> pl.DataFrame:
    """One row a line and visit after its index day, with baseline, derived values and nadirs; by gid and visit."""
    sheet = _lines_and_visits(lines, visits)
    sheet = sheet.with_columns(
        early=(pl.col("kind") == "car_t")
        & pl.col("infused")
        & (pl.col("opened") < pl.col("index_day") + settings.first_response_day),
        after_new_therapy=(pl.col("opened") > pl.col("next_day")).fill_null(False),  # no next line: never after it
    )
    sheet = _by_quantitative_iga(sheet, settings)
    sheet = _without_changed_methods(sheet)
    sheet = _without_antibody(sheet, criteria)
    sheet = _with_urine_carried(sheet, settings)
    lo, hi = dflc(amount("kappa_flc"), amount("lambda_flc"))
    sheet = sheet.with_columns(dflc_lo=lo, dflc_hi=hi, dflc_day=pl.max_horizontal("kappa_flc_day", "lambda_flc_day"))
    return with_nadirs(sheet, settings.nadir)


def _lines_and_visits(lines: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Each line beside the visits after its index day. Paired by row number first: the full rows are copied once."""
    unused = [c for c in lines.columns if c.endswith(("_base_day", "_base_state")) or c in UNUSED]
    numbered = visits.select("pid", "opened").with_row_index("_visit")
    pairs = lines.select("pid", "index_day").with_row_index("_line").join(numbered, on="pid", maintain_order="left")
    pairs = pairs.filter(pl.col("opened") > pl.col("index_day"))
    left = _rows_at(lines.drop(unused), pairs["_line"])
    return left.hstack(_rows_at(visits.drop("pid", "stretch", "last"), pairs["_visit"]))


def _rows_at(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """The rows in that order. What nobody measured stays one empty column and is not copied."""
    if frame.is_empty():
        return frame
    empty = {name: kind for name, kind in frame.schema.items() if frame[name].null_count() == frame.height}
    nothing = [pl.lit(None, kind).alias(name) for name, kind in empty.items()]
    return frame.drop(empty)[rows].with_columns(nothing).select(frame.columns)


def _by_quantitative_iga(sheet: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    if not settings.qiga_index:
        return sheet
    return sheet.with_columns(
        pl.when("is_qiga").then(f"iga_{part}").otherwise(f"serum_m_{part}").alias(f"serum_m_{part}")
        for part in ("lo", "hi", "day")
    )


def _without_changed_methods(sheet: pl.DataFrame) -> pl.DataFrame:
    """A value by another method than the baseline's is no value until a new baseline (rules.md C0.3)."""
    for analyte in METHOD_BOUND:
        if f"{analyte}_method" not in sheet.columns:
            continue
        base = method_code(pl.col(f"{analyte}_base_method"))
        differs = (pl.col(f"{analyte}_method") != base).fill_null(False) & pl.col(
            f"{analyte}_base_method"
        ).is_not_null()
        sheet = sheet.with_columns((differs & pl.col(f"{analyte}_lo").is_not_null()).alias(f"{analyte}_changed"))
        sheet = sheet.with_columns(
            pl.when(~pl.col(f"{analyte}_changed")).then(f"{analyte}_{part}").alias(f"{analyte}_{part}")
            for part in ("lo", "hi", "day")
        )
    flags = [pl.col(f"{a}_changed") for a in METHOD_BOUND if f"{a}_changed" in sheet.columns]
    return sheet.with_columns(method_change=pl.any_horizontal(flags) if flags else pl.lit(False))


def _without_antibody(sheet: pl.DataFrame, criteria: Criteria) -> pl.DataFrame:
    """A band adjudicated as the therapeutic antibody: the faint spike is the drug, the clone's spike is 0."""
    faint = at_most(amount("serum_m"), criteria.value("imwg.band.antibody", "serum_m"))
    drug = (pl.col("serum_ife_lo") == bands.ANTIBODY) & faint & ~pl.col("is_qiga")
    return sheet.with_columns(
        pl.when(drug).then(pl.lit(0, pl.Int64)).otherwise(f"serum_m_{part}").alias(f"serum_m_{part}")
        for part in ("lo", "hi")
    )


def _with_urine_carried(sheet: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Carries 24 h urine forward where the setting allows it; by default a urine not done is not known."""
    if not settings.urine_carry_forward_days:
        return sheet
    for analyte in ("urine_m_24h", "urine_ife"):
        day = pl.col(f"{analyte}_day")
        recent = pl.col("opened") - day.forward_fill().over("gid") <= settings.urine_carry_forward_days
        fill = pl.col(f"{analyte}_lo").is_null() & recent
        sheet = sheet.with_columns(
            pl.when(fill).then(pl.col(c).forward_fill().over("gid")).otherwise(pl.col(c)).alias(c)
            for c in (f"{analyte}_lo", f"{analyte}_hi", f"{analyte}_day")
        )
    return sheet
