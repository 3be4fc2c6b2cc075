"""Prints the because-table of one patient, to be read from top to bottom, and aloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mspike.report.criteria import print_rule
from mspike.report.terminal import counted, day_told, marked, say, say_table, wrapped

Told = Mapping[str, Any]

PARAMETER = {
    "serum_m": "serum M-protein", "qiga": "quantitative IgA", "urine_m": "urine M-protein", "dflc": "free light chains",
    "marrow": "marrow", "lesion": "plasmacytoma or bone lesion", "imaging": "imaging", "flc_ratio": "light chain ratio",
    "serum_ife": "serum immunofixation", "urine_ife": "urine immunofixation", "clonality": "clonality of the marrow",
    "circulating_plasma_cells": "circulating plasma cells", "calcium": "calcium",
}  # fmt: skip
ENDPOINT = {
    "pfs": "progression-free survival", "ttp": "time to progression", "dor": "duration of response",
    "os": "overall survival", "ttnt": "time to next therapy", "pfs2": "PFS2", "efs": "event-free survival",
}  # fmt: skip
REASON = {
    "PD": "progression", "death": "death", "new_therapy": "new therapy", "no_event": "no event yet",
    "no_assessment": "never assessed", "missed_visits": "event after missed visits", "no_response": "no response",
    "alive": "alive", "death_undated": "death without a date", "therapy_undated": "new therapy without a date",
    "unconfirmed_pd": "progression cut short by therapy", "radiotherapy": "radiotherapy",
}  # fmt: skip
FAILURE = {
    "not_infused": "cells were collected, none were given back",
    "primary_refractory": "no confirmed response before it progressed, or none by day 90",
    "early_relapse": "responded, then relapsed early (within {early_relapse_days} days)",
    "late_relapse": "responded, then relapsed late (after {early_relapse_days} days)",
    "molecular_relapse": "MRD negativity was lost, without progression",
    "nonrelapse_death": "died without progression, of another cause than myeloma",
    "second_malignancy": "a second malignancy, without progression before it",
    "next_therapy": "new therapy began without a documented progression",
    "none": "no failure on record so far",
    "undetermined": "what is recorded does not decide it",
}


def print_explanation(told: Told) -> None:
    """Head, then each line with its visits, the rules that fired, settings and stamp."""
    say(f"{told['patient_id']}: {_person(told['patient'])}")
    if not told["lines"]:
        say("", "No line of therapy is known, so nothing can be judged.")
    shown = _shown(told)
    for line in told["lines"]:
        _print_line(line, told, in_full=line in shown)
    others = [str(line["line"]) for line in told["lines"] if line not in shown]
    if others:
        say("", f"Visit by visit for line {', '.join(others)}: add --line {others[-1]}.")
    if told["on"] is None and shown:
        _print_rules(told, shown)
    _print_findings(told["findings"])
    _print_stamp(told)


def _shown(told: Told) -> list[Told]:
    """The lines worth telling visit by visit: the one a date falls into, the CAR-T lines, or all there are."""
    lines = told["lines"]
    if told["on"] is None:
        return [line for line in lines if line["kind"] == "car_t"] or lines
    return [line for line in lines if "after_new_therapy" not in line["visits"][0]["flags"]] or lines


def _person(person: Told) -> str:
    chains = [c for c in (person["heavy_chain"], person["light_chain"]) if c and c != "none"]
    dead = person["death_date"] is not None or person["death_cause"] is not None
    when = day_told(person["death_date"]) if person["death_date"] is not None else "on an unknown date"
    death = f"died {when} ({person['death_cause'] or 'cause unknown'})"
    parts = [
        person["sex"] or "sex not stated",
        f"born {person['birth_year']}" if person["birth_year"] else "",
        f"{' '.join(chains)} myeloma" if chains else "type of myeloma not stated",
        death if dead else "",
    ]
    return ", ".join(p for p in parts if p)


def _print_line(line: Told, told: Told, *, in_full: bool) -> None:
    say("", line_head(line), f"  {sentence(line)}")
    if not in_full:
        return
    names = ", ".join(PARAMETER[p] for p in line["measurable_by"]) or "nothing that was measured at baseline"
    say(f"  Measurable by {names}.")
    if line["flags"]:
        say(f"  Flags: {', '.join(line['flags'])}.")
    if line["baseline"]:
        values = (f"{b['what']} {b['value']} {b['unit']}{_on(b['date'])}" for b in line["baseline"])
        print(wrapped("  Baseline: " + "; ".join(values) + ".", hang=10))
    print()
    _print_visits(line["visits"], told, statements=told["on"] is not None)
    if told["on"] is None:
        _print_course(line, told["settings"])


def line_head(line: Told) -> str:
    what = "CAR-T" if line["kind"] == "car_t" else "other therapy"
    began = "collected" if "not_infused" in line["flags"] else "infused" if line["kind"] == "car_t" else "from"
    known = {name: line[f"{name}_date"] for name in ("apheresis", "lymphodepletion")}
    extras = [f"{name} {day_told(date)}" for name, date in known.items() if date is not None]
    more = f" ({', '.join(extras)})" if extras else ""
    agent = line["index_agent"] or "agent not stated"
    return f"Line {line['line']}, {what}: {agent}, {began} {day_told(line['index_date'])}{more}"


def sentence(line: Told) -> str:
    """The course of a line as a colleague would say it."""
    best = line["best_response"]
    parts = [f"Best response {best}" if best != "NE" else "Response not evaluable"]
    if line["best_response_date"] is not None and best != "NE":
        parts[0] += f" ({day_told(line['best_response_date'])})"
    treated, progressed = line["next_line_date"], line["pd_date"]
    if progressed is not None and (treated is None or progressed <= treated):
        limbs = ", ".join(PARAMETER[p] for p in line["pd_limbs"])
        how = f"by {limbs}" if limbs else "as assigned"
        parts.append(f"progressed {day_told(progressed)}{_days_after(line)}, {how}")
    elif line["unconfirmed_pd_date"] is not None:
        parts.append(f"progression on {day_told(line['unconfirmed_pd_date'])} never confirmed")
    elif treated is not None:
        parts.append(f"no progression shown before the next therapy from {day_told(treated)}")
        treated = None
    else:
        parts.append("no progression shown")
    if treated is not None:
        parts.append(f"next therapy from {day_told(treated)}")
    return "; ".join(parts) + "."


def _days_after(line: Told) -> str:
    pfs = next((e for e in line["endpoints"] if e["endpoint"] == "pfs" and e["reason"] == "PD"), None)
    start = {"car_t": "the infusion"}.get(line["kind"], "the first dose")
    return f", {pfs['days']} days after {start}" if pfs else ""


def _print_visits(visits: list[Told], told: Told, *, statements: bool) -> None:
    if not visits:
        say("  No visit that judges this line.")
    later = [v for v in visits if "after_new_therapy" in v["flags"]]
    for visit in visits:
        if statements or visit not in later:
            _print_visit(visit, told, statements=statements)
    if later and not statements:
        span = f"{day_told(later[0]['date'])} to {day_told(later[-1]['date'])}"
        say(
            f"  {counted(len(later), 'later visit')} after new therapy began ({span}): see the next line, or --on DATE."
        )


def _print_visit(visit: Told, told: Told, *, statements: bool) -> None:
    if statements and str(told["on"]) not in (str(visit["date"]), str(visit["day"])):
        say(f"  No visit on {told['on']}; the last before it:")
    day = "" if visit["day"] is None or told["calendar"] == "day" else f"  day {visit['day']}"
    judged = f"  {day_told(visit['date'])}{day}   {marked(visit['response_raw'])}"
    if visit["response_confirmed"] != visit["response_raw"]:
        judged += f", confirmed: {visit['response_confirmed']}"
    if visit["could_be"] != visit["response_raw"]:
        judged += f", could be {visit['could_be']}"
    print(judged)
    for because in visit["because"]:
        _print_because(because, told, visit["date"] if not statements else None)
    if visit["missing"]:
        say(f"      not measured: {', '.join(PARAMETER[m] for m in visit['missing'])}")
    if visit["flags"]:
        say(f"      flags: {', '.join(visit['flags'])}")


def _print_because(because: Told, told: Told, own_date: str | int | None) -> None:
    """In a list of visits a value of the visit's own date goes without it; for one visit all is said in place."""
    values = because["told"] or "; ".join(input_told(i, own_date) for i in because["inputs"])
    values = values or "no parameter was measurable at baseline"
    if own_date is not None:
        print(wrapped(f"      {because['rule']}: {values}", hang=2))
        return
    print_rule(told["rules"][because["rule"]], indent="      ")
    print(wrapped(f"          values      {values}", hang=12))


