"""Small counts are suppressed, and no subtraction gives one back. All counts here are invented (SYNTHETIC)."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mspike.cohort.disclosure import hidden_cells, suppressed
from mspike.errors import WrongUsage


def table(*rows: tuple[str, int | None, int | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"level": pl.String, "ide": pl.Int64, "cilta": pl.Int64}, orient="row")


def shown(frame: pl.DataFrame, k: int, **more) -> list[tuple]:
    return suppressed(frame, ["ide", "cilta"], k, **more).rows()


def test_a_small_count_is_hidden_with_a_partner_in_its_row_and_in_its_column():
    frame = table(("yes", 3, 20), ("no", 30, 40), ("unclear", 50, 60))
    assert shown(frame, 5) == [("yes", "<5", "≥5"), ("no", "≥5", "≥5"), ("unclear", "50", "60")]


def test_the_limit_itself_is_shown_and_one_below_it_is_not():
    column = pl.DataFrame({"n": [5, 9, 30]})
    assert suppressed(column, ["n"], 5)["n"].to_list() == ["5", "9", "30"]
    assert suppressed(column, ["n"], 6)["n"].to_list() == ["<6", "≥6", "30"]


def test_nothing_is_hidden_without_a_limit_or_without_a_small_count():
    frame = table(("yes", 3, 20), ("no", 0, 40))
    for k in (0, 1):
        assert shown(frame, k) == [("yes", "3", "20"), ("no", "0", "40")]
    assert shown(table(("yes", 0, 9), ("no", 7, 0)), 5) == [("yes", "0", "9"), ("no", "7", "0")]


def test_two_small_counts_that_hide_each_other_need_no_third():
    column = pl.DataFrame({"n": [2, 3, 30]})
    assert suppressed(column, ["n"], 5)["n"].to_list() == ["<5", "<5", "30"]


def test_a_partner_that_leaves_one_value_is_not_enough():
    """4 + 4 = 8 is the largest sum of two counts below 5: the total tells both, and a third count goes too."""
    column = pl.DataFrame({"n": [4, 4, 30, 40]})
    assert suppressed(column, ["n"], 5)["n"].to_list() == ["<5", "<5", "≥5", "40"]


def test_a_complement_exactly_at_the_limit_can_still_be_told_by_the_bounds():
    """1 beside 5 with a total of 6: the pair could be (0, 6) or (1, 5); zero is within "<5", so neither is certain."""
    column = pl.DataFrame({"n": [1, 5, 30]})
    assert suppressed(column, ["n"], 5)["n"].to_list() == ["<5", "≥5", "30"]


def test_blocks_are_totalled_apart():
    frame = table(("sex", 3, 20), ("sex", 30, 40), ("emd", 9, 8), ("emd", 7, 6))
    told = shown(frame, 5, within="level")
    assert told[:2] == [("sex", "<5", "≥5"), ("sex", "≥5", "≥5")]
    assert told[2:] == [("emd", "9", "8"), ("emd", "7", "6")]


def test_percentages_beside_a_hidden_count_are_emptied():
    frame = pl.DataFrame({"n": [2, 9, 30], "percent": [4.9, 22.0, 73.2]})
    told = suppressed(frame, ["n"], 5, beside={"n": ["percent"]})
    assert told.rows() == [("<5", None), ("≥5", None), ("30", 73.2)]


def test_a_count_that_was_never_made_stays_empty():
    assert shown(table(("yes", None, 20), ("no", 30, 40)), 5) == [("yes", None, "20"), ("no", "30", "40")]


def test_an_empty_table_stays_empty():
    assert suppressed(table(), ["ide", "cilta"], 5).height == 0


def test_what_is_no_count_is_refused():
    with pytest.raises(WrongUsage, match="level"):
        suppressed(table(("yes", 1, 2)), ["level"], 5)
    with pytest.raises(WrongUsage, match="-1"):
        suppressed(table(("yes", 1, 2)), ["ide"], -1)


def solutions(cells: list[list[int]], hidden: set[tuple[int, int]], k: int) -> list[dict[tuple[int, int], int]]:
    """Every way to fill the hidden cells under the totals of rows and columns: by trying them all."""
    order = sorted(hidden)
    most = sum(map(sum, cells))
    ranges = [range(k) if cells[r][c] < k else range(k, most + 1) for r, c in order]
    wanted = _totals(cells)
    found = []
    for values in itertools.product(*ranges):
        tried = [list(row) for row in cells]
        for (r, c), value in zip(order, values, strict=True):
            tried[r][c] = value
        if _totals(tried) == wanted:
            found.append(dict(zip(order, values, strict=True)))
    return found


def _totals(cells: list[list[int]]) -> tuple[list[int], list[int]]:
    rows = [sum(row) for row in cells] if len(cells[0]) > 1 else []
    columns = [sum(column) for column in zip(*cells, strict=True)] if len(cells) > 1 else []
    return rows, columns


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(st.integers(0, 6), min_size=width, max_size=width), min_size=2, max_size=3)
    ),
    st.integers(2, 4),
)
def test_no_hidden_count_has_a_single_solution(cells: list[list[int]], k: int):
    """Against trying every filling: a hidden count is never certain, unless the whole block is hidden."""
    hidden = hidden_cells([list(row) for row in cells], k)
    everything = {(r, c) for r, row in enumerate(cells) for c in range(len(row))}
    assert all((r, c) in hidden for r, row in enumerate(cells) for c, n in enumerate(row) if 0 < n < k)
    if hidden == everything or not hidden or len(hidden) > 6:
        return
    found = solutions(cells, hidden, k)
    for cell in hidden:
        assert len({one[cell] for one in found}) > 1, (cells, hidden, cell)
