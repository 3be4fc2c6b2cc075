"""What is read from a record for the question what can come next: antigens, conditions, kidney function."""

from __future__ import annotations

import pytest

from mspike.options.antigens import antigen_on
from mspike.options.facts import Dose, Reading
from mspike.options.kidney import ckd_epi
from mspike.record.analytes import MICRO

CAR_T = Dose("ide_cel", "car_t", ("BCMA",), 0, 0, "ide-cel")
TECLISTAMAB = Dose("teclistamab", "bispecific", ("BCMA",), 100, 150, "teclistamab")


def expression(percent: float, day: int) -> Reading:
    return Reading(day, round(percent * MICRO), round(percent * MICRO), f"BCMA {percent} %")


@pytest.mark.parametrize(
    ("told", "tests", "doses", "holds"),
    [
        ("positive after the infusion", [(90, 150)], (CAR_T,), True),
        ("negative after the infusion", [(0, 150)], (CAR_T,), False),
        ("at the limit of kept", [(50, 150)], (CAR_T,), True),
        ("below it, on a part of the cells", [(49.999, 150)], (CAR_T,), None),
        ("at the limit of gone, on a part of the cells", [(5, 150)], (CAR_T,), None),
        ("below it", [(4.999, 150)], (CAR_T,), False),
        ("before the infusion only", [(90, -5)], (CAR_T,), None),
        ("on the day of the infusion", [(90, 0)], (CAR_T,), None),
        ("positive on the last day that counts", [(90, 140)], (CAR_T,), True),
        ("positive a day too old", [(90, 139)], (CAR_T,), None),
        ("negative and older than what is fresh", [(0, 20)], (CAR_T,), None),
        ("positive and negative side by side", [(90, 150), (0, 160)], (CAR_T,), None),
        ("positive before the next therapy against it", [(90, 145)], (CAR_T, TECLISTAMAB), None),
        ("negative after the next therapy against it", [(90, 60), (0, 160)], (CAR_T, TECLISTAMAB), False),
        ("never aimed at, tested", [(90, 150)], (), True),
        ("never aimed at, never tested", [], (), None),
    ],
)
def test_is_the_antigen_still_there(told, tests, doses, holds):
    readings = tuple(expression(percent, day) for percent, day in tests)
    assert antigen_on("BCMA", readings, doses, 200).holds is holds


@pytest.mark.parametrize(
    ("creatinine", "age", "female", "gfr"),
    [
        # By hand: at creatinine = kappa both powers are 1, so 142 x 0.9938^age (x 1.012 for women) remains.
        (0.9, 0, False, 142.0),
        (0.7, 0, True, 142 * 1.012),
        (0.9, 50, False, 142 * 0.9938**50),
        (1.8, 0, False, 142 * 2**-1.2),
        (0.35, 0, True, 142 * 0.5**-0.241 * 1.012),
    ],
)
def test_kidney_function_by_the_closed_form(creatinine, age, female, gfr):
    assert ckd_epi(creatinine, age, female) == pytest.approx(gfr)
