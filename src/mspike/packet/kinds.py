"""For whom a packet is written, and who writes it."""

from __future__ import annotations

from difflib import get_close_matches

from mspike.errors import WrongUsage
from mspike.packet.blocks import Packet
from mspike.packet.case import Case

READERS = ("board", "second-opinion", "patient")


def known_reader(reader: str) -> str:
    """The reader, as known here. Raises WrongUsage for another."""
    word = reader.strip().lower().replace("_", "-").replace(" ", "-")
    if word in READERS:
        return word
    close = get_close_matches(word, READERS, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise WrongUsage(f"--for {reader}: expected one of {', '.join(READERS)}.{hint}")


def packet_of(case: Case, reader: str) -> Packet:
    """The packet of this case for a tumour board, a second centre, or the patient.

    Raises WrongUsage for another reader, and where such a packet is not written (as a page for a patient who died).
    """
    reader = known_reader(reader)
    if reader == "board":
        from mspike.packet.board import board_of

        return board_of(case)
    if reader == "second-opinion":
        from mspike.packet.second_opinion import second_opinion_of

        return second_opinion_of(case)
    from mspike.packet.patient_page import patient_page_of

    return patient_page_of(case)
