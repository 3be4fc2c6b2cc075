"""Small counts are not published, and nobody can recompute them from the totals.

Statistical offices call it cell suppression: the small cells (primary), and further ones (complementary) so that no
subtraction from a row's or a column's total gives a small one back. One mark for both: it tells only that the count is
at least 0. Counts and the sums they add up to are read as a network in which each count leads from one sum to another;
a hidden count can have another value if a change of it can be led round in a ring of hidden counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import polars as pl

from mspike.errors import WrongUsage

MARK = "*"
Cell = tuple[int, int]
Name = TypeVar("Name", bound=Hashable)
Table = Sequence[Sequence[int | None]]


class Arc(NamedTuple):
    """A count that leads from one sum to another.

    Of each sum the reader knows what the counts that leave it have more than those that come to it: the total of a row
    or of a column, or nothing more where one count is made up of the others. None: nothing is known of a sum there.
    """

    start: Hashable
    end: Hashable
    n: int


def suppressed(
    table: pl.DataFrame,
    counts: Sequence[str],
    min_cell: int,
    *,
    within: str | None = None,
    beside: Mapping[str, Sequence[str]] | None = None,
) -> pl.DataFrame:
    """The table with its counts as text: MARK for a small one, and for a larger one that would give it away.

    counts    columns of counts that add up to a row's total; totals are taken as known to the reader and not listed
    min_cell  K: counts from 1 to K - 1 are small. 0 or 1 suppresses nothing
    within    column that names the blocks whose rows add up to one total (the variable of a Table 1); else all rows do
    beside    further columns that tell a count (a percentage): emptied where it is suppressed

    See `hidden_arcs` for the rules. Where a count is its own total (one row in a block, one column) nothing beside it
    can hide it. Not protected: differences between two tables of overlapping patients, and rare combinations told
    elsewhere.
    """
    _refuse(table, counts, min_cell)
    beside = beside or {}
    blocks = table.with_row_index("_row")
    rows = [block["_row"].to_list() for block in blocks.partition_by(within, maintain_order=True)] if within else []
    hidden: set[Cell] = set()
    for places in rows or [list(range(table.height))]:
        cells = [list(row) for row in table.select(counts)[places].rows()]
        hidden |= {(places[row], column) for row, column in hidden_cells(cells, min_cell)}
    return table.with_columns(
        *(_shown(table[name], {r for r, c in hidden if c == at}) for at, name in enumerate(counts)),
        *(
            _emptied(table[other], {r for r, c in hidden if c == at})
            for at, name in enumerate(counts)
            for other in beside.get(name, ())
        ),
    )


def _refuse(table: pl.DataFrame, counts: Sequence[str], min_cell: int) -> None:
    if min_cell < 0:
        raise WrongUsage(f"--min-cell {min_cell}: expected a whole number from 0.")
    for name in counts:
        if not table[name].dtype.is_integer():
            raise WrongUsage(f"The column {name} holds {table[name].dtype} and no counts.")


def _shown(counts: pl.Series, hidden: set[int]) -> pl.Series:
    texts = [None if n is None else MARK if row in hidden else str(n) for row, n in enumerate(counts.to_list())]
    return pl.Series(counts.name, texts, dtype=pl.String)


def _emptied(column: pl.Series, hidden: set[int]) -> pl.Series:
    gone = pl.Series([row in hidden for row in range(column.len())], dtype=pl.Boolean)
    return column.to_frame().select(pl.when(~gone).then(pl.col(column.name))).to_series()


def hidden_cells(cells: Table, min_cell: int, always: Iterable[Cell] = ()) -> set[Cell]:
    """Which cells of one block are suppressed: (row, column). A cell that is None was never counted.

    always  cells that are hidden for another reason
    The totals of rows and of columns are known; rows or columns of which there is only one have none.
    """
    many_rows, many_columns = len(cells) > 1, len(cells) > 0 and len(cells[0]) > 1
    arcs = {
        (r, c): Arc(("column", c) if many_rows else None, ("row", r) if many_columns else None, n)
        for r, row in enumerate(cells)
        for c, n in enumerate(row)
        if n is not None
    }
    return hidden_arcs(arcs, min_cell, always=[cell for cell in always if cell in arcs])


def hidden_arcs(
    arcs: Mapping[Name, Arc],
    min_cell: int,
    *,
    always: Iterable[Name] = (),
    fixed: Collection[Name] = (),
    sums: Collection[Name] = (),
) -> set[Name]:
    """Which counts are suppressed, so that neither a small one nor a small sum of them can be worked out?

    always  counts that are not told for another reason
    fixed   counts that are told elsewhere and so cannot be hidden here
    sums    counts that are sums of others: where one is hidden, what it parts is added up together

    1. A count from 1 to K - 1 is suppressed. 0 tells of nobody and stays, unless it is needed in step 3.
    2. The suppressed counts beside one known total add up to 0 or to K at least; else the smallest one beside them
       that is not 0 is suppressed too.
    3. While all that is shown leaves a small suppressed count only one value, the smallest count that hides it is
       suppressed too, a zero only where nothing else does.
    """
    if min_cell < 2:
        return set()
    hidden = {name for name, arc in arcs.items() if 0 < arc.n < min_cell and name not in fixed} | set(always)
    settled: set[Hashable] = set()  # nothing is left that could hide them
    while True:
        few = next((place for place in _small_sums(arcs, hidden, min_cell, sums) if place not in settled), None)
        given = (
            None
            if few
            else next((n for n in arcs if n not in settled and _given_away(arcs, hidden, n, min_cell)), None)
        )
        if few is not None:
            further = _beside(arcs, hidden, fixed, few)
        elif given is not None:
            further = _hiding(arcs, hidden, fixed, given)
        else:
            return hidden
        if further is None:
            settled.add(few if few is not None else given)
        else:
            hidden.add(further)
            settled.clear()


def _small_sums(
    arcs: Mapping[Name, Arc], hidden: Collection[Name], min_cell: int, sums: Collection[Name]
) -> list[frozenset[Hashable]]:
    """The totals beside which the suppressed counts add up to a small number; several where a hidden sum joins them."""
    joined: dict[Hashable, frozenset[Hashable]] = {}
    for name in arcs:
        if name in hidden and name in sums:
            start, end = arcs[name][:2]
            both = joined.get(start, frozenset([start])) | joined.get(end, frozenset([end]))
            joined.update(dict.fromkeys(both, both))
    leaving: dict[frozenset[Hashable], int] = {}
    coming: dict[frozenset[Hashable], int] = {}
    for name in arcs:
        if name in hidden:
            start, end = (joined.get(node, frozenset([node])) for node in arcs[name][:2])
            if start != end:
                leaving[start] = leaving.get(start, 0) + arcs[name].n
                coming[end] = coming.get(end, 0) + arcs[name].n
    alone = [(place, n) for place, n in leaving.items() if place not in coming]
    alone += [(place, n) for place, n in coming.items() if place not in leaving]
    return [place for place, n in alone if None not in place and 0 < n < min_cell]


def _beside(
    arcs: Mapping[Name, Arc], hidden: Collection[Name], fixed: Collection[Name], totals: frozenset[Hashable]
) -> Name | None:
    """The smallest count beside these totals that is shown and not 0."""
    shown = [
        (arc.n, place, name)
        for place, (name, arc) in enumerate(arcs.items())
        if (arc.start in totals) != (arc.end in totals) and arc.n and name not in hidden and name not in fixed
    ]
    return min(shown)[2] if shown else None


def _hiding(arcs: Mapping[Name, Arc], hidden: set[Name], fixed: Collection[Name], name: Name) -> Name | None:
    """The smallest shown count that hides another; where no single one does, the smallest near it, then of all."""
    ends = {node for node in arcs[name][:2] if node is not None}
    shown = [other for other in arcs if other not in hidden and other not in fixed]
    shown.sort(key=lambda other: (not arcs[other].n, arcs[other].n))
    enough = (other for other in shown if _moves(arcs, hidden | {other}, name))
    near = (other for other in shown if ends & set(arcs[other][:2]))
    return next(enough, None) or next(near, None) or next(iter(shown), None)


def _given_away(arcs: Mapping[Name, Arc], hidden: Collection[Name], name: Name, min_cell: int) -> bool:
    return name in hidden and 0 < arcs[name].n < min_cell and not _moves(arcs, hidden, name)


def _moves(arcs: Mapping[Name, Arc], hidden: Collection[Name], name: Name) -> bool:
    """Could the count be one more, or one less, while every known sum stays?

    What it adds to the sum at its end must be led back to its start by other hidden counts: along one by adding to it,
    against one by taking from it, which a count of 0 does not allow.
    """
    start, end, n = arcs[name]
    ways: dict[Hashable, list[Hashable]] = {}
    for other in hidden:
        if other != name:
            ways.setdefault(arcs[other].start, []).append(arcs[other].end)
            if arcs[other].n:
                ways.setdefault(arcs[other].end, []).append(arcs[other].start)
    return _leads(ways, end, start) or (n > 0 and _leads(ways, start, end))


def _leads(ways: Mapping[Hashable, Sequence[Hashable]], start: Hashable, goal: Hashable) -> bool:
    waiting, seen = deque([start]), {start}
    while waiting:
        at = waiting.popleft()
        if at == goal:
            return True
        for following in ways.get(at, ()):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return False
