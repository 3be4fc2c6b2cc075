"""What the record says of a patient's condition on a day: infection, nerves, eyes, heart, disease outside the marrow.

Presence is an event that has not ended, absence an event of grade 0 ("looked for, none") or one that says so in words.
That nothing is recorded says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from mspike.course.extramedullary import with_extramedullary
from mspike.knowledge.criteria import published
from mspike.options.facts import Fact, days_counted
from mspike.record.record import Record
from mspike.safety.late_effects import INFECTION

# A detail that denies by itself; an event that begins with the denial; one that is in doubt; what is no disease.
NOTHING = re.compile(
    r"(?:none|no|absent|not present|negative|excluded|ruled out|no evidence|no (?:active )?infection)\.?", re.I
)
DENIED = re.compile(r"(?:no|without|absence of|free of)\b", re.I)
DOUBTED = r"\b(?:no|not|without|excluded|ruled out|possible|suspected|\?)\b"
BESIDE = r"vaccin|immuni[sz]|prophyla|screen|actinic"
BARE = r"(?:adverse event|ae|other|event|toxicity|complication|diagnosis)"
Said = Callable[[int | None], str]


@dataclass(frozen=True)
class Condition:
    """How a condition is recognised in events.

    graded  it counts from a grade on (standing.neuropathy); a lower one speaks against it
    acute   without an end it counts for some weeks only (standing.acute); else until an end is told
    """

    words: str
    ask: str
    graded: bool = False
    acute: bool = False


CONDITIONS = {
    "infection": Condition(INFECTION, "active infection (event `infection`; grade 0 says none)", acute=True),
    "neuropathy": Condition(
        r"neuropath|paraesthe|paresthe|polyneuro", "peripheral neuropathy (with its grade; 0 says none)", graded=True
    ),
    "eye_disease": Condition(
        r"kerat(?:itis|opath)|cornea|cataract|ocular|\beyes?\b|visual|retin|uveit|glaucom",
        "eye examination (grade 0 says no disease)",
    ),
    "cardiac_disease": Condition(
        r"heart failure|cardiac|cardiomyopath|myocard|infarct|angina|arrhythm|atrial fibrill|\bchf\b|amyloid.*heart",
        "heart disease (grade 0 says none)",
    ),
    "parkinsonism": Condition(r"parkinson|movement and neurocog", "signs of parkinsonism (grade 0 says none)"),
    "second_malignancy": Condition(
        r"second.*malignan|second primary|\bmds\b|myelodysplas|\baml\b|t.?cell lymphoma",
        "second malignancy (grade 0 says none)",
    ),
    "plasma_cell_leukaemia": Condition(
        r"plasma.?cell.?leuk|\bpcl\b", "plasma cells in the blood (or event plasma cell leukaemia, grade 0 says none)"
    ),
    "cns": Condition(r"\bcns\b|leptomening|meningeosis|brain|csf.*plasma", "imaging or CSF of the nervous system"),
}


def states_on(record: Record, day: int, said: Said) -> dict[str, Fact]:
    """Every condition by its name, as the record stands on the day."""
    rows = record.events.select("date", "end_date", "event", "grade", "detail").to_dicts()
    told = {name: _from_events(rows, one, day, said) for name, one in CONDITIONS.items()}
    outside = _outside_marrow(record, day, said)
    cns = outside.pop("cns")
    told["cns"] = Fact(told["cns"].yes + cns.yes, told["cns"].no + cns.no, told["cns"].ask)
    return {**told, **outside}


def _from_events(rows: list[dict[str, Any]], condition: Condition, day: int, said: Said) -> Fact:
    """What events say of a condition. Its name must stand in the event itself; a detail such as "culture negative" or

    "no infection found" neither names nor denies it, unless the event is a bare "adverse event".
    """
    named = [
        row for row in rows if re.search(condition.words, _name(row), re.I) and not re.search(BESIDE, _name(row), re.I)
    ]
    yes, no, over = [], [], []
    for row in named:
        words, state = f"{_name(row)} ({said(row['date'])})", _state(row, condition, day)
        if state == "active":
            yes.append(words if row["grade"] is None else f"{words}, grade {row['grade']}")
        elif state == "none":
            no.append((row["date"], words if DENIED.match(words) else f"no {words}"))
        elif state == "over":
            over.append(row["date"])
    # What was said before a later infection had come and gone says nothing of today.
    valid = tuple(words for date, words in no if not any(later is not None and later > date for later in over))
    if condition.graded:  # the latest grade counts
        return _latest(named, condition, day, said)
    return Fact(tuple(yes), valid, condition.ask)


def _name(row: dict[str, Any]) -> str:
    """The event as written; with its detail where the event says no more than that something happened."""
    event = (row["event"] or "").replace("_", " ").strip()
    return f"{event} {row['detail'] or ''}".strip() if re.fullmatch(BARE, event, re.I) else event


def _state(row: dict[str, Any], condition: Condition, day: int) -> str:
    """active, none (looked for and not there, lately), over, or open."""
    denied = bool(DENIED.match(_name(row))) or bool(row["detail"] and NOTHING.fullmatch(row["detail"].strip()))
    if row["grade"] == 0 or (row["grade"] is None and denied):
        recent = row["date"] is not None and row["date"] >= day - days_counted("acute", "recent")
        return "none" if recent else "open"
    if re.search(DOUBTED, _name(row), re.I):
        return "open"
    if row["end_date"] is not None and row["end_date"] < day:
        return "over"
    recent = row["date"] is not None and row["date"] >= day - days_counted("acute", "recent")
    return "active" if row["end_date"] is not None or recent or not condition.acute else "open"


def _latest(rows: list[dict[str, Any]], condition: Condition, day: int, said: Said) -> Fact:
    """By the latest row that has not ended: at or above the grade, below it, or not graded."""
    going = [r for r in rows if _state(r, condition, day) in ("active", "none")]
    if not going:
        return Fact(ask=condition.ask)
    last = max(going, key=lambda r: -(2**30) if r["date"] is None else r["date"])
    least = int(published("standing").value("standing.neuropathy", "grade"))
    grade = 0 if _state(last, condition, day) == "none" else last["grade"]
    if grade is None:
        return Fact(ask=condition.ask)
    words = (f"{_name(last)} ({said(last['date'])}), grade {grade}",)
    return Fact(words, (), condition.ask) if grade >= least else Fact((), words, condition.ask)


def _outside_marrow(record: Record, day: int, said: Said) -> dict[str, Fact]:
    """Myeloma outside the marrow, from lesions and events."""
    since = day - days_counted("seen", "window")
    spans = {"day": day, "first": since, "last": day, "genetics_until": day, "imaging_until": day}
    points = record.patients.select("pid").with_row_index("point")
    points = points.with_columns(
        pl.col("point").cast(pl.Int64), *(pl.lit(at, pl.Int32).alias(name) for name, at in spans.items())
    )
    row = with_extramedullary(points, record).to_dicts()[0]
    when = f"imaging {said(row['imaging_day'])}" if row["imaging_day"] is not None else "as recorded"
    lesions = record.lesions.filter(pl.col("site") == "cns").sort("date").unique("lesion_id", keep="last")
    cns = [x for x in lesions.sort("date").to_dicts() if x["finding"] != "resolved"]
    return {
        "extramedullary": _told(row["extramedullary_recorded"], "extramedullary disease", when, "imaging (PET-CT)"),
        "cns": Fact(tuple(f"lesion in the nervous system ({said(x['date'])})" for x in cns[-1:])),
    }


def _told(holds: bool | None, name: str, when: str, ask: str) -> Fact:
    words = (f"{name}, {when}",)
    return Fact(words, (), ask) if holds else Fact((), (f"no {words[0]}",), ask) if holds is False else Fact(ask=ask)
