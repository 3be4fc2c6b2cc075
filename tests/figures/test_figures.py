"""Every figure is drawn for 5, 52 and 5,000 SYNTHETIC patients, fits the page and says what its table says."""

from __future__ import annotations

import json
import struct
from functools import cache
from typing import Any

import invented
import polars as pl
import pytest

from mspike.errors import WrongUsage
from mspike.figures.incidence import incidence_chart, incidence_table
from mspike.figures.saved import PRINT_WIDTH, png, save, svg
from mspike.figures.sequence import sequence_chart, sequence_table
from mspike.figures.spider import spider_chart, spider_table
from mspike.figures.stacked_response import response_over_time_chart, response_over_time_table
from mspike.figures.subgroups import subgroups_chart, subgroups_table
from mspike.figures.survival import median_table, steps_table, survival_chart, survival_table
from mspike.figures.swimmer import swimmer_chart, swimmer_table
from mspike.figures.waterfall import best_depths, waterfall_chart, waterfall_table
from mspike.report.terminal import MARKS

TITLE = "SYNTHETIC patients after CAR-T"
SIZES = (5, 52, 5000)
FORTY = pl.DataFrame(
    {"days": [0.0, 100.0, 500.0], "incidence": [0.0, 0.25, 0.4], "low": [None, 0.1, 0.2], "high": [None, 0.4, 0.6]}
)
SUBGROUPS = pl.DataFrame(
    [
        ("Product", "ide-cel", 120, 108, None, None, None, True),
        ("Product", "cilta-cel", 80, 44, 0.41, 0.29, 0.58, False),
        ("Earlier BCMA", "bispecific", 9, 9, 4.7, 1.9, 41.2, False),
        ("Earlier BCMA", "several", 2, 0, None, None, None, False),
    ],
    schema=["subgroup", "level", "n", "events", "hazard_ratio", "low", "high", "reference"],
    orient="row",
)


def width_of(drawn: bytes) -> int:
    return int(struct.unpack(">I", drawn[16:20])[0])


def said(chart: Any) -> str:
    """Every text that a chart holds, also in its literal rows."""
    return json.dumps(chart.to_dict(), ensure_ascii=False).replace('\\"', '"')


def curve(n: int, median: float = 400, seed: int = 1):
    return invented.curve(*invented.times(n, median, seed))


@cache
def charts(n: int) -> dict[str, Any]:
    patients = invented.cohort(n)
    visits, values = invented.assessments(patients), invented.values(patients)
    groups = {"ide-cel": curve(n), "cilta-cel": curve(n, 900, 2)}
    return {
        "survival": survival_chart(groups, TITLE, endpoint="Progression-free survival"),
        "incidence": incidence_chart({"progression": FORTY}, TITLE, free=curve(n)),
        "swimmer": swimmer_chart(patients, visits, TITLE),
        "waterfall": waterfall_chart(best_depths(values, patients), TITLE),
        "spider": spider_chart(values, TITLE, progressions=patients),
        "stacked": response_over_time_chart(patients, visits, TITLE),
        "sequence": sequence_chart(patients, TITLE),
        "subgroups": subgroups_chart(SUBGROUPS, TITLE),
    }


@pytest.mark.parametrize("n", SIZES)
def test_every_figure_is_drawn_and_fits_17_centimetres(n):
    wide = {name: width_of(png(chart, scale=1)) for name, chart in charts(n).items()}
    assert {name: width for name, width in wide.items() if width > PRINT_WIDTH} == {}


def test_a_large_figure_stays_small_enough_for_one_page():
    heavy = {name: len(svg(chart)) for name, chart in charts(5000).items()}
    assert max(heavy.values()) < 1_500_000, heavy


def test_time_axes_tell_unit_and_day_0():
    for name, chart in charts(5).items():
        if name not in ("waterfall", "sequence", "subgroups"):
            assert "Months from infusion (day 0)" in said(chart), name


