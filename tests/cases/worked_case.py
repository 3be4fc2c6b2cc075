"""Worked cases: a patient written in YAML becomes a registry, the engine is asked, its tables are compared.

A case goes through the public contract only: CSV tables in, the tables of `mspike assess` out. README.md beside this
file gives the grammar.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from mspike.record.tables import TABLES

HERE = Path(__file__).parent
EDITION = "imwg-2016"

# Heading in a flowsheet -> analyte and the unit of a bare number.
MEASURED = {
    "serum_m": ("serum_m", "g/dL"),
    "urine_m": ("urine_m_24h", "mg/24 h"),
    "urine_volume": ("urine_volume_24h", "L/24h"),
    "kappa": ("kappa_flc", "mg/L"),
    "lambda": ("lambda_flc", "mg/L"),
    "serum_ife": ("serum_ife", ""),
    "urine_ife": ("urine_ife", ""),
    "marrow": ("marrow_plasma_cells", "%"),
    "clonality": ("marrow_clonality", ""),
    "iga": ("iga", "mg/dL"),
    "circulating": ("circulating_plasma_cells", "/uL"),
    "calcium": ("calcium", "mg/dL"),
    "albumin": ("albumin", "g/dL"),
    "haemoglobin": ("haemoglobin", "g/dL"),
    "creatinine": ("creatinine", "mg/dL"),
}
WORDS = {"NEG": "negative", "POS": "positive", "TMAB": "therapeutic_antibody", "OLIGO": "oligoclonal"}

# What a visit is expected to answer -> column of `assessments`. They stand in the flowsheet or, by day, in `expect`.
VISIT_ANSWERS = {
    "raw": "response_raw",
    "confirmed": "response_confirmed",
    "biochemical": "response_biochemical",
    "could_be": "could_be",
    "missing": "missing",
    "pd_limbs": "pd_limbs",
    "flags": "flags",
}
# What a course is expected to answer -> column of `courses`.
COURSE_ANSWERS = {
    "best_response": "best_response",
    "best_response_day": "best_response_date",
    "first_response_day": "first_response_date",
    "pd_day": "pd_date",
    "failure_type": "failure_type",
    "failure_day": "failure_date",
    "mrd_negative_day": "mrd_negative_date",
    "mrd_negative_cr": "mrd_negative_cr",
    "sustained_mrd_negative": "sustained_mrd_negative",
    "loss_of_mrd_negativity_day": "loss_of_mrd_negativity_date",
    "imaging_mrd_negative": "imaging_mrd_negative",
}
ENDPOINTS = ("pfs", "ttp", "dor", "os", "ttnt", "pfs2", "efs")
OTHER_ANSWERS = ("measurable_by", "pattern", "flags", "first_confirmed", "no_visit", "mrd", "findings", "lines")
LISTS = ("missing", "pd_limbs", "flags")
BEST_FIRST = ("sCR", "CR", "VGPR", "PR", "MR", "SD", "PD", "NE")

# Short headings of the other tables -> columns of the registry.
HEADINGS = {
    "lesions": {"day": "date", "lesion": "lesion_id", "longest": "longest_mm", "short": "perpendicular_mm"},
    "treatments": {"start": "start_date", "end": "end_date"},
    "events": {"day": "date", "end": "end_date"},
    "mrd": {"day": "date", "lod": "limit_of_detection", "events": "total_events"},
    "responses": {"day": "date"},
}
PATIENT = {"death_day": "death_date", "last_contact_day": "last_contact_date"}
CAR_T = (
    {"start_date": "-5", "end_date": "-3", "agent": "fludarabine-cyclophosphamide", "role": "lymphodepletion"},
    {"start_date": "0", "end_date": "0", "agent": "cilta-cel", "role": "infusion"},
)
FIELDS = {"id", "title", "why", "patient", "infused", "flowsheet", "settings", "expect", "alternatives", *HEADINGS}


@dataclass(frozen=True)
class Question:
    """What is expected of a case under one edition and one choice of settings."""

    settings: dict[str, str]
    edition: str
    visits: dict[str, dict[int, Any]]
    course: dict[str, Any]

    def __str__(self) -> str:
        chosen = [f"{name}={value}" for name, value in self.settings.items()]
        return ",".join(([] if self.edition == EDITION else [self.edition]) + chosen)


@dataclass(frozen=True)
class Case:
    """One invented patient, as the YAML file tells the story."""

    id: str
    title: str
    why: str
    path: Path
    patient: dict[str, Any]
    infused: bool
    flowsheet: list[dict[str, str]]
    tables: dict[str, list[dict[str, str]]]
    questions: list[Question] = field(default_factory=list)

    def __str__(self) -> str:
        return self.id


# ---------------------------------------------------------------------------------------------- reading the YAML


def load_cases(folder: Path) -> list[Case]:
    """Every case in the YAML files of `folder` and below; a file holds one case or a list of them."""
    cases = []
    for path in sorted(folder.rglob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        cases += [_case(told, path) for told in (content if isinstance(content, list) else [content])]
    return cases


def _case(told: dict[str, Any], path: Path) -> Case:
    name = f"{path.name}: {told.get('id')}"
    _only(FIELDS, told, name)
    sheet = text_table(told.get("flowsheet", ""))
    for row in sheet:
        _only({"day", "specimen", *MEASURED, *VISIT_ANSWERS}, row, f"{name}, flowsheet")
    return Case(
        id=str(told["id"]),
        title=told["title"],
        why=told["why"],
        path=path,
        patient=told.get("patient", {}),
        infused=told.get("infused", True),
        flowsheet=sheet,
        tables={table: _rows(table, told[table], name) for table in HEADINGS if table in told},
        questions=list(_questions(told, sheet, name)),
    )


def text_table(text: str) -> list[dict[str, str]]:
    """The rows of a table drawn with `|`; an empty cell is left out."""
    lines = [line for line in text.splitlines() if line.strip() and not set(line.strip()) <= set("|-+ ")]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    rows = []
    for row in cells[1:]:
        if len(row) != len(cells[0]):
            raise ValueError(f"{len(row)} cells under {len(cells[0])} headings: {' | '.join(row)}")
        rows.append({head: cell for head, cell in zip(cells[0], row, strict=True) if cell})
    return rows


def _rows(table: str, text: str, name: str) -> list[dict[str, str]]:
    rows = [{HEADINGS[table].get(head, head): cell for head, cell in row.items()} for row in text_table(text)]
    for row in rows:
        _only(set(TABLES[table].names), row, f"{name}, {table}")
    return rows


def _questions(told: dict[str, Any], sheet: list[dict[str, str]], name: str) -> Iterator[Question]:
    drawn = {answer: {int(row["day"]): row[answer] for row in sheet if answer in row} for answer in VISIT_ANSWERS}
    settings = told.get("settings", {})
    yield _question(told.get("expect", {}), settings, EDITION, drawn, name)
    for other in told.get("alternatives", []):
        _only({"settings", "edition", "expect"}, other, f"{name}, alternatives")
        chosen = settings | other.get("settings", {})
        yield _question(other["expect"], chosen, other.get("edition", EDITION), {}, f"{name}, alternatives")


def _question(
    expect: dict[str, Any], settings: dict[str, Any], edition: str, drawn: dict[str, dict[int, Any]], name: str
) -> Question:
    _only({*VISIT_ANSWERS, *COURSE_ANSWERS, *ENDPOINTS, *OTHER_ANSWERS}, expect, f"{name}, expect")
    # `flags` is the one word of both: by day it belongs to visits, as a list to the course.
    by_day = {k: v for k, v in expect.items() if k in VISIT_ANSWERS and isinstance(v, dict)}
    return Question(
        settings={key: _as_text(value) for key, value in settings.items()},
        edition=edition,
        visits={answer: drawn.get(answer, {}) | by_day.get(answer, {}) for answer in VISIT_ANSWERS},
        course={k: v for k, v in expect.items() if k not in by_day},
    )


def _as_text(value: Any) -> str:
    """A setting as the command line gives it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _only(allowed: set[str], given: dict[str, Any], where: str) -> None:
    if unknown := set(given) - allowed:
        raise ValueError(f"{where}: unknown {sorted(unknown)}; known are {sorted(allowed)}")


