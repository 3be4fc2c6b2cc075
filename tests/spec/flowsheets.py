"""Reads a flowsheet: a text table of amounts as reported, one row a situation, with the expected answer."""

from __future__ import annotations

import polars as pl

from mspike.record.amounts import UNBOUNDED, read_value

WORDS = {"true": True, "false": False, "": None}
FLAGS = ("by_serum", "by_urine", "by_dflc", "by_marrow", "by_lesion", "flc_measurable", "is_qiga")


def flowsheet(text: str, **facts: object) -> pl.DataFrame:
    """Columns of amounts become `_lo` and `_hi`; `facts` go to every row; `expected` is true, false or unknown."""
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.strip().splitlines()]
    head, rows = lines[0], [row for row in lines[1:] if not set(row[0]) <= {"-", ":"} or row[0] == ""]
    columns: dict[str, list] = {}
    for place, name in enumerate(head):
        cells = [row[place] for row in rows]
        if name == "expected" or name in FLAGS:
            columns[name] = [WORDS[c] for c in cells]
        else:
            bounds = [_interval(c) for c in cells]
            columns[f"{name}_lo"] = [b[0] for b in bounds]
            columns[f"{name}_hi"] = [b[1] for b in bounds]
    schema = {c: pl.Boolean if c == "expected" or c in FLAGS else pl.Int64 for c in columns}
    frame = pl.DataFrame(columns, schema=schema)
    return frame.with_columns(**{name: pl.lit(value) for name, value in facts.items()})


def _interval(text: str) -> tuple[int | None, int | None]:
    if not text:
        return None, None
    read = read_value(text)
    assert read.lo is not None, text
    if read.comparator == "<":
        return 0, read.lo - 1
    if read.comparator == ">":
        return read.lo, UNBOUNDED
    return read.lo, read.lo


def answers(frame: pl.DataFrame, asked: pl.Expr) -> list[bool | None]:
    return frame.with_columns(answer=asked)["answer"].to_list()
