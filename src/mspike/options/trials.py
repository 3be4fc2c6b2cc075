"""Which trials are open, closed or unknown for a patient on a day, criterion by criterion.

Closed on any no; open only where every criterion of a trial is held, each is met, nothing is left to read and the
trial was lately seen to take patients. Everything else is unknown: free text is shown, and decides nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mspike.knowledge.trials import Status, Trial, TrialCriterion
from mspike.knowledge.trials.records import NOT_NOW, OVER, RECRUITING
from mspike.options import judging
from mspike.options.facts import Standing
from mspike.options.judging import Judged

Answer = Literal["open", "closed", "unknown"]
# A register asks sponsors to confirm the status once a year; half of that is as long as we believe a page.
BELIEVED_DAYS = 180
READ_IT = "free text: to be read, not judged"
INCOMPLETE = "The criteria held here are not the whole list: read the protocol."


Judge = Callable[[Mapping[str, Any], Standing], Judged]


@dataclass(frozen=True)
class Matched:
    """One criterion and its answer: met, not met or (None) unknown, why, and what would have to be known."""

    criterion: TrialCriterion
    holds: bool | None
    because: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Recruiting:
    """Did the trial take patients on the day asked?"""

    holds: bool | None
    because: str


@dataclass(frozen=True)
class TrialMatch:
    """The answer for one trial: recruiting, every criterion, and the texts that a person must read."""

    trial: Trial
    answer: Answer
    recruiting: Recruiting
    rows: tuple[Matched, ...]
    to_read: tuple[str, ...]

    @property
    def because(self) -> tuple[str, ...]:
        """The reasons that decide, the sharpest kind only: what closes it, else what is unknown, else what is met."""
        told = [(self.recruiting.holds, self.recruiting.because)]
        told += [(_binding(row), f"{row.criterion.says} {row.because}".strip()) for row in self.rows]
        wanted = {"closed": False, "unknown": None, "open": True}[self.answer]
        reasons = tuple(reason for holds, reason in told if holds is wanted)
        return reasons or self.to_read[:1]

    @property
    def missing(self) -> tuple[str, ...]:
        """What would have to be known, each once."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.missing))


def match(trial: Trial, standing: Standing, judge: Judge = judging.judge) -> TrialMatch:
    """Is this trial open to the patient on the day of `standing`?

    judge  answers one atom
    """
    rows = tuple(_matched(one, standing, judge) for one in trial.criteria)
    recruiting = recruiting_on(trial.status, standing.date)
    to_read = tuple(_to_read(trial))
    return TrialMatch(trial, _answer(recruiting, rows, to_read), recruiting, rows, to_read)


def match_all(found: Iterable[Trial], standing: Standing, judge: Judge = judging.judge) -> tuple[TrialMatch, ...]:
    """Every trial, open before unknown before closed, then by number: an order to read in and no ranking."""
    order = {"open": 0, "unknown": 1, "closed": 2}
    answers = (match(trial, standing, judge) for trial in found)
    return tuple(sorted(answers, key=lambda one: (order[one.answer], one.trial.id)))


def recruiting_on(status: Status, day: dt.date | None) -> Recruiting:
    """Did the trial take patients on this day, as far as the page that was seen tells?

    1. What is over stays over from the day it was seen. 2. Recruiting and not-now are believed for 180 days after.
    3. Of a day before the page was seen nothing is known, and nothing where the day of the page is not noted.
    """
    seen = status.seen
    told = f"{status.words}, seen {'no later than ' if status.at_latest else ''}{seen}" if seen else status.words
    told = f"{told} ({status.says})" if status.says else told
    if status.word not in (*RECRUITING, *NOT_NOW, *OVER):
        return Recruiting(None, f"{told}: whether it takes patients is not known.")
    if seen is None:
        return Recruiting(None, f"{told}: nobody noted when, so the status today is not known.")
    if day is None:
        return Recruiting(None, f"{told}: the day asked has no calendar date.")
    if status.word in OVER:
        over = seen.last <= day
        return Recruiting(False if over else None, f"{told}{'' if over else ': later than the day asked'}.")
    if day < seen.first:
        return Recruiting(None, f"{told}: later than the day asked.")
    if (age := (day - seen.first).days) > BELIEVED_DAYS:
        return Recruiting(None, f"{told}: {age} days before the day asked, too old to rely on. Look it up again.")
    return Recruiting(status.word in RECRUITING, f"{told}.")


def _matched(criterion: TrialCriterion, standing: Standing, judge: Judge) -> Matched:
    if criterion.needs is None:
        return Matched(criterion, None, READ_IT, ())
    judged = judge(criterion.needs, standing)
    return Matched(criterion, judged.holds, judged.because, tuple(judged.missing))


def _to_read(trial: Trial) -> list[str]:
    texts = [c.says if c.needs is None else c.beyond for c in trial.criteria if c.needs is None or c.beyond]
    return [*texts, *trial.unread, *([] if trial.criteria_complete else [INCOMPLETE])]


def _binding(row: Matched) -> bool | None:
    """Its answer for the trial as a whole: a criterion that binds one cohort closes that cohort and not the trial."""
    return None if row.holds is False and row.criterion.cohort else row.holds


def _answer(recruiting: Recruiting, rows: tuple[Matched, ...], to_read: tuple[str, ...]) -> Answer:
    holds = (recruiting.holds, *(_binding(row) for row in rows))
    if False in holds:
        return "closed"
    # A list of criteria that is not complete stands among what is to be read.
    return "open" if rows and not to_read and all(one is True for one in holds) else "unknown"
