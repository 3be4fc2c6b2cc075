"""Patients whose values lie at, and one step beside, every threshold of the criteria.

Drawn at large, values almost never meet a boundary, and the boundary is what a criterion is about (style.md 3.6). Each
amount is therefore picked from the limits that the baseline and the lowest earlier value imply, moved by one step.
Amounts have at most three decimals. Visits lie at least 8 days apart, so that clustering rows into visits (rules 1.3b)
gives the same visits back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from hypothesis import strategies as st
from plain_reading import Lesion, Patient, Visit

KINDS = ("serum", "urine", "both", "flc", "marrow", "plasmacytoma", "non_measurable", "unmeasured")
LONGEST_SHRINKS = (Decimal(1), Decimal("0.5"), Decimal("0.7"), Decimal("0.3"))

IFE = ("negative", "negative", "positive", None, "therapeutic_antibody", "oligoclonal")
CLONALITY = (None, "absent", "absent", "present")
CAUSES = ("myeloma", "myeloma", "infection", "toxicity", "second_malignancy", "other", "unknown", None)
FIRST_DAYS = (28, 28, 28, 21, 20, 10)
GAPS = (28, 28, 28, 8, 62, 63, 83, 84, 85, 95, 96, 127, 128, 155, 156)
RELAPSE_DAYS = (
    (28, 56, 183, 211),
    (28, 56, 184, 212),
    (28, 56, 152, 180),
    (28, 56, 112, 153, 181),
    (28, 56, 84, 112, 183, 211),
)

# What a patient's visits are like: anything near a threshold; mostly in remission; rising from the nadir only; complete
# and near the limits of a response; remission, then two visits that rise.
STORIES = ("mixed", "mixed", "remission", "rising", "complete", "relapse")

SERUM_STEP, URINE_STEP, FLC_STEP, MARROW_STEP = Decimal("0.001"), Decimal(1), Decimal("0.1"), Decimal(1)


@dataclass
class Seen:
    """What has been measured so far of one parameter: the baseline and the lowest value."""

    baseline: Decimal | None
    lowest: Decimal | None = field(default=None)
    rising: bool = False
    falling: bool = False

    def __post_init__(self) -> None:
        self.lowest = self.baseline

    def add(self, value: Decimal) -> None:
        self.lowest = value if self.lowest is None else min(self.lowest, value)


def beside(limits: list[Decimal], step: Decimal) -> list[Decimal]:
    """Every limit, one step below it and one above it, on the grid of steps and not negative."""
    grid = set()
    for limit in limits:
        floor = (limit / step).to_integral_value(ROUND_FLOOR) * step
        ceiling = (limit / step).to_integral_value(ROUND_CEILING) * step
        grid |= {floor - step, floor, ceiling, ceiling + step}
    return sorted(value for value in grid if value >= 0)


def text(value: Decimal) -> str:
    return format(value.normalize() if value else Decimal(0), "f")


def limits(seen: Seen, falls: tuple[str, ...], rises: tuple[int | Decimal, ...], levels: tuple[int | str, ...]):
    """The values at which a category can change: falls from baseline, rises from the nadir, fixed levels."""
    found = [] if seen.rising and seen.lowest is not None else [Decimal(level) for level in levels]
    if seen.baseline is not None and not (seen.rising and seen.lowest is not None):
        found += [seen.baseline * Decimal(share) for share in falls]
    if seen.lowest is not None and not (seen.falling and found):
        found += [seen.lowest * Decimal("1.25"), *(seen.lowest + Decimal(up) for up in rises)]
    return found


def reported(draw, seen: Seen, near: list[Decimal], step: Decimal, unquantified: tuple[str, ...], missing: int):
    """A report text near a threshold; often 0, sometimes '<x' or '>x', one in so many not done."""
    if missing and draw(st.integers(1, missing)) == 1:
        return None
    kind = "near" if seen.rising else draw(st.sampled_from(("near",) * 7 + ("zero",) * 2 + ("unquantified",)))
    if kind == "unquantified":
        return draw(st.sampled_from(unquantified))
    value = Decimal(0) if kind == "zero" else draw(st.sampled_from(beside(near, step)))
    seen.add(value)
    return text(value)


def serum(draw, seen: Seen, missing: int = 6):
    near = limits(seen, ("0.75", "0.5", "0.1", "1"), (Decimal("0.5"), 1), (5, "0.2"))
    return reported(draw, seen, near, SERUM_STEP, ("<0.1", "<0.5", "<0.3", ">5"), missing)


def urine(draw, seen: Seen, missing: int = 6):
    if seen.falling and draw(st.integers(1, 2)) == 1:
        return "0"
    near = limits(seen, ("0.5", "0.1", "1"), (200,), (100, 200))
    return reported(draw, seen, near, URINE_STEP, ("<10", "<100", "<101", "<200", ">1000"), missing)


def marrow(draw, seen: Seen, missing: int = 3):
    near = limits(seen, ("0.5", "1"), (10,), (5, 10, 30))
    return reported(draw, seen, near, MARROW_STEP, ("<5", "<1", "<6"), missing)


def chains(draw, seen: Seen, chain: str, missing: int = 6):
    """Kappa and lambda: dFLC near its thresholds, or the ratio at 0.26 or 1.65."""
    if missing and draw(st.integers(1, missing)) == 1:
        return draw(st.sampled_from(((None, None), (None, "5"), ("12", None))))
    if not seen.rising and draw(st.integers(1, 4)) == 1:
        return ratio_near_its_limits(draw, seen, chain)
    uninvolved = draw(st.sampled_from(("5", "10", "2.5", "0", "<1", "100")))
    near = limits(seen, ("0.75", "0.5", "0.1", "1"), (100,), (0,))
    dflc = draw(st.sampled_from(beside(near, FLC_STEP)))
    involved = text(dflc + Decimal(uninvolved.lstrip("<")))
    if not uninvolved.startswith("<"):
        seen.add(dflc)
    if not seen.rising and draw(st.integers(1, 12)) == 1:
        involved = draw(st.sampled_from(("<1", "<5", "<100", ">500")))
    return (involved, uninvolved) if chain == "kappa" else (uninvolved, involved)


def ratio_near_its_limits(draw, seen: Seen, chain: str):
    lambda_ = draw(st.sampled_from((Decimal(10), Decimal(20), Decimal(100))))
    limit = draw(st.sampled_from((Decimal("0.26"), Decimal("1.65"), Decimal(1))))
    kappa = draw(st.sampled_from(beside([lambda_ * limit], FLC_STEP)))
    involved, uninvolved = (kappa, lambda_) if chain == "kappa" else (lambda_, kappa)
    seen.add(max(Decimal(0), involved - uninvolved))
    return text(kappa), text(lambda_)


@dataclass
class SeenLesion:
    """One lesion's last and smallest size."""

    lesion_id: str
    baseline: tuple[Decimal, Decimal]
    smallest: tuple[Decimal, Decimal]