def input_told(value: Told, own_date: str | int | None) -> str:
    measured = value["value"] is not None
    text = (
        f"{value['what']} {value['value'] if measured else 'not measured'} {value['unit'] if measured else ''}".rstrip()
    )
    text += _on(value["date"] if value["date"] != own_date else None)
    if "compared_with" in value:
        other = value["other_value"]
        text += (
            f" ({value['compared_with']} {other if other is not None else 'not measured'}{_on(value['other_date'])})"
        )
    return text


def _on(date: str | int | None) -> str:
    return "" if date is None else f" on {day_told(date)}"


def _print_course(line: Told, settings: Told) -> None:
    failure = line["failure_type"]
    when = _on(line["failure_date"])
    pattern = f" Pattern: {', '.join(line['pattern'])}." if line["pattern"] else ""
    say("", f"  Failure: {failure}{when}: {FAILURE[failure].format(**settings)}.{pattern}", "")
    rows = [
        (f"  {ENDPOINT[e['endpoint']]}", e["start_date"], e["date"], e["days"], event_told(e), reason_told(e["reason"]))
        for e in line["endpoints"]
    ]
    say_table(("  endpoint", "from", "to", "days", "", "because of"), rows, right=("days",))


def reason_told(reason: str) -> str:
    return REASON.get(reason, reason.replace("_", " "))


