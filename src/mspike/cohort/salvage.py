"""What was infused, when it failed, and which therapy came first after it: its class, and whether it aims alike."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.cohort.strata import SALVAGE_CLASSES, TARGETED_CLASSES
from mspike.course.agents import given
from mspike.course.doses import Earlier, unplaced
from mspike.knowledge.therapies import recognised
from mspike.record.record import Record

UNKNOWN_PRODUCT = "unknown CAR-T"
BANDS = {
    "car_t": "car_t", "bispecific": "bispecific", "adc": "adc", "anti_CD38": "anti_cd38", "IMiD": "imid_celmod",
    "CELMoD": "imid_celmod", "PI": "pi", "alkylator": "alkylator_transplant", "transplant": "alkylator_transplant",
}  # fmt: skip
_BAND_OF_ROLE = {"infusion": "car_t", "transplant": "alkylator_transplant"}
_NOT_THE_THERAPY = ("conditioning", "supportive")


def products_of(texts: pl.Series) -> pl.DataFrame:
    """agent (distinct texts), product (canonical name), targets (list; null: not known): what was infused.

    A bare "BCMA CAR-T" is no product, but its target is known. A text with a word that nobody can read may name
    something else as well: its target is not known.
    """
    rows = [(text, *_product(text)) for text in texts.unique().to_list()]
    schema: dict[str, Any] = {"agent": pl.String, "product": pl.String, "targets": pl.List(pl.String)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _product(text: str | None) -> tuple[str, list[str] | None]:
    if text is None:
        return UNKNOWN_PRODUCT, None
    told = recognised(text)
    cells = [agent for agent in told.agents if agent.cls == "car_t"]
    names = sorted({agent.name for agent in cells if agent.specific})
    targets = sorted({target for agent in cells for target in agent.targets})
    sure = not told.unknown and targets and all(agent.targets for agent in cells)
    return " + ".join(names) or UNKNOWN_PRODUCT, targets if sure else None


def next_lines(courses: pl.DataFrame) -> pl.DataFrame:
    """gid, next_gid, next_line: the line that began on `next_day`, found as `course.lines` finds that day."""
    ordered = courses.select("gid", "pid", "line", "index_day", "begun_day").sort("pid", "index_day", "line")
    begun = pl.when(pl.col("begun_day").is_not_null()).then("gid")
    ordered = ordered.with_columns(next_gid=begun.backward_fill().shift(-1).over("pid"))
    numbers = courses.select(next_gid="gid", next_line="line")
    return ordered.select("gid", "next_gid").join(numbers, on="next_gid", how="left", maintain_order="left")


def salvage_of(earlier: Earlier, episodes: pl.DataFrame) -> pl.DataFrame:
    """Which therapy came first after failure?

    earlier   every treatment row with its line, and the courses
    episodes  one row a CAR-T line: gid, pid, line, targets (of the product), failed, failure_day, next_day

    One row a line, by gid:
    next_gid, next_line  the next line with a day
    first_salvage_day    days from failure to its first dose; null without one, or where its day is not known
    first_salvage_class  one of SALVAGE_CLASSES; null where not failed, or where the text cannot be read
    salvage_relation     same_target, other_target, no_target (neither CAR-T, bispecific nor ADC), none; null: not known

    1. A line without any day that is numbered between the two is the next one: its class is known, its day is not.
    2. A regimen goes by the first of SALVAGE_CLASSES that it holds. An unread word may hide a higher one.
    """
    derived = earlier.derived
    told = episodes.join(next_lines(derived.courses), on="gid", how="left", maintain_order="left")
    rows = earlier.placed.filter(pl.col("role") != "bridging")
    told = _with_salvage_line(told, rows, derived.courses)
    agents = _agents_of(told.filter("failed"), rows, derived.record)
    told = told.join(agents, on="gid", how="left", maintain_order="left")
    return told.select(
        "gid",
        "next_gid",
        "next_line",
        first_salvage_day=pl.when(pl.col("failed") & ~pl.col("undated"))
        .then(pl.col("next_day") - pl.col("failure_day"))
        .cast(pl.Int32),
        first_salvage_class=pl.when("failed").then(_class_of()),
        salvage_relation=pl.when("failed").then(_relation()),
    )


def _with_salvage_line(told: pl.DataFrame, rows: pl.DataFrame, courses: pl.DataFrame) -> pl.DataFrame:
    """Adds salvage_line and undated."""
    lines = rows.filter(pl.col("line").is_not_null()).select("pid", "line").unique()
    undated = lines.join(courses.select("pid", "line"), on=["pid", "line"], how="anti").rename({"line": "undated_line"})
    between = told.select("gid", "pid", "line", "next_line").join(undated, on="pid")
    later, before_next = pl.col("undated_line") > pl.col("line"), pl.col("undated_line") < pl.col("next_line")
    between = between.filter(later & (pl.col("next_line").is_null() | before_next))
    first = between.group_by("gid").agg(pl.col("undated_line").min())
    told = told.join(first, on="gid", how="left", maintain_order="left")
    return told.with_columns(
        salvage_line=pl.coalesce("undated_line", "next_line"), undated=pl.col("undated_line").is_not_null()
    )


def _agents_of(failed: pl.DataFrame, rows: pl.DataFrame, record: Record) -> pl.DataFrame:
    """gid, place (of the class in SALVAGE_CLASSES), unread, aimed, shares, vague: what the salvage line holds."""
    asked = failed.select("gid", "pid", "targets", line="salvage_line")
    rows = asked.join(rows.select("pid", "row", "line", "role", "agent"), on=["pid", "line"])
    named = given(record).filter(~pl.col("doubtful") & ~pl.col("cls").is_in(_NOT_THE_THERAPY))
    named = named.select("pid", pl.col("row").cast(pl.Int64), "cls", aims="targets")
    rows = rows.join(named, on=["pid", "row"], how="left")
    texts = {text: unplaced(text) for text in rows["agent"].unique().drop_nulls()}
    by_role = pl.col("role").replace_strict(_BAND_OF_ROLE, default=None, return_dtype=pl.String)
    # Another class than those with a band of their own is "other"; no class at all is not known.
    by_class = pl.col("cls").replace_strict(BANDS, default="other", return_dtype=pl.String)
    band = pl.when(pl.col("role") == "infusion").then(pl.lit("car_t")).when(pl.col("cls").is_null()).then(by_role)
    rows = rows.with_columns(
        band=band.otherwise(by_class),
        unread=pl.col("agent").replace_strict(texts, default=True, return_dtype=pl.Boolean),
    )
    order = {name: place for place, name in enumerate(SALVAGE_CLASSES)}
    aimed = pl.col("band").is_in(TARGETED_CLASSES).fill_null(False)  # no band: nothing is said of an aim
    aims = pl.coalesce("aims", pl.lit([], pl.List(pl.String)))
    own = pl.coalesce("targets", pl.lit([], pl.List(pl.String)))
    return rows.group_by("gid").agg(
        place=pl.col("band").replace_strict(order, return_dtype=pl.Int32).min(),
        # An infusion or a transplant is known by its role, whatever its text.
        unread=(pl.col("unread") & by_role.is_null()).any(),
        aimed=aimed.any(),
        shares=(aimed & (aims.list.set_intersection(own).list.len() > 0)).any(),
        vague=(aimed & (aims.list.len() == 0)).any(),
    )


def _class_of() -> pl.Expr:
    names = dict(enumerate(SALVAGE_CLASSES))
    sure = ~pl.col("unread") | (pl.col("place") < len(TARGETED_CLASSES))
    told = pl.when(sure).then(pl.col("place").replace_strict(names, default=None, return_dtype=pl.String))
    return pl.when(pl.col("salvage_line").is_null()).then(pl.lit("none")).otherwise(told)


def _relation() -> pl.Expr:
    open_ = pl.col("unread") | pl.col("vague")
    own_unknown = pl.col("targets").is_null()
    return (
        pl.when(pl.col("salvage_line").is_null())
        .then(pl.lit("none"))
        .when("shares")
        .then(pl.lit("same_target"))
        .when(pl.col("aimed") & ~open_ & ~own_unknown)
        .then(pl.lit("other_target"))
        .when(~pl.col("aimed") & ~open_ & pl.col("place").is_not_null())
        .then(pl.lit("no_target"))
    )


def datable(points: pl.DataFrame) -> pl.DataFrame:
    """The patients of whom it is known whether and when they got a therapy after failure.

    A therapy without its day cannot be counted from the day it began. Taken for none it would lend its patients' days
    to those without; such patients are left out.
    """
    undated = pl.col("first_salvage_day").is_null() & (pl.col("first_salvage_class") != "none").fill_null(True)
    return points.filter(~undated)
