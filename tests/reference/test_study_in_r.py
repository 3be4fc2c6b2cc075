"""The study of the real 52 patients beside R survival, which reads the authors' own sheet and knows nothing of mspike.

Oracle: tests/reference/r/study52.R on ../shared/data/fandrei2024/sheet_clin_data.csv (public data of Fandrei et al.,
Blood Cancer Discovery 2024). Its output is recorded beside it, with command and versions in the head of the script;
where Rscript is installed it is run again. Two readings are independent of the cohort: R's, and one in plain Python.
Tolerances: closed forms, so 1e-9; R prints 15 digits.
"""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

import polars as pl
import pytest

from conftest import ROOT, shared
from mspike.asking import question
from mspike.cohort.times import DAYS_A_MONTH
from mspike.read.mapping import import_registry
from mspike.study.competing import competing
from mspike.study.gathered import Gathered, gather
from mspike.study.parts import Section
from mspike.study.plan import plan_of
from mspike.study.survival import survival

HERE = Path(__file__).parent / "r"
SHEET = "data/fandrei2024/sheet_clin_data.csv"
MAP = ROOT / "examples" / "maps" / "fandrei2024.yaml"
GROUPS = [("product", "cilta-cel"), ("product", "ide-cel"), ("emd", "no"), ("emd", "yes"), ("emd", "not known")]

Answers = dict[tuple[str, str, str, str], float | None]


def answers(text: str) -> Answers:
    rows = csv.DictReader(io.StringIO(text))
    return {
        (row["what"], row["group"], row["term"], row["months"]): float(row["value"]) if row["value"] else None
        for row in rows
    }


RECORDED = answers((HERE / "recorded_study52.csv").read_text(encoding="utf-8"))


def same(ours: float | None, theirs: float | None) -> bool:
    return ours is theirs is None or (ours is not None and theirs is not None and ours == pytest.approx(theirs, 1e-9))


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    folder = tmp_path_factory.mktemp("fandrei")
    import_registry(shared("data/fandrei2024"), MAP, folder / "registry")
    return gather(question(folder / "registry"), folder / "room")


@pytest.fixture(scope="module")
def section(gathered: Gathered) -> Section:
    return survival(gathered, plan_of(by=["product,emd"]))


def frame(section: Section, name: str) -> pl.DataFrame:
    return next(table.frame for table in section.tables if table.name == name)


def row_of(frame: pl.DataFrame, **where: str) -> dict[str, float | None]:
    return frame.filter(*(pl.col(column) == value for column, value in where.items())).row(0, named=True)


def agrees(row: dict[str, float | None], what: str, group: str) -> None:
    """Counts, median with its limits, and at 6, 12 and 24 months the estimate with interval and number at risk."""
    assert (row["n"], row["events"]) == (RECORDED[what, group, "n", ""], RECORDED[what, group, "events", ""])
    for term in ("median", "median_low", "median_high"):
        days = RECORDED[what, group, term, ""]
        assert same(row[f"{term}_months"], None if days is None else days / DAYS_A_MONTH), (what, group, term)
    for month in (6, 12, 24):
        assert row[f"at_risk_{month}_months"] == RECORDED[what, group, "n.risk", str(month)], (what, group, month)
        for name, term in {"survival": "surv", "low": "lower", "high": "upper"}.items():
            share = RECORDED[what, group, term, str(month)]
            theirs = None if share is None else 100 * share
            assert same(row[f"{name}_{month}_months_percent"], theirs), (what, group, term, month)


