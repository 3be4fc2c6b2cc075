"""Flags of a visit: what a reader must know beside the category. Each is a boolean column until it is written."""

from __future__ import annotations

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.record.record import Record
from mspike.response import bands
from mspike.response.bands import ANTIBODIES, negative
from mspike.response.category import cr_imaging, cr_marrow, normal_ratio
from mspike.response.compare import (
    Amount,
    amount,
    at_least,
    at_most,
    fallen,
    grown,
    more_than,
    ratio_between,
    risen,
    risen_above,
)
from mspike.response.progression import corrected_calcium
from mspike.response.settings import Settings

RENAL_RATIO_HIGH = 310  # hundredths: the wider range some use in kidney failure; shown, never applied by default
FLARE_DAYS = 90

FLAGS = (
    "after_new_therapy",
    "unconfirmed_pd",
    "unconfirmed_response",
    "non_measurable",
    "method_change",
    "urine_unobtainable",
    "pd_possible_blq",
    "response_possible_blq",
    "pd_not_excluded",
    "nadir_policies_differ",
    "threshold_response",
    "renal_ratio",
    "flc_suppressed",
    "reflex_needed",
    "oligoclonal_reconstitution",
    "other_band",
    "ife_contradicts_spike",
    "marrow_precedes_ife",
    "light_chain_escape",
    "lesion_review",
    "flare_suspected",
    "new_uptake",
    "relapse_from_cr",
    "relapse_from_mrd_negative",
    "clinical_relapse",
    "clinical_relapse_suspected",
    "biochemical_relapse",
    "not_pd",
)


def with_visit_facts(sheet: pl.DataFrame, record: Record) -> pl.DataFrame:
    """Adds `urine_unobtainable` (dialysis or anuria that day) and `antibody_recent` (in the last six months)."""
    events = record.events.filter(pl.col("event").str.to_lowercase().str.contains("dialysis|anuria"))
    # An event without an end is taken to last: urine is not asked of a patient who has none.
    spells = events.select("pid", since="date", until=pl.col("end_date").fill_null(2**30))
    antibodies = record.treatments.filter(pl.col("agent").str.contains(ANTIBODIES).fill_null(False))
    shadows = antibodies.select("pid", since="start_date", until=pl.coalesce("end_date", "start_date") + 183)
    for name, spans in (("urine_unobtainable", spells), ("antibody_recent", shadows)):
        sheet = _within(sheet, spans, name)
    return sheet


def _within(sheet: pl.DataFrame, spans: pl.DataFrame, name: str) -> pl.DataFrame:
    if spans.is_empty():
        return sheet.with_columns(pl.lit(False).alias(name))
    days = sheet.select("pid", "opened").unique()
    hit = (
        days.join(spans, on="pid")
        .filter((pl.col("opened") >= pl.col("since")) & (pl.col("opened") <= pl.col("until")))
        .select("pid", "opened")
        .unique()
        .with_columns(pl.lit(True).alias(name))
    )
    joined = sheet.join(hit, on=["pid", "opened"], how="left", maintain_order="left")
    return joined.with_columns(pl.col(name).fill_null(False))  # no span covers the day


def with_suppression(sheet: pl.DataFrame, criteria: Criteria, settings: Settings) -> pl.DataFrame:
    """Adds `flc_suppressed`: the ratio is undefined, or abnormal while the involved chain is not raised."""
    kappa, lambda_ = amount("kappa_flc"), amount("lambda_flc")
    normal = ratio_between(kappa, lambda_, *settings.flc_ratio_range)
    not_raised = (
        pl.when(pl.col("chain") == "kappa")
        .then(at_most(kappa, criteria.value("imwg.flc_ratio", "kappa_upper_normal")))
        .when(pl.col("chain") == "lambda")
        .then(at_most(lambda_, criteria.value("imwg.flc_ratio", "lambda_upper_normal")))
    )
    undefined = (kappa.hi == 0) & (lambda_.hi == 0)
    return sheet.with_columns(
        flc_suppressed=((undefined | normal.ne_missing(True)) & kappa.known & lambda_.known & not_raised).fill_null(
            False
        )
    )


