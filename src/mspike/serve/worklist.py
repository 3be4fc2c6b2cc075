"""The worklist: one row a patient, who waits for what. It counts what the rooms below found and adds no rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

Row = dict[str, Any]
ROWS_A_PAGE = 50


@dataclass(frozen=True)
class Queue:
    """A part of the worklist: which patients it holds, and what comes first."""

    name: str
    title: str
    says: str
    holds: Callable[[Row], bool]
    order: Callable[[Row], Any] = lambda row: row["patient_id"]


def work_rows(tables: dict[str, pl.DataFrame]) -> list[Row]:
    """One row a patient of a bucket, about the last CAR-T line (collected or infused).

    overdue   tests overdue on the day asked; null: no infusion, so no schedule runs
    missing   tests that would tell, of a failed infusion, and could mark or weigh an option; null: none has failed
    problems  findings in the data that set a row aside or need a look
    """
    last = tables["courses"].filter(pl.col("kind") == "car_t").group_by("patient_id", maintain_order=True).last()
    count = pl.len().cast(pl.Int32)
    state = pl.col("state")
    last_watch = tables["watch"].filter(pl.col("line") == pl.col("line").max().over("patient_id"))
    watch = last_watch.group_by("patient_id").agg(overdue=(state == "overdue").sum(), due=(state == "due").sum())
    infused = (
        tables["infusions"]
        .group_by("patient_id", maintain_order=True)
        .last()
        .select("patient_id", "gid", failed_line="line")
    )
    asked = tables["tests"].filter(pl.col("changes") != "explains").group_by("gid").agg(missing=count)
    failed = tables["mechanisms"].group_by("gid").agg(failed=pl.col("failed").any())
    why = infused.join(failed, on="gid", how="left").join(asked, on="gid", how="left")
    why = why.select("patient_id", missing=pl.when("failed").then(pl.col("missing").fill_null(0)))
    problem = tables["findings"].filter(pl.col("severity").is_in(["error", "warning"]))
    problems = problem.group_by("patient_id").agg(problems=count)
    died = pl.col("death_date").is_not_null() | pl.col("died_undated") | pl.col("death_cause").is_not_null()
    told = tables["person"].select("patient_id", died=died)
    told = told.join(
        last.select("patient_id", "line", "index_agent", "index_date", "best_response", "pd_date",
                    "unconfirmed_pd_date", "next_line_date", "failure_type", "flags"),
        on="patient_id", how="left",
    )  # fmt: skip
    for frame in (watch, why, problems):
        told = told.join(frame, on="patient_id", how="left")
    return told.with_columns(pl.col("problems").fill_null(0)).sort("patient_id").to_dicts()


def _latest_first(row: Row) -> tuple[int, str]:
    """Dates are text, days are numbers; both sort as numbers."""
    day = row["pd_date"] if row["pd_date"] is not None else row["unconfirmed_pd_date"]
    return -(day if isinstance(day, int) else int(str(day).replace("-", ""))), row["patient_id"]


def _most_first(column: str) -> Callable[[Row], Any]:
    return lambda row: (-row[column], row["patient_id"])


QUEUES = (
    Queue("progressed", "Progressed", "Progression after CAR-T, alive; the latest progression first.",
          lambda row: row["pd_date"] is not None and not row["died"], _latest_first),
    Queue("unconfirmed", "Not confirmed", "Progression was seen and nothing on record confirms it; the latest first.",
          lambda row: row["pd_date"] is None and row["unconfirmed_pd_date"] is not None and not row["died"],
          _latest_first),
    Queue("overdue", "Overdue tests", "Tests of the schedule are overdue on the day asked; most first.",
          lambda row: bool(row["overdue"]) and not row["died"], _most_first("overdue")),
    Queue("missing", "Missing facts",
          "CAR-T has failed, and tests whose answer may change what comes next are not on record; most first.",
          lambda row: bool(row["missing"]) and not row["died"], _most_first("missing")),
    Queue("findings", "Open findings", "Rows of these patients were set aside or need a look; most first.",
          lambda row: row["problems"] > 0, _most_first("problems")),
    Queue("all", "All patients", "Everybody in this registry.", lambda row: True),
)  # fmt: skip


def queues_of(rows: list[Row]) -> dict[str, list[Row]]:
    """Each queue with its patients in order: made once when a registry is opened."""
    return {queue.name: sorted((row for row in rows if queue.holds(row)), key=queue.order) for queue in QUEUES}
