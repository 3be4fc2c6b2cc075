"""The same endpoint read in another way: from infusion beside from apheresis, unconfirmed progression as an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from mspike.cohort.strata import Origin
from mspike.study.curve_blocks import Block, block_of
from mspike.study.followed import Followed, decided, followed, with_unconfirmed
from mspike.study.kept_back import count_words, counted, hidden_among, notes, overlapping
from mspike.study.medians import in_months, median_words
from mspike.study.parts import StudyTable
from mspike.study.plan import WORDS, ObservedFrom, Plan

WAYS: tuple[tuple[Origin, ObservedFrom, str], ...] = (
    ("infusion", "infusion", "From infusion: infused patients"),
    ("apheresis", "infusion", "From apheresis: infused patients, under observation from the infusion (delayed entry)"),
    ("apheresis", "apheresis", "From apheresis: all who were collected (intention to treat)"),
)


class Reading(NamedTuple):
    """One way to read an endpoint, and what it gives."""

    endpoint: str
    words: str
    block: Block


def unconfirmed_table(cohort: pl.DataFrame, plan: Plan) -> StudyTable | None:
    """PFS, and beside it PFS with unconfirmed progression counted as an event (rules.md 1.8.6)."""
    if plan.origin == "failure":
        return None
    told = followed(cohort, plan.origin, "pfs", decided(cohort, plan) if plan.origin == "apheresis" else "infusion")
    counting, changed = with_unconfirmed(told, plan.origin)
    readings = [
        _reading("pfs", "Confirmed progression or death", told, plan.min_cell),
        _reading("pfs", "The same, and unconfirmed progression counted as event", counting, plan.min_cell),
    ]
    hidden = hidden_among([changed, told.patients.height - changed], plan.min_cell)
    number = counted(changed, 0 in hidden, plan.min_cell)
    note = (
        "It changes the PFS of nobody: no progression was left unconfirmed."
        if changed == 0
        else f"It changes the PFS of {number} patient{'' if number == '1' else 's'}: the progression was neither "
        "confirmed nor refuted before new therapy or the end of the data."
    )
    table = _table(readings, plan, "survival_unconfirmed_progression", "Progression-free survival, read in two ways")
    return StudyTable(**{**vars(table), "notes": (*table.notes, note)})


def origins_table(cohort: pl.DataFrame, plan: Plan) -> StudyTable | None:
    """PFS and OS from infusion beside from apheresis (rules.md 4.2); None where no day of apheresis is known."""
    if plan.origin == "failure" or cohort["apheresis_day"].null_count() == cohort.height:
        return None
    lost = cohort.filter(~pl.col("infused") & pl.col("apheresis_day").is_not_null()).height
    ways = WAYS if lost else WAYS[:2]
    readings = [
        _reading(endpoint, words, followed(cohort, origin, endpoint, observed), plan.min_cell)
        for endpoint in ("pfs", "os")
        for origin, observed, words in ways
    ]
    table = _table(readings, plan, "survival_by_origin", "From infusion and from apheresis")
    if lost:
        return table
    note = "Nobody is known to have been collected and not infused, so there is no analysis by intention to treat."
    return StudyTable(**{**vars(table), "notes": (*table.notes, note)})


def _reading(endpoint: str, words: str, told: Followed, min_cell: int) -> Reading:
    return Reading(endpoint, words, block_of(told, endpoint, None, min_cell, name=words))


def _table(readings: Sequence[Reading], plan: Plan, name: str, title: str) -> StudyTable:
    kept = _beside(readings, plan.min_cell)
    rows = [(reading, reading.block.groups[0]) for reading in kept]
    text = {"n": pl.String, "events": pl.String} if plan.discreet else {"n": pl.Int64, "events": pl.Int64}
    frame = pl.DataFrame(
        [
            {
                "endpoint": reading.endpoint,
                "reading": reading.words,
                "n": _as(told.n, plan),
                "events": _as(told.events, plan),
            }
            | in_months(told)
            for reading, told in rows
        ],
        schema={"endpoint": pl.String, "reading": pl.String, **text}
        | {f"{column}_months": pl.Float64 for column in ("median", "median_low", "median_high")},
    )
    shown = pl.DataFrame(
        {
            "endpoint": [WORDS[reading.endpoint] for reading, _ in rows],
            "reading": [reading.words for reading, _ in rows],
            "n": [count_words(told.n) for _, told in rows],
            "events": [count_words(told.events) for _, told in rows],
            "median": [median_words(told) for _, told in rows],
        },
        schema=dict.fromkeys(("endpoint", "reading", "n", "events", "median"), pl.String),
    )
    heads = {"reading": "Reading", "n": "n", "events": "Events", "median": "Median, months [95 % CI]"}
    said = [*(why for reading, _ in rows for why in reading.block.refused), *notes(plan.min_cell)]
    if len(kept) < len(readings):
        said.append("Readings that differ from the first by few patients or events are kept back.")
    return StudyTable(
        name, title, frame, shown, heads, groups="endpoint", right=("n", "events", "median"), notes=tuple(said)
    )


def _as(n: int | str, plan: Plan) -> int | str:
    return str(n) if plan.discreet else n


def _beside(readings: Sequence[Reading], min_cell: int) -> list[Reading]:
    """Readings of one endpoint hold much the same patients: what differs by few would tell of those few."""
    kept: list[Reading] = []
    for endpoint in dict.fromkeys(reading.endpoint for reading in readings):
        own = [reading for reading in readings if reading.endpoint == endpoint]
        counts = [_counts(reading.block.told.patients) for reading in own]
        kept += [reading for reading, free in zip(own, overlapping(counts, min_cell), strict=True) if free]
    return kept


def _counts(patients: pl.DataFrame) -> tuple[int, int, int]:
    events = int(patients["event"].sum())
    return patients.height, events, patients.height - events
