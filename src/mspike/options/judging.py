"""Does a criterion hold for a patient: yes, no or not known, and what says so.

A criterion is a small expression ("atom"), the same for labels, therapies and trials: {lines: {at_least: 4}},
{exposed: PI}, {target_present: BCMA} ... What is missing makes it unknown, never false; and nothing that is merely not
recorded makes it true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mspike.options.antigens import could_aim_at
from mspike.options.facts import Dose, Exposure, Fact, Reading, Standing, days_counted, named
from mspike.record.analytes import ANALYTES
from mspike.response.compare import micro

Atom = Mapping[str, Any]


@dataclass(frozen=True)
class Judged:
    """The answer about a criterion, what it rests on, and what would have to be known."""

    holds: bool | None
    because: str
    missing: tuple[str, ...] = ()


def judge(atom: Atom, standing: Standing) -> Judged:
    """Does this atom hold? Raises KeyError for an atom that nobody knows (the loaders refuse those)."""
    (name, asked), *_ = atom.items()
    return _JUDGES[name](asked, standing)


def _lines(asked: Mapping[str, int], standing: Standing) -> Judged:
    lines = standing.lines
    missing = ("all earlier lines of therapy",)
    if "at_least" in asked:
        if lines.least >= asked["at_least"]:
            return Judged(True, lines.told)
        return Judged(False, lines.told) if lines.exact else Judged(None, lines.told, missing)
    if lines.least > asked["at_most"]:
        return Judged(False, lines.told)
    # Rows can show that there were too many lines, and never that there were no more.
    return Judged(None, lines.told, (f"that there were no more than {asked['at_most']} lines",))


def _exposure(item: str, standing: Standing) -> Exposure:
    """What is known of an agent, class or group; what a complete history does not mention was not given."""
    known = standing.exposures.get(item)
    if known is not None:
        return known
    name = named(item)
    if standing.complete:
        return Exposure(False, False, f"{name} not among the therapy recorded")
    return Exposure(None, None, f"{name}: not known")


def _exposed(item: str, standing: Standing) -> Judged:
    known = _exposure(item, standing)
    return _of(known.exposed, known.told, f"whether {named(item)} was given")


def _not_exposed(item: str, standing: Standing) -> Judged:
    """That something was never given must be written down: a missing row is no proof."""
    known = _exposure(item, standing)
    if known.exposed:
        return Judged(False, known.told)
    if known.stated_absent:
        return Judged(True, f"{known.told}, as stated")
    return Judged(None, "none recorded", (f"that {named(item)} was never given",))


def _refractory(item: str, standing: Standing) -> Judged:
    known = _exposure(item, standing)
    return _of(
        known.refractory, known.refractory_told or known.told, f"whether the myeloma is refractory to {named(item)}"
    )


def _not_refractory(item: str, standing: Standing) -> Judged:
    """Known only where it is stated: rows show refractoriness, and do not show its lack."""
    return _not(_refractory(item, standing))


def _exposed_to(asked: Mapping[str, str], standing: Standing) -> Judged:
    aimed = _aimed(asked, standing)
    if aimed:
        return Judged(True, "; ".join(dict.fromkeys(d.told for d in aimed)))
    if standing.complete and not any(_may_be(asked, d) for d in standing.doses):
        return Judged(False, f"{_aim(asked)}: none among the therapy recorded")
    return Judged(None, "none recorded", (f"whether {_aim(asked)} was given",))


def _not_exposed_to(asked: Mapping[str, str], standing: Standing) -> Judged:
    aimed = _aimed(asked, standing)
    if aimed:
        return Judged(False, "; ".join(dict.fromkeys(d.told for d in aimed)))
    return Judged(None, "none recorded", (f"that {_aim(asked)} was never given",))


def _aimed(asked: Mapping[str, str], standing: Standing) -> list[Dose]:
    target, cls = asked.get("target"), asked.get("class")
    return [
        d for d in standing.doses if (target is None or target in d.targets) and (cls is None or d.cls == cls)
    ]  # fmt: skip


def _may_be(asked: Mapping[str, str], dose: Dose) -> bool:
    """Could a dose whose target nobody named be the one asked for?"""
    target, cls = asked.get("target"), asked.get("class")
    return target is not None and could_aim_at(target, dose) and (cls is None or dose.cls in (cls, "other"))


def _aim(asked: Mapping[str, str]) -> str:
    return " ".join(w for w in (asked.get("target"), named(asked["class"]) if "class" in asked else "therapy") if w)


def _target_present(target: str, standing: Standing) -> Judged:
    return _fact(standing.tests.get(target, Fact(ask=f"{target} on plasma cells (not tested)")))


def _washout(asked: Mapping[str, Any], standing: Standing) -> Judged:
    """Too short is certain from a recorded dose; long enough never is, as a later dose may not be recorded."""
    days, of = int(asked["at_least"]), asked["of"]
    wanted = standing.doses if of == "any" else _of_kind(of, standing)
    name = "therapy" if of == "any" else named(of["agent"]) if "agent" in of else _aim(of)
    ends = [(d.last if d.last is not None else d.start, d) for d in wanted]
    known = [(day, d) for day, d in ends if day is not None]
    missing = (f"the day of the last {name}",)
    if not known:
        return Judged(None, f"no {name} recorded", missing)
    day, last = max(known, key=lambda pair: pair[0])
    passed = standing.day - day
    told = (
        f"{passed} days since {last.told}" if last.last is None else f"{passed} days since the last {named(last.agent)}"
    )
    if passed < days:
        return Judged(False, told)
    return Judged(None, f"{told}, none recorded since", (f"that no {name} was given since",))


def _of_kind(of: Mapping[str, str], standing: Standing) -> list[Dose]:
    if "agent" in of:
        return [d for d in standing.doses if d.agent == of["agent"]]
    return _aimed(of, standing)


_COMPARED: dict[str, tuple[Callable[[Reading, int], bool], Callable[[Reading, int], bool]]] = {
    "at_least": (lambda r, x: r.lo >= x, lambda r, x: r.hi < x),
    "more_than": (lambda r, x: r.lo > x, lambda r, x: r.hi <= x),
    "at_most": (lambda r, x: r.hi <= x, lambda r, x: r.lo > x),
    "below": (lambda r, x: r.hi < x, lambda r, x: r.lo >= x),
}


def _value(asked: Mapping[str, Any], standing: Standing) -> Judged:
    """All readings of the window must agree: a value that has changed within it is to be measured again."""
    name, window = asked["analyte"], int(asked.get("within_days", days_counted("value", "window")))
    comparison = next(c for c in _COMPARED if c in asked)
    limit = micro(Fraction(str(asked[comparison])))
    meaning = ANALYTES[name].meaning
    rows = [r for r in standing.values.get(name, ()) if standing.day - window <= r.day <= standing.day]
    missing = (f"{meaning} (of the last {window} days)",)
    if not rows:
        return Judged(None, missing[0], missing)
    meets, fails = _COMPARED[comparison]
    fact = Fact(tuple(r.told for r in rows if meets(r, limit)), tuple(r.told for r in rows if fails(r, limit)))
    if fact.holds is None:
        return Judged(None, fact.because or rows[-1].told, missing)
    return Judged(fact.holds, rows[-1].told)


def _genetic(marker: str, standing: Standing) -> Judged:
    return _fact(standing.genetics.get(marker, Fact(ask=f"{marker} (not tested)")))


def _present(name: str, standing: Standing) -> Judged:
    return _fact(standing.states.get(name, Fact(ask=named(name))))


def _absent(name: str, standing: Standing) -> Judged:
    return _not(_present(name, standing))


def _age(asked: Mapping[str, int], standing: Standing) -> Judged:
    if standing.age is None:
        return Judged(None, "age not known", ("year of birth",))
    low, high = standing.age
    told = f"age {low} or {high}"
    if "at_least" in asked:
        holds = True if low >= asked["at_least"] else False if high < asked["at_least"] else None
    else:
        holds = True if high <= asked["at_most"] else False if low > asked["at_most"] else None
    return _of(holds, told, "date of birth")


def _all_of(atoms: list[Atom], standing: Standing) -> Judged:
    parts = [judge(a, standing) for a in atoms]
    failed = [p for p in parts if p.holds is False]
    if failed:
        return Judged(False, _joined(failed))
    unknown = [p for p in parts if p.holds is None]
    return Judged(None if unknown else True, _joined(unknown or parts), _missing(unknown))


def _any_of(atoms: list[Atom], standing: Standing) -> Judged:
    parts = [judge(a, standing) for a in atoms]
    met = [p for p in parts if p.holds]
    if met:
        return Judged(True, _joined(met))
    unknown = [p for p in parts if p.holds is None]
    return Judged(None if unknown else False, _joined(unknown or parts), _missing(unknown))


def _negated(atom: Atom, standing: Standing) -> Judged:
    return _not(judge(atom, standing))


def _fact(fact: Fact) -> Judged:
    if fact.holds is None:
        return Judged(None, fact.because or fact.ask, (fact.ask,))
    return Judged(fact.holds, fact.because)


def _of(holds: bool | None, because: str, missing: str) -> Judged:
    return Judged(holds, because, () if holds is not None else (missing,))


def _not(judged: Judged) -> Judged:
    return Judged(None if judged.holds is None else not judged.holds, judged.because, judged.missing)


def _joined(parts: list[Judged]) -> str:
    told = [words for p in parts for words in p.because.split("; ") if words]
    return "; ".join(dict.fromkeys(told))


def _missing(parts: list[Judged]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m for p in parts for m in p.missing))


_JUDGES: dict[str, Callable[[Any, Standing], Judged]] = {
    "lines": _lines,
    "exposed": _exposed,
    "not_exposed": _not_exposed,
    "refractory": _refractory,
    "not_refractory": _not_refractory,
    "exposed_to": _exposed_to,
    "not_exposed_to": _not_exposed_to,
    "target_present": _target_present,
    "washout": _washout,
    "value": _value,
    "genetic": _genetic,
    "present": _present,
    "absent": _absent,
    "age": _age,
    "any_of": _any_of,
    "all_of": _all_of,
    "not": _negated,
    "ask": lambda text, standing: Judged(None, text, (text,)),
}