def with_flags(sheet: pl.DataFrame, criteria: Criteria, settings: Settings) -> pl.DataFrame:
    """Adds the flags that follow from the values of a visit and its category."""
    flags = {
        **_quantification(criteria),
        **_ratio(criteria, settings),
        **_immunofixation(criteria),
        **_relapse(criteria),
        "threshold_response": _threshold_response(criteria),
        "marrow_precedes_ife": _marrow_precedes(settings),
        "flare_suspected": pl.col("lesion_pd")
        & (pl.col("kind") == "car_t")
        & (pl.col("imaging_day") - pl.col("index_day") <= FLARE_DAYS),
        "ife_contradicts_spike": pl.col("contradiction"),
        "pd_not_excluded": pl.col("lab_missing") & (pl.col("raw") == "NE"),
    }
    # A flag that cannot be judged is not raised: it asserts nothing about the patient.
    return sheet.with_columns(expression.fill_null(False).alias(name) for name, expression in flags.items())


def _quantification(criteria: Criteria) -> dict[str, pl.Expr]:
    limbs = {"serum_m": "serum_m", "urine_m": "urine_m_24h", "dflc": "dflc", "marrow": "marrow_plasma_cells"}
    undecided = [
        pl.col(f"pd_{limb}").is_null() & amount(name).known & amount(f"{name}_nadir").known
        for limb, name in limbs.items()
    ]
    falls = [
        fallen(amount(name), amount(f"{name}_base"), criteria.value("imwg.vgpr", f"{fall}_fall")).is_null()
        & pl.col(by)
        & amount(name).known
        for name, fall, by in (
            ("serum_m", "serum_m", "by_serum"),
            ("urine_m_24h", "urine_m", "by_urine"),
            ("dflc", "dflc", "by_dflc"),
        )
    ]
    below_vgpr = pl.col("raw").is_in(["PR", "MR", "SD"])
    return {
        "pd_possible_blq": pl.any_horizontal(undecided) & (pl.col("raw") != "PD"),
        "response_possible_blq": pl.any_horizontal(falls) & below_vgpr,
    }


def _ratio(criteria: Criteria, settings: Settings) -> dict[str, pl.Expr]:
    kappa, lambda_ = amount("kappa_flc"), amount("lambda_flc")
    both_raised = more_than(kappa, criteria.value("imwg.flc_ratio", "kappa_upper_normal")) & more_than(
        lambda_, criteria.value("imwg.flc_ratio", "lambda_upper_normal")
    )
    low, high = settings.flc_ratio_range
    slightly = ~ratio_between(kappa, lambda_, low, high) & (kappa.hi * 100 <= lambda_.lo * RENAL_RATIO_HIGH)
    pd_with_normal_ratio = pl.col("pd_dflc") & normal_ratio(settings)
    return {"renal_ratio": (both_raised & slightly & (kappa.lo > lambda_.hi)) | pd_with_normal_ratio}


def _immunofixation(criteria: Criteria) -> dict[str, pl.Expr]:
    serum, urine = pl.col("serum_ife_lo"), pl.col("urine_ife_lo")
    faint = at_most(amount("serum_m"), criteria.value("imwg.band.antibody", "serum_m"))
    igg_kappa = (pl.col("heavy_chain") == "IgG") & (pl.col("light_chain") == "kappa")
    otherwise_cr = negative("urine_ife_lo") & cr_marrow(criteria) & cr_imaging()
    return {
        "reflex_needed": igg_kappa & pl.col("antibody_recent") & (serum == bands.POSITIVE) & faint & otherwise_cr,
        "oligoclonal_reconstitution": (serum == bands.OLIGOCLONAL) | (urine == bands.OLIGOCLONAL),
        "other_band": (serum == bands.OTHER_BAND) | (urine == bands.OTHER_BAND),
    }


