"""What events say of a condition: named, denied, over, in doubt, or only mentioned in passing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from mspike.asking import of_patient, question
from mspike.options.states import states_on

DAY = (dt.date(2024, 6, 1) - dt.date(1970, 1, 1)).days
HEAD = "patient_id,date,end_date,event,grade,detail\n"


def infection(folder: Path, *rows: str):
    return states(folder, *rows)["infection"].holds


def states(folder: Path, *rows: str):
    (folder / "patients.csv").write_text("patient_id\nSYNTHETIC-1\n", encoding="utf-8")
    lines = "".join(f"SYNTHETIC-1,{row}\n" for row in rows)
    (folder / "events.csv").write_text(HEAD + lines, encoding="utf-8")
    record = of_patient(question(folder, on="2024-06-01"), "SYNTHETIC-1", "test").record
    return states_on(record, DAY, str)


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ([], None),
        (["2024-05-28,,pneumonia,3,"], True),
        (["2024-05-28,,sepsis,,blood cultures negative"], True),
        (["2024-05-28,,infection,,none"], False),
        (["2024-05-28,,infection,0,"], False),
        (["2024-05-02,,infection,0,"], False),
        (["2024-05-01,,infection,0,"], None),  # said more than 30 days ago
        (["2024-05-02,,pneumonia,,"], True),
        (["2024-05-01,,pneumonia,,"], None),  # no end told, more than 30 days ago
        (["2024-03-01,2024-06-01,osteomyelitis infection,,"], True),  # ends on the day
        (["2024-03-01,2024-05-31,pneumonia,,"], None),  # over: that says nothing of others
        (["2024-05-28,,fever,2,no infection found"], None),
        (["2024-05-28,,CRS,1,no infection"], None),
        (["2024-05-28,,COVID-19 vaccination,,"], None),
        (["2024-05-28,,infection prophylaxis,,"], None),
        (["2024-05-28,,adverse event,3,pneumonia"], True),
        (["2024-05-20,,infection,0,", "2024-05-28,,pneumonia,2,"], None),  # recorded both ways
        (["2024-05-10,,infection,0,", "2024-05-15,2024-05-30,sepsis,4,"], None),  # "none" was before it
    ],
)
def test_is_an_infection_active(tmp_path, rows, holds):
    assert infection(tmp_path, *rows) is holds


def test_an_absence_is_told_as_one(tmp_path):
    assert states(tmp_path, "2024-05-28,,infection,,none")["infection"].because.startswith("no infection")


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        (["2022-01-01,,neuropathy,1,"], False),
        (["2022-01-01,,neuropathy,2,"], True),
        (["2022-01-01,,neuropathy,,"], None),  # how bad is not told
        (["2022-01-01,,neuropathy,1,", "2024-01-01,,peripheral neuropathy,3,"], True),  # the latest counts
    ],
)
def test_neuropathy_counts_from_grade_two(tmp_path, rows, holds):
    assert states(tmp_path, *rows)["neuropathy"].holds is holds


def test_a_heart_failure_without_oedema_is_a_heart_failure(tmp_path):
    assert states(tmp_path, "2023-01-01,,heart failure,,NYHA III no oedema")["cardiac_disease"].holds is True
