"""The questions that the record leaves open, put to another centre: who asks, and what the answer would change."""

from __future__ import annotations

from mspike.packet.blocks import Block, Bullets, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.options_blocks import NOT_ASKED, waiting_told
from mspike.packet.results_blocks import never_measured
from mspike.packet.standing import death_told, main_infusion
from mspike.report.why import CHANGES, when_told

WHO = (
    "Asked by: (name, centre, how to be reached; to be filled in by whoever sends this). "
    "Wanted by when: (to be filled in)."
)


def questions_blocks(case: Case) -> list[Block]:
    """Who asks; the tests that would tell; what the options wait for; what was never measured."""
    blocks: list[Block] = [Heading("Questions asked", id="questions"), Paragraph(WHO)]
    blocks += [Heading("From the failure: the tests that would tell", 3), _tests(case)]
    blocks += [Heading("From the options: what is not known", 3), *_facts(case)]
    missing = never_measured(case)
    told = f"No row of the record holds: {'; '.join(missing)}." if missing else "Each has at least one row on record."
    return [*blocks, Heading("What was never measured, or is not on record", 3), Paragraph(told)]


def _tests(case: Case) -> Block:
    infusion = main_infusion(case)
    tests = [t for t in infusion["tests_that_would_tell"] if t["changes"] != "explains"] if infusion else []
    if not tests:
        return Paragraph("None is open by what is recorded.")
    return Bullets(tuple(f"{t['title']}{when_told(t)}: {CHANGES[t['changes']]}; takes {t['cost']}." for t in tests),
                   ordered=True)  # fmt: skip


def _facts(case: Case) -> list[Block]:
    if not case.options:
        return [Paragraph(NOT_ASKED if death_told(case) else "The options were not asked.")]
    facts = waiting_told(case.options["options"])
    return [Bullets(facts) if facts else Paragraph("No option waits for a fact that is not known.")]
