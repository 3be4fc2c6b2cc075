"""Subgroups: in whom is the hazard higher or lower? A forest for the first endpoint, a table for overall survival."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mspike.cohort.disclosure import MARK
from mspike.cohort.outcomes import time_points
from mspike.cohort.strata import STRATA, Stratum
from mspike.figures.subgroups import subgroups_chart
from mspike.study.adjusted import adjusted
from mspike.study.cells import NONE, in_sentence, p_value
from mspike.study.contrasts import CONSTANT, FEW, NOT_COMPARED, NOT_ESTIMABLE, Contrast, contrast, reference_of, told_p
from mspike.study.gathered import Gathered
from mspike.study.kept_back import note, small
from mspike.study.parts import Part, Section, StudyFigure, StudyTable
from mspike.study.plan import WORDS, Plan

TOLD_OF = 4  # strata named in the sentence
TITLE = "Subgroups"
EVENTS = {"pfs": "progression or death", "os": "death"}
AVERAGE, FEWER = "‡", "§"


def subgroups(gathered: Gathered, plan: Plan) -> Section:
    """In which patients came the event sooner, and how sure is that? First infusions only.

    Each stratum that is settled at the origin alone (univariable Cox regression); those of plan.by together as well.
    From apheresis, patients enter with the infusion: the strata are told as of then. Each stratum has one reference on
    the whole page.
    """
    endpoints = tuple(dict.fromkeys((plan.endpoints[0], "os")))
    parts: list[Part] = []
    refused: list[str] = []
    says: list[str] = []
    every: list[Contrast] = []
    told = {name: _points(gathered, name, plan) for name in endpoints}
    told = {name: points for name, points in told.items() if not points.is_empty()}
    references = {s.column: reference_of(list(told.values()), s, plan) for s in _strata(plan)} if told else {}
    for endpoint, points in told.items():
        made = [contrast(points, stratum, plan, references[stratum.column]) for stratum in _strata(plan)]
        every += made
        refused += [f"{WORDS[endpoint]}. {said}" for one in made for said in one.refused]
        table = _table(made, points, endpoint, plan)
        parts.append(_figure(made, table, endpoint, plan) or table)
        together, why = adjusted(points, endpoint, plan, references)
        parts += [together] if together else []
        refused += why
        says += _says(made, points, endpoint, plan)
    if not parts:
        return Section(
            "subgroups", TITLE, (f"Nobody can be followed from {plan.origin}: no subgroups are compared.",), ()
        )
    return Section(
        "subgroups", TITLE, (*says, *_exploratory(every)), tuple(parts), tuple(dict.fromkeys(refused)),
        _methods(every, [part.name for part in parts if isinstance(part, StudyTable)], plan), _references(every, plan),
    )  # fmt: skip


def _points(gathered: Gathered, endpoint: str, plan: Plan) -> pl.DataFrame:
    return time_points(gathered.cohort, plan.origin, endpoint, observed_from="infusion").select(_needed(plan))


def _exploratory(made: Sequence[Contrast]) -> tuple[str, ...]:
    if not any(one.estimates for one in made):
        return ()
    return ("None of this was adjusted for the number of comparisons: it is exploratory.",)


def _strata(plan: Plan) -> list[Stratum]:
    return [stratum for stratum in STRATA.values() if stratum.comparable_from(plan.origin)]


def _needed(plan: Plan) -> list[str]:
    """Of a hundred thousand patients, the other sixty columns would be copied with every level."""
    return ["days", "event", "entry", *dict.fromkeys(stratum.column for stratum in _strata(plan))]


def _says(made: Sequence[Contrast], points: pl.DataFrame, endpoint: str, plan: Plan) -> list[str]:
    """Where the interval leaves out 1, the farthest first; of levels and references with five events at least."""
    n, events = points.height, int(points["event"].sum())
    whole = "" if small(min(events, n - events), plan.min_cell) else f" ({events:,} events)"
    head = f"{WORDS[endpoint]} from {plan.origin}, {n:,} patients{whole}"
    if not any(one.estimates for one in made):
        return [f"{head}: no stratum has levels whose hazards could be compared."]
    rows = pl.concat([one.rows for one in made if not one.hidden])
    apart = _apart(rows)
    if apart.is_empty():
        return [
            f"{head}: no level with at least {FEW} events differed from its reference; the 95 % confidence intervals "
            "of all hazard ratios include 1."
        ]
    references = dict(rows.filter("reference").select("subgroup", "level").iter_rows())
    named = [
        f"{in_sentence(row['subgroup'])}: {row['level']}{_beside(references.get(row['subgroup']))}, HR {row['told']}"
        for row in apart.head(TOLD_OF).iter_rows(named=True)
    ]
    more = f" and {apart.height - TOLD_OF} more" if apart.height > TOLD_OF else ""
    return [f"{head}: the hazard differed most by (HR: hazard ratio [95 % CI]) {'; '.join(named)}{more}."]


def _apart(rows: pl.DataFrame) -> pl.DataFrame:
    off = pl.max_horizontal(pl.col("low").log(), -pl.col("high").log())
    enough = pl.col("events") >= FEW
    own = (pl.col("reference") & enough).any().over("subgroup") | ~pl.col("reference").any().over("subgroup")
    return rows.with_columns(off=off).filter(enough & own & (pl.col("off") > 0)).sort("off", descending=True)


def _beside(reference: str | None) -> str:
    return "" if reference is None else f" vs {reference}"


def _table(made: Sequence[Contrast], points: pl.DataFrame, endpoint: str, plan: Plan) -> StudyTable:
    frame = pl.concat([_marked(one) for one in made])
    hidden = pl.concat([_is_hidden(one) for one in made])
    events = _events_text(frame, hidden)
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


def _marked(one: Contrast) -> pl.DataFrame:
    """The rows; marked where the estimate rests on other groups than it would without --min-cell."""
    if not (one.kept_back or one.merged):
        return one.rows
    marked = pl.when(pl.col("hazard_ratio").is_not_null()).then(pl.col("told") + f" {FEWER}").otherwise("told")
    return one.rows.with_columns(told=marked)


def _is_hidden(one: Contrast) -> pl.Series:
    return one.rows["level"].is_in(sorted(one.hidden))


def _events_text(frame: pl.DataFrame, hidden: pl.Series) -> list[str]:
    return [MARK if gone else f"{events:,}" for events, gone in zip(frame["events"], hidden, strict=True)]


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
    nothing = [one for one in made if (one.rows["told"] == NOT_COMPARED).all() and (one.rows.height or one.kept_back)]
    alone = [one.stratum.words for one in nothing if not one.kept_back]
    protected = [one.stratum.words for one in nothing if one.kept_back]
    changing = [one.stratum.words for one in made if one.changes_with_time]
    kept = [one.stratum.words for one in made if one.kept_back or one.merged]
    wide = frame.filter((pl.min_horizontal("n", "events") < FEW) & pl.col("hazard_ratio").is_not_null())
    said = [
        f"{points.height:,} patients, first infusions only. {estimates} hazard ratios, each stratum alone, no "
        "adjustment for the number of comparisons: exploratory. Not known: counted, not compared.",
        f"{AVERAGE} The hazard ratio changes with time (p < {CONSTANT}): it is an average over the follow-up. "
        f"So with: {'; '.join(changing)}." if changing else "",
        f"Fewer than {FEW} patients or events in some levels: their intervals are wide." if wide.height else "",
        f"One level only, or none known, so nothing to compare: {'; '.join(alone)}." if alone else "",
        f"Not compared, to protect a group too small to show: {'; '.join(protected)}." if protected else "",
        f"{FEWER} Estimated with small groups put together or left out, so not as without --min-cell: "
        f"{'; '.join(kept)}." if kept else "",
    ]  # fmt: skip
    said += [note(plan.min_cell)] if plan.discreet else []
    if plan.origin == "apheresis":
        said.append("Strata are told as of the infusion: patients come under observation there (delayed entry).")
    return tuple(one for one in said if one)


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
        notes=[note(plan.min_cell)] if frame["hidden"].any() else [],
    )  # fmt: skip
    says = (
        f"Forest of hazard ratios of {event} with 95 % confidence intervals in {frame['subgroup'].n_unique()} strata, "
        "each level against its reference."
    )
    return StudyFigure(f"subgroups_{endpoint}", f"{WORDS[endpoint]}: subgroups", chart, says, table)


def _methods(made: Sequence[Contrast], tables: Sequence[str], plan: Plan) -> tuple[str, ...]:
    """Only what was really done: nothing of a regression where none gave an estimate."""
    if not any(one.estimates for one in made):
        return ()
    empty = any((one.rows["told"] == NOT_ESTIMABLE).any() and one.estimates for one in made)
    said = [
        "Subgroups were compared by univariable Cox regression with ties by Efron's method and Wald intervals"
        if plan.penalty is None
        else "Subgroups were compared by univariable Cox regression with Firth's penalty and profile intervals",
        "; proportional hazards were tested by the score test on the Kaplan-Meier scale. " if _tested(made) else ". ",
        "Each stratum had one reference level for all endpoints. ",
        "Levels without an event were not estimated. " if empty and plan.penalty is None else "",
        "No adjustment was made for the number of comparisons.",
    ]
    together = any(name.startswith("subgroups_adjusted") for name in tables)
    more = ["Strata named together were also entered into one model, complete cases only."] if together else []
    return ("".join(said), *more)


def _tested(made: Sequence[Contrast]) -> bool:
    return any(one.rows["proportional_hazards_p"].is_not_null().any() for one in made)


def _references(made: Sequence[Contrast], plan: Plan) -> tuple[str, ...]:
    if not any(one.estimates for one in made):
        return ()
    penalty = ("heinze-schemper-2001",) if plan.penalty else ()
    return ("cox-1972", *(("grambsch-therneau-1994",) if _tested(made) else ()), *penalty)
