"""The forest: every line within 100 columns, marks where the numbers say, memory marked, and a table twin."""

from __future__ import annotations

import re

import pytest

from mspike.options.pool import pool
from mspike.report.forest import AXIS, DAGGER, Drawn, drawn, forest_png, forest_rows, forest_svg, forest_text

COUNTS = [("MonumenTAL-1", 26, 36, "abstract"), ("MajesTEC-1 cohort C, earlier CAR-T cells", 8, 15, "memory")]
STUDIES = [drawn(*study) for study in COUNTS]
POOLED = pool([study[:3] for study in COUNTS])


def axis_of(line: str) -> str:
    return line[59:].ljust(AXIS)


@pytest.mark.parametrize("events", range(5))
def test_no_line_is_wider_than_the_terminal(events: int):
    counts = [("A name that goes on and on for longer than any study has a right to", events, 4), ("B", 999, 1000)]
    studies = [drawn(*study, "memory") for study in counts]
    lines = forest_text(studies, pool(counts))
    assert max(map(len, lines)) <= 100
    assert lines == [line.rstrip() for line in lines]


def test_marks_stand_where_the_numbers_say():
    half = Drawn("half", 5, 10, 0.25, 0.75, "abstract")
    assert axis_of(forest_text([half], None)[1]) == " " * 10 + "─" * 10 + "■" + "─" * 10 + " " * 10
    full = Drawn("full", 5, 5, 0.0, 1.0, "abstract")
    assert axis_of(forest_text([full], None)[1]) == "─" * 40 + "■"


def test_a_study_known_from_memory_is_hollow_and_bears_a_dagger():
    lines = forest_text(STUDIES, POOLED)
    read, recalled = lines[1], " ".join(lines[2:4])
    assert "■" in read
    assert "□" not in read
    assert "□" in recalled
    assert DAGGER in recalled
    assert lines[-1].startswith(DAGGER)
    assert not any(DAGGER in line for line in forest_text(STUDIES[:1], None))


def test_the_pooled_row_and_the_expectation_stand_below_the_studies():
    text = "\n".join(forest_text(STUDIES, POOLED))
    assert re.search(r"All 2 studies +34 / 51 +66\.7 \[52\.8, 78\.2\]", text)
    assert "expected of a new study" in text
    assert "I² 0 %" in text


def test_one_study_is_not_drawn_twice():
    lines = forest_text(STUDIES[:1], pool([COUNTS[0][:3]]))
    assert sum("26 / 36" in line for line in lines) == 1
    assert lines[-1].startswith("One study")
    assert len(forest_rows(STUDIES[:1], pool([COUNTS[0][:3]]))) == 1


def test_the_table_twin_holds_every_figure_that_is_drawn():
    rows = forest_rows(STUDIES, POOLED)
    assert [row["study"] for row in rows] == [COUNTS[0][0], COUNTS[1][0], "pooled", "expected of a new study"]
    assert rows[0] == {
        "study": "MonumenTAL-1", "events": 26, "n": 36, "percent": 72.2,
        "low_percent": 54.8, "high_percent": 85.8, "checked_or_method": "abstract",
    }  # fmt: skip
    assert rows[3]["percent"] is None


def test_a_limit_beyond_all_patients_is_drawn_at_the_end_of_the_axis():
    beyond = pool([("a", 9, 10), ("b", 10, 10)], "raw_fe")
    assert beyond.high > 1
    lines = forest_text([drawn("a", 9, 10, "abstract"), drawn("b", 10, 10, "abstract")], beyond)
    assert max(map(len, lines)) <= 100


def test_the_drawing_says_names_figures_and_units():
    svg = forest_svg(STUDIES, POOLED, "Response to a bispecific antibody")
    for word in (
        "MonumenTAL-1",
        DAGGER,
        "26 / 36",
        "66.7 [52.8, 78.2]",
        "Patients, %",
        "Expected of a new study",
        "glmm",
    ):
        assert word in svg
    png = forest_png(STUDIES[:1], None, "One study", scale=1.0)
    assert png.startswith(b"\x89PNG")
