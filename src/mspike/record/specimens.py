"""One value a specimen: of a result that was reported again the later report stands (rules.md C0.4)."""

from __future__ import annotations

from typing import cast

import polars as pl

from mspike.record.analytes import NAMES
from mspike.record.findings import Findings
from mspike.record.refusals import as_text

# Two values of one specimen: the later one is taken for these. Others (ward measurements) repeat by nature.
RESPONSE_ANALYTES = (
    "serum_m",
    "urine_m_24h",
    "kappa_flc",
    "lambda_flc",
    "serum_ife",
    "urine_ife",
    "iga",
    "circulating_plasma_cells",
)


def one_value_a_specimen(frame: pl.DataFrame, patients: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Sorts by patient and day; of one specimen's repeated value the later report stands (rules.md C0.4)."""
    if frame.is_empty():
        return frame
    low, high = cast(int, frame["day"].min()), cast(int, frame["day"].max())
    width = high - low + 1
    when = pl.col("pid").cast(pl.Int64) * width + (pl.col("day") - low)
    frame = frame.with_columns(_when=when)
    if not frame["_when"].is_sorted():
        frame = frame[frame.select(pl.arg_sort_by("_when", "row")).to_series()]
    key = (pl.col("_when") * len(NAMES) + pl.col("analyte").to_physical()).alias("key")
    keys = frame.select(key)["key"]
    frame = frame.drop("_when")
    if keys.n_unique() == frame.height:
        return frame
    return _without_repeats(frame, patients, findings)


def _without_repeats(frame: pl.DataFrame, patients: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    same = ["pid", "day", "analyte", "specimen_id"]
    watched = pl.col("analyte").is_in(list(RESPONSE_ANALYTES))
    # By row: which report is the later one must not depend on the order the rows happen to be held in.
    rows = frame.with_row_index("_at")
    names = patients.select("pid", "patient_id")
    repeats = rows.filter(watched).filter(pl.len().over(same) > 1).sort(*same, "row")
    identical = [pl.col(c).to_physical() for c in ("value", "unit", "method")]
    copy = repeats.filter(~pl.struct(*same, *identical).is_last_distinct())
    rest = repeats.join(copy.select("_at"), on="_at", how="anti")
    rerun = rest.filter(~pl.struct(same).is_last_distinct())
    kept = "one value a specimen: the later row was kept; give specimen_id if these are two specimens"
    for gone, problem, expected in ((copy, "duplicate", "one row a result"), (rerun, "superseded", kept)):
        findings.add(
            as_text(gone.join(names, on="pid")),
            severity="warning",
            table="results",
            column="value",
            problem=problem,
            expected=expected,
        )
    dropped = pl.concat([copy.select("_at"), rerun.select("_at")])
    return rows.join(dropped, on="_at", how="anti", maintain_order="left").drop("_at")
