"""The infusions that are asked about: when they failed, what they were aimed at, and the days that place a specimen."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.knowledge.mechanisms import timing
from mspike.knowledge.therapies import recognised

# Failure as rules.md 3.2 names it; death, second malignancy and lack of follow-up are no failure of the cells.
FAILURES = ("primary_refractory", "early_relapse", "late_relapse", "molecular_relapse", "next_therapy")
TARGETS = ("BCMA", "GPRC5D")  # the antigens that the record can hold a test of


def infusions_of(derived: Derived) -> pl.DataFrame:
    """One row an infusion, by gid: what was infused, whether and when it failed, and the days around it.

    target      BCMA or GPRC5D; null where the product is not known, aims at neither or at both
    ld          first day of lymphodepletion, `ld_assumed` where it is not recorded and its usual day stands in
    failed, failure   has it failed, and on which day
    next_day    start of the next line: later specimens show what that therapy left
    until       last day that still belongs to this infusion
    """
    assumed = int(timing()["why.timing.before_lymphodepletion"]["assumed"])
    given = episodes(derived)
    failed = pl.col("failure_type").is_in(FAILURES)
    told = given.select(
        "gid",
        "pid",
        "agent",
        "failure_type",
        infusion=pl.col("index_day"),
        apheresis="apheresis_day",
        ld=pl.coalesce("ld_day", pl.col("index_day") - assumed),
        ld_assumed=pl.col("ld_day").is_null(),
        failed=failed,
        failure=pl.when(failed).then(pl.col("failure_day")).cast(pl.Int32),
        next_day=pl.col("next_day").cast(pl.Int32),
        until=pl.col("next_day").fill_null(2**30).cast(pl.Int32),  # no next line: everything later belongs here
        alive=pl.col("death_day").is_null() & ~pl.col("died_undated"),
    )
    return told.join(_targets(told["agent"]), on="agent", how="left", nulls_equal=True, maintain_order="left")


def _targets(products: pl.Series) -> pl.DataFrame:
    """The antigen of each distinct product text."""
    rows = [(text, _target(text)) for text in products.unique().to_list()]
    return pl.DataFrame(rows, schema={"agent": pl.String, "target": pl.String}, orient="row")


def _target(product: str | None) -> str | None:
    if product is None:
        return None
    told = recognised(product)
    targets = {target for agent in told.agents if agent.cls == "car_t" for target in agent.targets if target in TARGETS}
    # A product with a word we cannot read may aim at something else as well.
    return targets.pop() if len(targets) == 1 and not told.unknown else None
