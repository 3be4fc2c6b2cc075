"""Trials: what a record must hold, and when one is open, closed or unknown. Every trial invented here is SYNTHETIC."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mspike.errors import KnowledgeError, UnreadableInput, WrongUsage
from mspike.knowledge.criteria import CHECKED, bibliography
from mspike.knowledge.trials import Status, Trial, TrialCriterion, read_trial_file, seen_on, trials
from mspike.knowledge.trials.reading import read_records
from mspike.knowledge.trials.records import NOT_NOW, OVER, RECRUITING, UNDECIDED
from mspike.options.facts import Dose, Lines, Standing
from mspike.options.judging import Judged
from mspike.options.trials import INCOMPLETE, match, match_all, recruiting_on

ROOT = Path(__file__).parents[1]
TODAY = dt.date(2026, 6, 1)


def standing(day: dt.date | None = TODAY) -> Standing:
    return Standing("P1", 0, day, Lines(0, False, ""), False, None, True)


def fake(facts: Mapping[str, bool]) -> Any:
    """A judge over {genetic: name} and its combinations, in Kleene's logic; a fact that is not told is unknown."""

    def judge(atom: Mapping[str, Any], at: Standing) -> Judged:
        ((kind, body),) = atom.items()
        if kind not in ("any_of", "all_of"):
            holds = facts.get(body)
            return Judged(holds, f"{body} is {holds}", () if holds is not None else (body,))
        parts = [judge(one, at) for one in body]
        deciding = kind == "any_of"
        if any(part.holds is deciding for part in parts):
            return Judged(deciding, "decided")
        unknown = [part for part in parts if part.holds is None]
        return Judged(None if unknown else not deciding, "parts", tuple(m for p in unknown for m in p.missing))

    return judge


def status(word: str = "recruiting", seen: object = "2026-05-15", **changes: Any) -> Status:
    return replace(Status(word, seen_on(seen), False, "", "s", "w", "own"), **changes)


def criterion(name: str, **changes: Any) -> TrialCriterion:
    made = TrialCriterion(name, "inclusion", {"genetic": name}, f"Needs {name}.", "", "", "s", "w", "own")
    return replace(made, **changes)


def trial(*criteria: TrialCriterion, **changes: Any) -> Trial:
    made = Trial(
        id="SYNTHETIC-1", id_checked="own", also=(), title="SYNTHETIC", interventions=(), agents=(), targets=(),
        cls="bispecific", phase="", status=status(), countries=(), setting="", criteria=criteria,
        criteria_complete=True, unread=(), notes=(), ours=(),
    )  # fmt: skip
    return replace(made, **changes)


def answer(told: Trial, **facts: bool) -> str:
    return match(told, standing(), fake(facts)).answer


# What is held


def test_every_trial_of_the_evidence_table_is_held_once():
    held = {row for one in trials().values() for row in one.ours}
    assert {f"AP{number:03d}" for number in range(28, 40)} <= held
    assert {"NCT06179888", "NCT06152575", "NCT07003568", "NCT05801939"} <= trials().keys()


def test_every_record_says_where_it_was_read_and_only_marked_numbers_are_recalled():
    for one in trials().values():
        for place in (one.status, *one.criteria):
            assert place.source in bibliography() and place.where and place.checked in CHECKED
    recalled = {one.id for one in trials().values() if one.id_checked == "memory"}
    assert recalled == {"NCT05801939", "NCT06297226", "NCT06615479", "SUCCESSOR-2"}
    assert all(one.from_memory for one in trials().values() if one.id in recalled)


def test_no_protocol_is_held_in_full_and_so_none_of_ours_can_be_called_open():
    for one in trials().values():
        assert not one.criteria_complete
        assert match(one, standing(), lambda atom, at: Judged(True, "met")).answer != "open"


def test_of_a_patient_of_whom_nothing_is_known_only_the_status_of_a_trial_is_known():
    for one in trials().values():
        found = match(one, standing())
        assert {row.holds for row in found.rows} <= {None}
        assert found.answer == ("closed" if found.recruiting.holds is False else "unknown")


def test_a_recorded_bcma_car_t_closes_the_trial_that_bars_it_and_a_cd19_one_does_not():
    def after(agent: str, target: str) -> Standing:
        given = Dose(agent, "car_t", (target,), -400, -400, f"{agent} 2025-04-27")
        return replace(standing(), doses=(given,), empty=False)

    barred = match(trials()["NCT06152575"], after("cilta_cel", "BCMA"))
    assert (barred.answer, barred.because) == ("closed", ("No earlier therapy against BCMA. cilta_cel 2025-04-27",))
    assert match(trials()["NCT06152575"], after("tisa_cel", "CD19")).answer == "unknown"


