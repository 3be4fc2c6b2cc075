"""SYNTHETIC patients: what harm was done. Every number is worked out by hand, in the docstring of its test."""

from __future__ import annotations

import polars as pl
import pytest
from gathering import cohort_rows, demo, demo_registry, gathered_of, safety_rows, safety_schema, times

from mspike.study.gathered import Gathered
from mspike.study.infections import infections_table, poisson_rate
from mspike.study.parts import Section
from mspike.study.plan import plan_of
from mspike.study.toxicity import toxicity

__all__ = ["demo", "demo_registry", "safety_schema"]

GRADED = {"crs_days_measured": 10, "crs_at_least": 1, "crs_at_most": 1, "crs_onset_day": 103, "crs_duration": 4}


def numbers(section: Section, name: str, kind: str) -> dict[str, object]:
    frame = next(table.frame for table in section.tables if table.name == name)
    return dict(frame.filter(pl.col("kind").str.contains(kind, literal=True)).select("level", "n").iter_rows())


def of(schema: pl.Schema, rows: list[dict[str, object]], **cohort: object) -> Gathered:
    patients = cohort_rows(times(len(rows), {"index_day": 100, **cohort}))
    return gathered_of(patients, safety=safety_rows(schema, rows))


def test_open_grades_and_missing_records_stand_apart_from_none(safety_schema: pl.Schema):
    """Grade 1 by signs, open 0 to 2, open 3 to 4, recorded 2 without signs, recorded without a grade, nothing at all.

    Surely any grade: 1, 3-4, 2, ungraded = 4 of 6, of 5 recorded. Grade 3 or more: 1. Surely none: nobody.
    """
    rows: list[dict[str, object]] = [
        GRADED,
        {"crs_days_measured": 3, "crs_at_least": 0, "crs_at_most": 2},
        {"crs_days_measured": 3, "crs_at_least": 3, "crs_at_most": 4},
        {"crs_days_measured": 0, "crs_recorded_grade": 2, "crs_recorded_day": 105},
        {"crs_days_measured": 0, "crs_recorded_day": 101},
        {"crs_days_measured": 0},
    ]
    section = toxicity(of(safety_schema, rows), plan_of())
    crs = numbers(section, "crs_icans", "CRS")
    assert crs == {
        "grade 0": 0, "grade 1": 1, "grade 2": 1, "grade open, perhaps none": 1, "grade open, at least 1": 1,
        "grade open, at least 3": 1, "no signs recorded": 1,
        "grade 1 or more, of all": 4, "grade 1 or more, of those recorded": 4,
        "grade 3 or more, of all": 1, "grade 3 or more, of those recorded": 1,
    }  # fmt: skip
    frame = section.tables[0].frame
    assert frame.filter(pl.col("level") == "grade 1 or more, of those recorded")["total"][0] == 5
    icans = numbers(section, "crs_icans", "ICANS")
    assert icans["no signs recorded"] == 6 and icans["grade 0"] == 0
    assert "whether it occurred is not known" in section.says[1]


def test_onset_is_counted_from_the_infusion_and_only_where_it_is_known(safety_schema: pl.Schema):
    """Infusion day 100: onsets 103 (signs) and 105 (recorded) are days 3 and 5, median 4; one duration, of 4 days."""
    rows: list[dict[str, object]] = [GRADED, {"crs_days_measured": 0, "crs_recorded_grade": 2, "crs_recorded_day": 105}]
    course = toxicity(of(safety_schema, rows), plan_of()).tables[1].frame.filter(pl.col("toxicity") == "crs")
    assert course.select("what", "n", "median_days").rows() == [("onset", 2, 4.0), ("duration", 1, 4.0)]


def test_rates_of_infections_have_the_exact_poisson_interval():
    """3 infections in 2 person-years. R: poisson.test(3, T = 2)$conf.int is 0.3093361 to 4.3836365."""
    found = poisson_rate(3, round(2 * 365.25))
    assert found is not None
    # 730 days stand for 730.5: the limits differ in the fourth figure.
    assert found == pytest.approx((1.5, 0.3093361, 4.3836365), rel=1e-3)
    assert poisson_rate(0, 0) is None
    low = poisson_rate(0, 3652)
    assert low is not None and low[:2] == (0, 0)


