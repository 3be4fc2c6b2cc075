"""Refractory to what, seen from the infusion or from the end of the record (rules.md 3.1, cases H01 and H03)."""

from __future__ import annotations

import random

import polars as pl
import pytest
from therapies_given import INFUSION, answer, earlier, patient, refractory, registry

from mspike.course.disagreements import agreement_of, disagreements_of
from mspike.course.doses import earlier_therapy
from mspike.course.refractory import grouped, refractoriness
from mspike.course.statements import statements
from mspike.knowledge.criteria import published

VD = (-400, -300, "Vd", "treatment", 1)
NEXT = (-200, -100, "Pd", "treatment", 2)


# ---- H01: sixty days, the sixtieth included -------------------------------------------------------------------------


@pytest.mark.parametrize(("progression", "expected"), [("2020-04-30", True), ("2020-05-01", False)])
def test_h01_progression_within_sixty_days_of_the_last_dose(progression, expected):
    given = [("2019-10-01", "2020-03-01", "Vd", "treatment", 1)]
    responses = [("2019-12-01", "PR"), (progression, "PD")]
    assert answer("bortezomib", given, responses, calendar="iso") is expected
    assert answer("PI", given, responses, calendar="iso") is expected


def test_the_window_stands_in_the_published_rules():
    value = published("rajkumar-2011").rule("refractory.progression").values["after_last_dose"]
    assert str(value) == "<= 60 days"


@pytest.mark.parametrize(("progression", "expected"), [(-240, True), (-239, False)])
def test_the_window_is_the_same_before_an_infusion(progression, expected):
    told = [VD, NEXT, INFUSION], [(-350, "VGPR"), (progression, "PD")]
    assert answer("bortezomib", *told) is expected


def test_progression_under_therapy_counts_and_on_the_day_it_began_does_not():
    assert answer("bortezomib", [VD, INFUSION], [(-350, "PR"), (-310, "PD")]) is True
    early = [(-500, -410, "Rd", "treatment", 1), (-400, -300, "Vd", "treatment", 2), INFUSION]
    responses = [(-450, "PR"), (-400, "PD"), (-350, "PR"), (-200, "PD")]
    assert answer("lenalidomide", early, responses) is True
    assert answer("bortezomib", early, responses) is False


def test_every_agent_of_the_regimen_is_refractory():
    table = refractoriness(earlier([(-400, -300, "VRd", "treatment", 1), INFUSION], [(-350, "PR"), (-300, "PD")]))
    for item in ("bortezomib", "lenalidomide", "dexamethasone", "PI", "IMiD", "steroid"):
        assert refractory(table, item) is True, item
    told = table.filter(pl.col("item") == "bortezomib").row(0, named=True)
    assert (told["rule"], told["last"], told["pd"], told["pd_from"]) == (
        "refractory.progression",
        -300,
        -300,
        "assigned",
    )


# ---- no response ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("best", "expected"),
    [("PD", True), ("SD", True), ("MR", None), ("PR", None), ("VGPR", None), ("CR", None), ("NE", None), (None, None)],
)
def test_less_than_mr_as_recorded_is_no_response(best, expected):
    """A response alone leaves it open: nobody said when the disease came back."""
    undated = [(None, None, "Vd", "treatment", 1, None, best), (0, None, "ide-cel", "infusion", 2)]
    assert answer("bortezomib", undated) is expected


def test_a_recorded_failure_says_where_it_comes_from():
    undated = [(None, None, "Vd", "treatment", 1, None, "SD"), (0, None, "ide-cel", "infusion", 2)]
    told = refractoriness(earlier(undated)).filter(pl.col("item") == "bortezomib").row(0, named=True)
    assert (told["rule"], told["best"], told["best_from"]) == ("refractory.no_response", "SD", "recorded")


def test_stable_disease_of_a_line_that_only_just_began_is_not_yet_no_response():
    assert answer("bortezomib", [(0, None, "Vd", "treatment", 1)], [(30, "SD")]) is None
    assert answer("bortezomib", [(0, None, "Vd", "treatment", 1)], [(30, "SD"), (95, "SD")]) is True


def test_progression_is_all_that_was_seen():
    """Under therapy nobody had responded; after the window nobody knows; a recorded response is one."""
    assert answer("bortezomib", [(-400, -300, "Vd", "treatment", 1), INFUSION], [(-240, "PD")]) is True
    assert answer("bortezomib", [(-400, -300, "Vd", "treatment", 1), INFUSION], [(-239, "PD")]) is None
    told = [(-400, -300, "Vd", "treatment", 1, None, "PR"), INFUSION], [(-239, "PD")]
    assert answer("bortezomib", *told) is False


