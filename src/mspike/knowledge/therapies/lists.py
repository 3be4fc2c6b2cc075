"""Agents and regimens as they are listed: what each is, what it binds, and under which names it occurs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mspike.errors import KnowledgeError
from mspike.knowledge.files import read_yaml

FOLDER = Path(__file__).parent
CLASSES = (
    "PI",
    "IMiD",
    "CELMoD",
    "anti_CD38",
    "anti_SLAMF7",
    "car_t",
    "bispecific",
    "adc",
    "alkylator",
    "anthracycline",
    "other_chemotherapy",
    "steroid",
    "xpo1",
    "bcl2",
    "hdac",
    "gsi",
    "transplant",
    "conditioning",
    "supportive",
    "other",
)
CHECKED = ("article", "secondary", "memory")
_CODES = ("atc", "omop")
_FIELDS = {"name", "class", "target", "also", "names", "short", "whole", *_CODES}


@dataclass(frozen=True)
class Code:
    """A code of the agent in a published classification, and how it was checked."""

    code: str
    checked: str


@dataclass(frozen=True)
class Agent:
    """An agent, or a procedure such as a transplant.

    cls       its class (CLASSES)
    target    the antigen it binds; None where it binds none, or where it is not known which
    also      further antigens of an agent with more than one
    synonyms  other names, brands and spellings
    short     names that also count inside a written-together word (DaraVd)
    specific  False where only the class is told ("CAR-T"), not which agent
    codes     system (atc, omop) and code
    """

    id: str
    name: str
    cls: str
    target: str | None
    also: tuple[str, ...]
    synonyms: tuple[str, ...]
    short: tuple[str, ...]
    specific: bool
    codes: tuple[tuple[str, Code], ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """Every antigen it binds; empty where none is known."""
        return (self.target, *self.also) if self.target else self.also

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which it is recognised."""
        return (self.name.removesuffix(" (not told which)"), self.id, *self.synonyms, *self.short)


@dataclass(frozen=True)
class Names:
    """What each normalised name stands for. Longest first where a text is matched."""

    agents: dict[str, str]
    regimens: dict[str, tuple[str, ...]]
    high_dose: dict[str, tuple[str, ...]]
    ambiguous: dict[str, tuple[tuple[str, ...], ...]]
    words: dict[str, str]
    studies: tuple[str, ...]
    pieces: dict[str, tuple[str, ...]]


def folded(text: str) -> str:
    """A name without case, accents, blanks and punctuation: Ide-Cel and idecel are one."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^0-9a-zα-ω]", "", plain)


@cache
def agents() -> dict[str, Agent]:
    """Every agent by its id."""
    return read_agents(FOLDER / "agents.yaml")


def read_agents(path: Path) -> dict[str, Agent]:
    """Reads and checks a list of agents; raises KnowledgeError for one that is not complete."""
    told = read_yaml(path)
    return {id_: _agent(id_, body, path) for id_, body in told.items()}


def _agent(id_: str, body: dict[str, Any], path: Path) -> Agent:
    where = f"{path.name}, {id_}"
    if strange := sorted(body.keys() - _FIELDS):
        raise KnowledgeError(f"{where}: {', '.join(strange)} is no field. Fields: {', '.join(sorted(_FIELDS))}.")
    if body.get("class") not in CLASSES:
        raise KnowledgeError(f"{where}: class {body.get('class')!r}; expected one of {', '.join(CLASSES)}.")
    return Agent(
        id_,
        str(body.get("name", id_)),
        body["class"],
        body.get("target"),
        tuple(body.get("also", ())),
        tuple(map(str, body.get("names", ()))),
        tuple(map(str, body.get("short", ()))),
        not body.get("whole", False),
        tuple((system, _code(f"{where}.{system}", body[system])) for system in _CODES if system in body),
    )


def _code(where: str, body: dict[str, Any]) -> Code:
    if set(body) != {"code", "checked"} or body["checked"] not in CHECKED:
        raise KnowledgeError(f"{where}: found {body}; expected a code and checked, one of {', '.join(CHECKED)}.")
    return Code(str(body["code"]), body["checked"])


@cache
def names() -> Names:
    """Every name that is recognised. Raises KnowledgeError where one name would mean two things."""
    return read_names(FOLDER / "regimens.yaml", agents())


def read_names(path: Path, known: dict[str, Agent]) -> Names:
    """Reads the regimens and words, and checks them against the agents."""
    told = read_yaml(path)
    by_name: dict[str, str] = {}
    for agent in known.values():
        for name in agent.names:
            if by_name.setdefault(folded(name), agent.id) != agent.id:
                raise KnowledgeError(f"agents.yaml: {name!r} names both {by_name[folded(name)]} and {agent.id}.")
    _refuse_repeats(path, told)
    regimens = {folded(name): _checked(name, ids, known, path) for name, ids in told["regimens"].items()}
    high = {folded(name): _checked(name, ids, known, path) for name, ids in told["high_dose"].items()}
    ambiguous = {
        folded(name): tuple(_checked(name, ids, known, path) for ids in readings)
        for name, readings in told["ambiguous"].items()
    }
    words = {folded(word): kind for kind, listed in told["words"].items() for word in listed}
    _refuse_overlap(path, (by_name, regimens, high, ambiguous, words))
    pieces: dict[str, tuple[str, ...]] = {}
    for agent in known.values():
        whole = [n for n in (agent.name, *agent.synonyms) if agent.short and len(n) > 5]
        pieces |= {folded(n): (agent.id,) for n in (*agent.short, *whole)}
    return Names(by_name, regimens, high, ambiguous, words, tuple(map(folded, told["studies"])), pieces)


def _checked(name: str, ids: Iterable[str], known: dict[str, Agent], path: Path) -> tuple[str, ...]:
    if strange := [id_ for id_ in ids if id_ not in known]:
        raise KnowledgeError(f"{path.name}, {name}: {', '.join(strange)} is no agent of agents.yaml.")
    return tuple(ids)


def _refuse_overlap(path: Path, lists: tuple[dict[str, Any], ...]) -> None:
    seen: set[str] = set()
    for listed in lists:
        if both := sorted(seen & listed.keys()):
            raise KnowledgeError(f"{path.name}: {', '.join(both)} would mean two things.")
        seen |= listed.keys()


def _refuse_repeats(path: Path, told: dict[str, Any]) -> None:
    for part in ("regimens", "high_dose", "ambiguous"):
        keys = [folded(name) for name in told[part]]
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            raise KnowledgeError(f"{path.name}, {part}: {', '.join(repeated)} stands there twice.")
