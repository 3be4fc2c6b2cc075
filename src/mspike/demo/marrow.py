"""Marrow samples: plasma cells, clonality, antigens and measurable residual disease."""

from __future__ import annotations

import numpy as np

from mspike.demo.fate import Fate
from mspike.demo.kinetics import Levels, tumour
from mspike.demo.laboratory import Laboratory
from mspike.demo.myeloma_markers import light_chain_escape
from mspike.demo.sheets import Sheets

HEALTHY_PERCENT = 1.2
ESCAPE_MG_L_OF_FULL_MARROW = 8_000  # free light chains per mass of cells that escaped; invented
CLONAL_FRACTION_SEEN = 1e-3  # immunohistochemistry and light-chain ratio; rough, memory


def report_marrow(fate: Fate, laboratory: Laboratory, sheets: Sheets, visits: Levels) -> None:
    days = _sample_days(fate, visits)
    clonal = fate.clone.marrow_percent / 100 * tumour(fate.phases, days, fate.screening_mass)
    clonal = clonal + light_chain_escape(fate, days) / ESCAPE_MG_L_OF_FULL_MARROW
    laboratory.report("marrow_plasma_cells", days, np.minimum(100 * clonal + HEALTHY_PERCENT, 98))
    laboratory.report("marrow_clonality", days, np.where(clonal > CLONAL_FRACTION_SEEN, "positive", "negative"))
    _report_antigens(fate, laboratory, days, clonal)
    _report_leukaemic(fate, laboratory, visits)
    if fate.archetype.infused:
        _report_mrd(fate, sheets, days, clonal)


def _sample_days(fate: Fate, visits: Levels) -> Levels:
    """Screening, day 28, months 3, 6, 12 and yearly, and at progression; taken at the visit, so never after the end."""
    wanted = [-40, 28, 90, 180, 365, 730, 1095, *(d + 2 for d in fate.progressions)]
    if fate.clone.light == "none":
        wanted += list(range(240, fate.end, 60))
    nearest = {float(visits[np.argmin(np.abs(visits - day))]) for day in wanted if day < fate.end}
    return np.array(sorted(d for d in nearest if d == -40 or d >= 21), float)


def _report_antigens(fate: Fate, laboratory: Laboratory, days: Levels, clonal: Levels) -> None:
    """BCMA and GPRC5D on plasma cells, where there are enough: at screening and after progression; some lose BCMA."""
    tested = (clonal > 0.02) & ((days < 0) | (days > 60))
    lost = fate.draws.happens("antigen lost", 0.06)
    usual = fate.draws.uniform("bcma", 70, 98)
    bcma = np.where((days > 0) & lost, 0.0, usual)
    laboratory.report("bcma_expression", days[tested], bcma[tested])
    gprc5d = np.full(len(days), fate.draws.uniform("gprc5d", 55, 98))
    laboratory.report("gprc5d_expression", days[tested], gprc5d[tested])


def _report_leukaemic(fate: Fate, laboratory: Laboratory, visits: Levels) -> None:
    """Circulating plasma cells per uL at screening and baseline: none in most."""
    level = fate.draws.uniform("circulating", 20, 300) if fate.draws.happens("leukaemic", 0.08) else 0.0
    laboratory.report("circulating_plasma_cells", visits[:2], np.full(len(visits[:2]), level))


def _report_mrd(fate: Fate, sheets: Sheets, days: Levels, clonal: Levels) -> None:
    """One row a sample in response; the limit of detection is 20 cells in those counted (EuroFlow, memory)."""
    draws = fate.draws
    method = draws.one_of("mrd method", ("ngf", "ngs", "flow"), (6, 3, 1))
    counted = draws.stream("mrd events").uniform(3e6, 1e7, len(days)) / (20 if method == "flow" else 1)
    poor = draws.stream("mrd adequate").random(len(days)) < (0.0 if fate.has("molecular") else 0.05)
    for day, fraction, events, inadequate in zip(days, clonal, counted, poor, strict=True):
        if day < 0 or fraction > 0.05:
            continue
        total = int(events / 10 if inadequate else events)
        limit = 20 / total
        found = fraction >= limit
        result = "positive" if found else "indeterminate" if inadequate else "negative"
        sheets.add(
            "mrd", date=day, method=method, result=result, fraction=f"{fraction:.2e}" if found else None,
            limit_of_detection=f"{limit:.2e}", total_events=total, adequate="no" if inadequate else "yes",
        )  # fmt: skip
