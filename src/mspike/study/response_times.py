"""How soon did those respond who responded, and when was MRD first negative?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from mspike.cohort.strata import Stratum
from mspike.cohort.times import DAYS_A_MONTH
from mspike.study.cells import NONE
from mspike.study.characteristics import discretion
from mspike.study.counted import NOT_SHOWN, Column, counts_column, quartiles
from mspike.study.parts import StudyTable

RESPONDED = ("sCR", "CR", "VGPR", "PR")
WHAT = {
    "first_response_day": "First response (PR or better)",
    "best_response_day": "Best response",
    "mrd_negative_day": "First MRD-negative sample (10⁻⁵)",
}
_SCHEMA: dict[str, Any] = {
    "group": pl.String, "what": pl.String, "n": pl.String,
    **dict.fromkeys(("median_months", "q1_months", "q3_months"), pl.Float64),
}  # fmt: skip


def days_to_response(visits: pl.LazyFrame, patients: pl.DataFrame) -> pl.DataFrame:
    """patient_id, line, first_response_day, best_response_day (from infusion): only of patients who responded.

    patients  patient_id, line, best_response
    visits    patient_id, line, day (from infusion), response_confirmed
    Whoever responded did so before progression and the next therapy, so that the first such visit of the line is it.
    """
    responders = patients.lazy().filter(pl.col("best_response").is_in(RESPONDED))
    seen = visits.join(responders.select("patient_id", "line", "best_response"), on=["patient_id", "line"])
    response, day = pl.col("response_confirmed"), pl.col("day")
    found = seen.group_by("patient_id", "line").agg(
        first_response_day=day.filter(response.is_in(RESPONDED)).min(),
        best_response_day=day.filter(response == pl.col("best_response")).min(),
    )
    return found.collect()


def response_times(
    visits: pl.LazyFrame, columns: Sequence[Column], suffix: str, stratum: Stratum | None, min_cell: int,
    told: Mapping[str, Sequence[int | None]],
) -> StudyTable:  # fmt: skip
    """Months from the infusion to response, of responders; a row a group and question.

    told  for each question and column how many the tables of rates say it happened in; None where they keep it back
    """
    days = days_to_response(visits, columns[0].patients)
    rows: list[dict[str, Any]] = []
    shown: list[dict[str, str]] = []
    timed = [
        Column(c.words, c.patients.join(days, on=["patient_id", "line"], how="left", maintain_order="left"), c.shown)
        for c in columns
    ]
    for what, words in WHAT.items():
        for at, column in enumerate(timed):
            if column.shown:
                row = _row(column, what, told[what][at], min_cell)
                rows.append(row)
                shown.append({"what": words, "group": column.words, "n": row["n"], "median": _told(row)})
    frame = pl.DataFrame(rows, schema=_SCHEMA)
    by = "" if stratum is None else f", by: {stratum.words}"
    return StudyTable(
        name=f"response_times{suffix}",
        title=f"Time from the infusion to response, of those who responded{by}",
        frame=frame.with_columns(counts_column("n", frame["n"].to_list(), min_cell)),
        shown=pl.DataFrame(shown, schema=dict.fromkeys(("what", "group", "n", "median"), pl.String)),
        heads={"group": "", "n": "Patients", "median": "Months, median [IQR]"},
        groups="what",
        right=("n", "median"),
        notes=(
            "Only of patients in whom it happened and whose visits are dated: no time is told for the others, so that "
            "groups with fewer responders cannot be compared by it.",
            *discretion(columns, min_cell),
        ),
    )


def _row(column: Column, what: str, told: int | None, min_cell: int) -> dict[str, Any]:
    """A number that the rates keep back, or that differs from theirs by a few, is kept back here too."""
    n = column.patients[what].drop_nulls().len()
    kept = min_cell > 1 and (told is None or 0 < n < min_cell or 0 < told - n < min_cell)
    found = None if kept else quartiles(column.patients[what])
    low, middle, high = (None, None, None) if found is None else (day / DAYS_A_MONTH for day in found)
    return {
        "group": column.words, "what": what, "n": NOT_SHOWN if kept else str(n),
        "median_months": middle, "q1_months": low, "q3_months": high,
    }  # fmt: skip


def _told(row: dict[str, Any]) -> str:
    if row["median_months"] is None:
        return NONE
    return f"{row['median_months']:.1f} [{row['q1_months']:.1f}–{row['q3_months']:.1f}]"