def test_an_infection_without_a_grade_may_have_been_severe(safety_schema: pl.Schema):
    """Two followed 31 days, one not at all: 3 infections in one of them, of which 1 severe, 2 perhaps."""
    period = {"infections_early_infections": 3, "infections_early_severe_low": 1, "infections_early_severe_high": 2}
    none = {"infections_early_infections": 0, "infections_early_severe_low": 0, "infections_early_severe_high": 0}
    rows = [
        {**period, "infections_early_days": 31},
        {**none, "infections_early_days": 31},
        {"infections_early_days": 0},
    ]
    early = infections_table(safety_rows(safety_schema, rows), 0)
    assert early.frame.row(0)[:6] == ("early", 2, 1, 3, 1, 2) and early.frame["days_followed"][0] == 62
    assert early.shown is not None and early.shown["severe"][0] == "1 to 2"


def test_second_malignancies_are_told_by_kind_and_none_recorded_is_not_none(safety_schema: pl.Schema):
    kinds: list[dict[str, object]] = [
        {"malignancy_recorded": True, "malignancy_t_cell": True},
        {"malignancy_recorded": True, "malignancy_t_cell": False},
        {"malignancy_recorded": True},
        {"malignancy_recorded": False, "malignancy_t_cell": False},
    ]
    section = toxicity(of(safety_schema, kinds), plan_of())
    assert numbers(section, "late_effects", "Second malignancy") == {
        "any": 3, "of T cells": 1, "of another kind": 1, "kind not told": 1, "none recorded": 1,
    }  # fmt: skip
    assert numbers(section, "late_effects", "IEC-HS) to be") == {
        "yes": 0, "not known: a finding that could decide is missing": 4,
    }  # fmt: skip


def test_small_counts_are_told_neither_of_all_nor_of_groups(safety_schema: pl.Schema):
    """K = 5: grade 3 in 2 of 40. Not the 2, not '3 or more', and no group's share of it."""
    severe = {**GRADED, "crs_at_least": 3, "crs_at_most": 3}
    rows: list[dict[str, object]] = [*times(2, severe), *times(38, GRADED)]  # type: ignore[list-item]
    gathered = of(safety_schema, rows, product="a")
    section = toxicity(gathered, plan_of(min_cell=5, by=["product"]))
    crs = numbers(section, "crs_icans", "CRS")
    assert crs["grade 3"] == "*" and crs["grade 1"] == "*"
    assert crs["grade 3 or more, of all"] == "*" and crs["grade 1 or more, of all"] == "40"
    by = next(table.frame for table in section.tables if table.name == "toxicity_by_product")
    of_crs = by.filter(pl.col("harm").str.contains("CRS") & pl.col("harm").str.contains("3 or more"))
    assert set(of_crs["n"]) == {"*"} and of_crs["percent"].is_null().all()


def test_nobody_infused_and_a_division_by_what_came_later_are_told(safety_schema: pl.Schema):
    assert "Nobody was infused" in toxicity(gathered_of(cohort_rows([])), plan_of()).says[0]
    assert "2" in toxicity(of(safety_schema, [GRADED, GRADED]), plan_of(by=["product"])).says[0]
    failed = toxicity(of(safety_schema, [GRADED]), plan_of(origin="failure", by=["failure_type"]))
    assert len(failed.refused) == 1


def test_every_grade_of_the_demonstration_adds_up_to_its_patients(demo: Gathered):
    section = toxicity(demo, plan_of(by=["product"]))
    for name in ("crs_icans", "blood_counts", "late_effects"):
        frame = next(table.frame for table in section.tables if table.name == name)
        parts = frame.filter(~pl.col("level").str.contains("or more|^any$"))
        sums = parts.group_by("kind").agg(pl.col("n").sum(), pl.col("total").first())
        assert (sums["n"] == sums["total"]).all(), name
