"""Reads trial records from YAML, ours and those of a user's own file, and refuses what is not complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from mspike.errors import KnowledgeError, MspikeError, UnreadableInput, WrongUsage
from mspike.knowledge.criteria import bibliography
from mspike.knowledge.files import read_yaml
from mspike.knowledge.therapies import agents
from mspike.knowledge.therapies.salvage.atoms import check_atom
from mspike.knowledge.trials.records import KINDS, RECRUITING, STATUSES, TRIAL_CHECKED, Status, Trial, TrialCriterion
from mspike.knowledge.trials.records import seen_on as _seen_on

_NCT = re.compile(r"NCT\d{8}")
_SOURCED = ("source", "where", "checked")
_LISTS = ("also", "interventions", "agents", "targets", "countries", "criteria", "unread", "notes", "ours")
_FIELDS = ("id_checked", "title", "class", "phase", "status", "setting", "criteria_complete", *_LISTS, *_SOURCED)
_STATUS_FIELDS = ("word", "seen", "at_latest", "says", *_SOURCED)
_CRITERION_FIELDS = ("id", "kind", "needs", "says", "cohort", "beyond", *_SOURCED)
_EXPECTED = "a mapping of trial numbers, each with title, class, status and criteria"


def read_records(path: Path) -> dict[str, Trial]:
    """The trials of one of our own files; raises KnowledgeError where a record is not complete."""
    return _Reader(path, KnowledgeError, own=False).trials(read_yaml(path))


def read_trial_file(path: Path) -> dict[str, Trial]:
    """The trials of a user's own YAML file, docs/how-to/trials.md.

    Raises UnreadableInput where it is no such file, WrongUsage where a field, word or criterion does not exist.
    A source is a free text there, and what is left out counts as told by the file itself (`checked: own`).
    """
    try:
        told = read_yaml(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path}: the file cannot be opened ({error}). Check the path.") from error
    except yaml.YAMLError as error:
        raise UnreadableInput(f"{path}: this is not valid YAML: {error}. Expected {_EXPECTED}.") from error
    if not isinstance(told, dict) or not told or not all(isinstance(body, dict) for body in told.values()):
        found = "an empty file" if told is None else f"a {type(told).__name__} of another shape"
        raise UnreadableInput(f"{path}: found {found}; expected {_EXPECTED}. docs/how-to/trials.md shows an example.")
    return _Reader(path, WrongUsage, own=True).trials(told)


class _Reader:
    """Turns plain YAML into records; every refusal names the file and the place in it."""

    def __init__(self, path: Path, error: type[MspikeError], own: bool) -> None:
        self.path, self.error, self.own = path, error, own

    def refuse(self, where: str, found: object, expected: str) -> MspikeError:
        return self.error(f"{self.path.name}, {where}: found {found}; expected {expected}. Mend it there.")

    def trials(self, told: dict[Any, Any]) -> dict[str, Trial]:
        return {str(id_): self._trial(str(id_), body) for id_, body in told.items()}

    def _trial(self, id_: str, body: Any) -> Trial:
        self._fields(id_, body, _FIELDS, ("title", "class", "status", "criteria_complete"))
        self._number(id_, body)
        criteria = tuple(self._criterion(id_, body, one) for one in self._list(id_, body, "criteria"))
        self._complete(id_, body["criteria_complete"], criteria, body)
        texts = {name: self._texts(id_, body, name) for name in ("also", "interventions", "targets", "countries")}
        return Trial(
            id=id_,
            id_checked=str(body.get("id_checked", "own")),
            title=str(body["title"]).strip(),
            agents=self._agents(id_, body),
            cls=str(body["class"]),
            phase=str(body.get("phase", "")),
            status=self._status(id_, body),
            setting=str(body.get("setting", "")).strip(),
            criteria=criteria,
            criteria_complete=body["criteria_complete"],
            unread=self._texts(id_, body, "unread"),
            notes=self._texts(id_, body, "notes"),
            ours=self._texts(id_, body, "ours"),
            **texts,
        )

    def _number(self, id_: str, body: dict[str, Any]) -> None:
        if id_.startswith("NCT") and not _NCT.fullmatch(id_):
            raise self.refuse(id_, repr(id_), "NCT and eight digits, or a name that does not begin with NCT")
        if not self.own and not body.get("id_checked"):
            raise self.refuse(id_, "no id_checked", "how the number was checked")
        self._checked(f"{id_}.id_checked", body.get("id_checked", "own"))

    def _complete(self, id_: str, complete: object, criteria: tuple[TrialCriterion, ...], body: dict[str, Any]) -> None:
        if not isinstance(complete, bool):
            raise self.refuse(f"{id_}.criteria_complete", repr(complete), "true or false")
        # A trial without criteria would be open to everybody.
        if complete and (not criteria or body.get("unread")):
            found = "criteria_complete: true with no criteria or with something unread"
            raise self.refuse(id_, found, "criteria_complete: false")
        ids = [one.id for one in criteria]
        if repeated := sorted({one for one in ids if ids.count(one) > 1}):
            raise self.refuse(f"{id_}.criteria", f"{', '.join(repeated)} twice", "each id once")

    def _criterion(self, id_: str, trial: dict[str, Any], body: Any) -> TrialCriterion:
        place = f"{id_}.criteria"
        self._fields(place, body, _CRITERION_FIELDS, ("id", "kind", "says"))
        place = f"{place}.{body['id']}"
        if "needs" not in body:
            raise self.refuse(place, "no needs", "what must hold, or `needs: null` where only a text is known")
        if body["kind"] not in KINDS:
            raise self.refuse(f"{place}.kind", repr(body["kind"]), " or ".join(KINDS))
        if body["needs"] is not None:
            self._atom(place, body["needs"])
        said = {name: str(body.get(name, "")).strip() for name in ("says", "cohort", "beyond")}
        sourced = self._sourced(place, {**_only(trial, *_SOURCED), **body})
        return TrialCriterion(id=str(body["id"]), kind=body["kind"], needs=body["needs"], **said, **sourced)

    def _atom(self, place: str, atom: Any) -> None:
        try:
            check_atom(atom, f"{place}.needs")
        except KnowledgeError as error:
            raise self.error(f"{self.path.name}, {error}") from error
        except TypeError as error:  # a list where a word belongs
            raise self.refuse(f"{place}.needs", repr(atom), "a criterion of docs/how-to/trials.md") from error

    def _status(self, id_: str, trial: dict[str, Any]) -> Status:
        place, body = f"{id_}.status", trial["status"]
        self._fields(place, body, _STATUS_FIELDS, ("word",))
        if body["word"] not in STATUSES:
            raise self.refuse(place, repr(body["word"]), f"one of {', '.join(STATUSES)}")
        try:
            seen = _seen_on(body.get("seen"))
        except ValueError as error:
            raise self.refuse(f"{place}.seen", error, "2025, 2025-08 or 2025-08-13") from error
        at_latest = body.get("at_latest", False)
        # A date that may be too late would make an old "recruiting" look fresh.
        if at_latest is not False and (at_latest is not True or body["word"] in RECRUITING):
            raise self.refuse(f"{place}.at_latest", repr(at_latest), "true or false, and never true while recruiting")
        sourced = self._sourced(place, {**_only(trial, *_SOURCED), **body})
        return Status(body["word"], seen, at_latest, str(body.get("says", "")).strip(), **sourced)

    def _sourced(self, place: str, told: dict[str, Any]) -> dict[str, str]:
        if self.own:
            told = {"source": self.path.name, "where": "as told", "checked": "own", **told}
        for name in _SOURCED:
            if not told.get(name):
                raise self.refuse(place, f"no {name}", "a source, the place in it and how it was checked")
        if not self.own and told["source"] not in bibliography():
            raise self.refuse(place, f"source {told['source']!r}", "a key of bibliography.yaml")
        self._checked(place, told["checked"])
        return {name: str(told[name]) for name in _SOURCED}

    def _checked(self, place: str, word: object) -> None:
        if word not in TRIAL_CHECKED:
            raise self.refuse(place, f"checked {word!r}", f"one of {', '.join(TRIAL_CHECKED)}")

    def _agents(self, id_: str, body: dict[str, Any]) -> tuple[str, ...]:
        named = self._texts(id_, body, "agents")
        if strange := [one for one in named if one not in agents()]:
            raise self.refuse(f"{id_}.agents", ", ".join(strange), "ids of agents.yaml (`mspike columns --agents`)")
        return named

    def _fields(self, place: str, body: Any, known: tuple[str, ...], needed: tuple[str, ...]) -> None:
        if not isinstance(body, dict):
            raise self.refuse(place, repr(body), f"a mapping with {', '.join(needed)}")
        if strange := sorted(str(name) for name in body if name not in known):
            raise self.refuse(place, f"the field {', '.join(strange)}", f"only {', '.join(known)}")
        if lacking := [name for name in needed if body.get(name) in (None, "")]:
            raise self.refuse(place, f"no {', '.join(lacking)}", "one")

    def _list(self, place: str, body: dict[str, Any], name: str) -> list[Any]:
        told = body.get(name) or []
        if not isinstance(told, list):
            raise self.refuse(f"{place}.{name}", repr(told), "a list")
        return told

    def _texts(self, place: str, body: dict[str, Any], name: str) -> tuple[str, ...]:
        return tuple(str(one).strip() for one in self._list(place, body, name))


def _only(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: body[name] for name in names if name in body}
