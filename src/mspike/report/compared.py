"""Prints what differs between two runs: first the sentence, then what was set differently, then who changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mspike.record.tables import CATEGORIES
from mspike.report.terminal import counted, say, say_table

MOST_ROWS = 40
FEW = 5
WORDS = {
    "best_response": "best response", "pd_date": "date of progression", "failure_type": "failure type",
    "measurable_by": "measurable by", "pfs": "progression-free survival",
}  # fmt: skip
Told = Mapping[str, Any]


def print_comparison(told: Told) -> None:
    """The comparison of two runs, read from top to bottom."""
    a, b = told["runs"]
    say(_sentence(told), "", f"A is {a}, B is {b}.")
    _print_differences(told["differs"])
    _print_one_sided(told)
    if not told["changes"]:
        return
    say("", "Lines of therapy that changed, of those in both runs:", "")
    patients = {what: {c["patient_id"] for c in told["changes"] if c["what"] == what} for what in told["changed"]}
    rows = [
        (WORDS[w], f"{n:,}", f"{told['lines']['both']:,}", f"{len(patients[w]):,}") for w, n in told["changed"].items()
    ]
    figures = ("changed", "of lines", "patients")
    say_table(("what", *figures), rows, right=figures)
    _print_cross(told["best_response"])
    _print_changes(told["changes"])


def _sentence(told: Told) -> str:
    changed, both = told["changed_patients"], told["patients"]["both"]
    if not changed:
        return f"No patient changed, of {both:,} in both runs."
    return f"{counted(changed, 'patient')} of {both:,} in both runs changed."


def _print_differences(differs: Told) -> None:
    stamp, settings, inputs = differs["stamp"], differs["settings"], differs["input"]
    if not (stamp or settings or inputs):
        say("Same version, edition, settings and inputs.")
        return
    rows = [(name, *pair) for name, pair in stamp.items()]
    rows += [(f"setting {name}", *pair) for name, pair in settings.items()]
    rows += [(f"input {name}", *_files(pair)) for name, pair in inputs.items()]
    print()
    say_table(("what differs", "A", "B"), rows)


def _files(hashes: list[str | None]) -> tuple[str, ...]:
    return tuple("absent" if h is None else f"sha256 {h[:12]}" for h in hashes)


def _print_one_sided(told: Told) -> None:
    for side, other in (("a", "B"), ("b", "A")):
        ids = told["patients"][f"only_{side}"]
        if ids:
            more = ", ..." if len(ids) > FEW else ""
            say(f"{counted(len(ids), 'patient')} only in {side.upper()}: {', '.join(ids[:FEW])}{more}")
        if lines := told["lines"][f"only_{side}"]:
            say(f"{counted(lines, 'line')} of therapy that {other} does not have, of patients in both.")


def _print_cross(pairs: list[Told]) -> None:
    """Best response in A (down) by best response in B (across), counts of lines."""
    if all(pair["from"] == pair["to"] for pair in pairs):
        return
    counts = {(pair["from"], pair["to"]): pair["lines"] for pair in pairs}
    down = [c for c in CATEGORIES if any(f == c for f, _ in counts)]
    across = [c for c in CATEGORIES if any(t == c for _, t in counts)]
    rows = [(c, *(f"{counts[c, t]:,}" if (c, t) in counts else "." for t in across)) for c in down]
    say("", "Best response in A (down) and in B (across), lines of therapy:", "")
    say_table(("A \\ B", *across), rows, right=across)


def _print_changes(changes: list[Told]) -> None:
    """One row a change; the same change in several lines of a patient is one row."""
    rows = _joined(changes)
    shown = rows[:MOST_ROWS]
    say("", f"Who changed ({len(shown):,} of {len(rows):,} rows; - fired in A only, + fired in B only):", "")
    say_table(("patient", "line", "what", "from", "to", "by"), shown, whole=("patient",))
    if len(rows) > len(shown):
        hint = f"--out FILE.csv writes all {counted(len(changes), 'change')}, --json prints them."
        say("", f"{len(rows) - len(shown):,} more rows: {hint}")


def _joined(changes: list[Told]) -> list[tuple[str, ...]]:
    lines: dict[tuple[str, ...], list[str]] = {}
    for change in changes:
        lines.setdefault(_row(change), []).append(change["line"])
    return [(patient, ", ".join(numbers), *rest) for (patient, *rest), numbers in lines.items()]


def _row(change: Told) -> tuple[str, ...]:
    rules = [f"- {rule}" for rule in change["rules_a"]] + [f"+ {rule}" for rule in change["rules_b"]]
    by = f"{', '.join(rules)} ({change['since']})" if rules else "no rule of a visit differs"
    texts = (change["from"] or "none", change["to"] or "none")
    return change["patient_id"], WORDS[change["what"]], *(t.replace(";", ", ") for t in texts), by
