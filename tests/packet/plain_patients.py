"""Small SYNTHETIC registries for the patient's own page: one patient each, told in few rows."""

from __future__ import annotations

import csv
from pathlib import Path

from mspike.packet.blocks import Bullets, Heading, Packet, Paragraph
from mspike.packet.case import Case, case_of

WHO = "SYNTHETIC-P3"
HEADS = {
    "patients": ("patient_id", "sex", "birth_year", "heavy_chain", "light_chain", "death_date", "death_cause",
                 "last_contact_date"),
    "treatments": ("patient_id", "start_date", "end_date", "agent", "role", "line"),
    "responses": ("patient_id", "date", "response", "confirmed"),
    "results": ("patient_id", "date", "analyte", "value", "unit"),
    "events": ("patient_id", "date", "event", "grade", "detail"),
}  # fmt: skip
BEFORE = [("2020-01-10", "2020-09-01", "VRd", "induction", 1), ("2021-02-01", "2022-05-01", "DPd", "treatment", 2)]
CELLS = [("2022-10-01", "", "", "apheresis", 3), ("2022-11-05", "2022-11-05", "cilta-cel", "infusion", 3)]
RELAPSE = [("2022-12-05", "VGPR", "yes"), ("2023-02-05", "VGPR", "yes"), ("2023-03-20", "PD", "yes")]
Rows = dict[str, list[tuple[object, ...]]]


def asked(
    folder: Path,
    *,
    on: str | None = None,
    region: str = "US",
    person: tuple[object, ...] | None = None,
    **tables: object,
) -> Case:
    """The case of the one patient of a registry of these rows (without the patient's id), written to the folder."""
    living = person or ("female", 1960, "IgG", "kappa", "", "", "2023-06-30")
    rows: Rows = {"patients": [living], **tables}  # type: ignore[dict-item]
    for name, told in rows.items():
        with (folder / f"{name}.csv").open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(HEADS[name])
            writer.writerows([(WHO, *row) for row in told])
    return case_of(folder, WHO, region, on=on)


def early(folder: Path, **more: object) -> Case:
    """Relapsed 135 days after cilta-cel; only categories are recorded."""
    return asked(folder, treatments=[*BEFORE, *CELLS], responses=RELAPSE, **more)  # type: ignore[arg-type]


def late(folder: Path) -> Case:
    """Relapsed a year and a half after ide-cel, then treated again."""
    cells = [("2022-11-05", "2022-11-05", "ide-cel", "infusion", 3), ("2024-07-01", "", "talquetamab", "treatment", 4)]
    told = [("2022-12-05", "CR", "yes"), ("2023-02-05", "CR", "yes"), ("2024-05-20", "PD", "yes")]
    return asked(folder, treatments=[*BEFORE, *cells], responses=told, person=_living("2024-12-30"))


def holding(folder: Path) -> Case:
    """In remission, nothing failed."""
    told = [("2022-12-05", "CR", "yes"), ("2023-05-05", "CR", "yes")]
    return asked(folder, treatments=[*BEFORE, *CELLS], responses=told)


def doubtful(folder: Path) -> Case:
    """One progression that nobody has confirmed yet."""
    told = [("2022-12-05", "CR", "yes"), ("2023-02-05", "CR", "yes"), ("2023-06-20", "PD", "")]
    return asked(folder, treatments=[*BEFORE, *CELLS], responses=told)


def kept_back(folder: Path) -> Case:
    """Cells were collected and never given back."""
    return asked(
        folder,
        treatments=[*BEFORE, CELLS[0]],
        events=[("2022-11-20", "not_infused", "", "manufacturing failure")],
    )


def in_days(folder: Path) -> Case:
    """A registry that counts days; categories only."""
    return asked(
        folder,
        person=("male", "", "IgA", "lambda", "", "", 385),
        treatments=[(0, 0, "ide-cel", "infusion", 4)],
        responses=[(30, "CR", "yes"), (183, "CR", "yes"), (277, "PD", "yes")],
    )


def _living(until: str) -> tuple[object, ...]:
    return ("female", 1960, "IgG", "kappa", "", "", until)


PATIENTS = {f.__name__: f for f in (early, late, holding, doubtful, kept_back, in_days)}


def sections(packet: Packet) -> dict[str, list[str]]:
    """The texts under each heading of the page, by anchor; `opening` before the first."""
    told: dict[str, list[str]] = {}
    anchor = "opening"
    for block in packet.blocks:
        if isinstance(block, Heading):
            anchor = block.id
        elif isinstance(block, Paragraph):
            told.setdefault(anchor, []).append(block.words)
        elif isinstance(block, Bullets):
            told.setdefault(anchor, []).extend(block.items)
    return told


def text_of(packet: Packet) -> str:
    return "\n".join(words for told in sections(packet).values() for words in told)
