"""The packet for a tumour board: one page first, then the proof of it."""

from __future__ import annotations

from mspike import __version__
from mspike.packet.blocks import Block, Heading, Packet, PageBreak, Paragraph
from mspike.packet.case import Case
from mspike.packet.cited import Cited
from mspike.packet.course_blocks import because_blocks, history_blocks
from mspike.packet.data_blocks import data_blocks
from mspike.packet.first_page import first_page
from mspike.packet.options_blocks import options_blocks, trials_blocks
from mspike.packet.safety_blocks import safety_blocks
from mspike.packet.standing import as_of
from mspike.packet.timeline import timeline_of
from mspike.packet.watch_blocks import watch_blocks
from mspike.packet.why_blocks import why_blocks


def board_of(case: Case) -> Packet:
    """What does a board need to know of this patient? The answer on one page, then each part with its reasons.

    case  of `case_of`; of a patient who died without the parts on options and trials
    """
    cited = Cited()
    blocks: list[Block] = [*first_page(case, cited), PageBreak(), *timeline_blocks(case)]
    blocks += [*because_blocks(case, cited), *history_blocks(case), *why_blocks(case, cited)]
    blocks += [*options_blocks(case, cited), *trials_blocks(case, cited), *watch_blocks(case, cited)]
    blocks += [*safety_blocks(case, cited), *data_blocks(case)]
    return Packet(
        title=f"Tumour board: {case.patient}", head=head_of(case), blocks=tuple(blocks),
        references=cited.references(), stamp=case.asked.stamp(), synthetic=case.synthetic,
    )  # fmt: skip


def head_of(case: Case) -> str:
    """What stands on every printed page."""
    return f"{case.patient} · as of {as_of(case)} · mspike {__version__}"


def timeline_blocks(case: Case) -> list[Block]:
    """The figure, or why there is none."""
    drawing = timeline_of(case)
    return [Heading("Timeline", id="timeline"), drawing or Paragraph("Nothing on record that a timeline could draw.")]
