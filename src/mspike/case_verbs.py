"""The verb that writes one patient's packet: for a tumour board, a second centre, or the patient."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mspike.arguments import EDITION, Edition, Json, Registry, Set, settings_given
from mspike.errors import WrongUsage

REGION = "US"

For = Annotated[str, typer.Option("--for", metavar="READER", help="Who reads it: board, second-opinion or patient.")]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A file ending in .html, .pdf or .docx; an earlier packet there is replaced."),
]
OnDay = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="The date (or day) asked; the last one on record where none is named."),
]
Region = Annotated[
    str | None, typer.Option(metavar="US|EU", help=f"Whose labels count; {REGION}, and said so, where none is named.")
]
LabelDate = Annotated[
    str | None, typer.Option(metavar="DATE", help="The date of the labels, where it is not that of --on.")
]
Know = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A fact that is not in the registry, as infection=no; may be given often."),
]


def case(
    registry: Registry,
    patient: Annotated[str, typer.Argument(help="The patient_id.")],
    for_: For,
    out: Out = None,
    on: OnDay = None,
    region: Region = None,
    label_date: LabelDate = None,
    know: Know = None,
    edition: Edition = EDITION,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Write one patient's packet: for a tumour board, for a second opinion, or for the patient.

    A page (.html), a PDF or a Word document that needs no network. What is not known is said; nothing is ranked.
    With --json the blocks are printed as data, with or without --out.

    \b
    Example:
      mspike case registry P1 --on 2026-03-15 --for board --region EU --out packet.pdf
    """
    from mspike.packet.files import packet_told, refuse_file, write_packet
    from mspike.packet.kinds import known_reader, packet_of
    from mspike.report.terminal import say_json

    reader, labels = known_reader(for_), _date(label_date)
    if out is None and not json:
        raise WrongUsage("case: nothing to do without --out FILE.html, .pdf or .docx, or --json. Name one of them.")
    if out is not None:
        refuse_file(out)
    if region is None and reader != "patient":
        print(f"mspike: labels of {REGION} count, as no --region was named (US or EU)", file=sys.stderr)
    packet = packet_of(_asked(registry, patient, region or REGION, on, labels, know, edition, set_), reader)
    if out is not None:
        write_packet(packet, out)
        if not json:
            print(f"{out}: {packet.title}")
    if json:
        say_json(packet_told(packet))


def _asked(
    registry: Path, patient: str, region: str, on: str | None, labels: dt.date | None, know: list[str] | None,
    edition: str, set_: list[str] | None,
) -> Any:  # fmt: skip
    from mspike.check import naming_damage
    from mspike.packet.case import case_of
    from mspike.report.options import known_region

    region = known_region(region)
    with naming_damage(registry):
        return case_of(
            registry, patient, region, on=on, known=know, label_date=labels, edition=edition,
            settings=settings_given(set_),
        )  # fmt: skip


def _date(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"--label-date {text}: expected a date (2026-03-15).") from None
