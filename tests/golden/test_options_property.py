"""Taking data away never opens what is closed: over generated patients, in both regions, by the labels of four dates.

What is not recorded is unknown, so that less data can make an answer unknown, or close it; a yes that appears because a
no was forgotten would be a wrong answer that looks like a right one. Run more of them with MSPIKE_GENERATED=2000.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from answered import Answers, answers_of
from contested_facts import CONTESTED, choices
from generated_patients import Row, Rows, variants

import mspike.options.answers
from mspike.knowledge.therapies.salvage import therapies

PATIENTS = int(os.environ.get("MSPIKE_GENERATED", "60"))
REMOVALS = 3
LABELS = tuple(map(dt.date.fromisoformat, ("2025-11-15", "2026-06-15", "2024-03-15", "2021-10-15")))
# Rows can show that there were too many lines, and never that there were no more: nothing opens in this one.
MORE_LINES = "more lines than a label allows"
Chain = list[tuple[Rows, Answers]]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Chain]:
    """By patient: the rows and the answers, the whole patient first."""
    everybody = {f"{n:05}/{k}": rows for n in range(PATIENTS) for k, rows in enumerate(variants(n, REMOVALS))}
    return _asked(everybody, tmp_path_factory.mktemp("generated"), _labels)


@pytest.fixture(scope="module")
def contested(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Chain]:
    """By name: the rows and the answers for every choice of the rows that contest each other."""
    everybody = {f"{name}/{k:03}": rows for name in CONTESTED for k, rows in enumerate(choices(name))}
    return _asked(everybody, tmp_path_factory.mktemp("contested"), _labels_of_contested)


def _asked(everybody: dict[str, Rows], folder: Path, labels: Callable[[str], dt.date]) -> dict[str, Chain]:
    # Neither what is published nor a caution decides about an answer, and they take most of the time.
    bare = {id_: replace(therapy, cautions=()) for id_, therapy in therapies().items()}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mspike.options.answers, "strata_of", lambda *asked: ())
        patched.setattr(mspike.options.answers, "therapies", lambda: bare)
        told = dict(answers_of(everybody, folder, labels))
    found: dict[str, Chain] = {}
    for name in sorted(everybody):
        found.setdefault(name.split("/")[0], []).append((everybody[name], told[name]))
    return found


def _labels_of_contested(name: str) -> dt.date:
    return dt.date(2026, 6, 15)


def _labels(patient: str) -> dt.date:
    """One date a patient, the same for all that is left of him; each date for patients of both kinds."""
    return LABELS[int(patient.split("/")[0]) // 2 % len(LABELS)]


def test_no_option_goes_from_closed_to_open_when_rows_are_taken_away(answered: dict[str, Chain]):
    assert [wrong for name, chain in answered.items() for wrong in _opened(name, chain)] == []


@pytest.mark.parametrize("name", CONTESTED)
def test_no_choice_of_contested_rows_opens_what_all_of_them_close(name: str, contested: dict[str, Chain]):
    assert _opened(name, contested[name]) == []


@pytest.mark.parametrize("name", [name for name in CONTESTED if name != MORE_LINES])
def test_contested_rows_decide_whether_something_is_open(name: str, contested: dict[str, Chain]):
    seen = {(option, answer) for _, told in contested[name] for option, answer in told.items()}
    # Not every choice can open something: too many lines only ever close, and a denial leaves the classes open.
    assert any(len({a for o, a in seen if o == option}) > 1 for option, _ in seen)


def _opened(name: str, chain: Chain) -> list[str]:
    """Each option that is closed with more rows and open with fewer of the same."""
    return [
        f"patient {name}, {region}: {option} closed with {len(more)} rows, open without "
        f"{[row for row in more if not _has(less, row)]}"
        for more, before in chain
        for less, after in chain
        if len(less) < len(more) and all(_has(more, row) for row in less)
        for (region, option), answer in after.items()
        if answer == "open" and before[region, option] == "closed"
    ]


def _has(rows: Rows, row: Row) -> bool:
    """Is it this very row, and not only one that looks like it?"""
    return any(row is one for one in rows)


def test_every_approved_option_is_open_to_somebody_and_most_are_closed_to_somebody(answered: dict[str, Chain]):
    """Without this the test above could hold because nothing was ever open."""
    seen = {
        (option, answer) for chain in answered.values() for _, told in chain for (_, option), answer in told.items()
    }
    approved = [id_ for id_, therapy in therapies().items() if therapy.approvals]
    assert [id_ for id_ in approved if (id_, "open") not in seen] == []
    assert sum((id_, "closed") in seen for id_ in approved) > len(approved) / 2


def test_less_data_does_change_answers(answered):
    """The removals matter: many an answer becomes unknown."""
    lost = sum(
        answer != "unknown" and chain[-1][1][key] == "unknown"
        for chain in answered.values()
        for key, answer in chain[0][1].items()
    )
    assert lost > 5 * len(answered)


def test_a_patient_among_others_is_answered_as_alone(answered: dict[str, Chain], tmp_path: Path):
    """The tests above ask about everybody at once; somebody else's rows must not have a part in it."""
    name = "00003/0"
    rows, among_others = answered["00003"][0]
    assert dict(answers_of({name: rows}, tmp_path, _labels)) == {name: among_others}


def test_with_every_row_gone_nothing_is_open(tmp_path: Path):
    for _, told in answers_of({"nothing": []}, tmp_path, lambda patient: LABELS[0]):
        assert set(told.values()) == {"unknown"}
