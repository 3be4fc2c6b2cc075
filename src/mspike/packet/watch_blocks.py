"""The schedule in blocks: what is overdue, due and next, and the visits that were missed."""

from __future__ import annotations

from mspike.knowledge.schedule import schedule
from mspike.packet.blocks import Block, Grid, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.cited import Cited
from mspike.packet.standing import Told
from mspike.report.terminal import day_told
from mspike.report.watch import NEVER, ORDER, gap_told, state_told, watch_told

OPEN = ("overdue", "due", "next")
HOW = "A test counts for the due day nearest to it; it is overdue 7 days after a due day up to day 28, then 14 days."


def item_names() -> dict[str, str]:
    """The words of each test of the schedule."""
    return {item.name: item.says for item in schedule().items}


def watch_blocks(case: Case, cited: Cited) -> list[Block]:
    """The tests of each infusion in the order in which they matter, missed visits, and where the schedule is from."""
    blocks: list[Block] = [Heading("What to watch", id="watch")]
    if not case.watch["lines"]:
        blocks.append(Paragraph("No infusion is recorded by then, so no schedule runs."))
    for line in case.watch["lines"]:
        # The terminal names the verb to type; a page names its own part.
        words = watch_told(case.patient, line).replace("`mspike why` tells", "the part Why tells")
        blocks += [Paragraph(words), *_tests(line)]
        blocks += [Paragraph(gap_told(gap), "note") for gap in line["missed_visits"]]
    plan = case.watch["schedule"]
    source = cited.marked(f"Schedule: {plan['title']} ({plan['where']}; checked: {plan['checked']})", plan["source"])
    return [*blocks, Paragraph(f"{source}. {HOW}", "note")]


def _tests(line: Told) -> list[Block]:
    items = {item.name: item for item in schedule().items}
    tests = sorted(line["tests"], key=lambda t: ORDER.index(t["state"]))
    if line["ended"] is not None:
        tests = [t for t in tests if t["state"] in OPEN]
    if not tests:
        return []
    rows = tuple(
        (items[t["item"]].says, state_told(t, items[t["item"]].only_if).strip(), day_told(t["due"], "no day is due"),
         day_told(t["last_done"], NEVER), items[t["item"]].costs)
        for t in tests
    )  # fmt: skip
    return [Grid(f"Schedule of line {line['line']}", ("test", "state", "due", "last done", "costs"), rows)]
