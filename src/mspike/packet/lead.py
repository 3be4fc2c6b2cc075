"""The sentence a colleague would say aloud of a patient: what failed and when, what was found, what comes first."""

from __future__ import annotations

from mspike.packet.case import Case
from mspike.packet.standing import (
    Told,
    death_told,
    failed,
    later_courses,
    main_course,
    main_infusion,
    undated_since,
)
from mspike.report.because import FAILURE, PARAMETER
from mspike.report.because import sentence as course_sentence
from mspike.report.terminal import counted, day_told
from mspike.report.why import CHANGES, inside

ANTIGEN = "why.antigen_loss.expression"
CONFIRMED = "imwg.confirmed"
NO_RESPONSE = {"NE": "response before it not evaluable", "PD": "no response before it"}


def lead_of(case: Case) -> str:
    """What a colleague would say first: did it fail, when, how; and a death."""
    return " ".join(part for part in (_course(case), _death(case)) if part)


def second_of(case: Case) -> str:
    """What the colleague would say next: what was given since, the target, the test that comes first."""
    parts = [_since(case), *([] if death_told(case) is not None else [_target(case), _first(case)])]
    return " ".join(part for part in parts if part)


def _course(case: Case) -> str:
    main, infusion = main_course(case), main_infusion(case)
    if main is None:
        return "No line of therapy is on record, so nothing can be judged."
    if infusion is None:
        return _never_infused(main)
    product = infusion["product"] or "CAR-T, product not stated"
    if main["pd_date"] is not None and failed(infusion):
        return f"Progressed {_when(main, product)}: {how_it_progressed(main)}."
    if infusion["unconfirmed_progression"] is not None and not failed(infusion):
        seen = day_told(infusion["unconfirmed_progression"])
        return (
            f"Progression was seen on {seen} after {product} ({day_told(infusion['infused'])}) and is not confirmed: "
            "that test is repeated first."
        )
    kind = FAILURE[infusion["failure_type"]].format(**case.explained["settings"])
    if infusion["failure_type"] == "undetermined":
        kind = "whether it failed is not decided by what is recorded"
    when = f" on {day_told(main['failure_date'])}" if main["failure_date"] is not None else ""
    best = f"best response {main['best_response']}" if main["best_response"] != "NE" else "response not evaluable"
    head = f"{product}, infused {day_told(infusion['infused'])}, {best}"
    return f"{head}; it failed{when}: {kind}." if failed(infusion) else f"{head}; {kind}{when}."


def _never_infused(main: Told) -> str:
    if main["kind"] == "car_t":
        collected = main["apheresis_date"] if main["apheresis_date"] is not None else main["index_date"]
        # Asked soon after apheresis, the infusion may still be to come: nothing is said of never.
        return f"Cells were collected ({day_told(collected)}); no CAR-T infusion is on record by then."
    agent = main["index_agent"] or "agent not stated"
    head = f"No CAR-T infusion is on record; last line {main['line']}: {agent}, from {day_told(main['index_date'])}."
    return f"{head} {course_sentence(main)}"


def _when(main: Told, product: str) -> str:
    pfs = next((e for e in main["endpoints"] if e["endpoint"] == "pfs" and e["reason"] == "PD"), None)
    days = f"{pfs['days']} days after" if pfs else "after"
    return f"{days} {product} (infused {day_told(main['index_date'])}, progression {day_told(main['pd_date'])})"


def how_it_progressed(main: Told) -> str:
    """Pattern, the parameters that showed it, whether it is confirmed, and the best response before."""
    limbs = ", ".join(PARAMETER[limb] for limb in main["pd_limbs"])
    pattern = [", ".join(word.replace("_", " ") for word in main["pattern"])] if main["pattern"] else []
    shown = [f"by {limbs}" if limbs else "category as assigned"]
    best = main["best_response"]
    before = [NO_RESPONSE.get(best, f"best response before it {best}")]
    confirmed = confirmation_of(main)
    return ", ".join([*pattern, *shown, *([confirmed] if confirmed else []), *before])


def confirmation_of(main: Told) -> str:
    """Why the progression of a line counts as confirmed, in the words of its because-table."""
    for visit in main["visits"]:
        if visit["date"] == main["pd_date"]:
            for because in visit["because"]:
                if because["rule"] == CONFIRMED and because["told"]:
                    return str(because["told"])
    return ""


def _since(case: Case) -> str:
    later, undated = later_courses(case), undated_since(case)
    if not later and not undated:
        infusion = main_infusion(case)
        return "No therapy since is on record." if failed(infusion) and death_told(case) is None else ""
    rest = f"{'Given since' if not later else 'Also'}, not dated: {undated}." if undated else ""
    if not later:
        return rest
    last = later[-1]
    agent, begun = last["index_agent"] or "agent not stated", day_told(last["index_date"])
    head = "Given since" if len(later) == 1 else f"{counted(len(later), 'line')} since, the last"
    return f"{head}: line {last['line']} {agent} from {begun} ({_inside_course(last)}). {rest}".rstrip()


def _inside_course(line: Told) -> str:
    words = course_sentence(line).rstrip(".")
    return words[:1].lower() + words[1:]


def _death(case: Case) -> str:
    died = death_told(case)
    return f"The patient {died}." if died else ""


def antigen_told(infusion: Told) -> str | None:
    """What is known of the target on the plasma cells since the infusion; None where the target cannot be tested."""
    for mechanism in infusion["mechanisms"]:
        for finding in mechanism["findings"]:
            if finding["rule"] == ANTIGEN:
                target = mechanism["target"] or "target"
                if finding["state"] == "not_tested" or finding["value"] is None:
                    return f"{target} on the plasma cells not tested since"
                return f"{finding['value']} on the plasma cells ({day_told(finding['day'])})"
    return None


def _target(case: Case) -> str:
    infusion = main_infusion(case)
    if infusion is None or not failed(infusion):
        return ""
    told = antigen_told(infusion)
    if told is None:
        return ""
    since = "; other lines were given since" if infusion["later_lines"] and "not tested" not in told else ""
    return f"{told[:1].upper()}{told[1:]}{since}."


def _first(case: Case) -> str:
    """The test that comes first, or what is overdue."""
    infusion = main_infusion(case)
    if infusion is None:
        return ""
    deciding = [t for t in infusion["tests_that_would_tell"] if t["changes"] == "decides"]
    if failed(infusion) and deciding:
        return f"The test that comes first: {inside(deciding[0]['title'])}, which {CHANGES['decides']}."
    late = overdue(case)
    return f"{counted(len(late), 'test').capitalize()} of the schedule overdue." if late else ""


def overdue(case: Case) -> list[Told]:
    """The overdue tests of the last infusion."""
    lines = case.watch["lines"]
    return [] if not lines else [test for test in lines[-1]["tests"] if test["state"] == "overdue"]
