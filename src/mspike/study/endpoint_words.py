"""The endpoints of a study in sentences: from when, to what, and who was censored where."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mspike.course.courses import PROVISIONAL_DAYS
from mspike.response.settings import Settings
from mspike.study.plan import ObservedFrom, Plan
from mspike.study.settings_words import Said, said

CONVENTION = "mspike-convention"
_START = {"infusion": "the infusion", "failure": "failure", "apheresis": "apheresis"}
_CENSORED_ALIKE = {"pfs": "progression-free survival", "ttp": "time to progression", "dor": "duration of response"}


def endpoint_sentences(
    plan: Plan, settings: Settings, observed_from: ObservedFrom | None, told: Collection[str] | None = None
) -> Iterator[Said]:
    """How each endpoint of the plan was defined, under the settings in force.

    observed_from  from apheresis: from when on patients were followed
    told           the endpoints that the study tells; None: all of the plan
    """
    yield from _failure(plan, settings)
    if plan.origin == "apheresis":
        yield Said(_observed(observed_from))
    endpoints = [name for name in plan.endpoints if told is None or name in told]
    for name in endpoints:
        yield Said(_defined(name, plan, settings))
    alike = [words for name, words in _CENSORED_ALIKE.items() if name in endpoints]
    if alike:
        rule = said("censoring", settings)
        line = " on the next line" if plan.origin == "failure" else ""
        yield Said(f"For {_listed(alike)}{line}: {rule.text[0].lower()}{rule.text[1:]}", rule.keys)
        yield said("visit_interval_days", settings)
    yield Said("A death of which only the month or year is known ends no time: such patients are left out and counted.")


def _failure(plan: Plan, settings: Settings) -> Iterator[Said]:
    begins = (
        " Outcomes were counted from the day of the first failure; a death of myeloma without documented progression "
        "starts no such time and was left out."
        if plan.origin == "failure"
        else ""
    )
    early = said("early_relapse_days", settings)
    yield Said(
        f"Failure of the therapy was progression, no response by {PROVISIONAL_DAYS} days, the next anti-myeloma "
        "therapy, or death of myeloma, whichever came first; a molecular relapse alone was none. "
        f"{early.text}{begins}",
        (CONVENTION,),
    )


def _observed(observed_from: ObservedFrom | None) -> str:
    if observed_from == "apheresis":
        return (
            "All patients whose cells were collected were followed from apheresis, infused or not (intention to treat)."
        )
    return "Only infused patients were followed, from the infusion on (delayed entry), with apheresis as day 0."


def _defined(name: str, plan: Plan, settings: Settings) -> str:
    start = _START[plan.origin]
    if name == "pfs" and plan.origin == "failure":
        return (
            "Progression-free survival was the time from failure to progression on the next line or death from any "
            "cause. Before a next line only death could end it, and the last contact censored it."
        )
    return {
        "pfs": f"Progression-free survival was the time from {start} to the first day of a confirmed progression or "
        "death from any cause.",
        "os": f"Overall survival was the time from {start} to death from any cause, censored at the last contact.",
        "dor": "Duration of response was counted in responders, from the first confirmed response to progression or "
        "death. " + said("dor_death", settings).text,
        "ttnt": f"Time to next therapy was the time from {start} to the next anti-myeloma line. "
        + said("ttnt_death", settings).text,
        "efs": "Event-free survival ended with progression (also one that new therapy kept from being confirmed), "
        "death, new anti-myeloma therapy or palliative radiotherapy.",
        "ttp": f"Time to progression was the time from {start} to progression; a death without it censored.",
        "pfs2": f"PFS2 was the time from {start} to progression on a later line or death from any cause.",
    }[name]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
