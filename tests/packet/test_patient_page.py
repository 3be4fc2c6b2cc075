"""The patient's own page: it tells what is recorded, explains, never ranks, and asks for eight years of school."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import textstat
from plain_patients import (
    BEFORE,
    PATIENTS,
    WHO,
    asked,
    early,
    sections,
    text_of,
)

from mspike.errors import WrongUsage
from mspike.knowledge.support import kinds, organisations
from mspike.packet.patient_page import patient_page_of

ORDER = [
    "happened", "failure", "why", "watch", "treatments", "report", "questions", "second-opinion", "help", "palliative",
    "organisations",
]  # fmt: skip
GRADE = 8
LONGEST = 1_500  # words; four sides of A4 at 12 pt


class _Syllables(dict):  # type: ignore[type-arg]
    """Stands in for the CMU dictionary, which textstat would fetch from the network.

    Counts groups of vowels: on this page half a grade more than the dictionary does (measured), never less in whole.
    """

    def __missing__(self, word: str) -> list[list[str]]:
        count = len(re.findall(r"[aeiouy]+", word))
        silent = (word.endswith("e") and not word.endswith("le")) or (word.endswith("ed") and word[-3:-2] not in "td")
        return [["A1"] * max(count - (silent and count > 1), 1)]


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setattr("textstat.backend.counts._count_syllables.get_cmudict", lambda language: _Syllables())


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a patient by name, made once."""
    return cache(lambda name: patient_page_of(PATIENTS[name](tmp_path_factory.mktemp(name))))


def measured(told: list[str]) -> str:
    """The text as it is measured: drug names count as they are, the name and address of an organisation as one word."""
    text = "\n".join(told)
    for one in organisations():
        text = text.replace(one.name, "Name").replace(one.name.split(" (")[0], "Name").replace(one.web, "Name.")
    return text


def grade_of(told: list[str]) -> float:
    """The years of school that the text asks for."""
    return float(textstat.flesch_kincaid_grade(measured(told)))


@pytest.mark.parametrize("name", PATIENTS)
def test_every_section_and_the_whole_page_ask_for_eight_years_of_school_at_most(name, page):
    parts = sections(page(name))
    grades = {anchor: grade_of(words) for anchor, words in parts.items()}
    assert {anchor: grade for anchor, grade in grades.items() if grade > GRADE} == {}
    whole = [words for part in parts.values() for words in part]
    assert grade_of(whole) <= GRADE
    assert textstat.smog_index(measured(whole)) <= GRADE


def test_the_measure_tells_hard_words_from_plain_ones():
    hard = ["Antigen escape through biallelic inactivation necessitates consideration of alternative immunotherapies."]
    assert grade_of(hard) > GRADE > grade_of(["The cells lost the mark. Ask your team what comes next."])


@pytest.mark.parametrize("name", PATIENTS)
def test_the_page_has_its_parts_in_order_and_none_is_empty(name, page):
    packet = page(name)
    parts = sections(packet)
    assert list(parts) == ["opening", *ORDER]
    assert packet.plain and packet.synthetic
    assert len(text_of(packet).split()) <= LONGEST
    assert not re.search(r"None|null|nan\b|\{|\}|_[a-z]|\bNE\b|\bPD\b|VGPR", text_of(packet))


@pytest.mark.parametrize("name", PATIENTS)
def test_nothing_is_ranked_promised_or_told_as_a_share(name, page):
    text = text_of(page(name))
    assert not re.search(
        r"%|percent|\bbest\b|first choice|prefer|cure|guarantee|will work for you,? for sure|eligible|miracle|"
        r"\bopen\b|\bclosed\b|survival|median|\bin [0-9]+ of\b|mg\b|recommend",
        text,
        re.IGNORECASE,
    )
    assert "does not say what is better" in text
    assert "“" not in text.replace("“failure”", "")  # no invented quotation


def test_kinds_of_treatment_stand_in_the_order_of_the_alphabet_for_everybody(page):
    told = sections(page("early"))["treatments"]
    titles = [words.split(":")[0] for words in told if ":" in words]
    assert titles == sorted(titles) and len(titles) == len(kinds()) - 1  # CAR T cells stand there once


def test_an_early_relapse_is_told_with_its_day_and_how_long_after(page):
    told = " ".join(sections(page("early"))["happened"])
    assert "On 5 November 2022, you were given cilta-cel (Carvykti)." in told
    assert "nearly all of the myeloma protein went away" in told
    assert "On 20 March 2023, tests showed that the myeloma was growing again, about 4 months after" in told
    assert "The record does not say where it showed." in told
    assert "you had 2 treatment plans" in told


