"""Every finding about every infusion: for, against, descriptive or not tested, with value, day, threshold and rule."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived
from mspike.knowledge.mechanisms import findings
from mspike.why.antigen import observations_of_antigen
from mspike.why.before import observations_before
from mspike.why.cells import observations_of_cells
from mspike.why.disease import observations_of_disease
from mspike.why.infusions import infusions_of
from mspike.why.treatment import observations_of_treatment

STATES = ("for", "against", "descriptive", "not_tested")


def findings_of(derived: Derived) -> pl.DataFrame:
    """What speaks for and against each mechanism of failure, and what was never tested?

    One row an infusion and finding, in the order of the mechanisms:
    gid, pid, mechanism, finding, rule, strength (of the evidence behind the finding: strong, moderate, weak,
    descriptive), state (for; against: looked for and absent; descriptive: no value of it decides anything, it is shown;
    not_tested), value (as a reader says it), day, threshold, reason (why not_tested: nothing there, or what is there
    cannot decide), source, checked, test (that would tell).
    """
    infusions = infusions_of(derived)
    seen = pl.concat(
        [
            *observations_of_antigen(derived.record, infusions),
            *observations_before(derived, infusions),
            *observations_of_treatment(derived, infusions),
            *observations_of_cells(derived, infusions),
            *observations_of_disease(derived, infusions),
        ]
    )
    told = seen.join(_known(), on="rule", how="left").with_columns(state=_state())
    told = told.join(infusions.select("gid", "pid"), on="gid").sort("pid", "gid", "order")
    return told.select(
        "gid", "pid", "mechanism", "finding", "rule", "strength", "state", "value", "day", "threshold", "reason",
        "source", "checked", "test",
    )  # fmt: skip


def _state() -> pl.Expr:
    """A descriptive finding decides nothing whatever its value; what was seen but decides nothing is shown as such."""
    holds, told = pl.col("holds"), pl.col("value").is_not_null()
    descriptive = pl.col("strength") == "descriptive"
    return (
        pl.when(descriptive & told)
        .then(pl.lit("descriptive"))
        .when(descriptive)
        .then(pl.lit("not_tested"))
        .when(holds)
        .then(pl.lit("for"))
        .when(~holds)
        .then(pl.lit("against"))
        .otherwise(pl.lit("not_tested"))
    )


def _known() -> pl.DataFrame:
    rows = [
        (order, f.rule, f.mechanism, f.name, f.strength, f.threshold, f.source, f.checked, f.test)
        for order, f in enumerate(findings().values())
    ]
    names = ["order", "rule", "mechanism", "finding", "strength", "threshold", "source", "checked", "test"]
    return pl.DataFrame(rows, schema=names, orient="row")
