"""options, evidence and trials as a user calls them: sentences, errors, JSON, marks, and what stands behind them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mspike.cli import main
from mspike.knowledge.evidence import evidence
from mspike.knowledge.therapies.salvage import therapies

HOLLOW, DAGGER = "○", "†"
TABLES = {
    "patients": "patient_id,sex,birth_year,heavy_chain,light_chain,last_contact_date\n"
    "SYNTHETIC-1,female,1958,IgG,kappa,2025-12-20\nSYNTHETIC-2,,,,,\n",
    "treatments": "patient_id,start_date,end_date,agent,role,best_response,stop_reason\n"
    "SYNTHETIC-1,2021-01-10,2021-05-20,VRd,induction,VGPR,completed\n"
    "SYNTHETIC-1,2021-09-01,2023-02-01,lenalidomide,maintenance,,progression\n"
    "SYNTHETIC-1,2023-02-20,2024-01-15,Dara-Pd,treatment,PR,progression\n"
    "SYNTHETIC-1,2024-02-10,2025-03-01,Kd,treatment,PR,progression\n"
    "SYNTHETIC-1,2025-07-02,2025-07-04,fludarabine,lymphodepletion,,\n"
    "SYNTHETIC-1,2025-07-07,2025-07-07,ide-cel,infusion,,\n",
    "results": "patient_id,date,analyte,value,unit\n"
    "SYNTHETIC-1,2025-06-30,serum_m,3.1,g/dL\nSYNTHETIC-1,2025-08-06,serum_m,1.0,g/dL\n"
    "SYNTHETIC-1,2025-09-05,serum_m,0.9,g/dL\nSYNTHETIC-1,2025-11-25,serum_m,1.7,g/dL\n"
    "SYNTHETIC-1,2025-12-10,serum_m,2.0,g/dL\n",
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registry")
    for name, text in TABLES.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def called(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    told = capsys.readouterr()
    return int(left.value.code or 0), told.out, told.err


def asked(capsys, registry: Path, *more: str, patient: str = "SYNTHETIC-1") -> dict:
    code, out, err = called(capsys, "options", registry, patient, "--region", "US", "--json", *more)
    assert code == 0, err
    return json.loads(out)


def answer(told: dict, name: str) -> str:
    return next(o["answer"] for o in told["options"] if o["id"] == name)


def test_every_therapy_has_an_answer_and_every_reason_its_source(capsys, registry):
    told = asked(capsys, registry)
    assert {o["id"] for o in told["options"]} == set(therapies())
    for option in told["options"]:
        for reason in (*option["reasons"], *option["cautions"]):
            assert reason["kind"] == "failure" or (reason["source"] and reason["checked"]), (option["id"], reason)
        for stratum in option["evidence"]:
            for result in stratum["results"]:
                assert result["source"] and result["checked"]
                assert all(o["checked"] for o in result["outcomes"].values())
    assert {r["source"] for o in told["options"] for r in o["reasons"] if r["source"]} <= set(told["references"])


def test_the_order_is_open_unknown_closed(capsys, registry):
    answers = [o["answer"] for o in asked(capsys, registry)["options"]]
    assert answers == sorted(answers, key=["open", "unknown", "closed"].index)
    assert {"open", "unknown", "closed"} == set(answers)


def test_facts_given_with_the_question_decide_and_are_named(capsys, registry):
    assert answer(asked(capsys, registry), "talquetamab") == "unknown"
    told = asked(capsys, registry, "--know", "infection=no", "--know", "gprc5d=positive")
    assert answer(told, "talquetamab") == "open"
    assert told["taken_as_known"] == ["infection=no", "gprc5d=positive"]
    lost = asked(capsys, registry, "--know", "infection=no", "--know", "gprc5d=2 %")
    assert answer(lost, "talquetamab") == "closed"


def test_nothing_recorded_leaves_every_option_unknown(capsys, registry):
    told = asked(capsys, registry, patient="SYNTHETIC-2")
    assert {o["answer"] for o in told["options"]} == {"unknown"}


def test_the_label_is_that_of_the_day(capsys, registry):
    day = ("--know", "bcma=positive", "--know", "infection=no", "--know", "ecog=1")
    before = asked(capsys, registry, *day, "--label-date", "2024-04-03")
    after = asked(capsys, registry, *day, "--label-date", "2024-04-05")
    # Four lines before the fifth: both labels are met for ide-cel, but belantamab came back only in October 2025.
    assert answer(before, "ide_cel") == answer(after, "ide_cel") == "open"
    assert answer(before, "belantamab_bortezomib") == "closed"
    assert answer(asked(capsys, registry, *day, "--label-date", "2025-10-23"), "belantamab_bortezomib") == "open"


def test_what_is_recalled_bears_its_mark_wherever_it_is_shown(capsys, registry, monkeypatch):
    monkeypatch.setattr("mspike.report.terminal.WIDTH", 10_000)  # a result a line
    _, out, _ = called(capsys, "options", registry, "SYNTHETIC-1", "--region", "US", "--full")
    recalled = {e.study for e in evidence().values() if e.memory_only} - _sure()
    lines = [line.strip() for line in out.splitlines()]
    shown = [line for line in lines if line.partition(":")[0] in recalled]
    assert shown and all(line.endswith(DAGGER) for line in shown)
    assert f"{DAGGER} recalled" in out


def _sure() -> set[str]:
    return {e.study for e in evidence().values() if not e.memory_only}


def test_the_page_says_first_what_has_to_be_known_and_how_it_is_ordered(capsys, registry):
    code, out, _ = called(capsys, "options", registry, "SYNTHETIC-1", "--region", "EU")
    assert code == 0
    assert out.index("To be known first:") < out.index("Order:") < out.index(HOLLOW)
    assert "no advice" in out and all(len(line) <= 100 for line in out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["SYNTHETIC-1", "--region", "CH"], "expected one of US, EU"),
        (["SYNTHETIC-1", "--region", "US", "--know", "infection"], "expected name=value"),
        (["SYNTHETIC-1", "--region", "US", "--know", "infection=perhaps"], "expected yes, no or a grade"),
        (["SYNTHETIC-1", "--region", "US", "--know", "infecton=no"], "Close to it: infection"),
        (["SYNTHETIC-1", "--region", "US", "--option", "teclistmab"], "Close to it: teclistamab"),
        (["SYNTHETIC-1", "--region", "US", "--know", "ecog=7"], "--know ecog=7: found 7; expected at most 5"),
        (["SYNTHETIC-1", "--region", "US", "--know", "bcma=lost"], "--know bcma=lost"),
        (["SYNTHETIC-1", "--region", "US", "--label-date", "2024"], "expected a date"),
        (["SYNTHETIC-3", "--region", "US"], "no such patient"),
    ],
)
def test_a_mistake_is_said_in_one_sentence(capsys, registry, arguments, says):
    code, _, err = called(capsys, "options", registry, *arguments)
    assert code == 3 and says in err and "Traceback" not in err


def test_wishes_show_every_term_and_open_nothing(capsys, registry, tmp_path):
    wishes = tmp_path / "wishes.yaml"
    wishes.write_text("response: 5\none_off: 3\n", encoding="utf-8")
    told = asked(capsys, registry, "--preferences", str(wishes))
    placed = told["wishes"]["order"]
    assert {(p["id"], p["answer"]) for p in placed} == {(o["id"], o["answer"]) for o in told["options"]}
    assert all([t["name"] for t in p["terms"]] == ["response", "one_off"] for p in placed)


def test_a_pool_is_told_within_a_second_with_everything_behind_it(capsys):
    called(capsys, "evidence", "pool", "--after", "car-t", "--class", "bispecific")  # the files are read once
    start = time.perf_counter()
    code, out, _ = called(capsys, "evidence", "pool", "--after", "car-t", "--class", "bispecific")
    assert time.perf_counter() - start < 1
    assert code == 0
    # metafor 3.8-1, rma.glmm(measure="PLO") of 26/36, 7/8, 8/15 and 19/36: meta_reference.csv, MT125.
    assert "63.7 % (51.2 to 74.5), 4 studies, 95 patients" in out
    assert all(word in out for word in ("26 / 36", "new study", "I²", "τ²", DAGGER))


def test_the_forest_is_drawn_into_a_file(capsys, tmp_path):
    code, _, _ = called(capsys, "evidence", "pool", "--class", "CELMoD", "--svg", tmp_path / "forest.svg")
    assert code == 0 and (tmp_path / "forest.svg").read_text(encoding="utf-8").startswith("<svg")


def test_no_patient_is_pooled_twice(capsys):
    for cls in sorted({e.cls for e in evidence().values()}):
        code, out, _ = called(capsys, "evidence", "pool", "--class", cls, "--json")
        if code:
            continue
        ids = {s["id"] for s in json.loads(out)["studies"]}
        for one in ids:
            assert not ids & {evidence()[one].subset_of, *evidence()[one].overlaps}


@pytest.mark.parametrize("name", list(evidence()))
def test_every_result_can_be_shown(capsys, name):
    code, out, _ = called(capsys, "evidence", "show", name)
    assert code == 0 and "Source:" in out and (DAGGER in out) >= evidence()[name].memory_only


def test_an_unknown_result_names_close_ones(capsys):
    code, _, err = called(capsys, "evidence", "show", "van-oekelen-2023")
    assert code == 3 and "van-oekelen-2023-first-salvage" in err


def test_trials_are_matched_with_a_reason_each(capsys, registry):
    code, out, _ = called(capsys, "trials", "match", registry, "SYNTHETIC-1", "--json")
    told = json.loads(out)
    assert code == 0 and told["trials"]
    for trial in told["trials"]:
        assert trial["answer"] in ("open", "unknown", "closed") and trial["because"]
        assert all(c["because"] for c in trial["criteria"])


def test_the_trials_are_listed_and_shown(capsys):
    code, out, _ = called(capsys, "trials", "list")
    assert code == 0 and "NCT04557098" in out
    assert called(capsys, "trials", "show", "nct04557098")[0] == 0
    code, _, err = called(capsys, "trials", "show", "NCT0")
    assert code == 3 and "no such trial" in err
