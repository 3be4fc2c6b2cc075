"""From one bucket of clean records to the result tables: the one function that local and cluster runs share."""

from __future__ import annotations

import polars as pl

from mspike.course.agents import note_unrecognised
from mspike.course.derived import Derived, derive
from mspike.course.endpoints import endpoints_of
from mspike.course.genetics import note_unrecognised_markers
from mspike.course.reasons import reasons_of
from mspike.course.tables import assessments_table, courses_table, endpoints_table, mrd_table
from mspike.knowledge.criteria import Criteria
from mspike.record.findings import Findings, ordered
from mspike.record.record import Record
from mspike.response.settings import Settings


def results_of(record: Record, criteria: Criteria, settings: Settings) -> dict[str, pl.DataFrame]:
    """Every result table of these patients, sorted by patient_id, line, date. Patients are independent."""
    derived = derive(record, criteria, settings)
    sheet, courses = derived.sheet, derived.courses
    radiotherapy = record.treatments.filter(pl.col("role") == "radiotherapy").select("pid", day="start_date")
    endpoints = endpoints_of(courses, sheet, radiotherapy, settings)
    return {
        "assessments": assessments_table(sheet, record.calendar),
        "courses": courses_table(courses, record.calendar),
        "endpoints": endpoints_table(endpoints, courses, record.calendar),
        "mrd_status": mrd_table(derived.mrd, record),
        "reasons": reasons_of(sheet, courses, criteria, settings, record.calendar),
        "findings": findings_of(derived),
    }


def findings_of(derived: Derived) -> pl.DataFrame:
    """What is wrong with the data of these patients, also what only shows once the visits are judged."""
    record, sheet, courses, findings = derived.record, derived.sheet, derived.courses, Findings()
    untreated = record.patients.join(courses.select("pid").unique(), on="pid", how="anti")
    note_unrecognised(record, findings)
    note_unrecognised_markers(record, findings)
    findings.add(
        untreated,
        severity="warning",
        table="treatments",
        column="role",
        problem="no_line",
        expected="an infusion, an apheresis or a treatment with a start date; without one nothing can be judged",
    )
    contradicting = sheet.filter("ife_contradicts_spike").unique(["pid", "opened"], maintain_order=True)
    findings.add(
        contradicting,
        severity="warning",
        table="results",
        column="value",
        problem="ife_contradicts_spike",
        found=pl.lit("a clear spike beside negative immunofixation"),
        expected="one of the two to be corrected; CR is withheld",
    )
    changed = sheet.filter("method_change").unique("pid", maintain_order=True)
    findings.add(
        changed,
        severity="warning",
        table="results",
        column="method",
        problem="method_change",
        found=pl.lit("another method than at baseline"),
        expected="one method a patient and parameter; the value was not used",
    )
    both = record.responses.join(sheet.filter(~pl.col("assigned")).select("pid").unique(), on="pid", how="semi")
    findings.add(
        both,
        severity="info",
        table="responses",
        column="response",
        problem="derived_instead",
        expected="no assigned category where raw values exist; the derived one stands",
    )
    return ordered([record.findings, findings.frame()])
