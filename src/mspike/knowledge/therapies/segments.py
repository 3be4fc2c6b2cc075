"""A text taken apart at its separators and brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mspike.knowledge.therapies.words import Item, read_words

_TOKEN = re.compile(
    r"(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<separator>->|→|[+,;&|/\n]|\b(?:und|and|plus)\b)"
    r"|(?P<either>\b(?:oder|or|vs|versus)\b)|(?P<word>[^\W_]+)",
    re.IGNORECASE,
)


@dataclass
class Segment:
    """The words between two separators, and the brackets behind them.

    before   the separator in front of it; empty at the beginning of a text or of a bracket
    either   that separator says "or"
    denied   agents that its abbreviation names and its brackets do not
    """

    before: str = ""
    either: bool = False
    start: int = 0
    end: int = 0
    items: list[Item] = field(default_factory=list)
    brackets: list[list[Segment]] = field(default_factory=list)
    denied: frozenset[str] = frozenset()


def segments(text: str) -> list[Segment]:
    """The segments of a text. A bracket that is never closed ends with the text."""
    return _level(_TOKEN.finditer(text), len(text), 0)


def _level(tokens: Iterator[re.Match[str]], length: int, start: int) -> list[Segment]:
    level, words = [Segment(start=start)], list[re.Match[str]]()

    def finish(end: int) -> None:
        level[-1].items += read_words(words)
        level[-1].end = end
        words.clear()

    for token in tokens:
        if token.lastgroup == "word":
            words.append(token)
        elif token.lastgroup == "open":
            finish(token.start())
            level[-1].brackets.append(_level(tokens, length, token.end()))
        elif token.lastgroup == "close":
            if start or level[0].start:
                finish(token.end())
                return _filled(level)
        else:
            finish(token.start())
            level.append(Segment(token.group().casefold(), token.lastgroup == "either", token.end()))
    finish(length)
    return _filled(level)


def _filled(level: list[Segment]) -> list[Segment]:
    """Without segments of nothing; an "or" or a leading "+" is not lost with them."""
    kept: list[Segment] = []
    for at, segment in enumerate(level):
        if not segment.items and not segment.brackets:
            continue
        previous = level[at - 1] if at else None
        if previous is not None and not previous.items and previous.either:
            segment.either = True
        kept.append(segment)
    return kept
