"""What must not matter does not: order, company, units, files, buckets, dates; and nothing measured meets no rule."""

from __future__ import annotations

import hashlib
import random
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path

import polars as pl
import pytest
from plain_reading import Patient, Visit
from polars.testing import assert_frame_equal
from registry_of import drawn, engine, named, raw_tables

import mspike.read.buckets
import mspike.response.assessments
from mspike.knowledge.criteria import criteria
from mspike.response.rules import RULES
from mspike.response.settings import settings_of
from mspike.run import assess_registry

ANSWERS = ("assessments", "courses", "endpoints", "mrd_status", "reasons")
INDEX_DATE = date(2021, 3, 1)
Tables = dict[str, pl.DataFrame]


@cache
def many() -> tuple[Patient, ...]:
    return tuple(drawn(60, derandomize=True, partial_imaging=True))


@cache
def tables() -> Tables:
    return raw_tables(many())


def written(folder: Path, given: Tables, *, parquet: bool = False) -> Path:
    folder.mkdir()
    for name, frame in given.items():
        frame = frame.drop("row")
        if parquet:
            frame.write_parquet(folder / f"{name}.parquet")
        else:
            frame.write_csv(folder / f"{name}.csv")
    return folder


def assessed(registry: Path) -> Tables:
    out = registry.with_name(f"{registry.name}-out")
    assess_registry(registry, out)
    return {name: pl.read_parquet(out / f"{name}.parquet") for name in ANSWERS}


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> Tables:
    return assessed(written(tmp_path_factory.mktemp("usual") / "registry", tables()))


def assert_same(found: Tables, expected: Tables) -> None:
    for name in ANSWERS:
        assert_frame_equal(found[name], expected[name], check_row_order=True)


