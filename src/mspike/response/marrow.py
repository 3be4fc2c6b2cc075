"""The marrow that CR stands on: once below 5 %, carried forward until a later marrow or progression (rules.md M3)."""

from __future__ import annotations

import polars as pl

_CARRIED = {
    "cr_marrow_lo": pl.col("marrow_plasma_cells_lo"),
    "cr_marrow_hi": pl.col("marrow_plasma_cells_hi"),
    "cr_marrow_day": pl.col("marrow_plasma_cells_day"),
    "cr_cell_ratio": pl.col("cell_ratio_lo"),
    "cr_clonal": pl.col("clonal_state"),
}


def with_carried_marrow(sheet: pl.DataFrame) -> pl.DataFrame:
    """Adds the marrow in force at each visit (cr_marrow_lo, _hi, _day) and the clonality of that same marrow.

    Needs the progression limbs: a marrow from before a progression says nothing about what came after it.
    """
    taken = pl.col("marrow_plasma_cells_lo").is_not_null()
    if not sheet.select(taken.any()).item():
        return sheet.with_columns(e.alias(name) for name, e in _CARRIED.items())
    pd = pl.any_horizontal(c for c in sheet.columns if c.startswith("pd_")).fill_null(False)
    # Unknown progression does not void a marrow; only a progression that was seen does.
    sheet = sheet.with_columns(
        _pd_count=pd.cast(pl.Int32).cum_sum().over("gid"),
        _taken=pl.when(taken).then(pl.int_range(pl.len(), dtype=pl.Int64)),
    ).with_columns(_from=pl.col("_taken").forward_fill().over("gid", "_pd_count"))
    return sheet.with_columns(
        e.gather(pl.col("_from").fill_null(0)).alias(f"_{name}") for name, e in _CARRIED.items()
    ).with_columns(
        pl.when(pl.col("_from").is_not_null()).then(pl.col(f"_{name}")).alias(name) for name in _CARRIED
    ).drop("_pd_count", "_taken", "_from", *(f"_{name}" for name in _CARRIED))  # fmt: skip
