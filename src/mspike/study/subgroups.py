"""Subgroups: in whom is the hazard higher or lower? A forest for the first endpoint, a table for overall survival."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mspike.cohort.outcomes import time_points
from mspike.cohort.strata import STRATA, Stratum
from mspike.figures.subgroups import subgroups_chart
from mspike.study.adjusted import adjusted
from mspike.study.cells import NONE, in_sentence, p_value
from mspike.study.contrasts import CONSTANT, FEW, NOT_COMPARED, Contrast, contrast, told_p
from mspike.study.gathered import Gathered
from mspike.study.parts import Part, Section, StudyFigure, StudyTable
from mspike.study.plan import WORDS, Plan

TOLD_OF = 4  # strata named in the sentence
TITLE = "Subgroups"
EVENTS = {"pfs": "progression or death", "os": "death"}
AVERAGE = "‡"


def subgroups(gathered: Gathered, plan: Plan) -> Section:
    """In which patients came the event sooner, and how sure is that? First infusions only.

    Each stratum that is settled at the origin alone (univariable Cox regression); those of plan.by together as well.
    From apheresis, patients enter with the infusion: the strata are told as of then.
    """
    endpoints = tuple(dict.fromkeys((plan.endpoints[0], "os")))
    parts: list[Part] = []
    refused: list[str] = []
    says: list[str] = []
    for endpoint in endpoints:
        points = time_points(gathered.cohort, plan.origin, endpoint, observed_from="infusion").select(_needed(plan))
        if points.is_empty():
            continue
        made = [contrast(points, stratum, plan) for stratum in _strata(plan)]
        refused += [f"{WORDS[endpoint]}. {said}" for one in made for said in one.refused]
        table = _table(made, points, endpoint, plan)
        parts.append(_figure(made, table, endpoint, plan) or table)
        together, why = adjusted(points, endpoint, plan)
        parts += [together] if together else []
        refused += why
        says += _says(made, points, endpoint, plan)
    if not parts:
        return Section(
            "subgroups", TITLE, (f"Nobody can be followed from {plan.origin}: no subgroups are compared.",), ()
        )
    return Section(
        "subgroups", TITLE, (*says, "None of this was adjusted for the number of comparisons: it is explorative."),
        tuple(parts), tuple(dict.fromkeys(refused)), _methods(plan), _references(plan),
    )  # fmt: skip


def _strata(plan: Plan) -> list[Stratum]:
    return [stratum for stratum in STRATA.values() if stratum.comparable_from(plan.origin)]


def _needed(plan: Plan) -> list[str]:
    """Of a hundred thousand patients, the other sixty columns would be copied with every level."""
    return ["days", "event", "entry", *dict.fromkeys(stratum.column for stratum in _strata(plan))]


def _says(made: Sequence[Contrast], points: pl.DataFrame, endpoint: str, plan: Plan) -> list[str]:
    """Where the interval leaves out 1, the farthest first; of levels and references with five events at least."""
    n, events = points.height, int(points["event"].sum())
    whole = "" if plan.discreet and 0 < min(events, n - events) < plan.min_cell else f" ({events:,} events)"
    head = f"{WORDS[endpoint]} from {plan.origin}, {n:,} patients{whole}"
    if not any(one.estimates for one in made):
        return [f"{head}: no stratum has levels whose hazards could be compared."]
    rows = pl.concat([one.rows for one in made if not one.hidden])
    apart = _apart(rows)
    if apart.is_empty():
        return [
            f"{head}: of the levels with at least {FEW} events, none has a hazard that differs from its reference by "
            "more than the 95 % interval allows."
        ]
    references = dict(rows.filter("reference").select("subgroup", "level").iter_rows())
    named = [
        f"{in_sentence(row['subgroup'])}: {row['level']}{_beside(references.get(row['subgroup']))}, HR {row['told']}"
        for row in apart.head(TOLD_OF).iter_rows(named=True)
    ]
    more = f" and {apart.height - TOLD_OF} more" if apart.height > TOLD_OF else ""
    return [f"{head}: the hazard differed most by (HR: hazard ratio [95 % interval]) {'; '.join(named)}{more}."]


def _apart(rows: pl.DataFrame) -> pl.DataFrame:
    off = pl.max_horizontal(pl.col("low").log(), -pl.col("high").log())
    enough = pl.col("events") >= FEW
    own = (pl.col("reference") & enough).any().over("subgroup") | ~pl.col("reference").any().over("subgroup")
    return rows.with_columns(off=off).filter(enough & own & (pl.col("off") > 0)).sort("off", descending=True)


def _beside(reference: str | None) -> str:
    return "" if reference is None else f" beside {reference}"


def _table(made: Sequence[Contrast], points: pl.DataFrame, endpoint: str, plan: Plan) -> StudyTable:
    frame = pl.concat([one.rows for one in made])
    hidden = pl.concat([_is_hidden(one) for one in made])
    events = _events_text(frame, hidden, plan)
    shown = pl.DataFrame(
        {
            "subgroup": frame["subgroup"], "level": frame["level"],
            "n": [f"{n:,}" for n in frame["n"]], "events": events,
            "hazard_ratio": frame["told"], "p": told_p(frame["p"]),
            "proportional": _proportional(made), "method": frame["method"].fill_null(NONE),
        }
    )  # fmt: skip
    written = frame.drop("told").with_columns(estimate=frame["told"])
    if plan.discreet:
        written = written.with_columns(events=pl.Series(events, dtype=pl.String))
    return StudyTable(
        f"subgroups_{endpoint}", f"{WORDS[endpoint]} from {plan.origin}: subgroups, each stratum alone",
        written, shown,
        {"level": "", "n": "n", "events": "Events", "hazard_ratio": "Hazard ratio [95 % CI]", "p": "p",
         "proportional": "p, proportional hazards", "method": "Method"},
        groups="subgroup", right=("n", "events", "hazard_ratio", "p", "proportional"),
        notes=_notes(made, frame, points, plan),
    )  # fmt: skip


def _is_hidden(one: Contrast) -> pl.Series:
    return one.rows["level"].is_in(sorted(one.hidden))


def _events_text(frame: pl.DataFrame, hidden: pl.Series, plan: Plan) -> list[str]:
    return [
        f"{events:,}" if not gone else f"<{plan.min_cell}" if events < plan.min_cell else f"≥{plan.min_cell}"
        for events, gone in zip(frame["events"], hidden, strict=True)
    ]


def _proportional(made: Sequence[Contrast]) -> list[str]:
    """In the first row of a stratum: one test for all its levels."""
    told = []
    for one in made:
        known = one.rows["proportional_hazards_p"].drop_nulls()
        mark = f" {AVERAGE}" if one.changes_with_time else ""
        told += [f"{p_value(known[0])}{mark}" if len(known) else NONE, *[""] * (one.rows.height - 1)][: one.rows.height]
    return told


def _notes(made: Sequence[Contrast], frame: pl.DataFrame, points: pl.DataFrame, plan: Plan) -> tuple[str, ...]:
    estimates = sum(one.estimates for one in made)
    alone = [one.stratum.words for one in made if (one.rows["told"] == NOT_COMPARED).all() and one.rows.height]
    changing = [one.stratum.words for one in made if one.changes_with_time]
    kept = sorted({one.stratum.words for one in made if one.kept_back})
    wide = frame.filter((pl.min_horizontal("n", "events") < FEW) & pl.col("hazard_ratio").is_not_null())
    said = [
        f"{points.height:,} patients, first infusions only. {estimates} hazard ratios, each stratum alone, no "
        "adjustment for the number of comparisons: explorative. Not known: counted, not compared.",
        f"{AVERAGE} The hazard ratio changes with time (p < {CONSTANT}): it is an average over the follow-up. "
        f"So with: {'; '.join(changing)}." if changing else "",
        f"Fewer than {FEW} patients or events in some levels: their intervals are wide." if wide.height else "",
        f"One level only, or none known, so nothing to compare: {'; '.join(alone)}." if alone else "",
        f"Groups too small to show are neither in the table nor in the regression: {'; '.join(kept)}." if kept else "",
    ]  # fmt: skip
    if plan.origin == "apheresis":
        said.append("Strata are told as of the infusion: patients come under observation there (delayed entry).")
    return tuple(note for note in said if note)


def _figure(made: Sequence[Contrast], table: StudyTable, endpoint: str, plan: Plan) -> StudyFigure | None:
    """The strata with an estimate; not known stands in the table."""
    if endpoint != plan.endpoints[0] or not any(one.estimates for one in made):
        return None
    frame = pl.concat(
        [one.rows.with_columns(hidden=_is_hidden(one)) for one in made if one.estimates], how="vertical"
    ).filter(pl.col("told") != NOT_COMPARED)
    frame = frame.with_columns(subgroup=pl.col("subgroup").str.split(":").list.first())
    frame = frame.with_columns(events=pl.when(~pl.col("hidden")).then("events"))
    event = EVENTS.get(endpoint, "event")
    chart = subgroups_chart(
        frame, f"{WORDS[endpoint]} from {plan.origin}: subgroups, each stratum alone",
        better=(f"less {event}", f"more {event}"),
        notes=["A question mark: kept back, because the count is small."] if frame["hidden"].any() else [],
    )  # fmt: skip
    says = (
        f"Forest of hazard ratios of {event} with 95 % intervals in {frame['subgroup'].n_unique()} strata, each level "
        "beside its reference."
    )
    return StudyFigure(f"subgroups_{endpoint}", f"{WORDS[endpoint]}: subgroups", chart, says, table)


def _methods(plan: Plan) -> tuple[str, ...]:
    said = [
        "Subgroups were compared by univariable Cox regression with ties by Efron's method and Wald intervals"
        if plan.penalty is None
        else "Subgroups were compared by univariable Cox regression with Firth's penalty and profile intervals",
        "; proportional hazards were tested by the score test on the Kaplan-Meier scale. ",
        "Levels without an event were not estimated. " if plan.penalty is None else "",
        "No adjustment was made for the number of comparisons.",
    ]
    more = ["Strata named together were also entered into one model, complete cases only."] if len(plan.by) > 1 else []
    return ("".join(said), *more)


def _references(plan: Plan) -> tuple[str, ...]:
    return ("cox-1972", "grambsch-therneau-1994", *(("heinze-schemper-2001",) if plan.penalty else ()))
