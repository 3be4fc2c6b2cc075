"""The antigen: is it still on the cells, are its genes hit, what does soluble BCMA hint at.

Only a specimen taken after the infusion can show a loss, at the failure or where the clone was shown to be there;
one taken before the infusion says whether the clone carried the antigen at all.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.course.genetics import markers_at, statements_of
from mspike.knowledge.mechanisms import timing
from mspike.record.record import Record
from mspike.response.compare import micro
from mspike.why.before import for_bcma
from mspike.why.infusions import TARGETS
from mspike.why.observation import number, observation
from mspike.why.readings import DAY, INFUSION, last_within, measured, said

ANALYTE = {"BCMA": "bcma_expression", "GPRC5D": "gprc5d_expression"}
GENE = {"BCMA": "TNFRSF17", "GPRC5D": "GPRC5D"}
UNTIL, FAILURE = pl.col("until"), pl.col("failure")
LOSS, PART = "why.antigen_loss.expression", "why.heterogeneity.antigen_in_part"
NO_TARGET = "the product's target is not known"


def observations_of_antigen(record: Record, infusions: pl.DataFrame) -> list[pl.DataFrame]:
    """The findings about the antigen, one frame each."""
    tests = _tests(record, infusions)
    return [
        _lost(infusions, tests),
        _in_part(infusions, tests),
        _gene(record, infusions),
        _low_soluble(record, infusions),
        _one_copy_before(record, infusions),
    ]


def _tests(record: Record, infusions: pl.DataFrame) -> pl.DataFrame:
    """Every test of the product's own antigen by gid and day: `status` (gone, in part, kept, unclear) and `time`."""
    per_target = []
    for target in TARGETS:
        rows = measured(record, ANALYTE[target]).with_columns(value=said(ANALYTE[target], target))
        per_target.append(rows.join(infusions.filter(pl.col("target") == target), on="pid"))
    tests = pl.concat(per_target).with_columns(status=_status())
    near = int(timing()["why.timing.around_failure"]["distance"])
    at_failure = DAY.ge(FAILURE - near).fill_null(False)  # no failure: only the clone can place the test
    tests = _with_clone(tests, record)
    after = DAY > INFUSION
    return tests.with_columns(
        time=pl.when(~after)
        .then(pl.lit("before"))
        .when(DAY > UNTIL)
        .then(pl.lit("after next therapy"))
        .when(at_failure | pl.col("clone_there"))
        .then(pl.lit("counts"))
        .otherwise(pl.lit("clone not shown"))
    ).sort("gid", "day", "row")


def _status() -> pl.Expr:
    gone, kept = micro(number(LOSS, "gone")), micro(number(LOSS, "kept"))
    lo, hi, state = pl.col("lo"), pl.col("hi"), pl.col("state")
    return (
        pl.when((state == "negative") | (hi < gone))
        .then(pl.lit("gone"))
        .when((state == "positive") | (lo >= kept))
        .then(pl.lit("kept"))
        .when((lo >= gone) & (hi < kept))
        .then(pl.lit("in part"))
        .otherwise(pl.lit("unclear"))
    )


