"""A cluster of two executor processes tells what this machine tells, to the byte, also where one of them is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engines.buckets_at_work import broken, every_kind, results_after_a_wait, unreadable, waited_for
from functional.command_line import called
from mspike import run
from mspike.asking import question
from mspike.demo import write_demo_registry
from mspike.engines import engine_named
from mspike.engines.local import LocalEngine
from mspike.engines.spark import ClusterFailed, SparkEngine
from mspike.engines.spark_session import session
from mspike.errors import UnreadableInput, WrongUsage
from mspike.read import buckets
from mspike.read.folder import open_registry
from mspike.study.gathered import gather

MASTER = "local-cluster[2,1,1024]"
PATIENTS = 15
BUCKETS = 5
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def spark(needs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One session for the file. The executors find the tests too; their compiler is told to be quick, not thorough."""
    needs("java", "run a Spark cluster of two executors")
    pytest.importorskip("pyspark")
    given = {"PYTHONPATH": str(TESTS), "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    before = {name: os.environ.get(name) for name in (*given, "SPARK_HOME", "PYSPARK_PYTHON")}
    os.environ.update(given)
    try:
        with session(MASTER) as started:
            left = Path(os.environ["SPARK_HOME"], "work", started.sparkContext.applicationId)  # logs of the executors
            yield started
        shutil.rmtree(left, ignore_errors=True)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registry") / "registry"
    write_demo_registry(folder, PATIENTS)
    return folder


@pytest.fixture(autouse=True)
def _small_buckets(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pl.read_csv(registry / "results.csv", infer_schema=False).height
    monkeypatch.setattr(buckets, "SMALL_BYTES", 1)
    monkeypatch.setattr(buckets, "BUCKET_ROWS", rows // BUCKETS)


def as_parquet(registry: Path, folder: Path, *, shuffled: bool) -> Path:
    """The same registry in Parquet: in the order of the patients, whose row groups are sliced, or shuffled."""
    folder.mkdir()
    for file in sorted(registry.glob("*.csv")):
        table = pl.read_csv(file, infer_schema=False).sort("patient_id", maintain_order=True)
        table = table.sample(fraction=1, shuffle=True, seed=1) if shuffled else table
        table.write_parquet(folder / f"{file.stem}.parquet", row_group_size=500)
    return folder


def as_workbook(registry: Path, file: Path) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for table in ("patients", "treatments"):
        sheet = book.create_sheet(table)
        frame = pl.read_csv(registry / f"{table}.csv", infer_schema=False)
        for row in [tuple(frame.columns), *frame.rows()]:
            sheet.append(row)
    book.save(file)
    return file


def told_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.name != "run.json"}


def loads_of(registry: Path, room: Path) -> tuple[int, Iterator[buckets.Load]]:
    room.mkdir()
    return buckets.buckets(open_registry(registry), room)


@pytest.mark.parametrize("kind", ["csv", "slices", "shuffled", "workbook"])
def test_a_cluster_writes_the_same_tables_to_the_byte(kind, spark, registry, tmp_path):
    if kind == "workbook":
        registry = as_workbook(registry, tmp_path / "registry.xlsx")
    elif kind != "csv":
        registry = as_parquet(registry, tmp_path / "registry", shuffled=kind == "shuffled")
    totals = set()
    for name in ("local", "spark"):
        told = run.assess_registry(
            registry, tmp_path / name, engine=name, csv=kind == "csv", progress=lambda _, total: totals.add(total)
        )
        assert told["engine"] == name and told["written"]["courses"] > 0
    assert told_of(tmp_path / "local") == told_of(tmp_path / "spark")
    assert len(told_of(tmp_path / "spark")) == len(run.TABLES)
    assert totals == {1} if kind == "workbook" else totals <= {BUCKETS - 1, BUCKETS}
    assert {path.name for path in tmp_path.iterdir()} <= {"local", "spark", "registry", "registry.xlsx"}


def test_a_study_on_a_cluster_rests_on_the_same_tables(spark, registry, tmp_path):
    """What is told of them has no engine any more: `gather` is all of a study that a cluster does."""
    asked = question(registry)
    here, there = (gather(asked, tmp_path / name, engine_named(name)) for name in ("local", "spark"))
    assert there.patients == here.patients == PATIENTS and there.rows == here.rows
    for table in ("cohort", "safety", "findings"):
        assert_frame_equal(getattr(there, table), getattr(here, table), check_exact=True)
    for table in ("visits", "values"):
        assert_frame_equal(getattr(there, table).collect(), getattr(here, table).collect(), check_exact=True)


def test_tables_of_every_type_and_facts_come_back_as_they_were_in_the_order_of_the_buckets(spark, registry, tmp_path):
    engine = SparkEngine(MASTER)
    total, loads = loads_of(registry, tmp_path / "parts")
    here = list(LocalEngine().worked(every_kind, loads, total, tmp_path / "none"))
    total, loads = loads_of(registry, tmp_path / "again")
    there = list(engine.worked(every_kind, loads, total, tmp_path / "room"))
    assert [facts for _, facts in there] == [facts for _, facts in here]
    assert [ids for _, facts in there for ids in facts["patients"]] == sorted(
        pl.read_csv(registry / "patients.csv")["patient_id"]
    )
    for (ours, _), (theirs, _) in zip(here, there, strict=True):
        assert list(ours) == list(theirs) == ["b", "a"]
        for name in ours:
            assert_frame_equal(ours[name], theirs[name], check_exact=True)
    assert list((tmp_path / "room" / "parts").iterdir()) == []  # nothing of a patient is left behind
    assert sorted(row["bucket"] for row in engine.took) == list(range(total))
    assert all(row["peak_mb"] > 50 for row in engine.took)


def executor_of(pid: int) -> int:
    """The executor, a Java process, that a Python worker belongs to."""
    while pid > 1:
        told = subprocess.run(["ps", "-ww", "-o", "ppid=,args=", "-p", str(pid)], capture_output=True, text=True)
        parent, _, command = told.stdout.strip().partition(" ")
        if "CoarseGrainedExecutorBackend" in command:
            return pid
        pid = int(parent)
    raise AssertionError("no executor above this process")


def lost_executors(spark: Any) -> list[str]:
    """Why Spark took executors off its list, in Spark's words."""
    known = spark.sparkContext._jsc.sc().statusStore().executorList(False)
    listed = [known.apply(at) for at in range(known.size())]
    return [one.removeReason().get() for one in listed if not one.isActive() and one.removeReason().isDefined()]


def test_an_executor_killed_in_mid_run_loses_nothing(spark, needs, registry, tmp_path, monkeypatch):
    needs("ps", "find the executor to kill")
    flags, killed = tmp_path / "flags", []
    flags.mkdir()
    held = sorted(pl.read_csv(registry / "patients.csv")["patient_id"])[PATIENTS // BUCKETS]  # of the second bucket

    def kill() -> None:
        if waited_for((flags / "held").exists) and waited_for((flags / "held").read_text):
            killed.append(executor_of(int((flags / "held").read_text())))
            os.kill(killed[0], signal.SIGKILL)

    run.assess_registry(registry, tmp_path / "local")
    lost = len(lost_executors(spark))
    killer = threading.Thread(target=kill)
    killer.start()
    monkeypatch.setattr(run, "bucket_results", partial(results_after_a_wait, flags=flags, patient=held))
    run.assess_registry(registry, tmp_path / "spark", engine="spark", master=MASTER)
    killer.join()
    attempts = (flags / "attempts").read_text().split()
    assert len(killed) == 1 and not (flags / "went on").exists()  # it died in the middle of its work
    assert len(attempts) == 2 and attempts[0] != attempts[1]
    assert len(lost_executors(spark)) == lost + 1
    assert told_of(tmp_path / "local") == told_of(tmp_path / "spark")


def test_a_bad_registry_ends_in_the_same_sentence_and_exit_code(spark, registry, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(buckets, "SMALL_BYTES", 10**9)
    bad = shutil.copytree(registry, tmp_path / "bad")
    with (bad / "lesions.csv").open("a") as file:
        row = "P1,2024-03-01,L1\n"
        file.write(row * 20_000 + 'P1,2024-04-01,"L1\n' + row * 20_000)
    here = called(capsys, "assess", bad, "--out", tmp_path / "out")
    there = called(capsys, "assess", bad, "--out", tmp_path / "out", "--engine", "spark", "--master", MASTER)
    assert here.code == there.code == 2 and "lesions.csv" in here.err
    assert there.err == here.err
    assert not (tmp_path / "out").exists()


def test_what_a_user_can_mend_is_told_as_it_was_raised_in_the_first_bucket(spark, registry, tmp_path):
    total, loads = loads_of(registry, tmp_path / "parts")
    first = pl.read_csv(registry / "patients.csv")["patient_id"].min()
    with pytest.raises(UnreadableInput, match=f"the bucket of {first}: found this"):
        list(SparkEngine().worked(unreadable, loads, total, tmp_path / "room"))


def test_a_defect_in_a_task_is_told_in_one_sentence(spark, registry, tmp_path):
    _, loads = loads_of(registry, tmp_path / "parts")
    with pytest.raises(ClusterFailed, match="ValueError: a defect of our own") as told:
        list(SparkEngine().worked(broken, islice(loads, 1), 1, tmp_path / "room"))
    assert "\n" not in str(told.value) and "Traceback" not in str(told.value)


def test_executors_with_another_version_are_refused(spark, registry, tmp_path, monkeypatch):
    monkeypatch.setattr("mspike.engines.bucket_task.__version__", "9.9.9")  # here, not on the executors
    _, loads = loads_of(registry, tmp_path / "parts")
    with pytest.raises(WrongUsage, match=r"The executors have mspike .* \(here 9\.9\.9\)"):
        list(SparkEngine().worked(every_kind, islice(loads, 1), 1, tmp_path / "room"))


def test_the_session_of_somebody_else_is_used_and_left_running(spark, registry, tmp_path):
    with session(None) as found:
        assert found is spark or found.sparkContext is spark.sparkContext
    assert spark.range(1).count() == 1
    with pytest.raises(WrongUsage, match=r"a Spark session with the master local-cluster\[2,1,1024\] is running"):
        run.assess_registry(registry, tmp_path / "out", engine="spark", master="local[2]")


def test_a_run_that_is_given_up_stops_its_tasks(spark, registry, tmp_path):
    total, loads = loads_of(registry, tmp_path / "parts")
    answers = SparkEngine().worked(every_kind, loads, total, tmp_path / "room")
    next(answers)
    answers.close()
    tracker = spark.sparkContext.statusTracker()
    assert waited_for(lambda: not tracker.getActiveJobsIds(), 20)


def test_the_engine_and_the_master_are_checked_before_anything_is_read(monkeypatch, tmp_path):
    with pytest.raises(WrongUsage, match="Expected local or spark"):
        engine_named("dask")
    with pytest.raises(WrongUsage, match="only Spark has a master"):
        engine_named("local", "yarn")
    with pytest.raises(WrongUsage, match="only Spark has a master"):
        run.assess_registry(tmp_path / "nowhere", tmp_path / "out", master="yarn")


def test_without_pyspark_the_command_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = called(capsys, "assess", tmp_path, "--out", tmp_path / "out", "--engine", "spark")
    assert done.code == 3 and "pip install 'mspike[spark]'" in done.err and done.err.count("\n") == 1


def test_without_java_the_message_names_it_but_spark_connect_needs_none(monkeypatch):
    pytest.importorskip("pyspark")
    monkeypatch.setattr("mspike.engines.spark_session._running", lambda: None)
    monkeypatch.setattr("mspike.engines.spark_session._java", lambda: None)
    with pytest.raises(WrongUsage, match="Java 17 or newer"):
        engine_named("spark", "local[2]")
    assert engine_named("spark", "sc://cluster").name == "spark"
    assert sys.modules["mspike.engines.spark_session"]._java() is None
