"""CAR-HEMATOTOX, EASIX and MyCARe: both sides of each limit, each item missing alone, what a range allows to say."""

from __future__ import annotations

import math

import polars as pl
import pytest

from infusions import derived, patient, result
from mspike.safety.scores import car_hematotox, easix, ferritin_raised, mycare

# The worked case I15, and values that score nothing.
WORKED = {"platelets": 70, "anc": 1, "haemoglobin": 8.5, "crp": 2, "ferritin": 800}
NOTHING = {"platelets": 176, "anc": 2, "haemoglobin": 12, "crp": 0.2, "ferritin": 100}


def drawn(values: dict[str, object], day: int = -6) -> list:
    return [result(day, analyte, value) for analyte, value in values.items() if value is not None]


def hematotox(results: list, **told) -> dict:
    return car_hematotox(derived(patient(results, **told))).to_dicts()[0]


def test_case_i15_of_car_hematotox():
    got = hematotox(drawn(WORKED))
    assert (got["low"], got["high"], got["score"], got["risk"]) == (5, 5, 5, "high")
    assert [got[f"{i}_points_low"] for i in WORKED] == [2, 1, 1, 0, 1]
    assert got["missing"] == []


@pytest.mark.parametrize(
    ("item", "value", "points"),
    [
        ("platelets", 175.000001, 0),
        ("platelets", 175, 1),
        ("platelets", 75, 1),
        ("platelets", 74.999999, 2),
        ("platelets", 0, 2),
        ("anc", 1.2, 0),
        ("anc", 1.199, 1),
        ("haemoglobin", 9, 0),
        ("haemoglobin", 8.9, 1),
        ("crp", 3, 0),
        ("crp", 3.01, 1),
        ("ferritin", 649.9, 0),
        ("ferritin", 650, 1),
        ("ferritin", 2000, 1),
        ("ferritin", 2000.1, 2),
        ("ferritin", ">2000", 2),
    ],
)
def test_both_sides_of_each_limit(item, value, points):
    got = hematotox(drawn(NOTHING | {item: value}))
    # ">x" is [x, infinity) in the record, so ">2000" may be exactly 2000: one point at least.
    assert got["high"] == points
    if value != ">2000":
        assert got["low"] == points


@pytest.mark.parametrize(("points", "risk"), [(0, "low"), (1, "low"), (2, "high"), (7, "high")])
def test_low_risk_ends_at_one_point(points, risk):
    values = {
        0: NOTHING,
        1: NOTHING | {"anc": 1},
        2: NOTHING | {"platelets": 50},
        7: {"platelets": 10, "anc": 0.1, "haemoglobin": 7, "crp": 20, "ferritin": 9000},
    }[points]
    got = hematotox(drawn(values))
    assert (got["score"], got["risk"]) == (points, risk)


@pytest.mark.parametrize(
    ("item", "most"), [("platelets", 2), ("anc", 1), ("haemoglobin", 1), ("crp", 1), ("ferritin", 2)]
)
def test_an_item_that_is_missing_makes_a_range(item, most):
    got = hematotox(drawn(NOTHING | {item: None}))
    assert (got["low"], got["high"], got["score"]) == (0, most, None)
    assert got["missing"] == [item]
    assert got["risk"] == ("low" if most == 1 else None)


def test_a_high_score_stays_high_whatever_is_missing():
    got = hematotox(drawn(WORKED | {"ferritin": None}))
    assert (got["low"], got["high"], got["score"], got["risk"]) == (4, 6, None, "high")


def test_nothing_measured_is_no_score():
    got = hematotox([])
    assert (got["low"], got["high"], got["score"], got["risk"]) == (0, 7, None, None)
    assert got["missing"] == ["platelets", "anc", "haemoglobin", "crp", "ferritin"]


def test_a_value_below_quantification_that_spans_a_limit_is_undecided_not_missing():
    got = hematotox(drawn(NOTHING | {"platelets": "<100"}))
    assert (got["low"], got["high"], got["missing"], got["undecided"]) == (1, 2, [], ["platelets"])
    assert hematotox(drawn(NOTHING | {"crp": "<0.3"}))["score"] == 0


