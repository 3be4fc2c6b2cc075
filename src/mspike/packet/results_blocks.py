"""What was measured, as reported: results by analyte and date, marrow, MRD, imaging, genetics; and what never was."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from mspike.packet.blocks import Block, Grid, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.standing import Told, said_day
from mspike.record.analytes import ANALYTES
from mspike.record.clean import SCALES
from mspike.report.terminal import counted

MARROW = ("marrow_plasma_cells", "marrow_clonality", "bcma_expression", "gprc5d_expression")
# Signs on the ward are many and stand behind the grades of CRS and ICANS.
WARD = ("temperature", "oxygen", "vasopressors", "ice_score", "consciousness", "hypotension", "seizure",
        "motor_weakness", "cerebral_oedema", "oxygen_saturation")  # fmt: skip
DISEASE = ("serum_m", "urine_m_24h", "kappa_flc", "lambda_flc", "marrow_plasma_cells", "sbcma")
FITNESS = ("ecog", "lvef", "haemoglobin", "anc", "alc", "platelets", "creatinine", "gfr", "calcium", "ldh", "igg")
SCREENED = ("ecog", "lvef", "creatinine", "bcma_expression", "gprc5d_expression", "sbcma", "car_transgene",
            "circulating_plasma_cell_share", "b2m", "ldh", "serum_m", "urine_m_24h", "kappa_flc", "igg")  # fmt: skip


def value_told(row: Told) -> str:
    """A result as reported, with its unit."""
    unit = str(row["unit"]) if row["unit"] is not None else ""
    unit = {"1": "", "10*9/L": "x 10^9/L"}.get(unit, unit)
    return f"{row['value']} {unit}".rstrip()


def latest(case: Case, analytes: tuple[str, ...]) -> str:
    """The last result of each of these, by day; those never measured are named as such."""
    rows = case.derived.record.results.filter(pl.col("day").is_not_null() & pl.col("value").is_not_null())
    rows = rows.with_columns(pl.col("analyte", "value", "unit", "attribution").cast(pl.String))
    rows = rows.filter(pl.col("attribution").ne_missing("spurious"))
    last = {r["analyte"]: r for r in rows.sort("day", "row").unique("analyte", keep="last").to_dicts()}
    found = sorted((last[name] for name in analytes if name in last), key=lambda r: (-r["day"],))
    told: dict[int, list[str]] = {}
    for row in found:
        told.setdefault(row["day"], []).append(f"{_short(row['analyte'])} {value_told(row)}")
    parts = [f"{said_day(case, day)}: {', '.join(words)}" for day, words in told.items()]
    missing = [_short(name) for name in analytes if name not in last]
    parts += [f"not on record: {', '.join(missing)}"] if missing else []
    return "; ".join(parts)


def _short(name: str) -> str:
    """The analyte in few words, for a line of values."""
    words = {"serum_m": "serum M", "urine_m_24h": "urine M", "kappa_flc": "kappa FLC", "lambda_flc": "lambda FLC",
             "marrow_plasma_cells": "marrow plasma cells", "sbcma": "soluble BCMA", "ecog": "ECOG", "lvef": "LVEF",
             "gfr": "GFR", "ldh": "LDH", "igg": "IgG", "calcium": "calcium"}  # fmt: skip
    meaning = ANALYTES[name].meaning
    return words.get(name, meaning[:1].lower() + meaning[1:])


def imaging_told(case: Case) -> str:
    """The last day on which imaging is on record, by lesions or as an event, and what was seen."""
    record = case.derived.record
    seen = record.lesions.filter(pl.col("date").is_not_null()).sort("date", "lesion_id").to_dicts()
    events = imaging_events(case)
    days = [row["date"] for row in (*seen, *events) if row["date"] is not None]
    if not days:
        return "none on record"
    last = max(days)
    told = [f"{row['event'].replace('_', ' ')}: {row['detail'] or 'result not told'}" for row in events
            if row["date"] == last]  # fmt: skip
    groups: dict[str, int] = {}
    for row in (r for r in seen if r["date"] == last):
        words = f"{row['site'] or 'site not stated'}, {(row['finding'] or 'measured').replace('_', ' ')}"
        groups[words] = groups.get(words, 0) + 1
    told += [f"{counted(number, 'lesion')} ({words})" for words, number in groups.items()]
    return f"{said_day(case, last)}: {'; '.join(told)}"


def imaging_events(case: Case) -> list[Told]:
    """The events that tell of imaging, by day."""
    events = case.derived.record.events
    return events.filter(pl.col("event").str.contains(r"(?i)^(pet|ct|mri|x.?ray)")).sort("date").to_dicts()


def markers_told(case: Case, *, brief: bool = False) -> str:
    """Genetic markers by day: which were found, with the share of cells, and which were looked for and are absent.

    brief  those that are absent are counted
    """
    rows = case.derived.record.genetics.sort("date", "row", descending=[True, False], nulls_last=True).to_dicts()
    if not rows:
        return "not tested, or not on record"
    told = []
    for day in dict.fromkeys(row["date"] for row in rows):
        of_day = [row for row in rows if row["date"] == day]
        found = [f"{row['marker']} {row['finding'] or 'result not told'}{_of_cells(row)}" for row in of_day
                 if row["finding"] != "absent"]  # fmt: skip
        absent = [row["marker"] for row in of_day if row["finding"] == "absent"]
        missing = counted(len(absent), "marker") if brief else ", ".join(absent)
        words = "; ".join([*found, *([f"absent: {missing}"] if absent else [])])
        told.append(f"{said_day(case, day)}: {words}")
    return " | ".join(told[:2]) + (f" | {len(told) - 2} earlier days" if len(told) > 2 else "")


def _of_cells(row: Told) -> str:
    return "" if row["fraction"] is None else f" ({_percent(row['fraction'])} % of cells)"


def never_measured(case: Case) -> list[str]:
    """What another centre would ask for first and what no row of the record holds."""
    record = case.derived.record
    present = set(record.results["analyte"].cast(pl.String).unique().to_list())
    missing = [ANALYTES[name].meaning for name in SCREENED if name not in present]
    tables = (("MRD in the marrow", record.mrd), ("imaging with lesions", record.lesions),
              ("cytogenetics", record.genetics))  # fmt: skip
    return missing + [f"{name}: no row" for name, frame in tables if frame.is_empty()]


def results_blocks(case: Case) -> list[Block]:
    """Every result, a table an analyte group, as reported with unit, method and limits of normal."""
    rows = case.derived.record.results.with_columns(
        pl.col("analyte", "value", "unit", "method", "ref_low", "ref_high", "attribution").cast(pl.String)
    ).sort("analyte", "day", "row", nulls_last=True)
    ward, rest = rows.filter(pl.col("analyte").is_in(WARD)), rows.filter(~pl.col("analyte").is_in(WARD))
    if rows.is_empty():
        return [Paragraph("No result is on record.")]
    blocks: list[Block] = []
    for title, part in (("Results by analyte and date, as reported", rest), ("Signs on the ward, as reported", ward)):
        if not part.is_empty():
            blocks.append(_grid(case, title, part.to_dicts()))
    return blocks


def _grid(case: Case, title: str, rows: list[Told]) -> Grid:
    order = {name: place for place, name in enumerate(ANALYTES)}
    rows = sorted(rows, key=lambda r: order.get(r["analyte"], len(order)))
    heads = ("analyte", "date", "value", "unit", "normal", "method")
    return Grid(title, heads, tuple(_result(case, row) for row in rows), right=("value",), notes=(
        "As reported, not converted. A row that could not be read is told under Data.",))  # fmt: skip


def _result(case: Case, row: Told) -> tuple[str | None, ...]:
    limits = (row["ref_low"], row["ref_high"])
    normal = " to ".join(limit or "?" for limit in limits) if any(limits) else "not given"
    value = f"{row['value']} (attributed to {row['attribution']})" if row["attribution"] else row["value"]
    unit = "no unit" if row["unit"] is None or row["unit"] == "1" else row["unit"]
    return (ANALYTES[row["analyte"]].meaning, said_day(case, row["day"]), value, unit, normal,
            row["method"] or "not given")  # fmt: skip


def marrow_blocks(case: Case) -> list[Block]:
    """The days on which marrow was taken, with what was found; MRD samples; cytogenetics with fractions."""
    record = case.derived.record
    rows = record.results.with_columns(pl.col("analyte", "value", "unit", "method").cast(pl.String))
    rows = rows.filter(pl.col("analyte").is_in(MARROW)).sort("day", "row", nulls_last=True)
    told = tuple(
        (said_day(case, r["day"]), ANALYTES[r["analyte"]].meaning, value_told(r), r["method"] or "not given")
        for r in rows.to_dicts()
    )
    blocks: list[Block] = [Heading("Marrow, MRD and cytogenetics", id="marrow")]
    blocks.append(Grid("Marrow", ("date", "what", "value", "method"), told) if told else Paragraph(
        "No marrow is on record."))  # fmt: skip
    return [*blocks, mrd_grid(case), genetics_grid(case)]


def mrd_grid(case: Case) -> Grid:
    rows = tuple(
        (r["date_partial"] or said_day(case, r["date"]), r["method"], r["result"], _share(r["fraction"]),
         _share(r["limit_of_detection"]), {True: "yes", False: "no", None: None}[r["adequate"]])
        for r in case.derived.record.mrd.sort("date", "row", nulls_last=True).to_dicts()
    )  # fmt: skip
    heads = ("date", "method", "result", "fraction of cells", "limit of detection", "adequate sample")
    notes = () if rows else ("MRD was not tested, or no test is on record.",)
    return Grid("MRD samples", heads, rows, right=("fraction of cells", "limit of detection"), notes=notes)


def _share(grid: int | None) -> str | None:
    """A fraction of the record's exact grid as a person writes it."""
    return None if grid is None else f"{Decimal(grid) / SCALES['fraction']:.2e}"


