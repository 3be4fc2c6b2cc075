"""What the data can bear: rows used and set aside, what is known, how closely patients were seen, who is left out."""

from __future__ import annotations

import polars as pl

from mspike.cohort.disclosure import suppressed
from mspike.cohort.outcomes import TIMES
from mspike.record.findings import SEVERITIES
from mspike.record.tables import TABLES
from mspike.study.cells import share
from mspike.study.completeness import completeness, least_known, tellable
from mspike.study.followed import Followed, decided, followed, numbers
from mspike.study.gathered import Gathered
from mspike.study.kept_back import counts_column
from mspike.study.kept_back import notes as kept_back
from mspike.study.next_lines import unseen
from mspike.study.observation import LOST, SEEN, observation, observed, visited, visits_table
from mspike.study.parts import Part, Section, StudyTable
from mspike.study.plan import WORDS, Plan

IN = "in the analysis"
_ASKED = (
    "infused", "infusion_number", "failed", "failure_day", "first_failure_type", "apheresis_day", "entry_days",
    "dor_event", "next_line_seen",
)  # fmt: skip
MEANS = {"error": "set aside", "warning": "look at it", "info": "worth knowing"}
METHODS = (
    "Rows that could not be read or contradicted the format were set aside and counted.",
    "Values that were not known were kept as a group of their own and never counted as absent.",
)


def quality(gathered: Gathered, plan: Plan) -> Section:
    """How good are the data, and who is missing from which analysis?"""
    cohort = gathered.cohort
    infused = cohort.filter(pl.col("infused") & (pl.col("infusion_number") == 1))
    parts: list[Part] = [_rows(gathered, infused.height, plan), _findings(gathered, plan)]
    told = [_rows_said(gathered, plan)]
    if not infused.height:
        told.append("Nobody was infused, so that nothing more can be said of the data.")
    elif not tellable(infused.height, infused.height, plan):
        told.append(f"Fewer than {plan.min_cell} patients were infused; nothing more is told of them.")
    else:
        seen = visited(gathered, infused)
        states = observed(gathered, infused, seen)
        parts += [
            completeness(infused, plan),
            visits_table(seen, infused, plan),
            observation(states, infused.height, plan),
            _left_out(cohort, plan),
        ]
        told += [_known_said(infused, plan), *_contact_said(states, plan)]
    methods = METHODS if gathered.patients else ()
    return Section("quality", "Data quality", tuple(told), tuple(parts), methods=methods)


