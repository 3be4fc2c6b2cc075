"""How a number is told in a table that a person reads: counts with their total, percentages, intervals, months."""

from __future__ import annotations

from mspike.cohort.times import DAYS_A_MONTH

NOT_KNOWN, NOT_REACHED, NONE = "not known", "NR", "–"


def share(n: int, total: int) -> str:
    """12 / 52 (23 %). Of nobody there is no share."""
    return f"{n:,} / {total:,} ({100 * n / total:.0f} %)" if total else f"{n:,} / 0"


def percent(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """62.5 % [48.0, 75.2]; values in percent."""
    if value is None:
        return NONE
    return f"{value:.1f} %" if low is None or high is None else f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def months(days: float | None) -> str:
    """Days as months with one decimal; NR where not reached."""
    return NOT_REACHED if days is None else f"{days / DAYS_A_MONTH:.1f}"


def median(days: float | None, low: float | None, high: float | None) -> str:
    """8.8 [5.9, NR], in months."""
    return f"{months(days)} [{months(low)}, {months(high)}]"


def p_value(p: float) -> str:
    """Three decimals, never 0.000."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def in_sentence(words: str) -> str:
    """Words of a head in the middle of a sentence; abbreviations keep their capitals."""
    return words if words[:2].isupper() else words[:1].lower() + words[1:]
