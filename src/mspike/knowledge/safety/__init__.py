"""Published management of acute toxicity by grade: information with its source, never a dose for a patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import CHECKED, bibliography
from mspike.knowledge.files import read_yaml

FILE = Path(__file__).parent / "management.yaml"
KINDS = ("crs", "icans")


@dataclass(frozen=True)
class Fact:
    """One published statement: for which grades, what it says, where it stands and how that was checked."""

    kind: str
    grades: tuple[int, ...]
    says: str
    source: str
    checked: str


def management(kind: str, grade: int) -> tuple[Fact, ...]:
    """What has been published on managing this toxicity ("crs", "icans") at this grade? None for grades 0 and 5."""
    if kind not in KINDS:
        raise KnowledgeError(f"Nothing is held on managing {kind!r}; there are {', '.join(KINDS)}.")
    return tuple(fact for fact in facts() if fact.kind == kind and grade in fact.grades)


@cache
def facts() -> tuple[Fact, ...]:
    """Every fact of the file, checked for its source."""
    told = read_yaml(FILE)
    found = [
        Fact(kind, tuple(body["grades"]), body["says"], body["source"], body["checked"])
        for kind in KINDS
        for body in told[kind]
    ]
    for fact in found:
        if fact.source not in bibliography():
            raise KnowledgeError(f"{FILE.name}: source {fact.source!r} is not in bibliography.yaml. Add it there.")
        if fact.checked not in CHECKED:
            raise KnowledgeError(f"{FILE.name}: checked {fact.checked!r}; expected one of {', '.join(CHECKED)}.")
    return tuple(found)
