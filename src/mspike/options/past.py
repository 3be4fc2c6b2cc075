"""The therapy up to the day asked: lines, exposure and refractoriness, and every dose with what it was aimed at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.course.doses import Earlier, complete_histories, courses_of_agents, placed_rows, viewpoints
from mspike.course.refractory import grouped, refractoriness
from mspike.options.facts import Dose, Exposure, Lines, named

GROUPS = ("triple_class", "penta_drug")


def therapy_to_date(derived: Derived) -> Earlier:
    """All therapy of a patient, seen from the end of the record and not from an infusion: one viewpoint a patient."""
    patients = derived.record.patients.select("pid")
    views = patients.with_row_index("key").select(
        pl.col("key").cast(pl.Int64),
        "pid",
        *(pl.lit(None, pl.Int64).alias(name) for name in ("gid", "line", "apheresis_day", "infusion")),
    )
    placed = placed_rows(derived.record, derived.settings.lines)
    courses = courses_of_agents(derived, placed, views)
    return Earlier(derived, views, courses, complete_histories(placed, views), placed)


def history_is_complete(earlier: Earlier) -> bool:
    """Is all therapy known? Also what came before the first infusion: nothing recorded there is a gap, not a nothing.

    Seen from the end of the record a lone infusion looks like a whole history; seen from the infusion it does not.
    """
    derived = earlier.derived
    complete = bool(earlier.history["complete"].all())
    if not complete or episodes(derived).is_empty():
        return complete
    return bool(complete_histories(earlier.placed, viewpoints(derived))["complete"].all())


def lines_so_far(earlier: Earlier, complete: bool) -> Lines:
    """How many lines were begun up to the day? A numbered line tells of those before it."""
    numbers = earlier.placed["line"].drop_nulls()
    if numbers.is_empty():
        return Lines(0, False, "no line of therapy is recorded")
    least = max(numbers.n_unique(), *(int(n) for n in numbers))
    told = f"{least} lines recorded" if least != 1 else "1 line recorded"
    return Lines(least, complete, told if complete else f"{told}; earlier therapy is not completely known")


def exposures_so_far(earlier: Earlier, complete: bool) -> dict[str, Exposure]:
    """Every agent, class and group that is recorded or stated, by its name."""
    table = refractoriness(earlier)
    groups = grouped(earlier, table)
    told = {row["item"]: _exposure(row, complete) for row in table.to_dicts()}
    for row in groups.filter(pl.col("group").is_in(GROUPS)).to_dicts():
        exposed = row["combined_exposed"]
        if exposed is False and not complete:
            exposed = None
        missing = ", ".join(row["missing"] or [])
        words = f"{named(row['group'])} exposed" if exposed else f"not recorded: {missing}" if missing else ""
        told[row["group"]] = Exposure(exposed, row["combined_refractory"], words)
    return told


def _exposure(row: dict[str, Any], complete: bool) -> Exposure:
    exposed, stated = row["combined_exposed"], row["stated_exposed"]
    if exposed is False and not complete and stated is None:
        exposed = None  # not mentioned in a history that is not complete
    if stated is not None and row["exposed"] is not None and stated != row["exposed"]:
        exposed = None
    item = named(row["item"])
    words = [f"{item} given" if exposed else f"{item} not given" if exposed is False else f"{item}: not known"]
    if row["combined_refractory"] is True:
        words.append("refractory" if row["refractory"] else "refractory, as stated")
    elif row["combined_refractory"] is False:
        words.append("not refractory" if row["refractory"] is False else "not refractory, as stated")
    return Exposure(exposed, row["combined_refractory"], ", ".join(words), stated is False)


def doses_so_far(earlier: Earlier, said_day: Callable[[int | None], str]) -> tuple[Dose, ...]:
    """Every treatment row and agent, the earliest first. What may have been a placebo is left out."""
    once = pl.when(pl.col("cls").is_in(["car_t", "transplant"])).then("start")
    rows = earlier.courses.filter(~pl.col("doubtful")).with_columns(end=pl.coalesce("last", once))
    return tuple(
        Dose(
            row["agent_id"], row["cls"], tuple(row["targets"] or ()), row["start"], row["end"],
            f"{named(row['agent_id'])} {said_day(row['start'])}",
        )
        for row in rows.sort("start", "row", nulls_last=False).to_dicts()
    )  # fmt: skip
