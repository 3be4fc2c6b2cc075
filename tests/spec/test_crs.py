"""CRS by ASTCT 2019: worked cases, both sides of every threshold, each sign alone, each sign missing."""

from __future__ import annotations

import polars as pl
import pytest
from wards import by_day, charted, drug, event, infused, result, signs, ward

from mspike.errors import KnowledgeError
from mspike.knowledge.safety import facts, management
from mspike.safety.crs import crs_days, crs_of, hides_fever


def graded(results, treatments=(), events=(), columns=(), at=(0,)):
    record = ward(results, treatments, events)
    assert record.findings.filter(pl.col("severity") == "error").is_empty(), record.findings
    return by_day(crs_days(record, infused(record, *at)), *columns)


def course(results, treatments=(), events=(), at=(0,)):
    record = ward(results, treatments, events)
    return crs_of(record, infused(record, *at)).row(0, named=True)


# ---- worked cases ---------------------------------------------------------------------------------------------------


def test_i01_one_vasopressor_with_vasopressin_is_grade_3():
    day = signs(2, temperature="38.4", vasopressors="norepinephrine + vasopressin", oxygen="2 L/min nasal cannula")
    assert graded(day) == {2: (3, 3, 3)}
    assert graded(day, columns=("because", "missing")) == {2: (["vasopressors"], [])}


def test_i03_after_tocilizumab_hypoxia_counts_without_fever():
    days = charted(3, temperature="38.9") + charted(4, oxygen="facemask")
    assert graded(days, [drug(3, "tocilizumab")]) == {3: (1, 1, 1), 4: (3, 3, 3)}


def test_i03_as_written_leaves_open_what_was_not_recorded():
    days = signs(3, temperature="38.9") + signs(4, temperature="36.8", oxygen="facemask")
    assert graded(days, [drug(3, "Actemra")], columns=("grade", "at_least", "at_most", "missing")) == {
        3: (None, 1, 4, ["vasopressors", "hypotension", "oxygen"]),
        4: (None, 3, 4, ["vasopressors", "hypotension"]),
    }


def test_i05_six_litres_are_low_flow_and_seven_are_not():
    days = charted(1, temperature="38.5", oxygen="6 L/min nasal cannula") + charted(2, temperature="38.5", oxygen="7")
    assert graded(days) == {1: (2, 2, 2), 2: (3, 3, 3)}


# ---- thresholds and single signs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [("37.9", (0, 0, 0)), ("37.999999", (0, 0, 0)), ("38.0", (1, 1, 1)), ("38", (1, 1, 1)), (">37", (None, 0, 1))],
)
def test_fever_begins_at_38(temperature, expected):
    assert graded(charted(1, temperature=temperature)) == {1: expected}


@pytest.mark.parametrize(
    ("oxygen", "expected"),
    [
        ("room air", (1, 1, 1)), ("0", (1, 1, 1)), ("0.5", (2, 2, 2)), ("6", (2, 2, 2)), ("6.000001", (3, 3, 3)),
        ("blow-by", (2, 2, 2)), ("low-flow", (2, 2, 2)), ("nasal cannula", (None, 2, 3)), ("HFNC", (3, 3, 3)),
        ("5 L/min facemask", (3, 3, 3)), ("Venturi", (3, 3, 3)), ("non-rebreather", (3, 3, 3)), ("CPAP", (4, 4, 4)),
        ("BiPAP", (4, 4, 4)), ("intubation", (4, 4, 4)), ("<6", (None, 1, 2)), (">6", (None, 2, 3)),
    ],
)  # fmt: skip
def test_oxygen_alone(oxygen, expected):
    assert graded(charted(1, temperature="38.0", oxygen=oxygen)) == {1: expected}


@pytest.mark.parametrize(
    ("vasopressors", "expected"),
    [
        ("none", (1, 1, 1)), ("0", (1, 1, 1)), ("1", (3, 3, 3)), ("2", (4, 4, 4)), ("noradrenaline", (3, 3, 3)),
        ("vasopressin", (3, 3, 3)), ("norepinephrine, epinephrine", (4, 4, 4)),
        ("norepinephrine + Levophed", (3, 3, 3)),
    ],
)  # fmt: skip
def test_vasopressors_alone(vasopressors, expected):
    assert graded(charted(1, temperature="38.0", vasopressors=vasopressors)) == {1: expected}


def test_hypotension_without_a_vasopressor_is_grade_2():
    assert graded(charted(1, temperature="38.0", hypotension="yes")) == {1: (2, 2, 2)}
    told = event(1, "hypotension", detail="fluids only")
    assert graded(signs(1, temperature="38.0", oxygen="RA", vasopressors="0"), events=[told]) == {1: (2, 2, 2)}


@pytest.mark.parametrize(
    ("missing", "expected", "named"),
    [
        ("oxygen", (None, 1, 4), ["oxygen"]),
        ("vasopressors", (1, 1, 1), []),  # no hypotension: no vasopressor was needed
        ("hypotension", (None, 1, 2), ["hypotension"]),
        ("temperature", (None, 0, 1), ["temperature"]),
    ],
)
def test_each_sign_missing(missing, expected, named):
    rows = [row for row in charted(1, temperature="38.4") if row["analyte"] != missing]
    assert graded(rows) == {1: expected}
    assert graded(rows, columns=("missing",)) == {1: named}


def test_hypotension_with_vasopressors_unrecorded_is_at_least_2():
    rows = [row for row in charted(1, temperature="38", hypotension="yes") if row["analyte"] != "vasopressors"]
    assert graded(rows, columns=("at_least", "at_most", "missing")) == {1: (2, 4, ["vasopressors"])}


