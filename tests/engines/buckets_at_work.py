"""What the executors of the tests do with a bucket. In a module of its own: they import it by its name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from mspike.engines import Parts
from mspike.errors import UnreadableInput
from mspike.read.buckets import Load
from mspike.run import bucket_results

KINDS = {
    "text": pl.Series(["a", None, "ö"]),
    "category": pl.Series(["y", "x", None], dtype=pl.Categorical),
    "enum": pl.Series(["PD", None, "CR"], dtype=pl.Enum(["NE", "PD", "CR"])),
    "list": pl.Series([["a", "b"], [], None], dtype=pl.List(pl.String)),
    "date": pl.Series([0, 19_000, None], dtype=pl.Int32).cast(pl.Date),
    "day": pl.Series([-5, None, 2**31 - 1], dtype=pl.Int32),
    "exact": pl.Series([10**12, None, -1], dtype=pl.Int64),
    "known": pl.Series([True, None, False]),
    "nothing": pl.Series([None, None, None], dtype=pl.Null),
    "share": pl.Series([0.1, float("nan"), None]),
}


def every_kind(load: Load) -> Parts:
    """A table with a column of every type that results have, an empty one, and facts."""
    table = pl.DataFrame(KINDS)
    ids = load()["patients"]["patient_id"].sort().to_list()
    return {"b": table, "a": table.clear()}, {"patients": ids, "nested": {"n": [1, None, "ö"]}}


def unreadable(load: Load) -> Parts:
    raise UnreadableInput(f"the bucket of {load()['patients']['patient_id'].min()}: found this. Expected that.")


def broken(load: Load) -> Parts:
    load()
    raise ValueError("a defect of our own")


def results_after_a_wait(load: Load, *, flags: Path, patient: str, **rules: Any) -> Parts:
    """The results of a bucket; that of `patient` is held on its first attempt until somebody ends the process."""
    bucket = load()
    if bucket["patients"]["patient_id"].min() == patient:
        _attempt(flags)
        if not (flags / "held").exists():
            (flags / "held").write_text(str(os.getpid()))
            time.sleep(60)
            (flags / "went on").touch()
    return bucket_results(lambda: bucket, **rules)


def _attempt(flags: Path) -> None:
    with (flags / "attempts").open("a") as file:
        file.write(f"{os.getpid()}\n")


def waited_for(there: Callable[[], bool], seconds: float = 60) -> bool:
    """Does it come true within so many seconds?"""
    end = time.monotonic() + seconds
    while not (true := there()) and time.monotonic() < end:
        time.sleep(0.1)
    return true
