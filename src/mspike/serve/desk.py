"""The desk: answers that are too slow to compute for everybody. Asked once, by a worker process, then kept on disk.

What options a patient has costs half a second of computing and more: a page would hold up fifty others. So the first
view starts a worker and says that it is at work; whoever looks again reads the file.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import secrets
import zlib
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mspike.errors import MspikeError
from mspike.serve.hall import Hall

Told = dict[str, Any]
WORKERS = 1  # pages need the other core
WAITING_MOST = 100  # a reader who opens page after page cannot fill the memory with questions
NICE = 10
FAILED = "This could not be worked out: a fault in mspike, not in your data. The log of the server names it."
log = logging.getLogger("mspike.serve")


@dataclass(frozen=True)
class Waiting:
    """Not answered yet. before: how many questions are asked and not answered, this one among them."""

    before: int


class Desk:
    """Asks for the options of one patient at a time, and keeps the answers of one version of a registry."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._folder = hall.folder / "options"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._open: dict[Path, Future[None]] = {}
        self._pool: ProcessPoolExecutor | None = None

    def options(self, token: str, patient: str, region: str) -> Told | Waiting:
        """The options of a patient, as report.options tells them; `problem` in it where they cannot be told.

        region  US or EU, checked by the caller: it becomes part of a file's name
        """
        file = self._folder / f"{token}-{region}.json.z"
        if file.exists():
            return dict(json.loads(zlib.decompress(file.read_bytes())))
        asked = self._open.get(file)
        if asked is not None and asked.done():
            del self._open[file]
            return self._ended(asked, file)
        if asked is None and len(self._open) < WAITING_MOST:
            self._open[file] = self._submit(file, patient, region)
        return Waiting(max(1, sum(not one.done() for one in self._open.values())))

    def close(self) -> None:
        """Lets the workers go; what they were at is not kept."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _ended(self, asked: Future[None], file: Path) -> Told:
        problem = asked.exception()
        if problem is None:
            return dict(json.loads(zlib.decompress(file.read_bytes())))
        if isinstance(problem, BrokenProcessPool):
            self._pool = None
        # Its text may hold a value of the patient, and a log must not.
        log.error("options: a worker failed with %s", type(problem).__name__)
        return {"problem": FAILED}

    def _submit(self, file: Path, patient: str, region: str) -> Future[None]:
        if self._pool is None:
            # Not forked: the server has threads, and a forked lock of polars never opens.
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(WORKERS, mp_context=spawn, initializer=os.nice, initargs=(NICE,))
        asked, on = self._hall.asked, self._hall.on
        told_on = None if on is None else str(on)
        source = asked.source.path.resolve()
        edition = asked.rules.edition
        return self._pool.submit(write_options, file, source, patient, region, told_on, edition, dict(self._hall.given))


def write_options(
    file: Path, registry: Path, patient: str, region: str, on: str | None, edition: str, settings: dict[str, Any]
) -> None:
    """In a worker: asks, and puts the answer in place whole."""
    from mspike.asking import question
    from mspike.report.options import options_patient

    asked = question(registry, on=on, edition=edition, settings=settings)
    try:
        told = options_patient(asked, patient, region)
    except MspikeError as problem:
        told = {"problem": str(problem)}
    aside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    aside.write_bytes(zlib.compress(json.dumps(told, ensure_ascii=False, default=str).encode()))
    os.replace(aside, file)
