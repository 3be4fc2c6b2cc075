"""SYNTHETIC patients: who was studied. Every number is worked out by hand, in the docstring of its test."""

from __future__ import annotations

import polars as pl
import pytest
from gathering import cohort_rows, demo, demo_registry, gathered_of, times

from mspike.study.counted import Column, columns_of, counted
from mspike.study.gathered import Gathered
from mspike.study.one_group import dividing
from mspike.study.parts import Section, StudyTable
from mspike.study.people import people
from mspike.study.plan import plan_of

__all__ = ["demo", "demo_registry"]


def table(section: Section, name: str) -> StudyTable:
    return next(found for found in section.tables if found.name == name)


def row_of(frame: pl.DataFrame, **keys: str) -> dict[str, object]:
    rows = frame.filter(**keys).to_dicts()
    assert len(rows) == 1, keys
    return rows[0]


def five() -> pl.DataFrame:
    """Four infused, of whom two failed and one was treated; P005 was collected only. P001 had a second infusion."""
    ide, cilta = {"product": "ide-cel", "apheresis_day": 60}, {"product": "cilta-cel", "apheresis_day": 60}
    young, old = {"age_group": "under 65"}, {"age_group": "65 to 74"}
    treated, waiting = {"failed": True, "first_salvage_class": "adc"}, {"failed": True, "first_salvage_class": "none"}
    rows = [
        {**ide, **young, "age": 50, "entry_days": 30, "os_days": 300, "os_event": False, "high_risk": True},
        {**ide, **young, **treated, "age": 60, "entry_days": 40, "os_days": 200, "os_event": True},
        {**cilta, **old, **waiting, "age": 70, "entry_days": 50, "os_days": 100, "os_event": False},
        {**cilta, "os_days": 400, "os_event": False, "high_risk": False},
        {"infused": False, "infusion_number": None, "apheresis_day": 60, "age": 99},
        {**ide, "patient_id": "P001", "line": 2, "infusion_number": 2, "age": 51},
    ]  # fmt: skip
    return cohort_rows(rows)


def test_the_flow_counts_patients_and_later_infusions_apart():
    """Registry 7 (two without a CAR-T line): 5 collected, 4 infused, 1 never; 2 failed, 1 of them treated."""
    flow = table(people(gathered_of(five(), patients=7), plan_of()), "flow").frame
    assert dict(flow.select("step", "n").iter_rows()) == {
        "registry": 7, "car_t_line": 5, "collected": 5, "never_infused": 1, "infused": 4, "infused_no_apheresis": 0,
        "later_infusions": 1, "failed": 2, "treated": 1, "not_treated": 1, "treatment_unknown": 0,
    }  # fmt: skip


def test_table_1_tells_each_patient_once_and_the_unknown_beside():
    """Ages of the infused 50, 60, 70 and one not known: median 60, quartiles 55 and 65; P005's 99 is not infused.

    Days from apheresis to infusion 30, 40, 50: median 40. High risk: 1 of the 2 in whom it is known (50 %).
    """
    frame = table(people(gathered_of(five()), plan_of()), "table_1").frame
    age = row_of(frame, variable="Age at infusion, years", level="median [IQR]")
    assert (age["q1"], age["median"], age["q3"], age["min"], age["max"], age["total"]) == (55, 60, 65, 50, 70, 3)
    assert row_of(frame, variable="Age at infusion, years", level="not known")["n"] == 1
    risk = frame.filter(pl.col("variable").str.starts_with("High-risk"))
    assert risk.select("level", "n", "total", "percent").rows() == [
        ("no", 1, 2, 50.0), ("yes", 1, 2, 50.0), ("not known", 2, 4, 50.0),
    ]  # fmt: skip
    assert row_of(frame, variable="Days from apheresis to infusion", level="median [IQR]")["median"] == 40


