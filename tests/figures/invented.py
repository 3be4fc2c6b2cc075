"""SYNTHETIC: invented patients for the figures, in the shapes that mspike.cohort and `mspike assess` write."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from mspike.cohort.survival import Curve, kaplan_meier

DEPTH = ["sCR", "CR", "VGPR", "PR", "MR", "SD"]
SALVAGE = ["bispecific", "adc", "car_t", "anti_cd38", "imid_celmod", "pi", "other"]


def curve(days: np.ndarray, event: np.ndarray) -> Curve:
    return kaplan_meier(pl.Series(days), pl.Series(event))


def times(n: int, median: float, seed: int, followed: float = 1300) -> tuple[np.ndarray, np.ndarray]:
    """Whole days to an event, exponential, censored evenly between half of `followed` and all of it."""
    draw = np.random.default_rng(seed)
    event, end = draw.exponential(median / math.log(2), n), draw.uniform(followed / 2, followed, n)
    return np.maximum(1, np.round(np.minimum(event, end))), event <= end


def cohort(n: int, seed: int = 7) -> pl.DataFrame:
    """One row a patient, as mspike.cohort.frame gives it (the columns that figures read)."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        end, progression, died = float(draw.integers(60, 1400)), float(round(draw.exponential(500)) + 20), draw.random()
        failed = progression < end
        death_alone = not failed and died < 0.12
        salvaged = failed and draw.random() < 0.8
        after = end - progression
        again = salvaged and draw.random() < 0.6
        best = str(draw.choice(DEPTH, p=[0.3, 0.2, 0.2, 0.15, 0.05, 0.1]))
        kind = "none" if not failed else ("early_relapse" if progression <= 183 else "late_relapse")
        kind = "primary_refractory" if failed and best in ("MR", "SD") else kind
        kind = "nonrelapse_death" if death_alone else kind
        dead = death_alone or (failed and died < 0.45)
        rows.append(
            {
                "patient_id": f"P{number + 1:04d}", "line": 1, "product": str(draw.choice(["ide-cel", "cilta-cel"])),
                "best_response": best, "failure_type": kind,
                "failed": failed, "first_failure_type": kind if failed else None,
                "first_salvage_class": (str(draw.choice(SALVAGE)) if salvaged else "none") if failed else None,
                "salvage_relation": ("other_target" if salvaged else "none") if failed else None,
                "first_salvage_day": float(min(20, after)) if salvaged else None,
                "pfs_days": min(end, progression), "pfs_event": failed or death_alone,
                "os_days": end, "os_event": dead,
                "cr_days": min(end, progression),
                "cr_cause": "progression" if failed else "non_relapse_death" if death_alone else "censored",
                "from_failure_os_days": after if failed else None, "from_failure_os_event": dead if failed else None,
                "from_failure_pfs_days": after * 0.6 if salvaged else None,
                "from_failure_pfs_event": again if salvaged else None,
            }
        )  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def assessments(patients: pl.DataFrame, seed: int = 7) -> pl.DataFrame:
    """One row a visit, as `mspike assess` writes it: deeper for half a year, PD at progression."""
    draw = np.random.default_rng(seed)
    rows = []
    for patient in patients.iter_rows(named=True):
        best = DEPTH.index(patient["best_response"])
        for visit, day in enumerate(range(28, int(patient["cr_days"]), 45)):
            now = DEPTH[max(best, min(5, 3 - visit))] if best < 4 else DEPTH[best]
            now = "NE" if draw.random() < 0.06 else now
            rows.append((patient["patient_id"], 1, day, now))
        if patient["cr_cause"] == "progression":
            rows.append((patient["patient_id"], 1, int(patient["cr_days"]), "PD"))
    names = ["patient_id", "line", "day", "response_confirmed"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(date=pl.col("day")).select("patient_id", "line", "date", "day", "response_confirmed")


def values(patients: pl.DataFrame, seed: int = 7) -> pl.DataFrame:
    """Serial M-protein (g/dL) or dFLC (mg/L): patient_id, day, marker, value, baseline."""
    draw = np.random.default_rng(seed)
    rows = []
    for number, patient in enumerate(patients.iter_rows(named=True)):
        marker, unit = ("dFLC", 400.0) if number % 4 == 3 else ("serum M-protein", 3.0)
        baseline = None if number % 23 == 22 else round(unit * draw.uniform(0.4, 2), 2)
        depth = {"sCR": 0, "CR": 0, "VGPR": 0.06, "PR": 0.3, "MR": 0.65, "SD": 0.95}[patient["best_response"]]
        depth = depth * draw.uniform(0.75, 1.2)
        for day in [-5, *range(28, int(patient["os_days"]), 45)]:
            share = max(depth, math.exp(-max(day, 0) / 25))
            late = day - patient["cr_days"]
            if patient["cr_cause"] == "progression" and late > -60:
                share = depth + 0.25 * math.exp((late + 60) / 90)
            rows.append((patient["patient_id"], day, marker, round(share * (baseline or unit), 2), baseline))
    return pl.DataFrame(rows, schema=["patient_id", "day", "marker", "value", "baseline"], orient="row")
