"""Imports point down: no room knows of one that stands above it (design.md, the house)."""

from __future__ import annotations

import ast
from pathlib import Path

import mspike

HOUSE = Path(mspike.__file__).parent

# From the ground up; rooms of one row do not know each other. A room may import from the rows below it and from itself.
ROWS = (
    ("errors",),
    ("knowledge",),
    ("record",),
    ("read", "write", "demo"),
    ("engines",),  # the same work on every bucket, in threads or on a cluster
    ("response",),
    ("course",),
    ("asking",),  # one question, to a patient or bucket by bucket to a registry
    ("safety", "watch"),
    ("cohort",),
    ("figures",),
    ("study",),
    ("why",),
    ("options",),
    ("run", "report"),  # report reads what course derives; run writes it
    ("check",),  # the same steps as run
    ("packet",),
    ("store",),
    ("serve",),  # pages of what the rooms below told, computed once
    ("registry",),  # for notebooks: names a damaged file as check does
    ("arguments",),
    ("registry_verbs", "course_verbs", "options_verbs", "study_verbs", "serve_verbs", "case_verbs"),
    ("verbs",),
    ("cli",),
    ("__main__",),
)
RANK = {room: rank for rank, row in enumerate(ROWS) for room in row}
# Invented patients must not know how they will be judged.
ONLY = {"demo": {"record", "errors"}, "record": {"errors"}, "knowledge": {"errors"}, "errors": set()}


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The rooms a module imports from, also inside its functions; `from mspike import X` names no room."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "mspike":
            names = [f"mspike.{alias.name}" for alias in node.names if alias.name in RANK]
        rooms |= {name.split(".")[1] for name in names if name.startswith("mspike.")}
    return rooms


MODULES = [path for path in sorted(HOUSE.rglob("*.py")) if path != HOUSE / "__init__.py"]


def test_every_module_stands_in_a_known_room():
    assert sorted({room_of(path) for path in MODULES} - set(RANK)) == []


def test_every_module_imports_only_from_its_own_room_and_from_below():
    upward = [
        f"{path.relative_to(HOUSE)} imports {room}"
        for path in MODULES
        for room in imported(path)
        if room != room_of(path) and RANK[room] >= RANK[room_of(path)]
    ]
    assert upward == []


def test_the_rooms_at_the_ground_import_only_what_they_may():
    astray = [
        f"{path.relative_to(HOUSE)} imports {room}"
        for path in MODULES
        if (allowed := ONLY.get(room_of(path))) is not None
        for room in imported(path) - {room_of(path)} - allowed
    ]
    assert astray == []
