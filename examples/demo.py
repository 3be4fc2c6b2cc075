"""Prints what came out of a registry: responses, failures and three patients.

python examples/demo.py REGISTRY RESULTS     (assesses REGISTRY first, unless RESULTS is there already)
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

import mspike
from mspike.record.tables import CATEGORIES

MARKS = dict(zip(CATEGORIES, "★●◆■▲▬✖○", strict=True))
HEX = ("#0B3C5D", "#1B6CA8", "#4AA3DF", "#A6D3F2", "#CFE3C8", "#E9DFB3", "#C8343F", "#B8BEC4")
COLOURS = dict(zip(CATEGORIES, HEX, strict=True))
NO_FAILURE = ("none", "undetermined", "not_infused")
LIMBS = {"serum_m": "serum M-protein", "urine_m": "urine M-protein", "dflc": "free light chains", "lesion": "imaging"}


def main(registry: Path, results: Path) -> None:
    told_file = results / "run.json"
    told = json.loads(told_file.read_text()) if told_file.exists() else mspike.assess(registry, results)
    courses = pl.read_parquet(results / "courses.parquet").filter(pl.col("kind") == "car_t")
    first = courses.sort("patient_id", "line").unique("patient_id", keep="first", maintain_order=True)
    infused = first.filter(pl.col("failure_type") != "not_infused")
    out = Console(width=min(Console().width, 100), highlight=False)
    out.print(
        f"\n{told['patients']} patients, {infused.height} infused. Edition {told['edition']}; data are invented.\n"
    )
    out.print(counts("Best confirmed response", "best_response", infused, list(CATEGORIES)), "")
    kinds = first["failure_type"].value_counts(sort=True)["failure_type"].to_list()
    out.print(counts("What became of them", "failure_type", first, kinds), "")
    failed = infused.filter(~pl.col("failure_type").is_in(NO_FAILURE))
    days = (failed["failure_date"] - failed["index_date"]).dt.total_days().median()
    if days is not None:
        out.print(f"Median {days:g} days from infusion to failure in the {failed.height} who failed")
        out.print("(of those only; no survival estimate).\n")
    for kind in ("early_relapse", "none", "next_therapy"):
        for course in infused.filter(pl.col("failure_type") == kind).head(1).iter_rows(named=True):
            out.print(sentence(course))
    shown = infused.filter(pl.col("failure_type") == "early_relapse")["patient_id"].to_list() or first["patient_id"]
    out.print(f"\nResults: {results}/ ({', '.join(told['written'])}, run.json)")
    command = "mspike" if shutil.which("mspike") else os.path.relpath(Path(sys.executable).with_name("mspike"))
    out.print(f"Next: {command} explain {registry} {shown[0]}", soft_wrap=True)
    out.print(f"\n{told['intended_use']}", style="dim")


def counts(title: str, column: str, frame: pl.DataFrame, order: list[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(title, min_width=26)
    table.add_column(f"n / {frame.height}", justify="right")
    table.add_column("%", justify="right")
    for value in order:
        n = frame.filter(pl.col(column) == value).height
        mark = f"[{COLOURS[value]}]{MARKS[value]}[/] " if value in MARKS else ""
        table.add_row(mark + value.replace("_", " "), str(n), f"{100 * n / frame.height:.0f}")
    return table


def sentence(course: dict) -> str:
    """One course as a colleague would say it."""
    who = f"{course['patient_id']} ({course['index_agent']}) reached {course['best_response']}"
    if course["failure_date"] is None:
        return f"{who}, and had no failure by the last visit."
    day = (course["failure_date"] - course["index_date"]).days
    limbs = " and ".join(LIMBS.get(limb, limb.replace("_", " ")) for limb in course["pd_limbs"])
    return f"{who}; {course['failure_type'].replace('_', ' ')} on day {day}{f', shown by {limbs}' if limbs else ''}."


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
