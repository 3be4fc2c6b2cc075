"""IEC-HS: suspected where ferritin and two findings beside it say so; what was not measured leaves it open."""

from __future__ import annotations

import pytest

from infusions import derived, patient, result
from mspike.safety.iec_hs import iec_hs, iec_hs_inputs

# Before: nothing abnormal. On day 10 nothing is met, and everything was looked at.
BEFORE = [
    result(-6, "platelets", 150),
    result(-6, "anc", 3),
    result(-6, "haemoglobin", 11),
    result(-1, "ferritin", 290, ref_high=300),
    result(-1, "alt", 30, ref_high=40),
]
QUIET = {
    "ferritin": result(10, "ferritin", 450, ref_high=300),
    "alt": result(10, "alt", 60, ref_high=40),
    "fibrinogen": result(10, "fibrinogen", 300, ref_low=200),
    "platelets": result(10, "platelets", 120),
    "anc": result(10, "anc", 2),
    "haemoglobin": result(10, "haemoglobin", 10),
}
FERRITIN = {"ferritin": result(10, "ferritin", 601, ref_high=300)}
TRANSAMINASES = {"alt": result(10, "alt", 201, ref_high=40)}
FIBRINOGEN = {"fibrinogen": result(10, "fibrinogen", 149, ref_low=120)}
CYTOPENIA = {"platelets": result(10, "platelets", 49)}
NOT_SEEN = {"date": 10, "event": "haemophagocytosis", "detail": "not seen in the marrow"}
SEEN = {"date": 10, "event": "haemophagocytosis", "detail": "marrow"}


def judged(*changes: dict, events: list | None = None, before: list | None = None, more: list | None = None) -> dict:
    results = dict(QUIET)
    for change in changes:
        results |= change
    told = [*(BEFORE if before is None else before), *(r for r in results.values() if r), *(more or [])]
    return iec_hs(derived(patient(told, [NOT_SEEN] if events is None else events))).to_dicts()[0]


def suspicion(*changes: dict, **told) -> bool | None:
    return judged(*changes, **told)["suspected"]


def test_ferritin_and_two_findings_raise_the_suspicion():
    got = judged(FERRITIN, TRANSAMINASES, FIBRINOGEN)
    assert (got["suspected"], got["suspected_at"], got["suspected_day"]) == (True, 10, 10)
    assert got["supporting"] == ["transaminases", "fibrinogen"]
    assert got["missing"] == []
    assert suspicion(FERRITIN, TRANSAMINASES, CYTOPENIA) is True
    assert suspicion(FERRITIN, TRANSAMINASES, events=[SEEN]) is True


def test_one_finding_beside_ferritin_or_findings_without_ferritin_do_not():
    assert suspicion(FERRITIN, TRANSAMINASES) is False
    assert suspicion(FERRITIN) is False
    assert suspicion(TRANSAMINASES, FIBRINOGEN, CYTOPENIA) is False


TWO = (TRANSAMINASES, FIBRINOGEN)


@pytest.mark.parametrize(
    ("value", "more", "met"),
    [
        (600, {"ref_high": 300}, False),
        (600.1, {"ref_high": 300}, True),
        (580, {"ref_high": 290}, False),  # twice the value at infusion
        (580.1, {"ref_high": 300}, True),
        ("<500", {"ref_high": 300}, False),
        (">580", {"ref_high": 300}, None),
        (">700", {"ref_high": 300}, True),
        (500, {}, None),
        (601, {}, True),
    ],
)
def test_ferritin_is_asked_against_its_limit_and_its_value_at_infusion(value, more, met):
    before = [*BEFORE[:3], result(-1, "ferritin", 300 if value in (600, 600.1) else 290), BEFORE[4]]
    change = {"ferritin": result(10, "ferritin", value, **more)}
    # A lower value two days earlier, so that rising rapidly can be denied.
    assert suspicion(change, *TWO, before=before, more=[result(8, "ferritin", 400, ref_high=300)]) is met


@pytest.mark.parametrize(
    ("day", "earlier", "now", "met"),
    [
        (7, 260, 520, True),
        (7, 260.1, 520, False),
        (6, 260, 520, None),  # nothing within three days to compare with
        (7, 249.9, 499.9, False),
    ],
)
def test_doubling_within_three_days_is_rising_rapidly(day, earlier, now, met):
    change = {"ferritin": result(10, "ferritin", now, ref_high=300)}
    got = suspicion(change, *TWO, more=[result(day, "ferritin", earlier, ref_high=300)])
    assert got is met


@pytest.mark.parametrize(
    ("value", "ref", "before", "met"),
    [
        (200, 40, 30, False),
        (200.1, 40, 30, True),
        (200.1, 40, 40, True),
        (250, 40, 50, False),  # raised before: five times that value
        (250.1, 40, 50, True),
        (201, None, 30, None),
        (201, 40, None, True),  # nothing is known from before: the limit decides
        (199, 40, None, False),
    ],
)
def test_transaminases_above_five_times_their_limit_or_their_raised_value_before(value, ref, before, met):
    known = [*BEFORE[:4]] if before is None else [*BEFORE[:4], result(-1, "alt", before, ref_high=40)]
    more = {} if ref is None else {"ref_high": ref}
    assert suspicion(FERRITIN, FIBRINOGEN, {"alt": result(10, "alt", value, **more)}, before=known) is met


@pytest.mark.parametrize(
    ("value", "more", "met"),
    [
        (150, {"ref_low": 150}, False),
        (149.9, {}, True),
        (199, {"ref_low": 200}, True),
        (200, {"ref_low": 200}, False),
        (199, {}, None),
        ("1.49", {"unit": "g/L", "ref_low": "1.4"}, True),
        ("1.7", {"unit": "g/L", "ref_low": "1.8"}, True),
    ],
)
def test_fibrinogen_below_its_level_or_its_limit(value, more, met):
    assert suspicion(FERRITIN, TRANSAMINASES, {"fibrinogen": result(10, "fibrinogen", value, **more)}) is met


