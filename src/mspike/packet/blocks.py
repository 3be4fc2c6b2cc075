"""What a packet is made of. The same blocks become a page, a PDF and a Word document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Heading:
    """A heading below the title: level 2 or 3. `id` is its anchor, unique in the packet."""

    words: str
    level: int = 2
    id: str = ""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph. kind: text; lead (the answer, large); note (small, muted); alarm (progression, overdue)."""

    words: str
    kind: str = "text"


@dataclass(frozen=True)
class Bullets:
    """A list, each item a sentence or a few. ordered: numbered, because the order means something."""

    items: tuple[str, ...]
    ordered: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and values side by side; a value that is None is told as unknown, with its own sign, never left blank."""

    rows: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Grid:
    """A table. Cells that are None are unknown. right: heads of columns of figures."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    right: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawing:
    """A figure (figures.saved.Figure), a sentence for whoever cannot see it, and the table behind it."""

    name: str
    title: str
    chart: Any
    says: str
    twin: Grid


@dataclass(frozen=True)
class PageBreak:
    """On paper what follows begins a new page; on a screen nothing."""


Block = Heading | Paragraph | Bullets | Facts | Grid | Drawing | PageBreak


@dataclass(frozen=True)
class Packet:
    """One document about one patient.

    head      what stands on every printed page: patient id, day asked, version
    plain     written for the patient: larger type, no codes
    """

    title: str
    head: str
    blocks: tuple[Block, ...]
    references: tuple[str, ...]
    stamp: dict[str, str]
    synthetic: bool
    plain: bool = False
