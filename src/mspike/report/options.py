"""What can come next for one patient: every option with its answer, why, what is known about it, and what is not."""

from __future__ import annotations

import datetime as dt
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mspike.asking import Question, last_date, refuse_stranger, rows_of, set_aside
from mspike.course.derived import Derived
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import bibliography
from mspike.knowledge.therapies.salvage import therapies
from mspike.options.answers import ANSWERS, Option, Reason, options_of
from mspike.options.facts import Standing
from mspike.options.preferences import Preferences, read_preferences
from mspike.options.standing import standing_of
from mspike.options.strata import Stratum
from mspike.report.evidence import record_told
from mspike.report.known import refuse_unreadable, with_known
from mspike.report.pooled import pooled_told, studies_told
from mspike.report.wishes import wishes_told

Told = dict[str, Any]
REGIONS = ("US", "EU")
ORDER = (
    "Order: open before unknown before closed; within each the most direct evidence first, then the most patients "
    "behind it. There is no score behind it, and it is no advice."
)


def options_patient(
    asked: Question,
    patient: str,
    region: str,
    *,
    label_date: dt.date | None = None,
    known: list[str] | None = None,
    wishes: Preferences | None = None,
) -> Told:
    """Every option for one patient on the day asked, as labels of the region stood on that day (or on label_date)."""
    standing, derived = standing_for(asked, patient, label_date=label_date, known=known)
    options = options_of(standing, region)
    return {
        "patient_id": standing.patient, "on": standing.said_day(standing.day), "region": region,
        "labels_of": None if standing.date is None else str(standing.date), "taken_as_known": known or [],
        "lines": standing.lines.told, "last_line": standing.last_line, "silent_days": _silent(standing),
        "order": ORDER, "counts": {answer: sum(o.answer == answer for o in options) for answer in ANSWERS},
        "options": [option_told(o) for o in options],
        "wishes": None if wishes is None else wishes_told(options, wishes),
        "set_aside": set_aside(derived), "references": _references(options), "stamp": asked.stamp(),
    }  # fmt: skip


def _silent(standing: Standing) -> int | None:
    """How many days before the day asked is the last row that says anything?"""
    return None if standing.last_record is None else max(0, standing.day - standing.last_record)


def standing_for(
    asked: Question,
    patient: str,
    *,
    label_date: dt.date | None = None,
    known: list[str] | None = None,
    verb: str = "options",
) -> tuple[Standing, Derived]:
    """Where a patient stands on the day asked, with the facts given beside the registry, and what was derived."""
    raw = rows_of(asked.source, patient)
    day = asked.on if asked.on is not None else _last_day(asked, patient, verb)
    said = str(day) if asked.calendar == "day" else str(dt.date(1970, 1, 1) + dt.timedelta(days=day))
    raw, places = with_known(raw, patient.strip(), said, known or [])
    derived = Question(asked.source, asked.rules, asked.settings, day).derived(raw)
    refuse_stranger(derived.record, asked.source, patient, verb)
    refuse_unreadable(derived.record.findings, places)
    return standing_of(derived, day, label_date=label_date), derived


def _last_day(asked: Question, patient: str, verb: str) -> int:
    """Without --on: the last date of the registry; in a registry of days the patient's own last day."""
    if asked.calendar != "day":
        return last_date(asked.source)
    derived = asked.derived(rows_of(asked.source, patient))
    refuse_stranger(derived.record, asked.source, patient, verb)
    days = [
        derived.record.results["day"].max(),
        derived.record.patients["contact_day"].max(),
        derived.courses["alive_day"].max(),
    ]
    return max(int(d) for d in [0, *(x for x in days if x is not None)])  # type: ignore[arg-type]


def wishes_of(file: Path | None) -> Preferences | None:
    return None if file is None else read_preferences(file)


def known_region(region: str) -> str:
    """US or EU. Raises WrongUsage for anything else."""
    if region.upper() not in REGIONS:
        raise WrongUsage(f"--region {region}: expected one of {', '.join(REGIONS)}: whose labels are to count.")
    return region.upper()


def known_options(name: str) -> list[str]:
    """The id of a therapy, or all that bear a brand name. Raises WrongUsage, with close ids, for anything else."""
    wanted = name.strip().lower()
    if wanted in therapies():
        return [wanted]
    words = {one.id: one.name.lower().replace("(", " ").replace(")", " ").split() for one in therapies().values()}
    named = [id for id, parts in words.items() if wanted in parts]
    if named:
        return named
    close = get_close_matches(wanted, list(therapies()), n=3, cutoff=0.5)
    hint = f" Close to it: {', '.join(close)}." if close else f" They are {', '.join(therapies())}."
    raise WrongUsage(f"--option {name}: no option of that name.{hint}")


def option_told(option: Option) -> Told:
    """One option as plain values."""
    therapy = option.therapy
    return {
        "id": therapy.id, "name": therapy.name, "says": therapy.says, "class": therapy.cls,
        "targets": list(therapy.targets), "route": therapy.route, "schedule": therapy.schedule,
        "visits": therapy.visits, "basis": therapy.basis, "answer": option.answer, "by_label": option.by_label,
        "relation": option.relation, "reasons": [_reason(r) for r in option.reasons],
        "missing": list(option.missing), "cautions": [_reason(r) for r in option.cautions],
        "boxed_warnings": list(therapy.boxed), "toxicities": list(therapy.toxicities),
        "evidence": [_stratum(s) for s in option.strata], "source": therapy.source, "checked": therapy.checked,
    }  # fmt: skip


def _reason(reason: Reason) -> Told:
    return {
        "kind": reason.kind, "asks": reason.asks, "holds": reason.holds, "because": reason.because,
        "missing": list(reason.missing), "source": reason.source, "where": reason.where, "checked": reason.checked,
    }  # fmt: skip


def _stratum(stratum: Stratum) -> Told:
    return {
        "level": stratum.level, "says": stratum.says, "patients": stratum.patients,
        "pooled": {**pooled_told(stratum.pooled), "memory": _from_memory(stratum)} if stratum.pooled else None,
        "studies": studies_told(stratum.used), "results": [record_told(r) for r in stratum.records],
    }  # fmt: skip


def _from_memory(stratum: Stratum) -> bool:
    return any(told["memory"] for told in studies_told(stratum.used))


def _references(options: list[Option]) -> dict[str, str]:
    """The sources that the page rests on, computed from what it shows."""
    keys = {r.source for o in options for r in (*o.reasons, *o.cautions) if r.source}
    keys |= {e.source for o in options for s in o.strata for e in s.records}
    known = bibliography()
    return {key: f"{known[key]['title']}; {known[key]['where']}" for key in sorted(keys)}