@pytest.mark.parametrize(("day", "missing"), [(-19, []), (-20, ["ferritin"]), (-6, []), (-5, []), (-4, ["ferritin"])])
def test_values_count_up_to_fourteen_days_before_lymphodepletion(day, missing):
    others = drawn(NOTHING | {"ferritin": None})
    assert hematotox([*others, result(day, "ferritin", 100)])["missing"] == missing


def test_an_earlier_day_comes_before_the_day_of_lymphodepletion_itself():
    others = drawn(NOTHING | {"ferritin": None})
    got = hematotox([*others, result(-8, "ferritin", 100), result(-5, "ferritin", 3000)])
    assert (got["ferritin_day"], got["score"]) == (-8, 0)


def test_without_lymphodepletion_on_record_values_before_the_infusion_count():
    got = hematotox(drawn(WORKED, day=-1), ld_day=None)
    assert (got["anchor"], got["before_day"], got["score"]) == ("infusion", 0, 5)
    assert hematotox(drawn(WORKED, day=-1))["missing"] == list(WORKED)


def test_of_two_reports_of_a_day_the_later_stands_and_a_spurious_one_never_does():
    others = drawn(NOTHING | {"platelets": None})
    twice = [result(-6, "platelets", 60), result(-6, "platelets", 200)]
    assert hematotox([*others, *twice])["score"] == 0
    assert hematotox([*others, twice[1], result(-6, "platelets", 60, attribution="spurious")])["score"] == 0


def test_units_do_not_matter():
    cells = [result(-6, "anc", 1199, unit="/uL"), result(-6, "crp", 30, unit="mg/L")]
    got = hematotox([*drawn(NOTHING | {"anc": None, "crp": None}), *cells])
    assert (got["anc_points_low"], got["crp_points_low"]) == (1, 0)


# ---- EASIX ----------------------------------------------------------------------------------------------------------

I17 = {"ldh": 300, "creatinine": 1.2, "crp": 4, "platelets": 60}


def index(values: dict[str, object], more: list | None = None) -> dict:
    return easix(derived(patient([*drawn(values), *(more or [])]))).to_dicts()[0]


def test_case_i17_of_easix():
    got = index(I17)
    assert got["easix"] == pytest.approx(6.0)
    assert got["easix_log2"] == pytest.approx(2.585, abs=5e-4)
    assert got["m_easix"] == pytest.approx(20.0)
    assert got["s_easix"] == pytest.approx(5.0)
    molar = index(I17 | {"creatinine": None}, [result(-6, "creatinine", "106.1", unit="umol/L")])
    assert molar["easix"] == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize(
    ("item", "gone"),
    [
        ("ldh", {"easix", "m_easix", "s_easix"}),
        ("creatinine", {"easix"}),
        ("crp", {"m_easix"}),
        ("platelets", {"easix", "m_easix", "s_easix"}),
    ],
)
def test_an_index_without_one_of_its_items_is_unknown_and_says_which(item, gone):
    got = index(I17 | {item: None})
    for name in ("easix", "m_easix", "s_easix"):
        assert (got[name] is None) == (name in gone)
        assert (got[f"{name}_low"] is None) == (name in gone)
        assert got[f"{name}_missing"] == ([item] if name in gone else [])


def test_without_any_platelets_the_index_is_not_defined():
    got = index(I17 | {"platelets": 0})
    assert got["easix"] is got["easix_low"] is got["easix_high"] is got["easix_log2"] is None
    assert got["easix_missing"] == ["platelets above 0"]


def test_a_value_below_or_above_quantification_makes_an_interval():
    got = index(I17 | {"crp": "<0.3"})
    assert (got["m_easix"], got["m_easix_low"], got["m_easix_log2_low"]) == (None, 0.0, None)
    assert got["m_easix_high"] == pytest.approx(1.5, abs=1e-4)
    few = index(I17 | {"platelets": "<10"})
    assert (few["easix"], few["easix_high"], few["easix_missing"]) == (None, None, [])
    assert few["easix_low"] == pytest.approx(36, abs=1e-4)
    many = index(I17 | {"ldh": ">1000"})
    assert (many["easix_low"], many["easix_high"]) == (pytest.approx(20), None)


def test_the_index_is_finite_wherever_it_is_given():
    for value in ("0", "<0.1", ">30"):
        for item in I17:
            got = index(I17 | {item: value})
            floats = [v for v in got.values() if isinstance(v, float)]
            assert all(math.isfinite(v) for v in floats), (item, value)


