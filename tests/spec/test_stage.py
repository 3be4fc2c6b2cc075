"""Stage and risk: both sides of each threshold, and each item missing alone (rules.md 3.3)."""

from __future__ import annotations

import polars as pl
import pytest
from staged import at_diagnosis, before_car_t, blood, derived_of, genes, record_of, table

from mspike.course.derived import derive
from mspike.course.stage import ASKED, RULES, stages_of
from mspike.course.staging_values import points_of
from mspike.knowledge.codes.genetic_markers import markers
from mspike.knowledge.criteria import criteria, published
from mspike.record.record import clean_record
from mspike.response.settings import settings_of

NORMAL = {"del17p": "absent", "t_4_14": "absent", "t_14_16": "absent", "t_14_20": "absent"}
NORMAL |= {"gain1q": "absent", "del1p32": "absent", "TP53": "absent"}
GOOD = {"b2m": "2.0", "albumin": "4.0", "ldh": "200/250", "creatinine": "0.9"}


def span(stages: dict, score: str) -> tuple[int, int]:
    return stages[f"{score}_low"], stages[f"{score}_high"]


# ---- ISS ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("b2m", "albumin", "low", "high", "missing"),
    [
        ("3.4", "3.5", 1, 1, []),
        ("3.5", "3.5", 2, 2, []),
        ("3.4", "3.4", 2, 2, []),
        ("5.4", "3.5", 2, 2, []),
        ("5.5", "3.5", 3, 3, []),
        ("5.4", "2.0", 2, 2, []),
        ("5.5", "2.0", 3, 3, []),
        (None, "3.5", 1, 3, ["b2m"]),
        (None, "3.4", 2, 3, ["b2m"]),
        ("3.4", None, 1, 2, ["albumin"]),
        ("3.5", None, 2, 2, []),  # albumin no longer matters
        ("5.5", None, 3, 3, []),
        (None, None, 1, 3, ["b2m", "albumin"]),
        ("<3.5", "4.0", 1, 1, []),
        ("<3.6", "4.0", 1, 2, ["b2m"]),
        ("<3.6", "3.0", 2, 2, []),
        (">5.5", "4.0", 3, 3, []),
        (">5.4", "4.0", 2, 3, ["b2m"]),
        ("2.0", ">3.5", 1, 1, []),
        ("2.0", "<3.5", 2, 2, []),
        ("2.0", "<3.6", 1, 2, ["albumin"]),
    ],
)
def test_iss(b2m: str | None, albumin: str | None, low: int, high: int, missing: list[str]) -> None:
    given = {name: value for name, value in (("b2m", b2m), ("albumin", albumin)) if value}
    stages = before_car_t(results=blood(-10, **given))
    assert (span(stages, "iss"), stages["missing_iss"]) == ((low, high), missing)
    assert stages["iss"] == (low if low == high else None)


def test_units_of_the_laboratory_do_not_change_the_stage() -> None:
    rows = [*blood(-10, b2m="3.4"), {"date": -10, "analyte": "albumin", "value": "35", "unit": "g/L"}]
    assert before_car_t(results=rows)["iss"] == 1


