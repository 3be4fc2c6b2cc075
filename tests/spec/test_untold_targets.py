"""What an agent of unknown target hides, and what a single value without a baseline must not silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from mspike.asking import of_patient, question
from mspike.course.derived import episodes
from mspike.course.history import history_of
from mspike.options.judging import judge
from mspike.options.standing import standing_of

LINES = (
    "patient_id,start_date,end_date,agent,role\nSYNTHETIC-1,-900,-800,VRd,induction\n"
    "SYNTHETIC-1,-400,-390,{agent},treatment\nSYNTHETIC-1,0,0,ide-cel,infusion\n"
)


def derived(folder: Path, **tables: str):
    (folder / "patients.csv").write_text("patient_id\nSYNTHETIC-1\n", encoding="utf-8")
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return of_patient(question(folder), "SYNTHETIC-1", "test")


@pytest.mark.parametrize(
    ("agent", "bcma", "gprc5d"),
    [
        ("teclistamab", True, False),
        ("talquetamab", False, True),
        ("tisa-cel", False, False),  # a CD19 product is known to aim elsewhere
        ("CAR-T", None, None),
        ("bispecific antibody", None, None),
        ("study drug", None, None),
        ("bortezomib", False, False),
    ],
)
def test_an_agent_of_unknown_target_leaves_earlier_exposure_open(tmp_path, agent, bcma, gprc5d):
    told = history_of(derived(tmp_path, treatments=LINES.format(agent=agent))).to_dicts()[-1]
    assert (told["bcma_exposed"], told["gprc5d_exposed"]) == (bcma, gprc5d)


ASSIGNED = "patient_id,date,response,confirmed\nSYNTHETIC-1,60,VGPR,yes\nSYNTHETIC-1,200,PD,yes\n"
IMAGE = (
    "patient_id,date,lesion_id,site,longest_mm,perpendicular_mm,finding\nSYNTHETIC-1,210,A,extraosseous,0,0,resolved\n"
)
SERUM = "patient_id,date,analyte,value,unit\n" + "".join(
    f"SYNTHETIC-1,{day},serum_m,{value},g/dL\n" for day, value in ((-7, 3.0), (30, 1.0), (60, 1.0), (200, 1.0))
)


@pytest.mark.parametrize(
    ("values", "progressed"),
    [({}, 200), ({"lesions": IMAGE}, 200), ({"results": SERUM}, None)],
    ids=["nothing of its own", "one image without a baseline judges nothing", "its own values judge"],
)
def test_an_assigned_category_stands_where_the_patients_own_values_judge_no_visit(tmp_path, values, progressed):
    told = derived(tmp_path, treatments=LINES.format(agent="Kd"), responses=ASSIGNED, **values)
    assert episodes(told)["pd_day"].to_list() == [progressed]


def standing(folder: Path, treatments: str, **tables: str):
    return standing_of(derived(folder, treatments=treatments, **tables), 100)


def test_an_unread_therapy_that_ended_on_day_zero_ended_then(tmp_path):
    rows = "patient_id,start_date,end_date,agent,role\nSYNTHETIC-1,-30,0,XY-123,treatment\n"
    assert [(d.start, d.last) for d in standing(tmp_path, rows).doses] == [(-30, 0)]


def test_rows_show_refractoriness_of_a_group_and_never_its_lack(tmp_path):
    rows = "patient_id,start_date,end_date,agent,role,best_response,stop_reason\n" + "".join(
        f"SYNTHETIC-1,{start},{start + 100},{agent},treatment,CR,completed\n"
        for start, agent in ((-2000, "VRd"), (-1000, "Dara-Rd"))
    )
    # Each line responded, ended, and progressed 400 days later: by the rows no class is refractory.
    seen = "patient_id,date,response,confirmed\n" + "".join(
        f"SYNTHETIC-1,{start + after},{response},yes\n"
        for start in (-2000, -1000)
        for after, response in ((60, "CR"), (500, "PD"))
    )
    stated = "patient_id,date,event,detail\nSYNTHETIC-1,-10,not_refractory,triple_class\n"
    assert judge({"refractory": "triple_class"}, standing(tmp_path, rows, responses=seen)).holds is None
    assert judge({"refractory": "triple_class"}, standing(tmp_path, rows, responses=seen, events=stated)).holds is False
