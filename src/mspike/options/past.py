"""The therapy up to the day asked: lines, exposure and refractoriness, and every dose with what it was aimed at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import polars as pl

from mspike.course.agents import given
from mspike.course.derived import Derived, episodes
from mspike.course.doses import THERAPY, Earlier, complete_histories, courses_of_agents, placed_rows, viewpoints
from mspike.course.refractory import grouped, refractoriness
from mspike.course.statements import statements
from mspike.options.antigens import UNREAD, UNTOLD
from mspike.options.facts import Dose, Exposure, Lines, named

GROUPS = ("triple_class", "penta_drug")
# Beside the therapy of a line, or around it.
NO_LINE = ("supportive", "conditioning", "steroid")
TRIPLE = ("PI", "IMiD", "anti_CD38")
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

    Seen from the end of the record a lone infusion looks like a whole history; seen from the infusion it does not. A
    study drug may have been anything.
    """
    derived = earlier.derived
    complete = bool(earlier.history["complete"].all()) and not earlier.courses["agent_id"].is_in(list(UNTOLD)).any()
    complete = complete and not _set_aside(earlier) and not _lines_missing(earlier)
    if not complete or episodes(derived).is_empty():
        return complete
    return bool(complete_histories(earlier.placed, viewpoints(derived))["complete"].all())


def lines_so_far(earlier: Earlier, complete: bool) -> Lines:
    """How many lines were begun up to the day, at least?

    Only therapy against the myeloma makes a line: a text that nobody could read may have been anything. Where every row
    is numbered by the registry, a number tells of the lines before it too.
    """
    therapy = earlier.courses.filter(~pl.col("cls").is_in(NO_LINE)).select("key", "row", "line").unique()
    numbers = therapy["line"].drop_nulls()
    if numbers.is_empty():
        return Lines(0, False, "no line of therapy is recorded")
    rows = earlier.derived.record.treatments.filter(pl.col("row").is_in(therapy["row"].to_list()))
    stated = rows["line"]
    least = numbers.n_unique()
    if stated.null_count() == 0:
        least = max(least, *(int(n) for n in stated))
    told = f"{least} lines recorded" if least != 1 else "1 line recorded"
    mixed = 0 < stated.null_count() < len(stated)
    exact = complete and not mixed
    return Lines(least, exact, told if exact else f"{told}; earlier therapy is not completely known")


def exposures_so_far(earlier: Earlier, complete: bool) -> dict[str, Exposure]:
    """Every agent, class and group that is recorded or stated, by its name. Melphalan as a transplant is one."""
    table = refractoriness(earlier)
    contested = _contested(earlier)
    told = {row["item"]: _exposure(row, complete, contested) for row in table.to_dicts()}
    groups = grouped(earlier, table).filter(pl.col("group").is_in(GROUPS))
    told |= {row["group"]: _group(row, told, complete, contested) for row in groups.to_dicts()}
    transplants = [d for d in doses_so_far(earlier, str) if d.cls == TRANSPLANT]
    told |= {d.agent: Exposure(True, None, f"{named(d.agent)} given") for d in transplants}
    if transplants:
        told[TRANSPLANT] = Exposure(True, None, "a transplant")
    return told


def _contested(earlier: Earlier) -> set[tuple[str, str]]:
    """(item, exposed or refractory) about which statements contradict each other, whichever came last."""
    said = statements(earlier.derived.record)
    found = set()
    for answer in ("exposed", "refractory"):
        told = said.group_by("item").agg(yes=pl.col(f"stated_{answer}").any(), no=(~pl.col(f"stated_{answer}")).any())
        found |= {(item, answer) for item in told.filter(pl.col("yes") & pl.col("no"))["item"].drop_nulls()}
    return found


def _group(row: dict[str, Any], told: dict[str, Exposure], complete: bool, contested: set[tuple[str, str]]) -> Exposure:
    """Triple-class (or penta-drug) exposure by its classes; a statement that contradicts them leaves it open."""
    name, stated = row["group"], row["stated_exposed"]
    refractory = row["combined_refractory"] if complete or row["combined_refractory"] else row["stated_refractory"]
    refractory = None if (name, "refractory") in contested else refractory
    if refractory is False and row["stated_refractory"] is not False:
        refractory = None  # as of an agent: rows do not show the lack of it
    classes = [told.get(c) or Exposure(False if complete else None, None, "") for c in TRIPLE]
    by_class = _all(c.exposed for c in classes) if name == "triple_class" else row["combined_exposed"] or None
    exposed = by_class if by_class is not None else stated
    if (None not in (stated, by_class) and stated != by_class) or (name, "exposed") in contested:
        exposed = None
    if refractory and exposed is None and stated is not False:
        exposed = True  # who is refractory was exposed
    parts = [
        c.told or f"{named(i)} {'not given' if complete else 'not known'}" for i, c in zip(TRIPLE, classes, strict=True)
    ]
    words = f"{named(name)} exposed" if exposed else "; ".join(parts)
    return Exposure(exposed, refractory, words, stated is False, f"{named(name)}: {words}")


