"""The methods section of a paper, written from what this study did: data, criteria in force, endpoints, statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from mspike.asking import Question
from mspike.study.cited import Cited, references_told, sentences_of
from mspike.study.endpoint_words import endpoint_sentences
from mspike.study.followed import decided
from mspike.study.gathered import Gathered
from mspike.study.in_force import settings_section, versions
from mspike.study.observation import by_values
from mspike.study.parts import Section
from mspike.study.plan import WORDS, Plan
from mspike.study.population_words import population_sentences
from mspike.study.settings_words import CLAUSES, Said, said

__all__ = ["methods_paragraph", "references_told", "settings_section"]

CONVENTION = "mspike-convention"
_HAZARDS = ("cox-1972",)
# What of the criteria a study rests on, by what the registry must hold for it to have been applied.
_RULES = {
    "values": ("imwg.measurable.", "imwg.scr", "imwg.cr", "imwg.vgpr", "imwg.pr", "imwg.mr", "imwg.sd", "imwg.pd."),
    "lesions": ("imwg.measurable.lesion", "imwg.pd.lesion"),
    "visits": ("imwg.confirmed",),
}
_ONLY_IF = {"imwg.pd.calcium": "hypercalcaemia_pd", "imwg.pd.qiga": "qiga_index", "imwg.measurable.qiga": "qiga_index"}
# Which library an estimate came from, by the method that a section cites.
_LIBRARIES = {
    "lifelines": (("kaplan-meier-1958", "schemper-smith-1996"), "lifelines-2019"),
    "statsmodels": (("aalen-johansen-1978", "mantel-1966", "cox-1972"), "statsmodels-2010"),
}


def methods_paragraph(
    asked: Question, plan: Plan, sections: Sequence[Section], gathered: Gathered
) -> tuple[list[str], list[str]]:
    """What was done, in the past tense and with numbers for the sources; and the keys of these, in their order.

    Every sentence follows from the plan, the settings in force, what the registry holds, or a section that says what
    it did: nothing is told that was not done. Paragraphs: data, response, endpoints, statistics, software.
    """
    cited = Cited()
    paragraphs = [
        population_sentences(asked, plan, gathered),
        list(_response(asked, gathered)),
        list(_endpoints(asked, plan, gathered, _told(sections))),
        list(_statistics(plan, sections, gathered)),
        list(_software(asked, sections)),
    ]
    told = [" ".join(cited.text(sentence) for sentence in sentences) for sentences in paragraphs if sentences]
    return told, cited.keys


def _held(gathered: Gathered) -> set[str]:
    """What the registry holds that a rule could have been applied to."""
    used = {table for table, counts in gathered.rows.items() if counts["used"]}
    held = {"lesions"} & used
    held |= {"values"} if by_values(gathered.cohort) else set()
    held |= {"visits"} if held or "responses" in used else set()
    return held | ({"treatments"} & used)


def _response(asked: Question, gathered: Gathered) -> Iterator[Said]:
    held = _held(gathered)
    if "visits" not in held or gathered.cohort.is_empty():
        return
    used = {table for table, counts in gathered.rows.items() if counts["used"]}
    by = f"{asked.rules.title} (edition {asked.rules.edition})"
    sources = _sources(asked, held)
    if "values" in held:
        assigned = "; categories that somebody had assigned stood as given" if "responses" in used else ""
        yield Said(f"Response was derived from the recorded values by the {by}{assigned}.", sources)
    elif "responses" in used:
        yield Said(
            "The registry held response categories and no measured values to derive them from: they stood as assigned, "
            f"and were confirmed and dated by the {by}.",
            sources,
        )
    else:
        yield Said(f"Progression was derived from the recorded lesions by the {by}.", sources)
    for name, clause in CLAUSES.items():
        if clause.needs in held and _defined(asked, name):
            yield said(name, asked.settings)
    yield Said("Where the criteria are silent, the documented conventions of the software applied.", (CONVENTION,))


def _defined(asked: Question, name: str) -> bool:
    """Does the edition have the rule at all that the setting bends?"""
    return name != "mr_on_flc" or asked.rules.has("imwg.mr")


def _sources(asked: Question, held: set[str]) -> tuple[str, ...]:
    """The published sources of the rules that could fire here; what the software added is cited apart."""
    begins = tuple(prefix for kind, prefixes in _RULES.items() if kind in held for prefix in prefixes)
    keys = []
    for name, rule in asked.rules.rules.items():
        off = name in _ONLY_IF and not getattr(asked.settings, _ONLY_IF[name])
        if name.startswith(begins) and not off and not rule.absent and rule.source != CONVENTION:
            keys.append(rule.source)
    return tuple(dict.fromkeys(keys))


def _told(sections: Sequence[Section]) -> set[str] | None:
    """The endpoints of which some table tells; None where no section is about survival."""
    frames = [table.frame for section in sections if section.id == "survival" for table in section.tables]
    if not any(section.id == "survival" for section in sections):
        return None
    somebody = pl.col("n").cast(pl.String) != "0"
    frames = [frame.filter(somebody) for frame in frames if {"endpoint", "n"} <= set(frame.columns)]
    columns = [frame["endpoint"].cast(pl.String) for frame in frames]
    there = set(pl.concat(columns).to_list()) if columns else set()
    return {name for name, words in WORDS.items() if {name, words} & there}


def _endpoints(asked: Question, plan: Plan, gathered: Gathered, told: set[str] | None) -> Iterator[Said]:
    if gathered.cohort.is_empty() or (told is not None and not told):
        return
    observed = decided(gathered.cohort, plan) if plan.origin == "apheresis" else None
    yield from endpoint_sentences(plan, asked.settings, observed, told)


def _statistics(plan: Plan, sections: Sequence[Section], gathered: Gathered) -> Iterator[Said]:
    """The sentences of the sections in their order, each once; then what holds for all of them."""
    told: dict[str, tuple[str, ...]] = {}
    for section in sections:
        for sentence in sentences_of(section.methods, section.references):
            told[sentence.text] = tuple(dict.fromkeys((*told.get(sentence.text, ()), *sentence.keys)))
    yield from (Said(text, keys) for text, keys in told.items())
    if any(key in section.references for section in sections for key in _HAZARDS):
        yield (
            Said("All hazard ratios were penalised (Firth), so that none lacks a finite estimate.", ("firth-1993",))
            if plan.penalty == "firth"
            else Said("A hazard ratio without a finite estimate was refused and not told.")
        )
    if plan.discreet and gathered.patients:
        yield Said(
            f"Counts from 1 to {plan.min_cell - 1} were suppressed, with further counts that would have given them "
            "away; figures of single patients were not made, and curves end where fewer patients are at risk."
        )


def _software(asked: Question, sections: Sequence[Section]) -> Iterator[Said]:
    of = versions(asked)
    used = {key for section in sections for key in section.references}
    yield Said(
        f"All results were computed by mspike {of['mspike']} (settings {of['settings_hash']}, knowledge "
        f"{of['knowledge_hash']}) with Python {of['python']} and polars {of['polars']}."
    )
    for library, (methods, key) in _LIBRARIES.items():
        if used & set(methods):
            what = "Kaplan-Meier estimates" if library == "lifelines" else _by_statsmodels(used)
            yield Said(f"{what} came from {library} {of[library]}.", (key,))
    if any(section.figures for section in sections):
        yield Said(f"Figures were drawn with Vega-Altair {of['altair']}.", ("altair-2018",))


def _by_statsmodels(used: set[str]) -> str:
    words = {
        "mantel-1966": "log-rank tests", "aalen-johansen-1978": "cumulative incidence", "cox-1972": "hazard ratios",
    }  # fmt: skip
    told = [what for key, what in words.items() if key in used]
    text = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return text[0].upper() + text[1:]
