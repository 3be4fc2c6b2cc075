"""Days, spans, products and lists as one would say them to a patient."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from mspike.knowledge.support import texts

Day = dt.date | str | int | None
WEEKS_UP_TO, MONTH = 63, 30.44  # days told in weeks; days of an average month
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def plain_day(day: Day, since: str = "your infusion") -> str | None:
    """The day as one says it: 20 March 2023, or day 135 after your infusion. None: it is not known.

    day    a date, a date as text (as precise as it is: 2023, 2023-03), or a day counted from `since`
    """
    if day is None or day == "":
        return None
    if isinstance(day, int):
        if day == 0:
            return f"the day of {since}"
        return f"day {day} after {since}" if day > 0 else f"{-day} {_days(-day)} before {since}"
    parts = str(day).split("-")
    if len(parts) == 1:
        return parts[0]
    month = MONTHS[int(parts[1]) - 1]  # not strftime: it would speak the language of the machine
    return f"{month} {parts[0]}" if len(parts) == 2 else f"{int(parts[2])} {month} {parts[0]}"


def plain_span(first: Day, last: Day) -> str | None:
    """How long from one day to the other, in words: "about 4 months". None where it cannot be told."""
    days = days_between(first, last)
    if days is None or days < 1:
        return None
    if days <= WEEKS_UP_TO:
        return f"about {_counted(round(days / 7), 'week')}" if days >= 7 else f"{days} {_days(days)}"
    return f"about {_counted(round(days / MONTH), 'month')}"


def days_between(first: Day, last: Day) -> int | None:
    """The days from one day to the other; None where one is missing or partial."""
    if isinstance(first, int) and isinstance(last, int):
        return last - first
    start, end = _whole(first), _whole(last)
    return None if start is None or end is None else (end - start).days


def plain_product(agent: str | None) -> str:
    """The CAR T cells by the name the patient knows."""
    if agent is None:
        return "CAR T cells (the record does not say which)"
    brand = texts("course")["brands"].get(agent)
    return f"{agent} ({brand})" if brand else agent


def listed(words: Iterable[str], last: str = "and") -> str:
    """a, b and c: each once, in the order in which they come."""
    each = list(dict.fromkeys(words))
    return each[0] if len(each) == 1 else f"{', '.join(each[:-1])} {last} {each[-1]}" if each else ""


def _whole(day: Day) -> dt.date | None:
    try:
        return dt.date.fromisoformat(str(day))
    except ValueError:
        return None


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _days(number: int) -> str:
    return "day" if number == 1 else "days"
