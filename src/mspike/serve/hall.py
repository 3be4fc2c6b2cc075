"""The hall: a registry while it is served. Opened once, derived once, then every page is a look-up."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from mspike.asking import Progress, Question, last_date, question
from mspike.engines.local import in_order
from mspike.read.buckets import Load, buckets
from mspike.record.dates import Calendar
from mspike.report.inputs import date_of
from mspike.serve.gathering import Tables, gathered
from mspike.serve.keys import house_key, token_of, version_key
from mspike.serve.shelf import WHOLE, Rows, Shelf
from mspike.serve.versions import alone, clear_old, held
from mspike.serve.worklist import Row, queues_of, work_rows


@dataclass(frozen=True, repr=False)  # printed in a traceback it would tell of patients
class Hall:
    """A registry that is open: what was asked of it, the shelf its pages read, and the worklist in memory.

    given   the settings that were given, for workers that ask again
    hold    open while it is served, so that nobody clears its folder away
    folder  where this version keeps what is computed on first view (charts, options)
    on      the day asked, as pages show it; None in a registry of days: each patient's own last day
    """

    asked: Question
    given: Mapping[str, Any]
    folder: Path
    shelf: Shelf
    hold: IO[bytes]
    version: str
    on: str | int | None
    queues: dict[str, list[Row]]
    tokens: dict[str, str]
    rows: dict[str, Row]

    @property
    def name(self) -> str:
        return self.asked.source.path.resolve().name

    @property
    def calendar(self) -> Calendar:
        return self.asked.calendar

    @property
    def synthetic(self) -> bool:
        """Does every patient say of himself that he is invented?"""
        return bool(self.rows) and all(r["patient_id"].upper().startswith("SYNTHETIC") for r in self.rows.values())

    def patient(self, token: str) -> Row | None:
        """The worklist row behind a token; None where no patient has it."""
        return self.rows.get(token)

    def kept(self, token: str, *names: str) -> dict[str, Rows]:
        """The rows of a patient in these tables (gathering.gathered)."""
        return self.shelf.rows(token, names)

    def close(self) -> None:
        self.shelf.close()
        self.hold.close()


def open_hall(
    registry: str | Path,
    house: Path,
    *,
    on: str | None = None,
    edition: str = "imwg-2016",
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Hall:
    """Opens a registry for its pages; derives it first where this version of it was never served from this house.

    house  a folder that only its owner reads: the key of the house, and what is kept of each version
    """
    asked = question(registry, on=on, edition=edition, settings=settings)
    key, version = house_key(house), version_key(asked)
    folder = house / "served" / version
    with ExitStack() as undone:
        hold = undone.enter_context(held(folder))
        shelf = undone.enter_context(closing(Shelf(folder / "pages.sqlite")))
        if not shelf.whole:
            with alone(hold):  # another server may be at the same: then this one waits and finds it done
                if not shelf.whole:
                    _fill(shelf, asked, partial(token_of, key, version), progress)
        undone.pop_all()
    clear_old(house / "served", version)
    rows = shelf.work()
    return Hall(
        asked, dict(settings or {}), folder, shelf, hold, version, shelf.fact("on"), queues_of(rows),
        {row["patient_id"]: row["token"] for row in rows}, {row["token"]: row for row in rows},
    )  # fmt: skip


def _fill(shelf: Shelf, asked: Question, token: Callable[[str], str], progress: Progress | None) -> None:
    """Derives the registry bucket by bucket; those that an earlier, killed build finished are not done again."""
    have = shelf.buckets()
    day = asked.on_day
    with tempfile.TemporaryDirectory(prefix="mspike-") as room:
        total, loads = buckets(asked.source, Path(room))
        left = [number for number in range(total) if number not in have]

        def work(load: Load) -> Tables:
            return gathered(asked.derived(load()), day)

        wanted = (load for number, load in enumerate(loads) if number not in have)
        for number, tables in zip(left, in_order(work, wanted), strict=True):
            shelf.put(number, tables, work_rows(tables), token)
            if progress:
                progress(total - len(left) + left.index(number) + 1, total)
    shelf.say("on", _on(asked))
    shelf.say(WHOLE, True)


def _on(asked: Question) -> str | int | None:
    if asked.on is not None:
        return date_of(asked.on, asked.calendar)
    return date_of(last_date(asked.source), "iso") if asked.calendar == "iso" else None


def default_house() -> Path:
    """Where what is kept lies if nobody says otherwise: MSPIKE_HOUSE, else the data folder of the user."""
    told = os.environ.get("MSPIKE_HOUSE")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(told) if told else Path(base) / "mspike"