# ---- MyCARe ---------------------------------------------------------------------------------------------------------

FINDINGS = (
    "extraosseous",
    "plasma_cell_leukaemia",
    "lenalidomide_refractory",
    "high_risk_cytogenetics",
    "ferritin_raised",
)


def care(*answers: bool | None) -> dict:
    frame = pl.DataFrame([answers], schema=dict.fromkeys(FINDINGS, pl.Boolean), orient="row")
    return mycare(frame).to_dicts()[0]


@pytest.mark.parametrize(
    ("answers", "score", "risk", "relapse"),
    [
        ((False, False, False, False, False), 0, "low", 7),
        ((True, True, False, False, False), 1, "low", 7),
        ((False, True, True, False, False), 2, "intermediate", 27),
        ((True, False, True, True, False), 3, "intermediate", 27),
        ((True, False, True, True, True), 4, "high", 53),
    ],
)
def test_mycare_gives_a_point_for_each_of_four_findings(answers, score, risk, relapse):
    got = care(*answers)
    assert (got["score"], got["risk"], got["relapse_5_months_percent"], got["missing"]) == (score, risk, relapse, [])


def test_mycare_names_a_class_only_where_the_whole_range_lies_in_it():
    assert care(True, False, True, None, False)["risk"] == "intermediate"  # 2 or 3
    low_or_not = care(True, False, False, None, False)  # 1 or 2
    assert (low_or_not["low"], low_or_not["high"], low_or_not["score"]) == (1, 2, None)
    assert low_or_not["risk"] is low_or_not["relapse_5_months_percent"] is None
    assert low_or_not["missing"] == ["high-risk cytogenetics"]
    assert care(True, False, True, True, None)["risk"] is None  # 3 or 4
    assert care(False, None, False, False, False)["risk"] == "low"  # 0 or 1


def test_plasma_cell_leukaemia_alone_and_an_unknown_one_beside_a_mass():
    assert care(False, True, False, False, False)["score"] == 1
    known = care(True, None, False, False, False)
    assert (known["score"], known["missing"]) == (1, [])


def test_nothing_known_is_no_class():
    got = care(None, None, None, None, None)
    assert (got["low"], got["high"], got["risk"]) == (0, 4, None)
    assert len(got["missing"]) == 4


@pytest.mark.parametrize(
    ("value", "more", "raised"),
    [
        (300, {"ref_high": 300}, False),
        (300.1, {"ref_high": 300}, True),
        (301, {}, None),
        (301, {"ref_high": "see report"}, None),
        ("0.31", {"ref_high": "0.3", "unit": "mg/L"}, True),
        ("0.30", {"ref_high": "0.3", "unit": "mg/L"}, False),
        ("<15", {"ref_high": 300}, False),
        ("<500", {"ref_high": 300}, None),
    ],
)
def test_ferritin_is_raised_above_the_laboratorys_own_limit(value, more, raised):
    got = ferritin_raised(derived(patient([result(-7, "ferritin", value, **more)]))).to_dicts()[0]
    assert got["ferritin_raised"] is raised
    no_limit = raised is None and value != "<500"
    assert got["ferritin_missing"] == (["upper limit of normal of ferritin"] if no_limit else [])


def test_each_infusion_has_scores_of_its_own():
    again = patient([*drawn(WORKED), *drawn(NOTHING, day=190)], infusions=(0, 200))
    got = car_hematotox(derived(again))
    assert got["score"].to_list() == [5, 0]


@pytest.mark.parametrize(
    ("detail", "limit", "day", "answer"),
    [
        ("yes", None, -7, True),
        ("no", None, -7, False),
        ("perhaps", None, -7, None),
        ("yes", "500", -7, False),  # the laboratory's limit comes before what was stated
        ("yes", None, -60, None),  # too old
    ],
)
def test_a_statement_stands_in_for_the_missing_limit_of_ferritin(detail, limit, day, answer):
    told = derived(
        patient(
            results=[result(-7, "ferritin", 300, **({"ref_high": limit} if limit else {}))],
            events=[{"date": day, "event": "ferritin above normal", "detail": detail}],
        )
    )
    assert ferritin_raised(told)["ferritin_raised"].to_list() == [answer]
