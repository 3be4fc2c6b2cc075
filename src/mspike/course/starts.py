"""Which treatment rows begin something, and to which line of therapy each row belongs.

Most patients of a registry need no thought: their lines are given, or there is the one infusion and at most one therapy
long after it. Only the others are numbered start by start (`course.numbering`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import polars as pl

from mspike.course.line_rules import RULE_SETS, Start, rule_set
from mspike.course.numbering import Placed, number_starts
from mspike.knowledge.therapies import recognised
from mspike.record.dates import Calendar
from mspike.record.record import Record

# Roles that make a line; supportive care, radiotherapy alone and planned maintenance never do.
STARTING = ("induction", "transplant", "infusion", "treatment")
PREPARING = ("apheresis", "bridging", "lymphodepletion")
# A boost of stored stem cells is supportive care, whatever its role is called.
BOOST = {"transplant": r"(?i)boost|cd34", "infusion": r"(?i)cd34", "treatment": r"(?i)cd34"}
PLANNED = r"(?i)\btandem|(^|[^n])\bplanned\b|consolidation"
PROGRESSION = r"(?i)progress|relapse|^\s*pd\b"
# Where several things begin on one day. Given numbers first: the others follow them.
ORDER = ("infusion", "therapy", "transplant", "apheresis", "bridging", "maintenance", "steroid", "preparing")
NOT_IN_REGIMEN = ("steroid", "supportive", "transplant", "conditioning")


@dataclass(frozen=True)
class Read:
    """What the text of a row says: the agents that count for a regimen, and what kind of start it is."""

    agents: frozenset[str]
    kind: str


def numbered_rows(record: Record, rules: str = "rajkumar-2015") -> pl.DataFrame:
    """To which line does each treatment row belong?

    Columns: pid, row (null for the infusion that a day registry implies), day, end, agent, role (bridging for therapy
    between apheresis and infusion), line (null: of none, such as a corticosteroid before any line), implied.
    Rows of supportive care, radiotherapy and stem cell boosts are left out.
    """
    rows = _rows(record, rules)
    open_ = pl.col("line").is_null()
    heads = _heads(rows)
    looked_at = heads.filter(heads["pid"].is_in(_to_walk(heads).implode()))
    walked = _walked(looked_at, record, rules).select("pid", "row", "day", "end", "agent", "role", "line", "implied")
    simple = heads.filter(open_ & ~pl.col("pid").is_in(looked_at["pid"].unique().implode()))
    simple = simple.with_columns(line=pl.col("day").rank("dense").over("pid").cast(pl.Int64)).select(walked.columns)
    given = rows.filter(~open_).select(walked.columns)
    known = pl.concat([given, walked, simple])
    return pl.concat([known, _prepared(rows, known).select(walked.columns)])


def line_disagreements(record: Record) -> pl.DataFrame:
    """Where do the two rule sets number a start differently?

    Columns: pid, patient_id, row, agent, start_day, line_rajkumar, line_claims, why: the rule over which they parted
    (addition, combination_window, consolidation, gap, maintenance, regimen, restart, tandem, transplant ...), which
    holds from there on until they agree again.
    """
    heads = _heads(_rows(record, "rajkumar-2015"))
    heads = heads.filter(heads["pid"].is_in(_to_walk(heads).implode()))
    one, two = (_walked(heads, record, rules).sort("pid", "at") for rules in RULE_SETS)
    both = one.select("pid", "row", "agent", "day", line_rajkumar="line", begins="begins", word="why").hstack(
        two.select(line_claims="line", begins_claims="begins", word_claims="why")
    )
    joining = ("combination_window", "consolidation", "maintenance", "tandem", "transplant")
    # The side that went on with the line names the reason, unless it merely saw the same drugs again.
    stays = pl.when("begins").then("word_claims").otherwise("word")
    starts = pl.when("begins").then("word").otherwise("word_claims")
    why = pl.when(stays.is_in(joining)).then(stays).otherwise(starts)
    parted = pl.col("begins") != pl.col("begins_claims")
    both = both.with_columns(why=pl.when(parted).then(why).forward_fill().over("pid"))
    differ = both.filter(pl.col("line_rajkumar").ne_missing(pl.col("line_claims")))
    named = differ.join(record.patients.select("pid", "patient_id"), on="pid", how="left", maintain_order="left")
    return named.select(
        "pid", "patient_id", "row", "agent", pl.col("day").alias("start_day"), "line_rajkumar", "line_claims", "why"
    )


def _rows(record: Record, rules: str) -> pl.DataFrame:
    boost = pl.any_horizontal(
        (pl.col("role") == role) & pl.col("agent").str.contains(pattern) for role, pattern in BOOST.items()
    ).fill_null(False)  # no agent named: no boost named
    rows = record.treatments.filter(pl.col("role").is_in([*STARTING, *PREPARING, "maintenance"]) & ~boost)
    planned = pl.col("agent").str.contains(PLANNED) | pl.col("stop_reason").str.contains(r"(?i)\btandem")
    rows = rows.select(
        "pid",
        pl.col("row").cast(pl.Int64),
        pl.col("start_date").alias("day"),
        pl.col("end_date").alias("end"),
        "agent",
        "role",
        pl.col("line").cast(pl.Int64),
        planned=planned.fill_null(False),  # not labelled so
        implied=pl.lit(False),
    )
    rows = _with_implied_infusion(rows, record.patients, record.calendar)
    return _with_unlabelled_bridging(rows, rules)


def _with_implied_infusion(rows: pl.DataFrame, patients: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Days count from the index infusion: where a day registry names no treatment on day 0, that is the infusion."""
    if calendar != "day":
        return rows
    told = rows.filter(pl.col("role").is_in(["infusion", "apheresis"]) | (pl.col("day") == 0)).select("pid").unique()
    silent = patients.select("pid").join(told, on="pid", how="anti")
    implied = silent.select("pid", day=pl.lit(0, pl.Int32), role=pl.lit("infusion"), planned=False, implied=True)
    return pl.concat([rows, implied], how="diagonal")


