"""Text can be read on every colour, and no two categories share a mark; labels keep clear of each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspike.figures.axes import Plane, time_ticks
from mspike.figures.labels import spread
from mspike.figures.palette import BANDS, CATEGORIES, GROUND, READABLE, STROKES, band, category, contrast, text_on


@pytest.mark.parametrize("colour", [found.fill for found in CATEGORIES] + [found.colour for found in BANDS.values()])
def test_text_on_every_ground_can_be_read(colour):
    assert contrast(text_on(colour), colour) >= READABLE


def test_black_on_white_has_the_contrast_that_wcag_gives():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


def test_no_two_categories_and_no_two_groups_look_alike_without_colour():
    assert len({found.mark for found in CATEGORIES}) == len(CATEGORIES)
    assert len({(found.shape, found.fill == GROUND) for found in CATEGORIES}) == len(CATEGORIES)
    assert len({stroke.dash for stroke in STROKES}) == len(STROKES)


@pytest.mark.parametrize("stroke", STROKES)
def test_lines_stand_out_from_white(stroke):
    assert contrast(stroke.colour, GROUND) >= 3


def test_what_is_not_known_is_hollow():
    assert category(None).name == "NE"
    assert category(None).fill == GROUND


def test_classes_of_the_cohort_and_of_the_agents_come_to_the_same_band():
    assert band("anti_cd38") == band("anti_CD38") == band("anti-CD38")
    assert band("imid_celmod") == band("CELMoD") == band("IMiD")
    assert band("xpo1").name == "other therapy"


@given(st.lists(st.tuples(st.floats(-50, 400), st.floats(10, 60)), max_size=6))
def test_labels_never_overlap(wished):
    places, heights = [place for place, _ in wished], [height for _, height in wished]
    middles = spread(places, heights, 0, 300)
    boxes = sorted((middle - height / 2, middle + height / 2) for middle, height in zip(middles, heights, strict=True))
    assert all(after[0] >= before[1] - 1e-6 for before, after in pairwise(boxes))
    assert not boxes or boxes[0][0] >= -1e-6


def test_a_label_with_room_stands_where_it_would():
    assert spread([40, 200], [20, 20], 0, 300) == [40, 200]


@pytest.mark.parametrize("days", [1, 28, 100, 365, 1400, 5000])
@pytest.mark.parametrize("unit", ["months", "days"])
def test_ticks_are_few_and_reach_the_last_day(days, unit):
    ticks = time_ticks(days, unit)
    assert 2 <= len(ticks) <= 9
    assert ticks[-1] * (365.25 / 12 if unit == "months" else 1) >= days * 0.999


def test_a_place_beside_the_plot_is_told_in_units_of_the_axis():
    plane = Plane(200, 100, 0, 50, 0, 100)
    assert plane.x(220) == 55
    assert plane.y(-10) == 110
    assert plane.pixels_down(plane.y(37)) == pytest.approx(37)
