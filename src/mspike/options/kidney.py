"""Kidney function where only creatinine was reported: the CKD-EPI equation of 2021."""

from __future__ import annotations

import datetime as dt
from typing import Any

from mspike.knowledge.criteria import published
from mspike.options.facts import EPOCH, Reading
from mspike.record.analytes import MICRO


def glomerular_filtration(
    creatinine: tuple[Reading, ...], patient: dict[str, Any], counts_days: bool
) -> tuple[Reading, ...]:
    """GFR in mL/min/1.73 m2 (millionths) for every creatinine in mg/dL; none without sex, year of birth and dates.

    Source: Inker 2021, N Engl J Med 385:1737, creatinine equation without race (ckd-epi-2021).
    """
    sex = str(patient["sex"] or "").strip().lower()[:1]
    female = {"f": True, "w": True, "m": False}.get(sex)
    if counts_days or female is None or patient["birth_year"] is None:
        return ()
    told = []
    for reading in creatinine:
        years = (EPOCH + dt.timedelta(days=reading.day)).year - patient["birth_year"]
        if reading.lo <= 0:
            continue
        low = ckd_epi(reading.hi / MICRO, years, female)
        high = ckd_epi(reading.lo / MICRO, years - 1, female)
        words = f"GFR about {low:.0f} mL/min/1.73 m2 by CKD-EPI, from {reading.told}"
        told.append(Reading(reading.day, int(low * MICRO), int(high * MICRO) + 1, words))
    return tuple(told)


def ckd_epi(creatinine: float, age: int, female: bool) -> float:
    """GFR in mL/min/1.73 m2 from creatinine in mg/dL and age in years."""
    rules = published("ckd-epi-2021")
    own = "ckd_epi.women" if female else "ckd_epi.men"
    kappa, alpha, factor = (float(rules.value(own, name)) for name in ("kappa", "alpha", "factor"))
    scale, above, year = (float(rules.value("ckd_epi.both", name)) for name in ("scale", "above", "year"))
    ratio = creatinine / kappa
    return scale * min(ratio, 1.0) ** alpha * max(ratio, 1.0) ** above * year**age * factor
