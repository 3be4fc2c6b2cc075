"""Writes the benchmark registry: patients, treatments and results as Parquet, large and simple.

    python bench/make_bench.py DIR --patients 100000 --visits 24 [--shuffled]

Values come from a falling and a rising exponential a patient, drawn in vectors; the demonstration registry in
`mspike demo-registry` is the one with clinical detail. All data are invented.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mspike.record.tables import PATIENTS, RESULTS, TREATMENTS

ROW_GROUP = 250_000
PATIENTS_A_CHUNK = 5_000
BASELINE_DAY, INTERVAL_DAYS = -7, 28
FIRST_INFUSION = (dt.date(2021, 1, 1) - dt.date(1970, 1, 1)).days
UNITS = {
    "serum_m": "g/dL",
    "urine_m_24h": "mg/24h",
    "kappa_flc": "mg/L",
    "lambda_flc": "mg/L",
    "serum_ife": None,
    "urine_ife": None,
}
Grid = npt.NDArray[np.float64]


def write_bench_registry(
    folder: Path, patients: int, visits: int = 24, seed: int = 1, shuffled: bool = False
) -> dict[str, int]:
    """Writes `patients` x `visits` x 6 results; returns the rows of each table.

    The first visit is the baseline on day -7, the others follow every 28 days. Rows are sorted by patient and date,
    or in random order over the whole file if `shuffled` (then all rows are held in memory once).
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("patients", "treatments", "results"):
        (folder / f"{name}.parquet").unlink(missing_ok=True)
    rng = np.random.default_rng([seed, 0])
    infusion = FIRST_INFUSION + rng.integers(0, 700, patients)
    _patients(infusion, visits).write_parquet(folder / "patients.parquet")
    _treatments(infusion).write_parquet(folder / "treatments.parquet")
    chunks = _result_chunks(infusion, visits, seed)
    _write_results(_shuffled(chunks, seed) if shuffled else chunks, folder / "results.parquet")
    return {"patients": patients, "treatments": 3 * patients, "results": patients * visits * len(UNITS)}


def _ids(first: int, count: int) -> pl.Series:
    number = pl.Series(np.arange(first, first + count)).cast(pl.String).str.zfill(7)
    return ("SYNTHETIC-" + number).alias("patient_id")


