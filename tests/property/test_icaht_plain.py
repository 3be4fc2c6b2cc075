"""ICAHT of a whole registry equals a plain reading, one patient and one day at a time, in exact fractions.

The plain reading is written from rules.md 5.5. Counts are drawn at and beside the levels, gaps and runs at and beside
their limits: drawn at large they would hardly ever meet one.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import polars as pl
import pytest

from mspike.record.record import Record, clean_record
from mspike.record.tables import TABLES
from mspike.safety.icaht import cytopenia_days, icaht_of, thrombocytopenia_of

PATIENTS = 3_000
ENDLESS = Fraction(4_000_000_000)
LEAST = Fraction(1, 1_000_000)


# ---- patients -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Patient:
    """Days count from infusion; a count is (day, text in 10^9/L)."""

    counts: tuple[tuple[int, str], ...] = ()
    death: int | None = None
    contact: int | None = None
    progression: int | None = None
    next_therapy: int | None = None
    platelets: bool = False


@dataclass(frozen=True)
class Drawing:
    """Texts of counts: deepest, low, not low, and undecided ones."""

    deepest: tuple[str, ...]
    low: tuple[str, ...]
    recovered: tuple[str, ...]
    undecided: tuple[str, ...]
    late: tuple[str, ...]


NEUTROPHILS = Drawing(
    ("0.1", "0.099", "0", "<0.1", "0.02"),
    ("0.5", "0.499", "0.101", "0.3", "<0.5"),
    ("0.501", "0.62", "0.51", "2.5", ">0.6"),
    ("<1.0", "<0.501", "<0.101", ">0.5", ">0.05"),
    ("0.1", "0.101", "0.5", "0.501", "1", "1.001", "1.5", "1.501", "3", "<0.1", "<1.0", "<1.6", ">1.0"),
)
THROMBOCYTES = Drawing(
    ("19.9", "19.999999", "5", "<20"),
    ("20", "49.999999", "35", "<50"),
    ("50", "50.1", "80", ">60"),
    ("<60", ">20", "<20.5", "<50.1"),
    ("19", "20", "49", "50", "99.9", "100", "150", "<20", "<120", ">30"),
)


def drawn(seed: int, drawing: Drawing, *, platelets: bool) -> Patient:
    rng = random.Random(seed)
    states = _states(rng, drawing)
    counts = [(day, rng.choice(states[day])) for day in sorted(_measured(rng))]
    counts += [(day, rng.choice(drawing.recovered)) for day in (12, 25) if rng.random() < 0.1]  # a second value
    few = drawing.deepest if rng.random() < 0.3 else drawing.late
    step = rng.choice([2, 4, 8, 9])
    counts += [(day, rng.choice(few)) for day in range(rng.randint(28, 60), 104, step) if rng.random() < 0.8]
    counts = counts[:1] if rng.random() < 0.05 else counts
    death = rng.choice([None, None, None, 0, 3, 7, 14, 29, 30, 31, 60, 200])
    last = rng.choice([None, 0, 5, 12, 20, 29, 30, 31, 50, 100, 400])
    stop = [rng.choice([None, None, None, 8, 30, 31, 45, 100]) for _ in range(2)]
    # What is dated after a death is refused when the record is read.
    counts = [c for c in counts if death is None or c[0] <= death]
    return Patient(tuple(counts), death, last, *stop, platelets=platelets)


def _states(rng: random.Random, drawing: Drawing) -> list[tuple[str, ...]]:
    """Segments of deep, low and recovered days whose lengths stand at and beside the limits."""
    calm = (drawing.deepest, drawing.low, drawing.recovered)
    kinds = (*calm, drawing.undecided) if rng.random() < 0.3 else calm
    days: list[tuple[str, ...]] = []
    while len(days) < 31:
        days += [rng.choice(kinds)] * rng.choice([1, 2, 2, 3, 3, 4, 6, 7, 8, 13, 14, 15, 31])
    return days[:31]


def _measured(rng: random.Random) -> set[int]:
    """Stretches with a count every day or so, and gaps of about seven days."""
    if rng.random() < 0.4:
        return set(range(31))
    days, day = set(), rng.choice([0, 0, 1, 3, 4, 7, 8])
    while day < 31:
        stretch = rng.choice([1, 1, 2, 3, 5, 9])
        days |= set(range(day, min(day + stretch, 31)))
        day += stretch + rng.choice([1, 2, 3, 6, 7, 7, 8, 9])
    return days


# ---- the plain reading ----------------------------------------------------------------------------------------------


def interval(text: str) -> tuple[Fraction, Fraction]:
    if text[0] == "<":
        return Fraction(0), Fraction(text[1:]) - LEAST
    if text[0] == ">":
        return Fraction(text[1:]), ENDLESS
    return Fraction(text), Fraction(text)


def lowest_a_day(patient: Patient, end: int) -> dict[int, Fraction]:
    """The lowest end (0) or the highest end (1) of the count, by day."""
    days: dict[int, Fraction] = {}
    for day, text in patient.counts:
        value = interval(text)[end]
        days[day] = min(value, days.get(day, value))
    return days


def filled(days: dict[int, Fraction], first: int, last: int, *, edges: bool) -> list[Fraction | None]:
    """Every day from first to last; None where nothing is known."""
    days = {day: value for day, value in days.items() if first <= day <= last}
    series: list[Fraction | None] = []
    for day in range(first, last + 1):
        before = [d for d in days if d <= day]
        after = [d for d in days if d >= day]
        value = None
        if day in days:
            value = days[day]
        elif before and after:
            left, right = max(before), min(after)
            if right - left - 1 <= 7:
                value = days[left] + (days[right] - days[left]) * Fraction(day - left, right - left)
        elif edges and after and min(after) - first <= 7:
            value = days[min(after)]
        elif edges and before and last - max(before) <= 7:
            value = days[max(before)]
        series.append(value)
    return series


def runs(low: list[bool]) -> list[tuple[int, int]]:
    """First and last day of each run; runs with fewer than three days between them are one."""
    found: list[tuple[int, int]] = []
    for day, is_low in enumerate(low):
        if not is_low:
            continue
        if found and day - found[-1][1] - 1 < 3:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def length(found: list[tuple[int, int]]) -> int:
    return max((end - start + 1 for start, end in found), default=0)


def until(patient: Patient, last: int, *, treatment_ends: bool) -> int:
    """The last day of a window that closes on this day."""
    days = [last]
    if patient.death is not None:
        days.append(patient.death)
    elif patient.contact is not None:
        days.append(max([patient.contact, 0, *(day for day, _ in patient.counts)]))
    if treatment_ends:
        days += [day for day in (patient.progression, patient.next_therapy) if day is not None]
    return min(days)


def grade_by_neutrophils(series: list[Fraction | None], unknown: Fraction) -> tuple[int, int, int, bool]:
    """Grade, days at most 500, days at most 100, never above 500; unknown days have this count."""
    at_500 = runs([(unknown if v is None else v) <= Fraction("0.5") for v in series])
    at_100 = runs([(unknown if v is None else v) <= Fraction("0.1") for v in series])
    days, deep = length(at_500), length(at_100)
    never = any(start <= 3 and end == len(series) - 1 for start, end in at_500)
    grade = 0
    if days >= 1:
        grade = 1
    if days >= 7:
        grade = 2
    if days >= 14 or deep >= 7:
        grade = 3
    if never or deep >= 14:
        grade = 4
    return grade, days, deep, never


def grade_by_platelets(series: list[Fraction | None], unknown: Fraction) -> tuple[int, int, int, bool]:
    below_50 = runs([(unknown if v is None else v) < 50 for v in series])
    below_20 = runs([(unknown if v is None else v) < 20 for v in series])
    days, deep = length(below_50), length(below_20)
    grade = 4 if deep >= 14 else 3 if deep >= 1 else 2 if days >= 7 else 1 if days >= 1 else 0
    return grade, days, deep, False


def early(patient: Patient) -> dict[str, object]:
    grading = grade_by_platelets if patient.platelets else grade_by_neutrophils
    names = ("50", "20") if patient.platelets else ("500", "100")
    last = until(patient, 30, treatment_ends=patient.platelets)
    lower, upper = (filled(lowest_a_day(patient, end), 0, last, edges=True) for end in (0, 1))
    measured = {day for day, _ in patient.counts if 0 <= day <= last}
    answer: dict[str, object] = {
        "early_until": last,
        "early_days_measured": len(measured),
        "early_days_unknown": lower.count(None),
        "early_days_interpolated": last + 1 - len(measured) - lower.count(None),
    }
    low, high = grading(upper, ENDLESS), grading(lower, Fraction(0))
    judged = bool(measured)
    answer |= {"early_low": low[0] if judged else None, "early_high": high[0] if judged else None}
    answer["early_grade"] = low[0] if judged and low[0] == high[0] else None
    for name, place in zip(names, (1, 2), strict=True):
        answer[f"early_days_{name}"] = low[place] if judged else None
        answer[f"early_days_{name}_high"] = high[place] if judged else None
    if not patient.platelets:
        answer["never_above_500"] = low[3] if judged and low[3] == high[3] else None
    return answer


def late_neutrophils(patient: Patient, last: int, end: int) -> int | None:
    days = {d: v for d, v in lowest_a_day(patient, end).items() if 31 <= d <= last}
    if not days:
        return None
    ordered = sorted(days.values())
    if len(ordered) > 1 and ordered[1] > Fraction("1.5"):
        return 0
    return sum(ordered[0] <= Fraction(level) for level in ("1.5", "1", "0.5", "0.1"))


def late_platelets(patient: Patient, last: int, end: int) -> int | None:
    days = {d: v for d, v in lowest_a_day(patient, end).items() if 31 <= d <= last}
    if not days:
        return None
    series = filled(days, 31, last, edges=False)
    if length(runs([v is not None and v < 20 for v in series])) >= 14:
        return 4
    # One test alone may be a moment's: beside it stands another that may be high or low.
    tests = list(days.values()) + [ENDLESS if end else Fraction(0)] * (len(days) == 1)
    deciding = sorted(tests)[1]
    return sum(deciding < level for level in (100, 50, 20))


def late(patient: Patient) -> dict[str, object]:
    last = until(patient, 100, treatment_ends=True)
    grading = late_platelets if patient.platelets else late_neutrophils
    low, high = grading(patient, last, 1), grading(patient, last, 0)
    measured = {day for day, _ in patient.counts if 31 <= day <= last}
    return {
        "late_until": last,
        "late_days_measured": len(measured),
        "late_low": low,
        "late_high": high,
        "late_grade": low if low == high else None,
    }


@cache
def plainly(patient: Patient) -> dict[str, object]:
    return early(patient) | late(patient)


# ---- the engine on the same patients --------------------------------------------------------------------------------


@dataclass
class Registry:
    record: Record
    episodes: pl.DataFrame
    patients: list[Patient] = field(default_factory=list)


def registry_of(patients: list[Patient]) -> Registry:
    names = [f"P{n:05d}" for n in range(len(patients))]
    people, results = [], []
    for name, patient in zip(names, patients, strict=True):
        shown = {"death_date": patient.death, "last_contact_date": patient.contact}
        people.append({"patient_id": name} | {k: None if v is None else str(v) for k, v in shown.items()})
        analyte = "platelets" if patient.platelets else "anc"
        results += [
            {"patient_id": name, "date": str(day), "analyte": analyte, "value": text, "unit": "10*9/L"}
            for day, text in patient.counts
        ]
    record = clean_record({"patients": as_text("patients", people), "results": as_text("results", results)}, "day")
    episodes = pl.DataFrame(
        {
            "gid": [10 + 2 * n for n in range(len(patients))],
            "pid": pl.Series(range(len(patients)), dtype=pl.Int32),
            "index_day": pl.Series([0] * len(patients), dtype=pl.Int32),
            "alive_day": pl.Series([0] * len(patients), dtype=pl.Int32),
            "next_day": pl.Series([p.next_therapy for p in patients], dtype=pl.Int32),
            "pd_day": pl.Series([p.progression for p in patients], dtype=pl.Int64),
        }
    )
    return Registry(record, episodes, patients)


def as_text(table: str, rows: list[dict]) -> pl.DataFrame:
    columns = {name: [row.get(name) for row in rows] for name in TABLES[table].names}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index("row", offset=2)


@pytest.fixture(scope="module")
def neutrophils() -> Registry:
    return registry_of([drawn(seed, NEUTROPHILS, platelets=False) for seed in range(PATIENTS)])


@pytest.fixture(scope="module")
def platelets() -> Registry:
    return registry_of([drawn(seed, THROMBOCYTES, platelets=True) for seed in range(PATIENTS)])


def differences(registry: Registry, told: pl.DataFrame) -> list[tuple]:
    assert told["gid"].to_list() == registry.episodes["gid"].to_list()
    found = []
    for patient, row in zip(registry.patients, told.iter_rows(named=True), strict=True):
        wanted = plainly(patient)
        wrong = {name: (row[name], value) for name, value in wanted.items() if row[name] != value}
        if wrong:
            found.append((patient, wrong))
    return found


def test_neutrophils_of_a_registry_are_graded_as_one_patient_at_a_time(neutrophils):
    assert differences(neutrophils, icaht_of(neutrophils.record, neutrophils.episodes))[:3] == []


def test_platelets_of_a_registry_are_graded_as_one_patient_at_a_time(platelets):
    assert differences(platelets, thrombocytopenia_of(platelets.record, platelets.episodes))[:3] == []


def test_the_drawn_patients_reach_every_answer(neutrophils, platelets):
    """A comparison over patients of one kind would prove little."""
    for registry in (neutrophils, platelets):
        answers = pl.DataFrame([plainly(p) for p in registry.patients], infer_schema_length=None)
        for part in ("early", "late"):
            assert set(answers[f"{part}_grade"]) == {None, 0, 1, 2, 3, 4}, part
            open_ = answers.filter(pl.col(f"{part}_low") < pl.col(f"{part}_high"))
            assert set(open_[f"{part}_low"]) >= {0, 1, 2, 3}, part
        assert answers["early_days_unknown"].max() > 8
        assert answers["early_days_interpolated"].max() > 8


def test_each_day_is_shown_as_it_was_judged(neutrophils):
    """Filled counts lie within a millionth of the exact fraction, and unknown days hold none."""
    few = neutrophils.episodes.head(300)
    told = cytopenia_days(neutrophils.record, few).filter(pl.col("from_infusion") <= 30)
    shown = {gid: list(rows.iter_rows(named=True)) for (gid,), rows in told.partition_by("gid", as_dict=True).items()}
    for place, patient in enumerate(neutrophils.patients[:300]):
        last = until(patient, 30, treatment_ends=False)
        lower, upper = (filled(lowest_a_day(patient, end), 0, last, edges=True) for end in (0, 1))
        rows = shown.get(10 + 2 * place, [])
        assert [row["from_infusion"] for row in rows] == list(range(last + 1))
        for row, lo, hi in zip(rows, lower, upper, strict=True):
            assert (row["how"] == "unknown") == (lo is None) == (row["lo"] is None)
            if lo is not None and hi is not None:
                assert row["lo"] <= lo / LEAST < row["lo"] + 1
                assert row["hi"] - 1 < hi / LEAST <= row["hi"]


def test_no_filling_in_of_unknown_days_leaves_the_range():
    """However the unknown days had been measured, the grade lies in the range; and both its ends are reached."""
    texts = ("0.05", "0.3", "2.0")
    checked = 0
    for seed in range(10_000, 10_400):
        rng = random.Random(seed)
        hole = rng.randint(1, 22)
        counts = tuple((day, rng.choice(texts)) for day in range(31) if not hole <= day < hole + 8)
        if hole + 8 > 30:
            continue
        before = early(Patient(counts, contact=400))
        grades = set()
        for values in itertools.product(("0", "9"), repeat=8):
            days = tuple((hole + n, value) for n, value in enumerate(values))
            grades.add(early(Patient(counts + days, contact=400))["early_grade"])
        assert (min(grades), max(grades)) == (before["early_low"], before["early_high"]), seed
        checked += 1
        if checked == 15:
            break
    assert checked == 15
