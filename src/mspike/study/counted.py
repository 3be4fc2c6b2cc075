"""Counts of patients in columns side by side: all of them and the groups of a stratum; small ones kept back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mspike.cohort.disclosure import Cell, hidden_cells
from mspike.cohort.strata import Stratum
from mspike.study.cells import NONE, share
from mspike.study.divided import ALL, divided

NOT_SHOWN = "not shown"
Levels = Sequence[tuple[str, pl.Expr]]


@dataclass(frozen=True)
class Column:
    """Patients that a table tells of in a column. Not shown: what is left of all of them beside the groups shown."""

    words: str
    patients: pl.DataFrame
    shown: bool = True

    @property
    def n(self) -> int:
        return self.patients.height

    @property
    def head(self) -> str:
        return f"{self.words}, n = {self.n:,}"


def columns_of(
    patients: pl.DataFrame, stratum: Stratum | None = None, min_cell: int = 0, words: str = ALL
) -> list[Column]:
    """All patients, then the groups of a stratum; groups too small to show together in a last column, not shown."""
    columns = [Column(words, patients)]
    if stratum is None or patients.is_empty():
        return columns
    parts = divided(patients, stratum, min_cell)
    columns += [Column(group.words, group.patients) for group in parts.groups]
    if parts.kept_back:
        text = pl.col(stratum.column).cast(pl.String)
        inside = [text.eq_missing(pl.lit(group.level, pl.String)) for group in parts.groups]
        columns.append(Column("", patients.filter(~pl.any_horizontal(pl.lit(False), *inside)), shown=False))
    return columns


@dataclass(frozen=True)
class Counts:
    """How many of each column are in each level of a partition; a level a row, a column of patients a column.

    hidden  cells that must not be told: small ones, and those that would give them away
    blocks  levels whose sum may be told: all of them, or some and the others
    closed  columns of which nothing is told
    """

    levels: tuple[str, ...]
    n: tuple[tuple[int, ...], ...]
    hidden: frozenset[Cell]
    blocks: tuple[range, ...]
    closed: frozenset[int]
    min_cell: int

    def text(self, row: int, column: int = 0) -> str:
        """The count; "<5" where it is small, "≥5" where it would give a small one away.

        In a group no bounds are told where the whole row is kept back: with those of all patients they could be solved.
        """
        if (row, column) not in self.hidden:
            return str(self.n[row][column])
        if column in self.closed or (column and (row, 0) in self.hidden):
            return NOT_SHOWN
        return f"<{self.min_cell}" if self.n[row][column] < self.min_cell else f"≥{self.min_cell}"

    def told(self, rows: Sequence[int], column: int = 0) -> int | None:
        """The sum of some levels; None where it is small or would, with what is shown, give a small one away."""
        if column in self.closed or (len(rows) == 1 and (rows[0], column) in self.hidden):
            return None
        for block in self.blocks:
            everything = {row for row, at in self.hidden if at == column and row in block}
            if everything & set(rows) not in (set(), everything):
                return None
            if (0, column) in _unsafe_sums(self.n, block, rows, self.min_cell):
                return None
        return sum(self.n[row][column] for row in rows)


def counted(
    columns: Sequence[Column], levels: Levels, min_cell: int = 0, first: int = 0, sums: Sequence[Sequence[int]] = ()
) -> Counts:
    """Counts the levels of a partition: every patient of a column is in just one. Unknown is a level of its own.

    first  levels at the beginning whose sum is to be told if it may be (responders): then they hide only each other
    sums   levels that mean something together (grade 3 or more): what is small of them is not to be found by adding
    """
    held = [condition.fill_null(False) for _, condition in levels]  # an unknown condition holds in its own level
    asked = [condition.sum().cast(pl.Int64).alias(str(at)) for at, condition in enumerate(held)]
    by_column = [column.patients.select(asked).row(0) for column in columns]
    cells = tuple(zip(*by_column, strict=True))
    blocks, closed = [range(len(levels))], set()
    if first:
        unsafe = _unsafe_sums(cells, blocks[0], range(first), min_cell)
        if not any(at == 0 for _, at in unsafe):  # so that all patients are told of alike beside whatever groups
            blocks, closed = [range(first), range(first, len(levels))], {at for _, at in unsafe}
    hidden = {(row, at) for row in range(len(levels)) for at in closed} | {
        (block[row], column)
        for block in blocks
        for row, column in hidden_beside_all([cells[row] for row in block], min_cell)
    }
    while further := _further(cells, hidden, blocks, sums, min_cell):
        hidden |= further
    words = tuple(words for words, _ in levels)
    return Counts(words, cells, frozenset(hidden), tuple(blocks), frozenset(closed), min_cell)


def _unsafe_sums(cells: Sequence[Sequence[int]], block: Sequence[int], rows: Sequence[int], min_cell: int) -> set[Cell]:
    """Of the sums of some levels (row 0) and of the others of their block (row 1): which must not be told?"""
    inside, outside = [row for row in block if row in rows], [row for row in block if row not in rows]
    if not inside or not outside:
        return set()
    sums = [[sum(cells[row][at] for row in part) for at in range(len(cells[0]))] for part in (inside, outside)]
    return hidden_beside_all(sums, min_cell)


def _further(
    cells: Sequence[Sequence[int]], hidden: set[Cell], blocks: Sequence[range], sums: Sequence[Sequence[int]], k: int
) -> set[Cell]:
    """A row to hide so that a sum that must not be told cannot be found: nothing of it, or of its rest, is hidden."""
    for block in blocks:
        for rows in sums:
            parts = [[row for row in block if row in rows], [row for row in block if row not in rows]]
            for _, column in sorted(_unsafe_sums(cells, block, rows, k)):
                for part in parts:
                    if not any((row, column) in hidden for row in part):
                        least = min(part, key=lambda row: (not cells[row][0], cells[row][0], row))
                        return {(least, at) for at in range(min(column, 1), len(cells[0]))}
    return set()


def hidden_beside_all(cells: Sequence[Sequence[int]], min_cell: int) -> set[Cell]:
    """Which cells are suppressed where the first column is the sum of the others (or stands alone)?

    Where a row of the first column must be hidden, so must the whole row: its groups add up to it. The other rows are
    hidden as `cohort.disclosure` does it, their sums over the groups being known.
    """
    if min_cell < 2 or not cells:
        return set()
    rows = {row for row, _ in hidden_cells([[line[0]] for line in cells], min_cell)}
    hidden = {(row, column) for row in rows for column in range(len(cells[0]))}
    open_ = [row for row in range(len(cells)) if row not in rows]
    if open_ and len(cells[0]) > 1:
        groups: list[list[int | None]] = [list(cells[row][1:]) for row in open_]
        hidden |= {(open_[row], column + 1) for row, column in hidden_cells(groups, min_cell)}
    return hidden


def counts_column(name: str, texts: Sequence[str | None], min_cell: int) -> pl.Series:
    """A column of counts for a file: numbers, and text only where small counts are kept back."""
    if min_cell > 1:
        return pl.Series(name, texts, dtype=pl.String)
    return pl.Series(name, [None if text is None else int(text) for text in texts], dtype=pl.Int64)


def count_of(text: str) -> int | None:
    """The count that a text tells; None where it is kept back."""
    return int(text) if text.isdigit() else None


def as_share(text: str, total: int | None) -> str:
    """12 / 52 (23 %) of a count that may be told; else its text alone."""
    return share(int(text), total) if text.isdigit() and total is not None else text


def quartiles(values: pl.Series) -> tuple[float, float, float] | None:
    """Lower quartile, median, upper quartile (linear between ranks, as R's default); None of nobody."""
    known = values.drop_nulls()
    if known.is_empty():
        return None
    low, middle, high = (known.quantile(at, "linear") for at in (0.25, 0.5, 0.75))
    assert low is not None and middle is not None and high is not None
    return float(low), float(middle), float(high)


def median_iqr(found: tuple[float, float, float] | None) -> str:
    """62 [55–68]"""
    return NONE if found is None else f"{plain(found[1])} [{plain(found[0])}–{plain(found[2])}]"


def plain(number: float) -> str:
    """At most one decimal, and none that is zero."""
    return f"{number:.1f}".removesuffix(".0")
