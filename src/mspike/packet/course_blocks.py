"""The course in blocks: lines of therapy, what each agent did, the visits of a line, endpoints, stage and risk."""

from __future__ import annotations

from mspike.packet.blocks import Block, Facts, Grid, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.cited import Cited
from mspike.packet.standing import NONE, Told, main_course
from mspike.packet.treatment_blocks import stops_of
from mspike.report.because import ENDPOINT, FAILURE, PARAMETER, event_told, input_told, reason_told
from mspike.report.history import (
    ANSWER,
    GROUP,
    RISK,
    SCORE,
    STATE,
    because,
    best_told,
    group_told,
    missing_told,
    refractory_told,
    stage_told,
    target_told,
)
from mspike.report.terminal import counted, day_told, marked

STAGES_DESCRIBE = "These stages were made for newly diagnosed disease; before CAR-T they describe and do not forecast."


def lines_grid(case: Case) -> Grid:
    """Every line with its days, agents, best response and progression."""
    rows = tuple(_line_row(line, case) for line in case.history["lines"])
    heads = ("line", "from", "to", "agents", "best response", "progression")
    return Grid("Lines of therapy", heads, rows, right=("line",))


def _line_row(line: Told, case: Case) -> tuple[str | None, ...]:
    agents = ", ".join(line["agents"]) or ", ".join(line["roles"])
    since = day_told(line["start"], "not dated")
    return str(line["line"]), since, end_told(line), agents, best_told(line), _progression(line, case)


def end_told(line: Told) -> str:
    """When a line ended: a line whose agents bear no end may still be given, or its end was not written down."""
    if line["end"] is None:
        return "no end on record"
    return f"{day_told(line['end'])}, of one agent not on record" if line["open"] else day_told(line["end"])


def _progression(line: Told, case: Case) -> str:
    if line["pd"] is not None:
        return day_told(line["pd"])
    course = next((one for one in case.explained["lines"] if one["line"] == line["line"]), None)
    if course is not None and course["unconfirmed_pd_date"] is not None:
        return f"seen {day_told(course['unconfirmed_pd_date'])}, not confirmed"
    stopped = _stopped(case, line["line"])
    return f"recorded as why it was stopped ({stopped})" if stopped else NONE


def _stopped(case: Case, line: int) -> str:
    """The day on which a drug of this line was stopped, as recorded, because the disease progressed."""
    told = [day for day, reason in stops_of(case, line) if "progression" in reason.lower()]
    return told[-1] if told else ""


def before_facts(case: Case, episode: Told) -> tuple[tuple[str, str | None], ...]:
    """What was known before the infusion: lines, state, groups of drugs, earlier targets."""
    complete = "" if episode["history_complete"] else "; the earlier therapy is not fully known"
    unread = f"; not read: {', '.join(episode['unread'])}" if episode["unread"] else ""
    groups = "; ".join(f"{name}: {group_told(episode, group)}" for group, name in GROUP.items())
    head = f"{counted(episode['lines_before'], 'line')} of therapy, {STATE[episode['state']]}"
    targets = "; ".join(target_told(name, name.lower(), episode) for name in ("BCMA", "GPRC5D"))
    return (("Before CAR-T" if episode["infusion"] is not None else "Up to now", f"{head}{complete}{unread}"),
            ("Refractoriness", groups), ("Earlier targets", targets))  # fmt: skip


def refractory_grid(episode: Told) -> Grid | None:
    """What each agent did, and because of what it counts as refractory or not."""
    agents = [agent for agent in episode["agents"] if agent["level"] == "agent"]
    if not agents:
        return None
    when = day_told(episode["infusion"]) if episode["infusion"] is not None else ""
    title = f"What each agent did before the infusion on {when}" if when else "What each agent did up to now"
    notes = ["Not known is not the same as no: what is missing stands under because."]
    if not episode["history_complete"]:
        notes.append(
            "The earlier therapy is not fully known, so what is not mentioned is not known rather than not given."
        )
    rows = tuple((a["item"], a["cls"], refractory_told(a), because(a)) for a in agents)
    return Grid(title, ("agent", "class", "refractory", "because"), rows, notes=tuple(notes))


def stage_facts(stage: Told | None) -> tuple[tuple[str, str | None], ...]:
    """Stage as a range where items are missing, and each risk with what would settle it."""
    if stage is None:
        return (("Stage and risk", None),)
    rows: list[tuple[str, str | None]] = [(name, stage_told(stage, score)) for score, name in SCORE.items()]
    return (*rows, *risk_facts(stage))


def risk_facts(stage: Told) -> tuple[tuple[str, str | None], ...]:
    rows: list[tuple[str, str | None]] = []
    for key, (name, missing) in RISK.items():
        tail = f" (missing: {missing_told(stage[missing])})" if stage[key] is None and stage[missing] else ""
        rows.append((name[:1].upper() + name[1:], f"{ANSWER[stage[key]]}{tail}"))
    return tuple(rows)


def history_blocks(case: Case) -> list[Block]:
    """Lines, what each agent did, stage and risk before each infusion and at diagnosis."""
    blocks: list[Block] = [Heading("What happened", id="course"), lines_grid(case)]
    for episode in case.history["before"]:
        grid = refractory_grid(episode)
        if grid is not None:
            blocks.append(grid)
        if episode["stage"] is not None:
            blocks += [Heading("Stage and risk before it", 3), Facts(stage_facts(episode["stage"]))]
            blocks.append(Paragraph(STAGES_DESCRIBE, "note"))
    if case.history["at_diagnosis"] is not None:
        blocks += [Heading("Stage and risk at diagnosis", 3), Facts(stage_facts(case.history["at_diagnosis"]))]
    return blocks


