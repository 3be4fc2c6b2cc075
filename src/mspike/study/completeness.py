"""How much is known of each fact that a study rests on, in the order of its Table 1."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from mspike.cohort.disclosure import suppressed
from mspike.cohort.salvage import UNKNOWN_PRODUCT
from mspike.study.cells import NONE, share
from mspike.study.characteristics import only_yes
from mspike.study.kept_back import notes as kept_back
from mspike.study.kept_back import tellable as either_tellable
from mspike.study.parts import StudyTable
from mspike.study.patterns import documented
from mspike.study.plan import Plan


class Fact(NamedTuple):
    """One fact, the block of the table it stands in, when it is known, and of whom it is asked."""

    block: str
    words: str
    known: pl.Expr
    of: pl.Expr = pl.lit(True)


def _there(column: str) -> pl.Expr:
    return pl.col(column).is_not_null()


_FAILED = pl.col("failed").fill_null(False)  # failure not established: nothing is asked of what came after it
# Only a progression has a pattern.
_PROGRESSED = _FAILED & documented()
BEFORE, AFTER, FAILED = "Before the infusion", "After the infusion", "After failure"
FACTS: tuple[Fact, ...] = (
    Fact(BEFORE, "Age at infusion", _there("age")),
    Fact(BEFORE, "Sex", _there("sex")),
    Fact(BEFORE, "Heavy chain", _there("heavy_chain")),
    Fact(BEFORE, "Light chain", _there("light_chain")),
    Fact(BEFORE, "Year of infusion", _there("index_year")),
    Fact(BEFORE, "CAR-T product", _there("product") & (pl.col("product") != UNKNOWN_PRODUCT)),
    Fact(BEFORE, "Target of the product", _there("target")),
    Fact(BEFORE, "Earlier lines of therapy", _there("prior_lines")),
    Fact(BEFORE, "Earlier BCMA-directed therapy", _there("prior_bcma")),
    Fact(BEFORE, "Triple-class refractory", _there("triple_class_refractory")),
    Fact(BEFORE, "Penta-drug refractory", _there("penta_drug_refractory")),
    Fact(BEFORE, "Extramedullary disease", _there("extramedullary")),
    Fact(BEFORE, "Paraskeletal disease", _there("paraskeletal")),
    Fact(BEFORE, "High-risk cytogenetics", _there("high_risk")),
    Fact(BEFORE, "Stage before infusion", _there("stage")),
    Fact(BEFORE, "Day of apheresis", _there("apheresis_day")),
    Fact(BEFORE, "Disease measurable by", pl.col("measurable_by").list.len().fill_null(0) > 0),
    Fact(AFTER, "Best response (not NE)", _there("best_response") & (pl.col("best_response") != "NE")),
    Fact(AFTER, "MRD at 10⁻⁵", pl.col("mrd_best").is_in(["negative", "positive"])),
    Fact(AFTER, "Grade of CRS", _there("crs_grade")),
    Fact(AFTER, "Grade of ICANS", _there("icans_grade")),
    Fact(AFTER, "Time to progression or death", _there("pfs_days") & _there("pfs_event")),
    Fact(AFTER, "Time to death or last contact", _there("os_days") & _there("os_event")),
    Fact(FAILED, "Pattern of failure", _there("failure_pattern"), _PROGRESSED),
    Fact(FAILED, "First therapy after failure", _there("first_salvage_class"), _FAILED),
    Fact(FAILED, "Target of that therapy", _there("salvage_relation"), _FAILED),
)
COUNTS = ("known", "not_known")
_SCHEMA = {"block": pl.String, "fact": pl.String, "known": pl.Int64, "not_known": pl.Int64, "patients": pl.Int64}


def tellable(n: int, total: int, plan: Plan) -> bool:
    """May this part of a total be told? Neither it nor the rest may be small."""
    return either_tellable(n, total, plan.min_cell)


def known_facts(infused: pl.DataFrame) -> pl.DataFrame:
    """block, fact, known, not_known, patients: one row a fact.

    infused  one row a patient: the first infusion
    """
    sums = infused.select(
        expression.sum().cast(pl.Int64).alias(f"{name}_{i}")
        for i, fact in enumerate(FACTS)
        for name, expression in (
            ("known", fact.known.fill_null(False) & fact.of),
            ("asked", pl.col("infused") & fact.of),
        )
    ).row(0, named=True)
    known, asked = ([sums[f"{name}_{i}"] for i in range(len(FACTS))] for name in ("known", "asked"))
    rows = [(f.block, f.words, n, total - n, total) for f, n, total in zip(FACTS, known, asked, strict=True)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def completeness(infused: pl.DataFrame, plan: Plan) -> StudyTable:
    """Of how many patients is each fact known?"""
    whole = known_facts(infused)
    percent = (100 * pl.col("known") / pl.col("patients")).round(1)
    whole = whole.with_columns(known_percent=pl.when(pl.col("patients") > 0).then(percent))
    notes = [
        "Unknown stays unknown: no table of this study counts it as no. Patients: those infused, first infusion.",
        "MRD that was not tested, or not deep enough to tell, is not known. A pattern is asked of progressions only.",
    ]
    if only_yes(infused, "high_risk") is not None:
        notes.append("High-risk cytogenetics: absence is recorded of nobody; known means present.")
    if gone := _too_close(whole["patients"].to_list(), plan):
        whole = whole.filter(~pl.col("patients").is_in(gone))
        notes.append("Facts asked of a group that is too small, or leaves out too few, are not told.")
    frame = whole
    if plan.discreet:
        # Of two counts with a known sum both are hidden or none, so that the percentage goes with either.
        frame = suppressed(whole, COUNTS, plan.min_cell, within="fact", beside={"known": ["known_percent"]})
    notes += kept_back(plan.min_cell)
    return StudyTable(
        "quality_completeness", "How much is known", frame, _shown(whole, frame), groups="block",
        heads={"fact": "Fact", "known": "Known, n / N (%)", "not_known": "Not known, n"},
        right=("known", "not_known"), notes=tuple(notes),
    )  # fmt: skip


def _too_close(totals: list[int], plan: Plan) -> list[int]:
    """Totals that are small, or differ from one told before by so few that these would be told."""
    told: list[int] = [0]
    for n in totals:
        if n not in told and all(tellable(min(n, other), max(n, other), plan) for other in told if other):
            told += [n] if tellable(n, n, plan) else []
    return [n for n in set(totals) if n not in told]


def _shown(whole: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    told = [
        share(n, total) if total and str(n) == text else (text if total else NONE)
        for n, total, text in zip(whole["known"], whole["patients"], frame["known"].cast(pl.String), strict=True)
    ]
    missing = [f"{n:,}" if n.__class__ is int else n for n in frame["not_known"].to_list()]
    return frame.select("block", "fact", known=pl.Series(told, dtype=pl.String),
                        not_known=pl.Series(missing, dtype=pl.String))  # fmt: skip


def least_known(infused: pl.DataFrame) -> tuple[str, int] | None:
    """The fact before the infusion that is known of the fewest, and of how many; None where everything is known."""
    told = known_facts(infused).filter((pl.col("block") == BEFORE) & (pl.col("not_known") > 0)).sort("known")
    return (told["fact"][0], told["known"][0]) if told.height else None
