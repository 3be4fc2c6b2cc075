"""The verbs that ask what can come next: options, evidence, trials."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from mspike.arguments import Json, Registry, Set, settings_given
from mspike.errors import WrongUsage

OnDay = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="The date (or day) asked; the last one on record where none is named."),
]
Region = Annotated[str, typer.Option(metavar="US|EU", help="Whose labels count.")]
LabelDate = Annotated[
    str | None, typer.Option(metavar="DATE", help="The date of the labels, where it is not that of --on.")
]
Know = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A fact that is not in the registry, as infection=no; may be given often."),
]
After = Annotated[
    str | None,
    typer.Option(help="What came before: car-t, car-t-mostly, any-bcma, no-car-t, none; all where not given."),
]
Cls = Annotated[str | None, typer.Option("--class", help="Class: car_t, bispecific, adc, CELMoD ...")]
Target = Annotated[str | None, typer.Option(help="Antigen: BCMA, GPRC5D, FcRH5.")]
Therapy = Annotated[str | None, typer.Option(help="A therapy by its id in `mspike options`.")]


def options(
    registry: Registry,
    patient: Annotated[str, typer.Argument(help="The patient_id.")],
    region: Region,
    on: OnDay = None,
    label_date: LabelDate = None,
    know: Know = None,
    preferences: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Wishes with weights: shows how the order would change.")
    ] = None,
    option: Annotated[str | None, typer.Option(metavar="ID", help="Show only this option, in full.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Show every reason and all evidence, closed options too.")
    ] = False,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Say what can come next for one patient: open, closed or not known, and why.

    Each option with what is published about it after CAR-T failure. Nothing is ranked; what is not recorded is not
    known, and what would have to be known is said first.

    \b
    Example:
      mspike options registry P1 --on 2026-03-15 --region US --know infection=no --know ecog=1
    """
    from mspike.asking import question
    from mspike.check import naming_damage
    from mspike.report import options as page
    from mspike.report.options_page import print_options
    from mspike.report.terminal import say_json

    region = page.known_region(region)
    only = None if option is None else page.known_options(option)
    wishes = page.wishes_of(preferences)
    with naming_damage(registry):
        asked = question(registry, on=on, settings=settings_given(set_))
        told = page.options_patient(asked, patient, region, label_date=_date(label_date), known=know, wishes=wishes)
    if only is not None:
        told["options"] = [o for o in told["options"] if o["id"] in only]
    if json:
        say_json(told)
    else:
        print_options(told, only, full=full)


def _date(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"--label-date {text}: expected a date (2026-03-15).") from None


evidence = typer.Typer(help="Say what is published about therapy after CAR-T failure.", rich_markup_mode=None)
trials = typer.Typer(help="Say which trials a patient may fit, criterion by criterion.", rich_markup_mode=None)


@evidence.command("list")
def list_(
    after: After = None,
    cls: Cls = None,
    target: Target = None,
    therapy: Therapy = None,
    superseded: Annotated[bool, typer.Option("--superseded", help="Also results that a later one replaced.")] = False,
    json: Json = False,
) -> None:
    """List published results.

    \b
    Example:
      mspike evidence list --after car-t --class bispecific
    """
    from mspike.report import evidence as page
    from mspike.report.terminal import say_json

    records = page.chosen(after=after, cls=cls, target=target, therapy=therapy, superseded=superseded)
    say_json([page.record_told(e) for e in records]) if json else page.print_list(records)


@evidence.command("show")
def show(
    id: Annotated[str, typer.Argument(help="The id of a result or erratum.")],
    json: Json = False,
) -> None:
    """Show one published result with every figure, its source and its weak points.

    \b
    Example:
      mspike evidence show van-oekelen-2023-first-salvage
    """
    from mspike.report import evidence as page
    from mspike.report.terminal import say_json

    told = page.show(id)
    say_json(told) if json else page.print_record(told)


@evidence.command("pool")
def pool(
    after: After = None,
    cls: Cls = None,
    target: Target = None,
    therapy: Therapy = None,
    outcome: Annotated[str, typer.Option(help="Which proportion: orr, vgpr, cr, crs_any ...")] = "orr",
    method: Annotated[str, typer.Option(help="glmm, logit_reml or double_arcsine_reml.")] = "glmm",
    test: Annotated[str, typer.Option(help="z, or knha (Hartung and Knapp).")] = "z",
    svg: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw the forest plot into this file.")] = None,
    json: Json = False,
) -> None:
    """Pool the proportions of published results, with their heterogeneity.

    \b
    Example:
      mspike evidence pool --after car-t --class bispecific
    """
    from mspike.report import evidence as page
    from mspike.report.terminal import say_json

    records = page.chosen(after=after, cls=cls, target=target, therapy=therapy)
    told, lines = page.pooled_answer(records, outcome, method, test, svg)
    if json:
        say_json(told)
    else:
        page.print_pooled(told, lines)
        if svg is not None:
            print(f"{svg}: forest plot")


File = Annotated[
    Path | None,
    typer.Option(
        "--trials", metavar="FILE", help="Trials of your own (YAML) or from ClinicalTrials.gov (JSON), instead of ours."
    ),
]


@trials.command("list")
def list_trials(file: File = None, json: Json = False) -> None:
    """List the trials held, with the status that was seen.

    \b
    Example:
      mspike trials list
    """
    from mspike.report import trials as page
    from mspike.report.terminal import say_json

    told = page.listed(page.known_trials(file))
    say_json(told) if json else page.print_list(told)


@trials.command("show")
def show_trial(
    id: Annotated[str, typer.Argument(help="The number of the trial.")], file: File = None, json: Json = False
) -> None:
    """Show one trial with its criteria and the texts to be read.

    \b
    Example:
      mspike trials show NCT04557098
    """
    from mspike.report import trials as page
    from mspike.report.terminal import say_json

    told = page.trial_told(page.one_trial(page.known_trials(file), id))
    say_json(told) if json else page.print_trial(told)


@trials.command("match")
def match(
    registry: Registry,
    patient: Annotated[str, typer.Argument(help="The patient_id.")],
    on: OnDay = None,
    know: Know = None,
    file: File = None,
    json: Json = False,
) -> None:
    """Say which trials a patient may fit, criterion by criterion.

    A criterion is met, not met or not known. Free text is shown to be read and decides nothing.

    \b
    Example:
      mspike trials match registry P1 --on 2026-03-15
      mspike trials match registry P1 --trials downloaded.json
    """
    from mspike.asking import question
    from mspike.check import naming_damage
    from mspike.report import trials as page
    from mspike.report.terminal import say_json

    found = page.known_trials(file)
    with naming_damage(registry):
        told = page.matched(question(registry, on=on), patient, found, known=know)
    say_json(told) if json else page.print_matches(told)
