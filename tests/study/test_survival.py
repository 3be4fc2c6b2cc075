"""How long (study.survival), on cohorts small enough to be worked out by hand, and what may be told of few. SYNTHETIC.

Four patients, PFS 100 event, 200 event, 300 censored, 400 event: survival 3/4 from day 100, 1/2 from 200, 0 from 400.
It stays at one half from 200 to 400, so the median is 300 days.
"""

from __future__ import annotations

import json

import polars as pl
import pytest
from gathering import demo, demo_registry  # noqa: F401
from literal_cohort import Row, gathered, patient

from mspike.cohort.survival import kaplan_meier, log_rank
from mspike.study.followed import decided, followed, left_out_words, with_unconfirmed
from mspike.study.kept_back import cut_off, overlapping
from mspike.study.medians import limit
from mspike.study.parts import Section, StudyTable
from mspike.study.plan import plan_of
from mspike.study.survival import survival

MONTH = 365.25 / 12


def row(number: int, pfs: int, event: bool, **told: object) -> Row:
    """Followed for 500 days and alive; PFS and everything derived from it as given."""
    days = {"pfs_days": pfs, "pfs_event": event, "cr_days": pfs, "cr_cause": "progression" if event else "censored"}
    return patient(number, **{"os_days": 500, "os_event": False, **days, **told})


FOUR = [
    row(1, 100, True, product="ide-cel"),
    row(2, 200, True, product="ide-cel"),
    row(3, 300, False, product="cilta-cel"),
    row(4, 400, True, product="cilta-cel"),
]


def table(section: Section, name: str) -> StudyTable:
    return next(one for one in section.tables if one.name == name)


def names(section: Section) -> list[str]:
    return [one.name for one in section.tables]


def first(section: Section, name: str, **where: str) -> dict[str, object]:
    return table(section, name).frame.filter(*(pl.col(c) == v for c, v in where.items())).row(0, named=True)


def test_medians_and_fixed_months_are_those_worked_out_by_hand():
    told = first(survival(gathered(FOUR), plan_of()), "survival_medians", endpoint="pfs")
    assert (told["n"], told["events"], told["median_months"]) == (4, 3, pytest.approx(300 / MONTH))
    assert (told["survival_6_months_percent"], told["at_risk_6_months"]) == (pytest.approx(75), 3)
    assert (told["survival_12_months_percent"], told["at_risk_12_months"]) == (pytest.approx(50), 1)
    assert (told["survival_24_months_percent"], told["at_risk_24_months"]) == (0.0, 0)  # nobody is left to have it


def test_what_is_printed_says_nr_where_the_median_is_not_reached_and_a_dash_behind_the_follow_up():
    shown = table(survival(gathered(FOUR), plan_of()), "survival_medians").shown
    assert shown is not None
    alive = shown.filter(pl.col("endpoint") == "Overall survival").row(0, named=True)
    assert (alive["median"], alive["m12"], alive["m24"]) == ("NR [NR, NR]", "100.0; 4", "–")


def test_the_answer_comes_first_with_numbers_and_interval_and_no_p_value():
    says = survival(gathered(FOUR), plan_of(by=["product"])).says
    assert says[0].startswith("Median progression-free survival from infusion was 9.9 months [95 % CI 3.3, ")
    assert "3 events in 4 patients" in says[0] and 1 <= len(says) <= 4
    assert not any("p =" in sentence or "log-rank" in sentence.lower() for sentence in says)
    assert "median follow-up" in says[-1]  # beside medians by group: who was followed for less had less time to fail


# Six a group; events on days that no other group has them.
TWELVE = [
    row(10 * at + place, start + 40 * place, place != 4, product=product)
    for at, (product, start) in enumerate((("ide-cel", 100), ("cilta-cel", 250)))
    for place in range(6)
]


def by_log_rank(rows: list[Row]) -> float:
    days, event, group = ([one[name] for one in rows] for name in ("pfs_days", "pfs_event", "product"))
    return log_rank(pl.Series(days), pl.Series(event), pl.Series(group)).statistic


def test_groups_are_compared_by_the_log_rank_test():
    told = first(survival(gathered(TWELVE), plan_of(by=["product"])), "survival_log_rank", endpoint="pfs")
    assert (told["chi_square"], told["df"], told["n"]) == (pytest.approx(by_log_rank(TWELVE)), 1, 12)