# ---- R-ISS ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "low", "high", "missing"),
    [
        ({}, 1, 1, []),
        ({"ldh": "250/250"}, 1, 1, []),  # at the limit is normal
        ({"ldh": "250.1/250"}, 2, 2, []),
        ({"del17p": "present"}, 2, 2, []),
        ({"t_4_14": "present"}, 2, 2, []),
        ({"t_14_16": "present"}, 2, 2, []),
        ({"gain1q": "present", "t_14_20": "present"}, 1, 1, []),  # of no weight in R-ISS
        ({"b2m": "5.5"}, 2, 2, []),
        ({"b2m": "5.5", "ldh": "251/250"}, 3, 3, []),
        ({"b2m": "5.5", "del17p": "present"}, 3, 3, []),
        ({"b2m": "5.4", "del17p": "present"}, 2, 2, []),
        ({"ldh": None}, 1, 2, ["ldh"]),
        ({"ldh": "200"}, 1, 2, ["ldh_upper_limit"]),
        ({"ldh": "<300/250"}, 1, 2, ["ldh"]),
        ({"ldh": "<250/250"}, 1, 1, []),
        ({"del17p": None}, 1, 2, ["del17p"]),
        ({"t_4_14": None}, 1, 2, ["t(4;14)"]),
        ({"t_14_16": "not tested"}, 1, 2, ["t(14;16)"]),
        ({"albumin": None}, 1, 2, ["albumin"]),
        ({"b2m": None}, 1, 2, ["b2m"]),
        ({"b2m": None, "del17p": "present"}, 2, 3, ["b2m"]),
        ({"b2m": None, "ldh": None}, 1, 3, ["b2m", "ldh"]),
        ({"b2m": "5.5", "ldh": None}, 2, 3, ["ldh"]),
        ({"b2m": "5.5", "ldh": None, "t_14_16": "present"}, 3, 3, []),
        ({"b2m": "4.0", "ldh": None, "del17p": None}, 2, 2, []),
    ],
)
def test_r_iss(changed: dict, low: int, high: int, missing: list[str]) -> None:
    stages = stage_of(changed)
    assert (span(stages, "riss"), stages["missing_riss"]) == ((low, high), missing)
    assert stages["riss"] == (low if low == high else None)


def stage_of(changed: dict[str, str | None]) -> dict:
    """A patient of low risk in every respect, with some items changed, or missing where None."""
    facts = {name: value for name, value in {**GOOD, **NORMAL, **changed}.items() if value is not None}
    results = blood(-10, **{name: value for name, value in facts.items() if name in GOOD})
    genetics = genes(-20, **{name: value for name, value in facts.items() if name not in GOOD})
    return before_car_t(results=results, genetics=genetics)


# ---- R2-ISS ---------------------------------------------------------------------------------------------------------

ISS_2, ISS_3 = {"b2m": "4.0"}, {"b2m": "6.0"}
LDH, DEL, T414, GAIN = {"ldh": "300/250"}, {"del17p": "present"}, {"t_4_14": "present"}, {"gain1q": "present"}


@pytest.mark.parametrize(
    ("changed", "points", "stage"),
    [
        ({}, 0, 1),
        (GAIN, 0.5, 2),
        (LDH, 1, 2),
        (DEL, 1, 2),
        (T414, 1, 2),
        (ISS_2, 1, 2),
        ({"t_14_16": "present"}, 0, 1),  # of no weight in R2-ISS
        ({**LDH, **GAIN}, 1.5, 3),
        (ISS_3, 1.5, 3),
        ({**LDH, **DEL, **GAIN}, 2.5, 3),
        ({**LDH, **DEL, **T414}, 3, 4),
        ({**ISS_3, **LDH, **DEL, **T414}, 4.5, 4),
        ({**ISS_3, **LDH, **DEL, **T414, **GAIN}, 5, 4),
        ({**ISS_2, "amp1q": "present"}, 1.5, 3),
    ],
)
def test_r2_iss_adds_points(changed: dict, points: float, stage: int) -> None:
    stages = stage_of(changed)
    assert (stages["r2iss_points_low"], stages["r2iss_points_high"]) == (points, points)
    assert (stages["r2iss"], stages["missing_r2iss"]) == (stage, [])


def test_h07_two_points_and_a_half_are_stage_three() -> None:
    stages = stage_of({**ISS_2, **LDH, **GAIN})
    assert (stages["iss"], stages["r2iss_points_low"], stages["r2iss"]) == (2, 2.5, 3)


@pytest.mark.parametrize(
    ("item", "points", "low", "high", "missing"),
    [
        ("b2m", (0, 1.5), 1, 3, ["b2m"]),
        ("albumin", (0, 1), 1, 2, ["albumin"]),
        ("ldh", (0, 1), 1, 2, ["ldh"]),
        ("del17p", (0, 1), 1, 2, ["del17p"]),
        ("t_4_14", (0, 1), 1, 2, ["t(4;14)"]),
        ("gain1q", (0, 0.5), 1, 2, ["gain1q"]),
        ("t_14_16", (0, 0), 1, 1, []),
        ("creatinine", (0, 0), 1, 1, []),
    ],
)
def test_r2_iss_with_one_item_missing_is_a_range(
    item: str, points: tuple, low: int, high: int, missing: list[str]
) -> None:
    stages = stage_of({item: None})
    assert (stages["r2iss_points_low"], stages["r2iss_points_high"]) == points
    assert (span(stages, "r2iss"), stages["missing_r2iss"]) == ((low, high), missing)


