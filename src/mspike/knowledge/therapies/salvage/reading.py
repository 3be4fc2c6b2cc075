"""Reads the therapies and refuses what is incomplete; every message names file and entry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import CHECKED, bibliography
from mspike.knowledge.files import read_yaml
from mspike.knowledge.therapies.lists import CLASSES, agents
from mspike.knowledge.therapies.salvage.atoms import check_atom
from mspike.knowledge.therapies.salvage.entries import (
    BASES,
    PRECISIONS,
    REGIONS,
    SCHEDULES,
    STATUSES,
    TOXICITIES,
    Approval,
    Caution,
    Criterion,
    Marketed,
    Therapy,
)

FOLDER = Path(__file__).parent
SHARED = "shared.yaml"
_SOURCED = {"says", "source", "where", "checked"}
_THERAPY = {
    *_SOURCED,
    "name",
    "agents",
    "class",
    "targets",
    "route",
    "schedule",
    "visits",
    "basis",
    "toxicities",
    "order",
}
_THERAPY_MAY = {
    "visits_per_month",
    "visits_checked",
    "approvals",
    "marketed",
    "pending",
    "needs",
    "cautions",
    "boxed",
    "shares",
    "ours",
}
_APPROVAL = {"region", "from", "status", "indication", "needs", "source", "where", "checked"}
_APPROVAL_MAY = {"until", "from_precision", "until_precision"}
_MARKETED = {*_SOURCED, "region", "from"}

Shared = dict[str, tuple[tuple[Criterion, ...], tuple[Caution, ...]]]


@cache
def therapies() -> dict[str, Therapy]:
    """Every therapy by its id, in the order of presentation."""
    return read_therapies(FOLDER)


def read_therapies(folder: Path) -> dict[str, Therapy]:
    """Reads and checks every file of a folder; raises KnowledgeError for an entry that is not complete."""
    shared = _shared(folder / SHARED)
    found: dict[str, Therapy] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == SHARED:
            continue
        for id_, body in read_yaml(path).items():
            if id_ in found:
                raise KnowledgeError(f"{path.name}, {id_}: the id is used twice. Each therapy stands in one file.")
            found[id_] = _therapy(id_, body, shared, f"{path.name}, {id_}")
    _refuse_same_order(found.values())
    return dict(sorted(found.items(), key=lambda item: item[1].order))


def _refuse_same_order(found: Iterable[Therapy]) -> None:
    first: dict[int, str] = {}
    for one in found:
        if first.setdefault(one.order, one.id) != one.id:
            raise KnowledgeError(f"{one.id}: order {one.order} is that of {first[one.order]}, too. Each has its own.")


def _therapy(id_: str, body: dict[str, Any], shared: Shared, place: str) -> Therapy:
    _sourced(body, place)
    _keys(body, place, _THERAPY, _THERAPY_MAY)
    _agents_and_words(body, place)
    needs, cautions = _with_shared(body, shared, place)
    approvals = tuple(_approval(told, f"{place}, approval {n}") for n, told in enumerate(body.get("approvals", ()), 1))
    marketed = tuple(_marketed(told, f"{place}, marketed {n}") for n, told in enumerate(body.get("marketed", ()), 1))
    _basis_fits(body["basis"], approvals, marketed, place)
    per_month = body.get("visits_per_month")
    return Therapy(
        id=id_,
        name=str(body["name"]).strip(),
        says=str(body["says"]).strip(),
        route=str(body["route"]).strip(),
        visits=str(body["visits"]).strip(),
        agents=tuple(body["agents"]),
        targets=tuple(body["targets"]),
        toxicities=tuple(body["toxicities"]),
        **{name: body[name] for name in ("schedule", "basis", "order", "source", "where", "checked")},
        cls=body["class"],
        visits_per_month=None if per_month is None else float(per_month),
        visits_checked=body.get("visits_checked", "memory"),
        approvals=approvals,
        marketed=marketed,
        pending=tuple(_marketed(told, f"{place}, pending {n}") for n, told in enumerate(body.get("pending", ()), 1)),
        needs=needs,
        cautions=cautions,
        boxed=tuple(body.get("boxed", ())),
        ours=tuple(body.get("ours", ())),
    )


def _keys(body: dict[str, Any], place: str, needed: set[str], allowed: set[str]) -> None:
    if missing := sorted(needed - body.keys()):
        raise KnowledgeError(f"{place}: no {', '.join(missing)}. These fields are needed.")
    if strange := sorted(body.keys() - needed - allowed):
        raise KnowledgeError(
            f"{place}: {', '.join(strange)} is no field. Fields: {', '.join(sorted(needed | allowed))}."
        )


def _agents_and_words(body: dict[str, Any], place: str) -> None:
    if strange := [id_ for id_ in body["agents"] if id_ not in agents()]:
        raise KnowledgeError(f"{place}: {', '.join(strange)} is no agent of agents.yaml.")
    _one_of(body["class"], (*CLASSES, "radiotherapy", "supportive"), f"{place}, class")
    _one_of(body["schedule"], SCHEDULES, f"{place}, schedule")
    _one_of(body["basis"], BASES, f"{place}, basis")
    for kind in body["toxicities"]:
        _one_of(kind, TOXICITIES, f"{place}, toxicities")
    _one_of(body.get("visits_checked", "memory"), CHECKED, f"{place}, visits_checked")
    if not isinstance(body["order"], int):
        raise KnowledgeError(f"{place}: order {body['order']!r}; expected a whole number.")


def _one_of(word: Any, known: Iterable[str], place: str) -> None:
    known = tuple(known)
    if word not in known:
        raise KnowledgeError(f"{place}: found {word!r}; expected one of {', '.join(known)}.")


def _sourced(body: Any, place: str) -> None:
    if not isinstance(body, dict):
        raise KnowledgeError(f"{place}: found {body!r}; expected a mapping.")
    for needed in ("source", "where", "checked"):
        if not body.get(needed):
            raise KnowledgeError(f"{place}: no {needed}. Every entry names its source, place and check.")
    _one_of(body["checked"], CHECKED, f"{place}, checked")
    if body["source"] not in bibliography():
        raise KnowledgeError(f"{place}: source {body['source']!r} is not in bibliography.yaml. Add it there.")


def _basis_fits(basis: str, approvals: tuple[Approval, ...], marketed: tuple[Marketed, ...], place: str) -> None:
    """A label therapy has labels, an off-label one agents on the market, and no other has either."""
    if (basis == "label") != bool(approvals) or (basis == "off_label") != bool(marketed):
        raise KnowledgeError(
            f"{place}: basis {basis} with {len(approvals)} approvals and {len(marketed)} entries under marketed; "
            "approvals belong to basis label, and only there; marketed to off_label."
        )


def _approval(body: dict[str, Any], place: str) -> Approval:
    _sourced(body, place)
    _keys(body, place, _APPROVAL, _APPROVAL_MAY)
    _one_of(body["region"], REGIONS, f"{place}, region")
    _one_of(body["status"], STATUSES, f"{place}, status")
    start, until = _day(body["from"], f"{place}, from"), _day(body.get("until"), f"{place}, until")
    if start is None or (until is not None and until <= start):
        raise KnowledgeError(
            f"{place}: from {start} until {until}; expected a first day and, if any, a later last one."
        )
    precision = [body.get(name, "day") for name in ("from_precision", "until_precision")]
    for word in precision:
        _one_of(word, PRECISIONS, f"{place}, precision")
    _first_of_month(start, precision[0], place)
    # A need of a label comes from that label, unless it says otherwise.
    label = {name: body[name] for name in ("source", "where", "checked")}
    needs = tuple(_criterion(label | told, f"{place}, need {n}") for n, told in enumerate(body["needs"], 1))
    return Approval(
        body["region"], start, until, precision[0], precision[1], body["status"], body["indication"].strip(), needs,
        body["source"], body["where"], body["checked"],
    )  # fmt: skip


def _first_of_month(start: date, precision: str, place: str) -> None:
    if precision == "month" and start.day != 1:
        raise KnowledgeError(f"{place}: from {start} is known to the month; expected the first of that month.")


def _day(told: Any, place: str) -> date | None:
    if told is None or isinstance(told, date):
        return told
    try:
        return date.fromisoformat(str(told))
    except ValueError:
        raise KnowledgeError(f"{place}: {told!r} is no ISO date (2024-04-05).") from None


def _marketed(body: dict[str, Any], place: str) -> Marketed:
    _sourced(body, place)
    _keys(body, place, _MARKETED, {"from_precision"})
    _one_of(body["region"], REGIONS, f"{place}, region")
    start = _day(body["from"], f"{place}, from")
    if start is None:
        raise KnowledgeError(f"{place}: no first day.")
    precision = body.get("from_precision", "day")
    _one_of(precision, PRECISIONS, f"{place}, from_precision")
    _first_of_month(start, precision, place)
    told = [str(body[name]).strip() for name in ("says", "source", "where", "checked")]
    return Marketed(body["region"], start, precision, *told)


def _criterion(body: Any, place: str) -> Criterion:
    _sourced(body, place)
    _keys(body, place, {*_SOURCED, "needs"}, set())
    told = [str(body[name]).strip() for name in ("says", "source", "where", "checked")]
    return Criterion(check_atom(body["needs"], place), *told)


def _caution(body: Any, place: str) -> Caution:
    _sourced(body, place)
    _keys(body, place, {*_SOURCED, "when"}, set())
    told = [str(body[name]).strip() for name in ("says", "source", "where", "checked")]
    return Caution(check_atom(body["when"], place), *told)


def _shared(path: Path) -> Shared:
    if not path.exists():
        return {}
    return {name: _own(body, f"{path.name}, {name}") for name, body in read_yaml(path).items()}


def _own(body: dict[str, Any], place: str) -> tuple[tuple[Criterion, ...], tuple[Caution, ...]]:
    return (
        tuple(_criterion(told, f"{place}, need {n}") for n, told in enumerate(body.get("needs", ()), 1)),
        tuple(_caution(told, f"{place}, caution {n}") for n, told in enumerate(body.get("cautions", ()), 1)),
    )


def _with_shared(body: dict[str, Any], shared: Shared, place: str) -> tuple[tuple[Criterion, ...], tuple[Caution, ...]]:
    """Its own needs and cautions first, then those it shares."""
    needs, cautions = _own(body, place)
    for name in body.get("shares", ()):
        _one_of(name, shared, f"{place}, shares")
        needs, cautions = needs + shared[name][0], cautions + shared[name][1]
    return needs, cautions