def endpoint_grid(line: Told) -> Grid:
    """The endpoints of a line with what ended them."""
    rows = tuple(
        (ENDPOINT[e["endpoint"]], day_told(e["start_date"]), day_told(e["date"]),
         None if e["days"] is None else str(e["days"]), event_told(e), reason_told(e["reason"]))
        for e in line["endpoints"]
    )  # fmt: skip
    heads = ("endpoint", "from", "to", "days", "event or censored", "because of")
    return Grid(f"Endpoints of line {line['line']}", heads, rows, right=("days",))


def visits_grid(line: Told) -> Grid:
    """The visits that judge a line: category, what it could still be, and the rule with its values."""
    rows = tuple(_visit_row(visit) for visit in line["visits"])
    heads = ("date", "day", "category", "counts as", "could be", "because of", "not measured")
    return Grid(f"Visits of line {line['line']}", heads, rows, right=("day",), notes=(
        "Counts as: after confirmation. Could be: had what is missing been measured.",))  # fmt: skip


def _visit_row(visit: Told) -> tuple[str | None, ...]:
    judged = [b for b in visit["because"] if b["rule"] != "imwg.confirmed"]
    inputs = "; ".join(f"{b['rule']}: {values_of(b, visit['date'])}" for b in judged)
    missing = ", ".join(PARAMETER[m] for m in visit["missing"]) or "nothing missing"
    day = "not counted" if visit["day"] is None else str(visit["day"])
    return (day_told(visit["date"]), day, marked(visit["response_raw"]), marked(visit["response_confirmed"]),
            marked(visit["could_be"]), inputs or "no rule fired", missing)  # fmt: skip


def values_of(fired: Told, own_date: str | int | None) -> str:
    """The values a rule was given; those of the visit's own day go without it."""
    values = fired["told"] or "; ".join(input_told(value, own_date) for value in fired["inputs"])
    return values or "no parameter was measurable at baseline"


def failure_told(case: Case, line: Told) -> str:
    """The kind of failure in words, with its day and pattern."""
    kind = FAILURE[line["failure_type"]].format(**case.explained["settings"])
    when = f" ({day_told(line['failure_date'])})" if line["failure_date"] is not None else ""
    pattern = f"; pattern: {', '.join(p.replace('_', ' ') for p in line['pattern'])}" if line["pattern"] else ""
    return f"{line['failure_type'].replace('_', ' ')}{when}: {kind}{pattern}"


def because_blocks(case: Case, cited: Cited) -> list[Block]:
    """Each derived value of the first page with its rule, values, thresholds and source."""
    line = main_course(case)
    blocks: list[Block] = [Heading("Because of what", id="because")]
    if line is None:
        return [*blocks, Paragraph("No line of therapy is on record, so nothing was derived.")]
    blocks.append(_because_grid(case, line, cited))
    blocks += [visits_grid(line)] if line["visits"] else [Paragraph("No visit that judges this line.")]
    return [*blocks, endpoint_grid(line), _baseline(line)]


def _because_grid(case: Case, line: Told, cited: Cited) -> Grid:
    rows = [row for what, day in _dated(line) for row in _because_rows(case, line, what, day, cited)]
    rows += [_measurable(case, name, cited) for name in line["measurable_by"]]
    rows.append(("failure", failure_told(case, line), "by the days of response and progression above",
                 "early is within early_relapse_days="
                 f"{case.explained['settings']['early_relapse_days']}", "a setting of this run"))  # fmt: skip
    heads = ("value", "rule", "values it was given", "thresholds", "source")
    return Grid("Values of the first page", heads, tuple(rows))


def _dated(line: Told) -> list[tuple[str, str | int]]:
    asked = (("first response", line["first_response_date"]),
             (f"best response {line['best_response']}", line["best_response_date"]), ("progression", line["pd_date"]),
             ("progression, not confirmed", line["unconfirmed_pd_date"]))  # fmt: skip
    return [(what, day) for what, day in asked if day is not None]


def _because_rows(case: Case, line: Told, what: str, day: str | int, cited: Cited) -> list[tuple[str | None, ...]]:
    rows: list[tuple[str | None, ...]] = []
    for fired in (b for v in line["visits"] if v["date"] == day for b in v["because"]):
        rule = case.explained["rules"].get(fired["rule"])
        if rule is not None:
            said = (f"{what} ({day_told(day)})", f"{rule['rule']}: {rule['says']}", values_of(fired, None))
            rows.append((*said, thresholds_of(rule), source_mark(rule, cited)))
    return rows


def _measurable(case: Case, name: str, cited: Cited) -> tuple[str | None, ...]:
    rule = case.explained["rules"][f"imwg.measurable.{name}"]
    said = (f"measurable by {PARAMETER[name]}", f"{rule['rule']}: {rule['says']}", "the baseline below")
    return (*said, thresholds_of(rule), source_mark(rule, cited))


def thresholds_of(rule: Told) -> str:
    numbers = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in rule["thresholds"].items())
    return numbers or "none"


def source_mark(rule: Told, cited: Cited) -> str:
    return cited.marked(f"{rule['where']} (checked: {rule['checked']}; edition {rule['edition']})", rule["source"])


def _baseline(line: Told) -> Grid:
    rows = tuple((b["what"], b["value"], b["unit"], day_told(b["date"])) for b in line["baseline"])
    notes = () if rows else ("Nothing was measured at baseline.",)
    return Grid(f"Baseline of line {line['line']}", ("parameter", "value", "unit", "date"), rows, right=("value",),
                notes=notes)  # fmt: skip
