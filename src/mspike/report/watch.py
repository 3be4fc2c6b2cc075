"""What was done, is due and is overdue: a page for one patient, a worklist for a registry, a calendar file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl

from mspike.asking import Progress, Question, of_patient, of_registry, set_aside
from mspike.errors import WrongUsage
from mspike.knowledge.schedule import Item, schedule
from mspike.record.dates import Calendar, shown
from mspike.report.terminal import counted, day_told, say, say_set_aside, say_table
from mspike.watch.worklist import missed_visits, watch_of, watched

Told = dict[str, Any]
ORDER = ("overdue", "due", "next", "depends", "missed", "done", "ended")
STATE = {
    "overdue": "✖ overdue", "due": "● due now", "next": "○ next", "depends": "? not known whether it applies",
    "missed": "– missed, cannot be made up", "done": "✓ nothing more due", "ended": "  ended with this line",
}  # fmt: skip
NEVER = "never on record"
TEST = ("item", "state", "due", "since", "missed", "last_done", "applies")
DEPENDS = {
    "extraosseous": "extraosseous disease", "urine_positive": "M-protein in the urine", "mrd_negative": "MRD",
}  # fmt: skip


def watch_patient(asked: Question, patient: str) -> Told:
    """The schedule of each infusion of one patient on the day asked."""
    derived = of_patient(asked, patient, "watch")
    infusions = watched(derived, asked.on_day)
    rows, gaps = watch_of(derived, asked.on_day), missed_visits(derived, asked.on_day)
    days = ("due", "since", "last_done", "on_day")
    rows = rows.with_columns(shown(pl.col(c), asked.calendar).alias(c) for c in days)
    gaps = gaps.with_columns(shown(pl.col(c), asked.calendar).alias(c) for c in ("from_day", "to_day"))
    ends = infusions.with_columns(shown(pl.col(c), asked.calendar).alias(c) for c in ("on_day", "end_day", "index_day"))
    lines = [
        {
            "line": infusion["line"], "product": infusion["agent"], "infused": infusion["index_day"],
            "ended": infusion["end_day"], "because": infusion["end_reason"], "on": infusion["on_day"],
            "tests": rows.filter(pl.col("gid") == infusion["gid"]).select(TEST).to_dicts(),
            "missed_visits": gaps.filter(pl.col("gid") == infusion["gid"]).drop("gid").to_dicts(),
        }
        for infusion in ends.to_dicts()
    ]  # fmt: skip
    plan = schedule()
    source = {"title": plan.title, "source": plan.source, "where": plan.where, "checked": plan.checked}
    return {
        "patient_id": patient,
        "lines": lines,
        "schedule": source,
        "set_aside": set_aside(derived),
        "stamp": asked.stamp(),
    }


def watch_registry(asked: Question, progress: Progress | None = None) -> pl.DataFrame:
    """The worklist: every test that is overdue, due or next, of the patients whose last CAR-T has not failed."""
    day = asked.on_day
    rows = of_registry(asked, lambda derived: watch_of(derived, day), progress)
    rows = rows.filter(pl.col("state").is_in(["overdue", "due", "next"]))
    order = pl.col("state").replace_strict({s: k for k, s in enumerate(ORDER)}, return_dtype=pl.Int32)
    days = ("due", "since", "last_done", "on_day")
    return rows.sort(order, "due", "patient_id", maintain_order=True).select(
        "patient_id", "line", "item", "state", *(shown(pl.col(c), asked.calendar).alias(c) for c in days), "missed"
    )


def open_rows(told: Told) -> pl.DataFrame:
    """What is overdue, due or next for this patient, as the worklist has it."""
    rows = [
        {"patient_id": told["patient_id"], "line": line["line"], **test, "on_day": line["on"]}
        for line in told["lines"]
        for test in line["tests"]
        if test["state"] in ("overdue", "due", "next")
    ]
    days = {"due": None, "since": None, "last_done": None, "on_day": None}
    return pl.DataFrame(rows) if rows else pl.DataFrame(schema={"state": pl.String, **dict.fromkeys(days, pl.Date)})


def print_watch(told: Told) -> None:
    """The page: the answer in a sentence, then the tests in the order in which they matter."""
    says = {item.name: item for item in schedule().items}
    if not told["lines"]:
        say(f"{told['patient_id']}: no infusion is recorded by then, so no schedule runs.")
    for line in told["lines"]:
        say(watch_told(told["patient_id"], line), "")
        tests = sorted(line["tests"], key=lambda t: ORDER.index(t["state"]))
        if line["ended"] is not None:
            tests = [t for t in tests if t["state"] in ("overdue", "due", "next")]
        if tests:
            say_table(
                ("test", "state", "due", "last done", "costs"),
                [test_row(t, says[t["item"]]) for t in tests],
                whole=("due", "last done"),
            )  # fmt: skip
        for gap in line["missed_visits"]:
            say("", gap_told(gap))
        say("")
    plan = told["schedule"]
    say(f"Schedule: {plan['title']} ({plan['source']}, {plan['where']}; checked: {plan['checked']}).")
    say("A test counts for the due day nearest to it; it is overdue 7 days after a due day up to day 28, then 14 days.")
    say_set_aside(told["set_aside"])
    say("", told["stamp"]["intended_use"])


def test_row(test: Told, item: Item) -> tuple[str, ...]:
    return (
        item.says,
        state_told(test, item.only_if),
        day_told(test["due"], ""),
        day_told(test["last_done"], NEVER),
        item.costs,
    )


def watch_told(patient: str, line: Told) -> str:
    product = line["product"] or "CAR-T, product not stated"
    head = f"{patient}: {product}, infused {day_told(line['infused'])} (line {line['line']}). "
    if line["ended"] is not None:
        head += f"Its schedule ended {day_told(line['ended'])} with {line['because']}; "
        return head + "`mspike why` tells what to measure then. What goes on for life is told here."
    overdue = [t for t in line["tests"] if t["state"] == "overdue"]
    due = [t for t in line["tests"] if t["state"] == "due"]
    return head + f"On {day_told(line['on'])}: {counted(len(overdue), 'test')} overdue, {len(due)} due now."


def state_told(test: Told, only_if: str) -> str:
    if test["state"] == "depends":
        return f"? not known whether it applies: {DEPENDS[only_if]} not on record"
    if test["state"] == "overdue" and test["missed"] > 1:
        return f"{STATE['overdue']}, {test['missed']} in a row since {day_told(test['since'])}"
    return STATE[test["state"]]


def gap_told(gap: Told) -> str:
    first, last = day_told(gap["from_day"]), day_told(gap["to_day"])
    return (
        f"{gap['missed']} scheduled visits in a row were missed after {first} (up to {last}). A progression or death "
        "right after such a gap is censored at the last assessment before it where visit_interval_days is set and "
        "censoring=fda."
    )


def print_worklist(rows: pl.DataFrame, limit: int) -> None:
    """Overdue first. At most `limit` rows; how many there are stands below."""
    says = {item.name: item.says for item in schedule().items}
    if rows.is_empty():
        say("Nothing is overdue, due or coming: no infused patient without progression, new therapy or death.")
        return
    for state in ("overdue", "due", "next"):
        print(f"{STATE[state]:<12} {counted(rows.filter(pl.col('state') == state).height, 'test')}")
    say("")
    open_now = rows.filter(pl.col("state") != "next")
    shown_rows = open_now.head(limit) if limit else open_now
    say_table(
        ("patient", "line", "test", "state", "due", "last done"),
        [_work_row(row, says[row["item"]]) for row in shown_rows.to_dicts()],
        right=("line",), whole=("patient", "state", "due", "last done"),
    )  # fmt: skip
    left = open_now.height - shown_rows.height
    if left:
        say("", f"{counted(left, 'row')} more: `--limit 0` prints all, `--json` too.")
    say("", f"As of {day_told(rows.to_dicts()[0]['on_day'])}.")


def _work_row(row: Told, says: str) -> tuple[Any, ...]:
    due, done = day_told(row["due"], ""), day_told(row["last_done"], NEVER)
    return row["patient_id"], row["line"], says, STATE[row["state"]], due, done


def write_calendar(rows: pl.DataFrame, file: Path, calendar: Calendar) -> int:
    """Writes what is overdue, due or next as an iCalendar file of all-day entries; returns how many.

    rows  of `watch_registry`, or those of one patient
    """
    if file.suffix.lower() != ".ics":
        raise WrongUsage(f"--ics {file}: expected a name that ends in .ics.")
    if calendar != "iso":
        raise WrongUsage("--ics: this registry counts days from the infusion; a calendar needs dates.")
    from icalendar import Calendar as ICalendar
    from icalendar import Event

    says = {item.name: item.says for item in schedule().items}
    whole = ICalendar()
    whole.add("prodid", "-//mspike//monitoring after CAR-T//EN")
    whole.add("version", "2.0")
    entries = rows.filter(pl.col("due").is_not_null()).to_dicts()
    for row in entries:
        entry = Event()
        # The same test keeps its identity from one export to the next, so that a calendar updates its entry.
        entry.add("uid", f"{row['patient_id']}-{row['line']}-{row['item']}@mspike")
        late = row["state"] == "overdue"
        state = f"overdue since {row['since']}" if late else row["state"]
        entry.add("summary", f"{row['patient_id']}: {says[row['item']]} ({state})")
        # What is overdue stands on the day asked, where it is seen, and not in the past.
        day = row["on_day"] if late else row["due"]
        entry.add("dtstart", day)
        entry.add("dtend", day + dt.timedelta(days=1))
        entry.add("dtstamp", dt.datetime.combine(row["on_day"], dt.time(), dt.UTC))
        whole.add_component(entry)
    file.write_bytes(whole.to_ical())
    return len(entries)