def test_points_may_be_open_where_the_stage_is_not() -> None:
    stages = stage_of({**ISS_2, **LDH, "gain1q": None})
    assert (stages["r2iss_points_low"], stages["r2iss_points_high"]) == (2, 2.5)
    assert (stages["r2iss"], stages["missing_r2iss"]) == (3, [])


# ---- IMS/IMWG 2025 --------------------------------------------------------------------------------------------------

EXTRA, LOST = {"gain1q": "present"}, {"del1p32": "monoallelic deletion"}


@pytest.mark.parametrize(
    ("changed", "answer", "missing"),
    [
        ({}, False, []),
        ({"del17p": "present 0.2"}, True, []),
        ({"del17p": "present 0.1999"}, False, []),
        ({"del17p": "present"}, None, ["del17p_fraction"]),
        ({"del17p": "present above cut-off"}, True, []),
        ({"del17p": None}, None, ["del17p"]),
        ({"TP53": "mutation 0.2"}, True, []),
        ({"TP53": "mutation 0.19"}, False, []),
        ({"TP53": "mutation"}, None, ["TP53_fraction"]),
        ({"TP53": None}, None, ["TP53"]),
        ({"t_4_14": "present"}, False, []),
        ({"t_4_14": "present", **EXTRA}, True, []),
        ({"t_14_16": "present", **EXTRA}, True, []),
        ({"t_14_20": "present", **EXTRA}, True, []),
        ({"t_14_20": "present", "amp1q": "present", "gain1q": None}, True, []),
        ({"t_4_14": "present", **LOST}, True, []),
        ({"t_4_14": "present", "gain1q": None}, None, ["gain1q"]),
        ({"t_4_14": "present", "del1p32": None}, None, ["del1p32"]),
        ({"t_4_14": None, **EXTRA}, None, ["t(4;14)"]),
        ({"t_4_14": None}, False, []),
        (EXTRA, False, []),
        (LOST, False, []),
        ({**EXTRA, **LOST}, True, []),
        ({**EXTRA, "del1p32": "present"}, True, []),  # one copy suffices beside 1q
        ({"del1p32": "biallelic deletion"}, True, []),
        ({"del1p32": "present"}, None, ["del1p32_alleles"]),
        ({**LOST, "gain1q": None}, None, ["gain1q"]),
        ({"del1p32": None}, None, ["del1p32"]),
        ({"del1p32": None, "del1p": "present"}, None, ["del1p32"]),  # another band says nothing about this one
        ({"gain1q": None}, False, []),
        ({"b2m": "5.5"}, True, []),
        ({"b2m": "5.4"}, False, []),
        ({"b2m": "5.5", "creatinine": "1.19"}, True, []),
        ({"b2m": "5.5", "creatinine": "1.2"}, False, []),
        ({"b2m": "5.5", "creatinine": None}, None, ["creatinine"]),
        ({"b2m": None}, None, ["b2m"]),
        ({"b2m": None, "creatinine": "1.2"}, False, []),
        ({"b2m": "5.4", "creatinine": None}, False, []),
        ({"b2m": None, "del17p": "present 0.5"}, True, []),
    ],
)
def test_ims_imwg_2025(changed: dict, answer: bool | None, missing: list[str]) -> None:
    stages = stage_of(changed)
    assert (stages["ims_2025_high_risk"], stages["missing_ims"]) == (answer, missing)


def test_each_criterion_that_is_met_is_named() -> None:
    stages = stage_of({"b2m": "6", "t_4_14": "present", "del17p": "present 0.3", **EXTRA, **LOST})
    assert stages["ims_2025_criteria"] == list(RULES["ims_2025_high_risk"])
    assert stage_of({})["ims_2025_criteria"] == []


