"""Covariates as the columns of a regression: numbers as they are, groups as one column a level beside a reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mspike.cohort.times import Flags, Numbers, Unstable
from mspike.errors import MspikeError


@dataclass(frozen=True)
class Term:
    """One column: a level of a group beside the reference level, or a number per unit (level and reference None)."""

    covariate: str
    level: str | None
    reference: str | None
    values: Numbers

    @property
    def name(self) -> str:
        return self.covariate if self.level is None else f"{self.covariate}: {self.level} (vs {self.reference})"


def known(frame: pl.DataFrame, covariates: list[str]) -> Flags:
    """Which rows have every covariate?"""
    if not covariates:
        raise MspikeError("A regression needs at least one covariate; none was given.")
    missing = [name for name in covariates if name not in frame.columns]
    if missing:
        raise MspikeError(f"No column {missing[0]!r} in the cohort; its columns are: {', '.join(frame.columns)}.")
    return frame.select(pl.all_horizontal(pl.col(covariates).is_not_null())).to_series().to_numpy()


def terms_of(frame: pl.DataFrame, covariates: list[str], references: dict[str, str] | None = None) -> list[Term]:
    """The columns for these covariates, over rows that have them all.

    A number is taken per unit; true stands beside false; of text and ordered levels each level stands beside the
    reference: the one named in `references`, else the first of an ordered (Enum) column, else the commonest.
    """
    terms: list[Term] = []
    for name in covariates:
        column = frame[name]
        if column.dtype.is_numeric():
            terms.append(Term(name, None, None, column.cast(pl.Float64).to_numpy()))
        else:
            terms += _levels(column, (references or {}).get(name))
    constant = [term.covariate for term in terms if term.level is None and _range(term.values) == 0]
    if constant:
        raise Unstable(f"{constant[0]!r} has one value in all {frame.height} patients: there is nothing to compare.")
    return terms


def refuse_levels_without_events(frame: pl.DataFrame, covariates: list[str], event: Flags) -> None:
    """Does every level of every group hold an event? If not, its hazard ratio would be 0 or infinite: refuse."""
    for name in covariates:
        if frame[name].dtype.is_numeric():
            continue
        counts = pl.DataFrame({"level": frame[name].cast(pl.String), "event": event}).group_by("level")
        for level, n, events in counts.agg(n=pl.len(), events=pl.col("event").sum()).sort("level").iter_rows():
            if events == 0:
                raise Unstable(
                    f"{name!r}: none of the {n} patients with {level!r} had the event, so its hazard ratio has no "
                    "finite estimate. Merge levels, leave the covariate out, or ask for "
                    "Firth's penalty (--penalty firth)."
                )


def _levels(column: pl.Series, reference: str | None) -> list[Term]:
    text = column.cast(pl.String)
    levels = _in_order(column)
    if len(levels) < 2:
        raise Unstable(f"{column.name!r} has one level in all {len(column)} patients: there is nothing to compare.")
    first = reference if reference is not None else levels[0]
    if first not in levels:
        raise MspikeError(f"{column.name!r} has no patients with {first!r} to refer to; found: {', '.join(levels)}.")
    others = [level for level in levels if level != first]
    return [Term(column.name, level, first, (text == level).cast(pl.Float64).to_numpy()) for level in others]


def _in_order(column: pl.Series) -> list[str]:
    if isinstance(column.dtype, pl.Enum):
        present = set(column.cast(pl.String).unique().to_list())
        return [level for level in column.dtype.categories if level in present]
    counts = column.cast(pl.String).alias("level").value_counts(name="n")
    if column.dtype == pl.Boolean:
        return list(counts["level"].sort())  # false before true
    return list(counts.sort("n", "level", descending=[True, False])["level"])


def _range(values: Numbers) -> float:
    return float(np.ptp(values)) if len(values) else 0.0
