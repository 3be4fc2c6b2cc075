"""Lymphocyte peak, delayed neurotoxicity, enterocolitis, low IgG, infections and second malignancies after infusion."""

from __future__ import annotations

import pytest

from infusions import derived, patient, result
from mspike.knowledge.criteria import published
from mspike.safety.expansion import delayed_neurotoxicity, lymphocyte_peak
from mspike.safety.immunoglobulins import hypogammaglobulinaemia, igg_readings
from mspike.safety.late_effects import enterocolitis, infections, second_malignancies

# ---- the lymphocyte peak --------------------------------------------------------------------------------------------


def peak(*counts: tuple[int, object], **told) -> dict:
    return lymphocyte_peak(derived(patient([result(d, "alc", v) for d, v in counts], **told))).to_dicts()[0]


def test_case_i19_one_peak_with_two_opposite_meanings():
    got = peak((12, 3.4))
    assert (got["expansion_good"], got["alert"], got["evidence_for_product"]) == (True, True, True)
    assert (got["peak_lo"], got["peak_at"], got["missing"]) == (3_400_000, 12, [])


@pytest.mark.parametrize(
    ("value", "alert", "good", "very_poor"),
    [
        (3, False, True, False),
        (3.01, True, True, False),
        (1, False, False, False),
        (1.01, False, True, False),
        (0.5, False, False, True),
        (0.51, False, False, False),
        ("<0.1", False, False, True),
        ("<2", False, None, None),
        (">2", None, True, False),
    ],
)
def test_both_sides_of_each_lymphocyte_limit(value, alert, good, very_poor):
    got = peak((12, value))
    assert (got["alert"], got["expansion_good"], got["expansion_very_poor"]) == (alert, good, very_poor)
    assert got["expansion_poor"] is (None if good is None else not good)


@pytest.mark.parametrize(
    ("day", "alert", "good"),
    [(9, None, False), (10, False, False), (21, False, None), (22, None, None), (7, None, False), (6, None, None)],
)
def test_a_low_count_denies_a_peak_only_where_the_peak_is_due(day, alert, good):
    got = peak((day, 0.4))
    assert (got["alert"], got["expansion_good"]) == (alert, good)
    assert len(got["missing"]) == (alert is None) + (good is None)


@pytest.mark.parametrize(
    ("day", "alert", "good"), [(-1, None, None), (0, True, True), (15, True, True), (16, True, None), (28, True, None)]
)
def test_a_high_count_is_a_peak_within_its_window(day, alert, good):
    got = peak((day, 4))
    assert (got["alert"], got["expansion_good"]) == (alert, good)


def test_the_peak_may_come_after_day_15_and_ends_with_day_28():
    got = peak((12, 0.4), (14, 0.8), (25, 3.5), (29, 9))
    assert (got["alert"], got["peak_at"], got["peak_lo"]) == (True, 25, 3_500_000)
    assert (got["expansion_good"], got["peak_15_at"], got["peak_15_lo"]) == (False, 14, 800_000)


@pytest.mark.parametrize(
    ("agent", "evidence"),
    [("ciltacabtagene autoleucel", True), ("Carvykti", True), ("ide-cel", False), ("CAR-T", None), (None, None)],
)
def test_the_evidence_is_for_cilta_cel(agent, evidence):
    assert peak((12, 3.4), agent=agent)["evidence_for_product"] is evidence


def test_no_count_is_no_answer():
    got = peak()
    assert got["alert"] is got["expansion_good"] is got["expansion_poor"] is got["expansion_very_poor"] is None
    assert len(got["missing"]) == 2


def test_signs_of_delayed_neurotoxicity_by_the_day_of_onset():
    events = [
        {"date": 22, "event": "cranial_nerve_palsy", "grade": 2, "detail": "facial nerve"},
        {"date": 30, "event": "facial nerve palsy", "grade": 3},
        {"date": 41, "event": "neurotoxicity", "grade": 3, "detail": "Parkinsonism"},
        {"date": 50, "event": "Guillain-Barré syndrome"},
        {"date": -400, "event": "parkinsonism"},
        {"date": 3, "event": "icans", "detail": "no parkinsonism"},
    ]
    got = delayed_neurotoxicity(derived(patient(events=events))).to_dicts()[0]
    assert (got["cranial_nerve_palsy_at"], got["cranial_nerve_palsy_grade"]) == (22, 3)
    assert (got["parkinsonism_at"], got["guillain_barre_at"], got["recorded"]) == (41, 50, True)
    assert delayed_neurotoxicity(derived(patient(events=events[-2:])))["recorded"].to_list() == [False]


