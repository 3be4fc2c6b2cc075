"""A file follows from its rows alone: not from the pieces they came in, nor from who met a word first."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mspike.write.results import TableWriter

WORDS = ["urine", "serum", None, "dflc"] * 10_000 + ["dflc", None, "urine", "serum"] * 10_000


def written(folder: Path, *buckets: pl.DataFrame) -> bytes:
    folder.mkdir()
    writer = TableWriter(folder, "reasons", False, "stamp")
    for bucket in buckets:
        writer.write(bucket)
    assert writer.close() == sum(bucket.height for bucket in buckets)
    assert pl.read_parquet(writer.path)["words"].cast(pl.String).to_list() == WORDS * len(buckets)
    return writer.path.read_bytes()


def met(order: list[str], pieces: int) -> pl.DataFrame:
    """The same rows, from a process that met the words in this order and holds them in so many pieces."""
    kind = pl.Categorical(pl.Categories(name="-".join(order)))
    known = pl.Series(order, dtype=kind)
    frame = pl.DataFrame({
        "patient_id": [f"SYNTHETIC-{at:05d}" for at in range(len(WORDS))],
        "words": pl.Series(WORDS, dtype=kind),
        "inputs": [f"serum M {at} g/dL" for at in range(len(WORDS))],
        "lists": [["a"] * (at % 3) for at in range(len(WORDS))],
    })  # fmt: skip
    assert known.to_physical().to_list() == list(range(len(order)))
    size = len(WORDS) // pieces
    return pl.concat([frame.slice(at * size, size) for at in range(pieces)], rechunk=False)


@pytest.mark.parametrize(
    ("order", "pieces"), [(["serum", "urine", "dflc"], 1), (["dflc", "x", "y", "urine", "serum"], 4)]
)
def test_the_bytes_of_a_table_do_not_tell_how_it_came_about(order, pieces, tmp_path):
    one = met(["urine", "serum", "dflc"], 1)
    other = met(order, pieces)
    assert other["inputs"].n_chunks() == pieces
    assert written(tmp_path / "one", one, one) == written(tmp_path / "other", other, other)
