"""Haematotoxicity after infusion, graded from the counts themselves: ICAHT by neutrophils, T-ICAHT by platelets.

Early grades count days, late grades look at the depth (rules.md 5.5). Transfusions and growth factors are not
modelled: a count that they lifted is taken as it stands.
"""

from __future__ import annotations

import polars as pl

from mspike.record.record import Record
from mspike.safety.cytopenia_early import early, early_days, grid
from mspike.safety.cytopenia_late import late_by_nadir, late_by_second, late_counts, with_duration
from mspike.safety.cytopenia_windows import Counted, neutrophils, platelets, prepared


def icaht_of(record: Record, episodes: pl.DataFrame) -> pl.DataFrame:
    """How deep and how long were neutrophils low after each infusion?

    episodes  one row an infusion: gid, pid, index_day, next_day, pd_day, alive_day

    One row an episode by gid. Days from infusion: early_until, late_until, early_from, early_to. Day numbers of the
    calendar: late_nadir_day. Amounts in millionths of 10^9/L.

    early_grade      0 to 4; empty where days without a count or a value like "<1.0" leave it open
    early_low        the grade that is sure: days without a count taken as not low, as the published code does
    early_high       the highest grade possible: days without a count taken as the deepest neutropenia
    early_rule       the rule that gave early_low
    early_days_500, early_days_100    longest sure run, with the days joined between; `_high` the longest possible
    early_from, early_to              first and last day of the longest sure run at most 500/uL
    never_above_500  true, false, or empty where unknown days leave it open
    early_until, early_ended_by       last day of the window and what ended it
    early_days_measured, _interpolated, _unknown, _undecided (of the known days, neither surely low nor surely not)
    late_grade, late_low, late_high, late_rule    from the lowest daily count of the days measured
    late_nadir_lo, late_nadir_hi, late_nadir_day, late_second_lo, late_second_hi, late_days_measured
    late_until, late_ended_by         below day 31 there is no late window: nothing to grade and nothing missing
    missing          what was needed and never measured

    Source: rules icaht.* of icaht-2023.
    """
    counted = neutrophils()
    rows, lowest = prepared(record, episodes, counted)
    late = late_by_nadir(late_counts(rows, lowest, counted), counted)
    return _answered(early(rows, lowest, counted), late, counted)


def thrombocytopenia_of(record: Record, episodes: pl.DataFrame) -> pl.DataFrame:
    """How deep and how long were platelets low after each infusion?

    Columns as in `icaht_of`, with early_days_50 and early_days_20, without never_above_500; late_days_20 and
    late_days_20_high are the longest runs below 20 between day 31 and the end of the window.
    The early window ends with progression and the next therapy too. A late grade needs two days below its level.

    Source: rules t-icaht.* of t-icaht-2025.
    """
    counted = platelets()
    rows, lowest = prepared(record, episodes, counted)
    counts = late_counts(rows, lowest, counted)
    late = with_duration(late_by_second(counts, counted), rows, counts, counted)
    return _answered(early(rows, lowest, counted), late, counted)


def cytopenia_days(record: Record, episodes: pl.DataFrame, analyte: str = "anc") -> pl.DataFrame:
    """The count of each day after infusion, as the grades see it; for a page or a curve.

    analyte  "anc" or "platelets"

    One row a day of the early window, and one a measured day of the late one: gid, day (of the calendar),
    from_infusion, lo, hi (millionths of 10^9/L; of a filled day the whole millionths around it; empty if unknown),
    how: measured; interpolated between two counts; held at an edge from the nearest count; unknown.
    """
    counted = {"anc": neutrophils, "platelets": platelets}[analyte]()
    rows, lowest = prepared(record, episodes, counted)
    early = grid(early_days(rows, lowest, counted))
    late = late_counts(rows, lowest, counted).select("episode", "at", "lo", "hi", how=pl.lit("measured"))
    every = pl.concat([early, late], how="vertical_relaxed").join(
        rows.select("episode", "gid", "index_day"), on="episode"
    )
    every = every.with_columns(day=(pl.col("index_day") + pl.col("at")).cast(pl.Int32))
    return every.sort("episode", "at").select("gid", "day", pl.col("at").alias("from_infusion"), "lo", "hi", "how")


def _answered(early: pl.DataFrame, late: pl.DataFrame, counted: Counted) -> pl.DataFrame:
    """One row an episode: early and late answers side by side, and what was never measured."""
    both = early.join(late, on="episode", how="left", maintain_order="left")
    measured = pl.col("late_days_measured").fill_null(0)  # no row: no day of the window was measured
    first, last = (counted.whole("late.window", f"{end}_day") for end in ("first", "last"))
    window = f"day 0-{counted.whole('early.window', 'last_day')}"
    needed = {
        f"{counted.analyte} {window}": pl.col("early_days_measured") == 0,
        f"{counted.analyte} day {first}-{last}": (measured == 0) & (pl.col("late_until") >= first),
        f"second {counted.analyte} day {first}-{last}": pl.col("late_second_needed"),
    }
    names = {int(r.values["grade"].number): r.id for r in counted.grades("late")}
    both = both.with_columns(
        late_days_measured=measured.cast(pl.Int16),
        late_nadir_day=(pl.col("index_day") + pl.col("nadir_at")).cast(pl.Int32),
        late_grade=pl.when(pl.col("late_low") == pl.col("late_high")).then("late_low"),
        late_rule=pl.col("late_low").replace_strict(names, default=None, return_dtype=pl.String),
        missing=pl.concat_list(pl.when(lacks).then(pl.lit(what)) for what, lacks in needed.items()).list.drop_nulls(),
    )
    days = [c for c in both.columns if c.startswith("early_days_")]
    never = [c for c in both.columns if c.startswith("never_above")]
    runs = [c for c in both.columns if c.startswith("late_days_") and c != "late_days_measured"]
    return both.select(
        "gid", "pid", "early_grade", "early_low", "early_high", "early_rule", *days, *never,
        "early_from", "early_to", "early_until", "early_ended_by",
        "late_grade", "late_low", "late_high", "late_rule",
        "late_nadir_lo", "late_nadir_hi", "late_nadir_day", "late_second_lo", "late_second_hi", *runs,
        "late_days_measured", "late_until", "late_ended_by", "missing",
    )  # fmt: skip
