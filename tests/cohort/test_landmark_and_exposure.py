"""Nobody is credited with the time it took to get a therapy. All patients here are SYNTHETIC."""

from __future__ import annotations

import polars as pl
import pytest

from mspike.cohort.exposure import episodes, salvage, simon_makuch
from mspike.cohort.landmark import landmark
from mspike.cohort.regression import Unstable, cox
from mspike.errors import MspikeError

FAILED = pl.DataFrame(
    {
        "days": [30, 90, 90, 200, 400, 60, None],
        "event": [True, True, False, True, False, True, True],
        "salvage_day": [None, 90, 20, 91, 0, 10, 5],
        "salvage": [None, "bispecific", "bispecific", "CAR-T", "CAR-T", None, "CAR-T"],
    }
)


def test_a_landmark_keeps_who_is_followed_beyond_it_and_says_why_others_are_not_in_it():
    kept = landmark(FAILED, 90, started="salvage_day")
    assert (kept.after_event, kept.after_censoring, kept.unknown) == (3, 1, 1)
    assert kept.frame["days"].to_list() == [110, 310]


def test_what_begins_after_the_landmark_does_not_sort_patients():
    assert landmark(FAILED, 90, started="salvage_day").frame["by_landmark"].to_list() == [False, True]
    assert landmark(FAILED, 91, started="salvage_day").frame["by_landmark"].to_list() == [True, True]


def test_delayed_entry_counts_from_the_landmark():
    frame = pl.DataFrame({"days": [100, 100], "event": [True, True], "entry": [20, 70]})
    assert landmark(frame, 50, entry="entry").frame["entry"].to_list() == [0, 20]


def test_a_landmark_that_nobody_reaches_or_before_day_0_is_refused():
    with pytest.raises(Unstable, match="No patient is event-free and still followed at the landmark, day 400"):
        landmark(FAILED, 400)
    with pytest.raises(MspikeError, match="on or after day 0"):
        landmark(FAILED, -1)


def test_follow_up_is_cut_on_the_day_the_therapy_began():
    cut = episodes(FAILED, "days", "event", "salvage_day", "salvage")
    rows = cut.select("_patient", "_start", "_stop", "_event", "exposure").rows()
    assert rows == [
        (0, 0, 30, True, "none yet"),
        # patient 1 began on the day of death, and was never under the therapy
        (1, 0, 90, True, "none yet"),
        (2, 0, 20, False, "none yet"),
        (2, 20, 90, False, "bispecific"),
        (3, 0, 91, False, "none yet"),
        (3, 91, 200, True, "CAR-T"),
        (4, 0, 400, False, "CAR-T"),
        # patient 5 began a therapy of unknown kind, patient 6 has no known time: left out
    ]


def test_cutting_neither_adds_nor_loses_days_or_events():
    known = FAILED.drop_nulls("days")
    cut = episodes(known, "days", "event", "salvage_day")
    assert (cut["_stop"] - cut["_start"]).sum() == known["days"].sum()
    assert cut["_event"].sum() == known["event"].sum()


def immortal() -> pl.DataFrame:
    """120 patients whose therapy does nothing: it is given on day 50 to every second one who is alive then."""
    days = [1 + (37 * i) % 119 for i in range(120)]
    started = [50 if i % 2 == 0 and day > 50 else None for i, day in enumerate(days)]
    frame = pl.DataFrame({"days": days, "event": [True] * 120, "started": started})
    return frame.with_columns(ever=pl.col("started").is_not_null())


def test_a_therapy_that_does_nothing_seems_to_help_by_ever_and_never_but_not_by_time():
    ever = cox(immortal(), "days", "event", ["ever"]).terms.row(0, named=True)
    assert ever["high"] < 0.8
    timed = salvage(immortal(), "days", "event", "started")
    row = timed.terms.row(0, named=True)
    assert row["low"] < 1 < row["high"]
    assert 0.8 < row["hazard_ratio"] < 1.25
    assert (row["term"], timed.n) == ("exposure: begun (vs none yet)", 120)
    assert "time-dependent" in timed.method


def test_kinds_of_salvage_each_stand_beside_none_yet():
    kinds = pl.when(pl.col("started").is_not_null()).then(
        pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit("bispecific")).otherwise(pl.lit("CAR-T"))
    )
    found = salvage(immortal().with_columns(kind=kinds), "days", "event", "started", "kind")
    assert found.terms["level"].to_list() == ["CAR-T", "bispecific"]
    assert set(found.terms["reference"]) == {"none yet"}


def test_nobody_exposed_is_refused():
    with pytest.raises(Unstable, match="Nobody began"):
        salvage(FAILED.with_columns(salvage_day=pl.lit(None, pl.Int64)), "days", "event", "salvage_day")


def test_a_kind_without_an_event_is_refused_and_can_be_penalised():
    frame = immortal().with_columns(event=pl.col("started").is_null())
    with pytest.raises(Unstable, match=r"none of the .* with 'begun' had the event"):
        salvage(frame, "days", "event", "started")
    assert salvage(frame, "days", "event", "started", penalty="firth").terms["high"][0] < 1


def test_each_patient_moves_from_one_curve_to_the_other():
    curves = simon_makuch(immortal(), "days", "event", "started")
    exposed, waiting = curves["begun"], curves["none yet"]
    assert exposed.events + waiting.events == 120
    assert exposed.table.filter(pl.col("days") > 0)["at_risk"].max() == immortal()["ever"].sum()