def test_columns_are_the_groups_of_each_stratum_and_no_p_value_stands_anywhere():
    section = people(gathered_of(five()), plan_of(by=["product", "risk"]))
    by_product, by_risk = table(section, "table_1_by_product"), table(section, "table_1_by_risk")
    assert by_product.frame["group"].unique(maintain_order=True).to_list() == ["All patients", "cilta-cel", "ide-cel"]
    assert by_risk.frame["group"].unique(maintain_order=True).to_list() == ["All patients", "no", "yes", "not known"]
    assert not {"p", "p_value"} & set(by_product.frame.columns)


def test_a_division_known_only_at_failure_tells_only_of_those_who_failed():
    section = people(gathered_of(five()), plan_of(origin="failure", by=["failure_pattern"]))
    found = table(section, "table_1_by_failure_pattern")
    assert found.frame["group_n"][0] == 2 and "All who failed" in found.frame["group"].to_list()


def test_median_follow_up_is_that_of_the_reverse_kaplan_meier():
    """Ends of follow-up (alive) at 100, 300, 400, a death at 200 (censored here): S falls to 0.75, 0.375 at 300.

    R: survfit(Surv(c(300,200,100,400), 1 - c(0,1,0,0)) ~ 1) gives the median 300 days = 9.856 months.
    """
    found = table(people(gathered_of(five()), plan_of()), "follow_up").frame
    assert found["median_months"][0] == pytest.approx(300 / (365.25 / 12))
    assert found.select("n", "died").row(0) == (4, 1)


def test_small_counts_and_what_would_give_them_away_are_in_no_file():
    """K = 5, 40 infused: sex 37 and 3. The 3 are small; the 37 would give them away; no percentage tells either.

    Of age 20 are known and 20 not, so that its median may stand, its range (single patients) may not.
    """
    rows = times(37, {"sex": "female", "age": 60, "age_group": "under 65"})[:20]
    rows = [*rows, *times(17, {"sex": "female"}), *times(3, {"sex": "male"})]
    section = people(gathered_of(cohort_rows(rows)), plan_of(min_cell=5))
    frame = table(section, "table_1").frame
    sex = frame.filter(pl.col("variable") == "Sex")
    assert dict(sex.select("level", "n").iter_rows()) == {"female": "*", "male": "*"}
    assert sex["percent"].is_null().all()
    age = row_of(frame, variable="Age at infusion, years", level="median [IQR]")
    assert age["median"] == 60 and age["min"] is None
    shown = table(section, "table_1").shown
    assert shown is not None and "range" not in shown["level"].to_list()


def test_a_small_rest_is_not_told_by_the_steps_around_it():
    """K = 5: 20 infused, 3 never. Neither the 3 nor the 23 with a CAR-T line, nor the 23 of the registry may stand."""
    rows = [
        *times(20, {"apheresis_day": 1}),
        *times(3, {"infused": False, "infusion_number": None, "apheresis_day": 1}),
    ]
    flow = table(people(gathered_of(cohort_rows(rows)), plan_of(min_cell=5)), "flow").frame
    told = dict(flow.select("step", "n").iter_rows())
    assert told["infused"] == "20" and told["never_infused"] == "*"
    assert not {"23", "3"} & set(told.values()) and flow.filter(pl.col("of") == 23).is_empty()


def test_the_rest_of_groups_kept_back_cannot_be_found_by_subtraction():
    """K = 5. Products a 20, b 20, c 3: c is small, so a further one goes too; the file names neither."""
    rows = [*times(20, {"product": "a"}), *times(20, {"product": "b"}), *times(3, {"product": "c"})]
    frame = table(
        people(gathered_of(cohort_rows(rows)), plan_of(min_cell=5, by=["product"])), "table_1_by_product"
    ).frame
    groups = set(frame["group"])
    assert "c" not in groups and len(groups & {"a", "b"}) == 1
    kept = columns_of(cohort_rows(rows), plan_of(by=["product"]).strata["product"], 5)[-1]
    assert not kept.shown and kept.n == 23


