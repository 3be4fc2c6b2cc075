"""How the cells failed: of what kind, when and in what pattern, and how long patients lived from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from mspike.cohort.strata import FAILURE_TYPES, FIRST_FAILURES, PATTERNS, STRATA, Stratum
from mspike.cohort.times import DAYS_A_MONTH
from mspike.course.courses import PROVISIONAL_DAYS
from mspike.study.cells import NONE, in_sentence, share
from mspike.study.counted import counts_column, quartiles
from mspike.study.curve_blocks import Block, Told, block_of
from mspike.study.divided import words_of
from mspike.study.followed import Followed, followed
from mspike.study.gathered import Gathered
from mspike.study.kept_back import count, count_words, hidden_among
from mspike.study.medians import KEPT_BACK, log_rank_table, median_words, medians_table, table_notes
from mspike.study.next_lines import partly_unseen, unseen
from mspike.study.partitions import partition_tables
from mspike.study.parts import Part, Section, StudyTable
from mspike.study.patterns import NOT_DOCUMENTED, PATTERN, progressed_first, with_pattern
from mspike.study.plan import WORDS, Plan
from mspike.study.survival_figures import survival_figure

TITLE = "How the cells failed"
ENDPOINTS = ("os", "pfs")
KINDS = ("failure_type", "failure_pattern")
FIRST = STRATA["failure_type"]
AT_CUT = Stratum("failure_type", "Failure type at the data cut", FAILURE_TYPES, "failure")
NOT_FAILED = "not failed so far, or not known"
NO_PATTERN_YET = "failed first without a documented progression, so that there was no pattern"


def failures(gathered: Gathered, plan: Plan) -> Section:
    """Did the therapy fail, how, when, and what is to be expected from there?

    First infusions; from failure, whatever plan.origin is.
    """
    infused = gathered.cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    failed = infused.filter("failed")
    if infused.is_empty():
        return Section("failures", TITLE, ("Nobody was infused, so there was nothing that could have failed.",), ())
    parts: list[Part] = [*_types(infused, plan)]
    if failed.is_empty():
        return Section("failures", TITLE, (f"Of {infused.height:,} infused patients, none is known to have failed.",),
                       tuple(parts), (), (_TYPED,))  # fmt: skip
    parts += [*_patterns(failed, plan), _times(failed, plan)]
    outcomes, refused, overall, tested = _outcomes(gathered.cohort, plan)
    says = (_how_many(infused, failed, plan), _when(failed, plan), _after(overall, plan))
    methods, references = _methods(overall, tested)
    return Section(
        "failures", TITLE, tuple(said for said in says if said), tuple(parts + outcomes), tuple(refused), methods,
        references,
    )  # fmt: skip


_TYPED = "Failure types followed the definitions in force for this study."


def _methods(overall: Sequence[Block], tested: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was really done, and its sources. tested: by what groups were compared."""
    said = [_TYPED, "Time to failure was described by its quartiles among those who had failed."]
    if not any(block.groups and block.groups[0].curve is not None and block.groups[0].curve.n for block in overall):
        return tuple(said), ()
    compared = f", and compared by {' and '.join(tested)} by the log-rank test" if tested else ""
    said.append(
        "Survival from failure was estimated by the Kaplan-Meier method from the day of the first failure, whatever "
        f"came next{compared}."
    )
    return tuple(said), ("kaplan-meier-1958", *(("mantel-1966",) if tested else ()))


