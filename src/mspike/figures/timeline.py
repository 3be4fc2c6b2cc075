"""The timeline of one patient: a marker with its threshold of progression, therapy, findings, categories; the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from mspike.errors import WrongUsage
from mspike.figures.axes import Plane
from mspike.figures.saved import PRINT_WIDTH, Figure, dressed
from mspike.figures.timeline_curve import day_lines, heads_panel, marker_panel, other_panel
from mspike.figures.timeline_frame import Frame, Origin, framed, told_day
from mspike.figures.timeline_lanes import findings_panel, in_view, key_panel, strip_panel, therapy_panel
from mspike.figures.timeline_told import GAP_DAYS, GAP_INTERVALS, Curve, Story

SCREEN_WIDTH = 960  # pixels: the wide variant
HEADS = ("date", "day", "what", "value", "note")


def timeline_table(story: Story) -> pl.DataFrame:
    """Everything drawn, and values that are not, as reported: date (or day), day from day 0, what, value, note."""
    rows: list[tuple[int, str, str, str]] = []
    for curve in [*([story.curve] if story.curve else []), *story.others]:
        rows += [(one.day, curve.name, one.reported, one.note) for one in curve.readings]
    rows += [(one.day, one.lane, one.reported, "") for one in story.findings]
    rows += [(one.day, f"Category, line {one.line}", one.category, one.says) for one in story.visits]
    rows += [(one.day, "Progression", "confirmed" if one.confirmed else "not confirmed", one.words)
             for one in story.progressions]  # fmt: skip
    rows += [(one.start, "Threshold of progression", one.says or one.words, "") for one in story.thresholds]
    for one in story.therapies:
        end = "no end on record" if one.open else f"until {told_day(story, one.end)}"
        rows.append((one.start, "Therapy", one.name, end))
    rows += [(day, "Infusion", what, "") for day, what in story.infusions]
    rows += [(story.end[0], "End of follow-up", story.end[1], "")] if story.end else []
    told = [
        (told_day(story, day) if story.dates else None, day - story.zero, what, value, note)
        for day, what, value, note in sorted(rows, key=lambda row: row[0])
    ]
    types = {name: pl.Int64 if name == "day" else pl.String for name in HEADS}
    return pl.DataFrame(told, schema=types, orient="row")


def timeline_chart(
    story: Story,
    title: str,
    *,
    log: bool = False,
    origin: Origin = "infusion",
    width: float = PRINT_WIDTH,
    interactive: bool = False,
    notes: Sequence[str] = (),
) -> Figure:
    """What happened to this patient, and when?

    log          the marker on a logarithmic axis; 0 stands below it, named
    origin       time from day 0, or the calendar
    width        pixels of the whole figure: 643 in print, 960 on a wide screen
    interactive  marks tell what they are, and time can be moved and stretched

    Raises WrongUsage where nothing is known of the patient, or for the calendar in a registry of days.
    """
    if story.empty:
        raise WrongUsage("A timeline needs a value, a category or a therapy on a known day; none was given.")
    frame = framed(story, origin, width, interactive)
    panels = [_panel(frame, plane, layers, place) for place, (plane, layers) in enumerate(_panels(frame, log))]
    known = key_panel(frame)
    every = [*panels, *([_panel(frame, *known)] if known else [])]
    whole = dressed(alt.VConcatChart(vconcat=[], spacing=5), title, [*notes, *_notes(frame)])
    # Put in last: altair copies all that a chart holds whenever one is joined, titled or dressed (nine tenths of the
    # time), and would gather the params of the panels only if it joined them itself.
    whole.vconcat[0].vconcat = every
    if interactive:
        names = [f"panel_{place}" for place in range(len(panels))]
        select = alt.IntervalSelectionConfig(type="interval", encodings=["x"])
        whole.params = [alt.TopLevelSelectionParameter(name="time", select=select, bind="scales", views=names)]
    return whole


def _panels(frame: Frame, log: bool) -> list[tuple[Plane, list[Any]]]:
    story = frame.story
    panels = [heads_panel(frame)]
    drawn = [marker_panel(frame, log)] if story.curve else []
    drawn += [therapy_panel(frame)] if in_view(frame) else []
    drawn += [other_panel(frame, curve) for curve in story.others]
    found = findings_panel(frame)
    drawn += [found] if found else []
    drawn += [strip_panel(frame)]
    return panels + [(plane, [*day_lines(frame, plane), *layers]) for plane, layers in drawn]


def _panel(frame: Frame, plane: Plane, layers: list[Any], place: int | None = None) -> Any:
    """The layers as one panel. place: it moves with the time axis, and its first layer bears its name."""
    if frame.interactive and place is not None:
        layers[0].name = f"panel_{place}"
        for layer in layers:
            layer.mark.clip = True  # what is moved out of the plot must not cover the words beside it
    panel = alt.LayerChart(layer=[], width=plane.width, height=plane.height)
    panel.layer = layers
    return panel


def _notes(frame: Frame) -> list[str]:
    story = frame.story
    earlier = [one for one in story.therapies if one.end < frame.first]
    notes = [f"Earlier, not drawn: {_lines(len(earlier))} from {frame.told(min(one.start for one in earlier))}."
             if earlier else ""]  # fmt: skip
    if story.curve or story.others:
        notes.append(_gap_note([*([story.curve] if story.curve else []), *story.others]))
    if any(one.open for one in in_view(frame)):
        notes.append("A band whose end is not on record is drawn until the next line or the end of follow-up.")
    return [note for note in notes if note]


def _lines(count: int) -> str:
    return "1 line of therapy" if count == 1 else f"{count} lines of therapy"


def _gap_note(curves: Sequence[Curve]) -> str:
    each = "; ".join(f"{curve.name} {curve.gap:.0f} days" for curve in curves)
    rule = f"{GAP_INTERVALS:g} usual intervals, at least {GAP_DAYS} days"
    return f"No line is drawn over a gap longer than {rule} ({each}). Lines join values, they are no measurements."
