"""What would the order of options be, given stated wishes?

This is no advice on rank. It shows how an order follows from weights that somebody stated; `robustness` says how little
it may take to change it. Nothing enters that is not in `terms`; an attribute that nobody knows counts from 0 to 1, so
that a score is an interval; and the order changes only inside one answer: no wish opens what is closed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml

from mspike.errors import UnreadableInput, WrongUsage
from mspike.knowledge.therapies.salvage import TOXICITIES as KINDS

NAMES = (
    "response",
    "durability",
    "one_off",
    "few_visits",
    "route_oral",
    "route_subcutaneous",
    "avoid_infection",
    "avoid_neurotoxicity",
    "avoid_crs",
    "avoid_eye_toxicity",
    "avoid_neuropathy",
    "avoid_cytopenia",
    "avoid_taste_skin_nail",
    "travel",
    "cost",
)
ROUTES = ("oral", "subcutaneous", "intravenous", "radiation")
TOXICITIES = tuple(name.removeprefix("avoid_") for name in NAMES if name.startswith("avoid_"))
HIGHEST_WEIGHT = 10

# Conventions of this software, printed in the terms that use them: where a longer or a rarer one is worth no more.
LONGEST_MONTHS = 24
MOST_VISITS_PER_MONTH = 8

_DECIMALS = 12  # sums of binary floats: what differs only beyond this is a tie

Answer = Literal["open", "unknown", "closed"]
ANSWERS: tuple[Answer, ...] = ("open", "unknown", "closed")  # in this order, whatever the weights


@dataclass(frozen=True)
class Preferences:
    """What somebody wishes: a weight from 0 to 10 for each name; 0 where none was stated."""

    weights: dict[str, float]

    def weight(self, name: str) -> float:
        return self.weights.get(name, 0.0)

    @property
    def total(self) -> float:
        return sum(self.weight(name) for name in NAMES)


@dataclass(frozen=True)
class Attributes:
    """What is known of one option.

    answer            may it be given: open, unknown or closed
    response          share of patients who respond, 0 to 1; response_interval its 95 % interval, which then enters
    durability_months median months that it lasts
    one_off           given once, not until progression
    visits_per_month  visits to the clinic a month
    routes            ROUTES by which its parts are given; none told = unknown
    toxicities        kinds that it is known for, in the words of the therapy data; none told = unknown, as no therapy
                      is without. Kinds that no wish names enter nothing
    travel, cost      burden from 0 (none) to 1 (most); None unless the therapy data say so
    """

    id: str
    answer: Answer
    response: float | None = None
    response_interval: tuple[float, float] | None = None
    durability_months: float | None = None
    one_off: bool | None = None
    visits_per_month: float | None = None
    routes: tuple[str, ...] = ()
    toxicities: tuple[str, ...] = ()
    travel: float | None = None
    cost: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what would give a value outside 0 to 1 or be passed over in silence."""
        for told, known in (((self.answer,), ANSWERS), (self.routes, ROUTES), (self.toxicities, KINDS)):
            if strange := sorted(set(told) - set(known)):
                raise ValueError(f"{self.id}: {', '.join(strange)}; expected one of {', '.join(known)}.")
        for name in ("response", "travel", "cost"):
            number = getattr(self, name)
            if number is not None and not 0 <= number <= 1:
                raise ValueError(f"{self.id}: {name} {number}; expected a share from 0 to 1.")
        for name in ("durability_months", "visits_per_month"):
            number = getattr(self, name)
            if number is not None and not 0 <= number < math.inf:
                raise ValueError(f"{self.id}: {name} {number}; expected 0 or more.")


@dataclass(frozen=True)
class Term:
    """One wish and how far an option meets it: value 0 (not at all) to 1 (fully), an interval where it is not known."""

    name: str
    weight: float
    value_low: float
    value_high: float
    says: str

    @property
    def known(self) -> bool:
        return self.value_low == self.value_high


@dataclass(frozen=True)
class Placed:
    """One option in the order that follows from the wishes.

    place, evidence_place   among the options with the same answer, from 1; evidence_place is the one it came with
    low, high               its score, 0 to 1: the weighted mean of the values in `terms`
    not_told_apart          options of the same answer whose scores overlap with this one, so that what is not known
                            may turn the two round
    """

    id: str
    answer: Answer
    place: int
    evidence_place: int
    low: float
    high: float
    terms: tuple[Term, ...]
    not_told_apart: tuple[str, ...]


def read_preferences(path: Path) -> Preferences:
    """The weights in a YAML file of `name: number`; names that are missing weigh 0.

    Raises UnreadableInput for a file that holds no such list, WrongUsage for a name or a weight that cannot be used.
    """
    if not path.exists():
        raise UnreadableInput(f"{path}: no such file.")
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise UnreadableInput(f"{path}: cannot be read as YAML ({wrong}). Give one `name: weight` a line.") from wrong
    if told is None:
        return Preferences({})
    if not isinstance(told, dict) or not isinstance(node, yaml.MappingNode):
        raise UnreadableInput(f"{path}: found a {type(told).__name__}; expected one `name: weight` a line.")
    names = [key.value for key, _ in node.value]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise WrongUsage(f"{path}: {', '.join(twice)} stands there twice. Keep one.")
    return Preferences({name: _weight(path, name, weight) for name, weight in told.items()})


