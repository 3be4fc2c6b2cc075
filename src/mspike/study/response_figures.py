"""Figures of response: all patients over time; single patients by depth, by marker and by follow-up."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from mspike.cohort.disclosure import hidden_cells, suppressed
from mspike.cohort.times import DAYS_A_MONTH
from mspike.figures.spider import AT_MOST as SPIDERS
from mspike.figures.spider import spider_chart, spider_table
from mspike.figures.stacked_response import AT, response_over_time_chart, response_over_time_table
from mspike.figures.swimmer import MARKED as LANES
from mspike.figures.swimmer import swimmer_chart, swimmer_table
from mspike.figures.waterfall import best_depths, waterfall_chart, waterfall_table
from mspike.study.cells import NOT_KNOWN, months
from mspike.study.counted import plain
from mspike.study.gathered import UNITS, Gathered
from mspike.study.parts import StudyFigure, StudyTable
from mspike.study.plan import Plan

ROWS_SHOWN = 50
BARS = 40  # of a waterfall: as many as have room for the mark of their category
KEYS = ["patient_id", "line"]
MARKERS = {"serum_m": "Serum M-protein", "dflc": "dFLC", "urine_m_24h": "Urine M-protein"}
NO_VALUES = (
    "Waterfall and spider plot: no patient has values of M-protein or free light chains with a baseline (where "
    "responses were assigned elsewhere, there are none)."
)
Made = tuple[tuple[StudyFigure, ...], tuple[str, ...]]


def response_figures(gathered: Gathered, patients: pl.DataFrame, plan: Plan) -> Made:
    """The figures that these patients can carry, and in words those that are not made.

    patients  first infusions: columns of the cohort
    """
    figures, refused = _over_time(gathered, patients, plan)
    if plan.discreet:
        said = (
            "Waterfall, spider and swimmer plot: each shows single patients, and counts "
            f"below {plan.min_cell} are kept back."
        )
        return figures, (*refused, said)
    if not plan.name_patients:
        gathered, patients = _unnamed(gathered, patients)
    values = gathered.values.join(patients.lazy().select(KEYS), on=KEYS, how="semi")
    depths = best_depths(values.collect(), patients)
    if depths["change_percent"].drop_nulls().is_empty():
        refused += (NO_VALUES,)
    else:
        figures += (_waterfall(depths),)
        figures += _spider(values, depths, patients)
    if patients["os_days"].drop_nulls().is_empty():
        return figures, (*refused, "Swimmer plot: nobody's follow-up is known.")
    return (*figures, _swimmer(gathered, patients)), refused


# ---- all patients ---------------------------------------------------------------------------------------------------


def _over_time(gathered: Gathered, patients: pl.DataFrame, plan: Plan) -> Made:
    known = patients.filter(pl.col("cr_days").is_not_null())
    if known.is_empty():
        return (), ("Response over time: nobody's time to progression is known.",)
    known, visits = _last_of_each_span(known, gathered.visits)
    table, at = response_over_time_table(known, visits), AT["months"]
    whole = [month for month in at if not _small_in(table, month, plan.min_cell)]
    twin = _over_time_twin(table, plan)
    if not whole:
        return (), ("Response over time: at every time a category holds too few patients to be shown.",)
    title = "Response over time after the infusion"
    chart = response_over_time_chart(known, visits, title, at=whole)
    later = table.filter((pl.col("months") == whole[-1]) & (pl.col("n") > 0))
    told = ", ".join(f"{row['state']} {row['percent']:.0f} %" for row in later.iter_rows(named=True))
    says = f"Share of all {known.height:,} patients in each category at fixed times; at {whole[-1]} months: {told}."
    refused = () if len(whole) == len(at) else (
        "Response over time is drawn only for the times at which no category holds too few patients to be shown.",
    )  # fmt: skip
    return (StudyFigure("response_over_time", title, chart, says, twin),), refused


def _last_of_each_span(patients: pl.DataFrame, visits: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The visits that the table asks for: the last between two of its times. Patients by number, for fast joins."""
    ends = [month * DAYS_A_MONTH for month in AT["months"]]
    numbered = patients.with_row_index("number").with_columns(pl.col("number").cast(pl.Int64))
    day = pl.col("day")
    span = pl.sum_horizontal((day > end).cast(pl.Int8) for end in ends)
    asked = visits.filter(day.is_not_null() & (day <= ends[-1])).join(numbered.lazy().select(*KEYS, "number"), on=KEYS)
    last = asked.select("number", "line", "day", "response_confirmed", span=span).sort("day", maintain_order=True)
    kept = last.group_by("number", "line", "span").agg(day.last(), pl.col("response_confirmed").last())
    named = kept.select("line", "day", "response_confirmed", patient_id="number").collect()
    return numbered.with_columns(patient_id="number"), named