def test_patients_of_unknown_group_are_a_group_of_their_own_and_out_of_the_test():
    rows = [*TWELVE, *(row(40 + place, 50, True, product=None) for place in range(7))]
    section = survival(gathered(rows), plan_of(by=["product"]))
    groups = table(section, "survival_by_product").frame.filter(pl.col("endpoint") == "pfs")["group"].to_list()
    assert groups == ["cilta-cel", "ide-cel", "not known"]
    told = first(section, "survival_log_rank", endpoint="pfs")
    assert (told["chi_square"], told["n"], told["left_out_as_unknown"]) == (pytest.approx(by_log_rank(TWELVE)), 12, 7)


def test_a_group_of_four_is_told_but_neither_drawn_nor_tested():
    rows = [*TWELVE, *(row(40 + place, 50, True, product="other") for place in range(4))]
    section = survival(gathered(rows), plan_of(by=["product"]))
    assert first(section, "survival_by_product", endpoint="pfs", group="other")["events"] == 4
    assert first(section, "survival_log_rank", endpoint="pfs")["chi_square"] == pytest.approx(by_log_rank(TWELVE))
    figure = next(one for one in section.figures if one.name == "survival_pfs_by_product")
    assert "other" not in figure.says and "ide-cel" in figure.says
    assert any("fewer than 5 patients have no curve" in note for note in table(section, "survival_by_product").notes)


def test_methods_name_the_log_rank_test_only_where_groups_were_compared():
    alone, both = survival(gathered(TWELVE), plan_of()), survival(gathered(TWELVE), plan_of(by=["product"]))
    one_group = survival(gathered(TWELVE[:6]), plan_of(by=["product"]))
    for section, compared in ((alone, False), (both, True), (one_group, False)):
        assert any("log-rank" in sentence for sentence in section.methods) == compared
        assert ("mantel-1966" in section.references) == compared
    assert "By CAR-T product: there are no two known groups to compare." in one_group.refused


def test_every_step_of_the_drawn_curves_is_in_a_file_and_the_page_only_says_how_many():
    steps = table(survival(gathered(FOUR), plan_of()), "survival_steps")
    pfs = steps.frame.filter(pl.col("endpoint") == "pfs")
    assert pfs["days"].to_list() == [0, 100, 200, 300, 400]
    assert pfs["survival"].to_list() == pytest.approx([1, 0.75, 0.5, 0.5, 0])
    assert steps.shown is not None and steps.shown.height == 2


# ---- progression that nobody confirmed ------------------------------------------------------------------------------


def test_an_unconfirmed_progression_is_an_event_on_its_own_day_in_the_second_reading_only():
    rows = [*FOUR[:2], row(3, 300, False, unconfirmed_pd_days=330), FOUR[3]]
    section = survival(gathered(rows), plan_of())
    both = table(section, "survival_unconfirmed_progression")
    assert both.frame["events"].to_list() == [3, 4]
    # 3/4, 1/2, then 1/4 on day 330 instead of censored on 300: the median is (200 + 330) / 2.
    assert both.frame["median_months"].to_list() == pytest.approx([300 / MONTH, 265 / MONTH])
    assert any("It changes the PFS of 1 patient:" in note for note in both.notes)


def test_an_unconfirmed_progression_changes_nothing_after_an_event_nor_behind_a_gap_in_the_visits():
    rows = [
        row(1, 100, True, unconfirmed_pd_days=120),
        row(2, 90, False, unconfirmed_pd_days=150, pfs_reason="missed_visits"),
        row(3, 200, True, unconfirmed_pd_days=150, pfs_reason="death"),
    ]
    told, changed = with_unconfirmed(followed(gathered(rows).cohort, "infusion", "pfs"), "infusion")
    assert told.patients.select("days", "event").rows() == [(100, True), (90, False), (150, True)]
    assert changed == 1


# ---- from apheresis and from failure --------------------------------------------------------------------------------


def collected(number: int, wait: int, pfs: int, event: bool, **told: object) -> Row:
    days = {"apheresis_day": -wait, "entry_days": wait, "from_apheresis_pfs_days": wait + pfs}
    days |= {"from_apheresis_pfs_event": event, "from_apheresis_os_days": wait + 500, "from_apheresis_os_event": False}
    return row(number, pfs, event, **{**days, **told})


