"""A plain reading of the stages agrees: whatever is missing is filled in every way, and each way is staged by hand.

Written from rules.md 3.3, not from the engine: the range must be exactly that of the completions, and the items named
as missing must be enough to settle the answer.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cache

import polars as pl

from mspike.course.derived import derive
from mspike.course.stage import stages_of
from mspike.knowledge.criteria import criteria
from mspike.record.record import clean_record
from mspike.record.tables import TABLES
from mspike.response.settings import settings_of

PATIENTS = 400
DIAGNOSIS, INFUSION = -1000, 0

B2M = (None, "3.49", "3.5", "5.49", "5.5", "<3.5", "<3.6", "<6", ">5.4", ">5.5")
ALBUMIN = (None, "3.49", "3.5", "<3.5", "<3.6", ">3.4")
CREATININE = (None, "1.19", "1.2", "<1.3")
LDH = (None, "250/250", "251/250", "300", "<260/250", "<250/250", ">240/250")
MARKER = (None, "absent", "present")
SHARED = (None, "absent", "present", "present 0.19", "present 0.2", "present above")
LOST = (None, "absent", "present", "mono", "bi")


@dataclass(frozen=True)
class Patient:
    """Everything as reported; None was not done."""

    b2m: str | None
    albumin: str | None
    creatinine: str | None
    ldh: str | None
    del17p: str | None
    tp53: str | None
    t414: str | None
    t1416: str | None
    t1420: str | None
    gain1q: str | None
    amp1q: str | None
    del1p32: str | None


REPORTED = (B2M, ALBUMIN, CREATININE, LDH, SHARED, SHARED, MARKER, MARKER, MARKER, MARKER, MARKER, LOST)
CHOICES = dict(zip((f.name for f in fields(Patient)), REPORTED, strict=True))
QUIET = {"b2m": "3.49", "albumin": "3.5", "creatinine": "1.2", "ldh": "250/250"}
MARKERS = {"del17p": "del17p", "tp53": "TP53", "t414": "t(4;14)", "t1416": "t(14;16)", "t1420": "t(14;20)",
           "gain1q": "gain1q", "amp1q": "amp1q", "del1p32": "del1p32"}  # fmt: skip


def drawn(seed: int) -> list[Patient]:
    """Some patients with everything, most with a few items missing or unclear, some with nearly nothing."""
    draw = random.Random(seed)
    found = []
    for _ in range(PATIENTS):
        missing, quiet = draw.choice((0, 0.1, 0.3, 0.8)), draw.choice((0, 0.5, 0.9))
        values: dict[str, str | None] = {}
        for name, choices in CHOICES.items():
            value = QUIET.get(name, "absent") if draw.random() < quiet else draw.choice(choices[1:])
            values[name] = None if draw.random() < missing else value
        found.append(Patient(**values))
    return found


# ---- the plain reading ----------------------------------------------------------------------------------------------


def amounts(text: str | None, limits: tuple[str, ...]) -> list[Fraction]:
    """Values that the text allows, at least one from each side of every limit where it allows both."""
    near = [Fraction(limit) + step for limit in limits for step in (Fraction(-1, 100), Fraction(0), Fraction(1, 100))]
    if text is None:
        return near
    if text[0] == "<":
        return [v for v in near if v < Fraction(text[1:])] or [Fraction(0)]
    if text[0] == ">":
        return [v for v in near if v >= Fraction(text[1:])] or [Fraction(text[1:])]
    return [Fraction(text)]


def ldh_high(text: str | None) -> list[bool]:
    if text is None or "/" not in text:
        return [False, True]
    value, limit = text.split("/")
    return sorted({v > Fraction(limit) for v in amounts(value, (limit,))})


def there(text: str | None) -> list[bool]:
    return [False, True] if text is None else [text != "absent"]


def extra_1q(patient: Patient) -> list[bool]:
    """More than two copies of 1q. A gain that was excluded excludes an amplification."""
    if "present" in (patient.gain1q, patient.amp1q):
        return [True]
    return [False] if patient.gain1q == "absent" else [False, True]


def in_enough_cells(text: str | None) -> list[bool]:
    known = {"absent": [False], "present 0.19": [False], "present 0.2": [True], "present above": [True]}
    return known.get(text or "", [False, True])


def copies_of_1p32_lost(text: str | None) -> list[int]:
    return {None: [0, 1, 2], "absent": [0], "present": [1, 2], "mono": [1], "bi": [2]}[text]


def iss(b2m: Fraction, albumin: Fraction) -> int:
    if b2m >= Fraction("5.5"):
        return 3
    return 1 if b2m < Fraction("3.5") and albumin >= Fraction("3.5") else 2


def r_iss(stage: int, ldh: bool, markers: bool) -> int:
    if stage == 1 and not ldh and not markers:
        return 1
    return 3 if stage == 3 and (ldh or markers) else 2


def r2_points(stage: int, ldh: bool, del17p: bool, t414: bool, extra: bool) -> Fraction:
    return Fraction({1: 0, 2: 2, 3: 3}[stage] + 2 * ldh + 2 * del17p + 2 * t414 + extra, 2)


def r2_stage(points: Fraction) -> int:
    if points == 0:
        return 1
    return 2 if points <= 1 else 3 if points <= Fraction(5, 2) else 4


def high_risk(tp53: bool, shifted: bool, extra: bool, lost: int, b2m: Fraction, creatinine: Fraction) -> bool:
    return (
        tp53
        or (shifted and (extra or lost > 0))
        or (lost == 1 and extra)
        or lost == 2
        or (b2m >= Fraction("5.5") and creatinine < Fraction("1.2"))
    )


def iss_ways(patient: Patient) -> set[int]:
    b2m, albumin = amounts(patient.b2m, ("3.5", "5.5")), amounts(patient.albumin, ("3.5",))
    return {iss(b, a) for b in b2m for a in albumin}


def r_iss_ways(patient: Patient) -> set[int]:
    markers = itertools.product(there(patient.del17p), there(patient.t414), there(patient.t1416))
    any_ = {any(way) for way in markers}
    return {r_iss(s, h, m) for s in iss_ways(patient) for h in ldh_high(patient.ldh) for m in any_}


def r2_ways(patient: Patient) -> set[Fraction]:
    items = (iss_ways(patient), ldh_high(patient.ldh), there(patient.del17p), there(patient.t414), extra_1q(patient))
    return {r2_points(*way) for way in itertools.product(*items)}


def high_risk_ways(patient: Patient) -> set[bool]:
    first = {a or b for a in in_enough_cells(patient.del17p) for b in in_enough_cells(patient.tp53)}
    shifted = {any(w) for w in itertools.product(there(patient.t414), there(patient.t1416), there(patient.t1420))}
    items = (first, shifted, extra_1q(patient), copies_of_1p32_lost(patient.del1p32),
             amounts(patient.b2m, ("5.5",)), amounts(patient.creatinine, ("1.2",)))  # fmt: skip
    return {high_risk(*way) for way in itertools.product(*items)}


# ---- the engine -----------------------------------------------------------------------------------------------------


def rows_of(number: int, patient: Patient, day: int) -> Iterator[tuple[str, dict]]:
    units = {"b2m": "mg/L", "albumin": "g/dL", "creatinine": "mg/dL", "ldh": "U/L"}
    name = f"P{number:04d}"
    for analyte, unit in units.items():
        if (text := getattr(patient, analyte)) is not None:
            value, _, limit = text.partition("/")
            row = {"patient_id": name, "date": day, "analyte": analyte, "value": value, "unit": unit}
            yield "results", {**row, "ref_high": limit or None}
    for item, marker in MARKERS.items():
        if (text := getattr(patient, item)) is not None:
            word, _, more = text.partition(" ")
            finding = {"mono": "monoallelic deletion", "bi": "biallelic deletion"}.get(word, word)
            finding += " above cut-off" if more == "above" else ""
            fraction = more if more[:1].isdigit() else None
            yield "genetics", {"patient_id": name, "date": day, "marker": marker, "finding": finding,
                               "fraction": fraction}  # fmt: skip


def staged(many: list[Patient], at: str) -> list[dict]:
    """The engine's row for each patient, with everything reported on the day of diagnosis or of the infusion."""
    rows: dict[str, list[dict]] = {"patients": [], "treatments": [], "results": [], "genetics": []}
    for number, patient in enumerate(many):
        name = f"P{number:04d}"
        rows["patients"].append({"patient_id": name, "diagnosis_date": DIAGNOSIS})
        rows["treatments"].append({"patient_id": name, "start_date": INFUSION, "agent": "ide-cel", "role": "infusion"})
        for table, row in rows_of(number, patient, DIAGNOSIS if at == "diagnosis" else INFUSION):
            rows[table].append(row)
    raw = {}
    for table, given in rows.items():
        text = {c: [None if r.get(c) is None else str(r[c]) for r in given] for c in TABLES[table].names}
        raw[table] = pl.DataFrame(text, schema=dict.fromkeys(text, pl.String)).with_row_index("row", offset=2)
    rules = criteria("imwg-2016")
    stages = stages_of(derive(clean_record(raw, "day"), rules, settings_of(rules)))
    return stages.filter(pl.col("at") == at).sort("pid").to_dicts()


