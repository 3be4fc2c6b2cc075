"""What can come next for one patient: every option with its answer, why, what is known about it, and what is not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from mspike import INTENDED_USE
from mspike.course.derived import Derived
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import bibliography
from mspike.knowledge.therapies.salvage import therapies
from mspike.options.answers import Option, Reason, options_of
from mspike.options.facts import Standing
from mspike.options.preferences import Preferences, read_preferences
from mspike.options.standing import standing_of
from mspike.options.strata import LEVELS, NAIVE, Stratum
from mspike.report.asking import Question, last_date, refuse_stranger, rows_of, set_aside
from mspike.report.evidence import record_told
from mspike.report.known import with_known
from mspike.report.pooled import MEMORY, MEMORY_SAYS, pooled_line, pooled_told, studies_told
from mspike.report.terminal import counted, day_told, say, say_set_aside, say_table
from mspike.report.wishes import print_wishes, wishes_told

Told = dict[str, Any]
REGIONS = ("US", "EU")
ORDER = (
    "Order: open before unknown before closed; within each the most direct evidence first, then the most patients "
    "behind it. There is no score behind it, and it is no advice."
)


def options_patient(
    asked: Question,
    patient: str,
    region: str,
    *,
    label_date: dt.date | None = None,
    known: list[str] | None = None,
    wishes: Preferences | None = None,
) -> Told:
    """Every option for one patient on the day asked, as labels of the region stood on that day (or on label_date)."""
    standing, derived = standing_for(asked, patient, label_date=label_date, known=known)
    options = options_of(standing, region)
    return {
        "wishes": None if wishes is None else wishes_told(options, wishes),
        "patient_id": standing.patient, "on": standing.said_day(standing.day), "region": region,
        "labels_of": None if standing.date is None else str(standing.date), "taken_as_known": known or [],
        "lines": standing.lines.told, "order": ORDER, "options": [option_told(o) for o in options],
        "set_aside": set_aside(derived), "references": _references(options), "stamp": asked.stamp(),
    }  # fmt: skip


def standing_for(
    asked: Question,
    patient: str,
    *,
    label_date: dt.date | None = None,
    known: list[str] | None = None,
    verb: str = "options",
) -> tuple[Standing, Derived]:
    """Where a patient stands on the day asked, with the facts given beside the registry, and what was derived."""
    raw = rows_of(asked.source, patient)
    day = asked.on if asked.on is not None else _last_day(asked, patient, verb)
    said = str(day) if asked.calendar == "day" else str(dt.date(1970, 1, 1) + dt.timedelta(days=day))
    derived = Question(asked.source, asked.rules, asked.settings, day).derived(
        with_known(raw, patient.strip(), said, known or [])
    )
    refuse_stranger(derived.record, asked.source, patient, verb)
    return standing_of(derived, day, label_date=label_date), derived


def _last_day(asked: Question, patient: str, verb: str) -> int:
    """Without --on: the last date of the registry; in a registry of days the patient's own last day."""
    if asked.calendar != "day":
        return last_date(asked.source)
    derived = asked.derived(rows_of(asked.source, patient))
    refuse_stranger(derived.record, asked.source, patient, verb)
    days = [
        derived.record.results["day"].max(),
        derived.record.patients["contact_day"].max(),
        derived.courses["alive_day"].max(),
    ]
    return max(int(d) for d in [0, *(x for x in days if x is not None)])  # type: ignore[arg-type]


def wishes_of(file: Path | None) -> Preferences | None:
    return None if file is None else read_preferences(file)


def known_region(region: str) -> str:
    """US or EU. Raises WrongUsage for anything else."""
    if region.upper() not in REGIONS:
        raise WrongUsage(f"--region {region}: expected one of {', '.join(REGIONS)}: whose labels are to count.")
    return region.upper()


def known_option(name: str) -> str:
    if name not in therapies():
        raise WrongUsage(f"--option {name}: expected one of {', '.join(therapies())}.")
    return name


def option_told(option: Option) -> Told:
    """One option as plain values."""
    therapy = option.therapy
    return {
        "id": therapy.id, "name": therapy.name, "says": therapy.says, "class": therapy.cls,
        "targets": list(therapy.targets), "route": therapy.route, "schedule": therapy.schedule,
        "visits": therapy.visits, "basis": therapy.basis, "answer": option.answer, "by_label": option.by_label,
        "relation": option.relation, "reasons": [_reason(r) for r in option.reasons],
        "missing": list(option.missing), "cautions": [_reason(r) for r in option.cautions],
        "boxed_warnings": list(therapy.boxed), "toxicities": list(therapy.toxicities),
        "evidence": [_stratum(s) for s in option.strata], "source": therapy.source, "checked": therapy.checked,
    }  # fmt: skip


def _reason(reason: Reason) -> Told:
    return {
        "kind": reason.kind, "asks": reason.asks, "holds": reason.holds, "because": reason.because,
        "missing": list(reason.missing), "source": reason.source, "where": reason.where, "checked": reason.checked,
    }  # fmt: skip


def _stratum(stratum: Stratum) -> Told:
    return {
        "level": stratum.level, "says": stratum.says, "patients": stratum.patients,
        "pooled": pooled_told(stratum.pooled) if stratum.pooled else None,
        "studies": studies_told(stratum.used), "results": [record_told(r) for r in stratum.records],
    }  # fmt: skip


def _references(options: list[Option]) -> dict[str, str]:
    """The sources that the page rests on, computed from what it shows."""
    keys = {r.source for o in options for r in (*o.reasons, *o.cautions) if r.source}
    keys |= {e.source for o in options for s in o.strata for e in s.records}
    known = bibliography()
    return {key: f"{known[key]['title']}; {known[key]['where']}" for key in sorted(keys)}


