"""Lines of therapy from diagnosis on, and the CAR-T episode within them.

Where `line` is given it stands. Otherwise lines are numbered from all therapy by a named rule set (rules.md 3.1): see
`course.numbering` for what starts one.
"""

from __future__ import annotations

import polars as pl

from mspike.course.starts import STARTING, numbered_rows
from mspike.record.record import Record


def lines_of(record: Record, rules: str = "rajkumar-2015") -> pl.DataFrame:
    """One row a line that can be assessed, by patient and line.

    rules  rajkumar-2015 or claims

    Columns: gid (row number), pid, line, kind (car_t, other), infused, index_day (infusion; apheresis where never
    infused; first dose of another line), agent, apheresis_day, bridging_day, ld_day, next_day (start of the next line),
    infusion_day (the patient's first infusion), day_zero. A line of which no day is known is left out; undated_next
    says of the line before it that therapy followed of which the day is not known.
    """
    rows = numbered_rows(record, rules)
    told = _summed(rows.filter(pl.col("line").is_not_null()))
    undated = told.filter(pl.col("index_day").is_null() & pl.col("treated")).select("pid", undated_line="line")
    lines = told.filter(pl.col("index_day").is_not_null()).drop("treated")
    first = rows.filter(pl.col("role") == "infusion").group_by("pid").agg(infusion_day=pl.col("day").min())
    lines = lines.join(first, on="pid", how="left")
    # Days count from the first infusion; of who never had one, from apheresis, else from the line itself.
    collected = pl.col("apheresis_day").min().over("pid")
    zero = pl.coalesce("infusion_day", collected, "index_day")
    return (
        _with_undated(_with_next(lines), undated)
        .with_columns(day_zero=zero)
        .sort("pid", "line")
        .with_row_index("gid")
        .with_columns(pl.col("gid").cast(pl.Int64))
    )


def _with_next(lines: pl.DataFrame) -> pl.DataFrame:
    """Adds next_day: when the next line began. In order of time: given numbers need not follow it."""
    lines = lines.sort("pid", "index_day", "line")
    # A line that ends nothing (bridging that led nowhere) is passed over.
    begun = pl.col("begun_day").is_not_null()
    return lines.with_columns(
        next_day=pl.col("begun_day").backward_fill().shift(-1).over("pid"),
        next_line=pl.when(begun).then("line").backward_fill().shift(-1).over("pid"),
    )


def _with_undated(lines: pl.DataFrame, undated: pl.DataFrame) -> pl.DataFrame:
    """Adds undated_next: is a line without any day numbered between this one and the next?"""
    both = lines.select("pid", "line", "next_line").join(undated, on="pid")
    later, sooner = pl.col("undated_line") > pl.col("line"), pl.col("undated_line") < pl.col("next_line")
    between = both.filter(later & (pl.col("next_line").is_null() | sooner)).select("pid", "line").unique()
    between = between.with_columns(undated_next=pl.lit(True))
    lines = lines.drop("next_line").join(between, on=["pid", "line"], how="left")
    return lines.with_columns(pl.col("undated_next").fill_null(False))  # none found between is none recorded


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    role, day = pl.col("role"), pl.col("day")

    def first(*roles: str) -> pl.Expr:
        return day.filter(role.is_in(roles)).min()

    lines = rows.group_by("pid", "line").agg(
        infusion=first("infusion"),
        apheresis_day=first("apheresis"),
        bridging_day=first("bridging"),
        ld_day=first("lymphodepletion"),
        started=first(*STARTING),
        agent=pl.col("agent")
        .filter(role == "infusion")
        .sort()
        .drop_nulls()
        .unique(maintain_order=True)
        .str.join(" + "),
        regimen=pl.col("agent")
        .filter(role.is_in([*STARTING, "bridging"]))
        .sort()
        .drop_nulls()
        .unique(maintain_order=True)
        .str.join(" + "),
        prepared=first("bridging", "lymphodepletion"),
        implied=pl.col("implied").any(),
        treated=role.is_in([*STARTING, "infusion"]).any(),
    )
    infused = pl.col("infusion").is_not_null()
    # Collected, with nothing given back: the CAR-T episode that never became one.
    collected = ~infused & pl.col("apheresis_day").is_not_null() & pl.col("started").is_null()
    return lines.with_columns(
        kind=pl.when(infused | collected).then(pl.lit("car_t")).otherwise(pl.lit("other")),
        infused=infused,
        # Bridging to an infusion is already the new therapy; bridging that led nowhere ends nothing.
        begun_day=pl.when(infused).then(pl.min_horizontal("started", "prepared")).otherwise("started"),
        index_day=pl.when(infused)
        .then("infusion")
        .when(collected)
        .then("apheresis_day")
        .otherwise(pl.coalesce("started", "bridging_day", "ld_day")),
        agent=pl.when(infused).then("agent").when(~collected).then("regimen").replace("", None),
    ).drop("infusion", "started", "regimen", "prepared")
