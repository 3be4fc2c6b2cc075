"""The timeline of a SYNTHETIC patient: what is drawn, what is not joined, and the table that says the same."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from mspike.errors import WrongUsage
from mspike.figures.palette import ALARM, GROUND
from mspike.figures.saved import PRINT_WIDTH, png, svg
from mspike.figures.timeline import SCREEN_WIDTH, timeline_chart, timeline_table
from mspike.figures.timeline_curve import _placed
from mspike.figures.timeline_frame import framed, measure, month_starts
from mspike.figures.timeline_told import (
    Curve,
    Finding,
    Judged,
    Progression,
    Reading,
    Story,
    Therapy,
    Threshold,
    longest_joined,
)

TITLE = "SYNTHETIC-1: Serum M-protein over time"
CURVE = Curve(
    "Serum M-protein",
    "g/dL",
    (
        Reading(-5, 3.2, "", "3.2 g/dL"),
        Reading(28, 0.1, "below", "<0.1 g/dL"),
        Reading(56, 0.0, "", "0 g/dL"),
        Reading(70, 9.9, "", "9.9 g/dL", "not used: spurious"),
        Reading(84, 0.3, "", "0.3 g/dL"),
        Reading(200, 0.9, "", "0.9 g/dL"),
    ),
)
STORY = Story(
    patient="SYNTHETIC-1", dates=False, zero=0, zero_says="infusion", curve=CURVE,
    thresholds=(Threshold(56, 200, 0.5, "PD from 0.5; nadir 0"),),
    progressions=(Progression(200, False, "PD, not confirmed, day 200", 0.9),),
    therapies=(Therapy(-900, -400, "1: VRd", ("PI",)), Therapy(-5, 220, "2: cilta-cel", ("car_t",))),
    findings=(Finding("MRD", 28, "unknown", "", "negative by flow"),),
    visits=(Judged(28, "VGPR", 2), Judged(56, "CR", 2), Judged(200, "PD", 2, True)),
    others=(Curve("CAR copies", "/µg DNA", (Reading(7, 1e5, "", "100000 /ug"), Reading(14, 0.0, "", "0 /ug"))),),
    infusions=((0, "cilta-cel infused"),), end=(220, "last contact"),
)  # fmt: skip


def rows_of(spec: Any) -> list[dict[str, Any]]:
    """Every literal row of a chart, wherever it stands."""
    if isinstance(spec, dict):
        values = spec.get("data", {}).get("values") if isinstance(spec.get("data"), dict) else None
        own = json.loads(values) if isinstance(values, str) else []
        return own + [row for part in spec.values() for row in rows_of(part)]
    return [row for part in spec for row in rows_of(part)] if isinstance(spec, list) else []


def drawn(story: Story = STORY, **how: Any) -> list[dict[str, Any]]:
    return rows_of(timeline_chart(story, TITLE, **how).to_dict())


def points(story: Story = STORY, **how: Any) -> list[dict[str, Any]]:
    return [row for row in drawn(story, **how) if "piece" in row]


def words(story: Story = STORY, **how: Any) -> set[str]:
    return {row["words"] for row in drawn(story, **how) if "words" in row}


@pytest.mark.parametrize("how", [{}, {"log": True}, {"width": SCREEN_WIDTH}, {"interactive": True, "log": True}])
def test_it_is_a_chart_of_vega_lite_and_fits_its_width(how):
    chart = timeline_chart(STORY, TITLE, **how)
    chart.to_dict()  # against the schema
    wide = struct.unpack(">I", png(chart, 1.0)[16:20])[0]
    assert wide <= how.get("width", PRINT_WIDTH) + 1
    assert "not confirmed" in svg(chart)


def test_no_line_is_drawn_over_a_gap():
    curve = [row for row in points() if row["says"].split(": ")[1].startswith("Serum")]
    pieces = {row["says"].split(":")[0]: row["piece"] for row in curve}
    assert pieces["day 28"] == pieces["day 56"] == pieces["day 84"] != pieces["day 200"]
    assert longest_joined([0, 28, 56, 84]) == 60
    assert longest_joined([0, 90, 180]) == 135
    assert longest_joined([7]) == 60


def test_below_a_limit_is_an_open_triangle_at_the_limit():
    below = next(row for row in points() if "<0.1" in row["says"])
    assert (below["shape"], below["fill"], below["y"]) == ("triangle-down", GROUND, 0.1)
    measured = next(row for row in points() if "0.3" in row["says"])
    assert measured["shape"] == "circle" and measured["fill"] != GROUND


def test_what_was_set_aside_is_in_the_table_and_not_on_the_curve():
    assert not any("9.9" in row["says"] for row in points())
    spurious = timeline_table(STORY).row(by_predicate=pl.col("value") == "9.9 g/dL", named=True)
    assert spurious["note"] == "not used: spurious"


def test_nothing_has_no_logarithm_and_stands_below_the_lowest_tick():
    scale = measure([0.0, 0.1, 3.2], True)
    assert scale.zero is not None and scale.at(0.0) == scale.zero < scale.at(0.1) == -1
    assert measure([0.1, 3.2], True).zero is None
    assert measure([0.0, 3.2], False).at(0.0) == 0.0


def test_progression_that_nothing_confirmed_is_hollow():
    def crosses(confirmed: bool) -> list[tuple[str, str]]:
        story = replace(STORY, progressions=(replace(STORY.progressions[0], confirmed=confirmed),))
        return [(row["fill"], row["stroke"]) for row in drawn(story) if "dash" in row and "shape" in row]

    assert crosses(True) == [(ALARM, GROUND)] * len(crosses(True)) != []
    assert set(crosses(False)) == {(GROUND, ALARM)}


def test_the_threshold_stands_at_the_number_told_from_its_nadir_on():
    told = next(row for row in drawn() if row.get("words") == "PD from 0.5; nadir 0" and "from" in row)
    days = 30.4375
    frame = framed(STORY, "infusion", PRINT_WIDTH, False)
    scale = 1 if frame.unit == "days" else days
    assert told["y"] == 0.5
    assert told["from"] * scale == pytest.approx(56, abs=0.1)
    assert told["to"] * scale == pytest.approx(200, abs=0.1)


def test_earlier_lines_are_told_where_they_are_not_drawn():
    chart = timeline_chart(STORY, TITLE)
    assert "1: VRd" not in words() and "2: cilta-cel" in words()
    assert "Earlier, not drawn: 1 line of therapy from day -900." in str(chart.description)


def test_the_table_holds_every_value_as_reported():
    table = timeline_table(STORY)
    assert table["day"].is_sorted()
    for value in ("3.2 g/dL", "<0.1 g/dL", "100000 /ug", "negative by flow", "1: VRd", "not confirmed", "last contact"):
        assert value in table["value"].to_list()
    assert table["date"].null_count() == table.height  # a registry of days knows no date
    assert replace(STORY, dates=True).dates and timeline_table(replace(STORY, dates=True))["date"][0] == "1967-07-16"


def test_an_axis_of_dates_needs_dates():
    with pytest.raises(WrongUsage, match="counts days"):
        timeline_chart(STORY, TITLE, origin="calendar")
    dated = replace(STORY, dates=True)
    assert any(row.get("x") == 28 for row in points(dated, origin="calendar"))
    assert month_starts(0, 58) == [0.0, 31.0]


def test_nothing_known_is_not_drawn():
    with pytest.raises(WrongUsage, match="none was given"):
        timeline_chart(Story("SYNTHETIC-2", False, 0, "infusion"), TITLE)


def test_without_a_curve_therapy_and_categories_remain():
    bare = replace(STORY, curve=None, thresholds=(), others=())
    assert {"2: cilta-cel", "VGPR", "CR"} <= words(bare)
    assert points(bare) == []


def test_words_above_the_plot_keep_clear_of_each_other():
    frame = framed(STORY, "infusion", PRINT_WIDTH, False)
    heads = [(100, "one long heading", "#000000"), (104, "another heading", "#000000"), (215, "last", "#000000")]
    placed, rows = _placed(heads, frame)
    assert rows == 2
    assert len({row for _, row, words, _, _ in placed if words.endswith("heading")}) == 2


def test_marks_tell_what_they_are_only_on_a_screen():
    assert '"tooltip"' not in json.dumps(timeline_chart(STORY, TITLE).to_dict())
    spec = timeline_chart(STORY, TITLE, interactive=True).to_dict()
    assert '"tooltip"' in json.dumps(spec)
    names = spec["params"][0]["views"]
    assert names and all(f'"name": "{name}"' in json.dumps(spec) for name in names)