def never_infused(number: int, died: int) -> Row:
    told = {"infused": False, "infusion_number": None, "product": None, "apheresis_day": 0}
    told |= {"from_apheresis_pfs_days": died, "from_apheresis_pfs_event": True}
    return patient(number, **told, from_apheresis_os_days=died, from_apheresis_os_event=True)


INFUSED = [collected(1, 30, 100, True), collected(2, 40, 200, True), collected(3, 50, 300, False)]
WITH_ONE_LOST = [*INFUSED, never_infused(4, 20)]


def test_a_registry_that_holds_patients_never_infused_is_read_by_intention_to_treat_else_they_enter_late():
    plan = plan_of(origin="apheresis")
    assert decided(gathered(WITH_ONE_LOST).cohort, plan) == "apheresis"
    assert decided(gathered(INFUSED).cohort, plan) == "infusion"
    for asked in ("infusion", "apheresis"):
        assert decided(gathered(INFUSED).cohort, plan_of(origin="apheresis", observed_from=asked)) == asked


def test_the_section_says_from_when_patients_were_observed_and_why():
    lost = survival(gathered(WITH_ONE_LOST), plan_of(origin="apheresis"))
    assert first(lost, "survival_medians", endpoint="pfs")["n"] == 4
    assert any("1 were collected and never infused" in note for note in lost.tables[0].notes)
    late = survival(gathered(INFUSED), plan_of(origin="apheresis"))
    assert first(late, "survival_medians", endpoint="pfs")["n"] == 3
    assert any("(delayed entry)" in sentence for sentence in late.methods)


def test_groups_from_apheresis_enter_at_the_infusion_also_where_all_patients_do_not():
    """Who was never infused has no product: to follow the others from apheresis would give them immortal time."""
    section = survival(gathered(WITH_ONE_LOST), plan_of(origin="apheresis", by=["product"]))
    steps = table(section, "survival_pfs_at_ticks").frame
    assert steps["at_risk"][0] == 4
    by_product = table(section, "survival_by_product")
    assert by_product.frame["n"].to_list() == [3, 3]
    assert any("Groups enter at the infusion" in note for note in by_product.notes)


def test_the_pair_from_infusion_and_from_apheresis_stands_side_by_side():
    pair = table(survival(gathered(WITH_ONE_LOST), plan_of()), "survival_by_origin").frame
    assert pair.filter(pl.col("endpoint") == "pfs")["n"].to_list() == [3, 3, 4]
    assert pair.filter(pl.col("endpoint") == "pfs")["events"].to_list() == [2, 2, 3]


def test_a_curve_that_delayed_entry_leaves_without_anybody_at_risk_is_refused_and_not_told():
    rows = [collected(1, 10, 20, True), collected(2, 60, 100, True), collected(3, 60, 140, False)]
    section = survival(gathered(rows), plan_of(origin="apheresis", observed_from="infusion"))
    assert any("After day 30 nobody is under observation" in why for why in section.refused)
    told = first(section, "survival_medians", endpoint="pfs")
    assert told["median_months"] is None and told["survival_6_months_percent"] is None


# ---- small counts ---------------------------------------------------------------------------------------------------


def group(start: int, product: str, events: int, n: int, first_day: int = 100, **told: object) -> list[Row]:
    """The first so many have an event, ten days apart; the others are censored after them."""
    rows = enumerate(range(start, start + n))
    return [row(number, first_day + 10 * place, place < events, product=product, **told) for place, number in rows]


# events / n: 2 / 10, 8 / 20, 12 / 22
THREE = [*group(1, "a", 2, 10), *group(11, "b", 8, 20), *group(31, "c", 12, 22)]


def test_few_events_are_kept_back_with_the_curve_and_another_group_that_would_give_them_away():
    section = survival(gathered(THREE), plan_of(by=["product"], min_cell=4))
    by_product = table(section, "survival_by_product").frame.filter(pl.col("endpoint") == "pfs")
    assert by_product["n"].to_list() == ["10", "20", "22"]
    assert by_product["events"].to_list() == ["*", "*", "12"]  # 22 in all: 8 told would leave 2
    assert by_product["survival_6_months_percent"].is_null().to_list() == [True, True, False]
    assert any("a, b" in why and "no curve is told" in why for why in section.refused)
    assert "survival_pfs_by_product" not in [figure.name for figure in section.figures]  # one curve compares nothing


