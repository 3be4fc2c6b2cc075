"""Invented patients, each told as a story, and what a haematologist expects `mspike options` to answer.

The expectation of each file was written from the story and the labels before the program was asked.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from golden_patient import FOLDER, Golden, differences, golden_patients, sentences

from mspike.asking import question
from mspike.report.options import options_patient

PATIENTS = golden_patients()


@pytest.mark.parametrize("golden", PATIENTS, ids=[p.path.stem for p in PATIENTS])
def test_the_options_of_an_invented_patient_are_those_a_haematologist_expects(golden: Golden, tmp_path: Path):
    asked = question(golden.write(tmp_path), on=golden.on)
    told = options_patient(
        asked, golden.patient, golden.told["region"], label_date=golden.label_date, known=golden.told.get("known")
    )
    assert not [row for row in told["set_aside"] if row["severity"] == "error"]
    assert differences(golden, told) == []


@pytest.mark.parametrize("golden", PATIENTS, ids=[p.path.stem for p in PATIENTS])
def test_an_invented_patient_has_a_story_and_says_that_it_is_invented(golden: Golden):
    assert golden.patient.startswith("SYNTHETIC-")
    assert golden.path.read_text(encoding="utf-8").startswith("# Invented patient.")
    assert 3 <= sentences(golden.told["story"]) <= 8, golden.told["story"]


def test_no_two_invented_patients_share_a_name():
    names = [golden.told["name"] for golden in PATIENTS]
    assert len(set(names)) == len(names) >= 30
    assert len({golden.patient for golden in PATIENTS}) >= len(names) - 1  # one is asked with and without a label date


def test_every_answer_and_both_regions_are_expected_of_somebody():
    expected = [one for golden in PATIENTS for one in golden.told["expect"]]
    assert {one["answer"] for one in expected} == {"open", "unknown", "closed"}
    assert {golden.told["region"] for golden in PATIENTS} == {"US", "EU"}
    assert FOLDER.name == "options"
