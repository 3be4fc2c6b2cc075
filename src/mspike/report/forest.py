"""The studies of one stratum and what they say together, as a forest: in the terminal, as SVG, as PNG, as a table."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mspike.options.intervals import clopper_pearson

if TYPE_CHECKING:
    import altair

    from mspike.options.pool import Pooled

NAME, COUNTS, FIGURES, AXIS = 25, 11, 19, 41  # columns of the terminal; with three gaps, 100
MEMORY = "memory"
DAGGER = "†"
MEMORY_NOTE = f"{DAGGER} recalled, not read again in a source"
METHOD = {"glmm": "a binomial-normal model (glmm)"}


@dataclass(frozen=True)
class Drawn:
    """One study as it is drawn. low and high are its 95 % interval as proportions; checked as in the evidence."""

    name: str
    events: int
    n: int
    low: float
    high: float
    checked: str

    @property
    def label(self) -> str:
        return f"{self.name}\N{NO-BREAK SPACE}{DAGGER}" if self.checked == MEMORY else self.name


def drawn(name: str, events: int, n: int, checked: str) -> Drawn:
    """A study with the exact (Clopper-Pearson) interval of its own count."""
    return Drawn(name, events, n, *clopper_pearson(events, n), checked)


def forest_text(studies: Sequence[Drawn], pooled: Pooled | None) -> list[str]:
    """The forest as lines of at most 100 columns.

    Hollow mark and dagger: recalled only. `pooled` None: the studies are shown, not pooled.
    """
    lines = [_line("Study", "n / N", "% [95 % interval]", "")]
    together = pooled if pooled is not None and pooled.k > 1 else None
    guide = None if together is None else together.estimate
    for study in studies:
        mark = "□" if study.checked == MEMORY else "■"
        axis = _axis(study.low, study.high, study.events / study.n, "─", mark, guide)
        figures = _figures(study.events / study.n, study.low, study.high)
        lines += _wrapped_line(study.label, f"{study.events} / {study.n}", figures, axis)
    if together is not None:
        lines += _pooled_lines(together)
    lines += [_line("", "", "", _ticks()), _line("", "", "", _tick_labels())]
    notes = [_differences(pooled)] if pooled is not None else []
    notes += [MEMORY_NOTE] if any(study.checked == MEMORY for study in studies) else []
    return [*lines, *(part for note in notes if note for part in textwrap.wrap(note, 100))]


def _pooled_lines(pooled: Pooled) -> list[str]:
    name = f"All {pooled.k} studies"
    axis = _axis(pooled.low, pooled.high, pooled.estimate, "═", "◆")
    figures = _figures(pooled.estimate, pooled.low, pooled.high)
    lines = _wrapped_line(name, f"{pooled.events} / {pooled.n}", figures, axis)
    if pooled.prediction_low is not None and pooled.prediction_high is not None:
        low, high = pooled.prediction_low, pooled.prediction_high
        limits = f"[{100 * low:.1f}, {100 * high:.1f}]"
        lines.append(_line("  expected of a new study", "", limits, _axis(low, high, None, "┄", "")))
    return lines


def _differences(pooled: Pooled) -> str:
    """How much the studies differ, in one sentence; what the pooling could not do."""
    said = ""
    if pooled.i2 is not None and pooled.q is not None and pooled.tau2 is not None and pooled.q_p is not None:
        chance = "p < 0.001" if pooled.q_p < 0.001 else f"p = {pooled.q_p:.3f}"
        scatter = f"Q {pooled.q:.1f} on {pooled.q_df} df ({chance})"
        by = METHOD.get(pooled.method, pooled.method)
        said = f"Pooled by {by}. Between studies: I² {pooled.i2:.0f} %, τ² {pooled.tau2:.3f}, {scatter}."
    return f"{said} {pooled.note[:1].upper()}{pooled.note[1:]}".strip()


def _line(name: str, counts: str, figures: str, axis: str) -> str:
    return f"{name:<{NAME}} {counts:>{COUNTS}} {figures:>{FIGURES}}  {axis}".rstrip()


def _wrapped_line(name: str, counts: str, figures: str, axis: str) -> list[str]:
    first, *further = textwrap.wrap(name, NAME, subsequent_indent="  ") or [""]
    return [_line(first, counts, figures, axis), *further]


def _figures(value: float, low: float, high: float) -> str:
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _place(value: float) -> int:
    """The column of a proportion on the axis; beyond 0 or 1, its end."""
    return round(min(max(value, 0.0), 1.0) * (AXIS - 1))


def _axis(low: float, high: float, value: float | None, stroke: str, mark: str, guide: float | None = None) -> str:
    """One row of the axis; where it is free, the pooled estimate is marked to compare with."""
    cells = [" "] * AXIS
    if guide is not None:
        cells[_place(guide)] = "┊"
    cells[_place(low) : _place(high) + 1] = stroke * (_place(high) - _place(low) + 1)
    if value is not None:
        cells[_place(value)] = mark
    return "".join(cells)


def _ticks() -> str:
    return "".join("┴" if column % 10 == 0 else "─" for column in range(AXIS))


def _tick_labels() -> str:
    """0 to 100 under their ticks, the last one with its unit and set to the right."""
    labels = [" "] * AXIS
    for percent, start in ((0, 0), (25, 9), (50, 19), (75, 29)):
        labels[start : start + len(str(percent))] = str(percent)
    return "".join(labels[:-5]) + "100 %"


def forest_rows(studies: Sequence[Drawn], pooled: Pooled | None) -> list[dict[str, str | int | float | None]]:
    """The table twin of the figure: one row a study, the pooled one, and a new study; in percent."""
    rows: list[dict[str, str | int | float | None]] = [
        _row(study.name, study.events, study.n, 100 * study.events / study.n, study.low, study.high, study.checked)
        for study in studies
    ]
    if pooled is not None and pooled.k > 1:
        estimate = 100 * pooled.estimate
        rows.append(_row("pooled", pooled.events, pooled.n, estimate, pooled.low, pooled.high, pooled.method))
        if pooled.prediction_low is not None and pooled.prediction_high is not None:
            low, high = pooled.prediction_low, pooled.prediction_high
            rows.append(_row("expected of a new study", None, None, None, low, high, pooled.method))
    return rows


def _row(
    name: str, events: int | None, n: int | None, percent: float | None, low: float, high: float, by: str
) -> dict[str, str | int | float | None]:
    shown = None if percent is None else round(percent, 1)
    limits = {"low_percent": round(100 * low, 1), "high_percent": round(100 * high, 1)}
    return {"study": name, "events": events, "n": n, "percent": shown, **limits, "checked_or_method": by}


def forest_svg(studies: Sequence[Drawn], pooled: Pooled | None, title: str) -> str:
    """The forest as SVG."""
    import vl_convert

    return vl_convert.vegalite_to_svg(_chart(studies, pooled, title).to_dict())


def forest_png(studies: Sequence[Drawn], pooled: Pooled | None, title: str, scale: float = 2.0) -> bytes:
    """The forest as PNG, `scale` times 96 dots an inch."""
    import vl_convert

    return vl_convert.vegalite_to_png(_chart(studies, pooled, title).to_dict(), scale=scale)


def _chart(studies: Sequence[Drawn], pooled: Pooled | None, title: str) -> altair.LayerChart:
    from mspike.report.forest_chart import chart

    notes = [_differences(pooled)] if pooled is not None else []
    notes += [MEMORY_NOTE] if any(study.checked == MEMORY for study in studies) else []
    return chart(_marks(studies, pooled), title, [note for note in notes if note])


def _marks(studies: Sequence[Drawn], pooled: Pooled | None) -> list[dict[str, str | float | None]]:
    """What the figure draws, a row each from the top: words, limits in percent, and the kind of mark."""
    largest = max((study.n for study in studies), default=1)
    marks: list[dict[str, str | float | None]] = []
    for study in studies:
        share = study.events / study.n
        kind = MEMORY if study.checked == MEMORY else "study"
        marks.append(_mark(study.label, kind, share, study.low, study.high, f"{study.events} / {study.n}"))
        marks[-1]["size"] = 30 + 170 * study.n / largest
    if pooled is not None and pooled.k > 1:
        counts, name = f"{pooled.events} / {pooled.n}", f"All {pooled.k} studies"
        marks.append(_mark(name, "pooled", pooled.estimate, pooled.low, pooled.high, counts))
        if pooled.prediction_low is not None and pooled.prediction_high is not None:
            marks.append(
                _mark("Expected of a new study", "new", None, pooled.prediction_low, pooled.prediction_high, "")
            )
    return marks


def _mark(
    name: str, kind: str, value: float | None, low: float, high: float, counts: str
) -> dict[str, str | float | None]:
    figures = _figures(value, low, high) if value is not None else f"[{100 * low:.1f}, {100 * high:.1f}]"
    percent = None if value is None else 100 * value
    limits = {"low": 100 * max(0.0, low), "high": 100 * min(1.0, high)}
    return {"name": name, "kind": kind, "value": percent, **limits, "counts": counts, "figures": figures, "size": 0.0}