def _small_in(table: pl.DataFrame, month: int, min_cell: int) -> bool:
    counts = table.filter(pl.col("months") == month)["n"].to_list()
    return bool(hidden_cells([[n] for n in counts], min_cell)) if min_cell > 1 else False


def _over_time_twin(table: pl.DataFrame, plan: Plan) -> StudyTable:
    frame = table
    if plan.discreet:
        frame = suppressed(table, ["n"], plan.min_cell, within="months", beside={"n": ["percent"]})
    texts = frame.select(
        "months",
        "state",
        cell=pl.when(pl.col("percent").is_not_null())
        .then(pl.format("{} ({} %)", pl.col("n"), pl.col("percent").round(0).cast(pl.Int64, strict=False)))
        .otherwise(pl.col("n").cast(pl.String)),
    )
    wide = texts.pivot("months", index="state", values="cell", maintain_order=True)
    heads = {"state": "", **{str(month): f"Month {month}" for month in AT["months"]}}
    return StudyTable(
        name="response_over_time",
        title="Response over time: patients in each category, n (% of all)",
        frame=frame,
        shown=wide,
        heads=heads,
        right=tuple(name for name in wide.columns if name != "state"),
        notes=(
            "The category of the last visit by then. Who progressed or died stays so; who was not followed so long is "
            "told apart, never counted as a response.",
        ),
    )


# ---- single patients ------------------------------------------------------------------------------------------------


def _unnamed(gathered: Gathered, patients: pl.DataFrame) -> tuple[Gathered, pl.DataFrame]:
    """Numbers in place of ids, in the order of follow-up: a study is sent to people who must not know who is who."""
    ordered = patients.sort("os_days", "patient_id", descending=[True, False], nulls_last=True)
    digits = len(str(ordered.height))
    number = pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(digits)
    numbers = ordered.select("patient_id", unnamed=pl.lit("no. ") + number)

    def named(frame: pl.LazyFrame) -> pl.LazyFrame:
        told = frame.join(numbers.lazy(), on="patient_id", maintain_order="left")
        return told.with_columns(patient_id="unnamed").drop("unnamed")

    told = replace(gathered, visits=named(gathered.visits), values=named(gathered.values))
    return told, named(patients.lazy()).collect()


def evenly(n: int, at_most: int) -> list[int]:
    """Places of every so many, the first and the last among them."""
    if n <= at_most:
        return list(range(n))
    return sorted({round(place * (n - 1) / (at_most - 1)) for place in range(at_most)})


def _waterfall(depths: pl.DataFrame) -> StudyFigure:
    table, title = waterfall_table(depths), "Depth of response: best change from baseline"
    rows = table[evenly(table.height, ROWS_SHOWN)]
    shown = rows.select(
        pl.col("marker").replace(MARKERS),
        "patient_id",
        change=pl.col("change_percent").map_elements(lambda fall: f"{fall:.0f}", return_dtype=pl.String),
        best_response=pl.col("best_response").fill_null(NOT_KNOWN),
    )
    n, half = table.height, table.filter(pl.col("change_percent") <= -90).height
    notes = [
        "Percent of the baseline, lowest value after day 0 and before the next therapy; −100: not measurable any more."
    ]
    if shown.height < n:
        notes.append(f"{shown.height:,} of {n:,} patients, evenly by depth; all are in the file.")
    says = f"Of {n:,} patients with a baseline and a later value, the marker fell by 90 % or more in {half:,}."
    heads = {"marker": "Marker", "patient_id": "Patient", "change": "Best change, %", "best_response": "Best response"}
    twin = StudyTable("waterfall", title, table, shown, heads, right=("change",), notes=tuple(notes))
    return StudyFigure(
        "waterfall",
        title,
        waterfall_chart(depths.with_columns(pl.col("marker").replace(MARKERS)), title, at_most=BARS),
        says,
        twin,
    )


