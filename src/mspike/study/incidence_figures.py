"""Cumulative incidence as figures: both events of all patients; each event by group. Each with its table."""

from __future__ import annotations

import polars as pl

from mspike.figures.incidence import WORDS, incidence_chart, incidence_ticks
from mspike.study.cells import NONE, in_sentence
from mspike.study.incidences import CAUSES, Contest, at_months
from mspike.study.kept_back import count_words, note
from mspike.study.parts import StudyFigure, StudyTable

FREE = "Free of any event"


def overall_figure(made: Contest) -> StudyFigure | None:
    """Progression and death without it, of all patients; None where they are not told."""
    frames = made.groups[0].incidences
    if not frames:
        return None
    ticks = incidence_ticks(frames)
    said = at_months(made, ticks)
    below = {FREE: _in_words(said.filter(pl.col("cause") == CAUSES[0]))}
    title = "Progression, and death without it, from infusion"
    chart = incidence_chart(frames, title, at_risk=below, notes=_notes(made))
    says = f"Cumulative incidence of progression and of death without progression from infusion. {_year(said, 'cause')}"
    return StudyFigure("competing", title, chart, says, _twin(said, "competing", title, "cause"))


def by_group_figures(made: Contest) -> list[StudyFigure]:
    """A figure an event, with a curve a group."""
    return [figure for cause in CAUSES if (figure := _by_group(made, cause)) is not None]


def _by_group(made: Contest, cause: str) -> StudyFigure | None:
    frames = {told.words: told.incidences[cause] for told in made.groups if told.incidences}
    if not frames:
        return None
    said = at_months(made, incidence_ticks(frames)).filter(pl.col("cause") == cause)
    drawn = said.filter(pl.col("group").is_in(list(frames)))
    below = {str(name[0]): _in_words(rows) for name, rows in drawn.group_by("group", maintain_order=True)}
    title = f"{WORDS[cause]} from infusion, by {in_sentence(made.words)}"
    chart = incidence_chart(
        frames, title, at_risk=below, notes=_notes(made), what=f"{WORDS[cause]}, cumulative incidence"
    )
    name = f"competing_{cause}_by_{made.stratum}"
    says = f"Cumulative incidence. {title}. {_year(drawn, 'group')}"
    return StudyFigure(name, title, chart, says, _twin(said, name, title, "group"))


def _in_words(rows: pl.DataFrame) -> list[str]:
    return [count_words(n) for n in rows["at_risk"].to_list()]


def _notes(made: Contest) -> list[str]:
    if made.min_cell < 2:
        return []
    return [f"Curves end where fewer than {made.min_cell} are at risk. {note(made.min_cell)}"]


def _year(said: pl.DataFrame, by: str) -> str:
    """What each curve says at one year, for whoever cannot see it."""
    rows = said.filter((pl.col("months") == 12) & pl.col("incidence_percent").is_not_null())
    parts = [f"{WORDS.get(row[by], row[by])} {row['incidence_percent']:.0f} %" for row in rows.iter_rows(named=True)]
    return f"At 12 months: {'; '.join(parts)}." if parts else ""


def _twin(said: pl.DataFrame, name: str, title: str, by: str) -> StudyTable:
    cells = []
    for value, low, high in said.select("incidence_percent", "low_percent", "high_percent").iter_rows():
        interval = "" if low is None or high is None else f" [{low:.1f}, {high:.1f}]"
        cells.append(NONE if value is None else f"{value:.1f}{interval}")
    shown = said.select(
        pl.col(by).replace(WORDS),
        pl.col("months").cast(pl.String),
        at_risk=pl.Series(_in_words(said), dtype=pl.String),
        incidence=pl.Series(cells, dtype=pl.String),
    )
    heads = {"months": "Months", "at_risk": "Number at risk", "incidence": "Cumulative incidence, % [95 % CI]"}
    return StudyTable(
        f"{name}_at_ticks", f"{title}: the curves at each tick", said, shown, heads, groups=by,
        right=("months", "at_risk", "incidence"),
    )  # fmt: skip
