"""Scores and suspicions against a plain reading of the published sentences, one patient at a time.

The plain reading holds every amount as an exact interval and every answer as true, false or None; it knows nothing of
the engine but the tables it is given.
"""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import polars as pl
import pytest
from polars.testing import assert_series_equal

from infusions import Result, derived, patient, result
from mspike.safety.expansion import lymphocyte_peak
from mspike.safety.iec_hs import iec_hs
from mspike.safety.scores import car_hematotox, easix, mycare

PATIENTS = 1200
Interval = tuple[Fraction, Fraction]
INFINITE = Fraction(10**12)
STEP = Fraction(1, 10**6)

# At and beside each limit of rules.md 5.4 to 5.7, and far from all of them.
NEAR = {
    "platelets": ("0", "<10", "10", "20", "25", "40", "49", "50", "74", "75", "<80", "100", "175", "176", ">150"),
    "anc": ("<0.1", "0.2", "0.499", "0.5", "0.501", "1.199", "1.2", "1.201", "<1.5", "4"),
    "haemoglobin": ("4", "7.9", "8", "8.1", "8.9", "9", "9.1", "<9.5", "12"),
    "crp": ("<0.3", "<5", "2.9", "3", "3.1", "3.01", "20", ">3"),
    "ferritin": ("<15", "100", "240", "250", "300", "499", "500", "599", "600", "601", "649", "650",
                 "1200", "2000", "2001", ">1500"),
    "ldh": ("150", "300", ">1000"),
    "creatinine": ("<0.2", "1.2", "2"),
    "alt": ("<8", "20", "40", "41", "100", "199", "200", "201", "205", "206", "400"),
    "fibrinogen": ("<60", "149", "150", "151", "179", "180", "181", "300", "<200"),
    "alc": ("<0.1", "0.49", "0.5", "0.51", "0.99", "1", "1.01", "<1.5", "2.99", "3", "3.01", ">2", "6"),
}  # fmt: skip
LIMITS = {"ferritin": {"ref_high": 300}, "alt": {"ref_high": 40}, "fibrinogen": {"ref_low": 180}}


def read(text: str) -> Interval:
    if text.startswith("<"):
        return Fraction(0), Fraction(text[1:]) - STEP
    if text.startswith(">"):
        return Fraction(text[1:]), INFINITE
    return Fraction(text), Fraction(text)


def holds(sure: bool, impossible: bool) -> bool | None:
    return True if sure else False if impossible else None


def either(*answers: bool | None) -> bool | None:
    if True in answers:
        return True
    return None if None in answers else False


def both(*answers: bool | None) -> bool | None:
    if False in answers:
        return False
    return None if None in answers else True


