"""What an engine is: something that does the same work on every bucket and hands out the answers in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from mspike.read.buckets import Load

Parts = tuple[dict[str, pl.DataFrame], dict[str, Any]]  # tables of one bucket, and small facts that JSON can hold
Work = Callable[[Load], Parts]  # picklable: a function of a module, or a functools.partial of one


class Engine(Protocol):
    """Works on the buckets of a registry."""

    name: str

    def place(self, path: Path) -> Path:
        """A path as those who work on the buckets find it; open the registry and choose the room by it."""
        ...

    def worked(self, work: Work, loads: Iterator[Load], total: int, room: Path) -> Iterator[Parts]:
        """The answers in the order of the buckets; memory holds a few of them at a time.

        loads  how to load each bucket, as `mspike.read.buckets.buckets` gives them; total: how many there are
        room   an empty folder, or one that is not there yet, for what must be set down between; for Spark it lies on
               storage that every machine of the cluster shares
        """
        ...
