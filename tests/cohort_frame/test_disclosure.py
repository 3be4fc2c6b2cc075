"""Small counts are suppressed, and no subtraction gives one back. All counts here are invented (SYNTHETIC)."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mspike.cohort.disclosure import Arc, hidden_arcs, hidden_cells, suppressed
from mspike.errors import WrongUsage


def table(*rows: tuple[str, int | None, int | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"level": pl.String, "ide": pl.Int64, "cilta": pl.Int64}, orient="row")


def shown(frame: pl.DataFrame, k: int, **more) -> list[tuple]:
    return suppressed(frame, ["ide", "cilta"], k, **more).rows()


def test_a_small_count_is_hidden_with_a_partner_in_its_row_and_in_its_column():
    frame = table(("yes", 3, 20), ("no", 30, 40), ("unclear", 50, 60))
    assert shown(frame, 5) == [("yes", "*", "*"), ("no", "*", "*"), ("unclear", "50", "60")]


def test_the_limit_itself_is_shown_and_one_below_it_is_not():
    column = pl.DataFrame({"n": [5, 9, 30]})
    assert suppressed(column, ["n"], 5)["n"].to_list() == ["5", "9", "30"]
    assert suppressed(column, ["n"], 6)["n"].to_list() == ["*", "*", "30"]


def test_nothing_is_hidden_without_a_limit_or_without_a_small_count():
    frame = table(("yes", 3, 20), ("no", 0, 40))
    for k in (0, 1):
        assert shown(frame, k) == [("yes", "3", "20"), ("no", "0", "40")]
    assert shown(table(("yes", 0, 9), ("no", 7, 0)), 5) == [("yes", "0", "9"), ("no", "7", "0")]


def test_two_small_counts_that_hide_each_other_need_no_third():
    column = pl.DataFrame({"n": [2, 3, 30]})
    assert suppressed(column, ["n"], 5)["n"].to_list() == ["*", "*", "30"]


def test_hidden_counts_that_are_few_together_take_a_third():
    """1 + 2 = 3: who subtracts what is shown from the total finds three. The next smallest goes too, not a 0."""
    column = pl.DataFrame({"n": [1, 2, 0, 30, 40]})
    assert suppressed(column, ["n"], 5)["n"].to_list() == ["*", "*", "0", "*", "40"]


def test_one_mark_tells_no_bounds():
    """4 + 4 = 8: with bounds of 4 each both would be certain; with one mark they are anything from 0 to 8."""
    column = pl.DataFrame({"n": [4, 4, 30, 40]})
    assert suppressed(column, ["n"], 5)["n"].to_list() == ["*", "*", "30", "40"]


def test_a_sum_that_is_told_elsewhere_is_not_hidden_to_protect_what_it_holds():
    """35 = 3 + 20 + 12 are told together: 12 hides the 3. Untied, the sum itself (35) is no smaller than 20."""
    arcs = {
        "sum": Arc("all", "responders", 35), "other": Arc("all", None, 7), "sCR": Arc("responders", None, 3),
        "CR": Arc("responders", None, 20), "PR": Arc("responders", None, 12),
    }  # fmt: skip
    assert hidden_arcs(arcs, 5, fixed=["sum"], sums=["sum"]) == {"sCR", "PR"}


def test_a_hidden_sum_does_not_part_what_is_added_up_over_it():
    """1 of 'grade 4' within a hidden 'grade 3 or more' and 1 of 'grade 2' beside it: 40 - 38 tells two patients."""
    arcs = {
        "severe": Arc("any", "severe", 1), "grade 4": Arc("severe", None, 1), "grade 2": Arc("any", None, 1),
        "grade 1": Arc("any", None, 38),
    }  # fmt: skip
    assert hidden_arcs(arcs, 5, sums=["severe"]) == {"severe", "grade 4", "grade 2", "grade 1"}


def test_blocks_are_totalled_apart():
    frame = table(("sex", 3, 20), ("sex", 30, 40), ("emd", 9, 8), ("emd", 7, 6))
    told = shown(frame, 5, within="level")
    assert told[:2] == [("sex", "*", "*"), ("sex", "*", "*")]
    assert told[2:] == [("emd", "9", "8"), ("emd", "7", "6")]


def test_percentages_beside_a_hidden_count_are_emptied():
    frame = pl.DataFrame({"n": [2, 9, 30], "percent": [4.9, 22.0, 73.2]})
    told = suppressed(frame, ["n"], 5, beside={"n": ["percent"]})
    assert told.rows() == [("*", None), ("*", None), ("30", 73.2)]


def test_a_count_that_was_never_made_stays_empty():
    assert shown(table(("yes", None, 20), ("no", 30, 40)), 5) == [("yes", None, "20"), ("no", "30", "40")]


def test_an_empty_table_stays_empty():
    assert suppressed(table(), ["ide", "cilta"], 5).height == 0


def test_what_is_no_count_is_refused():
    with pytest.raises(WrongUsage, match="level"):
        suppressed(table(("yes", 1, 2)), ["level"], 5)
    with pytest.raises(WrongUsage, match="-1"):
        suppressed(table(("yes", 1, 2)), ["ide"], -1)


def solutions(cells: list[list[int]], hidden: set[tuple[int, int]]) -> list[dict[tuple[int, int], int]]:
    """Every way to fill the hidden cells, each at least 0, under the totals of rows and columns: by trying them all."""
    order = sorted(hidden)
    rows, columns = _totals(cells)
    most = [min([*(rows[r : r + 1]), *(columns[c : c + 1])], default=0) for r, c in order]
    wanted = _totals(cells)
    found = []
    for values in itertools.product(*(range(top + 1) for top in most)):
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
def test_no_small_hidden_count_and_no_small_sum_has_a_single_solution(cells: list[list[int]], k: int):
    """Against trying every filling: a small count is never certain, unless all that could hide it is hidden or 0."""
    hidden = hidden_cells([list(row) for row in cells], k)
    assert all((r, c) in hidden for r, row in enumerate(cells) for c, n in enumerate(row) if 0 < n < k)
    rows, columns = _totals(cells)
    for at, total in [(("row", r), n) for r, n in enumerate(rows)] + [
        (("column", c), n) for c, n in enumerate(columns)
    ]:
        own = [(r, c) for r, c in hidden if (r if at[0] == "row" else c) == at[1]]
        together = sum(cells[r][c] for r, c in own)
        assert together == 0 or together >= k or together == total, (cells, hidden, at)
    everything = {(r, c) for r, row in enumerate(cells) for c in range(len(row))}
    if hidden == everything or not hidden or len(hidden) > 6:
        return
    found = solutions(cells, hidden)
    for r, c in hidden:
        if 0 < cells[r][c] < k:
            assert len({one[r, c] for one in found}) > 1, (cells, hidden, (r, c))
