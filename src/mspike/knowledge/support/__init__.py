"""What a patient is told in plain words, as data: texts, kinds of treatment, signs to report, organisations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import CHECKED, bibliography
from mspike.knowledge.files import read_yaml

FOLDER = Path(__file__).parent
GIVEN_TO = ("any", "infused", "not_infused")
URGENCIES = ("ambulance", "at_once", "soon")
REGIONS = ("US", "EU", "world")
LOOKED_AT = ("page", "seed", "memory")  # how an organisation was checked: its own page, the shared material, or not


@dataclass(frozen=True)
class Kind:
    """One kind of treatment: what it does and what it is like to live with. It never says for whom."""

    title: str
    examples: str
    does: str
    living: str
    given_to: str
    source: str
    checked: str


@dataclass(frozen=True)
class Sign:
    """One sign to report, how soon, and after cells against which targets (none: after all)."""

    urgency: str
    says: str
    after: tuple[str, ...]
    source: str
    checked: str


@dataclass(frozen=True)
class Organisation:
    """Who helps: name, web address, how that was checked and when."""

    name: str
    web: str
    region: str
    says: str
    checked: str
    seen: str


@cache
def kinds() -> tuple[Kind, ...]:
    """Every kind of treatment, in the order of the alphabet. Raises KnowledgeError where a source is not known."""
    found = tuple(
        Kind(
            row["title"], row.get("examples", ""), row["does"], row["living"],
            row.get("given_to", "any"), row["source"], row["checked"],
        )
        for row in texts("kinds")
    )  # fmt: skip
    for kind in found:
        _sourced("kinds.yaml", kind.title, kind.source, kind.checked)
        _one_of("kinds.yaml", kind.title, kind.given_to, GIVEN_TO)
    if [k.title for k in found] != sorted(k.title for k in found):
        raise KnowledgeError(
            "kinds.yaml: not in the order of the alphabet. Any other order would be read as a ranking."
        )
    return found


@cache
def signs() -> tuple[Sign, ...]:
    """Every sign, the most urgent first. Raises KnowledgeError where a source is not known."""
    told = texts("signs")
    found = tuple(
        Sign(urgency, row["says"], tuple(row.get("after", ())), row["source"], row["checked"])
        for urgency in URGENCIES
        for row in told[urgency]
    )
    for sign in found:
        _sourced("signs.yaml", sign.says, sign.source, sign.checked)
    return found


@cache
def organisations() -> tuple[Organisation, ...]:
    """Every organisation. Raises KnowledgeError where a region, or how it was checked, is not known."""
    found = tuple(Organisation(**row) for row in texts("organisations"))
    for one in found:
        _one_of("organisations.yaml", one.name, one.region, REGIONS)
        _one_of("organisations.yaml", one.name, one.checked, LOOKED_AT)
    return found


@cache
def texts(name: str) -> Any:
    """What the file of that name under support/ holds: kinds, signs, organisations, reasons, checks, course or care."""
    path = FOLDER / f"{name}.yaml"
    if not path.exists():
        there = ", ".join(sorted(p.stem for p in FOLDER.glob("*.yaml")))
        raise KnowledgeError(f"No text named {name!r} under {FOLDER}; there are {there}.")
    return read_yaml(path)


def _sourced(file: str, what: str, source: str, checked: str) -> None:
    if source not in bibliography():
        raise KnowledgeError(f"{file}, {what}: source {source!r} is not in bibliography.yaml. Add it there.")
    _one_of(file, what, checked, CHECKED)


def _one_of(file: str, what: str, found: str, expected: tuple[str, ...]) -> None:
    if found not in expected:
        raise KnowledgeError(f"{file}, {what}: found {found!r}; expected one of {', '.join(expected)}.")
