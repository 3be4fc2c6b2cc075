"""The rows as they are made, table by table; the columns are those that the record declares."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mspike.record.tables import TABLES, Table

_DATES = frozenset(name for table in TABLES.values() for name in table.dates)
PREFIX = "SYNTHETIC-"


def patient_id(number: int) -> str:
    return f"{PREFIX}{number:06d}"


class Sheets:
    """Collects rows column by column. Days from infusion become calendar dates when the frame is made."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, list[object]]] = {
            name: {column: [] for column in table.names} for name, table in TABLES.items()
        }
        self._patient_id, self._infusion = "", 0
        self._frames: dict[str, list[pl.DataFrame]] = {name: [] for name in TABLES}

    def open(self, number: int, infusion: int) -> None:
        """From here on rows belong to this patient."""
        self._patient_id, self._infusion = patient_id(number), infusion

    def add(self, table: str, **cells: object) -> None:
        """One row; dates are given as days from infusion."""
        self.add_rows(table, 1, **{name: [cell] for name, cell in cells.items()})

    def add_rows(self, table: str, rows: int, **cells: Sequence[object]) -> None:
        """Rows whose cells are given column by column; what is not given is empty."""
        columns = self._columns[table]
        if unknown := cells.keys() - columns.keys():
            raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}")
        nothing, whose = (None,) * rows, (self._patient_id,) * rows
        for name, column in columns.items():
            given: Sequence[object] = cells.get(name, nothing)
            if name == "patient_id":
                given = whose
            elif name in _DATES and given is not nothing:
                given = [None if day is None else self._infusion + int(day) for day in given]  # type: ignore[call-overload]
            column.extend(given)

    def close(self) -> None:
        """Packs the rows so far: Python lists of a whole registry are slow and large."""
        for table in TABLES.values():
            self._frames[table.name].append(self._packed(table))
            for cells in self._columns[table.name].values():
                cells.clear()

    def frame(self, table: Table) -> pl.DataFrame:
        """All closed rows of the table: text, with ISO dates, by patient and day."""
        return pl.concat(self._frames[table.name])

    def _packed(self, table: Table) -> pl.DataFrame:
        series = []
        for name, cells in self._columns[table.name].items():
            if name in table.dates:
                days = pl.Series(name, cells, dtype=pl.Int32)
                series.append(days.cast(pl.Date).cast(pl.String))
            else:
                texts = cells if table.name == "results" else [None if c is None else str(c) for c in cells]
                series.append(pl.Series(name, texts, dtype=pl.String))
        frame = pl.DataFrame(series)
        return frame.sort("patient_id", *table.dates[:1], maintain_order=True, nulls_last=True)
