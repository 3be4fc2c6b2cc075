"""Every atom of the language of criteria: true, false and unknown, on both sides of its limit."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from mspike.options.facts import Dose, Exposure, Fact, Lines, Reading, Standing
from mspike.options.judging import judge
from mspike.record.analytes import MICRO

DAY = 1000
YES, NO = Fact(("seen",)), Fact((), ("looked for",))
TECLISTAMAB = Dose("teclistamab", "bispecific", ("BCMA",), DAY - 100, DAY - 28, "teclistamab")
NOTHING = Standing("SYNTHETIC", DAY, dt.date(2026, 3, 1), Lines(0, False, ""), False, None, True)


def reading(value: float, days_before: int = 1) -> Reading:
    micro = round(value * MICRO)
    return Reading(DAY - days_before, micro, micro, f"{value:g}")


def with_(**known) -> Standing:
    return replace(NOTHING, empty=False, **known)


def anc(*readings: Reading) -> Standing:
    return with_(values={"anc": readings})


LOW, HIGH = {"value": {"analyte": "anc", "at_least": 1.0}}, {"value": {"analyte": "anc", "at_most": 1.0}}
WEEKS = {"washout": {"of": {"target": "BCMA"}, "at_least": 28}}

CASES = [
    ("as many lines as asked for", {"lines": {"at_least": 4}}, with_(lines=Lines(4, False, "4")), True),
    ("one line too few, history complete", {"lines": {"at_least": 4}}, with_(lines=Lines(3, True, "3")), False),
    ("one line too few, history not complete", {"lines": {"at_least": 4}}, with_(lines=Lines(3, False, "3")), None),
    ("at most three lines, four recorded", {"lines": {"at_most": 3}}, with_(lines=Lines(4, False, "4")), False),
    ("at most three lines, three and complete", {"lines": {"at_most": 3}}, with_(lines=Lines(3, True, "3")), None),
    ("at most three lines, three recorded", {"lines": {"at_most": 3}}, with_(lines=Lines(3, False, "3")), None),
    ("exposed", {"exposed": "PI"}, with_(exposures={"PI": Exposure(True, None, "")}), True),
    ("not among a complete history", {"exposed": "PI"}, with_(complete=True), False),
    ("not among an incomplete history", {"exposed": "PI"}, with_(), None),
    ("never exposed, but only because no row says so", {"not_exposed": "PI"}, with_(complete=True), None),
    ("stated: never", {"not_exposed": "PI"}, with_(exposures={"PI": Exposure(False, False, "", True)}), True),
    ("given after all", {"not_exposed": "PI"}, with_(exposures={"PI": Exposure(True, None, "")}), False),
    ("refractory", {"refractory": "lenalidomide"}, with_(exposures={"lenalidomide": Exposure(True, True, "")}), True),
    ("exposed, refractoriness open", {"refractory": "PI"}, with_(exposures={"PI": Exposure(True, None, "")}), None),
    ("not refractory", {"not_refractory": "PI"}, with_(exposures={"PI": Exposure(True, False, "")}), True),
    ("aimed at before", {"exposed_to": {"target": "BCMA"}}, with_(doses=(TECLISTAMAB,)), True),
    ("by another class", {"exposed_to": {"target": "BCMA", "class": "adc"}}, with_(doses=(TECLISTAMAB,)), None),
    ("never, and complete", {"exposed_to": {"target": "GPRC5D"}}, with_(complete=True, doses=(TECLISTAMAB,)), False),
    ("never aimed at is not proven by silence", {"not_exposed_to": {"target": "GPRC5D"}}, with_(complete=True), None),
    ("target present", {"target_present": "BCMA"}, with_(tests={"BCMA": YES}), True),
    ("target lost", {"target_present": "BCMA"}, with_(tests={"BCMA": NO}), False),
    ("target tested both ways", {"target_present": "BCMA"}, with_(tests={"BCMA": Fact(("a",), ("b",))}), None),
    ("target untested", {"target_present": "GPRC5D"}, with_(), None),
    ("a dose 28 days ago is out of a washout of 28", WEEKS, with_(doses=(TECLISTAMAB,)), None),
    ("a dose 27 days ago is not", WEEKS, with_(doses=(replace(TECLISTAMAB, last=DAY - 27),)), False),
    ("no dose recorded proves no washout", WEEKS, with_(complete=True), None),
    ("a value at the limit", LOW, anc(reading(1.0)), True),
    ("a value below the limit", LOW, anc(reading(0.999999)), False),
    ("a value at an upper limit", HIGH, anc(reading(1.0)), True),
    ("a value above an upper limit", HIGH, anc(reading(1.000001)), False),
    ("values that disagree within the window", LOW, anc(reading(0.8, 20), reading(1.2)), None),
    ("a value on the last day of the window", LOW, anc(reading(1.2, 30)), True),
    ("a value older than the window", LOW, anc(reading(1.2, 31)), None),
    ("an interval that spans the limit", LOW, anc(Reading(DAY, 0, 2 * MICRO, "<2")), None),
    ("a marker found", {"genetic": "t(11;14)"}, with_(genetics={"t(11;14)": YES}), True),
    ("a marker looked for and absent", {"genetic": "t(11;14)"}, with_(genetics={"t(11;14)": NO}), False),
    ("a marker not tested", {"genetic": "t(11;14)"}, with_(), None),
    ("infection there", {"absent": "infection"}, with_(states={"infection": YES}), False),
    ("infection looked for and absent", {"absent": "infection"}, with_(states={"infection": NO}), True),
    ("infection not recorded", {"absent": "infection"}, with_(), None),
    ("surely of age", {"age": {"at_least": 18}}, with_(age=(18, 19)), True),
    ("perhaps of age", {"age": {"at_least": 18}}, with_(age=(17, 18)), None),
    ("surely not of age", {"age": {"at_least": 18}}, with_(age=(16, 17)), False),
    ("surely not too old", {"age": {"at_most": 75}}, with_(age=(74, 75)), True),
    ("surely too old", {"age": {"at_most": 75}}, with_(age=(76, 77)), False),
    ("not", {"not": {"absent": "infection"}}, with_(states={"infection": YES}), True),
]  # fmt: skip


@pytest.mark.parametrize(("atom", "standing", "holds"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_an_atom(atom, standing, holds):
    judged = judge(atom, standing)
    assert judged.holds is holds
    assert bool(judged.missing) == (holds is None)  # what is not known says what would have to be known


TRUE, FALSE, UNKNOWN = {"age": {"at_least": 18}}, {"age": {"at_least": 90}}, {"exposed": "PI"}
ADULT = with_(age=(60, 61))


@pytest.mark.parametrize(
    ("atoms", "all_of", "any_of"),
    [
        ([TRUE, TRUE], True, True),
        ([TRUE, FALSE], False, True),
        ([TRUE, UNKNOWN], None, True),
        ([FALSE, UNKNOWN], False, None),
        ([UNKNOWN, UNKNOWN], None, None),
        ([FALSE, FALSE], False, False),
    ],
)
def test_several_atoms_follow_kleene(atoms, all_of, any_of):
    assert judge({"all_of": atoms}, ADULT).holds is all_of
    assert judge({"any_of": atoms}, ADULT).holds is any_of


@pytest.mark.parametrize("case", CASES, ids=[c[0] for c in CASES])
def test_no_atom_holds_or_fails_of_a_patient_of_whom_nothing_is_known(case):
    assert judge(case[1], NOTHING).holds is None
