"""The sources that a packet names, numbered in the order in which they are first named."""

from __future__ import annotations

from mspike.knowledge.criteria import bibliography
from mspike.report.pooled import MEMORY_SAYS


class Cited:
    """Collects what a packet rests on while it is written: nothing is listed that no sentence named."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def cite(self, *keys: str) -> str:
        """The mark of these sources in the text, [3] or [3][7]; empty where no source is named."""
        known = [key for key in dict.fromkeys(keys) if key]
        return "".join(f"[{self._numbers.setdefault(key, len(self._numbers) + 1)}]" for key in known)

    def marked(self, words: str, *keys: str) -> str:
        """The words with the mark of their sources behind them."""
        mark = self.cite(*keys)
        return f"{words} {mark}" if mark else words

    def references(self) -> tuple[str, ...]:
        """The list, in the order of the numbers."""
        return tuple(_reference(key) for key in self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def _reference(key: str) -> str:
    found = bibliography()[key]
    authors = found.get("authors", "").rstrip(".")
    where = found["where"].rstrip(".")
    doi = f" doi:{found['doi']}." if found.get("doi") else ""
    read = f" Read for this project: {found['read']}." if found.get("read") else ""
    return ". ".join(part for part in (found["title"].rstrip("."), authors, where) if part) + f".{doi}{read}"


RECALLED = MEMORY_SAYS
