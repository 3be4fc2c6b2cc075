"""How stated wishes would change the order of the options, with every weight and value in sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mspike.errors import WrongUsage
from mspike.options.answers import Option
from mspike.options.preferences import ROUTES, Attributes, Preferences, reordered
from mspike.options.robustness import robustness
from mspike.options.strata import Stratum
from mspike.report.pooled import MEMORY
from mspike.report.terminal import say, say_table

Told = dict[str, Any]
# How the therapies name their routes.
ROUTE_WORDS = {
    "oral": ("tablet", "capsule"),
    "subcutaneous": ("under the skin",),
    "intravenous": ("intravenous", "into a vein"),
    "radiation": ("beam",),
}
SHOWN = 5


def attributes_of(option: Option) -> Attributes:
    """What is known of an option for the wishes; response and durability from its narrowest stratum alone."""
    therapy = option.therapy
    first = option.strata[0] if option.strata else None
    return Attributes(
        therapy.id,
        option.answer,  # type: ignore[arg-type]
        response=first.pooled.estimate if first and first.pooled else None,
        response_interval=(first.pooled.low, first.pooled.high) if first and first.pooled else None,
        durability_months=_durability(first),
        one_off=therapy.schedule == "one-off",
        visits_per_month=therapy.visits_per_month,
        routes=tuple(r for r in ROUTES if any(word in therapy.route.lower() for word in ROUTE_WORDS[r])),
        toxicities=therapy.toxicities,
    )


def _durability(stratum: Stratum | None) -> float | None:
    """The median progression-free survival of the largest result that gives one: medians are never averaged."""
    for record in stratum.records if stratum else ():
        median = record.median("pfs_months")
        if median is not None and median.median is not None:
            return median.median
    return None


def wishes_told(options: Sequence[Option], wishes: Preferences) -> Told:
    """The order that follows from the wishes, each term of it, and how firmly each place stands."""
    if not wishes.total:
        raise WrongUsage("--preferences: no wish has a weight above 0. Give at least one, as in `response: 5`.")
    known = [attributes_of(o) for o in options]
    recalled = {o.therapy.id for o in options if o.strata and any(e.memory_only for e in o.strata[0].used)}
    firm = robustness(known, wishes)
    placed = reordered(known, wishes)
    return {
        "weights": wishes.weights,
        "order": [
            {**asdict(p), "robustness": asdict(firm[p.id]), "response_recalled": p.id in recalled} for p in placed
        ],
        "changed": [p.id for p in placed if p.place != p.evidence_place],
    }


def print_wishes(told: Told) -> None:
    weights = ", ".join(f"{name.replace('_', ' ')} {weight:g}" for name, weight in told["weights"].items())
    say("", f"With these wishes ({weights}) the order inside each answer would be:", "")
    say_table(
        ("answer", "option", "place", "before", "score", "not told apart from", "moved by"),
        [_row(p) for p in told["order"] if p["answer"] != "closed"],
        right=("place", "before"),
        whole=("option", "score"),
    )
    for one in [p for p in told["order"] if p["answer"] != "closed"][:SHOWN]:
        terms = "; ".join(f"{t['name'].replace('_', ' ')} (weight {t['weight']:g}): {t['says']}" for t in one["terms"])
        say(f"  {one['id']}: {terms}{' ' + MEMORY if one['response_recalled'] else ''}")
    first = [p for p in told["order"] if p["place"] == 1 and p["answer"] != "closed"]
    for one in first:
        share = f"{100 * one['robustness']['kept_first']:.0f} %"
        say(f"If all weights are shifted at random around yours, {one['id']} stays first among its answer in {share}.")
    say("A score is an interval where something is not known; overlapping ones are not told apart.")
    say("This shows how an order follows from wishes. It is no advice; a wish opens nothing that is closed.")


def _row(one: Told) -> tuple[str, ...]:
    firm = one["robustness"]
    low, high = one["low"], one["high"]
    score = f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
    moved = ", ".join(name.replace("_", " ") for name in firm["changed_by"]) or "no single weight"
    answer = "not known" if one["answer"] == "unknown" else one["answer"]
    alike = len(one["not_told_apart"])
    apart = f"{alike} others" if alike > 1 else "1 other" if alike else "none"
    return answer, one["id"], str(one["place"]), str(one["evidence_place"]), score, apart, moved