# ------------------------------------------------------------------------------------------ writing the registry


def write_registry(case: Case, folder: Path) -> None:
    """The case as a registry of CSV tables, dates as days from the infusion."""
    patient = {PATIENT.get(key, key): value for key, value in case.patient.items()}
    tables = {
        "patients": [{"light_chain": "kappa"} | patient],
        "results": list(_results(case)),
        **case.tables,
        "treatments": [*(CAR_T if case.infused else ()), *case.tables.get("treatments", ())],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, TABLES[name].names)
            writer.writeheader()
            writer.writerows({"patient_id": case.id} | row for row in rows)


def _results(case: Case) -> Iterator[dict[str, str]]:
    for row in case.flowsheet:
        for heading, cell in row.items():
            if heading in MEASURED:
                analyte, unit = MEASURED[heading]
                yield {
                    "date": row["day"],
                    "specimen_id": row.get("specimen", ""),
                    "analyte": analyte,
                    **_cell(cell, unit),
                }


def _cell(cell: str, unit: str) -> dict[str, str]:
    """A cell is a value, then if need be its unit, `@method` and `!attribution`: `28 g/L @gel !spurious`."""
    value, *rest = cell.split()
    own_unit = " ".join(word for word in rest if word[0] not in "@!")
    return {
        "value": WORDS.get(value, value),
        "unit": own_unit or unit,
        "method": "".join(word[1:] for word in rest if word[0] == "@"),
        "attribution": "".join(word[1:] for word in rest if word[0] == "!"),
    }


