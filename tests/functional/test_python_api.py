"""The Python API: the same tables as the command, in memory, and never a patient in what an object says of itself."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import mspike
import mspike.read.buckets
from mspike.asking import of_registry, question
from mspike.cohort.frame import cohort_of
from mspike.demo import write_demo_registry
from mspike.errors import UnreadableInput, WrongUsage
from mspike.run import TABLES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "first-study-in-python.md"
PATIENTS = 40


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api") / "demo"
    write_demo_registry(folder, PATIENTS)
    return folder


@pytest.fixture(scope="module")
def results(demo: Path) -> mspike.registry.Results:  # type: ignore[name-defined]
    return mspike.read(demo).assess()


@pytest.fixture
def several_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mspike.read.buckets, "SMALL_BYTES", 1)
    monkeypatch.setattr(mspike.read.buckets, "BUCKET_ROWS", 8_000)


def test_assessing_in_memory_gives_the_tables_of_the_command_over_several_buckets(
    demo: Path, tmp_path: Path, several_buckets: None
) -> None:
    done: list[tuple[int, int]] = []
    given = mspike.read(demo).assess("imwg-2006", {"censoring": "ema"}, progress=lambda *told: done.append(told))
    told = mspike.assess(demo, tmp_path / "out", edition="imwg-2006", settings={"censoring": "ema"})
    assert done[-1][1] > 2, "one bucket proves nothing"
    assert given.run == told == json.loads((tmp_path / "out" / "run.json").read_text())
    assert given.assessments.height > 1_000
    for name in TABLES:
        assert_frame_equal(getattr(given, name), pl.read_parquet(tmp_path / "out" / f"{name}.parquet"))


@pytest.mark.parametrize("csv", [False, True])
def test_results_written_are_those_of_the_command(demo: Path, results, tmp_path: Path, csv: bool) -> None:
    mspike.assess(demo, tmp_path / "command", csv=csv)
    results.write(tmp_path / "memory", csv=csv)
    files = sorted(p.name for p in (tmp_path / "command").iterdir())
    assert sorted(p.name for p in (tmp_path / "memory").iterdir()) == files
    for name in files:
        one, other = tmp_path / "memory" / name, tmp_path / "command" / name
        if name.endswith(".parquet"):
            assert_frame_equal(pl.read_parquet(one), pl.read_parquet(other))
            assert pl.read_parquet_metadata(one)["mspike"] == pl.read_parquet_metadata(other)["mspike"]
        else:
            assert one.read_bytes() == other.read_bytes()
    assert not list(tmp_path.glob(".mspike-*"))


def test_results_replace_an_earlier_run_and_keep_other_files(results, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "courses.csv").write_text("of an earlier run")
    results.write(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "courses.csv").exists()
    assert pl.read_parquet(tmp_path / "courses.parquet").height == results.courses.height


def test_results_are_never_written_over_the_registry(demo: Path, results) -> None:
    with pytest.raises(WrongUsage, match="is the registry itself"):
        results.write(demo)


def test_the_cohort_is_the_same_from_one_bucket_and_from_several(demo: Path, request: pytest.FixtureRequest) -> None:
    registry = mspike.read(demo)
    whole = registry.cohort()
    request.getfixturevalue("several_buckets")
    parts = registry.cohort()
    assert whole["patient_id"].n_unique() == PATIENTS
    assert_frame_equal(parts.drop("gid"), whole.drop("gid"))
    assert_frame_equal(parts, of_registry(question(demo), cohort_of))


def test_settings_reach_the_cohort(demo: Path) -> None:
    registry = mspike.read(demo)
    fda, ema = (registry.cohort(settings={"censoring": rule}) for rule in ("fda", "ema"))
    assert not fda["pfs_days"].equals(ema["pfs_days"])


def test_a_registry_says_what_it_holds(demo: Path, tmp_path: Path) -> None:
    registry = mspike.read(str(demo))
    assert registry.path == demo
    assert registry.calendar == "iso"
    assert registry.tables["patients"].collect().height == PATIENTS
    assert registry.findings.is_empty()
    (tmp_path / "patients.csv").write_text("patient_id,surname\nP1,Doe\n")
    assert mspike.read(tmp_path).findings["problem"].to_list() == ["unknown_column"]


def test_no_object_prints_a_patient_or_a_value(demo: Path, results) -> None:
    registry = mspike.read(demo)
    for said in (repr(registry), str(registry), repr(results), f"{results}"):
        assert "SYNTHETIC" not in said
        assert not re.search(r"\d{4}-\d{2}-\d{2}|shape:", said.replace(str(demo), ""))
    assert "treatments" in repr(registry)
    assert f"{PATIENTS} patients" in repr(results)
    assert f"{results.courses.height:,} rows" in repr(results)


def test_a_mistake_is_told_as_the_command_tells_it(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="no registry here"):
        mspike.read(tmp_path / "nowhere")
    with pytest.raises(UnreadableInput, match="no table `patients`"):
        mspike.read(tmp_path)
    registry = mspike.read(demo)
    for ask in (registry.assess, registry.cohort):
        with pytest.raises(WrongUsage, match="marrow"):
            ask(settings={"marow_pd": "level"})
        with pytest.raises(mspike.errors.MspikeError, match="imwg-1998"):  # type: ignore[attr-defined]
            ask(edition="imwg-1998")


@pytest.mark.parametrize("ask", ["assess", "cohort"])
def test_a_damaged_file_is_named_and_its_rows_are_not_printed(demo: Path, tmp_path: Path, ask: str) -> None:
    for file in demo.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    file = tmp_path / "results.parquet"
    pl.read_csv(tmp_path / "results.csv", infer_schema=False).write_parquet(file, row_group_size=2_000)
    (tmp_path / "results.csv").unlink()
    whole = file.read_bytes()
    late = slice(len(whole) * 6 // 10, len(whole) * 7 // 10)  # opening reads the first rows only
    file.write_bytes(whole[: late.start] + b"\xff" * (late.stop - late.start) + whole[late.stop :])
    registry = mspike.read(tmp_path)
    with pytest.raises(UnreadableInput, match=r"results\.parquet") as problem:
        getattr(registry, ask)()
    assert "SYNTHETIC" not in str(problem.value)


IN_EVERY_ORDER = [
    "import mspike; r = mspike.read",
    "from mspike import read as r",
    "import mspike.read.folder; from mspike.read.buckets import buckets; import mspike; r = mspike.read",
    "import mspike, mspike.run; r = mspike.read; import mspike.read.buckets as b; b.BUCKET_ROWS",
]


@pytest.mark.parametrize("program", IN_EVERY_ORDER)
def test_read_can_be_called_whatever_was_imported_before(demo: Path, program: str) -> None:
    _run(f"{program}; print(r({str(demo)!r}).calendar)")


def test_importing_mspike_loads_nothing_heavy() -> None:
    _run("import mspike, sys; mspike.read; assert not {'polars', 'numpy', 'pandas', 'altair'} & set(sys.modules)")


def test_read_can_be_looked_up() -> None:
    assert list(inspect.signature(mspike.read).parameters) == ["registry"]
    assert {"read", "assess"} <= set(mspike.__all__)


def test_the_python_of_the_tutorial_page_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    write_demo_registry(tmp_path / "demo")
    said = _run("\n".join(blocks), tmp_path)
    assert "200 patients" in said
    assert "exposure: begun" in said
    assert "Progression-free survival" in (tmp_path / "pfs.svg").read_text()


def _run(program: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
