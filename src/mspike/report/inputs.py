"""The values behind one judged visit, each with its date, its baseline and its nadir: read off the flowsheet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from mspike.record.amounts import UNBOUNDED
from mspike.record.dates import Calendar

Row = Mapping[str, Any]

# parameter -> its words, its unit, and the column that says whether it judges the line
PARAMETERS = {
    "serum_m": ("serum M", "g/dL", "by_serum"),
    "urine_m_24h": ("urine M", "mg/24 h", "by_urine"),
    "dflc": ("dFLC", "mg/L", "by_dflc"),
    "marrow_plasma_cells": ("marrow plasma cells", "%", "by_marrow"),
}
LIMB_PARAMETER = {
    "serum_m": "serum_m", "qiga": "serum_m", "urine_m": "urine_m_24h", "dflc": "dflc",
    "marrow": "marrow_plasma_cells", "circulating_plasma_cells": "circulating_plasma_cells",
}  # fmt: skip
IMMUNOFIXATION = ("negative", "positive", "therapeutic antibody (counts as negative)",
                  "oligoclonal (counts as negative)", "a band of another clone (counts as negative)")  # fmt: skip
BASELINE = (
    ("serum_m", "serum M", "g/dL"), ("urine_m_24h", "urine M", "mg/24 h"), ("kappa_flc", "kappa FLC", "mg/L"),
    ("lambda_flc", "lambda FLC", "mg/L"), ("dflc", "dFLC", "mg/L"), ("marrow_plasma_cells", "marrow plasma cells", "%"),
)  # fmt: skip
DEEP = ("sCR", "CR")


def date_of(day: int | None, calendar: Calendar) -> str | int | None:
    """A day as reports give it: an ISO date, or the integer of a day registry."""
    if day is None:
        return None
    return (dt.date(1970, 1, 1) + dt.timedelta(days=int(day))).isoformat() if calendar == "iso" else int(day)


def written(lo: int | None, hi: int | None) -> str | None:
    """Millionths as a person writes them: 2.8, <0.1, 500 or more, 12 to 15; None where not measured."""
    if lo is None or hi is None:
        return None
    if lo == hi:
        return _decimal(lo)
    if hi >= UNBOUNDED:
        return f"{_decimal(lo)} or more"
    return f"<{_decimal(hi + 1)}" if lo == 0 else f"{_decimal(lo)} to {_decimal(hi)}"


def _decimal(micro: int) -> str:
    return f"{(Decimal(micro) / 1_000_000).normalize():f}"


def baseline_of(line: Row, calendar: Calendar) -> list[dict[str, Any]]:
    """The baseline values of a line, each with its date."""
    told = []
    for name, label, unit in BASELINE:
        value = written(line.get(f"{name}_base_lo"), line.get(f"{name}_base_hi"))
        if value is not None:
            label, unit = _named(name, label, unit, line)
            told.append({"what": label, "value": value, "unit": unit, "date": date_of(_base_day(name, line), calendar)})
    if line.get("has_target"):
        spd = f"{int(line['spd_base']) // 1_000_000:,}"
        told.append({"what": "sum of products of the plasmacytomas", "value": spd, "unit": "mm2", "date": None})
    return told


def _named(name: str, label: str, unit: str, row: Row) -> tuple[str, str]:
    return ("IgA", "mg/dL") if name == "serum_m" and row.get("is_qiga") else (label, unit)


def _base_day(name: str, line: Row) -> int | None:
    if name == "dflc":
        name = "kappa_flc" if line.get("chain") == "kappa" else "lambda_flc"
    elif name == "serum_m" and line.get("is_qiga"):
        name = "iga"
    return line.get(f"{name}_base_day")


class Visits:
    """The visits of one line in their order, so that a nadir can be dated."""

    def __init__(self, line: Row, rows: Sequence[Row], calendar: Calendar, lesions: Sequence[Row]) -> None:
        self.line, self.rows, self.calendar, self.lesions = line, rows, calendar, lesions

    def inputs(self, at: int, rule: str) -> list[dict[str, Any]]:
        """What the rule that fired at visit `at` was given."""
        row = self.rows[at]
        if row["assigned"]:
            return [{"what": "category as assigned", "value": row["raw"], "unit": "", "date": self._date(row["day"])}]
        limb = rule.removeprefix("imwg.pd.")
        if limb in LIMB_PARAMETER:
            return [self._value(at, LIMB_PARAMETER[limb], "nadir")]
        if limb == "lesion":
            return self._lesions(row)
        if limb == "calcium":
            return [self._companion(row, name, unit) for name, unit in (("calcium", "mg/dL"), ("albumin", "g/dL"))]
        return self._category(at)

    def _category(self, at: int) -> list[dict[str, Any]]:
        row = self.rows[at]
        followed = [name for name, (_, _, by) in PARAMETERS.items() if row[by]]
        if row["by_serum"] and not row["by_urine"] and row["urine_m_24h_lo"] is not None:
            followed.insert(1, "urine_m_24h")  # measured, it must be low enough for a response
        told = [self._value(at, name, "baseline") for name in followed]
        if row["raw"] in ("sCR", "CR", "VGPR"):
            told += [self._immunofixation(row, name) for name in ("serum_ife", "urine_ife")]
        if row["raw"] in DEEP:
            told.append(self._plain(row, "cr_marrow", "marrow plasma cells", "%"))
        if row["raw"] == "sCR" or (row["raw"] in DEEP and row["by_dflc"]):
            told += [self._plain(row, f"{c}_flc", f"{c} FLC", "mg/L") for c in ("kappa", "lambda")]
        if row["raw"] == "sCR":
            told.append(self._clonality(row))
        if row["has_target"]:
            told.append(self._sum_of_products(row))
        return told

    def _value(self, at: int, name: str, compared: str) -> dict[str, Any]:
        label, unit, _ = PARAMETERS.get(name, ("circulating plasma cells", "/uL", ""))
        row = self.rows[at]
        label, unit = _named(name, label, unit, row)
        told = self._plain(row, name, label, unit)
        part = "base" if compared == "baseline" else "nadir"
        day = _base_day(name, self.line) if compared == "baseline" else self._nadir_day(at, name)
        lowest = written(row.get(f"{name}_{part}_lo"), row.get(f"{name}_{part}_hi"))
        return told | {"compared_with": compared, "other_value": lowest, "other_date": self._date(day)}

    def _plain(self, row: Row, name: str, label: str, unit: str) -> dict[str, Any]:
        value = written(row.get(f"{name}_lo"), row.get(f"{name}_hi"))
        day = row.get(f"{name}_day") if value is not None else None
        return {"what": label, "value": value, "unit": unit, "date": self._date(day)}

    def _nadir_day(self, at: int, name: str) -> int | None:
        """The first day on which the value that is now the nadir was reached."""
        nadir = self.rows[at].get(f"{name}_nadir_lo")
        if nadir is None:
            return None
        if self.line.get(f"{name}_base_lo") == nadir:
            return _base_day(name, self.line)
        return next((r[f"{name}_day"] for r in self.rows[:at] if r.get(f"{name}_lo") == nadir), None)

    def _immunofixation(self, row: Row, name: str) -> dict[str, Any]:
        code = row.get(f"{name}_lo")
        value = None if code is None else IMMUNOFIXATION[code]
        if code is None and name == "urine_ife" and row.get("urine_unobtainable"):
            value = "not asked: no urine to be had"
        return {"what": name.replace("_ife", " immunofixation"), "value": value, "unit": "", "date": self._date(row.get(f"{name}_day") if code is not None else None)}  # fmt: skip

    def _clonality(self, row: Row) -> dict[str, Any]:
        clonal, ratio = row.get("cr_clonal"), row.get("cr_cell_ratio")
        value = {True: "positive", False: "negative"}.get(clonal, written(ratio, ratio))  # type: ignore[arg-type]
        unit = "kappa/lambda cells" if clonal is None and ratio is not None else ""
        return {"what": "clonal plasma cells", "value": value, "unit": unit, "date": self._date(row.get("cr_marrow_day"))}  # fmt: skip

    def _sum_of_products(self, row: Row) -> dict[str, Any]:
        spd = row.get("spd")
        value = None if spd is None else f"{spd // 1_000_000:,}"
        base = f"{int(self.line['spd_base']) // 1_000_000:,}"
        return {"what": "sum of products of the plasmacytomas", "value": value, "unit": "mm2", "date": self._date(row.get("imaging_day")), "compared_with": "baseline", "other_value": base, "other_date": None}  # fmt: skip

    def _companion(self, row: Row, name: str, unit: str) -> dict[str, Any]:
        value = row.get(f"{name}_lo")
        return {"what": name, "value": written(value, value), "unit": unit, "date": self._date(row.get(f"{name}_day"))}

    def _lesions(self, row: Row) -> list[dict[str, Any]]:
        """The lesions that were progression, as they measured that day; all of that day where their sum decided."""
        ids = row.get("lesion_ids") or []
        day = row.get("imaging_day")
        seen = [r for r in self.lesions if r["date"] == day]
        return [
            {"what": f"{r['site'] or 'site unknown'} lesion {r['lesion_id']}", "value": _size(r), "unit": "", "date": self._date(day)}
            for r in seen if not ids or r["lesion_id"] in ids
        ]  # fmt: skip

    def _date(self, day: int | None) -> str | int | None:
        return date_of(day, self.calendar)


def _size(lesion: Row) -> str:
    sides = [f"{lesion[c] / 1_000:g}" for c in ("longest_mm", "perpendicular_mm") if lesion[c] is not None]
    word = (lesion["finding"] or "measured").replace("_", " ")
    return f"{word}, {' x '.join(sides)} mm" if sides else word
