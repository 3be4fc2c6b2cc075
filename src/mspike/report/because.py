"""Prints the because-table of one patient, to be read from top to bottom, and aloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mspike.report.criteria import print_rule
from mspike.report.terminal import counted, marked, say, say_table, wrapped

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
    "alive": "alive", "unconfirmed_pd": "progression cut short by therapy", "radiotherapy": "radiotherapy",
}  # fmt: skip
FAILURE = {
    "not_infused": "cells were collected, none were given back",
    "primary_refractory": "no confirmed response before it progressed, or none by day 90",
    "early_relapse": "responded, then relapsed by day {early_relapse_days}",
    "late_relapse": "responded, then relapsed after day {early_relapse_days}",
    "molecular_relapse": "MRD negativity was lost, without progression",
    "nonrelapse_death": "died without progression, of another cause than myeloma",
    "second_malignancy": "a second malignancy, without progression before it",
    "next_therapy": "new therapy began without a documented progression",
    "none": "responded and has not failed so far",
    "undetermined": "what is recorded does not decide it",
}


def print_explanation(told: Told) -> None:
    """Head, then each line with its visits, the rules that fired, settings and stamp."""
    say(f"{told['patient_id']}: {_person(told['patient'])}")
    car_t = [line for line in told["lines"] if line["kind"] == "car_t"]
    shown = (car_t if car_t and told["on"] is None and len(told["lines"]) > 1 else None) or told["lines"]
    if not told["lines"]:
        say("", "No line of therapy is known, so nothing can be judged.")
    for line in told["lines"]:
        _print_line(line, told, in_full=line in shown)
    if told["rules"]:
        _print_rules([told["rules"][rule] for rule in _rules_of(shown)], told["stamp"])
    _print_findings(told["findings"])
    _print_stamp(told)


def _person(person: Told) -> str:
    chains = [c for c in (person["heavy_chain"], person["light_chain"]) if c and c != "none"]
    parts = [
        person["sex"] or "sex not stated",
        f"born {person['birth_year']}" if person["birth_year"] else "",
        f"{' '.join(chains)} myeloma" if chains else "type of myeloma not stated",
        f"died {person['death_date']} ({person['death_cause'] or 'cause unknown'})" if person["death_date"] is not None else "",
    ]  # fmt: skip
    return ", ".join(p for p in parts if p)


def _print_line(line: Told, told: Told, *, in_full: bool) -> None:
    say("", _line_head(line), wrapped(f"  {sentence(line)}"))
    if not in_full:
        visits = counted(len(line["visits"]), "visit")
        say(f"  {visits} judged by this line: mspike explain ... --line {line['line']}")
        return
    names = ", ".join(PARAMETER[p] for p in line["measurable_by"]) or "nothing that was measured at baseline"
    say(f"  Measurable by {names}.")
    if line["flags"]:
        say(f"  Flags: {', '.join(line['flags'])}.")
    if line["baseline"]:
        told_values = (f"{b['what']} {b['value']} {b['unit']}{_on(b['date'])}" for b in line["baseline"])
        print(wrapped("  Baseline: " + "; ".join(told_values) + ".", hang=10))
    print()
    if told["on"] is not None:
        _print_visits(line["visits"], told, statements=True)
        return
    _print_visits(line["visits"], told, statements=False)
    _print_course(line, told["settings"])


def _line_head(line: Told) -> str:
    what = "CAR-T" if line["kind"] == "car_t" else "other therapy"
    began = "collected" if "not_infused" in line["flags"] else "infused" if line["kind"] == "car_t" else "from"
    extras = [f"{name} {line[f'{name}_date']}" for name in ("apheresis", "lymphodepletion") if line[f"{name}_date"] is not None]  # fmt: skip
    more = f" ({', '.join(extras)})" if extras else ""
    return f"Line {line['line']}, {what}: {line['index_agent'] or 'agent not stated'}, {began} {line['index_date']}{more}"


def sentence(line: Told) -> str:
    """The course of a line as a colleague would say it."""
    best = line["best_response"]
    parts = [f"Best response {best}" if best != "NE" else "Response not evaluable"]
    if line["best_response_date"] is not None and best != "NE":
        parts[0] += f" ({line['best_response_date']})"
    pfs = next((e for e in line["endpoints"] if e["endpoint"] == "pfs"), None)
    if line["pd_date"] is not None:
        limbs = ", ".join(PARAMETER[p] for p in line["pd_limbs"]) or "as assigned"
        after = f", {pfs['days']} days after" if pfs and pfs["reason"] == "PD" else ""
        parts.append(f"progressed {line['pd_date']}{after}, by {limbs}")
    elif line["unconfirmed_pd_date"] is not None:
        parts.append(f"progression on {line['unconfirmed_pd_date']} never confirmed")
    else:
        parts.append("no progression shown")
    if line["next_line_date"] is not None:
        parts.append(f"next therapy from {line['next_line_date']}")
    return "; ".join(parts) + "."


def _print_visits(visits: list[Told], told: Told, *, statements: bool) -> None:
    if not visits:
        say("  No visit that judges this line.")
    later = [v for v in visits if "after_new_therapy" in v["flags"]]
    for visit in visits:
        if statements or visit not in later:
            _print_visit(visit, told, statements=statements)
    if later and not statements:
        say(f"  {counted(len(later), 'later visit')} after new therapy began ({later[0]['date']} to {later[-1]['date']}): shown with the next line, or by --on DATE.")  # fmt: skip


def _print_visit(visit: Told, told: Told, *, statements: bool) -> None:
    if statements and str(told["on"]) not in (str(visit["date"]), str(visit["day"])):
        say(f"  No visit on {told['on']}; the last before it:")
    day = "" if visit["day"] is None or told["calendar"] == "day" else f"  day {visit['day']}"
    judged = f"  {visit['date']}{day}   {marked(visit['response_raw'])}"
    if visit["response_confirmed"] != visit["response_raw"]:
        judged += f", confirmed: {visit['response_confirmed']}"
    if visit["could_be"] != visit["response_raw"]:
        judged += f", could be {visit['could_be']}"
    print(judged)
    for because in visit["because"]:
        _print_because(because, told, statements)
    if visit["missing"]:
        say(f"      not measured: {', '.join(PARAMETER[m] for m in visit['missing'])}")
    if visit["flags"]:
        say(f"      flags: {', '.join(visit['flags'])}")


def _print_because(because: Told, told: Told, statements: bool) -> None:
    values = because["told"] or "; ".join(_input(i) for i in because["inputs"]) or "nothing was measured that could judge it"  # fmt: skip
    if not statements:
        print(wrapped(f"      {because['rule']}: {values}", hang=2))
        return
    print_rule(told["rules"][because["rule"]], indent="      ")
    print(wrapped(f"          values      {values}", hang=12))


def _input(value: Told) -> str:
    text = f"{value['what']} {value['value']} {value['unit']}".rstrip() if value["value"] is not None else f"{value['what']} not measured"  # fmt: skip
    text += _on(value["date"])
    if "compared_with" in value:
        other = value["other_value"]
        text += f" ({value['compared_with']} {other if other is not None else 'not measured'}{_on(value['other_date'])})"
    return text


def _on(date: str | int | None) -> str:
    return "" if date is None else f" on {'day ' if isinstance(date, int) else ''}{date}"


def _print_course(line: Told, settings: Told) -> None:
    failure = line["failure_type"]
    when = f" on {line['failure_date']}" if line["failure_date"] is not None else ""
    pattern = f" Pattern: {', '.join(line['pattern'])}." if line["pattern"] else ""
    say("", f"  Failure: {failure}{when}: {FAILURE[failure].format(**settings)}.{pattern}", "")
    rows = [
        ("  " + ENDPOINT[e["endpoint"]], e["start_date"], e["date"], e["days"], _event(e), REASON.get(e["reason"], e["reason"]))
        for e in line["endpoints"]
    ]  # fmt: skip
    say_table(("  endpoint", "from", "to", "days", "", "because of"), rows, right=("days",))


def _event(endpoint: Told) -> str:
    return {True: "event", False: "censored", None: "not defined"}[endpoint["event"]]


def _rules_of(lines: list[Told]) -> list[str]:
    fired = (b["rule"] for line in lines for v in line["visits"] for b in v["because"])
    return sorted(set(fired))


def _print_rules(rules: list[Told], stamp: Told) -> None:
    say("", f"The rules that fired ({stamp['title']}):")
    for rule in rules:
        print_rule(rule, indent="  ")  # type: ignore[arg-type]
    sources = {rule["source"]: rule["cited"] for rule in rules}
    say("", "Sources:")
    for key, cited in sources.items():
        print(wrapped(f"  {key}: {cited}", hang=4))


def _print_findings(findings: list[Told]) -> None:
    if not findings:
        return
    say("", f"{counted(len(findings), 'finding')} in the data of this patient:")
    for f in findings:
        row = f" row {f['row']}" if f["row"] is not None else ""
        print(wrapped(f"  {f['severity']}: {f['table']}{row}, {f['column']}: {f['problem']}, found {f['found']}; expected {f['expected']}", hang=4))  # fmt: skip


def _print_stamp(told: Told) -> None:
    stamp, changed = told["stamp"], told["settings_changed"]
    other = ", ".join(f"{name}={value}" for name, value in changed.items()) or "all as by default"
    say(
        "",
        f"Settings: {other}.",
        f"mspike {stamp['mspike']}; {stamp['edition']}; settings {stamp['settings_hash']}; knowledge {stamp['knowledge_hash']}.",
        told["intended_use"],
    )
