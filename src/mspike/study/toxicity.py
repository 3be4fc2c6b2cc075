"""What harm was done: CRS, neurotoxicity, blood counts, infections and late effects, with what nobody recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from mspike.study.cells import NONE
from mspike.study.characteristics import first_infusions
from mspike.study.counted import NOT_SHOWN, Column, columns_of, counted, counts_column, median_iqr, quartiles
from mspike.study.gathered import Gathered
from mspike.study.infections import infections_table
from mspike.study.parts import Part, Section, StudyTable
from mspike.study.plan import Plan
from mspike.study.responses import rate_row, rates_table, share_of
from mspike.study.toxicity_grades import ASKED, BLOOD, SEVERE, WARD, Asked, Graded
from mspike.study.toxicity_groups import toxicity_by
from mspike.study.toxicity_words import misleading, toxicity_methods


def toxicity(gathered: Gathered, plan: Plan) -> Section:
    """How many had which toxicity, how grave, when and for how long?"""
    patients = with_toxicity(gathered)
    if patients.is_empty():
        return Section("toxicity", "Safety", ("Nobody was infused; there is no toxicity to tell of.",), ())
    columns = columns_of(patients)
    parts: list[Part] = [
        grades_table("crs_icans", "CRS and neurotoxicity: highest grade", WARD, columns, plan.min_cell),
        courses_table(patients, plan.min_cell),
        grades_table("blood_counts", "Low blood counts after the infusion: grade", BLOOD, columns, plan.min_cell),
        infections_table(patients, plan.min_cell),
        asked_table(columns, plan.min_cell),
    ]
    parts += [toxicity_by(patients, name, s, plan.min_cell) for name, s in plan.strata.items() if s.baseline]
    refused = tuple(
        f"Toxicity by {stratum.words}: this division is made by what came after the infusion."
        for stratum in plan.strata.values()
        if not stratum.baseline
    )
    methods, references = toxicity_methods(patients)
    return Section("toxicity", "Safety", _says(columns, plan), tuple(parts), refused, methods, references)


def with_toxicity(gathered: Gathered) -> pl.DataFrame:
    """The first infusions with what the safety room answers about each."""
    patients = first_infusions(gathered.cohort).drop("crs_grade", "icans_grade")
    return patients.join(gathered.safety, on=["patient_id", "line"], how="left", maintain_order="left")


# ---- grades ---------------------------------------------------------------------------------------------------------


def grades_table(
    name: str, title: str, graded: Sequence[Graded], columns: Sequence[Column], min_cell: int
) -> StudyTable:
    """Highest grades of several toxicities, the open ones and the unrecorded; then at least 1 and at least 3."""
    rows = [row for toxic in graded for row in _graded_rows(toxic, columns[0], min_cell)]
    return rates_table(
        name, title, rows, columns, min_cell,
        (
            "n / N (%) [95 % interval, Clopper-Pearson]. Where the signs or counts recorded leave more than one grade "
            "possible the grade is open. 'Grade 1 or more' and '3 or more' count who surely had it, of all patients "
            "and of those of whom anything is recorded: none recorded is not the same as none.",
        ),
    )  # fmt: skip


def _graded_rows(toxic: Graded, column: Column, min_cell: int) -> list[dict[str, Any]]:
    counts = toxic.counts([column], min_cell)
    rows = []
    for row, words in enumerate(counts.levels):
        if counts.n[row][0] or row in (0, len(counts.levels) - 1):
            rows.append(rate_row(column, toxic.words, words, counts.text(row), share_of(counts.n[row][0], column.n)))
    told_of = counts.told(toxic.told_of)
    for grade, words in ((1, "grade 1 or more"), (SEVERE, "grade 3 or more")):
        n = counts.told(toxic.at_least(grade))
        text = NOT_SHOWN if n is None else str(n)
        rows.append(rate_row(column, toxic.words, f"{words}, of all", text, share_of(n, column.n)))
        beside = NOT_SHOWN if told_of is None else text
        rows.append(rate_row(column, toxic.words, f"{words}, of those recorded", beside, share_of(n, told_of)))
    return rows


def courses_table(patients: pl.DataFrame, min_cell: int) -> StudyTable:
    """When did CRS and ICANS begin, and how long did they last? Of those in whom the day is known."""
    rows: list[dict[str, Any]] = []
    shown: list[dict[str, str]] = []
    for toxic in WARD:
        onset = pl.coalesce(f"{toxic.name}_onset_day", f"{toxic.name}_recorded_day") - pl.col("index_day")
        days = patients.filter(toxic.low > 0).select(onset=onset, duration=pl.col(f"{toxic.name}_duration"))
        held = toxic.counts([Column("", patients)], min_cell).told(toxic.at_least(1))
        for what, words in (("onset", "day of onset (infusion: day 0)"), ("duration", "duration, days")):
            known = days[what].drop_nulls()
            kept = min_cell > 1 and (held is None or 0 < known.len() < min_cell or 0 < held - known.len() < min_cell)
            found = None if kept else quartiles(known)
            text = NOT_SHOWN if kept else str(known.len())
            low, middle, high = found or (None, None, None)
            rows.append(
                {
                    "toxicity": toxic.name,
                    "what": what,
                    "n": text,
                    "median_days": middle,
                    "q1_days": low,
                    "q3_days": high,
                }
            )
            shown.append({"toxicity": toxic.words, "what": words, "n": text, "median": median_iqr(found)})
    kinds: dict[str, Any] = dict.fromkeys(("toxicity", "what", "n"), pl.String)
    frame = pl.DataFrame(rows, schema=kinds | dict.fromkeys(("median_days", "q1_days", "q3_days"), pl.Float64))
    return StudyTable(
        name="crs_icans_course",
        title="CRS and neurotoxicity: onset and duration, of those who had it",
        frame=frame.with_columns(counts_column("n", frame["n"].to_list(), min_cell)),
        shown=pl.DataFrame(shown, schema=dict.fromkeys(("toxicity", "what", "n", "median"), pl.String)),
        heads={"what": "", "n": "Patients with a known day", "median": "Median [IQR]"},
        groups="toxicity",
        right=("n", "median"),
        notes=("Onset: first day of grade 1 or more by the signs, else the day somebody recorded it.",),
    )


def asked_table(columns: Sequence[Column], min_cell: int) -> StudyTable:
    """Late and rare effects: yes, none recorded, not known."""
    told = [asked for asked in ASKED if not (asked.overlap and min_cell > 1)]
    rows = [row for asked in told for row in _asked_rows(asked, columns[0], min_cell)]
    return rates_table(
        "late_effects", "Late and rare effects", rows, columns, min_cell,
        (
            "n / N (%) [95 % interval, Clopper-Pearson], N: all patients. What stands in the record was counted; that "
            "nothing is recorded does not say that it did not happen. Counts, whatever the length of follow-up and "
            "death before: no risks by a time.",
        ),
    )  # fmt: skip


def _asked_rows(asked: Asked, column: Column, min_cell: int) -> list[dict[str, Any]]:
    counts = counted([column], asked.levels, min_cell, sums=[range(asked.yes)])
    rows = []
    if asked.yes > 1:
        n = counts.told(range(asked.yes))
        rows.append(rate_row(column, asked.words, "any", NOT_SHOWN if n is None else str(n), share_of(n, column.n)))
    for row, words in enumerate(counts.levels):
        n = counts.n[row][0]
        if n or row == 0:
            rows.append(rate_row(column, asked.words, words, counts.text(row), share_of(n, column.n)))
    return rows


# ---- in words -------------------------------------------------------------------------------------------------------


def _says(columns: Sequence[Column], plan: Plan) -> tuple[str, ...]:
    said = []
    for toxic in WARD:
        counts, words = toxic.counts(columns[:1], plan.min_cell), toxic.words
        any_, severe = counts.told(toxic.at_least(1)), counts.told(toxic.at_least(SEVERE))
        nothing = counts.told((len(counts.levels) - 1,))
        if any_ is None or nothing is None:
            said.append(f"{words}: too few patients for their number to be shown.")
        elif nothing == columns[0].n:
            said.append(f"{words}: nothing is recorded of anybody; whether it occurred is not known.")
        else:
            n = columns[0].n
            grave = "" if severe is None else f", of grade 3 or more in {_rate(severe, n)}"
            open_ = f"; of {nothing:,} nothing is recorded" if nothing else ""
            said.append(f"{words} in {any_:,} of {n:,} patients, {_rate(any_, n)}{grave} (95 % CI){open_}.")
    return (*said, *misleading(columns[0].patients))


def _rate(n: int, total: int) -> str:
    found = share_of(n, total)
    return f"{found['percent']:.0f} % [{found['low']:.0f}, {found['high']:.0f}]" if total else NONE