def test_the_trial_that_bars_earlier_bcma_therapy_is_closed_after_it_whatever_its_status():
    def judge(atom: Mapping[str, Any], at: Standing) -> Judged:
        return Judged(atom != {"not_exposed_to": {"target": "BCMA"}}, "cilta-cel 2025-01-10")

    found = match(trials()["NCT06152575"], standing(), judge)
    assert found.answer == "closed"
    assert found.recruiting.holds is None
    assert found.because == ("No earlier therapy against BCMA. cilta-cel 2025-01-10",)


def test_the_trial_that_asks_for_both_antigens_does_so_by_test():
    needs = [c.needs for c in trials()["NCT07003568"].criteria]
    assert {"target_present": "BCMA"} in needs and {"target_present": "GPRC5D"} in needs


def test_maintenance_trials_need_that_the_myeloma_has_not_come_back():
    for id_ in ("NCT06179888", "NCT05801939"):
        assert [c.kind for c in trials()[id_].criteria if c.needs == {"absent": "progression"}] == ["exclusion"]


# The answer


def test_a_trial_is_open_only_where_all_is_held_met_and_read():
    both = trial(criterion("a"), criterion("b"))
    assert answer(both, a=True, b=True) == "open"
    assert answer(both, a=True) == "unknown"
    assert answer(both, a=True, b=False) == "closed"
    assert answer(both, b=False) == "closed"
    assert answer(both) == "unknown"


@pytest.mark.parametrize(
    "change",
    [
        {"criteria_complete": False},
        {"unread": ("The exclusions were not seen.",)},
        {"criteria": (criterion("a"), criterion("b", needs=None))},
        {"criteria": (criterion("a", beyond="for two cycles"),)},
        {"criteria": ()},
        {"status": status("recruiting", None)},
        {"status": status("unknown")},
    ],
)
def test_anything_unread_or_unseen_keeps_a_trial_from_open_but_not_from_closed(change):
    told = replace(trial(criterion("a")), **change)
    assert answer(told, a=True) == "unknown"
    if told.criteria:
        assert answer(told, a=False) == "closed"


def test_free_text_is_shown_and_never_judged():
    def judge(atom: Mapping[str, Any], at: Standing) -> Judged:
        raise AssertionError("free text was judged")

    told = trial(criterion("a", needs=None, says="Fit enough."), criteria_complete=False)
    found = match(told, standing(), judge)
    assert found.to_read == ("Fit enough.", INCOMPLETE)
    assert [row.holds for row in found.rows] == [None]


def test_a_criterion_of_one_cohort_does_not_close_the_trial():
    told = trial(criterion("a"), criterion("b", cohort="C"))
    assert answer(told, a=True, b=True) == "open"
    assert answer(told, a=True, b=False) == "unknown"
    assert answer(told, a=False, b=True) == "closed"
    assert [row.holds for row in match(told, standing(), fake({"b": False})).rows] == [None, False]


def test_the_reasons_are_those_that_decide():
    told = trial(criterion("a"), criterion("b"), criterion("c"))
    assert match(told, standing(), fake({"a": True, "b": False})).because == ("Needs b. b is False",)
    unknown = match(told, standing(), fake({"a": True, "b": True}))
    assert unknown.because == ("Needs c. c is None",) and unknown.missing == ("c",)
    assert len(match(told, standing(), fake({"a": True, "b": True, "c": True})).because) == 4
    # Nothing judged is unknown: then what has to be read is the reason.
    unread = match(trial(criterion("a"), criteria_complete=False), standing(), fake({"a": True}))
    assert (unread.answer, unread.because) == ("unknown", (INCOMPLETE,))


def test_open_comes_before_unknown_before_closed_and_then_the_number():
    told = [trial(criterion(name), id=f"SYNTHETIC-{number}") for number, name in enumerate("cbaab")]
    found = match_all(told, standing(), fake({"a": True, "c": False}))
    assert [one.trial.id[-1] for one in found] == ["2", "3", "1", "4", "0"]


# Does it recruit?


