"""The patient's own page: what happened, what it means, how it goes on, in plain words. It explains and never ranks.

`case.options` is not shown. Open and closed there follow labels and what is recorded; read by a patient they would be a
promise, or a door shut, that only the doctors can give. The page tells what kinds of treatment exist.
"""

from __future__ import annotations

from collections.abc import Iterable

from mspike import __version__
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import bibliography
from mspike.knowledge.support import Kind, Sign, kinds, organisations, signs, texts
from mspike.packet.blocks import Block, Bullets, Heading, Packet, Paragraph
from mspike.packet.case import Case
from mspike.packet.plain_reasons import marker_of, reasons_of, target_untested, targets_of
from mspike.packet.plain_story import car_t_lines, counted_from, in_doubt, infused, state_of, story_of
from mspike.packet.plain_watch import watch_blocks
from mspike.packet.plain_words import Day, plain_day

TITLE = "After CAR T-cell therapy: a page for you"
UNREAD = "nothing"  # how the bibliography says that a source was not read


def patient_page_of(case: Case) -> Packet:
    """The page for the patient, as of the day of the case.

    Raises WrongUsage where the patient has died by then, or where no CAR T-cell therapy is on record.
    """
    _refuse(case)
    day = plain_day(_asked(case), counted_from(case))
    parts: tuple[tuple[str, str, list[Block]], ...] = (
        ("What happened", "happened", [Paragraph(words) for words in story_of(case)]),
        (
            "What “failure” means, and what it does not",
            "failure",
            [Paragraph(words) for words in texts("care")["failure"][state_of(case)]],
        ),
        ("What was found out about why", "why", reasons_of(case)),
        ("How you will be watched", "watch", watch_blocks(case)),
        ("Kinds of treatment", "treatments", _kinds(case)),
        ("What to report, and how soon", "report", _signs(case)),
        ("Questions to bring", "questions", [Bullets(_questions(case))]),
        ("A second opinion", "second-opinion", _paragraphs("second_opinion")),
        ("Help for you and those close to you", "help", [Bullets(tuple(texts("care")["help"]))]),
        ("Palliative care", "palliative", _paragraphs("palliative")),
        ("Who else can help", "organisations", _organisations(case)),
    )
    opening = f"This page tells what your record held on {day}. {texts('care')['read_with']}"
    blocks = [block for words, anchor, body in parts for block in (Heading(words, 2, anchor), *body)]
    return Packet(
        title=TITLE,
        head=f"{case.patient} · {day} · mspike {__version__}",
        blocks=(Paragraph(opening, "lead"), *blocks),
        references=_references(case),
        stamp=case.asked.stamp(),
        synthetic=case.synthetic,
        plain=True,
    )


def _refuse(case: Case) -> None:
    person = case.derived.record.patients
    died = person["death_day"].is_not_null().any() or person["death_cause"].is_not_null().any()
    if died or person["died_undated"].any():
        raise WrongUsage(
            f"case {case.patient} --for patient: the record holds a death by the day asked, and this page speaks to a "
            "living patient. No page is written. Ask for the board or second-opinion packet, or for an earlier day "
            "with --on."
        )
    if not car_t_lines(case):
        raise WrongUsage(
            f"case {case.patient} --for patient: no CAR T-cell therapy is on record by the day asked, and this page "
            "tells what follows one. Expected a collection or infusion among the treatments; name a later day with "
            "--on, or add it to the registry."
        )


def _asked(case: Case) -> Day:
    if case.on is not None:
        return int(case.on) if case.explained["calendar"] == "day" else case.on
    lines = case.watch["lines"]
    return lines[-1]["on"] if lines else case.options["on"]


def _paragraphs(name: str) -> list[Block]:
    return [Paragraph(words) for words in texts("care")[name]]


def _kinds(case: Case) -> list[Block]:
    opening, ending = texts("care")["kinds"]
    return [Paragraph(opening), Bullets(tuple(_kind(kind) for kind in _kinds_for(case))), Paragraph(ending)]


def _kinds_for(case: Case) -> list[Kind]:
    group = "infused" if any(infused(line) for line in car_t_lines(case)) else "not_infused"
    return [kind for kind in kinds() if kind.given_to in ("any", group)]


def _kind(kind: Kind) -> str:
    examples = f" ({kind.examples})" if kind.examples else ""
    return f"{kind.title}{examples}: {kind.does[0].lower()}{kind.does[1:]} {kind.living}"


def _signs(case: Case) -> list[Block]:
    words, told = texts("care")["signs"], list[Block]()
    for urgency, opening in words.items():
        found = tuple(f"{sign.says}." for sign in _signs_for(case) if sign.urgency == urgency)
        told += [Paragraph(f"{opening}:", "alarm" if urgency == "ambulance" else "text"), Bullets(found)]
    return [*told, Paragraph(texts("care")["numbers"]), Paragraph(texts("care")["tell_all"])]


def _signs_for(case: Case) -> list[Sign]:
    """Those of every therapy, and those of the cells given; of all cells where it is not known which were given."""
    given = [line["index_agent"] for line in car_t_lines(case) if infused(line)]
    targets = set().union(*(targets_of(product) for product in given))
    return [s for s in signs() if not s.after or None in targets or targets & set(s.after)]


def _questions(case: Case) -> tuple[str, ...]:
    words, state = texts("care"), state_of(case)
    asked = list(words["questions"][state])
    if state == "not_infused":
        asked.insert(0, words["question_not_infused"])
    elif state == "failed" and target_untested(case):
        asked.insert(0, words["question_marker"].format(marker=marker_of(car_t_lines(case)[-1]["index_agent"])))
    elif in_doubt(car_t_lines(case)[-1]):
        asked.insert(0, words["question_unconfirmed"])
    return tuple(asked)


def _organisations(case: Case) -> list[Block]:
    region = case.options["region"]
    ours = [one for one in organisations() if one.region in (region, "world")]
    items = tuple(f"{one.name}: {one.says}. {one.web}" for one in ours)
    seen = plain_day(max(one.seen for one in ours))
    sure = ", ".join(one.name.split(" (")[0] for one in ours if one.checked == "page")
    note = f"List of {seen}. Looked up then: {sure}. The others are named from what we know. Web pages change."
    return [Bullets(items), Paragraph(note, "note"), Paragraph(texts("care")["sources"], "note")]


def _references(case: Case) -> tuple[str, ...]:
    """The sources of the treatments and signs that the page tells. What was never read is told as such on the page."""
    used: Iterable[Kind | Sign] = (*_kinds_for(case), *_signs_for(case))
    known = bibliography()
    read = [key for key in sorted({one.source for one in used}) if not known[key]["read"].startswith(UNREAD)]
    return tuple(f"{known[key]['title']}; {known[key]['where']}" for key in read)
