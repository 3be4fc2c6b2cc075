"""The second-opinion packet: what another centre needs, as reported, with every date, and the questions left open."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mspike.packet.blocks import Grid, Heading, Packet
from mspike.packet.case import Case
from mspike.packet.second_opinion import second_opinion_of
from packet.board_patients import CASES, SERUM, cells, facts_of, words


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {name: made(tmp_path_factory.mktemp(name)) for name, made in CASES.items()}


@pytest.fixture(scope="module")
def packets(cases: dict[str, Case]) -> dict[str, Packet]:
    return {name: second_opinion_of(case) for name, case in cases.items()}


def grid(packet: Packet, title: str) -> Grid:
    return next(block for block in packet.blocks if isinstance(block, Grid) and block.title == title)


def test_every_result_up_to_the_day_stands_as_reported(packets):
    rows = grid(packets["progressed"], "Results by analyte and date, as reported").rows
    serum = [(row[1], row[2], row[3]) for row in rows if str(row[0]).startswith("Serum M-protein")]
    assert serum == [(day, value, "g/dL") for day, value in SERUM]
    assert not [row for row in rows if str(row[1]) > "2022-11-01"]


def test_each_drug_has_its_days_and_why_it_was_stopped(packets):
    rows = grid(packets["progressed"], "Every drug and procedure, as recorded").rows
    assert ("1", "lenalidomide", "treatment", "2019-02-01", "2020-06-30", "progression", "PR") in rows


def test_the_steps_of_car_t_stand_with_their_days(packets):
    told = facts_of(packets["progressed"])
    assert told["Apheresis"] == "leukapheresis 2022-01-10"
    assert told["Lymphodepletion"] == "fludarabine 2022-02-20 to 2022-02-22"
    assert told["Bridging"] == "none on record"
    assert told["Target"] == "BCMA"


def test_the_end_of_a_step_of_car_t_is_not_told_as_a_therapy_that_was_stopped(packets):
    stopped = [value for name, value in _all_facts(packets["progressed"]) if name.startswith("Why it was stopped")]
    assert stopped == ["progression (2020-06-30)", "progression (2021-11-30)", "not recorded"]


def test_cytogenetics_stand_with_day_and_share(packets):
    assert ("2022-01-08", "t(4;14)", "present", "62") in grid(packets["progressed"], "Cytogenetics as reported").rows


def test_toxicity_stands_with_grade_and_days(packets):
    assert ("2022-02-27", "2022-03-02", "crs", "2", "no detail") in grid(
        packets["progressed"], "Events as recorded"
    ).rows


def test_last_known_alive_is_not_a_day_after_the_one_asked(packets):
    assert facts_of(packets["progressed"])["Last known alive"] == "2022-11-01"


def test_what_was_never_measured_is_named(packets):
    told = words(packets["progressed"])
    missing = next(line for line in told.splitlines() if line.startswith("No row of the record holds"))
    assert "ECOG performance status" in missing
    assert "Creatinine" not in missing
    assert "MRD in the marrow: no row" in missing


def test_the_open_questions_are_those_of_the_tests_and_of_the_options(packets, cases):
    told = words(packets["progressed"])
    tests = cases["progressed"].why["infusions"][0]["tests_that_would_tell"]
    for test in (t for t in tests if t["changes"] != "explains"):
        assert test["title"] in told
    assert "active infection: " in told
    assert "--know" not in told


def test_a_recorded_response_of_a_line_without_values_is_told_as_recorded(packets):
    best = [value for name, value in _all_facts(packets["progressed"]) if name == "Best response"]
    assert best[:2] == ["PR (recorded)", "VGPR (recorded)"]


@pytest.mark.parametrize("name", CASES)
def test_no_cell_is_blank(packets, name):
    assert [cell for cell in cells(packets[name]) if cell is not None and not cell.strip()] == []


@pytest.mark.parametrize("name", CASES)
def test_every_reference_is_named_and_every_number_has_its_reference(packets, name):
    body = words(replace(packets[name], references=()))
    named = {int(number) for number in re.findall(r"\[(\d{1,3})\]", body)}
    assert named == set(range(1, len(packets[name].references) + 1))


def test_a_patient_who_died_has_no_list_of_options(packets):
    assert "Options as judged here" not in [b.words for b in packets["died"].blocks if isinstance(b, Heading)]
    assert facts_of(packets["died"])["Death"] == "died 2023-12-01 (myeloma)"


def test_cells_never_given_back_say_that_the_reason_is_not_recorded(packets):
    assert facts_of(packets["never"])["Not infused"] == "no infusion is on record; why is not recorded"


def _all_facts(packet: Packet) -> list[tuple[str, str | None]]:
    from mspike.packet.blocks import Facts

    return [row for block in packet.blocks if isinstance(block, Facts) for row in block.rows]
