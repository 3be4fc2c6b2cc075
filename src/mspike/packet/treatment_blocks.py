"""What was given: every drug and procedure of each line with its days, why it was stopped, and the days of CAR-T."""

from __future__ import annotations

import polars as pl

from mspike.course.doses import placed_rows
from mspike.packet.blocks import Block, Facts, Grid, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.standing import NONE, Told, course_of, episode_of, said_day
from mspike.record.record import Record
from mspike.report.history import best_told, refractory_told
from mspike.report.terminal import day_told

# The parts of a CAR-T episode, in the order in which they happen.
EPISODE = (("apheresis", "Apheresis"), ("bridging", "Bridging"), ("lymphodepletion", "Lymphodepletion"),
           ("infusion", "Infusion"))  # fmt: skip
STEPS = tuple(role for role, _ in EPISODE if role != "bridging")


def numbered(case: Case) -> pl.DataFrame:
    """Every treatment row with the line it belongs to, undated ones last within their line."""
    record: Record = case.derived.record
    placed = placed_rows(record, case.derived.settings.lines).select("row", placed="line")
    rows = record.treatments.join(placed, on="row", how="left", maintain_order="left")
    rows = rows.with_columns(of=pl.coalesce("placed", "line"))
    return rows.sort("of", "start_date", "row", nulls_last=True)


def stops_of(case: Case, line: int) -> list[tuple[str, str]]:
    """When and why the agents of a line were stopped, as recorded; the steps of a CAR-T episode are not stopped."""
    told = pl.col("stop_reason").is_not_null() & ~pl.col("role").is_in([*STEPS, "supportive"])
    rows = numbered(case).filter((pl.col("of") == line) & told).sort("end_date")
    return [(_end(case, row), row["stop_reason"]) for row in rows.to_dicts()]


def treatments_grid(case: Case) -> Grid:
    """Every drug and procedure as recorded."""
    rows = tuple(
        (_text(row["of"]), row["agent"], row["role"], _start(case, row), _end(case, row), row["stop_reason"],
         row["best_response"])
        for row in numbered(case).to_dicts()
    )  # fmt: skip
    heads = ("line", "agent", "part", "from", "to", "why it was stopped", "best response as recorded")
    return Grid("Every drug and procedure, as recorded", heads, rows, right=("line",), notes=(
        "One row a drug; the response of a line is recorded with its drugs.",))  # fmt: skip


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _start(case: Case, row: Told) -> str:
    return row["start_date_partial"] or said_day(case, row["start_date"], "not dated")


def _end(case: Case, row: Told) -> str:
    return row["end_date_partial"] or said_day(case, row["end_date"], "no end on record")


def car_t_blocks(case: Case) -> list[Block]:
    """Each CAR-T episode with its days: apheresis, bridging, lymphodepletion, infusion; also one never infused."""
    lines = [line for line in case.explained["lines"] if line["kind"] == "car_t"]
    if not lines:
        return [Paragraph("No CAR-T episode is on record: neither apheresis nor infusion.")]
    return [block for line in lines for block in _episode(case, line)]


def _episode(case: Case, line: Told) -> list[Block]:
    infusion = next((one for one in case.why["infusions"] if one["line"] == line["line"]), None)
    product = line["index_agent"] or "product not stated"
    rows = numbered(case).filter(pl.col("of") == line["line"])
    facts: list[tuple[str, str | None]] = [("Product", line["index_agent"])]
    if infusion is not None:
        facts.append(("Target", next((m["target"] for m in infusion["mechanisms"] if m["target"]), None)))
    facts += [(name, _given(case, rows, role, line)) for role, name in EPISODE]
    events = case.derived.record.events.filter(pl.col("event") == "not_infused").to_dicts()
    if infusion is None:
        told = "; ".join(f"{said_day(case, e['date'])}: {e['detail'] or 'reason not recorded'}" for e in events)
        facts.append(("Not infused", told or "no infusion is on record; why is not recorded"))
    title = f"{product}, line {line['line']}" + ("" if infusion else ": no infusion on record")
    return [Heading(title, 3), Facts(tuple(facts))]


def _given(case: Case, rows: pl.DataFrame, role: str, line: Told) -> str:
    """What was given in this part with its days; what the line itself dates stands in where no row does."""
    mine = rows.filter(pl.col("role") == role).to_dicts()
    told = [f"{row['agent'] or 'not named'} {_span(case, row)}" for row in mine]
    if told:
        return "; ".join(told)
    day = line.get(f"{role}_date")
    return day_told(day) if day is not None else NONE