@pytest.mark.parametrize(
    ("word", "seen", "day", "answer"),
    [
        ("recruiting", "2026-01-01", dt.date(2026, 6, 30), True),  # day 180
        ("recruiting", "2026-01-01", dt.date(2026, 7, 1), None),  # day 181: too old
        ("recruiting", "2026-01", dt.date(2026, 7, 1), None),  # a month counts from its first day
        ("recruiting", "2026-01", dt.date(2026, 1, 10), True),
        ("recruiting", "2026-01-01", dt.date(2026, 1, 1), True),
        ("recruiting", "2026-01-02", dt.date(2026, 1, 1), None),  # seen later than the day asked
        ("recruiting", None, TODAY, None),
        ("recruiting", "2026-05-15", None, None),  # a registry of days
        ("suspended", "2026-01-01", dt.date(2026, 6, 30), False),
        ("suspended", "2026-01-01", dt.date(2026, 7, 1), None),
        ("not_yet_recruiting", "2026-05-15", TODAY, False),
        ("completed", "2019-01-01", TODAY, False),  # stays completed
        ("completed", "2026-05", dt.date(2026, 5, 30), None),  # perhaps on the 31st only
        ("completed", "2026-05", dt.date(2026, 5, 31), False),
        ("closed_to_accrual", None, TODAY, None),
        ("reported", "2026-05-15", TODAY, None),
        ("by_invitation", "2026-05-15", TODAY, None),
        ("unknown", "2026-05-15", TODAY, None),
    ],
)  # fmt: skip
def test_a_status_is_believed_while_it_is_fresh_and_an_end_for_good(word, seen, day, answer):
    assert recruiting_on(status(word, seen), day).holds is answer


@pytest.mark.parametrize("word", [*RECRUITING, *NOT_NOW, *OVER, *UNDECIDED])
def test_only_a_trial_that_recruits_can_be_open_and_the_reason_names_the_status(word):
    told = trial(criterion("a"), status=status(word))
    expected = "open" if word in RECRUITING else "unknown" if word in UNDECIDED else "closed"
    found = match(told, standing(), fake({"a": True}))
    assert found.answer == expected
    assert word.replace("_", " ") in found.recruiting.because


# The answer never turns from closed to open by taking facts away.

_NAMES = st.sampled_from("abcd")
_ATOMS = st.recursive(
    _NAMES.map(lambda name: {"genetic": name}),
    lambda inner: st.builds(
        lambda kind, parts: {kind: parts},
        st.sampled_from(["any_of", "all_of"]),
        st.lists(inner, min_size=2, max_size=3),
    ),
    max_leaves=5,
)
_CRITERIA = st.lists(
    st.builds(criterion, _NAMES, needs=st.none() | _ATOMS, cohort=st.sampled_from(["", "", "C"])), max_size=4
)
_RANK = {"closed": 0, "unknown": 1, "open": 2}


@settings(max_examples=150, deadline=None)
@given(
    _CRITERIA,
    st.booleans(),
    st.sampled_from([*RECRUITING, *RECRUITING, "completed", "unknown"]),
    st.dictionaries(_NAMES, st.booleans()),
    st.sets(_NAMES),
)
def test_taking_facts_away_only_leads_to_unknown(criteria, complete, word, facts, taken):
    told = trial(*criteria, criteria_complete=complete, status=status(word))
    fewer = {name: value for name, value in facts.items() if name not in taken}
    before, after = answer(told, **facts), answer(told, **fewer)
    assert after in (before, "unknown")


# Dates


