"""Progression and death without it (study.competing), worked out by hand. SYNTHETIC.

Four patients: progression on day 100, death without progression on 200, censored on 300, progression on 400.
Progression: 1/4 from day 100, and on day 400 the half that is left: 3/4. Death: 3/4 x 1/3 = 1/4 from day 200.
1 - Kaplan-Meier, deaths counted as censoring: progression 1/4, then 1 on day 400; death 1 - 2/3 = 1/3 from day 200.
"""

from __future__ import annotations

import polars as pl
import pytest
from gathering import demo, demo_registry  # noqa: F401
from literal_cohort import Row, gathered, patient

from mspike.study.competing import competing
from mspike.study.parts import Section, StudyTable
from mspike.study.plan import plan_of


def row(number: int, day: int, cause: str, **told: object) -> Row:
    ended = {"pfs_days": day, "pfs_event": cause != "censored", "cr_days": day, "cr_cause": cause}
    return patient(number, os_days=day, os_event=cause == "non_relapse_death", **{**ended, **told})


FOUR = [
    row(1, 100, "progression"),
    row(2, 200, "non_relapse_death"),
    row(3, 300, "censored", product="cilta-cel"),
    row(4, 400, "progression", product="cilta-cel"),
]


def table(section: Section, name: str) -> StudyTable:
    return next(one for one in section.tables if one.name == name)


def test_the_incidence_of_each_event_is_the_one_worked_out_by_hand():
    frame = table(competing(gathered(FOUR), plan_of()), "competing_incidence").frame
    assert frame["cause"].to_list() == ["progression", "non_relapse_death"]
    assert frame["events"].to_list() == [2, 1] and frame["censored"].to_list() == [1, 1]
    assert frame["incidence_6_months_percent"].to_list() == pytest.approx([25, 0])
    assert frame["incidence_12_months_percent"].to_list() == pytest.approx([25, 25])
    assert frame["at_risk_12_months"].to_list() == [1, 1]
    assert frame["incidence_24_months_percent"].to_list() == [None, None]  # nobody was followed so long


def test_one_minus_kaplan_meier_would_overstate_deaths_by_eight_points_at_one_year():
    section = competing(gathered(FOUR), plan_of())
    told = table(section, "competing_overstated").frame.filter(pl.col("months") == 12)
    assert told["one_minus_km_percent"].to_list() == pytest.approx([25, 100 / 3])
    assert told["overstated_points"].to_list() == pytest.approx([0, 100 / 12])
    assert "33.3 % instead of 25.0 % for death without progression" in section.says[1]


def test_both_events_at_every_time_add_up_to_the_events_of_pfs(demo):  # noqa: F811
    frame = table(competing(demo, plan_of()), "competing_incidence").frame
    infused = demo.cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    assert frame["events"].sum() == infused["pfs_event"].sum() > 100


def test_groups_have_a_figure_an_event_and_the_unknown_a_curve_of_their_own():
    rows = [*FOUR, row(5, 150, "progression", product=None)]
    section = competing(gathered(rows), plan_of(by=["product"]))
    names = [figure.name for figure in section.figures]
    assert names == ["competing", "competing_progression_by_product", "competing_non_relapse_death_by_product"]
    assert table(section, "competing_by_product").frame["group"].unique(maintain_order=True).to_list() == [
        "cilta-cel", "ide-cel", "not known",
    ]  # fmt: skip


def test_from_failure_the_section_says_that_it_counts_from_infusion_and_divides_by_nothing_later():
    section = competing(gathered(FOUR), plan_of(origin="failure", by=["failure_type"]))
    assert any("counts from the infusion" in sentence for sentence in section.says)
    assert section.refused == (
        "Not divided by 'How it failed first' here: from infusion, its groups are formed by what happens later.",
    )
    assert not any("by_failure_type" in one.name for one in section.tables)


def of_each(start: int, product: str, progressed: int, died: int, n: int) -> list[Row]:
    causes = ["progression"] * progressed + ["non_relapse_death"] * died + ["censored"] * (n - progressed - died)
    return [row(start + place, 100 + 5 * place, cause, product=product) for place, cause in enumerate(causes)]


def test_few_deaths_keep_back_the_progressions_beside_them_as_pfs_would_give_them_away():
    rows = [*of_each(1, "a", 8, 2, 20), *of_each(21, "b", 8, 6, 22), *of_each(43, "c", 8, 7, 24)]
    section = competing(gathered(rows), plan_of(by=["product"], min_cell=4))
    told = table(section, "competing_by_product").frame
    a = told.filter(pl.col("group") == "a")
    assert a["events"].to_list()[1] == "*" and a["events"].to_list()[0] == "*"
    assert a["incidence_6_months_percent"].is_null().all()
    deaths = told.filter(pl.col("cause") == "non_relapse_death")["events"].to_list()
    assert deaths.count("*") == 2  # 15 in all: two told would leave the two of a
    assert told.filter(pl.col("group") == "c")["incidence_6_months_percent"].is_not_null().all()
    assert any("too few events of a kind" in why for why in section.refused)


@pytest.mark.parametrize("by", ["product", "stage"])
def test_no_file_of_the_demonstration_holds_a_small_count(demo, by: str):  # noqa: F811
    section = competing(demo, plan_of(by=[by], min_cell=8))
    seen = 0
    for one in section.tables:
        for column in (c for c in one.frame.columns if c.startswith(("n", "events", "censored", "at_risk"))):
            for text in one.frame[column].drop_nulls():
                seen += 1
                assert text in ("*", "0") or int(text) >= 8, (one.name, column, text)
    assert seen > 40


@pytest.mark.parametrize("min_cell", [0, 5])
@pytest.mark.parametrize("rows", [[], [patient(1)], [row(1, 100, "progression", infused=False)]])
def test_a_registry_without_anybody_to_follow_says_so(rows: list[Row], min_cell: int):
    section = competing(gathered(rows), plan_of(by=["product"], min_cell=min_cell))
    assert section.says == ("No patient of this registry can be followed from infusion.",) and section.parts == ()


def test_one_patient_is_not_told_under_min_cell():
    section = competing(gathered(FOUR[:1]), plan_of(by=["product"], min_cell=5))
    assert section.figures == () and table(section, "competing_incidence").frame["n"].to_list() == ["*", "*"]