def _span(case: Case, row: Told) -> str:
    start, end = _start(case, row), _end(case, row)
    return start if start == end or row["end_date"] is None else f"{start} to {end}"


def response_facts(case: Case, number: int) -> tuple[tuple[str, str | None], ...]:
    """Response and MRD of a line, each with its day."""
    line = course_of(case, number)
    if line is None:
        return (("Response", None),)
    best = line["best_response"]
    shown = f"{best} ({day_told(line['best_response_date'])})" if best != "NE" else "not evaluable"
    first = day_told(line["first_response_date"]) if line["first_response_date"] is not None else NONE
    return (("Best response", shown), ("First response", first), ("MRD", mrd_told(case, line)))


def mrd_told(case: Case, line: Told) -> str:
    """MRD of a line in words: first negative day, loss, and how many samples there are; never tested is said so."""
    if line["mrd_negative_date"] is not None:
        told = f"negative {day_told(line['mrd_negative_date'])}"
        lost = line["loss_of_mrd_negativity_date"]
        told += f", lost {day_told(lost)}" if lost is not None else ", no loss on record"
        return f"{told}{_kept(line)}"
    samples = _samples(case, line)
    if not samples:
        return "no test on record"
    last = samples[-1]
    word = f"{last['method'] or 'method not stated'}: {last['result'] or 'result not stated'}"
    return f"not shown negative by the thresholds asked; last as reported {said_day(case, last['date'])}, {word}"


def _kept(line: Told) -> str:
    """How long it stayed negative, where that is known."""
    if line["sustained_mrd_days"] is None:
        return ""
    word = {True: "sustained", False: "not sustained", None: "whether sustained is not known"}
    return f"; {word[line['sustained_mrd_negative']]} ({line['sustained_mrd_days']} days)"


def _samples(case: Case, line: Told) -> list[Told]:
    """The MRD samples since this line began and before the next."""
    rows = case.derived.lines.filter(pl.col("line") == line["line"]).select("index_day", "next_day").to_dicts()
    start, end = (rows[0]["index_day"], rows[0]["next_day"]) if rows else (None, None)
    samples = case.derived.record.mrd.filter(pl.col("date").is_not_null())
    if start is not None:
        samples = samples.filter(pl.col("date") > start)
    if end is not None:
        samples = samples.filter(pl.col("date") <= end)
    return samples.sort("date").to_dicts()


def lines_blocks(case: Case) -> list[Block]:
    """Each line with its days, agents, response, refractoriness and why it was stopped."""
    blocks: list[Block] = []
    for told in case.history["lines"]:
        stops = "; ".join(dict.fromkeys(f"{reason} ({day})" for day, reason in stops_of(case, told["line"])))
        agents = ", ".join(told["agents"]) or ", ".join(told["roles"])
        facts = [("Agents", agents or None), ("Why it was stopped, as recorded", stops or "not recorded"),
                 ("Refractory, as derived", _refractory(case, told))]  # fmt: skip
        days = f"{day_told(told['start'], 'not dated')} to {day_told(told['end'], 'no end on record')}"
        response = ("Best response", f"{best_told(told)}{_best_day(case, told['line'])}")
        course = course_of(case, told["line"])
        mrd = None if course is None else mrd_told(case, course)
        blocks += [Heading(f"Line {told['line']}: {days}", 3), Facts((*facts, response, ("MRD", mrd)))]
    return blocks


def _best_day(case: Case, line: int) -> str:
    """The day of the derived best response, where there is one."""
    course = course_of(case, line)
    if course is None or course["best_response"] == "NE" or course["best_response_date"] is None:
        return ""
    return f" ({day_told(course['best_response_date'])})"


def _refractory(case: Case, line: Told) -> str:
    """What the last episode says of the agents of this line."""
    episode = episode_of(case, None)
    agents = [a for a in (episode["agents"] if episode else []) if a["level"] == "agent"]
    told = [f"{a['item']} {refractory_told(a)}" for a in agents
            if a["item"] in line["agents"] or a["line"] == line["line"]]  # fmt: skip
    when = day_told(episode["infusion"]) if episode and episode["infusion"] is not None else ""
    asked = f" (before the infusion on {when})" if when else ""
    return "; ".join(told) + asked if told else f"not derived for these agents{asked}"
