"""The panels of a timeline without a value axis: lines of therapy, findings, the strip of categories, the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from mspike.figures.axes import Plane, of, text
from mspike.figures.labels import LETTER, Sign, category_signs, key, marks, width_of
from mspike.figures.palette import ALARM, BANDS, CATEGORIES, GROUND, INK, LINE, MUTED, band, category, text_on
from mspike.figures.saved import SIZE, SMALL
from mspike.figures.timeline_curve import with_tips
from mspike.figures.timeline_frame import Frame, named_lanes
from mspike.figures.timeline_told import Finding, Judged, Story, Therapy, longest_joined

LANE, STRIP = 19, 36  # pixels: height of a lane, of the strip of categories
LANES = ("Lesions", "Marrow", "MRD")
UNCONFIRMED = "PD, not confirmed"


def in_view(frame: Frame) -> list[Therapy]:
    """The lines of therapy that reach into the time that is drawn."""
    return [therapy for therapy in frame.story.therapies if therapy.end >= frame.first]


def therapy_panel(frame: Frame) -> tuple[Plane, list[Any]]:
    """Each line of therapy as a band in a row of its own, with its name on it or beside it."""
    shown = in_view(frame)
    places = [float(place) for place in range(len(shown))]
    names = ["Therapy" if place == 0 else "" for place in range(len(shown))]
    plane = frame.plane(LANE * len(shown), len(shown) - 0.5, -0.5, named_lanes(names, places))
    rows = [_band(frame, therapy, place) for place, therapy in enumerate(shown)]
    box = of(rows).mark_rect(stroke=MUTED, strokeWidth=0.4)
    box = box.encode(
        x=plane.across("x"), x2="to:Q", y=plane.up("top"), y2="bottom:Q", fill=alt.Fill("fill:N", scale=None)
    )
    layers: list[Any] = [with_tips(box, frame)]
    for side in ("left", "right"):
        words = [row for row in rows if row["side"] == side]
        layers.append(text(words, plane, "words_at", "y", "words", side=side, size=SMALL))
    return plane, layers


def _band(frame: Frame, therapy: Therapy, place: int) -> dict[str, Any]:
    start, end = max(therapy.start, frame.first), max(therapy.end, therapy.start + 1)
    left, right = frame.pixels(start), max(frame.pixels(end), frame.pixels(start) + 2)
    words = _shortened(therapy.name, frame.width - 8)
    wide = width_of(words, SMALL) + 6
    if wide <= right - left:
        side, at = "left", left + 4
    elif right + wide <= frame.width:
        side, at = "left", right + 4
    elif wide <= left:
        side, at = "right", left - 4
    else:
        side, at = ("left", 4) if left < frame.width / 2 else ("right", frame.width - 2)
    per_pixel = (frame.at(frame.last) - frame.at(frame.first)) / frame.width
    return {
        "x": frame.at(frame.first) + left * per_pixel, "to": frame.at(frame.first) + right * per_pixel,
        "top": place - 0.4, "bottom": place + 0.4, "y": place, "side": side,
        "words_at": frame.at(frame.first) + at * per_pixel, "words": words, "fill": colour_of(therapy.classes),
        "says": f"{therapy.name}: {frame.told(therapy.start)} to "
        + (f"{frame.told(therapy.end)}, no end on record" if therapy.open else frame.told(therapy.end)),
    }  # fmt: skip


def _shortened(words: str, room: float) -> str:
    most = int(room / LETTER * SIZE / SMALL)
    return words if len(words) <= most else words[: most - 1].rstrip(" ,") + "…"


def colour_of(classes: Sequence[str]) -> str:
    """A regimen has the band of the first of its classes in the order of the palette."""
    own = {band(one).name for one in classes}
    return next((BANDS[name].colour for name in BANDS if name in own), BANDS["other therapy"].colour)


def findings_panel(frame: Frame) -> tuple[Plane, list[Any]] | None:
    """Lesions, marrow and MRD, a lane each; None where none was looked for."""
    found = frame.story.findings
    lanes = [lane for lane in LANES if any(one.lane == lane for one in found)]
    if not lanes:
        return None
    places = [float(place) for place in range(len(lanes))]
    plane = frame.plane(LANE * len(lanes), len(lanes) - 0.5, -0.5, named_lanes(lanes, places))
    rows, words = [], []
    for place, lane in enumerate(lanes):
        mine = sorted((one for one in found if one.lane == lane), key=lambda one: one.day)
        for one, following in zip(mine, [*mine[1:], None], strict=True):
            rows.append(_mark(frame, one, place))
            room = (frame.pixels(following.day) if following else frame.width) - frame.pixels(one.day)
            if one.label and width_of(one.label, 10) + 13 <= room:
                words.append({"x": frame.at(one.day), "y": place, "words": one.label})
    label = text(words, plane, "x", "y", "words", size=10, dx=7, colour=MUTED)
    return plane, [with_tips(marks(rows, plane, "x", "y", size=46), frame), label]


def _mark(frame: Frame, one: Finding, place: int) -> dict[str, Any]:
    sign = SIGNS[one.sign]
    return {
        "x": frame.at(one.day), "y": place, "shape": sign.shape, "fill": sign.fill, "stroke": sign.stroke,
        "says": f"{frame.told(one.day)}: {one.reported}",
    }  # fmt: skip


SIGNS = {
    "filled": Sign("found", "circle", INK, INK),
    "hollow": Sign("not found", "circle", GROUND, INK),
    "unknown": Sign("not decided", "diamond", GROUND, MUTED),
    "alarm": Sign("new or growing lesion", category("PD").shape, ALARM, ALARM),
}


def strip_panel(frame: Frame) -> tuple[Plane, list[Any]]:
    """The categories by visit with their marks; between visits their colour, over gaps nothing."""
    visits = sorted(frame.story.visits, key=lambda visit: visit.day)
    plane = frame.plane(STRIP, 1, 0, named_lanes(["Category"], [0.34]), axis=True)
    gap = longest_joined([visit.day for visit in visits])
    rows, pieces, names = [], [], []
    free = -1.0
    last: Judged | None = None
    for visit, following in zip(visits, [*visits[1:], None], strict=False):  # none: no strip
        rows.append(_category(frame, visit))
        if following and following.day - visit.day <= gap and following.line == visit.line:
            pieces.append({**rows[-1], "to": frame.at(following.day), "top": 0.1, "bottom": 0.58})
        at, wide = frame.pixels(visit.day), width_of(visit.category, 10)
        changed = last is None or (last.category, last.line) != (visit.category, visit.line)
        if changed and at - wide / 2 > free and wide / 2 < at < frame.width - wide / 2:
            names.append({"x": frame.at(visit.day), "y": 0.78, "words": visit.category})
            free = at + wide / 2 + 4
        last = visit
    box = of(row for row in pieces if row["fill"] != GROUND).mark_rect(opacity=0.75)
    box = box.encode(
        x=plane.across("x"), x2="to:Q", y=plane.up("top"), y2="bottom:Q", fill=alt.Fill("fill:N", scale=None)
    )
    hollow = of(row for row in pieces if row["fill"] == GROUND).mark_rect(fill=GROUND, stroke=LINE)
    hollow = hollow.encode(x=plane.across("x"), x2="to:Q", y=plane.up("top"), y2="bottom:Q")
    label = text(names, plane, "x", "y", "words", side="center", size=10, colour=MUTED)
    return plane, [hollow, box, with_tips(marks(rows, plane, "x", "y", size=52), frame), label]


def _category(frame: Frame, visit: Judged) -> dict[str, Any]:
    found = category(visit.category)
    edge = MUTED if found.name == "NE" else text_on(found.colour)
    row = {"x": frame.at(visit.day), "y": 0.34, "shape": found.shape, "fill": found.fill, "stroke": edge}
    if visit.unconfirmed:
        row |= {"fill": GROUND, "stroke": ALARM}
    return row | {"says": f"{frame.told(visit.day)}: {visit.says or visit.category}"}


def key_panel(frame: Frame) -> tuple[Plane, list[Any]] | None:
    """What the marks mean, as many as are drawn; a panel that does not move with the time axis."""
    signs = _signs(frame.story)
    if not signs:
        return None
    needed = sum(32 + width_of(sign.words) for sign in signs)
    rows = int(needed / frame.width) + 1
    plane = Plane(frame.width, 18 * rows, 0, 1, 0, 1)
    return plane, key(plane, signs, -18 * rows + 9)


def _signs(story: Story) -> list[Sign]:
    curves = [*([story.curve] if story.curve else []), *story.others]
    bounds = {reading.bound for curve in curves for reading in curve.drawn}
    used = {visit.category for visit in story.visits if not visit.unconfirmed}
    signs = category_signs([found.name for found in CATEGORIES if found.name in used])
    open_ = any(v.unconfirmed for v in story.visits) or any(not p.confirmed for p in story.progressions)
    signs += [Sign(UNCONFIRMED, category("PD").shape, GROUND, ALARM)] if open_ else []
    signs += [Sign("below the limit", "triangle-down", GROUND, INK)] if "below" in bounds else []
    signs += [Sign("above the limit", "triangle-up", GROUND, INK)] if "above" in bounds else []
    drawn = {one.sign for one in story.findings}
    return signs + [sign for name, sign in SIGNS.items() if name in drawn]
