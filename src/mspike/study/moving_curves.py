"""Survival curves between which patients move on the day their next therapy begins (Simon and Makuch)."""

from __future__ import annotations

import polars as pl

from mspike.cohort.exposure import EXPOSED, NOT_YET, episodes
from mspike.cohort.survival import Curve, kaplan_meier
from mspike.cohort.times import Unstable
from mspike.figures.survival import survival_chart, survival_table
from mspike.study.cells import NONE
from mspike.study.exposures import ANY, STARTED, kinds_in_order, therapy_words
from mspike.study.parts import StudyFigure, StudyTable


def moving_curves(points: pl.DataFrame, kind: str) -> tuple[dict[str, Curve], list[str]]:
    """Survival while a therapy has not begun and once it has (Simon and Makuch); what cannot be estimated."""
    column = None if kind == ANY else kind
    rows = episodes(points, "days", "event", STARTED, column, kinds_in_order(points, column))
    curves, refused = {}, []
    for (name,), part in rows.group_by("exposure", maintain_order=True):
        try:
            curves[therapy_words(str(name))] = kaplan_meier(part["_stop"], part["_event"], part["_start"])
        except Unstable as why:
            refused.append(f"Curve of {therapy_words(str(name))}: {why}")
    order = [therapy_words(name) for name in (NOT_YET, *(kinds_in_order(points, column) or [EXPOSED]))]
    return {name: curves[name] for name in order if name in curves and curves[name].n}, refused


def moving_figure(curves: dict[str, Curve], kind: str) -> StudyFigure:
    """The curves between which patients move, with the numbers at risk in each."""
    title = "Overall survival from failure, before and since the first therapy" + ("" if kind == ANY else ", by target")
    name = "salvage_curves" if kind == ANY else "salvage_curves_by_target"
    note = "Patients move from 'none yet' to a therapy on its first day (Simon-Makuch): no patient's future is known."
    chart = survival_chart(curves, title, endpoint="Overall survival", origin="failure", notes=[note])
    frame = survival_table(curves)
    shown = frame.select(
        "group", pl.col("months").cast(pl.String), pl.col("at_risk").cast(pl.String),
        survival=pl.Series(_estimates(frame), dtype=pl.String),
    )  # fmt: skip
    twin = StudyTable(
        f"{name}_at_ticks", f"{title}: the curve at each tick", frame, shown,
        {"months": "Months", "at_risk": "Number at risk", "survival": "Alive, % [95 % CI]"},
        groups="group", right=("months", "at_risk", "survival"), notes=(note,),
    )  # fmt: skip
    says = (
        f"Survival curves from failure: {'; '.join(f'{group} (n = {curve.n:,})' for group, curve in curves.items())}."
    )
    return StudyFigure(name, title, chart, says, twin)


def _estimates(frame: pl.DataFrame) -> list[str]:
    cells = []
    for value, low, high in frame.select("survival_percent", "low_percent", "high_percent").iter_rows():
        told = NONE if value is None else f"{value:.1f}"
        cells.append(told if low is None else f"{told} [{low:.1f}, {high:.1f}]")
    return cells