# ---- why it was stopped ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("progression", True),
        ("PD", True),
        ("Progressive disease", True),
        ("relapse", True),
        ("no response", True),
        ("neuropathy", None),
        ("planned end, no progression", None),
        ("stopped before progression", None),
        (None, None),
    ],
)
def test_the_reason_for_stopping_may_say_that_it_failed(reason, expected):
    given = [(-400, None, "Vd", "treatment", 1, reason, "PR"), NEXT, INFUSION]
    assert answer("bortezomib", given) is expected


def test_what_was_written_at_the_end_of_one_line_does_not_make_the_next_one_fail():
    given = [
        (-400, -290, "Vd", "treatment", 1, "progression", "PR"),
        (-300, -200, "Rd", "treatment", 2, None, "CR"),
        INFUSION,
    ]
    assert answer("bortezomib", given) is True
    assert answer("lenalidomide", given) is None


# ---- unknown stays unknown ------------------------------------------------------------------------------------------


def test_without_a_last_dose_and_with_a_later_line_it_is_unknown():
    given = [(-400, None, "Vd", "treatment", 1), NEXT, INFUSION]
    assert answer("bortezomib", given, [(-350, "PR"), (-250, "PD")]) is None


def test_a_drug_without_a_last_dose_after_which_nothing_began_is_still_given():
    assert answer("lenalidomide", [(0, None, "Rd", "treatment", 1)], [(40, "PR"), (900, "PD")]) is True


def test_nothing_seen_after_the_window_leaves_it_open():
    assert answer("bortezomib", [VD, INFUSION], [(-350, "PR"), (-241, "PR")]) is None
    assert answer("bortezomib", [VD, INFUSION], [(-350, "PR"), (-240, "PR")]) is False


def test_a_window_still_open_at_the_infusion_decides_nothing():
    bridged = [(-400, -300, "Vd", "treatment", 1), (-40, -10, "Kd", "bridging"), INFUSION]
    responses = [(-350, "PR"), (-100, "PR"), (30, "PD")]
    assert answer("carfilzomib", bridged, responses) is None
    assert answer("carfilzomib", bridged, responses, column="exposed") is True


def test_a_line_that_ended_just_before_the_infusion_is_open_whatever_came_later():
    """That nobody saw progression until day 90 was not known on the day of the infusion."""
    given = [(-400, -300, "Vd", "treatment", 1), (-100, -10, "Kd", "treatment", 2), (*INFUSION, 3)]
    assert answer("carfilzomib", given, [(-350, "PR"), (-50, "PR"), (90, "PR")]) is None


def test_stable_disease_that_could_not_be_measured_is_not_no_response():
    def with_spike(value):
        results = [(day, "serum_m", value, "g/dL") for day in (-405, -370, -340, -310)]
        return {"treatments": [(-400, -300, "Vd", "treatment", 1), (*INFUSION, 2)], "results": results}

    table = refractoriness(earlier_therapy(registry({"low": with_spike("0.3"), "high": with_spike("2.0")})))
    told = dict(table.filter(pl.col("item") == "bortezomib").select("patient_id", "refractory").rows())
    assert told == {"low": None, "high": True}


def test_what_came_after_the_infusion_is_not_seen_from_it():
    later = [VD, INFUSION, (100, 200, "Pd", "treatment")]
    items = refractoriness(earlier(later, [(-350, "PR"), (90, "PD"), (210, "PD")]))["item"].to_list()
    assert "pomalidomide" not in items and "cilta_cel" not in items


def test_of_two_courses_of_an_agent_the_failed_one_decides_and_an_unknown_one_leaves_it_open():
    good, bad, open_ = (
        (None, None, "Vd", "treatment", 1, None, "PR"),
        (None, None, "Vd", "treatment", 2, None, "SD"),
        (None, None, "Vd", "treatment", 2, None, None),
    )
    cells = (0, None, "ide-cel", "infusion", 3)
    assert answer("bortezomib", [good, bad, cells]) is True
    assert answer("bortezomib", [good, open_, cells]) is None


def test_a_drug_that_may_have_been_a_placebo_was_neither_given_nor_not_given():
    given = [(None, None, "Ixazomib oder Placebo", "maintenance", 1, None, "PD"), (0, None, "ide-cel", "infusion", 2)]
    assert answer("ixazomib", given, column="exposed") is None
    assert answer("ixazomib", given) is None


# ---- classes and groups ---------------------------------------------------------------------------------------------

H03 = [
    (None, None, "Vd", "treatment", 1, None, "PD"),
    (None, None, "Kd", "treatment", 2, None, "PD"),
    (None, None, "Rd", "treatment", 3, None, "PD"),
    (None, None, "Dara", "treatment", 4, None, "PD"),
]