def _weight(path: Path, name: Any, weight: Any) -> float:
    if name not in NAMES:
        close = get_close_matches(str(name), NAMES, n=3, cutoff=0.5)
        meant = f"Did you mean {' or '.join(close)}?" if close else f"Choose among {', '.join(NAMES)}."
        raise WrongUsage(f"{path}: no wish is named {str(name)!r}. {meant}")
    # A bare `yes` is read as true, which Python would take for 1.
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= HIGHEST_WEIGHT:
        raise WrongUsage(f"{path}: {name} weighs {weight!r}; expected a number from 0 to {HIGHEST_WEIGHT}.")
    return float(weight)


def reordered(options: Sequence[Attributes], preferences: Preferences) -> list[Placed]:
    """The options in the order that follows from the wishes; given in the order of the evidence.

    1. An attribute gives a value from 0 to 1 (`value`); one that is not known gives the interval 0 to 1.
    2. The score is the mean of the values, weighted by the wishes: an interval where a wish meets an unknown.
    3. Open options come first, then unknown ones, then closed ones, whatever the weights.
    4. Inside an answer, the higher middle of the interval comes first; equals keep the order of the evidence.
    """
    terms = {option.id: terms_of(option, preferences) for option in options}
    if len(terms) < len(options):
        raise ValueError("Two options have the same id.")
    scores = {name: score(one) for name, one in terms.items()}
    placed = []
    for answer in ANSWERS:
        given = [option.id for option in options if option.answer == answer]
        # Python sorts stably: equals stay in the order of the evidence.
        order = sorted(given, key=lambda name: -round(sum(scores[name]) / 2, _DECIMALS))
        for place, name in enumerate(order, 1):
            low, high = scores[name]
            overlap = tuple(other for other in order if other != name and _overlap(scores[name], scores[other]))
            placed.append(Placed(name, answer, place, given.index(name) + 1, low, high, terms[name], overlap))
    return placed


def terms_of(option: Attributes, preferences: Preferences) -> tuple[Term, ...]:
    """Everything that enters the score of an option: one term a wish with a weight, in the order of NAMES."""
    terms = []
    for name in NAMES:
        if weight := preferences.weight(name):
            known, says = value(option, name)
            low, high = (0.0, 1.0) if known is None else (known, known)
            if name == "response" and known is not None and option.response_interval:
                low, high = option.response_interval
                says = f"{says} ({100 * low:.0f} to {100 * high:.0f} %)"
            terms.append(Term(name, weight, low, high, says))
    return tuple(terms)


def score(terms: Sequence[Term]) -> tuple[float, float]:
    """The weighted mean of the values, as low and high; 0 to 0 where no wish has a weight."""
    total = sum(term.weight for term in terms)
    if not total:
        return 0.0, 0.0
    low = sum(term.weight * term.value_low for term in terms) / total
    high = sum(term.weight * term.value_high for term in terms) / total
    return round(low, _DECIMALS), round(high, _DECIMALS)


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def value(option: Attributes, name: str) -> tuple[float | None, str]:
    """How far does an option meet a wish, from 0 to 1? None where it is not known; and in words, with the scale."""
    if name.startswith("avoid_"):
        return _toxicity(option, name.removeprefix("avoid_"))
    if name.startswith("route_"):
        return _route(option, name.removeprefix("route_"))
    known, says = {
        "response": _response,
        "durability": _durability,
        "one_off": _one_off,
        "few_visits": _few_visits,
        "travel": lambda it: _burden(it.travel, "travel"),
        "cost": lambda it: _burden(it.cost, "cost"),
    }[name](option)
    return known, says if known is not None else f"{name.replace('_', ' ')}: not known, so from 0 to 1"


def _response(option: Attributes) -> tuple[float | None, str]:
    return option.response, f"{100 * (option.response or 0):.0f} % respond"


def _durability(option: Attributes) -> tuple[float | None, str]:
    months = option.durability_months
    if months is None:
        return None, ""
    return min(months, LONGEST_MONTHS) / LONGEST_MONTHS, f"lasts {months:g} months; {LONGEST_MONTHS} or more count 1"


def _one_off(option: Attributes) -> tuple[float | None, str]:
    if option.one_off is None:
        return None, ""
    return float(option.one_off), "given once" if option.one_off else "given again and again"


def _few_visits(option: Attributes) -> tuple[float | None, str]:
    visits = option.visits_per_month
    if visits is None:
        return None, ""
    value = 1 - min(visits, MOST_VISITS_PER_MONTH) / MOST_VISITS_PER_MONTH
    return value, f"{visits:g} visits a month; none counts 1, {MOST_VISITS_PER_MONTH} or more count 0"


def _burden(burden: float | None, what: str) -> tuple[float | None, str]:
    return (None, "") if burden is None else (1 - burden, f"{what} {burden:g} on a scale from 0 (none) to 1 (most)")


def _route(option: Attributes, route: str) -> tuple[float | None, str]:
    if not option.routes:
        return None, f"route {route}: not known, so from 0 to 1"
    share = option.routes.count(route) / len(option.routes)
    return share, f"{option.routes.count(route)} of {len(option.routes)} routes ({', '.join(option.routes)}) {route}"


def _toxicity(option: Attributes, kind: str) -> tuple[float | None, str]:
    words = kind.replace("_", " ")
    if not option.toxicities:
        return None, f"{words}: not known, so from 0 to 1"
    return (0.0, f"{words} is a known toxicity") if kind in option.toxicities else (1.0, f"{words} is not listed")
