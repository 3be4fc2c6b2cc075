"""Small counts are not published, and nobody can recompute them from the totals.

Statistical offices call it cell suppression: the small cells (primary), and further ones (complementary) so that no
subtraction from a row's or a column's total gives a small one back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from mspike.errors import WrongUsage

Cell = tuple[int, int]
Table = list[list[int | None]]


def suppressed(
    table: pl.DataFrame,
    counts: Sequence[str],
    min_cell: int,
    *,
    within: str | None = None,
    beside: Mapping[str, Sequence[str]] | None = None,
) -> pl.DataFrame:
    """The table with its counts as text: "<K" for a small one, "≥K" for a larger one that would give it away.

    counts    columns of counts that add up to a row's total; totals are taken as known to the reader and not listed
    min_cell  K: counts from 1 to K - 1 are small. 0 or 1 suppresses nothing
    within    column that names the blocks whose rows add up to one total (the variable of a Table 1); else all rows do
    beside    further columns that tell a count (a percentage): emptied where it is suppressed

    1. A count from 1 to K - 1 is suppressed. 0 tells of nobody and stays, unless it is needed in step 2.
    2. While the total of a row or a column, with all that is shown, leaves a suppressed count only one value, the
       smallest count beside it is suppressed too. The bounds that "<K" and "≥K" tell are counted as known.
    3. Where a count is its own total (one row in a block, one column) nothing beside it can hide it.

    Not protected: differences between two tables of overlapping patients, and rare combinations told elsewhere.
    """
    _refuse(table, counts, min_cell)
    beside = beside or {}
    blocks = table.with_row_index("_row")
    rows = [block["_row"].to_list() for block in blocks.partition_by(within, maintain_order=True)] if within else []
    hidden: set[Cell] = set()
    for places in rows or [list(range(table.height))]:
        cells: Table = [list(row) for row in table.select(counts)[places].rows()]
        hidden |= {(places[row], column) for row, column in hidden_cells(cells, min_cell)}
    return table.with_columns(
        *(_shown(table[name], [r for r, c in hidden if c == at], min_cell) for at, name in enumerate(counts)),
        *(
            _emptied(table[other], [r for r, c in hidden if c == at])
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


def _shown(counts: pl.Series, hidden: list[int], min_cell: int) -> pl.Series:
    gone = set(hidden)
    texts = [
        None if n is None else (f"<{min_cell}" if n < min_cell else f"≥{min_cell}") if row in gone else str(n)
        for row, n in enumerate(counts.to_list())
    ]
    return pl.Series(counts.name, texts, dtype=pl.String)


def _emptied(column: pl.Series, hidden: list[int]) -> pl.Series:
    gone = pl.Series([row in set(hidden) for row in range(column.len())], dtype=pl.Boolean)
    return column.to_frame().select(pl.when(~gone).then(pl.col(column.name))).to_series()


def hidden_cells(cells: Table, min_cell: int) -> set[Cell]:
    """Which cells of one block are suppressed: (row, column). A cell that is None was never counted."""
    hidden = {(r, c) for r, row in enumerate(cells) for c, n in enumerate(row) if n is not None and 0 < n < min_cell}
    while given_away := next((cell for cell in sorted(hidden) if not _open(cells, hidden, cell, min_cell)), None):
        further = _further(cells, hidden, given_away, min_cell)
        if further is None:  # everything that could hide it is hidden
            return hidden
        hidden.add(further)
    return hidden


def _further(cells: Table, hidden: set[Cell], cell: Cell, min_cell: int) -> Cell | None:
    """The smallest shown count that hides the cell, a zero only where nothing else does.

    Where no single one does: the smallest of its row while it is alone there, else of its column, else of the table.
    """
    row, column = cell
    shown = [
        (r, c) for r, line in enumerate(cells) for c, n in enumerate(line) if n is not None and (r, c) not in hidden
    ]
    shown.sort(key=lambda p: (not cells[p[0]][p[1]], cells[p[0]][p[1]] or 0, p))
    enough = (p for p in shown if _open(cells, hidden | {p}, cell, min_cell))
    alone_in_row = sum(r == row for r, _ in hidden) < 2
    near = (p for p in shown if (p[0] == row if alone_in_row else p[1] == column))
    return next(enough, None) or next(near, None) or next(iter(shown), None)


def _open(cells: Table, hidden: set[Cell], cell: Cell, min_cell: int) -> bool:
    """Could the cell hold another value under the same totals?

    One cell up, another of its row down, another of that column up ...: the totals stay if the steps close to a ring.
    A value within its bounds ("<K" from 0 to K - 1, "≥K" from K) may take part. Rows or columns of which there is only
    one have no total to keep, so that a walk may begin and end there.
    """
    return any(_ring(cells, hidden, cell, min_cell, up=up) for up in (True, False))


def _ring(cells: Table, hidden: set[Cell], cell: Cell, min_cell: int, *, up: bool) -> bool:
    if not _may_move(cells, cell, min_cell, up=up):
        return False
    many_rows, many_columns = len(cells) > 1, len(cells[0]) > 1
    # A walk from the column of the cell, whose total is off, to its row. "free": a margin that nobody can add up.
    goal: object = ("row", cell[0]) if many_columns else "free"
    start: object = ("column", cell[1]) if many_rows else "free"
    waiting, seen = deque([start]), {start}
    while waiting:
        at = waiting.popleft()
        if at == goal:
            return True
        for other in hidden - {cell}:
            for end in _steps(cells, other, min_cell, at, up=up, margins=(many_rows, many_columns)):
                if end not in seen:
                    seen.add(end)
                    waiting.append(end)
    return False


def _steps(
    cells: Table, other: Cell, min_cell: int, at: object, *, up: bool, margins: tuple[bool, bool]
) -> Iterator[object]:
    """Where a change of another cell leads: from its column to its row by the opposite move, and back by the same."""
    row: object = ("row", other[0]) if margins[1] else "free"
    column: object = ("column", other[1]) if margins[0] else "free"
    if at == column and _may_move(cells, other, min_cell, up=not up):
        yield row
    if at == row and _may_move(cells, other, min_cell, up=up):
        yield column


def _may_move(cells: Table, cell: Cell, min_cell: int, *, up: bool) -> bool:
    n = cells[cell[0]][cell[1]]
    assert n is not None
    if n >= min_cell:
        return up or n > min_cell
    return n < min_cell - 1 if up else n > 0
