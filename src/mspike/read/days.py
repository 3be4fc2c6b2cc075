"""Days as a spreadsheet writes them: landmarks become days, days and ISO dates can be compared and moved."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

DAYS_PER = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}

_LANDMARK = re.compile(r"^(-?\d+(?:\.\d+)?)\s*(day|week|month|year)?s?$")
_NUMBER = re.compile(r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$")


def landmark_day(text: str) -> int | None:
    """The day of a landmark: 28 -> 28, 3 months -> 91, 6 months -> 183, 1 year -> 365; None if it is no such text."""
    match = _LANDMARK.match(text.strip().lower())
    return round(float(match[1]) * DAYS_PER[match[2] or "day"]) if match else None


def number(text: str) -> Decimal | None:
    """The number a text holds, exactly; None for any other text."""
    return Decimal(text.strip()) if _NUMBER.match(text.strip()) else None


def plain(text: str) -> str:
    """A code as it is compared: 0, 0.0 and 00 are one number; of words, case and outer blanks do not count."""
    value = number(text)
    return " ".join(text.split()).lower() if value is None else shortest(value)


def shortest(value: Decimal) -> str:
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "+0", "") else text


def day_number(text: str, calendar: str) -> int | None:
    """A day that can be compared and moved: the integer of a day registry, or the ordinal of an ISO date."""
    if calendar == "day":
        value = number(text)
        return int(value) if value is not None and value == value.to_integral_value() else None
    try:
        return dt.date.fromisoformat(text.strip()[:10]).toordinal()
    except ValueError:
        return None


def day_text(day: int, calendar: str) -> str:
    return str(day) if calendar == "day" else dt.date.fromordinal(day).isoformat()
