"""Patients of the plain reading as a registry, and the engine's answers about them in the plain reading's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as budget
from near_thresholds import patients
from plain_reading import Endpoint, Lesion, Patient, Reading, Visit

from mspike.course.results import results_of
from mspike.knowledge.criteria import criteria
from mspike.record.record import clean_record
from mspike.record.tables import TABLES
from mspike.response.settings import settings_of

LYMPHODEPLETION_DAY = -5
MARROW_JOINS_WITHIN_DAYS = 14
UNITS = {
    "serum_m": "g/dL",
    "urine_m_24h": "mg/24h",
    "kappa_flc": "mg/L",
    "lambda_flc": "mg/L",
    "marrow_plasma_cells": "%",
    "calcium": "mg/dL",
}
LABORATORY = ("serum_m", "urine_m", "kappa", "lambda_", "serum_ife", "urine_ife")
ENDPOINTS = ("pfs", "ttp", "dor", "os", "ttnt", "efs")

Tables = dict[str, pl.DataFrame]
Row = dict[str, str | None]


# ---- many patients at once ------------------------------------------------------------------------------------------


def drawn(count: int, *, derandomize: bool, **options) -> list[Patient]:
    """So many patients, so that one run of the engine judges them all; an example each would run it once a patient."""
    found: list[Patient] = []

    @given(patients(**options))
    @budget(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=derandomize,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def collect(patient: Patient) -> None:
        found.append(visits_told_apart(patient))

    collect()
    return found


def visits_told_apart(patient: Patient) -> Patient:
    """Only visits that rows give back (rules 1.3b).

    A marrow that comes alone soon after a visit would join it. Calcium alone opens no visit.
    """
    kept: list[Visit] = []
    for visit in sorted(patient.visits, key=lambda v: v.day):
        if not has_any(visit, LABORATORY) and kept and visit.day - kept[-1].day <= MARROW_JOINS_WITHIN_DAYS:
            visit = replace(visit, marrow=None, clonality=None)
        if has_any(visit, (*LABORATORY, "marrow", "clonality", "lesions")):
            kept.append(visit)
    return replace(patient, visits=tuple(kept))


def has_any(visit: Visit, names: tuple[str, ...]) -> bool:
    return any(getattr(visit, name) for name in names)


# ---- patients as tables ---------------------------------------------------------------------------------------------


def named(number: int) -> str:
    return f"P{number:05d}"


def result_rows(patient_id: str, visit: Visit) -> Iterator[Row]:
    """Every result of one visit, as a laboratory would list them."""
    reports = {
        "serum_m": visit.serum_m,
        "urine_m_24h": visit.urine_m,
        "kappa_flc": visit.kappa,
        "lambda_flc": visit.lambda_,
        "serum_ife": visit.serum_ife,
        "urine_ife": visit.urine_ife,
        "marrow_plasma_cells": visit.marrow,
        "marrow_clonality": visit.clonality,
        "calcium": visit.calcium,
    }
    for analyte, value in reports.items():
        if value is not None:
            told = {"patient_id": patient_id, "date": str(visit.day), "analyte": analyte, "value": value}
            yield {**told, "unit": UNITS.get(analyte)}


def lesion_row(patient_id: str, day: int, lesion: Lesion) -> Row:
    return {
        "patient_id": patient_id,
        "date": str(day),
        "lesion_id": lesion.lesion_id,
        "site": "extraosseous",
        "longest_mm": lesion.longest,
        "perpendicular_mm": lesion.perp,
        "finding": lesion.finding,
    }


def text_of(day: int | None) -> str | None:
    return None if day is None else str(day)


def treatment_rows(patient_id: str, patient: Patient) -> Iterator[Row]:
    yield {
        "patient_id": patient_id,
        "start_date": str(LYMPHODEPLETION_DAY),
        "agent": "fludarabine",
        "role": "lymphodepletion",
    }
    yield {"patient_id": patient_id, "start_date": "0", "agent": "cilta-cel", "role": "infusion"}
    if patient.new_therapy_day is not None:
        day = str(patient.new_therapy_day)
        yield {"patient_id": patient_id, "start_date": day, "agent": "talquetamab", "role": "treatment"}


def raw_tables(many: Sequence[Patient]) -> Tables:
    """The tables as the reader gives them: text, and the `row` of each line in its file."""
    rows: dict[str, list[Row]] = {name: [] for name in ("patients", "results", "lesions", "treatments")}
    for number, patient in enumerate(many):
        patient_id = named(number)
        rows["patients"].append(
            {
                "patient_id": patient_id,
                "heavy_chain": "IgG",
                "light_chain": patient.chain,
                "death_date": text_of(patient.death_day),
                "death_cause": patient.death_cause,
                "last_contact_date": text_of(patient.last_contact_day),
            }
        )
        rows["treatments"] += treatment_rows(patient_id, patient)
        for visit in (patient.baseline, *patient.visits):
            rows["results"] += result_rows(patient_id, visit)
            rows["lesions"] += [lesion_row(patient_id, visit.day, lesion) for lesion in visit.lesions]
    return {name: as_text(name, given) for name, given in rows.items()}


def as_text(name: str, rows: list[Row]) -> pl.DataFrame:
    columns = {column: [row.get(column) for row in rows] for column in TABLES[name].names}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index("row", offset=2)


def engine(many: Sequence[Patient], words: dict | None = None) -> Tables:
    """Every result table about these patients."""
    rules = criteria("imwg-2016")
    chosen = settings_of(rules, {name: str(value).lower() for name, value in (words or {}).items()})
    return results_of(clean_record(raw_tables(many), "day"), rules, chosen)


# ---- answers in the same words --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """What both readings say about one patient."""

    visits: tuple[tuple[int, str, str, frozenset[str]], ...]
    judged_by: frozenset[str]
    best_response: str
    best_response_day: int | None
    first_response_day: int | None
    pd_day: int | None
    failure_type: str
    failure_day: int | None
    pfs: Endpoint
    ttp: Endpoint
    dor: Endpoint | None
    os: Endpoint
    ttnt: Endpoint
    efs: Endpoint

    def differences(self, other: Answers) -> dict[str, tuple]:
        pairs = ((name, getattr(self, name), getattr(other, name)) for name in vars(self))
        return {name: (one, two) for name, one, two in pairs if one != two}


def by_engine(many: Sequence[Patient], words: dict | None = None) -> list[Answers]:
    """What does the engine say about the CAR-T line of each of these patients, in their order?"""
    told = engine(many, words)
    visits: dict[str, list] = {}
    for row in told["assessments"].filter(pl.col("line") == 1).iter_rows(named=True):
        answer = (row["day"], row["response_raw"], row["response_confirmed"], frozenset(row["pd_limbs"]))
        visits.setdefault(row["patient_id"], []).append(answer)
    ends: dict[str, dict] = {}
    for row in told["endpoints"].filter(pl.col("line") == 1).iter_rows(named=True):
        end = None if row["days"] is None else Endpoint(row["days"], row["event"], row["reason"])
        ends.setdefault(row["patient_id"], {})[row["endpoint"]] = end
    courses = {row["patient_id"]: row for row in told["courses"].filter(pl.col("line") == 1).iter_rows(named=True)}
    assert len(courses) == len(many)
    return [
        Answers(
            visits=tuple(visits.get(name, ())),
            judged_by=frozenset(course["judged_by"]),
            best_response=course["best_response"],
            best_response_day=course["best_response_date"],
            first_response_day=course["first_response_date"],
            pd_day=course["pd_date"],
            failure_type=course["failure_type"],
            failure_day=course["failure_date"],
            **{endpoint: ends[name][endpoint] for endpoint in ENDPOINTS},
        )
        for name, course in ((named(number), courses[named(number)]) for number in range(len(many)))
    ]


def by_plain_reading(reading: Reading) -> Answers:
    """The same answers of the plain reading."""
    return Answers(
        visits=tuple((v.day, v.raw, v.confirmed, v.pd_limbs) for v in reading.visits),
        judged_by=frozenset(reading.measurable_by),
        best_response=reading.best_response,
        best_response_day=reading.best_response_day,
        first_response_day=reading.first_response_day,
        pd_day=reading.pd_day,
        failure_type=reading.failure_type,
        failure_day=reading.failure_day,
        **{endpoint: getattr(reading, endpoint) for endpoint in ENDPOINTS},
    )


# ---- the simplest patient that shows a difference -------------------------------------------------------------------


def simplest(patient: Patient, differs: Callable[[Patient], bool]) -> Patient:
    """Leaves out visits and values as long as the difference stays: what a person can read."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in map(visits_told_apart, simpler(patient)):
            if candidate != patient and differs(candidate):
                patient, smaller = candidate, True
                break
    return patient


def simpler(patient: Patient) -> Iterator[Patient]:
    visits = patient.visits
    for at in range(len(visits)):
        yield replace(patient, visits=visits[:at] + visits[at + 1 :])
    for name in ("new_therapy_day", "death_cause"):
        if getattr(patient, name) is not None:
            yield replace(patient, **{name: None})
    if patient.death_day is not None:
        yield replace(patient, death_day=None, death_cause=None)
    for at, visit in enumerate((patient.baseline, *visits)):
        for name, value in vars(visit).items():
            if name != "day" and value:
                yield with_visit(patient, at, replace(visit, **{name: () if name == "lesions" else None}))
        for drop in range(len(visit.lesions) if len(visit.lesions) > 1 else 0):
            yield with_visit(patient, at, replace(visit, lesions=visit.lesions[:drop] + visit.lesions[drop + 1 :]))


def with_visit(patient: Patient, at: int, visit: Visit) -> Patient:
    if at == 0:
        return replace(patient, baseline=visit)
    return replace(patient, visits=(*patient.visits[: at - 1], visit, *patient.visits[at:]))
