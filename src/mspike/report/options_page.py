"""The page of the options: the answer first, what has to be known, then each option with its reasons and evidence."""

from __future__ import annotations

from typing import Any

from mspike import INTENDED_USE
from mspike.knowledge.therapies.salvage import LABELS_READ
from mspike.options.facts import named
from mspike.options.strata import LEVELS, NAIVE
from mspike.report.pooled import MEMORY, MEMORY_SAYS, pooled_line
from mspike.report.terminal import counted, day_told, say, say_set_aside, say_table
from mspike.report.wishes import print_wishes

Told = dict[str, Any]
SILENT_DAYS = 60  # longer without any row, and the page says so

MARK = {"open": "●", "unknown": "○", "closed": "–"}
SAYS = {**LEVELS, NAIVE: LEVELS[5]}
LETTER = {0: "A", 1: "B", 2: "C", 3: "D", 4: "E", 5: "F", NAIVE: "F"}
SAID = {"open": "open", "unknown": "not known", "closed": "closed"}


def print_options(told: Told, only: list[str] | None = None, *, full: bool = False) -> None:
    """The page: the sentence, what is missing, the table, then each option that is not closed with its reasons."""
    say(_sentence(told), told["last_line"])
    if told["labels_of"] and told["labels_of"] > str(LABELS_READ):
        say(f"Labels were last looked up on {LABELS_READ}: what changed since is not in here.")
    if told["silent_days"] is not None and told["silent_days"] > SILENT_DAYS:
        say(f"Nothing is recorded for the {told['silent_days']} days before: what changed since is not in here.")
    if told["taken_as_known"]:
        say(f"Taken as known for this question: {', '.join(told['taken_as_known'])}.")
    say_set_aside(told["set_aside"])
    say("")
    if only is not None:
        for option in told["options"]:
            _print_option(option, full=True)
    else:
        _print_missing(told["options"])
        _print_table(told)
        for option in told["options"]:
            if full or option["answer"] != "closed":
                _print_option(option, full=full)
        if told["wishes"]:
            print_wishes(told["wishes"])
    if only is not None or full:
        say("", "Behind [id]: `mspike evidence show ID` gives every figure, its source and how it was checked.")
    if any(recalled(o) for o in told["options"]):
        say("", MEMORY_SAYS)
    say("", f"mspike {told['stamp']['mspike']}, knowledge {told['stamp']['knowledge_hash']}. {INTENDED_USE}")


def _sentence(told: Told) -> str:
    counts = told["counts"]
    labels = f"labels of the {told['region']}" + (f" on {told['labels_of']}" if told["labels_of"] else "")
    return (
        f"{told['patient_id']}, {day_told(told['on'])}, {labels}: {counts['open']} options open, "
        f"{counts['unknown']} not known, {counts['closed']} closed. {told['lines'].capitalize()}."
    )


def _print_missing(options: list[Told]) -> None:
    """The facts that keep options unknown, those that most options wait for first."""
    waiting: dict[str, int] = {}
    for option in options:
        for fact in option["missing"]:
            waiting[fact] = waiting.get(fact, 0) + 1
    if not waiting:
        return
    say("To be known first:")
    for fact, number in sorted(waiting.items(), key=lambda pair: -pair[1]):
        say(f"  {fact}: {counted(number, 'option waits', 'options wait')} for it")
    say("")


def _print_table(told: Told) -> None:
    say(told["order"], "")
    header = ("", "option", "answer", "closed by, to be known, caution", "response", "of")
    rows = [(MARK[o["answer"]], o["id"], SAID[o["answer"]], decides(o), *best_evidence(o)) for o in told["options"]]
    say_table(header, rows, whole=("", "option", "answer", "response", "of"))
    shown = sorted({s["level"] for o in told["options"] for s in o["evidence"] if s["pooled"]})
    say("no counts: published, but without numbers that can be pooled; none found: nothing published was found.")
    if shown:
        say("Response: pooled proportion, interval and patients, in the narrowest stratum with counts:")
        say(*(f"  {LETTER[level]}  {SAYS[level]}" for level in shown))