@pytest.mark.parametrize(
    ("changed", "answer", "missing"),
    [
        ({}, False, []),
        ({"del17p": "present"}, True, []),
        ({"t_4_14": "present", "del17p": None}, True, []),
        ({"t_14_16": "present"}, True, []),
        ({"t_14_20": "present", **EXTRA}, False, []),
        ({"del17p": None}, None, ["del17p"]),
    ],
)
def test_high_risk_cytogenetics_are_the_markers_of_r_iss(
    changed: dict, answer: bool | None, missing: list[str]
) -> None:
    stages = stage_of(changed)
    assert (stages["high_risk_cytogenetics"], stages["missing_cytogenetics"]) == (answer, missing)


# ---- outside the marrow ---------------------------------------------------------------------------------------------


def lesion(
    site: str | None, finding: str = "measured", day: int = -10, name: str = "L1", size: int | None = 20
) -> dict:
    return {"date": day, "lesion_id": name, "site": site, "longest_mm": size, "perpendicular_mm": size,
            "finding": finding}  # fmt: skip


def outside(**tables: list[dict]) -> tuple:
    stages = before_car_t(**tables)
    return stages["extraosseous"], stages["paraskeletal"], stages["extramedullary_recorded"], stages["missing_emd"]


@pytest.mark.parametrize(
    ("lesions", "extraosseous", "paraskeletal", "missing"),
    [
        ([], None, None, ["imaging"]),
        ([lesion("bone")], False, False, []),
        ([lesion("paraskeletal")], False, True, []),
        ([lesion("extraosseous")], True, False, []),
        ([lesion("cns")], True, False, []),
        ([lesion("extraosseous"), lesion("paraskeletal", name="L2")], True, True, []),
        ([lesion("extraosseous", "resolved")], False, False, []),
        ([lesion("extraosseous", day=-300)], True, None, []),  # presence stands; absence must be recent
        ([lesion("extraosseous", day=-300), lesion("extraosseous", "resolved")], False, False, []),
        ([lesion("bone", day=-65)], False, False, []),
        ([lesion("bone", day=-66)], None, None, ["imaging"]),
        ([lesion("extraosseous", day=1)], None, None, ["imaging"]),
        ([lesion("extraosseous", "new_uptake", size=None)], None, False, ["imaging"]),
        ([lesion(None)], None, None, ["imaging"]),
        ([lesion("extraosseous", size=None)], True, False, []),
        ([lesion("bone", "fracture", size=None)], False, False, []),
    ],
)
def test_lesions_tell_the_two_kinds_apart(
    lesions: list[dict], extraosseous: bool | None, paraskeletal: bool | None, missing: list[str]
) -> None:
    assert outside(lesions=lesions) == (extraosseous, paraskeletal, extraosseous, missing)


def event(text: str, detail: str | None = None, day: int = -10, end: int | None = None) -> list[dict]:
    return [{"date": day, "event": text, "detail": detail, "end_date": end}]


@pytest.mark.parametrize(
    ("events", "extraosseous", "paraskeletal", "recorded"),
    [
        (event("extramedullary_disease"), None, None, True),
        (event("EMD"), None, None, True),
        (event("extramedullary_disease", "extraosseous"), True, None, True),
        (event("extramedullary_disease", "liver nodule"), True, None, True),
        (event("extramedullary_disease", "not touching bone"), True, None, True),
        (event("extramedullary_disease", "paraskeletal"), None, True, None),
        (event("plasmacytoma", "rib, in continuity with cortical breach"), None, True, None),
        (event("extramedullary_disease", "absent"), False, None, False),
        (event("EMD", "no"), False, None, False),
        (event("no extramedullary disease"), False, None, False),
        (event("extramedullary_disease", "absent", day=-100), None, None, None),
        (event("extramedullary_disease", "liver", day=-400), True, None, True),
        (event("extramedullary_disease", "liver", day=-400, end=-100), None, None, None),
        (event("extramedullary_disease", "liver", day=5), None, None, None),
        (event("EMD", "liver", day=-400) + event("EMD", "absent"), True, None, True),
        (event("infection", "lung"), None, None, None),
    ],
)
def test_events_tell_what_lesions_do_not(
    events: list[dict], extraosseous: bool | None, paraskeletal: bool | None, recorded: bool | None
) -> None:
    assert outside(events=events)[:3] == (extraosseous, paraskeletal, recorded)


