"""How the patient is watched: what may be late, what is due and what comes next, in plain words."""

from __future__ import annotations

from typing import Any

from mspike.knowledge.support import texts
from mspike.packet.blocks import Block, Bullets, Paragraph
from mspike.packet.case import Case
from mspike.packet.plain_story import counted_from
from mspike.packet.plain_words import Day, days_between, listed, plain_day

Told = dict[str, Any]
STATES = {"overdue": "May be late", "due": "Due about now", "next": "Next"}  # what can no longer be made up is not told
ENDED = {
    "progression": "The first plan of checks has ended, because the myeloma grew. Ask your team for the new plan.",
    "new therapy": "The first plan of checks has ended, because a new treatment began. Ask your team for the new plan.",
}


def watch_blocks(case: Case) -> list[Block]:
    """The general words, then the tests of the last infusion by state; what depends on something unknown is named."""
    told: list[Block] = [Paragraph(words) for words in texts("care")["watch"]]
    if not case.watch["lines"]:
        return [
            *told,
            Paragraph("No plan of checks after CAR T cells runs, as none were given. Ask your team for yours."),
        ]
    line = case.watch["lines"][-1]
    if line["ended"] is not None:
        told.append(Paragraph(ENDED[line["because"]]))
    items = [told_ for state in STATES if (told_ := _of_state(line["tests"], state, counted_from(case)))]
    known = {texts("checks")[test["item"]] for test in line["tests"] if test["state"] in STATES}
    depends = [texts("checks")[test["item"]] for test in line["tests"] if test["state"] == "depends"]
    depends = [name for name in depends if name not in known]
    if depends and line["ended"] is None:
        items.append(f"Not known if you need it: {listed(depends, 'or')}.")
    if items:
        told.append(Bullets(tuple(items)))
    if any(test["state"] == "overdue" for test in line["tests"]):
        told.append(Paragraph(texts("care")["watch_overdue"]))
    return told


def _of_state(tests: list[Told], state: str, since: str) -> str:
    """One sentence: each test once, with its day, by day; tests that are late by another name are told as late once."""
    words = texts("checks")
    due: dict[str, Day] = {}
    for test in tests:
        name = words[test["item"]]
        if test["state"] == state and (name not in due or (days_between(test["due"], due[name]) or 0) > 0):
            due[name] = test["due"]
    days: dict[str | None, list[str]] = {}
    for name, day in sorted(
        due.items(), key=lambda pair: str(pair[1]) if not isinstance(pair[1], int) else f"{pair[1]:09d}"
    ):
        days.setdefault(plain_day(day, since), []).append(name)
    told = [f"{listed(names)} ({_when(day, state)})" for day, names in days.items()]
    return f"{STATES[state]}: {'; '.join(told)}." if told else ""


def _when(day: str | None, state: str) -> str:
    if day is None:
        return "the day is not known"
    return f"was due on {day}" if state == "overdue" else f"around {day}" if state == "due" else f"from {day}"