def test_r_prints_again_what_is_recorded(needs, lacking):
    sheet = shared(SHEET)
    asked = [needs("Rscript", "count the 52 patients in R again"), "--vanilla", str(HERE / "study52.R"), str(sheet)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=120)
    if "there is no package called" in done.stderr:
        lacking(f"R lacks a package: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    live = answers(done.stdout)
    assert live.keys() == RECORDED.keys()
    assert [key for key in live if not same(live[key], RECORDED[key])] == []


@pytest.mark.parametrize("endpoint", ["pfs", "os"])
def test_pfs_and_os_of_the_52_patients_are_those_of_r(section: Section, endpoint: str):
    agrees(row_of(frame(section, "survival_medians"), endpoint=endpoint), endpoint, "All patients")


@pytest.mark.parametrize("endpoint", ["pfs", "os"])
@pytest.mark.parametrize(("stratum", "group"), GROUPS)
def test_each_group_of_the_52_patients_is_that_of_r(section: Section, stratum: str, group: str, endpoint: str):
    row = row_of(frame(section, f"survival_by_{stratum}"), endpoint=endpoint, group=group)
    agrees(row, f"{endpoint}_by_{stratum}", group)


@pytest.mark.parametrize("endpoint", ["pfs", "os"])
@pytest.mark.parametrize("stratum", ["product", "emd"])
def test_the_log_rank_tests_are_those_of_r_without_patients_of_unknown_group(
    section: Section, stratum: str, endpoint: str
):
    row = row_of(frame(section, "survival_log_rank"), endpoint=endpoint, stratum=stratum)
    what = f"{endpoint}_by_{stratum}"
    assert (row["n"], row["df"]) == (RECORDED[what, "", "n", ""], RECORDED[what, "", "df", ""])
    assert row["left_out_as_unknown"] == 52 - (RECORDED[what, "", "n", ""] or 0)
    assert same(row["chi_square"], RECORDED[what, "", "chi_square", ""])


def test_follow_up_is_the_reverse_kaplan_meier_of_r(section: Section):
    row = row_of(frame(section, "survival_follow_up"), group="All patients")
    for term in ("median", "median_low", "median_high"):
        days = RECORDED["follow_up", "All patients", term, ""]
        assert same(row[f"{term}_months"], None if days is None else days / DAYS_A_MONTH)


@pytest.mark.parametrize("endpoint", ["pfs", "os"])
def test_from_apheresis_the_52_infused_patients_enter_late_as_in_r(gathered: Gathered, endpoint: str):
    late = survival(gathered, plan_of(origin="apheresis"))
    agrees(row_of(frame(late, "survival_medians"), endpoint=endpoint), f"{endpoint}_from_apheresis", "All patients")
    assert any("delayed entry" in note for note in late.tables[0].notes)


@pytest.mark.parametrize("cause", ["progression", "non_relapse_death"])
def test_progression_and_death_without_it_compete_as_in_r(gathered: Gathered, cause: str):
    row = row_of(frame(competing(gathered, plan_of()), "competing_incidence"), cause=cause)
    for month in (6, 12, 24):
        for name, term in {"incidence": "pstate", "low": "lower", "high": "upper"}.items():
            share = RECORDED[cause, "All patients", term, str(month)]
            assert same(row[f"{name}_{month}_months_percent"], None if share is None else 100 * share), (term, month)


def test_a_plain_reading_of_the_sheet_has_the_same_days_and_events(gathered: Gathered):
    """Row by row: progression ends PFS on its day, else death; else the last assessment censors it. Death ends OS."""
    with shared(SHEET).open(encoding="utf-8") as opened:
        sheet = {row["patient_id"]: row for row in csv.DictReader(opened)}
    told = {row["patient_id"]: row for row in gathered.cohort.iter_rows(named=True)}
    assert told.keys() == sheet.keys() and len(told) == 52
    for patient, row in sheet.items():
        progressed, died = row["progression"] == "1", row["death"] == "1"
        ended = progressed or (died and row["pfs"] == row["os"])
        assert told[patient]["pfs_days"] == int(row["pfs"]), patient
        assert told[patient]["pfs_event"] == ended, patient
        assert (told[patient]["os_days"], told[patient]["os_event"]) == (int(row["os"]), died), patient
        cause = "progression" if progressed else "non_relapse_death" if ended else "censored"
        assert told[patient]["cr_cause"] == cause, patient
