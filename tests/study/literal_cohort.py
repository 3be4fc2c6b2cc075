"""SYNTHETIC: small cohorts written out, a row a patient, in the shape of `cohort.frame.cohort_of`; the rest is null."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.cohort.frame import SCHEMA
from mspike.study.gathered import Gathered

VISITS = {"patient_id": pl.String, "line": pl.Int64, "day": pl.Int32, "response_confirmed": pl.String,
          "known_day": pl.Int32}  # fmt: skip
Row = dict[str, Any]


def patient(number: int, **told: Any) -> Row:
    """An infused patient, first infusion on day 0 of its own calendar."""
    first = {"patient_id": f"SYNTHETIC-{number:03}", "gid": number, "line": 1, "infused": True, "infusion_number": 1,
             "index_day": 0, "product": "ide-cel", "failed": False, "failure_type": "none", "best_response": "VGPR",
             "mrd_best": "not_tested"}  # fmt: skip
    return {**first, **told}


def failed(number: int, lived: int, died: bool, **told: Any) -> Row:
    """A patient who failed on day 100 and was then followed for so many days."""
    after = {"failed": True, "failure_type": "early_relapse", "failure_day": 100, "pfs_days": 100, "pfs_event": True,
             "os_days": 100 + lived, "os_event": died, "from_failure_os_days": lived, "from_failure_os_event": died,
             "from_failure_pfs_days": lived, "from_failure_pfs_event": died, "first_salvage_class": "none",
             "salvage_relation": "none"}  # fmt: skip
    after |= {"first_failure_type": told.get("failure_type", after["failure_type"])}
    return patient(number, **{**after, **told})


def gathered(rows: list[Row], visits: list[tuple[int, int, str, int]] = ()) -> Gathered:  # type: ignore[assignment]
    """visits: number of the patient, day, confirmed response, the day on which it was confirmed."""
    cohort = pl.DataFrame(rows, schema={**SCHEMA, "unconfirmed_pd_days": pl.Int32}, orient="row")
    seen = pl.DataFrame(
        [(f"SYNTHETIC-{number:03}", 1, day, told, known) for number, day, told, known in visits],
        schema=VISITS,
        orient="row",
    )
    nothing = pl.DataFrame()
    return Gathered(cohort, seen.lazy(), nothing.lazy(), nothing, nothing, {}, cohort.height)
