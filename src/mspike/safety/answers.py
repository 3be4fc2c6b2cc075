"""Everything the safety room answers about an infusion, side by side: one row an infusion."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.course.history import history_of
from mspike.course.stage import stages_of
from mspike.safety.crs import crs_of
from mspike.safety.expansion import delayed_neurotoxicity, lymphocyte_peak
from mspike.safety.icaht import icaht_of, thrombocytopenia_of
from mspike.safety.icans import icans_of
from mspike.safety.iec_hs import iec_hs
from mspike.safety.immunoglobulins import hypogammaglobulinaemia
from mspike.safety.late_effects import enterocolitis, infections, second_malignancies
from mspike.safety.scores import car_hematotox, easix, ferritin_raised, mycare


def safety_of(derived: Derived) -> pl.DataFrame:
    """What harm was done by each infusion, and how high was the risk before it?

    One row an infusion: patient_id, gid, line, agent, index_day, then the columns of each question behind its name:
    crs_, icans_, icaht_, platelets_, hematotox_, easix_, mycare_, iec_hs_, peak_, neurotoxicity_, igg_, infections_,
    enterocolitis_, malignancy_. What each column says stands at the function that makes it.
    """
    infused = episodes(derived)
    record = derived.record
    parts = {
        "crs": crs_of(record, infused),
        "icans": icans_of(record, infused),
        "icaht": icaht_of(record, infused),
        "platelets": thrombocytopenia_of(record, infused),
        "hematotox": car_hematotox(derived),
        "easix": easix(derived),
        "mycare": mycare(mycare_items(derived)),
        "iec_hs": iec_hs(derived),
        "peak": lymphocyte_peak(derived),
        "neurotoxicity": delayed_neurotoxicity(derived),
        "igg": hypogammaglobulinaemia(derived),
        "infections": infections(derived),
        "enterocolitis": enterocolitis(derived),
        "malignancy": second_malignancies(derived),
    }
    told = infused.select("patient_id", "gid", "line", "agent", "index_day")
    for name, part in parts.items():
        part = part.drop("pid", "agent", strict=False)
        part = part.rename({c: f"{name}_{c}" for c in part.columns if c != "gid"})
        told = told.join(part, on="gid", how="left", maintain_order="left")
    return told.sort("patient_id", "line")


def mycare_items(derived: Derived) -> pl.DataFrame:
    """What MyCARe asks, one row an infusion: each true, false or not known."""
    stages = stages_of(derived).filter(pl.col("at") == "car_t").select(
        "gid",
        "plasma_cell_leukaemia",
        "high_risk_cytogenetics",
        # "EMD" recorded without a word about bone counts as the score's authors would have counted it.
        extraosseous=pl.col("extraosseous") | pl.col("extramedullary_recorded"),
    )  # fmt: skip
    history = history_of(derived).filter(pl.col("gid").is_not_null()).select("gid", "lenalidomide_refractory")
    ferritin = ferritin_raised(derived)
    both = stages.join(history, on="gid", how="left", maintain_order="left")
    return both.join(ferritin, on="gid", how="left", maintain_order="left")
