"""Which agents and classes was the myeloma exposed and refractory to, before each CAR-T infusion (rules.md 3.1)?"""

from __future__ import annotations

import polars as pl

from mspike.course.doses import RULES, Earlier
from mspike.course.statements import GROUPS, statements_at
from mspike.knowledge.criteria import published
from mspike.knowledge.therapies import agents

# Procedures and what is given around them are no agents that a myeloma can be refractory to.
NO_AGENT = ("transplant", "conditioning", "supportive")
BECAUSE = ("rule", "row", "line", "start", "last", "ongoing", "best", "best_from", "pd", "pd_from")
ANSWERS = ("exposed", "refractory")
HOLDS = (*ANSWERS, "combined_exposed", "combined_refractory")


def refractoriness(earlier: Earlier) -> pl.DataFrame:
    """Every agent and class a patient was exposed to, or about which something is stated, from each viewpoint.

    One row a viewpoint (`viewpoints`), level (agent, class) and item. Columns: key, pid, patient_id, gid, level, item,
    cls, exposed and refractory (derived; null: unknown), rule and the course behind the answer (row, line, start, last,
    ongoing, best, best_from, pd, pd_from), stated_exposed, stated_refractory, stated_row, combined_exposed,
    combined_refractory (the derived answer; where it is unknown the statement), disagrees.

    1. A course of an agent is judged by `courses_of_agents`; an agent is refractory if one of its courses is.
    2. A class is refractory if one of its agents is, and not refractory only if each is known not to be.
    3. What is not mentioned was not given only where the whole history is known.
    """
    told = _told(earlier.courses)
    items = pl.concat([_summed(told, "agent"), _summed(told, "class")])
    return _with_statements(items, earlier)


def _told(courses: pl.DataFrame) -> pl.DataFrame:
    """The courses of real agents, the one that decides first: refractory, then unknown, then not; then the latest."""
    courses = courses.filter(~pl.col("cls").is_in(NO_AGENT))
    weight = pl.when("refractory").then(0).when(pl.col("refractory").is_null()).then(1).otherwise(2)
    return courses.with_columns(weight=weight).sort(
        "key", "weight", "line", "start", "row", descending=[False, False, True, True, True]
    )


def _summed(told: pl.DataFrame, level: str) -> pl.DataFrame:
    """One row an agent, or a class, with the course that decides about it."""
    item = pl.col("agent_id" if level == "agent" else "cls").alias("item")
    found = told.group_by("key", item, maintain_order=True).agg(
        pl.col("cls", "refractory", *BECAUSE).first(),
        # What may have been a placebo is no exposure, and no lack of one.
        exposed=pl.when((~pl.col("doubtful")).any()).then(True),
    )
    return found.select("key", pl.lit(level).alias("level"), "item", "cls", "exposed", "refractory", *BECAUSE)


def _with_statements(items: pl.DataFrame, earlier: Earlier) -> pl.DataFrame:
    classes = {name: agent.cls for name, agent in agents().items()}
    record = earlier.derived.record
    said = statements_at(record, earlier.views).filter(pl.col("level").is_in(["agent", "class"]))
    said = said.select("key", "level", "item", "stated_exposed", "stated_refractory", stated_row="row")
    both = items.join(said, on=["key", "level", "item"], how="full", coalesce=True, nulls_equal=False)
    both = both.join(earlier.history.select("key", "complete"), on="key", how="left")
    absent = pl.col("row").is_null() & pl.col("complete")  # not among what was given, and that is all known
    whole = pl.col("item").replace_strict(classes, default=None, return_dtype=pl.String)
    both = both.with_columns(
        cls=pl.coalesce("cls", whole, "item"),
        exposed=pl.when(absent).then(False).otherwise("exposed"),
        refractory=pl.when(absent).then(False).otherwise("refractory"),
    )
    both = _combined(both)
    places = earlier.views.select("key", "pid", "gid")
    names = record.patients.select("pid", "patient_id")
    both = both.join(places, on="key", how="left").join(names, on="pid", how="left")
    first = ["key", "pid", "patient_id", "gid", "level", "item", "cls", *ANSWERS, *BECAUSE]
    return both.select(*first, pl.exclude(*first, "complete")).sort("key", "level", "cls", "item")


def _combined(both: pl.DataFrame) -> pl.DataFrame:
    """The derived answer; where it is unknown the statement; for a class at last that of its agents."""
    both = both.with_columns(
        *(pl.coalesce(a, f"stated_{a}").alias(f"combined_{a}") for a in ANSWERS),
        disagrees=pl.any_horizontal(pl.col(a) != pl.col(f"stated_{a}") for a in ANSWERS).fill_null(False),  # one silent
    )
    return _with_classes_of_agents(both)


def _with_classes_of_agents(both: pl.DataFrame) -> pl.DataFrame:
    """A class about which neither the record nor a statement says anything follows from what holds of its agents."""
    of_agents = (
        both.filter(pl.col("level") == "agent")
        .group_by("key", "cls")
        .agg(
            agents_exposed=pl.when(pl.col("combined_exposed").any()).then(True),
            # Agents that nobody mentions leave the class open, unless one of the others settles it.
            agents_refractory=pl.when(pl.col("combined_refractory").any()).then(True),
        )
    )
    both = both.join(of_agents, on=["key", "cls"], how="left")
    missing = of_agents.join(
        both.filter(pl.col("level") == "class").select("key", "cls"), on=["key", "cls"], how="anti"
    )
    missing = missing.with_columns(level=pl.lit("class"), item="cls", disagrees=pl.lit(False))
    both = pl.concat([both, missing], how="diagonal")
    is_class = pl.col("level") == "class"
    return both.with_columns(
        pl.when(is_class)
        .then(pl.coalesce(f"combined_{a}", f"agents_{a}"))
        .otherwise(f"combined_{a}")
        .alias(f"combined_{a}")
        for a in ANSWERS
    ).drop("agents_exposed", "agents_refractory")