def test_a_sum_that_is_small_is_not_told_and_not_found_by_adding():
    """K = 5: 2 and 1 of 23. 23 - 20 = 3 would tell their sum: the 20 go as well, whoever tells the sum."""
    frame = pl.DataFrame({"x": ["a"] * 2 + ["b"] + ["c"] * 20})
    levels = [(name, pl.col("x") == name) for name in "abc"]
    without = counted([Column("", frame)], levels, 5)
    assert without.hidden == {(0, 0), (1, 0), (2, 0)} and without.told((0, 1)) is None
    within = counted([Column("", frame)], levels, 5, sums=[(0, 1)])
    assert within.hidden == {(0, 0), (1, 0), (2, 0)} and within.told((0, 1)) is None


def test_from_failure_table_1_is_of_those_who_failed_with_and_without_groups():
    rows = [{"failed": True, "sex": "male"}, {"failed": True, "sex": "female"}, {"sex": "female"}]
    for by, name in (([], "table_1"), (["product"], "table_1_by_product")):
        told = table(people(gathered_of(cohort_rows(rows)), plan_of(origin="failure", by=by)), name)
        assert set(told.frame["group_n"]) == {2} and "failed" in told.title
    assert set(table(people(gathered_of(cohort_rows(rows)), plan_of()), "table_1").frame["group_n"]) == {3}


def test_where_absence_is_on_record_of_nobody_the_share_of_the_known_is_said_to_be_no_frequency():
    rows = [*times(2, {"high_risk": True}), *times(5, {})]
    notes = " ".join(table(people(gathered_of(cohort_rows(rows)), plan_of()), "table_1").notes)
    assert "no frequency; 2 of 7 at least have it" in notes
    kept = " ".join(table(people(gathered_of(cohort_rows(rows)), plan_of(min_cell=3)), "table_1").notes)
    assert "no frequency" in kept and "2 of 7" not in kept
    one_without = [*rows, {"high_risk": False}]
    notes = " ".join(table(people(gathered_of(cohort_rows(one_without)), plan_of()), "table_1").notes)
    assert "no frequency" not in notes


def test_nobody_followed_beyond_the_first_day_has_no_median_follow_up_and_no_method_for_it():
    section = people(gathered_of(cohort_rows(times(6, {"os_days": 0, "os_event": False}))), plan_of())
    assert any("nobody was observed" in said for said in section.refused)
    assert "reverse" not in " ".join(section.methods) and section.references == ()


def test_a_stratum_in_which_all_are_alike_is_said_once_and_leaves_the_plan():
    rows = [{"sex": "male", "product": "a"}, {"sex": "female", "product": "a"}]
    left, said = dividing(cohort_rows(rows), plan_of(by=["sex,product"]))
    assert left.by == ("sex",) and len(said) == 1 and "one group (a)" in said[0]


def test_nobody_and_one_patient_and_only_the_collected_are_told_of():
    empty = people(gathered_of(cohort_rows([]), patients=3), plan_of(by=["product"]))
    assert "nobody" in empty.says[0] and table(empty, "flow").frame["n"][0] == 3
    one = people(gathered_of(cohort_rows([{}])), plan_of(by=["product"]))
    assert one.says[0].startswith("1 patient was infused") and "nobody can be followed" in one.refused[0]
    never = people(gathered_of(cohort_rows([{"infused": False, "infusion_number": None}])), plan_of(by=["risk"]))
    assert "nobody is recorded as infused" in never.says[0]


def test_the_demonstration_adds_up(demo: Gathered):
    """Every variable of Table 1 adds up to the patients of its column."""
    frame = table(people(demo, plan_of(by=["product"])), "table_1_by_product").frame
    levels = frame.filter(~pl.col("level").is_in(["median [IQR]"]) & ~pl.col("variable").str.starts_with("Measurable"))
    sums = levels.group_by("group", "variable").agg(pl.col("n").sum(), pl.col("group_n").first())
    whole = sums.filter(~pl.col("variable").str.starts_with("Days"))
    assert whole.height > 30 and (whole["n"] == whole["group_n"]).all()
