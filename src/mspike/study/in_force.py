"""Everything that made a study what it is: the plan, each setting, the versions, and the files that were read."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import polars as pl

from mspike import __version__
from mspike.asking import Question
from mspike.knowledge.criteria import knowledge_hash
from mspike.read.folder import file_hash
from mspike.response.meanings import MEANING
from mspike.response.settings import Settings, settings_of
from mspike.study.parts import Section, StudyTable
from mspike.study.plan import WORDS, ObservedFrom, Plan

LIBRARIES = ("polars", "lifelines", "statsmodels", "scipy", "altair")
_TEXT = pl.String


def settings_section(asked: Question, plan: Plan, observed_from: ObservedFrom | None = None) -> Section:
    """Which rules, settings, versions and files stand behind this study?

    observed_from  from apheresis: what was decided where the plan leaves it open
    """
    return Section(
        id="settings",
        title="Settings in force",
        says=(_changed(asked),),
        parts=(_settings(asked), _plan(plan, observed_from), _versions(asked), _files(asked)),
    )


def changed_settings(asked: Question) -> dict[str, str]:
    """The settings that the user gave another value than the edition's, as written behind --set."""
    usual, now = settings_of(asked.rules).as_text(), asked.settings.as_text()
    return {name: value for name, value in now.items() if value != usual[name]}


def _changed(asked: Question) -> str:
    changed = changed_settings(asked)
    named = f"Judged by {asked.rules.title} ({asked.rules.edition})"
    if not changed:
        return f"{named}; every setting stands at the default of the edition."
    told = ", ".join(f"{name}={value}" for name, value in changed.items())
    n = len(changed)
    return f"{named}; {n} setting{' was' if n == 1 else 's were'} changed from the default of the edition: {told}."


def _settings(asked: Question) -> StudyTable:
    plain, usual, now = Settings().as_text(), settings_of(asked.rules).as_text(), asked.settings.as_text()
    rows = [
        {
            "setting": name,
            "value": value,
            "default": usual[name],
            "set_by": "user" if value != usual[name] else "edition" if usual[name] != plain[name] else "default",
            "meaning": MEANING[name],
        }
        for name, value in now.items()
    ]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("setting", "value", "default", "set_by", "meaning"), _TEXT))
    return StudyTable(
        "settings", "Every choice that the criteria leave open, and how it was made here", frame,
        heads={"setting": "Setting", "value": "In force", "default": "Default of the edition", "set_by": "Set by",
               "meaning": "What it decides"},
        notes=("Set by edition: it differs from the default of the software. Change one with --set name=value.",),
    )  # fmt: skip


def _plan(plan: Plan, observed_from: ObservedFrom | None) -> StudyTable:
    observed = plan.observed_from or observed_from
    rows = [
        ("from", plan.origin, "the day from which outcomes count"),
        ("endpoints", "; ".join(plan.endpoints), "; ".join(WORDS[name] for name in plan.endpoints)),
        ("by", "; ".join(plan.by) or "none",
         "; ".join(s.words for s in plan.strata.values()) or "patients are not divided into groups"),
        ("landmark", str(plan.landmark_days), "days from infusion of the landmark analysis"),
        ("penalty", plan.penalty or "none",
         "hazard ratios without a finite estimate are penalised" if plan.penalty else
         "hazard ratios without a finite estimate are refused"),
        ("min_cell", str(plan.min_cell),
         f"counts from 1 to {plan.min_cell - 1} are suppressed, and what would give them away" if plan.discreet else
         "no count is suppressed"),
    ]  # fmt: skip
    if plan.origin == "apheresis":
        rows.insert(1, ("observed_from", observed or "as the registry decides", _observed(observed)))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("option", "value", "meaning"), _TEXT), orient="row")
    return StudyTable(
        "settings_plan", "What the study was asked", frame,
        heads={"option": "Option", "value": "Value", "meaning": "Meaning"},
    )  # fmt: skip


def _observed(observed: ObservedFrom | None) -> str:
    return {
        "infusion": "patients come under observation with the infusion (delayed entry)",
        "apheresis": "all who were collected, from the day of apheresis (intention to treat)",
        None: "delayed entry, or all who were collected where some were never infused",
    }[observed]


def versions(asked: Question) -> dict[str, str]:
    """What computed this study, by name."""
    return {
        "mspike": __version__,
        "edition": asked.rules.edition,
        "settings_hash": asked.settings.hash,
        "knowledge_hash": knowledge_hash(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _versions(asked: Question) -> StudyTable:
    rows = list(versions(asked).items())
    frame = pl.DataFrame(rows, schema={"name": _TEXT, "version": _TEXT}, orient="row")
    return StudyTable(
        "settings_versions",
        "Software, rules and their hashes",
        frame,
        heads={"name": "Name", "version": "Version or hash"},
    )


def _files(asked: Question) -> StudyTable:
    read: dict[Path, list[str]] = {}
    for name, raw in asked.source.tables.items():
        read.setdefault(raw.path, []).append(name)
    rows = [(path.name, "; ".join(names), file_hash(path)) for path, names in read.items()]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("file", "tables", "sha256"), _TEXT), orient="row")
    return StudyTable(
        "settings_files", "Files that were read", frame,
        heads={"file": "File", "tables": "Tables", "sha256": "SHA-256"},
        notes=("The same files, version and settings give the same study.",),
    )  # fmt: skip
