"""Free text about a therapy, read as its agents. A word that cannot be placed is told, never dropped."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from mspike.knowledge.therapies.lists import Agent, agents
from mspike.knowledge.therapies.marks import Mark, without_marks
from mspike.knowledge.therapies.segments import Segment, segments
from mspike.knowledge.therapies.words import Item

AUTOLOGOUS, ALLOGENEIC = "autologous_transplant", "allogeneic_transplant"
CARRIED = ("maintenance", "conditioning")


@dataclass(frozen=True)
class Mention:
    """An agent as the text names it.

    doubtful  it may not have been given: one of two alternatives, or in an abbreviation that its brackets contradict
    """

    agent: Agent
    maintenance: bool = False
    high_dose: bool = False
    conditioning: bool = False
    doubtful: bool = False


@dataclass(frozen=True)
class Recognised:
    """What a text says about a therapy.

    mentions       the agents in their order, each once
    unknown        words that could not be placed
    notes          what is understood and names no agent: dates, doses, cycles, "Induktion" ...
    studies        trials named
    disagreements  abbreviations that their explanation in brackets contradicts
    ambiguous      abbreviations with more than one reading (also in `unknown`)
    autologous     how many autologous transplants are named; `allogeneic` likewise; `transplants` of any kind
    transplant_number  which transplant of the patient it was, where told ("2. ASCT")
    """

    mentions: tuple[Mention, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    autologous: int = 0
    allogeneic: int = 0
    transplants: int = 0
    transplant_number: int | None = None

    @property
    def agents(self) -> tuple[Agent, ...]:
        return tuple(mention.agent for mention in self.mentions)

    @property
    def maintenance(self) -> bool:
        return any(mention.maintenance for mention in self.mentions)

    @property
    def high_dose(self) -> bool:
        return any(mention.high_dose for mention in self.mentions)


@cache
def recognised(text: str) -> Recognised:
    """The agents that a text names, and everything else it says."""
    # The plus of CD34+ joins nothing.
    blanked, marks = without_marks(re.sub(r"(?i)(CD\d+)\+", r"\1 ", text))
    told = _Told(marks)
    mentions = _read_level(segments(blanked), told)
    return Recognised(
        _high_dose_before_transplant(_told_once(mentions)),
        unknown=_once(told.unknown),
        notes=_once([*told.notes, *(mark.text for mark in marks)]),
        studies=_once(told.studies),
        disagreements=_once(told.disagreements),
        ambiguous=_once(told.ambiguous),
        autologous=told.transplants.get(AUTOLOGOUS, 0),
        allogeneic=told.transplants.get(ALLOGENEIC, 0),
        transplants=sum(told.transplants.values()),
        transplant_number=told.transplant_number,
    )


@dataclass
class _Told:
    """Collects what a text says besides its agents."""

    marks: tuple[Mark, ...]
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    studies: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    transplants: dict[str, int] = field(default_factory=dict)
    transplant_number: int | None = None


def _read_level(level: list[Segment], told: _Told) -> list[Mention]:
    """The agents of segments side by side, with what holds for each."""
    per_segment: list[list[Mention]] = []
    carried: dict[str, bool] = {}
    for segment in level:
        before = {m.agent.id for mentions in per_segment for m in mentions}
        mentions = _read_segment(segment, before, told)
        kinds = [item.kind for item in segment.items]
        for kind in CARRIED:
            if kind in kinds:
                # Before its agents the word opens a list ("Konditionierung Fludarabin, Cyclophosphamid").
                opens = not any(item.ids for item in segment.items[: kinds.index(kind)])
                carried[kind] = opens
            if carried.get(kind) or kind in kinds:
                mentions = [_with(m, kind) for m in mentions]
            if kind in kinds and not carried[kind]:
                _mark_before(per_segment, level, segment, kind)
        per_segment.append(mentions)
    return [mention for mentions in _alternatives(level, per_segment) for mention in mentions]


def _mark_before(done: list[list[Mention]], level: list[Segment], last: Segment, kind: str) -> None:
    """A word behind agents that a slash joins holds for all of them ("Flu/Cy Konditionierung")."""
    at = len(done)
    while at and level[at].before == "/":
        at -= 1
        done[at] = [_with(m, kind) for m in done[at]]


def _with(mention: Mention, kind: str) -> Mention:
    if kind == "maintenance":
        return replace(mention, maintenance=True)
    # What is prepared for is no preparation itself.
    return replace(mention, conditioning=mention.agent.cls not in ("transplant", "car_t"))


def _read_segment(segment: Segment, before: set[str], told: _Told) -> list[Mention]:
    kinds = {item.kind for item in segment.items}
    study = "study" in kinds or "study_name" in kinds
    inside: list[Mention] = []
    for bracket in segment.brackets:
        found = _read_level(bracket, told)
        words = {item.kind for part in bracket for item in part.items}
        if not found:
            segment.items += [Item(kind, "") for kind in words & {*CARRIED, "high_dose", "tandem"}]
        elif not bracket[0].before and "conditioning" not in words:
            _compare(segment, found, before, told)
        inside += found
    for item in segment.items:
        _tell(item, study, told)
    own = [_mention(id_, item, segment) for item in segment.items for id_ in item.ids]
    _count_transplants(segment, own + inside, told)
    return own + inside


def _mention(id_: str, item: Item, segment: Segment) -> Mention:
    high = item.high_dose or any(other.kind == "high_dose" for other in segment.items)
    return Mention(agents()[id_], high_dose=high, doubtful=id_ in segment.denied)


def _compare(segment: Segment, inside: list[Mention], before: set[str], told: _Told) -> None:
    """The brackets behind an abbreviation explain it: they decide, and should say the same.

    before  agents of the segments in front, which the brackets may explain as well ("Dara + VTD (Dara, ...)")
    """
    if not {"regimen", "ambiguous"} & {item.kind for item in segment.items}:
        return
    explained = {m.agent.id for m in inside}
    read = {id_ for item in segment.items for id_ in item.ids}
    open_ = any(item.kind == "ambiguous" for item in segment.items)
    for item in segment.items:
        item.settled = True
    if read <= explained and (open_ or explained - read <= before):
        return
    segment.denied = frozenset(read - explained)
    words = " ".join(item.text for item in segment.items if item.ids)
    told.disagreements.append(f"{words}: {_listed(read)}; in brackets: {_listed(explained)}")


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(sorted(agents()[id_].name for id_ in ids))


def _tell(item: Item, study: bool, told: _Told) -> None:
    if (item.kind in ("unknown", "number") and study) or item.kind == "study_name":
        told.studies.append(item.text)
    elif item.kind == "unknown":
        told.unknown.append(item.text)
    elif item.kind == "ambiguous" and not item.settled:
        told.unknown.append(item.text)
        readings = " or ".join(_listed(ids) for ids in item.readings)
        told.ambiguous.append(f"{item.text}: {readings}")
    elif not item.ids and item.text:
        told.notes.append(item.text)


def _count_transplants(segment: Segment, mentions: list[Mention], told: _Told) -> None:
    """Counts each kind of transplant in the segment: 2x or tandem is two, "2. ASCT" is one, the second."""
    kinds = {m.agent.id for m in mentions if m.agent.cls == "transplant"}
    if not kinds:
        return
    here = [mark for mark in told.marks if segment.start <= mark.start < segment.end]
    times = [mark.number or 1 for mark in here if mark.kind == "times"]
    tandem = any(item.kind == "tandem" for item in segment.items)
    # An autologous and an allogeneic transplant in tandem are one of each.
    if tandem and not (kinds | told.transplants.keys()) >= {AUTOLOGOUS, ALLOGENEIC}:
        times.append(2)
    for kind in kinds:
        told.transplants[kind] = told.transplants.get(kind, 0) + max(times, default=1)
    nth = [mark.number for mark in here if mark.kind == "nth" and mark.number]
    told.transplant_number = max([*nth, told.transplant_number or 0]) or None


def _alternatives(level: list[Segment], per_segment: list[list[Mention]]) -> list[list[Mention]]:
    """Of "A oder B" only what both share was surely given; a placebo beside an agent makes it doubtful."""
    placebo = [any(item.kind == "placebo" for item in segment.items) for segment in level]
    for at in range(1, len(level)):
        slash = level[at].before == "/" and (placebo[at] or placebo[at - 1])
        if level[at].either or slash:
            left, right = per_segment[at - 1], per_segment[at]
            both = {m.agent.id for m in left} & {m.agent.id for m in right}
            for side in (at - 1, at):
                per_segment[side] = [
                    replace(m, doubtful=m.doubtful or m.agent.id not in both) for m in per_segment[side]
                ]
    return per_segment


def _told_once(mentions: list[Mention]) -> tuple[Mention, ...]:
    """Each agent once; a class ("CAR-T") gives way to an agent of that class in the same text."""
    by_id: dict[str, Mention] = {}
    for m in mentions:
        first = by_id.get(m.agent.id, m)
        by_id[m.agent.id] = Mention(
            m.agent,
            maintenance=first.maintenance and m.maintenance,
            high_dose=first.high_dose or m.high_dose,
            conditioning=first.conditioning and m.conditioning,
            doubtful=first.doubtful and m.doubtful,
        )
    return tuple(m for m in by_id.values() if not _told_closer(m.agent, by_id.values()))


def _told_closer(agent: Agent, mentions: Iterable[Mention]) -> bool:
    """Does the text name an agent that this class may stand for?"""
    if agent.specific:
        return False
    return any(
        other.agent.cls == agent.cls
        and (agent.target is None or agent.target in other.agent.targets)
        and (other.agent.specific or (agent.target is None and other.agent.target is not None))
        for other in mentions
    )


def _high_dose_before_transplant(mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
    """Melphalan named with an autologous transplant is its high dose, whether or not the text says so."""
    if not any(m.agent.id == AUTOLOGOUS for m in mentions):
        return mentions
    return tuple(replace(m, high_dose=m.high_dose or m.agent.id == "melphalan") for m in mentions)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


@cache
def nearest(word: str) -> str | None:
    """The listed name most like a word that was not recognised; None where none is near."""
    listed = {name.casefold(): name for agent in agents().values() for name in agent.names}
    found = difflib.get_close_matches(word.casefold(), listed, n=1, cutoff=0.75)
    return listed[found[0]] if found else None
