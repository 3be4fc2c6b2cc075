"""What the page of safety says where the record leaves something open."""

from __future__ import annotations

from mspike.asking import question
from mspike.report.safety import print_safety, safety_patient


def test_infections_without_a_grade_may_have_been_severe(tmp_path, capsys):
    tables = {
        "patients": "patient_id,last_contact_date\nSYNTHETIC-1,200\n",
        "treatments": "patient_id,start_date,end_date,agent,role\nSYNTHETIC-1,0,0,ide-cel,infusion\n",
        "events": "patient_id,date,event,grade\nSYNTHETIC-1,10,pneumonia,\nSYNTHETIC-1,50,sepsis,4\n"
        "SYNTHETIC-1,60,infection,\nSYNTHETIC-1,120,influenza,2\n",
    }
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    print_safety(safety_patient(question(tmp_path), "SYNTHETIC-1"))
    told = " ".join(capsys.readouterr().out.split())
    assert "grade 3 or more: 0 to 1 in days 0-30, 1 to 2 in days 31-100" in told
    assert "days 101-365" not in told  # the one of those days had a grade, and it was 2
