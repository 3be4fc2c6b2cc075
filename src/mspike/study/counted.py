"""Counts of patients in columns side by side: all of them and the groups of a stratum; small ones kept back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mspike.cohort.disclosure import MARK, Arc, Cell, hidden_arcs
from mspike.cohort.strata import Stratum
from mspike.study.cells import NONE, share
from mspike.study.divided import ALL, divided

NOT_SHOWN = MARK
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
    sums    levels that are told together, each within the next
    closed  sums that must not be told: (place in `sums`, column)
    """

    levels: tuple[str, ...]
    n: tuple[tuple[int, ...], ...]
    hidden: frozenset[Cell]
    sums: tuple[frozenset[int], ...]
    closed: frozenset[Cell]

    def text(self, row: int, column: int = 0) -> str:
        """The count; MARK where it is kept back."""
        return MARK if (row, column) in self.hidden else str(self.n[row][column])

    def told(self, rows: Sequence[int], column: int = 0) -> int | None:
        """The sum of some levels; None where it is small or would, with what is shown, give a small one away."""
        asked = frozenset(rows)
        if len(asked) > 1 and asked in self.sums:
            kept = (self.sums.index(asked), column) in self.closed
        else:  # what everybody can add up
            kept = any((row, column) in self.hidden for row in asked)
        return None if kept else sum(self.n[row][column] for row in asked)


def counted(
    columns: Sequence[Column], levels: Levels, min_cell: int = 0, first: int = 0, sums: Sequence[Sequence[int]] = ()
) -> Counts:
    """Counts the levels of a partition: every patient of a column is in just one. Unknown is a level of its own.

    first  levels at the beginning whose sum other tables tell too, unless it is small or leaves few (responders)
    sums   levels that are told together (grade 3 or more), each within the next

    All patients (the first column) are told of alike beside whatever groups: what is hidden there does not depend on
    the groups.
    """
    held = [condition.fill_null(False) for _, condition in levels]  # an unknown condition holds in its own level
    asked = [condition.sum().cast(pl.Int64).alias(str(at)) for at, condition in enumerate(held)]
    by_column = [column.patients.select(asked).row(0) for column in columns]
    cells = tuple(zip(*by_column, strict=True))
    chain = sorted({frozenset(rows) for rows in (*sums, range(first)) if 1 < len(rows) < len(levels)}, key=len)
    words = tuple(words for words, _ in levels)
    if min_cell < 2 or not cells:
        return Counts(words, cells, frozenset(), tuple(chain), frozenset())
    everybody = _Network(cells, chain, [0])
    total, together = sum(row[0] for row in cells), sum(row[0] for row in cells[:first])
    safe = not (0 < together < min_cell or 0 < total - together < min_cell)
    fixed = {_name(chain, range(first))} if first and safe else set()
    hidden = hidden_arcs(everybody.arcs, min_cell, fixed=fixed, sums=everybody.sums)
    if len(columns) > 1:
        whole = _Network(cells, chain, range(len(columns)))
        unseen = {name for name in whole.arcs if not columns[name[2]].shown}
        own = {name for name in whole.arcs if not name[2]} - hidden
        hidden = hidden_arcs(whole.arcs, min_cell, always=hidden | unseen, fixed=own, sums=whole.sums)
    return Counts(
        words, cells, frozenset((at, column) for kind, at, column in hidden if kind == CELL), tuple(chain),
        frozenset((at, column) for kind, at, column in hidden if kind == SUM),
    )  # fmt: skip


CELL, SUM = "cell", "sum"


def _name(chain: Sequence[frozenset[int]], rows: Sequence[int]) -> tuple[str, int, int]:
    """Of all patients, the count that some levels add up to."""
    return (CELL, rows[0], 0) if len(rows) == 1 else (SUM, chain.index(frozenset(rows)), 0)


class _Network:
    """The counts of a table, the sums of levels among them, as `cohort.disclosure.hidden_arcs` takes them.

    In each column the total leads over the sums, the smaller within the larger, to the levels; where there are groups
    they add up, level by level, to the first column.
    """

    def __init__(self, cells: Sequence[Sequence[int]], chain: Sequence[frozenset[int]], columns: Sequence[int]) -> None:
        self.arcs: dict[tuple[str, int, int], Arc] = {}
        for column in columns:
            turned = column == 0 and len(columns) > 1
            for at, rows in enumerate(chain):
                n = sum(cells[row][column] for row in rows)
                self._add((SUM, at, column), (column, at + 1), (column, at), n, turned)
            for row, line in enumerate(cells):
                inside = next((at for at, rows in enumerate(chain) if row in rows), len(chain))
                end = ("level", row) if len(columns) > 1 else None
                self._add((CELL, row, column), (column, inside), end, line[column], turned)

    @property
    def sums(self) -> set[tuple[str, int, int]]:
        return {name for name in self.arcs if name[0] == SUM}

    def _add(self, name: tuple[str, int, int], start: object, end: object, n: int, turned: bool) -> None:
        self.arcs[name] = Arc(end, start, n) if turned else Arc(start, end, n)


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