@cache
def both(at: str, seed: int) -> tuple[list[Patient], list[dict]]:
    many = drawn(seed)
    return many, staged(many, at)


def answers(row: dict) -> dict:
    ims = row["ims_2025_high_risk"]
    return {
        "iss": (row["iss_low"], row["iss_high"]),
        "riss": (row["riss_low"], row["riss_high"]),
        "points": (row["r2iss_points_low"], row["r2iss_points_high"]),
        "r2iss": (row["r2iss_low"], row["r2iss_high"]),
        "ims": {False, True} if ims is None else {ims},
    }


def by_hand(patient: Patient) -> dict:
    points = r2_ways(patient)
    return {
        "iss": (min(iss_ways(patient)), max(iss_ways(patient))),
        "riss": (min(r_iss_ways(patient)), max(r_iss_ways(patient))),
        "points": (float(min(points)), float(max(points))),
        "r2iss": (r2_stage(min(points)), r2_stage(max(points))),
        "ims": high_risk_ways(patient),
    }


def test_the_range_is_that_of_every_way_to_fill_in_what_is_missing() -> None:
    for at in ("diagnosis", "car_t"):
        many, rows = both(at, seed=1)
        assert len(rows) == len(many)
        assert [(p, answers(r)) for p, r in zip(many, rows, strict=True) if answers(r) != by_hand(p)] == []