@pytest.mark.parametrize(
    ("told", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        (2024, "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        (dt.date(2024, 2, 3), "2024-02-03", "2024-02-03"),
    ],
)
def test_half_a_date_may_mean_any_of_its_days(told, first, last):
    found = seen_on(told)
    assert found is not None and (found.first.isoformat(), found.last.isoformat()) == (first, last)


@pytest.mark.parametrize("told", ["May 2024", "2024-13", "2024-02-30", "24", "2024-05-01T10:00", "12.05.2024"])
def test_what_is_no_date_is_refused(told):
    with pytest.raises(ValueError):
        seen_on(told)


# Planted defects

GOOD = """
NCT99999999:
  id_checked: memory
  title: SYNTHETIC
  class: bispecific
  agents: [cevostamab]
  source: kumar-2016
  where: abstract
  checked: abstract
  status: {word: recruiting, seen: 2026-05-01}
  criteria_complete: false
  criteria:
    - {id: lines, kind: inclusion, needs: {lines: {at_least: 3}}, says: Three lines.}
"""
DEFECTS = [
    ("NCT99999999:", "NCT123:", "eight digits"),
    ("class: bispecific", "clazz: bispecific", "clazz"),
    ("  title: SYNTHETIC\n", "", "no title"),
    ("[cevostamab]", "[cevomab]", "cevomab"),
    ("word: recruiting", "word: open", "'open'"),
    ("seen: 2026-05-01", "seen: May 2026", "May 2026"),
    ("seen: 2026-05-01", "seen: 2026-05-01, at_latest: true", "never true while recruiting"),
    ("criteria_complete: false", "criteria_complete: maybe", "'maybe'"),
    ("criteria_complete: false", "criteria_complete: true\n  unread: [more]", "criteria_complete: true with"),
    ("kind: inclusion", "kind: wish", "'wish'"),
    ("needs: {lines: {at_least: 3}}", "needs: {linez: {at_least: 3}}", "'linez'"),
    ("needs: {lines: {at_least: 3}}", "needs: {exposed: BCMAA}", "'BCMAA'"),
    ("needs: {lines: {at_least: 3}}", "needs: {exposed: [PI]}", "['PI']"),
    ("needs: {lines: {at_least: 3}}", "needs: often", "'often'"),
    ("needs: {lines: {at_least: 3}}, ", "", "needs: null"),
    ("Three lines.}", "x}\n    - {id: lines, kind: inclusion, needs: null, says: x}", "lines twice"),
    ("checked: abstract", "checked: surely", "'surely'"),
]  # fmt: skip
OURS_ONLY = [
    ("source: kumar-2016", "source: nobody-2030", "nobody-2030"),
    ("  source: kumar-2016\n", "", "no source"),
    ("  id_checked: memory\n", "", "no id_checked"),
]


def planted(folder: Path, old: str, new: str) -> Path:
    assert old in GOOD
    path = folder / "planted.yaml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(("old", "new", "words"), [*DEFECTS, *OURS_ONLY])
def test_a_defect_in_our_records_is_refused_by_name(tmp_path, old, new, words):
    with pytest.raises(KnowledgeError, match=re.escape(words)) as refused:
        read_records(planted(tmp_path, old, new))
    assert "planted.yaml" in str(refused.value)
    assert "NCT" in str(refused.value)


@pytest.mark.parametrize(("old", "new", "words"), DEFECTS)
def test_a_defect_in_a_users_file_is_wrong_usage(tmp_path, old, new, words):
    with pytest.raises(WrongUsage, match=re.escape(words)) as refused:
        read_trial_file(planted(tmp_path, old, new))
    assert "planted.yaml" in str(refused.value)


def test_a_users_file_may_leave_its_sources_out(tmp_path):
    for old, new, _ in OURS_ONLY:
        (one,) = read_trial_file(planted(tmp_path, old, new)).values()
        assert one.criteria[0].source and one.criteria[0].checked


def test_the_same_trial_in_two_of_our_files_is_refused(tmp_path, monkeypatch):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    monkeypatch.setattr("mspike.knowledge.trials.FOLDER", tmp_path)
    with pytest.raises(KnowledgeError, match="another file"):
        trials.__wrapped__()


@pytest.mark.parametrize("told", ["", "- a\n- b\n", "a: [\n", "just a sentence", "NCT99999999: 3\n", "{}"])
def test_what_is_no_file_of_trials_is_unreadable(tmp_path, told):
    path = tmp_path / "trials.yaml"
    path.write_text(told, encoding="utf-8")
    with pytest.raises(UnreadableInput, match=r"trials\.yaml"):
        read_trial_file(path)


def test_a_file_that_is_not_there_is_unreadable(tmp_path):
    with pytest.raises(UnreadableInput, match="absent"):
        read_trial_file(tmp_path / "absent.yaml")


def test_the_example_of_the_how_to_can_be_loaded_and_decides_as_the_page_says(tmp_path):
    page = (ROOT / "docs" / "how-to" / "trials.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert "SYNTHETIC" in block
    path = tmp_path / "mine.yaml"
    path.write_text(block, encoding="utf-8")
    (one,) = read_trial_file(path).values()
    met = match(one, standing(), lambda atom, at: Judged(True, "met"))
    assert (one.criteria_complete, met.answer) == (True, "open")
    for closing in one.criteria:
        found = match(one, standing(), lambda atom, at, c=closing: Judged(atom != c.needs, ""))
        assert found.answer == "closed"
    assert match(one, standing(dt.date(2027, 6, 1)), lambda atom, at: Judged(True, "met")).answer == "unknown"
