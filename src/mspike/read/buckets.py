"""Hands out a registry in buckets of whole patients, in the order of patient_id, so that memory stays flat.

1. A small registry is one bucket.
2. Parquet results whose row groups are in patient order are sliced by ranges of patients, without a copy.
3. Anything else is first parted into one small Parquet folder a bucket, in a temporary room beside the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl

from mspike.read.folder import RawTable, Source
from mspike.record.results import CATEGORICAL

BUCKET_ROWS = 800_000
SMALL_BYTES = 60_000_000

Bucket = dict[str, pl.DataFrame]
Load = Callable[[], Bucket]


def _load(frames: dict[str, pl.LazyFrame]) -> Bucket:
    return {name: _held(name, frame) for name, frame in frames.items()}


def _held(name: str, frame: pl.LazyFrame) -> pl.DataFrame:
    return _with_categories(name, frame).collect()


def _with_categories(name: str, frame: pl.LazyFrame) -> pl.LazyFrame:
    """The words of `results` repeat: they are held as categories."""
    if name != "results":
        return frame
    schema = frame.collect_schema()
    return frame.with_columns(pl.col(c).cast(pl.Categorical) for c in CATEGORICAL if schema.get(c) == pl.String)


def buckets(source: Source, room: Path) -> tuple[int, Iterator[Load]]:
    """How many buckets there are, and how to load each. `room` is an empty folder for parts."""
    if _is_small(source):
        return 1, iter([partial(_load, {name: raw.frame for name, raw in source.tables.items()})])
    cuts = _row_group_cuts(source)
    if cuts is not None:
        return len(cuts) + 1, _slices(_as_parquet(source, room), cuts)
    ids = _patient_ids(source)
    per_bucket = max(1, round(ids.len() * BUCKET_ROWS / max(1, _rows(source))))
    n = max(1, -(-ids.len() // per_bucket))
    return n, _parts(source, room, ids, per_bucket, n)


def _is_small(source: Source) -> bool:
    """Does the whole registry fit into one bucket? Parquet tells its rows; a CSV file is judged by its size."""
    tables = source.tables.values()
    text = sum({raw.path: raw.path.stat().st_size for raw in tables if not raw.parquet}.values())
    rows = sum(int(raw.frame.select(pl.len()).collect().item()) for raw in tables if raw.parquet)
    return text < SMALL_BYTES and rows <= BUCKET_ROWS


def _rows(source: Source) -> int:
    biggest = max(source.tables.values(), key=lambda raw: raw.path.stat().st_size)
    return int(biggest.frame.select(pl.len()).collect().item())


def _row_group_cuts(source: Source) -> list[str] | None:
    """Patient ids after which a bucket may end, or None where the row groups of `results` are not in order."""
    results = source.tables.get("results")
    if results is None or not results.parquet:
        return None
    import pyarrow.parquet as pq  # half a second: only for a registry that is worth slicing

    meta = pq.ParquetFile(results.path).metadata
    place = [meta.schema.column(i).name for i in range(meta.num_columns)].index("patient_id")
    cuts: list[str] = []
    last, rows = None, 0
    for group in range(meta.num_row_groups):
        column = meta.row_group(group).column(place)
        stats = column.statistics
        if stats is None or not stats.has_min_max or not isinstance(stats.max, str) or stats.null_count:
            return None
        if (last is not None and stats.min < last) or meta.row_group(group).num_rows > BUCKET_ROWS:
            return None
        rows += meta.row_group(group).num_rows
        last = stats.max
        if rows >= BUCKET_ROWS and group + 1 < meta.num_row_groups:
            cuts.append(last)
            rows = 0
    return cuts


def _as_parquet(source: Source, room: Path) -> dict[str, pl.LazyFrame]:
    """Every table as something that can be sliced by patient: Parquet as it is, CSV once copied in patient order."""
    frames = {}
    for name, raw in source.tables.items():
        if raw.parquet:
            frames[name] = raw.frame
            continue
        file = room / f"{name}.parquet"
        raw.frame.sort("patient_id", maintain_order=True).sink_parquet(file, row_group_size=100_000)
        frames[name] = pl.scan_parquet(file)
    return frames


def _slices(frames: dict[str, pl.LazyFrame], cuts: list[str]) -> Iterator[Load]:
    patient = pl.col("patient_id")
    for place in range(len(cuts) + 1):
        # Rows without a patient travel with the first bucket, where they become findings.
        low = patient > cuts[place - 1] if place else pl.lit(True)
        high = patient <= cuts[place] if place < len(cuts) else pl.lit(True)
        wanted = (low & high) | (patient.is_null() if place == 0 else pl.lit(False))
        if place:
            wanted = low & high
        yield partial(_load, {name: frame.filter(wanted) for name, frame in frames.items()})


def _patient_ids(source: Source) -> pl.Series:
    """The patients in order. Rows of anybody else become findings, whichever bucket they travel in."""
    patients = source.tables["patients"].frame.select("patient_id").collect()["patient_id"]
    return patients.unique().drop_nulls().sort()


def _parts(source: Source, room: Path, ids: pl.Series, per_bucket: int, n: int) -> Iterator[Load]:
    numbered = pl.DataFrame({"patient_id": ids}).with_columns(
        bucket=(pl.int_range(pl.len(), dtype=pl.Int32) // per_bucket)
    )
    schemas = {}
    for name, raw in source.tables.items():
        schemas[name] = raw.frame.collect_schema()
        _part(raw, room / name, numbered)
    for place in range(n):
        bucket = {}
        for name, schema in schemas.items():
            files = sorted((room / name / f"bucket={place}").glob("*.parquet"))
            empty = pl.LazyFrame(schema=schema)
            bucket[name] = pl.scan_parquet(files, glob=False).select(schema.names()) if files else empty
        yield partial(_load, bucket)


def _part(raw: RawTable, folder: Path, numbered: pl.DataFrame) -> None:
    frame = _with_categories(raw.table.name, raw.frame)
    parted = frame.join(numbered.lazy(), on="patient_id", how="left").with_columns(pl.col("bucket").fill_null(0))
    parted.sink_parquet(
        pl.PartitionBy(folder, key="bucket", include_key=False),
        mkdir=True,
        compression="lz4",
        statistics=False,
        engine="streaming",
    )
