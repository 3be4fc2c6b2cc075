"""What came before a CAR-T infusion: lines, exposure, refractoriness, earlier targets, functional high risk."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived
from mspike.course.doses import NO_RESPONSE, RESPONSE, RULES, Earlier, earlier_therapy
from mspike.course.earlier_targets import alkylators, earlier_targets
from mspike.course.functional_risk import functional_risk
from mspike.course.refractory import grouped, refractoriness
from mspike.course.statements import GROUPS
from mspike.knowledge.criteria import published

# Given around a therapy, not to see whether the myeloma responds.
BESIDE = ("conditioning", "supportive")


def history_of(derived: Derived) -> pl.DataFrame:
    """What was known of a patient's myeloma and its therapy before each infusion?

    One row an infused episode (`gid`), and one a patient without any (gid null, seen from the end of the record):

    key, pid, patient_id, gid, line, infusion, apheresis_day
    history_complete, unread          is all earlier therapy known; texts nobody could place
    lines_before, lines_after         distinct lines known; after: also lines without a day
    state                             primary_refractory, relapsed_and_refractory, relapsed; null: unknown
    refractory_60d                    to this infusion, literally: no response, or PD within 60 days of it
    failure_type                      of this episode, beside it (rules.md 3.2)
    lenalidomide_refractory           derived, else as stated
    triple_class_*, penta_drug_*      exposed, refractory (derived, else as stated), and *_missing
    bcma_*, gprc5d_*                  exposed, kinds, agents, last_day, interval_days (to apheresis, else to infusion;
                                      negative: given after it), below_6_months, below_8_months
    bendamustine_*, high_dose_alkylator_*   before (apheresis, else infusion), last_day, interval_days
    functional_high_risk, functional_high_risk_24 and the days behind them: first_line_day, transplant_day,
                                      first_pd_day, first_pd_after_transplant
    """
    earlier = earlier_therapy(derived)
    table = refractoriness(earlier)
    groups = grouped(earlier, table)
    names = derived.record.patients.select("pid", "patient_id")
    told = earlier.views.join(names, on="pid", how="left", maintain_order="left")
    return _side_by_side(
        told,
        earlier.history.select("key", "unread", history_complete="complete"),
        _line_counts(earlier.placed, earlier.views),
        _state(earlier),
        _to_the_infusion(earlier),
        _lenalidomide(earlier, table),
        *(_one_group(groups, group) for group in GROUPS),
        earlier_targets(earlier),
        alkylators(earlier),
        functional_risk(earlier),
    )


def groups_of(earlier: Earlier) -> pl.DataFrame:
    """By which part of the history are patients grouped? Not the rest, which takes as long again to derive.

    One row a viewpoint, columns as in `history_of`: key, gid, history_complete, lines_before, lines_after,
    triple_class_*, penta_drug_*, bcma_*.
    """
    groups = grouped(earlier, refractoriness(earlier))
    return _side_by_side(
        earlier.views.select("key", "gid"),
        earlier.history.select("key", history_complete="complete"),
        _line_counts(earlier.placed, earlier.views),
        *(_one_group(groups, group) for group in GROUPS),
        earlier_targets(earlier, ("BCMA",)),
    )


def _side_by_side(told: pl.DataFrame, *parts: pl.DataFrame) -> pl.DataFrame:
    for part in parts:
        told = told.join(part, on="key", how="left", maintain_order="left")
    return told


def exposures_of(derived: Derived) -> pl.DataFrame:
    """Every earlier agent and class with what is known of it: see `refractory.refractoriness`, of which this is a part.

    Columns: patient_id, gid, level, item, cls, exposed, refractory, rule, line, row, start, last, best, best_from, pd,
    pd_from, stated_exposed, stated_refractory, combined_exposed, combined_refractory, disagrees.
    """
    return refractoriness(earlier_therapy(derived)).drop("key", "ongoing", "stated_row")


def _line_counts(placed: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """Distinct lines before and after that of the infusion; without an infusion every line is one before."""
    rows = placed.join(views.select("key", "pid", own="line"), on="pid")
    before = (pl.col("line") < pl.col("own")) | pl.col("own").is_null()
    after = pl.col("line") > pl.col("own")
    counts = rows.group_by("key").agg(
        lines_before=pl.col("line").filter(before).drop_nulls().n_unique().cast(pl.Int64),
        lines_after=pl.col("line").filter(after).drop_nulls().n_unique().cast(pl.Int64),
    )
    # A numbered line tells of those before it, also where nothing else is known of them.
    told = views.select("key", "line").join(counts, on="key", how="left", maintain_order="left")
    return told.select(
        "key", lines_before=pl.max_horizontal("lines_before", pl.col("line") - 1), lines_after="lines_after"
    )


def _state(earlier: Earlier) -> pl.DataFrame:
    """Primary refractory, relapsed and refractory, or relapsed, by the therapy before the line of the infusion."""
    therapy = earlier.courses.filter(~pl.col("cls").is_in(BESIDE) & (pl.col("role") != "bridging"))
    last = therapy.group_by("key").agg(
        responded_ever=pl.when(pl.col("responded").any()).then(True),
        never=pl.col("no_response").fill_null(False).all(),  # one unknown response is enough not to say never
        lines=pl.col("line").n_unique(),
        last_line=pl.col("line").max(),
    )
    final = therapy.join(last.select("key", "last_line"), on="key").filter(pl.col("line") == pl.col("last_line"))
    final = final.group_by("key").agg(
        failed=pl.when(pl.col("refractory").any())
        .then(True)
        .when((~pl.col("refractory")).fill_null(False).all())  # one unknown course leaves the line open
        .then(False)
    )
    told = earlier.history.select("key", "complete").join(last, on="key", how="left").join(final, on="key", how="left")
    told = told.join(earlier.views.select("key", "infusion"), on="key")
    again = pl.col("infusion").is_not_null() | (pl.col("lines") > 1)  # a further therapy was needed
    state = (
        pl.when(pl.col("never") & pl.col("complete"))
        .then(pl.lit("primary_refractory"))
        .when(pl.col("responded_ever") & pl.col("failed"))
        .then(pl.lit("relapsed_and_refractory"))
        .when(pl.col("responded_ever") & ~pl.col("failed") & again)
        .then(pl.lit("relapsed"))
    )
    return told.select("key", state=state)


def _to_the_infusion(earlier: Earlier) -> pl.DataFrame:
    """Was the myeloma refractory to this infusion by the letter of the rule? Beside it the type of failure."""
    window = int(published(RULES).value("refractory.progression", "after_last_dose"))
    own = earlier.derived.courses.select("gid", "failure_type", "index_day", "pd_day", "best", "last_evaluable")
    own = earlier.views.select("key", "gid").join(own, on="gid", how="inner")
    within = pl.col("pd_day") <= pl.col("index_day") + window
    followed = pl.max_horizontal("last_evaluable", "pd_day") >= pl.col("index_day") + window
    best = pl.col("best").cast(pl.String)
    responded = pl.when(best.is_in(RESPONSE)).then(True).when(best.is_in(NO_RESPONSE)).then(False)
    early = pl.when(within).then(True).when(followed).then(False)
    # Before the sixtieth day the first response may still come.
    unanswered = pl.when(responded).then(False).when(followed & ~responded).then(True)
    return own.select("key", "failure_type", refractory_60d=early | unanswered)


def _lenalidomide(earlier: Earlier, table: pl.DataFrame) -> pl.DataFrame:
    """Refractory to lenalidomide? Who is known never to have had it is not."""
    found = table.filter((pl.col("level") == "agent") & (pl.col("item") == "lenalidomide"))
    told = earlier.history.join(found.select("key", "combined_refractory", named=pl.lit(True)), on="key", how="left")
    never = pl.when(pl.col("named").is_null() & pl.col("complete")).then(False)
    return told.select("key", lenalidomide_refractory=pl.coalesce("combined_refractory", never))


def _one_group(groups: pl.DataFrame, group: str) -> pl.DataFrame:
    found = groups.filter(pl.col("group") == group)
    answers = (pl.col(f"combined_{a}").alias(f"{group}_{a}") for a in ("exposed", "refractory"))
    return found.select("key", *answers, pl.col("missing").alias(f"{group}_missing"))
