"""Trials as structured records: ours, and those of a user's own file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mspike.errors import KnowledgeError
from mspike.knowledge.trials.reading import read_records, read_trial_file
from mspike.knowledge.trials.records import SeenOn, Status, Trial, TrialCriterion, seen_on

__all__ = ["SeenOn", "Status", "Trial", "TrialCriterion", "read_trial_file", "seen_on", "trials"]

FOLDER = Path(__file__).parent


@cache
def trials() -> dict[str, Trial]:
    """Every trial we hold, by its number. Raises KnowledgeError where a record is not complete or stands twice."""
    found: dict[str, Trial] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        read = read_records(path)
        if twice := sorted(read.keys() & found.keys()):
            raise KnowledgeError(f"{path.name}: {', '.join(twice)} stands in another file too. Keep one of them.")
        found |= read
    return found