def test_what_came_after_a_late_relapse_is_told(page):
    told = " ".join(sections(page("late"))["happened"])
    assert "about 18 months after" in told
    assert "From 1 July 2024, you had talquetamab. How it went is not in this record." in told


def test_a_day_registry_has_days_and_no_dates(page):
    packet = page("in_days")
    told = " ".join(sections(packet)["happened"])
    assert "On day 277 after your infusion, tests showed" in told
    assert "day 385 after your infusion" in packet.head
    assert not re.search(r"\b(19|20)\d\d\b", told)


def test_nobody_is_told_of_a_failure_that_is_not_there(page):
    parts = sections(page("holding"))
    assert "no sign that the cells have failed" in " ".join(parts["happened"])
    assert parts["why"] == ["Your record does not say that the cells have failed, so there is no cause to look for."]
    assert "Your record does not say that of you." in " ".join(parts["failure"])


def test_one_odd_test_is_told_as_not_sure(page):
    parts = sections(page("doubtful"))
    told = " ".join(parts["happened"])
    assert "On 20 June 2023, a test looked like growth" in told and "One test is not enough." in told
    assert "was growing again" not in told and "have failed" not in told
    assert parts["questions"][0] == "When will the test be done again?"


def test_cells_that_were_not_given_back_have_not_failed(page):
    parts = sections(page("kept_back"))
    text = " ".join(words for part in parts.values() for words in part)
    assert "They were not given back to you." in " ".join(parts["happened"])
    assert "did not hold the disease" not in text and "you were given" not in text
    assert "CAR T cells again" not in text and "shaky hands" not in text


def test_what_was_not_tested_is_said_so_and_the_marker_is_asked_about(page):
    parts = sections(page("early"))
    open_ = next(words for words in parts["why"] if words.startswith("These were not tested"))
    assert "myeloma cells that lost the marker (BCMA)" in open_
    assert "no test can name one sure cause" in " ".join(parts["why"])
    assert "(BCMA) before we choose?" in parts["questions"][0]


@pytest.mark.parametrize(
    ("product", "marker", "late_signs", "walk"),
    [
        ("cilta-cel", "BCMA", True, False),
        ("axi-cel", "CD19", False, False),
        ("arlo-cel", "GPRC5D", False, True),
        ("CAR-T", None, True, True),  # not known which: everything is told
    ],
)
def test_signs_and_marker_are_those_of_the_cells_given(product, marker, late_signs, walk, tmp_path):
    cells = [("2022-11-05", "2022-11-05", product, "infusion", 3)]
    told = [("2022-12-05", "PR", "yes"), ("2023-01-05", "PR", "yes"), ("2023-03-20", "PD", "yes")]
    text = text_of(patient_page_of(asked(tmp_path, treatments=[*BEFORE, *cells], responses=told)))
    assert ("shaky hands" in text, "unsteady walking" in text) == (late_signs, walk)
    assert {name for name in ("BCMA", "CD19", "GPRC5D") if f"({name})" in text} == ({marker} if marker else set())


@pytest.mark.parametrize("change", ["death_day", "death_cause", "died_undated"])
def test_no_page_is_written_to_a_patient_who_died(change, tmp_path):
    case = early(tmp_path)
    value = {"death_day": pl.lit(19_800), "death_cause": pl.lit("myeloma"), "died_undated": pl.lit(True)}[change]
    patients = case.derived.record.patients
    dead = patients.with_columns(value.cast(patients.schema[change]).alias(change))
    gone = replace(case, derived=replace(case.derived, record=replace(case.derived.record, patients=dead)))
    with pytest.raises(WrongUsage, match=rf"{WHO}.*living patient.*earlier day"):
        patient_page_of(gone)


def test_a_page_before_the_cells_were_collected_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(WrongUsage, match=r"no CAR T-cell therapy is on record.*--on"):
        patient_page_of(early(tmp_path, on="2022-01-01"))


def test_organisations_are_those_of_the_region_with_how_they_were_checked(tmp_path):
    home, away = tmp_path / "us", tmp_path / "eu"
    home.mkdir(), away.mkdir()
    us = " ".join(sections(patient_page_of(early(home)))["organisations"])
    eu = " ".join(sections(patient_page_of(early(away, region="EU")))["organisations"])
    assert "cancer.org" in us and "macmillan.org.uk" not in us and "macmillan.org.uk" in eu
    assert "written from memory" in us and "List of " in eu
    assert not re.search(r"\d{3}[ -]\d{3}", us + eu)  # no telephone number: none was checked


def test_sources_that_were_never_read_are_not_listed_as_references(page):
    packet = page("early")
    assert packet.references
    assert not any(
        "labels of agents" in reference or "Common knowledge" in reference for reference in packet.references
    )


def test_a_folder_is_left_as_it_was(tmp_path: Path):
    case = early(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    patient_page_of(case)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
