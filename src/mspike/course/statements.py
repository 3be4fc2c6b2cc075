"""What a registry itself says about earlier agents: exposed or not, refractory or not.

Such statements are events named refractory, not_refractory, exposed, exposed_not_refractory or not_exposed whose detail
names an agent, a class or a group (triple_class, penta_drug). They stand beside the derived answer and do not replace
it.
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

from mspike.knowledge.therapies import CLASSES, recognised
from mspike.record.record import Record

GROUPS = ("triple_class", "penta_drug")
# What each word says: (exposed, refractory). Who is refractory was exposed; who was not exposed is not refractory.
WORDS: dict[str, tuple[bool | None, bool | None]] = {
    "refractory": (True, True),
    "not_refractory": (None, False),
    "exposed": (True, None),
    "exposed_not_refractory": (True, False),
    "not_exposed": (False, False),
}


def statements(record: Record) -> pl.DataFrame:
    """What was stated, and when: pid, row, stated_day, level (agent, class, group, unknown), item, stated_exposed,
    stated_refractory. `item` is an agent's id, a class, a group, or the text nobody could place.
    """
    word = pl.col("event").str.to_lowercase().str.replace_all(r"[\s-]+", "_")
    told = record.events.with_columns(word=word).filter(pl.col("word").is_in(list(WORDS)))
    named = {text: _named(text) for text in told["detail"].unique().drop_nulls()}
    detail = pl.col("detail")
    return told.select(
        "pid",
        pl.col("row").cast(pl.Int64),
        stated_day=pl.col("date").cast(pl.Int64),
        level=detail.replace_strict({t: n[0] for t, n in named.items()}, default="unknown", return_dtype=pl.String),
        item=detail.replace_strict({t: n[1] for t, n in named.items()}, default=None, return_dtype=pl.String),
        stated_exposed=_said(0),
        stated_refractory=_said(1),
    )


def _said(place: int) -> pl.Expr:
    meaning = {word: said[place] for word, said in WORDS.items()}
    return pl.col("word").replace_strict(meaning, return_dtype=pl.Boolean)


def statements_at(record: Record, views: pl.DataFrame) -> pl.DataFrame:
    """The latest statement on each item up to each viewpoint; of two on one day the one that says more."""
    said = statements(record).join(views.select("key", "pid", "infusion"), on="pid")
    said = said.filter((pl.col("stated_day") <= pl.col("infusion")).fill_null(True))  # never infused: all of them
    said = said.sort("key", "level", "item", "stated_day", pl.col("stated_refractory").is_not_null(), "row")
    return said.unique(["key", "level", "item"], keep="last", maintain_order=True).drop("infusion")


@cache
def _named(text: str) -> tuple[str, str]:
    """(level, item) of the text of a statement."""
    plain = _plain(text)
    for group in GROUPS:
        if plain.removesuffix("refractory").removesuffix("exposed") in (_plain(group), _plain(group.split("_")[0])):
            return "group", group
    for cls in CLASSES:
        if plain == _plain(cls):
            return "class", cls
    told = recognised(text)
    if len(told.agents) == 1 and not told.unknown:
        agent = told.agents[0]
        return ("agent", agent.id) if agent.specific else ("class", agent.cls)
    return "unknown", text


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
