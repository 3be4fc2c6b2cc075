"""Consecutive words, read as agents, regimens or words that tell something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from mspike.knowledge.therapies.lists import folded, names

_LONGEST_NAME = 6  # words: "pegyliertes liposomales Doxorubicin", "autologous stem cell transplant"


@dataclass
class Item:
    """What some words are: agents, regimen, ambiguous, unknown, number, or a kind of word (maintenance ...).

    settled  an ambiguous abbreviation that its brackets explain
    """

    kind: str
    text: str
    ids: tuple[str, ...] = ()
    high_dose: bool = False
    readings: tuple[tuple[str, ...], ...] = ()
    settled: bool = False


def read_words(words: Sequence[re.Match[str]]) -> list[Item]:
    """Reads words that stand together: the longest name first; neighbours that remain are one unknown phrase."""
    items: list[Item] = []
    at, unread = 0, slice(0, 0)
    while at < len(words):
        count, named = _first_named(words, at)
        if not named:
            # As it is written, with what stands between the words.
            unread = slice(unread.start if unread.stop == at else at, at + 1)
            items = items[:-1] if unread.stop - unread.start > 1 else items
            text = words[at].string[words[unread.start].start() : words[at].end()]
            named = [Item("number" if text.isdigit() else "unknown", text)]
        items += named
        at += count
    return items


def _first_named(words: Sequence[re.Match[str]], at: int) -> tuple[int, list[Item]]:
    """How many words from here on make the longest name, and what it is; one word and nothing where none does."""
    for count in range(min(_LONGEST_NAME, len(words) - at), 0, -1):
        item = _named(" ".join(word.group() for word in words[at : at + count]))
        if item is not None:
            return count, [item]
    return 1, _compound(words[at].group())


def _compound(word: str) -> list[Item]:
    """A name that runs into a word or a dose: Lenalidomiderhaltung, Kd56. Empty where it is none."""
    known = names()
    for at in range(3, len(word) - 4):
        head, kind = _named(word[:at]), known.words.get(folded(word[at:]))
        if head is not None and head.ids and kind is not None:
            return [head, Item(kind, word[at:])]
    letters = word.rstrip("0123456789")
    if letters != word and folded(letters) in known.regimens:
        return [Item("regimen", letters, known.regimens[folded(letters)]), Item("number", word[len(letters) :])]
    return []


def _named(phrase: str) -> Item | None:
    known, key = names(), folded(phrase)
    if key in known.agents:
        return Item("agents", phrase, (known.agents[key],))
    if key in known.regimens:
        return Item("regimen", phrase, known.regimens[key])
    if key in known.high_dose:
        return Item("agents", phrase, known.high_dose[key], high_dose=True)
    if key in known.ambiguous:
        readings = known.ambiguous[key]
        shared = tuple(id_ for id_ in readings[0] if all(id_ in other for other in readings[1:]))
        return Item("ambiguous", phrase, shared, readings=readings)
    if key in known.words:
        return Item(known.words[key], phrase)
    if phrase.casefold().startswith(known.studies):
        return Item("study_name", phrase)
    pieces = None if " " in phrase else _pieces(key)
    return Item("regimen", phrase, pieces) if pieces else None


@cache
def _pieces(key: str) -> tuple[str, ...] | None:
    """The agents of a written-together word (DaraVd, EloPomDex, IsaD); None where a part of it is no name.

    At least one part is the name of an agent: two abbreviations in a row could be any word.
    """
    known = names()
    best: list[tuple[int, tuple[str, ...], bool] | None] = [(0, (), False)] + [None] * len(key)
    for end in range(2, len(key) + 1):
        for start in range(end):
            head, part = best[start], key[start:end]
            if head is None:
                continue
            is_name = part in known.pieces
            # A last d is dexamethasone behind the name of an agent, and nowhere else.
            last_d = part == "d" and end == len(key) and head[2]
            ids = known.pieces.get(part) or known.regimens.get(part) or (("dexamethasone",) if last_d else None)
            if ids is None:
                continue
            tried = (head[0] + 1, (*head[1], *ids), head[2] or is_name)
            now = best[end]
            if now is None or (tried[2], -tried[0]) > (now[2], -now[0]):
                best[end] = tried
    whole = best[len(key)]
    return tuple(dict.fromkeys(whole[1])) if whole and whole[2] else None
