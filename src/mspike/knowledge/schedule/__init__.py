"""The monitoring schedule as data: what is due when, what shows that it was done, and what it costs the patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import CHECKED, bibliography
from mspike.knowledge.files import read_yaml

BEFORE = "before_lymphodepletion"
EVER = 36_525  # days: since ever
DUE_KEYS = {BEFORE, "days", "every", "from", "to", "since"}
ITEM_KEYS = {"says", "costs", "only_if", "days_needed", "shown_by", "due", "after", "made_up", "lifelong"}
CONDITIONS = ("", "extraosseous", "urine_positive", "mrd_negative")
COSTS = ("bedside", "blood", "urine", "marrow", "imaging", "visit")


@dataclass(frozen=True)
class Occasion:
    """One due day after the infusion.

    A test from `first` to `until` counts for it; the window runs from `opens` to `last`, after which it is overdue and
    then done late.
    """

    day: int
    first: int
    opens: int
    last: int
    until: int


@dataclass(frozen=True)
class Item:
    """One test of the schedule. `results` are groups of analytes, of each of which one must be there."""

    name: str
    says: str
    costs: str
    only_if: str
    days_needed: int
    results: tuple[tuple[str, ...], ...]
    table: str
    event: str
    before: int | None  # how many days before lymphodepletion it counts; None: not due then
    made_up: bool  # may it be done late?
    lifelong: bool  # does it go on after the line has failed?
    occasions: tuple[Occasion, ...]


@dataclass(frozen=True)
class Schedule:
    """All items with the source of the whole."""

    name: str
    title: str
    source: str
    where: str
    checked: str
    items: tuple[Item, ...]


@cache
def schedule(name: str = "after-car-t") -> Schedule:
    """The schedule of that name. Raises KnowledgeError where the file does not hold what it must."""
    path = Path(__file__).parent / f"{name}.yaml"
    if not path.exists():
        raise KnowledgeError(f"No schedule is named {name!r}; there is {path.parent}/after-car-t.yaml.")
    told = read_yaml(path)
    if told["source"] not in bibliography() or told["checked"] not in CHECKED:
        raise KnowledgeError(
            f"{path.name}: source and checked must be known; found {told['source']}, {told['checked']}."
        )
    items = tuple(_item(key, body, told["window"], path) for key, body in told["items"].items())
    return Schedule(told["name"], told["title"], told["source"], told["where"], told["checked"], items)


def _item(name: str, body: dict[str, Any], window: dict[str, int], path: Path) -> Item:
    if body["costs"] not in COSTS or body.get("only_if", "") not in CONDITIONS:
        raise KnowledgeError(f"{path.name}, {name}: costs is one of {COSTS}, only_if one of {CONDITIONS[1:]}.")
    shown = body["shown_by"]
    if set(body) - ITEM_KEYS:
        raise KnowledgeError(f"{path.name}, {name}: unknown keys {sorted(set(body) - ITEM_KEYS)}.")
    for due in body["due"]:
        if not ({BEFORE, "days", "every"} & set(due)) or set(due) - DUE_KEYS:
            raise KnowledgeError(f"{path.name}, {name}: due {due}; expected {BEFORE}, days, or every with from and to.")
    return Item(
        name=name,
        says=body["says"],
        costs=body["costs"],
        only_if=body.get("only_if", ""),
        days_needed=body.get("days_needed", 1),
        results=tuple(tuple(group) for group in shown.get("results", ())),
        table=shown.get("table", ""),
        event=shown.get("event", ""),
        before=next((_days_before(due, window) for due in body["due"] if BEFORE in due), None),
        made_up=body.get("made_up", True),
        lifelong=body.get("lifelong", False),
        occasions=_occasions(body, window),
    )


def _days_before(due: dict[str, Any], window: dict[str, int]) -> int:
    return EVER if due.get("since") == "ever" else window["before"]


def _occasions(body: dict[str, Any], window: dict[str, int]) -> tuple[Occasion, ...]:
    """A test counts for the due day that is nearest to it; one done late counts until the next one comes nearer."""
    planned: list[tuple[int, int | None]] = []
    for due in body["due"]:
        days = due.get("days", [])
        if "every" in due:
            days = range(due["from"], due["to"] + 1, due["every"])
        planned += [(day, due.get("since")) for day in days]
    planned.sort()
    days = [body.get("after"), *(day for day, _ in planned), None]
    return tuple(_occasion(day, since, days[k], days[k + 2], window) for k, (day, since) in enumerate(planned))


def _occasion(day: int, since: int | None, before: int | None, behind: int | None, window: dict[str, int]) -> Occasion:
    slack = window["days"] if day <= window["to_day"] else window["later"]
    until = (day + behind) // 2 if behind is not None else EVER
    if since is not None:  # done on enough of the days up to the due day
        return Occasion(day, since, since, day, until)
    first = (before + day) // 2 + 1 if before is not None else day - slack
    return Occasion(day, first, day - slack, day + slack, max(until, day + slack))
