"""The declared tables, columns and analytes as `mspike columns` shows them: from the declarations, never by hand."""

from __future__ import annotations

from typing import Any

from mspike.errors import WrongUsage
from mspike.knowledge.therapies import agents
from mspike.record.analytes import ANALYTES, SPELLINGS, URINE_CONCENTRATION
from mspike.record.tables import RESULTS, TABLES, Column, Table
from mspike.report.terminal import say, say_table


def declared_columns(table: str | None = None) -> list[dict[str, Any]]:
    """Every column of one table, or of all. Raises WrongUsage for a table that is not declared."""
    if table is not None and table not in TABLES:
        raise WrongUsage(f"columns {table}: no such table. Tables: {', '.join(TABLES)}.")
    return [
        {
            "table": t.name, "column": c.name, "type": c.kind, "unit": c.unit, "required": c.required,
            "meaning": c.meaning, "choices": list(_choices(t, c)), "low": c.low, "high": c.high,
        }
        for t in TABLES.values() if table in (None, t.name)
        for c in t.columns
    ]  # fmt: skip


def declared_analytes() -> list[dict[str, Any]]:
    """Every analyte with its canonical unit, the units and spellings accepted, and the factor of each."""
    return [
        {
            "analyte": a.name, "meaning": a.meaning, "kind": a.kind, "unit": a.unit,
            "units": {unit: str(factor) for unit, factor in a.units.items()},
            "spellings": sorted(s for s, unit in SPELLINGS.items() if unit in a.units),
            "highest_plausible": a.high, "unit_may_be_missing": a.unit_may_be_missing,
            "words": {word: list(spellings) for word, spellings in a.words.items()},
        }
        for a in ANALYTES.values()
    ]  # fmt: skip


def _choices(table: Table, column: Column) -> tuple[str, ...]:
    if table is RESULTS and column.name == "analyte":
        return tuple(ANALYTES)
    return ("yes", "no") if column.kind == "boolean" else column.choices


def print_columns(columns: list[dict[str, Any]]) -> None:
    """One table of the terminal a declared table."""
    for name in dict.fromkeys(c["table"] for c in columns):
        say("", f"{name}: one row per {TABLES[name].row} (* required)", "")
        rows = [_column_row(c) for c in columns if c["table"] == name]
        say_table(("column", "type", "unit", "meaning"), rows, whole=("column",))
    say("", "Analytes and their units: mspike columns --analytes. Agents and the names they are read by: --agents.")
    say("An empty workbook to type into: mspike template.")


def _column_row(column: dict[str, Any]) -> tuple[str, ...]:
    meaning = column["meaning"]
    if column["choices"] and column["column"] != "analyte":
        meaning += f" One of {', '.join(column['choices'])}."
    if column["low"] is not None or column["high"] is not None:
        ends = ("" if end is None else f"{end:g}" for end in (column["low"], column["high"]))
        meaning += " Plausible: {} to {}.".format(*ends)
    return column["column"] + ("*" if column["required"] else ""), column["type"], column["unit"], meaning


def print_analytes(analytes: list[dict[str, Any]]) -> None:
    """Every analyte with the units accepted."""
    rows = [(a["analyte"], a["unit"] or "a word", a["meaning"], ", ".join(a["units"])) for a in analytes]
    say_table(("analyte", "canonical unit", "meaning", "units accepted"), rows, whole=("analyte",))
    say("", "Words of the ward, each with its spellings in --json:", "")
    worded = [(a["analyte"], ", ".join(a["words"])) for a in analytes if a["words"]]
    say_table(("analyte", "words"), worded, whole=("analyte",))
    concentrations = ", ".join(URINE_CONCENTRATION)
    say(
        "",
        f"urine_m_24h may also be a concentration ({concentrations}) where urine_volume_24h of the same day is given.",
        "Common spellings are read too (g/24h, k/uL, 10^9/l ...): mspike columns --analytes --json lists them.",
    )


def declared_agents() -> list[dict[str, Any]]:
    """Every agent a treatment may name, with its class, target and the other names it is read by."""
    return [
        {
            "agent": agent.name, "class": agent.cls, "targets": list(agent.targets),
            "names": [*agent.synonyms, *agent.short], "codes": {kind: code.code for kind, code in agent.codes},
        }
        for agent in agents().values()
    ]  # fmt: skip


def print_agents(told: list[dict[str, Any]]) -> None:
    """Every agent with its class, target and names."""
    rows = [(a["agent"], a["class"], ", ".join(a["targets"]), ", ".join(a["names"])) for a in told]
    say_table(("agent", "class", "target", "also read as"), rows)
    say("", "Abbreviations (VRd, DPd, KRd ...) are read as their agents. What cannot be read becomes a finding.")
