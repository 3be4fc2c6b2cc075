"""history, safety, why and watch from outside: a page for a patient, a table for a registry, JSON, files, errors."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from functional.command_line import called
from mspike.demo import write_demo_registry

VERBS = ("history", "safety", "why", "watch")
PATIENT = "SYNTHETIC-000003"  # responded, then relapsed early
NEVER_INFUSED = "SYNTHETIC-000005"
INTENDED = "no medical device"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    write_demo_registry(folder / "demo", 12)
    return folder / "demo"


@pytest.mark.parametrize("verb", VERBS)
def test_a_patient_gives_a_page_that_names_them_and_the_intended_use(verb, demo, capsys):
    page = called(capsys, verb, demo, PATIENT)
    assert page.code == 0
    assert page.out.startswith(PATIENT)
    assert INTENDED in " ".join(page.out.split())
    assert max(len(line) for line in page.out.splitlines()) <= 100
    assert "None" not in page.out and "True" not in page.out and "False" not in page.out


@pytest.mark.parametrize("verb", VERBS)
def test_a_patient_without_infusion_gives_a_page_too(verb, demo, capsys):
    page = called(capsys, verb, demo, NEVER_INFUSED)
    assert page.code == 0 and NEVER_INFUSED in page.out


@pytest.mark.parametrize("verb", VERBS)
def test_json_of_a_patient_and_of_a_registry_can_be_read(verb, demo, capsys):
    told = json.loads(called(capsys, verb, demo, PATIENT, "--json").out)
    assert told["patient_id"] == PATIENT and told["stamp"]["edition"] == "imwg-2016"
    rows = json.loads(called(capsys, verb, demo, "--json").out)
    assert {"patient_id", "line"} <= set(rows[0])


@pytest.mark.parametrize("verb", VERBS)
def test_a_registry_gives_a_table_and_says_what_it_left_out(verb, demo, capsys):
    short = called(capsys, verb, demo, "--limit", "2")
    assert short.code == 0 and "SYNTHETIC-0000" in short.out and "more" in short.out
    assert " more: `--limit 0`" not in called(capsys, verb, demo, "--limit", "0").out


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("verb", VERBS)
def test_the_whole_table_goes_into_a_file(verb, ending, demo, tmp_path, capsys):
    file = tmp_path / f"table.{ending}"
    assert called(capsys, verb, demo, "--out", file).code == 0
    table = pl.read_csv(file) if ending == "csv" else pl.read_parquet(file)
    assert table.height == len(json.loads(called(capsys, verb, demo, "--json").out))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["DEMO", "SYNTHETIC-00003"], "no such patient"),
        (["DEMO", PATIENT, "--on", "soon"], "expected a date"),
        (["DEMO", "--out", "table.txt"], ".csv or .parquet"),
        (["DEMO", "--bogus"], "No such option"),
        (["nowhere"], "nowhere"),
    ],
)
@pytest.mark.parametrize("verb", VERBS)
def test_a_mistake_gives_one_sentence_and_no_traceback(verb, arguments, says, demo, capsys):
    done = called(capsys, verb, *(demo if a == "DEMO" else a for a in arguments))
    assert done.code in (2, 3)
    assert says in done.err and "Traceback" not in done.err


def test_why_says_first_that_it_failed_and_how_and_orders_tests_by_what_they_change(demo, capsys):
    told = json.loads(called(capsys, "why", demo, PATIENT, "--json").out)
    [infusion] = told["infusions"]
    assert infusion["failure_type"] == "early_relapse"
    changes = [t["changes"] for t in infusion["tests_that_would_tell"]]
    assert changes == sorted(changes, key=["decides", "informs", "explains"].index)
    page = called(capsys, "why", demo, PATIENT).out
    assert page.index("It failed on") < page.index("The tests that would tell") < page.index("What was found")


def test_nothing_later_than_the_day_asked_is_told(demo, capsys):
    whole = json.loads(called(capsys, "why", demo, PATIENT, "--json").out)
    failure = whole["infusions"][0]["mechanisms"][0]["failure_day"]
    before = json.loads(called(capsys, "why", demo, PATIENT, "--on", "2023-01-10", "--json").out)
    assert failure > "2023-01-10"
    assert before["infusions"][0]["mechanisms"][0]["failed"] is False
    days = [f["day"] for m in before["infusions"][0]["mechanisms"] for f in m["findings"] if f["day"] is not None]
    assert days and max(days) <= "2023-01-10"


def test_before_the_infusion_there_is_nothing_to_explain(demo, capsys):
    assert "no infusion is recorded by then" in called(capsys, "why", demo, PATIENT, "--on", "2020-01-01").out


def test_the_calendar_holds_what_is_open_and_keeps_the_identity_of_its_entries(demo, tmp_path, capsys):
    from icalendar import Calendar

    first, second = tmp_path / "1.ics", tmp_path / "2.ics"
    assert called(capsys, "watch", demo, "--ics", first).code == 0
    assert called(capsys, "watch", demo, "--ics", second).code == 0
    assert first.read_bytes() == second.read_bytes()
    entries = list(Calendar.from_ical(first.read_bytes()).walk("VEVENT"))
    open_rows = [r for r in json.loads(called(capsys, "watch", demo, "--json").out) if r["due"]]
    assert len(entries) == len(open_rows) > 0
    # What is overdue stands on the day asked, where somebody looks.
    wanted = {r["on_day"] if r["state"] == "overdue" else r["due"] for r in open_rows}
    assert {str(e["DTSTART"].dt) for e in entries} == wanted


def test_a_patient_whose_schedule_has_ended_has_a_calendar_too(demo, tmp_path, capsys):
    assert called(capsys, "watch", demo, PATIENT, "--ics", tmp_path / "x.ics").code == 0
    refused = called(capsys, "watch", demo, PATIENT, "--ics", tmp_path / "x.txt")
    assert refused.code == 3 and ".ics" in refused.err


def test_progression_that_is_not_confirmed_asks_for_the_repeat(demo, capsys):
    failure = json.loads(called(capsys, "why", demo, PATIENT, "--json").out)["infusions"][0]["mechanisms"][0][
        "failure_day"
    ]
    page = " ".join(called(capsys, "why", demo, PATIENT, "--on", failure).out.split())
    assert "is not confirmed: repeat that test first" in page


def test_a_page_names_the_rows_it_does_not_rest_on(tmp_path, capsys):
    (tmp_path / "patients.csv").write_text("patient_id\nP1\n")
    (tmp_path / "treatments.csv").write_text("patient_id,start_date,agent,role\nP1,2024-01-01,ide-cel,infusion\n")
    (tmp_path / "results.csv").write_text("patient_id,date,analyte,value,unit\nP1,10.06.2024,bcma_expression,1,%\n")
    for verb in VERBS:
        assert "10.06.2024" in called(capsys, verb, tmp_path, "P1").out


def test_a_registry_of_days_is_asked_by_days_and_has_no_calendar_file(tmp_path, capsys):
    (tmp_path / "patients.csv").write_text("patient_id\nP1\n")
    (tmp_path / "treatments.csv").write_text("patient_id,start_date,agent,role\nP1,0,ide-cel,infusion\n")
    (tmp_path / "results.csv").write_text(
        "patient_id,date,analyte,value,unit\nP1,-7,serum_m,3,g/dL\nP1,28,serum_m,1,g/dL\nP1,28,serum_ife,positive,\n"
    )
    assert "overdue" in called(capsys, "watch", tmp_path, "P1", "--on", "90").out
    assert called(capsys, "watch", tmp_path, "P1", "--on", "2024-01-01").code == 3
    refused = called(capsys, "watch", tmp_path, "--ics", tmp_path / "x.ics")
    assert refused.code == 3 and "needs dates" in refused.err
