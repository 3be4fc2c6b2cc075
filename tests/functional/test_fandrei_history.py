"""The real registry: what follows from its regimens agrees with what its authors recorded, save as the docs list."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import polars as pl
import pytest

from conftest import shared
from mspike.course.derived import Derived, derive, episodes
from mspike.course.disagreements import agreement_of, disagreements_of
from mspike.course.history import exposures_of, history_of
from mspike.knowledge.criteria import criteria
from mspike.read.buckets import buckets
from mspike.read.folder import open_registry
from mspike.read.mapping import import_registry
from mspike.record.record import clean_record
from mspike.response.settings import settings_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "real-registry.md"
MAP = ROOT / "examples" / "maps" / "fandrei2024.yaml"
# The published grouping, by what triple class and penta say in it.
GROUPS = {"TCexposed": (False, False), "TCRRMM": (True, False), "PentaRRMM": (True, True)}


@pytest.fixture(scope="module")
def source() -> Path:
    return shared("data/fandrei2024")


@pytest.fixture(scope="module")
def derived(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Derived:
    folder = tmp_path_factory.mktemp("fandrei")
    import_registry(source, MAP, folder)
    registry = open_registry(folder)
    with tempfile.TemporaryDirectory() as room:
        _, loads = buckets(registry, Path(room))
        record = clean_record(next(iter(loads))(), registry.calendar)
    rules = criteria("imwg-2016")
    return derive(record, rules, settings_of(rules))


def rows_of_table(heading: str) -> list[tuple[str, ...]]:
    """The cells of the table under a heading of the page."""
    part = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def word(answer: bool | None) -> str:
    return {True: "yes", False: "no", None: "unknown"}[answer]


def test_the_line_of_every_infusion_is_its_place_among_the_regimens(derived: Derived, source: Path):
    sheet = pl.read_csv(source / "sheet_clin_data.csv", infer_schema=False)
    expected = {
        row["patient_id"]: next(n for n in range(1, 15) if (row[f"Regime_{n}"] or "").startswith("CAR-T"))
        for row in sheet.iter_rows(named=True)
    }
    told = history_of(derived)
    assert dict(told.select("patient_id", "line").rows()) == expected
    assert dict(told.select("patient_id", "lines_before").rows()) == {p: n - 1 for p, n in expected.items()}
    assert episodes(derived).height == 52


def test_the_page_lists_every_disagreement_with_its_reason(derived: Derived):
    found = disagreements_of(derived)
    made = [
        (r["patient_id"], r["item"], r["aspect"], word(r["derived"]), word(r["stated"]), r["reason"])
        for r in found.iter_rows(named=True)
    ]
    assert sorted(rows_of_table("Every disagreement")) == sorted(made)


def test_the_page_counts_what_the_records_bear_out(derived: Derived):
    made = [tuple(str(cell) for cell in row) for row in agreement_of(derived).rows()]
    assert sorted(rows_of_table("How far the two agree")) == sorted(made)
    counted = disagreements_of(derived).height
    assert re.search(rf"\b{counted} disagreements\b", PAGE.read_text(encoding="utf-8"))


def test_every_recorded_exposure_is_found_among_the_regimens(derived: Derived):
    """No recorded exposure is contradicted, and but for unreadable regimens each one is found."""
    told = agreement_of(derived).filter(pl.col("aspect") == "exposed")
    assert told["differ"].to_list() == [0] * told.height
    assert told.filter(pl.col("item") != "penta_drug")["agree"].min() >= 51


def test_the_published_grouping_agrees_with_the_recorded_columns(derived: Derived, source: Path):
    """The grouping in the article's table is the one in the sheet; where the records decide, ours is listed above."""
    published = pl.read_csv(source / "table_s1.csv", infer_schema=False).select("patient_id", "refractoriness_group")
    told = history_of(derived).join(published, on="patient_id")
    groups = told.select("patient_id", "refractoriness_group", "triple_class_refractory", "penta_drug_refractory")
    listed = {r["patient_id"] for r in disagreements_of(derived).iter_rows(named=True)}
    differ = {p for p, group, *answers in groups.rows() if tuple(answers) != GROUPS[group]}
    assert differ <= listed
    assert groups.height == 52 and len(differ) <= 2


def test_whoever_had_a_bispecific_had_an_earlier_target(derived: Derived, source: Path):
    sheet = pl.read_csv(source / "sheet_clin_data.csv", infer_schema=False).select("patient_id", "had_bispecific")
    told = history_of(derived).join(sheet, on="patient_id")
    bispecific = pl.any_horizontal(
        pl.col(f"{target}_kinds").list.contains("bispecific").fill_null(False) for target in ("bcma", "gprc5d")
    )
    assert (told.select(bispecific).to_series() == (told["had_bispecific"] == "1")).all()


def test_every_regimen_is_read_or_told_to_be_unread(derived: Derived):
    """Of the patients whose history is not complete the page names the text that nobody could place."""
    unread = history_of(derived).filter(~pl.col("history_complete"))
    told = [(r["patient_id"], ", ".join(r["unread"])) for r in unread.iter_rows(named=True)]
    assert sorted(rows_of_table("Regimens that could not be placed")) == sorted(told)
    assert exposures_of(derived).filter(pl.col("level") == "agent")["item"].n_unique() > 25
