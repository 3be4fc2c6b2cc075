"""Progression and death without progression: which comes first, and how often, from the infusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from mspike.cohort.competing import CENSORED
from mspike.figures.incidence import WORDS as CAUSE_WORDS
from mspike.study.cells import NONE, in_sentence, percent
from mspike.study.followed import Followed, followed, left_out_words
from mspike.study.gathered import Gathered
from mspike.study.incidence_figures import by_group_figures, overall_figure
from mspike.study.incidences import CAUSES, Contest, at_months, contest, overstated
from mspike.study.kept_back import MARK, count_words, counts_column, note
from mspike.study.parts import Part, Section, StudyTable
from mspike.study.plan import Plan

MONTHS = (6, 12, 24)
ID, TITLE = "competing", "Progression, and death without it"
MOST_DRAWN = 4  # groups in one figure
WHY_INFUSION = {
    "failure": "From failure there is no such pair: a progression after failure is that of the next line, and is known "
    "only where that line was judged. This section counts from the infusion.",
    "apheresis": "This section counts from the infusion: of the wait before it only death is known.",
}
REFERENCES = ("aalen-johansen-1978", "marubini-valsecchi-1995")


def competing(gathered: Gathered, plan: Plan) -> Section:
    """How many progress, and how many die without having progressed, each of which precludes the other?"""
    told = followed(gathered.cohort, "infusion", "pfs")
    patients = told.patients.filter(pl.col("cr_days").is_not_null() & pl.col("cr_cause").is_not_null())
    if patients.is_empty():
        return Section(ID, TITLE, ("No patient of this registry can be followed from infusion.",), ())
    told = replace(told, patients=patients)
    whole = contest(told, None, plan.min_cell)
    strata = {name: s for name, s in plan.strata.items() if s.comparable_from("infusion")}
    divided = [contest(told, (name, s), plan.min_cell) for name, s in strata.items()]
    refused = [
        f"Not divided by '{s.words}' here: from infusion, its groups are formed by what happens later."
        for name, s in plan.strata.items()
        if name not in strata
    ]
    refused += [why for made in (whole, *divided) if (why := _silent(made))]
    says = [*_says(whole), *([WHY_INFUSION[plan.origin]] if plan.origin in WHY_INFUSION else [])]
    parts = _parts(told, whole, divided, plan)
    return Section(ID, TITLE, tuple(says[:4]), tuple(parts), tuple(refused), _methods(), REFERENCES)


def _silent(made: Contest) -> str:
    names = [group.words for group in made.groups if not group.incidences]
    if not names:
        return ""
    where = f"By {in_sentence(made.words)} ({', '.join(names)})" if made.stratum else "Of all patients"
    return f"{where}: too few events of a kind to tell their incidence (--min-cell)."


def _parts(told: Followed, whole: Contest, divided: Sequence[Contest], plan: Plan) -> list[Part]:
    notes = [_definition(), *_left_out(told, plan)]
    if plan.discreet:
        notes.append(note(plan.min_cell))
    table = _table([whole], "competing_incidence", f"{TITLE}: cumulative incidence from infusion", notes, plan)
    parts: list[Part | None] = [table, overall_figure(whole), _overstated_table(whole)]
    for made in divided:
        title = f"Cumulative incidence from infusion, by {made.words}"
        parts.append(_table([made], f"competing_by_{made.stratum}", title, notes, plan))
        if 2 <= len([group for group in made.groups if group.incidences]) <= MOST_DRAWN:
            parts += by_group_figures(made)
    return [part for part in parts if part is not None]


def _definition() -> str:
    return (
        "Progression: as for PFS, and deaths of myeloma or after an unconfirmed progression cut short by new therapy; "
        "any other death without progression, also of unknown cause, is one without it."
    )


def _left_out(told: Followed, plan: Plan) -> list[str]:
    words = left_out_words(told, plan.min_cell)
    return [f"Left out: {words}."] if words else []


def _table(made: Sequence[Contest], name: str, title: str, notes: Sequence[str], plan: Plan) -> StudyTable:
    rows: list[dict[str, Any]] = []
    for one in made:
        said = at_months(one, MONTHS)
        for told in one.groups:
            for cause in CAUSES:
                cells = said.filter((pl.col("group") == told.words) & (pl.col("cause") == cause)).rows(named=True)
                rows.append({"stratum": one.stratum, "group": told, "cause": cause, "cells": cells})
    grouped = made[0].stratum is not None
    months = tuple(f"m{month}" for month in MONTHS)
    shown = pl.DataFrame(
        [
            {"group": row["group"].words, "cause": CAUSE_WORDS[row["cause"]], "n": count_words(row["group"].n)}
            | {"events": count_words(row["group"].counts[row["cause"]])}
            | {column: _cell(cell) for column, cell in zip(months, row["cells"], strict=True)}
            for row in rows
        ],
        schema=dict.fromkeys(("group", "cause", "n", "events", *months), pl.String),
    )
    heads = {"cause": "First event", "n": "n", "events": "Events"} | {
        f"m{month}": f"{month} months" for month in MONTHS
    }
    return StudyTable(
        name, title, _frame(rows, plan), shown if grouped else shown.drop("group"), heads,
        groups="group" if grouped else None, spans={"Cumulative incidence, % [95 % CI]": months},
        right=("n", "events", *months), notes=tuple(notes),
    )  # fmt: skip


def _frame(rows: Sequence[dict[str, Any]], plan: Plan) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "stratum": pl.Series([row["stratum"] for row in rows], dtype=pl.String),
        "group": pl.Series([row["group"].words for row in rows], dtype=pl.String),
        "cause": pl.Series([row["cause"] for row in rows], dtype=pl.String),
        "n": counts_column("n", [row["group"].n for row in rows], plan.min_cell),
        "events": counts_column("events", [row["group"].counts[row["cause"]] for row in rows], plan.min_cell),
        "censored": counts_column("censored", [row["group"].counts[CENSORED] for row in rows], plan.min_cell),
    }
    for place, month in enumerate(MONTHS):
        for name in ("incidence", "low", "high"):
            values = [row["cells"][place][f"{name}_percent"] for row in rows]
            columns[f"{name}_{month}_months_percent"] = pl.Series(values, dtype=pl.Float64)
        at_risk = [row["cells"][place]["at_risk"] for row in rows]
        columns[f"at_risk_{month}_months"] = counts_column("", at_risk, plan.min_cell)
    return pl.DataFrame(columns)


def _cell(row: dict[str, Any]) -> str:
    if row["incidence_percent"] is None:
        return MARK if row["at_risk"] == MARK else NONE
    if row["low_percent"] is None:
        return f"{row['incidence_percent']:.1f}"
    return f"{row['incidence_percent']:.1f} [{row['low_percent']:.1f}, {row['high_percent']:.1f}]"


def _overstated_table(whole: Contest) -> StudyTable | None:
    frame = overstated(whole, MONTHS)
    if frame.is_empty():
        return None
    shown = frame.select(
        pl.col("cause").replace_strict(CAUSE_WORDS),
        pl.col("months").cast(pl.String),
        *(
            pl.Series(name, [f"{value:.1f}" for value in frame[name]], dtype=pl.String)
            for name in ("incidence_percent", "one_minus_km_percent", "overstated_points")
        ),
    )
    heads = {
        "months": "Months", "incidence_percent": "Aalen-Johansen, %", "one_minus_km_percent": "1 - Kaplan-Meier, %",
        "overstated_points": "Overstated by, points",
    }  # fmt: skip
    return StudyTable(
        "competing_overstated", "What 1 - Kaplan-Meier would say instead", frame, shown, heads, groups="cause",
        right=tuple(heads),
        notes=("1 - Kaplan-Meier counts the other event as if the patient could still have this one later.",),
    )  # fmt: skip


def _says(whole: Contest) -> list[str]:
    said = at_months(whole, MONTHS).drop_nulls("incidence_percent")
    if said.is_empty():
        return ["No incidence can be told at 6 months or later: nobody was followed so long, or too few to be told."]
    month = 12 if 12 in said["months"] else int(str(said["months"].max()))
    at = {row["cause"]: row for row in said.filter(pl.col("months") == month).iter_rows(named=True)}
    told = [percent(*(at[cause][f"{name}_percent"] for name in ("incidence", "low", "high"))) for cause in CAUSES]
    first = whole.groups[0]
    events = " and ".join(count_words(first.counts[cause]) for cause in CAUSES)
    says = [
        f"{month} months after infusion {told[0]} had progressed and {told[1]} had died without progression "
        f"(n = {count_words(first.n)}; {events} events in all)."
    ]
    more = overstated(whole, [month]).rows(named=True)
    if more and max(row["overstated_points"] for row in more) >= 0.05:
        parts = [
            f"{row['one_minus_km_percent']:.1f} % instead of {row['incidence_percent']:.1f} % "
            f"for {CAUSE_WORDS[row['cause']].lower()}"
            for row in more
        ]
        says.append(f"1 - Kaplan-Meier would overstate them: {' and '.join(parts)}.")
    return says


def _methods() -> tuple[str, ...]:
    return (
        "Progression and death without progression were treated as competing events from the infusion; their "
        "cumulative incidence was estimated by the Aalen-Johansen method, with 95 % confidence intervals on the "
        "log-log scale.",
    )