def shuffled(given: Tables, seed: int) -> Tables:
    return {name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in given.items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_order_of_rows_and_patients_changes_nothing(usual, tmp_path, seed):
    assert_same(assessed(written(tmp_path / "registry", shuffled(tables(), seed))), usual)


def test_other_patients_change_nothing(usual):
    for number in random.Random(1).sample(range(len(many())), 10):
        alone = engine([many()[number]])
        for name in ("assessments", "courses", "endpoints"):
            of_many = usual[name].filter(pl.col("patient_id") == named(number))
            renamed = alone[name].with_columns(patient_id=pl.lit(named(number)))
            assert renamed.rows() == of_many.rows()


def in_other_units(value: str, unit: str) -> tuple[str, str]:
    """The same amount in another accepted unit."""
    factor, other = {"g/dL": ("10", "g/L"), "mg/L": ("0.1", "mg/dL"), "mg/24h": ("0.001", "g/24h")}[unit]
    sign = value[0] if value[0] in "<>" else ""
    return sign + format(Decimal(value.lstrip("<>")) * Decimal(factor), "f"), other


def test_units_change_nothing(usual, tmp_path):
    rows = tables()["results"].rows(named=True)
    for row in rows:
        if row["unit"] in ("g/dL", "mg/L", "mg/24h"):
            row["value"], row["unit"] = in_other_units(row["value"], row["unit"])
    changed = tables() | {"results": pl.DataFrame(rows, schema=tables()["results"].schema)}
    # A text of more than six decimals of grams is the only thing units could cost; the amounts have three.
    assert_same(assessed(written(tmp_path / "registry", changed)), usual)


def test_3_and_3_point_0_are_the_same(usual, tmp_path):
    whole = pl.col("value").str.contains(r"^[<>]?\d+$")
    results = tables()["results"].with_columns(value=pl.when(whole).then(pl.col("value") + ".0").otherwise("value"))
    assert_same(assessed(written(tmp_path / "registry", tables() | {"results": results})), usual)


def test_parquet_and_csv_give_the_same(usual, tmp_path):
    assert_same(assessed(written(tmp_path / "registry", tables(), parquet=True)), usual)


@pytest.mark.parametrize("parquet", [False, True])
def test_buckets_change_nothing(usual, tmp_path, monkeypatch, parquet):
    monkeypatch.setattr(mspike.read.buckets, "BUCKET_ROWS", 150)
    monkeypatch.setattr(mspike.read.buckets, "SMALL_BYTES", 1)
    told = []
    registry = written(tmp_path / "registry", shuffled(tables(), 3), parquet=parquet)
    assess_registry(registry, tmp_path / "out", progress=lambda done, total: told.append(total))
    assert told[-1] > 5
    assert_same({name: pl.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in ANSWERS}, usual)


def test_slices_of_sorted_parquet_change_nothing(usual, tmp_path, monkeypatch):
    monkeypatch.setattr(mspike.read.buckets, "BUCKET_ROWS", 150)
    registry = written(tmp_path / "registry", tables(), parquet=True)
    tables()["results"].drop("row").write_parquet(registry / "results.parquet", row_group_size=50)
    told = []
    assess_registry(registry, tmp_path / "out", progress=lambda done, total: told.append(total))
    assert told[-1] > 5
    assert_same({name: pl.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in ANSWERS}, usual)


def as_date(day: str | None) -> str | None:
    return None if day is None else str(INDEX_DATE + timedelta(days=int(day)))


def test_dates_and_days_give_the_same(usual, tmp_path):
    columns = ("date", "start_date", "end_date", "death_date", "last_contact_date", "diagnosis_date")
    dated = {
        name: frame.with_columns(pl.Series(c, map(as_date, frame[c]), pl.String) for c in columns if c in frame.columns)
        for name, frame in tables().items()
    }
    found = assessed(written(tmp_path / "registry", dated))
    for name in ("assessments", "courses", "endpoints"):
        days = found[name].with_columns((pl.col(pl.Date) - INDEX_DATE).dt.total_days().cast(pl.Int32))
        assert_frame_equal(days, usual[name])


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("csv", [False, True])
def test_a_second_run_writes_the_same_bytes(tmp_path, csv):
    registry = written(tmp_path / "registry", tables())
    assess_registry(registry, tmp_path / "one", csv=csv)
    assess_registry(registry, tmp_path / "two", csv=csv)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert "run.json" in hashes(tmp_path / "one")


# ---- nothing measured meets no rule ---------------------------------------------------------------------------------


def test_a_patient_of_whom_nothing_was_measured_has_no_category():
    told = engine([Patient("kappa", Visit(-6)), Patient("lambda", Visit(-6), new_therapy_day=40, last_contact_day=90)])
    assert told["assessments"].is_empty()
    assert set(told["courses"]["best_response"]) == {"NE"}
    assert set(told["courses"].filter(pl.col("line") == 1)["failure_type"]) <= {"undetermined", "next_therapy"}


GIVEN = (
    "by_serum",
    "by_urine",
    "by_dflc",
    "by_marrow",
    "by_lesion",
    "has_target",
    "has_plasmacytoma",
    "other_plasmacytoma",
)
STATED = ("is_qiga", "flc_measurable", "lesion_left")
TYPES = {"chain": pl.String, "calcium_by": pl.String, "cr_clonal": pl.Boolean, "lesion_pd": pl.Boolean} | {
    "spd_all_resolved": pl.Boolean,
    "other_plasmacytoma": pl.Boolean,
    "urine_unobtainable": pl.Boolean,
}


def unmeasured(names: set[str]) -> pl.DataFrame:
    """Every combination of what a baseline can state, and nothing measured."""
    stated = [name for name in (*GIVEN, *STATED) if name in names]
    rows = list(product([False, True], repeat=len(stated)))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(stated, pl.Boolean), orient="row")
    others = sorted(names - set(stated) - {"urine_unobtainable"})
    frame = frame.with_columns(pl.lit(None, TYPES.get(name, pl.Int64)).alias(name) for name in others)
    return frame.with_columns(urine_unobtainable=pl.lit(False))


def judged_at_all() -> pl.Expr:
    """Where a plasmacytoma alone judges the line, it is a target."""
    judged = [pl.col(name) for name in ("by_serum", "by_urine", "by_dflc", "by_marrow")]
    return ~pl.col("by_lesion") | pl.col("has_target") | pl.any_horizontal(judged)


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize(
    "words", [{}, {"mr_on_flc": "true", "hypercalcaemia_pd": "true"}, {"marrow_pd": "level", "qiga_index": "true"}]
)
def test_nothing_measured_meets_no_rule(rule, words):
    rules = criteria("imwg-2016")
    asked = RULES[rule].ask(rules, settings_of(rules, words))
    frame = unmeasured(
        {*asked.meta.root_names(), "by_serum", "by_urine", "by_dflc", "by_marrow", "by_lesion", "has_target"}
    )
    frame = frame.filter(judged_at_all())
    met = frame.with_columns(met=asked).filter(pl.col("met"))
    assert met.is_empty(), met.select(name for name in met.columns if name in (*GIVEN, *STATED))
