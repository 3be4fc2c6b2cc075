"""The few deliberately wrong rows, so that checking the demonstration registry finds something."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mspike.demo.sheets import patient_id


@dataclass(frozen=True)
class Slip:
    """In the third row of this analyte of this patient, the cell of `column` reads `written`."""

    patient: int
    analyte: str
    column: str
    written: str
    tells: str


SLIPS = (
    Slip(6, "ferritin", "unit", "mg/24h", "a ferritin in mg/24h, a unit of another dimension"),
    Slip(8, "haemoglobin", "value", "-11.2", "a haemoglobin of -11.2, a slip of the pen"),
    Slip(10, "ldh", "date", "2023-02-30", "an LDH on 2023-02-30, a day that does not exist"),
)


def with_slips(results: pl.DataFrame) -> pl.DataFrame:
    """The results with the slips of those patients who are in the registry."""
    for slip in SLIPS:
        named = (pl.col("patient_id") == patient_id(slip.patient)) & (pl.col("analyte") == slip.analyte)
        rows = results.select(named.arg_true()).to_series()
        if len(rows) > 2:
            column = results[slip.column].scatter(int(rows[2]), slip.written)
            results = results.with_columns(column)
    return results
