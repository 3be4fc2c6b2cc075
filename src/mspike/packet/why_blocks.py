"""Mechanisms in blocks: the overview, the tests that would tell, and what was found mechanism by mechanism."""

from __future__ import annotations

from mspike.packet.blocks import Block, Bullets, Grid, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.cited import Cited
from mspike.packet.standing import Told, failed
from mspike.report.terminal import day_told
from mspike.report.why import CHANGES, MARK, answer_told, context_told, when_told

STATES = {
    "for": "found", "against": "looked for, absent", "descriptive": "seen, not judged", "not_tested": "not tested",
}  # fmt: skip
SEVERAL = "Several mechanisms may hold at once, and none is the one certain cause. What was not tested is not known."


def why_blocks(case: Case, cited: Cited) -> list[Block]:
    """Every infusion: overview, tests, findings with their limits and sources, published shares."""
    blocks: list[Block] = [Heading("Why", id="why")]
    if not case.why["infusions"]:
        return [*blocks, Paragraph("No infusion is recorded by then, so there is no failure of CAR-T to explain.")]
    for infusion in case.why["infusions"]:
        blocks += _infusion(infusion, cited)
    return [*blocks, Paragraph(SEVERAL, "note")]


def _infusion(infusion: Told, cited: Cited) -> list[Block]:
    product = infusion["product"] or "CAR-T, product not stated"
    title = f"{product}, infused {day_told(infusion['infused'])} (line {infusion['line']})"
    blocks: list[Block] = [Heading(title, 3), overview(infusion)]
    blocks += tests_blocks(infusion)
    for mechanism in infusion["mechanisms"]:
        blocks += _mechanism(mechanism, failed(infusion), cited)
    return blocks


def overview(infusion: Told) -> Grid:
    """Mechanism, answer, strength of the strongest finding, and whether studies disagree."""
    rows = tuple(
        (f"{MARK[m['answer']]} {m['title']}", answer_told(m, failed(infusion)), m["strength"] or "nothing to weigh",
         "disagree" if m["conflict"] else "no disagreement held here")
        for m in infusion["mechanisms"]
    )  # fmt: skip
    return Grid("Mechanisms", ("mechanism", "answer", "strength", "studies"), rows, notes=(
        "● supported   – looked for, not found   ○ not tested",))  # fmt: skip


def tests_blocks(infusion: Told, *, full: bool = True) -> list[Block]:
    """The tests that would tell: those that may change an option first, each with what its answers would mean."""
    tests = infusion["tests_that_would_tell"]
    deciding = [t for t in tests if t["changes"] != "explains"]
    if not tests:
        return [Paragraph(no_tests(infusion))]
    blocks: list[Block] = [Heading("The tests that would tell", 3)]
    if not deciding:
        blocks.append(Paragraph("None that is left untested would change an option."))
    else:
        blocks.append(Bullets(tuple(_test(t, full=full) for t in deciding), ordered=True))
    rest = [t for t in tests if t["changes"] == "explains"]
    if rest:
        names = "; ".join(f"{t['title']}{when_told(t)}" for t in rest)
        blocks.append(Paragraph(f"These would explain more and change no option by themselves: {names}.", "note"))
    return blocks


def no_tests(infusion: Told) -> str:
    """Why no test is asked for."""
    if failed(infusion):
        return "No test that is left untested would change an option."
    if infusion["unconfirmed_progression"] is not None:
        first = "First the test that showed progression is repeated"
        return f"{first}; which tests would tell follows when it is confirmed."
    return "No test is asked for, since no failure is on record; what is due stands under What to watch."


def _test(test: Told, *, full: bool) -> str:
    head = f"{test['title']}{when_told(test)}: {CHANGES[test['changes']]}. Takes {test['cost']}: {test['cost_says']}"
    return f"{head} If {'; if '.join(test['answers'])}." if full and test["answers"] else head


def _mechanism(mechanism: Told, has_failed: bool, cited: Cited) -> list[Block]:
    head = f"{mechanism['title']}: {answer_told(mechanism, has_failed)}"
    blocks: list[Block] = [Heading(head, 3), Paragraph(mechanism["says"])]
    untested = [f for f in mechanism["findings"] if f["state"] == "not_tested"]
    if len(untested) == len(mechanism["findings"]):
        reasons = dict.fromkeys(f["reason"] or "not on record" for f in untested)
        return [*blocks, Paragraph(f"Not tested. Why: {'; '.join(reasons)}."), *_published(mechanism, cited)]
    rows = tuple(_finding(f, cited) for state in STATES for f in mechanism["findings"] if f["state"] == state)
    heads = ("asked", "answer", "here", "limit", "weight and source")
    blocks.append(Grid(f"{mechanism['title']}: what was looked for", heads, rows))
    blocks += [Paragraph(f"Studies disagree: {text}") for text in mechanism["conflicts"]]
    return [*blocks, *_published(mechanism, cited)]


def _finding(finding: Told, cited: Cited) -> tuple[str | None, ...]:
    if finding["state"] == "not_tested":
        here = f"on record: {finding['value']}; " if finding["value"] else ""
        here += f"why: {finding['reason'] or 'it is not on record'}"
    else:
        day = f", {day_told(finding['day'])}" if finding["day"] is not None else ""
        here = f"{finding['value'] or 'as said'}{day}"
    weight = cited.marked(f"{finding['strength']}; checked: {finding['checked']}", finding["source"])
    return finding["says"], STATES[finding["state"]], here, finding["threshold"] or "none", weight


def _published(mechanism: Told, cited: Cited) -> list[Block]:
    items = tuple(
        cited.marked(f"Published, {context_told(p)}: {p['share'] + ': ' if p['share'] else ''}{p['says']} "
                     f"(checked: {p['checked']})", p["source"])
        for p in mechanism["published"]
    )  # fmt: skip
    return [Bullets(items)] if items else []
