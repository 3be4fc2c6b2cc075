"""A study in its folder: what is written, what is replaced, and what is never touched (SYNTHETIC patients)."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import mspike.report.study_files as files
from mspike.errors import WrongUsage
from mspike.report.study_figures import kinds_asked
from mspike.report.study_files import refuse_place, without_formulas, write_study
from mspike.study.parts import Section, StudyTable
from study_example import FORMULA, study

SMALL = ("tables/people.csv",)


def small(name: str = "people", n: int = 3):
    """One table, no figure."""
    table = StudyTable(name, "Who", pl.DataFrame({"n": [n]}))
    return replace(study(), sections=(Section("people", "Who", ("3 patients.",), (table,)),))


def held(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_page_tables_figures_and_what_they_rest_on(tmp_path: Path):
    seen: list[tuple[str, int, int]] = []
    out = tmp_path / "new" / "study"
    told = write_study(
        study(), out, ["svg,png", "pdf"], plan={"origin": "infusion"}, progress=lambda *at: seen.append(at)
    )
    assert held(out) == set(told["files"])
    assert told["figures"] == ["figures/pfs.pdf", "figures/pfs.png", "figures/pfs.svg"]
    assert len(told["tables"]) == 5 and "tables/pfs_at_ticks.csv" in told["tables"]
    assert seen == [("pfs", 1, 1)]
    kept = json.loads((out / "study.json").read_text(encoding="utf-8"))
    assert kept["plan"] == {"origin": "infusion"} and kept["complete"] is True
    assert kept["stamp"]["registry"].startswith("/home/someone")
    assert kept["sections"][1]["refused"] and kept["sections"][1]["figures"] == ["pfs"]
    assert (out / "figures/pfs.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "figures/pfs.pdf").read_bytes().startswith(b"%PDF")
    assert (out / "figures/pfs.svg").read_text(encoding="utf-8").startswith("<svg")
    assert sorted(path.name for path in out.parent.iterdir()) == ["study"]


def test_a_csv_holds_every_row_and_runs_nothing(tmp_path: Path):
    write_study(study(), tmp_path / "s", [])
    assert pl.read_csv(tmp_path / "s/tables/long.csv").height == 400
    people = pl.read_csv(tmp_path / "s/tables/characteristics.csv")
    assert people["level"].to_list() == ["female", "'" + FORMULA, "-3.5", "'+1 more", "'@cmd", None]
    assert people["n"].to_list() == [5, -6, 1, 7, 2, None]


def test_formulas_are_seen_in_heads_categories_lists_and_behind_blanks():
    frame = pl.DataFrame(
        {"=x": ["a"], "kind": pl.Series(["-SUM(A1)"], dtype=pl.Categorical), "list": [["=a", "b"]], "blank": ["  =1+1"],
         "percent": ["-3.5 %"], "less": ["<5"], "interval": ["−1.2 to 3"], "share": [-0.5]}
    )  # fmt: skip
    assert without_formulas(frame).row(0, named=True) == {
        "'=x": "a", "kind": "'-SUM(A1)", "list": "'=a;b", "blank": "'  =1+1", "percent": "-3.5 %", "less": "<5",
        "interval": "−1.2 to 3", "share": -0.5,
    }  # fmt: skip


def test_an_earlier_study_is_replaced_as_a_whole(tmp_path: Path):
    out = tmp_path / "s"
    write_study(study(), out, ["png"])
    told = write_study(small(), out)
    assert held(out) == set(told["files"]) == {"study.html", "study.json", *SMALL}


def test_files_of_others_are_kept_and_what_is_no_longer_made_goes(tmp_path: Path):
    out = tmp_path / "s"
    (out / "tables").mkdir(parents=True)
    (out / "tables/mine.csv").write_text("mine")
    (out / "empty").mkdir()
    write_study(small("first"), out)
    write_study(small("second"), out)
    assert held(out) == {"study.html", "study.json", "tables/second.csv", "tables/mine.csv"}
    assert (out / "tables/mine.csv").read_text() == "mine" and (out / "empty").is_dir()


def test_an_empty_folder_that_somebody_made_is_kept(tmp_path: Path):
    (tmp_path / "s/later").mkdir(parents=True)
    write_study(small(), tmp_path / "s")
    assert (tmp_path / "s/later").is_dir() and (tmp_path / "s/study.html").exists()


def test_a_file_of_somebody_else_with_our_name_is_not_overwritten(tmp_path: Path):
    out = tmp_path / "s"
    (out / "tables").mkdir(parents=True)
    (out / "tables/people.csv").write_text("mine")
    with pytest.raises(WrongUsage, match=r"holds tables/people\.csv.*Nothing was overwritten"):
        write_study(small(), out)
    assert held(out) == {"tables/people.csv"}
    assert (out / "tables/people.csv").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"stamp": {"other": 1}, "files": ["notes.txt"]}'])
def test_a_study_json_of_another_program_vouches_for_nothing(tmp_path: Path, text: str):
    out = tmp_path / "s"
    out.mkdir()
    (out / "study.json").write_text(text)
    with pytest.raises(WrongUsage, match=r"holds study\.json"):
        refuse_place(tmp_path / "registry", out)
    with pytest.raises(WrongUsage, match=r"holds study\.json"):
        write_study(small(), out)
    assert (out / "study.json").read_text() == text


def test_a_list_of_files_that_was_tampered_with_removes_nothing_else(tmp_path: Path):
    out, victim = tmp_path / "s", tmp_path / "victim.csv"
    write_study(small("first"), out)
    victim.write_text("keep")
    (out / "notes.txt").write_text("keep")
    told = json.loads((out / "study.json").read_text(encoding="utf-8"))
    told["files"] += ["../victim.csv", "tables/../../victim.csv", "notes.txt", str(victim), 7]
    (out / "study.json").write_text(json.dumps(told))
    write_study(small("second"), out)
    assert victim.read_text() == "keep" and (out / "notes.txt").read_text() == "keep"
    assert not (out / "tables/first.csv").exists()


def test_the_registry_and_files_are_no_place_for_a_study(tmp_path: Path):
    with pytest.raises(WrongUsage, match="is the registry itself"):
        refuse_place(tmp_path, tmp_path / "." / "")
    (tmp_path / "file").write_text("x")
    with pytest.raises(WrongUsage, match="is a file"):
        refuse_place(tmp_path / "registry", tmp_path / "file")
    refuse_place(tmp_path / "registry", tmp_path / "new")


def test_a_run_that_fails_leaves_the_study_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "s"
    write_study(small(n=1), out)
    (out / "mine.txt").write_text("mine")

    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files, "_write_csv", fails)
    with pytest.raises(OSError, match="disk full"):
        write_study(small(n=2), out)
    assert pl.read_csv(out / "tables/people.csv")["n"].to_list() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_run_killed_among_other_files_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Between the first and the last move the folder vouches for nothing, and the next run still knows what is ours."""
    out = tmp_path / "s"
    write_study(small("first"), out)
    (out / "mine.txt").write_text("mine")
    real, moved = os.replace, []

    def killed(source: Path, target: Path) -> None:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(target)
        real(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_study(small("second"), out)
    assert json.loads((out / "study.json").read_text(encoding="utf-8"))["complete"] is False
    monkeypatch.setattr(os, "replace", real)
    write_study(small("third"), out)
    assert held(out) == {"study.html", "study.json", "tables/third.csv", "mine.txt"}


def test_what_a_killed_run_left_beside_the_folder_is_cleared_and_the_results_in_it_come_back(tmp_path: Path):
    dead = 2**22 + 1  # above the largest process id of Linux
    room = tmp_path / f".mspike-s-{dead}-abc"
    (room / "old").mkdir(parents=True)
    (room / "old/mine.txt").write_text("mine")
    write_study(small(), tmp_path / "s")
    assert not room.exists()
    assert held(tmp_path / "s") == {"mine.txt", "study.html", "study.json", *SMALL}


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path):
    (tmp_path / "far/real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far/real")
    write_study(small(), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "far/real/study.html").exists()


def test_kinds_of_figures_are_asked_for_by_name():
    assert kinds_asked(["svg, PNG", "svg"]) == ("svg", "png")
    assert kinds_asked("pdf") == ("pdf",)
    with pytest.raises(WrongUsage, match="--figures gif: expected some of svg, png, pdf"):
        kinds_asked(["gif"])


@pytest.mark.parametrize("name", ["two words", "../up", "Upper", "ide-cel", ""])
def test_a_name_that_is_no_plain_name_of_a_file_is_a_defect(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="double or not plain"):
        write_study(small(name), tmp_path / "s")


def test_two_tables_of_one_name_are_a_defect(tmp_path: Path):
    part = small().sections[0]
    with pytest.raises(ValueError, match="double or not plain: people"):
        write_study(replace(small(), sections=(part, part)), tmp_path / "s")