def test_without_min_cell_the_same_counts_are_told_as_numbers():
    section = survival(gathered(THREE), plan_of(by=["product"]))
    by_product = table(section, "survival_by_product").frame.filter(pl.col("endpoint") == "pfs")
    assert by_product["events"].to_list() == [2, 8, 12] and by_product.schema["events"] == pl.Int64


def test_a_group_too_small_to_show_has_no_row_and_is_no_difference_of_totals():
    """d: 3 patients. Its number is what a, the smallest other, lacks; its 2 events are hidden with the 2 of a."""
    rows = [*THREE, *group(60, "d", 2, 3)]
    section = survival(gathered(rows), plan_of(by=["product"], min_cell=4))
    by_product = table(section, "survival_by_product").frame.filter(pl.col("endpoint") == "pfs")
    assert by_product["group"].to_list() == ["a", "b", "c"]
    assert by_product["n"].to_list() == ["*", "20", "22"]
    assert by_product["events"].to_list() == ["*", "8", "12"]  # 2 + 2 of 24


def test_events_of_a_group_kept_back_are_no_difference_of_totals_either():
    """a and d have 2 and 1 events: 23 in all less the 8 and 12 of the others would tell these 3."""
    rows = [*THREE, *group(60, "d", 1, 3)]
    section = survival(gathered(rows), plan_of(by=["product"], min_cell=4))
    by_product = table(section, "survival_by_product").frame.filter(pl.col("endpoint") == "pfs")
    assert by_product["events"].to_list() == ["*", "*", "12"]
    assert by_product["survival_6_months_percent"].is_null().to_list()[:2] == [True, True]
    assert first(section, "survival_log_rank", endpoint="pfs")["groups"] == 2  # b and c are compared all the same


def test_of_two_endpoints_that_differ_by_few_one_is_told():
    """20 events of PFS and 18 of TTP: two patients died without progression."""
    rows = [row(at, 100 + 10 * at, at < 20, product="a", ttp_days=100 + 10 * at, ttp_event=at < 18) for at in range(40)]
    section = survival(gathered(rows), plan_of(min_cell=5))
    assert first(section, "survival_medians", endpoint="pfs")["events"] == "20"
    ttp = first(section, "survival_medians", endpoint="ttp")
    assert ttp["events"] == "*" and ttp["median_months"] is None and ttp["survival_6_months_percent"] is None
    assert any("Time to progression" in why and "differs by few" in why for why in section.refused)
    assert first(survival(gathered(rows), plan_of()), "survival_medians", endpoint="ttp")["events"] == 18


def test_second_progression_is_not_told_where_nobody_watched_the_next_line():
    rows = [row(at, 100 + 10 * at, True, pfs2_days=500, pfs2_event=False, next_line_seen=at < 4) for at in range(10)]
    section = survival(gathered(rows), plan_of())
    assert "pfs2" not in table(section, "survival_medians").frame["endpoint"]
    assert any("fewer than half of the next lines" in why and "(4 of 10)" in why for why in section.refused)
    seen = survival(gathered([{**one, "next_line_seen": True} for one in rows]), plan_of())
    assert "pfs2" in table(seen, "survival_medians").frame["endpoint"]


def test_nobody_observed_beyond_day_0_has_no_median():
    section = survival(gathered([row(at, 0, False, os_days=0) for at in range(12)]), plan_of())
    shown = table(section, "survival_medians").shown
    assert shown is not None and "NR [NR, NR]" not in shown["median"].to_list()
    assert "not estimable" in shown["median"].to_list()
    assert any("nobody was observed beyond day 0" in why for why in section.refused)


def test_the_number_left_out_is_not_told_by_the_number_followed():
    rows = [*group(1, "a", 6, 12), patient(13, product="a", pfs_event=False)]
    cohort = gathered(rows).cohort
    assert left_out_words(followed(cohort, "infusion", "pfs"), 4).startswith("* ")
    told = first(survival(gathered(rows), plan_of(min_cell=4)), "survival_medians", endpoint="pfs")
    assert told["n"] == "*"
    assert first(survival(gathered(rows), plan_of()), "survival_medians", endpoint="pfs")["n"] == 12


