"""Myeloma outside the marrow: extraosseous and paraskeletal lesions apart, and plasma cell leukaemia (rules.md 3.3).

Presence stands until resolved. Absence must have been looked for: imaging, or a record that says so, within the window.
"""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from mspike.knowledge.criteria import published
from mspike.record.record import Record
from mspike.response.compare import amount, at_least, kleene, more_than
from mspike.response.lesions import seen

OUTSIDE = ("extraosseous", "cns")

# Words of free text. An organ, the central nervous system or an effusion does not touch bone; "soft tissue" may.
_ORGAN = r"extra.?osseous|\bcns\b|leptomening|mening|brain|csf|liver|hepat|spleen|kidney|lung|pleura|effusion|ascites"
_ORGAN += r"|lymph node|nodal|\bskin\b|testi|breast|pancrea|bowel|stomach"
_BESIDE = r"para.?(?:skeletal|osseous|medullary)"
_OUTSIDE = r"extra.?medullary|\bemd\b|plasmacytoma|extra.?osseous|para.?(?:skeletal|osseous|medullary)"
_OUTSIDE += r"|cns.{0,3}(?:myeloma|involvement)"
_LEUKAEMIA = r"plasma.?cell.?leuk|\bpcl\b"
_APART = r"\b(?:no|not|without)\s+(?:in\s+)?(?:bone|bony|contact|contiguous|continuity|touching)"
_BESIDE += r"|contiguous|continuity|touching bone|contact (?:with|to) bone|cortical|breach"
_NONE = r"\b(?:none|absent|negative|false|excluded|ruled out|no evidence|no sign|free of)\b|\s(?:no|0)$"
_NONE += r"|\b(?:no|without)\s+(?:extra|emd|plasma|para|soft|pcl|cns)"


def with_extramedullary(points: pl.DataFrame, record: Record) -> pl.DataFrame:
    """Was there myeloma outside the marrow at each point in time, and did it touch bone?

    Adds extraosseous, paraskeletal, extramedullary_recorded (extraosseous, or written down as extramedullary without
    saying whether it touches bone), imaging_day (last imaging used) and missing_emd.
    """
    told = _told(points, record)
    for kind in ("extraosseous", "paraskeletal", "unspecified"):
        points = points.join(_state(told, kind), on="point", how="left", maintain_order="left")
    points = points.join(_from_lesions(points, record), on="point", how="left", maintain_order="left")
    named = pl.col("unspecified_told")
    # "No extramedullary disease", whichever sense, rules out the extraosseous kind; not a lesion that touches bone.
    outside_told = pl.coalesce("extraosseous_told", pl.when(~named).then(False))
    outside = _joined(outside_told, "extraosseous")
    beside = _joined(pl.col("paraskeletal_told"), "paraskeletal")
    points = points.with_columns(_outside=outside, _beside=beside)
    # Somebody wrote "extramedullary" without a site: it is one of the two, and which is not known.
    open_ = named & pl.when(pl.col("_outside") | pl.col("_beside")).then(False).otherwise(True)
    outside = pl.when(open_).then(None).otherwise("_outside")
    beside = pl.when(open_).then(None).otherwise("_beside")
    points = points.with_columns(extraosseous=outside, paraskeletal=beside).with_columns(
        extramedullary_recorded=pl.when(named).then(True).otherwise("extraosseous")
    )
    lacks = pl.col("extraosseous").is_null()
    missing = pl.concat_list(
        pl.when(lacks & named).then(pl.lit("contact_with_bone")),
        pl.when(lacks & ~pl.coalesce(named, pl.lit(False))).then(pl.lit("imaging")),
    ).list.drop_nulls()
    gone = ["_outside", "_beside", *(c for c in points.columns if c.endswith(("_told", "_seen", "_doubt")))]
    return points.with_columns(missing_emd=missing).drop(gone, strict=False)


def _joined(told: pl.Expr, kind: str) -> pl.Expr:
    """Imaging and free text together: either shows it; absence needs one of them and no doubt in the images."""
    shown, doubt = pl.col(f"{kind}_seen"), pl.col(f"{kind}_doubt")
    return pl.when(shown | told).then(True).when(doubt).then(None).when(~shown).then(False).when(~told).then(False)