def genetics_grid(case: Case) -> Grid:
    rows = tuple(
        (r["date_partial"] or said_day(case, r["date"]), r["marker"], r["finding"], _percent(r["fraction"]))
        for r in case.derived.record.genetics.sort("date", "row", nulls_last=True).to_dicts()
    )
    notes = () if rows else ("Cytogenetics were not tested, or no test is on record.",)
    heads = ("date", "marker", "finding", "share of clonal cells, %")
    return Grid("Cytogenetics as reported", heads, rows, right=heads[3:], notes=notes)


def _percent(grid: int | None) -> str:
    return "not given" if grid is None else f"{(Decimal(grid) * 100 / SCALES['fraction']).normalize():f}"


def imaging_blocks(case: Case) -> list[Block]:
    """Each imaging day with its lesions, and those whose only trace is an event."""
    record = case.derived.record
    blocks: list[Block] = [Heading("Imaging", id="imaging")]
    rows = tuple(
        (r["date_partial"] or said_day(case, r["date"]), r["lesion_id"], r["site"], _size(r),
         (r["finding"] or "measured").replace("_", " "), "not given" if r["deauville"] is None else str(r["deauville"]),
         {True: "yes", False: "no", None: None}[r["irradiated"]])
        for r in record.lesions.sort("date", "lesion_id", nulls_last=True).to_dicts()
    )  # fmt: skip
    heads = ("date", "lesion", "site", "size, mm", "finding", "Deauville", "irradiated")
    blocks.append(Grid("Lesions", heads, rows) if rows else Paragraph("No lesion is on record."))
    seen = tuple(
        (said_day(case, r["date"]), r["event"].replace("_", " "), r["detail"] or "no detail")
        for r in imaging_events(case)
    )
    if seen:
        blocks.append(Grid("Imaging told as an event", ("date", "what", "result"), seen))
    return blocks


def _size(row: Told) -> str:
    sides = [f"{Decimal(row[c]) / SCALES[c]:f}" for c in ("longest_mm", "perpendicular_mm") if row[c] is not None]
    return " x ".join(sides) if sides else "not measured"