def test_a_curve_ends_on_the_last_day_with_enough_at_risk_and_medians_behind_it_are_not_told():
    """Ten patients leave on days 10, 20 ... 100, the first five with the event: 4 are at risk on day 70, 3 on 80."""
    days = pl.Series([10 * place for place in range(1, 11)])
    early, until = cut_off(kaplan_meier(days, pl.Series([place < 5 for place in range(10)])), 4)
    assert until == 70 and early.table["days"].max() == 70 and early.table["censored"].sum() == 0
    assert early.median == 50
    late, until = cut_off(kaplan_meier(days, pl.Series([place in (0, 7, 8) for place in range(10)])), 4)
    assert late.median is None and limit(late.median, until) == "> 2.3"
    whole, until = cut_off(kaplan_meier(days, pl.Series([True] * 10)), 0)
    assert until is None and whole.table["days"].max() == 100


def test_readings_of_the_same_patients_that_differ_by_few_do_not_stand_side_by_side():
    assert overlapping([(20, 10, 10), (20, 12, 8)], 4) == [True, False]
    assert overlapping([(20, 10, 10), (20, 10, 10), (20, 15, 5)], 4) == [True, True, True]
    rows = [*group(1, "a", 6, 20), row(21, 300, False, unconfirmed_pd_days=310)]
    both = table(survival(gathered(rows), plan_of(min_cell=4)), "survival_unconfirmed_progression")
    assert both.frame.height == 1 and any("PFS of * patients" in note for note in both.notes)


COUNTED = ("n", "events", "at_risk", "left_out", "censored")


@pytest.mark.parametrize("origin", ["infusion", "failure", "apheresis"])
def test_no_file_and_no_figure_of_the_demonstration_holds_a_small_count(demo, origin: str):  # noqa: F811
    strata = ["product", "emd", "stage"] + (["failure_type"] if origin == "failure" else [])
    section = survival(demo, plan_of(origin=origin, by=strata, min_cell=8))
    assert "survival_steps" not in names(section)
    seen = 0
    for one in section.tables:
        for column in (c for c in one.frame.columns if c.startswith(COUNTED)):
            assert one.frame.schema[column] == pl.String, (one.name, column)
            for text in one.frame[column].drop_nulls():
                seen += 1
                assert text in ("*", "0") or int(text) >= 8, (one.name, column, text)
    assert seen > 100
    for figure in section.figures:
        drawn = json.dumps(figure.chart.to_dict())
        assert "Upright ticks" not in drawn and "Curves end where fewer than 8 are at risk" in drawn


def test_numbers_at_risk_of_the_groups_do_not_give_a_small_one_away(demo):  # noqa: F811
    section = survival(demo, plan_of(by=["product"], min_cell=8))  # two groups, none of them kept back
    checked = 0
    for one in section.tables:
        if not one.name.endswith("_at_ticks") or "_by_" not in one.name:
            continue
        for _, tick in one.frame.group_by("months"):
            kept, told = (tick["at_risk"] == "*").sum(), tick["at_risk"].to_list()
            checked += kept
            assert kept != 1, told
    assert checked > 0


# ---- what a registry may lack ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["infusion", "failure", "apheresis"])
@pytest.mark.parametrize("min_cell", [0, 5])
@pytest.mark.parametrize("rows", [[], [patient(1)], [patient(1, infused=False, infusion_number=None)]])
def test_a_registry_without_anybody_to_follow_says_so(rows: list[Row], origin: str, min_cell: int):
    section = survival(gathered(rows), plan_of(origin=origin, by=["product"], min_cell=min_cell))
    assert section.says == (f"No patient of this registry can be followed from {origin}.",) and section.parts == ()


def test_one_patient_can_be_told_and_is_not_under_min_cell():
    alone = survival(gathered(FOUR[:1]), plan_of(by=["product"]))
    assert first(alone, "survival_medians", endpoint="pfs")["median_months"] == pytest.approx(100 / MONTH)
    discreet = survival(gathered(FOUR[:1]), plan_of(by=["product"], min_cell=5))
    assert discreet.figures == () and discreet.says[0].startswith("Too few patients or events to tell")
    assert first(discreet, "survival_medians", endpoint="pfs")["n"] == "*"


def test_all_groups_unknown_are_one_group_that_is_compared_with_nothing():
    section = survival(gathered([{**one, "product": None} for one in FOUR]), plan_of(by=["product"]))
    assert set(table(section, "survival_by_product").frame["group"]) == {"not known"}
    assert "survival_log_rank" not in names(section)