# ---- enterocolitis --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "alert"),
    [
        ({"date": 56, "event": "diarrhoea", "grade": 3}, True),
        ({"date": 56, "event": "diarrhea", "grade": 2}, False),
        ({"date": 56, "event": "diarrhoea"}, None),
        ({"date": 14, "event": "colitis"}, True),
        ({"date": 13, "event": "colitis"}, False),
        ({"date": 13, "event": "diarrhoea"}, False),
        ({"date": 13, "event": "iec_enterocolitis"}, True),
        ({"date": 13, "event": "IEC-EC"}, True),
        ({"date": -3, "event": "enterocolitis"}, False),
        ({"date": 56, "event": "infection", "grade": 4}, False),
    ],
)
def test_what_raises_the_question_of_enterocolitis(event, alert):
    got = enterocolitis(derived(patient(events=[event]))).to_dicts()[0]
    assert got["alert"] is alert
    assert got["onset_at"] == (event["date"] if alert else None)


def test_a_germ_named_beside_it_is_shown():
    told = [{"date": 60, "event": "colitis", "grade": 3, "detail": "Clostridioides difficile"}]
    germ = enterocolitis(derived(patient(events=told), patient(events=[told[0] | {"detail": "biopsy pending"}])))
    assert germ["germ_named"].to_list() == [True, False]


# ---- IgG ------------------------------------------------------------------------------------------------------------


def igg(*results, events=(), **facts) -> dict:
    return igg_readings(derived(patient(results, events, **facts))).to_dicts()[-1]


def test_case_i21_the_m_protein_is_taken_off_in_igg_myeloma():
    got = igg(result(60, "igg", 390), result(60, "serum_m", 0.3), heavy_chain="IgG")
    assert (got["low"], got["polyclonal_lo"], got["polyclonal_hi"]) == (True, 90_000_000, 90_000_000)
    assert got["igg_lo"] == 390_000_000


@pytest.mark.parametrize(
    ("chain", "value", "m_protein", "low", "polyclonal"),
    [
        ("IgG", 700, 0.3, False, (400, 400)),
        ("IgG", 699, 0.3, True, (399, 399)),
        ("IgG", 2000, 2.5, True, (0, 0)),
        ("IgG", 500, "<0.1", False, (400.001, 500)),  # a millionth of a g/dL below 0.1 is a thousandth of a mg/dL
        ("IgG", 399, None, True, (0, 399)),
        ("IgG", 900, None, None, (0, 900)),
        ("IgG", 900, "negative", False, (900, 900)),
        ("IgA", 400, 2.5, False, (400, 400)),
        ("IgA", 399, 2.5, True, (399, 399)),
        ("none", 500, 0.2, False, (500, 500)),
        ("unknown", 500, 0.2, None, (300, 500)),
        ("unknown", 399, 0.2, True, (199, 399)),
        ("unknown", 900, 0.2, False, (700, 900)),
        (None, 900, None, None, (0, 900)),
        (None, 900, 0, False, (900, 900)),
        ("IgA", "<40", None, True, (0, 39.999999)),
    ],
)
def test_polyclonal_igg_by_heavy_chain(chain, value, m_protein, low, polyclonal):
    spike = [] if m_protein is None else [result(60, "serum_m", m_protein)]
    got = igg(result(60, "igg", value), *spike, heavy_chain=chain)
    shown = (got["polyclonal_lo"] / 1e6, got["polyclonal_hi"] / 1e6)
    assert shown == pytest.approx(polyclonal, abs=1e-9)
    assert got["low"] is low


def test_what_is_missing_for_polyclonal_igg_is_named():
    assert igg(result(60, "igg", 900), heavy_chain="IgG")["missing"] == ["serum_m"]
    assert igg(result(60, "igg", 900), result(60, "serum_m", 0.2))["missing"] == ["heavy_chain"]
    assert igg(result(60, "igg", 900), heavy_chain="IgA")["missing"] == []


@pytest.mark.parametrize(("apart", "polyclonal"), [(7, 600), (-7, 600), (8, 0), (-8, 0)])
def test_the_m_protein_may_be_a_week_apart(apart, polyclonal):
    got = igg(result(60, "igg", 900), result(60 + apart, "serum_m", 0.3), heavy_chain="IgG")
    assert got["polyclonal_lo"] == polyclonal * 1_000_000


def test_a_spike_that_is_not_the_clones_is_not_taken_off():
    got = igg(result(60, "igg", 900), result(60, "serum_m", 0.3, attribution="other"), heavy_chain="IgG")
    assert (got["polyclonal_lo"], got["missing"]) == (0, ["serum_m"])


@pytest.mark.parametrize(
    ("events", "both"),
    [
        ([], False),
        ([(30, 2)], False),
        ([(30, 3)], True),
        ([(30, None)], None),
        ([(30, 2), (50, 1)], True),
        ([(30, None), (50, None)], True),
        ([(61, 4)], False),
        ([(-20, 4)], False),
    ],
)
def test_the_stricter_reading_asks_for_recurrent_or_serious_infections(events, both):
    told = [{"date": day, "event": "infection", "grade": grade} for day, grade in events]
    got = igg(result(60, "igg", 390), events=told, heavy_chain="IgA")
    assert (got["low"], got["low_with_infections"]) == (True, both)


