"""ICANS by ASTCT 2019: worked case, both sides of every threshold, each sign alone, each sign missing."""

from __future__ import annotations

import polars as pl
import pytest
from wards import by_day, event, infused, result, signs, ward

from mspike.safety.icans import icans_days, icans_of


def graded(results, events=(), columns=()):
    record = ward(results, events=events)
    assert record.findings.filter(pl.col("severity") == "error").is_empty(), record.findings
    return by_day(icans_days(record, infused(record)), *columns)


def test_i07_ice_0_awake_is_3_and_unarousable_4():
    assert graded(signs(5, ice_score="0", consciousness="awake")) == {5: (3, 3, 3)}
    assert graded(signs(5, ice_score="0", consciousness="unarousable")) == {5: (4, 4, 4)}
    assert graded(signs(5, ice_score="0"), columns=("grade", "at_least", "at_most", "missing")) == {
        5: (None, 3, 4, ["consciousness"])
    }


@pytest.mark.parametrize(
    ("score", "grade"),
    [("10", 0), ("9", 1), ("8", 1), ("7", 1), ("6", 2), ("5", 2), ("3", 2), ("2", 3), ("1", 3), ("0", 3)],
)
def test_ice_alone(score, grade):
    assert graded(signs(5, ice_score=score, consciousness="awake")) == {5: (grade, grade, grade)}


def test_an_uncertain_score_gives_a_range():
    assert graded(signs(5, ice_score="<7", consciousness="alert")) == {5: (None, 2, 3)}


@pytest.mark.parametrize(
    ("word", "grade"),
    [
        ("alert", 0), ("wakes spontaneously", 1), ("to voice", 2), ("only to tactile stimulus", 3),
        ("unarousable", 4), ("stupor", 4), ("coma", 4), ("vigorous tactile stimuli", 4),
    ],
)  # fmt: skip
def test_consciousness_alone(word, grade):
    assert graded(signs(5, ice_score="10", consciousness=word)) == {5: (grade, grade, grade)}


@pytest.mark.parametrize(
    ("sign", "word", "expected"),
    [
        ("seizure", "no", (0, 0, 0)), ("seizure", "brief", (3, 3, 3)), ("seizure", "nonconvulsive", (3, 3, 3)),
        ("seizure", "prolonged", (4, 4, 4)), ("seizure", "repetitive", (4, 4, 4)), ("seizure", "yes", (None, 3, 4)),
        ("motor_weakness", "no", (0, 0, 0)), ("motor_weakness", "hemiparesis", (4, 4, 4)),
        ("cerebral_oedema", "none", (0, 0, 0)), ("cerebral_oedema", "focal", (3, 3, 3)),
        ("cerebral_oedema", "papilloedema", (4, 4, 4)), ("cerebral_oedema", "present", (None, 3, 4)),
    ],
)  # fmt: skip
def test_noted_signs_alone(sign, word, expected):
    assert graded(signs(5, ice_score="10", **{sign: word})) == {5: expected}


@pytest.mark.parametrize(
    ("results", "expected", "missing"),
    [
        (signs(5, ice_score="10"), (0, 0, 0), []),
        (signs(5, ice_score="8"), (1, 1, 1), []),  # who answers is awake
        (signs(5, consciousness="awake"), (None, 0, 3), ["ice_score"]),
        (signs(5, consciousness="tactile"), (3, 3, 3), []),
        (
            signs(5, seizure="brief"),
            (None, 3, 4),
            ["consciousness", "motor_weakness", "cerebral_oedema"],
        ),
    ],
)
def test_what_is_missing(results, expected, missing):
    assert graded(results) == {5: expected}
    assert graded(results, columns=("missing",)) == {5: missing}


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("brief", 3), ("one prolonged seizure, repetitive", 4), ("brief, then prolonged", 4), ("no", 0),
    ],
)  # fmt: skip
def test_events_tell_signs(detail, expected):
    told = [event(5, "seizure", detail=detail)]
    assert graded(signs(5, ice_score="10"), told, columns=("grade",)) == {5: expected}


def test_an_event_without_detail_says_only_that_it_was():
    assert graded(signs(5, ice_score="10"), [event(5, "seizure")]) == {5: (None, 3, 4)}
    assert graded(signs(5, ice_score="10"), [event(5, "cerebral_edema", detail="seen on CT")]) == {5: (None, 3, 4)}


def test_an_event_lasts_to_its_end():
    days = signs(5, ice_score="10") + signs(7, ice_score="10") + signs(8, ice_score="10")
    told = [event(5, "motor_weakness", end_date="7")]
    assert graded(days, told, columns=("at_least",)) == {5: 4, 6: 4, 7: 4, 8: 0}


def test_tremor_and_haemorrhage_are_not_graded():
    told = [event(5, "tremor"), event(5, "intracranial haemorrhage")]
    assert graded(signs(5, ice_score="10"), told) == {5: (0, 0, 0)}


def test_course_and_agreement():
    days = signs(4, ice_score="10") + signs(5, ice_score="5", consciousness="to voice")
    days += signs(6, ice_score="8", consciousness="alert") + signs(7, ice_score="10")
    record = ward(days, events=[event(5, "ICANS", grade="3")])
    told = icans_of(record, infused(record)).row(0, named=True)
    assert (told["onset_day"], told["highest_day"], told["last_day"], told["end_day"]) == (5, 5, 6, 7)
    assert (told["duration"], told["ice_lowest"], told["at_least"], told["at_most"]) == (2, 5, 2, 2)
    assert told["agreement"] == "recorded_higher"


def test_the_lowest_score_of_a_day_stands():
    rows = [result(5, "ice_score", score) for score in ("9", "2", "7")] + signs(5, consciousness="awake")
    assert graded(rows, columns=("grade", "ice_lowest", "ice_score")) == {5: (3, 2, "2")}
