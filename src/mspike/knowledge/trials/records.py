"""What a trial record holds: what is given, whether it recruits and since when that is known, and who may take part."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from mspike.knowledge.criteria import CHECKED

# "registry-record": read in a register's own entry; "own": told by the user's own file.
TRIAL_CHECKED = (*CHECKED, "registry-record", "own")
KINDS = ("inclusion", "exclusion")

RECRUITING = ("recruiting",)
NOT_NOW = ("not_yet_recruiting", "suspended")  # may change any day: believed only while fresh
OVER = ("active_not_recruiting", "closed_to_accrual", "completed", "terminated", "withdrawn")  # stays so
UNDECIDED = ("by_invitation", "reported", "registered", "unknown")  # says nothing about whether patients are taken
STATUSES = (*RECRUITING, *NOT_NOW, *OVER, *UNDECIDED)

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


@dataclass(frozen=True)
class SeenOn:
    """A day, a month or a year, as it is told: the first and the last day that it may mean."""

    told: str
    first: dt.date
    last: dt.date

    def __str__(self) -> str:
        return self.told


def seen_on(told: object) -> SeenOn | None:
    """The days a text such as 2025, 2025-08 or 2025-08-13 may mean; None for an empty one.

    Raises ValueError for anything else: half a date is kept as half a date, and never completed.
    """
    if told is None or str(told).strip() == "":
        return None
    found = _PARTIAL.fullmatch(str(told).strip())
    if found is None:
        raise ValueError(f"{told!r} is no date (2025, 2025-08 or 2025-08-13)")
    year, month, day = (int(part) if part else None for part in found.groups())
    assert year is not None
    if day is not None and month is not None:
        return SeenOn(str(told), dt.date(year, month, day), dt.date(year, month, day))
    last_month = month or 12
    last_day = calendar.monthrange(year, last_month)[1]
    return SeenOn(str(told), dt.date(year, month or 1, 1), dt.date(year, last_month, last_day))


@dataclass(frozen=True)
class Status:
    """Does the trial take patients? The word (STATUSES), when it was seen, and where.

    seen       None where nobody noted it
    at_latest  True where `seen` is only the latest day on which it can have been seen
    says       what else the page told
    """

    word: str
    seen: SeenOn | None
    at_latest: bool
    says: str
    source: str
    where: str
    checked: str

    @property
    def words(self) -> str:
        return self.word.replace("_", " ")


@dataclass(frozen=True)
class TrialCriterion:
    """One condition for taking part.

    needs   what must hold, in the language of criteria; an exclusion is written as what must hold instead. None where
            only a text is known: it is shown to be read and decides nothing
    says    the condition in our own words (of an imported trial: the text of the register)
    cohort  the part of the trial that it binds; empty where it binds everybody
    beyond  what the text asks beyond `needs`, to be read by a person
    """

    id: str
    kind: str
    needs: dict[str, Any] | None
    says: str
    cohort: str
    beyond: str
    source: str
    where: str
    checked: str


@dataclass(frozen=True)
class Trial:
    """One trial.

    id                 its number in the register (NCT...), or another name where that is not known
    id_checked         how the number was checked
    also               other numbers of the same trial
    title, setting     in our own words; setting: at which point of the disease
    interventions      what is given, in words; agents: the same as ids of agents.yaml, as far as listed there
    cls, targets       class of the therapy and the antigens or proteins it aims at
    criteria_complete  are the criteria below all that the protocol asks? Only then may a trial be called open
    unread             what is known to be missing from the criteria, a sentence each
    notes              what else is worth knowing and decides nothing
    """

    id: str
    id_checked: str
    also: tuple[str, ...]
    title: str
    interventions: tuple[str, ...]
    agents: tuple[str, ...]
    targets: tuple[str, ...]
    cls: str
    phase: str
    status: Status
    countries: tuple[str, ...]
    setting: str
    criteria: tuple[TrialCriterion, ...]
    criteria_complete: bool
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    ours: tuple[str, ...]

    @property
    def from_memory(self) -> bool:
        """Was its number, or any of its criteria, recalled and not read? Then every output must say so."""
        return "memory" in (self.id_checked, self.status.checked, *(c.checked for c in self.criteria))