def _spider(values: pl.LazyFrame, depths: pl.DataFrame, patients: pl.DataFrame) -> tuple[StudyFigure, ...]:
    """Only of those who are drawn are the values read: every so many in the order of their names."""
    with_change = depths.filter(pl.col("change_percent").is_not_null())["patient_id"].unique().sort()
    drawn = with_change[evenly(with_change.len(), SPIDERS)]
    read = values.filter(pl.col("patient_id").is_in(drawn.implode())).collect()
    read = read.with_columns(pl.col("marker").replace(MARKERS))
    title = "Marker over time: change from each patient's own baseline"
    notes = [f"{drawn.len():,} of {with_change.len():,} patients, every so many in the order of their ids."]
    told = notes if drawn.len() < with_change.len() else []
    chart = spider_chart(read, title, progressions=patients, notes=told)
    table = spider_table(read, patients)
    fell = pl.col("change_percent")
    each = table.group_by("patient_id", "marker", maintain_order=True).agg(
        n=pl.len(),
        baseline=pl.col("baseline").first(),
        lowest=fell.min(),
        last_day=pl.col("day").last(),
        last=fell.last(),
    )
    shown = each.select(
        "patient_id", "marker", pl.col("n").cast(pl.String),
        *(pl.col(c).map_elements(plain, return_dtype=pl.String) for c in ("baseline", "lowest", "last")),
        at=pl.col("last_day").map_elements(months, return_dtype=pl.String),
    )  # fmt: skip
    units = "; ".join(f"{MARKERS[name]} {unit}" for name, unit in UNITS.items())
    heads = {"patient_id": "Patient", "marker": "Marker", "n": "Values", "baseline": "Baseline",
             "lowest": "Lowest, % change", "last": "Last, % change", "at": "at, months"}  # fmt: skip
    twin = StudyTable(
        "spider", title, table, shown, heads, right=("n", "baseline", "lowest", "last", "at"),
        notes=(f"Units: {units}. Every value stands in the file.", *told),
    )  # fmt: skip
    says = f"Change of the marker from its baseline in {drawn.len():,} patients; progression is marked."
    return (StudyFigure("spider", title, chart, says, twin),)


def _swimmer(gathered: Gathered, patients: pl.DataFrame) -> StudyFigure:
    """Only of the patients who are drawn are the visits read."""
    lanes = patients.filter(pl.col("os_days").is_not_null()).sort("os_days", "patient_id", descending=[True, False])
    drawn = lanes[evenly(lanes.height, LANES)]
    visits = gathered.visits.join(drawn.lazy().select(KEYS), on=KEYS, how="semi").collect()
    title, notes = "Each patient from the infusion on", []
    if drawn.height < lanes.height:
        notes = [f"{drawn.height:,} of {lanes.height:,} patients, evenly by length of follow-up."]
    chart = swimmer_chart(drawn, visits, title, notes=notes)
    cause = {
        "progression": "progression",
        "non_relapse_death": "death without progression",
        "censored": "neither so far",
    }
    shown = drawn.select(
        "patient_id",
        followed=pl.col("os_days").map_elements(months, return_dtype=pl.String),
        best=pl.col("best_response").fill_null(NOT_KNOWN),
        ended=pl.col("cr_cause").replace(cause).fill_null(NOT_KNOWN),
        at=pl.col("cr_days").map_elements(months, return_dtype=pl.String),
        next=pl.col("first_salvage_class").str.replace_all("_", " ").fill_null(""),
        state=pl.when("os_event")
        .then(pl.lit("died"))
        .when(~pl.col("os_event"))
        .then(pl.lit("alive"))
        .otherwise(pl.lit(NOT_KNOWN)),
    )
    heads = {"patient_id": "Patient", "followed": "Followed, months", "best": "Best response", "ended": "First event",
             "at": "at, months", "next": "First therapy after failure", "state": "At last contact"}  # fmt: skip
    twin = StudyTable(
        "swimmer", title, swimmer_table(drawn, visits), shown, heads, right=("followed", "at"),
        notes=("Every piece of a lane stands in the file, in days from the infusion.", *notes),
    )  # fmt: skip
    longest = float(str(drawn["os_days"].max())) / DAYS_A_MONTH
    says = (
        f"Response, later therapy and the end of follow-up of {drawn.height:,} patients, the longest followed for "
        f"{longest:.0f} months."
    )
    return StudyFigure("swimmer", title, chart, says, twin)
