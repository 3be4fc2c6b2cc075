"""The nadir of each parameter: the lowest value from baseline to the visit before (rules.md 1.5)."""

from __future__ import annotations

import numpy as np
import polars as pl

NADIRS = ("serum_m", "urine_m_24h", "dflc", "marrow_plasma_cells", "circulating_plasma_cells")
NOTHING = 2**62  # above every amount: "no value yet" on the way through the arrays


def with_nadirs(sheet: pl.DataFrame, policy: str) -> pl.DataFrame:
    """Adds `<parameter>_nadir_lo/_hi`: the lowest value from baseline to the visit before. Rows lie by gid.

    lowest_observed: the lowest value. lowest_confirmed: the lowest level held at two consecutive measurements.
    """
    parts = [f"{name}_{part}" for name in NADIRS for part in ("lo", "hi")]
    # A parameter that nobody measured after baseline keeps its baseline as nadir.
    measured = [c for c in parts if sheet[c].null_count() < sheet.height]
    gid = sheet["gid"].to_numpy()
    values = _amounts(sheet, measured)
    if policy == "lowest_confirmed":
        # The marrow is not repeated to confirm anything: its lowest value stands under either policy.
        twice = [not c.startswith("marrow") for c in measured]
        values = np.where(twice, _held_twice(values, _amounts(sheet, [_base(c) for c in measured]), gid), values)
    lows = _lowest_before(values, gid)
    lowest = pl.DataFrame({c: lows[:, k] for k, c in enumerate(measured)}, schema=dict.fromkeys(measured, pl.Int64))
    lowest = lowest.select(pl.when(pl.col(c) < NOTHING).then(pl.col(c)).alias(f"_{c}") for c in measured)
    nadirs = [
        (pl.min_horizontal(f"_{c}", _base(c)) if c in measured else pl.col(_base(c))).alias(
            _base(c).replace("_base_", "_nadir_")
        )
        for c in parts
    ]
    return sheet.hstack(lowest).with_columns(nadirs).drop(lowest.columns)


def _base(column: str) -> str:
    name, part = column.rsplit("_", 1)
    return f"{name}_base_{part}"


def _amounts(sheet: pl.DataFrame, columns: list[str]) -> np.ndarray:
    values = sheet.select(columns).fill_null(NOTHING).to_numpy().astype(np.int64, copy=False)
    return values.reshape(sheet.height, len(columns))


def _held_twice(values: np.ndarray, base: np.ndarray, gid: np.ndarray) -> np.ndarray:
    """The level held at two consecutive measurements: the higher of this one and the one before, or the baseline."""
    row = np.arange(len(gid))[:, None]
    latest = np.maximum.accumulate(np.where(values < NOTHING, row, -1), axis=0)
    previous = np.vstack([np.full((1, values.shape[1]), -1), latest[:-1]])[: len(gid)]
    first = np.maximum.accumulate(np.where(np.append(True, gid[1:] != gid[:-1])[: len(gid)], row[:, 0], 0))[:, None]
    before = np.where(previous >= first, np.take_along_axis(values, np.maximum(previous, 0), axis=0), base)
    return np.where((values < NOTHING) & (before < NOTHING), np.maximum(values, before), NOTHING)


def _lowest_before(held: np.ndarray, gid: np.ndarray) -> np.ndarray:
    """The lowest value among the earlier rows of the same gid, NOTHING where there is none.

    All lines advance visit by visit at once: as many rounds as the longest line has visits, each a few array steps.
    """
    lowest = np.full_like(held, NOTHING)
    if not len(gid):
        return lowest
    start = np.flatnonzero(np.append(True, gid[1:] != gid[:-1]))
    length = np.diff(np.append(start, len(gid)))
    order = np.argsort(-length, kind="stable")
    start, length = start[order], length[order]
    low = np.full((len(start), held.shape[1]), NOTHING)
    for k in range(int(length[0])):
        active = int(np.searchsorted(-length, -k, side="left"))
        rows = start[:active] + k
        lowest[rows] = low[:active]
        low[:active] = np.minimum(low[:active], held[rows])
    return lowest
