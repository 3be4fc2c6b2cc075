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
TRANSPLANT, AUTOLOGOUS = "transplant", "autologous_transplant"


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
    """Every agent, class and group that is recorded or stated, by its name. Melphalan as a transplant is one."""
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
    transplants = [d for d in doses_so_far(earlier, str) if d.cls == TRANSPLANT]
    told |= {d.agent: Exposure(True, None, f"{named(d.agent)} given") for d in transplants}
    if transplants:
        told[TRANSPLANT] = Exposure(True, None, "a transplant")
    return told


def _exposure(row: dict[str, Any], complete: bool) -> Exposure:
    exposed, stated = row["combined_exposed"], row["stated_exposed"]
    if exposed is False and not complete and stated is None:
        exposed = None  # not mentioned in a history that is not complete
    if stated is not None and row["exposed"] is not None and stated != row["exposed"]:
        exposed = None
    item, refractory = named(row["item"]), row["combined_refractory"]
    told = f"{item} given" if exposed else f"{item} not given" if exposed is False else f"{item}: not known"
    how = ""
    if refractory is not None:
        stated_only = "" if row["refractory"] == refractory else ", as stated"
        how = f"{'' if refractory else 'not '}refractory to {item}{stated_only}"
    return Exposure(exposed, refractory, told, stated is False, how)


def doses_so_far(earlier: Earlier, said_day: Callable[[int | None], str]) -> tuple[Dose, ...]:
    """Every treatment row and agent, the earliest first. What may have been a placebo is left out."""
    once = pl.when(pl.col("cls").is_in(["car_t", "transplant"])).then("start")
    rows = earlier.courses.filter(~pl.col("doubtful")).with_columns(end=pl.coalesce("last", once))
    # "melphalan" in the role of a transplant names no transplant, and is one.
    unnamed = (pl.col("role") == TRANSPLANT) & ~(pl.col("cls") == TRANSPLANT).any().over("key", "row")
    implied = rows.filter(unnamed).unique("row", maintain_order=True)
    implied = implied.with_columns(agent_id=pl.lit(AUTOLOGOUS), cls=pl.lit(TRANSPLANT), end="start")
    return tuple(
        Dose(
            row["agent_id"], row["cls"], tuple(row["targets"] or ()), row["start"], row["end"],
            f"{named(row['agent_id'])} {said_day(row['start'])}",
        )
        for row in pl.concat([rows, implied]).sort("start", "row", nulls_last=False).to_dicts()
    )  # fmt: skip
