"""Does the plain reading say what the worked cases say, and does it hold together?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from near_thresholds import KINDS, SETTINGS, patients
from plain_reading import (
    NEGATIVE,
    ORDER,
    Lesion,
    Patient,
    Settings,
    Visit,
    amount,
    at_least,
    below,
    either,
    lowest,
    more_than,
    plain_reading,
)

CASES_FILE = Path(__file__).resolve().parents[2] / ".." / "shared" / "clinical" / "cases.json"
CASES = json.loads(CASES_FILE.read_text())["cases"] if CASES_FILE.exists() else []
IFE = {"NEG": "negative", "POS": "positive", "TMAB": "therapeutic_antibody", "OLIGO": "oligoclonal", None: None}
CATEGORIES = {None: None, "NEG": "absent", "POS": "present"}
BUDGET = budget(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# ---- the worked cases -----------------------------------------------------------------------------------------------


def report(value: object) -> str | None:
    return None if value is None else str(value)


def case_visit(row: dict, chain: str, day: int) -> Visit:
    """One row of a case: `inv` and `unv` are the chains by the clone, `les` lesions in order."""
    involved, uninvolved = report(row.get("inv")), report(row.get("unv"))
    kappa, lambda_ = (involved, uninvolved) if chain == "kappa" else (uninvolved, involved)
    lesions = [Lesion(f"L{n}", str(a), str(b)) for n, (a, b) in enumerate(row.get("les", []))]
    if row.get("new_les"):
        lesions.append(Lesion(f"new on {day}", finding="new"))
    return Visit(
        day,
        report(row.get("s")),
        report(row.get("u")),
        kappa,
        lambda_,
        IFE[row.get("sife")],
        IFE[row.get("uife")],
        report(row.get("bm")),
        CATEGORIES[row.get("clonal")],
        tuple(lesions),
        report(row.get("ca")),
    )


def case_patient(case: dict) -> Patient:
    chain = {"k": "kappa", "l": "lambda"}[case["base"].get("chain", "k")]
    death = case.get("death", {})
    return Patient(
        chain,
        case_visit(case["base"], chain, -6),
        tuple(case_visit(row, chain, row["day"]) for row in case["ass"]),
        case.get("nt"),
        death.get("day"),
        {True: "myeloma", False: "other", None: None}[death.get("mm")],
    )


def settings_of(words: dict[str, str]) -> Settings:
    return Settings(**{name: {"true": True, "false": False}.get(value, value) for name, value in words.items()})


def answers(expect: dict, case: dict, settings: Settings) -> dict:
    """What the plain reading answers to everything that the case expects, under the same keys."""
    got = plain_reading(case_patient(case), settings)
    first = {}
    for row in got.visits:
        first.setdefault(row.confirmed, row.day)
    asked = {
        "raw": lambda: [row.raw for row in got.visits],
        "bor": lambda: got.best_response,
        "pd_day": lambda: got.pd_day,
        "pd": lambda: got.pd_day,
        "first_confirmed": lambda: {level: first.get(level) for level in expect["first_confirmed"]},
        "pfs": lambda: [got.pfs.days, got.pfs.reason if got.pfs.event else "censored"],
        "attributes": lambda: {"mf": "dflc" in got.measurable_by},
        "blq_indeterminate_visit_index": lambda: [n for n, v in enumerate(got.visits) if v.indeterminate_limbs],
    }
    return {key: asked[key]() for key in expect if key not in ("alt", "settings")}


def case_ids() -> list:
    if not CASES:
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no worked cases at {CASES_FILE}"))]
    return [pytest.param(case, id=case["id"]) for case in CASES]


@pytest.mark.parametrize("case", case_ids())
def test_the_plain_reading_answers_the_worked_case(case):
    expect = {key: value for key, value in case["expect"].items() if key != "alt"}
    assert answers(expect, case, Settings()) == expect


@pytest.mark.parametrize("case", [c for c in case_ids() if c.values[0] is None or "alt" in c.values[0]["expect"]])
def test_the_plain_reading_answers_the_worked_case_under_its_other_settings(case):
    expect = {key: value for key, value in case["expect"]["alt"].items() if key != "settings"}
    got = answers(expect, case, settings_of(case["expect"]["alt"]["settings"]))
    assert got == expect


# ---- intervals ------------------------------------------------------------------------------------------------------


def test_below_100_is_below_100_but_may_be_below_99():
    assert below(amount("<100"), 100) is True
    assert below(amount("<100"), 99) is None
    assert at_least(amount("<100"), 100) is False
    assert more_than(amount("<0.1"), 0) is None


def test_above_5_proves_a_rise_and_no_fall():
    assert at_least(amount(">5"), 5) is True
    assert at_least(amount(">5"), 6) is None
    assert below(amount(">5"), 5) is False


def test_the_lowest_of_below_a_tenth_and_a_tenth_is_below_a_tenth():
    span = lowest([amount("0.1"), amount("<0.1")])
    assert below(span, amount("0.1").low) is True


def test_unknown_stays_unknown_unless_another_answer_settles_it():
    assert either(None, False) is None
    assert either(None, True) is True


# ---- single sentences -----------------------------------------------------------------------------------------------

KAPPA = Visit(-6, "3.0", "0")


def told(*visits: Visit, baseline: Visit = KAPPA, settings: Settings | None = None, **outcome):
    return plain_reading(Patient("kappa", baseline, visits, **outcome), settings)


def raw(*visits: Visit, baseline: Visit = KAPPA, settings: Settings | None = None) -> list[str]:
    return [row.raw for row in told(*visits, baseline=baseline, settings=settings).visits]


def clear(day: int, **more) -> Visit:
    return Visit(day, "0", "0", serum_ife="negative", urine_ife="negative", **more)


def test_a_visit_without_immunofixation_between_two_negative_samples_is_skipped():
    got = told(clear(28, marrow="1"), Visit(56, "0", "0"), clear(84))
    assert [row.confirmed for row in got.visits] == ["CR", "VGPR", "CR"]


def test_complete_response_is_confirmed_by_the_negative_sample_before_it():
    got = told(clear(28), clear(56, marrow="1"), Visit(84, "0.1", "0", serum_ife="positive"))
    assert [row.confirmed for row in got.visits] == ["VGPR", "CR", "SD"]


def test_complete_response_followed_by_a_positive_immunofixation_is_very_good():
    got = told(clear(28, marrow="1"), Visit(56, "0", "0", serum_ife="positive", urine_ife="negative"))
    assert got.visits[0].confirmed == "VGPR"


def test_a_stringent_response_needs_ratio_and_clonality_of_the_same_marrow():
    full = clear(28, marrow="1", clonality="absent", kappa="10", lambda_="10")
    assert raw(full, clear(56, kappa="10", lambda_="10"), clear(84)) == ["sCR", "sCR", "CR"]
    later = clear(56, clonality="absent", kappa="10", lambda_="10")
    assert raw(clear(28, marrow="1"), later) == ["CR", "CR"]


def test_the_marrow_of_the_baseline_is_no_marrow_of_the_response():
    assert raw(clear(28), baseline=Visit(-6, "3.0", "0", marrow="1")) == ["VGPR"]


def test_a_spike_of_more_than_a_fifth_of_a_gram_contradicts_the_immunofixation():
    negative = {"serum_ife": "negative", "urine_ife": "negative", "marrow": "1"}
    assert raw(Visit(28, "0.2", "0", **negative), Visit(56, "0.201", "0", **negative)) == ["CR", "VGPR"]


def test_visits_after_new_therapy_confirm_each_other_but_none_before():
    visits = [Visit(day, m, "0") for day, m in ((28, "0.2"), (84, "0.8"), (112, "0.9"), (140, "0.9"))]
    got = told(*visits, new_therapy_day=90)
    assert [row.confirmed for row in got.visits] == ["SD", "NE", "PD", "PD"]
    assert (got.pd_day, got.pfs_fda.days, got.pfs_fda.reason) == (None, 28, "new_therapy")
    assert (got.pfs_ema.days, got.failure_type, got.failure_day) == (112, "primary_refractory", 84)


@pytest.mark.parametrize(("days", "reason"), [(84, "PD"), (85, "death")])
def test_death_from_myeloma_within_84_days_confirms_progression(days, reason):
    got = told(Visit(28, "0.2", "0"), Visit(56, "0.8", "0"), death_day=56 + days, death_cause="myeloma")
    assert got.pfs.reason == reason


def test_two_markers_confirm_each_other_on_one_day():
    visits = (Visit(28, "0.2", "0"), Visit(56, "0.8", "300"))
    assert told(*visits).pd_day is None
    assert told(*visits, settings=Settings(pd_confirmation="two_markers")).pd_day == 56


def test_same_limb_refuses_a_confirmation_by_another_limb():
    visits = (Visit(28, "0.2", "0"), Visit(56, "0.8", "0"), Visit(84, "0.2", "300"))
    assert told(*visits).pd_day == 56
    assert told(*visits, settings=Settings(pd_confirmation="same_limb")).pd_day is None


def test_a_resolved_lesion_that_is_measured_again_is_progression():
    baseline = Visit(-6, "3.0", "0", lesions=(Lesion("L0", "40", "30"),))
    gone = Visit(28, "0.2", "0", lesions=(Lesion("L0", finding="resolved"),))
    back = Visit(56, "0.2", "0", lesions=(Lesion("L0", "5", "5"),))
    assert raw(gone, back, baseline=baseline) == ["VGPR", "PD"]


def test_imaging_carries_forward_95_days():
    baseline = Visit(-6, "3.0", "0", lesions=(Lesion("L0", "40", "30"),))
    imaged = Visit(28, "0.2", "0", lesions=(Lesion("L0", "20", "30"),))
    assert raw(imaged, Visit(123, "0.2", "0"), Visit(124, "0.2", "0"), baseline=baseline) == ["VGPR", "VGPR", "NE"]


def test_before_day_21_only_imaging_calls_progression():
    early = Visit(10, "9", "0")
    new_lesion = Visit(20, lesions=(Lesion("L1", finding="new"),))
    got = told(early, new_lesion, Visit(28, "2.9", "0"))
    assert [(row.day, row.raw) for row in got.visits] == [(20, "PD"), (28, "SD")]
    assert got.pd_day == 20


def test_lambda_disease_measures_by_the_lambda_chain():
    baseline = Visit(-6, "0", "0", "5", "805")
    patient = Patient("lambda", baseline, (Visit(28, "0", "0", "5", "405"), Visit(56, "0", "0", "5", "404")))
    got = plain_reading(patient)
    assert got.measurable_by == ("dflc",)
    assert [row.raw for row in got.visits] == ["PR", "PR"]


# ---- what holds for every patient -----------------------------------------------------------------------------------


@given(patients(partial_imaging=True), st.sampled_from(SETTINGS))
@BUDGET
def test_no_answer_contradicts_another(patient, words):
    got = plain_reading(patient, Settings(**words))
    for row in got.visits:
        assert (row.raw == "PD") == bool(row.pd_limbs)
        assert row.confirmed == "NE" if row.raw == "NE" else ORDER.index(row.confirmed) <= ORDER.index(row.raw)
    assert (got.dor is None) == (got.first_response_day is None)
    assert got.pfs_fda.days <= got.pfs_ema.days
    assert got.ttp.days <= got.pfs.days or not got.ttp.event
    assert got.os.days >= got.pfs.days
    if got.dor is not None:
        assert got.dor.days >= 0


@given(patients())
@BUDGET
def test_the_order_in_which_visits_are_given_changes_nothing(patient):
    turned = Patient(**{**vars(patient), "visits": patient.visits[::-1]})
    assert plain_reading(turned) == plain_reading(patient)


@given(patients())
@BUDGET
def test_a_complete_response_never_stands_beside_a_positive_immunofixation(patient):
    seen = {visit.day: visit for visit in patient.visits}
    for row in plain_reading(patient).visits:
        if row.raw in ("CR", "sCR"):
            assert {seen[row.day].serum_ife, seen[row.day].urine_ife} <= NEGATIVE


@pytest.mark.parametrize("kind", KINDS)
def test_patients_of_every_kind_can_be_drawn_and_read(kind):
    seen = set()

    @given(patients(kinds=(kind,)))
    @budget(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def read(patient):
        seen.update(row.raw for row in plain_reading(patient).visits)

    read()
    assert "PD" in seen
    assert "NE" in seen or kind == "non_measurable"