def lesion_now(draw, seen: SeenLesion) -> Lesion:
    """The lesion resolved, halved in area, 1.5 x its smallest longest diameter or area, 10 mm larger, or unchanged."""
    how = draw(st.sampled_from(("resolved", "halved", "half longer", "half larger", "10 mm", "same", "shrunk")))
    if how == "resolved":
        seen.smallest = (Decimal(0), Decimal(0))
        return Lesion(seen.lesion_id, None, None, "resolved")
    longest, perp = seen.smallest if any(seen.smallest) else seen.baseline
    if how == "halved":
        longest, perp = seen.baseline[0] / 2, seen.baseline[1]
    elif how == "half longer":
        longest = longest * Decimal("1.5")
    elif how == "half larger":
        perp = perp * Decimal("1.5")
    elif how == "10 mm":
        longest, perp = longest + 10, draw(st.sampled_from((Decimal(10), Decimal(11))))
    elif how == "shrunk":
        longest = longest * draw(st.sampled_from(LONGEST_SHRINKS))
    longest = draw(st.sampled_from([v for v in beside([longest], Decimal(1)) if v > 0]))
    perp = max(Decimal(1), perp.to_integral_value(ROUND_FLOOR))
    if longest < seen.smallest[0]:
        seen.smallest = (longest, perp)
    return Lesion(seen.lesion_id, text(longest), text(perp))


def imaging(draw, seen: list[SeenLesion], partial: bool) -> tuple[Lesion, ...]:
    """All known lesions, seldom a new one, new uptake or a fracture; `partial` leaves out some."""
    found = [lesion_now(draw, lesion) for lesion in seen if not (partial and draw(st.integers(1, 6)) == 1)]
    extra = draw(st.sampled_from((None,) * 12 + ("new", "measured", "new_uptake", "fracture")))
    if extra in ("new", "measured"):
        name = f"new{len(seen)}"
        found.append(Lesion(name, "12", "11", extra))
        seen.append(SeenLesion(name, (Decimal(12), Decimal(11)), (Decimal(12), Decimal(11))))
    elif extra:
        found.append(Lesion(f"{extra}{len(seen)}", None, None, extra))
    return tuple(found)


