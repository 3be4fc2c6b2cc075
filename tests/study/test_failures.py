"""How the cells failed: kinds, patterns, times, and survival from there. SYNTHETIC."""

from __future__ import annotations

import polars as pl
import pytest
from literal_cohort import Row, failed, gathered, patient

from mspike.study.completeness import known_facts
from mspike.study.failures import failures
from mspike.study.parts import Section
from mspike.study.plan import plan_of


def table(section: Section, name: str) -> pl.DataFrame:
    return next(table.frame for table in section.tables if table.name == name)


ROWS = [
    failed(1, 30, True, failure_pattern="biochemical", failure_patterns=["biochemical"]),
    failed(2, 60, False, failure_pattern="extramedullary", failure_patterns=["biochemical", "extramedullary"]),
    failed(3, 90, True, failure_day=300, failure_type="late_relapse", pfs_days=300, failure_pattern="biochemical",
           failure_patterns=["biochemical"]),
    failed(4, 120, False, failure_day=90, failure_type="primary_refractory", pfs_days=210, pfs_event=False),
    patient(5, os_days=500, os_event=False),
    patient(6, os_days=40, os_event=True, failure_type="nonrelapse_death"),
    patient(7, failure_type=None),
]  # fmt: skip


def test_kinds_are_of_all_infused_and_the_unknown_stay_a_row():
    kinds = table(failures(gathered(ROWS), plan_of()), "failure_types")
    assert dict(kinds.select("failure_type", "n").iter_rows()) == {
        "primary_refractory": 1, "early_relapse": 2, "late_relapse": 1, "nonrelapse_death": 1, "none": 1, None: 1,
    }  # fmt: skip
    assert kinds["n"].sum() == kinds["group_n"][0] == 7


def test_a_refractory_patient_without_seen_progression_is_provisional():
    notes = failures(gathered(ROWS), plan_of()).tables[0].notes
    assert any("without documented progression: 1," in note for note in notes)
    seen = [*ROWS[:3], failed(4, 120, False, failure_day=90, failure_type="primary_refractory", pfs_days=90)]
    assert not any("provisional" in note for note in failures(gathered(seen), plan_of()).tables[0].notes)


def test_patterns_are_of_all_who_failed_and_none_documented_is_not_no():
    section = failures(gathered(ROWS), plan_of())
    patterns = table(section, "failure_patterns")
    assert dict(patterns.select("failure_pattern", "n").iter_rows()) == {
        "biochemical": 2, "extramedullary": 1, "no documented progression": 1,
    }  # fmt: skip
    parts = dict(table(section, "failure_pattern_parts").select("part", "n").iter_rows())
    assert parts == {"biochemical": 3, "extramedullary": 1}


def test_a_progression_whose_pattern_nobody_told_is_not_known_and_no_missing_progression():
    untold = [*ROWS, failed(8, 20, False, ttp_days=100, ttp_event=True), failed(9, 20, False)]
    patterns = table(failures(gathered(untold), plan_of()), "failure_patterns")
    counts = dict(patterns.select("failure_pattern", "n").iter_rows())
    assert (counts["not known"], counts["no documented progression"]) == (2, 1)
    facts = known_facts(gathered(untold).cohort).filter(fact="Pattern of failure").row(0, named=True)
    assert (facts["known"], facts["not_known"]) == (3, 2)  # asked of progressions only


def test_a_pattern_that_came_after_the_first_failure_forms_no_group_of_survival_from_it():
    """Next therapy first, progression later: sorted by that progression, its days before it would be immortal."""
    later = failed(8, 500, False, failure_type="next_therapy", failure_pattern="marrow", ttp_days=300, ttp_event=True)
    groups = table(failures(gathered([*ROWS, later]), plan_of()), "after_failure_pattern")
    assert "marrow" not in groups["group"].to_list()
    assert "marrow" in table(failures(gathered([*ROWS, later]), plan_of()), "failure_patterns")["failure_pattern"]


