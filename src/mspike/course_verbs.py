"""The verbs that ask about the whole course of one patient or a registry: history, safety, why, watch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mspike.arguments import Json, Registry, Set, settings_given
from mspike.errors import WrongUsage

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
    from mspike.asking import question
    from mspike.check import naming_damage
    from mspike.report import watch as page
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
        print(f"{out}: {rows.height:,} rows")
    if json:
        say_json(told if patient is not None else rows.to_dicts())
    elif patient is not None:
        page.print_watch(told)
    elif out is None:
        page.print_worklist(rows, limit)


def history(
    registry: Registry,
    patient: Patient = None,
    on: On = None,
    set_: Set = None,
    out: Out = None,
    limit: Limit = LIMIT,
    json: Json = False,
) -> None:
    """Say what came before CAR-T: lines, exposure, refractoriness, stage and risk.

    For one patient the lines, what each agent did and why, and stages with what is missing; for a registry a table.

    \b
    Example:
      mspike history registry P1
      mspike history registry --out history.csv
    """
    from mspike.report import history as page

    _ask(registry, patient, on, set_, out, limit, json, "history", page.history_patient, page.history_registry,
         page.print_history, page.print_history_table)  # fmt: skip


def _ask(
    registry: Path, patient: str | None, on: str | None, given: list[str] | None, out: Path | None, limit: int,
    json: bool, verb: str, of_one: Callable, of_all: Callable, print_one: Callable, print_all: Callable,
) -> None:  # fmt: skip
    """One patient as a page, or the registry as a table: printed, as JSON, or into a file."""
    from mspike.asking import question
    from mspike.check import naming_damage
    from mspike.report.terminal import progress, say_json
    from mspike.write.table import write_table

    if patient is not None and out is not None:
        raise WrongUsage("--out writes the table of a registry; for one patient use --json.")
    with naming_damage(registry), progress(verb) as tell:
        asked = question(registry, on=on, settings=settings_given(given))
        told = of_one(asked, patient) if patient is not None else of_all(asked, tell)
    if out is not None:
        write_table(told, out)
        print(f"{out}: {told.height:,} rows")
    elif json:
        say_json(told if patient is not None else told.to_dicts())
    elif patient is not None:
        print_one(told)
    else:
        print_all(told, limit)


def safety(
    registry: Registry,
    patient: Patient = None,
    on: On = None,
    set_: Set = None,
    out: Out = None,
    limit: Limit = LIMIT,
    json: Json = False,
) -> None:
    """Say what harm CAR-T did: CRS, ICANS, blood counts, scores, late effects.

    Grades are derived from raw signs and set beside the recorded ones. What was not recorded gives a range.

    \b
    Example:
      mspike safety registry P1
      mspike safety registry --out safety.csv
    """
    from mspike.report import safety as page

    _ask(registry, patient, on, set_, out, limit, json, "safety", page.safety_patient, page.safety_registry,
         page.print_safety, page.print_safety_table)  # fmt: skip


def why(
    registry: Registry,
    patient: Patient = None,
    on: On = None,
    set_: Set = None,
    out: Out = None,
    limit: Limit = LIMIT,
    json: Json = False,
) -> None:
    """Say why CAR-T failed, as far as the data can say, and which test would tell.

    Each mechanism is supported, not supported or not tested; several may hold, none is certain.

    \b
    Example:
      mspike why registry P1
      mspike why registry --out why.csv
    """
    from mspike.report import why as page

    _ask(registry, patient, on, set_, out, limit, json, "why", page.why_patient, page.why_registry, page.print_why,
         page.print_why_table)  # fmt: skip
