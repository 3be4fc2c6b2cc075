"""A stratum in which all patients are alike divides nobody: said once, instead of tables beside themselves."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from mspike.study.cells import in_sentence
from mspike.study.characteristics import first_infusions
from mspike.study.divided import words_of
from mspike.study.plan import Plan


def dividing(cohort: pl.DataFrame, plan: Plan) -> tuple[Plan, tuple[str, ...]]:
    """The plan with the strata that divide its patients, and a sentence on each that does not.

    Asked of the first infusions; from failure of those who failed. Not known is a group like others.
    """
    patients = first_infusions(cohort)
    patients = patients.filter("failed") if plan.origin == "failure" else patients
    if patients.is_empty():
        return plan, ()
    alike = {name: s for name, s in plan.strata.items() if patients[s.column].n_unique() < 2}
    said = tuple(
        f"By {in_sentence(stratum.words)}: all patients are in one group "
        f"({words_of(_only(patients[stratum.column]))}), so that nothing is divided by it."
        for stratum in alike.values()
    )
    return replace(plan, by=tuple(name for name in plan.by if name not in alike)), said


def _only(column: pl.Series) -> str | None:
    level = column.cast(pl.String)[0]
    return None if level is None else str(level)
