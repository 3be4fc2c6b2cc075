"""The packet for another centre: everything it needs to judge afresh, with every date, as reported."""

from __future__ import annotations

from mspike.packet.blocks import Block, Facts, Heading, Packet, PageBreak, Paragraph
from mspike.packet.board import head_of, timeline_blocks
from mspike.packet.case import Case
from mspike.packet.cited import Cited
from mspike.packet.course_blocks import (
    because_blocks,
    lines_grid,
    refractory_grid,
    stage_facts,
)
from mspike.packet.data_blocks import data_blocks
from mspike.packet.first_page import opening
from mspike.packet.lead import lead_of
from mspike.packet.options_blocks import counts_told, table
from mspike.packet.questions import questions_blocks
from mspike.packet.results_blocks import DISEASE, FITNESS, genetics_grid, imaging_blocks, latest, marrow_blocks
from mspike.packet.results_blocks import results_blocks as all_results
from mspike.packet.safety_blocks import events_grid, safety_blocks
from mspike.packet.standing import Told, death_told, person_of, person_words, said_day
from mspike.packet.treatment_blocks import car_t_blocks, lines_blocks, treatments_grid
from mspike.packet.why_blocks import overview
from mspike.report.terminal import day_told


def second_opinion_of(case: Case) -> Packet:
    """What does a new centre need? Person, diagnosis, every line, CAR-T, course, harm, all results, open questions.

    case  of `case_of`; of a patient who died without the part on options
    """
    cited = Cited()
    blocks: list[Block] = [
        Paragraph(lead_of(case), "lead"),
        *opening(case),
        Facts(_person(case)),
        *questions_blocks(case),
    ]
    blocks += [PageBreak(), *_diagnosis(case), Heading("Lines of therapy", id="lines"), lines_grid(case)]
    blocks += [*lines_blocks(case), treatments_grid(case), *_refractoriness(case)]
    blocks += [Heading("CAR-T", id="car-t"), *car_t_blocks(case), *timeline_blocks(case)]
    blocks += [*because_blocks(case, cited), *_mechanisms(case), *_options(case, cited)]
    blocks += [*safety_blocks(case, cited), events_grid(case), *imaging_blocks(case), *marrow_blocks(case)]
    blocks += [Heading("All results", id="results"), *all_results(case), *data_blocks(case)]
    return Packet(
        title=f"Second opinion: {case.patient}", head=head_of(case), blocks=tuple(blocks),
        references=cited.references(), stamp=case.asked.stamp(), synthetic=case.synthetic,
    )  # fmt: skip


def _person(case: Case) -> tuple[tuple[str, str | None], ...]:
    row = person_of(case)
    return (
        ("Patient", person_words(case)),
        ("Diagnosed", _dated(case, row, "diagnosis_date")),
        # Cut at the day asked; the column last_contact_date is not.
        ("Last known alive", None if row["contact_day"] is None else said_day(case, row["contact_day"])),
        ("Death", death_told(case) or "none on record"),
        ("Disease, last values", latest(case, DISEASE)),
        ("Fitness, last values", latest(case, FITNESS)),
    )


def _dated(case: Case, row: Told, column: str) -> str | None:
    if row[f"{column}_partial"]:
        return str(row[f"{column}_partial"])
    return None if row[column] is None else said_day(case, row[column])


def _diagnosis(case: Case) -> list[Block]:
    """Diagnosis with its day, stage at diagnosis and before each infusion, cytogenetics with days and shares."""
    row = person_of(case)
    facts = (("Diagnosed", _dated(case, row, "diagnosis_date")), ("Heavy chain", row["heavy_chain"]),
             ("Light chain", row["light_chain"]))  # fmt: skip
    blocks: list[Block] = [Heading("Diagnosis, stage and cytogenetics", id="diagnosis"), Facts(facts)]
    blocks += [Heading("Stage at diagnosis", 3), Facts(stage_facts(case.history["at_diagnosis"]))]
    for episode in case.history["before"]:
        if episode["infusion"] is not None:
            blocks += [Heading(f"Stage before the infusion on {day_told(episode['infusion'])}", 3),
                       Facts(stage_facts(episode["stage"]))]  # fmt: skip
    return [*blocks, genetics_grid(case)]


def _refractoriness(case: Case) -> list[Block]:
    grids = [refractory_grid(episode) for episode in case.history["before"]]
    return [grid for grid in grids if grid is not None]


def _mechanisms(case: Case) -> list[Block]:
    """The mechanisms in short; the board packet tells the findings."""
    blocks: list[Block] = [Heading("Why it failed, as far as the data can say", id="why")]
    if not case.why["infusions"]:
        return [*blocks, Paragraph("No infusion is recorded by then, so there is no failure of CAR-T to explain.")]
    return [*blocks, *(overview(infusion) for infusion in case.why["infusions"])]


def _options(case: Case, cited: Cited) -> list[Block]:
    """The options that are not closed here, in their order, so that another centre sees what was thought of."""
    if not case.options:
        return []
    told = case.options
    usable = [option for option in told["options"] if option["answer"] != "closed"]
    return [Heading("Options as judged here", id="options"), Paragraph(counts_told(told)), Paragraph(told["order"]),
            table(usable, "Open, and not known", cited)]  # fmt: skip
