"""Why it failed, as far as the data can say, and the test that would tell: a page for a patient, a table for all."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.asking import Progress, Question, of_patient, of_registry, set_aside
from mspike.course.derived import Derived, episodes
from mspike.knowledge.mechanisms import findings as declared
from mspike.knowledge.mechanisms import mechanisms, published_for
from mspike.record.dates import shown
from mspike.report.because import FAILURE
from mspike.report.terminal import counted, day_told, say, say_set_aside, say_table
from mspike.why.findings import findings_of
from mspike.why.mechanisms import why_of
from mspike.why.telling_tests import telling_tests_of

Told = dict[str, Any]
MARK = {"supported": "●", "not_supported": "–", "not_tested": "○"}
ANSWER = {"supported": "supported", "not_supported": "not supported", "not_tested": "not tested"}
CHANGES = {"decides": "may close or open an option", "informs": "is weighed with options", "explains": "explains"}
LISTS = ("for", "against", "descriptive", "not_tested")


def why_registry(asked: Question, progress: Progress | None = None) -> pl.DataFrame:
    """One row an infusion and mechanism."""
    rows = of_registry(asked, _table, progress)
    return rows.with_columns(shown(pl.col(c), asked.calendar).alias(c) for c in ("infused", "failure_day"))


def _table(derived: Derived) -> pl.DataFrame:
    infused = episodes(derived).select("gid", "patient_id", "line", "agent", "failure_type", infused="index_day")
    told = infused.join(why_of(derived), on="gid", how="inner", maintain_order="left")
    return told.select(
        "patient_id", "line", "agent", "infused", "failure_type", "failure_day", "failed", "target", "mechanism",
        "answer", "partly", "strength", "conflict", *LISTS,
    )  # fmt: skip


def why_patient(asked: Question, patient: str) -> Told:
    """The mechanisms of each infusion of one patient with their findings, and what to ask next."""
    derived = of_patient(asked, patient, "why")
    found = findings_of(derived)
    answers, tests = why_of(derived, found), telling_tests_of(derived, found)
    shown_found = found.with_columns(shown(pl.col("day"), asked.calendar).alias("day"))
    answers = answers.with_columns(shown(pl.col("failure_day"), asked.calendar).alias("failure_day"))
    infused = episodes(derived).with_columns(
        shown(pl.col(c), asked.calendar).alias(c) for c in ("index_day", "unconfirmed_pd_day")
    )
    infusions = [
        {
            "line": one["line"], "product": one["agent"], "infused": one["index_day"],
            "failure_type": one["failure_type"], "unconfirmed_progression": one["unconfirmed_pd_day"],
            "later_lines": _later(derived, one),
            "mechanisms": [_mechanism(m, shown_found) for m in answers.filter(pl.col("gid") == one["gid"]).to_dicts()],
            "tests_that_would_tell": tests.filter(pl.col("gid") == one["gid"]).drop("gid", "pid").to_dicts(),
        }
        for one in infused.to_dicts()
    ]  # fmt: skip
    return {
        "patient_id": patient, "infusions": infusions, "early_relapse_days": derived.settings.early_relapse_days,
        "set_aside": set_aside(derived), "stamp": asked.stamp(),
    }  # fmt: skip


def _later(derived: Derived, infusion: Told) -> list[Told]:
    """The lines after this infusion: what was given since, so that an old finding is read as old."""
    lines = derived.courses.filter((pl.col("pid") == infusion["pid"]) & (pl.col("line") > infusion["line"]))
    return lines.sort("line").select("line", "agent").to_dicts()


def _mechanism(row: Told, found: pl.DataFrame) -> Told:
    mine = found.filter((pl.col("gid") == row["gid"]) & (pl.col("mechanism") == row["mechanism"]))
    kept = ("rule", "state", "strength", "value", "day", "threshold", "reason", "source", "checked", "test")
    said = declared()
    told = [
        {"says": said[f["rule"]].says} | {name: f[name] for name in kept} for f in mine.to_dicts()
    ]  # fmt: skip
    published = [
        {"says": p.says, "share": p.share, "when": p.when, "therapy": p.therapy, "target": p.target, "source": p.source,
         "checked": p.checked}
        for p in published_for(row["mechanism"], row["target"])
    ]  # fmt: skip
    dropped = ("gid", "pid", *LISTS)
    about = {"says": mechanisms()[row["mechanism"]].says, "findings": told, "published": published}
    return {name: value for name, value in row.items() if name not in dropped} | about


def print_why(told: Told) -> None:
    """The page: the answer first, then what supports what, then what to ask next."""
    if not told["infusions"]:
        say(f"{told['patient_id']}: no infusion is recorded by then, so there is no failure of CAR-T to explain.")
    for infusion in told["infusions"]:
        _print_infusion(told["patient_id"], infusion, told["early_relapse_days"])
    say("Several mechanisms may hold at once, and none is the one certain cause. What was not tested is not known.")
    say_set_aside(told["set_aside"])
    say("", told["stamp"]["intended_use"])


def _print_infusion(patient: str, infusion: Told, early: int) -> None:
    failed = any(m["failed"] for m in infusion["mechanisms"])
    say(head_told(patient, infusion, failed, early), "")
    _print_overview(infusion["mechanisms"], failed)
    if infusion["tests_that_would_tell"]:
        _print_tests(infusion["tests_that_would_tell"])
    elif not failed and infusion["unconfirmed_progression"] is not None:
        say(
            "",
            "First the test that showed progression is repeated; which tests would tell follows when it is confirmed.",
        )
    elif not failed:
        say("", "No test is asked for, since it has not failed; `mspike watch` tells what is due.")
    say("", "What was found, mechanism by mechanism")
    for mechanism in infusion["mechanisms"]:
        if all(f["state"] == "not_tested" for f in mechanism["findings"]):
            reasons = dict.fromkeys(f["reason"] or "not on record" for f in mechanism["findings"])
            say("", f"{mechanism['title']}: not tested. Why: {'; '.join(reasons)}.")
        else:
            _print_mechanism(mechanism, failed)
    say("")


def head_told(patient: str, infusion: Told, failed: bool, early: int) -> str:
    product = infusion["product"] or "CAR-T, product not stated"
    first = infusion["mechanisms"][0] if infusion["mechanisms"] else {}
    target = first.get("target") or "target not known"
    head = f"{patient}: {product} ({target}), infused {day_told(infusion['infused'])} (line {infusion['line']}). "
    kind = FAILURE[infusion["failure_type"]].format(early_relapse_days=early)
    day = f" on {day_told(first['failure_day'])}" if first.get("failure_day") is not None else ""
    head += f"It failed{day}: {kind}. " if failed else f"It has not failed by what is recorded: {kind}. "
    suspected = infusion["unconfirmed_progression"]
    if not failed and suspected is not None:
        head += f"Progression was seen on {day_told(suspected)} and is not confirmed: repeat that test first. "
    if infusion["later_lines"]:
        since = ", ".join(f"line {line['line']} {line['agent'] or ''}".strip() for line in infusion["later_lines"])
        head += f"Given since: {since}; a finding from before that may no longer hold. "
    supported = [inside(m["title"]) for m in infusion["mechanisms"] if m["answer"] == "supported"]
    word = "Supported" if failed else "Present, though it has not failed"
    return head + (f"{word}: {', '.join(supported)}." if supported else "No mechanism is supported by what was tested.")


def inside(title: str) -> str:
    """A title within a sentence; T cells and BCMA keep their capitals."""
    return title if title[1:2] in "-ABCDEFGHIJKLMNOPQRSTUVWXYZ" else title[:1].lower() + title[1:]


def _print_overview(answers: list[Told], failed: bool) -> None:
    say_table(
        ("", "mechanism", "answer", "strength", "studies"),
        [(MARK[m["answer"]], m["title"], answer_told(m, failed), m["strength"] or "",
          "disagree" if m["conflict"] else "")
         for m in answers],
    )  # fmt: skip
    say("● supported   – looked for, not found   ○ not tested")


def answer_told(mechanism: Told, failed: bool) -> str:
    if mechanism["answer"] == "supported" and not failed:
        return "factor present"
    return "in part tested: nothing found" if mechanism["partly"] else ANSWER[mechanism["answer"]]


def _print_mechanism(mechanism: Told, failed: bool) -> None:
    say("", f"{mechanism['title']}: {answer_told(mechanism, failed)}")
    heads = {
        "for": "found", "against": "looked for, absent", "descriptive": "seen, not judged", "not_tested": "not tested",
    }  # fmt: skip
    for state, head in heads.items():
        for finding in (f for f in mechanism["findings"] if f["state"] == state):
            say(f"  {head}: {finding_told(finding)}")
    for text in mechanism["conflicts"]:
        say(f"  studies disagree: {text}")
    for study in mechanism["published"]:
        share = f"{study['share']}: " if study["share"] else ""
        source = f"[{study['source']}; checked: {study['checked']}]"
        say(f"  published, {context_told(study)}: {share}{study['says']} {source}")


def context_told(study: Told) -> str:
    therapy = "before any of these therapies" if study["therapy"] == "none yet" else study["therapy"].replace("_", "-")
    return ", ".join(part for part in (therapy, study["target"], study["when"]) if part)


def finding_told(finding: Told) -> str:
    if finding["state"] == "not_tested":
        value = f" On record: {finding['value']}." if finding["value"] else ""
        return f"{finding['says']}{value} Why: {finding['reason'] or 'it is not on record'}."
    day = f", {day_told(finding['day'])}" if finding["day"] is not None else ""
    limit = f" (limit: {finding['threshold']})" if finding["threshold"] else ""
    source = f"{finding['strength']}; {finding['source']}, checked: {finding['checked']}"
    return f"{finding['says']} Here: {finding['value'] or 'as said'}{day}{limit} [{source}]"


def _print_tests(tests: list[Told]) -> None:
    say("", "The tests that would tell: first those that change most, and among them the least for the patient", "")
    deciding = [t for t in tests if t["changes"] != "explains"]
    if not deciding:
        say("None that is left untested would change an option.")
    for test in deciding:
        say(f"{test['order']}. {test['title']}{when_told(test)}: {CHANGES[test['changes']]}.")
        say(f"   Takes {test['cost']}: {test['cost_says']}")
        for answer in test["answers"]:
            say(f"   - {answer}")
    rest = [t for t in tests if t["changes"] == "explains"]
    if rest:
        say(
            "",
            "These would explain more and change no option by themselves (--json tells what each answer would mean):",
        )
    for test in rest:
        takes = "" if test["cost"] == "records" else f"; takes {test['cost']}"
        say(f"{test['order']}. {test['title']}{when_told(test)}{takes}.")


def when_told(test: Told) -> str:
    return "" if test["now"] or test["cost"] != "records" else " (from records or stored samples)"


def print_why_table(rows: pl.DataFrame, limit: int) -> None:
    """One row an infusion that failed; how often each mechanism is supported, refuted or untested."""
    failed = rows.filter("failed")
    titles = {m.id: m.title for m in mechanisms().values()}
    counts = failed.group_by("mechanism").agg((pl.col("answer") == a).sum().alias(a) for a in ANSWER)
    by_name = {row["mechanism"]: row for row in counts.to_dicts()}
    number = failed.select("patient_id", "line").unique().height
    say(
        f"{counted(number, 'infusion')} that failed. A patient may have several mechanisms, or none that was tested.",
        "",
    )
    say_table(
        ("mechanism", *ANSWER.values()),
        [(title, *(by_name[name][a] for a in ANSWER)) for name, title in titles.items() if name in by_name],
        right=tuple(ANSWER.values()),
    )
    one = failed.group_by("patient_id", "line", "agent", "failure_type", "failure_day", maintain_order=True).agg(
        supported=pl.col("mechanism").filter(pl.col("answer") == "supported"),
        untested=(pl.col("answer") == "not_tested").sum(),
    )
    some = one.head(limit) if limit else one
    say("")
    say_table(
        ("patient", "product", "failed", "type", "supported", "not tested"),
        [(r["patient_id"], r["agent"], day_told(r["failure_day"]), r["failure_type"].replace("_", " "),
          ", ".join(inside(titles[m]) for m in r["supported"]) or "none", r["untested"]) for r in some.to_dicts()],
        right=("not tested",), whole=("patient", "failed"),
    )  # fmt: skip
    left = one.height - some.height
    if left:
        say("", f"{counted(left, 'row')} more: `--limit 0` prints all, `--out FILE` writes all columns.")
