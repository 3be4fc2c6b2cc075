"""Stage and risk at diagnosis and before each infusion: ISS, R-ISS, R2-ISS, IMS/IMWG 2025, disease outside the marrow.

A missing item never counts as zero: it opens a range from the lowest to the highest stage that the patient may have.
ISS, R-ISS, R2-ISS and the 2025 definition were built for newly diagnosed disease; before CAR-T they describe.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import polars as pl

from mspike.course.derived import Derived
from mspike.course.extramedullary import with_extramedullary, with_plasma_cell_leukaemia
from mspike.course.genetics import FRACTION, markers_at, statements_of
from mspike.course.staging_values import points_of, values_at
from mspike.knowledge.criteria import published
from mspike.response.compare import amount, at_least, below, kleene, micro

# Markers that a stage asks for, and the names of their columns.
ASKED = {
    "del17p": "del17p",
    "TP53": "tp53",
    "t(4;14)": "t_4_14",
    "t(14;16)": "t_14_16",
    "t(14;20)": "t_14_20",
    "gain1q": "gain1q",
    "amp1q": "amp1q",
    "del1p32": "del1p32",
}
# Which rules stand behind which answer, for whoever must say because.
RULES = {
    "iss": ("iss.stage_1", "iss.stage_2", "iss.stage_3"),
    "riss": ("r_iss.stage_1", "r_iss.stage_2", "r_iss.stage_3"),
    "r2iss": ("r2_iss.points", "r2_iss.stage"),
    "ims_2025_high_risk": ("ims_imwg.tp53", "ims_imwg.translocation", "ims_imwg.1p32", "ims_imwg.b2m"),
    "high_risk_cytogenetics": ("genetics.high_risk",),
    "extraosseous": ("emd.extraosseous", "emd.not_told_apart"),
    "paraskeletal": ("emd.paraskeletal", "emd.not_told_apart"),
    "plasma_cell_leukaemia": ("plasma_cell_leukaemia.imwg_2021",),
    "plasma_cell_leukaemia_older": ("plasma_cell_leukaemia.older",),
}
SCORES = ("iss", "riss", "r2iss")


def stages_of(derived: Derived) -> pl.DataFrame:
    """What stage and risk had each patient at diagnosis, and before each infusion?

    One row a patient (at "diagnosis") and an infusion (at "car_t"): pid, at, gid, day; then
    - for iss, riss, r2iss: `<score>_low` and `_high`, the score itself where they agree, else what would settle it in
      `missing_<score>`; r2iss_points_low and _high;
    - true, false or unknown: ims_2025_high_risk (missing_ims; ims_2025_criteria names those met),
      high_risk_cytogenetics (missing_cytogenetics), extraosseous, paraskeletal, extramedullary_recorded (missing_emd),
      plasma_cell_leukaemia and plasma_cell_leukaemia_older (missing_pcl);
    - the inputs: `<analyte>_lo`, `_hi`, `_day`, ldh_limit, and each marker with `_day`, `_fraction`, `_above` and
      `_allelic`; amounts and fractions on the grid of the record.
    """
    return _told(_with_high_risk(_with_r2iss(_revised(derived))), SCORES)


def revised_stages_of(derived: Derived) -> pl.DataFrame:
    """The part of `stages_of` without R2-ISS and the definition of 2025, for whoever asks for neither."""
    return _told(_revised(derived), ("iss", "riss"))


def _revised(derived: Derived) -> pl.DataFrame:
    """All but the two later scores, with the columns that they are made from."""
    frame = values_at(derived.record, points_of(derived))
    frame = with_plasma_cell_leukaemia(with_extramedullary(frame, derived.record), derived.record)
    return _with_riss(_with_iss(_with_markers(frame, derived).with_columns(**_items())))


def _told(frame: pl.DataFrame, scores: Sequence[str]) -> pl.DataFrame:
    stages = [pl.when(pl.col(f"{s}_low") == pl.col(f"{s}_high")).then(f"{s}_low").alias(s) for s in scores]
    helping = [c for c in frame.columns if c.startswith("_")]
    return frame.with_columns(stages).drop("point", "first", "last", "genetics_until", "imaging_until", *helping)


def _with_markers(points: pl.DataFrame, derived: Derived) -> pl.DataFrame:
    found = markers_at(statements_of(derived.record), points)
    for marker, column in ASKED.items():
        one = found.filter(pl.col("marker") == marker).select(
            "point",
            pl.col("present").alias(column),
            *(pl.col(name).alias(f"{column}_{name}") for name in ("day", "fraction", "above", "allelic")),
        )
        points = points.join(one, on="point", how="left", maintain_order="left")
    return points


def _items() -> dict[str, pl.Expr]:
    """The facts that the scores combine, each true, false or unknown."""
    iss, high_risk = published("iss-2005"), published("ims-imwg-2025")
    limit = micro(high_risk.value("ims_imwg.tp53", "clonal_fraction"), FRACTION)
    ldh = amount("ldh")

    def enough(marker: str) -> pl.Expr:
        by_share = pl.col(f"{marker}_fraction") >= limit
        above = pl.when(f"{marker}_above").then(True)  # the share not told, the laboratory's limit passed
        return pl.col(marker) & pl.coalesce(by_share, above)

    return {
        "_b2m_low": below(amount("b2m"), iss.value("iss.stage_1", "b2m")),
        "_b2m_high": at_least(amount("b2m"), iss.value("iss.stage_3", "b2m")),
        "_albumin": at_least(amount("albumin"), iss.value("iss.stage_1", "albumin")),
        # Exactly at the upper limit is still normal.
        "_ldh": kleene(ldh.lo > pl.col("ldh_limit"), ldh.hi <= pl.col("ldh_limit")),
        "_1q": pl.col("gain1q"),  # four copies count as gained too, see `statements_of`
        "_17p": enough("del17p"),
        "_tp53": enough("tp53"),
        "_b2m_ims": at_least(amount("b2m"), high_risk.value("ims_imwg.b2m", "b2m")),
        "_creatinine": below(amount("creatinine"), high_risk.value("ims_imwg.b2m", "creatinine")),
        "_both_1p32": pl.col("del1p32") & (pl.col("del1p32_allelic") == "bi"),
    }


def _possible(answer: pl.Expr) -> pl.Expr:
    """Is it true, or could it be? (A question about what is known, so unknown counts as yes.)"""
    return answer.is_null() | answer


def _range_of(first: pl.Expr, third: pl.Expr, name: str) -> dict[str, pl.Expr]:
    """The lowest and highest of three stages, where the second is whatever is neither the first nor the third."""
    second = ~first & ~third
    one, three = pl.lit(1, pl.Int8), pl.lit(3, pl.Int8)
    two = pl.lit(2, pl.Int8)
    return {
        f"{name}_low": pl.when(_possible(first)).then(one).when(_possible(second)).then(two).otherwise(three),
        f"{name}_high": pl.when(_possible(third)).then(three).when(_possible(second)).then(two).otherwise(one),
    }


def _named(open_: pl.Expr, items: dict[str, pl.Expr]) -> pl.Expr:
    """The items that would settle an open answer, in this order."""
    chosen = [pl.when(open_ & lacks).then(pl.lit(name)) for name, lacks in items.items()]
    return pl.concat_list(chosen).list.drop_nulls()


def _iss_items() -> dict[str, pl.Expr]:
    """b2m decides unless it is known on both sides; albumin only where b2m may be low."""
    low = pl.col("_b2m_low")
    return {
        "b2m": low.is_null() & _possible(pl.col("_albumin")) | pl.col("_b2m_high").is_null(),
        "albumin": pl.col("_albumin").is_null() & _possible(low),
    }


def _ldh_items() -> dict[str, pl.Expr]:
    lacks, value = pl.col("_ldh").is_null(), pl.col("ldh_lo")
    limit_unknown = value.is_not_null() & pl.col("ldh_limit").is_null()
    return {"ldh": lacks & ~limit_unknown, "ldh_upper_limit": lacks & limit_unknown}


def _lacking(*markers: str) -> dict[str, pl.Expr]:
    return {marker: pl.col(ASKED[marker]).is_null() for marker in markers}


def _with_iss(frame: pl.DataFrame) -> pl.DataFrame:
    frame = frame.with_columns(_iss_1=pl.col("_b2m_low") & pl.col("_albumin"), _iss_3=pl.col("_b2m_high"))
    frame = frame.with_columns(**_range_of(pl.col("_iss_1"), pl.col("_iss_3"), "iss"))
    return frame.with_columns(missing_iss=_named(_open("iss"), _iss_items()))


def _open(score: str) -> pl.Expr:
    return pl.col(f"{score}_low") < pl.col(f"{score}_high")


def _any_of(*markers: str) -> pl.Expr:
    return pl.any_horizontal(pl.col(ASKED[marker]) for marker in markers)


def _with_riss(frame: pl.DataFrame) -> pl.DataFrame:
    markers = ("del17p", "t(4;14)", "t(14;16)")
    bad = _any_of(*markers)
    frame = frame.with_columns(high_risk_cytogenetics=bad)
    worse = pl.col("_ldh") | bad
    first, third = pl.col("_iss_1") & ~worse, pl.col("_iss_3") & worse
    iss = {name: lacks & _open("iss") for name, lacks in _iss_items().items()}
    # Where one of them is there already, the others change nothing.
    rest = {name: lacks & worse.is_null() for name, lacks in {**_ldh_items(), **_lacking(*markers)}.items()}
    frame = frame.with_columns(**_range_of(first, third, "riss"))
    return frame.with_columns(
        missing_riss=_named(_open("riss"), {**iss, **rest}),
        missing_cytogenetics=_named(bad.is_null(), _lacking(*markers)),
    )


def _with_r2iss(frame: pl.DataFrame) -> pl.DataFrame:
    """Sums the least and the most points that the known items allow; halves are exact."""
    rules = published("r2-iss-2022")

    def points(name: str) -> float:
        return float(rules.value("r2_iss.points", name))

    iss = {1: 0.0, 2: points("iss_2"), 3: points("iss_3")}
    items = {"ldh": pl.col("_ldh"), "del17p": pl.col("del17p"), "t_4_14": pl.col("t_4_14"), "extra_1q": pl.col("_1q")}

    def total(end: str) -> pl.Expr:
        by_stage = pl.col(f"iss_{end}").cast(pl.Int64).replace_strict(iss, return_dtype=pl.Float64)
        met = [item if end == "low" else _possible(item) for item in items.values()]
        worth = [points(name) for name in items]
        return by_stage + pl.sum_horizontal(pl.when(m).then(w).otherwise(0.0) for m, w in zip(met, worth, strict=True))

    frame = frame.with_columns(r2iss_points_low=total("low"), r2iss_points_high=total("high"))
    limits = [rules.value("r2_iss.stage", f"stage_{n}") for n in (2, 3, 4)]
    frame = frame.with_columns(
        _stage_by(pl.col(f"r2iss_points_{e}"), limits).alias(f"r2iss_{e}") for e in ("low", "high")
    )
    iss_items = {name: lacks & _open("iss") for name, lacks in _iss_items().items()}
    lacking = {**iss_items, **_ldh_items(), **_lacking("del17p", "t(4;14)"), "gain1q": pl.col("_1q").is_null()}
    return frame.with_columns(missing_r2iss=_named(_open("r2iss"), lacking))


def _stage_by(points: pl.Expr, limits: list[Fraction]) -> pl.Expr:
    return pl.sum_horizontal((points >= float(limit)).cast(pl.Int8) for limit in limits).cast(pl.Int8) + 1


def _with_high_risk(frame: pl.DataFrame) -> pl.DataFrame:
    """IMS/IMWG 2025: one of four criteria is enough. No finding speaks against it, so unknown is exactly unknown."""
    translocations = ("t(4;14)", "t(14;16)", "t(14;20)")
    shifted, extra, lost = _any_of(*translocations), pl.col("_1q"), pl.col("del1p32")
    criteria = {
        "ims_imwg.tp53": pl.col("_17p") | pl.col("_tp53"),
        "ims_imwg.translocation": shifted & (extra | lost),
        "ims_imwg.1p32": (lost & extra) | pl.col("_both_1p32"),
        "ims_imwg.b2m": pl.col("_b2m_ims") & pl.col("_creatinine"),
    }
    answer = pl.any_horizontal(criteria.values())
    met = pl.concat_list(pl.when(holds).then(pl.lit(name)) for name, holds in criteria.items()).list.drop_nulls()
    first, second, third, fourth = (holds.is_null() for holds in criteria.values())
    lacking = {name: lacks & shifted.is_null() & second for name, lacks in _lacking(*translocations).items()}
    alleles = lost & pl.col("del1p32_allelic").is_null()
    items = {
        "del17p": pl.col("del17p").is_null() & first,
        "del17p_fraction": pl.col("del17p") & pl.col("_17p").is_null() & first,
        "TP53": pl.col("tp53").is_null() & first,
        "TP53_fraction": pl.col("tp53") & pl.col("_tp53").is_null() & first,
        **lacking,
        "gain1q": extra.is_null() & (second & (extra | lost).is_null() | third),
        "del1p32": lost.is_null() & (second & (extra | lost).is_null() | third),
        "del1p32_alleles": alleles & third,
        "b2m": pl.col("_b2m_ims").is_null() & fourth,
        "creatinine": pl.col("_creatinine").is_null() & fourth,
    }
    return frame.with_columns(
        ims_2025_high_risk=answer, ims_2025_criteria=met, missing_ims=_named(answer.is_null(), items)
    )
