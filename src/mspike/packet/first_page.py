"""The first page of the board packet: who, product, response, failure, why, what is missing, options, overdue, data."""

from __future__ import annotations

from mspike.packet.blocks import Block, Facts, Grid, Heading, Paragraph
from mspike.packet.case import Case
from mspike.packet.cited import RECALLED, Cited
from mspike.packet.course_blocks import before_facts, values_of
from mspike.packet.data_blocks import disagreements, doubt_place, doubts
from mspike.packet.lead import lead_of, overdue, second_of
from mspike.packet.options_blocks import HEADS, NOT_ASKED, counted_option, option_row, strata_note, waiting
from mspike.packet.results_blocks import DISEASE, FITNESS, imaging_told, latest, markers_told
from mspike.packet.safety_blocks import harm_sentence
from mspike.packet.standing import (
    Told,
    death_told,
    episode_of,
    failed,
    later_courses,
    main_course,
    main_infusion,
    person_words,
    said_day,
)
from mspike.packet.treatment_blocks import response_facts
from mspike.packet.watch_blocks import item_names
from mspike.packet.why_blocks import no_tests
from mspike.report.because import FAILURE, PARAMETER
from mspike.report.because import sentence as course_sentence
from mspike.report.history import ANSWER, RISK, stage_told
from mspike.report.options_page import best_evidence
from mspike.report.pooled import MEMORY
from mspike.report.terminal import counted, day_told
from mspike.report.why import CHANGES, inside

WORDS = 660  # of the first page; measured: 683 words fill 96 to 99 % of A4
WITH_COUNTS = 4  # options in the table at most, fewer where the words run out; the full table follows
NAMES = 4  # names in a sentence; the rest are counted
TESTS = 3
LATER = 3  # lines since the infusion that are told in words; the timeline shows all


def first_page(case: Case, cited: Cited) -> list[Block]:
    """The answer in a sentence, then the facts a board asks for, on one page of A4."""
    late = _overdue(case)
    blocks: list[Block] = [Paragraph(lead_of(case), "lead"), *opening(case)]
    blocks += [Paragraph(late, "alarm")] if late else []
    blocks += [Facts((*_facts(case), *_why(case))), Heading("What next")]
    doubts_said = Paragraph(_doubts(case), "note")
    for rows in range(WITH_COUNTS, 0, -1):
        options = _options(case, rows, Cited())
        if words_of([*blocks, *options, doubts_said]) <= WORDS:
            break
    return [*blocks, *_options(case, rows, cited), doubts_said]


def words_of(blocks: list[Block]) -> int:
    """How many words these blocks print."""
    return sum(len(" ".join(_printed(block)).split()) for block in blocks)


def _printed(block: Block) -> list[str]:
    if isinstance(block, Paragraph | Heading):
        return [block.words]
    if isinstance(block, Facts):
        return [f"{name} {value}" for name, value in block.rows]
    if isinstance(block, Grid):
        return [block.title, *block.heads, *(str(cell) for row in block.rows for cell in row), *block.notes]
    return []


def opening(case: Case) -> list[Block]:
    """What is said after the first sentence."""
    words = second_of(case)
    return [Paragraph(words)] if words else []


def _facts(case: Case) -> list[tuple[str, str | None]]:
    parts = (person_words(case), _diagnosed(case), death_told(case))
    rows: list[tuple[str, str | None]] = [("Patient", "; ".join(part for part in parts if part))]
    main = main_course(case)
    if main is None:
        return [*rows, ("Therapy", None), ("Last values", latest(case, DISEASE + FITNESS))]
    episode = episode_of(case, main["line"])
    if episode is not None:
        before = before_facts(case, episode)
        rows += [(before[0][0], "; ".join(value for _, value in before if value)),
                 ("Risk before it", f"{_risk(episode['stage'])}; {markers_told(case, brief=True)}")]  # fmt: skip
    rows += [_product(case, main), ("Response", _response(case, main)), ("Failure", _failure(case, main))]
    later = later_courses(case)
    if len(later) > 1:  # one alone stands in the sentence above
        rows.append(("Since then", "; ".join(_later(line) for line in later[-LATER:])))
    disease = f"{latest(case, DISEASE)}; imaging {imaging_told(case)}"
    return [*rows, ("Disease, last values", disease), ("Fitness, last values", latest(case, FITNESS))]


