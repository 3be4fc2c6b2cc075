"""The flows from CAR-T over failure and the next therapy to the outcome, as a table; small ones kept back."""

from __future__ import annotations

import polars as pl

from mspike.cohort.disclosure import hidden_cells
from mspike.figures.sequence import HEADS, sequence_table
from mspike.study.cells import NONE
from mspike.study.counted import counts_column
from mspike.study.kept_back import counted
from mspike.study.parts import StudyTable
from mspike.study.plan import Plan

ENDS = "the way ends"


def sequence_twin(first: pl.DataFrame, plan: Plan) -> StudyTable:
    """How many went from each stage to each next one? Names of few are put together, flows of few kept back.

    first  the first infusions, as `figures.sequence.ways` takes them
    """
    flows = sequence_table(first, plan.min_cell if plan.discreet else 0)
    hidden = pl.Series(_hidden(flows, plan.min_cell), dtype=pl.Boolean)
    texts = [counted(n, gone, plan.min_cell) for n, gone in zip(flows["n"], hidden, strict=True)]
    frame = flows.with_columns(percent=pl.when(~hidden).then("percent"))
    frame = frame.with_columns(counts_column("n", [text.replace(",", "") for text in texts], plan.min_cell))
    shown = flows.select(
        stage=pl.concat_str(pl.col("from_stage").replace(HEADS), pl.lit(" → "), pl.col("to_stage").replace(HEADS)),
        from_name="from_name",
        to_name=pl.col("to_name").fill_null(ENDS),
        n=pl.Series(_words(flows, texts), dtype=pl.String),
    )
    return StudyTable(
        "sequence_flows", "From CAR-T to failure, next therapy and outcome: the flows", frame, shown,
        {"from_name": "From", "to_name": "To", "n": "n / N (%)"}, groups="stage", right=("n",),
        notes=(
            "N: those in the first of the two. Outcome: the worst known at the end of follow-up, however long.",
            *(("Names and flows of few patients are put together or kept back.",) if plan.discreet else ()),
        ),
    )  # fmt: skip


def _words(flows: pl.DataFrame, texts: list[str]) -> list[str]:
    return [
        f"{text} / {total:,} ({percent:.0f} %)" if text[:1].isdigit() else text or NONE
        for text, total, percent in zip(texts, flows["from_n"], flows["percent"], strict=True)
    ]


def _hidden(flows: pl.DataFrame, min_cell: int) -> list[bool]:
    """Each pair of stages is a table of counts whose totals are known from the tables beside it."""
    hidden: set[tuple[str, str, str | None]] = set()
    for (stage,), part in flows.group_by("from_stage", maintain_order=True):
        rows = part["from_name"].unique(maintain_order=True).to_list()
        columns = part["to_name"].unique(maintain_order=True).to_list()
        counts = {(row, column): n for row, column, n in part.select("from_name", "to_name", "n").iter_rows()}
        # A flow of nobody is a count too: its absence is told by the table.
        cells: list[list[int | None]] = [[counts.get((row, column), 0) for column in columns] for row in rows]
        for row, column in hidden_cells(cells, min_cell) if min_cell > 1 else ():
            hidden.add((str(stage), rows[row], columns[column]))
    return [(one, name, to) in hidden for one, name, to in flows.select("from_stage", "from_name", "to_name").rows()]