def groups_of(treatments, events=()):
    told = earlier(treatments, (), events)
    return {row["group"]: row for row in grouped(told, refractoriness(told)).iter_rows(named=True)}


def pomalidomide(*, best, start=-300, end=-200):
    return (start, end, "Pd", "treatment", 5, None, best)


def test_h03_pomalidomide_exposed_only_is_not_penta_refractory():
    """Refractory to four, exposed to the fifth: two proteasome inhibitors and two IMiDs are needed."""
    given = [*H03, pomalidomide(best=None), (0, None, "ide-cel", "infusion", 6)]
    told = earlier(given, [(-250, "VGPR"), (-100, "VGPR")])
    by_group = {row["group"]: row for row in grouped(told, refractoriness(told)).iter_rows(named=True)}
    assert by_group["triple_class"]["refractory"] is True
    assert by_group["penta_drug"]["exposed"] is True
    assert by_group["penta_drug"]["refractory"] is False


def test_a_group_is_unknown_while_an_agent_of_it_is():
    penta = groups_of([*H03, pomalidomide(best=None), (0, None, "ide-cel", "infusion", 6)])["penta_drug"]
    assert (penta["exposed"], penta["refractory"]) == (True, None)
    assert penta["missing"] == ["refractory to 2 IMiD"]
    assert (
        groups_of([*H03, pomalidomide(best="SD"), (0, None, "ide-cel", "infusion", 6)])["penta_drug"]["refractory"]
        is True
    )


@pytest.mark.parametrize("without", range(4))
def test_triple_class_needs_each_class(without):
    given = [row for at, row in enumerate(H03[1:]) if at != without]
    numbered = [(*row[:4], line, *row[5:]) for line, row in enumerate(given, 1)]
    triple = groups_of([*numbered, (0, None, "ide-cel", "infusion", len(numbered) + 1)])["triple_class"]
    assert triple["exposed"] is (without == 3) and triple["refractory"] is (without == 3)


def test_a_text_that_nobody_can_place_leaves_open_what_was_not_given():
    given = [
        (None, None, "Vd", "treatment", 1),
        (None, None, "Xyzzymab", "treatment", 2),
        (0, None, "ide-cel", "infusion", 3),
    ]
    triple = groups_of(given)["triple_class"]
    assert triple["exposed"] is None and triple["missing"][0].startswith("earlier therapy")
    known = [given[0], (None, None, "Pd", "treatment", 2), given[2]]
    assert groups_of(known)["triple_class"]["exposed"] is False


def test_a_line_of_which_nothing_is_told_leaves_open_what_was_not_given():
    given = [(None, None, "Vd", "treatment", 1), (0, None, "ide-cel", "infusion", 3)]
    assert groups_of(given)["triple_class"]["exposed"] is None


def test_nothing_recorded_answers_nothing():
    both = groups_of([INFUSION])
    for group in both.values():
        assert (group["exposed"], group["refractory"], group["combined_refractory"]) == (None, None, None)


def test_a_class_told_without_the_agent_is_no_second_agent():
    given = [(None, None, "Vd", "treatment", 1), (None, None, "proteasome inhibitor", "treatment", 2),
             (None, None, "VRd", "treatment", 3), (None, None, "Pd", "treatment", 4),
             (None, None, "Dara", "treatment", 5), (0, None, "ide-cel", "infusion", 6)]  # fmt: skip
    assert groups_of(given)["penta_drug"]["exposed"] is None


# ---- statements of the registry -------------------------------------------------------------------------------------

CELLS = (0, None, "ide-cel", "infusion", 2)


def test_a_statement_answers_where_the_records_do_not_and_overwrites_nothing():
    open_ = [(None, None, "Vd", "treatment", 1, None, "PR"), CELLS], (), [(0, "refractory", "bortezomib")]
    assert answer("bortezomib", *open_) is None
    assert answer("bortezomib", *open_, column="combined_refractory") is True
    failed = [(None, None, "Vd", "treatment", 1, None, "SD"), CELLS], (), [(0, "exposed_not_refractory", "Velcade")]
    table = refractoriness(earlier(*failed)).filter(pl.col("item") == "bortezomib").row(0, named=True)
    assert (table["refractory"], table["stated_refractory"], table["combined_refractory"]) == (True, False, True)
    assert table["disagrees"] is True
    told = disagreements_of(patient(*failed)).row(0, named=True)
    assert (told["derived"], told["stated"], told["reason"]) == (True, False, "best response SD in line 1 (row 2)")
    counts = agreement_of(patient(*failed)).filter(pl.col("aspect") == "refractory").row(0, named=True)
    assert (counts["agree"], counts["open"], counts["differ"]) == (0, 0, 1)