def _types(infused: pl.DataFrame, plan: Plan) -> list[StudyTable]:
    provisional = _provisional(infused)
    told = "few" if plan.discreet and 0 < provisional < plan.min_cell else f"{provisional:,}"
    first = [
        "Of all who were infused, first infusions: which failure came first in time; survival from failure starts "
        "there. A molecular relapse alone starts none.",
        "Death of myeloma: without a documented progression before it; it starts no time after failure.",
        f"Primary refractory without documented progression: {told}, provisional from day {PROVISIONAL_DAYS} on: a "
        "late response would change it." if provisional else "",
    ]  # fmt: skip
    notes = [
        "Of all who were infused, first infusions: one type each, by precedence, as seen from the data cut. Who failed "
        "first by one type can stand here under another (a death of another cause, a second malignancy).",
        "Undetermined: followed too short, never judged, or the cause of death is not known.",
    ]
    in_time = partition_tables(
        infused, FIRST, plan, name="failure_first", title="How the therapy failed first", everybody="All infused",
        words={None: NOT_FAILED}, together=FIRST_FAILURES, notes=first,
    )  # fmt: skip
    if plan.discreet:  # nearly the same counts divided otherwise: one table would tell what the other keeps back
        return in_time
    at_cut = partition_tables(
        infused, AT_CUT, plan, name="failure_types", title="Failure types at the data cut", everybody="All infused",
        notes=notes,
    )  # fmt: skip
    return [*in_time, *at_cut]


def _provisional(infused: pl.DataFrame) -> int:
    """Refractory only because no response came in time; nobody saw a progression."""
    on_the_day = pl.col("failure_day") - pl.col("index_day") == PROVISIONAL_DAYS
    seen = pl.col("pfs_event") & (pl.col("pfs_days") <= PROVISIONAL_DAYS)
    refractory = pl.col("first_failure_type") == "primary_refractory"
    return int(infused.select((refractory & on_the_day & ~seen).sum()).item())


def _patterns(failed: pl.DataFrame, plan: Plan) -> list[StudyTable]:
    tables = partition_tables(
        with_pattern(failed), PATTERN, plan, name="failure_patterns", title=PATTERN.words, everybody="All who failed",
        notes=["Of all who failed. What was not looked for (imaging, marrow, light chains) is in no pattern. Not "
               "known: a progression is documented, its pattern is not.",
               f"{NOT_DOCUMENTED.capitalize()}: no response by day {PROVISIONAL_DAYS}, next therapy, or death of "
               "myeloma without one."],
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
        notes=("A patient may have several parts: the counts do not add up to all who failed. Without any: no "
               "documented progression, or one whose pattern is not known.",),
    )  # fmt: skip


