"""The verbs that make a registry: an empty one, an imported one, an invented one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mspike.errors import WrongUsage


def template(file: Annotated[Path, typer.Argument(help="The workbook to write (.xlsx).")]) -> None:
    """Write an empty workbook to type into.

    A sheet a table, with drop-downs and a guide.

    \b
    Example:
      mspike template registry.xlsx
    """
    if file.suffix.lower() != ".xlsx":
        raise WrongUsage(f"template {file}: expected a name that ends in .xlsx; `mspike init DIR` writes CSV files.")
    from mspike.write.template import write_workbook_template

    write_workbook_template(file)
    print(f"{file}: fill it in, then `mspike check {file}`")


def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")]) -> None:
    """Write an empty registry of CSV files.

    One file a table with its header, and columns.txt, which explains them.

    \b
    Example:
      mspike init registry
    """
    from mspike.write.template import write_csv_template

    write_csv_template(folder)
    print(f"{folder}: fill the files in (columns.txt explains them), then `mspike check {folder}`")


def import_(
    source: Annotated[Path, typer.Argument(help="A folder of CSV or Excel files, or one such file.")],
    map_: Annotated[Path, typer.Option("--map", help="The map from its columns to ours.")],
    out: Annotated[Path, typer.Option(help="Folder for the registry.")],
) -> None:
    """Turn flat spreadsheets into a registry.

    A map file says how; what cannot be read becomes a finding.

    \b
    Example:
      mspike import sheets --map map.yaml --out registry
    """
    from mspike.read.mapping import FINDINGS_FILE, import_registry
    from mspike.record.findings import counts
    from mspike.report.findings import findings_sentence
    from mspike.report.terminal import counted

    rows, found = import_registry(source, map_, out)
    for table, number in rows.items():
        print(f"  {table}.csv  {counted(number, 'row')}")
    print(f"{out}: findings are in {FINDINGS_FILE}; next `mspike check {out}`")
    print(f"mspike: {findings_sentence(counts(found))}", file=sys.stderr)


def demo_registry(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")],
    patients: Annotated[int, typer.Option(help="How many invented patients.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed, other patients.")] = 1,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet instead of CSV.")] = False,
) -> None:
    """Write a registry of invented patients.

    \b
    Example:
      mspike demo-registry demo --patients 50
    """
    from mspike.demo import write_demo_registry
    from mspike.report.terminal import counted, progress

    with progress("demo-registry") as tell:
        rows = write_demo_registry(folder, patients, seed, parquet=parquet, progress=tell)
    for table, number in rows.items():
        print(f"  {table}.{'parquet' if parquet else 'csv'}  {counted(number, 'row')}")
    print(f"{folder}: synthetic, no person is described; next `mspike assess {folder} --out results`")
