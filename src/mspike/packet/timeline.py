"""The timeline of a packet: drawn from a case, with a sentence for whoever cannot see it and the table behind it."""

from __future__ import annotations

from mspike.errors import WrongUsage
from mspike.figures.saved import PRINT_WIDTH
from mspike.figures.timeline import timeline_chart, timeline_table
from mspike.figures.timeline_frame import Origin, told_day
from mspike.figures.timeline_told import Story
from mspike.packet.blocks import Drawing, Grid
from mspike.packet.case import Case
from mspike.packet.timeline_markers import MARKERS, judges
from mspike.packet.timeline_markers import marker_of as marker_of
from mspike.packet.timeline_story import MRD_LEVEL, story_of


def timeline_of(
    case: Case,
    *,
    marker: str | None = None,
    log: bool = False,
    origin: Origin = "infusion",
    width: float = PRINT_WIDTH,
    interactive: bool = False,
) -> Drawing | None:
    """The timeline of this patient; None where nothing is known on any day.

    marker  serum_m, iga, urine_m_24h or dflc; None: the one that judges the line

    Raises WrongUsage for another marker, and for the calendar in a registry that counts days.
    """
    if marker is not None and marker not in MARKERS:
        raise WrongUsage(f"marker {marker}: expected one of {', '.join(MARKERS)}.")
    chosen = marker or marker_of(case)
    story = story_of(case.derived, case.patient, chosen)
    if story.empty:
        return None
    title = f"{case.patient}: {_subject(story)} over time"
    chart = timeline_chart(
        story, title, log=log, origin=origin, width=width, interactive=interactive, notes=_notes(case, story, chosen)
    )
    return Drawing("timeline", title, chart, _says(story), _twin(story))


def _subject(story: Story) -> str:
    return story.curve.name if story.curve else "therapy and response"


def _notes(case: Case, story: Story, marker: str | None) -> list[str]:
    notes = []
    if story.curve is None:
        missing = MARKERS[marker].words if marker else "no M-protein or free light chains"
        notes.append(f"No curve: {missing} {'has no value on record' if marker else 'on record'}.")
    elif not story.thresholds:
        notes.append(f"No threshold of progression: {story.curve.name} judges none of the lines drawn, as recorded.")
    if story.curve and marker and not judges(case.derived, marker):
        notes.append(
            f"{story.curve.name} is not known to have been measurable at the start: the response is not judged by it."
        )
    if any(one.lane == "MRD" for one in story.findings):
        notes.append(f"MRD at {MRD_LEVEL}; a sample that cannot tell is not decided.")
    return notes


def _says(story: Story) -> str:
    """What the figure shows, in words."""
    said = []
    if story.curve:
        drawn = sorted(story.curve.drawn, key=lambda one: one.day)
        first, last, low = drawn[0], drawn[-1], min(drawn, key=lambda one: (one.value, one.day))
        said.append(
            f"{story.curve.name} {first.reported} on {told_day(story, first.day)}, lowest {low.reported} on "
            f"{told_day(story, low.day)}, last {last.reported} on {told_day(story, last.day)}"
        )
    said += [f"{words} on {told_day(story, day)}" for day, words in story.infusions]
    said += [
        f"{'progression' if one.confirmed else 'progression, not confirmed,'} on {told_day(story, one.day)}"
        for one in story.progressions
    ] or ["no progression shown"]
    said += [f"{story.end[1]} on {told_day(story, story.end[0])}"] if story.end else []
    return "; ".join(said) + "."


def _twin(story: Story) -> Grid:
    rows = tuple(
        (*([row["date"]] if story.dates else []), f"{row['day']}", row["what"], row["value"] or None, row["note"] or "")
        for row in timeline_table(story).to_dicts()
    )
    heads = (*(["date"] if story.dates else []), f"day from {story.zero_says}", "what", "value", "note")
    return Grid("The timeline as a table", heads, rows, right=(heads[-4],))