def _from_lesions(points: pl.DataFrame, record: Record) -> pl.DataFrame:
    """point, `<kind>_seen`, `<kind>_doubt`, imaging_day: what the last image of each lesion up to that day shows."""
    images = seen(record.lesions).join(points.select("point", "pid", "first", "imaging_until"), on="pid")
    images = images.filter(pl.col("day") <= pl.col("imaging_until"))
    last = images.sort("point", "lesion_id", "day").unique(["point", "lesion_id"], keep="last", maintain_order=True)
    finding, site = pl.col("finding"), pl.col("site")
    there = (
        pl.when(finding == "resolved")
        .then(False)
        .when(finding.is_in(["measured", "new"]))
        .then((pl.col("product") > 0).fill_null(True))  # measured, the size not told
        # Uptake without an anatomical lesion is no lesion yet; a fracture is none.
        .when(finding == "fracture")
        .then(False)
    )
    last = last.with_columns(there=there)
    kinds = {"extraosseous": site.is_in(OUTSIDE), "paraskeletal": site == "paraskeletal"}
    asked = {}
    for kind, here in kinds.items():
        here = here & site.is_not_null()
        asked[f"{kind}_shown"] = (pl.col("there") & here).any()
        asked[f"{kind}_doubt"] = (
            (pl.col("there").is_null() & here) | (pl.col("there").is_not_null() & pl.col("there") & site.is_null())
        ).any()
    summed = last.group_by("point").agg(
        **asked, imaging_day=pl.col("day").max(), recent=(pl.col("day") >= pl.col("first")).any()
    )
    return summed.select(
        "point",
        "imaging_day",
        *(pl.when(f"{kind}_shown").then(True).when("recent").then(False).alias(f"{kind}_seen") for kind in kinds),
        *(f"{kind}_doubt" for kind in kinds),
    )


def _told(points: pl.DataFrame, record: Record) -> pl.DataFrame:
    """Events that speak of disease outside the marrow, at each point: point, day, kind, said (present or absent)."""
    text = (
        pl.concat_str("event", "detail", separator=" ", ignore_nulls=True).str.to_lowercase().str.replace_all("_", " ")
    )
    rows = record.events.select("pid", "date", "end_date", text=text)
    leukaemia, outside = pl.col("text").str.contains(_LEUKAEMIA), pl.col("text").str.contains(_OUTSIDE)
    rows = rows.filter(leukaemia | outside).with_columns(
        kind=pl.when(leukaemia)
        .then(pl.lit("leukaemia"))
        .when(pl.col("text").str.contains(_APART))
        .then(pl.lit("extraosseous"))
        .when(pl.col("text").str.contains(_BESIDE))
        .then(pl.lit("paraskeletal"))
        .when(pl.col("text").str.contains(_ORGAN))
        .then(pl.lit("extraosseous"))
        .otherwise(pl.lit("unspecified")),
        said=~pl.col("text").str.contains(_NONE),
    )
    rows = rows.join(points.select("point", "pid", "day", "first", "imaging_until"), on="pid")
    rows = rows.filter(pl.col("date") <= pl.col("imaging_until"))
    over = pl.col("said") & (pl.col("end_date") < pl.col("day"))
    old = ~pl.col("said") & (pl.col("date") < pl.col("first"))
    return rows.filter(~pl.coalesce(over, pl.lit(False)) & ~old)


def _state(told: pl.DataFrame, kind: str) -> pl.DataFrame:
    """point, `<kind>_told`: what was said last; of one day, presence."""
    rows = told.filter(pl.col("kind") == kind).sort("point", "date", "said")
    return rows.group_by("point", maintain_order=True).agg(pl.col("said").last().alias(f"{kind}_told"))


def with_plasma_cell_leukaemia(points: pl.DataFrame, record: Record) -> pl.DataFrame:
    """Adds plasma_cell_leukaemia (by the share of 2021), plasma_cell_leukaemia_older and missing_pcl.

    Needs circulating_plasma_cell_share (%), circulating_plasma_cells (/uL) and wbc (10^9/L) of the same day. Without a
    share, count and white cells give it; a count above the older limit alone is taken for leukaemia too.
    """
    rules = published("plasma-cell-leukaemia-2021")
    limit = rules.value("plasma_cell_leukaemia.imwg_2021", "share")
    older = rules.value("plasma_cell_leukaemia.older", "share")
    many = more_than(amount("circulating_plasma_cells"), rules.value("plasma_cell_leukaemia.older", "count"))
    points = points.join(_state(_told(points, record), "leukaemia"), on="point", how="left", maintain_order="left")
    said = pl.when("leukaemia_told").then(True)
    now = pl.coalesce(said, _share_at_least(limit), pl.when(many).then(True))
    before = _share_at_least(older) | many
    points = points.with_columns(plasma_cell_leukaemia=now, plasma_cell_leukaemia_older=before)
    lacks = pl.col("plasma_cell_leukaemia").is_null()
    missing = pl.concat_list(pl.when(lacks).then(pl.lit("circulating_plasma_cell_share"))).list.drop_nulls()
    return points.with_columns(missing_pcl=missing).drop("leukaemia_told")


def _share_at_least(percent: Fraction) -> pl.Expr:
    """Are plasma cells at least this percentage of the white cells? By the share itself, else by the two counts."""
    cells, white = amount("circulating_plasma_cells"), amount("wbc")
    # cells/uL x 100 against percent x white cells/nL x 1000, both on the grid of millionths, multiplied out.
    p, q = percent.numerator * 1000, percent.denominator * 100
    counted = kleene(
        (cells.lo * q >= white.hi * p) & (cells.lo > 0),
        (cells.hi * q < white.lo * p) | (cells.hi == 0),  # none among however many
    )
    return pl.coalesce(at_least(amount("circulating_plasma_cell_share"), percent), counted)
