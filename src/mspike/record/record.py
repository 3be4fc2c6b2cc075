"""One bucket of patients as a clean record: typed tables that share `pid`, and what was wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from mspike.record.clean import clean_table
from mspike.record.dates import Calendar, shown_text
from mspike.record.findings import Findings
from mspike.record.results import clean_results
from mspike.record.tables import EXTRA, PATIENTS, RESULTS, TABLES


@dataclass
class Record:
    """The canonical tables of some patients. `pid` numbers the patients in the order of `patient_id`."""

    calendar: Calendar
    patients: pl.DataFrame
    results: pl.DataFrame
    mrd: pl.DataFrame
    lesions: pl.DataFrame
    treatments: pl.DataFrame
    responses: pl.DataFrame
    events: pl.DataFrame
    genetics: pl.DataFrame
    findings: pl.DataFrame
    rows: dict[str, dict[str, int]] = field(default_factory=dict)


def clean_record(raw: dict[str, pl.DataFrame], calendar: Calendar) -> Record:
    """Reads the raw tables of a bucket. Rows in = rows used + rows set aside, table by table, in `rows`."""
    findings = Findings()
    raw = {name: _without_long_rows(name, frame, findings) for name, frame in raw.items()}
    patients = _clean_patients(raw["patients"], calendar, findings)
    rows = {"patients": _count(raw["patients"], patients)}
    tables = {}
    for name, table in TABLES.items():
        given = raw.get(name, pl.DataFrame(schema=dict.fromkeys([*table.names, "row"], pl.String)))
        if name == "patients":
            continue
        if table is RESULTS:
            tables[name] = clean_results(given, patients, calendar, findings)
        else:
            cleaned = clean_table(given, table, calendar, findings)
            tables[name] = _of_known_patients(cleaned, patients, name, findings)
        rows[name] = _count(given, tables[name])
    _note_contradictions(patients, tables, calendar, findings)
    return Record(calendar, patients, **tables, findings=findings.frame(), rows=rows)


def add_counts(rows: dict[str, dict[str, int]], more: dict[str, dict[str, int]]) -> None:
    """Adds the rows of one bucket, table by table: rows, used, set aside."""
    for table, count in more.items():
        sums = rows.setdefault(table, dict.fromkeys(count, 0))
        for key, value in count.items():
            sums[key] += value


def _count(given: pl.DataFrame, used: pl.DataFrame) -> dict[str, int]:
    return {"rows": given.height, "used": used.height, "set_aside": given.height - used.height}


def _without_long_rows(name: str, frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """A row with more cells than the header has names is set aside: nobody knows which cell is which."""
    if EXTRA not in frame.columns:
        return frame
    long = pl.col(EXTRA).is_not_null()
    findings.add(
        frame.filter(long),
        severity="error",
        table=name,
        found=pl.col(EXTRA),
        problem="one_column_too_many",
        expected="as many cells as the header has names",
    )
    # The row still counts as set aside: it stays, without a patient that could be looked up.
    return frame.with_columns(patient_id=pl.when(~long).then(pl.col("patient_id"))).drop(EXTRA)


def _clean_patients(raw: pl.DataFrame, calendar: Calendar, findings: Findings) -> pl.DataFrame:
    patients = clean_table(raw, PATIENTS, calendar, findings)
    repeated = patients.filter(~pl.col("patient_id").is_first_distinct())
    findings.add(
        repeated,
        severity="error",
        table="patients",
        column="patient_id",
        problem="duplicate_patient",
        expected="one row a patient; the first was kept",
    )
    patients = patients.unique("patient_id", keep="first", maintain_order=True).sort("patient_id")
    birth = pl.date(pl.col("birth_year").cast(pl.Int32), 1, 1).cast(pl.Int32)
    return patients.with_columns(
        pid=pl.int_range(pl.len(), dtype=pl.Int32),
        # In a day registry a year of birth cannot be placed.
        birth_day=birth if calendar == "iso" else pl.lit(None, pl.Int32),
        death_day=pl.col("death_date"),
        # Known to have died, the day not known: a death without a date is still a death.
        died_undated=pl.col("death_date_partial").is_not_null(),
        contact_day=pl.col("last_contact_date"),
    )


def _of_known_patients(frame: pl.DataFrame, patients: pl.DataFrame, name: str, findings: Findings) -> pl.DataFrame:
    if frame.is_empty():
        return frame.with_columns(pid=pl.lit(None, pl.Int32))
    joined = frame.join(patients.select("patient_id", "pid"), on="patient_id", how="left", maintain_order="left")
    findings.add(
        joined.filter(pl.col("pid").is_null()),
        severity="error",
        table=name,
        column="patient_id",
        problem="unknown_patient",
        expected="a patient of the table patients",
    )
    return joined.filter(pl.col("pid").is_not_null())


def _note_contradictions(
    patients: pl.DataFrame, tables: dict[str, pl.DataFrame], calendar: Calendar, findings: Findings
) -> None:
    """Dates that cannot all be true, and patients about whom nothing is known."""
    late = patients.filter(pl.col("contact_day") > pl.col("death_day"))
    findings.add(
        late,
        severity="warning",
        table="patients",
        column="last_contact_date",
        problem="after_death",
        found=shown_text(pl.col("contact_day"), calendar),
        expected="a date not after the patient's death",
    )
    early = patients.filter(pl.col("death_day") < pl.col("birth_day"))
    findings.add(
        early,
        severity="warning",
        table="patients",
        column="death_date",
        problem="before_birth",
        found=shown_text(pl.col("death_day"), calendar),
        expected="a date after the patient's birth",
    )
    for name, column in (("treatments", "start_date"), ("lesions", "date"), ("responses", "date"), ("mrd", "date")):
        if tables[name].is_empty():
            continue
        dead = tables[name].join(patients.select("pid", "death_day"), on="pid")
        findings.add(
            dead.filter(pl.col(column) > pl.col("death_day")),
            severity="warning",
            table=name,
            column=column,
            problem="after_death",
            found=shown_text(pl.col(column), calendar),
            expected="a date not after the patient's death",
        )
    reversed_ = tables["treatments"].filter(pl.col("end_date") < pl.col("start_date"))
    findings.add(
        reversed_,
        severity="warning",
        table="treatments",
        column="end_date",
        problem="ends_before_it_starts",
        found=shown_text(pl.col("end_date"), calendar),
        expected="an end not before the start",
    )
    known = [t.select("pid") for t in tables.values() if t.height]
    silent = patients.join(pl.concat(known), on="pid", how="anti") if known else patients
    findings.add(
        silent,
        severity="warning",
        table="patients",
        column="patient_id",
        problem="nothing_known",
        expected="at least one row about this patient in another table",
    )
