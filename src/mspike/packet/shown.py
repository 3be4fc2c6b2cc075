"""What the page, the PDF and the Word document share: how the unknown is told, how wide a table is, what is ours."""

from __future__ import annotations

from pathlib import Path

from mspike import INTENDED_USE, __version__
from mspike.packet.blocks import Drawing, Grid, Heading, Packet, Paragraph

LANGUAGE = "en-GB"
MADE_BY = f"mspike {__version__} case"
SYNTHETIC = "SYNTHETIC. This patient is invented. Nothing here is a finding about any real person or treatment."
BEHIND = "The numbers behind the figures"
UNKNOWN, SIGN = "not known", "○"
_UNKNOWN_WORDS = frozenset((UNKNOWN, "not tested", "not recorded", "not measured", "unknown"))
# Letters on a line of paper: of a table in the type of tables, in the smallest, and at most of a cell before it wraps.
_UPRIGHT, _SMALLEST, _CELL = 104, 175, 24
_TOGETHER = 14  # rows that stay on one page


def is_unknown(cell: str | None) -> bool:
    """Does the cell tell that something is not known? A blank one counts: nothing on a page is left blank."""
    return cell is None or not cell.strip() or cell in _UNKNOWN_WORDS


def words_of(cell: str | None) -> str:
    return cell if cell is not None and cell.strip() else UNKNOWN


def size_of(grid: Grid) -> str:
    """How the table prints: upright, narrow (smallest type) or lying (on a page that lies); long: over pages."""
    letters = 0
    for place, head in enumerate(grid.heads):
        longest = max((len(words_of(row[place])) for row in grid.rows), default=0)
        widest_word = max((len(word) for word in head.split()), default=0)
        letters += max(longest if head in grid.right else min(longest, _CELL), widest_word) + 3
    size = "upright" if letters <= _UPRIGHT else "narrow" if letters <= _SMALLEST else "lying"
    return f"{size} long" if len(grid.rows) > _TOGETHER else size


def opening(packet: Packet) -> int:
    """How many blocks open the packet: the paragraphs before anything else, which are the answer."""
    for place, block in enumerate(packet.blocks):
        if not isinstance(block, Paragraph):
            return place
    return len(packet.blocks)


def anchors(packet: Packet) -> dict[int, str]:
    """The anchor of each heading by its place among the blocks: its own id, or its words; none twice."""
    taken = {"content", "references", "stamp", "behind"}
    named: dict[int, str] = {}
    for place, block in enumerate(packet.blocks):
        if isinstance(block, Heading):
            plain = block.id or "-".join("".join(c if c.isalnum() else " " for c in block.words.lower()).split())
            name, number = plain or "part", 2
            while name in taken:
                name, number = f"{plain or 'part'}-{number}", number + 1
            taken.add(name)
            named[place] = name
    return named


def twins(packet: Packet) -> list[Grid]:
    """The tables behind the figures, in order."""
    return [block.twin for block in packet.blocks if isinstance(block, Drawing)]


def stamp_rows(packet: Packet) -> tuple[tuple[str, str | None], ...]:
    """How the packet was made, name by name; what it is not meant for always stands there."""
    stamp = {"intended_use": INTENDED_USE, **packet.stamp, "mspike": packet.stamp.get("mspike", __version__)}
    if "registry" in stamp:
        stamp["registry"] = Path(stamp["registry"]).name  # the packet travels: whose disk it lies on is nobody's matter
    return tuple((name.replace("_", " "), value) for name, value in sorted(stamp.items()))
