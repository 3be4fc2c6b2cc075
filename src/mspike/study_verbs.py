"""The verb that turns a registry into the tables and figures of a paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from mspike.arguments import EDITION, Edition, Engine, Json, Master, Registry, Set, settings_given
from mspike.errors import WrongUsage

Out = Annotated[
    Path, typer.Option(help="Folder for the study; files of an earlier study in it are replaced, others are kept.")
]
By = Annotated[
    list[str] | None,
    typer.Option(metavar="STRATUM", help="Tell every outcome by these groups too, as prior_bcma; may be given often."),
]
From = Annotated[str, typer.Option("--from", metavar="infusion|failure|apheresis", help="Day 0 of the outcomes.")]
ObservedFrom = Annotated[
    str | None,
    typer.Option(
        metavar="infusion|apheresis",
        help="With --from apheresis: from when on patients are observed. Where not given, the registry decides: "
        "apheresis if it holds patients who were never infused.",
    ),
]
Censoring = Annotated[
    str | None, typer.Option(metavar="fda|ema", help="How new therapy and gaps censor; short for --set censoring=.")
]
MinCell = Annotated[
    int, typer.Option(metavar="K", help="Keep back counts from 1 to K - 1, and those that would give them away.")
]
Penalty = Annotated[
    str | None,
    typer.Option(
        metavar="firth", help="Penalise every hazard ratio; else those without a finite estimate are refused."
    ),
]
Landmark = Annotated[int, typer.Option(metavar="DAYS", help="Day after infusion of the landmark analysis.")]
Title = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What the registry is called in the title of the page.")
]
NamePatients = Annotated[
    bool,
    typer.Option("--name-patients", help="Figures of single patients and their files carry ids instead of numbers."),
]
Figures = Annotated[str, typer.Option(metavar="KINDS", help="Files of each figure: svg, png, pdf, in any combination.")]


def study(
    registry: Registry,
    out: Out,
    by: By = None,
    from_: From = "infusion",
    observed_from: ObservedFrom = None,
    censoring: Censoring = None,
    min_cell: MinCell = 0,
    penalty: Penalty = None,
    landmark: Landmark = 91,
    figures: Figures = "svg",
    title: Title = None,
    name_patients: NamePatients = False,
    edition: Edition = EDITION,
    set_: Set = None,
    engine: Engine = "local",
    master: Master = None,
    json: Json = False,
) -> None:
    """Write a study: the tables and figures of a paper, as one page.

    Who, what response, how long, compared with whom, and what came after failure; with the methods, the settings in
    force and the data that are missing. Every table is also written as CSV, every figure as a file of its own.
    An estimate that the patients cannot carry is refused, and the page says so.

    \b
    Example:
      mspike study registry --out study --by prior_bcma --by emd --min-cell 5
    """
    from mspike.check import naming_damage
    from mspike.report.study_run import print_study, write_registry_study
    from mspike.report.terminal import say_json, steps
    from mspike.study.plan import plan_of

    plan = plan_of(
        origin=from_, by=by or (), observed_from=observed_from, min_cell=min_cell, penalty=penalty,
        landmark_days=landmark, name_patients=name_patients,
    )  # fmt: skip
    chosen = _with_censoring(settings_given(set_), censoring)
    with naming_damage(registry), steps("judge patients", "tell sections", "draw figures") as (judge, tell, draw):
        told = write_registry_study(
            registry, out, plan, edition=edition, settings=chosen, figures=figures, title=title, engine=engine,
            master=master, progress=judge, telling=tell, drawing=_by_number(draw),
        )  # fmt: skip
    if json:
        say_json(told)
    else:
        print_study(told, out)


def _by_number(draw: Callable[[int, int], None] | None) -> Callable[[str, int, int], None] | None:
    """A bar counts what is done; the figures are told by name, before each is drawn."""
    return None if draw is None else lambda _, number, total: draw(number - 1, total)


def _with_censoring(chosen: dict[str, Any], censoring: str | None) -> dict[str, Any]:
    if censoring is None:
        return chosen
    if chosen.get("censoring", censoring) != censoring:
        raise WrongUsage(f"--censoring {censoring} and --set censoring={chosen['censoring']} contradict each other.")
    return {**chosen, "censoring": censoring}
