"""How long: every endpoint by Kaplan-Meier, for all patients and by each stratum, with figures and follow-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from mspike.cohort.strata import Stratum
from mspike.cohort.times import DAYS_A_MONTH
from mspike.study.cells import in_sentence
from mspike.study.curve_blocks import Block, block_of
from mspike.study.curve_months import at_months
from mspike.study.followed import Followed, decided, followed, why_observed
from mspike.study.gathered import Gathered
from mspike.study.kept_back import count_words, counted_words
from mspike.study.medians import (
    follow_up_table,
    limit,
    log_rank_table,
    median_words,
    medians_table,
    table_notes,
)
from mspike.study.next_lines import partly_unseen, unseen
from mspike.study.origins import origins_table, unconfirmed_table
from mspike.study.parts import Part, Section
from mspike.study.plan import WORDS, Plan
from mspike.study.survival_figures import steps_table, survival_figure

DRAWN = ("pfs", "os")
TITLE = "How long: survival and time to events"
REFERENCES = ("kaplan-meier-1958", "schemper-smith-1996")


def survival(gathered: Gathered, plan: Plan) -> Section:
    """How long do patients live, live without progression, respond, and go without the next therapy?"""
    cohort = gathered.cohort
    observed = decided(cohort, plan) if plan.origin == "apheresis" else "infusion"
    told = {name: followed(cohort, plan.origin, name, observed) for name in plan.endpoints}
    why = {name: unseen(points.patients, plan.origin, name, plan) for name, points in told.items()}
    told = {name: points for name, points in told.items() if why[name] is None}
    overall = _blocks(told, plan, None)
    if observed != "infusion":
        # Groups are told as of the infusion: who never came to it is in none, so the others enter there.
        told = {name: followed(cohort, plan.origin, name, "infusion") for name in told}
    strata = {name: _blocks(told, plan, (name, stratum)) for name, stratum in plan.strata.items()}
    if all(block.told.patients.is_empty() for block in overall):
        return Section("survival", TITLE, (f"No patient of this registry can be followed from {plan.origin}.",), ())
    parts, refused = _parts(cohort, plan, overall, strata)
    refused = [*(said for said in why.values() if said), *refused]
    return Section(
        "survival", TITLE, _says(plan, overall, strata), tuple(parts), tuple(refused), _methods(cohort, plan, strata),
        (*REFERENCES, *(("mantel-1966",) if _tested(strata) else ())),
    )  # fmt: skip


def _blocks(told: Mapping[str, Followed], plan: Plan, stratum: tuple[str, Stratum] | None) -> list[Block]:
    """Every endpoint, each beside those before it: what differs by few is not told twice."""
    blocks: list[Block] = []
    for endpoint, points in told.items():
        blocks.append(_block(points, plan, endpoint, stratum, blocks))
    return blocks


def _block(
    told: Followed, plan: Plan, endpoint: str, stratum: tuple[str, Stratum] | None, before: Sequence[Block]
) -> Block:
    name = WORDS[endpoint] + (f" by {in_sentence(stratum[1].words)}" if stratum else "")
    return block_of(told, endpoint, stratum, plan.min_cell, name=name, follow_up=endpoint == "os", before=tuple(before))


def _parts(
    cohort: pl.DataFrame, plan: Plan, overall: Sequence[Block], strata: dict[str, list[Block]]
) -> tuple[list[Part], list[str]]:
    of_all = [block for block in overall if block.endpoint in DRAWN]
    of_groups = [block for blocks in strata.values() for block in blocks if block.endpoint in DRAWN]
    notes = table_notes(overall, plan.min_cell)
    notes += [why_observed(cohort, plan)] if plan.origin == "apheresis" else []
    told_of = {block.endpoint: block.told.patients for block in overall}
    notes += [said for name, whom in told_of.items() if (said := partly_unseen(whom, plan.origin, name, plan))]
    parts: list[Part | None] = [
        medians_table(overall, plan.min_cell, "survival_medians", f"Time to events from {plan.origin}", notes),
        *(survival_figure(block, plan.origin) for block in _in_order(of_all)),
    ]
    for name, blocks in strata.items():
        words = f"Time to events from {plan.origin}, by {blocks[0].words}"
        notes = table_notes(blocks, plan.min_cell)
        notes += ["Groups enter at the infusion (delayed entry)."] if plan.origin == "apheresis" else []
        parts.append(medians_table(blocks, plan.min_cell, f"survival_by_{name}", words, notes))
        parts += [survival_figure(block, plan.origin) for block in _in_order(blocks) if block.endpoint in DRAWN]
    every = [block for blocks in strata.values() for block in blocks]
    tests, refused = log_rank_table(every, plan.min_cell)
    parts += [tests, unconfirmed_table(cohort, plan), origins_table(cohort, plan)]
    parts.append(follow_up_table([block for block in (*overall, *every) if block.endpoint == "os"], plan.min_cell))
    if not plan.discreet and any(block.drawn for block in (*of_all, *of_groups)):
        parts.append(steps_table([*of_all, *of_groups]))
    told = [why for block in (*overall, *every) for why in block.refused]
    silent = [words for blocks in (overall, *strata.values()) for words in _silent(blocks)]
    return [part for part in parts if part is not None], [*told, *silent, *refused]


def _silent(blocks: Sequence[Block]) -> list[str]:
    """Sentences on the curves of a stratum that must not be told."""
    few = [block for block in blocks if block.silent and block.beside is None]
    where = f"By {in_sentence(blocks[0].words)}" if blocks and blocks[0].stratum else "Of all patients"
    names = [f"{WORDS[block.endpoint]} ({', '.join(block.silent)})" for block in few]
    said = (
        [f"{where}, no curve is told (--min-cell) of too few events, or beside them: {'; '.join(names)}."]
        if few
        else []
    )
    near = [WORDS[block.endpoint] for block in blocks if block.beside is not None]
    if near:
        said.append(
            f"{where}, not told (--min-cell), as it differs by few patients from what is told: {'; '.join(near)}."
        )
    return said


def _in_order(blocks: Sequence[Block]) -> list[Block]:
    """PFS before OS, whatever the origin tells first."""
    return sorted((block for block in blocks if block.endpoint in DRAWN), key=lambda block: DRAWN.index(block.endpoint))


def _says(plan: Plan, overall: Sequence[Block], strata: dict[str, list[Block]]) -> tuple[str, ...]:
    by_name = {block.endpoint: block for block in overall}
    says = [_answer(by_name[name], plan.origin) for name in DRAWN if name in by_name]
    says.append(_response_lasted(by_name.get("dor")))
    says.append(_follow_up(by_name["os"]))
    for blocks in list(strata.values())[:1]:
        says.append(_of_groups(blocks))
    told = tuple(sentence for sentence in says if sentence)[:5]
    return told or (
        f"Too few patients or events to tell how long: fewer than {plan.min_cell} are not told (--min-cell).",
    )


def _answer(block: Block, origin: str) -> str:
    """Median PFS from infusion was 8.8 months [...] (34 events in 52 patients); at 12 months 42 % [...] ..."""
    told = block.groups[0] if block.groups else None
    if told is None or told.curve is None or told.group.patients.is_empty():
        return ""
    limits = ", ".join(limit(getattr(told.curve, name), told.until) for name in ("median_low", "median_high"))
    middle = limit(told.curve.median, told.until)
    median = f"was {middle} months" if middle != "NR" else "was not reached"
    year = at_months(block, [12]).row(0, named=True)
    at_year = ""
    if year["survival_percent"] is not None and year["low_percent"] is not None:
        at_year = (
            f"; at 12 months {year['survival_percent']:.0f} % [{year['low_percent']:.0f}, {year['high_percent']:.0f}] "
            f"were {'alive' if block.endpoint == 'os' else 'alive without progression'}"
        )
    counts = f"{counted_words(told.events, 'event')} in {counted_words(told.n, 'patient')}"
    return f"Median {in_sentence(WORDS[block.endpoint])} from {origin} {median} [95 % CI {limits}; {counts}]{at_year}."


def _response_lasted(block: Block | None) -> str:
    told = block.groups[0] if block is not None and block.groups else None
    if told is None or told.curve is None or told.group.patients.is_empty():
        return ""
    of = counted_words(told.n, "responder")
    return f"Median duration of response was {median_words(told)} months [95 % CI] in {of}."


def _follow_up(block: Block) -> str:
    told = block.groups[0]
    if told.follow_up is None or told.group.patients.is_empty():
        return ""
    return f"Median follow-up was {median_words(told, follow_up=True)} months."


def _of_groups(blocks: Sequence[Block]) -> str:
    """Medians by group, and how long each was followed: whoever was followed for less had less time to fail."""
    by_name = {block.endpoint: block for block in blocks}
    block = by_name.get(DRAWN[0], by_name[DRAWN[1]])
    known = [told for told in block.groups if told.group.known and told.curve is not None]
    if not 2 <= len(known) <= 4:
        return ""
    parts = [f"{told.words} {median_words(told)} (n = {count_words(told.n)})" for told in known]
    said = f"Median {in_sentence(WORDS[block.endpoint])} by {in_sentence(block.words)}, months: {'; '.join(parts)}"
    followed_for = {told.words: told for told in by_name["os"].groups if told.follow_up is not None}
    ends = [followed_for[told.words] for told in known if told.words in followed_for]
    months = [limit(told.follow_up.median, told.followed_until) for told in ends if told.follow_up is not None]
    return f"{said}; median follow-up {', '.join(months)}." if len(months) == len(known) else f"{said}."


def _tested(strata: dict[str, list[Block]]) -> bool:
    return any(block.test is not None for blocks in strata.values() for block in blocks)


def _methods(cohort: pl.DataFrame, plan: Plan, strata: dict[str, list[Block]]) -> tuple[str, ...]:
    says = [
        f"Times were counted from {plan.origin} and estimated by the Kaplan-Meier method, with 95 % confidence "
        f"intervals on the log-log scale; a month is {DAYS_A_MONTH:.4f} days.",
        "Follow-up was estimated by the reverse Kaplan-Meier method on overall survival.",
    ]
    if plan.origin == "apheresis":
        says.append(why_observed(cohort, plan))
    if _tested(strata):
        says.append("Groups were compared by the log-rank test; patients whose group is not known were left out of it.")
    if plan.origin == "apheresis" and strata:
        says.append("In comparisons of groups patients entered at the infusion (delayed entry).")
    return tuple(says)