def baseline_lesions(draw, kind: str) -> list[SeenLesion]:
    """One to three lesions in plasmacytoma patients, seldom one in others; short axes at and beside 10 mm."""
    often = kind == "plasmacytoma"
    count = draw(st.sampled_from((1, 2, 2, 3))) if often else draw(st.sampled_from((0,) * 7 + (1, 2)))
    sizes = ((40, 30), (20, 10), (20, 11), (12, 9), (24, 12))
    drawn = [draw(st.sampled_from(sizes)) for _ in range(count)]
    return [
        SeenLesion(f"L{number}", (Decimal(a), Decimal(b)), (Decimal(a), Decimal(b)))
        for number, (a, b) in enumerate(drawn)
    ]


def baseline_amounts(draw, kind: str) -> dict[str, Decimal | None]:
    """Serum M, urine M, involved FLC and marrow at baseline, so that the kind is met or just missed."""
    low_serum = draw(st.sampled_from(("0", "0", "0.3", "0.999")))
    low_urine = draw(st.sampled_from(("0", "0", "99", "100", "150", "199")))
    amounts = {
        "serum": draw(st.sampled_from(("1", "1.1", "2.8", "3", "4.0", "4.9", "5", "7.2"))),
        "urine": draw(st.sampled_from(("200", "201", "400", "900", "1000"))),
        "involved": draw(st.sampled_from(("100", "100.1", "205", "405", "805"))),
        "marrow": draw(st.sampled_from(("30", "31", "40", "60"))),
    }
    if kind not in ("serum", "both"):
        amounts["serum"] = low_serum
    if kind not in ("urine", "both"):
        amounts["urine"] = low_urine if kind != "serum" or draw(st.integers(1, 6)) > 1 else None
    if kind == "urine" and draw(st.integers(1, 6)) == 1:
        amounts["serum"] = None
    if kind in ("marrow", "plasmacytoma", "non_measurable", "unmeasured"):
        amounts["involved"] = draw(st.sampled_from(("12", "12", "99.9", None)))
    if kind != "marrow":
        amounts["marrow"] = draw(st.sampled_from(("2", "20", "29", None)))
    if kind == "unmeasured":
        amounts |= dict.fromkeys(draw(st.sampled_from((("serum", "urine"), ("serum",), ("urine",)))))
    return {name: None if value is None else Decimal(value) for name, value in amounts.items()}


def visit_days(draw, most: int) -> list[int]:
    count = draw(st.integers(0, most) | st.integers(2, most))
    days = [draw(st.sampled_from(FIRST_DAYS))] if count else []
    while len(days) < count:
        days.append(days[-1] + draw(st.sampled_from(GAPS)))
    return days


def outcome(draw, days: list[int]) -> dict[str, int | str | None]:
    """New therapy at and beside a visit; death 1, 84 or 85 days after the last one; last contact about day 90."""
    last = days[-1] if days else 0
    death = draw(st.sampled_from((None, None, last + 1, last + 30, last + 84, last + 85)))
    around = [day + shift for day in days for shift in (-1, 0, 1)] or [30]
    therapy = draw(st.none() | st.sampled_from([*around, last + 90]))
    if death is not None and therapy is not None:
        therapy = min(therapy, death)
    known = max(last, therapy or 0)
    contact = death if death is not None else draw(st.sampled_from((known, max(known, 89), max(known, 90), known + 40)))
    cause = None if death is None else draw(st.sampled_from(CAUSES))
    return {
        "new_therapy_day": therapy,
        "death_day": death,
        "death_cause": cause,
        "last_contact_day": contact,
    }


@st.composite
def patients(draw, kinds: tuple[str, ...] = KINDS, most_visits: int = 6, partial_imaging: bool = False) -> Patient:
    """One patient near the thresholds.

    kinds            what is measurable at baseline
    most_visits      the longest sequence
    partial_imaging  an imaging may leave out a known lesion
    """
    kind, chain = draw(st.sampled_from(kinds)), draw(st.sampled_from(("kappa", "lambda")))
    start = baseline_amounts(draw, kind)
    lesions = baseline_lesions(draw, kind)
    uninvolved = Decimal(5) if kind == "flc" else Decimal(10)
    dflc = None if start["involved"] is None else max(Decimal(0), start["involved"] - uninvolved)
    seen = {name: Seen(start[name]) for name in ("serum", "urine", "marrow")} | {"dflc": Seen(dflc)}
    baseline = first_visit(chain, start, uninvolved, lesions)
    story = draw(st.sampled_from(STORIES))
    days = list(draw(st.sampled_from(RELAPSE_DAYS))) if story == "relapse" else visit_days(draw, most_visits)
    days = days[:most_visits]
    visits = []
    for number, day in enumerate(days):
        mood = mood_of(draw, story, len(days) - number)
        visits.append(visit(draw, day, chain, seen, lesions, partial_imaging, mood))
    visits = tuple(visits)
    return Patient(chain, baseline, visits, **outcome(draw, days))


