"""Every choice the criteria leave open, by name. Each one in force is written into run.json and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from hashlib import sha256
from typing import Any

from mspike.errors import WrongUsage
from mspike.knowledge.criteria import Criteria

CHOICES: dict[str, tuple[str, ...]] = {
    "baseline": ("pre_ld", "randomisation", "apheresis", "relapse_before_bridging"),
    "nadir": ("lowest_observed", "lowest_confirmed"),
    "urine_only_vgpr": ("literal", "strict"),
    "marrow_pd": ("increase", "level"),
    "pd_confirmation": ("category", "same_limb", "two_markers"),
    "vgpr_plasmacytoma": ("50", "90"),
    "censoring": ("fda", "ema"),
    "dor_death": ("any", "myeloma_only"),
    "ttnt_death": ("event", "censor"),
    "blq": ("interval", "zero", "limit"),
    "lines": ("rajkumar-2015", "claims"),
}


@dataclass(frozen=True)
class Settings:
    """The defaults of design.md; `settings_of` applies an edition's own and the user's."""

    baseline: str = "pre_ld"
    nadir: str = "lowest_observed"
    serum_measurable_g_dl: Fraction = Fraction(1)
    urine_only_vgpr: str = "literal"
    mr_on_flc: bool = False
    marrow_pd: str = "increase"
    marrow_lookback_days: int = 90
    pd_confirmation: str = "category"
    death_confirms: bool = True
    hypercalcaemia_pd: bool = False
    qiga_index: bool = False
    vgpr_plasmacytoma: str = "50"
    flc_ratio_range: tuple[Fraction, Fraction] = (Fraction("0.26"), Fraction("1.65"))
    flc_suppression_as_normal: bool = False
    censoring: str = "fda"
    visit_interval_days: int | None = None
    dor_death: str = "any"
    ttnt_death: str = "event"
    early_relapse_days: int = 183
    first_response_day: int = 21
    urine_carry_forward_days: int = 0
    imaging_carry_forward_days: int = 95
    baseline_max_age_days: int = 28
    blq: str = "interval"
    lines: str = "rajkumar-2015"

    def as_text(self) -> dict[str, str]:
        """Each setting as the user would write it behind --set."""
        return {name: _written(value) for name, value in asdict(self).items()}

    @property
    def hash(self) -> str:
        return sha256(json.dumps(self.as_text(), sort_keys=True).encode()).hexdigest()[:12]


def settings_of(criteria: Criteria, given: Mapping[str, Any] | None = None) -> Settings:
    """The edition's settings with the user's on top. Raises WrongUsage for an unknown name or value."""
    settings = replace(Settings(), **criteria.defaults)
    known = {f.name: f.default for f in fields(Settings)}
    changes = {}
    for name, value in (given or {}).items():
        if name not in known:
            raise WrongUsage(f"--set {name}: no such setting. Settings: {', '.join(known)}.")
        changes[name] = _read(name, str(value).strip(), known[name])
    return replace(settings, **changes)


def _read(name: str, text: str, default: Any) -> Any:
    if name in CHOICES:
        if text not in CHOICES[name]:
            raise WrongUsage(f"--set {name}={text}: expected one of {', '.join(CHOICES[name])}.")
        return text
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if name == "flc_ratio_range":
            low, high = (Fraction(part) for part in text.split("-"))
            if not 0 <= low < high:
                raise ValueError
            return low, high
        if name == "visit_interval_days" and text.lower() == "none":
            return None
        number = Fraction(text) if isinstance(default, Fraction) else int(text)
        if number < 0:
            raise ValueError
        return number
    except (ValueError, KeyError, ZeroDivisionError):
        raise WrongUsage(f"--set {name}={text}: expected a value like {_example(name, default)}.") from None


def _example(name: str, default: Any) -> str:
    return "28, or none" if name == "visit_interval_days" else _written(default)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "-".join(_written(v) for v in value)
    if isinstance(value, Fraction):
        return f"{float(value):g}"
    return "none" if value is None else str(value)
