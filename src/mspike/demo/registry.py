"""Writes the demonstration registry: a folder of CSV or Parquet in the record's tables, and a README."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from mspike.demo.draws import Draws
from mspike.demo.episodes import diagnosis_day, report_events, report_treatments
from mspike.demo.fate import Fate, fate_of
from mspike.demo.genetics import report_genetics
from mspike.demo.imaging import report_imaging
from mspike.demo.laboratory import Laboratory, with_specimen_ids
from mspike.demo.marrow import report_marrow
from mspike.demo.monitoring import report_monitoring
from mspike.demo.myeloma_markers import report_markers
from mspike.demo.sheets import PREFIX, Sheets, patient_id
from mspike.demo.slips import SLIPS, with_slips
from mspike.demo.toxicity import toxicity_of
from mspike.demo.visits import inpatient_days, visit_days
from mspike.errors import WrongUsage
from mspike.record.tables import TABLES

PATIENTS_A_PACK = 50

Progress = Callable[[int, int], None]


def write_demo_registry(
    folder: Path, patients: int = 200, seed: int = 1, *, parquet: bool = False, progress: Progress | None = None
) -> dict[str, int]:
    """Writes `patients` invented patients into `folder`; returns the rows of each table.

    Patient k is the same whatever the number asked for. `progress` is called with patients done and asked for.
    """
    if patients < 1 or seed < 0:
        raise WrongUsage(
            f"demo-registry: {patients} patients, seed {seed}; expected at least 1 patient and a seed from 0."
        )
    _refuse_a_real_registry(folder)
    sheets = Sheets()
    for number in range(1, patients + 1):
        _report_patient(Draws(seed, number), sheets)
        if number % PATIENTS_A_PACK == 0 or number == patients:
            sheets.close()
        if progress is not None:
            progress(number, patients)
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for table in TABLES.values():
        frame = sheets.frame(table)
        frame = with_slips(with_specimen_ids(frame)) if table.name == "results" else frame
        _write(frame, folder, table.name, parquet)
        rows[table.name] = frame.height
    (folder / "README.txt").write_text(_readme(patients, seed), encoding="utf-8")
    return rows


def _refuse_a_real_registry(folder: Path) -> None:
    """Only a folder that this function wrote before is written over: a typed registry is never lost."""
    tables = [file.name for name in TABLES for file in folder.glob(f"{name}.*")]
    note = folder / "README.txt"
    ours = note.exists() and "invented" in note.read_text(encoding="utf-8", errors="replace")
    if tables and not ours:
        raise WrongUsage(
            f"{folder} already holds {', '.join(sorted(tables))}, and no demonstration wrote them. Name another folder."
        )


def _write(frame: pl.DataFrame, folder: Path, name: str, parquet: bool) -> None:
    kept, other = (".parquet", ".csv") if parquet else (".csv", ".parquet")
    # A reader takes either form; the other one of an earlier run would be a second registry in the same folder.
    (folder / f"{name}{other}").unlink(missing_ok=True)
    if parquet:
        frame.write_parquet(folder / f"{name}{kept}")
    else:
        frame.write_csv(folder / f"{name}{kept}")


def _report_patient(draws: Draws, sheets: Sheets) -> None:
    fate = fate_of(draws)
    sheets.open(draws.patient, fate.infusion)
    toxicity = toxicity_of(fate)
    laboratory = Laboratory(fate, sheets)
    visits = visit_days(fate)
    _report_person(fate, sheets)
    report_markers(fate, laboratory, visits)
    report_monitoring(fate, toxicity, laboratory, visits, inpatient_days(fate))
    report_marrow(fate, laboratory, sheets, visits)
    report_imaging(fate, sheets)
    report_treatments(fate, sheets)
    report_events(fate, toxicity, sheets)
    report_genetics(fate, sheets)


def _report_person(fate: Fate, sheets: Sheets) -> None:
    draws = fate.draws
    sheets.add(
        "patients",
        sex=draws.one_of("sex", ("female", "male"), (44, 56)),
        birth_year=draws.whole("birth year", 1943, 1974),
        diagnosis_date=diagnosis_day(fate),
        heavy_chain=fate.clone.heavy,
        light_chain=fate.clone.light,
        death_date=fate.end if fate.death_cause else None,
        death_cause=fate.death_cause,
        last_contact_date=fate.end,
    )


def _readme(patients: int, seed: int) -> str:
    slips = [f"- {patient_id(s.patient)}: {s.tells}" for s in SLIPS if s.patient <= patients]
    lines = [
        "SYNTHETIC DATA. Every patient, date and value in this folder is invented by a program.",
        "No person is described, and no clinical conclusion can be drawn from any count, rate or curve in it.",
        "",
        f"Made by mspike demo-registry with {patients} patients and seed {seed}; patient ids begin with {PREFIX}",
        "Patients 1 to 31 take the outcomes of mspike/demo/archetypes.py in turn; later ones are drawn by weight.",
        "The table responses is empty: the responses are to be derived.",
        "",
        "Deliberately wrong, so that `mspike check` has something to find:",
        *(slips or ["- nothing: the first of them is patient 6"]),
    ]
    return "\n".join(lines) + "\n"
