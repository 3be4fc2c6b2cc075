"""IEC-HS, the HLH-like syndrome after CAR T cells: when do the numbers raise the suspicion (Hines 2023, rules.md 5.4)?

Suspicion only: whether cytokine release, infection or progression alone explains the findings, a clinician judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.knowledge.criteria import Criteria, published
from mspike.safety.iec_hs_findings import LINEAGES, above_limit, findings
from mspike.safety.values import after_infusion, at_infusion, last_before

CRITERIA = "hines-2023"
SUPPORTING = ("transaminases", "fibrinogen", "haemophagocytosis", "cytopenia")
LOOKED_FOR = "haemophagocytosis"
ITEMS = ("ferritin", "transaminases", "fibrinogen", "haemophagocytosis", *LINEAGES)
RECORDED = r"(?i)\biec[-_ ]?hs\b|\bhlh\b|h(a)?emophagocytic|macrophage[-_ ]activation|\bmas\b"

# States of a finding on a day, so that the highest of several is their "or"; nothing measured counts as unknown.
UNMEASURED, ABSENT, UNKNOWN, PRESENT = 0, 1, 2, 3
NEVER = 10_000  # later than any day that is looked at
States = npt.NDArray[np.int8]
Answers = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Span:
    """How many days after infusion are looked at, how many days apart findings count together, and how many suffice."""

    days: int
    together: int
    enough: int


def span_of(rules: Criteria) -> Span:
    window, together, enough = (
        int(rules.value("iec_hs.suspected", name)) for name in ("window", "together", "supporting")
    )
    return Span(window, together, enough)


def iec_hs(derived: Derived) -> pl.DataFrame:
    """Was an HLH-like syndrome to be suspected after this infusion, and from which day?

    One row an infusion: gid, pid; suspected (true, false; null where something not measured could decide);
    suspected_by_values (the same, leaving out haemophagocytosis where nobody looked for it); suspected_day and
    suspected_at (days after infusion); judged_at (the day of the ferritin that decided, or that left the answer open);
    supporting (findings present); missing (findings that could have decided); ferritin_high_before (above twice its
    upper limit at infusion already: the suspicion then says less); and what somebody recorded: recorded_day,
    recorded_at, recorded_grade. `iec_hs_inputs` gives the values behind it.

    1. Each ferritin of the first 60 days is asked: is it above twice the upper limit or its value at infusion, or
       has it doubled within three days?
    2. Beside it at least two of four findings within three days before or after it.
    3. Suspected from the day on which the second of them was there.
    """
    infused = episodes(derived).select("gid", "pid", pl.col("index_day").cast(pl.Int32))
    rules = published(CRITERIA)
    found = findings(derived.record, episodes(derived), rules)
    answer = _answers(found, infused["gid"], span_of(rules))
    frame = infused.hstack(answer).with_columns(suspected_day=pl.col("index_day") + pl.col("suspected_at"))
    for known in (_high_before(derived, rules), _recorded(derived)):
        frame = frame.join(known, on="gid", how="left", maintain_order="left")
    return frame.drop("index_day")


def iec_hs_inputs(derived: Derived) -> pl.DataFrame:
    """The values behind each answer: one row a finding measured within three days of the ferritin that was judged.

    gid, item, analyte, day, at, met, lo, hi, ref_low, ref_high, before_lo, before_hi, before_day (the value before
    that it was compared with), all amounts in millionths; for haemophagocytosis no amount.
    """
    together = span_of(published(CRITERIA)).together
    found = findings(derived.record, episodes(derived), published(CRITERIA))
    judged = iec_hs(derived).select("gid", "judged_at")
    near = (pl.col("at") - pl.col("judged_at")).abs() <= together
    return found.join(judged, on="gid").filter(near).drop("judged_at").sort("gid", "item", "at")


def _high_before(derived: Derived, rules: Criteria) -> pl.DataFrame:
    """Did ferritin meet the criterion of the upper limit before anything was infused?"""
    days = int(rules.value("iec_hs.suspected", "age_of_value_before"))
    before = last_before(derived.record.results, at_infusion(episodes(derived)), ["ferritin"], days)
    return before.select("gid", ferritin_high_before=above_limit("ferritin", rules))


def _recorded(derived: Derived) -> pl.DataFrame:
    """The first event of that name after the infusion, with the highest grade any of them has."""
    events = derived.record.events.filter(pl.col("event").str.contains(RECORDED))
    after = after_infusion(events, episodes(derived), "date")
    return after.group_by("gid").agg(
        recorded_day=pl.col("date").min(), recorded_at=pl.col("at").min(), recorded_grade=pl.col("grade").max()
    )


def _answers(found: pl.DataFrame, gid: pl.Series, span: Span) -> pl.DataFrame:
    """One row an infusion, in the order of `gid`. Each day with a ferritin is asked; the earliest suspicion stands."""
    grids = {item: _grid(found.filter(pl.col("item") == item), gid, span.days) for item in ITEMS}
    required, near = grids["ferritin"], _supporting(grids, span.together, span)
    sure = (required == PRESENT) & (_count(near, PRESENT) >= span.enough)
    unsure = (required >= UNKNOWN) & (_possible(near) >= span.enough) & ~sure
    # Marrow is hardly ever searched for haemophagocytosis: what is open for that reason alone is told apart.
    looked_for = near | {LOOKED_FOR: np.where(near[LOOKED_FOR] == UNKNOWN, ABSENT, near[LOOKED_FOR])}
    by_values = (required >= UNKNOWN) & (_possible(looked_for) >= span.enough) & ~sure
    days = np.arange(span.days + 1) + _days_until_enough(grids, span)
    since = np.where(sure, days, NEVER)
    settled, unsettled = sure.any(axis=1), unsure.any(axis=1) & ~sure.any(axis=1)
    # Of the days that stay open the one with most findings is told, of equal ones the first.
    fullest = np.where(unsure, _count(near, PRESENT), -1).argmax(axis=1)
    judged = np.where(settled, since.argmin(axis=1), fullest)
    then = (np.arange(len(gid)), judged)
    known = {item: _near(grids[item], span.together, span.together) for item in ITEMS} | {"ferritin": required}
    return pl.DataFrame(
        {
            "sure": settled,
            "unsure": unsettled,
            "unsure_by_values": by_values.any(axis=1),
            "asked": (required != UNMEASURED).any(axis=1),
            "since": since.min(axis=1).astype(np.int32),
            "judged": judged.astype(np.int32),
            **{f"has_{name}": states[then] == PRESENT for name, states in near.items()},
            **{f"lacks_{item}": _unknown(states[then]) for item, states in known.items()},
        }
    ).select(**_answer_columns())


def _answer_columns() -> dict[str, pl.Expr]:
    nothing = pl.lit([], pl.List(pl.String))
    lacking = pl.when("unsure").then(_listed("lacks_", ITEMS)).otherwise(nothing)
    judged = pl.col("sure") | pl.col("unsure")
    return {
        "suspected": pl.when("sure").then(True).when(pl.col("asked") & ~pl.col("unsure")).then(False),
        "suspected_by_values": pl.when("sure")
        .then(True)
        .when(pl.col("asked") & ~pl.col("unsure_by_values"))
        .then(False),
        "suspected_at": pl.when("sure").then("since"),
        "judged_at": pl.when(judged).then("judged"),
        "supporting": pl.when(judged).then(_listed("has_", SUPPORTING)).otherwise(nothing),
        "missing": pl.when("asked").then(lacking).otherwise(pl.lit(["ferritin"])),
    }


def _possible(findings_: dict[str, States]) -> States:
    return np.sum([states != ABSENT for states in findings_.values()], axis=0, dtype=np.int8)


def _count(findings_: dict[str, States], state: int) -> States:
    return np.sum([states == state for states in findings_.values()], axis=0, dtype=np.int8)


def _listed(prefix: str, names: tuple[str, ...]) -> pl.Expr:
    return pl.concat_list(pl.when(f"{prefix}{name}").then(pl.lit(name)) for name in names).list.drop_nulls()


def _unknown(states: States) -> Answers:
    return (states == UNKNOWN) | (states == UNMEASURED)


def _grid(found: pl.DataFrame, gid: pl.Series, days: int) -> States:
    """The state of one finding on each day from infusion: one row an infusion, in the order of `gid`."""
    grid = np.zeros((len(gid), days + 1), dtype=np.int8)
    place = pl.DataFrame({"gid": gid, "place": np.arange(len(gid))})
    met = pl.col("met")
    state = pl.when(met).then(PRESENT).when(met.not_()).then(ABSENT).otherwise(UNKNOWN).cast(pl.Int8)
    rows = found.join(place, on="gid").select("place", "at", state=state)
    np.maximum.at(grid, (rows["place"].to_numpy(), rows["at"].to_numpy()), rows["state"].to_numpy())
    return grid


def _near(grid: States, before: int, after: int) -> States:
    """The highest state from so many days before each day to so many after it."""
    near = np.zeros_like(grid)
    width = grid.shape[1]
    for shift in range(-before, after + 1):
        here, there = slice(max(0, -shift), width - max(0, shift)), slice(max(0, shift), width - max(0, -shift))
        near[:, here] = np.maximum(near[:, here], grid[:, there])
    return near


def _supporting(grids: dict[str, States], after: int, span: Span) -> dict[str, States]:
    """The supporting findings as known so many days after each day. Cytopenia is absent only if every lineage is."""
    near = {item: _near(grids[item], span.together, after) for item in ITEMS}
    known = {item: np.where(_unknown(states), UNKNOWN, states) for item, states in near.items()}
    cytopenia = reduce(np.maximum, (known[lineage] for lineage in LINEAGES))
    return {**{name: known[name] for name in SUPPORTING[:-1]}, "cytopenia": cytopenia}


def _days_until_enough(grids: dict[str, States], span: Span) -> npt.NDArray[np.int32]:
    """How many days after each day enough supporting findings had been seen."""
    offset = np.full(grids["ferritin"].shape, span.together, dtype=np.int32)
    for after in range(span.together - 1, -1, -1):
        offset[_count(_supporting(grids, after, span), PRESENT) >= span.enough] = after
    return offset
