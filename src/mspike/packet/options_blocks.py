"""Options and trials in blocks: what waits for what, the table in its order, each option with reasons and evidence."""

from __future__ import annotations

import re

from mspike.knowledge.therapies.salvage import LABELS_READ
from mspike.options.facts import named
from mspike.packet.blocks import Block, Bullets, Grid, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.cited import RECALLED, Cited
from mspike.packet.standing import Told
from mspike.report.options_page import (
    LETTER,
    MARK,
    SAID,
    SAYS,
    SILENT_DAYS,
    because_told,
    best_evidence,
    decides,
    recalled,
    yes_told,
)
from mspike.report.pooled import MEMORY, pooled_line
from mspike.report.terminal import counted, day_told
from mspike.report.trials import MET

COUNTS_NOTE = "no counts: published, but without numbers that can be pooled; none found: nothing published was found."
NOT_ASKED = "No option is listed: nobody plans for a patient who has died. Ask with a day before the death."


def counts_told(told: Told) -> str:
    """How many options are open, not known and closed, by whose labels, on which day."""
    counts = told["counts"]
    labels = f"labels of the {told['region']}" + (f" on {told['labels_of']}" if told["labels_of"] else "")
    return (
        f"{day_told(told['on'])}, {labels}: {counts['open']} options open, {counts['unknown']} not known, "
        f"{counts['closed']} closed. {told['lines'].capitalize()}."
    )


def caveats(told: Told) -> list[str]:
    """What the answers do not rest on: old labels, a silent record, facts taken as known."""
    said = []
    if told["labels_of"] and told["labels_of"] > str(LABELS_READ):
        said.append(f"Labels were last looked up on {LABELS_READ}: what changed since is not in here.")
    if told["silent_days"] is not None and told["silent_days"] > SILENT_DAYS:
        days = told["silent_days"]
        said.append(f"Nothing is recorded for the {days} days before: what changed since is not in here.")
    if told["taken_as_known"]:
        said.append(f"Taken as known for this question: {', '.join(told['taken_as_known'])}.")
    return said


def waiting(options: list[Told]) -> list[tuple[str, int]]:
    """The facts that keep options unknown, those that most options wait for first."""
    found: dict[str, int] = {}
    for option in options:
        for fact in option["missing"]:
            found[fact] = found.get(fact, 0) + 1
    return sorted(found.items(), key=lambda pair: -pair[1])


def waiting_told(options: list[Told]) -> tuple[str, ...]:
    """The same in sentences."""
    return tuple(
        f"{fact_words(fact)}: {counted(number, 'option waits', 'options wait')} for it."
        for fact, number in waiting(options)
    )


def fact_words(fact: str) -> str:
    """A fact that is asked for, without how it is entered at the terminal."""
    return re.sub(r" \((?:event `|--)[^)]*\)", "", fact)


def counted_option(option: Told) -> bool:
    """Has it a published proportion of response among patients like these, in whatever stratum?"""
    return any(stratum["pooled"] for stratum in option["evidence"])


def option_row(option: Told, cited: Cited) -> tuple[str | None, ...]:
    """The row of the table: mark, name, what decides, response in the narrowest stratum, its patients, its sources."""
    response, of = best_evidence(option)
    narrowest = next((s for s in option["evidence"] if s["pooled"]), None)
    sources = cited.cite(*(study["source"] for study in narrowest["studies"])) if narrowest else ""
    return (f"{MARK[option['answer']]} {option['name'].split(' (')[0]}", SAID[option["answer"]],
            decides(option) or "nothing that would stand against it is on record", f"{response} {sources}".strip(),
            of or "no counts")  # fmt: skip


HEADS = ("option", "answer", "closed by, to be known, caution", "response, 95 % interval", "patients, stratum")


def strata_note(options: list[Told]) -> str:
    """What the letters of the strata mean, those that are used."""
    firsts = [next((s["level"] for s in o["evidence"] if s["pooled"]), None) for o in options]
    used = sorted({level for level in firsts if level is not None})
    return "; ".join(dict.fromkeys(f"{LETTER[level]} {SAYS[level]}" for level in used))


def table(options: list[Told], title: str, cited: Cited) -> Grid:
    """Options in the order given, with the published response in the narrowest stratum."""
    rows = tuple(option_row(option, cited) for option in options)
    letters = strata_note(options)
    notes = [f"Patients and stratum: {letters}."] if letters else []
    notes += [RECALLED] if any(recalled(option) for option in options) else []
    return Grid(title, HEADS, rows, notes=tuple(notes))


def options_blocks(case: Case, cited: Cited) -> list[Block]:
    """All options: what has to be known, the whole table, then each that is not closed with its reasons."""
    blocks: list[Block] = [Heading("What next", id="options")]
    if not case.options:
        return [*blocks, Paragraph(NOT_ASKED)]
    told = case.options
    blocks += [Paragraph(counts_told(told)), *(Paragraph(text, "note") for text in caveats(told))]
    facts = waiting_told(told["options"])
    if facts:
        blocks += [Heading("To be known first", 3), Bullets(facts)]
    blocks += [Paragraph(told["order"]), table(told["options"], "All options", cited), Paragraph(COUNTS_NOTE, "note")]
    for option in told["options"]:
        if option["answer"] != "closed":
            blocks += _option(option, cited)
    return blocks


