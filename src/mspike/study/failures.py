"""How the cells failed: of what kind, when and in what pattern, and how long patients lived from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from mspike.cohort.salvage import FAILURES
from mspike.cohort.strata import PATTERNS, STRATA, Stratum
from mspike.cohort.times import DAYS_A_MONTH
from mspike.course.courses import PROVISIONAL_DAYS
from mspike.study.cells import NONE, in_sentence, share
from mspike.study.counted import counts_column, quartiles
from mspike.study.curve_blocks import Block, block_of
from mspike.study.divided import words_of
from mspike.study.followed import followed
from mspike.study.gathered import Gathered
from mspike.study.kept_back import count, count_words, hidden_among
from mspike.study.medians import KEPT_BACK, log_rank_table, median_words, medians_table, table_notes
from mspike.study.partitions import partition_tables
from mspike.study.parts import Part, Section, StudyTable
from mspike.study.plan import WORDS, Plan
from mspike.study.survival_figures import survival_figure

TITLE = "How the cells failed"
ENDPOINTS = ("os", "pfs")
KINDS = ("failure_type", "failure_pattern")
NO_PATTERN = "none documented"


def failures(gathered: Gathered, plan: Plan) -> Section:
    """Did the cells fail, how, when, and what is to be expected from there?

    First infusions; from failure, whatever plan.origin is.
    """
    infused = gathered.cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    failed = infused.filter("failed")
    if infused.is_empty():
        return Section("failures", TITLE, ("Nobody in this registry has an infusion that could have failed.",), ())
    parts: list[Part] = [*_types(infused, plan)]
    if failed.is_empty():
        return Section("failures", TITLE, (f"Of {infused.height:,} infused patients, none is known to have failed.",),
                       tuple(parts), (), _METHODS[:1])  # fmt: skip
    parts += [*_patterns(failed, plan), _times(failed, plan)]
    outcomes, refused, overall = _outcomes(gathered.cohort, plan)
    says = (_how_many(infused, failed, plan), _when(failed, plan), _after(overall, plan))
    return Section(
        "failures", TITLE, tuple(said for said in says if said), tuple(parts + outcomes), tuple(refused), _METHODS,
        ("kaplan-meier-1958", "mantel-1966"),
    )  # fmt: skip


_METHODS = (
    "Failure types and patterns followed the definitions in force for this study; time to failure was described by its "
    "quartiles among those who had failed.",
    "Survival from failure was estimated by the Kaplan-Meier method from the day of failure, in every patient who "
    "failed, whatever came next, and compared between failure types and patterns by the log-rank test.",
)


def _types(infused: pl.DataFrame, plan: Plan) -> list[StudyTable]:
    provisional = _provisional(infused)
    hidden = plan.discreet and 0 < provisional < plan.min_cell
    notes = [
        "Of all who were infused, first infusions. Failure of the cells: primary refractory, early, late and molecular "
        "relapse, next therapy without progression. Second malignancy and death without relapse are none.",
        "Undetermined: followed too short, never judged, or the cause of death is not known.",
        ""
        if not provisional
        else f"Primary refractory without documented progression: {'few' if hidden else f'{provisional:,}'}, "
        f"provisional from day {PROVISIONAL_DAYS} on: a late response would change it.",
    ]
    return partition_tables(infused, STRATA["failure_type"], plan, name="failure_types", title="Failure types",
                            everybody="All infused", together=FAILURES, notes=notes)  # fmt: skip


def _provisional(infused: pl.DataFrame) -> int:
    """Refractory only because no response came in time; nobody saw a progression."""
    on_the_day = pl.col("failure_day") - pl.col("index_day") == PROVISIONAL_DAYS
    seen = pl.col("pfs_event") & (pl.col("pfs_days") <= PROVISIONAL_DAYS)
    refractory = pl.col("failure_type") == "primary_refractory"
    return int(infused.select((refractory & on_the_day & ~seen).sum()).item())


def _patterns(failed: pl.DataFrame, plan: Plan) -> list[StudyTable]:
    tables = partition_tables(
        failed, STRATA["failure_pattern"], plan, name="failure_patterns", title="Pattern of failure, its gravest part",
        everybody="All who failed", words={None: NO_PATTERN},
        notes=["Of all who failed. What was not looked for (imaging, marrow, light chains) is in no pattern; "
               f"{NO_PATTERN}: failed without a documented progression, or its parts are not told."],
    )  # fmt: skip
    whole = plan.discreet or failed["failure_pattern"].null_count() == failed.height
    return tables if whole else [*tables, _any_part(failed)]


def _any_part(failed: pl.DataFrame) -> StudyTable:
    """Each part of a pattern by itself: a patient may have several."""
    told = failed["failure_patterns"].explode(empty_as_null=True).drop_nulls().cast(pl.String)
    there = set(told.unique().to_list())
    parts = [part for part in PATTERNS if part in there] + sorted(there - set(PATTERNS))
    holds = pl.col("failure_patterns").cast(pl.List(pl.String))
    counts = [int(failed.select(holds.list.contains(part).fill_null(False).sum()).item()) for part in parts]
    frame = pl.DataFrame(
        {"part": pl.Series(parts, dtype=pl.String), "n": pl.Series(counts, dtype=pl.Int64)}
    ).with_columns(failed_n=pl.lit(failed.height, pl.Int64), percent=100 * pl.col("n") / failed.height)
    shown = pl.DataFrame(
        {"part": [words_of(part) for part in parts], "n": [share(n, failed.height) for n in counts]},
        schema={"part": pl.String, "n": pl.String},
    )
    return StudyTable(
        "failure_pattern_parts", "Parts of the pattern of failure", frame, shown,
        {"part": "Part", "n": f"All who failed, n = {failed.height:,}"}, right=("n",),
        notes=("A patient may have several parts: the counts do not add up to all who failed.",),
    )  # fmt: skip


def _times(failed: pl.DataFrame, plan: Plan) -> StudyTable:
    """When, among those who failed: days from infusion."""
    told = failed.with_columns(_days=pl.col("failure_day") - pl.col("index_day"))
    groups = [("All who failed", told)] + [
        (words_of(kind), part) for kind in FAILURES if (part := told.filter(pl.col("failure_type") == kind)).height
    ]
    known = [part["_days"].drop_nulls().len() for _, part in groups]
    hidden = {place + 1 for place in hidden_among(known[1:], plan.min_cell)}
    hidden |= {0} if plan.discreet and 0 < known[0] < plan.min_cell else set()
    rows: list[dict[str, Any]] = []
    for place, (words, part) in enumerate(groups):
        found = None if place in hidden else quartiles(part["_days"])
        low, middle, high = (None, None, None) if found is None else (day / DAYS_A_MONTH for day in found)
        n = count(known[place], place in hidden, plan.min_cell)
        rows.append({"failure_type": words, "n": n, "median_months": middle, "q1_months": low, "q3_months": high})
    kinds: dict[str, Any] = {"failure_type": pl.String, **dict.fromkeys(_QUARTILES, pl.Float64)}
    frame = pl.DataFrame([{name: row[name] for name in kinds} for row in rows], schema=kinds)
    frame = frame.with_columns(counts_column("n", [str(row["n"]) for row in rows], plan.min_cell))
    shown = pl.DataFrame(
        {"failure_type": [row["failure_type"] for row in rows], "n": [count_words(row["n"]) for row in rows],
         "when": [_quartile_words(row) for row in rows]}
    )  # fmt: skip
    return StudyTable(
        "failure_times", "Time from infusion to failure, among those who failed",
        frame.select("failure_type", "n", *_QUARTILES), shown,
        {"failure_type": "Failure", "n": "n", "when": "Median [quartiles], months"}, right=("n", "when"),
        notes=("Of those who failed so far: no estimate of when others will. For that, see competing risks.",),
    )  # fmt: skip


_QUARTILES = ("median_months", "q1_months", "q3_months")


def _quartile_words(row: dict[str, Any]) -> str:
    if row["median_months"] is None:
        return KEPT_BACK if isinstance(row["n"], str) else NONE
    return f"{row['median_months']:.1f} [{row['q1_months']:.1f}–{row['q3_months']:.1f}]"


def _outcomes(cohort: pl.DataFrame, plan: Plan) -> tuple[list[Part], list[str], list[Block]]:
    """Survival from failure: of all, and by kind and pattern, which are known at failure."""
    overall = [_block(cohort, endpoint, None, plan) for endpoint in ENDPOINTS]
    title = "Survival from failure"
    parts: list[Part] = [
        medians_table(overall, plan.min_cell, "after_failure", title, [*table_notes(overall, plan.min_cell), _SECOND])
    ]
    every: list[Block] = []
    for kind in KINDS:
        if overall[0].told.patients[STRATA[kind].column].is_null().all():
            continue  # nothing is known to divide them by
        blocks = [_block(cohort, endpoint, (kind, STRATA[kind]), plan) for endpoint in ENDPOINTS]
        every += blocks
        words = f"{title}, by {in_sentence(STRATA[kind].words)}"
        parts.append(medians_table(blocks, plan.min_cell, f"after_{kind}", words, table_notes(blocks, plan.min_cell)))
        figure = survival_figure(blocks[0], "failure")
        if figure is not None:
            name = f"after_{kind}_os"
            parts.append(replace(figure, name=name, twin=replace(figure.twin, name=f"{name}_at_ticks")))
    tests, refused = log_rank_table(every, plan.min_cell)
    parts += [replace(tests, name="after_failure_log_rank")] if tests else []
    return parts, [*(why for block in (*overall, *every) for why in block.refused), *refused], overall


_SECOND = (
    "Progression-free survival from failure: to the progression on the next line, or death; until there is a next "
    "line only death can end it."
)


def _block(cohort: pl.DataFrame, endpoint: str, stratum: tuple[str, Stratum] | None, plan: Plan) -> Block:
    name = f"{WORDS[endpoint]} from failure" + (f" by {in_sentence(stratum[1].words)}" if stratum else "")
    return block_of(followed(cohort, "failure", endpoint), endpoint, stratum, plan.min_cell, name=name)


def _how_many(infused: pl.DataFrame, failed: pl.DataFrame, plan: Plan) -> str:
    n = [failed.height, infused.height - failed.height]
    if hidden_among(n, plan.min_cell):
        return f"Of {infused.height:,} infused patients the number in whom the cells failed is not told (small)."
    counts = [failed.filter(pl.col("failure_type") == kind).height for kind in FAILURES]
    hidden = hidden_among(counts, plan.min_cell)
    named = [f"{words_of(kind)} {n:,}" for place, (kind, n) in enumerate(zip(FAILURES, counts, strict=True))
             if n and place not in hidden]  # fmt: skip
    how = f": {', '.join(named)}" if named else ""
    return f"The cells failed in {failed.height:,} of {infused.height:,} ({100 * n[0] / sum(n):.0f} %){how}."


def _when(failed: pl.DataFrame, plan: Plan) -> str:
    found = quartiles(failed["failure_day"] - failed["index_day"])
    if found is None or (plan.discreet and failed.height < plan.min_cell):
        return ""
    low, middle, high = (day / DAYS_A_MONTH for day in found)
    return f"Those who failed did so a median of {middle:.1f} months [quartiles {low:.1f}–{high:.1f}] after infusion."


def _after(overall: Sequence[Block], plan: Plan) -> str:
    told = {block.endpoint: block.groups[0] for block in overall}
    if any(one.curve is None or one.curve.n == 0 for one in told.values()):
        return ""
    return (
        f"From failure they lived a median of {median_words(told['os'])} months, without a further progression "
        f"{median_words(told['pfs'])} months (95 % CI; NR: not reached)."
    )
