"""The folders of what was served: one a version of a registry, made by one process at a time, cleared when old."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

KEPT = 4  # versions; each can be computed again
LOCK = "in-use"


def held(folder: Path) -> IO[bytes]:
    """Makes the folder of a version and holds it: until the answer is closed, nobody clears it away."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    hold = (folder / LOCK).open("ab")
    os.utime(folder / LOCK)
    fcntl.flock(hold, fcntl.LOCK_SH)
    return hold


@contextmanager
def alone(hold: IO[bytes]) -> Iterator[None]:
    """Waits until nobody else holds the folder, and keeps others out for as long as it takes."""
    fcntl.flock(hold, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(hold, fcntl.LOCK_SH)


def clear_old(served: Path, current: str) -> None:
    """Deletes all but the versions opened last; those that some server holds stay."""
    others = [lock for lock in served.glob(f"*/{LOCK}") if lock.parent.name != current]
    for lock in sorted(others, key=lambda file: file.stat().st_mtime, reverse=True)[KEPT - 1 :]:
        with lock.open("ab") as hold:
            try:
                fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(lock.parent, ignore_errors=True)
