"""The vectorised engine answers what the plain reading answers, at every threshold and under every setting."""

from __future__ import annotations

import os
from functools import cache
from pprint import pformat

import pytest
from near_thresholds import SETTINGS
from plain_reading import Patient, Settings, plain_reading
from registry_of import by_engine, by_plain_reading, drawn, simplest

NIGHT = bool(os.environ.get("MSPIKE_NIGHT"))
PATIENTS = 20_000 if NIGHT else 300


@cache
def many(partial_imaging: bool) -> list[Patient]:
    return drawn(PATIENTS // 2, derandomize=not NIGHT, partial_imaging=partial_imaging)


def differences(patients: list[Patient], words: dict) -> list[tuple[Patient, dict]]:
    """The patients about whom engine and plain reading disagree, with both answers (engine first)."""
    asked = Settings(**words)
    found = []
    for patient, fast in zip(patients, by_engine(patients, words), strict=True):
        differs = fast.differences(by_plain_reading(plain_reading(patient, asked)))
        if differs:
            found.append((patient, differs))
    return found


def told(found: list[tuple[Patient, dict]], words: dict) -> str:
    """The first difference at its simplest."""
    patient, differs = found[0]
    names = set(differs)

    def still_differs(candidate: Patient) -> bool:
        again = differences([candidate], words)
        return bool(again) and bool(names & set(again[0][1]))

    patient = simplest(patient, still_differs)
    differs = differences([patient], words)[0][1]
    return f"{len(found)} patients differ under {words}; engine first:\n{pformat(differs)}\n{pformat(patient)}"


def setting_id(words: dict) -> str:
    return ",".join(f"{name}={value}" for name, value in words.items()) or "default"


@pytest.mark.parametrize("partial_imaging", [False, True], ids=["imaged wholly", "imaged in part"])
@pytest.mark.parametrize("words", SETTINGS, ids=setting_id)
def test_engine_and_plain_reading_agree(words, partial_imaging):
    found = differences(many(partial_imaging), words)
    assert not found, told(found, words)
