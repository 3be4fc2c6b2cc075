"""Mechanisms of failure as data: findings with threshold, strength and source; published prevalence; the tests.

Prevalence carries its therapy context and is only ever asked for one context: a share after bispecifics says nothing
about CAR T cells, one against GPRC5D nothing about BCMA, one before therapy nothing about relapse.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import CHECKED, Value, bibliography
from mspike.knowledge.files import read_yaml

FOLDER = Path(__file__).parent
OTHER_FILES = ("timing", "tests")
STRENGTHS = ("strong", "moderate", "weak", "descriptive")  # the strongest first
COSTS = ("records", "blood", "imaging", "marrow")  # what the patient gives, the least first
CHANGES = ("decides", "informs", "explains")  # what an answer changes, the most first
COMPARISONS = ("at_least", "more_than", "at_most", "below", "equals")
CAR_T = "car_t"
BEFORE_ANY = "none yet"


@dataclass(frozen=True)
class Finding:
    """One finding that speaks for a mechanism or, where it was looked for and absent, against it."""

    rule: str
    mechanism: str
    says: str
    strength: str
    source: str
    where: str
    checked: str
    test: str
    values: dict[str, Value]
    ours: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.rule.rsplit(".", 1)[1]

    @property
    def threshold(self) -> str:
        return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.values.items())


@dataclass(frozen=True)
class Published:
    """What a study counted in one therapy context."""

    mechanism: str
    therapy: str
    target: str
    when: str
    says: str
    events: int | None
    n: int | None
    source: str
    where: str
    checked: str
    ours: tuple[str, ...]

    @property
    def share(self) -> str:
        """The proportion as printed: 1/16 (6 %); empty where the study gives none."""
        if self.events is None or not self.n:
            return ""
        percent = 100 * self.events / self.n
        return (
            f"{self.events}/{self.n} ({percent:.1f} %)" if percent < 10 else f"{self.events}/{self.n} ({percent:.0f} %)"
        )


@dataclass(frozen=True)
class Conflict:
    """Studies that disagree about findings: both sides are shown, none is chosen."""

    touches: tuple[str, ...]
    says: str
    sides: tuple[dict[str, Any], ...]

    @property
    def told(self) -> str:
        sides = (f"{side['says']}{_of(side)} [{side['source']}]" for side in self.sides)
        return f"{self.says} {'; against: '.join(sides)}."


def _of(side: dict[str, Any]) -> str:
    return f" (n={side['n']})" if side.get("n") else ""


@dataclass(frozen=True)
class Mechanism:
    """One way in which CAR T-cell therapy fails."""

    id: str
    order: int
    title: str
    says: str
    findings: tuple[Finding, ...]
    not_supported_needs: tuple[str, ...]
    published: tuple[Published, ...]
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True)
class TellingTest:
    """A test that would tell: what the patient gives, and which answer changes which option."""

    id: str
    title: str
    cost: str
    cost_says: str
    changes: str
    now: bool
    answers: tuple[tuple[str, str], ...]


@cache
def mechanisms() -> dict[str, Mechanism]:
    """Every mechanism by its id, in the order of presentation."""
    paths = [path for path in FOLDER.glob("*.yaml") if path.stem not in OTHER_FILES]
    read = [read_mechanism(read_yaml(path), path.name) for path in paths]
    return {one.id: one for one in sorted(read, key=lambda m: m.order)}


@cache
def findings() -> dict[str, Finding]:
    """Every finding by its rule id, by mechanism and in the order of its file."""
    return {f.rule: f for mechanism in mechanisms().values() for f in mechanism.findings}


@cache
def timing() -> dict[str, dict[str, Fraction]]:
    """The time windows: rule id -> name -> number."""
    told = read_yaml(FOLDER / "timing.yaml")["rules"]
    return {rule: {n: v.number for n, v in _values(rule, _sourced(rule, body)).items()} for rule, body in told.items()}


@cache
def telling_tests() -> dict[str, TellingTest]:
    """The tests that would tell, by id."""
    told = read_yaml(FOLDER / "tests.yaml")["tests"]
    return {name: _test(name, body) for name, body in told.items()}


@cache
def also_asked() -> tuple[str, ...]:
    """Tests asked of every failure, whatever was tested."""
    return tuple(read_yaml(FOLDER / "tests.yaml")["also_ask"])


def published_for(mechanism: str, target: str | None) -> tuple[Published, ...]:
    """What was published on a mechanism for CAR T cells against this target; each study by itself, never pooled.

    Shares counted before any therapy against the target are included and say so in `when`. An unknown target has none.
    """
    return tuple(
        one for one in mechanisms()[mechanism].published if one.target == target and one.therapy in (CAR_T, BEFORE_ANY)
    )


def read_mechanism(told: dict[str, Any], file: str) -> Mechanism:
    """Reads and checks one mechanism."""
    rules = tuple(_finding(rule, body, told["id"]) for rule, body in told["findings"].items())
    known = {f.rule for f in rules}
    conflicts = tuple(Conflict(tuple(c["touches"]), c["says"].strip(), tuple(c["sides"])) for c in told["conflicts"])
    named = {*told["not_supported_needs"], *(rule for c in conflicts for rule in c.touches)}
    if named - known:
        raise KnowledgeError(f"{file}: {', '.join(sorted(named - known))} is named but is no finding of this file.")
    for conflict in conflicts:
        for side in conflict.sides:
            _known_source(f"{file}, conflict", side["source"])
    return Mechanism(
        id=told["id"],
        order=told["order"],
        title=told["title"],
        says=told["says"].strip(),
        findings=rules,
        not_supported_needs=tuple(told["not_supported_needs"]),
        published=tuple(_published(told["id"], body, file) for body in told["published"]),
        conflicts=conflicts,
    )


def _finding(rule: str, body: dict[str, Any], mechanism: str) -> Finding:
    _sourced(rule, body)
    if body["strength"] not in STRENGTHS:
        raise KnowledgeError(f"{rule}: strength {body['strength']!r}; expected one of {', '.join(STRENGTHS)}.")
    if body["test"] not in telling_tests():
        raise KnowledgeError(f"{rule}: test {body['test']!r} is not in tests.yaml.")
    told = {name: body[name] for name in ("strength", "source", "where", "checked", "test")}
    ours = tuple(body.get("ours", ()))
    return Finding(
        rule=rule, mechanism=mechanism, says=body["says"].strip(), values=_values(rule, body), ours=ours, **told
    )


def _published(mechanism: str, body: dict[str, Any], file: str) -> Published:
    _sourced(f"{file}, published", body)
    context = body["context"]
    if not all(context.get(name) for name in ("therapy", "target", "when")):
        raise KnowledgeError(
            f"{file}: {body['says']!r} lacks its therapy, target or time. A share without them is useless."
        )
    events, n = body.get("events"), body.get("n")
    told = {name: body[name] for name in ("says", "source", "where", "checked")}
    return Published(mechanism=mechanism, **context, events=events, n=n, ours=tuple(body.get("ours", ())), **told)


def _test(name: str, body: dict[str, Any]) -> TellingTest:
    if body["cost"] not in COSTS or body["changes"] not in CHANGES:
        raise KnowledgeError(
            f"tests.yaml, {name}: cost {body['cost']!r}, changes {body['changes']!r} are not both known."
        )
    answers = tuple((a["answer"], a["changes"]) for a in body["answers"])
    return TellingTest(name, body["title"], body["cost"], body["cost_says"], body["changes"], body["now"], answers)


def _sourced(rule: str, body: dict[str, Any]) -> dict[str, Any]:
    for needed in ("says", "source", "where", "checked"):
        if not body.get(needed):
            raise KnowledgeError(f"{rule}: no {needed}. Every rule names its source, place and check.")
    if body["checked"] not in CHECKED:
        raise KnowledgeError(f"{rule}: checked {body['checked']!r}; expected one of {', '.join(CHECKED)}.")
    _known_source(rule, body["source"])
    return body


def _known_source(place: str, source: str) -> None:
    if source not in bibliography():
        raise KnowledgeError(f"{place}: source {source!r} is not in bibliography.yaml. Add it there.")


def _values(rule: str, body: dict[str, Any]) -> dict[str, Value]:
    values = {}
    for name, told in body.get("values", {}).items():
        comparisons = [key for key in told if key in COMPARISONS]
        if len(comparisons) != 1 or not told.get("unit"):
            raise KnowledgeError(f"{rule}.{name}: found {told}; expected one of {', '.join(COMPARISONS)} and a unit.")
        values[name] = Value(Fraction(str(told[comparisons[0]])), comparisons[0], told["unit"])
    return values
