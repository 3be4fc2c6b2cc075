"""Genetics of the clone at screening and, where the antigen was lost, at relapse."""

from __future__ import annotations

from mspike.demo.fate import Fate
from mspike.demo.sheets import Sheets

# Shares of patients with relapsed myeloma; rough, memory.
_MARKERS = {
    "del17p": 0.15, "t(4;14)": 0.13, "t(14;16)": 0.03, "t(11;14)": 0.18, "gain1q": 0.40, "del1p32": 0.10, "TP53": 0.08,
}  # fmt: skip


def report_genetics(fate: Fate, sheets: Sheets) -> None:
    for marker, share in _MARKERS.items():
        if fate.draws.happens(f"{marker} tested", 0.92):
            present = fate.draws.happens(marker, share)
            fraction = f"{fate.draws.uniform(f'{marker} fraction', 0.2, 0.95):.2f}" if present else None
            sheets.add(
                "genetics", date=-40, marker=marker, finding="present" if present else "absent", fraction=fraction
            )
    relapses = [d for d in fate.progressions if d > 0]
    if relapses and fate.draws.happens("antigen lost", 0.06):
        sheets.add("genetics", date=relapses[0], marker="TNFRSF17", finding="biallelic_loss", fraction="0.90")
