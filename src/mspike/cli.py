"""The commands: parse, call, print. Nothing heavy is imported before a command needs it: --help answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mspike import INTENDED_USE, __version__
from mspike.errors import MspikeError, UnreadableInput, WrongUsage

WRONG_USAGE = 3
INTERRUPTED = 130
EDITION = "imwg-2016"
# typer keeps its parser where it likes; this is the error of any argument that cannot be parsed.
_Misused: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Registry = Annotated[Path, typer.Argument(help="Folder of CSV or Parquet tables, or an Excel workbook.")]
Edition = Annotated[str, typer.Option(help="Edition of the criteria; `mspike criteria` shows what it says.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; may be given often. See `mspike settings`."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]


@app.callback(invoke_without_command=True, help=f"What happens when CAR T-cell therapy fails in multiple myeloma.\n\n{INTENDED_USE[0].upper()}{INTENDED_USE[1:]}\n\n\b\nExample:\n  mspike demo-registry demo\n  mspike assess demo --out results")  # fmt: skip
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print(f"mspike {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def assess(
    registry: Registry,
    out: Annotated[Path, typer.Option(help="Folder for the results; tables of an earlier run in it are replaced.")],
    edition: Edition = EDITION,
    set_: Set = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV instead of Parquet.")] = False,
    engine: Annotated[str, typer.Option(help="Where to compute: local.")] = "local",
    json: Json = False,
) -> None:
    """Judge every visit of every patient: responses, progression, course, endpoints, reasons, findings.

    Exits 0 when results were written, whatever the findings; their number is told on stderr.

    \b
    Example:
      mspike assess registry --out results --edition imwg-2016 --set marrow_pd=level
    """
    _known_engine(engine)
    from mspike.report.findings import findings_sentence
    from mspike.report.terminal import counted, progress, say_json
    from mspike.run import assess_registry

    with progress("assess") as tell:
        told = assess_registry(registry, out, edition=edition, settings=_settings(set_), csv=csv, progress=tell)
    if json:
        say_json(told)
    else:
        print(f"{out}: {counted(told['patients'], 'patient')}, edition {edition}, settings {told['settings_hash']}")
        for name, rows in told["written"].items():
            print(f"  {name}.{'csv' if csv else 'parquet'}  {counted(rows, 'row')}")
    print(f"mspike: {findings_sentence(told['findings'])}", file=sys.stderr)


@app.command()
def check(registry: Registry, edition: Edition = EDITION, set_: Set = None, json: Json = False) -> int:
    """Say what is wrong with the data of a registry, and how many rows of each table are used.

    Exits 0 when nothing needs a look, 1 with warnings, 2 with errors (rows that were set aside).

    \b
    Example:
      mspike check registry
    """
    from mspike.check import check_registry, exit_code
    from mspike.report.findings import print_check
    from mspike.report.terminal import progress, say_json

    with progress("check") as tell:
        told = check_registry(registry, edition=edition, settings=_settings(set_), progress=tell)
    if json:
        say_json({**told, "all": told["all"].to_dicts()})
    else:
        print_check(told)
    return exit_code(told)


@app.command()
def explain(
    registry: Registry,
    patient: Annotated[str, typer.Argument(help="The patient_id.")],
    on: Annotated[str | None, typer.Option(help="Only the visit on this date or day, or the last before it.")] = None,
    line: Annotated[int | None, typer.Option(help="Only this line of therapy.")] = None,
    edition: Edition = EDITION,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Say for one patient what was judged at each visit and why: rule, values with dates, thresholds, source.

    \b
    Example:
      mspike explain registry P1 --on 2024-05-31
    """
    from mspike.report.because import print_explanation
    from mspike.report.explain import explain_patient
    from mspike.report.terminal import say_json

    told = explain_patient(registry, patient, on=on, line=line, edition=edition, settings=_settings(set_))
    if json:
        say_json(told)
    else:
        print_explanation(told)


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(help="Results of `mspike assess`.")],
    run_b: Annotated[Path, typer.Argument(help="Results of another run.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write every change into this file.")] = None,
    json: Json = False,
) -> None:
    """Say what differs between two runs: editions, settings, inputs, and who changed and by which rule.

    \b
    Example:
      mspike compare results-2016 results-2006 --out changes.csv
    """
    from mspike.report.compare import compare_runs, write_changes
    from mspike.report.compared import print_comparison
    from mspike.report.terminal import say_json

    told = compare_runs(run_a, run_b)
    if out is not None:
        write_changes(told, out)
    if json:
        say_json(told)
    else:
        print_comparison(told)