def grouped(earlier: Earlier, table: pl.DataFrame) -> pl.DataFrame:
    """Triple-class and penta-drug, exposed and refractory: one row a viewpoint and group.

    table  what `refractoriness` answers

    Columns: key, pid, patient_id, gid, group, exposed, refractory, pooled_* (from the combined answers of agents and
    classes), stated_*, combined_* (derived, else stated, else pooled), disagrees (a derived or pooled answer with the
    statement), missing (why an answer is unknown). A group is refractory if enough agents of each class are known to
    be; it is not if even every agent of unknown answer could not make it so.
    """
    views, record = earlier.views, earlier.derived.record
    said = statements_at(record, views).filter(pl.col("level") == "group")
    said = said.select("key", "stated_exposed", "stated_refractory", group="item", stated_row="row")
    both = _pooled(table, earlier).join(said, on=["key", "group"], how="left", maintain_order="left")
    both = both.with_columns(
        *(pl.coalesce(a, f"stated_{a}", f"pooled_{a}").alias(f"combined_{a}") for a in ANSWERS),
        disagrees=pl.any_horizontal(
            pl.col(f"{kind}{a}") != pl.col(f"stated_{a}") for a in ANSWERS for kind in ("", "pooled_")
        ).fill_null(False),  # one silent
    )
    names = record.patients.select("pid", "patient_id")
    return both.join(views.select("key", "pid", "gid"), on="key").join(names, on="pid", how="left").sort("key", "group")


def _pooled(table: pl.DataFrame, earlier: Earlier) -> pl.DataFrame:
    """Does a group hold? key, group, exposed, refractory, pooled_exposed, pooled_refractory, missing.

    It holds if each of its classes has enough agents, and does not if one class cannot have them.
    """
    asked = earlier.views.select("key").join(_needed(), how="cross")
    asked = asked.join(earlier.history.select("key", "complete"), on="key", how="left", maintain_order="left")
    asked = asked.join(_counted(table), on=["key", "cls"], how="left", maintain_order="left")
    asked = asked.with_columns(_enough(answer).alias(answer) for answer in HOLDS)
    short = pl.when(pl.col("refractory").is_null()).then(pl.format("refractory to {} {}", "number", "cls"))
    found = asked.group_by("key", "group", maintain_order=True).agg(
        *(pl.col(answer).all(ignore_nulls=False) for answer in HOLDS),
        complete=pl.col("complete").first(),
        short=short.drop_nulls(),
    )
    unread = pl.when(~pl.col("complete")).then(pl.lit("earlier therapy that is not recorded or not recognised"))
    return found.select(
        "key",
        "group",
        *(pl.col(answer).alias(answer.replace("combined", "pooled")) for answer in HOLDS),
        missing=pl.concat_list(unread, "short").list.drop_nulls(),
    )


def _needed() -> pl.DataFrame:
    """group, cls, number: how many agents of which classes make a group."""
    rules = published(RULES)
    rows = [(group, cls, int(v.number)) for group in GROUPS for cls, v in rules.rule(f"exposed.{group}").values.items()]
    return pl.DataFrame(rows, schema={"group": pl.String, "cls": pl.String, "number": pl.Int64}, orient="row")


def _counted(table: pl.DataFrame) -> pl.DataFrame:
    """How many agents of each class (key, cls) hold, and how many might: <answer>_sure and <answer>_most.

    "A proteasome inhibitor, not told which" is one agent where no other is known, and may be a further one.
    """
    vague = [name for name, agent in agents().items() if not agent.specific]
    is_class = pl.col("level") == "class"
    specific = ~is_class & ~pl.col("item").is_in(vague)
    sums = {}
    for answer in HOLDS:
        held, open_ = pl.col(answer).fill_null(False), pl.col(answer).is_null()  # counted apart, not filled in
        sure = pl.max_horizontal((specific & held).sum(), held.any().cast(pl.UInt32))
        # A statement on the whole class counts as one agent of it; where it denies the class there is none.
        possible = pl.max_horizontal((~is_class & (held | open_)).sum(), (held | open_).any().cast(pl.UInt32))
        denied = (is_class & ~pl.col(answer)).any()
        sums[f"{answer}_sure"] = sure.cast(pl.Int64)
        sums[f"{answer}_most"] = pl.when(denied & (sure == 0)).then(0).otherwise(possible).cast(pl.Int64)
    return table.group_by("key", "cls").agg(**sums)


def _enough(answer: str) -> pl.Expr:
    """Are there so many agents of the class? Where something earlier is unknown there may be more than are known."""
    sure = pl.col(f"{answer}_sure").fill_null(0)  # nobody mentions one
    most = pl.col(f"{answer}_most").fill_null(0)
    number = pl.col("number")
    return pl.when(sure >= number).then(True).when(pl.col("complete") & (most < number)).then(False)
