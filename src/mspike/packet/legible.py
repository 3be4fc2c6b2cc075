"""Text from a registry as it may be printed: what cannot be seen, or turns the text around it, is shown as a sign."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

from mspike.packet.blocks import Packet

STRANGE = "�"
# Controls, lone surrogates and what is no character break XML. Marks of direction make "P1" read as another id.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff]"
)
_BREAKS = re.compile(r"[\t\r\n]+")


def legible(text: str) -> str:
    """The text on one line; each character that cannot be printed is replaced by a sign, so that it is seen to be odd.

    Dropping it would make two different ids look the same.
    """
    return _UNSEEN.sub(STRANGE, _BREAKS.sub(" ", text))


def legible_packet(packet: Packet) -> Packet:
    """The packet with every text in it legible; charts are left as they are."""
    return _legible(packet)


def _legible(part: Any) -> Any:
    if isinstance(part, str):
        return legible(part)
    if isinstance(part, tuple | list):
        return type(part)(_legible(each) for each in part)
    if isinstance(part, dict):
        return {legible(str(name)): _legible(value) for name, value in part.items()}
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{f.name: _legible(getattr(part, f.name)) for f in fields(part) if f.name != "chart"})
    return part
