"""The timeline read off what was derived: the marker, the threshold the rules give, and nothing that is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from mspike.course.derived import derive
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import criteria
from mspike.packet.case import Case
from mspike.packet.timeline import marker_of, timeline_of
from mspike.packet.timeline_markers import curve_of, thresholds_of
from mspike.packet.timeline_story import story_of
from mspike.record.record import clean_record
from mspike.response.settings import settings_of
from one_infusion import derived, infusion, lesion, result

NAME = "SYNTHETIC-1"


def case_of(rows: list[dict[str, Any]], **facts: object) -> Case:
    told = derived({NAME: rows}, **facts)
    return Case(None, NAME, None, told, {}, {}, {}, {}, {}, {}, {})  # type: ignore[arg-type]


def serum(*values: tuple[int, str]) -> list[dict[str, Any]]:
    return [result(day, "serum_m", value) for day, value in values]


IGG = {"heavy_chain": "IgG", "light_chain": "kappa"}
SERUM = [*infusion(), *serum((-7, "3.0"), (30, "0.4"), (60, "0.2"), (90, "0.5"), (120, "0.8"), (150, "1.1"))]


def test_the_threshold_is_the_lowest_value_that_the_rule_calls_progression():
    case = case_of(SERUM, **IGG)
    assert marker_of(case) == "serum_m"
    (one,) = thresholds_of(case.derived, "serum_m")
    assert (one.value, one.start, one.words) == (0.7, 60, "PD from 0.7; nadir 0.2")
    assert "g/dL" in one.says and "day 60" in one.says
    story = story_of(case.derived, NAME, "serum_m")
    assert [(p.day, p.confirmed, p.on_curve) for p in story.progressions] == [(120, True, 0.8)]


@pytest.mark.parametrize(
    ("nadir", "value", "words"),
    [("4.0", 5.0, "PD from 5; nadir 4"), ("6.0", 7.0, "PD from 7; nadir 6"), ("<0.1", 0.6, "PD from 0.6; nadir <0.1")],
)
def test_the_threshold_follows_its_nadir(nadir, value, words):
    case = case_of([*infusion(), *serum((-7, "8.0"), (30, nadir), (60, "6.5"))], **IGG)
    (one,) = thresholds_of(case.derived, "serum_m")
    assert one.value == pytest.approx(value, abs=2e-6)
    assert one.words == words


def test_more_than_is_not_at_least():
    rows = [*infusion()]
    for day, kappa in ((-7, "400"), (30, "20"), (60, "30"), (90, "200")):
        rows += [result(day, "kappa_flc", kappa), result(day, "lambda_flc", "10"), result(day, "serum_m", "0")]
        rows.append(result(day, "urine_m_24h", "0"))
    case = case_of(rows, heavy_chain="none", light_chain="kappa")
    assert marker_of(case) == "dflc"
    (one,) = thresholds_of(case.derived, "dflc")
    assert one.words == "PD above 110; nadir 10"


def test_light_chains_judge_no_line_with_measurable_serum():
    rows = [*SERUM, result(-7, "kappa_flc", "400"), result(-7, "lambda_flc", "10"), result(30, "kappa_flc", "20")]
    case = case_of([*rows, result(30, "lambda_flc", "10")], **IGG)
    assert thresholds_of(case.derived, "dflc") == []
    drawing = timeline_of(case, marker="dflc")
    assert drawing is not None and "No threshold of progression" in str(drawing.chart.description)


def test_values_stand_as_reported_in_their_canonical_unit():
    rows = [*infusion(), *serum((-7, "3.0"), (30, "<0.1"))]
    rows.append({**result(60, "serum_m", "4"), "unit": "g/L"})
    rows.append({**result(90, "serum_m", "5.0"), "attribution": "spurious"})
    read = curve_of(case_of(rows, **IGG).derived, "serum_m").readings
    assert [(r.day, r.value, r.bound, r.reported) for r in read[:3]] == [
        (-7, 3.0, "", "3.0 g/dL"), (30, 0.1, "below", "<0.1 g/dL"), (60, 0.4, "", "4 g/L"),
    ]  # fmt: skip
    assert read[3].note != ""


def test_a_progression_by_a_lesion_is_no_point_of_the_curve():
    rows = [*SERUM[:-3], *serum((120, "0.3")), lesion(-10), lesion(60, longest=10), lesion(120, longest=60)]
    story = story_of(case_of(rows, **IGG).derived, NAME, "serum_m")
    (one,) = [p for p in story.progressions if p.confirmed]
    assert one.on_curve is None and "lesion" in one.words
    assert [f.sign for f in story.findings if f.day == 120] == ["alarm"]


def test_categories_alone_are_strip_and_band_without_a_curve():
    told = {"table": "responses", "confirmed": "yes"}
    case = case_of([*infusion(), {**told, "date": 30, "response": "PR"}, {**told, "date": 200, "response": "PD"}])
    assert marker_of(case) is None
    drawing = timeline_of(case)
    assert drawing is not None and "No curve" in str(drawing.chart.description)
    assert "progression on day 200" in drawing.says
    assert [row for row in drawing.twin.rows if row[1] == "Category, line 3"]


def test_mrd_that_cannot_tell_is_neither_found_nor_not_found():
    sample = {"table": "mrd", "date": 30, "method": "flow", "result": "negative"}
    story = story_of(case_of([*SERUM, sample], **IGG).derived, NAME, "serum_m")
    assert [f.sign for f in story.findings if f.lane == "MRD"] == ["unknown"]


def test_nothing_known_is_no_drawing_and_an_unknown_marker_is_refused():
    rules = criteria("imwg-2016")
    patients = pl.DataFrame({"patient_id": [NAME], "row": [2]})
    nothing = derive(clean_record({"patients": patients}, "iso"), rules, settings_of(rules, {}))
    assert timeline_of(replace(case_of(SERUM, **IGG), derived=nothing)) is None
    with pytest.raises(WrongUsage, match="serum_m"):
        timeline_of(case_of(SERUM, **IGG), marker="igm")


def test_an_infusion_nobody_recorded_says_so():
    story = story_of(case_of([]).derived, NAME, None)
    assert story.infusions == ((0, "CAR-T infused, not on record"),)
    assert timeline_of(case_of([])) is not None  # without visits there is no strip, and no error


def test_every_value_of_the_figure_is_in_its_table():
    drawing = timeline_of(case_of(SERUM, **IGG))
    assert drawing is not None
    values = {row[2] for row in drawing.twin.rows}
    assert {"3.0 g/dL", "0.4 g/dL", "0.2 g/dL", "0.5 g/dL", "0.8 g/dL", "1.1 g/dL"} <= values
    assert drawing.twin.heads[0] == "day from infusion" and drawing.twin.right == ("day from infusion",)