def _diagnosed(case: Case) -> str:
    row = case.derived.record.patients.to_dicts()[0]
    if row["diagnosis_date"] is None and not row["diagnosis_date_partial"]:
        return "day of diagnosis not known"
    return f"diagnosed {row['diagnosis_date_partial'] or said_day(case, row['diagnosis_date'])}"


def _risk(stage: Told | None) -> str:
    """R-ISS, what is present and what is not known; the rest was looked for and is absent."""
    if stage is None:
        return "stage and risk not known"
    named = {answer: [name for key, (name, _) in RISK.items() if stage[key] is answer] for answer in (True, None)}
    parts = [f"{ANSWER[answer]}: {', '.join(names)}" for answer, names in named.items() if names]
    absent = [name for key, (name, _) in RISK.items() if stage[key] is False]
    other = "the others" if len(absent) < len(RISK) else "every risk asked"
    parts += [f"no: {', '.join(absent) if len(absent) < 2 else other}"] if absent else []
    return f"R-ISS {stage_told(stage, 'riss').split(',')[0]}; {'; '.join(parts)}"


def _product(case: Case, main: Told) -> tuple[str, str]:
    infusion = main_infusion(case)
    if infusion is None:
        told = f"line {main['line']}: {main['index_agent'] or 'agent not stated'} from {day_told(main['index_date'])}"
        return "Last line" if main["kind"] != "car_t" else "CAR-T, not infused", told
    target = next((m["target"] for m in infusion["mechanisms"] if m["target"]), "target not known")
    dates = [f"{part} {day_told(main[f'{part}_date'])}" for part in ("apheresis", "lymphodepletion")]
    product = f"{infusion['product'] or 'product not stated'} ({target}), line {main['line']}"
    earlier = [f"earlier infusion of {one['product'] or 'a product not stated'} {day_told(one['infused'])}"
               for one in case.why["infusions"][:-1]]  # fmt: skip
    given = f"{product}, infused {day_told(infusion['infused'])} ({', '.join(dates)})"
    return "CAR-T", "; ".join([given, *earlier, (harm_sentence(case) or "harm not known").rstrip(".")])


def _response(case: Case, main: Told) -> str:
    measurable = ", ".join(PARAMETER[p] for p in main["measurable_by"]) or "nothing measured at baseline"
    told = "; ".join(f"{name.lower() if name != 'MRD' else name} {value}" for name, value in
                     response_facts(case, main["line"]))  # fmt: skip
    return f"{told}; measurable by {measurable}"


def _failure(case: Case, main: Told) -> str:
    kind = FAILURE[main["failure_type"]].format(**case.explained["settings"])
    when = f" ({day_told(main['failure_date'])})" if main["failure_date"] is not None else ""
    told = f"{kind}{when}"
    values = _values(main, main["pd_date"]) if main["pd_date"] is not None else ""
    if values:
        told += f"; progression {day_told(main['pd_date'])}: {values}"
    elif main["unconfirmed_pd_date"] is not None:
        seen = _values(main, main["unconfirmed_pd_date"])
        told += f"; progression seen {day_told(main['unconfirmed_pd_date'])}, not confirmed: {seen or 'as assigned'}"
    return told


def _values(main: Told, day: str | int) -> str:
    """The values that showed progression that day."""
    because = [b for v in main["visits"] if v["date"] == day for b in v["because"] if b["rule"].startswith("imwg.pd")]
    return "; ".join(values_of(b, day) for b in because)


def _later(line: Told) -> str:
    words = course_sentence(line).rstrip(".")
    head = f"line {line['line']}, {line['index_agent'] or 'agent not stated'}, from {day_told(line['index_date'])}"
    return f"{head}: {words[:1].lower()}{words[1:]}"


def _why(case: Case) -> list[tuple[str, str | None]]:
    """What supports which mechanism, what was looked for, what was not tested; and the tests that would tell."""
    infusion = main_infusion(case)
    if infusion is None:
        return [("Why", "no infusion is recorded by then, so there is no failure of CAR-T to explain")]
    has_failed = failed(infusion)
    groups = {"supported": "Why: supported" if has_failed else "Present, not failed",
              "not_supported": "Why: looked for, not found", "not_tested": "Why: not tested"}  # fmt: skip
    rows = [(words, _mechanisms(infusion, answer)) for answer, words in groups.items()]
    return [*rows, ("Tests that would tell", _tests(infusion))]


