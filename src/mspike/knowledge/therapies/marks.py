"""What stands beside the agents in a text: dates, doses, cycles, days, how often, and which time (second, 3.)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SINCE = r"\b(?:ab|bis|seit|from|until|since|till)\s+"
_DATE = (
    r"(?:\d{1,2}\.\d{1,2}\.\d{2,4}|\d{1,2}\.\d{4}|\d{4}-\d{2}(?:-\d{2})?|\d{1,2}/\d{1,2}/\d{2,4}"
    r"|(?:0?[1-9]|1[0-2])/(?:\d{4}|\d{2}))(?![\w/])"
)
_YEAR = r"(?:19|20)\d{2}(?![\w/])"  # without "since" or "until" it may be part of a code (ISB 2001)
_NUMBER = r"\d+(?:[.,]\d+)?(?:/\d+(?:[.,]\d+)?)?"
# The first that matches at a place stands.
_KINDS = (
    ("date", rf"(?<![\w/-])(?:{_SINCE})?(?<![\w.]){_DATE}|(?<![\w/-]){_SINCE}{_YEAR}"),
    (
        "dose",
        rf"(?<!\w){_NUMBER}\s?(?:mg|µg|μg|ug|mcg|g|ml|IE|IU|Gy|%)(?:\s?/\s?(?:m2|m²|qm|kg|d|die|Tag|day|week|Woche))?(?!\w)",
    ),
    ("cycles", r"(?<!\w)\d+\s?(?:x|×)?\s?(?:Zykl\w*|cycles?|courses?)\.?"),
    ("days", r"(?<!\w)(?:d|day|Tag)\s?\d+(?:\s?[-–,]\s?\d+)*(?!\w)|(?<!\w)q\d+[wd](?!\w)"),
    ("times", r"(?<!\w)\d\s?(?:x|×)(?!\w)|(?<!\w)(?:x|×)\s?\d(?!\w)"),
    ("nth", r"(?<!\w)\d(?:\.(?!\d)|(?:st|nd|rd|th)\b)"),
    ("nth", r"\b(?:second|third|zweite\w?|dritte\w?)\b"),
)
_MARK = re.compile("|".join(f"(?P<{kind}_{at}>{body})" for at, (kind, body) in enumerate(_KINDS)), re.IGNORECASE)
_WORDS = {"s": 2, "z": 2, "t": 3, "d": 3}


@dataclass(frozen=True)
class Mark:
    """Something beside the agents: its kind (date, dose, cycles, days, times, nth), text, place and number."""

    kind: str
    text: str
    start: int
    number: int | None


def without_marks(text: str) -> tuple[str, tuple[Mark, ...]]:
    """The text with its marks blanked out in place, and the marks."""
    marks = tuple(_mark(match) for match in _MARK.finditer(text))
    return _MARK.sub(lambda match: " " * len(match.group()), text), marks


def _mark(match: re.Match[str]) -> Mark:
    kind = str(match.lastgroup).split("_")[0]
    number = None
    if kind in ("times", "nth"):
        text = match.group()
        digits = re.search(r"\d", text)
        number = int(digits.group()) if digits else _WORDS[text[0].lower()]
    return Mark(kind, match.group().strip(), match.start(), number)
