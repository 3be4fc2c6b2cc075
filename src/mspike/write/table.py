"""One table as a file: CSV or Parquet, by the ending of its name."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mspike.errors import WrongUsage


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as CSV can hold it: lists joined by ";"."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    return frame.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join(";") for name in lists)


def write_table(frame: pl.DataFrame, file: Path) -> None:
    """Writes the frame. Raises WrongUsage where the name ends neither in .csv nor in .parquet."""
    if file.suffix.lower() == ".csv":
        flat(frame).write_csv(file)
    elif file.suffix.lower() == ".parquet":
        frame.write_parquet(file)
    else:
        raise WrongUsage(f"--out {file}: expected a name that ends in .csv or .parquet.")