def _mechanisms(infusion: Told, answer: str) -> str:
    told = []
    for mechanism in (m for m in infusion["mechanisms"] if m["answer"] == answer):
        words = inside(mechanism["title"])
        if answer == "supported":
            values = [_found(f) for f in mechanism["findings"] if f["state"] == "for"]
            words += f" ({mechanism['strength']}: {'; '.join(values)})"
        told.append(words + (" (studies disagree)" if mechanism["conflict"] and answer == "supported" else ""))
    return "; ".join(told) if answer == "supported" and told else ", ".join(told) or "none"


def _found(finding: Told) -> str:
    day = f", {day_told(finding['day'])}" if finding["day"] is not None else ""
    return f"{finding['value'] or 'as said'}{day}"


def _tests(infusion: Told) -> str:
    deciding = [t for t in infusion["tests_that_would_tell"] if t["changes"] != "explains"]
    if not deciding:
        return no_tests(infusion)
    told: dict[str, list[str]] = {}
    for test in deciding[:TESTS]:
        told.setdefault(CHANGES[test["changes"]], []).append(f"{test['title']} (takes {test['cost']})")
    return "; ".join(f"{'; '.join(tests)}: {what}" for what, tests in told.items())


def _options(case: Case, number: int, cited: Cited) -> list[Block]:
    """Open and not known: so many with counted results in a table, others by name; the closed are counted."""
    told = case.options
    if not told:
        return [Paragraph(NOT_ASKED)]
    usable = [o for o in told["options"] if o["answer"] != "closed"]
    shown = [o for o in usable if counted_option(o)][:number]
    blocks: list[Block] = [Paragraph(_counts(told))]
    if shown:
        recalled = f" {RECALLED}" if any(MEMORY in best_evidence(option)[0] for option in shown) else ""
        rows = tuple(option_row(option, cited) for option in shown)
        blocks.append(Grid("Options with counted results", HEADS, rows, notes=(f"{strata_note(shown)}.{recalled}",)))
    rest = [o for o in usable if o not in shown]
    too = " too" if shown else ""
    said = [f"{words}{too}: {_named([_name(o) for o in rest if o['answer'] == answer])}"
            for answer, words in (("open", "Open"), ("unknown", "Not known"))
            if any(o["answer"] == answer for o in rest)]  # fmt: skip
    blocks += [Paragraph(f"{'. '.join(said)}. The full table follows.")] if said else []
    return [*blocks, Paragraph(told["order"], "note")]


def _name(option: Told) -> str:
    """The name without what stands in brackets or behind a comma."""
    return str(option["name"]).split(" (")[0].split(",")[0]


def _named(names: list[str]) -> str:
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")


def _counts(told: Told) -> str:
    counts = told["counts"]
    labels = f"by the labels of the {told['region']}" + (f" on {told['labels_of']}" if told["labels_of"] else "")
    ask = "; ".join(f"{fact.split(' (')[0]} ({n})" for fact, n in waiting(told["options"])[:4])
    first = f" To be known first (options that wait for it): {ask}." if ask else ""
    return f"{counts['open']} open, {counts['unknown']} not known, {counts['closed']} closed, {labels}.{first}"


def _overdue(case: Case) -> str:
    """What is overdue in a sentence; empty where nothing is, or no schedule runs."""
    late = [] if death_told(case) is not None else overdue(case)
    names = item_names()
    told = [f"{names[t['item']]} (due {day_told(t['due'])})" for t in late]
    more = f" and {len(told) - TESTS} more" if len(told) > TESTS else ""
    return f"Overdue: {'; '.join(told[:TESTS])}{more}." if told else ""


def _doubts(case: Case) -> str:
    """The findings that matter: one of each kind in words, the others counted."""
    found, differ = doubts(case), disagreements(case)
    if not found and not differ:
        return "Data: no row was set aside or is in doubt; nothing that is stated is contradicted."
    counts = f"{counted(len(found), 'row')} set aside or in doubt, {counted(len(differ), 'statement')} contradicted"
    first = "; ".join([*(doubt_place(f) for f in found[:1]), *differ[:1]])
    return f"Data: {counts}: {first}. All stand under Data."
