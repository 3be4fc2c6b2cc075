"""Data quality of a study, on a literal cohort (SYNTHETIC) whose counts can be read off the rows, and on the demo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mspike.asking import question
from mspike.cohort.frame import SCHEMA
from mspike.demo import write_demo_registry
from mspike.study.gathered import Gathered, gather
from mspike.study.parts import Section, StudyTable
from mspike.study.plan import plan_of
from mspike.study.quality import quality

DAY = 19_000  # a day in 2022
SEEN = {"infused": True, "infusion_number": 1, "line": 1, "index_day": DAY, "index_year": 2022, "failed": False}
SEEN |= {"best_response": "PR", "measurable_by": ["serum_m"], "os_days": 800, "os_event": False}
SEEN |= {"pfs_days": 500, "pfs_event": False, "dor_days": 400, "dor_event": False}
for name in ("ttnt", "efs", "ttp", "pfs2"):
    SEEN |= {f"{name}_days": 500, f"{name}_event": False}


def patient(number: int, **facts: Any) -> dict[str, Any]:
    return {**SEEN, "patient_id": f"SYNTHETIC-{number:02}", **facts}


def gathered_of(people: list[dict[str, Any]], visits: dict[int, list[int]] | None = None, **facts: Any) -> Gathered:
    """visits: number of the patient -> days."""
    cohort = pl.DataFrame(people, schema={**SCHEMA, "unconfirmed_pd_days": pl.Int32})
    days = [(f"SYNTHETIC-{n:02}", 1, day, "PR") for n, at in (visits or {}).items() for day in at]
    seen = pl.LazyFrame(
        days,
        schema={"patient_id": pl.String, "line": pl.Int64, "day": pl.Int32, "response_confirmed": pl.String},
        orient="row",
    )
    kinds = ("severity", "table", "column", "problem", "expected")
    findings = pl.DataFrame(
        facts.get("findings", []), schema={**dict.fromkeys(kinds, pl.String), "n": pl.Int64}, orient="row"
    )
    counts = facts.get("rows", {"patients": {"rows": len(people), "used": len(people), "set_aside": 0}})
    return Gathered(cohort, seen, pl.LazyFrame(), pl.DataFrame(), findings, counts, facts.get("patients", len(people)))


def table(section: Section, name: str) -> StudyTable:
    return next(t for t in section.tables if t.name == f"quality_{name}")


def states(section: Section) -> dict[str, Any]:
    frame = table(section, "observation").frame
    return dict(zip(frame["state"], frame["n"], strict=True))


def known(section: Section, fact: str) -> dict[str, Any]:
    return table(section, "completeness").frame.filter(pl.col("fact") == fact).to_dicts()[0]


def test_rows_set_aside_are_told_table_by_table():
    rows = {"patients": {"rows": 1, "used": 1, "set_aside": 0}, "results": {"rows": 39, "used": 37, "set_aside": 2}}
    section = quality(gathered_of([patient(1)], rows=rows), plan_of())
    assert section.says[0] == "Of 40 rows 2 could not be used and were set aside (5.0 %)."
    assert table(section, "rows").frame.rows() == [("patients", 1, 1, 0), ("results", 39, 37, 2)]


def test_findings_come_worst_first_and_then_the_most_frequent():
    findings = [
        ("warning", "results", "method", "method_change", "one method", 9),
        ("error", "results", "unit", "unknown_unit", "a unit", 1),
        ("error", "results", "value", "negative_number", "a number", 4),
    ]
    told = table(quality(gathered_of([patient(1)], findings=findings), plan_of()), "findings")
    assert told.frame["problem"].to_list() == ["negative_number", "unknown_unit", "method_change"]
    assert told.shown is not None
    assert told.shown["problem"].to_list() == ["negative number", "unknown unit", "method change"]


def test_no_is_known_and_unknown_is_not():
    rows = [patient(1, extramedullary=False), patient(2, extramedullary=True), patient(3, extramedullary=None)]
    told = known(quality(gathered_of(rows), plan_of()), "Extramedullary disease")
    assert (told["known"], told["not_known"], told["patients"], told["known_percent"]) == (2, 1, 3, 66.7)


def test_an_unnamed_product_an_untested_mrd_and_a_response_that_is_ne_are_not_known():
    rows = [
        patient(1, product="ide-cel", mrd_best="positive"),
        patient(2, product="unknown CAR-T", mrd_best="indeterminate", best_response="NE"),
        patient(3, product=None, mrd_best="not_tested", best_response="PD"),
        patient(4, product=None, mrd_best=None, best_response=None),
    ]
    section = quality(gathered_of(rows), plan_of())
    assert known(section, "CAR-T product")["known"] == 1
    assert known(section, "MRD at 10⁻⁵")["known"] == 1
    assert known(section, "Best response (not NE)")["known"] == 2


def test_what_came_after_failure_is_asked_of_the_failed_and_a_pattern_of_progressions_only():
    rows = [
        patient(1, failed=True, failure_type="early_relapse", failure_pattern="bone", first_salvage_class="adc"),
        patient(2, failed=True, failure_type="molecular_relapse", first_salvage_class="none"),
        patient(3, failed=True, failure_type="late_relapse", first_failure_type="late_relapse"),
        patient(4, failure_pattern="bone"),
    ]
    section = quality(gathered_of(rows), plan_of())
    pattern, salvage = known(section, "Pattern of failure"), known(section, "First therapy after failure")
    assert (pattern["known"], pattern["patients"]) == (1, 2)
    assert (salvage["known"], salvage["patients"]) == (2, 3)


def test_visits_and_the_gaps_between_them():
    """Patient 1: three days (60 twice), gaps 30 and 60; patient 2: one day; patient 3: none; day 0 is no visit."""
    rows = [patient(1), patient(2), patient(3)]
    section = quality(gathered_of(rows, {1: [120, 0, 60, 30, 60], 2: [30]}), plan_of())
    number, gaps = table(section, "visits").frame.to_dicts()
    assert (number["patients"], number["median"], number["lowest"], number["highest"]) == (2, 2.0, 1.0, 3.0)
    assert (gaps["patients"], gaps["median"], gaps["lowest"], gaps["highest"]) == (1, 45.0, 30.0, 60.0)


def test_why_a_line_was_not_judged():
    rows = [
        patient(1),
        patient(2, best_response="NE", os_event=True),
        patient(3, best_response="NE"),
        patient(4, best_response="NE", unconfirmed_pd_days=40),
        patient(5, best_response="NE", measurable_by=[]),
        patient(6, best_response="NE"),
        patient(7, best_response="NE"),
    ]
    told = states(quality(gathered_of(rows, {n: [30] for n in (1, 4, 5, 6, 7)}), plan_of()))
    assert told["judged"] == 1
    assert told["not judged: died without a visit"] == 1
    assert told["not judged: no visit on record"] == 1
    assert told["not judged: progression that was never confirmed"] == 1
    assert told["not judged: nothing measurable is known before the infusion"] == 1
    assert told["not judged: values that the category needs are missing"] == 2


def test_where_all_categories_were_assigned_nothing_is_said_of_measurable_disease():
    rows = [patient(1, measurable_by=[]), patient(2, measurable_by=[], best_response="NE")]
    told = states(quality(gathered_of(rows, {1: [30], 2: [30]}), plan_of()))
    assert told["not judged: no category was recorded"] == 1
    assert not [state for state in told if "measurable" in state]


def test_a_progression_without_confirmation_is_cut_short_or_open():
    rows = [
        patient(1),
        patient(2, unconfirmed_pd_days=40),
        patient(3, unconfirmed_pd_days=40, failed=True, first_salvage_class="adc"),
        patient(4, unconfirmed_pd_days=40, failed=True, first_salvage_class=None),  # a text nobody can read
        patient(5, unconfirmed_pd_days=40, failed=True, first_salvage_class="none"),
    ]
    told = states(quality(gathered_of(rows), plan_of()))
    assert told["none"] == 1
    assert told["left open at the end of the data"] == 2
    assert told["cut short by new therapy"] == 2


def test_contact_is_lost_after_a_year_before_the_last_day_and_not_on_the_day_itself():
    """The last day is 800 days after the infusion of patient 1; 365 days before it is day 435."""
    rows = [
        patient(1, os_days=800),
        patient(2, os_days=435),
        patient(3, os_days=434),
        patient(4, os_days=100, os_event=True),
        patient(5, os_days=None, os_event=True),
        patient(6, os_days=None, os_event=None),
    ]
    section = quality(gathered_of(rows), plan_of())
    told = states(section)
    assert told["alive, contact in the last 365 days"] == 2
    assert told["alive, no contact in the last 365 days"] == 1
    assert told["died"] == 2
    assert told["last contact not known"] == 1
    assert "3 patients not known to have died 1 was out of contact" in section.says[-1]


def test_a_registry_of_days_has_no_last_day():
    section = quality(gathered_of([patient(1, index_day=0, index_year=None)]), plan_of())
    assert "Last contact" not in table(section, "observation").frame["block"]
    assert "has no last date" in " ".join(table(section, "observation").notes)
    assert len(section.says) == 2


def test_who_is_left_out_of_which_endpoint_adds_up_to_the_cohort():
    rows = [
        patient(1),
        patient(2, dor_days=None, dor_event=None),
        patient(1, infusion_number=2, line=2),
        patient(3, infused=False, infusion_number=None),
        patient(4, os_days=None),
    ]
    frame = table(quality(gathered_of(rows), plan_of()), "left_out").frame
    assert frame.group_by("endpoint").agg(pl.col("n").sum())["n"].unique().to_list() == [5]
    os = dict(frame.filter(pl.col("endpoint") == "os").select("reason", "n").rows())
    assert os["in the analysis"] == 2 and os["never infused"] == 1 and len(os) == 4
    dor = dict(frame.filter(pl.col("endpoint") == "dor").select("reason", "n").rows())
    assert dor["no response"] == 1


# 20 infused: 17 judged and 3 not; 20 alive, 2 of them lost; 2 never infused and 10 later infusions.
CROWD = [patient(n, extramedullary=n > 12, high_risk=None if n < 4 else True) for n in range(1, 21)]
for lost in (3, 4):
    CROWD[lost] |= {"os_days": 10}
for unjudged in (5, 6, 7):
    CROWD[unjudged] |= {"best_response": "NE"}
CROWD += [patient(n, infusion_number=2, line=2) for n in range(1, 11)]
CROWD += [patient(n, infused=False, infusion_number=None) for n in (30, 31)]


def test_small_counts_are_in_no_table_and_in_no_sentence():
    rows = {"patients": {"rows": 22, "used": 22, "set_aside": 0}, "results": {"rows": 99, "used": 96, "set_aside": 3}}
    findings = [("error", "results", "unit", "unknown_unit", "a unit", 3)]
    visits = {n: [30, 60] for n in range(1, 18)}
    section = quality(gathered_of(CROWD, visits, rows=rows, findings=findings, patients=22), plan_of(min_cell=5))
    for told in section.tables:
        counts = [
            c for c in told.frame.columns if c in ("n", "used", "set_aside", "known", "not_known", "patients", "rows")
        ]
        small = [text for c in counts for text in told.frame[c].cast(pl.String) if text in ("1", "2", "3", "4")]
        assert small == [], told.name
    assert "patients" not in table(section, "rows").frame["table"]  # 22 less 20 infused would be 2
    assert table(section, "rows").frame.rows() == [("results", 99, "*", "*")]
    assert table(section, "visits").frame["patients"].to_list() == ["*", "*"]  # 17 of 20: 3 without a visit
    assert table(section, "visits").frame["highest"].to_list() == [None, None]
    assert (
        known(section, "High-risk cytogenetics")["known"],
        known(section, "High-risk cytogenetics")["known_percent"],
    ) == ("*", None)
    assert known(section, "Extramedullary disease")["known"] == "20"
    assert not [said for said in section.says if "out of contact" in said]


def test_what_is_hidden_of_a_block_cannot_be_had_by_subtraction():
    """17 judged of 20 would tell that 3 were not, although each reason (1 and 2 of them) is hidden."""
    visits = {n: [30] for n in range(1, 21) if n != 6}
    told = states(quality(gathered_of(CROWD, visits, patients=22), plan_of(min_cell=5)))
    assert told["judged"] == "*"
    assert told["alive, contact in the last 365 days"] == "*"


def test_a_reason_hidden_of_one_endpoint_is_hidden_of_all():
    rows = [*CROWD, *(patient(n, dor_days=None, dor_event=None) for n in range(40, 43))]
    frame = table(quality(gathered_of(rows), plan_of(min_cell=5)), "left_out").frame
    for reason in ("never infused", "a later infusion of the same patient"):
        assert len(frame.filter(pl.col("reason") == reason)["n"].eq("*").unique()) == 1


def test_of_too_few_infused_patients_nothing_is_told():
    section = quality(gathered_of([patient(1), patient(2)], patients=40), plan_of(min_cell=5))
    assert section.says[-1] == "Fewer than 5 patients were infused; nothing more is told of them."
    assert [told.name.removeprefix("quality_") for told in section.tables] == ["rows", "findings"]


def test_an_empty_registry_and_one_without_an_infusion_say_so():
    empty = quality(gathered_of([]), plan_of())
    assert empty.says == (
        "The registry holds no row.",
        "Nobody was infused, so that nothing more can be said of the data.",
    )
    never = quality(gathered_of([patient(1, infused=False, infusion_number=None)]), plan_of(min_cell=5))
    assert "Nobody was infused" in never.says[-1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    folder: Path = tmp_path_factory.mktemp("quality")
    write_demo_registry(folder / "registry", 40, parquet=True)
    return gather(question(folder / "registry"), folder / "room")


@pytest.mark.parametrize("origin", ["infusion", "failure", "apheresis"])
@pytest.mark.parametrize("min_cell", [0, 10])
def test_the_invented_registry_is_told_whole_from_every_origin(demo: Gathered, origin: str, min_cell: int):
    section = quality(demo, plan_of(origin=origin, min_cell=min_cell))
    assert [told.name.removeprefix("quality_") for told in section.tables] == [
        "rows", "findings", "completeness", "visits", "observation", "left_out",
    ]  # fmt: skip
    assert table(section, "rows").frame.height == sum(1 for counts in demo.rows.values() if counts["rows"]) - (
        "patients" not in table(section, "rows").frame["table"]
    )
    for told in section.tables:
        assert told.shown is not None and told.shown.height == told.frame.height
        assert set(told.heads) <= set(told.shown.columns), told.name


def test_visits_of_a_later_line_are_not_counted(demo: Gathered):
    mine = replace(demo, visits=demo.visits.with_columns(line=pl.col("line") + 1))
    assert table(quality(mine, plan_of()), "visits").frame["patients"].to_list() == [0, 0]
