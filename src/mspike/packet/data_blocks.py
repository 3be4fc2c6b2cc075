"""The data in blocks: what was found wrong with it, where it contradicts itself, and the settings in force."""

from __future__ import annotations

from mspike.course.disagreements import disagreements_of
from mspike.packet.blocks import Block, Bullets, Facts, Grid, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.standing import Told, said_day
from mspike.report.history import ANSWER
from mspike.report.safety_rows import AGREEMENT
from mspike.report.terminal import counted, day_told

SEVERE = ("error", "warning")
VERB = {"error": "set aside", "warning": "needs a look", "info": "for information"}


def doubts(case: Case) -> list[Told]:
    """The findings that a page does not rest on, or rests on with doubt: errors first."""
    found = [f for f in case.explained["findings"] if f["severity"] in SEVERE]
    return sorted(found, key=lambda f: SEVERE.index(f["severity"]))


def doubt_place(finding: Told) -> str:
    """Where a finding stands and what kind it is."""
    place = finding["table"] + (f" row {finding['row']}" if finding["row"] is not None else "")
    return f"{place}, {finding['column'] or 'no column'}: {finding['problem'].replace('_', ' ')}"


def disagreements(case: Case) -> list[str]:
    """Where what is derived and what is stated differ; neither is corrected."""
    told = [_statement(row, case) for row in disagreements_of(case.derived).to_dicts()]
    for infusion in case.safety["infusions"]:
        told += [words for kind in ("crs", "icans") if (words := _grade(infusion, kind))]
    for differ in case.history["rule_sets_differ"]:
        told.append(
            f"{differ['agent']} from {day_told(differ['start_day'])}: line {differ['line_rajkumar']} by rajkumar-2015, "
            f"{differ['line_claims']} by claims ({differ['why'].replace('_', ' ')})"
        )
    told += [words for line in case.history["lines"] if (words := _response(line))]
    return list(dict.fromkeys(told))


def _statement(row: Told, case: Case) -> str:
    lines = {one["gid"]: one for one in case.derived.courses.select("gid", "index_day").to_dicts()}
    when = lines.get(row["gid"], {}).get("index_day")
    before = f" before the infusion on {said_day(case, when)}" if when is not None else ""
    item, aspect = row["item"].replace("_", " "), row["aspect"]
    derived, stated = ANSWER[row["derived"]], ANSWER[row["stated"]]
    return f"{item}, {aspect}{before}: derived {derived}, stated {stated} ({row['reason']})"


def _grade(infusion: Told, kind: str) -> str:
    """A recorded grade that the values contradict."""
    agreement = infusion[f"{kind}_agreement"]
    if agreement not in ("derived_higher", "recorded_higher"):
        return ""
    low, high = infusion[f"{kind}_at_least"], infusion[f"{kind}_at_most"]
    derived = str(low) if low == high else f"{low} to {high}"
    recorded, when = infusion[f"{kind}_recorded_grade"], day_told(infusion["index_day"])
    head = f"{kind.upper()} after the infusion on {when}"
    return f"{head}: derived grade {derived}, recorded grade {recorded} ({AGREEMENT[agreement]})"


def _response(line: Told) -> str:
    """A recorded best response beside another derived one."""
    best, recorded = line["best"], line["recorded"]
    if not best or not recorded or best in ("NE", recorded):
        return ""
    return f"Best response of line {line['line']}: derived {best}, recorded {recorded}"


def data_blocks(case: Case) -> list[Block]:
    """Findings, disagreements, and every setting that is not as by default."""
    blocks: list[Block] = [Heading("Data", id="data"), *_findings(case)]
    differ = disagreements(case)
    blocks.append(Heading("Derived and stated differ", 3))
    blocks.append(Bullets(tuple(differ)) if differ else Paragraph("Nothing that is stated is contradicted."))
    return [*blocks, *settings_blocks(case)]


def _findings(case: Case) -> list[Block]:
    found = case.explained["findings"]
    if not found:
        return [Paragraph("No problem was found in the data of this patient.")]
    rows = tuple(
        (VERB.get(f["severity"], f["severity"]), f["table"], "whole table" if f["row"] is None else str(f["row"]),
         f["column"] or "no column", f["problem"].replace("_", " "), f["found"] or "nothing", f["expected"])
        for f in sorted(found, key=lambda f: (*SEVERE, "info").index(f["severity"]))
    )  # fmt: skip
    heads = ("what follows", "table", "row", "column", "problem", "found", "expected")
    title = f"{counted(len(rows), 'finding')} in the data of this patient"
    return [Grid(title, heads, rows, right=("row",))]


def settings_blocks(case: Case) -> list[Block]:
    """The settings that were changed; the others stand as by default, and the stamp bears their hash."""
    changed = case.explained["settings_changed"]
    blocks: list[Block] = [Heading("Settings", 3)]
    if not changed:
        return [*blocks, Paragraph(f"All as by default of {case.asked.rules.edition}.")]
    return [*blocks, Paragraph("Changed from the default:"), Facts(tuple(changed.items()))]
