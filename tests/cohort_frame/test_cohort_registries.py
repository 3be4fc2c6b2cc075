"""The cohort of whole registries: the invented demonstration (SYNTHETIC), and the real one against its authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from conftest import shared
from mspike.asking import of_registry, question
from mspike.cohort.frame import SCHEMA, cohort_of
from mspike.cohort.outcomes import TIMES, left_out, time_points
from mspike.cohort.strata import STRATA
from mspike.course.derived import Derived
from mspike.course.doses import earlier_therapy
from mspike.course.history import groups_of, history_of
from mspike.course.results import results_of
from mspike.course.stage import revised_stages_of, stages_of
from mspike.demo import write_demo_registry
from mspike.read import buckets
from mspike.read.mapping import import_registry

ROOT = Path(__file__).parents[2]
MAP = ROOT / "examples" / "maps" / "fandrei2024.yaml"


def asked(registry: Path, **settings: Any) -> tuple[pl.DataFrame, list[Derived]]:
    """The cohort, and what was derived of each bucket."""
    seen: list[Derived] = []

    def answer(derived: Derived) -> pl.DataFrame:
        seen.append(derived)
        return cohort_of(derived)

    return of_registry(question(registry, settings=settings), answer), seen


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo_registry(folder, 300, parquet=True)
    return folder


@pytest.fixture(scope="module")
def demo(demo_folder: Path) -> tuple[pl.DataFrame, Derived]:
    cohort, seen = asked(demo_folder)
    return cohort, seen[0]


def test_days_and_events_from_infusion_are_those_of_the_endpoints_table(demo: tuple[pl.DataFrame, Derived]):
    cohort, derived = demo
    table = results_of(derived.record, derived.criteria, derived.settings)["endpoints"]
    infused = cohort.filter("infused")
    assert infused.height > 250
    for name in ("pfs", "ttp", "dor", "os", "ttnt", "pfs2", "efs"):
        theirs = table.filter(pl.col("endpoint") == name)
        both = infused.join(theirs, on=["patient_id", "line"])
        assert both.height == infused.height
        assert both.filter(pl.col("days").ne_missing(pl.col(f"{name}_days"))).is_empty(), name
        assert both.filter(pl.col("event").ne_missing(pl.col(f"{name}_event"))).is_empty(), name


def test_the_competing_ends_are_the_events_of_pfs(demo: tuple[pl.DataFrame, Derived]):
    infused = demo[0].filter("infused")
    assert ((infused["cr_cause"] != "censored") == infused["pfs_event"]).all()
    assert set(infused["cr_cause"]) == {"censored", "progression", "non_relapse_death"}
    progressed = infused.filter(pl.col("pfs_reason") == "PD")
    assert set(progressed["cr_cause"]) == {"progression"}


def test_nothing_after_failure_comes_before_it(demo: tuple[pl.DataFrame, Derived]):
    failed = demo[0].filter("failed")
    assert failed.height > 100
    columns = [days for (origin, _), (days, _) in TIMES.items() if origin == "failure"]
    assert failed.select(pl.min_horizontal(*columns, "first_salvage_day").min()).item() >= 0
    # Death and the next therapy come no later than survival ends.
    assert failed.filter(pl.col("first_salvage_day") > pl.col("from_failure_os_days")).is_empty()
    assert failed.filter(pl.col("from_failure_pfs_days") > pl.col("from_failure_os_days")).is_empty()
    total = failed["failure_day"] - failed["index_day"] + failed["from_failure_os_days"]
    assert (total >= failed["os_days"]).all() and (total == failed["os_days"]).mean() > 0.9


def test_survival_from_apheresis_is_survival_from_infusion_and_the_wait(demo: tuple[pl.DataFrame, Derived]):
    infused = demo[0].filter("infused").drop_nulls("entry_days")
    assert infused.height > 250
    assert (infused["from_apheresis_os_days"] == infused["os_days"] + infused["entry_days"]).all()


def test_one_row_an_infusion_and_one_a_patient_never_infused(demo: tuple[pl.DataFrame, Derived]):
    cohort, derived = demo
    assert cohort.select("patient_id", "line").is_unique().all()
    car_t = derived.courses.filter(pl.col("kind") == "car_t")
    assert cohort["infused"].sum() == car_t["infused"].sum()
    assert cohort.filter(~pl.col("infused")).height == (~car_t["infused"]).sum() > 0
    assert cohort["patient_id"].is_sorted()


def test_every_level_stands_in_the_order_of_its_stratum(demo: tuple[pl.DataFrame, Derived]):
    for name, stratum in STRATA.items():
        levels = set(demo[0][stratum.column].drop_nulls().cast(pl.String))
        assert not stratum.order or levels <= set(stratum.order), name


def test_the_buckets_together_are_the_whole(demo_folder: Path, demo: tuple[pl.DataFrame, Derived], monkeypatch):
    monkeypatch.setattr(buckets, "BUCKET_ROWS", 80_000)
    parts, seen = asked(demo_folder)
    assert len(seen) > 1
    assert parts.drop("gid").equals(demo[0].drop("gid"))


def test_what_a_cohort_is_grouped_by_is_what_the_whole_history_and_all_stages_say(demo: tuple[pl.DataFrame, Derived]):
    derived = demo[1]
    groups, whole = groups_of(earlier_therapy(derived)), history_of(derived)
    assert groups["bcma_exposed"].any() and groups["triple_class_refractory"].any()
    assert groups.equals(whole.select(groups.columns))
    stages, all_ = revised_stages_of(derived), stages_of(derived)
    assert stages["riss"].n_unique() > 1
    assert stages.equals(all_.select(stages.columns))


def test_censoring_by_ema_follows_over_the_next_therapy(demo_folder: Path, demo: tuple[pl.DataFrame, Derived]):
    ema, _ = asked(demo_folder, censoring="ema")
    both = ema.filter("infused").join(demo[0], on=["patient_id", "line"], suffix="_fda")
    assert (both["pfs_event"].sum(), both["os_event"].sum()) > (both["pfs_event_fda"].sum(), 0)
    assert both["os_days"].equals(both["os_days_fda"].alias("os_days"))


# ---- the real registry ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def source() -> Path:
    return shared("data/fandrei2024")


@pytest.fixture(scope="module")
def real(source: Path, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("fandrei")
    import_registry(source, MAP, folder)
    return asked(folder)[0]


@pytest.fixture(scope="module")
def recorded(source: Path) -> pl.DataFrame:
    return pl.read_csv(source / "sheet_clin_data.csv", infer_schema=False)


def test_the_52_patients_have_their_authors_days(real: pl.DataFrame, recorded: pl.DataFrame):
    numbers = recorded.select(
        "patient_id", pl.col("pfs", "os", "time_apheresis_cart").cast(pl.Int32), pl.col("status", "death") == "1"
    )
    both = real.join(numbers, on="patient_id")
    assert both.height == real.height == 52 and real["infused"].all()
    assert (both["pfs_days"] == both["pfs"]).all() and (both["pfs_event"] == both["status"]).all()
    assert (both["os_days"] == both["os"]).all() and (both["os_event"] == both["death"]).all()
    assert (both["entry_days"] == both["time_apheresis_cart"]).all()
    assert (both["from_apheresis_os_days"] == both["os"] + both["time_apheresis_cart"]).all()


def test_product_sex_and_exposure_are_as_recorded(real: pl.DataFrame, recorded: pl.DataFrame):
    both = real.join(recorded.rename({"sex": "their_sex"}), on="patient_id")
    assert (both["product"] == both["Product"].str.to_lowercase()).all()
    assert (both["sex"] == both["their_sex"].replace({"m": "male", "w": "female"})).all()
    assert real.schema == pl.Schema(SCHEMA) and real["age"].is_null().all()


def test_the_first_therapy_after_failure_is_the_one_recorded(real: pl.DataFrame, recorded: pl.DataFrame):
    """What its authors name first after the infusion is of the class that was told."""
    named = recorded.select("patient_id", text="first_salvage_therapy_regimen")
    both = real.filter("failed").join(named, on="patient_id")
    for word in ("Talquetamab", "Teclistamab"):
        alone = both.filter(pl.col("text") == word)
        assert alone.height > 0
        assert set(alone["first_salvage_class"]) == {"bispecific"}, word
    assert both.filter(pl.col("text").is_not_null() & (pl.col("first_salvage_class") == "none")).is_empty()


def test_failures_can_be_followed_although_therapy_is_undated(real: pl.DataFrame):
    """Of one patient, without progression, only an undated line tells that the therapy failed: not when."""
    after = time_points(real, "failure", "os")
    failed = real.filter("failed")
    assert after.height == failed.height - 1 > 15
    undated = failed.filter(pl.col("failure_day").is_null())
    assert undated.select("first_failure_type", "ttnt_event", "ttnt_days").rows() == [("next_therapy", True, None)]
    assert ("the day of failure is not known", 1) in left_out(real, "failure", "os").rows()
    assert (after["days"] >= 0).all()
    progressed = real.filter(pl.col("pfs_reason") == "PD")
    assert (progressed["failure_day"] == progressed["pfs_days"]).all()
