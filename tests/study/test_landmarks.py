"""Landmarks: who is in, by what was known on the day, and what later events must not change. SYNTHETIC."""

from __future__ import annotations

import polars as pl
from literal_cohort import Row, gathered, patient

from mspike.study.landmarks import NEGATIVE, NO_NEGATIVE, PROGRESSED, landmarks
from mspike.study.plan import plan_of


def person(number: int, pfs: int, progressed: bool, lived: int, died: bool, **told: object) -> Row:
    times = {"pfs_days": pfs, "pfs_event": progressed, "os_days": lived, "os_event": died, "ttnt_event": False}
    return patient(number, **times, **told)


def groups(section, name: str, endpoint: str) -> dict[str, tuple[int, int]]:
    frame = next(table.frame for table in section.tables if table.name == name).filter(endpoint=endpoint)
    return {group: (n, events) for group, n, events in frame.select("group", "n", "events").iter_rows()}


ROWS = [
    person(1, 300, True, 400, True),  # CR confirmed on day 90
    person(2, 200, True, 300, False),  # VGPR seen on day 85, confirmed only on day 110: stable disease on the day
    person(3, 60, True, 250, True),  # progressed before the landmark: overall survival only, a group of its own
    person(4, 50, True, 50, True),  # died before: in neither
    person(5, 80, False, 80, False),  # lost before: in neither
    person(6, 150, False, 150, False),  # no visit by the landmark: not known
    person(7, 120, True, 500, False, mrd_negative_day=60, mrd_best="negative"),
    person(8, 400, False, 400, False, mrd_negative_day=180, mrd_best="negative"),  # negative only later
]
VISITS = [(1, 30, "PR", 60), (1, 60, "CR", 90), (2, 85, "VGPR", 110), (3, 30, "VGPR", 50), (7, 30, "PR", 60),
          (8, 60, "PR", 88), (8, 120, "CR", 150)]  # fmt: skip


def test_only_who_is_alive_and_event_free_counts_by_what_was_confirmed_by_then():
    section = landmarks(gathered(ROWS, VISITS), plan_of(landmark_days=91))
    assert groups(section, "landmark_response", "pfs") == {
        "CR or better": (1, 1), "PR": (2, 1), "less than PR": (1, 1), "not known": (1, 0),
    }  # fmt: skip
    assert groups(section, "landmark_response", "os")[PROGRESSED] == (1, 1)
    notes = " ".join(note for table in section.tables for note in table.notes)
    assert "2 with the event on or before day 91, 1 not followed beyond day 91" in notes


def test_the_clock_starts_at_the_landmark():
    frame = next(t.frame for t in landmarks(gathered(ROWS, VISITS), plan_of()).tables if t.name == "landmark_response")
    deep = frame.filter(endpoint="pfs", group="CR or better")
    assert deep["median_months"].item() * 365.25 / 12 == 300 - 91


def test_a_negative_sample_after_the_landmark_is_no_negative_sample_by_then():
    found = groups(landmarks(gathered(ROWS, VISITS), plan_of()), "landmark_mrd", "pfs")
    assert found == {NEGATIVE: (1, 1), NO_NEGATIVE: (4, 2)}


def test_what_comes_after_the_landmark_sorts_nobody():
    """Later visits, later negativity: the groups of day 91 stay as they are."""
    later = [{**row, "mrd_negative_day": row.get("mrd_negative_day") or 200, "mrd_best": "negative"} for row in ROWS]
    seen = [*VISITS, (6, 100, "sCR", 130), (2, 130, "sCR", 160)]
    before, after = (landmarks(gathered(*cohort), plan_of()) for cohort in ((ROWS, VISITS), (later, seen)))
    for name in ("landmark_response", "landmark_mrd"):
        for endpoint in ("pfs", "os"):
            assert groups(before, name, endpoint) == groups(after, name, endpoint)


def test_small_groups_are_kept_back():
    section = landmarks(gathered(ROWS, VISITS), plan_of(min_cell=5))
    for table in section.tables:
        for column in ("n", "events"):
            if column in table.frame.columns:
                told = [int(text) for text in table.frame[column].cast(pl.String).drop_nulls() if text.isdigit()]
                assert all(n == 0 or n >= 5 for n in told)


def test_from_another_origin_or_of_nobody_it_says_so():
    for plan, rows in ((plan_of(origin="failure"), ROWS), (plan_of(), []), (plan_of(landmark_days=9000), ROWS)):
        section = landmarks(gathered(rows, VISITS if rows else []), plan)
        assert section.says and not section.parts
