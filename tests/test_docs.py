"""Is it documented? Rules, settings, columns, words and commands; and is what the documents show still so?"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
import typer.main

import mspike
from mspike.cli import app, main
from mspike.course.endpoints import ENDPOINTS
from mspike.course.tables import COURSE_FLAGS, MISSING
from mspike.demo import write_demo_registry
from mspike.knowledge.criteria import bibliography, criteria, editions
from mspike.record.analytes import ANALYTES
from mspike.record.tables import TABLES
from mspike.response.flags import FLAGS
from mspike.response.progression import LIMBS
from mspike.response.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PROSE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def generator() -> ModuleType:
    """docs/generate.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = generator()


def reference(name: str) -> str:
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    write_demo_registry(folder / "registry", 60)
    mspike.assess(folder / "registry", folder / "results")
    return folder / "results"


def test_the_committed_reference_is_what_the_declarations_give():
    made = GENERATE.pages()
    assert {p.name for p in (DOCS / "reference").glob("*.md")} == set(made), "run make docs"
    stale = [name for name, text in made.items() if reference(name) != text]
    assert stale == [], "run make docs"


@pytest.mark.parametrize("page", GENERATE.prose(), ids=lambda p: p.relative_to(DOCS).as_posix())
def test_the_output_that_a_page_shows_is_what_its_commands_print(page: Path):
    assert GENERATE.replayed(page) == page.read_text(encoding="utf-8"), "run make docs"


def test_every_column_of_a_registry_and_every_analyte_is_documented():
    tables, analytes = reference("registry-tables.md"), reference("analytes.md")
    for table in TABLES.values():
        section = tables.split(f"## {table.name}\n")[1].split("\n## ")[0]
        assert [c for c in table.names if f"| `{c}`" not in section] == []
    assert [a for a in ANALYTES if f"| `{a}` |" not in analytes] == []


def test_every_setting_is_documented():
    assert [s for s in Settings().as_text() if f"| `{s}` |" not in reference("settings.md")] == []


@pytest.mark.parametrize("edition", editions())
def test_every_rule_and_source_of_an_edition_is_documented(edition: str):
    page, sources = reference(f"rules-{edition}.md"), reference("sources.md")
    rules = criteria(edition).rules.values()
    assert [r.id for r in rules if f"## `{r.id}`" not in page or r.says not in page] == []
    assert [key for key in bibliography() if f"| `{key}` |" not in sources] == []


def test_every_command_and_option_is_documented():
    page = reference("commands.md")
    for name, command in GENERATE._leaves(typer.main.get_command(app)):
        section = page.split(f"## mspike {name}\n")[1].split("\n## ")[0]
        options = [o for p in command.params if p.name != "help" for o in p.opts if o.startswith("--")]
        assert [o for o in options if f"`{o}`" not in section] == [], name


def test_the_result_tables_have_the_documented_columns_in_their_order(results: Path):
    told = GENERATE.MEANINGS["tables"]
    written = {p.stem: pl.read_parquet_schema(p).names() for p in results.glob("*.parquet")}
    assert {name: list(table["columns"]) for name, table in told.items()} == written


@pytest.mark.parametrize(
    ("words", "declared"),
    [
        ("limbs", LIMBS),
        ("missing", MISSING),
        ("visit_flags", FLAGS),
        (
            "course_flags",
            [f for f in COURSE_FLAGS if f != "responded"],
        ),  # a fact of the course, never written as a flag
        ("endpoints", ENDPOINTS),
    ],
)
def test_every_word_of_a_list_is_documented(words: str, declared: list[str]):
    assert sorted(GENERATE.MEANINGS[words]) == sorted(declared)


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("courses", "failure_type", "failure_types"),
        ("endpoints", "reason", "reasons"),
        ("courses", "flags", "course_flags"),
        ("assessments", "flags", "visit_flags"),
        ("assessments", "missing", "missing"),
    ],
)
def test_every_word_that_is_written_is_documented(results: Path, table: str, column: str, words: str):
    written = pl.read_parquet(results / f"{table}.parquet")[column]
    if written.dtype == pl.List:
        written = written.explode(empty_as_null=True)
    assert set(written.drop_nulls()) <= set(GENERATE.MEANINGS[words])


def test_the_readme_states_the_intended_use_word_for_word():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert mspike.INTENDED_USE in readme


def test_the_python_of_the_readme_runs(tmp_path: Path):
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    write_demo_registry(tmp_path / "demo", 12)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block[1]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("page", PROSE, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_page_names_commands_files_and_pages_that_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    commands = set(re.findall(r"(?:`|^ +|^\$ )mspike ([a-z][a-z-]*)", text, re.MULTILINE))
    assert commands <= COMMANDS
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("edition", editions())
def test_a_decision_that_a_rule_names_exists(edition: str):
    named = {r.where for r in criteria(edition).rules.values() if r.where.startswith("docs/decisions/")}
    assert named
    assert [where for where in named if not list(DOCS.glob(where.removeprefix("docs/") + "-*.md"))] == []


def test_the_demonstration_prints_responses_failures_and_what_to_do_next(results: Path):
    registry = results.parent / "registry"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "demo.py"), str(registry), str(results)],
        capture_output=True, text=True, check=False, env={"PYTHONIOENCODING": "utf-8", "COLUMNS": "100"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in ("60 patients", "★ sCR", "✖ PD", "early relapse", "mspike explain", mspike.INTENDED_USE[:40]):
        assert words in done.stdout


def test_the_picture_of_the_readme_is_what_the_engine_gives(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "picture.py"), str(tmp_path / "timeline.svg")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "timeline.svg").read_text() == (DOCS / "assets" / "timeline.svg").read_text(), "run make picture"


def test_run_json_names_everything_that_made_the_results(results: Path):
    told = json.loads((results / "run.json").read_text())
    named = {"mspike", "edition", "settings", "settings_hash", "knowledge_hash", "input", "written", "intended_use"}
    assert named <= set(told)
    assert told["settings"] == Settings().as_text()


@pytest.mark.parametrize("verb", ["history", "safety", "why", "watch"])
def test_every_column_of_the_course_tables_has_a_meaning(verb, results, tmp_path, capsys):
    file = tmp_path / "table.parquet"
    with pytest.raises(SystemExit):
        main([verb, str(results.parent / "registry"), "--out", str(file)])
    assert pl.read_parquet(file).columns == list(GENERATE.COURSE[verb]["columns"])
