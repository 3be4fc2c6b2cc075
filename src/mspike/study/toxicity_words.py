"""What a study says of toxicity besides numbers: what would mislead, and by what it was graded."""

from __future__ import annotations

import polars as pl

from mspike.study.toxicity_grades import BLOOD

_COUNTS = (
    ("neutropenia (ICAHT)", "icaht", "rejeski-2023"),
    ("thrombocytopenia (T-ICAHT)", "platelets", "rejeski-2025"),
)


def misleading(patients: pl.DataFrame) -> list[str]:
    """What a reader would take for a frequency, although of most patients it is not known."""
    said = []
    if 2 * patients["iec_hs_suspected"].null_count() > patients.height:
        said.append(
            "In most patients it is not known whether an HLH-like syndrome (IEC-HS) was to be suspected, as a deciding "
            "finding is missing: the number suspected is a lower bound."
        )
    early = BLOOD[0]
    open_ = patients.select(((early.low != early.high) & early.low.is_not_null()).sum()).item()
    if 2 * open_ > patients.height:
        said.append(
            "The early ICAHT grade is open in most patients, as counts were too sparse to tell how long neutropenia "
            "lasted: it can only be read as a range."
        )
    return said


def toxicity_methods(patients: pl.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was graded by what, as far as the registry holds it, and the sources."""
    said, keys = list[str](), list[str]()
    if _any(patients, "crs_days_measured", "icans_days_measured"):
        said.append(
            "CRS and ICANS were graded from the recorded signs by the ASTCT consensus, or taken as recorded where no "
            "sign was."
        )
        keys.append("lee-2019")
    elif any(patients[name].is_not_null().any() for name in ("crs_recorded_day", "icans_recorded_day")):
        said.append("CRS and ICANS were taken as they had been recorded; no signs were there to grade them by.")
    held = [(words, key) for words, name, key in _COUNTS if _counted(patients, name)]
    if held:
        named = " and ".join(words for words, _ in held)
        said.append(f"{named[0].upper()}{named[1:]} {'was' if len(held) == 1 else 'were'} graded from the counts.")
        keys += [key for _, key in held]
    if keys:
        said.append("A grade that missing signs or counts left open was reported as open.")
    if patients["iec_hs_suspected"].is_not_null().any():
        said.append("An HLH-like syndrome (IEC-HS) was suspected by the findings of its consensus definition.")
        keys.append("hines-2023")
    said += [
        "Rates of infections were counted per person-year of the days followed, with exact Poisson intervals.",
        "Late effects were counted as recorded, without adjustment for the length of follow-up or competing death.",
    ]
    return tuple(said), (*keys, "garwood-1936")


def _counted(patients: pl.DataFrame, name: str) -> bool:
    return _any(patients, f"{name}_early_days_measured", f"{name}_late_days_measured")


def _any(patients: pl.DataFrame, *columns: str) -> bool:
    """Was it measured in anybody?"""
    return any(bool((patients[name].fill_null(0) > 0).any()) for name in columns)
