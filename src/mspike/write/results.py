"""Writes a result table bucket by bucket into one file."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import polars as pl

from mspike.write.table import flat


class TableWriter:
    """One table as Parquet, or CSV; the stamp is kept in the Parquet file."""

    def __init__(self, room: Path, name: str, csv: bool, stamp: str) -> None:
        self.path = room / f"{name}.{'csv' if csv else 'parquet'}"
        self.csv = csv
        self.stamp = stamp
        self.rows = 0
        self._parquet: Any = None
        self._text: IO[bytes] | None = None
        self._started = False

    def write(self, frame: pl.DataFrame) -> None:
        self.rows += frame.height
        if self.csv:
            if self._text is None:
                self._text = self.path.open("wb")  # kept open: volumes of a cluster may refuse to append
            flat(frame).write_csv(self._text, include_header=not self._started)
        else:
            import pyarrow.parquet as pq  # half a second that `mspike --help` need not pay

            # In one piece: of pieces, each with its own words, the file would tell how the rows came, not only which.
            table = frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
            if self._parquet is None:
                # Categories travel as dictionaries and are plain text to whoever reads the file.
                words = [name for name in table.schema.names if name != "inputs"]  # sentences hardly repeat
                # A reader looks patients up; statistics of other columns cost more than they save.
                self._parquet = pq.ParquetWriter(
                    self.path, table.schema, compression="lz4", use_dictionary=words, store_schema=False,
                    write_statistics=["patient_id"],
                )  # fmt: skip
            self._parquet.write_table(table)
        self._started = True

    def close(self) -> int:
        if self._text is not None:
            self._text.close()
        if self._parquet is not None:
            self._parquet.add_key_value_metadata({"mspike": self.stamp})
            self._parquet.close()
        return self.rows
