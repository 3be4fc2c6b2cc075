"""Works on buckets as tasks of a Spark cluster, by the DataFrame API alone, so that Spark Connect serves as well."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from mspike.engines.bucket_task import SHARED, is_done, prepare, set_down, taken, versions
from mspike.engines.engine import Parts, Work
from mspike.engines.spark_session import session
from mspike.errors import MspikeError
from mspike.read.buckets import Load

PAUSE_SECONDS = 0.2  # between two looks at the room
LATE_SECONDS = 60.0  # a network file system may show a file so much later than the machine that wrote it
ROW = "bucket long, seconds double, peak_mb double"


class ClusterFailed(MspikeError):
    """A task failed again and again, or the cluster was lost."""


class SparkEngine:
    """One task a bucket. Tables come back through the room, so that the driver holds one bucket at a time.

    took  after a run, one row a bucket: bucket, seconds, and peak_mb, the memory its Python process has held at most
    """

    name = "spark"

    def __init__(self, master: str | None = None) -> None:
        self.master = master
        self.took: list[dict[str, Any]] = []

    def place(self, path: Path) -> Path:
        return path.absolute()

    def worked(self, work: Work, loads: Iterator[Load], total: int, room: Path) -> Iterator[Parts]:
        room = room.absolute()
        prepare(room)
        for number, load in enumerate(loads):
            set_down(room, number, work, load)
        tag = f"mspike-{uuid.uuid4().hex}"
        with session(self.master) as spark, ThreadPoolExecutor(1) as pool:
            job = pool.submit(_all_done, spark, total, str(room), tag)
            try:
                for number in range(total):
                    _wait_for(number, room, job)
                    yield taken(room, number)
                self.took = job.result()
            finally:
                if not job.done():  # the run was given up: its tasks must not write on
                    spark.interruptTag(tag)


def _all_done(spark: Any, total: int, room: str, tag: str) -> list[dict[str, Any]]:
    spark.addTag(tag)
    numbers = spark.range(0, total, 1, total)  # a partition a bucket
    rows = numbers.mapInArrow(_task(room, versions()), ROW).collect()
    return [row.asDict() for row in rows]


def _task(room: str, expected: dict[str, str]) -> Callable[[Any], Iterator[Any]]:
    """What an executor runs. It imports everything itself: polars takes the number of its threads when imported."""

    def on_buckets(batches: Any) -> Iterator[Any]:
        import os
        from pathlib import Path

        from pyspark import TaskContext

        context = TaskContext.get()
        os.environ.setdefault("POLARS_MAX_THREADS", str(context.cpus() if context else 1))
        try:
            from mspike.engines.bucket_task import rows_done
        except ModuleNotFoundError as lacking:
            raise ModuleNotFoundError(
                f"the Python of the executors has no module {lacking.name}: install mspike there, in the same version"
            ) from None
        yield from rows_done(batches, Path(room), expected)

    return on_buckets


def _wait_for(number: int, room: Path, job: Future[Any]) -> None:
    """Returns when a bucket is done. Raises ClusterFailed where Spark gave up."""
    ended: float | None = None
    while not is_done(room, number):
        if job.done():
            if (problem := job.exception()) is not None:
                raise ClusterFailed(_said(problem)) from problem
            ended = ended or time.monotonic()
            if time.monotonic() - ended > LATE_SECONDS:
                raise ClusterFailed(
                    f"{room}: Spark reports every bucket done, but nothing of bucket {number} is here. {SHARED}"
                )
            time.sleep(PAUSE_SECONDS)
        else:
            wait([job], timeout=PAUSE_SECONDS)


def _said(problem: BaseException) -> str:
    """One sentence of what may be hundreds of lines: the last line of the Python error inside, else the first line."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    first = next((at for at, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")), None)
    inside = lines[first:] if first is not None else []
    errors = [line for line in inside if not line.startswith(("File ", "at ", "Traceback")) and "Error: " in line]
    told = errors[0] if errors else (lines or [type(problem).__name__])[0]
    return (
        f"Spark gave up on a bucket of patients: {told} Nothing was written. The logs of the executors tell more; "
        f"where a Python worker was killed for want of memory, see docs/how-to/cluster.md."
    )