def test_a_record_of_extramedullary_disease_without_a_site_leaves_its_kind_open() -> None:
    assert outside(events=event("EMD")) == (None, None, True, ["contact_with_bone"])
    assert outside(events=event("EMD"), lesions=[lesion("bone")]) == (None, None, True, ["contact_with_bone"])
    assert outside(events=event("EMD"), lesions=[lesion("paraskeletal")]) == (False, True, True, [])


def test_h09_rib_mass_liver_nodule_and_circulating_plasma_cells() -> None:
    rib, liver = [lesion("paraskeletal")], [lesion("extraosseous")]
    assert outside(lesions=rib)[:2] == (False, True)
    assert outside(lesions=liver)[0] is True
    assert leukaemia(circulating_plasma_cell_share="22") == (True, True, [])


def leukaemia(day: int = -10, events: list[dict] | None = None, **values: str) -> tuple:
    stages = before_car_t(results=blood(day, **values), events=events or [])
    return stages["plasma_cell_leukaemia"], stages["plasma_cell_leukaemia_older"], stages["missing_pcl"]


@pytest.mark.parametrize(
    ("values", "now", "older"),
    [
        ({"circulating_plasma_cell_share": "4.9"}, False, None),
        ({"circulating_plasma_cell_share": "5"}, True, None),
        ({"circulating_plasma_cell_share": "<5"}, False, None),
        ({"circulating_plasma_cell_share": "19.9", "circulating_plasma_cells": "2000"}, True, False),
        ({"circulating_plasma_cell_share": "20"}, True, True),
        ({"circulating_plasma_cells": "2000"}, None, None),
        ({"circulating_plasma_cells": "2001"}, True, True),
        ({"circulating_plasma_cells": "0"}, False, False),
        ({"circulating_plasma_cells": "200", "wbc": "4.0"}, True, False),
        ({"circulating_plasma_cells": "199", "wbc": "4.0"}, False, False),
        ({"circulating_plasma_cells": "800", "wbc": "4.0"}, True, True),
        ({"circulating_plasma_cells": "2001", "wbc": "50"}, False, True),
        ({"wbc": "4.0"}, None, None),
    ],
)
def test_plasma_cell_leukaemia(values: dict, now: bool | None, older: bool | None) -> None:
    answer = leukaemia(**values)
    assert answer[:2] == (now, older)
    assert answer[2] == ([] if now is not None else ["circulating_plasma_cell_share"])


def test_a_recorded_plasma_cell_leukaemia_counts_until_it_ended() -> None:
    assert leukaemia(events=event("plasma_cell_leukaemia", day=-300))[0] is True
    assert leukaemia(events=event("secondary PCL", day=-300, end=-200))[0] is None
    assert leukaemia(events=event("plasma cell leukemia", day=3))[0] is None


# ---- when -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "counts"), [(-66, False), (-65, True), (-6, True), (-5, False), (0, False)]
)  # lymphodepletion on day -5
def test_before_car_t_the_last_60_days_before_lymphodepletion_count(day: int, counts: bool) -> None:
    assert (before_car_t(results=blood(day, b2m="6"))["iss"] == 3) is counts


@pytest.mark.parametrize(("day", "counts"), [(-61, False), (-60, True), (0, True), (1, False)])
def test_without_lymphodepletion_values_up_to_the_infusion_count(day: int, counts: bool) -> None:
    infusion = [{"start_date": 0, "agent": "cilta-cel", "role": "infusion"}]
    assert (before_car_t(results=blood(day, b2m="6"), treatments=infusion)["iss"] == 3) is counts


def test_before_car_t_the_last_value_counts() -> None:
    rows = blood(-30, b2m="6", albumin="4") + blood(-7, b2m="2")
    stages = before_car_t(results=rows)
    assert (stages["iss"], stages["b2m_day"], stages["albumin_day"]) == (1, -7, -30)


@pytest.mark.parametrize(("away", "counts"), [(-91, False), (-90, True), (0, True), (90, True), (91, False)])
def test_at_diagnosis_values_within_90_days_count(away: int, counts: bool) -> None:
    assert (at_diagnosis(results=blood(-1000 + away, b2m="6"))["iss"] == 3) is counts


