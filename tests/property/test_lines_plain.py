"""The numbering of lines by rajkumar-2015 agrees with a plain reading of rules.md 3.1 on generated courses of therapy.

The plain reading keeps, for every line, the list of what was given in it, and asks each sentence of the rules of that
list anew. It shares no code with the engine. Conventions in days: see knowledge/criteria/lines/rajkumar-2015.yaml.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import polars as pl

from mspike.course.starts import numbered_rows
from mspike.record.record import clean_record
from mspike.record.tables import TABLES

PATIENTS = 60_000 if os.environ.get("MSPIKE_NIGHT") else 4_000
DRUGS = ("bortezomib", "lenalidomide", "carfilzomib", "bortezomib + lenalidomide", "dexamethasone")
ROLES = ("induction", "treatment", "transplant", "maintenance", "infusion", "bridging", "apheresis", "lymphodepletion")
WEIGHTS = (0.2, 0.34, 0.17, 0.1, 0.08, 0.05, 0.03, 0.03)
# Steps between two starts, at and beside every number of the rules.
STEPS = (0, 0, 3, 13, 14, 15, 30, 60, 89, 90, 91, 119, 120, 121, 179, 180, 181, 182, 183, 184, 364, 365, 366)


@dataclass(frozen=True)
class Given:
    """What the registry says of one row."""

    row: int
    day: int
    end: int | None
    agent: str
    role: str


@dataclass(frozen=True)
class Patient:
    rows: tuple[Given, ...]
    progressions: tuple[int, ...]


# ---- the plain reading ----------------------------------------------------------------------------------------------


def drugs(row: Given) -> set[str]:
    return {drug for drug in row.agent.split(" + ") if drug != "dexamethasone"}


def plain_lines(patient: Patient) -> dict[int, int | None]:
    """The line of every row by its number; None for a row of no line."""
    rows = [as_bridging(row, patient.rows) for row in patient.rows]
    infusions = [row.day for row in rows if row.role == "infusion"]
    episode = {
        r.row
        for r in rows
        if r.role in ("apheresis", "bridging", "lymphodepletion") and any(d >= r.day for d in infusions)
    }
    first_apheresis = min((r.day for r in rows if r.role == "apheresis"), default=None)
    lines: list[list[Given]] = []
    found: dict[int, int | None] = {}
    # Lymphodepletion that no infusion followed, and a further collection of which nothing came, are no starts.
    idle = {r.row for r in rows if r.role == "lymphodepletion"}
    idle |= {r.row for r in rows if r.role == "apheresis" and (infusions or r.day != first_apheresis)}
    waiting = [row for row in rows if row.row not in episode | idle]
    waiting.sort(key=lambda row: (row.day, rank(row), row.row))
    for row in waiting:
        later = [r for r in waiting if r.day >= row.day and waiting.index(r) > waiting.index(row)]
        if row.role in ("treatment", "induction") and not drugs(row):
            found[row.row] = len(lines) or None
            continue
        if begins_line(row, lines, later, patient.progressions):
            lines.append([])
        if lines:
            lines[-1].append(row)
        found[row.row] = len(lines) or None
    for row in rows:
        if row.row in episode:
            day = min(d for d in infusions if d >= row.day)
            found[row.row] = next(found[r.row] for r in rows if r.role == "infusion" and r.day == day)
    return found


def rank(row: Given) -> int:
    if row.role in ("treatment", "induction"):
        return 1 if drugs(row) else 6
    return {"infusion": 0, "transplant": 2, "apheresis": 3, "bridging": 4, "maintenance": 5}.get(row.role, 7)


def as_bridging(row: Given, rows: tuple[Given, ...]) -> Given:
    """Therapy after the preparation of an infusion has begun, at most 180 days before it, is bridging."""
    if row.role not in ("treatment", "induction"):
        return row
    for infusion in sorted(r.day for r in rows if r.role == "infusion"):
        if infusion >= row.day:
            earlier = [r.day for r in rows if r.role == "infusion" and r.day < infusion]
            prepared = [
                r.day
                for r in rows
                if r.role in ("apheresis", "bridging", "lymphodepletion")
                and infusion - 180 <= r.day <= infusion
                and all(r.day > day for day in earlier)
            ]
            before = infusion > row.day and any(day <= row.day for day in prepared)
            return Given(row.row, row.day, row.end, row.agent, "bridging") if before else row
    return row


def begins_line(row: Given, lines: list[list[Given]], later: list[Given], progressions: tuple[int, ...]) -> bool:
    if row.role == "maintenance":
        return False
    if not lines:
        return True
    line = lines[-1]
    first = line[0]
    if row.role == "infusion":
        fraction = first.role == "infusion" and row.day - first.day <= 14
        return not (fraction and (row.agent == first.agent or row.day == first.day))
    if row.role == "apheresis":
        return first.role not in ("apheresis", "bridging") or row.day != first.day
    if row.role == "bridging":
        if first.role == "apheresis":
            return row.day != first.day
        known = set().union(*(drugs(r) for r in line))
        named = drugs(row) or {f"unnamed {row.row}"}
        return first.role != "bridging" or not (named <= known or row.day - first.day <= 14)
    if first.role == "infusion":
        return row.day != first.day
    if first.role in ("apheresis", "bridging"):
        return True
    if row.role == "transplant":
        return begins_by_transplant(row, line, progressions)
    return begins_by_drugs(row, line, later, progressions)


def begins_by_transplant(row: Given, line: list[Given], progressions: tuple[int, ...]) -> bool:
    transplants = [r for r in line if r.role == "transplant"]
    if not transplants:
        progressed = any(line[0].day < day <= row.day for day in progressions)
        return progressed or row.day - line[0].day > 365
    last = transplants[-1]
    between = line[line.index(last) + 1 :]
    progressed = any(last.day < day <= row.day for day in progressions)
    return progressed or row.day - last.day > 183 or any(drugs(r) or r.role == "maintenance" for r in between)


def begins_by_drugs(row: Given, line: list[Given], later: list[Given], progressions: tuple[int, ...]) -> bool:
    first = line[0].day
    if row.day - first <= 14:
        return False
    therapies = [r for r in line if r.role != "transplant"]
    known = set().union(*(drugs(r) for r in therapies))
    if not drugs(row) <= known:
        transplants = [r.day for r in line if r.role == "transplant"]
        if row.role == "induction" and transplants and row.day - transplants[-1] <= 120:
            return any(transplants[-1] < day <= row.day for day in progressions)
        return True
    if any(r.end is None for r in therapies):
        return False
    last_dose = max(r.day if r.role == "transplant" else max(r.day, r.end or r.day) for r in line)
    if row.day - last_dose <= 90:
        return False
    again = set(drugs(row))
    for other in later:
        if other.role == "transplant" or other.role not in ("treatment", "induction", "maintenance"):
            break
        if other.day - row.day > 14:
            break
        if other.role in ("treatment", "induction"):
            if not drugs(other):
                continue
            again |= drugs(other)
    upkeep = set().union(*(drugs(r) for r in therapies if r.role == "maintenance"))
    opening = set().union(*(drugs(r) for r in therapies if r.role != "maintenance" and r.day - first <= 14))
    return again not in (known, upkeep, opening)


# ---- generated courses ----------------------------------------------------------------------------------------------


def drawn(seed: int, count: int) -> list[Patient]:
    random = np.random.default_rng(seed)
    patients = []
    for _ in range(count):
        day, rows = 0, []
        for number in range(int(random.integers(1, 9))):
            role = str(random.choice(ROLES, p=WEIGHTS))
            agent = {"infusion": "cilta-cel", "transplant": "melphalan"}.get(role, str(random.choice(DRUGS)))
            if role == "infusion" and random.random() < 0.3:
                agent = "ide-cel"
            if role == "maintenance" and agent == "dexamethasone":
                agent = "lenalidomide"
            length = None if random.random() < 0.15 else int(random.choice((0, 10, 60, 100)))
            end = None if length is None else day + length
            rows.append(Given(number, day, day if role in ("infusion", "transplant") else end, agent, role))
            day += int(random.choice(STEPS))
        progressions = sorted({int(d) for d in random.integers(0, day + 50, random.integers(0, 3))})
        patients.append(Patient(tuple(rows), tuple(progressions)))
    return patients


def by_engine(patients: list[Patient]) -> list[dict[int, int | None]]:
    ids = [f"P{at:06d}" for at in range(len(patients))]
    told = [
        {"patient_id": id_, "start_date": r.day, "end_date": r.end, "agent": r.agent, "role": r.role, "number": r.row}
        for id_, patient in zip(ids, patients, strict=True)
        for r in patient.rows
    ]
    seen = [
        {"patient_id": id_, "date": day, "response": "PD"}
        for id_, patient in zip(ids, patients, strict=True)
        for day in patient.progressions
    ]
    raw = {
        name: dated(name, rows)
        for name, rows in {"patients": [{"patient_id": i} for i in ids], "treatments": told, "responses": seen}.items()
    }
    got = numbered_rows(clean_record(raw, "iso"))
    found: list[dict[int, int | None]] = [{} for _ in patients]
    lines = dict(got.select("row", "line").iter_rows())
    for row, answer in enumerate(told):
        if row in lines:
            found[int(answer["patient_id"][1:])][answer["number"]] = lines[row]
    return found


def dated(name: str, rows: list[dict]) -> pl.DataFrame:
    columns = {c: pl.Series([row.get(c) for row in rows]) for c in TABLES[name].names}
    for date in TABLES[name].dates:
        if columns[date].dtype == pl.Int64:
            columns[date] = (columns[date] + 15_000).cast(pl.Int32).cast(pl.Date)
    return pl.DataFrame({c: column.cast(pl.String) for c, column in columns.items()}).with_row_index("row")


def test_the_engine_numbers_lines_as_the_plain_reading_does():
    patients = drawn(seed=20150813, count=PATIENTS)
    for patient, fast in zip(patients, by_engine(patients), strict=True):
        plain = plain_lines(patient)
        assert {row: fast.get(row) for row in plain} == plain, told(patient, fast, plain)


def told(patient: Patient, fast: dict, plain: dict) -> str:
    rows = [
        f"{r.day:5} {r.end or '':>5} {r.role:16} {r.agent:26} engine {fast.get(r.row)} plain {plain.get(r.row)}"
        for r in patient.rows
    ]
    return "\n".join(["", f"progressions {patient.progressions}", *rows])


def test_the_generated_courses_reach_every_rule():
    lines = [plain_lines(patient) for patient in drawn(seed=1, count=1000)]
    highest = [max((n for n in found.values() if n), default=0) for found in lines]
    assert set(range(6)) <= set(highest)
    assert any(None in found.values() for found in lines)
