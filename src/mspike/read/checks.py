"""What a map asks of its source beyond the columns: do two columns agree, is what must be there, what was left out?"""

from __future__ import annotations

from mspike.read.days import plain
from mspike.read.grammar import Check, Map, Noted
from mspike.read.sheets import Line, Notes, Sheet, holds, joined_lines, matches, related


def run_checks(mapping: Map, sheets: dict[str, Sheet], notes: Notes) -> None:
    """One finding for every row that fails a check of the map."""
    for check in mapping.checks:
        for line in joined_lines(sheets, check.source, check.join, Notes()):
            if not holds(check.when, line):
                continue
            if check.compare is not None:
                _compare(check, line, notes)
            else:
                _look_for_any(check, line, notes)


def _compare(check: Check, line: Line, notes: Notes) -> None:
    assert check.compare is not None
    column, relation, other = check.compare
    left, right = line.cells.get(column), line.cells.get(other)
    if left is None or right is None or related(left, relation, right):
        return
    found = f"{column} {left}, {other} {right}"
    notes.add(check.severity, line, column, check.problem, found, check.says)


def _look_for_any(check: Check, line: Line, notes: Notes) -> None:
    filled = {column: line.cells[column] for column in check.any_of if column in line.cells}
    wanted = {plain(value) for value in check.holds}
    if any(not wanted or plain(text) in wanted for text in filled.values()):
        return
    found = "; ".join(f"{column} {text}" for column, text in filled.items()) or "all empty"
    notes.add(check.severity, line, check.any_of[0], check.problem, found, check.says)


def note_undated(mapping: Map, sheets: dict[str, Sheet], notes: Notes) -> None:
    """One finding a row (mostly: a patient) with the facts that the record has no dated place for."""
    for noted in mapping.noted:
        columns = [c for c in sheets[noted.source].columns if any(matches(name, c) for name in noted.columns)]
        for line in sheets[noted.source].lines:
            facts = [f"{column}: {line.cells[column]}" for column in columns if column in line.cells]
            if facts:
                found = f"{len(facts)} noted: " + "; ".join(facts)
                notes.add(noted.severity, line, _span(noted), noted.problem, found, noted.says)


def _span(noted: Noted) -> str:
    first, last = noted.columns[0], noted.columns[-1]
    return first if first == last else f"{first} ... {last}"


def note_unused_columns(mapping: Map, sheets: dict[str, Sheet], notes: Notes) -> None:
    """Every filled column that the map passes over, with the reason the map gives, if it gives one."""
    for name, sheet in sheets.items():
        reasons = mapping.leave.get(name, {})
        for column in sheet.columns:
            if column in sheet.used:
                continue
            reason = next((text for name, text in reasons.items() if matches(name, column)), None)
            for line in sheet.lines:
                if column not in line.cells:
                    continue
                if reason is not None:
                    notes.tally("info", sheet.file, column, "left_out", "filled cells", reason)
                else:
                    expected = "a place in the map, or a reason under leave:"
                    notes.tally("warning", sheet.file, column, "column_not_mapped", "filled cells", expected)