def test_at_diagnosis_the_nearest_value_counts_and_none_from_after_the_first_dose() -> None:
    rows = blood(-1010, b2m="6") + blood(-996, b2m="2", albumin="4") + blood(-990, b2m="4")
    assert at_diagnosis(results=rows)["iss"] == 1
    infusion = {"start_date": 0, "agent": "cilta-cel", "role": "infusion"}
    for first, stage in ((-996, 1), (-997, 3)):
        treatments = [{"start_date": first, "agent": "bortezomib", "role": "induction"}, infusion]
        assert at_diagnosis(results=rows, treatments=treatments)["iss"] == stage


def test_a_spurious_value_never_counts() -> None:
    rows = [{**row, "attribution": "spurious"} for row in blood(-7, b2m="6")]
    assert before_car_t(results=rows + blood(-9, b2m="4"))["iss"] == 2


def test_markers_found_later_do_not_count_earlier() -> None:
    found = {"genetics": genes(-500, del17p="present")}
    assert at_diagnosis(**found)["del17p"] is None
    assert before_car_t(**found)["del17p"] is True
    assert before_car_t(genetics=genes(1, del17p="present"))["del17p"] is None
    both = genes(-1000, del17p="present 0.6") + genes(-20, del17p="absent")
    assert before_car_t(genetics=both)["del17p"] is True


def test_each_infusion_is_staged_and_every_patient_has_a_row_at_diagnosis() -> None:
    treatments = [{"start_date": day, "agent": "cilta-cel", "role": "infusion"} for day in (0, 700)]
    results = blood(-5, b2m="6") + blood(690, b2m="2", albumin="4")
    derived = derived_of(
        patients=[{"diagnosis_date": -1000}, {"patient_id": "Q"}],
        treatments=[*treatments, {"patient_id": "Q", "start_date": -30, "agent": "VRd", "role": "treatment"}],
        results=results,
    )
    stages = stages_of(derived).join(derived.record.patients.select("pid", "patient_id"), on="pid")
    assert stages.select("patient_id", "at", "day", "iss").rows() == [
        ("P", "diagnosis", -1000, None),
        ("P", "car_t", 0, 3),
        ("P", "car_t", 700, 1),
        ("Q", "diagnosis", None, None),
        ("Q", "car_t", 0, None),  # days count from an infusion, so there was one
    ]
    assert stages["gid"].drop_nulls().is_unique().all()


# ---- nothing measured, and the register of rules --------------------------------------------------------------------


def test_of_a_patient_without_any_data_every_stage_is_possible_and_no_risk_is_known() -> None:
    for stages in (before_car_t(), at_diagnosis()):
        assert (span(stages, "iss"), span(stages, "riss"), span(stages, "r2iss")) == ((1, 3), (1, 3), (1, 4))
        assert (stages["r2iss_points_low"], stages["r2iss_points_high"]) == (0, 5)
        answers = ("ims_2025_high_risk", "high_risk_cytogenetics", "extraosseous", "paraskeletal",
                   "extramedullary_recorded", "plasma_cell_leukaemia", "plasma_cell_leukaemia_older")  # fmt: skip
        assert {stages[a] for a in (*answers, "iss", "riss", "r2iss")} == {None}
        assert all(stages[c] for c in stages if c.startswith("missing_"))


def test_a_registry_without_patients_or_infusions_is_no_error() -> None:
    rules = criteria("imwg-2016")
    empty = clean_record({"patients": table("patients", []).clear()}, "day")
    assert stages_of(derive(empty, rules, settings_of(rules))).is_empty()
    never = record_of(treatments=[{"start_date": -40, "agent": "apheresis", "role": "apheresis"}])
    stages = stages_of(derive(never, rules, settings_of(rules)))
    assert stages["at"].to_list() == ["diagnosis"]
    assert points_of(derive(never, rules, settings_of(rules))).schema["gid"] == pl.Int64


def test_every_rule_named_stands_in_a_file_and_every_marker_asked_for_is_a_term() -> None:
    files = ("iss-2005", "r-iss-2015", "r2-iss-2022", "ims-imwg-2025", "emd", "plasma-cell-leukaemia-2021")
    known = {rule for name in (*files, "stage-conventions") for rule in published(name).rules}
    assert {rule for rules in RULES.values() for rule in rules} <= known
    assert set(ASKED) <= set(markers())
