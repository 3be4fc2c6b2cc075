"""Words repeat: a column of them is read by reading each distinct word once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
import polars as pl

Read = TypeVar("Read", pl.Series, pl.DataFrame)


def by_word(column: pl.Series, read: Callable[[pl.Series], Read]) -> Read:
    """What `read` makes of each row's word.

    column  Categorical
    read    distinct words as text (the first of them is null, for rows without a word) to as many readings

    Returns one reading a row.
    """
    words = column.unique().drop_nulls()
    codes = words.to_physical().to_numpy()
    place = np.zeros(cast(int, words.to_physical().max() or 0) + 1, dtype=np.int64)
    place[codes] = np.arange(1, len(codes) + 1)
    at = place[column.to_physical().fill_null(0).to_numpy()]
    if column.null_count():
        at[column.is_null().to_numpy()] = 0
    return read(pl.concat([pl.Series([None], dtype=pl.String), words.cast(pl.String)]))[at]