def _with_clone(tests: pl.DataFrame, record: Record) -> pl.DataFrame:
    """Adds `clone_there`: clonal marrow, residual disease or many plasma cells within two weeks of the test."""
    rule = timing()["why.timing.clone_present"]
    many = micro(rule["plasma_cells"])
    shown = [
        measured(record, "marrow_clonality").filter(pl.col("state") == "positive"),
        measured(record, "marrow_plasma_cells").filter(pl.col("lo") >= many),
        record.mrd.filter(pl.col("result") == "positive").rename({"date": "day"}),
    ]
    days = pl.concat([rows.select("pid", shown_day="day") for rows in shown]).unique()
    hits = tests.select("pid", "day").unique().join(days, on="pid")
    hits = hits.filter((pl.col("shown_day") - DAY).abs() <= int(rule["distance"])).select("pid", "day").unique()
    there = hits.with_columns(clone_there=pl.lit(True))
    joined = tests.join(there, on=["pid", "day"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("clone_there").fill_null(False))  # nothing showed the clone near that day


def _judged(tests: pl.DataFrame) -> pl.DataFrame:
    """One row an infusion: the last test that counts, else the last that was done, with what earlier tests said."""
    status, time = pl.col("status"), pl.col("time")
    counts = time == "counts"
    chosen = tests.sort("gid", counts, "day", "row").unique("gid", keep="last", maintain_order=True)
    known = tests.group_by("gid").agg(
        ever_kept=(status.is_in(["kept", "in part"]) & (time != "after next therapy")).any(),
        gone_before=((status == "gone") & (time == "before")).any(),
    )
    return chosen.join(known, on="gid", how="left")


def _lost(infusions: pl.DataFrame, tests: pl.DataFrame) -> pl.DataFrame:
    """Lost if gone now; not if the clone never carried it: then the target was absent from the start."""
    counts, status = pl.col("time") == "counts", pl.col("status")
    never_there = pl.col("gone_before") & ~pl.col("ever_kept")
    holds = (
        pl.when(~counts)
        .then(None)
        .when((status == "gone") & ~never_there)
        .then(True)
        .when(status == "kept")
        .then(False)
        .otherwise(None)
    )
    undecided = (
        pl.when(pl.col("time") == "before")
        .then(pl.lit("tested before the infusion only: that says nothing about a loss"))
        .when(pl.col("time") == "after next therapy")
        .then(pl.lit("tested after the next therapy had begun: a loss could be its doing"))
        .when(pl.col("time") == "clone not shown")
        .then(pl.lit("the clone was not shown at that time: normal plasma cells may have been tested"))
        .when((status == "gone") & never_there)
        .then(pl.lit("absent before the infusion already: nothing was lost, the target was never there"))
        .when(status == "in part")
        .then(pl.lit("on a part of the cells only"))
        .otherwise(pl.lit("the reported share spans the limits"))
    )
    return observation(
        infusions,
        LOSS,
        _judged(tests),
        holds=holds,
        value=pl.col("value"),
        reason=_not_tested("not tested on the plasma cells after the infusion"),
        undecided=undecided,
    )


def _in_part(infusions: pl.DataFrame, tests: pl.DataFrame) -> pl.DataFrame:
    """In part: one test says so, or tests of one relapse disagree (another site, another day)."""
    near = int(timing()["why.timing.around_failure"]["distance"])
    counting = tests.filter(pl.col("time") == "counts")
    recent = counting.filter(DAY.ge(DAY.max().over("gid") - near))
    status = pl.col("status")
    seen = recent.group_by("gid", maintain_order=True).agg(
        day=DAY.last(),
        value=pl.col("value").unique(maintain_order=True).str.join("; "),
        part=(status == "in part").any() | ((status == "gone").any() & (status == "kept").any()),
        clear=status.is_in(["gone", "kept"]).all(),
    )
    return observation(
        infusions,
        PART,
        seen,
        holds=pl.when("part").then(True).when("clear").then(False),
        value=pl.col("value"),
        reason=_not_tested("not tested on the plasma cells at failure"),
        undecided="the reported share spans the limits",
    )


def _not_tested(reason: str) -> pl.Expr:
    return pl.when(pl.col("target").is_null()).then(pl.lit(NO_TARGET)).otherwise(pl.lit(reason))


def _statements(record: Record, infusions: pl.DataFrame) -> pl.DataFrame:
    """What was said of the gene of each infusion's own target, with the infusion's days."""
    genes = pl.DataFrame(list(GENE.items()), schema=["target", "marker"], orient="row")
    aimed = infusions.join(genes, on="target")
    rows = statements_of(record).filter(pl.col("marker").is_in(list(GENE.values())))
    return rows.join(aimed, on=["pid", "marker"])


def _hits(statements: pl.DataFrame) -> pl.DataFrame:
    """One row an infusion: what the statements about the gene come to, by the rules of `course.genetics`."""
    by_infusion = statements.with_columns(pid=pl.col("gid"))
    points = by_infusion.select(point="gid", pid="gid", genetics_until=pl.lit(2**30)).unique()
    said_ = by_infusion.group_by("gid", maintain_order=True).agg(
        last=DAY.max(), words=pl.col("said").unique(maintain_order=True).str.join("; ")
    )
    found = markers_at(by_infusion, points).rename({"point": "gid"}).join(said_, on="gid")
    return found.with_columns(
        value=pl.concat_str("marker", pl.lit(": "), "words"), both=pl.col("present") & (pl.col("allelic") == "bi")
    )


def _gene(record: Record, infusions: pl.DataFrame) -> pl.DataFrame:
    """Both copies hit: by the report, or a deletion and a mutation, the first of which may have been there before."""
    near = int(timing()["why.timing.around_failure"]["distance"])
    told = _statements(record, infusions)
    placed = told.filter((DAY > INFUSION) & (DAY <= UNTIL))
    at_failure = DAY.ge(FAILURE - near).fill_null(False)
    placed = _with_clone(placed, record).filter(at_failure | pl.col("clone_there")).drop("clone_there")
    first_hits = told.filter((DAY <= INFUSION) & pl.col("present")).join(placed.select("gid"), on="gid", how="semi")
    hits = _hits(pl.concat([first_hits, placed]).sort("gid", "day", "row"))
    return observation(
        infusions,
        "why.antigen_loss.gene",
        hits,
        day="last",
        holds=pl.when("both").then(True).when(~pl.col("present")).then(False),
        value=pl.col("value"),
        reason=_not_tested("the target's gene was not tested after the infusion"),
        undecided=pl.when("present")
        .then(pl.lit("one hit only: no loss by itself, a second was not shown"))
        .otherwise(pl.lit("the report does not say")),
    )


def _one_copy_before(record: Record, infusions: pl.DataFrame) -> pl.DataFrame:
    earlier = _statements(record, infusions).filter(DAY <= INFUSION)
    return observation(
        infusions,
        "why.antigen_loss.one_copy_before",
        _hits(earlier),
        day="last",
        holds=pl.lit(None),
        value=pl.col("value"),
        reason=_not_tested("the target's gene was not tested before the infusion"),
    )


def _low_soluble(record: Record, infusions: pl.DataFrame) -> pl.DataFrame:
    """Soluble BCMA at failure beside its lowest value since the infusion. No cut-off: shown, never judged."""
    near = int(timing()["why.timing.around_failure"]["distance"])
    rows = measured(record, "sbcma")
    aimed = infusions.filter((pl.col("target") == "BCMA") & pl.col("failed"))
    at_failure = DAY.is_between(FAILURE - near, FAILURE + near) & (DAY > INFUSION) & (DAY <= UNTIL)
    now = last_within(rows, aimed, at_failure)
    since: Any = rows.join(aimed.select("gid", "pid", "infusion", "failure"), on="pid")
    since = since.filter((DAY > INFUSION) & DAY.lt(FAILURE - near)).sort("gid", "hi", "day")
    lowest = since.unique("gid", keep="first", maintain_order=True)
    lowest = lowest.select("gid", before=pl.concat_str(pl.lit(", lowest before: "), said("sbcma", "")))
    seen = now.join(lowest, on="gid", how="left")
    value = pl.concat_str(said("sbcma", "soluble BCMA around failure"), pl.col("before").fill_null(""))
    asked = pl.when(pl.col("failed")).then(for_bcma("not measured at failure"))
    return observation(
        infusions,
        "why.antigen_loss.low_sbcma_at_failure",
        seen,
        holds=pl.lit(None),
        value=value,
        reason=asked.otherwise(pl.lit("it has not failed: nothing to ask")),
    )
