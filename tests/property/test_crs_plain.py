"""CRS and ICANS of many wards equal a plain reading: one patient, one day and one value at a time.

The plain reading is written from rules.md 5.1 and 5.2 and the conventions of astct-2019. Values are drawn at and
beside the limits; each sign is left out about as often as it is there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

import polars as pl
import pytest

from mspike.record.record import Record, clean_record
from mspike.record.tables import TABLES
from mspike.safety.crs import crs_days, crs_of
from mspike.safety.icans import icans_days, icans_of

PATIENTS = 1_500
LAST = 9

# What each text says, as a clinician reads it: the grades it allows by itself.
TEMPERATURE = {
    "36.8": (0, 0),
    "37.9": (0, 0),
    "37.999": (0, 0),
    "38": (1, 1),
    "38.0": (1, 1),
    "39.4": (1, 1),
    ">37": (0, 1),
}
OXYGEN = {
    "room air": (0, 0), "0": (0, 0), "2": (2, 2), "6": (2, 2), "6 L/min nasal cannula": (2, 2), "6.01": (3, 3),
    "7 L/min nasal cannula": (3, 3), "nasal cannula": (2, 3), "blow-by": (2, 2), "4 L/min facemask": (3, 3),
    "high-flow": (3, 3), "non-rebreather": (3, 3), "Venturi": (3, 3), "CPAP": (4, 4), "intubation": (4, 4),
    "<6": (0, 2),
}  # fmt: skip
VASOPRESSORS = {
    "none": (0, 0), "0": (0, 0), "1": (3, 3), "2": (4, 4), "vasopressin": (3, 3), "norepinephrine": (3, 3),
    "norepinephrine + vasopressin": (3, 3), "adrenaline, noradrenaline": (4, 4),
}  # fmt: skip
HYPOTENSION = {"no": (0, 0), "yes": (2, 2)}
ICE = {
    "10": (0, 0), "9": (1, 1), "7": (1, 1), "6": (2, 2), "3": (2, 2), "2": (3, 3), "1": (3, 3), "0": (3, 3),
    "<7": (2, 3),
}  # fmt: skip
CONSCIOUSNESS = {
    "awake": (0, 0), "wakes spontaneously": (1, 1), "to voice": (2, 2), "tactile": (3, 3), "unarousable": (4, 4),
    "stupor": (4, 4), "coma": (4, 4),
}  # fmt: skip
SEIZURE = {"no": (0, 0), "brief": (3, 3), "prolonged": (4, 4), "yes": (3, 4)}
WEAKNESS = {"no": (0, 0), "hemiparesis": (4, 4)}
OEDEMA = {"no": (0, 0), "focal": (3, 3), "diffuse": (4, 4), "yes": (3, 4)}
MEANING = {
    "temperature": TEMPERATURE, "oxygen": OXYGEN, "vasopressors": VASOPRESSORS, "hypotension": HYPOTENSION,
    "ice_score": ICE, "consciousness": CONSCIOUSNESS, "seizure": SEIZURE, "motor_weakness": WEAKNESS,
    "cerebral_oedema": OEDEMA,
}  # fmt: skip
RARE = ("seizure", "motor_weakness", "cerebral_oedema")
CALM = {"temperature": "36.8", "oxygen": "room air", "vasopressors": "none", "hypotension": "no", "ice_score": "10",
        "consciousness": "awake"}  # fmt: skip
HIDING = ("tocilizumab", "paracetamol", "dexamethasone")


@dataclass(frozen=True)
class Value:
    day: int
    sign: str
    text: str
    attribution: str | None = None


@dataclass(frozen=True)
class Patient:
    values: tuple[Value, ...]
    drugs: tuple[tuple[int, int | None, str], ...]
    crs_grade: int | None


def drawn(count: int, seed: int) -> list[Patient]:
    chance = random.Random(seed)
    return [_patient(chance) for _ in range(count)]


def _patient(chance: random.Random) -> Patient:
    values = [value for day in range(-1, LAST) if chance.random() < 0.85 for value in _day(chance, day)]
    drugs = []
    for _ in range(chance.choice((0, 1, 1, 2))):
        start = chance.randint(-3, LAST)
        end = chance.choice((None, start, start + chance.randint(0, 4)))
        drugs.append((start, end, chance.choice((*HIDING, "aciclovir"))))
    return Patient(tuple(values), tuple(drugs), chance.choice((None, None, 1, 2, 3, 4, 5)))


def _day(chance: random.Random, day: int) -> list[Value]:
    calm, complete = chance.random() < 0.4, chance.random() < 0.5
    values = []
    for sign, texts in MEANING.items():
        if chance.random() < (0.95 if sign in RARE else 0.0 if complete else 0.35):
            continue
        for _ in range(chance.choice((1, 1, 1, 2))):
            text = CALM[sign] if calm and sign in CALM else chance.choice(list(texts))
            mark = chance.choice((None,) * 30 + ("other", "myeloma", "spurious"))
            values.append(Value(day, sign, text, mark))
    return values


# ---- the plain reading ----------------------------------------------------------------------------------------------


def worst(patient: Patient, day: int, sign: str) -> tuple[int, int] | None:
    """The grades the values of one sign and day allow together; None if it was not recorded."""
    allowed = [
        MEANING[sign][v.text] if v.attribution is None else (0, 0)
        for v in patient.values
        if v.day == day and v.sign == sign and v.attribution != "spurious"
    ]
    return (max(low for low, _ in allowed), max(high for _, high in allowed)) if allowed else None


def days_with(patient: Patient, signs: tuple[str, ...]) -> list[int]:
    return [day for day in range(31) if any(worst(patient, day, sign) for sign in signs)]


def pressure_of(patient: Patient, day: int) -> tuple[int, int]:
    drugs, low = worst(patient, day, "vasopressors"), worst(patient, day, "hypotension")
    if drugs is None:
        return {None: (0, 4), (0, 0): (0, 0), (2, 2): (2, 4)}[low]
    if low is None:
        return drugs[0], max(drugs[1], 2)
    return max(drugs[0], low[0]), max(drugs[1], low[1])


def fever_hidden(patient: Patient, onset: int, day: int) -> bool:
    for start, end, agent in patient.drugs:
        last = start if end is None else max(end, start)
        if agent in HIDING and start <= day and last >= max(onset, 0):
            return True
    return False


def plain_crs(patient: Patient) -> dict[int, tuple[int, int]]:
    """The sure and the highest possible grade of each day."""
    grades: dict[int, tuple[int, int]] = {}
    onset: int | None = None
    for day in days_with(patient, ("temperature", "oxygen", "vasopressors", "hypotension")):
        heat = worst(patient, day, "temperature")
        fever = None if heat in (None, (0, 1)) else heat == (1, 1)
        pressure, oxygen = pressure_of(patient, day), worst(patient, day, "oxygen") or (0, 4)
        low, high = max(pressure[0], oxygen[0]), max(pressure[1], oxygen[1])
        if fever is False and high == 0:
            onset = None  # all signs are gone: the next one begins with a fever again
        if fever and onset is None:
            onset = day
        if fever:
            grades[day] = (max(1, low), max(1, high))
            continue
        hidden = onset is not None and fever_hidden(patient, onset, day)
        sure = low if hidden else 0
        if fever is None:
            grades[day] = (sure, max(1, high))
        else:
            grades[day] = (sure, high if onset is not None else 0)
    return grades


def plain_icans(patient: Patient) -> dict[int, tuple[int, int]]:
    grades = {}
    for day in days_with(patient, ("ice_score", "consciousness", *RARE)):
        ice, awake = worst(patient, day, "ice_score"), worst(patient, day, "consciousness")
        texts = [
            v.text for v in patient.values
            if v.day == day and v.sign == "ice_score" and v.attribution != "spurious"
        ]  # fmt: skip
        limbs = [ice or (0, 3)]
        if awake:
            limbs.append(awake)
        elif ice == (0, 0):
            limbs.append((0, 0))
        else:
            points = [Decimal(text.removeprefix("<")) for text in texts]
            answered = points and all(p >= 1 for p in points)
            limbs.append((0, 0) if answered else (0, 4))
        for sign in RARE:
            unnoted = (0, 0) if ice or awake else (0, 4)
            limbs.append(worst(patient, day, sign) or unnoted)
        grades[day] = (max(low for low, _ in limbs), max(high for _, high in limbs))
    return grades


# ---- the engine -----------------------------------------------------------------------------------------------------


def record_of(many: list[Patient]) -> Record:
    results, drugs, events = [], [], []
    for number, patient in enumerate(many):
        name = {"patient_id": f"P{number:05d}"}
        for v in patient.values:
            unit = "Cel" if v.sign == "temperature" else None
            results.append(
                {
                    **name,
                    "date": str(v.day),
                    "analyte": v.sign,
                    "value": v.text,
                    "unit": unit,
                    "attribution": v.attribution,
                }
            )
        for start, end, agent in patient.drugs:
            last = None if end is None else str(end)
            drugs.append({**name, "start_date": str(start), "end_date": last, "agent": agent, "role": "supportive"})
        if patient.crs_grade is not None:
            events.append({**name, "date": "3", "event": "crs", "grade": str(patient.crs_grade)})
    tables = {"patients": [{"patient_id": f"P{n:05d}"} for n in range(len(many))], "results": results}
    tables |= {"treatments": drugs, "events": events}
    return clean_record({name: _text(name, rows) for name, rows in tables.items()}, "day")


def _text(name: str, rows: list[dict]) -> pl.DataFrame:
    columns = {c: [row.get(c) for row in rows] for c in TABLES[name].names}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index("row", offset=2)


@pytest.fixture(scope="module")
def wards():
    many = drawn(PATIENTS, seed=20260711)
    record = record_of(many)
    assert record.findings.filter((pl.col("table") == "results") & (pl.col("severity") == "error")).is_empty()
    pids = record.patients["pid"]
    episodes = pl.DataFrame({"gid": pids, "pid": pids, "line": pids * 0 + 1, "index_day": pids * 0})
    return many, record, episodes


def _grades(days: pl.DataFrame, count: int) -> list[dict[int, tuple[int, int]]]:
    found: list[dict[int, tuple[int, int]]] = [{} for _ in range(count)]
    for gid, day, low, high, grade in days.select("gid", "day", "at_least", "at_most", "grade").iter_rows():
        assert grade == (low if low == high else None)
        found[gid][day] = (low, high)
    return found


def _differ(many, read, told):
    return [(n, read(p), engine) for n, (p, engine) in enumerate(zip(many, told, strict=True)) if read(p) != engine]


def test_every_day_of_crs_is_graded_as_a_clinician_reads_it(wards):
    many, record, episodes = wards
    assert _differ(many, plain_crs, _grades(crs_days(record, episodes), len(many)))[:3] == []


def test_every_day_of_icans_is_graded_as_a_clinician_reads_it(wards):
    many, record, episodes = wards
    assert _differ(many, plain_icans, _grades(icans_days(record, episodes), len(many)))[:3] == []


def test_every_grade_was_met_surely_and_as_a_range(wards):
    many, _, _ = wards
    crs = {both for patient in many for both in plain_crs(patient).values()}
    icans = {both for patient in many for both in plain_icans(patient).values()}
    assert {(n, n) for n in range(5)} | {(0, 4), (1, 2), (2, 3), (3, 4), (0, 1)} <= crs
    assert {(n, n) for n in range(5)} | {(0, 3), (1, 3), (2, 3), (3, 4)} <= icans


@pytest.mark.parametrize(("of", "read", "crs"), [(crs_of, plain_crs, True), (icans_of, plain_icans, False)])
def test_the_course_is_that_of_the_days(wards, of, read, crs):
    many, record, episodes = wards
    for patient, row in zip(many, of(record, episodes).sort("gid").iter_rows(named=True), strict=True):
        days = read(patient)
        sick = [day for day, (low, _) in days.items() if low > 0]
        after = [day for day, (_, high) in days.items() if high == 0 and sick and day > max(sick)]
        low = max((low for low, _ in days.values()), default=None)
        high = max((high for _, high in days.values()), default=None)
        assert (row["onset_day"], row["last_day"]) == (min(sick, default=None), max(sick, default=None))
        assert row["end_day"] == min(after, default=None)
        assert row["days_measured"] == len(days)
        if crs:
            assert row["agreement"] == _agreement(patient.crs_grade, low, high)
        if not (crs and patient.crs_grade == 5):
            assert (row["at_least"], row["at_most"]) == (low, high)


def _agreement(recorded: int | None, low: int | None, high: int | None) -> str:
    if recorded is None:
        return "only_derived" if low else "neither"
    if low is None:
        return "only_recorded"
    if recorded == low or recorded == 5:
        return "same"
    return "derived_higher" if recorded < low else "recorded_higher" if recorded > high else "not_known"