def test_the_drawn_patients_reach_every_answer() -> None:
    """Else the comparison above would prove little."""
    _, rows = both("car_t", seed=1)
    for score, stages in (("iss", 3), ("riss", 3), ("r2iss", 4)):
        assert {row[score] for row in rows} == {None, *range(1, stages + 1)}
        assert len({(row[f"{score}_low"], row[f"{score}_high"]) for row in rows}) >= 2 * stages - 1
    assert {row["ims_2025_high_risk"] for row in rows} == {True, False, None}


# What may become known of each item once it is asked for. Amounts stay within what was reported.
SETTLING = {
    "b2m": {"b2m": ("3.5", "5.5")},
    "albumin": {"albumin": ("3.5",)},
    "creatinine": {"creatinine": ("1.2",)},
    "ldh": {"ldh": ("250",)},
    "ldh_upper_limit": {"ldh": ("300/250", "300/350")},
    "del17p": {"del17p": ("absent", "present 0.19", "present 0.2")},
    "del17p_fraction": {"del17p": ("present 0.19", "present 0.2")},
    "TP53": {"tp53": ("absent", "present 0.19", "present 0.2")},
    "TP53_fraction": {"tp53": ("present 0.19", "present 0.2")},
    "t(4;14)": {"t414": ("absent", "present")},
    "t(14;16)": {"t1416": ("absent", "present")},
    "t(14;20)": {"t1420": ("absent", "present")},
    "gain1q": {"gain1q": ("absent", "present")},
    "del1p32": {"del1p32": ("absent", "mono", "bi")},
    "del1p32_alleles": {"del1p32": ("mono", "bi")},
}
ASKED = {"missing_iss": "iss", "missing_riss": "riss", "missing_r2iss": "r2iss", "missing_ims": "ims"}


def asked_again(patient: Patient, item: str, draw: random.Random) -> dict[str, str]:
    ((name, answers_),) = SETTLING[item].items()
    if item not in ("b2m", "albumin", "creatinine", "ldh"):
        return {name: draw.choice(answers_)}
    value, _, limit = (getattr(patient, name) or "").partition("/")
    known = str(float(draw.choice(amounts(value or None, answers_))))
    return {name: f"{known}/{limit or 250}" if name == "ldh" else known}


def open_(patient: Patient, score: str) -> bool:
    answer = by_hand(patient)[score]
    return len(answer) > 1 if score == "ims" else answer[0] < answer[1]


def test_items_are_named_as_missing_exactly_where_the_answer_is_open() -> None:
    many, rows = both("car_t", seed=1)
    for column, score in ASKED.items():
        assert [p for p, row in zip(many, rows, strict=True) if bool(row[column]) is not open_(p, score)] == []


def test_the_items_named_as_missing_are_enough_to_settle_the_answer() -> None:
    many, rows = both("car_t", seed=1)
    draw = random.Random(2)
    for column, score in ASKED.items():
        for patient, row in zip(many, rows, strict=True):
            for _ in range(3):
                told = {k: v for item in row[column] for k, v in asked_again(patient, item, draw).items()}
                assert not open_(replace(patient, **told), score), (patient, row[column], told)


def test_what_is_known_is_not_asked_for() -> None:
    """An item named as missing was not done, or was reported too coarsely to settle its limit."""
    settled = {"b2m": ("3.49", "3.5", "5.49", "5.5"), "albumin": ("3.49", "3.5"), "creatinine": ("1.19", "1.2"),
               "t414": ("absent", "present"), "t1416": ("absent", "present"), "t1420": ("absent", "present"),
               "gain1q": ("absent", "present"), "del1p32": ("absent", "mono", "bi"),
               "del17p": ("absent", "present 0.19", "present 0.2", "present above"),
               "tp53": ("absent", "present 0.19", "present 0.2", "present above")}  # fmt: skip
    many, rows = both("car_t", seed=1)
    for patient, row in zip(many, rows, strict=True):
        for item in {item for column in ASKED for item in row[column]}:
            (name,) = SETTLING[item]
            assert getattr(patient, name) not in settled.get(name, ()), (patient, item)
