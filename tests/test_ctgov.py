"""Trials of ClinicalTrials.gov: what is read, and that free text is split but never judged. The studies here are
SYNTHETIC, written for the tests; one real record is read where the shared material is at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mspike.errors import UnreadableInput
from mspike.read.ctgov import ImportedTrial, as_trial, read_trials
from mspike.read.eligibility import eligibility_items


def study(**changes: Any) -> dict[str, Any]:
    """A SYNTHETIC study; a keyword replaces the module of that name, None takes it away."""
    modules: dict[str, Any] = {
        "identificationModule": {"nctId": "NCT99999901", "briefTitle": "SYNTHETIC trial"},
        "statusModule": {"overallStatus": "RECRUITING", "statusVerifiedDate": "2026-05"},
        "conditionsModule": {"conditions": ["Multiple Myeloma"]},
        "designModule": {"studyType": "INTERVENTIONAL", "phases": ["PHASE1", "PHASE2"]},
        "armsInterventionsModule": {"interventions": [{"type": "DRUG", "name": "Inventimab"}]},
        "eligibilityModule": {
            "eligibilityCriteria": "Inclusion Criteria:\n\n* One\n\nExclusion Criteria:\n\n* Two",
            "sex": "ALL",
            "minimumAge": "18 Years",
        },
        "contactsLocationsModule": {
            "locations": [{"country": "Spain"}, {"country": "Spain"}, {"city": "Nowhere"}, {"country": "Italy"}]
        },
    }
    modules |= changes
    return {"protocolSection": {name: body for name, body in modules.items() if body is not None}}


def written(folder: Path, told: Any, name: str = "trials.json") -> Path:
    path = folder / name
    path.write_text(told if isinstance(told, str) else json.dumps(told), encoding="utf-8")
    return path


def one(folder: Path, **changes: Any) -> ImportedTrial:
    (found,) = read_trials(written(folder, study(**changes)))
    return found


def split(text: str) -> list[tuple[str, str]]:
    return [(item.kind, item.text) for item in eligibility_items(text)]


def test_the_fields_of_a_study_are_read(tmp_path):
    found = one(tmp_path)
    assert (found.nct_id, found.title, found.status) == ("NCT99999901", "SYNTHETIC trial", "RECRUITING")
    assert str(found.status_verified) == "2026-05" and found.status_verified.first.isoformat() == "2026-05-01"
    assert found.phases == ("phase 1", "phase 2")
    assert found.interventions == ("Inventimab",)
    assert found.countries == ("Spain", "Italy")
    assert (found.inclusion, found.exclusion) == (("One",), ("Two",))


def test_a_study_with_nothing_but_its_section_is_read_and_empty(tmp_path):
    (found,) = read_trials(written(tmp_path, {"protocolSection": {}}))
    assert not any((found.nct_id, found.title, found.status, found.items, found.countries, found.sex))
    assert found.is_myeloma is None
    assert as_trial(found).id.startswith("no number (")


@pytest.mark.parametrize(
    "module",
    [
        "identificationModule", "statusModule", "conditionsModule", "designModule", "armsInterventionsModule",
        "eligibilityModule", "contactsLocationsModule",
    ],
)  # fmt: skip
def test_any_module_may_be_absent(tmp_path, module):
    assert isinstance(as_trial(one(tmp_path, **{module: None})).title, str)


def test_a_list_lines_and_a_folder_hold_several_studies(tmp_path):
    first = study()
    second = study(identificationModule={"nctId": "NCT99999902"})
    ids = ["NCT99999901", "NCT99999902"]
    page = written(tmp_path, {"studies": [first, second], "totalCount": 2}, "page.json")
    lines = written(tmp_path, f"{json.dumps(first)}\n\n{json.dumps(second)}\n", "lines.ndjson")
    bare = written(tmp_path, [first, second], "list.json")
    for path in (page, lines, bare):
        assert [t.nct_id for t in read_trials(path)] == ids
    folder = tmp_path / "folder"
    folder.mkdir()
    written(folder, first, "b.json")
    written(folder, "﻿" + json.dumps(second), "a.json")
    written(folder, "not read", "notes.txt")
    assert [t.nct_id for t in read_trials(folder)] == ["NCT99999902", "NCT99999901"]
    assert read_trials(written(tmp_path, {"studies": []}, "none.json")) == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("", "an empty file"),
        ("NCT Number,Title\nNCT1,x", "no JSON"),
        ('{"protocolSection": {', "no JSON"),
        ("[1, 2]", "study 1: found a int"),
        ('{"FullStudiesResponse": {}}', "an object with FullStudiesResponse"),
        ("{}", "an object with no key"),
        ('{"studies": [{"protocolSection": {}}, {"error": "x"}]}', "study 2: found an object with error"),
        ('{"protocolSection": {}}\n{"protocolSection": ', "line 2"),
        (json.dumps(study(eligibilityModule={"eligibilityCriteria": ["One"]})), "eligibilityCriteria: found a list"),
        (json.dumps(study(conditionsModule={"conditions": "Myeloma"})), "conditions: found a str"),
        (json.dumps(study(statusModule=["RECRUITING"])), "found a list"),
        (json.dumps(study(statusModule={"statusVerifiedDate": "May 2026"})), "'May 2026' is no date"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_such_json_is_refused_with_what_was_found(tmp_path, told, words):
    with pytest.raises(UnreadableInput) as refused:
        read_trials(written(tmp_path, told))
    assert "trials.json" in str(refused.value)
    assert words in str(refused.value)
    assert "xpected" in str(refused.value) or "Export it again" in str(refused.value)


def test_a_path_that_is_not_there_bytes_and_an_empty_folder_are_refused(tmp_path):
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00{")
    for path in (tmp_path / "absent.json", tmp_path / "bytes.json"):
        with pytest.raises(UnreadableInput, match=path.name):
            read_trials(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableInput, match=r"no \.json"):
        read_trials(tmp_path / "empty")


@pytest.mark.parametrize(
    "text",
    [
        "Inclusion Criteria:\n\n* Adult\n* Fit\n\nExclusion Criteria:\n\n* Pregnant",
        "INCLUSION CRITERIA\n- Adult\n- Fit\nEXCLUSION CRITERIA\n- Pregnant",
        "Key Inclusion Criteria:\n1. Adult\n2. Fit\n\nKey Exclusion Criteria:\n1. Pregnant",
        "**Inclusion criteria**\n\n1) Adult\n2) Fit\n\n**Exclusion criteria**\n\n1) Pregnant",
        "Inclusion:\n(a) Adult\n(b) Fit\nExclusion:\n(a) Pregnant",
        "Inclusion\n• Adult\n• Fit\n\nExclusion\n• Pregnant",
        "Criteria for inclusion:\n\nAdult\n\nFit\n\nCriteria for exclusion:\n\nPregnant",
        "Inclusion Criteria: Adult\nFit\nNon-inclusion criteria: Pregnant",
        "1. Inclusion Criteria:\n\n  * Adult\n  * Fit\n2. Exclusion Criteria:\n\n  * Pregnant",
        "* Inclusion Criteria:\n\n  * Adult\n  * Fit\n* Exclusion Criteria:\n\n  * Pregnant",
        "Eligibility Criteria:\n\n1\\. Adult\n2\\. Fit\n\nIneligibility criteria:\n\n1\\. Pregnant",
        "Inclusion Criteria (Part 1):\r\n- Adult\r\n- Fit\r\nExclusion Criteria (Part 1):\r\n- Pregnant\r\n",
        "Inclusion Criteria - Cohort A:\n-Adult\n-Fit\n\nExclusion criteria include:\n-Pregnant",
        "Main inclusion criteria：\n① Adult\n② Fit\nMain exclusion criteria：\n① Pregnant",
        "INCLUSION CRITERIA FOR ARM A:\n\n  i. Adult\n  ii. Fit\n\nEXCLUSION CRITERIA FOR ARM A:\n\n  i. Pregnant",
    ],
)  # fmt: skip
def test_headings_and_bullets_are_told_apart_in_many_spellings(text):
    assert split(text) == [("inclusion", "Adult"), ("inclusion", "Fit"), ("exclusion", "Pregnant")]


def test_everything_on_one_line_is_still_parted():
    assert split("Inclusion Criteria: Adult. Exclusion Criteria: Pregnant.") == [
        ("inclusion", "Adult."),
        ("exclusion", "Pregnant."),
    ]


def test_headings_may_return_for_another_cohort_and_stay_with_their_items():
    items = eligibility_items(
        "Inclusion Criteria (A):\n* x\nExclusion Criteria (A):\n* y\nInclusion Criteria (B):\n* z"
    )
    assert [(i.kind, i.heading) for i in items] == [
        ("inclusion", "Inclusion Criteria (A)"),
        ("exclusion", "Exclusion Criteria (A)"),
        ("inclusion", "Inclusion Criteria (B)"),
    ]


def test_what_stands_before_any_heading_is_neither():
    assert split("DISEASE CHARACTERISTICS:\n\n* Myeloma") == [
        ("unstated", "DISEASE CHARACTERISTICS:"),
        ("unstated", "Myeloma"),
    ]
    assert split("") == []


@pytest.mark.parametrize(
    "item",
    [
        "Eligible for transplant: only by decision of the board",
        "Eligible patients must be reachable",
        "Meets the inclusion criteria of the parent study",
        "Inclusion in another trial is allowed",
        "Patients are ineligible if they smoke: any amount",
        "Included in the count are adults: all of them",
    ],
)
def test_an_item_that_speaks_of_eligibility_is_no_heading(item):
    for mark in ("* ", ""):
        assert split(f"Exclusion Criteria:\n\n{mark}{item}\n{mark or '* '}Pregnant") == [
            ("exclusion", item),
            ("exclusion", "Pregnant"),
        ]


def test_wrapped_lines_belong_to_their_item_and_nothing_is_taken_for_a_number():
    text = (
        "Inclusion Criteria:\n\n* Transaminases\n  (ALT) within 3\n  E. coli absent\n"
        "-70 is no bullet\n* Creatinine \\>= 2\n  1.5 times"
    )
    assert split(text) == [
        ("inclusion", "Transaminases (ALT) within 3 E. coli absent -70 is no bullet"),
        ("inclusion", "Creatinine >= 2 1.5 times"),
    ]
    # Without bullets a line that begins anew is an item; one that goes on is not.
    assert split("Inclusion:\nAdult\nFit and\nWell\nand willing") == [
        ("inclusion", "Adult"),
        ("inclusion", "Fit and Well and willing"),
    ]


def test_nested_items_keep_their_depth():
    items = eligibility_items("Inclusion Criteria:\n\n* a\n  * b\n    * c\n  * d\n* e")
    assert [(i.text, i.level) for i in items] == [("a", 0), ("b", 1), ("c", 2), ("d", 1), ("e", 0)]


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"conditionsModule": {"conditions": ["Multiple Myeloma"]}}, True),
        ({"conditionsModule": {"conditions": ["RRMM"]}}, True),
        ({"conditionsModule": {"conditions": ["Plasma Cell Leukemia"]}}, True),
        ({"conditionsModule": {"conditions": ["Neoplasms, Plasma Cell"]}}, True),
        ({"conditionsModule": {"conditions": ["X"], "keywords": ["myeloma"]}}, True),
        ({"conditionsModule": {"conditions": ["Breast Cancer"]}}, False),
        ({"conditionsModule": {"conditions": ["Myelomeningocele"]}}, False),
        ({"conditionsModule": {"conditions": ["Hematologic Malignancies"]}}, None),
        ({"conditionsModule": {"conditions": ["X"]}, "eligibilityModule": {"eligibilityCriteria": "myeloma"}}, None),
        ({"conditionsModule": None}, None),
    ],
)  # fmt: skip
def test_whether_it_is_about_myeloma_may_be_unknown(tmp_path, changes, answer):
    assert one(tmp_path, **changes).is_myeloma is answer


def test_only_age_in_years_becomes_a_criterion_and_every_text_is_left_to_be_read(tmp_path):
    text = "Inclusion Criteria:\n\n* Age 18 or older\n* ECOG 0-1\n\nExclusion Criteria:\n\n* Prior BCMA therapy"
    told = {"eligibilityCriteria": text, "minimumAge": "18 Years", "maximumAge": "75 Years", "sex": "FEMALE"}
    trial = as_trial(one(tmp_path, eligibilityModule=told))
    atoms = [c.needs for c in trial.criteria if c.needs is not None]
    assert atoms == [{"age": {"at_least": 18}}, {"age": {"at_most": 75}}]
    assert [(c.kind, c.says) for c in trial.criteria if c.needs is None] == [
        ("inclusion", "Sex: female."),
        ("inclusion", "Age 18 or older"),
        ("inclusion", "ECOG 0-1"),
        ("exclusion", "Prior BCMA therapy"),
    ]
    assert not trial.criteria_complete


@pytest.mark.parametrize(
    ("limit", "needs"), [("6 Months", [None]), ("N/A", []), ("1 Year", [{"age": {"at_least": 1}}])]
)
def test_an_age_that_is_not_in_years_is_left_to_be_read(tmp_path, limit, needs):
    trial = as_trial(one(tmp_path, eligibilityModule={"minimumAge": limit}))
    assert [c.needs for c in trial.criteria] == needs
    assert trial.unread == ("The register holds no eligibility text for this trial.",)


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ("RECRUITING", "recruiting"), ("NOT_YET_RECRUITING", "not_yet_recruiting"), ("COMPLETED", "completed"),
        ("ENROLLING_BY_INVITATION", "by_invitation"), ("ACTIVE_NOT_RECRUITING", "active_not_recruiting"),
        ("UNKNOWN", "unknown"), ("SOMETHING_NEW", "unknown"), ("", "unknown"),
    ],
)  # fmt: skip
def test_the_status_is_put_into_our_words_and_a_new_word_is_unknown(tmp_path, told, word):
    status = as_trial(one(tmp_path, statusModule={"overallStatus": told})).status
    assert (status.word, status.seen) == (word, None)


def test_the_day_of_the_status_is_that_on_which_the_sponsor_verified_it(tmp_path):
    module = {
        "overallStatus": "RECRUITING",
        "statusVerifiedDate": "2023-04",
        "lastUpdatePostDateStruct": {"date": "2026-06-15"},
    }
    assert str(as_trial(one(tmp_path, statusModule=module)).status.seen) == "2023-04"


def test_the_real_record_is_read(shared):
    (found,) = read_trials(shared("samples/ctgov_v2/NCT02513394.trimmed.json"))
    assert (found.nct_id, found.status, str(found.status_verified)) == (
        "NCT02513394",
        "ACTIVE_NOT_RECRUITING",
        "2023-04",
    )
    assert found.is_myeloma is False
    assert (len(found.inclusion), len(found.exclusion), len(found.unstated)) == (21, 13, 0)
    assert found.inclusion[0].startswith("Signed informed consent")
    assert found.exclusion[0] == "Concurrent therapy with other Investigational Products."
    assert found.minimum_age == "18 Years" and found.phases == ("phase 3",)


def test_no_word_of_the_real_record_is_lost(shared):
    path = shared("samples/ctgov_v2/NCT02513394.trimmed.json")
    text = json.loads(path.read_text())["protocolSection"]["eligibilityModule"]["eligibilityCriteria"]
    (found,) = read_trials(path)
    kept = " ".join(item.text for item in found.items).split()
    asked = text.replace("Inclusion Criteria:", "").replace("Exclusion Criteria:", "").split()
    plain = [[bare for word in words if (bare := word.strip("*-"))] for words in (kept, asked)]
    assert plain[0] == plain[1]
