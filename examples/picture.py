"""Draws one invented patient: serum M-protein over days, each visit with its category, and the threshold that mattered.

python examples/picture.py docs/assets/timeline.svg

Nothing is judged here: categories, nadir and dates are read from what `mspike.assess` wrote.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import polars as pl

import mspike
from mspike.demo import write_demo_registry
from mspike.knowledge.criteria import criteria

PATIENT = "SYNTHETIC-000008"
LAST_DAY = 385
WIDTH, HEIGHT = 960, 460
LEFT, RIGHT, TOP, BOTTOM = 64, 28, 76, 340  # plot area, px
STRIP = 404  # height of the category strip
INK, MUTED, LINE, GROUND, ALARM = "#1A1A1A", "#5C6670", "#D9DEE3", "#FFFFFF", "#C8343F"
COLOURS = {
    "sCR": "#0B3C5D", "CR": "#1B6CA8", "VGPR": "#4AA3DF", "PR": "#A6D3F2",
    "MR": "#CFE3C8", "SD": "#E9DFB3", "PD": ALARM, "NE": "#B8BEC4",
}  # fmt: skip
# Shapes around the origin, 14 px across; drawn, since not every machine has the signs in its fonts.
SHAPES = {
    "sCR": "M0 -8 L2 -2.6 7.6 -2.5 3.2 1 4.7 6.5 0 3.3 -4.7 6.5 -3.2 1 -7.6 -2.5 -2 -2.6Z",
    "CR": "M-6.5 0A6.5 6.5 0 1 0 6.5 0A6.5 6.5 0 1 0 -6.5 0Z",
    "VGPR": "M0 -8L8 0 0 8 -8 0Z",
    "PR": "M-6 -6H6V6H-6Z",
    "MR": "M0 -7L7 6H-7Z",
    "SD": "M-7 -3H7V3H-7Z",
    "PD": "M-6 -3.5L-3.5 -6 0 -2.5 3.5 -6 6 -3.5 2.5 0 6 3.5 3.5 6 0 2.5 -3.5 6 -6 3.5 -2.5 0Z",
    "NE": "M-6 0A6 6 0 1 0 6 0A6 6 0 1 0 -6 0Z",
}


def told(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, dict, float]:
    """The M-protein values, the judged visits, the course and the nadir of the first progression."""
    write_demo_registry(folder / "registry", int(PATIENT[-6:]))
    mspike.assess(folder / "registry", folder / "results")
    courses = pl.read_parquet(folder / "results" / "courses.parquet")
    course = courses.filter((pl.col("patient_id") == PATIENT) & (pl.col("kind") == "car_t")).row(0, named=True)
    here = (pl.col("patient_id") == PATIENT) & (pl.col("line") == course["line"])
    visits = pl.read_parquet(folder / "results" / "assessments.parquet").filter(here)
    reasons = pl.read_parquet(folder / "results" / "reasons.parquet").filter(here)
    progression = reasons.filter((pl.col("date") == course["pd_date"]) & (pl.col("rule") == "imwg.pd.serum_m"))
    nadir = float(re.search(r"nadir ([\d.]+)", progression["inputs"][0]).group(1))
    results = pl.read_csv(folder / "registry" / "results.csv", infer_schema=False)
    values = results.filter((pl.col("patient_id") == PATIENT) & (pl.col("analyte") == "serum_m")).select(
        day=(pl.col("date").str.to_date() - course["index_date"]).dt.total_days(),
        value=pl.col("value").cast(pl.Float64),
    )
    early = pl.col("day") <= LAST_DAY
    return values.filter(early).sort("day"), visits.filter(early), course, nadir


def threshold(nadir: float) -> float:
    """The level at which serum M-protein has progressed from this nadir (below 5 g/dL)."""
    rules = criteria("imwg-2016")
    relative, rise = (float(rules.value("imwg.pd.serum_m", name)) for name in ("relative_rise", "rise"))
    return max(nadir * (1 + relative), nadir + rise)


def picture(values: pl.DataFrame, visits: pl.DataFrame, course: dict, nadir: float) -> str:
    first, top = values["day"].min(), 5.0
    high = threshold(nadir)

    def x(day: float) -> float:
        return round(LEFT + (day - first + 8) / (LAST_DAY - first + 8) * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(BOTTOM - value / top * (BOTTOM - TOP), 1)

    def text(
        at: float, height: float, words: str, *, colour: str = MUTED, anchor: str = "start", extra: str = ""
    ) -> str:
        return f'<text x="{at}" y="{height}" fill="{colour}" text-anchor="{anchor}" {extra}>{words}</text>'

    def line(x1: float, y1: float, x2: float, y2: float, colour: str, extra: str = "") -> str:
        return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" {extra}/>'

    pd_day = (course["pd_date"] - course["index_date"]).days
    low_day = values.filter(pl.col("value") == nadir)["day"][0]
    bold = 'font-weight="600"'
    said = f"Progressed {pd_day} days after {course['index_agent']}, biochemical, from {course['best_response']}."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="14" '
        'font-family="Inter, system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif">',
        # A white edge keeps grid lines from striking words through.
        f"<style>text {{ paint-order: stroke; stroke: {GROUND}; stroke-width: 4px }}</style>",
        f"<title>{said} Invented patient {PATIENT}.</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{GROUND}"/>',
        text(LEFT, 28, said, colour=INK, extra='font-weight="600" font-size="16"'),
        text(LEFT, 50, f"Serum M-protein, g/dL. Invented patient {PATIENT}; edition imwg-2016."),
    ]
    for value in range(int(top) + 1):
        parts += [
            line(LEFT, y(value), WIDTH - RIGHT, y(value), LINE),
            text(LEFT - 10, y(value) + 5, str(value), anchor="end"),
        ]
    for day in (90, 180, 270, 360):
        parts += [line(x(day), BOTTOM, x(day), BOTTOM + 5, MUTED), text(x(day), BOTTOM + 22, str(day), anchor="middle")]
    parts += [
        text(x(0), BOTTOM + 22, "0", anchor="middle"),
        text(x(45), BOTTOM + 22, "days from infusion", anchor="middle"),
        line(x(0), TOP - 8, x(0), BOTTOM + 5, INK),
        text(x(0) + 8, TOP + 4, f"Day 0, {course['index_agent']}", colour=INK, extra=bold),
    ]
    # The threshold holds from the nadir on, until progression.
    parts += [
        line(x(low_day), y(nadir), x(low_day), y(high), ALARM, 'stroke-dasharray="2 3"'),
        line(x(low_day), y(high), x(pd_day), y(high), ALARM, 'stroke-width="1.5" stroke-dasharray="6 4"'),
        text(
            x(low_day) - 6,
            y(high) - 10,
            f"PD from {high:.2f}: nadir {nadir:.2f} + 0.5",
            colour=ALARM,
            anchor="middle",
            extra=bold,
        ),
        text(x(low_day), y(nadir) + 26, f"nadir {nadir:.2f}, day {low_day}", anchor="middle"),
    ]
    points = " ".join(f"{x(day)},{y(value)}" for day, value in values.iter_rows())
    parts.append(f'<polyline points="{points}" fill="none" stroke="{MUTED}" stroke-width="1.5"/>')
    judged = dict(visits.select("day", "response_raw").iter_rows())
    for day, value in values.iter_rows():
        category = judged.get(day)
        if category is None:  # before the infusion: the values that everything is compared with
            parts.append(
                f'<circle cx="{x(day)}" cy="{y(value)}" r="4" fill="{GROUND}" stroke="{INK}" stroke-width="1.5"/>'
            )
        else:
            parts.append(mark(category, x(day), y(value)))
    base_day, base = values.filter(pl.col("day") < 0).tail(1).row(0)
    parts.append(text(x(0) + 10, y(base) - 2, f"baseline {base:.2f}, day {base_day}", colour=INK, extra=bold))
    pd_value = values.filter(pl.col("day") == pd_day)["value"][0]
    later = visits.filter((pl.col("day") > pd_day) & (pl.col("response_raw") == "PD"))["day"][0]
    parts.append(text(x(pd_day) + 4, y(pd_value) + 26, f"PD {pd_value:.2f}, day {pd_day}", colour=ALARM, extra=bold))
    later_value = values.filter(pl.col("day") == later)["value"][0]
    parts.append(text(x(later) - 8, y(later_value) - 14, f"confirmed day {later}", colour=ALARM, anchor="end"))
    parts += strip(visits, x, text)
    return "\n".join([*parts, "</svg>", ""])


def mark(category: str, at: float, height: float) -> str:
    hollow = category == "NE"
    fill = GROUND if hollow else COLOURS[category]
    edge = COLOURS["NE"] if hollow else INK if category in ("PR", "MR", "SD") else COLOURS[category]
    return f'<path d="{SHAPES[category]}" transform="translate({at} {height})" fill="{fill}" stroke="{edge}"/>'


def strip(visits: pl.DataFrame, x, text) -> list[str]:
    """The category of every visit along the bottom, named where it changes."""
    parts = [text(LEFT, STRIP - 16, "Category at each visit, before confirmation", extra='font-size="13"')]
    named = None
    for day, category in visits.select("day", "response_raw").iter_rows():
        parts.append(mark(category, x(day), STRIP + 6))
        if category != named:
            parts.append(
                text(
                    x(day), STRIP + 34, category, colour=INK, anchor="middle", extra='font-size="13" font-weight="600"'
                )
            )
        named = category
    return parts


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Path(sys.argv[1]).write_text(picture(*told(Path(folder))))
