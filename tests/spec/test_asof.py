"""What was known on a day: nothing that came later, and nothing earlier lost."""

from __future__ import annotations

import polars as pl

from mspike.record.asof import as_of
from mspike.record.record import clean_record

DAY = 100
TABLES = {
    "patients": {"patient_id": ["P1", "P2", "P3"], "death_date": ["150", "90", None], "death_cause": ["myeloma"] * 3,
                 "last_contact_date": ["150", "90", "60"]},
    "results": {"patient_id": ["P1"] * 2, "date": ["100", "101"], "analyte": ["serum_m"] * 2, "value": ["1", "2"],
                "unit": ["g/dL"] * 2},
    "treatments": {"patient_id": ["P1"] * 3, "start_date": ["0", "50", "101"], "end_date": ["0", "120", None],
                   "agent": ["ide-cel", "lenalidomide", "talquetamab"],
                   "role": ["infusion", "maintenance", "treatment"],
                   "stop_reason": [None, "progression", None]},
    "events": {"patient_id": ["P1"], "date": ["95"], "end_date": ["110"], "event": ["infection"], "grade": ["3"]},
}  # fmt: skip


def known():
    raw = {name: pl.DataFrame(columns).with_row_index("row") for name, columns in TABLES.items()}
    return as_of(clean_record(raw, "day"), DAY)


def test_later_results_and_treatments_are_not_known():
    record = known()
    assert record.results["day"].to_list() == [DAY]
    assert record.treatments["agent"].to_list() == ["ide-cel", "lenalidomide"]


def test_what_still_went_on_has_no_end_and_no_reason_for_it():
    record = known()
    assert record.treatments["end_date"].to_list() == [0, None]
    assert record.treatments["stop_reason"].to_list() == [None, None]
    assert record.events.select("date", "end_date").row(0) == (95, None)


def test_a_later_death_is_not_known_but_that_the_patient_lived_is():
    patients = known().patients
    assert patients["death_day"].to_list() == [None, 90, None]
    assert patients["death_cause"].to_list()[:2] == [None, "myeloma"]
    assert patients["contact_day"].to_list() == [DAY, 90, 60]
