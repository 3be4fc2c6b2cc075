"""What a survival curve says and what it refuses to say. All patients here are SYNTHETIC."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

from mspike.cohort.competing import aalen_johansen, incidence_at
from mspike.cohort.followup import reverse_kaplan_meier
from mspike.cohort.survival import at_risk_at, kaplan_meier, log_rank, survival_at
from mspike.cohort.times import Unstable
from mspike.errors import MspikeError

DAYS, EVENT = pl.Series("days", [10, 20, 20, 30, 40]), pl.Series([True, True, False, False, True])


def test_an_event_comes_before_a_censoring_of_the_same_day():
    row = kaplan_meier(DAYS, EVENT).table.filter(pl.col("days") == 20).row(0, named=True)
    assert (row["at_risk"], row["events"], row["censored"]) == (4, 1, 1)
    assert row["survival"] == pytest.approx(4 / 5 * 3 / 4)


def test_the_curve_starts_on_day_0_with_everybody_and_without_an_interval():
    assert kaplan_meier(DAYS, EVENT).table.row(0) == (0.0, 5, 0, 0, 1.0, None, None)


def test_an_event_on_day_0_counts_also_with_delayed_entry_of_others():
    days, event = pl.Series([0, 10, 20]), pl.Series([True, True, False])
    assert kaplan_meier(days, event).table["survival"][0] == pytest.approx(2 / 3)
    delayed = kaplan_meier(days, event, pl.Series([0, 0, 5])).table
    assert delayed["at_risk"].to_list() == [2, 2, 1]
    assert delayed["survival"].to_list() == pytest.approx([1 / 2, 1 / 4, 1 / 4])


def test_a_median_not_reached_is_none_and_not_a_number():
    curve = kaplan_meier(pl.Series([5, 6, 7]), pl.Series([True, False, False]))
    assert (curve.median, curve.median_high) == (None, None)


def test_unknown_times_are_left_out_and_counted():
    curve = kaplan_meier(pl.Series([10, None, 30]), pl.Series([True, True, None]))
    assert (curve.n, curve.events, curve.left_out) == (1, 1, 2)


def test_nobody_gives_an_empty_curve():
    curve = kaplan_meier(pl.Series([], dtype=pl.Int64), pl.Series([], dtype=pl.Boolean))
    assert (curve.n, curve.median, curve.table.height) == (0, None, 0)
    assert survival_at(curve, [10]).row(0) == (10.0, None, None, None, 0)


def test_nothing_is_said_beyond_the_last_day_unless_nobody_is_left():
    said = survival_at(kaplan_meier(pl.Series([10, 20]), pl.Series([True, False])), [30, 10, 0])
    assert said["survival"].to_list() == [None, 0.5, 1.0]
    assert said["at_risk"].to_list() == [0, 2, 2]
    assert survival_at(kaplan_meier(pl.Series([10, 20]), pl.Series([True, True])), [30])["survival"].to_list() == [0.0]


def test_a_time_before_the_start_is_refused_with_its_count():
    with pytest.raises(MspikeError, match="days: 1 of 2 times end before the clock starts"):
        kaplan_meier(pl.Series("days", [-3, 10]), pl.Series([True, True]))


def test_a_patient_is_at_risk_after_the_day_of_entry_not_on_it():
    curve = kaplan_meier(pl.Series([10, 20, 30]), pl.Series([True, True, False]), pl.Series([0, 10, 0]))
    assert at_risk_at(curve, [10, 11])["at_risk"].to_list() == [2, 2]
    assert curve.table["at_risk"].to_list() == [2, 2, 2, 1]


def test_who_enters_on_the_last_day_was_never_at_risk():
    curve = kaplan_meier(pl.Series([10, 20]), pl.Series([True, True]), pl.Series([10, 0]))
    assert (curve.n, curve.left_out) == (1, 1)


def test_a_gap_with_nobody_under_observation_is_refused_not_drawn_as_zero():
    with pytest.raises(Unstable, match="After day 12 nobody is under observation"):
        kaplan_meier(pl.Series([12, 40, 50]), pl.Series([True, True, False]), pl.Series([5, 20, 25]))


def test_everybody_entering_late_is_no_gap():
    curve = kaplan_meier(pl.Series([40, 50]), pl.Series([True, False]), pl.Series([20, 25]))
    assert curve.table["at_risk"].to_list() == [0, 2, 1]


def test_a_wider_level_gives_a_wider_interval():
    usual, wide = (kaplan_meier(DAYS, EVENT, level=level).table.row(1, named=True) for level in (0.95, 0.99))
    assert wide["low"] < usual["low"] < usual["high"] < wide["high"]


def test_the_order_of_patients_does_not_matter():
    shuffled = kaplan_meier(DAYS.reverse(), EVENT.reverse())
    assert shuffled.table.equals(kaplan_meier(DAYS, EVENT).table)


def test_follow_up_counts_deaths_as_the_end_of_being_followed():
    curve = reverse_kaplan_meier(pl.Series([100, 200, 300, 400]), pl.Series([True, False, False, False]))
    assert (curve.median, curve.events) == (300, 3)


def test_log_rank_needs_two_groups_and_an_event():
    for event, group in (([True] * 4, "aaaa"), ([False] * 4, "aabb")):
        with pytest.raises(Unstable, match="needs two groups under observation"):
            log_rank(pl.Series([1, 2, 3, 4]), pl.Series(event), pl.Series(list(group)))


def test_log_rank_leaves_out_an_unknown_group_and_one_never_at_risk_at_an_event():
    days, event = pl.Series([10, 20, 30, 40, 5, 25]), pl.Series([True, True, True, False, False, True])
    two = log_rank(days[:4], event[:4], pl.Series(["a", "b", "a", "b"]))
    assert log_rank(days, event, pl.Series(["a", "b", "a", "b", "c", None])) == two


def test_incidences_of_all_causes_and_survival_add_to_one():
    days = pl.Series([5, 5, 9, 9, 14, 20, 31])
    cause = pl.Series(["progression", "death", "death", "progression", "censored", "progression", "censored"])
    incidence = aalen_johansen(days, cause)
    survival = kaplan_meier(days, cause != "censored").table["survival"]
    total = sum((frame["incidence"] for frame in incidence.values()), survival)
    assert total.to_list() == pytest.approx([1.0] * len(survival))


def test_tied_days_give_the_same_incidence_every_time():
    days = pl.Series([5] * 6 + [9] * 4)
    cause = pl.Series(["progression", "death", "censored"] * 3 + ["progression"])
    first = aalen_johansen(days, cause)["progression"]
    assert all(aalen_johansen(days, cause)["progression"].equals(first) for _ in range(3))


def test_a_cause_that_never_came_stays_at_zero_without_an_interval():
    frame = aalen_johansen(pl.Series([5, 9]), pl.Series(["progression", "censored"]), causes=["death"])["death"]
    assert frame.select("incidence", "low", "high").rows() == [(0.0, None, None)] * 3


def test_incidence_is_not_told_beyond_follow_up_and_unknown_causes_are_left_out():
    frame = aalen_johansen(pl.Series([5, 9, 12]), pl.Series(["progression", "censored", None]))["progression"]
    assert incidence_at(frame, [8, 10])["incidence"].to_list() == [0.5, None]


def test_nothing_heavy_is_loaded_before_it_is_asked_for():
    rooms = ["survival", "competing", "regression", "landmark", "exposure", "rates", "followup"]
    program = "".join(f"import mspike.cohort.{room}\n" for room in rooms)
    program += "import sys; print([m for m in ('lifelines', 'statsmodels', 'scipy', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
