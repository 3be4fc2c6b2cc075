"""Harm in blocks: the answers about each infusion, the published facts, and every recorded event."""

from __future__ import annotations

from mspike.packet.blocks import Block, Bullets, Grid, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.cited import Cited
from mspike.packet.standing import Told, main_infusion, said_day
from mspike.report.safety import safety_told
from mspike.report.safety_rows import PARTS
from mspike.report.terminal import day_told

NO_INFUSION = "No infusion is recorded by then, so there is no toxicity of CAR-T to tell."


def harm_sentence(case: Case) -> str | None:
    """Grades of the last infusion in one sentence; None where there was none."""
    infusion, main = main_infusion(case), None
    if infusion is not None:
        main = next((one for one in case.safety["infusions"] if one["line"] == infusion["line"]), None)
    return None if main is None else safety_told(main)


def safety_blocks(case: Case, cited: Cited) -> list[Block]:
    """Each infusion question by question, then published facts, which are no advice for this patient."""
    blocks: list[Block] = [Heading("Safety", id="safety")]
    if not case.safety["infusions"]:
        return [*blocks, Paragraph(NO_INFUSION)]
    blocks += [infusion_grid(infusion) for infusion in case.safety["infusions"]]
    facts = tuple(cited.marked(f"{f['says']} (checked: {f['checked']})", f["source"]) for f in case.safety["facts"])
    if facts:
        head = "Published facts: what guidelines and studies printed, never a dose or advice for this patient"
        blocks += [Heading(head, 3), Bullets(facts)]
    return blocks


def infusion_grid(infusion: Told) -> Grid:
    product = infusion["agent"] or "CAR-T, product not stated"
    title = f"Toxicity of {product}, infused {day_told(infusion['index_day'])} (line {infusion['line']})"
    rows = tuple(
        (question, answer, because or "nothing to add")
        for part in PARTS
        for question, answer, because in part(infusion)
    )
    return Grid(title, ("question", "answer", "because"), rows)


def events_grid(case: Case) -> Grid:
    """Every event as recorded, with its days and grade."""
    record = case.derived.record
    rows = tuple(
        (row["date_partial"] or said_day(case, row["date"]),
         row["end_date_partial"] or said_day(case, row["end_date"], "no end on record"),
         row["event"].replace("_", " "), None if row["grade"] is None else str(row["grade"]),
         row["detail"] or "no detail")
        for row in record.events.sort("date", "row", nulls_last=True).to_dicts()
    )  # fmt: skip
    notes = () if rows else ("No event is on record; that does not say that none happened.",)
    return Grid("Events as recorded", ("from", "to", "event", "grade", "detail"), rows, right=("grade",), notes=notes)
