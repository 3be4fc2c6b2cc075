"""Who was studied: the way from the registry to the infusion and on, Table 1, and how long they were followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from mspike.cohort.followup import reverse_kaplan_meier
from mspike.cohort.outcomes import left_out, time_points
from mspike.cohort.strata import Stratum
from mspike.cohort.times import DAYS_A_MONTH, Unstable
from mspike.study.cells import median
from mspike.study.characteristics import discretion, first_infusions, table_1
from mspike.study.counted import Column, as_share, counted, counts_column
from mspike.study.followed import decided, followed
from mspike.study.gathered import Gathered
from mspike.study.kept_back import MARK, count, count_words, small
from mspike.study.parts import Part, Section, StudyTable
from mspike.study.plan import Plan

PART = "\u2003"  # an em space: set in, and not collapsed in a page
ORIGINS = {"infusion": "the infusion", "failure": "the failure", "apheresis": "the apheresis"}
NO_CAR_T = "This registry holds no patient with CAR T cells collected or infused; there is nobody to study."


def people(gathered: Gathered, plan: Plan) -> Section:
    """Who is in the registry, who was infused, what were they like, and how long were they followed?"""
    cohort = gathered.cohort
    infused = first_infusions(cohort)
    parts: list[Part] = [flow_table(gathered, plan)]
    if infused.is_empty():
        says = NO_CAR_T if cohort.is_empty() else "Cells were collected, but nobody is recorded as infused."
        return Section("people", "Patients", (says,), tuple(parts))
    tables = _tables(cohort, plan)
    parts += tables
    followed, sentence, refused = follow_up(cohort, plan)
    parts += [] if followed is None else [followed]
    return Section(
        "people", "Patients", tuple(_says(gathered, infused, plan)) + sentence, tuple(parts), refused,
        _methods(plan, described=bool(tables), followed=followed is not None),
        ("schemper-smith-1996",) if followed is not None else (),
    )  # fmt: skip


def _tables(cohort: pl.DataFrame, plan: Plan) -> list[Part]:
    """Table 1 of those whose outcomes are told: from failure, of those who failed."""
    failed = plan.origin == "failure"
    if failed and not first_infusions(cohort)["failed"].any():
        return []
    named: dict[str, Stratum | None] = {f"table_1_by_{name}": stratum for name, stratum in plan.strata.items()}
    return [
        table_1(cohort, name, stratum, plan.min_cell, failed=failed)
        for name, stratum in (named or {"table_1": None}).items()
    ]


# ---- the way from the registry to treatment after failure -----------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """A row of the flow; `share_of`: how many it is out of, None where a share says nothing or would say too much."""

    name: str
    words: str
    text: str
    share_of: int | None = None


def flow_table(gathered: Gathered, plan: Plan) -> StudyTable:
    """How many are left at each step from the registry to the treatment after failure?"""
    steps = [*_before_infusion(gathered, plan), *_after_infusion(gathered.cohort, plan)]
    frame = pl.DataFrame(
        {"step": [step.name for step in steps], "of": [step.share_of for step in steps]},
        schema={"step": pl.String, "of": pl.Int64},
    )
    counts = counts_column("n", [step.text for step in steps], plan.min_cell)
    shown = pl.DataFrame(
        {"step": [step.words for step in steps], "n": [as_share(step.text, step.share_of) for step in steps]}
    )
    notes = [
        "Patients, except the later infusions, which are counted as infusions. Indented rows are part of the row above."
    ]
    return StudyTable(
        name="flow",
        title="From the registry to the treatment after failure",
        frame=frame.select("step", counts, "of"),
        shown=shown,
        heads={"step": "", "n": "n / N (%)"},
        right=("n",),
        notes=(*notes, *discretion([], plan.min_cell)),
    )


def _before_infusion(gathered: Gathered, plan: Plan) -> list[_Step]:
    """Steps up to the infusion. The number infused is told everywhere: what would give small rests away is not."""
    persons = gathered.cohort.group_by("patient_id").agg(
        pl.col("infused").any(), collected=pl.col("apheresis_day").is_not_null().any()
    )
    n, k = persons.height, plan.min_cell
    infused, collected = int(persons["infused"].sum()), int(persons["collected"].sum())
    never, without = n - infused, gathered.patients - n
    given = Column("", persons.filter("infused"))
    seen = counted([given], [("", pl.col("collected")), ("", ~pl.col("collected"))], k)
    hide_line = small(never, k)
    # Of a small rest neither itself nor the sum it stands in may be told.
    hide_all = small(without, k) or small(gathered.patients - infused, k) or (hide_line and not without)
    gone = hide_line or hide_all
    steps = [
        ("registry", "In the registry", gathered.patients, hide_all, None),
        ("car_t_line", "With CAR T cells collected or infused", n, hide_line, gathered.patients),
        ("collected", PART + "apheresis recorded", collected, hide_line or bool(seen.hidden), n),
        ("never_infused", PART + "collected and not infused so far", never, hide_line, n),
        ("infused", PART + "infused", infused, small(infused, k), n),
    ]
    told = [
        _Step(name, words, MARK if kept else str(count), None if gone else of) for name, words, count, kept, of in steps
    ]
    return [*told, _Step("infused_no_apheresis", 2 * PART + "without a recorded apheresis", seen.text(1), infused)]


def _after_infusion(cohort: pl.DataFrame, plan: Plan) -> list[_Step]:
    first = first_infusions(cohort)
    later, k = int((cohort["infusion_number"] > 1).sum()), plan.min_cell
    ends = counted([Column("", first)], [("", pl.col("failed")), ("", ~pl.col("failed"))], k)
    salvage = pl.col("first_salvage_class")
    failed = Column("", first.filter("failed"))
    treated = counted([failed], [("", salvage != "none"), ("", salvage == "none"), ("", salvage.is_null())], k)
    told = None if (0, 0) in ends.hidden else failed.n
    after = ((PART + "treated after failure"), (PART + "no treatment recorded"), (PART + "treatment not known"))
    names = ("treated", "not_treated", "treatment_unknown")
    return [
        _Step("later_infusions", "Later infusions of the same patients", MARK if small(later, k) else str(later)),
        _Step("failed", "Failed after the first infusion", ends.text(0), first.height),
        *(_Step(names[row], after[row], treated.text(row), told) for row in range(len(names))),
    ]  # fmt: skip


# ---- follow-up ------------------------------------------------------------------------------------------------------


_MONTHS = ("median_months", "median_low_months", "median_high_months")
_FOLLOWED: dict[str, Any] = {"origin": pl.String, "n": pl.Int64, "died": pl.Int64, **dict.fromkeys(_MONTHS, pl.Float64)}


def follow_up(cohort: pl.DataFrame, plan: Plan) -> tuple[StudyTable | None, tuple[str, ...], tuple[str, ...]]:
    """How long were they followed, by reverse Kaplan-Meier? The table, the sentence, and what is refused."""
    observed = decided(cohort, plan)
    points = time_points(cohort, plan.origin, "os", observed_from=observed)
    start = ORIGINS[plan.origin]
    if points.is_empty():
        return None, (), (f"Median follow-up from {start}: nobody can be followed from there.",)
    if not (points["days"] > points["entry"]).any():
        return None, (), (f"Median follow-up from {start}: nobody was observed beyond the first day.",)
    alive = counted([Column("", points)], [("died", pl.col("event")), ("alive", ~pl.col("event"))], plan.min_cell)
    if alive.hidden:
        return None, (), (f"Median follow-up from {start}: fewer than {plan.min_cell} patients died, or lived.",)
    try:
        curve = reverse_kaplan_meier(points["days"], points["event"], points["entry"])
    except Unstable as unstable:
        return None, (), (f"Median follow-up from {start}: {unstable}",)
    limits = (curve.median, curve.median_low, curve.median_high)
    in_months = [None if days is None else days / DAYS_A_MONTH for days in limits]
    few = small(followed(cohort, plan.origin, "os", observed).lacking(plan.min_cell), plan.min_cell)
    n = count(curve.n, few, plan.min_cell)
    frame = pl.DataFrame(
        [[plan.origin, None, alive.n[0][0], *in_months]],
        schema=_FOLLOWED,
        orient="row",
    ).with_columns(counts_column("n", [str(n)], plan.min_cell))
    shown = pl.DataFrame({"n": [count_words(n)], "died": [f"{alive.n[0][0]:,}"], "median": [median(*limits)]})
    gone = left_out(cohort, plan.origin, "os", observed_from=observed)
    said = "; ".join(f"{reason}: {n:,}" for reason, n in gone.iter_rows() if not plan.discreet)
    table = StudyTable(
        name="follow_up",
        title=f"Follow-up from {start}",
        frame=frame,
        shown=shown,
        heads={"n": "Patients", "died": "Died", "median": "Median follow-up, months [95 % interval]"},
        right=("n", "died", "median"),
        notes=(
            "Reverse Kaplan-Meier: how long patients would have been followed, had nobody died. NR: not reached.",
            *([f"Not among them: {said}."] if said else []),
        ),
    )
    return table, (f"The median follow-up from {start} is {median(*limits)} months.",), ()


# ---- in words -------------------------------------------------------------------------------------------------------


def _says(gathered: Gathered, infused: pl.DataFrame, plan: Plan) -> list[str]:
    n = infused.height
    if small(n, plan.min_cell):
        return [f"Fewer than {plan.min_cell} patients were infused with CAR T cells."]
    said = f"{n:,} patient{' was' if n == 1 else 's were'} infused with CAR T cells"
    never = int((~gathered.cohort["infused"]).sum())
    if never and not small(never, plan.min_cell):
        said += f"; in {never:,} more, cells were collected and not given so far"
    facts = [_typical(infused, column, words, plan) for column, words in _TYPICAL.items()]
    known = [fact for fact in facts if fact]
    return [said + ".", *([f"{_listed(known)}."] if known else [])]


_TYPICAL = {"age": "median age {} years", "prior_lines": "median {} earlier lines of therapy"}


def _typical(infused: pl.DataFrame, column: str, words: str, plan: Plan) -> str | None:
    known = infused[column].drop_nulls()
    unknown = infused.height - known.len()
    if known.is_empty() or small(known.len(), plan.min_cell):
        return None
    told = words.format(f"{float(str(known.median())):g}")
    return told + (f" (not known in {unknown:,})" if unknown and not small(unknown, plan.min_cell) else "")


def _listed(facts: list[str]) -> str:
    text = "; ".join(facts)
    return text[0].upper() + text[1:]


def _methods(plan: Plan, *, described: bool, followed: bool) -> tuple[str, ...]:
    said = []
    if described:
        said += [
            "Patients were described at their first infusion of CAR T cells; later infusions of the same patient were "
            "not counted as further patients.",
            "Percentages of a characteristic were taken of the patients in whom it was known; the number in whom it "
            "was not known was reported.",
        ]
    if followed:
        said.append(f"Follow-up from {ORIGINS[plan.origin]} was described by the reverse Kaplan-Meier method.")
    return tuple(said)
