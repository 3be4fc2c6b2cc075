"""The arguments and options that several verbs share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mspike.errors import WrongUsage

EDITION = "imwg-2016"

Registry = Annotated[Path, typer.Argument(help="Folder of CSV or Parquet tables, or an Excel workbook.")]
Edition = Annotated[str, typer.Option(help="Edition of the criteria; `mspike criteria` shows what it says.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; may be given often. See `mspike settings`."),
]
Engine = Annotated[
    str, typer.Option(help="Where to compute: local, or spark (pip install 'mspike[spark]') with the same results.")
]
Master = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Of which cluster: yarn, spark://host:7077, sc://host, local[2]; else what Spark is set up for.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]


def settings_given(given: list[str] | None) -> dict[str, str]:
    """The settings behind --set, name by name. Raises WrongUsage where one is not name=value."""
    chosen = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise WrongUsage(f"--set {text}: expected name=value, as in --set marrow_pd=level.")
        chosen[name.strip()] = value
    return chosen