MARK = {"open": "●", "unknown": "○", "closed": "–"}
SAYS = {**LEVELS, NAIVE: LEVELS[5]}
LETTER = {0: "A", 1: "B", 2: "C", 3: "D", 4: "E", 5: "F", NAIVE: "F"}
SAID = {"open": "open", "unknown": "not known", "closed": "closed"}


def print_options(told: Told, only: str | None = None, *, full: bool = False) -> None:
    """The page: the sentence, what is missing, the table, then each option that is not closed with its reasons."""
    say(_sentence(told), "")
    if told["taken_as_known"]:
        say(f"Taken as known for this question: {', '.join(told['taken_as_known'])}.", "")
    say_set_aside(told["set_aside"])
    if only is not None:
        _print_option(next(o for o in told["options"] if o["id"] == only), full=True)
    else:
        _print_missing(told["options"])
        _print_table(told)
        for option in told["options"]:
            if full or option["answer"] != "closed":
                _print_option(option, full=full)
        if told["wishes"]:
            print_wishes(told["wishes"])
    if any(_recalled(o) for o in told["options"] if only in (None, o["id"])):
        say("", MEMORY_SAYS)
    say("", f"mspike {told['stamp']['mspike']}, knowledge {told['stamp']['knowledge_hash']}. {INTENDED_USE}")


def _sentence(told: Told) -> str:
    counts = {a: sum(o["answer"] == a for o in told["options"]) for a in MARK}
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
    rows = [(MARK[o["answer"]], o["id"], SAID[o["answer"]], _decides(o), *_best(o)) for o in told["options"]]
    say_table(header, rows, whole=("", "option", "answer", "response", "of"))
    shown = sorted({s["level"] for o in told["options"] for s in o["evidence"] if s["pooled"]})
    if shown:
        say("Response: pooled proportion, interval and patients, in the narrowest stratum with counts:")
        say(*(f"  {LETTER[level]}  {SAYS[level]}" for level in shown))


def _decides(option: Told) -> str:
    """The need that fails, or those that are not known, in few words; of an open option its first caution."""
    failing = [r for r in option["reasons"] if r["holds"] is False]
    if failing:
        first = failing[0]["because"].split("; ")
        return first[0] + (" ..." if len(first) > 1 else "")
    if option["answer"] == "open":
        sure = [c["asks"].split(":")[0].rstrip(".") for c in option["cautions"] if c["holds"]]
        more = f" (and {len(sure) - 1} more)" if len(sure) > 1 else ""
        return f"caution: {sure[0]}{more}" if sure else ""
    return ", ".join(fact.split(" (")[0] for fact in option["missing"])


def _best(option: Told) -> tuple[str, str]:
    for stratum in option["evidence"]:
        pooled = stratum["pooled"]
        if pooled:
            memory = f" {MEMORY}" if _from_memory(stratum) else ""
            interval = f"{pooled['percent']:.0f} % ({pooled['low']:.0f}-{pooled['high']:.0f}){memory}"
            return interval, f"{pooled['patients']} {LETTER[stratum['level']]}"
    return "no counts" if option["evidence"] else "none found", ""


def _from_memory(stratum: Told) -> bool:
    return any(s["memory"] for s in stratum["studies"])


def _recalled(option: Told) -> bool:
    rows = [*option["reasons"], *option["cautions"]]
    return any(r["checked"] == "memory" for r in rows) or any(_from_memory(s) for s in option["evidence"])


def _print_option(option: Told, *, full: bool) -> None:
    kind = option["class"].replace("_", " ")
    relation = "" if option["relation"] == "no target" else f", {option['relation']}"
    say("", f"{MARK[option['answer']]} {option['name']}: {SAID[option['answer']]}", f"  {option['says']}")
    say(f"  {kind}{relation}; {option['route']}, {option['schedule']}; {option['visits']}")
    for reason in option["reasons"]:
        if full or reason["holds"] is not True or reason["kind"] == "label":
            say(f"  {_yes(reason['holds'])} {reason['asks']} {_because(reason)}")
    for caution in option["cautions"]:
        if full or caution["holds"]:
            word = "Caution" if caution["holds"] else "Caution if so"
            say(f"  {word}: {caution['asks']} {_because(caution)}")
    if option["boxed_warnings"]:
        say(f"  Boxed warnings: {', '.join(option['boxed_warnings'])}.")
    for stratum in option["evidence"] if full else option["evidence"][:2]:
        _print_stratum(stratum, full=full)
    if not option["evidence"]:
        say("  Evidence: no published result was found.")


def _yes(holds: bool | None) -> str:
    return {True: "yes:", False: "no:", None: "not known:"}[holds]


def _because(reason: Told) -> str:
    memory = f" {MEMORY}" if reason["checked"] == "memory" else ""
    return f"({reason['because']}){memory}" if reason["because"] else memory


def _print_stratum(stratum: Told, *, full: bool) -> None:
    if stratum["pooled"]:
        say(f"  Evidence, {stratum['says']}: response {pooled_line(stratum['pooled'], marks=_from_memory(stratum))}.")
    else:
        number = counted(len(stratum["results"]), "result")
        say(f"  Evidence, {stratum['says']}: {number}, none with counts of response.")
    for result in stratum["results"] if full else stratum["results"][:2]:
        memory = f" {MEMORY}" if result["memory_only"] else ""
        say(f"    {result['study']}: {result['therapy']}; {result['population']}. {result['bias']}{memory}")
