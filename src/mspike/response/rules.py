"""The register of rules: each is an id of the criteria and one Polars expression over the flowsheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.response.settings import Settings

Ask = Callable[[Criteria, Settings], pl.Expr]


@dataclass(frozen=True)
class Rule:
    """One criterion: what it says and its numbers stand in the criteria under the same id."""

    id: str
    ask: Ask


RULES: dict[str, Rule] = {}


def rule(id: str) -> Callable[[Ask], Ask]:
    """Registers an expression as the rule of this id; a second of the same name is refused."""

    def register(ask: Ask) -> Ask:
        if id in RULES:
            raise ValueError(f"rule {id} stands twice")
        RULES[id] = Rule(id, ask)
        return ask

    return register
