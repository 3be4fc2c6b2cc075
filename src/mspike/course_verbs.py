"""The verbs that ask about the whole course of one patient or a registry: history, safety, why, watch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mspike.arguments import Json, Registry

Patient = Annotated[str | None, typer.Argument(help="The patient_id; all patients where none is named.")]
On = Annotated[
    str | None, typer.Option(metavar="DATE", help="Only what was known on this date (or day); all where none is named.")
]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the whole table into this .csv or .parquet file.")
]
Limit = Annotated[int, typer.Option(help="Print at most so many rows of a registry; 0 prints all.")]
LIMIT = 40


def watch(
    registry: Registry,
    patient: Patient = None,
    on: On = None,
    ics: Annotated[
        Path | None, typer.Option(metavar="FILE.ics", help="Write what is due into a calendar file.")
    ] = None,
    out: Out = None,
    limit: Limit = LIMIT,
    json: Json = False,
) -> None:
    """Say what was measured, what is due and what is overdue after CAR-T.

    For one patient every test of the schedule; for a registry the worklist. Without --on the day asked is the last
    date on record in the registry (in a registry of days: each patient's last day on record).

    \b
    Example:
      mspike watch registry --on 2024-05-31
      mspike watch registry P1 --ics p1.ics
    """
    from mspike.check import naming_damage
    from mspike.report import watch as page
    from mspike.report.asking import question
    from mspike.report.terminal import progress, say_json
    from mspike.write.table import write_table

    with naming_damage(registry), progress("watch") as tell:
        asked = question(registry, on=on)
        if patient is not None:
            told = page.watch_patient(asked, patient)
            rows = page.open_rows(told)
        else:
            rows = page.watch_registry(asked, tell)
    if ics is not None:
        print(f"{ics}: {page.write_calendar(rows, ics, asked.calendar)} entries")
    if out is not None:
        write_table(rows, out)
    if json:
        say_json(told if patient is not None else rows.to_dicts())
    elif patient is not None:
        page.print_watch(told)
    elif out is None:
        page.print_worklist(rows, limit)
