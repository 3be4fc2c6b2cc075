"""Whole patients through the public contract; and nothing was lost between cases.json and our own words."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from worked_case import (
    COURSE_ANSWERS,
    ENDPOINTS,
    HERE,
    VISIT_ANSWERS,
    Case,
    Got,
    Question,
    answers,
    car_t_line,
    disagreements,
    load_cases,
    shown,
    write_registry,
)

from mspike.record.analytes import ANALYTES
from mspike.record.tables import TABLES

CASES = load_cases(HERE)
ASKED = [(case, question) for case in CASES for question in case.questions]

SHARED = HERE.parents[2] / "shared" / "clinical" / "cases.json"
TOLD = json.loads(SHARED.read_text(encoding="utf-8"))["cases"] if SHARED.exists() else []
ONLY_WITH_SHARED = pytest.mark.skipif(not TOLD, reason=f"{SHARED} is not here: the translation cannot be checked")


def name(case: Case, question: Question) -> str:
    return f"{case.path.parent.name}/{case.id}" + (f"[{question}]" if str(question) else "")


@pytest.mark.parametrize(("case", "question"), ASKED, ids=[name(*asked) for asked in ASKED])
def test_the_engine_answers_as_the_case_says(case: Case, question: Question, tmp_path: Path) -> None:
    got = car_t_line(answers(case, question, tmp_path))
    differ = disagreements(question, got)
    assert not differ, "\n".join(["", shown(case, question, got), "", *differ])


def test_every_case_has_its_own_id() -> None:
    ids = [case.id for case in CASES]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_expects_something_and_says_why(case: Case) -> None:
    assert case.title
    assert case.why
    for question in case.questions:
        assert question.course or any(question.visits.values())


# ------------------------------------------------------------------------------- agreement with cases.json

SHEET = {"s": "serum_m", "u": "urine_m", "sife": "serum_ife", "uife": "urine_ife", "bm": "marrow", "ca": "calcium"}


def ours(told: dict[str, Any]) -> Case:
    return next(case for case in CASES if case.id == told["id"])


@ONLY_WITH_SHARED
def test_every_machine_readable_case_is_told() -> None:
    assert {told["id"] for told in TOLD} <= {case.id for case in CASES}


@ONLY_WITH_SHARED
@pytest.mark.parametrize("told", TOLD, ids=lambda told: told["id"])
def test_the_measurements_are_those_of_the_case(told: dict[str, Any]) -> None:
    case = ours(told)
    chain = {"k": ("kappa", "lambda"), "l": ("lambda", "kappa")}[told.get("chain", "k")]
    heading = SHEET | dict(zip(("inv", "unv"), chain, strict=True))
    visits = {-7: told["base"]} | {visit["day"]: visit for visit in told["ass"]}
    sheet = {int(row["day"]): row for row in case.flowsheet}
    for day, visit in visits.items():
        wanted = {heading[key]: amount(str(value)) for key, value in visit.items() if key in heading}
        assert {head: amount(sheet[day][head]) for head in wanted if head in sheet[day]} == wanted
        lesions = [row for row in case.tables.get("lesions", []) if int(row["date"]) == day]
        wanted_lesions = [[str(mm) for mm in lesion] for lesion in visit.get("les", [])]
        assert [[row["longest_mm"], row["perpendicular_mm"]] for row in lesions] == wanted_lesions
    if "nt" in told:
        assert str(told["nt"]) in {row["start_date"] for row in case.tables["treatments"]}
    if "death" in told:
        assert case.patient["death_day"] == told["death"]["day"]
        assert (case.patient["death_cause"] == "myeloma") == told["death"]["mm"]


def amount(cell: str) -> str:
    """The number or word of a cell in the unit of cases.json; there serum is always g/dL."""
    value, *unit = cell.split()
    if unit == ["g/L"]:
        value = str(float(value) / 10)
    comparator = value[0] if value[0] in "<>" else ""
    number = value.lstrip("<>")
    return comparator + f"{float(number):g}" if number.replace(".", "").isdigit() else value


@ONLY_WITH_SHARED
@pytest.mark.parametrize("told", TOLD, ids=lambda told: told["id"])
def test_the_expectations_are_those_of_the_case(told: dict[str, Any]) -> None:
    case, expect = ours(told), told["expect"]
    first, *others = case.questions
    days = [visit["day"] for visit in told["ass"]]
    agrees_with(expect, first, days)
    if "attributes" in expect:
        assert expect["attributes"] == {"mf": "dflc" in first.course["measurable_by"]}
    for index in expect.get("blq_indeterminate_visit_index", []):
        assert "pd_possible_blq" in first.visits["flags"][days[index]]
    if "alt" in expect:
        other = next(question for question in others if question.settings == expect["alt"]["settings"])
        agrees_with(expect["alt"], other, days)


def agrees_with(expect: dict[str, Any], question: Question, days: list[int]) -> None:
    if "raw" in expect:
        assert question.visits["raw"] == dict(zip(days, expect["raw"], strict=True))
    for theirs, mine in {"pd_day": "pd_day", "pd": "pd_day", "bor": "best_response"}.items():
        if theirs in expect:
            assert question.course[mine] == expect[theirs]
    if "first_confirmed" in expect:
        assert expect["first_confirmed"].items() <= question.course["first_confirmed"].items()
    if "pfs" in expect:
        days_of_pfs, kind = expect["pfs"]
        event = "censored" if kind == "censored" else "event"
        assert question.course["pfs"][:2] == [days_of_pfs, event]
        assert event == "censored" or question.course["pfs"][2] == kind


# ------------------------------------------------------------------------------------ the harness itself


def as_expected(question: Question) -> Got:
    """Tables that answer just what the question expects, for visits, dates and endpoints."""
    columns = {answer: VISIT_ANSWERS[answer] for answer in ("raw", "confirmed", "biochemical", "flags")}
    days = sorted({day for answer in columns for day in question.visits[answer]})
    visits = [
        {"day": day} | {column: question.visits[answer].get(day) for answer, column in columns.items()} for day in days
    ]
    course = {"line": 1} | {COURSE_ANSWERS[k]: v for k, v in question.course.items() if k in COURSE_ANSWERS}
    ends = [
        {"line": 1, "endpoint": name, "days": wanted[0], "event": wanted[1] == "event", "reason": "".join(wanted[2:])}
        for name, wanted in question.course.items()
        if name in ENDPOINTS
    ]
    return Got({"endpoints": pl.DataFrame(ends)}, course, visits)


def test_the_harness_sees_no_difference_where_there_is_none_and_names_each_one() -> None:
    case = next(case for case in CASES if case.id == "D07")
    told = case.questions[0]
    question = replace(told, course={k: v for k, v in told.course.items() if k != "flags"})
    got = as_expected(question)
    assert disagreements(question, got) == []
    got.visits[-1]["response_confirmed"] = "PD"
    got.course["pd_date"] = 84
    assert disagreements(question, got) == ["day 84 confirmed: expected NE, got PD", "pd_day: expected None, got 84"]
    last_line = shown(case, question, got).splitlines()[-1]
    assert [cell.strip() for cell in last_line.split("|")] == ["84", "0.8", "0", "PD", "PD", "NE", "PD"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_becomes_a_registry_with_the_declared_columns(case: Case, tmp_path: Path) -> None:
    write_registry(case, tmp_path)
    for path in tmp_path.glob("*.csv"):
        table = pl.read_csv(path, infer_schema=False)
        assert tuple(table.columns) == TABLES[path.stem].names
        assert set(table["patient_id"]) <= {case.id}
    results = pl.read_csv(tmp_path / "results.csv", infer_schema=False)
    assert results["value"].null_count() == 0
    assert set(results["analyte"]) <= set(ANALYTES)
