"""A packet as a file: .html, .pdf or .docx, written aside and renamed; and its blocks as data."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from mspike import INTENDED_USE
from mspike.errors import WrongUsage
from mspike.packet.blocks import Block, Drawing, Packet
from mspike.packet.legible import legible_packet
from mspike.packet.shown import stamp_rows
from mspike.write.place import MADE, room_beside

KINDS = (".html", ".pdf", ".docx")
_MARK = re.compile(rb"mspike \d[\w.+-]* case")
# Where each kind says by whom it was made; a Word document that a person saved again says so, and is theirs.
_SAID = {
    ".html": re.compile(rb'<meta name="generator" content="' + _MARK.pattern + rb'">'),
    ".pdf": re.compile(rb"%%EOF\s+% " + _MARK.pattern + rb"\n\Z"),
    ".docx": re.compile(rb"<cp:lastModifiedBy>" + _MARK.pattern + rb"</cp:lastModifiedBy>"),
}
_CORE, _MOST = "docProps/core.xml", 1_000_000  # bytes read of a document that says who made it


def refuse_file(out: Path) -> None:
    """Raises WrongUsage, before any work, where no packet can or may be written to `out`.

    The suffix is of no kind that is written; the folder does not exist; the file is not an earlier packet.
    """
    if out.suffix.lower() not in KINDS:
        found = f"ends in '{out.suffix}'" if out.suffix else "has no ending"
        raise WrongUsage(f"--out {out}: the name {found}; expected one of {', '.join(KINDS)}, as in packet.pdf.")
    if out.is_dir():
        raise WrongUsage(f"--out {out} is a folder. Name a file in it.")
    if not out.resolve().parent.is_dir():
        raise WrongUsage(f"--out {out}: there is no folder {out.parent}. Make it, or name another.")
    if out.exists() and not is_ours(out):
        raise WrongUsage(
            f"--out {out} is a file that `mspike case` did not write, or that was changed since. "
            "Nothing was overwritten: choose another name, or move the file away."
        )


def write_packet(packet: Packet, out: Path) -> None:
    """Writes the packet as the name of the file says. An earlier packet there is replaced; a file of others never is.

    Raises WrongUsage as `refuse_file`, and MspikeError where Pango is lacking for a PDF.
    """
    refuse_file(out)
    made = _made(packet, out.suffix.lower())
    place = out.resolve()
    try:
        with room_beside(place) as room:
            aside = room / MADE / place.name
            _write_down(aside, made)
            os.replace(aside, place)
    except OSError as trouble:
        raise WrongUsage(
            f"--out {out} could not be written: {trouble.strerror or trouble}. What stood there before still stands: "
            "free some space, ask for the right to write there, or name another folder."
        ) from None


def is_ours(file: Path) -> bool:
    """Did `mspike case` write this file, and nobody save it again under their own name?"""
    kind = file.suffix.lower()
    try:
        if kind == ".docx":
            with zipfile.ZipFile(file) as document, document.open(_CORE) as core:
                return bool(_SAID[kind].search(core.read(_MOST)))
        return bool(_SAID[kind].search(file.read_bytes()))
    except (OSError, KeyError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return False


def packet_told(packet: Packet) -> dict[str, Any]:
    """The packet as data: what is not known is null. Charts are left out, the tables behind them are there."""
    packet = legible_packet(packet)
    return {
        "title": packet.title, "head": packet.head, "synthetic": packet.synthetic, "plain": packet.plain,
        "blocks": [_block_told(block) for block in packet.blocks], "references": list(packet.references),
        "stamp": {name.replace(" ", "_"): value for name, value in stamp_rows(packet)}, "intended_use": INTENDED_USE,
    }  # fmt: skip


def _block_told(block: Block) -> dict[str, Any]:
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(block).__name__).lower()
    if isinstance(block, Drawing):
        kept = {f.name: getattr(block, f.name) for f in fields(block) if f.name not in ("chart", "twin")}
        return {"block": kind, **kept, "twin": asdict(block.twin)}
    return {"block": kind, **asdict(block)}


def _made(packet: Packet, kind: str) -> bytes:
    if kind == ".pdf":
        from mspike.packet.paper import paper_of

        return paper_of(packet)
    if kind == ".docx":
        from mspike.packet.word import word_of

        return word_of(packet)
    from mspike.packet.pages import page_of

    return page_of(packet).encode()


def _write_down(file: Path, made: bytes) -> None:
    with file.open("wb") as opened:
        opened.write(made)
        opened.flush()
        os.fsync(opened.fileno())