def assessed(registry: Path, out: Path, settings: dict[str, str], edition: str = EDITION) -> dict[str, pl.DataFrame]:
    """The one place that calls the engine: the tables of `mspike assess registry --out out`."""
    from mspike.run import assess_registry

    assess_registry(registry, out, edition=edition, settings=settings, csv=False)
    return {path.stem: pl.read_parquet(path) for path in sorted(out.glob("*.parquet"))}


def answers(case: Case, question: Question, folder: Path) -> dict[str, pl.DataFrame]:
    """The engine's tables for one case under one question's settings."""
    write_registry(case, folder / "registry")
    return assessed(folder / "registry", folder / "out", question.settings, question.edition)


# ------------------------------------------------------------------------------------------------- comparing


@dataclass(frozen=True)
class Got:
    """The engine's tables, narrowed to the CAR-T line of the case (its only line if it was never infused)."""

    tables: dict[str, pl.DataFrame]
    course: dict[str, Any]
    visits: list[dict[str, Any]]

    def at(self, day: int, column: str) -> list[Any]:
        return [visit[column] for visit in self.visits if visit["day"] == day]

    def endpoint(self, name: str) -> dict[str, Any]:
        rows = self.tables["endpoints"].filter((pl.col("endpoint") == name) & (pl.col("line") == self.course["line"]))
        return rows.to_dicts()[0] if rows.height else {}


def car_t_line(tables: dict[str, pl.DataFrame]) -> Got:
    courses = tables["courses"].sort("line").to_dicts()
    course = next((row for row in courses if row["kind"] == "car_t"), courses[0] if courses else {"line": None})
    visits = tables["assessments"].filter(pl.col("line") == course["line"]).sort("date").to_dicts()
    return Got(tables, course, visits)


def disagreements(question: Question, got: Got) -> list[str]:
    """What the engine answered differently, a line each: `day 56 raw: expected PR, got SD`."""
    pairs = [*_visit_pairs(question, got), *_course_pairs(question, got)]
    return [f"{what}: expected {wanted}, got {found}" for what, wanted, found, agree in pairs if not agree]


Pair = tuple[str, Any, Any, bool]


def _visit_pairs(question: Question, got: Got) -> Iterator[Pair]:
    for answer, by_day in question.visits.items():
        for day, wanted in by_day.items():
            found = got.at(day, VISIT_ANSWERS[answer])
            agree = len(found) == 1 and _agrees(answer, wanted, found[0])
            yield f"day {day} {answer}", wanted, found[0] if len(found) == 1 else (found or "no visit"), agree


def _agrees(answer: str, wanted: Any, found: Any) -> bool:
    if answer in ("flags", "missing"):
        return _contains(wanted, found)
    if answer == "pd_limbs":
        return _words(wanted) - {"none"} == _words(found)
    if answer == "could_be":
        return next((category for category in BEST_FIRST if category in _words(found)), None) == wanted
    return wanted == found


def _contains(wanted: Any, found: Any) -> bool:
    """Every word is there, every `not-word` is not, `none` asks for nothing at all."""
    words, present = _words(wanted), _words(found)
    if words == {"none"}:
        return not present
    absent = {word.removeprefix("not-") for word in words if word.startswith("not-")}
    return {word for word in words if not word.startswith("not-")} <= present and not absent & present


def _words(value: Any) -> set[str]:
    if value is None:
        return set()
    words = value.replace(",", ";").split(";") if isinstance(value, str) else value
    return {str(word).strip() for word in words} - {""}