@pytest.mark.parametrize(
    ("analyte", "before", "now", "met"),
    [
        ("platelets", 150, 50, False),
        ("platelets", 150, 49.9, True),
        ("anc", 3, 0.5, False),
        ("anc", 3, 0.499, True),
        ("haemoglobin", 11, 8, False),
        ("haemoglobin", 11, 7.9, True),
        ("platelets", 40, 20, True),  # low before, and halved since
        ("platelets", 40, 20.1, False),
        ("platelets", None, 49, None),
        ("platelets", None, 51, False),
    ],
)
def test_cytopenia_is_new_or_worse_than_before_lymphodepletion(analyte, before, now, met):
    known = [r for r in BEFORE if r[1] != analyte]
    if before is not None:
        known.append(result(-6, analyte, before))
    got = suspicion(FERRITIN, TRANSAMINASES, {analyte: result(10, analyte, now)}, before=known)
    assert got is met


@pytest.mark.parametrize("item", ["fibrinogen", "platelets", "anc", "haemoglobin"])
def test_what_was_not_measured_and_could_decide_leaves_it_open(item):
    got = judged(FERRITIN, TRANSAMINASES, {item: None})
    assert (got["suspected"], got["missing"]) == (None, [item])
    assert suspicion(FERRITIN, {item: None}) is False


def test_haemophagocytosis_is_unknown_where_nobody_looked():
    got = judged(FERRITIN, TRANSAMINASES, events=[])
    assert (got["suspected"], got["missing"]) == (None, ["haemophagocytosis"])
    assert (got["judged_at"], got["supporting"]) == (10, ["transaminases"])
    assert got["suspected_by_values"] is False
    assert judged(FERRITIN, TRANSAMINASES, FIBRINOGEN, events=[])["suspected_by_values"] is True
    assert judged(FERRITIN, TRANSAMINASES, {"anc": None}, events=[])["suspected_by_values"] is None
    assert judged({"ferritin": None}, events=[])["suspected_by_values"] is None


@pytest.mark.parametrize(("before", "more", "high"), [(601, 300, True), (600, 300, False), (601, None, None)])
def test_ferritin_that_was_high_before_infusion_is_told(before, more, high):
    known = result(-1, "ferritin", before, **({"ref_high": more} if more else {}))
    assert judged(FERRITIN, before=[*BEFORE[:3], known])["ferritin_high_before"] is high
    assert judged(FERRITIN, before=BEFORE[:3])["ferritin_high_before"] is None


def test_without_ferritin_nothing_is_said():
    got = judged({"ferritin": None}, TRANSAMINASES, FIBRINOGEN)
    assert (got["suspected"], got["missing"]) == (None, ["ferritin"])
    empty = iec_hs(derived(patient())).to_dicts()[0]
    assert (empty["suspected"], empty["missing"], empty["supporting"]) == (None, ["ferritin"], [])


@pytest.mark.parametrize(("apart", "met", "day"), [(3, True, 13), (4, None, None), (-3, True, 10), (-4, None, None)])
def test_findings_count_together_within_three_days(apart, met, day):
    late = {"fibrinogen": result(10 + apart, "fibrinogen", 149, ref_low=120)}
    got = judged(FERRITIN, TRANSAMINASES, late)
    assert (got["suspected"], got["suspected_at"]) == (met, day)


@pytest.mark.parametrize(("day", "met"), [(60, True), (61, None), (0, True), (-1, None)])
def test_the_first_sixty_days_are_looked_at(day, met):
    told = [
        *BEFORE[:3],
        result(day, "ferritin", 2000, ref_high=300),
        result(day, "fibrinogen", 100),
        result(day, "platelets", 10),
    ]
    assert iec_hs(derived(patient(told)))["suspected"].to_list() == [met]


def test_the_first_day_of_suspicion_counts():
    again = [result(d, a, v, ref_high=300) for d in (20, 30) for a, v in (("ferritin", 2000),)]
    low = [result(d, a, v) for d in (20, 30) for a, v in (("fibrinogen", 90), ("platelets", 10))]
    assert judged(more=[*again, *low])["suspected_at"] == 20


def test_what_was_recorded_stands_beside_what_was_computed():
    events = [
        {"date": 12, "event": "IEC-HS", "grade": 3},
        {"date": 15, "event": "hlh", "grade": 4},
        {"date": -30, "event": "HLH", "grade": 5},
        NOT_SEEN,
    ]
    got = judged(FERRITIN, TRANSAMINASES, events=events)
    assert (got["suspected"], got["recorded_at"], got["recorded_grade"]) == (False, 12, 4)
    assert judged(FERRITIN)["recorded_at"] is None


def test_the_values_behind_the_answer_can_be_shown():
    told = patient([*BEFORE, *({**QUIET, **FERRITIN, **TRANSAMINASES, **FIBRINOGEN}).values()], [NOT_SEEN])
    rows = {r["item"]: r for r in iec_hs_inputs(derived(told)).to_dicts()}
    assert set(rows) == {
        "ferritin",
        "transaminases",
        "fibrinogen",
        "platelets",
        "anc",
        "haemoglobin",
        "haemophagocytosis",
    }
    ferritin = rows["ferritin"]
    assert (ferritin["lo"], ferritin["ref_high"], ferritin["before_lo"]) == (601_000_000, 300_000_000, 290_000_000)
    assert (ferritin["before_day"], ferritin["met"], rows["platelets"]["met"]) == (-1, True, False)
