"""Numbers sources in the order in which a text names them, and words the list at its end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import bibliography
from mspike.study.settings_words import Said

# A sentence that names a method cites whoever described it; the words that name it.
NAMED: dict[str, tuple[str, ...]] = {
    "schemper-smith-1996": ("reverse kaplan-meier",),
    "kaplan-meier-1958": ("kaplan-meier",),
    "mantel-1966": ("log-rank",),
    "clopper-pearson-1934": ("clopper-pearson",),
    "garwood-1936": ("poisson",),
    "aalen-johansen-1978": ("aalen-johansen",),
    "cox-1972": ("cox",),
    "firth-1993": ("firth",),
    "heinze-schemper-2001": ("firth",),
    "grambsch-therneau-1994": ("proportional hazards", "proportional-hazards"),
    "anderson-1983": ("landmark",),
    "simon-makuch-1984": ("simon", "time-dependent"),
    "kumar-2016": ("confirmed response", "mrd negativity"),
    "lee-2019": ("astct",),
    "rejeski-2023": ("icaht",),
    "rejeski-2025": ("t-icaht",),
    "hines-2023": ("iec-hs",),
}
_ENDS = re.compile(r"(?<=\.) (?=[A-Z])")


class Cited:
    """The keys cited so far, each with its number."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def text(self, sentence: Said) -> str:
        """The sentence with the numbers of its sources before its full stop."""
        if not sentence.keys:
            return sentence.text
        for key in sentence.keys:
            if key not in self.keys:
                self.keys.append(key)
        numbers = sorted(self.keys.index(key) + 1 for key in dict.fromkeys(sentence.keys))
        end = "." if sentence.text.endswith(".") else ""
        return f"{sentence.text.removesuffix('.')} [{', '.join(map(str, numbers))}]{end}"


def sentences_of(methods: Sequence[str], references: Sequence[str]) -> list[Said]:
    """What a section did, each sentence with the sources it names; a source that none names goes to the last one."""
    left = list(dict.fromkeys(references))
    told = []
    for sentence in (one for text in methods for one in _ENDS.split(text)):
        mine = [key for key in left if any(word in sentence.lower() for word in NAMED.get(key, ()))]
        left = [key for key in left if key not in mine]
        told.append(Said(sentence, tuple(mine)))
    if told and left:
        told[-1] = Said(told[-1].text, (*told[-1].keys, *left))
    return told


def references_told(keys: Iterable[str]) -> list[str]:
    """The sources as a list prints them, in the order given: number, authors, title, place, DOI.

    What the bibliography does not vouch for (a title from memory, a table read second-hand) stands there in its own
    words. Raises KnowledgeError for a key that it does not hold.
    """
    return [f"{number}. {_told(key)}" for number, key in enumerate(dict.fromkeys(keys), 1)]


def _told(key: str) -> str:
    source = bibliography().get(key)
    if source is None:
        raise KnowledgeError(f"A study cites {key!r}, which is not in knowledge/bibliography.yaml. Add it there.")
    told = f"{source['authors'].rstrip('.')}. {source['title'].rstrip('.')}. {source['where'].rstrip('.')}."
    if source.get("doi"):
        told += f" doi:{source['doi']}."
    # What was not read for this project is said to be so, as beside every number.
    return told + (" (Cited from memory.)" if source["read"].startswith("no") else "")
