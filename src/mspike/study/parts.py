"""What a section of a study holds: tables with their file names and figures with their table twins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl


@dataclass(frozen=True)
class StudyTable:
    """A table for the page and for a file.

    name     of the file, without .csv: survival_medians
    title    one line above the table
    frame    as written to the file: plain numbers, one fact a column
    shown    as printed on the page: words for every cell ("12 / 52 (23 %)", "NR", "not known"); the file where None
    heads    the heads of the columns shown, with units; a column without one is headed by its name
    groups   column of `shown` whose values head blocks of rows (the variables of a Table 1), or None
    spans    a head over several columns shown: words -> columns
    right    columns of figures, set to the right
    notes    sentences below
    """

    name: str
    title: str
    frame: pl.DataFrame
    shown: pl.DataFrame | None = None
    heads: Mapping[str, str] = field(default_factory=dict)
    groups: str | None = None
    spans: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    right: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyFigure:
    """A figure, what it shows in a sentence (for whoever cannot see it), and the table that holds its numbers."""

    name: str
    title: str
    chart: Any  # a figures.saved.Figure; altair is only imported by whoever draws
    says: str
    twin: StudyTable


Part = StudyTable | StudyFigure


@dataclass(frozen=True)
class Section:
    """A section of the page.

    says        one to four sentences that a colleague would say aloud: the answer first
    refused     estimates that these patients cannot carry, with the reason; told, never left out in silence
    methods     sentences for the methods paragraph: what was done, in the past tense
    references  keys of the bibliography behind what was done here
    """

    id: str
    title: str
    says: tuple[str, ...]
    parts: tuple[Part, ...]
    refused: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[StudyTable, ...]:
        """Every table of the section, twins of figures included, in order."""
        return tuple(part if isinstance(part, StudyTable) else part.twin for part in self.parts)

    @property
    def figures(self) -> tuple[StudyFigure, ...]:
        return tuple(part for part in self.parts if isinstance(part, StudyFigure))
