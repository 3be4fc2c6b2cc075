"""Whose data these are and over which time, in sentences."""

from __future__ import annotations

import datetime as dt

import polars as pl

from mspike.asking import Question
from mspike.study.completeness import tellable
from mspike.study.gathered import Gathered
from mspike.study.observation import last_day
from mspike.study.plan import Plan
from mspike.study.settings_words import Said

EPOCH = dt.date(1970, 1, 1)


def population_sentences(asked: Question, plan: Plan, gathered: Gathered) -> list[Said]:
    """Registry, patients, flow and period. Counts that must not be told are not told."""
    cohort = gathered.cohort
    first = cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    again = cohort.filter(pl.col("infused") & (pl.col("infusion_number") > 1))["patient_id"].n_unique()
    never = cohort.filter(~pl.col("infused")).height
    total, infused = gathered.patients, first.height
    others = total - infused - never
    told = [Said(f"Data came from the registry {asked.source.path.stem}{_patients(total, plan)}.")]
    if cohort["patient_id"].str.starts_with("SYNTHETIC").any():
        told.append(Said("The patients are invented (SYNTHETIC)."))
    if not total:
        return told
    open_ = [n for n in (infused, never, others) if plan.discreet and 0 < n < plan.min_cell]
    if open_:
        told.append(Said("Whoever was not infused is not counted apart: a group is too small to be told."))
    else:
        told.append(Said(_flow(infused, never, others)))
    if again and tellable(again, infused, plan):
        was = "patient was infused again; the first infusion was" if again == 1 else (
            "patients were infused again; their first infusions were"
        )  # fmt: skip
        told.append(Said(f"{again:,} {was} analysed."))
    if infused:
        told.append(Said(_period(asked, plan, first)))
    return told


def _patients(n: int, plan: Plan) -> str:
    if not tellable(n, n, plan):
        return f" (fewer than {plan.min_cell} patients)"
    return f" ({n:,} patient{'' if n == 1 else 's'})"


def _flow(infused: int, never: int, others: int) -> str:
    parts = [f"{infused:,} {'was' if infused == 1 else 'were'} infused with CAR T cells"]
    if never:
        parts.append(f"{never:,} {'was' if never == 1 else 'were'} collected for or planned for them and never infused")
    if others:
        parts.append(f"{others:,} had no CAR T-cell line")
    return "; ".join(parts) + "."


def _period(asked: Question, plan: Plan, first: pl.DataFrame) -> str:
    """When patients were infused and last heard of; where counts are kept back, a day or month could tell who."""
    if asked.calendar == "day":
        return "The registry counts days from each infusion: the calendar period is not known."
    last = last_day(first)
    cut = None if last is None else EPOCH + dt.timedelta(days=last)
    if plan.discreet:
        return "When they were infused is not told." if cut is None else f"The last follow-up was in {cut.year}."
    days = first["index_day"].drop_nulls()
    begins, ends = (EPOCH + dt.timedelta(days=int(day)) for day in (days.min(), days.max()))  # type: ignore[arg-type]
    span = f"in {_month(begins)}" if _month(begins) == _month(ends) else f"from {_month(begins)} to {_month(ends)}"
    followed = "" if cut is None else f"; the last of them was heard of on {cut.isoformat()}"
    return f"Infusions took place {span}{followed}."


def _month(day: dt.date) -> str:
    return day.strftime("%Y-%m")
