"""Packets as files: what is written, what is replaced, what is never touched, and the verb (SYNTHETIC patients)."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
from command_line import called

import mspike.packet.case as cases
import mspike.packet.files as files
import mspike.packet.kinds as kinds
from mspike import INTENDED_USE
from mspike.errors import WrongUsage
from mspike.packet.blocks import Packet
from mspike.packet.files import KINDS, is_ours, packet_told, refuse_file, write_packet
from packet_example import packet, small

BEGINS = {".html": b"<!DOCTYPE html>", ".pdf": b"%PDF-1.7", ".docx": b"PK"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_written_known_as_ours_and_replaced(tmp_path: Path, kind: str):
    out = tmp_path / f"packet{kind}"
    write_packet(small(), out)
    first = out.read_bytes()
    assert first.startswith(BEGINS[kind]) and is_ours(out)
    write_packet(small(title="SYNTHETIC another"), out)
    assert out.read_bytes() != first
    write_packet(small(), out)
    assert out.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("kind", [*KINDS, ".HTML"])
@pytest.mark.parametrize("content", [b"", b"mine", b"PK\x03\x04 damaged", b"%PDF-1.7\n%%EOF\n"])
def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path, kind: str, content: bytes):
    out = tmp_path / f"packet{kind}"
    out.write_bytes(content)
    with pytest.raises(WrongUsage, match=r"did not write, or that was changed since\. Nothing was overwritten"):
        write_packet(small(), out)
    assert out.read_bytes() == content


def test_the_page_of_a_study_is_not_a_packet(tmp_path: Path):
    out = tmp_path / "study.html"
    out.write_text('<meta name="generator" content="mspike 0.1.0">')
    assert not is_ours(out)


def test_a_word_document_that_a_person_saved_again_is_theirs(tmp_path: Path):
    from docx import Document

    out = tmp_path / "packet.docx"
    write_packet(small(), out)
    document = Document(str(out))
    document.add_paragraph("What I wrote into it.")
    document.core_properties.last_modified_by = "Dr. A"
    document.save(str(out))
    with pytest.raises(WrongUsage, match="changed since"):
        write_packet(small(), out)
    assert "What I wrote into it." in Document(str(out)).paragraphs[-1].text


def test_a_pdf_that_another_program_wrote_on_is_theirs(tmp_path: Path):
    out = tmp_path / "packet.pdf"
    write_packet(small(), out)
    with out.open("ab") as opened:
        opened.write(b"9 0 obj\n<</Type /Annot>>\nendobj\n%%EOF\n")
    assert not is_ours(out)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("packet.txt", r"the name ends in '\.txt'; expected one of \.html, \.pdf, \.docx"),
        ("packet", r"has no ending; expected one of"),
        ("nowhere/packet.html", r"there is no folder .*nowhere\. Make it"),
        ("folder.html", r"is a folder\. Name a file in it"),
    ],
)
def test_where_nothing_can_be_written_it_says_so_before_any_work(tmp_path: Path, name: str, says: str):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(WrongUsage, match=says):
        refuse_file(tmp_path / name)
    with pytest.raises(WrongUsage, match=says):
        write_packet(small(), tmp_path / name)


@pytest.mark.parametrize("moment", ["_write_down", "replace"])
def test_a_full_disk_leaves_the_earlier_packet_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
):
    out = tmp_path / "packet.html"
    write_packet(small(), out)
    before = out.read_bytes()

    def full(file: Path, *_):
        if moment == "_write_down":
            file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files if moment == "_write_down" else os, moment, full)
    with pytest.raises(WrongUsage, match=r"No space left on device\. What stood there before still stands"):
        write_packet(small(title="SYNTHETIC new"), out)
    assert out.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["packet.html"]


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    link = tmp_path / "packet.html"
    write_packet(small(), tmp_path / "kept/real.html")
    link.symlink_to(tmp_path / "kept/real.html")
    write_packet(small(title="SYNTHETIC new"), link)
    assert link.is_symlink() and "SYNTHETIC new" in (tmp_path / "kept/real.html").read_text()


def test_the_blocks_as_data_hold_what_is_unknown_as_null_and_no_chart():
    told = json.loads(json.dumps(packet_told(packet())))
    by = {}
    for block in told["blocks"]:
        by.setdefault(block["block"], block)
    assert set(by) == {"paragraph", "heading", "facts", "bullets", "grid", "page_break", "drawing"}
    assert by["facts"]["rows"][1] == ["Age", None] and by["grid"]["rows"][1] == ["2", None, ""]
    assert "chart" not in by["drawing"] and by["drawing"]["twin"]["rows"] == [["0", "2.1"], ["30", None]]
    assert told["intended_use"] == INTENDED_USE and told["stamp"]["registry"] == "exa<mple"
    assert "\u202e" not in json.dumps(told, ensure_ascii=False)


# The verb, with a case and a builder put in their places: neither is what is asked here.


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What the verb asked of the rooms below."""
    heard: list[tuple] = []

    def case_of(*given, **more):
        heard.append((given, more))
        return "case"

    def packet_of(case, reader) -> Packet:
        heard.append((case, reader))
        return small()

    monkeypatch.setattr(cases, "case_of", case_of)
    monkeypatch.setattr(kinds, "packet_of", packet_of)
    return heard


