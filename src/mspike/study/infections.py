"""Infections after the infusion by period: how many, how severe, and per person-year followed."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.cohort.times import LEVEL
from mspike.safety.late_effects import PERIODS
from mspike.study.cells import NONE
from mspike.study.counted import NOT_SHOWN, Column, as_share, counted, counts_column
from mspike.study.parts import StudyTable

DAYS_A_YEAR = 365.25
WORDS = {"early": "Day 0–30", "middle": "Day 31–100", "late": "Day 101–365"}


def poisson_rate(events: int, days: int, level: float = LEVEL) -> tuple[float, float, float] | None:
    """Events per person-year and their exact (central Poisson) interval; None where nobody was followed."""
    from statsmodels.stats.rates import confint_poisson

    if days <= 0:
        return None
    years = days / DAYS_A_YEAR
    low, high = confint_poisson(events, years, method="exact-c", alpha=1 - level)
    return events / years, float(low), float(high)


def infections_table(patients: pl.DataFrame, min_cell: int) -> StudyTable:
    """Infections and severe ones in each period; patients with any; and the rate per person-year.

    patients  <period>_infections, _severe_low, _severe_high, _days, each after `infections_`
    """
    found = [_period(patients, period, min_cell) for period in PERIODS]
    rows, shown = [row for row, _ in found], [cells for _, cells in found]
    counts = ("patients", "patients_with_infection", "infections", "severe_sure", "severe_possible")
    kinds: dict[str, Any] = {"period": pl.String, **dict.fromkeys(counts, pl.String), "days_followed": pl.Int64}
    kinds |= dict.fromkeys(("per_person_year", "low", "high"), pl.Float64)
    frame = pl.DataFrame(rows, schema=kinds)
    frame = frame.with_columns(counts_column(name, frame[name].to_list(), min_cell) for name in counts)
    heads = {
        "period": "", "patients": "Patients followed", "with": "With an infection, n / N (%)",
        "infections": "Infections",
        "severe": "Grade 3 or more", "years": "Person-years", "rate": "Per person-year [95 % interval]",
    }  # fmt: skip
    return StudyTable(
        name="infections",
        title="Infections recorded after the infusion",
        frame=frame,
        shown=pl.DataFrame(shown, schema=dict.fromkeys(heads, pl.String)),
        heads=heads,
        right=tuple(heads)[1:],
        notes=(
            "Of patients followed into the period, their days in it until the last contact, death or a later infusion. "
            "Grade 3 or more: those recorded so, to those that may be (recorded without a grade).",
            "Exact Poisson intervals, as if infections came independently; several in one patient make them too "
            "narrow. That none is recorded does not say that there was none.",
        ),
    )


def _period(patients: pl.DataFrame, period: str, min_cell: int) -> tuple[dict[str, Any], dict[str, str]]:
    n, severe_low, severe_high, days = (
        pl.col(f"infections_{period}_{what}") for what in ("infections", "severe_low", "severe_high", "days")
    )
    followed = patients.filter(days > 0)
    sums = followed.select(
        n.sum().alias("n"), severe_low.sum().alias("low"), severe_high.sum().alias("high"), days.sum().alias("days")
    )
    events, low, high, length = (int(value or 0) for value in sums.row(0))
    split = counted([Column("", followed)], [("with", n > 0), ("without", ~(n > 0))], min_cell)
    cohort = counted([Column("", patients)], [("in", (days > 0)), ("out", ~(days > 0) | days.is_null())], min_cell)
    # Few patients with an infection have few infections: then no number of the period may tell of them.
    kept = bool(split.hidden) or bool(cohort.hidden)
    rate = None if kept else poisson_rate(events, length)
    texts = {"infections": events, "severe_sure": low, "severe_possible": high}
    told = {name: _told(count, events, min_cell, kept=kept) for name, count in texts.items()}
    row = {
        "period": period, "patients": cohort.text(0), "patients_with_infection": split.text(0), **told,
        "days_followed": None if kept else length,
        **dict(zip(("per_person_year", "low", "high"), rate or (None, None, None), strict=True)),
    }  # fmt: skip
    sure, possible = told["severe_sure"], told["severe_possible"]
    cells = {
        "period": WORDS[period], "patients": cohort.text(0),
        "with": as_share(split.text(0), None if cohort.hidden else followed.height), "infections": told["infections"],
        "severe": sure if sure == possible else f"{sure} to {possible}",
        "years": NONE if kept else f"{length / DAYS_A_YEAR:,.1f}",
        "rate": NONE if rate is None else f"{rate[0]:.2f} [{rate[1]:.2f}, {rate[2]:.2f}]",
    }  # fmt: skip
    return row, cells


def _told(count: int, events: int, min_cell: int, *, kept: bool) -> str:
    """A count of infections; not where it, or the rest of them, is small."""
    if min_cell > 1 and (kept or 0 < count < min_cell or 0 < events - count < min_cell):
        return NOT_SHOWN
    return str(count)
