"""What pages read, computed in bulk, is what the verbs tell when they ask one patient at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mspike.asking import of_patient
from mspike.report.explain import explained
from mspike.report.safety import safety_patient
from mspike.report.watch import watch_patient
from mspike.report.why import why_patient
from mspike.serve.hall import Hall
from mspike.serve.telling import PAGE, courses_told, safety_told, visits_told, watch_told, why_told

CHOSEN = slice(0, 12, 3)


def plain(told: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(told, default=str))


@pytest.fixture(params=range(4))
def one(request: pytest.FixtureRequest, hall: Hall) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    patient = sorted(hall.tokens)[CHOSEN][request.param]
    return patient, hall.kept(hall.tokens[patient], *PAGE)


def test_why_is_what_the_verb_tells(hall, one):
    patient, kept = one
    assert plain(why_told(kept)) == plain(why_patient(hall.asked, patient)["infusions"])


def test_watch_is_what_the_verb_tells(hall, one):
    patient, kept = one
    assert plain(watch_told(kept)) == plain(watch_patient(hall.asked, patient)["lines"])


def test_safety_is_what_the_verb_tells(hall, one):
    patient, kept = one
    infusions, facts = safety_told(kept)
    told = plain(safety_patient(hall.asked, patient))
    assert (plain(infusions), plain(facts)) == (told["infusions"], told["facts"])


def test_courses_and_visits_are_what_explain_tells(hall, one):
    patient, kept = one
    derived = of_patient(hall.asked, patient, "explain")
    told = plain(explained(derived.record, hall.asked.rules, hall.asked.settings, patient, hall.asked.source.path))
    for course, line in zip(courses_told(kept), told["lines"], strict=True):
        assert {k: v for k, v in line.items() if k in course} == course
        ours = [{k: v for k, v in visit.items() if k != "because"} for visit in visits_told(kept, line["line"])]
        assert ours == [{k: v for k, v in visit.items() if k != "because"} for visit in line["visits"]]


def test_the_patients_looked_at_have_something_to_tell(hall):
    kept = [hall.kept(hall.tokens[patient], *PAGE) for patient in sorted(hall.tokens)[CHOSEN]]
    assert any(one["watch"] for one in kept)
    assert any(one["tests"] for one in kept)
    assert any(one["why_findings"] for one in kept)