def first_visit(chain: str, start: dict[str, Decimal | None], uninvolved: Decimal, lesions: list[SeenLesion]) -> Visit:
    """The baseline, taken six days before the infusion."""
    words = {name: None if value is None else text(value) for name, value in start.items()}
    pair = (None, None) if words["involved"] is None else (words["involved"], text(uninvolved))
    kappa, lambda_ = pair if chain == "kappa" else pair[::-1]
    found = tuple(Lesion(s.lesion_id, text(s.baseline[0]), text(s.baseline[1])) for s in lesions)
    return Visit(-6, words["serum"], words["urine"], kappa, lambda_, marrow=words["marrow"], lesions=found)


def mood_of(draw, story: str, visits_left: int) -> str:
    """Is this visit in remission, rising from the nadir, complete, or anywhere near a threshold?"""
    if story == "relapse":
        return "rising" if visits_left <= 2 else "remission"
    if story == "remission":
        return draw(st.sampled_from(("remission",) * 5 + ("near",)))
    if story == "mixed":
        return draw(st.sampled_from(("near", "near", "remission")))
    return "rising" if story == "rising" else "complete"


def visit(
    draw, day: int, chain: str, seen: dict[str, Seen], lesions: list[SeenLesion], partial: bool, mood: str
) -> Visit:
    """One visit: in remission (no spike, immunofixation mostly negative), or near the thresholds."""
    imaged = draw(st.integers(1, 3)) > 1 if lesions else draw(st.integers(1, 10)) == 1
    found = imaging(draw, lesions, partial) if imaged else ()
    calcium = draw(st.sampled_from((None,) * 6 + ("11.5", "11.6")))
    clonality = draw(st.sampled_from(CLONALITY))
    if mood == "remission":
        return remission(draw, Visit(day, clonality=clonality, lesions=found, calcium=calcium), seen)
    for parameter in seen.values():
        parameter.rising, parameter.falling = mood == "rising", mood == "complete"
    missing = 0 if mood == "complete" else 8
    kappa, lambda_ = chains(draw, seen["dflc"], chain, missing)
    return Visit(
        day,
        serum(draw, seen["serum"], missing),
        urine(draw, seen["urine"], missing),
        kappa,
        lambda_,
        draw(st.sampled_from(IFE)),
        draw(st.sampled_from(IFE)),
        marrow(draw, seen["marrow"], missing and 3),
        clonality,
        found,
        calcium,
    )


def remission(draw, seen_now: Visit, seen: dict[str, Seen]) -> Visit:
    """No spike, both immunofixations mostly negative, marrow at and beside 5 %, ratio mostly normal."""
    kappa, lambda_ = draw(
        st.sampled_from((("10", "10"),) * 3 + (("2.6", "10"), ("16.5", "10"), ("16.6", "10"), ("2.5", "10")))
        | st.sampled_from(((None, None), ("0", "0"), ("<1", "<1"), ("<1", "10")))
    )
    for name in ("serum", "urine", "dflc"):
        seen[name].add(Decimal(0))
    return Visit(
        seen_now.day,
        draw(st.sampled_from(("0", "0", "0", "<0.1", "0.2", "0.201", None))),
        draw(st.sampled_from(("0", "0", "0", "0", "<10", "1", None))),
        kappa,
        lambda_,
        draw(st.sampled_from(("negative", "negative", "negative", "oligoclonal", "positive", None))),
        draw(st.sampled_from(("negative", "negative", "negative", "negative", "positive", None))),
        draw(st.sampled_from((None, None, "1", "4", "<5", "5", "4.9"))),
        seen_now.clonality,
        seen_now.lesions,
        seen_now.calcium,
    )


SETTINGS = (
    {},
    {"nadir": "lowest_confirmed"},
    {"serum_measurable_g_dl": "0.5"},
    {"urine_only_vgpr": "strict"},
    {"mr_on_flc": True},
    {"marrow_pd": "level"},
    {"pd_confirmation": "same_limb"},
    {"pd_confirmation": "two_markers"},
    {"death_confirms": False},
    {"hypercalcaemia_pd": True},
    {"flc_ratio_range": "0.26-3.10"},
    {"censoring": "ema"},
    {"early_relapse_days": 152},
    {"first_response_day": 28},
    {"imaging_carry_forward_days": 28},
    {"blq": "zero"},
    {"blq": "limit"},
)
