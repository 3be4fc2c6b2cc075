"""The schedule applied: what is done, due, overdue, missed; and gaps of two visits (rules.md 7.1 and 4.3)."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest

from mspike.course.derived import derive
from mspike.knowledge.criteria import criteria
from mspike.knowledge.schedule import schedule
from mspike.record.asof import as_of
from mspike.record.record import clean_record
from mspike.response.settings import settings_of
from mspike.watch.worklist import missed_visits, watch_of

RULES = criteria("imwg-2016")


def derived(on: int, *, serum=(), marrow=(), lesions=(), urine=(), others=(), death=None, next_line=None):
    """One patient infused on day 0, everything that was measured up to day `on`."""
    results = [(d, "serum_m", "1.0", "g/dL") for d in serum] + [(d, "serum_ife", "positive", None) for d in serum]
    results += [(d, "marrow_plasma_cells", "3", "%") for d in marrow]
    results += list(others)
    results += [(d, "urine_m_24h", value, "mg/24 h") for d, value in urine]
    raw = {
        "patients": pl.DataFrame({"patient_id": ["P1"], "death_date": [None if death is None else str(death)]},
                                 schema_overrides={"death_date": pl.String}),
        "treatments": pl.DataFrame({"patient_id": ["P1"] * 2, "start_date": ["-5", "0"],
                                    "agent": ["fludarabine", "cilta-cel"],
                                    "role": ["lymphodepletion", "infusion"]}),
        "results": pl.DataFrame([("P1", str(d), a, v, u) for d, a, v, u in results], orient="row",
                                schema=dict.fromkeys(("patient_id", "date", "analyte", "value", "unit"), pl.String)),
        "lesions": pl.DataFrame([("P1", str(d), "L1", site, "10", "10", "measured") for d, site in lesions],
                                orient="row",
                                schema=dict.fromkeys(("patient_id", "date", "lesion_id", "site", "longest_mm",
                                                      "perpendicular_mm", "finding"), pl.String)),
    }  # fmt: skip
    if next_line is not None:
        later = pl.DataFrame({"patient_id": ["P1"], "start_date": [str(next_line)], "agent": ["talquetamab"],
                              "role": ["treatment"]})  # fmt: skip
        raw["treatments"] = pl.concat([raw["treatments"], later])
    record = clean_record({name: frame.with_row_index("row") for name, frame in raw.items()}, "day")
    return derive(as_of(record, on), RULES, settings_of(RULES, {}))


def at(item: str, on: int, **measured) -> dict:
    rows = watch_of(derived(on, **measured), pl.lit(on, pl.Int32)).filter(pl.col("item") == item)
    return rows.to_dicts()[0] if rows.height else {}


def test_every_due_day_of_the_rules_is_in_the_schedule():
    days = {item.name: [o.day for o in item.occasions] for item in schedule().items}
    assert days["marrow"] == [28, 91, 183, 365]
    assert days["imaging"][:4] == [91, 365, 730, 1095]
    serum = days["serum"]
    assert serum[:3] == [28, 56, 84]
    assert all(b - a == 28 for a, b in pairwise(serum) if b <= 364)
    assert all(b - a == 56 for a, b in pairwise(serum) if 364 < b <= 728)
    assert max(days["late_effects"]) == 15 * 365


@pytest.mark.parametrize(("on", "state"), [(20, "next"), (21, "due"), (35, "due"), (36, "overdue")])
def test_day_28_is_due_for_a_week_before_and_after(on, state):
    assert at("marrow", on)["state"] == state


@pytest.mark.parametrize(("on", "state"), [(76, "next"), (77, "due"), (105, "due"), (106, "overdue")])
def test_later_due_days_have_a_window_of_14_days(on, state):
    assert at("marrow", on, marrow=(28,))["state"] == state


def test_a_test_done_late_is_no_longer_overdue():
    assert at("marrow", 44, marrow=(43,))["state"] == "next"
    assert at("marrow", 44, marrow=(43,))["last_done"] == 43


def test_a_test_counts_for_the_due_day_nearest_to_it():
    assert at("marrow", 106, marrow=(28, 59))["state"] == "overdue"  # 59 is nearer to 28 than to 91
    assert at("marrow", 106, marrow=(28, 60))["state"] == "next"


def test_both_parts_of_a_test_must_be_there():
    kappa = ("kappa_flc", "20", "mg/L"), ("lambda_flc", "10", "mg/L")
    assert at("light_chains", 40, others=((28, *kappa[0]), (28, *kappa[1])))["state"] == "next"
    assert at("light_chains", 40, others=((28, *kappa[0]),))["state"] == "overdue"


def test_any_value_the_response_is_judged_by_attends_a_visit():
    days = range(28, 200, 28)
    told = derived(200, others=tuple((d, "kappa_flc", "20", "mg/L") for d in days))
    assert missed_visits(told, pl.lit(200, pl.Int32)).is_empty()


def test_what_is_of_no_use_later_is_missed_and_not_overdue():
    assert at("ward", 14)["state"] == "due"
    assert at("ward", 15)["state"] == "missed"


def test_late_effects_are_watched_after_the_line_has_failed_and_until_death():
    assert at("late_effects", 400, serum=(28,), next_line=60)["state"] == "overdue"
    assert at("late_effects", 400, serum=(28,), death=60) == {}
    assert at("serum", 400, serum=(28,), next_line=60)["state"] == "ended"


def test_what_was_missed_before_lymphodepletion_cannot_be_made_up():
    assert at("cytogenetics", 10)["state"] == "missed"


def test_missed_due_days_in_a_row_are_counted_from_the_first():
    told = at("serum", 130, serum=(28, 56))
    assert (told["state"], told["missed"], told["since"], told["due"]) == ("overdue", 2, 84, 112)


@pytest.mark.parametrize(
    ("measured", "state"),
    [
        ({}, "depends"),
        ({"lesions": ((-10, "bone"),)}, None),
        ({"lesions": ((-10, "extraosseous"),)}, "due"),
    ],
    ids=["never imaged", "bone only", "extraosseous"],
)
def test_imaging_on_day_28_only_with_extraosseous_disease_and_unknown_is_said(measured, state):
    assert at("imaging_extraosseous", 28, **measured).get("state") == state


@pytest.mark.parametrize(("urine", "state"), [((), "depends"), (((-10, "0"),), None), (((-10, "300"),), "due")])
def test_urine_is_followed_where_it_was_ever_positive(urine, state):
    assert at("urine_again", 56, urine=urine).get("state") == state


def test_the_schedule_ends_with_the_line():
    assert at("serum", 200, serum=(28,), death=60)["state"] == "ended"


def gaps(on: int, serum: tuple[int, ...]) -> list[tuple]:
    return missed_visits(derived(on, serum=serum), pl.lit(on, pl.Int32)).select("from_day", "missed").rows()


def test_two_missed_visits_in_a_row_are_a_gap_and_one_is_none():
    assert gaps(200, (28, 56, 140, 168, 196)) == [(56, 2)]
    assert gaps(200, (28, 56, 112, 140, 168, 196)) == []


def test_a_gap_that_still_goes_on_is_told():
    assert gaps(127, (28, 56)) == [(56, 2)]
    assert gaps(126, (28, 56)) == []  # the window of day 112 is still open


def test_nobody_without_an_infusion_is_watched():
    raw = {"patients": pl.DataFrame({"patient_id": ["P1"], "row": [0]})}
    nobody = derive(clean_record(raw, "iso"), RULES, settings_of(RULES, {}))
    assert watch_of(nobody, pl.lit(0, pl.Int32)).is_empty()
    assert missed_visits(nobody, pl.lit(0, pl.Int32)).is_empty()