@app.command()
def columns(
    table: Annotated[str | None, typer.Argument(help="One table; all where none is named.")] = None,
    analytes: Annotated[bool, typer.Option("--analytes", help="List the analytes and their units.")] = False,
    json: Json = False,
) -> None:
    """List the tables and columns of a registry: type, unit, meaning, choices.

    \b
    Example:
      mspike columns results
    """
    from mspike.report import columns as declared
    from mspike.report.terminal import say_json

    told = declared.declared_analytes() if analytes else declared.declared_columns(table)
    if json:
        say_json(told)
    elif analytes:
        declared.print_analytes(told)
    else:
        declared.print_columns(told)


@app.command()
def template(file: Annotated[Path, typer.Argument(help="The workbook to write (.xlsx).")]) -> None:
    """Write an empty Excel workbook to type a registry into, with drop-downs and a guide.

    \b
    Example:
      mspike template registry.xlsx
    """
    if file.suffix.lower() != ".xlsx":
        raise WrongUsage(f"template {file}: expected a name that ends in .xlsx; `mspike init DIR` writes CSV files.")
    from mspike.write.template import write_workbook_template

    write_workbook_template(file)
    print(f"{file}: fill it in, then `mspike check {file}`")


@app.command()
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")]) -> None:
    """Write an empty registry: one CSV file a table with its header, and columns.txt, which explains them.

    \b
    Example:
      mspike init registry
    """
    from mspike.write.template import write_csv_template

    write_csv_template(folder)
    print(f"{folder}: fill the files in (columns.txt explains them), then `mspike check {folder}`")


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A folder of CSV or Excel files, or one such file.")],
    map_: Annotated[Path, typer.Option("--map", help="The map from its columns to ours.")],
    out: Annotated[Path, typer.Option(help="Folder for the registry.")],
) -> None:
    """Turn flat spreadsheets into a registry as a map file says; what cannot be read becomes a finding.

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


@app.command("demo-registry")
def demo_registry(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")],
    patients: Annotated[int, typer.Option(help="How many invented patients.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed, other patients.")] = 1,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet instead of CSV.")] = False,
) -> None:
    """Write a registry of invented patients to try things out on.

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


@app.command()
def settings(edition: Edition = EDITION, json: Json = False) -> None:
    """List every setting: default, choices, meaning.

    \b
    Example:
      mspike settings --edition imwg-2006
    """
    from mspike.report.criteria import declared_settings, print_settings
    from mspike.report.terminal import say_json

    told = declared_settings(edition)
    if json:
        say_json(told)
    else:
        print_settings(told, edition)


@app.command()
def criteria(
    edition: Annotated[str, typer.Argument(help="Edition of the criteria.")] = EDITION,
    rule: Annotated[str | None, typer.Option(help="Only rules whose id begins so, as imwg.pd.")] = None,
    json: Json = False,
) -> None:
    """Show the rules of an edition: what each says, its thresholds, its source and how that was checked.

    \b
    Example:
      mspike criteria imwg-2016 --rule imwg.pd
    """
    from mspike.report.criteria import declared_rules, print_criteria
    from mspike.report.terminal import say_json

    told = declared_rules(edition, rule)
    if json:
        say_json(told)
    else:
        print_criteria(told, edition)


@app.command()
def version() -> None:
    """Print the version, the editions of the criteria and the hash of all published numbers.

    \b
    Example:
      mspike version
    """
    from mspike.knowledge.criteria import editions, knowledge_hash

    print(f"mspike {__version__}\neditions {', '.join(editions())}\nknowledge {knowledge_hash()}\n{INTENDED_USE}")


def _settings(given: list[str] | None) -> dict[str, str]:
    chosen = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise WrongUsage(f"--set {text}: expected name=value, as in --set marrow_pd=level.")
        chosen[name.strip()] = value
    return chosen


def _known_engine(engine: str) -> None:
    if engine == "spark":
        raise WrongUsage("--engine spark comes with a later version; this one computes with --engine local.")
    if engine != "local":
        raise WrongUsage(f"--engine {engine}: expected local.")


def _answer(arguments: list[str] | None) -> int:
    """Runs a command and turns whatever the user can mend into one sentence on stderr and an exit code."""
    try:
        return int(app(arguments, standalone_mode=False, prog_name="mspike") or 0)
    except MspikeError as problem:
        return _say(str(problem), problem.exit_code)
    except _Misused as problem:
        command = problem.ctx.command_path if getattr(problem, "ctx", None) else "mspike"
        return _say(f"{problem.format_message()} See `{command} --help`.", WRONG_USAGE)
    except BrokenPipeError:  # `mspike columns | head` is no failure
        sys.stdout = None  # type: ignore[assignment]
        return 0
    except OSError as problem:
        place = f"{problem.filename}: " if problem.filename else ""
        return _say(f"{place}{problem.strerror or problem}.", UnreadableInput.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted.", INTERRUPTED)


def _say(message: str, code: int) -> int:
    print(f"mspike: {message}", file=sys.stderr)
    return code


def main(arguments: list[str] | None = None) -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a mark prints ? rather than failing
            stream.reconfigure(errors="replace")
    sys.exit(_answer(arguments))