def _all(answers: Iterable[bool | None]) -> bool | None:
    known = list(answers)
    return False if False in known else None if None in known else True


def _exposure(row: dict[str, Any], complete: bool, contested: set[tuple[str, str]]) -> Exposure:
    """One agent or class. What no row names is known only from a complete history, or from a statement."""
    exposed, refractory = row["combined_exposed"], row["combined_refractory"]
    stated_exposed, stated_refractory = row["stated_exposed"], row["stated_refractory"]
    if row["row"] is None and not complete:
        exposed = True if stated_refractory else stated_exposed if stated_exposed is not None else exposed or None
        refractory = stated_refractory if stated_refractory is not None else refractory or None
    elif None not in (stated_exposed, row["exposed"]) and stated_exposed != row["exposed"]:
        exposed = refractory = None  # the rows and the statement contradict each other
    elif None not in (stated_refractory, row["refractory"]) and stated_refractory != row["refractory"]:
        refractory = None
    exposed = None if (row["item"], "exposed") in contested else exposed
    refractory = None if (row["item"], "refractory") in contested else refractory
    by_statement = row["refractory"] is None or (row["row"] is None and not complete)
    # That the rows show no refractoriness cannot close a label: one lost row may have hidden it.
    shown = refractory is False and not (by_statement and stated_refractory is False)
    item = named(row["item"])
    told = f"{item} given" if exposed else f"{item} not given" if exposed is False else f"{item}: not known"
    how = "" if refractory is None else f"{'' if refractory else 'not '}refractory to {item}"
    how = f"{how}, as stated" if how and by_statement else f"{how} by the record" if shown and exposed else how
    if shown and exposed is not False:
        refractory = None
    return Exposure(exposed, refractory, told, stated_exposed is False, how)


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
    ) + _unread(earlier, said_day) + _undated(earlier)  # fmt: skip


def _unread(earlier: Earlier, said_day: Callable[[int | None], str]) -> tuple[Dose, ...]:
    """Treatment rows whose text nobody could read: they may have been anything."""
    lost = Dose(UNREAD, "other", (), None, None, "a treatment row that was set aside")
    texts = {text for unread in earlier.history["unread"] for text in unread}
    rows = earlier.placed.filter(pl.col("agent").is_in(list(texts)) | pl.col("agent").is_null())
    return tuple(
        Dose(UNREAD, "other", (), row["start"], row["last"], f"an unread therapy {said_day(row['start'])}")
        for row in rows.with_columns(last=pl.coalesce("end", "start")).to_dicts()
    ) + ((lost,) if _set_aside(earlier) else ())


def _lines_missing(earlier: Earlier) -> bool:
    """Does a line number tell of earlier lines that have no row?"""
    numbers = earlier.placed["line"].drop_nulls()
    return not numbers.is_empty() and max(int(n) for n in numbers) > numbers.n_unique()


def _set_aside(earlier: Earlier) -> bool:
    """Was a treatment row not usable, for half a date or another fault? Then not all therapy is known."""
    found = earlier.derived.record.findings
    return not found.filter((pl.col("table") == "treatments") & (pl.col("severity") == "error")).is_empty()


def _undated(earlier: Earlier) -> tuple[Dose, ...]:
    """Agents of rows that stand in no line, as half a date places them in none: given on a day not known."""
    told = given(earlier.derived.record).filter(~pl.col("conditioning") & pl.col("role").is_in(THERAPY))
    told = told.with_columns(pl.col("row").cast(pl.Int64)).join(earlier.courses.select("row"), on="row", how="anti")
    return tuple(
        Dose(row["agent_id"], row["cls"], tuple(row["targets"] or ()), None, None, f"{named(row['agent_id'])}, undated")
        for row in told.to_dicts()
    )
