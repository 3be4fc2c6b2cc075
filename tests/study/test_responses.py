"""SYNTHETIC patients: response. Every number is worked out by hand, in the docstring of its test."""

from __future__ import annotations

import polars as pl
import pytest
from gathering import cohort_rows, demo, demo_registry, gathered_of, times

from mspike.figures.stacked_response import response_over_time_table
from mspike.study.gathered import Gathered
from mspike.study.parts import Section, StudyTable
from mspike.study.plan import plan_of
from mspike.study.response_figures import _last_of_each_span
from mspike.study.response_times import days_to_response
from mspike.study.responses import responses

__all__ = ["demo", "demo_registry"]


def table(section: Section, name: str) -> StudyTable:
    return next(found for found in section.tables if found.name == name)


def counts(section: Section, name: str, kind: str) -> dict[str, object]:
    frame = table(section, name).frame.filter(pl.col("kind") == kind)
    return dict(frame.select("level", "n").iter_rows())


def of(**best: int) -> list[dict[str, object]]:
    return [row for name, n in best.items() for row in times(n, {"best_response": name, "product": "a"})]  # type: ignore[misc]


def test_everybody_infused_is_in_the_denominator_and_the_collected_beside():
    """2 CR, 1 PR, 1 SD, 1 NE: 3 of 5, of the 6 collected 3. R: binom.test(3, 5)$conf.int is 0.1466328 to 0.9472550."""
    rows = [*of(CR=2, PR=1, SD=1, NE=1), {"infused": False, "infusion_number": None}]
    section = responses(gathered_of(cohort_rows(rows)), plan_of())
    depth = table(section, "best_response").frame.filter(pl.col("level").str.starts_with("PR or better"))
    assert depth.select("n", "total").row(0) == (3, 5)
    assert depth.select("low", "high").row(0) == pytest.approx((14.66328, 94.72550), rel=1e-5)
    assert counts(section, "best_response", "Response of at least this depth")["CR or better"] == 2
    pair = table(section, "response_of_collected").frame
    assert pair.select("n", "total").rows() == [(3, 5), (3, 6)]
    assert section.says[0].startswith("3 of 5 infused patients (60.0 %")


def test_mrd_has_both_denominators_and_indeterminate_is_no_answer():
    """2 negative, 1 positive, 1 indeterminate, 4 not tested: 2 of 3 tested, 2 of all 8."""
    statuses = ["negative", "negative", "positive", "indeterminate", *["not_tested"] * 4]
    rows = [{"best_response": "VGPR", "mrd_best": status} for status in statuses]
    section = responses(gathered_of(cohort_rows(rows)), plan_of())
    found = table(section, "mrd").frame.filter(pl.col("kind") == "MRD-negative").select("n", "total")
    assert found.rows() == [(2, 3), (2, 8)]
    assert counts(section, "mrd", "Best status") == {
        "negative": 2, "positive": 1, "indeterminate": 1, "not tested": 4,
    }  # fmt: skip


def test_time_to_response_is_that_of_responders_alone():
    """P001: MR on day 20, PR on 40, CR on 90 -> 40 and 90. P002 has stable disease and no time."""
    cohort = cohort_rows([{"best_response": "CR"}, {"best_response": "SD"}])
    visits = [("P001", 20, "MR"), ("P001", 40, "PR"), ("P001", 90, "CR"), ("P001", 120, "CR"), ("P002", 30, "SD")]
    rows = [{"patient_id": who, "line": 1, "day": day, "response_confirmed": what} for who, day, what in visits]
    gathered = gathered_of(cohort, visits=rows)
    found = days_to_response(gathered.visits, cohort)
    assert found.select("patient_id", "first_response_day", "best_response_day").rows() == [("P001", 40, 90)]
    told = table(responses(gathered, plan_of()), "response_times").frame
    assert told["n"].to_list() == [1, 1, 0] and told["median_months"][0] == pytest.approx(40 / (365.25 / 12))


def test_times_agree_with_the_duration_of_response(demo: Gathered):
    """Duration runs from the first response to the end of PFS, so that their difference is its day."""
    infused = demo.cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    found = days_to_response(demo.visits, infused).join(infused, on=["patient_id", "line"])
    assert found.height > 200
    assert (found["pfs_days"] - found["dor_days"] == found["first_response_day"]).all()


def test_small_responses_are_told_by_no_table():
    """K = 5, 50 patients: 3 sCR, 20 CR, 7 PR and 20 SD. The response rate (30) may stand; sCR and what tells it not.

    30 - 20 - 7 would be the 3: a further category is hidden, and 'CR or better' with it where it would separate them.
    """
    cohort = cohort_rows(of(sCR=3, CR=20, PR=7, SD=20))
    section = responses(gathered_of(cohort), plan_of(min_cell=5))
    best = counts(section, "best_response", "Best confirmed response")
    depth = counts(section, "best_response", "Response of at least this depth")
    assert best["sCR"] == "*" and list(best.values()).count("*") == 2
    assert depth["sCR or better"] == "*" and depth["PR or better (response rate)"] == "30"
    frame = table(section, "best_response").frame
    assert frame.filter(pl.col("n").eq("*"))["percent"].is_null().all()
    assert any("single patients" in said for said in section.refused)
    assert not {"waterfall", "spider", "swimmer"} & {found.name for found in section.tables}


def test_without_values_no_waterfall_is_drawn_and_that_is_said():
    cohort = cohort_rows(
        [{"best_response": "CR", "os_days": 100, "os_event": False, "cr_days": 90, "cr_cause": "censored"}]
    )
    section = responses(gathered_of(cohort), plan_of())
    assert [figure.name for figure in section.figures] == ["response_over_time", "swimmer"]
    assert any(said.startswith("Waterfall and spider") for said in section.refused)


def test_the_visits_thinned_out_give_the_same_table_over_time(demo: Gathered):
    infused = demo.cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1) & pl.col("cr_days").is_not_null())
    whole = response_over_time_table(infused, demo.visits.collect())
    assert response_over_time_table(*_last_of_each_span(infused, demo.visits)).equals(whole)


def test_the_demonstration_has_every_figure_with_its_twin(demo: Gathered):
    section = responses(demo, plan_of(by=["product"]))
    assert [figure.name for figure in section.figures] == ["response_over_time", "waterfall", "spider", "swimmer"]
    assert all(figure.twin.frame.height and figure.says for figure in section.figures)
    assert table(section, "swimmer").frame["lane"].n_unique() == 40


def test_nobody_infused_and_a_division_by_what_came_later_are_told():
    assert "Nobody was infused" in responses(gathered_of(cohort_rows([])), plan_of()).says[0]
    failed = responses(
        gathered_of(cohort_rows([{"best_response": "CR"}])), plan_of(origin="failure", by=["failure_type"])
    )
    assert any("came after the response" in said for said in failed.refused)
