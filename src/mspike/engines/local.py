"""Works on buckets in threads of this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from mspike.engines.engine import Parts, Work
from mspike.read.buckets import Load

WORKERS = 3  # buckets in hand at once: polars works outside the interpreter's lock; more only cost memory

Made = TypeVar("Made")


class LocalEngine:
    """Threads of this machine."""

    name = "local"

    def place(self, path: Path) -> Path:
        return path

    def worked(self, work: Work, loads: Iterator[Load], total: int, room: Path) -> Iterator[Parts]:
        return in_order(work, loads)


def in_order(work: Callable[[Load], Made], loads: Iterator[Load]) -> Iterator[Made]:
    """Works on a few buckets at once and gives the answers in order; never holds more than that in memory."""
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[Future[Made]] = deque()
        for load in loads:
            waiting.append(pool.submit(work, load))
            if len(waiting) > WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