def _course_pairs(question: Question, got: Got) -> Iterator[Pair]:
    for answer, wanted in question.course.items():
        if answer in COURSE_ANSWERS:
            found = got.course.get(COURSE_ANSWERS[answer], "no such column")
            yield answer, wanted, found, wanted == found
        elif answer in ENDPOINTS:
            yield from _endpoint_pairs(answer, wanted, got.endpoint(answer))
        elif answer == "mrd":
            yield from _mrd_pairs(wanted, got.tables)
        else:
            yield from _listed_pairs(answer, wanted, got)


def _endpoint_pairs(name: str, wanted: list[Any] | None, row: dict[str, Any]) -> Iterator[Pair]:
    """[days, event or censored, reason]: a part left out, or written null, is not compared. null: no such row."""
    if wanted is None:
        yield name, "no row with days", row, row.get("days") is None
        return
    if not row:
        yield name, wanted, "no row", False
        return
    found = [row["days"], "event" if row["event"] else "censored", row["reason"]]
    yield name, wanted, found, all(w is None or w == f for w, f in zip(wanted, found, strict=False))


def _mrd_pairs(wanted: dict[int, dict[str, str]], tables: dict[str, pl.DataFrame]) -> Iterator[Pair]:
    rows = tables["mrd_status"].to_dicts() if "mrd_status" in tables else []
    for day, by_threshold in wanted.items():
        for threshold, status in by_threshold.items():
            there = [row for row in rows if row["date"] == day and threshold in ("flags", row["threshold"])]
            if threshold == "flags":
                found: Any = set().union(*(_words(row["flags"]) for row in there))
                yield f"day {day} MRD flags", status, found, _contains(status, found)
            else:
                found = there[0]["status"] if there else "no row"
                yield f"day {day} MRD at {threshold}", status, found, found == status


def _listed_pairs(answer: str, wanted: Any, got: Got) -> Iterator[Pair]:
    if answer == "first_confirmed":
        for category, day in wanted.items():
            days = [visit["day"] for visit in got.visits if visit["response_confirmed"] == category]
            found: Any = min(days, default=None)
            yield f"first confirmed {category}", day, found, found == day
    elif answer == "no_visit":
        days = [visit["day"] for visit in got.visits]
        yield from ((f"day {day}", "no visit", "a visit", False) for day in wanted if day in days)
    elif answer == "lines":
        found = got.tables["courses"].height
        yield "courses", wanted, found, wanted == found
    elif answer == "findings":
        rows = got.tables["findings"].to_dicts()
        found = {str(cell) for row in rows for cell in row.values()}
        yield answer, wanted, f"{len(rows)} findings without it", set(wanted) <= found
    elif answer == "flags":
        found = _words(got.course.get("flags")).union(*(_words(visit["flags"]) for visit in got.visits))
        yield answer, wanted, sorted(found), _contains(wanted, found)
    elif answer == "pattern":
        found = _words(got.course.get("pattern"))
        yield answer, wanted, sorted(found), _contains(wanted, found)
    else:
        found = _words(got.course.get(answer))
        yield answer, wanted, sorted(found), set(wanted) == found


# ---------------------------------------------------------------------------------------------- showing a case


def shown(case: Case, question: Question, got: Got) -> str:
    """The flowsheet with what was expected and what was answered beside each day."""
    inputs = [head for head in ("day", "specimen", *MEASURED) if any(head in row for row in case.flowsheet)]
    asked = [answer for answer, by_day in question.visits.items() if by_day] or ["raw"]
    heads = inputs + [f"{answer}{side}" for answer in asked for side in (" expected", " got")]
    days = [int(row["day"]) for row in case.flowsheet]
    extra = {day for by_day in question.visits.values() for day in by_day} | {v["day"] for v in got.visits}
    sheet = [*case.flowsheet, *({"day": str(day)} for day in sorted(extra - set(days)))]
    rows = []
    for row in sorted(sheet, key=lambda row: int(row["day"])):
        day = int(row["day"])
        beside = [
            _brief(cell)
            for answer in asked
            for cell in (question.visits[answer].get(day, ""), got.at(day, VISIT_ANSWERS[answer]))
        ]
        rows.append([row.get(head, "") for head in inputs] + beside)
    widths = [max(len(line[i]) for line in [heads, *rows]) for i in range(len(heads))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in [heads, *rows]]
    others = [f"{table}: {row}" for table, content in case.tables.items() for row in content]
    return "\n".join([f"{case.id} {case.title}", f"({case.why.strip()})", *lines, *others])


def _brief(cell: Any) -> str:
    if isinstance(cell, list):
        return " / ".join(_brief(part) if not isinstance(part, list) else ",".join(map(str, part)) for part in cell)
    return "" if cell is None else str(cell)
