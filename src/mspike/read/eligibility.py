"""Splits the free text of a register into inclusion and exclusion items. It sorts and never judges.

Registers leave the form to the sponsor: headings in many spellings, bullets and numbers of all kinds, wrapped lines,
several cohorts, everything on one line. What stands before any heading is kept as `unstated`. Only bullets, numbers
and headings are taken off; a heading is kept with its items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["inclusion", "exclusion", "unstated"]

_DECORATION = r"[*_#=~\s>-]*"
# "exclusion" and "non-inclusion" are asked first: both contain a word of the other list.
_EXCLUDES = r"(?:non[- ]?inclusion|non[- ]?eligibility|exclusions?|excluded|ineligib\w*|not eligible)"
_INCLUDES = r"(?:inclusions?|included|eligib\w*)"
_BEFORE = (
    r"(?:(?:key|main|major|general|additional|primary|specific|patient|subject|participant|principal|other|the)\s+)*"
)
_AFTER = r"(?:\s+(?:criteri(?:a|on|um)|requirements?))"
_HEADING = re.compile(
    rf"^{_DECORATION}(?:\d+[.)]\s*)?(?P<name>{_BEFORE}(?:criteria\s+(?:for|of)\s+)?"
    rf"(?:(?P<ex>{_EXCLUDES})|(?P<in>{_INCLUDES})){_AFTER}?)(?P<part>\s*(?:[(\[][^)\]]*[)\]]|[-–—,]\s*[^:.;]{{1,60}}|"
    r"for\s+[^:.;]{1,60}|include|are)?)[*_\s]*(?P<colon>[:：]?)[*_\s]*(?P<rest>.*)$",
    re.IGNORECASE,
)
# A heading inside a line must be unmistakable: capitals, the word criteria and a colon.
_INSIDE = re.compile(
    r"(?<=[\w.;:)]\s)(?<!Key\s)(?<!KEY\s)(?<!Main\s)(?<!MAIN\s)(?=(?:(?:Key|KEY|Main|MAIN)\s+)?(?:Exclusion|Inclusion|EXCLUSION|INCLUSION|Non-inclusion)"
    r"\s+(?:Criteria|criteria|CRITERIA)\s*:)"
)
# "(ALT)" or "E. coli" at the head of a wrapped line is no numbering.
_BULLET = re.compile(
    r"^(?P<indent>\s*)(?P<mark>[*•·‣◦○●▪■□–—]+\s*|-+(?!\d)\s*|\(?\d{1,2}(?:\.\d{1,2})*[.)]\s+|\d{1,2}[.)](?=[A-Z])"
    r"|[①-⑳]\s*|[(\[](?:[A-Za-z]|\d{1,2}|[ivx]{1,4})[)\]]\s*|[a-z][.)]\s+|[A-Z](?:\)\s+|\.\s+(?=[A-Z]))"
    r"|[ivx]{2,4}[.)]\s+|[IVX]{2,4}[.)]\s+)(?P<text>\S.*)$"
)
_UNFINISHED = re.compile(r"(?:,|\b(?:and|or|of|the|with|by|to|in|for|than))$")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>~|^=&])")


@dataclass(frozen=True)
class EligibilityItem:
    """One item as the register words it, under which heading it stands, and how deep it is nested (0: not at all)."""

    kind: Kind
    text: str
    heading: str
    level: int


@dataclass
class _Open:
    """The item being read: further lines without a bullet belong to it."""

    kind: Kind
    heading: str
    level: int
    bulleted: bool
    lines: list[str]

    def goes_on(self, line: str) -> bool:
        """Does this unmarked line belong to the item, or begin one of its own?"""
        return self.bulleted or line.strip()[0].islower() or bool(_UNFINISHED.search(self.lines[-1]))

    def closed(self) -> EligibilityItem:
        return EligibilityItem(self.kind, " ".join(self.lines), self.heading, self.level)


def eligibility_items(text: str) -> tuple[EligibilityItem, ...]:
    """The items of the free text in their order."""
    return tuple(_items(text))


def _items(text: str) -> Iterator[EligibilityItem]:
    kind: Kind = "unstated"
    heading, indents = "", []  # type: tuple[str, list[int]]
    current: _Open | None = None
    blank = True
    for line in _lines(text):
        if not line.strip():
            blank = True
            continue
        found = _heading(line)
        if found:
            if current:
                yield current.closed()
            kind, heading, rest = found
            current, indents, blank = None, [], True
            if not rest:
                continue
            line = rest
        bullet = _BULLET.match(line)
        if current and not bullet and not blank and current.goes_on(line):
            current.lines.append(line.strip())
            continue
        if current:
            yield current.closed()
        level = _level(indents, len(bullet["indent"])) if bullet else 0
        current = _Open(kind, heading, level, bool(bullet), [(bullet["text"] if bullet else line).strip()])
        blank = False
    if current:
        yield current.closed()


def _lines(text: str) -> Iterator[str]:
    for line in _ESCAPE.sub(r"\1", text).replace("\u00a0", " ").expandtabs(4).splitlines():
        first, *more = _INSIDE.split(line)
        if more and not any(letter.isalpha() for letter in first):  # "1. Inclusion Criteria:"
            first, more = first + more[0], more[1:]
        yield from (first, *more)


def _heading(line: str) -> tuple[Kind, str, str] | None:
    """Kind, heading and what follows it on the line; None where the line is no heading.

    Without a colon only the whole line counts: "Eligible patients must ..." is an item.
    """
    found = _HEADING.match(line)
    if found is None:
        return None
    name, rest = found["name"].strip(), found["rest"].strip()
    if rest and not found["colon"]:
        return None
    # "Eligible for transplant: ..." may stand among the exclusions: a bare word is a heading only by itself.
    if not re.search(r"criteri|requirement", name, re.IGNORECASE):
        alone = re.fullmatch(r"(?:in|ex)clusions?", name, re.IGNORECASE) is not None
        if found["part"].strip() or not (found["colon"] or alone):
            return None
    kind: Kind = "exclusion" if found["ex"] else "inclusion"
    return kind, f"{name}{found['part'].rstrip()}", rest


def _level(indents: list[int], indent: int) -> int:
    """How deep is this bullet, by the indents of the bullets above it?"""
    while indents and indents[-1] > indent:
        indents.pop()
    if not indents or indents[-1] < indent:
        indents.append(indent)
    return len(indents) - 1
