"""The laboratory: turns true levels into reported text, with noise, limits of quantification and missing tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from mspike.demo.fate import Fate
from mspike.demo.kinetics import Levels
from mspike.demo.sheets import Sheets


@dataclass(frozen=True)
class Assay:
    """How one analyte is reported.

    unit, decimals   as most laboratories report it
    cv               coefficient of variation of a measurement
    limit            below it the laboratory writes "<limit" (in `unit`); a true 0 is written as 0
    low, high        limits of normal (in `unit`)
    si               unit, factor and decimals of laboratories that report in SI units
    missing          share of tests not done
    method, specimen
    """

    unit: str = ""
    decimals: int = 1
    cv: float = 0.05
    limit: float = 0.0
    low: float | None = None
    high: float | None = None
    si: tuple[str, float, int] | None = None
    missing: float = 0.03
    method: str = ""
    specimen: str = "B"


# Limits of normal and coefficients of variation: textbook values, memory.
ASSAYS = {
    "serum_m": Assay("g/dL", 2, 0.03, 0.1, None, None, ("g/L", 10, 1), 0.015, "gel electrophoresis", "S"),
    "urine_m_24h": Assay("mg/24h", 0, 0.05, 30, missing=0.05, method="gel electrophoresis", specimen="U"),
    "kappa_flc": Assay("mg/L", 1, 0.05, 0.6, 3.3, 19.4, ("mg/dL", 0.1, 2), 0.03, "Freelite", "S"),
    "lambda_flc": Assay("mg/L", 1, 0.05, 1.3, 5.7, 26.3, ("mg/dL", 0.1, 2), 0.03, "Freelite", "S"),
    "serum_ife": Assay(missing=0.03, method="immunofixation", specimen="S"),
    "urine_ife": Assay(missing=0.05, method="immunofixation", specimen="U"),
    "urine_volume_24h": Assay("L/24h", 2, 0.0, missing=0.3, specimen="U"),
    "igg": Assay("mg/dL", 0, 0.05, low=700, high=1600, si=("g/L", 0.01, 2), method="nephelometry", specimen="S"),
    "iga": Assay("mg/dL", 0, 0.05, 7, 70, 400, si=("g/L", 0.01, 2), method="nephelometry", specimen="S"),
    "igm": Assay("mg/dL", 0, 0.05, 5, 40, 230, si=("g/L", 0.01, 2), method="nephelometry", specimen="S"),
    "calcium": Assay("mg/dL", 1, 0.03, low=8.6, high=10.2, si=("mmol/L", 0.2495, 2)),
    "albumin": Assay("g/dL", 1, 0.04, low=3.5, high=5.2, si=("g/L", 10, 0)),
    "haemoglobin": Assay("g/dL", 1, 0.04, low=12, high=16, si=("g/L", 10, 0)),
    "creatinine": Assay("mg/dL", 2, 0.06, low=0.6, high=1.2, si=("umol/L", 88.4, 0)),
    "b2m": Assay("mg/L", 1, 0.05, low=0.8, high=2.4, missing=0.1),
    "ldh": Assay("U/L", 0, 0.1, low=120, high=250),
    "crp": Assay("mg/dL", 1, 0.3, 0.3, 0, 0.5, ("mg/L", 10, 0)),
    "ferritin": Assay("ng/mL", 0, 0.12, low=15, high=300),
    "fibrinogen": Assay("mg/dL", 0, 0.08, low=200, high=400, si=("g/L", 0.01, 2)),
    "alt": Assay("U/L", 0, 0.15, low=5, high=45),
    "anc": Assay("10*9/L", 2, 0.12, 0.1, 1.5, 7.5),
    "alc": Assay("10*9/L", 2, 0.12, 0.05, 1.0, 4.0),
    "platelets": Assay("10*9/L", 0, 0.08, low=150, high=400),
    "sbcma": Assay("ng/mL", 1, 0.1, 0.5, 10, 50, missing=0.1, method="ELISA"),
    "car_transgene": Assay("copies/ug", 0, 0.2, 50, missing=0.1, method="qPCR"),
    "temperature": Assay("Cel", 1, 0.004, missing=0.0, specimen="V"),
    "oxygen": Assay("L/min", 0, 0.0, missing=0.0, specimen="V"),
    "hypotension": Assay("", 0, 0.0, missing=0.0, specimen="V"),
    "vasopressors": Assay("1", 0, 0.0, missing=0.0, specimen="V"),
    "ice_score": Assay("1", 0, 0.0, missing=0.0, specimen="V"),
    "marrow_plasma_cells": Assay("%", 0, 0.1, 1, missing=0.0, method="aspirate", specimen="M"),
    "marrow_clonality": Assay("", 1, 0.0, missing=0.0, method="immunohistochemistry", specimen="M"),
    "bcma_expression": Assay("%", 0, 0.03, 1, missing=0.0, method="flow cytometry", specimen="M"),
    "gprc5d_expression": Assay("%", 0, 0.03, 1, missing=0.0, method="flow cytometry", specimen="M"),
    "circulating_plasma_cells": Assay("/uL", 0, 0.2, 5, missing=0.3, method="flow cytometry"),
}  # fmt: skip

# These make the response; patients who show a complete one are never without them.
_ALWAYS_TESTED = ("serum_m", "urine_m_24h", "serum_ife", "urine_ife", "kappa_flc", "lambda_flc")
CAPILLARY_SINCE_DAY = 200
CAPILLARY_BIAS = 1.08


class Laboratory:
    """The one laboratory that a patient's specimens go to."""

    def __init__(self, fate: Fate, sheets: Sheets) -> None:
        self.fate, self._sheets = fate, sheets
        self.si_units = fate.has("si_units") or fate.draws.happens("si units", 0.12)
        self._zero_as_text = fate.draws.happens("zero below limit", 0.4)
        self._written = 0

    def report(
        self,
        analyte: str,
        days: Levels,
        levels: npt.NDArray,
        attribution: npt.NDArray | None = None,
        method: npt.NDArray | None = None,
    ) -> None:
        """Rows for one analyte: `levels` in the assay's unit, or words. Some tests were not done."""
        assay = ASSAYS[analyte]
        luck = self.fate.draws.stream(analyte)
        done = self._done(analyte, assay, len(days), luck)
        days, levels = days[done], levels[done]
        if levels.dtype.kind == "U":
            texts, unit, scale = levels.tolist(), "", 1.0
        else:
            texts, unit, scale = self._texts(assay, levels, luck)
        rows = len(texts)
        self._sheets.add_rows(
            "results",
            rows,
            date=days.tolist(),
            analyte=(analyte,) * rows,
            value=texts,
            unit=(unit or None,) * rows,
            method=(assay.method or None,) * rows if method is None else method[done].tolist(),
            specimen_id=(assay.specimen,) * rows,
            ref_low=(_shown(assay.low, scale),) * rows,
            ref_high=(_shown(assay.high, scale),) * rows,
            attribution=(None,) * rows if attribution is None else [a or None for a in attribution[done].tolist()],
        )

    def report_serum_m(self, days: Levels, spike: Levels) -> None:
        """The spike in g/dL; a change of method shifts it, and one visit may be spurious."""
        method = np.full(len(days), ASSAYS["serum_m"].method, dtype="U32")
        attribution = np.full(len(days), "", dtype="U8")
        if self.fate.has("capillary"):
            since = days >= CAPILLARY_SINCE_DAY
            method[since] = "capillary electrophoresis"
            spike = np.where(since, spike * CAPILLARY_BIAS, spike)
        if self.fate.has("spurious"):
            odd = np.flatnonzero(days > 300)[:1]
            spike = spike.copy()
            spike[odd] += 1.4
            attribution[odd] = "spurious"
        self.report("serum_m", days, spike, attribution, method)

    def _done(self, analyte: str, assay: Assay, rows: int, luck: np.random.Generator) -> npt.NDArray[np.bool_]:
        if self.fate.has("complete_testing") and analyte in _ALWAYS_TESTED:
            return np.ones(rows, bool)
        gaps = self.fate.has("urine_gaps") and assay.specimen == "U"
        share = 0.3 if gaps else assay.missing
        if not share:
            return np.ones(rows, bool)
        # One collection serves spike and immunofixation: the urine that was not brought lacks both.
        done = (self.fate.draws.stream("urine collected") if gaps else luck).random(rows) >= share
        done[:2] |= analyte in _ALWAYS_TESTED
        return done

    def _texts(self, assay: Assay, levels: Levels, luck: np.random.Generator) -> tuple[list[str], str, float]:
        """Text as printed, its unit, and the factor from the assay's unit to it."""
        noise = luck.standard_normal(len(levels)) if assay.cv else 0.0
        measured = np.maximum(levels * (1 + assay.cv * noise), 0)
        if assay.unit == "%":
            measured = np.minimum(measured, 99)
        unit, scale, decimals = assay.unit, 1.0, assay.decimals
        if self.si_units and assay.si is not None:
            unit, scale, decimals = assay.si
        below = f"<{assay.limit * scale:.6g}" if assay.limit else ""
        texts = [f"{value:.{decimals}f}" for value in (measured * scale).tolist()]
        if below:
            for row in np.flatnonzero(measured < assay.limit).tolist():
                absent = levels[row] == 0 and not self._zero_as_text
                texts[row] = "0" if absent else below
        return texts, unit, scale


def with_specimen_ids(results: pl.DataFrame) -> pl.DataFrame:
    """Completes the kind of specimen with its day: S20240531 is the serum of that day."""
    return results.with_columns(
        specimen_id=pl.col("specimen_id") + pl.col("date").str.replace_all("-", "", literal=True)
    )


def _shown(limit: float | None, scale: float) -> str | None:
    return None if limit is None else f"{limit * scale:.4g}"
