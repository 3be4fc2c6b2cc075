"""Lines of therapy as far as this registry numbers them, and the CAR-T episode within them.

Where `line` is given it stands. Otherwise the first infusion with its lymphodepletion is the next line, and each
later start of a treatment or infusion the one after. Unnumbered therapy before the infusion belongs to no line here.
"""

from __future__ import annotations

import polars as pl

from mspike.record.dates import Calendar
from mspike.record.record import Record

# Roles that make a line; supportive care, radiotherapy alone and planned maintenance never do.
STARTING = ("induction", "transplant", "infusion", "treatment")
PREPARING = ("apheresis", "bridging", "lymphodepletion")
# A boost of stored stem cells is supportive care, whatever its role is called.
BOOST = r"(?i)boost|cd34"


def lines_of(record: Record) -> pl.DataFrame:
    """One row a line that can be assessed, by patient and line.

    Columns: gid (row number), pid, line, kind (car_t, other), infused, index_day (infusion; apheresis where never
    infused; first dose of another line), agent, apheresis_day, bridging_day, ld_day, next_day (start of the next line),
    infusion_day (the patient's first infusion), day_zero.
    """
    rows = _with_implied_infusion(_therapy(record.treatments), record.patients, record.calendar)
    rows = _numbered(rows)
    lines = _summed(rows)
    first = rows.filter(pl.col("role") == "infusion").group_by("pid").agg(infusion_day=pl.col("day").min())
    lines = lines.join(first, on="pid", how="left").sort("pid", "line")
    begun = pl.col("begun_day")
    # Days count from the first infusion; of who never had one, from apheresis, else from the line itself.
    collected = pl.col("apheresis_day").min().over("pid")
    zero = pl.coalesce("infusion_day", collected, "index_day")
    return (
        lines.with_columns(next_day=_next(begun), day_zero=zero)
        .with_row_index("gid")
        .with_columns(pl.col("gid").cast(pl.Int64))
    )


def _next(begun: pl.Expr) -> pl.Expr:
    """The earliest start among the patient's later lines."""
    return begun.reverse().cum_min().shift(1).reverse().over("pid")


def _therapy(treatments: pl.DataFrame) -> pl.DataFrame:
    boost = pl.col("agent").str.contains(BOOST).fill_null(False) & (pl.col("role") == "transplant")
    return treatments.filter(pl.col("role").is_in([*STARTING, *PREPARING, "maintenance"]) & ~boost).select(
        "pid", pl.col("start_date").alias("day"), "agent", "role", pl.col("line").cast(pl.Int64), implied=pl.lit(False)
    )


def _with_implied_infusion(rows: pl.DataFrame, patients: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Days count from the index infusion: where a day registry names no treatment on day 0, that is the infusion."""
    if calendar != "day":
        return rows
    told = rows.filter(pl.col("role").is_in(["infusion", "apheresis"]) | (pl.col("day") == 0)).select("pid").unique()
    silent = patients.select("pid").join(told, on="pid", how="anti")
    implied = silent.select(
        "pid",
        day=pl.lit(0, pl.Int32),
        agent=pl.lit(None, pl.String),
        role=pl.lit("infusion"),
        line=pl.lit(None, pl.Int64),
        implied=pl.lit(True),
    )
    return pl.concat([rows, implied])


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Gives every row of a line its number; rows that belong to no line are dropped."""
    rows = rows.with_columns(
        highest=pl.col("line").max().over("pid").fill_null(0),
        infusion0=pl.col("day").filter(pl.col("role") == "infusion").min().over("pid"),
    )
    given, open_ = rows.filter(pl.col("line").is_not_null()), rows.filter(pl.col("line").is_null())
    open_ = open_.filter(pl.col("role") != "maintenance")
    if open_.is_empty():
        return given
    heads = _heads(open_, given)
    numbered = heads.with_columns(line=pl.col("highest") + pl.col("day").rank("dense").over("pid").cast(pl.Int64))
    prepared = _preparations(open_, pl.concat([given, numbered], how="diagonal"))
    return pl.concat([given, numbered, prepared], how="diagonal")


def _heads(open_: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """Unnumbered rows that start a line: from the first infusion on, or all where there never was an infusion.

    Bridging is a line of its own only where no infusion follows; apheresis without infusion stands for the CAR-T line.
    """
    reached = pl.col("infusion0").is_null() | (pl.col("day") >= pl.col("infusion0"))
    starting = open_.filter(pl.col("role").is_in(STARTING) & reached)
    infusions = pl.concat([open_, given], how="diagonal").filter(pl.col("role") == "infusion")
    last = infusions.group_by("pid").agg(last_infusion=pl.col("day").max())
    waiting = open_.filter(pl.col("role").is_in(PREPARING)).join(last, on="pid", how="left")
    never = waiting.filter((pl.col("day") > pl.col("last_infusion")).fill_null(pl.col("last_infusion").is_null()))
    bridging = never.filter(pl.col("role") == "bridging")
    apheresis = never.filter(pl.col("role") == "apheresis").sort("pid", "day").unique("pid", keep="first")
    # After a first infusion a further apheresis without infusion is no episode yet.
    apheresis = apheresis.filter(pl.col("last_infusion").is_null())
    return pl.concat([starting, bridging, apheresis], how="diagonal").drop("last_infusion", strict=False)


def _preparations(open_: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Apheresis, bridging and lymphodepletion belong to the infusion that follows them."""
    infusions = (
        known.filter(pl.col("role") == "infusion").select("pid", pl.col("day").alias("infused"), "line").sort("infused")
    )
    preparing = open_.filter(pl.col("role").is_in(PREPARING)).drop("line").sort("day")
    joined = preparing.join_asof(
        infusions, left_on="day", right_on="infused", by="pid", strategy="forward", check_sortedness=False
    )
    return joined.filter(pl.col("line").is_not_null()).drop("infused")


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
    )
    infused = pl.col("infusion").is_not_null()
    # Collected, with nothing given back: the CAR-T episode that never became one.
    collected = ~infused & pl.col("apheresis_day").is_not_null() & pl.col("started").is_null()
    return (
        lines.with_columns(
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
        )
        .filter(pl.col("index_day").is_not_null())
        .drop("infusion", "started", "regimen", "prepared")
    )
