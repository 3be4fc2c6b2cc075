"""What one record of published evidence holds, and what is refused when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import bibliography
from mspike.knowledge.evidence.figures import MEMORY, Median, Outcome, known_check, number, read_figures, refuse_unknown

AFTER_CAR_T = ("yes", "mostly", "partly", "no")
PRIOR = ("car_t", "bispecific", "adc", "bcma", "gprc5d", "t_cell_redirection", "none")
CLASSES = (
    "car_t",
    "bispecific",
    "dual_bispecific",
    "adc",
    "CELMoD",
    "XPO1",
    "alkylator",
    "transplant",
    "anti_CD38",
    "standard",
    "mixed",
    "radiotherapy",
    "supportive",
    "none",  # a study of the course itself, not of a therapy
)
_TEXTS = ("study", "design", "population", "therapy", "bias", "source", "where")
_LISTS = ("prior", "overlaps", "tags", "options", "targets", "ours")
_LINKS = ("subset_of", "superseded_by")
_KNOWN = {*_TEXTS, *_LISTS, *_LINKS, "year", "after_car_t", "class", "first_line_salvage", "n", "n_checked"}
_KNOWN |= {"outcomes", "follow_up_months", "follow_up_checked", "checked", "note"}
_ERRATUM = {"seed", "says", "right", "concerns", "source", "where", "checked"}


@dataclass(frozen=True)
class Evidence:
    """One published result in one population.

    prior           what every patient, or most of them, had before (PRIOR)
    after_car_t     did they have CAR T cells before: yes, mostly, partly, no
    subset_of       the record that these patients are part of: never pooled together
    overlaps        records that share patients with this one, or may: never pooled together
    options         therapies (knowledge/therapies/salvage) that it speaks of directly
    n               patients of the row; an outcome may have fewer
    bias            what makes the result look better or worse than it is
    """

    id: str
    study: str
    year: int
    design: str
    population: str
    prior: tuple[str, ...]
    after_car_t: str
    subset_of: str | None
    overlaps: tuple[str, ...]
    tags: tuple[str, ...]
    therapy: str
    options: tuple[str, ...]
    targets: tuple[str, ...]
    cls: str
    first_line_salvage: bool | None
    n: int | None
    n_checked: str
    outcomes: dict[str, Outcome | Median]
    follow_up_months: float | None
    follow_up_checked: str
    bias: str
    source: str
    where: str
    checked: str
    superseded_by: str | None
    note: str
    ours: tuple[str, ...]

    @property
    def orr(self) -> Outcome | None:
        """Overall response: partial response or better."""
        return self.proportion("orr")

    def proportion(self, name: str) -> Outcome | None:
        one = self.outcomes.get(name)
        return one if isinstance(one, Outcome) else None

    def median(self, name: str) -> Median | None:
        one = self.outcomes.get(name)
        return one if isinstance(one, Median) else None

    @property
    def memory_only(self) -> bool:
        """Is the row, its response rate with the counts behind it, or all it gives, recalled and not re-read?"""
        if self.checked == MEMORY or (self.orr is not None and self.orr.from_memory):
            return True
        return bool(self.outcomes) and all(one.from_memory for one in self.outcomes.values())


@dataclass(frozen=True)
class Erratum:
    """What a seed document says wrongly, and the right fact."""

    id: str
    seed: str
    says: str
    right: str
    concerns: tuple[str, ...]
    source: str
    where: str
    checked: str


def read_record(id: str, body: Any, place: str) -> Evidence:
    """Reads and checks one record; links to other records are checked when all are read.

    place: file and id, for the messages.
    """
    if not isinstance(body, dict):
        raise KnowledgeError(f"{place}: found {body!r}; expected a record of evidence.")
    refuse_unknown(place, body, _KNOWN)
    checked = known_check(place, body.get("checked"))
    outcomes = read_figures(place, body.get("outcomes") or {}, checked)
    if not outcomes and not body.get("note"):
        raise KnowledgeError(f"{place}: no figure, and no note that says so.")
    return Evidence(
        id=id,
        **_told(place, body),
        year=_whole(place, "year", body.get("year"), needed=True) or 0,
        first_line_salvage=_maybe(place, body.get("first_line_salvage")),
        n=_whole(place, "n", body.get("n")),
        n_checked=known_check(place, body.get("n_checked", checked)),
        outcomes=outcomes,
        follow_up_months=number(f"{place}, follow_up_months", body.get("follow_up_months")),
        follow_up_checked=known_check(place, body.get("follow_up_checked", checked)),
        checked=checked,
        note=(body.get("note") or "").strip(),
    )


def _told(place: str, body: dict[str, Any]) -> dict[str, Any]:
    """The words of a record: sentences, lists, links, and words out of a list of known ones."""
    told: dict[str, Any] = {name: _text(place, name, body) for name in _TEXTS}
    told |= {name: _words(place, name, body) for name in _LISTS}
    told |= {name: _text(place, name, body) if body.get(name) else None for name in _LINKS}
    _of(place, "prior", told["prior"], PRIOR)
    _of(place, "class", (body.get("class"),), CLASSES)
    _of(place, "after_car_t (in quotation marks)", (body.get("after_car_t"),), AFTER_CAR_T)
    _known_source(place, told["source"])
    return told | {"cls": body["class"], "after_car_t": body["after_car_t"]}


def read_erratum(id: str, body: Any, place: str) -> Erratum:
    """Reads and checks one mistake of a seed document."""
    if not isinstance(body, dict):
        raise KnowledgeError(f"{place}: found {body!r}; expected an erratum.")
    refuse_unknown(place, body, _ERRATUM)
    told: dict[str, Any] = {name: _text(place, name, body) for name in ("seed", "says", "right", "source", "where")}
    _known_source(place, told["source"])
    checked = known_check(place, body.get("checked"))
    return Erratum(id=id, **told, concerns=_words(place, "concerns", body), checked=checked)


def _text(place: str, name: str, body: dict[str, Any]) -> str:
    told = body.get(name)
    if not isinstance(told, str) or not told.strip():
        raise KnowledgeError(
            f"{place}: {name} is {told!r}; every record tells it in words (numbers in quotation marks)."
        )
    return told.strip()


def _words(place: str, name: str, body: dict[str, Any]) -> tuple[str, ...]:
    told = body.get(name) or []
    if not isinstance(told, list) or not all(isinstance(word, str) for word in told):
        raise KnowledgeError(f"{place}: {name} is {told!r}; expected a list of words.")
    return tuple(told)


def _of(place: str, name: str, told: tuple[Any, ...], known: tuple[str, ...]) -> None:
    for word in told:
        if word not in known:
            raise KnowledgeError(f"{place}: {name} {word!r}; expected one of {', '.join(known)}.")


def _whole(place: str, name: str, told: Any, needed: bool = False) -> int | None:
    if (told is None and not needed) or (isinstance(told, int) and not isinstance(told, bool) and told > 0):
        return told
    raise KnowledgeError(f"{place}: {name} is {told!r}; expected a whole number.")


def _maybe(place: str, told: Any) -> bool | None:
    if told is None or isinstance(told, bool):
        return told
    raise KnowledgeError(f"{place}: first_line_salvage is {told!r}; expected true, false or null.")


def _known_source(place: str, source: str) -> None:
    if source not in bibliography():
        raise KnowledgeError(f"{place}: source {source!r} is not in bibliography.yaml. Add it there.")
