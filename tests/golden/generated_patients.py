"""Generated patients for the options, as rows of tables, and the same patients with rows taken away.

Facts are drawn near what decides: contradicting tests, statements that deny each other, histories with gaps, agents
that nobody can read, days on both sides of a window. What decides nothing is left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from random import Random
from typing import Any

ON = dt.date(2025, 11, 15)
Row = tuple[str, dict[str, Any]]  # (table, row)
Rows = list[Row]

REGIMENS = (
    "bortezomib, lenalidomide, dexamethasone",
    "lenalidomide",
    "bortezomib, thalidomide, dexamethasone",
    "pomalidomide, dexamethasone",
    "daratumumab, bortezomib, dexamethasone",
    "daratumumab, lenalidomide, dexamethasone",
    "isatuximab, carfilzomib, dexamethasone",
    "carfilzomib, dexamethasone",
    "ixazomib, lenalidomide, dexamethasone",
    "elotuzumab, pomalidomide, dexamethasone",
    "cyclophosphamide, dexamethasone",
    "selinexor, dexamethasone",
    "melphalan, prednisone",
    "XQ-7731 (blinded study)",
)
FOUR_LINES = (REGIMENS[0], REGIMENS[3], REGIMENS[4], REGIMENS[7])
HISTORIES = (
    FOUR_LINES,
    FOUR_LINES,
    FOUR_LINES,
    (REGIMENS[2], REGIMENS[3], REGIMENS[4], REGIMENS[7], REGIMENS[12]),
    (REGIMENS[0], REGIMENS[4]),
    (REGIMENS[0],),
    (),
)
AIMED = ("cilta-cel", "ide-cel", "teclistamab", "talquetamab", "belantamab mafodotin")
STOPPED = ("progression", "progression", "toxicity", "completed", None)
BEST = ("VGPR", "PR", "SD", "PD", None)
STATED = ("refractory", "not_refractory", "exposed", "exposed_not_refractory", "not_exposed")
STATED_OF = (
    "lenalidomide",
    "pomalidomide",
    "bortezomib",
    "carfilzomib",
    "PI",
    "IMiD",
    "anti_CD38",
    "triple_class",
    "daratumumab",
)


def generated(seed: int) -> Rows:
    """One patient: about 10 to 40 rows; of two patients one is drawn at large, one documented with contested facts."""
    draw = Random(f"options {seed}")
    return [*_documented(draw), *_contests(draw)] if seed % 2 else _at_large(draw)


def _at_large(draw: Random) -> Rows:
    rows: Rows = []
    end = _lines(draw, rows, draw.random() < 0.7)
    if draw.random() < 0.9:
        end = _aimed(draw, rows, end)
    _tests(draw, rows)
    _events(draw, rows)
    _statements(draw, rows)
    _disease(draw, rows, end)
    return rows


def _contests(draw: Random) -> Rows:
    """Rows that speak against what a documented patient has: each of them may decide."""
    rows: Rows = []
    for contest in draw.sample(CONTESTS, draw.choice((1, 1, 2))):
        contest(draw, rows)
    return rows


def _documented(draw: Random) -> Rows:
    """Some lines with known ends, a therapy against an antigen, its failure, and what is asked for today."""
    rows: Rows = []
    numbered = draw.random() < 0.5
    day = dt.date(2015, 1, 1)
    for line, agent in enumerate(draw.choice(HISTORIES), 1):
        row = {"start_date": day, "end_date": day + dt.timedelta(days=300), "agent": agent, "role": "treatment"}
        row["stop_reason"] = draw.choice(("progression", "progression", "completed"))
        rows.append(("treatments", row | ({"line": line} if numbered else {})))
        if draw.random() < 0.4:
            date = day + dt.timedelta(days=100)
            rows.append(("responses", {"date": date, "response": "PR", "confirmed": "yes"}))
        day += dt.timedelta(days=330)
    infused = ON - dt.timedelta(days=draw.choice((50, 90, 400)))
    if draw.random() < 0.8:
        row = {"start_date": infused, "end_date": infused, "agent": draw.choice(AIMED[:2]), "role": "infusion"}
        rows.append(("treatments", row))
    rows.append(("responses", {"date": ON - dt.timedelta(days=15), "response": "PD", "confirmed": "yes"}))
    for analyte, value in (("bcma_expression", "95"), ("gprc5d_expression", "80"), ("ecog", "1")):
        rows.append(
            ("results", {"date": ON - dt.timedelta(days=draw.randint(1, 25)), "analyte": analyte, "value": value})
        )
    rows.append(("events", {"date": ON - dt.timedelta(days=3), "event": "infection", "grade": 0}))
    rows.append(("genetics", {"date": ON - dt.timedelta(days=20), "marker": "t(11;14)", "finding": "present"}))
    return rows


def _another_dose(draw: Random, rows: Rows) -> None:
    """A therapy against an antigen in the days in which the antigens were tested."""
    start = ON - dt.timedelta(days=draw.randint(3, 70))
    agent = draw.choice(AIMED)
    role = "infusion" if agent.endswith("-cel") else "treatment"
    rows.append(("treatments", {"start_date": start, "end_date": start, "agent": agent, "role": role}))


def _another_test(draw: Random, rows: Rows) -> None:
    for analyte in ("bcma_expression", "gprc5d_expression"):
        _result(draw, rows, analyte, ("0 %", "negative", "positive", "30 %"), 80)


def _another_ecog(draw: Random, rows: Rows) -> None:
    _result(draw, rows, "ecog", ("0", "2", "3", "4"), 35)


def _another_marker(draw: Random, rows: Rows) -> None:
    date = ON - dt.timedelta(days=draw.randint(1, 400))
    rows.append(
        ("genetics", {"date": date, "marker": "t(11;14)", "finding": draw.choice(("absent", "absent", "present"))})
    )


def _another_line(draw: Random, rows: Rows) -> None:
    """An old line, with or without a day, a number and a name that can be read."""
    row: dict[str, Any] = {"agent": draw.choice(REGIMENS), "role": "treatment", "stop_reason": draw.choice(STOPPED)}
    if draw.random() < 0.7:
        row["start_date"] = dt.date(2012, 1, 1) + dt.timedelta(days=draw.randrange(4000))
    rows.append(("treatments", row | ({"line": draw.randint(1, 6)} if draw.random() < 0.5 else {})))


def _another_category(draw: Random, rows: Rows) -> None:
    """Categories and values within the earlier lines: they decide whether a drug had failed."""
    date = dt.date(2015, 1, 10) + dt.timedelta(days=draw.randrange(1400))
    rows.append(("responses", {"date": date, "response": draw.choice(("SD", "PD", "VGPR")), "confirmed": "yes"}))
    for k, value in enumerate(draw.choice(((3.0, 1.0, 0.5, 2.0, 2.6), (3.0, 2.8, 2.9, 0.4, 0.4)))):
        rows.append(
            (
                "results",
                {"date": date + dt.timedelta(days=30 * k), "analyte": "serum_m", "value": value, "unit": "g/dL"},
            )
        )


def _lines(draw: Random, rows: Rows, numbered: bool) -> dt.date:
    """Up to six lines; the day on which the last ended."""
    day = dt.date(2010, 1, 1) + dt.timedelta(days=draw.randrange(900))
    for line in range(1, draw.randint(0, 6) + 1):
        end = day + dt.timedelta(days=draw.randint(60, 700))
        row = {"start_date": day, "end_date": end, "agent": draw.choice(REGIMENS), "role": "treatment"}
        row |= {"stop_reason": draw.choice(STOPPED), "best_response": draw.choice(BEST)}
        rows.append(("treatments", row | ({"line": line} if numbered and draw.random() < 0.9 else {})))
        if draw.random() < 0.2:
            rows.append(("treatments", {"start_date": end, "agent": "melphalan", "role": "transplant"}))
        if draw.random() < 0.4:
            rows.append(
                (
                    "responses",
                    {"date": day + (end - day) / 2, "response": draw.choice(("PR", "VGPR", "SD")), "confirmed": "yes"},
                )
            )
        if draw.random() < 0.4:
            rows.append(("responses", {"date": end, "response": "PD", "confirmed": "yes"}))
        day = end + dt.timedelta(days=draw.choice((5, 30, 200)))
    return day


def _aimed(draw: Random, rows: Rows, day: dt.date) -> dt.date:
    """One or two therapies that are aimed at an antigen."""
    for _ in range(draw.choice((1, 1, 2))):
        day = max(day, dt.date(2021, 6, 1)) + dt.timedelta(days=draw.randint(10, 400))
        if draw.random() < 0.25:
            day = ON - dt.timedelta(days=draw.randint(5, 120))
        agent = draw.choice(AIMED)
        infused = agent.endswith("-cel")
        end = day if infused else min(day + dt.timedelta(days=draw.randint(30, 300)), ON)
        row = {"start_date": day, "end_date": draw.choice((end, end, None)), "agent": agent}
        rows.append(
            ("treatments", row | {"role": "infusion" if infused else "treatment", "stop_reason": draw.choice(STOPPED)})
        )
        day = end
    return day


def _tests(draw: Random, rows: Rows) -> None:
    for analyte in ("bcma_expression", "gprc5d_expression"):
        for _ in range(draw.choice((0, 1, 1, 2, 3))):
            _result(draw, rows, analyte, ("95 %", "positive", "0 %", "negative", "30 %"), 150)
    for _ in range(draw.choice((0, 1, 1, 2))):
        _result(draw, rows, "ecog", ("0", "1", "2", "3", "4"), 40)
    for _ in range(draw.choice((0, 1, 2))):
        date = ON - dt.timedelta(days=draw.randint(5, 900))
        rows.append(
            (
                "genetics",
                {"date": date, "marker": "t(11;14)", "finding": draw.choice(("present", "absent", "not tested"))},
            )
        )


def _result(draw: Random, rows: Rows, analyte: str, values: tuple[str, ...], back: int) -> None:
    value, _, unit = draw.choice(values).partition(" ")
    date = ON - dt.timedelta(days=draw.randint(0, back))
    rows.append(("results", {"date": date, "analyte": analyte, "value": value, "unit": unit}))


def _events(draw: Random, rows: Rows) -> None:
    if draw.random() < 0.7:
        rows.append(("events", {"date": ON - dt.timedelta(days=draw.randint(0, 32)), "event": "infection", "grade": 0}))
    for _ in range(draw.choice((0, 0, 1, 1, 2))):
        date = ON - dt.timedelta(days=draw.randint(0, 60))
        ended = draw.choice((None, date + dt.timedelta(days=10)))
        rows.append(
            (
                "events",
                {
                    "date": date,
                    "end_date": ended,
                    "event": draw.choice(("pneumonia", "sepsis")),
                    "grade": draw.choice((1, 3, None)),
                },
            )
        )


def _statements(draw: Random, rows: Rows) -> None:
    for _ in range(draw.choice((0, 0, 1, 2, 4))):
        date = ON - dt.timedelta(days=draw.randint(1, 900))
        rows.append(("events", {"date": date, "event": draw.choice(STATED), "detail": draw.choice(STATED_OF)}))


def _disease(draw: Random, rows: Rows, end: dt.date) -> None:
    """What became of the last line: assigned categories, or M-protein."""
    last = ON - dt.timedelta(days=draw.randint(1, 60))
    if draw.random() < 0.6:
        if end + dt.timedelta(days=60) < last:
            rows.append(
                (
                    "responses",
                    {"date": end + dt.timedelta(days=40), "response": draw.choice(("VGPR", "SD")), "confirmed": "yes"},
                )
            )
        if draw.random() < 0.8:
            rows.append(("responses", {"date": last, "response": "PD", "confirmed": "yes"}))
        return
    for days, value in ((-10, 3.0), (40, 1.0), (70, draw.choice((0.4, 2.8))), (100, 1.5), (130, 2.5)):
        date = end + dt.timedelta(days=days)
        if date <= ON:
            rows.append(("results", {"date": date, "analyte": "serum_m", "value": value, "unit": "g/dL"}))


def _several_statements(draw: Random, rows: Rows) -> None:
    """Statements about one agent or class that deny each other, in any order."""
    item = draw.choice(STATED_OF)
    for _ in range(draw.choice((2, 3))):
        date = ON - dt.timedelta(days=draw.randint(1, 900))
        rows.append(("events", {"date": date, "event": draw.choice(STATED), "detail": item}))


CONTESTS = (
    _another_dose,
    _another_test,
    _another_ecog,
    _another_marker,
    _another_line,
    _another_category,
    _several_statements,
    _statements,
    _events,
)


def variants(seed: int, steps: int) -> list[Rows]:
    """The generated patient, and the same with rows taken away, in `steps` ways."""
    whole, draw = generated(seed), Random(f"less {seed}")
    return [whole, *(_with_few_gone(whole, draw, steps) if seed % 2 else _with_less_and_less(whole, draw, steps))]


def _with_few_gone(whole: Rows, draw: Random, steps: int) -> Iterator[Rows]:
    """A few rows gone, mostly of the last, which contest the others: what is left still decides."""
    for step in range(steps):
        at = whole[-8:] if step else whole
        yield _without(whole, draw.sample(at, min(len(at), draw.choice((1, 1, 2, 3)))))


def _with_less_and_less(whole: Rows, draw: Random, steps: int) -> Iterator[Rows]:
    """Ever more rows gone: one row, a whole table, some rows, at last half of what is left."""
    left = whole
    for step in range(steps):
        if not left:
            return
        kind = ("row", "table", "some", "row", "half")[step % 5]
        if kind == "row":
            gone = [draw.choice(left)]
        elif kind == "table":
            table = draw.choice(left)[0]
            gone = [row for row in left if row[0] == table]
        else:
            gone = [row for row in left if draw.random() < (0.2 if kind == "some" else 0.5)]
        left = _without(left, gone)
        yield left


def _without(rows: Rows, gone: Rows) -> Rows:
    return [row for row in rows if not any(row is one for one in gone)]