def _with_unlabelled_bridging(rows: pl.DataFrame, rules: str) -> pl.DataFrame:
    """Therapy that begins between apheresis (or other preparation) and infusion is bridging, however it is called."""
    therapy = pl.col("role").is_in(["induction", "treatment"]) & pl.col("line").is_null()
    asked = rows.with_row_index("_at").filter(therapy).select("_at", "pid", "day").sort("day")
    infusions = _infusions(rows)
    if asked.is_empty() or infusions.is_empty():
        return rows
    longest = rule_set(rules).bridging
    preparing = rows.filter(pl.col("role").is_in(PREPARING) & pl.col("day").is_not_null()).select("pid", "day")
    prepared = _next_infusion(preparing, infusions).filter(pl.col("infused") - pl.col("day") <= longest)
    since = prepared.group_by("pid", "infused").agg(since=pl.col("day").min())
    between = _next_infusion(asked, infusions).join(since, on=["pid", "infused"])
    between = between.filter((pl.col("day") >= pl.col("since")) & (pl.col("day") < pl.col("infused")))
    if between.is_empty():
        return rows
    bridging = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(between["_at"].implode())
    return rows.with_columns(role=pl.when(bridging).then(pl.lit("bridging")).otherwise("role"))


def _infusions(rows: pl.DataFrame) -> pl.DataFrame:
    infusions = rows.filter((pl.col("role") == "infusion") & pl.col("day").is_not_null())
    return infusions.select("pid", pl.col("day").alias("infused"), "line").sort("infused")