def test_the_verb_hands_on_what_was_asked_and_says_what_it_wrote(asked, capsys, tmp_path: Path):
    out = tmp_path / "p.docx"
    done = called(
        capsys, "case", tmp_path, "P1", "--on", "2024-05-31", "--for", "Board", "--region", "eu", "--out", out,
        "--know", "infection=no", "--know", "ecog=1", "--label-date", "2024-06-01", "--set", "marrow_pd=level",
    )  # fmt: skip
    assert (done.code, done.out, done.err) == (0, f"{out}: SYNTHETIC packet\n", "")
    (given, more), handed = asked
    assert given == (tmp_path, "P1", "EU") and handed == ("case", "board")
    assert (more["on"], more["known"]) == ("2024-05-31", ["infection=no", "ecog=1"])
    assert str(more["label_date"]) == "2024-06-01" and more["settings"] == {"marrow_pd": "level"}
    assert zipfile.is_zipfile(out)


def test_without_a_region_it_says_whose_labels_count_where_that_matters(asked, capsys, tmp_path: Path):
    done = called(capsys, "case", tmp_path, "P1", "--for", "second-opinion", "--out", tmp_path / "p.html")
    assert done.code == 0 and "labels of US count, as no --region was named" in done.err
    done = called(capsys, "case", tmp_path, "P1", "--for", "patient", "--out", tmp_path / "p.html")
    assert (done.code, done.err) == (0, "")


def test_json_prints_the_blocks_and_writes_where_a_file_is_named_too(asked, capsys, tmp_path: Path):
    done = called(capsys, "case", tmp_path, "P1", "--for", "patient", "--json")
    assert json.loads(done.out)["blocks"][0]["kind"] == "lead" and list(tmp_path.iterdir()) == []
    done = called(capsys, "case", tmp_path, "P1", "--for", "patient", "--json", "--out", tmp_path / "p.html")
    assert json.loads(done.out)["title"] == "SYNTHETIC packet" and (tmp_path / "p.html").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--for", "bord", "--out", "p.html"], "expected one of board, second-opinion, patient. Did you mean board?"),
        (["--for", "board"], "nothing to do without --out"),
        (["--for", "board", "--out", "p.odt"], "the name ends in '.odt'"),
        (["--for", "board", "--out", "p.html", "--region", "UK"], "--region UK: expected one of"),
        (["--for", "board", "--out", "p.html", "--label-date", "May"], "--label-date May: expected a date"),
        (["--for", "board", "--out", "p.html", "--set", "x"], "--set x: expected name=value"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_before_anything_is_asked_of_the_registry(asked, capsys, tmp_path: Path, more, says):
    done = called(capsys, "case", tmp_path, "P1", *more)
    assert done.code == 3 and says in " ".join(done.err.split()) and asked == []


def test_a_patient_who_is_not_there_is_told_with_ids_close_to_it(capsys, tmp_path: Path):
    registry = tmp_path / "registry"
    registry.mkdir()
    (registry / "patients.csv").write_text("patient_id\nSYNTHETIC-1\n")
    done = called(
        capsys, "case", registry, "SYNTHETIC-2", "--for", "board", "--region", "EU", "--out", tmp_path / "p.html"
    )
    assert done.code == 3 and "case SYNTHETIC-2: no such patient" in done.err and "SYNTHETIC-1" in done.err
    assert not (tmp_path / "p.html").exists()
