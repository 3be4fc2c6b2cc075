"""How firmly does an order of options follow from the stated wishes?

Nobody weighs wishes to the digit. Two questions are asked of the order in `preferences.reordered`: what if all weights
differ somewhat from those stated, and which single weight changes it when halved or doubled. Attributes that are not
known stay at the middle of their interval here; what they could turn round is said by `Placed.not_told_apart`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mspike.options.preferences import NAMES, Attributes, Placed, Preferences, reordered

DRAWS = 2000
SEED = 20260
# Convention: with this concentration a weight that is a quarter of the whole mostly lies between 0.16 and 0.34 of it.
CONCENTRATION = 20.0
FACTORS = (0.5, 2.0)
_DECIMALS = 12

Array = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Robustness:
    """How firmly an option keeps its place among the options with the same answer.

    kept_first     share of the drawn weights under which it stands first
    kept_place     share of the drawn weights under which it stands where the stated weights put it
    highest_place  the best place that drawn, halved or doubled weights gave it; 1 is the first
    lowest_place   the worst one
    changed_by     the wishes whose weight, halved or doubled by itself, moves it
    """

    id: str
    kept_first: float
    kept_place: float
    highest_place: int
    lowest_place: int
    changed_by: tuple[str, ...]


def robustness(
    options: Sequence[Attributes], preferences: Preferences, draws: int = DRAWS, seed: int = SEED
) -> dict[str, Robustness]:
    """How firmly each option keeps its place, by its id, in the order of `reordered`.

    1. Weights are drawn from a Dirichlet distribution around the stated ones; a wish without a weight stays without.
    2. Each weight is halved and doubled by itself; the others stay as stated.
    3. For each set of weights the options of one answer are put in order anew, equals in the order of the evidence.
    """
    placed = reordered(options, preferences)
    stated = {one.id: one.place for one in placed}
    wished = [name for name in NAMES if preferences.weight(name)]
    by_id = {one.id: one for one in placed}
    drawn, scaled = _drawn(preferences, wished, draws, seed), _scaled(preferences, wished)
    found = {}
    for answer in dict.fromkeys(one.answer for one in placed):
        names = [option.id for option in options if option.answer == answer]  # the order of the evidence
        middles = _middles([by_id[name] for name in names], len(wished))
        told = zip(names, places(middles, drawn).T, places(middles, scaled).T, strict=True)
        for name, under_drawn, under_scaled in told:
            found[name] = _robustness(name, stated[name], under_drawn, under_scaled, wished)
    return {one.id: found[one.id] for one in placed}


def _robustness(name: str, stated: int, drawn: Places, scaled: Places, wished: Sequence[str]) -> Robustness:
    # The rows of `scaled` are the wishes in turn, each under every factor.
    moved = (scaled.reshape(len(wished), len(FACTORS)) != stated).any(axis=1) if wished else []
    every = np.concatenate([drawn, scaled, np.array([stated])])
    return Robustness(
        id=name,
        kept_first=float((drawn == 1).mean()),
        kept_place=float((drawn == stated).mean()),
        highest_place=int(every.min()),
        lowest_place=int(every.max()),
        changed_by=tuple(wish for wish, does in zip(wished, moved, strict=True) if does),
    )


def places(middles: Array, weights: Array) -> Places:
    """The place of each option under each set of weights, from 1; rows are sets of weights, columns options.

    middles  a row an option, in the order of the evidence; a column a wish
    weights  a row a set of weights; a column a wish
    """
    scores = np.round(weights @ middles.T, _DECIMALS)
    # A stable sort: equals stay in the order of the evidence.
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.empty_like(order)
    np.put_along_axis(found, order, np.broadcast_to(np.arange(1, middles.shape[0] + 1), order.shape), axis=1)
    return found


def _middles(placed: Sequence[Placed], wishes: int) -> Array:
    middles = [[(term.value_low + term.value_high) / 2 for term in one.terms] for one in placed]
    return np.array(middles, dtype=np.float64).reshape(len(placed), wishes)


def _drawn(preferences: Preferences, wished: Sequence[str], draws: int, seed: int) -> Array:
    if not wished:  # nothing was wished, so there is nothing to draw around: the order of the evidence
        return np.zeros((1, 0))
    shares = np.array([preferences.weight(name) for name in wished]) / preferences.total
    return np.random.default_rng(seed).dirichlet(CONCENTRATION * shares, size=draws)


def _scaled(preferences: Preferences, wished: Sequence[str]) -> Array:
    """One row a wish and factor: the stated weights, one of them multiplied; each row sums to 1."""
    rows = []
    for place in range(len(wished)):
        for factor in FACTORS:
            weights = np.array([preferences.weight(name) for name in wished], dtype=np.float64)
            weights[place] *= factor
            rows.append(weights / weights.sum())
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(wished))