def decides(option: Told) -> str:
    """The need that fails, or those that are not known, in few words; of an open option its first caution."""
    failing = [r for r in option["reasons"] if r["holds"] is False]
    if failing:
        first = failing[0]
        told = (
            first["because"]
            if first["asks"].startswith("Approved")
            else f"{first['asks'].split(':')[0].rstrip('.')}: no"
        )
        return told.split("; ")[0] + (f" (and {len(failing) - 1} more)" if len(failing) > 1 else "")
    if option["answer"] == "open":
        sure = [c["asks"].split(":")[0].rstrip(".") for c in option["cautions"] if c["holds"]]
        more = f" (and {len(sure) - 1} more)" if len(sure) > 1 else ""
        return f"caution: {sure[0]}{more}" if sure else ""
    return ", ".join(fact.split(" (")[0] for fact in option["missing"])


def best_evidence(option: Told) -> tuple[str, str]:
    for stratum in option["evidence"]:
        pooled = stratum["pooled"]
        if pooled:
            memory = f" {MEMORY}" if _from_memory(stratum) else ""
            interval = f"{pooled['percent']:.0f} % ({pooled['low']:.0f}-{pooled['high']:.0f}){memory}"
            return interval, f"{pooled['patients']} {LETTER[stratum['level']]}"
    return "no counts" if option["evidence"] else "none found", ""


def _from_memory(stratum: Told) -> bool:
    return any(s["memory"] for s in stratum["studies"])


def recalled(option: Told) -> bool:
    rows = [*option["reasons"], *option["cautions"]]
    return any(r["checked"] == "memory" for r in rows) or any(_from_memory(s) for s in option["evidence"])


def _print_option(option: Told, *, full: bool) -> None:
    kind = named(option["class"]).removeprefix("a ").removeprefix("an ")
    relation = "" if option["relation"] == "no target" else f", {option['relation']}"
    say("", f"{MARK[option['answer']]} {option['name']}: {SAID[option['answer']]}", f"  {option['says']}")
    say(f"  {kind}{relation}; {option['route']}, {option['schedule']}; {option['visits']}")
    for reason in option["reasons"]:
        if reason["kind"] == "failure" and reason["holds"]:
            continue  # said at the head of the page
        if full or reason["holds"] is not True or reason["kind"] == "label":
            say(f"  {yes_told(reason['holds'])} {reason['asks']} {because_told(reason)}")
    for caution in option["cautions"]:
        if full or caution["holds"]:
            word = "Caution" if caution["holds"] else "Caution if so"
            say(f"  {word}: {caution['asks']} {because_told(caution)}")
    if option["boxed_warnings"]:
        say(f"  Boxed warnings: {', '.join(option['boxed_warnings'])}.")
    for stratum in option["evidence"] if full else option["evidence"][:2]:
        _print_stratum(stratum, full=full)
    if not option["evidence"]:
        say("  Evidence: no published result was found.")


def yes_told(holds: bool | None) -> str:
    return {True: "yes:", False: "no:", None: "not known:"}[holds]


def because_told(reason: Told) -> str:
    memory = f" {MEMORY}" if reason["checked"] == "memory" else ""
    told = reason["because"]
    if reason["holds"] is None:
        missing = "; ".join(reason["missing"])
        told = f"missing: {missing}" if told == missing or not told else f"{told}; missing: {missing}"
    return f"({told}){memory}" if told else memory


def _print_stratum(stratum: Told, *, full: bool) -> None:
    if stratum["pooled"]:
        say(f"  Evidence, {stratum['says']}: response {pooled_line(stratum['pooled'], marks=_from_memory(stratum))}.")
    else:
        number = counted(len(stratum["results"]), "result")
        say(f"  Evidence, {stratum['says']}: {number}, none with counts of response.")
    for result in stratum["results"] if full else stratum["results"][:2]:
        memory = f" {MEMORY}" if result["memory_only"] else ""
        id = f" [{result['id']}]" if full else ""
        say(f"    {result['study']}: {result['therapy']}; {result['population']}. {result['bias']}{id}{memory}")
