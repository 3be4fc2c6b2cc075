"""How fast is a whole `mspike study`, and how much memory does it take?

    python bench/study.py [--patients 100000] [--repeat 1] [--markdown]

The registry is that of bench/make_bench.py (24 visits x 6 analytes a patient, up to death) with what a study asks
besides: age, sex, earlier lines of therapy, a therapy after CAR-T, deaths, genetics, CRS. All of it is invented.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from make_bench import write_bench_registry
from run import DATA, median_cost

PRODUCTS = ("ide-cel", "cilta-cel")
SALVAGE = ("teclistamab", "talquetamab", "elranatamab", "carfilzomib", "pomalidomide", "daratumumab")
EARLIER = ("VRd", "Dara-Pd", "Kd", "belantamab mafodotin")


def write_study_registry(folder: Path, patients: int, seed: int = 7) -> None:
    """Writes the benchmark registry and adds courses to it."""
    write_bench_registry(folder, patients)
    doses = pl.read_parquet(folder / "treatments.parquet")
    drawn = _drawn(doses.filter(pl.col("role") == "infusion"), seed)
    people = pl.read_parquet(folder / "patients.parquet").drop("sex", "birth_year", "death_date", "death_cause")
    people = people.join(drawn.select("patient_id", "sex", "birth_year", "end"), on="patient_id")
    died = pl.col("end") <= pl.col("last_contact_date")
    people.with_columns(
        death_date=pl.when(died).then("end"),
        death_cause=pl.when(died).then(pl.lit("myeloma")),
        last_contact_date=pl.min_horizontal("last_contact_date", "end"),
    ).drop("end").write_parquet(folder / "patients.parquet")
    told = [doses.with_columns(line=pl.lit(None, pl.Int32)), _earlier(drawn), _salvage(drawn)]
    pl.concat(told, how="diagonal_relaxed").sort("patient_id", "start_date").write_parquet(
        folder / "treatments.parquet"
    )
    _genetics(drawn).write_parquet(folder / "genetics.parquet")
    _events(drawn).write_parquet(folder / "events.parquet")
    ends = drawn.lazy().select("patient_id", "end")
    results = pl.scan_parquet(folder / "results.parquet").join(ends, on="patient_id", maintain_order="left")
    results.filter(pl.col("date") <= pl.col("end")).drop("end").sink_parquet(
        folder / "cut.parquet", row_group_size=250_000, maintain_order=True
    )
    (folder / "cut.parquet").replace(folder / "results.parquet")


def _drawn(infusions: pl.DataFrame, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = infusions.height
    days = {"survived": rng.exponential(1100, n) + 5, "waited": rng.exponential(500, n) + 40}
    return infusions.select("patient_id", day="start_date").with_columns(
        *(pl.Series(name, values.astype(np.int64)) for name, values in days.items()),
        pl.Series("salvage", rng.choice(SALVAGE, n)),
        pl.Series("lines", rng.integers(1, 5, n)),
        pl.Series("sex", rng.choice(["female", "male"], n)),
        pl.Series("birth_year", rng.integers(1940, 1975, n)),
        pl.Series("risky", rng.random(n) < 0.3),
        pl.Series("crs", rng.choice([1, 2, 3], n, p=[0.6, 0.35, 0.05])),
    ).with_columns(end=pl.col("day") + pl.duration(days="survived"))  # fmt: skip


def _earlier(drawn: pl.DataFrame) -> pl.DataFrame:
    """One regimen a line, each ended 30 days before the next, the last a month before lymphodepletion."""
    parts = []
    for place, agent in enumerate(EARLIER):
        start = pl.col("day") - pl.duration(days=300 * (len(EARLIER) - place))
        given = drawn.filter(pl.col("lines") > place)
        parts.append(
            given.select(
                "patient_id", start_date=start, end_date=start + pl.duration(days=240), agent=pl.lit(agent),
                role=pl.lit("treatment"),
            )
        )  # fmt: skip
    return pl.concat(parts)


def _salvage(drawn: pl.DataFrame) -> pl.DataFrame:
    begun = pl.col("day") + pl.duration(days="waited")
    lived = drawn.filter(pl.col("waited") < pl.min_horizontal("survived", pl.lit(640)))
    return lived.select("patient_id", start_date=begun, agent="salvage", role=pl.lit("treatment"))


def _genetics(drawn: pl.DataFrame) -> pl.DataFrame:
    finding = pl.when("risky").then(pl.lit("present")).otherwise(pl.lit("absent"))
    return drawn.select(
        "patient_id", date=pl.col("day") - pl.duration(days=20), marker=pl.lit("del17p"), finding=finding
    )


def _events(drawn: pl.DataFrame) -> pl.DataFrame:
    start = pl.col("day") + pl.duration(days=2)
    return drawn.filter(pl.col("survived") > 2).select(
        "patient_id", date=start, end_date=start + pl.duration(days=3), event=pl.lit("CRS"), grade="crs"
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--patients", type=int, default=100_000)
    asked.add_argument("--repeat", type=int, default=1)
    asked.add_argument("--markdown", action="store_true")
    given = asked.parse_args()
    folder = DATA / f"study-{given.patients}"
    if not (folder / "events.parquet").exists():
        write_study_registry(folder, given.patients)
    with tempfile.TemporaryDirectory(prefix="mspike-bench-") as out:
        mspike = [sys.executable, "-m", "mspike", "study", str(folder), "--out", f"{out}/study"]
        asked_of = {"overall": [], "by product and earlier BCMA therapy": ["--by", "product", "--by", "prior_bcma"]}
        for words, flags in asked_of.items():
            cost = median_cost([*mspike, *flags], given.repeat)
            if given.markdown:
                print(f"| {given.patients:,} | {words} | {cost.seconds:.1f} | {cost.peak_mb:,.0f} |")
            else:
                print(f"{given.patients:,} patients, {words}: {cost.seconds:.1f} s, {cost.peak_mb:,.0f} MB")


if __name__ == "__main__":
    main()
