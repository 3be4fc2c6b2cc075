"""Puts a question to a registry: to one patient, or to all of them bucket by bucket; as of a day where one is named."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from mspike import INTENDED_USE, __version__
from mspike.course.derived import Derived, derive
from mspike.engines.local import in_order
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import Criteria, criteria, knowledge_hash
from mspike.read.buckets import Bucket, Load, buckets
from mspike.read.folder import Source, open_registry
from mspike.record.asof import as_of
from mspike.record.clean import today
from mspike.record.dates import Calendar, day_of
from mspike.record.record import Record, clean_record
from mspike.record.tables import TABLES
from mspike.response.settings import Settings, settings_of

CLOSE_IDS = 3
Answer = Callable[[Derived], pl.DataFrame]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Question:
    """A registry, the rules and settings it is judged by, and the day asked (None: all that is recorded)."""

    source: Source
    rules: Criteria
    settings: Settings
    on: int | None

    @property
    def calendar(self) -> Calendar:
        return self.source.calendar

    @property
    def on_day(self) -> pl.Expr:
        """The day asked, over the courses: the day named, else each patient's last day on record in a day registry.

        In a registry of dates, where none was named, it is the last date that any row of the registry bears.
        """
        if self.on is not None:
            return pl.lit(self.on, pl.Int32)
        if self.calendar == "day":
            return pl.col("alive_day")
        return pl.lit(last_date(self.source), pl.Int32)

    def derived(self, raw: Bucket) -> Derived:
        record = clean_record(raw, self.calendar)
        return derive(record if self.on is None else as_of(record, self.on), self.rules, self.settings)

    def stamp(self) -> dict[str, str]:
        """What a printed or exported answer says about how it was made."""
        return {
            "mspike": __version__, "edition": self.rules.edition, "settings_hash": self.settings.hash,
            "knowledge_hash": knowledge_hash(), "registry": str(self.source.path), "intended_use": INTENDED_USE,
        }  # fmt: skip


def question(
    registry: str | Path,
    *,
    on: str | None = None,
    edition: str = "imwg-2016",
    settings: Mapping[str, Any] | None = None,
) -> Question:
    """A question to this registry. `on`: a date, or a day where the registry counts days."""
    rules = criteria(edition)
    source = open_registry(Path(registry))
    return Question(source, rules, settings_of(rules, settings), None if on is None else _day(on, source.calendar))


def of_patient(asked: Question, patient: str, verb: str) -> Derived:
    """What follows from the rows of one patient. Raises WrongUsage, with ids close to it, where there is none."""
    derived = asked.derived(rows_of(asked.source, patient))
    refuse_stranger(derived.record, asked.source, patient, verb)
    return derived


def rows_of(source: Source, patient: str) -> Bucket:
    """The raw rows of one patient."""
    mine = pl.col("patient_id").str.strip_chars() == patient.strip()
    return {name: raw.frame.filter(mine).collect() for name, raw in source.tables.items()}


def set_aside(derived: Derived) -> list[dict[str, Any]]:
    """What was wrong with the rows of a patient: errors and warnings, for a page to say what it does not rest on."""
    found = derived.record.findings.filter(pl.col("severity").is_in(["error", "warning"]))
    return found.select("severity", "table", "row", "column", "found", "expected").to_dicts()


def of_registry(asked: Question, answer: Answer, progress: Progress | None = None) -> pl.DataFrame:
    """The answers of all patients, in order. Memory holds two buckets and the answers."""
    frames = []
    with tempfile.TemporaryDirectory(prefix="mspike-") as room:
        total, loads = buckets(asked.source, Path(room))

        def work(load: Load) -> pl.DataFrame:
            return answer(asked.derived(load()))

        for done, frame in enumerate(in_order(work, loads)):
            frames.append(frame)
            if progress:
                progress(done + 1, total)
    return pl.concat(frames, how="vertical_relaxed")


def refuse_stranger(record: Record, source: Source, patient: str, verb: str) -> None:
    if record.patients.height:
        return
    ids = source.tables["patients"].frame.select("patient_id").drop_nulls().unique().collect()["patient_id"].to_list()
    close = get_close_matches(patient, sorted(ids), n=CLOSE_IDS, cutoff=0.5)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    raise WrongUsage(f"{verb} {patient}: no such patient among the {len(ids):,} of {source.path}.{hint}")


def last_date(source: Source) -> int:
    """The last date that any row bears, none of them after today: where the data were cut."""
    latest = []
    for raw in source.tables.values():
        schema = raw.frame.collect_schema()
        days = [day_of(c, schema[c], "iso") for c in TABLES[raw.table.name].dates if c in schema]
        past = [pl.when(d <= today()).then(d).max().alias(str(k)) for k, d in enumerate(days)]
        if past:
            latest += [d for d in raw.frame.select(past).collect(engine="streaming").row(0) if d is not None]
    return max(latest, default=today())


def _day(on: str, calendar: Calendar) -> int:
    text = on.strip()
    if calendar == "day":
        if text.lstrip("+-").isdigit():
            return int(text)
        raise WrongUsage(f"--on {on}: this registry counts days from the infusion; expected a day (60).")
    try:
        return dt.date.fromisoformat(text).toordinal() - dt.date(1970, 1, 1).toordinal()
    except ValueError:
        raise WrongUsage(f"--on {on}: expected a date (2024-05-31).") from None