# ---- onset, therapy, end --------------------------------------------------------------------------------------------


def test_without_fever_crs_does_not_begin():
    assert graded(charted(1, oxygen="CPAP")) == {1: (0, 0, 0)}
    assert graded(charted(1, oxygen="CPAP"), [drug(0, "tocilizumab")]) == {1: (0, 0, 0)}


@pytest.mark.parametrize(
    ("treatments", "expected"),
    [
        ([], (None, 0, 2)),  # nobody knows whether paracetamol was given
        ([drug(1, "paracetamol")], (2, 2, 2)),
        ([drug(2, "dexamethasone 10 mg")], (2, 2, 2)),
        ([drug(0, "tocilizumab")], (None, 0, 2)),  # before the onset
        ([drug(0, "dexamethasone", end=1)], (2, 2, 2)),  # still running at the onset
        ([drug(3, "tocilizumab")], (None, 0, 2)),  # only later
        ([drug(1, "aciclovir")], (None, 0, 2)),
    ],
)
def test_only_a_therapy_since_the_onset_replaces_fever(treatments, expected):
    days = charted(1, temperature="38.5") + charted(2, oxygen="2")
    assert graded(days, treatments)[2] == expected


def test_open_therapy_is_named():
    days = charted(1, temperature="38.5") + charted(2, oxygen="2")
    assert graded(days, columns=("missing",))[2] == ["antipyretic or anticytokine therapy"]


def test_after_all_signs_were_absent_a_new_fever_is_needed():
    days = charted(1, temperature="39") + charted(2) + charted(3, oxygen="3") + charted(4, temperature="38", oxygen="3")
    assert graded(days, [drug(1, "tocilizumab")], columns=("grade",)) == {1: 1, 2: 0, 3: 0, 4: 2}


def test_worst_of_several_values_a_day():
    rows = [*charted(1), result(1, "temperature", "38.6"), result(1, "oxygen", "facemask")]
    assert graded(rows, columns=("grade", "temperature", "oxygen")) == {1: (3, "38.6", "facemask")}


def test_fever_of_another_cause_is_none_and_a_spurious_one_is_unknown():
    rest = [row for row in charted(1) if row["analyte"] != "temperature"]
    fever = result(1, "temperature", "39")
    assert graded([*rest, {**fever, "attribution": "other"}]) == {1: (0, 0, 0)}
    assert graded([*rest, {**fever, "attribution": "spurious"}]) == {1: (None, 0, 1)}


def test_window_ends_on_day_30_and_at_the_next_infusion():
    days = [row for day in (-1, 0, 30, 31) for row in charted(day, temperature="39")]
    assert list(graded(days)) == [0, 30]
    record = ward(days)
    told = crs_days(record, infused(record, 0, 30))
    assert told.select("gid", "day", "from_infusion").rows() == [(1, 0, 0), (2, 30, 0), (2, 31, 1)]


def test_a_day_without_measurements_has_no_row_and_an_infusion_without_any_is_unknown():
    told = course([])
    assert (told["grade"], told["at_least"], told["at_most"], told["days_measured"]) == (None, None, None, 0)
    assert told["agreement"] == "neither"


def test_course_of_an_episode():
    days = charted(1) + charted(2, temperature="38.2") + charted(3, temperature="39", oxygen="4")
    days += charted(4, temperature="38.1") + charted(6)
    told = course(days, events=[event(2, "CRS", grade="2")])
    assert (told["grade"], told["onset_day"], told["highest_day"], told["last_day"]) == (2, 2, 3, 4)
    assert (told["end_day"], told["duration"], told["agreement"]) == (6, 3, "same")


@pytest.mark.parametrize(
    ("results", "recorded", "expected"),
    [
        (charted(1, temperature="38", oxygen="4"), "2", "same"),
        (charted(1, temperature="38", oxygen="4"), "1", "derived_higher"),
        (charted(1, temperature="38", oxygen="4"), "3", "recorded_higher"),
        (signs(1, temperature="38", oxygen="4"), "3", "not_known"),
        (charted(1, temperature="38"), None, "only_derived"),
        (charted(1), None, "neither"),
        ([], "2", "only_recorded"),
        (charted(1, temperature="38"), "", "not_known"),
    ],
)
def test_agreement(results, recorded, expected):
    events = [] if recorded is None else [event(1, "crs", grade=recorded)]
    assert course(results, events=events)["agreement"] == expected


def test_death_from_crs_is_grade_5():
    told = course(charted(1, temperature="39", oxygen="CPAP"), events=[event(3, "crs", grade="5")])
    assert (told["grade"], told["at_least"], told["fatal"], told["agreement"]) == (5, 5, True, "same")


@pytest.mark.parametrize("text", ["Tocilizumab 8 mg/kg", "siltuximab", "Kineret", "Dexamethason", "acetaminophen 1 g"])
def test_hides_fever(text):
    assert hides_fever(text)


def test_does_not_hide_fever():
    assert not hides_fever("levofloxacin")


# ---- published management -------------------------------------------------------------------------------------------


def test_management_is_told_by_grade_with_its_source():
    assert any("Tocilizumab 8 mg/kg" in fact.says for fact in management("crs", 2))
    assert not any("Tocilizumab 8 mg/kg" in fact.says for fact in management("crs", 1))
    assert any("1000 mg" in fact.says for fact in management("icans", 4))
    assert management("crs", 0) == management("icans", 5) == ()
    assert {fact.source for fact in facts()} <= {"asco-irae-car-t-guideline", "icans-second-line-table"}
    with pytest.raises(KnowledgeError, match="'ichthyosis'"):
        management("ichthyosis", 1)
