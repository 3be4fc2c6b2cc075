"""A pooled proportion and the studies behind it, as plain values and as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mspike.knowledge.evidence import Evidence
from mspike.options.pool import Pooled

Told = dict[str, Any]
MEMORY = "†"
MEMORY_SAYS = "† recalled, not read again for this project: check before use."


def pooled_told(pooled: Pooled) -> Told:
    """Proportions in percent, to a tenth."""
    return {
        "method": pooled.method, "test": pooled.test, "studies": pooled.k, "events": pooled.events,
        "patients": pooled.n, "percent": _percent(pooled.estimate), "low": _percent(pooled.low),
        "high": _percent(pooled.high), "prediction_low": _percent(pooled.prediction_low),
        "prediction_high": _percent(pooled.prediction_high), "tau2": _rounded(pooled.tau2),
        "i2_percent": _rounded(pooled.i2, 1), "q": _rounded(pooled.q, 2), "q_df": pooled.q_df,
        "q_p": _rounded(pooled.q_p), "note": pooled.note,
    }  # fmt: skip


def studies_told(used: Sequence[Evidence], outcome: str = "orr") -> list[Told]:
    """The studies that were pooled, each with its counts and how they were checked."""
    told = []
    for one in used:
        found = one.proportion(outcome)
        assert found is not None  # `independent` takes only those with counts
        told.append({
            "id": one.id, "study": one.study, "therapy": one.therapy, "population": one.population,
            "events": found.events, "n": found.n, "source": one.source, "checked": found.checked,
            "memory": one.memory_only or found.from_memory, "bias": one.bias,
        })  # fmt: skip
    return told


def pooled_line(pooled: Told, *, marks: bool = False) -> str:
    """52 % (41 to 63), 3 studies, 87 patients."""
    interval = f"{pooled['percent']:g} % ({pooled['low']:g} to {pooled['high']:g})"
    studies = "1 study" if pooled["studies"] == 1 else f"{pooled['studies']} studies"
    return f"{interval}, {studies}, {pooled['patients']} patients{' ' + MEMORY if marks else ''}"


def _percent(proportion: float | None) -> float | None:
    return None if proportion is None else round(100 * proportion, 1)


def _rounded(number: float | None, digits: int = 4) -> float | None:
    return None if number is None else round(number, digits)