def against(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def above(value: Interval, limit: Fraction | int) -> bool | None:
    return holds(value[0] > limit, value[1] <= limit)


def under(value: Interval, limit: Fraction | int) -> bool | None:
    return holds(value[1] < limit, value[0] >= limit)


# ---- generated patients ---------------------------------------------------------------------------------------------


def some_results(luck: random.Random) -> list[Result]:
    """Values before lymphodepletion on day -5, at infusion, and in a narrow stretch after it, so that they meet."""
    found = []
    for analyte, values in NEAR.items():
        before = luck.sample(range(-22, 1), luck.choice((0, 1, 1, 2)))
        after = luck.sample((*range(7, 17), 20, 59, 60, 61), luck.choice((0, 1, 2, 4)))
        for day in before + after:
            limits = LIMITS.get(analyte, {}) if luck.random() < 0.8 else {}
            found.append(result(day, analyte, luck.choice(values), **limits))
    return found


def some_events(luck: random.Random) -> list[dict]:
    if luck.random() < 0.5:
        return []
    detail = luck.choice((None, "marrow", "not seen"))
    return [{"date": luck.randint(5, 18), "event": "haemophagocytosis", "detail": detail}]


@pytest.fixture(scope="module")
def registry():
    """The same patients as data for the plain reading and as everything derived of them."""
    luck = random.Random(20240607)
    told = [
        patient(some_results(luck), some_events(luck), ld_day=luck.choice((-5, -5, -5, None))) for _ in range(PATIENTS)
    ]
    return told, derived(*told)


def last_before(told: dict, analyte: str, day: int, oldest: int) -> Result | None:
    """The last value of an earlier day, else of the day itself."""
    found = [r for r in told["results"] if r[1] == analyte and day - oldest <= r[0] <= day]
    earlier = [r for r in found if r[0] < day]
    return max(earlier or found, key=lambda r: r[0], default=None)


def prepared(told: dict) -> int:
    return 0 if told["ld"] is None else told["ld"]


# ---- CAR-HEMATOTOX --------------------------------------------------------------------------------------------------


def points(analyte: str, value: Fraction) -> int:
    match analyte:
        case "platelets":
            return 0 if value > 175 else 1 if value >= 75 else 2
        case "anc":
            return 1 if value * 1000 < 1200 else 0
        case "haemoglobin":
            return 1 if value < 9 else 0
        case "crp":
            return 1 if value > 3 else 0
    return 0 if value < 650 else 1 if value <= 2000 else 2


MOST = {"platelets": 2, "anc": 1, "haemoglobin": 1, "crp": 1, "ferritin": 2}


def plain_hematotox(told: dict) -> tuple:
    least = most = 0
    missing = []
    for analyte in MOST:
        one = last_before(told, analyte, prepared(told), 14)
        if one is None:
            missing.append(analyte)
            most += MOST[analyte]
            continue
        ends = [points(analyte, end) for end in read(one[2])]
        least, most = least + min(ends), most + max(ends)
    return least, most, "high" if least >= 2 else "low" if most <= 1 else None, missing


def test_car_hematotox_equals_the_plain_reading(registry):
    told, found = registry
    got = car_hematotox(found).select("low", "high", "risk", "missing").rows()
    want = [plain_hematotox(one) for one in told]
    assert got == want
    assert {w[2] for w in want} == {"high", "low", None}


# ---- EASIX ----------------------------------------------------------------------------------------------------------


def plain_easix(told: dict, factor: str | None) -> tuple[float | None, float | None]:
    needed = ["ldh", "platelets"] + ([factor] if factor else [])
    ones = {a: last_before(told, a, prepared(told), 14) for a in needed}
    if None in ones.values():
        return None, None
    values = {a: read(one[2]) for a, one in ones.items() if one is not None}
    platelets = values.pop("platelets")
    if platelets[1] == 0:
        return None, None
    low, high = (math.prod(v[end] for v in values.values()) for end in (0, 1))
    least = 0.0 if platelets[1] == INFINITE else float(low / platelets[1])
    endless = platelets[0] == 0 or any(v[1] == INFINITE for v in values.values())
    return least, None if endless else float(high / platelets[0])


@pytest.mark.parametrize(("index", "factor"), [("easix", "creatinine"), ("m_easix", "crp"), ("s_easix", None)])
def test_easix_and_its_variants_equal_the_plain_reading(registry, index, factor):
    told, found = registry
    got = easix(found)
    want = [plain_easix(one, factor) for one in told]
    for place, end in enumerate(("low", "high")):
        expected = pl.Series([w[place] for w in want], dtype=pl.Float64)
        assert_series_equal(got[f"{index}_{end}"], expected, check_names=False, rel_tol=1e-9, abs_tol=0)
    exact = got.filter(pl.col(index).is_not_null())
    assert 50 < exact.height < PATIENTS
    assert exact[index].to_list() == exact[f"{index}_low"].to_list() == exact[f"{index}_high"].to_list()
    assert [2**log for log in exact[f"{index}_log2"]] == pytest.approx(exact[index].to_list())


# ---- MyCARe ---------------------------------------------------------------------------------------------------------


def plain_mycare(mass, leukaemia, lenalidomide, cytogenetics, ferritin) -> tuple:
    """Every way in which the unknown findings could turn out."""
    told = (mass, leukaemia, lenalidomide, cytogenetics, ferritin)
    ways = itertools.product(*[(True, False) if answer is None else (answer,) for answer in told])
    scores = {(m or p) + le + c + f for m, p, le, c, f in ways}
    classes = {"low" if s <= 1 else "high" if s == 4 else "intermediate" for s in scores}
    one = classes.pop() if len(classes) == 1 else None
    return min(scores), max(scores), one, {"low": 7, "intermediate": 27, "high": 53}.get(one or "")


def test_mycare_equals_the_plain_reading_of_every_combination():
    names = (
        "extraosseous",
        "plasma_cell_leukaemia",
        "lenalidomide_refractory",
        "high_risk_cytogenetics",
        "ferritin_raised",
    )
    every = list(itertools.product((True, False, None), repeat=5))
    frame = pl.DataFrame(every, schema=dict.fromkeys(names, pl.Boolean), orient="row")
    got = mycare(frame).select("low", "high", "risk", "relapse_5_months_percent").rows()
    assert got == [plain_mycare(*one) for one in every]


# ---- the lymphocyte peak --------------------------------------------------------------------------------------------


def plain_peak(told: dict) -> tuple:
    counts = [(r[0], read(r[2])) for r in told["results"] if r[1] == "alc" and r[0] >= 0]

    def peaked(limit: Fraction, last: int, first_due: int, last_due: int) -> bool | None:
        inside = [(day, value) for day, value in counts if day <= last]
        if any(value[0] > limit for _, value in inside):
            return True
        due = any(first_due <= day <= last_due for day, _ in inside)
        return False if due and all(value[1] <= limit for _, value in inside) else None

    good = peaked(Fraction(1), 15, 7, 15)
    little = peaked(Fraction(1, 2), 15, 7, 15)
    return peaked(Fraction(3), 28, 10, 21), good, against(good), against(little)


def test_the_lymphocyte_peak_equals_the_plain_reading(registry):
    told, found = registry
    got = lymphocyte_peak(found).select("alert", "expansion_good", "expansion_poor", "expansion_very_poor").rows()
    want = [plain_peak(one) for one in told]
    assert got == want
    assert all({w[place] for w in want} == {True, False, None} for place in range(4))


# ---- IEC-HS ---------------------------------------------------------------------------------------------------------


def more_than_times(value: Interval, other: Interval | None, times: int) -> bool | None:
    if other is None:
        return None
    return holds(value[0] > other[1] * times, value[1] <= other[0] * times)


def limit_of(one: Result, name: str) -> Interval | None:
    return (Fraction(one[3][name]), Fraction(one[3][name])) if name in one[3] else None


def before_of(told: dict, analyte: str) -> Result | None:
    day = 0 if analyte in ("ferritin", "alt") else prepared(told)
    return last_before(told, analyte, day, 28)


def ferritin_met(told: dict, one: Result) -> bool | None:
    value, before = read(one[2]), before_of(told, "ferritin")
    earlier = [read(r[2]) for r in told["results"] if r[1] == "ferritin" and r[0] >= 0 and 1 <= one[0] - r[0] <= 3]
    doubled = either(*(holds(value[0] >= 2 * e[1], value[1] < 2 * e[0]) for e in earlier)) if earlier else None
    high = holds(value[0] >= 500, value[1] < 500)
    return either(
        more_than_times(value, limit_of(one, "ref_high"), 2),
        more_than_times(value, read(before[2]) if before else None, 2),
        both(doubled, high),
    )


def transaminases_met(told: dict, one: Result) -> bool | None:
    value, before, limit = read(one[2]), before_of(told, "alt"), limit_of(one, "ref_high")
    by_limit = more_than_times(value, limit, 5)
    raised = None
    if before is not None and (its_limit := limit_of(before, "ref_high")):
        raised = above(read(before[2]), its_limit[0])
    return more_than_times(value, read(before[2]), 5) if raised and before else by_limit


def fibrinogen_met(one: Result) -> bool | None:
    limit = limit_of(one, "ref_low")
    return either(under(read(one[2]), 150), under(read(one[2]), limit[0]) if limit else None)


LEVEL = {"anc": Fraction(1, 2), "platelets": Fraction(50), "haemoglobin": Fraction(8)}


def low_count_met(told: dict, one: Result) -> bool | None:
    value, before = read(one[2]), before_of(told, one[1])
    if before is None:
        return both(under(value, LEVEL[one[1]]), None)
    was = read(before[2])
    halved = holds(value[1] * 2 <= was[0], value[0] * 2 > was[1])
    return both(under(value, LEVEL[one[1]]), either(against(under(was, LEVEL[one[1]])), halved))


def met(told: dict, item: str, days: range) -> bool | None:
    """Was the finding there on one of these days? Not measured on any: unknown."""
    if item == "cytopenia":
        return either(*(met(told, lineage, days) for lineage in LEVEL))
    if item == "haemophagocytosis":
        seen = [e for e in told["events"] if 0 <= e["date"] <= 60]
        if any(e["detail"] != "not seen" and e["date"] <= max(days) for e in seen):
            return True
        return False if any(e["date"] in days for e in seen) else None
    analyte = {"transaminases": "alt"}.get(item, item)
    rows = [r for r in told["results"] if r[1] == analyte and r[0] in days and 0 <= r[0] <= 60]
    asks = {
        "transaminases": lambda r: transaminases_met(told, r),
        "fibrinogen": fibrinogen_met,
    }
    return either(*(asks.get(item, lambda r: low_count_met(told, r))(r) for r in rows)) if rows else None


SUPPORTING = ("transaminases", "fibrinogen", "haemophagocytosis", "cytopenia")


def plain_iec_hs(told: dict) -> tuple[bool | None, int | None]:
    days_sure, unsure, asked = [], False, False
    for one in (r for r in told["results"] if r[1] == "ferritin" and 0 <= r[0] <= 60):
        asked, day, required = True, one[0], ferritin_met(told, one)
        around = [met(told, item, range(day - 3, day + 4)) for item in SUPPORTING]
        if required and around.count(True) >= 2:
            days_sure.append(
                min(
                    last
                    for last in range(day, day + 4)
                    if [met(told, item, range(day - 3, last + 1)) for item in SUPPORTING].count(True) >= 2
                )
            )
        elif required is not False and around.count(False) <= 2:
            unsure = True
    if days_sure:
        return True, min(days_sure)
    return (False if asked and not unsure else None), None


def test_iec_hs_equals_the_plain_reading(registry):
    told, found = registry
    got = iec_hs(found).select("suspected", "suspected_at").rows()
    want = [plain_iec_hs(one) for one in told]
    assert got == want
    answers = [w[0] for w in want]
    assert min(answers.count(answer) for answer in (True, False, None)) > 20


def test_nothing_measured_answers_nothing():
    nothing = derived(patient(), patient(ld_day=None, agent=None))
    assert car_hematotox(nothing)["risk"].to_list() == [None, None]
    assert iec_hs(nothing)["suspected"].to_list() == [None, None]
    assert lymphocyte_peak(nothing)["alert"].to_list() == [None, None]


def test_an_answer_does_not_depend_on_other_patients(registry):
    told, found = registry
    alone = [derived(one) for one in told[:5]]
    assert [iec_hs(d)["suspected"][0] for d in alone] == iec_hs(found)["suspected"].to_list()[:5]
    assert [car_hematotox(d)["low"][0] for d in alone] == car_hematotox(found)["low"].to_list()[:5]


def test_a_registry_without_infusion_has_no_row():
    never = derived(patient(infusions=(), ld_day=None, last_contact_date=10))
    one = car_hematotox(never)
    # In a day registry the infusion on day 0 is implied where no treatment is told.
    assert one.height == iec_hs(never).height == 1