def _relapse(criteria: Criteria) -> dict[str, pl.Expr]:
    """Relapse definitions that are not progression (rules.md 1.9)."""
    flc, flc_nadir = amount("dflc"), amount("dflc_nadir")
    by_ig = pl.col("by_serum") | pl.col("by_urine")
    escape = grown(flc, flc_nadir, criteria.value("imwg.escape.light_chain", "relative_rise")) & risen_above(
        flc, flc_nadir, criteria.value("imwg.escape.light_chain", "rise")
    )
    rule_id = "imwg.relapse.clinical"
    fall = int(criteria.value(rule_id, "haemoglobin_fall") * 1_000_000)
    rise = int(criteria.value(rule_id, "creatinine_rise") * 1_000_000)
    signs = {
        "calcium": more_than(corrected_calcium(), criteria.value(rule_id, "calcium")),
        "haemoglobin": pl.col("haemoglobin_base_lo") - pl.col("haemoglobin_lo") >= fall,
        "creatinine": pl.col("creatinine_lo") - pl.col("creatinine_base_lo") >= rise,
    }
    sure = [sign & (pl.col(f"{name}_by") == "myeloma") for name, sign in signs.items()]
    # Without a clinician's word, infection, CRS or ICAHT may explain it: suspected only.
    open_ = [sign & pl.col(f"{name}_by").is_null() for name, sign in signs.items()]
    clinical = pl.any_horizontal([*sure, pl.col("lesion_pd")]).fill_null(False)
    serum, urine = amount("serum_m"), amount("urine_m_24h")
    risen_far = risen(
        serum, amount("serum_m_nadir"), criteria.value("imwg.relapse.biochemical", "serum_m_rise")
    ) | risen(urine, amount("urine_m_24h_nadir"), criteria.value("imwg.relapse.biochemical", "urine_m_rise"))
    start = at_least(
        Amount(_previous(serum.lo), _previous(serum.hi)), criteria.value("imwg.relapse.biochemical", "doubling_from")
    ) & (serum.lo >= 2 * _previous(serum.hi))
    near = pl.col("opened") - _previous(pl.col("opened")) <= int(criteria.value("imwg.relapse.biochemical", "within"))
    twice = risen_far.fill_null(False) & _previous(risen_far.fill_null(False))
    return {
        # A rise of the whole clone is progression; escape is the light chain rising alone.
        "light_chain_escape": by_ig
        & escape
        & ~pl.any_horizontal("pd_serum_m", "pd_qiga", "pd_urine_m").fill_null(False),
        "clinical_relapse": clinical,
        "clinical_relapse_suspected": pl.any_horizontal(open_) & ~clinical,
        "biochemical_relapse": twice | (start & near),
    }


def _previous(value: pl.Expr) -> pl.Expr:
    """The value at the visit before, of the same line; rows lie by gid."""
    return pl.when(pl.col("gid") == pl.col("gid").shift(1)).then(value.shift(1))


def _threshold_response(criteria: Criteria) -> pl.Expr:
    """A urine-only response by the absolute limit alone: 200 to 199 mg/24 h is PR by the letter."""
    urine, base = amount("urine_m_24h"), amount("urine_m_24h_base")
    urine_only = pl.col("by_urine") & ~pl.col("by_serum")
    halved = fallen(urine, base, criteria.value("imwg.mr", "urine_m_fall")) if criteria.has("imwg.mr") else pl.lit(True)
    deep = fallen(urine, base, criteria.value("imwg.vgpr", "urine_m_fall"))
    return urine_only & (((pl.col("raw") == "PR") & ~halved) | ((pl.col("raw") == "VGPR") & ~deep))


def _marrow_precedes(settings: Settings) -> pl.Expr:
    first_negative = pl.col("serum_ife_day").filter(pl.col("cr_sample")).min().over("gid")
    return pl.col("cr") & (first_negative - pl.col("cr_marrow_day") > settings.marrow_lookback_days)


def with_relapses(sheet: pl.DataFrame, status: pl.DataFrame, criteria: Criteria) -> pl.DataFrame:
    """Adds `relapse_from_cr` and `relapse_from_mrd_negative`: the clone is seen again after CR, or after negative MRD.

    For disease-free survival, not PD (rules.md 1.9).
    """
    complete = pl.col("confirmed").is_in(["CR", "sCR"])
    been = complete.cast(pl.Int8).cum_max().shift(1).over("gid").fill_null(0) == 1
    seen_again = pl.any_horizontal(
        pl.col("serum_ife_lo") == bands.POSITIVE,
        pl.col("urine_ife_lo") == bands.POSITIVE,
        pl.col("serum_m_lo") > 0,
        pl.col("urine_m_24h_lo") > 0,
        at_least(amount("marrow_plasma_cells"), criteria.value("imwg.relapse.from_cr", "marrow")),
        pl.col("raw") == "PD",
    )
    sheet = sheet.with_columns(_again=seen_again, relapse_from_cr=(been & seen_again).fill_null(False))
    negatives = status.filter((pl.col("threshold") == "1e-5") & (pl.col("status") == "negative"))
    if negatives.is_empty():
        return sheet.with_columns(relapse_from_mrd_negative=pl.lit(False)).drop("_again")
    # The last negative sample before the visit, on this line of therapy.
    samples = negatives.select("pid", negative_day=pl.col("day").cast(pl.Int64)).sort("negative_day")
    visits = sheet.with_row_index("_row").select("_row", "pid", "day", "index_day").sort("day")
    last = visits.join_asof(
        samples,
        left_on="day",
        right_on="negative_day",
        by="pid",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    ).sort("_row")
    tested = (last["negative_day"] > last["index_day"]).fill_null(False)
    return sheet.with_columns(relapse_from_mrd_negative=(tested & pl.col("_again")).fill_null(False)).drop("_again")