def test_a_statement_of_exposure_that_no_regimen_bears_out_is_a_disagreement():
    stated = [(None, None, "Rd", "treatment", 1), CELLS], (), [(0, "exposed", "bortezomib")]
    told = disagreements_of(patient(*stated)).row(0, named=True)
    assert (told["item"], told["aspect"], told["derived"], told["stated"]) == ("bortezomib", "exposed", False, True)
    assert told["reason"] == "in none of the recorded regimens"


def test_statements_name_agents_classes_and_groups_and_what_is_none_of_them_is_kept():
    events = [(0, "refractory", d) for d in ("Revlimid", "anti-CD38", "triple class", "penta", "the blue pills")]
    told = statements(patient([CELLS], (), events).record).sort("row").select("level", "item").rows()
    assert told == [
        ("agent", "lenalidomide"), ("class", "anti_CD38"), ("group", "triple_class"), ("group", "penta_drug"),
        ("unknown", "the blue pills"),
    ]  # fmt: skip


def test_a_later_statement_replaces_an_earlier_one_and_one_after_the_infusion_is_not_seen():
    events = [
        (-50, "exposed_not_refractory", "bortezomib"),
        (-10, "refractory", "bortezomib"),
        (5, "not_exposed", "carfilzomib"),
    ]
    table = refractoriness(earlier([(None, None, "Vd", "treatment", 1), CELLS], (), events))
    assert refractory(table, "bortezomib", "stated_refractory") is True
    assert "carfilzomib" not in table["item"].to_list()


def test_classes_stated_agent_by_agent_make_the_group():
    events = [(0, "refractory", d) for d in ("bortezomib", "lenalidomide", "anti-CD38")]
    triple = groups_of([(None, None, "Dara-VRd", "treatment", 1), CELLS], events)["triple_class"]
    assert (triple["refractory"], triple["pooled_refractory"], triple["combined_refractory"]) == (None, True, True)
    against = groups_of(
        [(None, None, "Dara-VRd", "treatment", 1), CELLS], [*events, (0, "not_refractory", "triple_class")]
    )
    assert against["triple_class"]["disagrees"] is True
    assert against["triple_class"]["combined_refractory"] is False


# ---- a plain reading of generated patients --------------------------------------------------------------------------


def plainly(start, end, best, progression, last_seen, infusion):
    """One course of one drug in a line of its own, read by hand. Days; None: not known."""
    seen = [day for day in (progression,) if day is not None and day <= infusion and day > start]
    no_response = best == "SD" if best else None
    if seen and end is not None and seen[0] - end <= 60:
        in_window = True
    elif end is not None and (seen or (last_seen is not None and end + 60 <= last_seen)):
        in_window = False
    else:
        in_window = None
    if no_response or in_window:
        return True
    return False if no_response is False and in_window is False else None


def generated(seed):
    draws = random.Random(seed)
    start = -draws.randint(200, 400)
    end = start + draws.randint(20, 100) if draws.random() < 0.8 else None
    best = draws.choice(["CR", "PR", "MR", "SD", None])
    stop = end if end is not None else start + 60
    progression = stop + draws.choice([-5, 0, 59, 60, 61, 62]) if draws.random() < 0.5 else None
    last_seen = None
    if progression is None and draws.random() < 0.7:
        last_seen = stop + draws.choice([58, 59, 60, 61, 90])
    return start, end, best, progression, last_seen


def test_generated_courses_agree_with_a_reading_by_hand():
    """The drug is the first line and the infusion the second."""
    cases = {f"P{seed:04d}": generated(seed) for seed in range(600)}
    patients, expected = {}, {}
    for who, (start, end, best, progression, last_seen) in cases.items():
        # Half of the best responses are told at the treatment, the others seen at a visit soon after the start.
        at_visit = best is not None and start % 2 == 0
        responses = [(start + 10, best)] if at_visit else []
        responses += [(last_seen, "not_PD")] if last_seen is not None else []
        responses += [(progression, "PD")] if progression is not None else []
        given = [(start, end, "Vd", "treatment", 1, None, None if at_visit else best), INFUSION]
        patients[who] = {"treatments": [given[0], (*given[1], 2)], "responses": responses}
        expected[who] = plainly(start, end, best, progression, last_seen, 0)
    table = refractoriness(earlier_therapy(registry(patients))).filter(pl.col("item") == "bortezomib")
    got = dict(table.select("patient_id", "refractory").rows())
    assert got == expected
    assert {got[who] for who in got} == {True, False, None}
