"""The tutorial notebook runs from end to end, and what it tells its reader is so."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import mspike
from mspike.demo import write_demo_registry

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "notebooks" / "first_study.py"
Defs = Mapping[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def told(folder: Path) -> Defs:
    spec = importlib.util.spec_from_file_location("first_study", NOTEBOOK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _, defs = module.app.run(defs={"folder": folder})
    return defs


def test_the_notebook_says_that_its_patients_are_invented(told: Defs) -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "SYNTHETIC: every patient, date and value below is invented" in text
    assert "{mspike.INTENDED_USE}" in text
    assert told["cohort"]["patient_id"].str.starts_with("SYNTHETIC-").all()


def test_the_findings_are_those_that_the_registry_was_given(told: Defs) -> None:
    found = set(told["results"].findings.filter(pl.col("severity") == "error")["problem"])
    assert found == {"negative_number", "unit_of_another_kind", "unreadable_date"}


def test_the_patient_shown_was_not_evaluable_once_and_progressed(told: Defs) -> None:
    visits = told["visits"]
    unknown = visits.filter(pl.col("response_raw") == "NE")
    assert 0 < unknown.height < visits.height / 2
    assert set(unknown["could_be"]) == {"CR"} and (unknown["missing"].list.len() > 0).all()
    assert visits["response_confirmed"][-1] == "PD"
    assert visits["date"][-1] == told["infused"]["pd_date"]
    assert "imwg.pd.dflc" in told["because"]["rule"]


def test_an_antigen_that_nobody_wrote_down_stays_unknown(told: Defs) -> None:
    treatments = pl.read_csv(told["source"] / "treatments.csv", infer_schema=False)
    vague = treatments.filter(pl.col("agent") == "bispecific antibody")["patient_id"]
    named = treatments.filter(pl.col("agent") == "teclistamab", pl.col("line").is_null())["patient_id"]
    first = told["cohort"].filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    assert vague.len() > 20 and named.len() > 40
    of_vague, of_named = (first.filter(pl.col("patient_id").is_in(ids.implode())) for ids in (vague, named))
    assert of_vague["prior_bcma"].null_count() == of_vague.height > 20
    assert of_named["prior_bcma"].unique().to_list() == ["bispecific"]


def test_the_groups_add_up_and_the_unknown_are_shown_but_not_tested(told: Defs) -> None:
    curves, pfs = told["curves"], told["pfs"]
    assert list(curves) == ["none", "adc", "bispecific", "not known"]
    assert sum(curve.n for curve in curves.values()) == pfs.height == told["medians"]["n"][0]
    assert curves["not known"].n == pfs["prior_bcma"].null_count()
    assert told["test"].df == 2


def test_the_groups_were_invented_without_a_difference_and_a_look_too_many_finds_one(told: Defs) -> None:
    bare = told["source"].parent / "bare"
    write_demo_registry(bare, 400)
    invented = mspike.read(bare).cohort().select("patient_id", "infusion_number", "pfs_days", "pfs_event")
    key = ["patient_id", "infusion_number"]
    assert invented.sort(key).equals(told["cohort"].select(invented.columns).sort(key)), "the added rows changed PFS"
    looks = dict(told["looks"].iter_rows())
    assert looks[400] == told["test"].p > 0.05
    assert sum(p < 0.05 for p in looks.values()) == 1


def test_the_figure_has_its_table_and_both_are_saved(told: Defs, folder: Path) -> None:
    drawn = told["figure_file"].read_text()
    assert told["figure_file"].parent == folder
    assert "SYNTHETIC" in drawn and "not known" in drawn and f"p = {told['test'].p:.2f}" in drawn
    table = pl.read_csv(folder / "pfs-by-prior-bcma.csv")
    at_start = table.filter(pl.col("months") == 0)
    assert dict(at_start.select("group", "at_risk").iter_rows()) == {g: c.n for g, c in told["curves"].items()}
    assert (at_start["survival_percent"] == 100).all()
    assert table.height == told["table"].height


def test_immortal_time_flatters_and_the_day_it_began_puts_it_right(told: Defs) -> None:
    placed, ratios = told["placed"], told["ratios"]
    assert not told["comparable"]
    assert placed.filter(pl.col("first_salvage_day").is_null())["salvage"].unique().to_list() == ["never"]
    wrong, right = ratios["hazard_ratio"]
    assert ratios["counted as"].to_list() == ["ever against never: wrong", "from the day it began"]
    assert ratios["n"].to_list() == [placed.filter(pl.col("salvage") == "ever").height] * 2
    assert wrong < right


def test_what_came_first_adds_up_to_those_who_failed(told: Defs) -> None:
    assert told["came_first"]["n"].sum() == told["failed"].height == told["after_medians"]["n"][0]
    assert told["came_first"]["deaths"].sum() == told["failed"]["event"].sum()


def test_the_results_are_kept_as_the_command_would_keep_them(told: Defs, folder: Path, tmp_path: Path) -> None:
    mspike.assess(told["source"], tmp_path / "out", settings={"censoring": "fda"})
    for file in sorted((tmp_path / "out").iterdir()):
        other = folder / "results" / file.name
        if file.suffix == ".json":
            assert other.read_text() == file.read_text()
        else:
            assert pl.read_parquet(other).equals(pl.read_parquet(file))
