"""A whole study: what was gathered, section after section, and the sentence that answers the question."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mspike.asking import Progress, Question
from mspike.engines import Engine
from mspike.study.answer import answer_of
from mspike.study.competing import competing
from mspike.study.failures import failures
from mspike.study.followed import decided
from mspike.study.gathered import Gathered, gather
from mspike.study.landmarks import landmarks
from mspike.study.methods import methods_paragraph, references_told, settings_section
from mspike.study.one_group import dividing
from mspike.study.parts import Section
from mspike.study.people import people
from mspike.study.plan import Plan
from mspike.study.quality import quality
from mspike.study.responses import responses
from mspike.study.salvages import salvages
from mspike.study.subgroups import subgroups
from mspike.study.survival import survival
from mspike.study.toxicity import toxicity

# In the order in which a paper tells them.
SECTIONS: tuple[Callable[[Gathered, Plan], Section], ...] = (
    people, responses, survival, competing, subgroups, landmarks, failures, salvages, toxicity, quality,
)  # fmt: skip


@dataclass(frozen=True)
class Study:
    """A study as it is read.

    answer      one sentence a colleague would say aloud
    methods     paragraphs; references: as they are printed, in the order of their numbers
    stamp       versions, hashes, the registry, the intended use and the day on which the study was made
    synthetic   the patients are invented
    """

    title: str
    answer: str
    sections: tuple[Section, ...]
    methods: tuple[str, ...]
    references: tuple[str, ...]
    stamp: dict[str, str]
    synthetic: bool


def study_of(
    asked: Question,
    plan: Plan,
    room: Path,
    engine: Engine | None = None,
    progress: Progress | None = None,
    telling: Progress | None = None,
    title: str | None = None,
) -> Study:
    """Judges a registry and tells what follows, section by section.

    room      an empty folder for what is too long for memory
    title     what the registry is called in the title; its folder's name where None
    progress  told after each bucket; telling: told before and after each section
    """
    gathered = gather(asked, room, engine, progress)
    sections = []
    divided, alike = dividing(gathered.cohort, plan)
    for number, section in enumerate(SECTIONS):
        if telling:
            telling(number, len(SECTIONS))
        sections.append(section(gathered, divided))
    sections[0] = replace(sections[0], refused=(*alike, *sections[0].refused))
    observed_from = decided(gathered.cohort, plan) if plan.origin == "apheresis" else None
    sections.append(settings_section(asked, plan, observed_from))
    paragraphs, keys = methods_paragraph(asked, plan, sections, gathered)
    infused = gathered.cohort.filter("infused")["patient_id"].n_unique()
    called = f"registry {asked.source.path.stem}"
    return Study(
        title=f"{infused:,} patient{'' if infused == 1 else 's'} after CAR T cells: {title or called}",
        answer=answer_of(gathered.cohort, plan),
        sections=tuple(sections),
        methods=tuple(paragraphs),
        references=tuple(references_told(keys)),
        stamp={**asked.stamp(), "made": dt.date.today().isoformat()},
        synthetic=invented(gathered),
    )


def invented(gathered: Gathered) -> bool:
    """Do the patients say of themselves that they are invented?"""
    ids = gathered.cohort["patient_id"]
    return bool(ids.str.starts_with("SYNTHETIC").any())
