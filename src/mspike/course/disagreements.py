"""Where what a registry states about earlier agents and what follows from its records differ, and why."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived
from mspike.course.doses import RULES, earlier_therapy
from mspike.course.refractory import ANSWERS, grouped, refractoriness
from mspike.knowledge.criteria import published

SHOWN = ("key", "pid", "patient_id", "gid", "item", "aspect", "derived", "stated", "reason")


def disagreements_of(derived: Derived) -> pl.DataFrame:
    """Every statement that the records contradict; neither is corrected.

    One row a viewpoint, item (agent, class, group) and aspect (exposed, refractory): key, pid, patient_id, gid, item,
    aspect, derived, stated, reason (in words, with line and row).
    """
    earlier = earlier_therapy(derived)
    table = refractoriness(earlier)
    groups = grouped(earlier, table)
    parts = [_of_items(table, aspect) for aspect in ANSWERS] + [_of_groups(groups, table, aspect) for aspect in ANSWERS]
    return pl.concat(parts).sort("patient_id", "gid", "item", "aspect")


def agreement_of(derived: Derived) -> pl.DataFrame:
    """How many statements the records bear out: item, aspect, agree, open (the records do not tell), differ."""
    earlier = earlier_therapy(derived)
    table = refractoriness(earlier)
    both = [table, grouped(earlier, table).rename({"group": "item"})]
    parts = [_counted(frame, aspect) for frame in both for aspect in ANSWERS]
    return pl.concat(parts).sort("item", "aspect")


def _counted(frame: pl.DataFrame, aspect: str) -> pl.DataFrame:
    stated, found = pl.col(f"stated_{aspect}"), pl.col(aspect)
    if f"pooled_{aspect}" in frame.columns:  # of a group, what its members pool to tells where the records alone do not
        found = pl.when(found.is_null() & (pl.col(f"pooled_{aspect}") != stated)).then(~stated).otherwise(found)
    told = frame.filter(stated.is_not_null()).with_columns(same=found == stated)
    counts = told.group_by("item").agg(
        agree=pl.col("same").sum(), open=pl.col("same").null_count(), differ=(~pl.col("same")).sum()
    )
    return counts.select("item", pl.lit(aspect).alias("aspect"), pl.col("agree", "open", "differ").cast(pl.Int64))


def _of_items(table: pl.DataFrame, aspect: str) -> pl.DataFrame:
    differ = table.filter(pl.col(aspect) != pl.col(f"stated_{aspect}"))
    line, row = pl.col("line").cast(pl.String), pl.col("row").cast(pl.String)
    place = pl.concat_str(pl.lit("line "), line.fill_null("not known"), pl.lit(" (row "), row, pl.lit(")"))
    why = (
        pl.when(~pl.col("exposed"))
        .then(pl.lit("in none of the recorded regimens"))
        .when(pl.lit(aspect == "exposed"))
        .then(pl.format("given in {}", place))
        .when(pl.col("rule") == "refractory.no_response")
        .then(pl.format("best response {} in {}", "best", place))
        .when(pl.col("rule") == "refractory.progression")
        .then(
            pl.format(
                "progression on day {}, last dose on day {}, {}",
                "pd",
                pl.col("last").cast(pl.String).fill_null("still given"),
                place,
            )
        )
        .when(pl.col("rule") == "refractory.recorded")
        .then(pl.format("stopped because it failed, {}", place))
        .otherwise(pl.format("a response, and no progression within the window, in {}", place))
    )
    return differ.select(
        "key",
        "pid",
        "patient_id",
        "gid",
        "item",
        aspect=pl.lit(aspect),
        derived=aspect,
        stated=f"stated_{aspect}",
        reason=why,
    ).select(SHOWN)


def _of_groups(groups: pl.DataFrame, table: pl.DataFrame, aspect: str) -> pl.DataFrame:
    stated = pl.col(f"stated_{aspect}")
    groups = groups.with_columns(found=pl.coalesce(aspect, pl.col(f"pooled_{aspect}")))
    differ = groups.filter(pl.col("found") != stated)
    members = pl.concat([_members(table, group, aspect) for group in groups["group"].unique(maintain_order=True)])
    differ = differ.join(members, on=["key", "group"], how="left", maintain_order="left")
    named = pl.coalesce("members", pl.lit("none"))
    whence = pl.when(pl.col(aspect).is_null()).then(pl.lit("with the other statements: ")).otherwise(pl.lit(""))
    return differ.select(
        "key", "pid", "patient_id", "gid", item="group", aspect=pl.lit(aspect), derived="found", stated=stated,
        reason=pl.format("{}{} to {}", whence, pl.lit(aspect), named),
    ).select(SHOWN)  # fmt: skip


def _members(table: pl.DataFrame, group: str, aspect: str) -> pl.DataFrame:
    """The agents of a group for which the aspect holds; of a class of which no agent is told, the class."""
    classes = list(published(RULES).rule(f"exposed.{group}").values)
    held = table.filter(pl.col("cls").is_in(classes) & pl.col(f"combined_{aspect}"))
    alone = held.filter(pl.col("level") == "class").join(
        held.filter(pl.col("level") == "agent"), on=["key", "cls"], how="anti"
    )
    named = pl.concat([held.filter(pl.col("level") == "agent"), alone]).sort("key", "cls", "item")
    from_records = pl.when(pl.col(aspect)).then(pl.format("{} (line {})", "item", "line"))
    stated = pl.format("{} (stated)", "item")
    told = named.with_columns(shown=pl.coalesce(from_records, stated))
    return (
        told.group_by("key", maintain_order=True)
        .agg(members=pl.col("shown").str.join(", "))
        .with_columns(group=pl.lit(group))
    )