def _rows(gathered: Gathered, infused: int, plan: Plan) -> StudyTable:
    rows = [
        (name, counts["rows"], counts["used"], counts["set_aside"])
        for name in TABLES
        if (counts := gathered.rows.get(name)) and counts["rows"]
    ]
    notes = ["Rows in = rows used + rows set aside; tables without a row are left out."]
    if not tellable(infused, gathered.patients, plan):
        # Beside the number infused it would tell how few were not.
        rows = [row for row in rows if row[0] != "patients"]
        notes.append("The rows of the table patients are not told: too few of them were not infused.")
    schema = {"table": pl.String, "rows": pl.Int64, "used": pl.Int64, "set_aside": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    if plan.discreet and frame.height:
        frame = suppressed(frame, ["used", "set_aside"], plan.min_cell, within="table")
    return StudyTable(
        "quality_rows", "Rows of the registry", frame, _with_commas(frame),
        heads={"table": "Table", "rows": "Rows in", "used": "Used", "set_aside": "Set aside"},
        right=("rows", "used", "set_aside"), notes=(*notes, *kept_back(plan.min_cell)),
    )  # fmt: skip


def _with_commas(frame: pl.DataFrame) -> pl.DataFrame:
    def worded(column: pl.Series) -> pl.Series:
        texts = [f"{int(n):,}" if str(n).isdigit() else n for n in column]
        return pl.Series(column.name, texts, dtype=pl.String)

    return frame.select(worded(column) for column in frame.get_columns())


def _findings(gathered: Gathered, plan: Plan) -> StudyTable:
    order = {name: place for place, name in enumerate(SEVERITIES)}
    rank = pl.col("severity").replace_strict(order, default=len(order), return_dtype=pl.Int32)
    columns = ("severity", "table", "column", "problem", "expected")
    frame = gathered.findings.sort(rank, pl.col("n"), *columns, descending=[False, True, *(False for _ in columns)])
    frame = frame.select(*columns, pl.col("n").cast(pl.Int64))
    if plan.discreet and frame.height:
        frame = suppressed(frame, ["n"], plan.min_cell)
    shown = _with_commas(frame).with_columns(
        pl.col("severity").replace({name: f"{name}: {means}" for name, means in MEANS.items()}),
        pl.col("problem").str.replace_all("_", " ", literal=True),
    )
    return StudyTable(
        "quality_findings", "What is wrong in the data, by kind", frame, shown,
        groups="severity" if frame.height else None,
        heads={"table": "Table", "column": "Column", "problem": "What was found", "expected": "What was expected",
               "n": "Number"},
        right=("n",),
        notes=("Kinds of finding and how often each was met. `mspike check REGISTRY` names the rows.",
               *kept_back(plan.min_cell)) if frame.height else ("Nothing was found.",),
    )  # fmt: skip


def _left_out(cohort: pl.DataFrame, plan: Plan) -> StudyTable:
    """Of every endpoint: how many are in the analysis, and who is not, and why."""
    observed_from = decided(cohort, plan) if plan.origin == "apheresis" else "infusion"
    told: dict[str, Followed] = {}
    for endpoint in plan.endpoints:
        # All columns of 100,000 patients would be copied.
        asked = cohort.select(*dict.fromkeys((*_ASKED, *TIMES[plan.origin, endpoint])))
        points = followed(asked, plan.origin, endpoint, observed_from)
        if unseen(points.patients, plan.origin, endpoint, plan) is None:
            told[endpoint] = points
    rows = [
        (endpoint, reason, n)
        for endpoint, here in numbers(told, plan.min_cell).items()
        for reason, n in {IN: here, **told[endpoint].reasons(plan.min_cell)}.items()
    ]
    frame = pl.DataFrame(
        {"endpoint": [row[0] for row in rows], "reason": [row[1] for row in rows]},
        schema={"endpoint": pl.String, "reason": pl.String},
    ).with_columns(counts_column("n", [row[2] for row in rows], plan.min_cell))
    shown = _with_commas(frame).with_columns(pl.col("endpoint").replace(WORDS))
    return StudyTable(
        "quality_left_out", f"Who is left out of which analysis, from {plan.origin}", frame, shown, groups="endpoint",
        heads={"reason": "", "n": "Rows of the cohort"}, right=("n",),
        notes=("One row an infusion, and one a patient who was collected and never infused.",
               *kept_back(plan.min_cell)),
    )  # fmt: skip


def _rows_said(gathered: Gathered, plan: Plan) -> str:
    rows = sum(counts["rows"] for counts in gathered.rows.values())
    aside = sum(counts["set_aside"] for counts in gathered.rows.values())
    if not rows:
        return "The registry holds no row."
    if plan.discreet:
        return "Rows that could not be used were set aside, and are counted below as far as the numbers may be told."
    if not aside:
        return f"All {rows:,} rows of the registry could be used."
    percent = 100 * aside / rows
    small = "less than 0.1 %" if percent < 0.05 else f"{percent:.1f} %"
    return f"Of {rows:,} rows {aside:,} could not be used and {'was' if aside == 1 else 'were'} set aside ({small})."


def _known_said(infused: pl.DataFrame, plan: Plan) -> str:
    least = least_known(infused)
    if least is None:
        return f"Of all {infused.height:,} infused patients every fact asked before the infusion is known."
    fact, known = least
    of = share(known, infused.height) if tellable(known, infused.height, plan) else "some"
    return f"Least is known of this before the infusion: {fact[0].lower()}{fact[1:]}, in {of} infused patients."


def _contact_said(states: pl.DataFrame, plan: Plan) -> list[str]:
    told = dict(zip(states["state"], states["n"], strict=True))
    lost, alive = told.get(LOST, 0), told.get(LOST, 0) + told.get(SEEN, 0)
    everybody = int(states.filter(pl.col("block") == "Best response")["n"].sum())
    if not alive or not (tellable(lost, alive, plan) and tellable(alive, everybody, plan)):
        return []
    number = f"{lost:,} {'was' if lost == 1 else 'were'}" if lost else "none was"
    return [
        f"Of {alive:,} patient{'' if alive == 1 else 's'} not known to have died {number} out of contact during the "
        "year before the last day on record."
    ]
