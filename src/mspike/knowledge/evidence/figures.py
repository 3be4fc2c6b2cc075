"""Proportions and medians as printed, and what must agree within each of them.

A figure keeps the digits it was printed with: 41 stays 41, 43.4 stays 43.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import CHECKED as CHECKED_ANYWHERE

CHECKED = tuple(word for word in CHECKED_ANYWHERE if word != "convention")  # a result is read or recalled, never agreed
MEMORY = "memory"
NOT_REACHED = ("NR", "NE")  # not reached, not estimable: kept as the source has them
PROPORTIONS = (
    "orr",
    "vgpr",
    "cr",
    "mrd_negative",
    "crs_any",
    "crs_grade3",
    "icans_any",
    "icans_grade3",
    "neurotoxicity_any",
    "neurotoxicity_grade3",
    "delayed_neurotoxicity",
    "parkinsonism",
    "infection_any",
    "infection_grade3",
    "infection_fatal",
    "second_malignancy",
    "non_relapse_mortality",
    "treatment_related_death",
)
_TIMED = re.compile(r"(pfs|pfs2|os|dor|ttp|ttnt|non_relapse_mortality)_(months|\d+m)")
_OUTCOME = {"events", "n", "percent", "low", "high", "checked", "counts_checked", "events_derived", "more_than"}
_OUTCOME |= {"note_percent"}
_MEDIAN = {"median", "low", "high", "checked"}


@dataclass(frozen=True)
class Outcome:
    """A proportion of patients.

    events, n       as printed, or derived from the percentage (derived); n may be the evaluable patients only
    percent         as printed; more_than where the source prints "> 80"
    low, high       95 % interval, percent
    checked         how the figure was checked; counts_checked the same for events and n
    note_percent    why the percentage is not events / n
    """

    events: int | None
    n: int | None
    percent: float | None
    low: float | None
    high: float | None
    checked: str
    counts_checked: str
    derived: bool
    more_than: bool
    note_percent: str

    @property
    def from_memory(self) -> bool:
        """Is the percentage, or the counts that a pooled estimate would take, recalled and not re-read?"""
        return MEMORY in (self.checked, self.counts_checked)

    def __str__(self) -> str:
        """33/76 (43.4 %), 95 % interval where there is one."""
        counts = f"{self.events}/{self.n}" if self.events is not None else ""
        percent = f"{'>' if self.more_than else ''}{self.percent} %" if self.percent is not None else ""
        interval = f", {_bound(self.low)}-{_bound(self.high)}" if (self.low, self.high) != (None, None) else ""
        return f"{counts} ({percent}{interval})" if counts and percent else f"{counts}{percent}{interval}"


@dataclass(frozen=True)
class Median:
    """A median time in months.

    median, reached     None, False where it was not reached; None, None where only an interval is given
    low, high           95 % interval; None where not given or not reached, which low_word and high_word tell (NR, NE)
    """

    median: float | None
    reached: bool | None
    low: float | None
    high: float | None
    checked: str
    word: str = ""
    low_word: str = ""
    high_word: str = ""

    @property
    def from_memory(self) -> bool:
        return self.checked == MEMORY

    def __str__(self) -> str:
        """17.9 (14.0-NE), or NR."""
        told = self.word or _bound(self.median)
        bounds = (self.low_word or _bound(self.low), self.high_word or _bound(self.high))
        return told if bounds == ("?", "?") else f"{told} ({'-'.join(bounds)})"


def _bound(number: float | None) -> str:
    return "?" if number is None else str(number)


def read_figures(place: str, told: Mapping[str, Any], checked: str) -> dict[str, Outcome | Median]:
    """The outcomes of one record by name, each checked; a figure without `checked` has that of its record."""
    return {name: _figure(f"{place}, {name}", name, body, checked) for name, body in told.items()}


def _figure(place: str, name: str, body: Any, checked: str) -> Outcome | Median:
    timed = _TIMED.fullmatch(name)
    if not timed and name not in PROPORTIONS:
        raise KnowledgeError(
            f"{place}: no such outcome; expected pfs_months, os_12m ... or one of {', '.join(PROPORTIONS)}."
        )
    if not isinstance(body, dict):
        raise KnowledgeError(f"{place}: found {body!r}; expected a mapping, {{percent: ...}} or {{median: ...}}.")
    return _median(place, body, checked) if timed and timed[2] == "months" else _outcome(place, body, checked)


def _outcome(place: str, body: dict[str, Any], checked: str) -> Outcome:
    refuse_unknown(place, body, _OUTCOME)
    checked = known_check(place, body.get("checked", checked))
    one = Outcome(
        events=_count(place, body.get("events")),
        n=_count(place, body.get("n")),
        percent=number(place, body.get("percent")),
        low=number(place, body.get("low")),
        high=number(place, body.get("high")),
        checked=checked,
        counts_checked=known_check(place, body.get("counts_checked", checked)),
        derived=_truth(place, body.get("events_derived", False)),
        more_than=_truth(place, body.get("more_than", False)),
        note_percent=body.get("note_percent", ""),
    )
    _agrees(place, one)
    return one


def _agrees(place: str, one: Outcome) -> None:
    """Refuses a proportion whose parts contradict one another."""
    if one.events is None and one.percent is None:
        raise KnowledgeError(f"{place}: neither events nor a percentage. Leave out what the source does not give.")
    if one.events is not None:
        if not one.n:
            raise KnowledgeError(f"{place}: {one.events} events of no n.")
        if one.events > one.n:
            raise KnowledgeError(f"{place}: {one.events} events of {one.n} patients.")
    if any(p is not None and not 0 <= p <= 100 for p in (one.percent, one.low, one.high)):
        raise KnowledgeError(f"{place}: a percentage below 0 or above 100.")
    if not one.note_percent and not _gives(one):
        raise KnowledgeError(
            f"{place}: {one.events}/{one.n} does not give {one.percent} %. Mend it, or say why in note_percent."
        )
    estimate = 100 * one.events / one.n if one.percent is None and one.events is not None and one.n else one.percent
    _within(place, estimate, one.low, one.high)


def _gives(one: Outcome) -> bool:
    """Is events / n, rounded to the digits printed, the percentage? Exactly: 0.05 is no binary fraction."""
    if one.events is None or one.percent is None or not one.n or one.more_than:
        return True
    digits = len(str(one.percent).partition(".")[2])
    return abs(Fraction(100 * one.events, one.n) - Fraction(str(one.percent))) <= Fraction(1, 2 * 10**digits)


def _median(place: str, body: dict[str, Any], checked: str) -> Median:
    refuse_unknown(place, body, _MEDIAN)
    words = {name: body[name] for name in ("median", "low", "high") if body.get(name) in NOT_REACHED}
    numbers = {n: None if n in words else number(place, body.get(n)) for n in ("median", "low", "high")}
    if not words and not any(one is not None for one in numbers.values()):
        raise KnowledgeError(f"{place}: neither a median nor a bound. Leave out what the source does not give.")
    if any(one is not None and one < 0 for one in numbers.values()):
        raise KnowledgeError(f"{place}: a time below 0.")
    if "low" in words and numbers["high"] is not None:
        raise KnowledgeError(f"{place}: the lower bound is {words['low']} and the upper one a number.")
    _within(place, numbers["median"], numbers["low"], numbers["high"])
    return Median(
        **numbers,
        reached=False if "median" in words else True if numbers["median"] is not None else None,
        checked=known_check(place, body.get("checked", checked)),
        word=words.get("median", ""),
        low_word=words.get("low", ""),
        high_word=words.get("high", ""),
    )


def _within(place: str, estimate: float | None, low: float | None, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        raise KnowledgeError(f"{place}: the interval {low} to {high} is upside down.")
    if estimate is None:
        return
    if (low is not None and estimate < low) or (high is not None and estimate > high):
        raise KnowledgeError(f"{place}: {estimate} is outside its interval, {_bound(low)} to {_bound(high)}.")


def refuse_unknown(place: str, body: Mapping[str, Any], known: set[str]) -> None:
    if body.keys() - known:
        unknown, expected = ", ".join(sorted(map(str, body.keys() - known))), ", ".join(sorted(known))
        raise KnowledgeError(f"{place}: unknown {unknown}; expected {expected}.")


def known_check(place: str, word: Any) -> str:
    if word not in CHECKED:
        raise KnowledgeError(f"{place}: checked {word!r}; expected one of {', '.join(CHECKED)}.")
    return str(word)


def number(place: str, told: Any) -> float | None:
    """The number as it stands, or None; refuses anything else."""
    if told is None or (isinstance(told, int | float) and not isinstance(told, bool)):
        return told
    raise KnowledgeError(f"{place}: found {told!r}; expected a number.")


def _count(place: str, told: Any) -> int | None:
    if told is None or (isinstance(told, int) and not isinstance(told, bool) and told >= 0):
        return told
    raise KnowledgeError(f"{place}: found {told!r}; expected a count of patients.")


def _truth(place: str, told: Any) -> bool:
    if isinstance(told, bool):
        return told
    raise KnowledgeError(f"{place}: found {told!r}; expected true or false.")
