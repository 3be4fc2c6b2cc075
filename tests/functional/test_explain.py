"""`mspike explain`: every judged visit names its rule, the values with their dates, the thresholds and the source."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from functional.command_line import called
from mspike.demo import write_demo_registry
from mspike.report.because import ENDPOINT, FAILURE, PARAMETER
from mspike.report.explain import explain_patient
from mspike.run import assess_registry

RESULTS = """patient_id,date,analyte,value,unit
P1,2024-01-02,serum_m,3.0,g/dL
P1,2024-02-10,serum_m,0.9,g/dL
P1,2024-03-10,serum_m,0.8,g/dL
P1,2024-04-10,serum_m,1.2,g/dL
P1,2024-05-10,serum_m,1.3,g/dL
P1,2024-06-10,serum_m,1.4,g/dL
P2,2024-01-02,serum_m,9.9,g/dL
"""


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """One patient who responds (nadir 0.8 on 2024-03-10) and progresses on 2024-05-10; another one beside."""
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "patients.csv").write_text("patient_id,heavy_chain,light_chain\nP1,IgG,kappa\nP2,IgG,kappa\n")
    infusions = "P1,2024-01-10,ide-cel,infusion\nP2,2024-01-10,ide-cel,infusion\n"
    (folder / "treatments.csv").write_text("patient_id,start_date,agent,role\n" + infusions)
    (folder / "results.csv").write_text(RESULTS)
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo_registry(folder, 31)  # one patient of each archetype
    return folder


def test_a_progression_names_its_rule_its_nadir_with_its_date_thresholds_and_source(registry, capsys):
    text = " ".join(called(capsys, "explain", registry, "P1", "--on", "2024-05-10").out.split())
    assert "imwg.pd.serum_m Serum M-protein is at least a quarter and 0.5 g/dL above its nadir" in text
    assert "serum M 1.3 g/dL on 2024-05-10 (nadir 0.8 on 2024-03-10)" in text
    assert "rise >= 0.5 g/dL" in text
    assert "kumar-2016, row Progressive disease (checked: secondary-table; edition imwg-2016)" in text
    assert "confirmed by the next assessment, 2024-06-10" in text


def test_a_response_is_compared_with_its_dated_baseline(registry):
    line = explain_patient(registry, "P1", on="2024-02-10")["lines"][0]
    (visit,) = line["visits"]
    value = visit["because"][0]["inputs"][0]
    assert visit["because"][0]["rule"] == "imwg.pr"
    assert (value["value"], value["other_value"], value["other_date"]) == ("0.9", "3", "2024-01-02")


def test_the_course_is_told_first_in_one_sentence(registry, capsys):
    text = " ".join(called(capsys, "explain", registry, "P1").out.split())
    assert (
        "Best response PR (2024-02-10); progressed 2024-05-10, 121 days after the infusion, by serum M-protein." in text
    )
    assert "Failure: early_relapse on 2024-05-10" in text and "progression-free survival" in text
    assert "Settings: all as by default." in text and "no medical device" in text


def test_the_last_visit_before_a_date_is_taken_and_said(registry, capsys):
    text = called(capsys, "explain", registry, "P1", "--on", "2024-05-20").out
    assert "No visit on 2024-05-20; the last before it:" in text and "2024-05-10  day 121" in text
    by_day = called(capsys, "explain", registry, "P1", "--on", "121").out
    assert "No visit" not in by_day and "2024-05-10  day 121" in by_day


def test_changed_settings_are_shown(registry, capsys):
    done = called(capsys, "explain", registry, "P1", "--set", "nadir=lowest_confirmed", "--edition", "imwg-2006")
    assert "Settings: nadir=lowest_confirmed, marrow_pd=level, hypercalcaemia_pd=true." in " ".join(done.out.split())
    assert "edition imwg-2006" in " ".join(done.out.split())


def test_only_the_rows_of_the_patient_are_read(registry):
    told = json.dumps(explain_patient(registry, "P1"))
    assert "P2" not in told and "9.9" not in told


def test_an_unknown_patient_is_told_how_many_there_are_and_who_is_close(registry, capsys):
    done = called(capsys, "explain", registry, "P")
    assert done.code == 3 and "no such patient among the 2" in done.err and "P1" in done.err


def test_explain_and_assess_agree_about_every_visit_of_every_patient(demo, tmp_path):
    assess_registry(demo, tmp_path / "out")
    assessments = pl.read_parquet(tmp_path / "out" / "assessments.parquet")
    reasons = pl.read_parquet(tmp_path / "out" / "reasons.parquet")
    for patient in assessments["patient_id"].unique().sort():
        told = explain_patient(demo, patient)
        visits = [(line["line"], visit) for line in told["lines"] for visit in line["visits"]]
        mine = assessments.filter(pl.col("patient_id") == patient)
        judged = [
            (number, v["date"], v["response_raw"], v["response_confirmed"], v["could_be"]) for number, v in visits
        ]
        columns = ("line", "date", "response_raw", "response_confirmed", "could_be")
        assert judged == mine.select(columns).cast({"date": pl.String}).rows()
        fired = [(number, v["date"], b["rule"]) for number, v in visits for b in v["because"]]
        expected = reasons.filter(pl.col("patient_id") == patient).select("line", "date", "rule")
        assert sorted(fired) == sorted(expected.cast({"date": pl.String}).rows())


def test_every_kind_of_patient_can_be_read_at_100_columns_and_as_json(demo, capsys):
    for number in range(1, 32):
        patient = f"SYNTHETIC-{number:06d}"
        done = called(capsys, "explain", demo, patient)
        assert done.code == 0 and max(map(len, done.out.splitlines())) <= 100
        assert json.loads(called(capsys, "explain", demo, patient, "--json").out)["patient_id"] == patient


def test_every_word_of_the_result_tables_can_be_said(demo, tmp_path):
    assess_registry(demo, tmp_path / "out")
    courses = pl.read_parquet(tmp_path / "out" / "courses.parquet")
    assert set(courses["failure_type"]) <= set(FAILURE)
    assert set(courses["measurable_by"].explode().drop_nulls()) <= set(PARAMETER)
    assert set(courses["pd_limbs"].explode().drop_nulls()) <= set(PARAMETER)
    assert set(pl.read_parquet(tmp_path / "out" / "endpoints.parquet")["endpoint"]) <= set(ENDPOINT)