def _next_infusion(rows: pl.DataFrame, infusions: pl.DataFrame) -> pl.DataFrame:
    """Adds to each row the infusion that follows it; rows that none follows are dropped."""
    joined = rows.sort("day").join_asof(
        infusions, left_on="day", right_on="infused", by="pid", strategy="forward", check_sortedness=False
    )
    return joined.filter(pl.col("infused").is_not_null())


def _prepared(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Apheresis, bridging and lymphodepletion belong to the infusion that follows them."""
    preparing = rows.filter(pl.col("role").is_in(PREPARING) & pl.col("line").is_null()).drop("line")
    return _next_infusion(preparing, _infusions(known))


def _heads(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are numbered, each with its `kind` of start, and of the same patients those whose line is given.

    Bridging is a line of its own only where no infusion follows; apheresis without infusion stands for the CAR-T line.
    """
    prepares = pl.col("role").is_in(PREPARING)
    open_ = pl.col("line").is_null()
    asked = rows.filter(open_ & ~prepares)["pid"]
    loose = rows.filter(open_ & prepares)
    if not loose.is_empty():
        last = _infusions(rows).group_by("pid").agg(last=pl.col("infused").max())
        loose = loose.join(last, on="pid", how="left").filter((pl.col("day") > pl.col("last")).fill_null(True))
    if asked.is_empty() and loose.is_empty():
        return rows.clear().with_columns(kind=pl.lit(None, pl.String), agents=pl.lit(None, pl.List(pl.String)))
    rows = rows.filter(pl.col("pid").is_in(pl.concat([asked, loose["pid"]]).unique().implode()))
    rows = _with_kinds(rows)
    return rows.filter(pl.col("kind").is_not_null() & (~open_ | (pl.col("kind") != "preparing")))


def _with_kinds(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `kind`, see `line_rules.Start`; null for supportive care."""
    infused = pl.when(pl.col("role") == "infusion").then("day")
    waits = pl.col("role").is_in(PREPARING) & (pl.col("day") > infused.max().over("pid")).fill_null(
        infused.max().over("pid").is_null()
    )
    collected = waits & (pl.col("role") == "apheresis") & infused.max().over("pid").is_null()
    rows = rows.with_columns(waits=waits, collected=collected)
    # After a first infusion a further apheresis without infusion is no episode yet.
    first = pl.col("collected") & (pl.col("day") == pl.when("collected").then("day").min().over("pid"))
    texts = rows.filter(pl.col("role").is_in(["induction", "treatment"]))["agent"].unique().drop_nulls()
    by_text = {text: read(text).kind for text in texts}
    told = pl.col("agent").replace_strict(by_text, default="therapy", return_dtype=pl.String)
    return rows.with_columns(
        kind=pl.when(pl.col("role").is_in(["infusion", "transplant", "maintenance"]))
        .then("role")
        .when(pl.col("role").is_in(["induction", "treatment"]))
        .then(told.replace("supportive", None))
        .when(pl.col("waits") & (pl.col("role") == "bridging"))
        .then(pl.lit("bridging"))
        .when(first)
        .then(pl.lit("apheresis"))
        .otherwise(pl.lit("preparing"))
    ).drop("waits", "collected")


def _to_walk(heads: pl.DataFrame) -> pl.Series:
    """The patients whose starts must be looked at one by one.

    Not those without a given line who have one start only, or an infusion and one therapy later than any rule would
    still count with it.
    """
    window = max(rule_set(name).combination for name in RULE_SETS)
    infused = pl.when(pl.col("kind") == "infusion").then("day").max()
    later = pl.when(pl.col("kind") == "therapy").then("day").min() - infused > window
    plain = pl.col("kind").is_in(["infusion", "therapy", "transplant", "apheresis", "bridging"]).all()
    told = heads.group_by("pid").agg(
        simple=plain & pl.col("line").is_null().all() & ((pl.len() == 1) | ((pl.len() == 2) & later.fill_null(False)))
    )
    return told.filter(~pl.col("simple"))["pid"]


def _walked(heads: pl.DataFrame, record: Record, rules: str) -> pl.DataFrame:
    """The unnumbered starts of these patients with their line, in order of time within the patient (`at`)."""
    order = pl.col("kind").replace_strict({kind: n for n, kind in enumerate(ORDER)}, return_dtype=pl.Int32)
    heads = heads.sort(
        "pid", "day", pl.col("line").is_null(), order, "row", nulls_last=[False, False, False, False, True]
    )
    placed = list(_placed(heads, _progressions(record, heads["pid"].unique()), rules))
    heads = heads.with_columns(
        number=pl.Series([p.line for p in placed], dtype=pl.Int64),
        begins=pl.Series([p.begins for p in placed], dtype=pl.Boolean),
        why=pl.Series([p.why for p in placed], dtype=pl.String),
        at=pl.int_range(pl.len()).over("pid"),
    ).filter(pl.col("line").is_null())
    role = (
        # A corticosteroid long after the line began is no part of its regimen.
        pl.when(pl.col("why") == "steroid")
        .then(pl.lit("supportive"))
        .when(pl.col("kind") == "transplant")
        .then(pl.lit("transplant"))
        .when((pl.col("role") == "maintenance") & pl.col("begins"))
        .then(pl.lit("treatment"))
        .when((pl.col("kind") == "maintenance") & ~pl.col("begins"))
        .then(pl.lit("maintenance"))
        .otherwise("role")
    )
    return heads.with_columns(line="number", role=role)


def _progressions(record: Record, pids: pl.Series) -> dict[int, list[int]]:
    """Days on which somebody recorded a progression, by patient."""
    told = record.responses.filter(pl.col("response") == "PD").select("pid", day="date")
    stopped = record.treatments.filter(pl.col("stop_reason").str.contains(PROGRESSION)).select("pid", day="end_date")
    days = pl.concat([told, stopped]).drop_nulls().filter(pl.col("pid").is_in(pids.implode())).unique().sort("day")
    told = days.group_by("pid").agg("day")
    return dict(zip(told["pid"], told["day"].to_list(), strict=True))


def _placed(heads: pl.DataFrame, progressions: dict[int, list[int]], rules: str) -> Iterator[Placed]:
    counted = rule_set(rules)
    columns = ("pid", "row", "day", "end", "kind", "agent", "role", "line", "planned")
    rows = zip(*(heads[c].to_list() for c in columns), strict=True)
    for pid, part in groupby(rows, key=lambda row: row[0]):
        starts = [_start(*row[1:]) for row in part]
        yield from number_starts(counted, starts, progressions.get(pid, ()))


def _start(
    row: int | None,
    day: int | None,
    end: int | None,
    kind: str,
    agent: str | None,
    role: str,
    line: int | None,
    planned: bool,
) -> Start:
    # Nobody knows whether two unnamed therapies were the same: each is one of its own.
    agents = read(agent).agents if agent is not None else frozenset()
    if not agents and kind in ("therapy", "bridging", "maintenance"):
        agents = frozenset([f"unnamed in row {row}"])
    return Start(day, end, kind, agents, line, planned, role == "induction")


@cache
def read(text: str) -> Read:
    """The agents of a row that count for its regimen, and the kind of start they make of a treatment."""
    told = recognised(text)
    counted = [m for m in told.mentions if m.agent.cls not in NOT_IN_REGIMEN and not (m.high_dose or m.conditioning)]
    agents = frozenset([m.agent.id for m in counted] + [word.casefold() for word in told.unknown])
    if agents:
        return Read(agents, "maintenance" if counted and all(m.maintenance for m in counted) else "therapy")
    classes = {m.agent.cls for m in told.mentions}
    if told.transplants or classes & {"transplant", "conditioning"} or told.high_dose:
        return Read(agents, "transplant")
    return Read(agents, "steroid" if "steroid" in classes else "supportive" if classes else "therapy")
