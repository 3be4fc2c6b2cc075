"""From the kept rows of one patient to what each verb tells of him: the same words as `mspike why`, `watch`, `safety`.

A test holds these against the functions of report/ that ask one patient at a time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from mspike.knowledge.mechanisms import findings as declared
from mspike.knowledge.mechanisms import mechanisms, published_for
from mspike.report.because import sentence
from mspike.report.safety import facts_of
from mspike.report.terminal import counted, day_told
from mspike.report.watch import TEST
from mspike.report.why import LISTS

Told = dict[str, Any]
Kept = dict[str, list[Told]]

PAGE = ("person", "courses", "endpoints", "visits", "reasons", "infusions", "mechanisms", "why_findings", "tests",
        "watched", "watch", "gaps", "safety", "findings")  # fmt: skip
FOUND = ("rule", "state", "strength", "value", "day", "threshold", "reason", "source", "checked", "test")


def why_told(kept: Kept) -> list[Told]:
    """The mechanisms of each infusion with their findings, and what to ask next: `infusions` of report.why."""
    found: dict[tuple[int, str], list[Told]] = defaultdict(list)
    for row in kept["why_findings"]:
        found[row["gid"], row["mechanism"]].append(row)
    return [
        {
            **{name: value for name, value in one.items() if name != "gid"},
            "later_lines": [
                {"line": c["line"], "agent": c["index_agent"]} for c in kept["courses"] if c["line"] > one["line"]
            ],
            "mechanisms": [
                _mechanism(m, found[m["gid"], m["mechanism"]]) for m in kept["mechanisms"] if m["gid"] == one["gid"]
            ],
            "tests_that_would_tell": [
                {name: value for name, value in t.items() if name != "gid"}
                for t in kept["tests"] if t["gid"] == one["gid"]
            ],
        }
        for one in kept["infusions"]
    ]  # fmt: skip


def _mechanism(row: Told, found: list[Told]) -> Told:
    said = declared()
    published = [
        {"says": p.says, "share": p.share, "when": p.when, "therapy": p.therapy, "target": p.target, "source": p.source,
         "checked": p.checked}
        for p in published_for(row["mechanism"], row["target"])
    ]  # fmt: skip
    return {
        **{name: value for name, value in row.items() if name not in ("gid", *LISTS)},
        "says": mechanisms()[row["mechanism"]].says,
        "findings": [{"says": said[f["rule"]].says, **{name: f[name] for name in FOUND}} for f in found],
        "published": published,
    }


def watch_told(kept: Kept) -> list[Told]:
    """The schedule of each infusion on the day asked: `lines` of report.watch."""
    return [
        {
            "line": one["line"], "product": one["agent"], "infused": one["index_day"],
            "ended": one["end_day"], "because": one["end_reason"], "on": one["on_day"],
            "tests": [{name: t[name] for name in TEST} for t in kept["watch"] if t["gid"] == one["gid"]],
            "missed_visits": [
                {n: v for n, v in gap.items() if n != "gid"} for gap in kept["gaps"] if gap["gid"] == one["gid"]
            ],
        }
        for one in kept["watched"]
    ]  # fmt: skip


def safety_told(kept: Kept) -> tuple[list[Told], list[Told]]:
    """What harm each infusion did, and the published facts that belong to it: `infusions`, `facts` of report.safety."""
    facts = {fact["says"]: fact for infusion in kept["safety"] for fact in facts_of(infusion)}
    return kept["safety"], list(facts.values())


def courses_told(kept: Kept) -> list[Told]:
    """Each line with its endpoints, as report.because tells a course."""
    ends: dict[int, list[Told]] = defaultdict(list)
    for end in kept["endpoints"]:
        ends[end["line"]].append({name: value for name, value in end.items() if name != "line"})
    return [{**course, "endpoints": ends[course["line"]]} for course in kept["courses"]]


def visits_told(kept: Kept, line: int) -> list[Told]:
    """The visits of a line, each with the rules that fired on its date."""
    fired: dict[Any, list[Told]] = defaultdict(list)
    for reason in kept["reasons"]:
        if reason["line"] == line:
            fired[reason["date"]].append(reason)
    return [
        {name: value for name, value in visit.items() if name != "line"} | {"because": fired[visit["date"]]}
        for visit in kept["visits"]
        if visit["line"] == line
    ]


def answer_told(courses: list[Told], row: Told) -> str:
    """The sentence a colleague would say aloud: what was given, what became of it, what waits.

    courses  `courses_told`; row: the patient's row of the worklist
    """
    given = [course for course in courses if course["kind"] == "car_t"]
    if not given:
        return "No CAR-T cell therapy is on record, so there is no failure of it to tell."
    last = given[-1]
    product = last["index_agent"] or "CAR-T, product not stated"
    if "not_infused" in last["flags"]:
        return f"Cells were collected for {product} on {day_told(last['index_date'])}; no infusion is on record."
    told = f"{product}, infused {day_told(last['index_date'])} (line {last['line']}). {sentence(last)}"
    waits = [
        f"{counted(row['overdue'], 'test')} overdue" if row["overdue"] and not row["died"] else "",
        f"{counted(row['missing'], 'test')} that may change what comes next not on record" if row["missing"] else "",
    ]
    said = "; ".join(part for part in waits if part)
    return f"{told} {said[:1].upper()}{said[1:]}." if said else told
