"""Importing flat spreadsheets: the documented example, what is refused, and a real registry where it is at hand."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from mspike.errors import UnreadableInput, WrongUsage
from mspike.read.days import landmark_day
from mspike.read.mapping import import_registry
from mspike.record.findings import SCHEMA
from mspike.record.tables import TABLES

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "how-to" / "import-a-spreadsheet.md"
FANDREI = ROOT.parent / "shared" / "data" / "fandrei2024"
FANDREI_MAP = ROOT / "examples" / "maps" / "fandrei2024.yaml"


def fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def example(tmp_path: Path) -> tuple[Path, Path]:
    """The two sheets and the map of the how-to, as files."""
    sheets, mapping = tmp_path / "sheets", tmp_path / "map.yaml"
    sheets.mkdir()
    for name, text in zip(("course.csv", "labs.csv"), fenced("csv"), strict=True):
        (sheets / name).write_text(text, encoding="utf-8")
    mapping.write_text(fenced("yaml")[0], encoding="utf-8")
    return sheets, mapping


def table(out: Path, name: str, *columns: str) -> list[tuple[str | None, ...]]:
    return pl.read_csv(out / f"{name}.csv", infer_schema=False).select(columns).rows()


def problems(findings: pl.DataFrame, patient: str | None = None) -> dict[str, str]:
    """Problem -> what was found, of one patient."""
    mine = findings.filter(pl.col("patient_id").eq_missing(pl.lit(patient)))
    return dict(mine.select("problem", "found").rows())


def test_the_documented_example_imports_as_documented(example, tmp_path):
    out = tmp_path / "registry"
    counts, _ = import_registry(*example, out)
    assert counts == {"patients": 3, "treatments": 3, "responses": 7, "mrd": 1, "results": 4}
    assert table(out, "patients", "patient_id", "sex", "death_date", "last_contact_date") == [
        ("A-1", "female", None, "200"),
        ("A-2", "male", "80", None),
        ("A-3", "female", None, "300"),
    ]
    assert sorted(table(out, "responses", "patient_id", "date", "response", "confirmed")) == [
        ("A-1", "200", "PD", "yes"),
        ("A-1", "30", "VGPR", None),
        ("A-1", "91", "PR", None),
        ("A-2", "30", "VGPR", None),
        ("A-2", "80", "CR", None),
        ("A-3", "30", "SD", None),
        ("A-3", "300", "PD", "yes"),
    ]
    assert table(out, "mrd", "patient_id", "date", "result") == [("A-1", "30", "negative")]
    assert table(out, "results", "patient_id", "date", "value") == [
        ("A-1", "-1", "1.2"),
        ("A-1", "3", "30.5"),
        ("A-2", "3", "12"),
        ("A-3", "3", "7"),
    ]


def test_what_the_example_leaves_unsaid_or_contradicts_is_a_finding(example, tmp_path):
    _, findings = import_registry(*example, tmp_path / "registry")
    assert problems(findings, "A-1")["progression_without_landmark_pd"].startswith("30 day response VGPR")
    assert problems(findings, "A-2")["read_as"] == "nCR"
    assert problems(findings, "A-2")["landmark_capped"] == "CR at the landmark day 91, last_day 80"
    assert problems(findings, "A-3")["unmapped_code"] == "Other"
    assert problems(findings, "A-3")["landmark_pd_before_progression"] == "PD at the landmark day 91, last_day 300"
    assert problems(findings)["column_not_mapped"] == "1 filled cells"
    assert problems(findings)["skipped"] == "2 cells hold '0'"
    assert findings.filter(pl.col("problem") == "undated_crs")["found"].to_list() == [
        "1 noted: CRS: 1",
        "1 noted: CRS: 0",
    ]
    written = pl.read_csv(tmp_path / "registry" / "import_findings.csv", schema_overrides=SCHEMA)
    assert written.height == findings.height and written.columns == list(SCHEMA)


def test_every_table_is_written_with_its_declared_columns(example, tmp_path):
    counts, _ = import_registry(*example, tmp_path / "registry")
    for name in counts:
        assert pl.read_csv(tmp_path / "registry" / f"{name}.csv").columns == list(TABLES[name].names)


def test_an_import_may_be_repeated_but_overwrites_no_other_folder(example, tmp_path):
    first = import_registry(*example, tmp_path / "registry")
    again = import_registry(*example, tmp_path / "registry")
    assert first[0] == again[0] and first[1].equals(again[1])
    with pytest.raises(WrongUsage, match="no import wrote"):
        import_registry(*example, example[0])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("column: product", "column: produkt", r"no column 'produkt'.*'product'"),
        ("file: course.csv", "file: curse.csv", r"holds course.csv, labs.csv"),
        ("skip: [0]", "skipp: [0]", r"unknown key 'skipp' \(did you mean 'skip'\?\)"),
        ("from: labs", "from: lab", r"no source is called 'lab'"),
        ("wide: at}", "wide: att}", r"found 'att'. Expected: one of at, response"),
        ("at: 3 months", "at: a while", r"wide\[1\].at: found 'a while'"),
        ("calendar: day ", "calendar: moon ", r"found 'moon'"),
        ("holds: PD", "when: {died: 0}", r"the key 'when' stands twice"),
        ("unit: {constant: mg/L}", "unit: {constant: mg/L, column: id}", r"exactly one of column, constant, wide"),
    ],
)
def test_a_wrong_map_is_refused_with_its_place(example, tmp_path, old, new, says):
    sheets, mapping = example
    text = mapping.read_text()
    assert old in text
    mapping.write_text(text.replace(old, new))
    with pytest.raises(UnreadableInput, match=says):
        import_registry(sheets, mapping, tmp_path / "registry")
    assert not (tmp_path / "registry").exists()


@pytest.mark.parametrize(
    ("text", "day"),
    [("28", 28), ("30 days", 30), ("3 months", 91), ("6 months", 183), ("12 months", 365), ("soon", None)],
)
def test_a_month_is_30_4375_days(text, day):
    assert landmark_day(text) == day


def one_sheet(tmp_path: Path, sheet: str, body: str, calendar: str = "iso") -> tuple[Path, pl.DataFrame]:
    """Imports a sheet of patients and whatever `body` maps from it."""
    (tmp_path / "sheet.csv").write_text(sheet)
    patients = "tables:\n  patients:\n    - {from: s, columns: {}}\n"
    (tmp_path / "map.yaml").write_text(f"calendar: {calendar}\nsources: {{s: {{patient: id}}}}\n{patients}{body}")
    _, findings = import_registry(tmp_path / "sheet.csv", tmp_path / "map.yaml", tmp_path / "out")
    return tmp_path / "out", findings


def test_wide_regimens_become_treatments_with_iso_dates(tmp_path):
    sheet = "id,Regimen 1,Start 1,Regimen 2,Start 2\nP1,VRd,02.01.2020,Kd,05.03.2022\nP2,VRd,2020,,\n"
    body = (
        "  treatments:\n    - from: s\n      wide:\n"
        "        - {agent: Regimen 1, start: Start 1, line: {constant: 1}}\n"
        "        - {agent: Regimen 2, start: Start 2, line: {constant: 2}}\n"
        "      columns:\n        start_date: {wide: start, date_format: '%d.%m.%Y'}\n"
        "        agent: {wide: agent}\n        line: {wide: line}\n        role: {constant: treatment}\n"
    )
    out, findings = one_sheet(tmp_path, sheet, body)
    got = table(out, "treatments", "patient_id", "start_date", "agent", "line", "role")
    assert got == [
        ("P1", "2020-01-02", "VRd", "1", "treatment"),
        ("P1", "2022-03-05", "Kd", "2", "treatment"),
        ("P2", None, "VRd", "1", "treatment"),  # its line tells the order
    ]
    assert problems(findings, "P2") == {"unreadable_date": "2020"}


def test_a_treatment_without_a_day_and_without_a_line_is_set_aside(tmp_path):
    sheet = "id,Regimen,Start,Line\nP1,VRd,2020-01-01,\nP2,VRd,,1\nP3,VRd,,\n"
    body = (
        "  treatments:\n    - from: s\n      columns:\n        start_date: Start\n        agent: Regimen\n"
        "        line: Line\n        role: {constant: treatment}\n"
    )
    out, findings = one_sheet(tmp_path, sheet, body)
    assert table(out, "treatments", "patient_id", "start_date", "line") == [
        ("P1", "2020-01-01", None),
        ("P2", None, "1"),
    ]
    missing = findings.filter(pl.col("problem") == "missing")
    assert missing.select("patient_id", "severity").rows() == [("P3", "error")]


def test_only_some_codes_make_a_row_and_a_number_may_be_added_to(tmp_path):
    sheet = "id,R1,R2,R3,After\nP1,VRd,CAR-T (flu/cy),,Kd\nP2,CAR-T,,,\nP3,VRd,,,Pd\n"
    items = "".join(f"        - {{number: {{constant: {n}}}, regimen: R{n}}}\n" for n in (1, 2, 3))
    infused = "        role: {wide: regimen, only: [CAR-T*], value_map: {CAR-T*: ROLE}}\n"
    body = (
        f"  treatments:\n    - from: s\n      wide:\n{items}      columns:\n        start_date: {{constant: 0}}\n"
        + infused.replace("ROLE", "infusion")
        + "        line: {wide: number}\n"
        + f"    - from: s\n      when: {{After: {{filled: yes}}}}\n      wide:\n{items}      columns:\n"
        + "        agent: After\n"
        + infused.replace("ROLE", "treatment")
        + "        line: {wide: number, plus: 1}\n"
    )
    out, findings = one_sheet(tmp_path, sheet, body, "day")
    assert table(out, "treatments", "patient_id", "role", "agent", "line") == [
        ("P1", "infusion", None, "2"), ("P2", "infusion", None, "1"), ("P1", "treatment", "Kd", "3"),
    ]  # fmt: skip
    assert findings.filter(pl.col("severity") != "info").is_empty()


def test_landmarks_of_an_iso_registry_count_from_a_date_and_end_at_a_date(tmp_path):
    sheet = "id,infused,last,m3\nP1,2024-01-01,2024-02-01,positive\n"
    body = (
        "  mrd:\n    - from: s\n      wide: [{at: 3 months, result: m3}]\n"
        "      columns: {date: {wide: at, after: infused, cap_at: last}, result: {wide: result}}\n"
    )
    out, findings = one_sheet(tmp_path, sheet, body)
    assert table(out, "mrd", "date", "result") == [("2024-02-01", "positive")]
    assert problems(findings, "P1") == {"capped": "2024-04-01"}


def test_a_patient_without_a_name_or_without_a_row_in_patients_is_a_finding(tmp_path):
    sheet = "id,keep,x\nP1,1,5\n,1,6\n"
    body = "  genetics:\n    - {from: s, columns: {date: {constant: 0}, marker: {constant: m}, finding: x}}\n"
    (tmp_path / "sheet.csv").write_text(sheet)
    out, findings = one_sheet(tmp_path, sheet, body, calendar="day")
    assert table(out, "genetics", "patient_id", "finding") == [("P1", "5")]
    assert findings.filter(pl.col("problem") == "missing")["row"].to_list() == [3]


needs_fandrei = pytest.mark.skipif(not FANDREI.is_dir(), reason=f"the public data of Fandrei 2024 are not in {FANDREI}")


@pytest.fixture(scope="module")
def fandrei(tmp_path_factory) -> tuple[Path, dict[str, int], pl.DataFrame]:
    out = tmp_path_factory.mktemp("fandrei")
    return out, *import_registry(FANDREI, FANDREI_MAP, out)


@needs_fandrei
def test_the_real_registry_has_its_patients_infusions_and_progressions(fandrei):
    out, counts, _ = fandrei
    source = pl.read_csv(FANDREI / "sheet_clin_data.csv", infer_schema=False)
    progressed = source.filter(pl.col("progression") == "1")
    assert counts["patients"] == source.height == 52
    assert len([r for r in table(out, "treatments", "role", "start_date") if r == ("infusion", "0")]) == 52
    responses = table(out, "responses", "patient_id", "date", "response", "confirmed")
    recorded = [(patient, day, "PD", "yes") for patient, day in progressed.select("patient_id", "pfs").rows()]
    assert sorted(r for r in responses if r[2] == "PD") == sorted(recorded)
    assert len([r for r in responses if r[2] == "not_PD"]) == 52 - progressed.height
    last = dict(source.select("patient_id", "pfs").rows())
    assert all(int(day) <= int(last[patient]) for patient, day, *_ in responses)


@needs_fandrei
def test_the_traps_of_the_real_registry_are_findings(fandrei):
    _, _, findings = fandrei
    count = dict(findings["problem"].value_counts().rows())
    assert count["age_at_progression_below_age_at_infusion"] == 1
    assert count["progression_without_landmark_pd"] == 2
    assert findings.filter(pl.col("found") == "nCR")["problem"].to_list() == ["read_as"]
    assert count["landmark_response_after_progression"] == 2
    assert "column_not_mapped" not in count and "file_not_mapped" not in count


@needs_fandrei
def test_an_mrd_of_0_in_the_real_registry_is_not_done(fandrei):
    out, counts, findings = fandrei
    assert counts["mrd"] == 14
    skipped = findings.filter((pl.col("problem") == "skipped") & pl.col("column").str.contains("MRD"))
    assert skipped.height == 4
    assert {method for (method,) in table(out, "mrd", "method")} == {"flow", None}
