"""What happened to the patient, told from the record in plain words; nothing that is not recorded."""

from __future__ import annotations

from typing import Any

from mspike.knowledge.support import texts
from mspike.packet.case import Case
from mspike.packet.plain_words import Day, listed, plain_day, plain_product, plain_span

Told = dict[str, Any]
RESPONDED = ("PR", "VGPR", "CR", "sCR")
FAILED = ("primary_refractory", "early_relapse", "late_relapse", "molecular_relapse", "next_therapy")
NERVES = ("cranial_nerve_palsy", "parkinsonism", "guillain_barre")


def car_t_lines(case: Case) -> list[Told]:
    """The CAR-T lines of the record, given back or not, in order."""
    return [line for line in case.explained["lines"] if line["kind"] == "car_t"]


def infused(line: Told) -> bool:
    return line["failure_type"] != "not_infused"


def has_failed(line: Told) -> bool:
    """Does the record say that the cells did not hold the disease (or that another treatment was begun)?"""
    return line["failure_type"] in FAILED


def in_doubt(line: Told) -> bool:
    """Did a test look like progression that no second one has confirmed or denied?"""
    return line["unconfirmed_pd_date"] is not None and line["failure_type"] in ("none", "undetermined")


def state_of(case: Case) -> str:
    """Where the last course of CAR T cells stands: failed, not_failed (or not known to have) or not_infused."""
    last = car_t_lines(case)[-1]
    if not infused(last):
        return "not_infused"
    return "failed" if has_failed(last) else "not_failed"


def counted_from(case: Case) -> str:
    """What the days of a registry without dates count from."""
    given = [line for line in car_t_lines(case) if infused(line)]
    if not given:
        return "the collection of your cells"
    return "your infusion" if len(given) == 1 else "your first infusion"


def story_of(case: Case) -> list[str]:
    """What happened, a paragraph for each course of CAR T cells and one for what came after."""
    lines = case.explained["lines"]
    first = car_t_lines(case)[0]["line"]
    told = [_before(case, first)] if first > 1 else []
    for line in car_t_lines(case):
        told.append(_given_back(case, line) if infused(line) else _kept_back(case, line))
    told += _side_effects(case)
    later = [_later(case, line) for line in lines if line["line"] > first and line["kind"] != "car_t"]
    later += [_undated(line) for line in case.history["lines"] if line["start"] is None and line["line"] > first]
    return told + ([" ".join(later)] if later else [])


def _before(case: Case, first: int) -> str:
    plans = first - 1
    count = "one treatment plan" if plans == 1 else f"{plans} treatment plans"
    return f"By your record, you had {count} against the myeloma before the CAR T cells."


def _given_back(case: Case, line: Told) -> str:
    words, day = texts("course"), _day(case, line["index_date"])
    product = plain_product(line["index_agent"])
    when = f"On {day}, you" if day else "On a day that is not recorded, you"
    told = [f"{when} were given {product}."]
    if line is next(one for one in car_t_lines(case) if infused(one)):
        told.append(texts("course")["cells"])
    if line["best_response"] in words["best"] and line["failure_type"] != "primary_refractory":
        told.append(words["best"][line["best_response"]])
    if in_doubt(line):
        told.append(words["unconfirmed"].format(day=_day(case, line["unconfirmed_pd_date"])))
    else:
        told.append(_failure(case, line))
    return " ".join(told)


def _kept_back(case: Case, line: Told) -> str:
    day = _day(case, line["apheresis_date"])
    when = f"On {day}, cells" if day else "Cells"
    return f"{when} were collected from your blood to make CAR T cells. They were not given back to you."


def _failure(case: Case, line: Told) -> str:
    kind, grown = line["failure_type"], line["pd_date"] is not None
    words = texts("course")["failure"][kind]
    if kind == "primary_refractory":
        words = words["grew" if grown else "slow"]
    day = _day(case, line["failure_date"])
    told = words.format(day=day or "a day that is not recorded", since=_since(line))
    relapsed = kind in ("early_relapse", "late_relapse") or (kind == "primary_refractory" and grown)
    return f"{told} {_places(line)}" if relapsed else told


def _since(line: Told) -> str:
    # A day counted from the infusion says already how long after it.
    span = None if isinstance(line["failure_date"], int) else plain_span(line["index_date"], line["failure_date"])
    return f", {span} after the cells were given" if span else ""


def _places(line: Told) -> str:
    words = texts("course")
    places = [words["places"][name] for name in line["pattern"]]
    return f"It showed {listed(places)}." if places else words["place_unknown"]


def _later(case: Case, line: Told) -> str:
    day = _day(case, line["index_date"])
    when = f"From {day}" if day else "Later, on a day that is not recorded"
    drugs = listed((line["index_agent"] or "a treatment that is not named").split(" + "))
    return f"{when}, you had {drugs}. {_outcome(case, line)}"


def _undated(line: Told) -> str:
    return f"Your record also names {listed(line['agents'])}, but not when you had it."


def _outcome(case: Case, line: Told) -> str:
    words, kind = texts("course")["other"], line["failure_type"]
    if kind in ("early_relapse", "late_relapse", "primary_refractory"):
        day = _day(case, line["failure_date"])
        return words[kind].format(at=f" ({day})" if day else "")
    return words["responded" if line["best_response"] in RESPONDED else "unknown"]


def _side_effects(case: Case) -> list[str]:
    words = texts("course")["side_effects"]
    told = {line["failure_type"] for line in car_t_lines(case)}  # a second cancer may have been told as the failure
    found = [words[name] for given in case.safety["infusions"] for name in _recorded(given) if name not in told]
    return [f"After the cells, your record notes {listed(found)}."] if found else []


def _recorded(given: Told) -> list[str]:
    """The side effects that were recorded or measured after one infusion. What is not known is not told as absent."""
    grades = {name: given[f"{name}_recorded_grade"] for name in ("crs", "icans")}
    measured = {name: given[f"{name}_at_least"] if grade is None else grade for name, grade in grades.items()}
    names = [name for name, grade in measured.items() if grade is not None and grade >= 1]
    if given["infections_first_severe_day"] is not None:
        names.append("infection")
    names += [name for name in NERVES if given[f"neurotoxicity_{name}_day"] is not None]
    if given["enterocolitis_alert"]:
        names.append("enterocolitis")
    return [*names, "second_malignancy"] if given["malignancy_recorded"] else names


def _day(case: Case, day: Day) -> str | None:
    return plain_day(day, counted_from(case))