@pytest.mark.parametrize(("day", "both"), [(120, True), (119, False)])
def test_infections_of_the_last_half_year_count(day, both):
    told = [{"date": day, "event": "pneumonia", "grade": 3}]
    assert igg(result(300, "igg", 390), events=told, heavy_chain="IgA")["low_with_infections"] is both


def test_the_summary_keeps_the_last_reading_and_the_first_low_one():
    told = [result(d, "igg", v) for d, v in ((-9, 100), (30, 500), (60, 390), (90, 300), (120, 450))]
    frame = hypogammaglobulinaemia(derived(patient(told, heavy_chain="IgA"), patient(heavy_chain="IgA")))
    known, silent = frame.to_dicts()
    assert (known["ever_low"], known["first_low_at"], known["last_low"], known["last_at"]) == (True, 60, False, 120)
    assert (known["readings"], silent["readings"]) == (4, 0)
    assert silent["ever_low"] is silent["last_low"] is silent["ever_low_with_infections"] is None


# ---- infections and second malignancies -----------------------------------------------------------------------------


def test_infections_are_counted_by_period_and_severity():
    told = [(-5, 4), (0, 3), (30, 2), (31, None), (100, 5), (101, 1), (365, 3), (366, 4)]
    events = [{"date": day, "event": "infection", "grade": grade} for day, grade in told]
    got = infections(derived(patient(events=[*events, {"date": 5, "event": "crs", "grade": 3}]))).to_dicts()[0]
    assert [got[f"{p}_infections"] for p in ("early", "middle", "late")] == [2, 2, 2]
    assert [got[f"{p}_severe_low"] for p in ("early", "middle", "late")] == [1, 1, 1]
    assert [got[f"{p}_severe_high"] for p in ("early", "middle", "late")] == [1, 2, 1]
    assert got["first_severe_at"] == 0


@pytest.mark.parametrize(
    ("last", "days"), [(0, [1, 0, 0]), (30, [31, 0, 0]), (31, [31, 1, 0]), (100, [31, 70, 0]), (400, [31, 70, 265])]
)
def test_the_days_followed_tell_how_far_a_count_reaches(last, days):
    got = infections(derived(patient(last_contact_date=last))).to_dicts()[0]
    assert [got[f"{p}_days"] for p in ("early", "middle", "late")] == days
    assert got["early_infections"] == 0


@pytest.mark.parametrize(
    ("event", "detail", "recorded", "t_cell"),
    [
        ("second_malignancy", "T-cell lymphoma", True, True),
        ("second_malignancy", "PTCL", True, True),
        ("t_cell_lymphoma", None, True, True),
        ("second_malignancy", "CAR T-cell lymphoma of the gut", True, True),
        ("second_malignancy", "MDS after CAR T-cell therapy", True, False),
        ("second_malignancy", "acute myeloid leukaemia", True, False),
        ("MDS", None, True, False),
        ("second_malignancy", None, True, None),
        ("second primary malignancy", "unknown", True, None),
        ("infection", "T cells low", False, False),
    ],
)
def test_second_malignancies_and_those_of_t_cells(event, detail, recorded, t_cell):
    told = patient(events=[{"date": 400, "event": event, "detail": detail}])
    got = second_malignancies(derived(told)).to_dicts()[0]
    assert (got["recorded"], got["t_cell"]) == (recorded, t_cell)
    assert got["first_at"] == (400 if recorded else None)
    assert got["t_cell_at"] == (400 if t_cell else None)


def test_a_malignancy_before_the_infusion_is_no_late_effect_and_a_death_from_one_is():
    early = patient(events=[{"date": -100, "event": "second_malignancy", "detail": "melanoma"}])
    died = patient(death_date=500, death_cause="second_malignancy")
    got = second_malignancies(derived(early, died)).to_dicts()
    assert [g["recorded"] for g in got] == [False, True]
    assert (got[1]["first_at"], got[1]["t_cell"]) == (500, None)


def test_what_happens_after_a_second_infusion_belongs_to_it():
    days = (20, 199, 200, 205)
    events = [{"date": day, "event": "infection", "grade": 2} for day in days]
    told = patient([result(12, "alc", 4), result(212, "alc", 0.3)], events, infusions=(0, 200))
    both = derived(told)
    assert lymphocyte_peak(both)["alert"].to_list() == [True, False]
    assert infections(both)["early_infections"].to_list() == [1, 2]
    assert infections(both)["late_infections"].to_list() == [1, 0]
    assert infections(both)["late_days"].to_list()[0] == 99  # days 101 to 199


@pytest.mark.parametrize(
    "name", ["delayed-neurotoxicity", "enterocolitis", "hypogammaglobulinaemia", "infections", "second-malignancies"]
)
def test_published_facts_give_no_dose(name):
    facts = [r for r in published(name).rules.values() if ".fact." in r.id]
    assert facts
    for fact in facts:
        assert not any(unit in f"{fact.says} {fact.thresholds}" for unit in (" mg ", "mg/kg", "g/kg")), fact.id