def event_told(endpoint: Told) -> str:
    return {True: "event", False: "censored", None: "not defined"}[endpoint["event"]]


def _print_rules(told: Told, shown: list[Told]) -> None:
    """Each rule of the lines shown once: statement, thresholds, source; then the sources in full."""
    rules = list(told["rules"].values())
    if len(shown) < len(told["lines"]):
        fired = {b["rule"] for line in shown for v in line["visits"] for b in v["because"]}
        every = {b["rule"] for line in told["lines"] for v in line["visits"] for b in v["because"]}
        rules = [rule for rule in rules if rule["rule"] not in every - fired]
    say("", f"The rules that fired ({told['stamp']['title']}):")
    for rule in rules:
        print_rule(rule, indent="  ")
    say("", "Sources:")
    for key, cited in {rule["source"]: rule["cited"] for rule in rules}.items():
        print(wrapped(f"  {key}: {cited}", hang=4))


def _print_findings(findings: list[Told]) -> None:
    if not findings:
        return
    say("", f"{counted(len(findings), 'finding')} in the data of this patient:")
    for f in findings:
        row = f" row {f['row']}" if f["row"] is not None else ""
        place = f"{f['severity']}: {f['table']}{row}, {f['column']}"
        print(wrapped(f"  {place}: {f['problem']}, found {f['found']}; expected {f['expected']}", hang=4))


def _print_stamp(told: Told) -> None:
    stamp, changed = told["stamp"], told["settings_changed"]
    other = ", ".join(f"{name}={value}" for name, value in changed.items()) or "all as by default"
    say(
        "",
        f"Settings: {other}.",
        f"mspike {stamp['mspike']}; {stamp['edition']}; settings {stamp['settings_hash']}; "
        f"knowledge {stamp['knowledge_hash']}.",
        told["intended_use"],
    )
