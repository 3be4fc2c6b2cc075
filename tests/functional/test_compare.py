"""`mspike compare`: exactly the patients whose results differ between two runs, and the rules that did it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from functional.command_line import called
from mspike.demo import write_demo_registry
from mspike.report.compare import compare_runs
from mspike.run import assess_registry

PATIENTS = 40
COLUMNS = ("patient_id", "line", "best_response", "pd_date", "failure_type", "measurable_by")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration registry assessed by the criteria of 2016, of 2006, with another marrow rule, and cut."""
    folder = tmp_path_factory.mktemp("runs")
    write_demo_registry(folder / "demo", PATIENTS)
    write_demo_registry(folder / "fewer", PATIENTS - 10)
    assess_registry(folder / "demo", folder / "a")
    assess_registry(folder / "demo", folder / "level", settings={"marrow_pd": "level"}, csv=True)
    assess_registry(folder / "demo", folder / "imwg-2006", edition="imwg-2006")
    assess_registry(folder / "fewer", folder / "cut")
    return folder


def courses(folder: Path) -> pl.DataFrame:
    parquet = folder / "courses.parquet"
    frame = pl.read_parquet(parquet) if parquet.exists() else pl.read_csv(folder / "courses.csv", infer_schema=False)
    lists = [pl.col(c).list.join(";") for c, t in frame.schema.items() if isinstance(t, pl.List)]
    texts = frame.with_columns(lists).select(pl.col(COLUMNS).cast(pl.String))
    return texts.with_columns(pl.when(pl.all() != "").then(pl.all()))


def differing(a: Path, b: Path, column: str) -> set[tuple[str, str]]:
    """The lines whose column differs, found one row at a time."""
    values = [{(p, n): v for p, n, v in courses(f).select("patient_id", "line", column).iter_rows()} for f in (a, b)]
    return {key for key in values[0].keys() & values[1].keys() if values[0][key] != values[1][key]}


@pytest.mark.parametrize("other", ["level", "imwg-2006"])
@pytest.mark.parametrize("column", COLUMNS[2:])
def test_exactly_the_lines_that_changed_are_named(runs, other, column):
    told = compare_runs(runs / "a", runs / other)
    named = {(c["patient_id"], c["line"]) for c in told["changes"] if c["what"] == column}
    assert named == differing(runs / "a", runs / other, column)
    assert told["changed"][column] == len(named)


def test_runs_that_differ_in_one_setting_name_that_setting(runs):
    told = compare_runs(runs / "a", runs / "level")
    assert told["differs"]["settings"] == {"marrow_pd": ["increase", "level"]} and told["differs"]["input"] == {}


def test_the_edition_without_a_minimal_response_turns_each_into_stable_disease(runs):
    told = compare_runs(runs / "a", runs / "imwg-2006")
    assert told["differs"]["stamp"]["edition"] == ["imwg-2016", "imwg-2006"]
    minimal = [c for c in told["changes"] if c["what"] == "best_response"]
    assert minimal and {(c["from"], c["to"]) for c in minimal} == {("MR", "SD")}
    assert all("imwg.mr" in c["rules_a"] and "imwg.sd" in c["rules_b"] for c in minimal)
    cross = {(pair["from"], pair["to"]): pair["lines"] for pair in told["best_response"]}
    assert cross["MR", "SD"] == len(minimal) and sum(cross.values()) == told["lines"]["both"]


def test_a_run_compared_with_itself_has_no_change(runs, capsys):
    done = called(capsys, "compare", runs / "a", runs / "a")
    assert done.code == 0
    assert f"No patient changed, of {PATIENTS} in both runs." in done.out and "Same version" in done.out


def test_a_data_cut_names_the_patients_of_one_run_only_and_compares_the_others(runs, capsys):
    told = compare_runs(runs / "a", runs / "cut")
    assert told["patients"]["both"] == PATIENTS - 10 and len(told["patients"]["only_a"]) == 10
    assert told["patients"]["only_b"] == [] and told["changes"] == []
    assert "results.csv" in told["differs"]["input"]
    assert "10 patients only in A" in called(capsys, "compare", runs / "a", runs / "cut").out


def test_text_json_and_file_tell_the_same_changes(runs, tmp_path, capsys):
    asked = ("compare", runs / "a", runs / "imwg-2006")
    text = called(capsys, *asked, "--out", tmp_path / "changes.csv").out
    assert max(map(len, text.splitlines())) <= 100 and "imwg.mr" in text
    told = json.loads(called(capsys, *asked, "--json").out)
    written = pl.read_csv(tmp_path / "changes.csv", infer_schema=False)
    assert written.select("patient_id", "line", "what").rows() == [
        (c["patient_id"], c["line"], c["what"]) for c in told["changes"]
    ]


def test_a_folder_that_is_no_result_exits_2(runs, tmp_path, capsys):
    done = called(capsys, "compare", runs / "a", tmp_path)
    assert done.code == 2 and "no run.json" in done.err