def test_death_of_myeloma_without_progression_is_a_failure_and_starts_no_time():
    dead = patient(8, failed=True, first_failure_type="death_of_myeloma", os_days=200, os_event=True)
    section = failures(gathered([*ROWS, dead]), plan_of())
    assert dict(table(section, "failure_first").select("first_failure_type", "n").iter_rows())["death_of_myeloma"] == 1
    assert table(section, "after_failure").filter(endpoint="os")["n"].item() == 4
    assert "death of myeloma 1" in section.says[0]


def test_methods_claim_no_curve_and_no_test_that_is_not_there():
    alone = failures(gathered([patient(1, failed=True, first_failure_type="next_therapy")]), plan_of())
    told = " ".join(alone.methods)
    assert "Kaplan-Meier" not in told and "log-rank" not in told and alone.references == ()
    four = failures(gathered(ROWS), plan_of())  # curves, and no two groups of five
    assert "Kaplan-Meier" in " ".join(four.methods) and "log-rank" not in " ".join(four.methods)


def test_times_are_quartiles_of_those_who_failed():
    """Days 90, 100, 100, 300: median 100."""
    times = table(failures(gathered(ROWS), plan_of()), "failure_times")
    assert times["n"][0] == 4 and times["median_months"][0] == pytest.approx(100 / (365.25 / 12))


def test_survival_from_failure_counts_from_failure():
    """Deaths on days 30 and 90 of 4, censored on 60 and 120: the curve is 0.75, then 0.375; median 90 days."""
    after = table(failures(gathered(ROWS), plan_of()), "after_failure").filter(endpoint="os").row(0, named=True)
    assert (after["n"], after["events"]) == (4, 2)
    assert after["median_months"] == pytest.approx(90 / (365.25 / 12))


def test_later_infusions_are_not_counted_again():
    again = [*ROWS, failed(1, 10, True, line=2, infusion_number=2)]
    assert table(failures(gathered(again), plan_of()), "failure_types").equals(
        table(failures(gathered(ROWS), plan_of()), "failure_types")
    )


def many() -> list[Row]:
    """Twelve refractory, five early and three late relapses, four undetermined, of forty.

    Kept back beside the four only, the three would follow from the twenty who failed.
    """
    kinds = ["primary_refractory"] * 12 + ["early_relapse"] * 5 + ["late_relapse"] * 3
    rows = [failed(n, 20 + 9 * n, n % 2 == 0, failure_type=kind) for n, kind in enumerate(kinds)]
    rows += [patient(50 + n, failure_type="undetermined") for n in range(4)]
    return rows + [patient(60 + n, os_days=400, os_event=False) for n in range(16)]


def test_small_kinds_cannot_be_had_from_the_number_of_all_who_failed():
    section = failures(gathered(many()), plan_of(min_cell=5))
    kinds = dict(table(section, "failure_first").select("first_failure_type", "n").iter_rows())
    assert kinds == {"primary_refractory": "12", "early_relapse": "*", "late_relapse": "*", None: "20"}
    # The same patients by their type at the data cut would tell them.
    assert not any(one.name == "failure_types" for one in section.tables)
    times = table(section, "failure_times")
    assert times.filter(failure_type="late relapse")["n"].item() == "*"
    assert (
        times.filter(pl.col("failure_type").is_in(["early relapse", "late relapse"]))["median_months"].null_count() == 2
    )
    page = " ".join((*section.says, *section.refused, *(note for t in section.tables for note in t.notes)))
    assert "late relapse 3" not in page and "early relapse 5" not in page


@pytest.mark.parametrize(
    "rows", [[], [patient(1)], [failed(1, 10, True)], [patient(1, failed=None, failure_type=None)]]
)
def test_few_or_nobody_is_said(rows: list[Row]):
    assert failures(gathered(rows), plan_of()).says
