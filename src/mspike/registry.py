"""A registry in memory, for a notebook: opened, assessed and asked for its cohort, as frames instead of files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mspike.asking import Question, of_registry
from mspike.check import naming_damage
from mspike.cohort.frame import cohort_of
from mspike.knowledge.criteria import criteria
from mspike.read.folder import Source, open_registry
from mspike.record.dates import Calendar
from mspike.record.findings import counts
from mspike.report.findings import findings_sentence
from mspike.response.settings import settings_of
from mspike.run import TABLES, assess_registry, write_run
from mspike.write.place import MADE, refuse_out, room_beside
from mspike.write.results import TableWriter

Progress = Callable[[int, int], None]


def read(registry: str | Path) -> Registry:
    """Opens a registry: which tables does it hold, and does it count in dates or in days?

    registry  folder of CSV or Parquet tables, or an Excel workbook

    Nothing is judged yet, and rows are read when they are needed. Raises UnreadableInput if there is no registry here
    or no patient in it.
    """
    with naming_damage(Path(registry)):
        return Registry(open_registry(Path(registry)))


@dataclass(frozen=True, repr=False)
class Registry:
    """An opened registry. What it prints of itself names tables and counts, never a patient or a value."""

    source: Source

    @property
    def path(self) -> Path:
        return self.source.path

    @property
    def calendar(self) -> Calendar:
        """iso: dates. day: whole days from each patient's first infusion, in every table and every answer."""
        return self.source.calendar

    @property
    def tables(self) -> dict[str, pl.LazyFrame]:
        """Each table as it was found, by name: text or typed columns, and `row` as a person counts it in the file."""
        return {name: raw.frame for name, raw in self.source.tables.items()}

    @property
    def findings(self) -> pl.DataFrame:
        """What is wrong with the files themselves, one row a finding; of rows and values `assess` tells."""
        return self.source.findings.frame()

    def assess(
        self,
        edition: str = "imwg-2016",
        settings: Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
    ) -> Results:
        """Judges every patient; the tables of `mspike assess`, in memory.

        settings  names and values as behind --set; see `mspike settings`
        progress  called with the buckets done and their number

        All rows of all tables are held; for a registry that outgrows the memory `mspike.assess(registry, out)` writes
        them to files bucket by bucket. Raises WrongUsage for an unknown edition or setting, and UnreadableInput for a
        damaged file.
        """
        with naming_damage(self.path), tempfile.TemporaryDirectory(prefix="mspike-") as room:
            # Through files, so that a notebook can never tell another story than the command.
            out = Path(room) / "results"
            told = assess_registry(self.path, out, edition=edition, settings=settings, progress=progress)
            return Results(
                **{name: pl.read_parquet(out / f"{name}.parquet") for name in TABLES}, run=told, registry=self.path
            )

    def cohort(
        self,
        edition: str = "imwg-2016",
        settings: Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
    ) -> pl.DataFrame:
        """One row an infused CAR-T episode, and one a patient whose cells were collected and never given.

        Columns as in `cohort.frame.cohort_of`; the statistics of `cohort` and the figures take this frame. Arguments
        and errors as in `assess`.
        """
        rules = criteria(edition)
        asked = Question(self.source, rules, settings_of(rules, settings), None)
        with naming_damage(self.path):
            return of_registry(asked, cohort_of, progress)

    def __repr__(self) -> str:
        counted = "dates" if self.calendar == "iso" else "days from the infusion"
        told = findings_sentence(counts(self.findings))
        return f"Registry {self.path}, in {counted}\n  tables: {', '.join(self.tables)}\n  files:  {told}"


@dataclass(frozen=True, repr=False)
class Results:
    """The tables of `mspike assess` in memory, and `run`: what run.json holds (version, edition, settings, hashes).

    What it prints of itself names tables and counts, never a patient or a value.
    """

    assessments: pl.DataFrame
    courses: pl.DataFrame
    endpoints: pl.DataFrame
    mrd_status: pl.DataFrame
    reasons: pl.DataFrame
    findings: pl.DataFrame
    run: dict[str, Any]
    registry: Path

    def write(self, out: str | Path, csv: bool = False) -> None:
        """Writes what `mspike assess REGISTRY --out OUT` writes: every table as Parquet, or CSV, and run.json.

        Tables of an earlier run in `out` are replaced, other files are kept. Raises WrongUsage where `out` is the
        registry itself or a file.
        """
        out = Path(out)
        refuse_out(self.registry, out)
        with room_beside(out) as room:
            for name in TABLES:
                writer = TableWriter(room / MADE, name, csv, self._stamp)
                writer.write(getattr(self, name))
                writer.close()
            write_run(room, out, self.run)

    @property
    def _stamp(self) -> str:
        run = self.run
        made_by = f"mspike {run['mspike']}; {run['edition']}"
        return f"{made_by}; settings {run['settings_hash']}; knowledge {run['knowledge_hash']}"

    def __repr__(self) -> str:
        run = self.run
        head = f"Results of {run['patients']:,} patients ({run['edition']}, settings {run['settings_hash']})"
        rows = [f"  {name:<11} {getattr(self, name).height:>9,} rows" for name in TABLES]
        return "\n".join([head, *rows, f"  {findings_sentence(run['findings'])}"])