def _option(option: Told, cited: Cited) -> list[Block]:
    kind = named(option["class"]).removeprefix("a ").removeprefix("an ")
    about = f"{option['says']} {kind.capitalize()}; {option['route']}, {option['schedule']}; {option['visits']}"
    head = f"{MARK[option['answer']]} {option['name']}: {SAID[option['answer']]}"
    reasons = tuple(_reason(r, cited) for r in option["reasons"] if _worth(r))
    cautions = tuple(_caution(c, cited) for c in option["cautions"] if c["holds"] is not False)
    boxed = (f"Boxed warnings: {', '.join(option['boxed_warnings'])}.",) if option["boxed_warnings"] else ()
    evidence = tuple(_stratum(stratum, cited) for stratum in option["evidence"][:2])
    none = () if evidence else ("Evidence: no published result was found.",)
    return [Heading(head, 3), Paragraph(about), Bullets((*reasons, *cautions, *boxed, *evidence, *none))]


def _worth(reason: Told) -> bool:
    """That the last line has failed is said at the head; other needs that are met are not repeated, the label is."""
    return reason["holds"] is not True or (reason["kind"] == "label" and reason["asks"].startswith("Approved"))


def _reason(reason: Told, cited: Cited) -> str:
    words = f"{yes_told(reason['holds'])} {reason['asks']} {because_told(reason)}".strip()
    return cited.marked(words, reason["source"])


def _caution(caution: Told, cited: Cited) -> str:
    word = "Caution" if caution["holds"] else "Caution if so"
    return cited.marked(f"{word}: {caution['asks']} {because_told(caution)}".strip(), caution["source"])


def _stratum(stratum: Told, cited: Cited) -> str:
    memory = any(s["memory"] for s in stratum["studies"])
    if stratum["pooled"]:
        head = f"Evidence, {stratum['says']}: response {pooled_line(stratum['pooled'], marks=memory)}."
    else:
        number = counted(len(stratum["results"]), "result")
        head = f"Evidence, {stratum['says']}: {number}, none with counts of response."
    told = [_result(result, cited) for result in stratum["results"][:1]]
    more = len(stratum["results"]) - 1
    return " ".join([head, *told, *([f"And {counted(more, 'more result')}."] if more > 0 else [])])


def _result(result: Told, cited: Cited) -> str:
    memory = f" {MEMORY}" if result["memory_only"] else ""
    words = f"{result['study']}: {result['therapy']}; {result['population']}. Read with care: {result['bias']}{memory}"
    return f"{cited.marked(words, result['source'])}."


def trials_blocks(case: Case, cited: Cited) -> list[Block]:
    """Every trial held here with its answer; of those not closed each criterion."""
    blocks: list[Block] = [Heading("Trials", id="trials")]
    if not case.trials:
        return [*blocks, Paragraph(NOT_ASKED.replace("option", "trial"))]
    trials = case.trials["trials"]
    counts = {answer: sum(t["answer"] == answer for t in trials) for answer in MARK}
    number = counted(len(trials), "trial")
    blocks.append(Paragraph(
        f"{day_told(case.trials['on'])}: of {number} held here, {counts['open']} open, {counts['unknown']} not known, "
        f"{counts['closed']} closed. A status is only as new as the day it was seen; other trials exist."))  # fmt: skip
    rows = tuple((f"{MARK[t['answer']]} {_id(t)}", SAID[t["answer"]], t["title"], _decisive(t),
                  f"{t['status']}, seen {t['status_seen'] or 'on a day not noted'}") for t in trials)  # fmt: skip
    notes = (RECALLED,) if any(t["id_checked"] == "memory" for t in trials) else ()
    blocks.append(Grid("Trials", ("trial", "answer", "what", "because", "status"), rows, notes=notes))
    for trial in (t for t in trials if t["answer"] != "closed"):
        blocks += [Heading(f"{_id(trial)}: {trial['title']}", 3), Bullets(_criteria(trial, cited))]
    return blocks


def _id(trial: Told) -> str:
    return f"{trial['id']}{' ' + MEMORY if trial['id_checked'] == 'memory' else ''}"


def _decisive(trial: Told) -> str:
    """Why it is closed, or what has to be known."""
    told = trial["because"] if trial["answer"] == "closed" else trial["missing"]
    return "; ".join(told) or "nothing that is held here stands against it"


def _criteria(trial: Told, cited: Cited) -> tuple[str, ...]:
    items = [f"{MET[trial['recruiting']['holds']]}: takes patients on that day. {trial['recruiting']['because']}"]
    for row in trial["criteria"]:
        cohort = f" (cohort {row['cohort']})" if row["cohort"] else ""
        memory = f" {MEMORY}" if row["checked"] == "memory" else ""
        answer = f"{MET[row['holds']]}{cohort}: {row['says']} ({row['because']})" if row["needs"] else (
            f"to be read ({row['kind']}): {row['says']}")  # fmt: skip
        items.append(cited.marked(f"{answer}{memory}", row["source"]))
    free = [row["says"] for row in trial["criteria"] if not row["needs"]]
    items += [f"to be read: {text}" for text in trial["to_read"] if text not in free]
    return tuple(items)
