"""Small patients in whom one row speaks against another: what the answer rests on when some of them are not there.

Each is a patient whom some therapy is open to, and rows that contest it; every choice of those rows is asked.
"""

from __future__ import annotations

import datetime as dt
from itertools import combinations
from typing import Any

from generated_patients import ON, Row, Rows


def _ago(days: int) -> dt.date:
    return ON - dt.timedelta(days=days)


def _given(agent: str, start: dt.date | None, end: dt.date | None = None, **more: Any) -> Row:
    role = "infusion" if agent.endswith("-cel") else "treatment"
    return "treatments", {"start_date": start, "end_date": end, "agent": agent, "role": role, **more}


def _line(year: int, agent: str, **more: Any) -> Row:
    return _given(agent, dt.date(year, 3, 1), dt.date(year, 9, 1), **more)


def _response(date: dt.date, category: str) -> Row:
    return "responses", {"date": date, "response": category, "confirmed": "yes"}


def _result(days: int, analyte: str, value: str) -> Row:
    return "results", {"date": _ago(days), "analyte": analyte, "value": value}


def _event(days: int, event: str, detail: str = "", **more: Any) -> Row:
    return "events", {"date": _ago(days), "event": event, "detail": detail, **more}


def _t1114(days: int, finding: str) -> Row:
    return "genetics", {"date": _ago(days), "marker": "t(11;14)", "finding": finding}


VRD, PD_DEX, DVD = "bortezomib, lenalidomide, dexamethasone", "pomalidomide, dexamethasone", "daratumumab, bortezomib"
FIT = [_result(5, "ecog", "1"), _event(3, "infection", grade=0)]
BCMA = [_result(10, "bcma_expression", "95")]
FAILED = [_given("cilta-cel", _ago(500), _ago(500)), _response(_ago(400), "PR"), _response(_ago(15), "PD")]
FOUR = [
    _line(2012, VRD, stop_reason="progression"),
    _line(2014, PD_DEX, stop_reason="progression"),
    _line(2015, DVD, stop_reason="progression"),
    _line(2016, "carfilzomib, dexamethasone", stop_reason="progression"),
]
UNREADABLE = [_line(2012, "XQ-7731 (blinded study)"), _line(2014, "XQ-7732 (blinded study)")]
NEVER_LENALIDOMIDE = [_line(year, PD_DEX) for year in (2012, 2014, 2015)]
EARLY = [_response(dt.date(2020, month, 15), category) for month, category in ((5, "PR"), (12, "VGPR"))]

# name: (what is there throughout, the rows that contest it)
CONTESTED: dict[str, tuple[Rows, Rows]] = {
    "BCMA tested, BCMA therapy given and BCMA tested again within two months": (
        [*FOUR, *FIT, _response(_ago(15), "PD")],
        [
            _result(40, "bcma_expression", "95"),
            _given("cilta-cel", _ago(20), _ago(20)),
            _result(5, "bcma_expression", "0"),
        ],
    ),
    "BCMA positive and negative side by side": (
        [*FOUR, *FIT, *FAILED],
        [*BCMA, _result(12, "bcma_expression", "0"), _result(8, "bcma_expression", "30")],
    ),
    "GPRC5D tested around a GPRC5D therapy": (
        [*FOUR, *FIT, *FAILED],
        [
            _result(50, "gprc5d_expression", "80"),
            _given("talquetamab", _ago(45), _ago(20), stop_reason="progression"),
            _result(3, "gprc5d_expression", "negative"),
        ],
    ),
    "stated refractory, later stated not refractory": (
        [_line(2020, VRD), *FIT, *BCMA, *FAILED],
        [_event(800, "refractory", "lenalidomide"), _event(700, "not_refractory", "lenalidomide")],
    ),
    "stated refractory, later stated exposed and not refractory": (
        [_line(2020, VRD), *FIT, *BCMA, *FAILED],
        [_event(800, "refractory", "lenalidomide"), _event(700, "exposed_not_refractory", "lenalidomide")],
    ),
    "stated exposed, later stated never exposed": (
        [*UNREADABLE, *FIT, *BCMA, *FAILED],
        [_event(800, "exposed", "PI"), _event(700, "not_exposed", "PI"), _event(800, "exposed", "IMiD")],
    ),
    "each class stated, and the three together denied": (
        [
            *UNREADABLE, _line(2016, "cyclophosphamide"), *FIT, *BCMA, *FAILED,
            _event(800, "exposed", "PI"), _event(800, "exposed", "IMiD"),
        ],
        [_event(800, "exposed", "daratumumab"), _event(700, "not_exposed", "triple_class")],
    ),
    "more lines than a label allows": ([*FIT, *FAILED], NEVER_LENALIDOMIDE),
    "responses that decide whether lenalidomide failed": (
        [
            _given(VRD, dt.date(2020, 3, 1), dt.date(2020, 7, 1), stop_reason="completed"),
            *FIT, *BCMA, _response(dt.date(2024, 4, 10), "PD"),
        ],
        [*EARLY, _response(dt.date(2020, 4, 10), "SD")],
    ),
    "infections recorded both ways": (
        [*FOUR, *FIT[:1], *BCMA, *FAILED],
        [_event(3, "infection", grade=0), _event(10, "pneumonia", grade=3), _event(2, "sepsis", "excluded")],
    ),
    "performance status recorded twice": (
        [*FOUR, *FIT[1:], *BCMA, *FAILED],
        [_result(5, "ecog", "1"), _result(12, "ecog", "3"), _result(33, "ecog", "0")],
    ),
    "t(11;14) found once and not found later": (
        [*FOUR, *FAILED],
        [_t1114(400, "present"), _t1114(20, "absent"), _t1114(10, "not tested")],
    ),
}  # fmt: skip


def choices(name: str) -> list[Rows]:
    """The patient with every choice of the contesting rows, all of them first."""
    there, contested = CONTESTED[name]
    chosen = [kept for k in range(len(contested), -1, -1) for kept in combinations(contested, k)]
    return [[*there, *kept] for kept in chosen]