def _declared(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """The frame with every declared column in its order; what it lacks is empty text."""
    missing = [pl.lit(None, pl.String).alias(name) for name in names if name not in frame.columns]
    return frame.with_columns(missing).select(names)


def _patients(infusion: npt.NDArray[np.int64], visits: int) -> pl.DataFrame:
    last = pl.Series(infusion + BASELINE_DAY + INTERVAL_DAYS * visits).cast(pl.Int32).cast(pl.Date)
    frame = pl.DataFrame({"patient_id": _ids(1, len(infusion)), "last_contact_date": last}).with_columns(
        heavy_chain=pl.lit("IgG"), light_chain=pl.lit("kappa")
    )
    return _declared(frame, PATIENTS.names)


def _treatments(infusion: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Two agents of lymphodepletion from day -5 to -3, and the infusion on day 0."""
    days = np.stack([infusion - 5, infusion - 5, infusion], axis=1).ravel()
    ends = np.stack([infusion - 3, infusion - 3, infusion], axis=1).ravel()
    count = len(infusion)
    frame = pl.DataFrame(
        {
            "patient_id": _ids(1, count).gather(np.repeat(np.arange(count), 3)),
            "start_date": pl.Series(days).cast(pl.Int32).cast(pl.Date),
            "end_date": pl.Series(ends).cast(pl.Int32).cast(pl.Date),
            "agent": ["fludarabine", "cyclophosphamide", "ide-cel"] * count,
            "role": ["lymphodepletion", "lymphodepletion", "infusion"] * count,
        }
    ).with_columns(line=pl.lit(1, pl.Int32))
    return _declared(frame, TREATMENTS.names)


def _result_chunks(infusion: npt.NDArray[np.int64], visits: int, seed: int) -> Iterator[pl.DataFrame]:
    for first in range(0, len(infusion), PATIENTS_A_CHUNK):
        here = infusion[first : first + PATIENTS_A_CHUNK]
        yield _results(first, here, visits, np.random.default_rng([seed, 1, first]))


def _results(first: int, infusion: npt.NDArray[np.int64], visits: int, rng: np.random.Generator) -> pl.DataFrame:
    """Sorted by patient, date and analyte: patients x visits x analytes, raveled in that order."""
    count, kinds = len(infusion), len(UNITS)
    levels = _levels(count, visits, rng)
    day = infusion[:, None] + BASELINE_DAY + INTERVAL_DAYS * np.arange(visits)
    texts = _texts(levels, rng)
    rows = np.arange(count * visits * kinds)
    order = pl.DataFrame(
        {
            "patient_id": _ids(first + 1, count).gather(rows // (visits * kinds)),
            "date": pl.Series(np.repeat(day.ravel(), kinds)).cast(pl.Int32).cast(pl.Date),
            "analyte": pl.Series(list(UNITS)).gather(rows % kinds),
            "value": pl.Series(texts).gather((rows % kinds) * (count * visits) + rows // kinds),
            "unit": pl.Series(list(UNITS.values())).gather(rows % kinds),
        }
    )
    return _declared(order, RESULTS.names)


def _levels(count: int, visits: int, rng: np.random.Generator) -> dict[str, Grid]:
    """Levels of each marker, patients x visits: a plateau reached by decay, then regrowth in most patients."""
    day = np.maximum(BASELINE_DAY + INTERVAL_DAYS * np.arange(visits), 0)[None, :]
    plateau = rng.choice([0.005, 0.07, 0.3, 0.65, 0.95], (count, 1), p=[0.3, 0.2, 0.25, 0.1, 0.15])
    decay = np.log(2) / rng.uniform(10, 30, (count, 1))
    doubling = rng.uniform(35, 80, (count, 1))
    relapse = rng.uniform(60, 1100, (count, 1))
    mass = plateau + (1 - plateau) * np.exp(-decay * day) + 0.2 * 2 ** ((day - relapse) / doubling)
    mass = np.minimum(mass, 1.8)
    serum = rng.uniform(1.2, 5.0, (count, 1)) * mass
    urine = rng.choice([0.0, 120.0, 900.0], (count, 1), p=[0.5, 0.25, 0.25]) * mass
    kappa = 8 + rng.uniform(50, 800, (count, 1)) * mass
    lambda_ = np.full((count, visits), 10.0)
    noise = {name: 1 + 0.03 * rng.standard_normal((count, visits)) for name in ("serum", "urine", "kappa", "lambda")}
    return {
        "serum_m": serum * noise["serum"],
        "urine_m_24h": urine * noise["urine"],
        "kappa_flc": kappa * noise["kappa"],
        "lambda_flc": lambda_ * noise["lambda"],
    }


def _texts(levels: dict[str, Grid], rng: np.random.Generator) -> pl.Series:
    """Reported text, one block an analyte. Serum below 0.1 reads "<0.1", and so do some others: about 2 % of all."""
    serum, urine = levels["serum_m"].ravel(), levels["urine_m_24h"].ravel()
    faint = (serum < 0.1) & (rng.random(len(serum)) < 0.8)
    words = np.array(["negative", "positive"])
    blocks = [
        pl.select(pl.when(pl.lit(pl.Series(faint))).then(pl.lit("<0.1")).otherwise(_decimals(serum, 2))).to_series(),
        pl.Series(np.rint(urine).astype(np.int64)).cast(pl.String),
        pl.select(_decimals(levels["kappa_flc"].ravel(), 1)).to_series(),
        pl.select(_decimals(levels["lambda_flc"].ravel(), 1)).to_series(),
        pl.Series(words).gather((serum >= 0.05).astype(np.int64)),
        pl.Series(words).gather((urine >= 1).astype(np.int64)),
    ]
    return pl.concat([block.alias("value") for block in blocks])


def _decimals(values: Grid, decimals: int) -> pl.Expr:
    """The number as text with a fixed number of decimals, from whole hundredths or tenths."""
    whole = pl.Series(np.rint(values * 10**decimals).astype(np.int64))
    above = (whole // 10**decimals).cast(pl.String)
    return pl.lit(above + "." + (whole % 10**decimals).cast(pl.String).str.zfill(decimals))


def _shuffled(chunks: Iterator[pl.DataFrame], seed: int) -> Iterator[pl.DataFrame]:
    """All rows in random order. Few distinct texts: categories keep the whole within memory."""
    repeated = ("patient_id", "analyte", "value", "unit")
    whole = pl.concat(c.with_columns(pl.col(repeated).cast(pl.Categorical)) for c in chunks)
    order = np.random.default_rng([seed, 2]).permutation(whole.height)
    for start in range(0, whole.height, 4 * ROW_GROUP):
        part = whole[order[start : start + 4 * ROW_GROUP]]
        yield part.with_columns(pl.col(repeated).cast(pl.String))


def _write_results(chunks: Iterator[pl.DataFrame], path: Path) -> None:
    writer: pq.ParquetWriter | None = None
    try:
        for chunk in chunks:
            table = chunk.to_arrow()
            if writer is None:
                writer = pq.ParquetWriter(path, _plain(table.schema), compression="zstd")
            writer.write_table(table.cast(writer.schema), row_group_size=ROW_GROUP)
    finally:
        if writer is not None:
            writer.close()


def _plain(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(f.name, pa.date32() if f.name == "date" else pa.string()) for f in schema])


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the benchmark registry.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--visits", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shuffled", action="store_true")
    asked = parser.parse_args()
    start = time.perf_counter()
    rows = write_bench_registry(asked.folder, asked.patients, asked.visits, asked.seed, asked.shuffled)
    print(f"{rows['results']:,} results in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
