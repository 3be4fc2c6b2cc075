"""Divides a cohort into the groups of a stratum, in order, the unknown among them; small ones kept back if asked."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mspike.cohort.disclosure import hidden_cells
from mspike.cohort.strata import TARGETED_CLASSES, Stratum
from mspike.figures.palette import band
from mspike.study.cells import NOT_KNOWN

ALL = "All patients"
_YES_NO = {"true": "yes", "false": "no"}


@dataclass(frozen=True)
class Group:
    """Some patients of a cohort.

    level  of the stratum, as its column has it; None: not known
    words  as a table names it
    """

    level: str | None
    words: str
    patients: pl.DataFrame

    @property
    def known(self) -> bool:
        return self.level is not None


@dataclass(frozen=True)
class Divided:
    """The groups that may be shown, and how many patients are in none of them because a group is too small to show."""

    groups: tuple[Group, ...]
    kept_back: int


def levels_of(column: pl.Series, stratum: Stratum) -> list[str]:
    """The levels that occur, in the order of the stratum; those without an order sorted, after the others."""
    there = set(column.cast(pl.String).drop_nulls().unique().to_list())
    return [level for level in stratum.order if level in there] + sorted(there - set(stratum.order))


def words_of(level: str | None) -> str:
    """A level as a table names it."""
    if level in TARGETED_CLASSES:
        return band(level).name
    return NOT_KNOWN if level is None else _YES_NO.get(level, level.replace("_", " "))


def divided(cohort: pl.DataFrame, stratum: Stratum, min_cell: int = 0, *, beside: bool = True) -> Divided:
    """The groups of a stratum. Every patient is in one of them; the unknown are a group of their own, last.

    min_cell  a group of 1 to min_cell - 1 patients is kept back, and the smallest further one, if the total would
              give it away
    beside    False: that further one is not kept back, because its number is not told (the curves of large groups are)
    """
    text = pl.col(stratum.column).cast(pl.String)
    levels: list[str | None] = [*levels_of(cohort[stratum.column], stratum)]
    if cohort[stratum.column].null_count():
        levels.append(None)
    groups = [Group(level, words_of(level), cohort.filter(text.eq_missing(pl.lit(level)))) for level in levels]
    sizes = [group.patients.height for group in groups]
    small = {row for row, _ in hidden_cells([[n] for n in sizes], min_cell)} if groups else set()
    small = small if beside else {row for row in small if sizes[row] < min_cell}
    shown = tuple(group for place, group in enumerate(groups) if place not in small)
    return Divided(shown, sum(groups[place].patients.height for place in small))
