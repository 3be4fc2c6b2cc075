"""An invented patient of the golden tests: the YAML file, its tables as a registry, and what is expected."""

from __future__ import annotations

import csv
import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mspike.record.tables import TABLES

FOLDER = Path(__file__).parent / "options"
SHARED = "_shared.yaml"
ANSWERS = ("open", "unknown", "closed")
FIELDS = {"name", "story", "on", "region", "label_date", "known", "include", "expect", *TABLES}
WHOLE = {"every_option", "none_open", "nothing_missing"}
EXPECTED = {"option", "answer", "because", "caution", "no_caution", "relation", "by_label"}
RELATIVE = re.compile(r"on-(\d+)$")
SENTENCE = re.compile(r"[.?!](?:\s|$)")

Row = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML in which only true and false are booleans: `on`, `yes` and `no` are words."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def _yaml(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)


@dataclass(frozen=True)
class Golden:
    """One invented patient: the story, the question and what a haematologist expects of the answer."""

    path: Path
    told: dict[str, Any]
    tables: dict[str, list[Row]]

    @property
    def patient(self) -> str:
        return str(self.tables["patients"][0]["patient_id"])

    @property
    def on(self) -> str:
        return str(self.told["on"])

    @property
    def label_date(self) -> dt.date | None:
        return self.told.get("label_date")

    def write(self, folder: Path) -> Path:
        """The tables as CSV files of a registry."""
        for name, rows in self.tables.items():
            columns = list(dict.fromkeys(c for row in rows for c in row))
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(rows)
        return folder


def golden_patients() -> list[Golden]:
    return [read(path) for path in sorted(FOLDER.glob("*.yaml")) if path.name != SHARED]


def read(path: Path) -> Golden:
    """Reads one file. Raises ValueError where it holds what nobody would look at."""
    told = _yaml(path)
    _only(told, FIELDS | WHOLE, path.name)
    for one in told["expect"]:
        _only(one, EXPECTED, f"{path.name}, {one.get('option')}")
        if one["answer"] not in ANSWERS:
            raise ValueError(f"{path.name}, {one['option']}: {one['answer']!r} is no answer")
    shared = _yaml(FOLDER / SHARED)
    parts = [shared[name] for name in told.get("include", [])] + [told]
    tables: dict[str, list[Row]] = {"patients": told["patients"]}
    for name in TABLES:
        rows = [row for part in parts for row in part.get(name, ())]
        if rows and name != "patients":
            tables[name] = [_row(row, name, told, path.name) for row in rows]
    return Golden(path, told, tables)


def _only(found: dict[str, Any], allowed: set[str], place: str) -> None:
    unknown = found.keys() - allowed
    if unknown:
        raise ValueError(f"{place}: {', '.join(sorted(unknown))} is not read. Known: {', '.join(sorted(allowed))}")


def _row(row: Row, table: str, told: dict[str, Any], place: str) -> Row:
    _only(row, set(TABLES[table].names), f"{place}, {table}")
    dated = {column: _dated(value, told["on"]) for column, value in row.items()}
    return {"patient_id": told["patients"][0]["patient_id"], **dated}


def _dated(value: Any, on: dt.date | int) -> Any:
    """`on-5` is five days before the day asked."""
    found = RELATIVE.match(value) if isinstance(value, str) else None
    if found is None:
        return value
    days = int(found[1])
    return on - days if isinstance(on, int) else on - dt.timedelta(days=days)


def sentences(story: str) -> int:
    return len(SENTENCE.findall(story.strip()))


# ---- what is expected, held against the answer -----------------------------------------------------------------------


def differences(golden: Golden, told: dict[str, Any]) -> list[str]:
    """Every expectation that the answer (`options_patient`) does not meet, each in one line."""
    answered = {option["id"]: option for option in told["options"]}
    found = [line for one in golden.told["expect"] for line in _differs(one, answered)]
    every, counts = golden.told.get("every_option"), {o["id"]: o["answer"] for o in told["options"]}
    if every is not None:
        found += [f"{id_}: {answer}, expected {every}" for id_, answer in counts.items() if answer != every]
    if golden.told.get("none_open"):
        found += [f"{id_}: open, expected none to be" for id_, answer in counts.items() if answer == "open"]
    if golden.told.get("nothing_missing"):
        found += [f"{id_}: unknown, expected nothing to be missing" for id_, a in counts.items() if a == "unknown"]
    return found


def _differs(one: dict[str, Any], answered: dict[str, Any]) -> list[str]:
    if one["option"] not in answered:
        return [f"{one['option']}: no such option"]
    option = answered[one["option"]]
    place = f"{one['option']}: expected {one['answer']}"
    if option["answer"] != one["answer"]:
        return [f"{place}, is {option['answer']} ({deciding(option)})"]
    found = [
        f"{place}, {field} {one[field]}, is {option[field]}"
        for field in ("relation", "by_label")
        if field in one and option[field] != one[field]
    ]
    found += [f"{place}, because {w!r}; says: {deciding(option)}" for w in _absent(one.get("because"), option)]
    held = cautions(option)
    found += [
        f"{place}, caution {w!r}; says: {held}" for w in words(one.get("caution")) if w.lower() not in held.lower()
    ]
    found += [
        f"{place}, no caution {w!r}; says: {held}" for w in words(one.get("no_caution")) if w.lower() in held.lower()
    ]
    return found


def _absent(wanted: str | list[str] | None, option: dict[str, Any]) -> list[str]:
    said = deciding(option).lower()
    return [word for word in words(wanted) if word.lower() not in said]


def words(wanted: str | list[str] | None) -> list[str]:
    return [] if wanted is None else [wanted] if isinstance(wanted, str) else wanted


def deciding(option: dict[str, Any]) -> str:
    """What decides: the needs that fail; of an unknown those not known and what is missing; of an open one all."""
    holds = {"closed": False, "unknown": None, "open": True}[option["answer"]]
    reasons = [f"{r['asks']} {r['because']}" for r in option["reasons"] if r["holds"] is holds]
    return "; ".join([*reasons, *(option["missing"] if option["answer"] == "unknown" else ())])


def cautions(option: dict[str, Any]) -> str:
    """The cautions that hold, without those that only may."""
    return "; ".join(f"{c['asks']} {c['because']}" for c in option["cautions"] if c["holds"])
