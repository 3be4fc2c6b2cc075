"""The board packet: the answer on one page, nothing blank, nothing from after the day asked, references named."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mspike.packet.blocks import Grid, Heading, Packet, PageBreak, Paragraph
from mspike.packet.board import board_of
from mspike.packet.case import Case
from mspike.packet.first_page import WORDS, words_of
from packet.board_patients import CASES, WHO, cells, facts_of, words


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {name: made(tmp_path_factory.mktemp(name)) for name, made in CASES.items()}


@pytest.fixture(scope="module")
def boards(cases: dict[str, Case]) -> dict[str, Packet]:
    return {name: board_of(case) for name, case in cases.items()}


def first_page_of(packet: Packet) -> Packet:
    at = next(place for place, block in enumerate(packet.blocks) if isinstance(block, PageBreak))
    return replace(packet, blocks=packet.blocks[:at])


def lead(packet: Packet) -> str:
    block = packet.blocks[0]
    assert isinstance(block, Paragraph)
    assert block.kind == "lead"
    return block.words


@pytest.mark.parametrize("name", CASES)
def test_the_first_page_keeps_to_its_words(boards, name):
    assert words_of(list(first_page_of(boards[name]).blocks)) <= WORDS


@pytest.mark.parametrize("name", ["progressed", "in_days"])
def test_the_first_page_fits_one_page_of_a4(boards, name):
    weasyprint = pytest.importorskip("weasyprint")
    from mspike.packet.pages import page_of

    first = first_page_of(boards[name])
    cut = replace(first, blocks=(*first.blocks, PageBreak(), Heading("What follows", id="follows")))
    pages = weasyprint.HTML(string=page_of(cut, paper=True)).render().pages
    assert [number for number, page in enumerate(pages, 1) if "follows" in page.anchors] == [2]


def test_the_first_sentence_says_when_after_what_and_how_it_progressed(boards):
    told = lead(boards["progressed"])
    assert told.startswith("Progressed 199 days after ide-cel (infused 2022-02-25, progression 2022-09-12)")
    assert "by serum M-protein" in told
    assert "2022-10-10" in told  # the visit that confirmed it


def test_the_first_page_shows_the_values_that_were_progression(boards):
    assert "serum M 1.1 g/dL (nadir 0.3 on 2022-04-25)" in str(facts_of(boards["progressed"])["Failure"])


def test_before_progression_no_failure_is_told(boards):
    told = words(boards["held"])
    assert "Progressed" not in told
    assert "no failure on record so far" in lead(boards["held"])
    assert "Why: supported" not in facts_of(boards["held"])


def test_a_tested_target_stands_on_the_first_page_with_its_day(boards):
    first = words(first_page_of(boards["progressed"]))
    assert re.search(r"BCMA 71 % on the plasma cells \(2022-10-12\)", first)


def test_nothing_from_after_the_day_asked_is_shown(boards):
    for name in ("progressed", "held"):
        assert "7.7 mg/dL" not in words(boards[name])
        assert "2023-12-01" not in words(boards[name])


def test_what_is_not_on_record_is_named_where_fitness_is_told(boards):
    fitness = str(facts_of(boards["progressed"])["Fitness, last values"])
    assert "2022-10-10: haemoglobin 9.8 g/dL, creatinine 1.3 mg/dL" in fitness
    assert "not on record: ECOG" in fitness


@pytest.mark.parametrize("name", CASES)
def test_no_cell_is_blank(boards, name):
    assert [cell for cell in cells(boards[name]) if cell is not None and not cell.strip()] == []


@pytest.mark.parametrize("name", CASES)
def test_no_word_of_the_program_is_printed_for_what_is_not_known(boards, name):
    assert re.search(r"\b(null|nan|True|False)\b|[:|] None\b", words(boards[name])) is None


@pytest.mark.parametrize("name", CASES)
def test_every_reference_is_named_in_the_text_and_every_number_has_its_reference(boards, name):
    packet = boards[name]
    body = words(replace(packet, references=()))
    named = {int(number) for number in re.findall(r"\[(\d{1,3})\]", body)}
    assert named == set(range(1, len(packet.references) + 1))


def test_the_options_stand_in_the_order_of_the_answer(boards, cases):
    full = next(b for b in boards["progressed"].blocks if isinstance(b, Grid) and b.title == "All options")
    told = [option["name"].split(" (")[0] for option in cases["progressed"].options["options"]]
    assert [str(row[0]).split(" ", 1)[1] for row in full.rows] == told
    assert "it is no advice" in words(first_page_of(boards["progressed"]))


def test_the_first_page_counts_the_closed_options(boards, cases):
    closed = cases["progressed"].options["counts"]["closed"]
    assert f"{closed} closed, by the labels of the US on 2022-11-01" in words(first_page_of(boards["progressed"]))


def test_a_patient_who_died_is_told_so_and_no_option_is_listed(boards):
    packet = boards["died"]
    assert "The patient died 2023-12-01 (myeloma)." in lead(packet)
    assert "nobody plans for a patient who has died" in words(packet)
    assert not [b for b in packet.blocks if isinstance(b, Grid) and "ption" in b.title]


def test_cells_that_were_not_given_back_are_not_called_an_infusion_nor_lost_for_good(boards):
    told = lead(boards["never"])
    assert told.startswith("Cells were collected (2022-01-10); no CAR-T infusion is on record by then.")
    assert "never" not in told
    assert "there is no failure of CAR-T to explain" in words(boards["never"])


def test_a_patient_with_nothing_but_an_id_gets_a_page_that_says_so(boards):
    assert lead(boards["bare"]) == "No line of therapy is on record, so nothing can be judged."
    assert "Progressed" not in words(boards["bare"])


def test_a_registry_of_days_tells_days_and_no_age(boards):
    told = lead(boards["in_days"])
    assert "infused day 0, progression day 277" in told
    assert "category as assigned" in told
    assert "years old" not in str(facts_of(boards["in_days"])["Patient"])


def test_the_packet_says_whose_it_is_and_that_the_patient_is_invented(boards):
    packet = boards["progressed"]
    assert packet.synthetic
    assert packet.head.startswith(f"{WHO} · as of 2022-11-01 · mspike ")
