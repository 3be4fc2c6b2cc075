"""Published criteria by edition: every number with its unit, comparison, source, place and how it was checked.

A value without a source is refused when the file is read; an edition without a value raises when it is asked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from mspike.errors import KnowledgeError, WrongUsage
from mspike.knowledge.files import read_yaml

FOLDER = Path(__file__).parent
KNOWLEDGE = FOLDER.parent
COMPARISONS = ("at_least", "more_than", "at_most", "below", "equals")
CHECKED = ("article", "abstract", "secondary-table", "memory", "convention")


@dataclass(frozen=True)
class Value:
    """One published number: how a measurement is compared with it, and in which unit."""

    number: Fraction
    comparison: str
    unit: str

    def __str__(self) -> str:
        words = {"at_least": ">=", "more_than": ">", "at_most": "<=", "below": "<", "equals": "="}
        return f"{words[self.comparison]} {float(self.number):g} {self.unit}"


@dataclass(frozen=True)
class Rule:
    """One criterion as an edition states it, in our own words, with its source."""

    id: str
    says: str
    source: str
    where: str
    checked: str
    values: dict[str, Value]
    absent: bool = False

    @property
    def thresholds(self) -> str:
        return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.values.items())


@dataclass(frozen=True)
class Criteria:
    """The rules of one edition."""

    edition: str
    title: str
    defaults: dict[str, Any]
    categories: tuple[str, ...]
    rules: dict[str, Rule]

    def has(self, rule: str) -> bool:
        """Does this edition have the rule at all? (2006 has no MR.)"""
        return not self.rule(rule).absent

    def rule(self, rule: str) -> Rule:
        if rule not in self.rules:
            raise KnowledgeError(_undefined(rule, self.edition))
        return self.rules[rule]

    def value(self, rule: str, name: str) -> Fraction:
        """The number itself, exact, in the unit of its file. Raises where the edition does not define it."""
        values = self.rule(rule).values
        if name not in values:
            raise KnowledgeError(_undefined(f"{rule}.{name}", self.edition))
        return values[name].number


def _undefined(what: str, edition: str) -> str:
    return (
        f"{what} has no value in edition {edition!r}. Choose another edition with --edition ({', '.join(editions())}), "
        f"or add the value and its source to mspike/knowledge/criteria/imwg/{edition}.yaml."
    )


RESPONSE = "imwg"  # the family whose editions a user chooses from; the others are named by the rule that needs them


@cache
def editions() -> tuple[str, ...]:
    """The editions that can be chosen."""
    response = _files(RESPONSE)
    return tuple(n for n in response if not read_yaml(response[n]).get("reserved"))


def _files(family: str = "**") -> dict[str, Path]:
    return {path.stem: path for path in sorted(FOLDER.glob(f"{family}/*.yaml"), reverse=True)}


@cache
def criteria(edition: str) -> Criteria:
    """The criteria of an edition; raises WrongUsage for one that is unknown or reserved."""
    path = _files(RESPONSE).get(edition)
    if path is None:
        raise WrongUsage(f"Edition {edition!r} is not known. Choose one of {', '.join(editions())}.")
    return read_criteria(path)


def published_sets() -> tuple[str, ...]:
    """The names of all published sets of rules that are no edition of response criteria."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*/*.yaml") if path.parent.name != RESPONSE))


@cache
def published(name: str) -> Criteria:
    """A published set of rules by the name of its file: "icaht-2023", "r2-iss-2022" ... Raises KnowledgeError."""
    path = _files().get(name)
    if path is None:
        raise KnowledgeError(f"No rules are named {name!r}; there are {', '.join(sorted(_files()))}.")
    return read_criteria(path)


def read_criteria(path: Path) -> Criteria:
    """Reads and checks one edition file."""
    told = read_yaml(path)
    if told.get("reserved"):
        raise WrongUsage(
            f"Edition {told['edition']!r} is announced, but its text is not in hand and it holds no rule. "
            f"Choose one of {', '.join(editions())}."
        )
    sources = bibliography()
    rules = {rule: _rule(rule, body, sources, path) for rule, body in told["rules"].items()}
    return Criteria(told["edition"], told["title"], told.get("defaults", {}), tuple(told.get("categories", ())), rules)


def _rule(rule: str, body: dict[str, Any], sources: dict[str, Any], path: Path) -> Rule:
    for needed in ("says", "source", "where", "checked"):
        if not body.get(needed):
            raise KnowledgeError(f"{path.name}, {rule}: no {needed}. Every rule names its source, place and check.")
    if body["source"] not in sources:
        raise KnowledgeError(
            f"{path.name}, {rule}: source {body['source']!r} is not in bibliography.yaml. Add it there."
        )
    if body["checked"] not in CHECKED:
        raise KnowledgeError(f"{path.name}, {rule}: checked {body['checked']!r}; expected one of {', '.join(CHECKED)}.")
    values = {name: _value(f"{path.name}, {rule}.{name}", v) for name, v in body.get("values", {}).items()}
    absent = bool(body.get("absent", False))
    return Rule(rule, body["says"], body["source"], body["where"], body["checked"], values, absent)


def _value(place: str, body: dict[str, Any]) -> Value:
    comparisons = [key for key in body if key in COMPARISONS]
    if len(comparisons) != 1 or not body.get("unit") or set(body) != {comparisons[0], "unit"}:
        raise KnowledgeError(f"{place}: found {body}; expected one of {', '.join(COMPARISONS)} and a unit.")
    # Through the text: Fraction(0.1) would be the binary neighbour of a tenth.
    return Value(Fraction(str(body[comparisons[0]])), comparisons[0], body["unit"])


@cache
def bibliography() -> dict[str, dict[str, str]]:
    """Every source by its key."""
    return read_yaml(KNOWLEDGE / "bibliography.yaml")


def knowledge_hash() -> str:
    """One hash over everything under knowledge/, so that a result tells which numbers made it."""
    digest = hashlib.sha256()
    for path in sorted(KNOWLEDGE.rglob("*.yaml")):
        digest.update(path.relative_to(KNOWLEDGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
