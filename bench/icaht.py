"""How long does it take to grade ICAHT over a registry, and how much memory?

    python bench/icaht.py [--patients 1000000] [--bucket 45000]

Invented neutrophil counts: one a day to day 14, two a week to day 30, every two weeks to day 100. They are graded a
bucket at a time, as `mspike` reads a registry (45,000 patients with 23 counts are about its million rows). Making the
patients is not part of the time.
"""

from __future__ import annotations

import argparse
import json
import resource
from time import perf_counter

import numpy as np
import polars as pl

from mspike.record.analytes import ANALYTES
from mspike.record.record import Record, clean_record
from mspike.safety.icaht import icaht_of

DAYS = np.array([*range(15), 18, 21, 25, 28, 45, 59, 73, 87])
FOLLOWED = 400


def bucket_of(patients: int, seed: int) -> tuple[Record, pl.DataFrame]:
    """So many patients: counts fall after day 2 and recover on a day of each patient's own."""
    rng = np.random.default_rng(seed)
    nadir = rng.lognormal(-1.2, 1.0, patients)
    recovery = rng.integers(4, 40, patients)[:, None]
    falling = (DAYS >= 2) & (recovery > DAYS)
    counts = np.where(falling, nadir[:, None], 3.0) * rng.uniform(0.7, 1.4, (patients, len(DAYS)))
    kept = rng.random(counts.shape) < 0.85
    pid, at = np.nonzero(kept)
    amounts = np.round(counts[kept], 2) * 1_000_000
    numbers = pl.int_range(patients, dtype=pl.Int32, eager=True)
    # Only the columns that are read here; the others stay as an empty registry has them.
    blank = clean_record({"patients": pl.DataFrame({"patient_id": ["A"], "row": [2]})}, "day")
    blank.patients = pl.DataFrame({"pid": numbers}).with_columns(
        contact_day=pl.lit(FOLLOWED, pl.Int32), death_day=pl.lit(None, pl.Int32)
    )
    blank.results = pl.DataFrame(
        {
            "pid": pl.Series(pid, dtype=pl.Int32),
            "day": pl.Series(DAYS[at], dtype=pl.Int32),
            "lo": pl.Series(np.round(amounts), dtype=pl.Int64),
        }
    ).with_columns(
        hi=pl.col("lo"),
        analyte=pl.lit("anc").cast(pl.Enum(list(ANALYTES))),
        attribution=pl.lit(None, pl.Categorical),
    )
    episodes = pl.DataFrame({"gid": numbers.cast(pl.Int64), "pid": numbers}).with_columns(
        index_day=pl.lit(0, pl.Int32),
        alive_day=pl.lit(FOLLOWED, pl.Int32),
        next_day=pl.lit(None, pl.Int32),
        pd_day=pl.lit(None, pl.Int32),
    )
    return blank, episodes


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the grading of ICAHT.")
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--bucket", type=int, default=45_000)
    asked = parser.parse_args()
    seconds, counts, grades = 0.0, 0, {}
    for number, start in enumerate(range(0, asked.patients, asked.bucket)):
        size = min(asked.bucket, asked.patients - start)
        record, episodes = bucket_of(size, number)
        begun = perf_counter()
        told = icaht_of(record, episodes)
        seconds += perf_counter() - begun
        counts += record.results.height
        for grade, found in told["early_grade"].value_counts().iter_rows():
            grades[str(grade)] = grades.get(str(grade), 0) + found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "patients": asked.patients,
                "counts": counts,
                "seconds": round(seconds, 2),
                "patients_per_second": round(asked.patients / seconds),
                "peak_mb": round(peak),
                "early_grades": dict(sorted(grades.items())),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
