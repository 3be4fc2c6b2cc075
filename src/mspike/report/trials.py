"""Which trials a patient may fit: each criterion with its answer, and the texts that a person must read."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mspike import INTENDED_USE, __version__
from mspike.asking import Question
from mspike.errors import UnreadableInput, WrongUsage
from mspike.knowledge.criteria import knowledge_hash
from mspike.knowledge.trials import Trial, TrialCriterion, trials
from mspike.knowledge.trials.reading import read_trial_file
from mspike.options.trials import TrialMatch, match_all
from mspike.read.ctgov import as_trial, read_trials
from mspike.report.options import standing_for
from mspike.report.options_page import MARK, SAID
from mspike.report.pooled import MEMORY, MEMORY_SAYS
from mspike.report.terminal import counted, day_told, say, say_table

Told = dict[str, Any]
MET = {True: "met", False: "not met", None: "not known"}


def known_trials(file: Path | None) -> list[Trial]:
    """The trials of this project, or those of a file: structured YAML of one's own, or ClinicalTrials.gov JSON."""
    if file is None:
        return list(trials().values())
    if not file.exists():
        raise UnreadableInput(f"{file}: no such file.")
    if file.suffix.lower() in (".yaml", ".yml"):
        return list(read_trial_file(file).values())
    return [as_trial(one) for one in read_trials(file)]


def one_trial(found: list[Trial], name: str) -> Trial:
    """The trial of this number. Raises WrongUsage, with close numbers, where there is none."""
    for trial in found:
        if name.upper() in (trial.id.upper(), *(other.upper() for other in trial.also)):
            return trial
    close = get_close_matches(name, [t.id for t in found], n=3, cutoff=0.3)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    raise WrongUsage(f"trials show {name}: no such trial; `mspike trials list` shows all.{hint}")


def matched(asked: Question, patient: str, found: list[Trial], *, known: list[str] | None = None) -> Told:
    """Every trial with its answer for this patient on the day asked."""
    standing, _ = standing_for(asked, patient, known=known, verb="trials match")
    return {
        "patient_id": standing.patient, "on": standing.said_day(standing.day), "taken_as_known": known or [],
        "trials": [match_told(m) for m in match_all(found, standing)], "stamp": asked.stamp(),
    }  # fmt: skip


def match_told(one: TrialMatch) -> Told:
    return {
        **trial_told(one.trial), "answer": one.answer, "because": list(one.because), "missing": list(one.missing),
        "recruiting": {"holds": one.recruiting.holds, "because": one.recruiting.because},
        "criteria": [
            {**_criterion(row.criterion), "holds": row.holds, "because": row.because, "missing": list(row.missing)}
            for row in one.rows
        ],
        "to_read": list(one.to_read),
    }  # fmt: skip


def trial_told(trial: Trial) -> Told:
    return {
        "id": trial.id, "id_checked": trial.id_checked, "also": list(trial.also), "title": trial.title,
        "class": trial.cls, "targets": list(trial.targets), "phase": trial.phase, "status": trial.status.words,
        "status_seen": str(trial.status.seen or ""), "status_checked": trial.status.checked,
        "criteria": [_criterion(c) for c in trial.criteria], "criteria_complete": trial.criteria_complete,
        "unread": list(trial.unread), "notes": list(trial.notes),
    }  # fmt: skip


def _criterion(one: TrialCriterion) -> Told:
    return {
        "kind": one.kind, "says": one.says, "needs": one.needs, "cohort": one.cohort, "beyond": one.beyond,
        "source": one.source, "where": one.where, "checked": one.checked,
    }  # fmt: skip


def listed(found: Iterable[Trial]) -> Told:
    return {
        "trials": [trial_told(t) for t in found], "mspike": __version__, "knowledge_hash": knowledge_hash(),
        "intended_use": INTENDED_USE,
    }  # fmt: skip


def print_list(told: Told) -> None:
    say(f"{counted(len(told['trials']), 'trial')}. A status is only as new as the day it was seen.", "")
    rows = [(_id(t), t["title"], t["phase"], t["status"], t["status_seen"] or "not noted") for t in told["trials"]]
    say_table(("trial", "what", "phase", "status", "seen"), rows, whole=("trial",))
    _print_foot(told["trials"])


def print_trial(told: Told) -> None:
    say(
        f"{_id(told)}: {told['title']}",
        f"  Status: {told['status']}, seen {told['status_seen'] or 'on a day not noted'}.",
    )
    for one in told["criteria"]:
        cohort = f" (cohort {one['cohort']})" if one["cohort"] else ""
        read = "" if one["needs"] else " To be read, not judged."
        say(f"  {one['kind']}{cohort}: {one['says']}{read}{_memory(one)}")
    for text in (*told["unread"], *told["notes"]):
        say(f"  {text}")
    if not told["criteria_complete"]:
        say("  These are not all criteria: read the protocol.")
    _print_foot([told])


def print_matches(told: Told) -> None:
    counts = {a: sum(t["answer"] == a for t in told["trials"]) for a in MARK}
    number = counted(len(told["trials"]), "trial")
    answers = f"{counts['open']} open, {counts['unknown']} not known, {counts['closed']} closed"
    say(f"{told['patient_id']}, {day_told(told['on'])}: of {number} {answers}.")
    if told["taken_as_known"]:
        say(f"Taken as known for this question: {', '.join(told['taken_as_known'])}.")
    say("")
    rows = [(MARK[t["answer"]], _id(t), SAID[t["answer"]], t["title"]) for t in told["trials"]]
    say_table(("", "trial", "answer", "what"), rows, whole=("", "trial", "answer"))
    for trial in told["trials"]:
        say("", f"{MARK[trial['answer']]} {_id(trial)}: {SAID[trial['answer']]}. {trial['title']}")
        say(f"  {MET[trial['recruiting']['holds']]}: takes patients on that day. {trial['recruiting']['because']}")
        for row in [c for c in trial["criteria"] if c["needs"]]:
            cohort = f" (cohort {row['cohort']})" if row["cohort"] else ""
            say(f"  {MET[row['holds']]}{cohort}: {row['says']} ({row['because']}){_memory(row)}")
        free = [c for c in trial["criteria"] if not c["needs"]]
        for row in free:
            say(f"  To be read ({row['kind']}): {row['says']}{_memory(row)}")
        for text in trial["to_read"]:
            if text not in [row["says"] for row in free]:
                say(f"  To be read: {text}")
    _print_foot(told["trials"])


def _id(trial: Told) -> str:
    return f"{trial['id']}{' ' + MEMORY if trial['id_checked'] == 'memory' else ''}"


def _memory(row: Told) -> str:
    return f" {MEMORY}" if row["checked"] == "memory" else ""


def _print_foot(shown: list[Told]) -> None:
    if any(t["id_checked"] == "memory" or any(c["checked"] == "memory" for c in t["criteria"]) for t in shown):
        say("", MEMORY_SAYS)
    say("", INTENDED_USE)
