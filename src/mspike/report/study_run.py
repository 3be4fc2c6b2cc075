"""Makes a study of a registry and writes it: the page, every table, every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mspike.asking import Progress, question
from mspike.engines import engine_named
from mspike.report.study_figures import Drawing, kinds_asked
from mspike.report.study_files import refuse_place, write_study
from mspike.report.terminal import counted, say
from mspike.study.plan import Plan
from mspike.study.study import study_of
from mspike.write.place import room_beside

Told = dict[str, Any]


def write_registry_study(
    registry: Path,
    out: Path,
    plan: Plan,
    *,
    edition: str = "imwg-2016",
    settings: Mapping[str, Any] | None = None,
    figures: str | Sequence[str] = "svg",
    engine: str = "local",
    master: str | None = None,
    title: str | None = None,
    progress: Progress | None = None,
    telling: Progress | None = None,
    drawing: Drawing | None = None,
) -> Told:
    """Judges the registry, makes the study and writes it into `out`; returns what study.json holds.

    title     what the registry is called in the title of the page; its folder's name where None
    figures   kinds of file of each figure: svg, png, pdf; the page has its own copy
    progress  told after each bucket; telling: told of each section; drawing: told the name of each figure

    Raises WrongUsage before any work where `out` cannot take a study.
    """
    refuse_place(registry, out)
    kinds = kinds_asked(figures)
    worker = engine_named(engine, master)
    asked = question(worker.place(registry), edition=edition, settings=settings)
    # Beside the output: on a cluster every executor must see it.
    with room_beside(worker.place(out)) as room:
        study = study_of(asked, plan, room / "gathered", worker, progress, telling, title)
        return write_study(study, out, kinds, plan=asdict(plan), progress=drawing)


def print_study(told: Told, out: Path) -> None:
    """The answer, what could not be estimated, and where everything lies."""
    say(told["answer"])
    refused = [(section["title"], reason) for section in told["sections"] for reason in section["refused"]]
    if refused:
        say("", "Not estimated, and why:")
        for title, reason in refused:
            say(f"  {title}: {reason}")
    say(
        "",
        f"{out / 'study.html'}: the page, {counted(len(told['sections']), 'section')} with methods and settings",
    )
    say(f"{out / 'tables'}: {counted(len(told['tables']), 'table')} as CSV")
    if told["figures"]:
        say(f"{out / 'figures'}: {counted(len(told['figures']), 'file')}")
