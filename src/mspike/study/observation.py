"""How closely patients were watched: visits, gaps, what nobody could judge, progressions left open, lost contact."""

from __future__ import annotations

import polars as pl

from mspike.cohort.disclosure import MARK, suppressed
from mspike.study.cells import NONE, share
from mspike.study.completeness import tellable
from mspike.study.gathered import Gathered
from mspike.study.kept_back import notes as kept_back
from mspike.study.parts import StudyTable
from mspike.study.plan import Plan

CONTACT_DAYS = 365
_MANY_DAYS = 10_000_000  # more than any day of a registry
RESPONSE, PROGRESSION, CONTACT = "Best response", "Progressions without confirmation", "Last contact"
LOST, SEEN, DIED, UNKNOWN = (
    f"alive, no contact in the last {CONTACT_DAYS} days", f"alive, contact in the last {CONTACT_DAYS} days", "died",
    "last contact not known",
)  # fmt: skip
JUDGED, OPEN_END, CUT_SHORT = "judged", "left open at the end of the data", "cut short by new therapy"
_STATISTICS = ("median", "q1", "q3", "lowest", "highest")


def visited(gathered: Gathered, infused: pl.DataFrame) -> pl.DataFrame:
    """patient (its row in `infused`), day: the days after the infusion on which a visit of that line opened, each once.

    By patient and day.
    """
    lines = infused.lazy().select("patient_id", "line").with_row_index("patient")
    seen = gathered.visits.filter(pl.col("day") > 0).join(lines, on=["patient_id", "line"])
    # Both in one number: millions of rows are sorted by it in a moment, by text they are not.
    both = seen.select(both=pl.col("patient").cast(pl.Int64) * _MANY_DAYS + pl.col("day"))
    days = both.collect(engine="streaming")["both"].unique().sort().to_frame()
    return days.select(
        patient=(pl.col("both") // _MANY_DAYS).cast(pl.UInt32), day=(pl.col("both") % _MANY_DAYS).cast(pl.Int32)
    )


def visits_table(seen: pl.DataFrame, infused: pl.DataFrame, plan: Plan) -> StudyTable:
    """How many visits has a patient, and how far apart are they?"""
    number = seen.group_by("patient").agg(value=pl.len())
    same = pl.col("patient") == pl.col("patient").shift(1)
    gaps = seen.select("patient", value=pl.when(same).then(pl.col("day").diff())).drop_nulls()
    rows = [_row("visits a patient", number, plan), _row("days between two visits", gaps, plan)]
    frame = pl.concat(rows)
    if plan.discreet:
        few = [row for row, n in enumerate(frame["patients"]) if not tellable(n, infused.height, plan)]
        small = [n < plan.min_cell for n in frame["patients"]]
        texts = [MARK if row in few else str(n) for row, n in enumerate(frame["patients"])]
        keep = ~pl.Series(small)
        frame = frame.with_columns(
            pl.when(keep).then(name).alias(name)
            if name in ("median", "q1", "q3")
            else pl.lit(None, pl.Float64).alias(name)
            for name in _STATISTICS
        ).with_columns(patients=pl.Series(texts, dtype=pl.String))
    return StudyTable(
        "quality_visits", "Visits after the infusion", frame, _shown_visits(frame),
        heads={"measure": "", "patients": "Patients, n", "middle": "Median [quartiles]", "range": "Range"},
        right=("patients", "middle", "range"),
        notes=(
            "Days on which a visit opened, of the line of the first infusion; patients without one are left out.",
            *kept_back(plan.min_cell),
        ),
    )  # fmt: skip


def _row(words: str, values: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    value = pl.col("value").cast(pl.Float64)
    return values.select(
        measure=pl.lit(words),
        patients=pl.col("patient").n_unique().cast(pl.Int64),
        median=value.median(),
        q1=value.quantile(0.25, "linear"),
        q3=value.quantile(0.75, "linear"),
        lowest=value.min(),
        highest=value.max(),
    )


def _shown_visits(frame: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for told in frame.to_dicts():
        n = told["patients"]
        middle = NONE if told["median"] is None else f"{told['median']:.4g} [{told['q1']:.4g}, {told['q3']:.4g}]"
        extremes = NONE if told["lowest"] is None else f"{told['lowest']:g} to {told['highest']:g}"
        rows.append((told["measure"], f"{n:,}" if isinstance(n, int) else n, middle, extremes))
    return pl.DataFrame(rows, schema=dict.fromkeys(("measure", "patients", "middle", "range"), pl.String), orient="row")


def observed(gathered: Gathered, infused: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """block, state, n: of every infused patient whether the response was judged, a progression left open, contact lost.

    Each block adds up to the patients infused. Contact is judged in a registry of dates only: days from each patient's
    own infusion have no last day that all share.
    """
    days = seen.group_by("patient").agg(visits=pl.len())
    told = infused.with_row_index("patient").join(days, on="patient", how="left", maintain_order="left")
    blocks = [(RESPONSE, _response(by_values(gathered.cohort))), (PROGRESSION, _progression())]
    if dated(infused):
        blocks.append((CONTACT, _contact()))
    frames = [
        told.group_by(state=state).agg(n=pl.len().cast(pl.Int64)).select(block=pl.lit(block), state="state", n="n")
        .sort(pl.col("state") != JUDGED, pl.col("n"), "state", descending=[False, True, False])
        for block, state in blocks
    ]  # fmt: skip
    return pl.concat(frames)


def by_values(cohort: pl.DataFrame) -> bool:
    """Was anybody judged by measured values? Else all categories are as somebody assigned them."""
    return bool((cohort["measurable_by"].list.len().fill_null(0) > 0).any())


def dated(infused: pl.DataFrame) -> bool:
    """Does the registry hold dates? A registry of days has no year of infusion."""
    return infused["index_year"].null_count() < infused.height


def last_day(infused: pl.DataFrame) -> int | None:
    """The last day on which any of them was heard of or died, as a day number."""
    last = infused.select((pl.col("index_day") + pl.col("os_days")).max()).item()
    return None if last is None else int(last)


def _response(values: bool) -> pl.Expr:
    """Why was there no category? Best response NE, by what is missing."""
    never = pl.col("visits").is_null()
    rest = (
        "not judged: values that the category needs are missing" if values else "not judged: no category was recorded"
    )
    told = (
        pl.when((pl.col("best_response") != "NE").fill_null(False)).then(pl.lit(JUDGED))
        .when(never & pl.col("os_event").fill_null(False)).then(pl.lit("not judged: died without a visit"))
        .when(never).then(pl.lit("not judged: no visit on record"))
        .when(pl.col("unconfirmed_pd_days").is_not_null())
        .then(pl.lit("not judged: progression that was never confirmed"))
    )  # fmt: skip
    if values:
        unmeasured = pl.col("measurable_by").list.len().fill_null(0) == 0
        told = told.when(unmeasured).then(pl.lit("not judged: nothing measurable is known before the infusion"))
    return told.otherwise(pl.lit(rest))


def _progression() -> pl.Expr:
    # A therapy whose text nobody can read is a therapy.
    treated = pl.col("failed").fill_null(False) & pl.col("first_salvage_class").ne_missing(pl.lit("none"))
    return (
        pl.when(pl.col("unconfirmed_pd_days").is_null()).then(pl.lit("none"))
        .when(treated).then(pl.lit(CUT_SHORT)).otherwise(pl.lit(OPEN_END))
    )  # fmt: skip


def _contact() -> pl.Expr:
    last = pl.col("index_day") + pl.col("os_days")
    recent = last >= last.max() - CONTACT_DAYS
    return (
        pl.when(pl.col("os_event").fill_null(False)).then(pl.lit(DIED))
        .when(last.is_null()).then(pl.lit(UNKNOWN))
        .when(recent).then(pl.lit(SEEN)).otherwise(pl.lit(LOST))
    )  # fmt: skip


def observation(whole: pl.DataFrame, total: int, plan: Plan) -> StudyTable:
    """What was not judged, not confirmed and not followed, of all infused patients."""
    whole = whole.with_columns(patients=pl.lit(total, pl.Int64), percent=(100 * pl.col("n") / max(total, 1)).round(1))
    frame = whole
    if plan.discreet:
        frame = suppressed(whole, ["n"], plan.min_cell, within="block", beside={"n": ["percent"]})
    texts = frame["n"].cast(pl.String).to_list()
    told = [share(n, total) if str(n) == text else text for n, text in zip(whole["n"], texts, strict=True)]
    notes = [f"N: patients infused ({total:,}), first infusion. A category assigned by somebody counts as judged."]
    if CONTACT in whole["block"]:
        notes.append("Last contact is counted back from the last day on which any of these patients was heard of.")
    else:
        notes.append("Last contact is not judged: the registry counts days from each infusion and has no last date.")
    notes += kept_back(plan.min_cell)
    return StudyTable(
        "quality_observation", "What was not judged, confirmed or followed", frame,
        frame.select("block", "state", n=pl.Series(told, dtype=pl.String)), groups="block",
        heads={"state": "", "n": "n / N (%)"}, right=("n",), notes=tuple(notes),
    )  # fmt: skip
