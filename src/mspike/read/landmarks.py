"""Responses given at landmarks (30 days, 3 months) beside a recorded day of progression: the recorded day wins.

1. A patient who did not progress: a category at a landmark after the last progression-free day is dated on that day.
2. A patient who progressed: a category other than PD on or after the day of progression contradicts it and is set
   aside; PD is known from its recorded day and is not written again at a landmark.
3. PD at a landmark of a patient who did not progress is set aside.
"""

from __future__ import annotations

from mspike.read.cells import Row
from mspike.read.days import day_number, day_text
from mspike.read.grammar import LandmarkRule
from mspike.read.sheets import Notes, holds


def settled(rows: list[Row], rule: LandmarkRule, calendar: str, notes: Notes) -> list[Row]:
    """The landmark responses that can stand beside the recorded days, each set-aside one noted."""
    kept = [row for row in rows if _stands(row, rule, calendar, notes)]
    return _one_a_day(kept, notes)


def _stands(row: Row, rule: LandmarkRule, calendar: str, notes: Notes) -> bool:
    """May this landmark response be written? Dates it on the last progression-free day where that is earlier."""
    until = row.line.cells.get(rule.until)
    last = day_number(until, calendar) if until is not None else None
    day = day_number(row.cells["date"], calendar)
    found = f"{row.cells['response']} at the landmark day {row.cells['date']}, {rule.until} {until or 'empty'}"
    if last is None or day is None:
        notes.add("warning", row.line, rule.until, "landmark_without_recorded_day", found, f"a day in {rule.until}")
        return True
    if holds(rule.progressed, row.line):
        return _stands_before_progression(row, day, last, rule, found, notes)
    if row.cells["response"] == "PD":
        expected = "no PD where no progression is recorded; the row was set aside"
        notes.add("error", row.line, rule.until, "landmark_pd_without_progression", found, expected)
        return False
    if day > last:
        expected = f"a day not after {rule.until}; the response was dated on that day"
        notes.add("info", row.line, rule.until, "landmark_capped", found, expected)
        row.cells["date"] = day_text(last, calendar)
    return True


def _stands_before_progression(row: Row, day: int, last: int, rule: LandmarkRule, found: str, notes: Notes) -> bool:
    if row.cells["response"] != "PD":
        if day < last:
            return True
        expected = "no response on or after the day of progression; the row was set aside"
        notes.add("error", row.line, rule.until, "landmark_response_after_progression", found, expected)
    elif day < last:
        expected = f"no PD before the recorded progression; PD is written once, on the day in {rule.until}"
        notes.add("warning", row.line, rule.until, "landmark_pd_before_progression", found, expected)
    elif day > last:
        expected = f"PD is written once, on its recorded day in {rule.until}, not again at the landmark"
        notes.add("info", row.line, rule.until, "landmark_pd_after_progression", found, expected)
    return False


def _one_a_day(rows: list[Row], notes: Notes) -> list[Row]:
    """Of two landmarks dated on one day the later landmark stands."""
    by_day: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row.line.patient, row.cells["date"])
        if key in by_day:
            found = f"{by_day[key].cells['response']} and {row.cells['response']} on day {row.cells['date']}"
            expected = "one response a day; that of the later landmark was kept"
            notes.add("warning", row.line, "", "two_landmarks_one_day", found, expected)
        by_day[key] = row
    return list(by_day.values())
