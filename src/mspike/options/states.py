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

ABSENT = re.compile(r"\b(?:none|absent|no|not present|without|negative|excluded|ruled out|no evidence)\b", re.I)
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
        r"kerat|cornea|cataract|ocular|\beyes?\b|visual|retin|uveit|glaucom",
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
    yes: list[str] = []
    no: list[str] = []
    recent = days_counted("acute", "recent")
    least = int(published("standing").value("standing.neuropathy", "grade")) if condition.graded else 1
    for row in rows:
        text = " ".join(t for t in (row["event"], row["detail"]) if t).replace("_", " ")
        if not re.search(condition.words, text, re.I):
            continue
        words = f"{text.strip()} ({said(row['date'])})"
        grade = row["grade"]
        if grade == 0 or (grade is None and ABSENT.search(text)):
            if row["date"] is not None and row["date"] >= day - recent:
                no.append(f"no {row['event'].replace('_', ' ')} ({said(row['date'])})")
        elif _going_on(row, condition, day):
            if grade is None and condition.graded:
                continue  # there, but how bad is not told
            (yes if grade is None or grade >= least else no).append(_graded(words, grade))
    return Fact(tuple(yes), tuple(no), condition.ask)


def _going_on(row: dict[str, Any], condition: Condition, day: int) -> bool:
    if row["end_date"] is not None:
        return bool(row["end_date"] >= day)
    if not condition.acute:
        return True
    return row["date"] is not None and row["date"] >= day - days_counted("acute", "recent")


def _graded(words: str, grade: int | None) -> str:
    return words if grade is None else f"{words}, grade {grade}"


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
    lesions = record.lesions.filter(pl.col("site") == "cns").sort("date").to_dicts()
    cns = [x for x in lesions if x["finding"] != "resolved"]
    return {
        "extramedullary": _told(row["extramedullary_recorded"], "extramedullary disease", when, "imaging (PET-CT)"),
        "cns": Fact(tuple(f"lesion in the nervous system ({said(x['date'])})" for x in cns[-1:])),
    }


def _told(holds: bool | None, name: str, when: str, ask: str) -> Fact:
    words = (f"{name}, {when}",)
    return Fact(words, (), ask) if holds else Fact((), (f"no {words[0]}",), ask) if holds is False else Fact(ask=ask)