def test_a_figure_is_saved_as_its_name_says_and_any_other_is_refused(tmp_path):
    chart = subgroups_chart(SUBGROUPS, TITLE)
    assert save(chart, tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert save(chart, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert save(chart, tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(WrongUsage, match="written as"):
        save(chart, tmp_path / "a.jpg")


def test_the_survival_table_has_the_numbers_of_the_curve():
    known = curve(52)
    table = survival_table({"all": known})
    at_12 = table.row(by_predicate=pl.col("months") == 12, named=True)
    before = known.table.filter(pl.col("days") <= 365).row(-1, named=True)
    assert at_12["survival_percent"] == pytest.approx(100 * before["survival"])
    assert at_12["at_risk"] == known.table.filter(pl.col("days") >= 366)["at_risk"][0]
    assert table["at_risk"][0] == 52
    assert steps_table({"all": known}).height == known.table.height
    assert median_table({"all": known})["median_months"][0] == f"{known.median * 12 / 365.25:.1f}"


def test_a_median_that_is_not_reached_is_spelled_out():
    days, event = pl.Series([10.0, 20.0, 30.0, 40.0]), pl.Series([True, False, False, False])
    known = {"all": invented.kaplan_meier(days, event)}
    assert median_table(known)["median_months"].to_list() == ["NR"]
    assert "median NR" in said(survival_chart(known, TITLE, endpoint="Overall survival"))


def test_of_ten_groups_the_eight_largest_are_drawn_and_the_figure_says_so():
    groups = {f"group {size}": curve(size) for size in range(10, 110, 10)}
    told = said(survival_chart(groups, TITLE, endpoint="Overall survival"))
    assert "8 of 10 groups are drawn" in told
    assert 'group 20"' not in told
    assert survival_table(groups)["group"].n_unique() == 10


def test_no_patients_no_curve():
    with pytest.raises(WrongUsage):
        survival_chart({}, TITLE, endpoint="Overall survival")
    with pytest.raises(WrongUsage):
        incidence_chart({}, TITLE)


def test_the_incidence_table_says_nothing_behind_the_last_day():
    table = incidence_table({"progression": FORTY})
    assert table.filter(pl.col("months") == 6)["incidence_percent"].to_list() == [25.0]
    assert table.filter(pl.col("months") == 18)["incidence_percent"].to_list() == [None]


def test_swimmer_lanes_hold_a_response_until_the_next_visit_only():
    patients = pl.DataFrame(
        {"patient_id": ["A"], "line": [2], "os_days": [400], "os_event": [True], "cr_days": [200],
         "cr_cause": ["progression"], "first_salvage_class": ["adc"], "first_salvage_day": [30]}
    )  # fmt: skip
    visits = pl.DataFrame(
        {"patient_id": ["A"] * 4, "line": [2, 2, 2, 1], "day": [30, 60, 90, 10],
         "response_confirmed": ["PR", "PR", "CR", "PD"]}
    )  # fmt: skip
    rows = swimmer_table(patients, visits).select("what", "name", "from_day", "to_day").rows()
    assert rows == [
        ("response", "PR", 30, 90),
        ("response", "CR", 90, 90),  # nothing is claimed behind the last visit
        ("therapy", "adc", 230, 400),
        ("progression", "PD", 200, 200),
        ("death", "died", 400, 400),
    ]


def test_swimmer_and_spider_say_how_many_of_how_many():
    patients = invented.cohort(300)
    lanes = swimmer_chart(patients, invented.assessments(patients), TITLE)
    assert "50 of 300 patients are drawn" in said(lanes)
    values = invented.values(patients)
    shown = spider_table(values)["patient_id"].n_unique()
    assert f"100 of {shown} patients are drawn" in said(spider_chart(values, TITLE))


def test_the_waterfall_takes_the_lowest_value_after_day_0_and_counts_who_has_none():
    values = pl.DataFrame(
        {"patient_id": ["A", "A", "A", "B", "C"], "day": [-5, 30, 60, 30, -3], "marker": ["dFLC"] * 5,
         "value": [10.0, 400.0, 100.0, 7.0, 3.0], "baseline": [400.0, 400.0, 400.0, None, 3.0]}
    )  # fmt: skip
    best = pl.DataFrame({"patient_id": ["A", "B", "C"], "best_response": ["PR", "SD", None]})
    depths = best_depths(values, best)
    assert depths["change_percent"].to_list() == [-75.0, None, None]
    assert waterfall_table(depths)["patient_id"].to_list() == ["A"]
    assert "2 without a baseline or a later value: not shown" in said(waterfall_chart(depths, TITLE))


def test_the_spider_table_is_relative_to_each_baseline_and_unknown_baselines_are_left_out():
    values = pl.DataFrame(
        {"patient_id": ["A", "A", "B"], "day": [0, 30, 0], "marker": ["dFLC"] * 3, "value": [400.0, 100.0, 5.0],
         "baseline": [400.0, 400.0, 0.0]}
    )  # fmt: skip
    assert spider_table(values)["change_percent"].to_list() == [0.0, -75.0]


def test_who_is_no_longer_followed_is_never_counted_as_a_response():
    patients = pl.DataFrame(
        {"patient_id": ["A", "B", "C", "D"], "line": [1] * 4, "cr_days": [50, 50, 50, 400],
         "cr_cause": ["censored", "progression", "non_relapse_death", "censored"]}
    )  # fmt: skip
    visits = pl.DataFrame(
        {"patient_id": ["A", "B", "C", "D"], "line": [1] * 4, "day": [28] * 4, "response_confirmed": ["CR"] * 4}
    )
    table = response_over_time_table(patients, visits, at=[1, 6])
    now = dict(table.filter((pl.col("months") == 6) & (pl.col("n") > 0)).select("state", "n").iter_rows())
    assert now == {"not followed so far": 1, "PD": 1, "died without PD": 1, "CR": 1}
    assert table.group_by("months").agg(pl.col("n").sum())["n"].to_list() == [4, 4]


def test_a_figure_of_response_has_at_most_eight_bars():
    patients = invented.cohort(5)
    with pytest.raises(WrongUsage, match="at most 8"):
        response_over_time_chart(patients, invented.assessments(patients), TITLE, at=list(range(1, 11)))


def test_a_hazard_ratio_that_cannot_be_estimated_is_no_number():
    told = subgroups_table(SUBGROUPS)["told"].to_list()
    assert told == ["reference", "0.41 [0.29, 0.58]", "4.70 [1.90, 41.20]", "not estimable"]


def test_flows_add_up_and_end_where_nothing_failed():
    patients = invented.cohort(200)
    flows = sequence_table(patients)
    first = flows.filter(pl.col("from_stage") == "product")
    assert first["n"].sum() == 200
    failed = int(patients["failed"].sum())
    onward = flows.filter((pl.col("from_stage") == "failure") & pl.col("to_name").is_not_null())
    assert onward["n"].sum() == failed
    assert flows.filter(pl.col("from_stage") == "next_therapy")["n"].sum() == failed


def test_an_unknown_next_therapy_stays_unknown():
    patients = pl.DataFrame(
        {"product": ["ide-cel", None], "failed": [True, True], "failure_type": ["late_relapse", None],
         "first_failure_type": ["late_relapse", None], "first_salvage_class": [None, "none"], "os_event": [None, False],
         "from_failure_pfs_event": [None, False]},
        schema_overrides={"first_salvage_class": pl.String},
    )  # fmt: skip
    rows = {tuple(row) for row in sequence_table(patients).select("from_name", "to_name").rows()}
    assert ("late relapse", "not known") in rows
    assert ("not known", "none recorded") in rows
    assert ("none recorded", "alive, no further PD") in rows


def test_a_way_goes_by_the_failure_that_came_first():
    """Next therapy first, years later a death of another cause: not that death led to the therapy."""
    patients = pl.DataFrame(
        {"product": ["ide-cel"], "failed": [True], "first_failure_type": ["next_therapy"],
         "failure_type": ["nonrelapse_death"], "first_salvage_class": ["bispecific"], "os_event": [True],
         "from_failure_pfs_event": [True]},
    )  # fmt: skip
    rows = [tuple(row) for row in sequence_table(patients).select("from_name", "to_name").rows()]
    assert rows == [("ide-cel", "next therapy, no PD"), ("next therapy, no PD", "bispecific"), ("bispecific", "died")]


def test_the_state_is_known_of_nobody_who_was_not_seen_yet():
    """Of two patients one was judged, one had no visit: the state of one is known at each time."""
    both = {"line": [1] * 2, "cr_days": [900] * 2, "cr_cause": ["censored"] * 2}
    patients = pl.DataFrame({"patient_id": ["a", "b"], **both})
    seen = pl.DataFrame({"patient_id": ["a"], "line": [1], "day": [20], "response_confirmed": ["PR"]})
    drawn = str(response_over_time_chart(patients, seen, "Response").to_dict())
    assert '"words": "1"' in drawn and '"words": "2"' not in drawn


def test_marks_of_the_figures_are_those_of_the_terminal():
    from mspike.figures.palette import CATEGORIES

    assert {category.name: category.mark for category in CATEGORIES} == MARKS
