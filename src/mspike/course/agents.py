"""Which agents were given: the text of every treatment row, read as agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from mspike.knowledge.therapies import Recognised, nearest, recognised
from mspike.record.findings import Findings
from mspike.record.record import Record

# Rows whose text need not be an agent against the myeloma.
NOT_ASKED = ("apheresis", "lymphodepletion", "supportive", "radiotherapy")

_AGENTS: dict[str, Any] = {
    "text": pl.String,
    "agent_id": pl.String,
    "name": pl.String,
    "cls": pl.String,
    "target": pl.String,
    "targets": pl.List(pl.String),
    "specific": pl.Boolean,
    "maintenance": pl.Boolean,
    "high_dose": pl.Boolean,
    "conditioning": pl.Boolean,
    "doubtful": pl.Boolean,
}
_TRANSPLANTS: dict[str, Any] = {
    "text": pl.String,
    "autologous": pl.Int32,
    "allogeneic": pl.Int32,
    "transplants": pl.Int32,
    "transplant_number": pl.Int32,
}
_WORDS: dict[str, Any] = {"text": pl.String, "problem": pl.String, "word": pl.String, "expected": pl.String}
Rows = Iterator[tuple[object, ...]]


def given(record: Record) -> pl.DataFrame:
    """Which agents does each treatment row name?

    Returns one row a treatment row and agent, by patient, day (undated first), row and place in the text:
      pid, row                 the treatment row
      start_day, end_day       day numbers; empty where not told
      role, line, stop_reason, best_response  as recorded
      agent_id, name, cls, target, targets    the agent (knowledge/therapies/agents.yaml); target is its first antigen
      specific                 False where only a class is told ("CAR-T", "CD38")
      maintenance, high_dose   the text says so of this agent; the role maintenance counts as well
      conditioning             given before a transplant or as lymphodepletion, not against the myeloma by itself
      doubtful                 it may not have been given ("Ixazomib oder Placebo", or denied by the text's brackets)
    Rows without a recognised agent are not in it: `unrecognised` tells them.
    """
    rows = record.treatments.select(
        "pid",
        "row",
        pl.col("start_date").alias("start_day"),
        pl.col("end_date").alias("end_day"),
        "role",
        "line",
        "stop_reason",
        "best_response",
        text="agent",
    ).sort("pid", "start_day", "row", nulls_last=False)
    distinct = _read(rows["text"], _agent_rows, _AGENTS)
    named = rows.join(distinct, on="text", maintain_order="left_right").drop("text")
    return named.with_columns(
        maintenance=pl.col("maintenance") | (pl.col("role") == "maintenance"),
        conditioning=pl.col("conditioning") | (pl.col("role") == "lymphodepletion"),
    )


def transplants_named(record: Record) -> pl.DataFrame:
    """Which treatment rows name transplants, and how many?

    Columns: pid, row, autologous, allogeneic, transplants (of any kind), transplant_number (the patient's second ...,
    where told).
    """
    rows = record.treatments.select("pid", "row", text="agent")
    return rows.join(_read(rows["text"], _transplant_rows, _TRANSPLANTS), on="text").drop("text").sort("pid", "row")


def unrecognised(record: Record) -> pl.DataFrame:
    """Which words of the treatment rows could not be placed, or contradict each other?

    Columns: pid, patient_id, row, problem (unknown_agent, contradictory_regimen), word, expected. Only rows whose role
    asks for an agent.
    """
    rows = record.treatments.filter(~pl.col("role").is_in(NOT_ASKED)).select("pid", "patient_id", "row", text="agent")
    return rows.join(_read(rows["text"], _word_rows, _WORDS), on="text").drop("text").sort("row", "word")


def note_unrecognised(record: Record, findings: Findings) -> None:
    """Notes a warning for each word and row that could not be placed."""
    told = unrecognised(record)
    for (problem,), rows in told.group_by("problem", maintain_order=True):
        findings.add(
            rows,
            severity="warning",
            table="treatments",
            column="agent",
            problem=str(problem),
            found=pl.col("word"),
            expected=pl.col("expected"),
        )


def _read(texts: pl.Series, rows_of: Callable[[str, Recognised], Rows], schema: dict[str, Any]) -> pl.DataFrame:
    """What `rows_of` makes of each distinct text: each is read once, however many rows have it."""
    distinct = texts.drop_nulls().unique().sort().to_list()
    return pl.DataFrame([row for text in distinct for row in rows_of(text, recognised(text))], schema, orient="row")


def _agent_rows(text: str, told: Recognised) -> Rows:
    for m in told.mentions:
        agent = m.agent
        yield (
            text, agent.id, agent.name, agent.cls, agent.target, list(agent.targets), agent.specific,
            m.maintenance, m.high_dose, m.conditioning, m.doubtful,
        )  # fmt: skip


def _transplant_rows(text: str, told: Recognised) -> Rows:
    if told.transplants:
        yield text, told.autologous, told.allogeneic, told.transplants, told.transplant_number


def _word_rows(text: str, told: Recognised) -> Rows:
    readings = dict(line.split(": ", 1) for line in told.ambiguous)
    for word in told.unknown:
        yield text, "unknown_agent", word, _expected(word, readings.get(word))
    for contradiction in told.disagreements:
        yield (
            text,
            "contradictory_regimen",
            contradiction,
            "an abbreviation and an explanation that name the same agents",
        )


def _expected(word: str, readings: str | None) -> str:
    if readings is not None:
        return f"the agents by name: this abbreviation may be {readings}"
    near = nearest(word)
    expected = "a name listed by `mspike columns --agents`"
    return f"{expected}; the nearest is {near}" if near else expected
