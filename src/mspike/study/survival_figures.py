"""The survival curves of a study as figures, each with the table that holds its numbers."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mspike.figures.survival import survival_chart, survival_ticks
from mspike.study.cells import NONE, in_sentence, p_value
from mspike.study.curve_blocks import Block
from mspike.study.curve_months import at_months
from mspike.study.kept_back import count_words, note
from mspike.study.medians import limit, median_words
from mspike.study.parts import StudyFigure, StudyTable
from mspike.study.plan import WORDS


def survival_figure(block: Block, origin: str) -> StudyFigure | None:
    """The curves of a block; None where there is nothing that could be drawn, or no two groups to compare."""
    curves = block.drawn
    if len(curves) < (2 if block.stratum else 1):
        return None
    name = "_".join(["survival", block.endpoint, *(["by", block.stratum] if block.stratum else [])])
    title = f"{WORDS[block.endpoint]} from {origin}" + (f", by {in_sentence(block.words)}" if block.stratum else "")
    ticks = survival_ticks(curves)
    said = at_months(block, ticks)
    discreet = block.min_cell > 1
    chart = survival_chart(
        curves, title, endpoint=WORDS[block.endpoint], origin=origin, notes=_notes(block),
        at_risk=_at_risk_words(said) if discreet else None,
        words=_label_words(block, len(curves)) if discreet else None,
    )  # fmt: skip
    return StudyFigure(name, title, chart, _says(block, title), _twin(block, said, name, title))


def _notes(block: Block) -> list[str]:
    notes = []
    test = block.test
    if test is not None:
        whose = "whose group is not known" + (" or not told" if block.min_cell > 1 else "")
        left = "" if test.unknown in (0, "0") else f"; without {count_words(test.unknown)} {whose}"
        notes.append(
            f"Log-rank between {test.groups} groups: chi-square {test.test.statistic:.2f}, {test.test.df} df, "
            f"p = {p_value(test.test.p)}{left}.".replace("= <", "<")
        )
    if block.min_cell > 1:
        notes.append(f"Curves end where fewer than {block.min_cell} are at risk. {note(block.min_cell)}")
    return notes


def _at_risk_words(said: pl.DataFrame) -> dict[str, list[str]]:
    return {str(group[0]): rows["at_risk"].to_list() for group, rows in said.group_by("group", maintain_order=True)}


def _label_words(block: Block, drawn: int) -> dict[str, list[str]]:
    words = {}
    for told in block.groups:
        counts = f"{count_words(told.events)} events / {count_words(told.n)}"
        both = median_words(told)
        if drawn > 4 or told.curve is None:
            words[told.words] = [counts, f"median {both}"]
        else:
            median, limits = limit(told.curve.median, told.until), both[both.index("[") :]
            words[told.words] = [counts, f"median {median} months", f"95 % CI {limits}"]
    return words


def _says(block: Block, title: str) -> str:
    """What the figure shows, for whoever cannot see it."""
    groups = [
        f"{told.words} (n = {count_words(told.n)}): median {median_words(told)} months"
        for told in block.groups
        if told.words in block.drawn
    ]
    return f"Kaplan-Meier curves. {title}. {'; '.join(groups)}."


def _twin(block: Block, said: pl.DataFrame, name: str, title: str) -> StudyTable:
    shown = said.select(
        "group",
        pl.col("months").cast(pl.String),
        at_risk=pl.Series([count_words(n) for n in said["at_risk"].to_list()], dtype=pl.String),
        survival=pl.Series(_cells(said), dtype=pl.String),
    )
    if block.stratum is None:
        shown = shown.drop("group")
    return StudyTable(
        f"{name}_at_ticks", f"{title}: the curve at each tick", said, shown,
        {"months": "Months", "at_risk": "Number at risk", "survival": "Free of the event, % [95 % CI]"},
        groups="group" if block.stratum else None, right=("months", "at_risk", "survival"),
    )  # fmt: skip


def _cells(said: pl.DataFrame) -> list[str]:
    cells = []
    for value, low, high in said.select("survival_percent", "low_percent", "high_percent").iter_rows():
        if value is None:
            cells.append(NONE)
        else:
            cells.append(f"{value:.1f}" if low is None else f"{value:.1f} [{low:.1f}, {high:.1f}]")
    return cells


def steps_table(blocks: Sequence[Block]) -> StudyTable:
    """Every step of every curve that is drawn, for the file; the page only says how many there are."""
    frames, told = [], []
    for block in blocks:
        for group, curve in block.drawn.items():
            head = {"endpoint": block.endpoint, "stratum": block.stratum, "group": group}
            frames.append(curve.table.select(*(pl.lit(v, pl.String).alias(k) for k, v in head.items()), pl.all()))
        steps = sum(curve.table.height for curve in block.drawn.values())
        words = WORDS[block.endpoint] + (f", by {in_sentence(block.words)}" if block.stratum else "")
        told.append({"curves": words, "n": str(len(block.drawn)), "steps": f"{steps:,}"})
    shown = pl.DataFrame(told, schema=dict.fromkeys(("curves", "n", "steps"), pl.String))
    return StudyTable(
        "survival_steps", "Every step of the curves: in the file only", pl.concat(frames, how="vertical_relaxed"),
        shown,
        {"curves": "Figure", "n": "Curves", "steps": "Steps"}, right=("n", "steps"),
        notes=("survival_steps.csv: days, number at risk just before, events, censored, survival with its interval.",),
    )  # fmt: skip
