"""The language of needs and cautions: what an atom may ask. It is checked here and judged in options/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mspike.errors import KnowledgeError
from mspike.knowledge.codes.genetic_markers import markers
from mspike.knowledge.therapies.lists import CLASSES, agents

TRIPLE_CLASS = "triple_class"
TARGETS = ("BCMA", "GPRC5D", "FcRH5", "CD19", "CD38", "SLAMF7")
TESTED_TARGETS = ("BCMA", "GPRC5D", "FcRH5")  # lost or kept by the plasma cells, and asked of a test
STATES = (
    "infection",
    "extramedullary",
    "cns",
    "neuropathy",
    "eye_disease",
    "plasma_cell_leukaemia",
    "measurable_disease",
    "cardiac_disease",
    "hypogammaglobulinaemia",
    "second_malignancy",
    "parkinsonism",
    "progression",
    "progression_on_therapy",
)
ANALYTES = (
    "ecog",
    "lvef",
    "gfr",
    "bilirubin",
    "oxygen_saturation",
    "anc",
    "alc",
    "platelets",
    "haemoglobin",
    "alt",
    "creatinine",
    "calcium",
    "crp",
    "ferritin",
    "ldh",
    "marrow_plasma_cells",
    "sbcma",
)
COMPARISONS = ("at_least", "more_than", "at_most", "below")
BOUNDS = ("at_least", "at_most")


def check_atom(atom: Any, place: str) -> dict[str, Any]:
    """The atom itself where it is written in the language; raises KnowledgeError that names the place."""
    if not isinstance(atom, dict) or len(atom) != 1:
        raise KnowledgeError(
            f"{place}: found {atom!r}; expected a mapping with one key of {', '.join(sorted(_KINDS))}."
        )
    (kind, body), *_ = atom.items()
    if kind not in _KINDS:
        raise KnowledgeError(f"{place}: {kind!r} is no atom. Atoms: {', '.join(sorted(_KINDS))}.")
    _KINDS[kind](body, f"{place}, {kind}")
    return atom


def _refuse(place: str, found: Any, expected: str) -> None:
    raise KnowledgeError(f"{place}: found {found!r}; expected {expected}.")


def _keys(body: Any, place: str, allowed: set[str], needed: set[str]) -> None:
    if not isinstance(body, dict) or not needed <= body.keys() or not body.keys() <= allowed:
        _refuse(place, body, f"a mapping with {', '.join(sorted(needed)) or 'one or more of the keys'}"
                             f" and no other key than {', '.join(sorted(allowed))}")  # fmt: skip


def _number(value: Any, place: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        _refuse(place, value, "a number of 0 or more")


def _bound(body: Any, place: str) -> None:
    """One bound: a range is two atoms under all_of, so that each is judged and told for itself."""
    if not isinstance(body, dict) or len(body) != 1 or not body.keys() <= set(BOUNDS):
        _refuse(place, body, "at_least or at_most")
    for name, number in body.items():
        _number(number, f"{place}.{name}")


def _given(body: Any, place: str) -> None:
    if body != TRIPLE_CLASS and body not in CLASSES and body not in agents():
        _refuse(place, body, "an agent of agents.yaml, a class of agents or triple_class")


def _given_against(body: Any, place: str) -> None:
    _keys(body, place, {"target", "class"}, {"target"})
    if body["target"] not in TARGETS:
        _refuse(f"{place}.target", body["target"], f"one of {', '.join(TARGETS)}")
    if "class" in body and body["class"] not in CLASSES:
        _refuse(f"{place}.class", body["class"], "a class of agents")


def _target_present(body: Any, place: str) -> None:
    if body not in TESTED_TARGETS:
        _refuse(place, body, f"one of {', '.join(TESTED_TARGETS)}")


def _washout(body: Any, place: str) -> None:
    _keys(body, place, {"of", "at_least"}, {"of", "at_least"})
    _number(body["at_least"], f"{place}.at_least")
    of = body["of"]
    if of == "any":
        return
    known = {"target": TARGETS, "class": CLASSES, "agent": tuple(agents())}
    if not isinstance(of, dict) or not of or ("agent" in of and len(of) > 1):
        _refuse(f"{place}.of", of, "any, or a mapping with target and class, or with agent")
    if any(name not in known.get(kind, ()) for kind, name in of.items()):
        _refuse(f"{place}.of", of, "a known target, class or agent")


def _value(body: Any, place: str) -> None:
    _keys(body, place, {"analyte", "within_days", *COMPARISONS}, {"analyte", "within_days"})
    if body["analyte"] not in ANALYTES:
        _refuse(f"{place}.analyte", body["analyte"], f"one of {', '.join(ANALYTES)}")
    compared = [name for name in COMPARISONS if name in body]
    if len(compared) != 1:
        _refuse(place, body, f"one of {', '.join(COMPARISONS)}")
    _number(body[compared[0]], f"{place}.{compared[0]}")
    if isinstance(body["within_days"], bool) or not isinstance(body["within_days"], int) or body["within_days"] < 1:
        _refuse(f"{place}.within_days", body["within_days"], "whole days, 1 or more")


def _genetic(body: Any, place: str) -> None:
    if body not in markers():
        _refuse(place, body, "a term of codes/genetic_markers.yaml")


def _state(body: Any, place: str) -> None:
    if body not in STATES:
        _refuse(place, body, f"one of {', '.join(STATES)}")


def _several(body: Any, place: str) -> None:
    if not isinstance(body, list) or len(body) < 2:
        _refuse(place, body, "a list of two or more atoms")
    for number, atom in enumerate(body, 1):
        check_atom(atom, f"{place} {number}")


def _negated(body: Any, place: str) -> None:
    check_atom(body, place)


# `not` turns true and false round and leaves unknown as it is: a target tested and lost, a therapy given too recently.
def _asked(body: Any, place: str) -> None:
    """A need that no record can answer: it stays unknown and says what has to be read."""
    if not isinstance(body, str) or not body.strip():
        _refuse(place, body, "what has to be read, in words")


_KINDS: dict[str, Callable[[Any, str], None]] = {
    "lines": _bound,
    "exposed": _given,
    "not_exposed": _given,
    "refractory": _given,
    "not_refractory": _given,
    "exposed_to": _given_against,
    "not_exposed_to": _given_against,
    "target_present": _target_present,
    "washout": _washout,
    "value": _value,
    "genetic": _genetic,
    "present": _state,
    "absent": _state,
    "age": _bound,
    "any_of": _several,
    "all_of": _several,
    "not": _negated,
    "ask": _asked,
}