def _times(failed: pl.DataFrame, plan: Plan) -> StudyTable:
    """When, among those who failed: days from infusion."""
    told = failed.with_columns(_days=pl.col("failure_day") - pl.col("index_day"))
    groups = [("All who failed", told)] + [
        (words_of(kind), part)
        for kind in FIRST_FAILURES
        if (part := told.filter((pl.col("first_failure_type") == kind) & pl.col("_days").is_not_null())).height
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


def _outcomes(cohort: pl.DataFrame, plan: Plan) -> tuple[list[Part], list[str], list[Block], list[str]]:
    """Survival from failure: of all, and by kind and pattern, which are known at failure; by what it was compared."""
    told = {endpoint: followed(cohort, "failure", endpoint) for endpoint in ENDPOINTS}
    why = {endpoint: unseen(points.patients, "failure", endpoint, plan) for endpoint, points in told.items()}
    told = {endpoint: points for endpoint, points in told.items() if why[endpoint] is None}
    overall = _blocks(told, None, plan)
    title = "Survival from failure"
    notes = [partly_unseen(points.patients, "failure", endpoint, plan) for endpoint, points in told.items()]
    notes = [*table_notes(overall, plan.min_cell), *notes, _SECOND if "pfs" in told else ""]
    notes = [note for note in notes if note]
    parts: list[Part] = [medians_table(overall, plan.min_cell, "after_failure", title, notes)]
    every: list[Block] = []
    for kind in KINDS:
        if overall[0].told.patients[STRATA[kind].column].n_unique() < 2:
            continue  # nothing is known to divide them by
        blocks = _blocks(told, (kind, STRATA[kind]), plan)
        every += blocks
        words = f"{title}, by {in_sentence(STRATA[kind].words)}"
        parts.append(medians_table(blocks, plan.min_cell, f"after_{kind}", words, table_notes(blocks, plan.min_cell)))
        figure = survival_figure(blocks[0], "failure")
        if figure is not None:
            name = f"after_{kind}_os"
            parts.append(replace(figure, name=name, twin=replace(figure.twin, name=f"{name}_at_ticks")))
    tests, refused = log_rank_table(every, plan.min_cell)
    parts += [replace(tests, name="after_failure_log_rank", title="Log-rank tests from failure")] if tests else []
    tested = list(dict.fromkeys(in_sentence(block.words) for block in every if block.test is not None))
    refused = [*(said for block in (*overall, *every) for said in block.refused), *refused]
    return parts, [*(said for said in why.values() if said), *refused], overall, tested


_SECOND = (
    "Progression-free survival from failure: to the progression on the next line, or death; until there is a next "
    "line only death can end it."
)


def _blocks(told: Mapping[str, Followed], stratum: tuple[str, Stratum] | None, plan: Plan) -> list[Block]:
    """Every endpoint, each beside those before it: what differs by few is not told twice."""
    blocks: list[Block] = []
    for endpoint, points in told.items():
        name = f"{WORDS[endpoint]} from failure" + (f" by {in_sentence(stratum[1].words)}" if stratum else "")
        whom = _with_known_pattern(points) if stratum and stratum[0] == "failure_pattern" else points
        blocks.append(block_of(whom, endpoint, stratum, plan.min_cell, name=name, before=tuple(blocks)))
    return blocks


def _with_known_pattern(told: Followed) -> Followed:
    """Only whose first failure was a progression: of the others a pattern, if any, came later than time begins."""
    kept = told.patients.filter(progressed_first())
    gone = told.patients.height - kept.height
    row = pl.DataFrame({"reason": [NO_PATTERN_YET], "n": [gone]}, schema=told.left_out.schema)
    return replace(told, patients=kept, left_out=pl.concat([told.left_out, row]) if gone else told.left_out)


def _how_many(infused: pl.DataFrame, failed: pl.DataFrame, plan: Plan) -> str:
    n = [failed.height, infused.height - failed.height]
    if hidden_among(n, plan.min_cell):
        return f"Of {infused.height:,} infused patients the number in whom the therapy failed is not told (small)."
    counts = [failed.filter(pl.col("first_failure_type") == kind).height for kind in FIRST_FAILURES]
    hidden = hidden_among(counts, plan.min_cell)
    named = [f"{words_of(kind)} {n:,}" for place, (kind, n) in enumerate(zip(FIRST_FAILURES, counts, strict=True))
             if n and place not in hidden]  # fmt: skip
    how = f": {', '.join(named)}" if named else ""
    told = f"The therapy failed in {failed.height:,} of {infused.height:,} ({100 * n[0] / sum(n):.0f} %){how}"
    return f"{told}{_beside_pfs(infused, failed, plan)}."


def _beside_pfs(infused: pl.DataFrame, failed: pl.DataFrame, plan: Plan) -> str:
    """Why this is not the number of PFS events, where it is not."""
    events = int(infused["pfs_event"].sum())
    if events == failed.height or plan.discreet:
        return ""
    more, less = "no response by day 90 and a next therapy are failures and no events of PFS", (
        "a death of another cause is an event of PFS and no failure"
    )  # fmt: skip
    why = f"{more}, {less}" if events < failed.height else f"{less}, {more}"
    return f" (events of progression-free survival: {events:,}; {why})"


def _when(failed: pl.DataFrame, plan: Plan) -> str:
    found = quartiles(failed["failure_day"] - failed["index_day"])
    if found is None or (plan.discreet and failed.height < plan.min_cell):
        return ""
    low, middle, high = (day / DAYS_A_MONTH for day in found)
    return f"Those who failed did so a median of {middle:.1f} months [quartiles {low:.1f}–{high:.1f}] after infusion."


def _after(overall: Sequence[Block], plan: Plan) -> str:
    told = {block.endpoint: block.groups[0] for block in overall if block.groups}
    if "os" not in told or told["os"].curve is None or told["os"].curve.n == 0:
        return ""
    return (
        f"From the first failure, median overall survival was {median_words(told['os'])} months [95 % CI]"
        f"{_then(told.get('pfs'))}."
    )


def _then(told: Told | None) -> str:
    if told is None or told.curve is None or told.curve.n == 0:
        return ""
    return f", median progression-free survival {median_words(told)} months"
