"""The verbs of the command line. Nothing heavy is imported before a verb needs it: --help answers at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mspike import INTENDED_USE, __version__
from mspike.arguments import EDITION, Edition, Engine, Json, Master, Registry, Set, settings_given
from mspike.case_verbs import case
from mspike.course_verbs import history, safety, watch, why
from mspike.options_verbs import evidence, options, trials
from mspike.registry_verbs import demo_registry, import_, init, template
from mspike.serve_verbs import serve
from mspike.study_verbs import study


def assess(
    registry: Registry,
    out: Annotated[Path, typer.Option(help="Folder for the results; tables of an earlier run in it are replaced.")],
    edition: Edition = EDITION,
    set_: Set = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV instead of Parquet.")] = False,
    engine: Engine = "local",
    master: Master = None,
    json: Json = False,
) -> None:
    """Judge every visit and write the results.

    Responses, progression, courses, endpoints, the reason for each, and findings in the data.
    Exits 0 when results were written, whatever the findings; their number is told on stderr.

    \b
    Example:
      mspike assess registry --out results --edition imwg-2016 --set marrow_pd=level
    """
    from mspike.check import naming_damage
    from mspike.report.findings import findings_sentence
    from mspike.report.terminal import counted, progress, say_json
    from mspike.run import assess_registry

    with naming_damage(registry), progress("assess") as tell:
        told = assess_registry(
            registry, out, edition=edition, settings=settings_given(set_), csv=csv, engine=engine, master=master,
            progress=tell,
        )  # fmt: skip
    if json:
        say_json(told)
    else:
        print(f"{out}: {counted(told['patients'], 'patient')}, edition {edition}, settings {told['settings_hash']}")
        for name, rows in told["written"].items():
            print(f"  {name}.{'csv' if csv else 'parquet'}  {counted(rows, 'row')}")
    print(f"mspike: {findings_sentence(told['findings'])}", file=sys.stderr)


def check(registry: Registry, edition: Edition = EDITION, set_: Set = None, json: Json = False) -> int:
    """Say what is wrong with the data.

    Every finding, by kind, and how many rows of each table are used.

    Exits 0 when nothing needs a look, 1 with warnings, 2 with errors (rows that were set aside).

    \b
    Example:
      mspike check registry
    """
    from mspike.check import check_registry, exit_code, naming_damage
    from mspike.report.findings import print_check
    from mspike.report.terminal import progress, say_json

    with naming_damage(registry), progress("check") as tell:
        told = check_registry(registry, edition=edition, settings=settings_given(set_), progress=tell)
    if json:
        say_json({**told, "all": told["all"].to_dicts()})
    else:
        print_check(told)
    return exit_code(told)


def explain(
    registry: Registry,
    patient: Annotated[str, typer.Argument(help="The patient_id.")],
    on: Annotated[str | None, typer.Option(help="Only the visit on this date or day, or the last before it.")] = None,
    line: Annotated[int | None, typer.Option(help="Only this line of therapy.")] = None,
    edition: Edition = EDITION,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Say why one patient was judged so.

    For each visit the category, the rule, the values with their dates, thresholds and source; then the course.

    \b
    Example:
      mspike explain registry P1 --on 2024-05-31
    """
    from mspike.check import naming_damage
    from mspike.report.because import print_explanation
    from mspike.report.explain import explain_patient
    from mspike.report.terminal import say_json

    with naming_damage(registry):
        told = explain_patient(registry, patient, on=on, line=line, edition=edition, settings=settings_given(set_))
    if json:
        say_json(told)
    else:
        print_explanation(told)


def compare(
    run_a: Annotated[Path, typer.Argument(help="Results of `mspike assess`.")],
    run_b: Annotated[Path, typer.Argument(help="Results of another run.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write every change into this file.")] = None,
    json: Json = False,
) -> None:
    """Say what differs between two runs.

    Editions, settings and inputs, who changed, from what to what, and by which rule.

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


def columns(
    table: Annotated[str | None, typer.Argument(help="One table; all where none is named.")] = None,
    analytes: Annotated[bool, typer.Option("--analytes", help="List the analytes and their units.")] = False,
    agents: Annotated[bool, typer.Option("--agents", help="List the agents and the names they are read by.")] = False,
    json: Json = False,
) -> None:
    """List the columns of a registry.

    Type, unit, meaning and choices, from the declarations that also check the data.

    \b
    Example:
      mspike columns results
    """
    from mspike.report import columns as declared
    from mspike.report.terminal import say_json

    if agents:
        told = declared.declared_agents()
    else:
        told = declared.declared_analytes() if analytes else declared.declared_columns(table)
    if json:
        say_json(told)
    elif agents:
        declared.print_agents(told)
    elif analytes:
        declared.print_analytes(told)
    else:
        declared.print_columns(told)


def settings(edition: Edition = EDITION, json: Json = False) -> None:
    """List every setting and its default.

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


def criteria(
    edition: Annotated[str, typer.Argument(help="Edition of the criteria.")] = EDITION,
    rule: Annotated[str | None, typer.Option(help="Only rules whose id begins so, as imwg.pd.")] = None,
    json: Json = False,
) -> None:
    """Show the rules of an edition.

    What each says, its thresholds, its source and how that was checked.

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


def version() -> None:
    """Print version and editions.

    Also the hash of all published numbers, which every result carries.

    \b
    Example:
      mspike version
    """
    from mspike.knowledge.criteria import editions, knowledge_hash

    print(f"mspike {__version__}\neditions {', '.join(editions())}\nknowledge {knowledge_hash()}\n{INTENDED_USE}")


VERBS: dict[str, Callable[..., int | None]] = {
    "assess": assess,
    "check": check,
    "explain": explain,
    "history": history,
    "safety": safety,
    "why": why,
    "watch": watch,
    "options": options,
    "case": case,
    "study": study,
    "serve": serve,
    "compare": compare,
    "columns": columns,
    "template": template,
    "init": init,
    "import": import_,
    "demo-registry": demo_registry,
    "settings": settings,
    "criteria": criteria,
    "version": version,
}

# Verbs that have verbs of their own.
GROUPS: dict[str, typer.Typer] = {"evidence": evidence, "trials": trials}
