"""One finding looked for at every infusion: does it hold, what was seen, when, and why it could not be judged."""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from mspike.knowledge.mechanisms import findings

OBSERVATION = pl.Schema(
    {
        "gid": pl.Int64(),
        "rule": pl.String(),
        "holds": pl.Boolean(),
        "value": pl.String(),
        "day": pl.Int32(),
        "reason": pl.String(),
    }
)


def observation(
    infusions: pl.DataFrame,
    rule: str,
    seen: pl.DataFrame,
    *,
    holds: pl.Expr,
    value: pl.Expr,
    reason: str | pl.Expr,
    undecided: str | pl.Expr = "",
    day: str = "day",
) -> pl.DataFrame:
    """One row an infusion: the finding holds (true), was looked for and absent (false), or is unknown (null).

    seen       at most one row an infusion, only where something was seen; with `gid`, `day` and what `holds` needs
    reason     why nothing is known where nothing was seen
    undecided  why what was seen decides nothing; used where `holds` is null
    """
    told = seen.select(
        "gid",
        pl.lit(True).alias("_seen"),
        holds.cast(pl.Boolean).alias("holds"),
        value.alias("value"),
        pl.col(day).cast(pl.Int32).alias("day"),
        _text(undecided).alias("_undecided"),
    )
    every = infusions.join(told, on="gid", how="left", maintain_order="left")
    unseen = pl.col("_seen").is_null()
    why = pl.when(unseen).then(_text(reason)).when(pl.col("holds").is_null()).then("_undecided").replace("", None)
    return every.select("gid", pl.lit(rule).alias("rule"), "holds", "value", "day", why.alias("reason")).cast(
        OBSERVATION
    )


def nothing_seen(infusions: pl.DataFrame, rule: str, reason: str | pl.Expr) -> pl.DataFrame:
    """The finding was looked for at no infusion."""
    none = pl.DataFrame(schema={"gid": pl.Int64, "day": pl.Int32})
    return observation(infusions, rule, none, holds=pl.lit(None), value=pl.lit(None, pl.String), reason=reason)


def number(rule: str, name: str) -> Fraction:
    """A threshold of a finding, exact."""
    return findings()[rule].values[name].number


def _text(told: str | pl.Expr) -> pl.Expr:
    return pl.lit(told) if isinstance(told, str) else told
