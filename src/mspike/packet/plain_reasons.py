"""What was found out about why the cells did not hold the disease, in plain words and with its uncertainty."""

from __future__ import annotations

from typing import Any

from mspike.knowledge.support import texts
from mspike.knowledge.therapies.reading import recognised
from mspike.packet.blocks import Block, Bullets, Paragraph
from mspike.packet.case import Case
from mspike.packet.plain_story import car_t_lines, state_of
from mspike.packet.plain_words import listed

Told = dict[str, Any]
NO_CAUSE = {
    "not_failed": "Your record does not say that the cells have failed, so there is no cause to look for.",
    "not_infused": "The cells were not given back to you, so they could not work or fail.",
}
OPENINGS = {
    "not_supported": "Your record speaks against some causes.",
    "not_tested": "These were not tested, or not fully.",
}
CAR_T = "car_t"
CHANGES = ("decides", "informs")  # a test that changes nothing for the patient is not asked of the patient


def reasons_of(case: Case) -> list[Block]:
    """What supports which cause, what speaks against one, what was not tested; of the last infusion."""
    if state_of(case) != "failed":
        return [Paragraph(NO_CAUSE[state_of(case)])]
    last = car_t_lines(case)[-1]
    found = next((one for one in case.why["infusions"] if one["line"] == last["line"]), None)
    if found is None or not found["mechanisms"]:
        return [Paragraph("Nothing about the cause is known from this record.")]
    return [*_causes(found), *_tests(found), Paragraph(texts("care")["reasons"])]


def marker_of(product: str | None) -> str:
    """What these cells look for, with its name where the product is known."""
    names = sorted(name for name in targets_of(product) if name)
    return f"the marker that the cells look for ({listed(names)})" if names else "the marker that the cells look for"


def targets_of(product: str | None) -> set[str | None]:
    """What these cells look for, of CD19 products too; None among them: it is not known."""
    told = recognised(product or "")
    targets: set[str | None] = {target for agent in told.agents if agent.cls == CAR_T for target in agent.targets}
    return targets | ({None} if told.unknown or not targets else set())


def target_untested(case: Case) -> bool:
    """Would a test of the marker on the myeloma cells bear on what comes next?"""
    tests = case.why["infusions"][-1]["tests_that_would_tell"] if case.why["infusions"] else []
    return any(test["test"] == "antigen_on_plasma_cells" and test["now"] for test in tests)


def _causes(found: Told) -> list[Block]:
    mechanisms, marker = found["mechanisms"], marker_of(found["product"])
    hints = [_hint(m, marker) for m in mechanisms if m["answer"] == "supported"]
    told: list[Block] = [
        Paragraph("Your record gives these hints:" if hints else "Your record gives no hint of a cause.")
    ]
    if hints:
        told.append(Bullets(tuple(hints)))
    for answer, opening in OPENINGS.items():
        by_topic = _short([m for m in mechanisms if m["answer"] == answer], _short_marker(marker))
        if by_topic:
            told.append(Paragraph(" ".join([opening, *by_topic])))
    return told


def _hint(mechanism: Told, marker: str) -> str:
    words = texts("reasons")
    told = [words[mechanism["mechanism"]]["points"].format(marker=marker)]
    if mechanism["strength"]:
        told.append(words["strength"][mechanism["strength"]])
    return " ".join([*told, words["conflict"]] if mechanism["conflict"] else told)


def _short(mechanisms: list[Told], marker: str) -> list[str]:
    """A sentence for each topic, so that none grows long where nothing was tested."""
    words = texts("reasons")
    told = []
    for topic, name in words["topics"].items():
        mine = [words[m["mechanism"]] for m in mechanisms if words[m["mechanism"]]["topic"] == topic]
        if mine:
            told.append(f"{name}: {'; '.join(one['short'].format(marker=marker) for one in mine)}.")
    return told


def _short_marker(marker: str) -> str:
    return "the marker" + (f" {marker[marker.index('(') :]}" if "(" in marker else "")


def _tests(found: Told) -> list[Block]:
    words = texts("reasons")["tests"]
    wanted = [
        words[test["test"]]
        for test in found["tests_that_would_tell"]
        if test["test"] in words and test["changes"] in CHANGES and (test["now"] or test["cost"] == "records")
    ]
    if not wanted:
        return []
    return [Paragraph(f"Ask if these could tell more: {'; '.join(dict.fromkeys(wanted))}.")]
