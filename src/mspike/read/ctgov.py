"""Reads trials from ClinicalTrials.gov, the JSON of its API version 2: one study, a list, a line each, or a folder.

Only the fields for age and sex are structured there; the eligibility text is split to be read and decides nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mspike.errors import UnreadableInput
from mspike.knowledge.trials import SeenOn, Status, Trial, TrialCriterion, seen_on
from mspike.read.eligibility import EligibilityItem, eligibility_items

EXPECTED = (
    'a study of the ClinicalTrials.gov API version 2 ("protocolSection"), {"studies": [...]}, or one study a line'
)
SUFFIXES = (".json", ".ndjson", ".jsonl")
SOURCE = "clinicaltrials.gov"
_STATUS = {
    "RECRUITING": "recruiting",
    "ENROLLING_BY_INVITATION": "by_invitation",
    "NOT_YET_RECRUITING": "not_yet_recruiting",
    "SUSPENDED": "suspended",
    "TEMPORARILY_NOT_AVAILABLE": "suspended",
    "ACTIVE_NOT_RECRUITING": "active_not_recruiting",
    "COMPLETED": "completed",
    "TERMINATED": "terminated",
    "WITHDRAWN": "withdrawn",
    "NO_LONGER_AVAILABLE": "terminated",
}
_MYELOMA = re.compile(
    r"\bmyeloma(?:s|tosis)?\b|\bplasm[ao]cytoma|\bplasma[- ]cell\s+(?:leuka?emia|neoplasm|dyscrasia|disorder|tumou?r)"
    r"|\b(?:RR|ND|R/R\s?)MM\b|neoplasms,\s+plasma\s+cell",
    re.IGNORECASE,
)
# Basket trials may take myeloma without naming it among their conditions.
_UMBRELLA = re.compile(
    r"h(?:a?ematolog|ematopoiet)\w*.*(?:malignan|cancer|neoplas|tumou?r|disease)|blood cancer|lymphoid malignan|"
    r"b[- ]cell malignan|advanced (?:cancer|malignan)|^(?:cancer|neoplasms?|malignan\w*)$|lymphoproliferative",
    re.IGNORECASE,
)
_YEARS = re.compile(r"(\d{1,3})\s*years?", re.IGNORECASE)
_Of = TypeVar("_Of")


@dataclass(frozen=True)
class ImportedTrial:
    """One trial as the register holds it.

    status           in the words of the register, with the dates on which it was verified and last posted
    minimum_age ...  as told ("18 Years"); empty where there is no limit
    sex              ALL, FEMALE, MALE or empty
    is_myeloma       None where the conditions are a broader group, or are not told
    """

    nct_id: str
    title: str
    official_title: str
    status: str
    status_verified: SeenOn | None
    last_update: SeenOn | None
    start: SeenOn | None
    study_type: str
    phases: tuple[str, ...]
    conditions: tuple[str, ...]
    keywords: tuple[str, ...]
    interventions: tuple[str, ...]
    minimum_age: str
    maximum_age: str
    sex: str
    countries: tuple[str, ...]
    items: tuple[EligibilityItem, ...]
    is_myeloma: bool | None
    place: str

    @property
    def inclusion(self) -> tuple[str, ...]:
        return tuple(item.text for item in self.items if item.kind == "inclusion")

    @property
    def exclusion(self) -> tuple[str, ...]:
        return tuple(item.text for item in self.items if item.kind == "exclusion")

    @property
    def unstated(self) -> tuple[str, ...]:
        """What stands before any heading: whether it includes or excludes is for a reader to say."""
        return tuple(item.text for item in self.items if item.kind == "unstated")


def read_trials(path: Path) -> list[ImportedTrial]:
    """Every trial of a file, or of the .json, .ndjson and .jsonl files of a folder. Raises UnreadableInput."""
    return [_study(study, place) for file in _files(path) for study, place in _studies(file)]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not files:
        raise UnreadableInput(f"{path}: found no {', '.join(SUFFIXES)} file; expected {EXPECTED}. Check the path.")
    return files


def _studies(file: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Each study and the place it stands at, for messages."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{file}: this cannot be read as text ({error}); expected {EXPECTED}.") from error
    for told, place in _documents(text, file):
        if isinstance(told, dict) and "studies" in told:
            told = told["studies"]
        listed = told if isinstance(told, list) else [told]
        for number, study in enumerate(listed, 1):
            where = f"{place}, study {number}" if len(listed) > 1 else place
            yield _checked(study, where), where


def _documents(text: str, file: Path) -> Iterator[tuple[Any, str]]:
    """The whole file as one JSON text or, where that fails, each line as one."""
    try:
        yield json.loads(text), str(file)
        return
    except json.JSONDecodeError as error:
        whole = error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines or not all(line.lstrip().startswith("{") for _, line in lines):
        found = "an empty file" if not lines else f"no JSON ({whole.msg}, line {whole.lineno})"
        raise UnreadableInput(f"{file}: found {found}; expected {EXPECTED}. Export it again as JSON.")
    for number, line in lines:
        try:
            yield json.loads(line), f"{file}, line {number}"
        except json.JSONDecodeError as error:
            raise UnreadableInput(
                f"{file}, line {number}: found no JSON ({error.msg}); expected {EXPECTED}. Export it again as JSON."
            ) from error


def _checked(study: Any, place: str) -> dict[str, Any]:
    if isinstance(study, dict) and isinstance(study.get("protocolSection"), dict):
        return study["protocolSection"]
    keys = ", ".join(sorted(map(str, study))[:5]) if isinstance(study, dict) else ""
    found = f"an object with {keys or 'no key'}" if isinstance(study, dict) else f"a {type(study).__name__}"
    raise UnreadableInput(f"{place}: found {found}; expected {EXPECTED}. Export it again as JSON from the API.")


class _Modules:
    """The modules of a study. What is absent is empty; what has another shape than expected is refused."""

    def __init__(self, study: dict[str, Any], place: str) -> None:
        self.study, self.place = study, place

    def get(self, path: str, expected: type[_Of]) -> _Of:
        at: Any = self.study
        *above, last = path.split(".")
        for name in above:
            at = self._as(at.get(name), dict, path)
        return self._as(at.get(last), expected, path)

    def text(self, path: str) -> str:
        return self.get(path, str).strip()

    def texts(self, path: str) -> tuple[str, ...]:
        return tuple(self._as(one, str, path).strip() for one in self.get(path, list))

    def named(self, path: str, name: str) -> tuple[str, ...]:
        """One text of each entry of a list, each once and in order."""
        found = (self._as(self._as(one, dict, path).get(name), str, path) for one in self.get(path, list))
        return tuple(dict.fromkeys(one.strip() for one in found if one.strip()))

    def day(self, path: str) -> SeenOn | None:
        try:
            return seen_on(self.text(path))
        except ValueError as error:
            raise UnreadableInput(f"{self.place}, {path}: {error}. Export it again from the API.") from error

    def _as(self, told: Any, expected: type[_Of], path: str) -> _Of:
        if told is None:
            return expected()
        if not isinstance(told, expected):
            found = f"a {type(told).__name__} ({str(told)[:40]!r})"
            raise UnreadableInput(
                f"{self.place}, {path}: found {found}; expected a {expected.__name__}. Export it again from the API."
            )
        return told


def _study(protocol: dict[str, Any], place: str) -> ImportedTrial:
    read = _Modules(protocol, place)
    conditions, keywords = read.texts("conditionsModule.conditions"), read.texts("conditionsModule.keywords")
    title, official = read.text("identificationModule.briefTitle"), read.text("identificationModule.officialTitle")
    text = read.text("eligibilityModule.eligibilityCriteria")
    return ImportedTrial(
        nct_id=read.text("identificationModule.nctId"),
        title=title,
        official_title=official,
        status=read.text("statusModule.overallStatus"),
        status_verified=read.day("statusModule.statusVerifiedDate"),
        last_update=read.day("statusModule.lastUpdatePostDateStruct.date"),
        start=read.day("statusModule.startDateStruct.date"),
        study_type=read.text("designModule.studyType"),
        phases=tuple(_phase(one) for one in read.texts("designModule.phases")),
        conditions=conditions,
        keywords=keywords,
        interventions=read.named("armsInterventionsModule.interventions", "name"),
        minimum_age=_limit(read.text("eligibilityModule.minimumAge")),
        maximum_age=_limit(read.text("eligibilityModule.maximumAge")),
        sex=read.text("eligibilityModule.sex").upper(),
        countries=read.named("contactsLocationsModule.locations", "country"),
        items=eligibility_items(text),
        is_myeloma=_is_myeloma((*conditions, *keywords, title, official), conditions, text),
        place=place,
    )


def _phase(told: str) -> str:
    return {"NA": "not applicable", "EARLY_PHASE1": "early phase 1"}.get(told, told.lower().replace("phase", "phase "))


def _limit(told: str) -> str:
    return "" if told.upper() in ("N/A", "NA", "NONE") else told


def _is_myeloma(named: tuple[str, ...], conditions: tuple[str, ...], text: str) -> bool | None:
    if any(_MYELOMA.search(one) for one in named):
        return True
    if not conditions or any(_UMBRELLA.search(one) for one in conditions) or _MYELOMA.search(text):
        return None
    return False


def as_trial(told: ImportedTrial) -> Trial:
    """The same trial as a record that can be matched: age is structured, everything else is a text to be read."""
    # Without an own number two studies of a file would be taken for one.
    id_ = told.nct_id or f"no number ({told.place})"
    criteria = (*_ages(told), *_sex(told), *_free_text(told))
    return Trial(
        id=id_,
        id_checked="registry-record",
        also=(),
        title=told.title or told.official_title,
        interventions=told.interventions,
        agents=(),
        targets=(),
        cls="not told",
        phase=", ".join(told.phases),
        status=_status(told),
        countries=told.countries,
        setting="; ".join(told.conditions),
        criteria=criteria,
        criteria_complete=False,
        unread=() if told.items else ("The register holds no eligibility text for this trial.",),
        notes=_about_myeloma(told),
        ours=(),
    )


def _about_myeloma(told: ImportedTrial) -> tuple[str, ...]:
    if told.is_myeloma:
        return ()
    doubt = "The conditions of this trial do not name myeloma"
    return (f"{doubt}.",) if told.is_myeloma is False else (f"{doubt}; a broader group may include it.",)


def _status(told: ImportedTrial) -> Status:
    """The day the sponsor verified it counts, not the day of our download: only the sponsor knows."""
    word = _STATUS.get(told.status, "unknown")
    says = "" if word != "unknown" or not told.status else f"register: {told.status.lower().replace('_', ' ')}"
    seen = told.status_verified or told.last_update
    return Status(word, seen, False, says, SOURCE, "statusModule", "registry-record")


def _ages(told: ImportedTrial) -> Iterator[TrialCriterion]:
    for id_, bound, limit in (("age-from", "at_least", told.minimum_age), ("age-to", "at_most", told.maximum_age)):
        if not limit:
            continue
        years = _YEARS.fullmatch(limit)
        atom = {"age": {bound: int(years[1])}} if years else None
        yield _criterion(id_, "inclusion", atom, f"Age {bound.replace('_', ' ')} {limit.lower()}.")


def _sex(told: ImportedTrial) -> Iterator[TrialCriterion]:
    if told.sex not in ("", "ALL"):
        yield _criterion("sex", "inclusion", None, f"Sex: {told.sex.lower()}.")


def _free_text(told: ImportedTrial) -> Iterator[TrialCriterion]:
    for number, item in enumerate(told.items, 1):
        kind = "exclusion" if item.kind == "exclusion" else "inclusion"
        says = f"[not told whether this includes or excludes] {item.text}" if item.kind == "unstated" else item.text
        yield _criterion(f"text-{number}", kind, None, says)


def _criterion(id_: str, kind: str, needs: dict[str, Any] | None, says: str) -> TrialCriterion:
    return TrialCriterion(id_, kind, needs, says, "", "", SOURCE, "eligibilityModule", "registry-record")
