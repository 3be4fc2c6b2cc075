"""The language of a map: which sheet, which column, which codes. `mapfile` reads it from YAML.

docs/how-to/import-a-spreadsheet.md explains it with an example. It has no expressions: what it cannot say is a
finding, or belongs into a reader of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One sheet: its file, where its header stands, which column names the patient."""

    name: str
    file: str
    sheet: str
    header_row: int
    patient: str
    without_ending: str
    separator: str
    encoding: str
    empty: tuple[str, ...]


@dataclass(frozen=True)
class Condition:
    """A row counts only if this column holds one of these values, or lies within these bounds."""

    column: str
    values: tuple[str, ...] = ()
    bounds: tuple[tuple[str, str], ...] = ()  # (at_least | at_most | above | below, number)
    filled: str = ""  # yes | no


@dataclass(frozen=True)
class Code:
    """What a code of the source means; with `because` the reading is a judgement and each use is a finding."""

    text: str
    because: str = ""


@dataclass(frozen=True)
class Cell:
    """Where one column of a table comes from, and what is done to its text."""

    column: str = ""
    constant: str = ""
    wide: str = ""
    codes: tuple[tuple[str, Code], ...] = ()
    skip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()  # with any other code, or none, the row is no row of this block
    plus: int = 0
    negate: bool = False
    after: str = ""
    cap_at: str = ""
    date_format: str = ""
    because: str = ""
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class LandmarkRule:
    """The recorded last day free of progression, and who progressed on it: recorded days win over landmarks."""

    until: str
    progressed: tuple[Condition, ...]


@dataclass(frozen=True)
class Block:
    """Rows of one table from one sheet."""

    table: str
    where: str
    source: str
    join: tuple[str, ...]
    when: tuple[Condition, ...]
    cells: dict[str, Cell]
    wide: tuple[dict[str, Cell], ...] = ()
    prefix: str = ""
    combine: bool = False
    landmarks: LandmarkRule | None = None


@dataclass(frozen=True)
class Noted:
    """Columns whose facts have no dated place in the record: one finding a patient keeps them in sight."""

    where: str
    source: str
    columns: tuple[str, ...]
    problem: str
    severity: str
    says: str


@dataclass(frozen=True)
class Check:
    """What must agree within the source: two columns, or one of several columns being filled or holding a value."""

    where: str
    source: str
    join: tuple[str, ...]
    when: tuple[Condition, ...]
    problem: str
    severity: str
    says: str
    compare: tuple[str, str, str] | None = None  # column, relation, other column
    any_of: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Map:
    """A whole map file."""

    path: Path
    calendar: str
    sources: dict[str, Source]
    blocks: list[Block]
    noted: list[Noted]
    checks: list[Check]
    leave: dict[str, dict[str, str]] = field(default_factory=dict)
    leave_files: dict[str, str] = field(default_factory=dict)
