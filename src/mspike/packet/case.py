"""Everything the rooms below tell of one patient as of a day, asked once: what every packet is written from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mspike.asking import Question, of_patient, question
from mspike.course.derived import Derived
from mspike.report.explain import explained
from mspike.report.history import history_patient
from mspike.report.options import options_patient
from mspike.report.safety import safety_patient
from mspike.report.trials import known_trials, matched
from mspike.report.watch import watch_patient
from mspike.report.why import why_patient

Told = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One patient as of a day. Each part is what the verb of its name prints with --json.

    derived    the tables behind it, up to that day
    on         the day asked, as text; None: all that is recorded
    options    and trials: empty for a patient who had died by then; nothing can come next
    """

    asked: Question
    patient: str
    on: str | None
    derived: Derived
    explained: Told
    history: Told
    safety: Told
    why: Told
    watch: Told
    options: Told
    trials: Told

    @property
    def synthetic(self) -> bool:
        """Does the patient say of himself that he is invented?"""
        return self.patient.upper().startswith("SYNTHETIC")


def case_of(
    registry: str | Path,
    patient: str,
    region: str,
    *,
    on: str | None = None,
    known: list[str] | None = None,
    label_date: dt.date | None = None,
    edition: str = "imwg-2016",
    settings: Mapping[str, Any] | None = None,
) -> Case:
    """What is known of this patient up to the day?

    region  US or EU: whose labels count; known: facts beside the registry, as infection=no

    Raises WrongUsage for a patient, setting or fact that is not known.
    """
    asked = question(registry, on=on, edition=edition, settings=settings)
    derived = of_patient(asked, patient, "case")
    died = derived.record.patients.select((pl.col("death_day").is_not_null() | pl.col("died_undated")).any()).item()
    return Case(
        asked=asked,
        patient=patient,
        on=on,
        derived=derived,
        explained=explained(derived.record, asked.rules, asked.settings, patient, registry),
        history=history_patient(asked, patient),
        safety=safety_patient(asked, patient),
        why=why_patient(asked, patient),
        watch=watch_patient(asked, patient),
        options={} if died else options_patient(asked, patient, region, label_date=label_date, known=known),
        trials={} if died else matched(asked, patient, known_trials(None), known=known),
    )
