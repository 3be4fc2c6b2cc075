"""The values behind one judged visit, each with its date, its baseline and its nadir: read off the flowsheet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from mspike.record.amounts import UNBOUNDED
from mspike.record.dates import Calendar
from mspike.record.record import Record

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
AT_ONCE = ("marrow", "lesion", "calcium")


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


def square_mm(square_micrometres: int) -> str:
    """A sum of products in mm2, as a person writes it."""
    return f"{(Decimal(int(square_micrometres)) / 1_000_000).normalize():,f}"


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
        what = "sum of products of the plasmacytomas"
        told.append({"what": what, "value": square_mm(line["spd_base"]), "unit": "mm2", "date": None})
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

    def __init__(self, line: Row, sheet: pl.DataFrame, record: Record) -> None:
        # In the order they opened, not by date: that is the order in which a nadir was reached.
        self.rows = sheet.sort("opened", "visit", maintain_order=True).to_dicts()
        self.place = {(row["visit"], row["day"]): at for at, row in enumerate(self.rows)}
        self.line, self.calendar, self.lesions = line, record.calendar, record.lesions.to_dicts()

    def inputs(self, at: int, rule: str) -> list[dict[str, Any]]:
        """What the rule that fired at visit `at` was given."""
        row = self.rows[at]
        if row["assigned"]:
            return [self._told("category as assigned", row["raw"], "", row["day"])]
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
        return self._told(label, written(row.get(f"{name}_lo"), row.get(f"{name}_hi")), unit, row.get(f"{name}_day"))

    def _nadir_day(self, at: int, name: str) -> int | None:
        """The first day on which the value that is now the nadir was reached."""
        nadir = self.rows[at].get(f"{name}_nadir_hi")
        if nadir is None:
            return None
        if self.line.get(f"{name}_base_hi") == nadir:
            return _base_day(name, self.line)
        return next((r[f"{name}_day"] for r in self.rows[:at] if r.get(f"{name}_hi") == nadir), None)

    def confirmation(self, at: int) -> str:
        """Why a progression counts as confirmed, where it does; empty for anything else."""
        row = self.rows[at]
        if row["raw"] != "PD" or not row["pd_confirmed"]:
            return ""
        before = next((r for r in self.rows[:at] if r["pd_confirmed"]), None)
        if before is not None:
            return f"progression was established on {self._date(before['day'])}"
        if any(row[f"pd_{limb}"] for limb in AT_ONCE):
            return "stands at once: marrow and imaging are not repeated"
        if row["assigned_confirmed"]:
            return "confirmed by whoever assigned it"
        if row["next_seen"] is not None:
            return f"confirmed by the next assessment, {self._date(row['next_seen'])}"
        return f"confirmed by death from myeloma, {self._date(row['death_day'])}"

    def _told(self, what: str, value: str | None, unit: str, day: int | None) -> dict[str, Any]:
        return {"what": what, "value": value, "unit": unit, "date": None if value is None else self._date(day)}

    def _immunofixation(self, row: Row, name: str) -> dict[str, Any]:
        code, what = row.get(f"{name}_lo"), name.replace("_ife", " immunofixation")
        if code is None and name == "urine_ife" and row.get("urine_unobtainable"):
            return self._told(what, "not asked: there is no urine", "", None)
        return self._told(what, None if code is None else IMMUNOFIXATION[code], "", row.get(f"{name}_day"))

    def _clonality(self, row: Row) -> dict[str, Any]:
        clonal, ratio, day = row.get("cr_clonal"), row.get("cr_cell_ratio"), row.get("cr_marrow_day")
        if clonal is None:
            return self._told("clonal plasma cells", written(ratio, ratio), "kappa/lambda cells", day)
        return self._told("clonal plasma cells", "positive" if clonal else "negative", "", day)

    def _sum_of_products(self, row: Row) -> dict[str, Any]:
        what, day = "sum of products of the plasmacytomas", row.get("imaging_day")
        told = self._told(what, None if row["spd"] is None else square_mm(row["spd"]), "mm2", day)
        return told | {"compared_with": "baseline", "other_value": square_mm(self.line["spd_base"]), "other_date": None}

    def _companion(self, row: Row, name: str, unit: str) -> dict[str, Any]:
        value = row.get(f"{name}_lo")
        return self._told(name, written(value, value), unit, row.get(f"{name}_day"))

    def _lesions(self, row: Row) -> list[dict[str, Any]]:
        """The lesions that were progression, as they measured that day; all of that day where their sum decided."""
        ids = row.get("lesion_ids") or []
        day = row.get("imaging_day")
        seen = [r for r in self.lesions if r["date"] == day]
        chosen = [r for r in seen if not ids or r["lesion_id"] in ids]
        return [
            self._told(f"lesion {r['lesion_id']} ({r['site'] or 'site unknown'})", _size(r), "", day) for r in chosen
        ]

    def _date(self, day: int | None) -> str | int | None:
        return date_of(day, self.calendar)


def _size(lesion: Row) -> str:
    sides = [f"{lesion[c] / 1_000:g}" for c in ("longest_mm", "perpendicular_mm") if lesion[c] is not None]
    word = (lesion["finding"] or "measured").replace("_", " ")
    return f"{word}, {' x '.join(sides)} mm" if sides else word
