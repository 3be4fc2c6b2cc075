"""A small drawing of a course: one mark a judged visit, Day 0 at the infusion. It stands in for the timeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from mspike.figures.palette import ALARM, CATEGORIES, FONT, INK, MUTED

WIDTH, HEIGHT, LEFT, RIGHT, BASE = 960, 132, 16, 16, 72
CATEGORY = {category.name: category for category in CATEGORIES}


def strip_svg(visits: Sequence[dict[str, Any]], courses: Sequence[dict[str, Any]]) -> str:
    """The judged visits of all lines along time, as SVG text; says so where there are none."""
    judged = {_day(v["date"]): v for v in visits if "after_new_therapy" not in v["flags"]}
    starts = [(_day(c["index_date"]), c) for c in courses if c["index_date"] is not None]
    days = sorted([*judged, *(day for day, _ in starts)])
    if not days:
        return _svg(_text(LEFT, BASE, "No dated visit or therapy is on record.", MUTED))
    low, span = days[0], max(1, days[-1] - days[0])
    parts = [f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{BASE + 18}" y2="{BASE + 18}" stroke="{MUTED}"/>']
    for day, course in starts:
        parts += _start(_x(day, low, span), course)
    for day, visit in judged.items():
        parts.append(_mark(_x(day, low, span), visit["response_confirmed"] or visit["response_raw"]))
    return _svg("".join(parts))


def _start(x: float, course: dict[str, Any]) -> list[str]:
    car_t = course["kind"] == "car_t"
    line = f'<line x1="{x}" x2="{x}" y1="28" y2="{BASE + 18}" stroke="{INK if car_t else MUTED}"'
    line += "/>" if car_t else ' stroke-dasharray="2 3"/>'
    words = f"Day 0: {course['index_agent'] or 'CAR-T'}" if car_t else str(course["line"])
    anchor = "end" if x > WIDTH * 0.75 else "start"
    return [line, _text(x, 22 if car_t else 44, words, INK if car_t else MUTED, anchor)]


def _mark(x: float, category: str) -> str:
    box = f'<rect x="{x - 3}" y="{BASE - 10}" width="6" height="20" fill="{CATEGORY[category].fill}"'
    box += f' stroke="{INK}" stroke-width="0.5"/>'
    return box + (_text(x, BASE + 40, CATEGORY["PD"].mark, ALARM, "middle") if category == "PD" else "")


def _x(day: int, low: int, span: int) -> float:
    return round(LEFT + (day - low) / span * (WIDTH - LEFT - RIGHT), 1)


def _day(date: str | int) -> int:
    return date if isinstance(date, int) else dt.date.fromisoformat(date).toordinal()


def _text(x: float, y: float, words: str, colour: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{colour}" font-size="13" text-anchor="{anchor}" '
        f'font-family="{FONT}">{escape(words)}</text>'
    )


def _svg(inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect width="100%" height="100%" fill="#FFFFFF"/>{inside}</svg>'
    )
