"""Prints what `mspike check` found: the worst first, one row a kind, and the rows of every table accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mspike.record.tables import TABLES
from mspike.report.terminal import counted, say, say_table

MEANING = {"error": "the row was set aside", "warning": "look at it", "info": "worth knowing"}
LONGEST = 30  # characters shown of what was found


def print_check(told: Mapping[str, Any]) -> None:
    """The findings of a registry, read from top to bottom."""
    say(f"{told['registry']}: {counted(told['patients'], 'patient')}, {_calendar(told['calendar'])}.", "")
    rows = [
        (name, f"{c['rows']:,}", f"{c['used']:,}", f"{c['set_aside']:,}")
        for name in TABLES
        if (c := told["rows"].get(name)) and c["rows"]
    ]
    figures = ("rows in", "used", "set aside")
    say_table(("table", *figures), rows, right=figures)
    say("", findings_sentence(told["findings"]))
    if told["kinds"]:
        print()
        header = ("", "number", "where", "problem and what was found", "expected")
        say_table(header, [_row(kind) for kind in told["kinds"]], right=("number",), whole=("", "where"))
        say("", "Severity: " + "; ".join(f"{name}: {text}" for name, text in MEANING.items()) + ".")


def findings_sentence(numbers: Mapping[str, int]) -> str:
    """How many findings there are, with what that means."""
    if not any(numbers.values()):
        return "No finding."
    errors, warnings, infos = (numbers[s] for s in ("error", "warning", "info"))
    told = [
        f"{counted(errors, 'error')} ({'row' if errors == 1 else 'rows'} set aside)" if errors else "",
        counted(warnings, "warning") if warnings else "",
        f"{infos:,} for information" if infos else "",
    ]
    return "Findings: " + ", ".join(t for t in told if t) + "."


def _calendar(calendar: str) -> str:
    return "dates" if calendar == "iso" else "days from the infusion"


def _row(kind: Mapping[str, Any]) -> tuple[str, ...]:
    rows = ", ".join(str(r) for r in kind["first_rows"])
    more = " ..." if kind["number"] > len(kind["first_rows"]) else ""
    place = f"row {rows}{more}" if rows else "\n".join(kind["first_patients"])
    where = "\n".join(part for part in (kind["table"], kind["column"], place) if part)
    found = [f"{text[: LONGEST - 1]}…" if len(text) > LONGEST else text for text in kind["found"]]
    return kind["severity"], f"{kind['number']:,}", where, "\n".join([kind["problem"], *found]), kind["expected"]
