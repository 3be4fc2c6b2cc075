"""What each setting in force did, as a sentence of a methods section. Words follow the value, never the default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mspike.course.endpoints import GAP_GRACE_DAYS
from mspike.response.baseline import TOLERATED_DAYS
from mspike.response.confirmation import DEATH_CONFIRMS_DAYS
from mspike.response.settings import Settings

Words = Mapping[Any, str] | Callable[[Settings], str]


class Clause(NamedTuple):
    """One setting in words.

    words  by value, or a function of all settings
    needs  what the registry must hold for the setting to have decided anything: values (raw laboratory values),
           lesions, visits (judged or assigned), treatments, failure, or an endpoint of the study
    """

    words: Words
    needs: str

    def told(self, name: str, settings: Settings) -> str:
        return self.words(settings) if callable(self.words) else self.words[getattr(settings, name)]


def _number(value: Any) -> str:
    return f"{float(value):g}"


def _days(number: int) -> str:
    return f"{number:,} day{'' if number == 1 else 's'}"


def _baseline(settings: Settings) -> str:
    return {
        "pre_ld": "Baseline was the last value before lymphodepletion",
        "randomisation": "Baseline was the last value up to randomisation",
        "apheresis": "Baseline was the last value up to apheresis",
        "relapse_before_bridging": "Baseline was the last value before bridging, else before lymphodepletion",
    }[settings.baseline] + ", and where there was none the last up to the infusion, flagged."


def _urine(settings: Settings) -> str:
    if not settings.urine_carry_forward_days:
        return "A 24 h urine that was not collected was never replaced by an earlier one."
    return f"A 24 h urine stood for {_days(settings.urine_carry_forward_days)} where none was collected."


def _limits(settings: Settings) -> str:
    low, high = settings.flc_ratio_range
    return f"The kappa/lambda ratio counted as normal from {_number(low)} to {_number(high)}."


def _missed_visits(settings: Settings) -> str:
    days = settings.visit_interval_days
    if settings.censoring == "ema":
        return "Missed visits censored nobody."
    if days is None:
        return "No visit interval was set, so no rule on missed visits was applied."
    return (
        f"Visits were taken to be scheduled every {_days(days)}: an event after two or more missed visits (more than "
        f"{2 * days + GAP_GRACE_DAYS:,} days since the last evaluable one) was censored at the last one before the gap."
    )


# In the order in which a paper tells them; every setting once.
CLAUSES: dict[str, Clause] = {
    "baseline": Clause(_baseline, "values"),
    "baseline_max_age_days": Clause(
        lambda s: (
            f"A baseline was at most {_days(s.baseline_max_age_days)} old; one up to {TOLERATED_DAYS} days older was "
            "used and flagged."
        ),
        "values",
    ),
    "serum_measurable_g_dl": Clause(
        lambda s: f"Serum M-protein was measurable from {_number(s.serum_measurable_g_dl)} g/dL.", "values"
    ),
    "qiga_index": Clause(
        {
            False: "Quantitative IgA never replaced the serum M-protein.",
            True: "In IgA myeloma quantitative IgA replaced the serum M-protein.",
        },
        "values",
    ),
    "nadir": Clause(
        {
            "lowest_observed": "The nadir was the lowest value observed.",
            "lowest_confirmed": "The nadir was the lowest level that two consecutive measurements held.",
        },
        "values",
    ),
    "blq": Clause(
        {
            "interval": "A value below quantification was taken as the whole interval from zero to its limit.",
            "zero": "A value below quantification was taken as zero.",
            "limit": "A value below quantification was taken as its limit.",
        },
        "values",
    ),
    "first_response_day": Clause(
        lambda s: f"Results before day {s.first_response_day} after the infusion judged no response.", "values"
    ),
    "mr_on_flc": Clause(
        {
            False: "A minimal response was never judged by free light chains.",
            True: "A minimal response could be judged by free light chains.",
        },
        "values",
    ),
    "urine_only_vgpr": Clause(
        {
            "literal": "In urine-only disease a VGPR asked for less than 100 mg/24 h.",
            "strict": "In urine-only disease a VGPR asked for less than 100 mg/24 h and a fall by at least 90 %.",
        },
        "values",
    ),
    "vgpr_plasmacytoma": Clause(
        lambda s: f"A VGPR asked for a fall of measurable plasmacytomas by at least {s.vgpr_plasmacytoma} %.", "lesions"
    ),
    "flc_ratio_range": Clause(_limits, "values"),
    "flc_suppression_as_normal": Clause(
        {
            False: "A ratio that was abnormal by suppression alone did not count as normal.",
            True: "A ratio that was abnormal by suppression alone counted as normal.",
        },
        "values",
    ),
    "marrow_lookback_days": Clause(
        lambda s: (
            f"A CR whose marrow preceded the first negative immunofixation by more than "
            f"{_days(s.marrow_lookback_days)} was flagged."
        ),
        "values",
    ),
    "marrow_pd": Clause(
        {
            "increase": "Progression in the marrow was a rise of plasma cells by 10 percentage points.",
            "level": "Progression in the marrow was any plasma cell percentage from 10 %.",
        },
        "values",
    ),
    "hypercalcaemia_pd": Clause(
        {
            False: "Hypercalcaemia alone was no progression.",
            True: "Hypercalcaemia by myeloma was progression by itself.",
        },
        "values",
    ),
    "urine_carry_forward_days": Clause(_urine, "values"),
    "imaging_carry_forward_days": Clause(
        lambda s: f"The last imaging stood for {_days(s.imaging_carry_forward_days)}.", "lesions"
    ),
    "pd_confirmation": Clause(
        {
            "category": "Biochemical progression was confirmed at the next evaluable visit, in any marker.",
            "same_limb": "Biochemical progression was confirmed at the next evaluable visit, in the same marker.",
            "two_markers": "Biochemical progression was confirmed at the next evaluable visit, in any marker, "
            "or at once by two markers on one day.",
        },
        "visits",
    ),
    "death_confirms": Clause(
        {
            True: f"Death from myeloma within {DEATH_CONFIRMS_DAYS} days confirmed a progression.",
            False: "Death from myeloma did not confirm a progression.",
        },
        "visits",
    ),
    "lines": Clause(
        {
            "rajkumar-2015": "Lines of therapy that the registry did not number were counted by what was planned, as "
            "the IMWG advises.",
            "claims": "Lines of therapy that the registry did not number were counted by drugs and dates alone, as in "
            "claims data.",
        },
        "treatments",
    ),
    "early_relapse_days": Clause(
        lambda s: f"A relapse up to day {s.early_relapse_days} after the infusion was early, a later one late.",
        "failure",
    ),
    "censoring": Clause(
        {
            "fda": "Whoever had no event was censored at the last evaluable visit; new anti-myeloma therapy before "
            "progression censored at the last evaluable visit before it, and a patient without any evaluable visit was "
            "censored at the start of the line (the censoring that FDA guidance gives as an example).",
            "ema": "Whoever had no event was censored at the last evaluable visit; new anti-myeloma therapy was "
            "ignored, so that a progression or death after it counted on its own day (as EMA guidance prefers), and a "
            "patient without any evaluable visit was censored at the start of the line.",
        },
        "pfs",
    ),
    "visit_interval_days": Clause(_missed_visits, "pfs"),
    "dor_death": Clause(
        {
            "any": "Death from any cause ended a response.",
            "myeloma_only": "Only death from myeloma ended a response; other deaths censored it.",
        },
        "dor",
    ),
    "ttnt_death": Clause(
        {
            "event": "Death was an event of the time to next therapy.",
            "censor": "Death without a next therapy censored the time to next therapy.",
        },
        "ttnt",
    ),
}
# By what a value goes, where that is a text.
KEYS: dict[tuple[str, str], tuple[str, ...]] = {
    ("censoring", "fda"): ("fda-endpoints",),
    ("censoring", "ema"): ("ema-pfs-2012",),
    ("lines", "rajkumar-2015"): ("rajkumar-2015",),
    ("lines", "claims"): ("mspike-convention",),
}


class Said(NamedTuple):
    """A sentence and the keys of what it rests on."""

    text: str
    keys: tuple[str, ...] = ()


def said(name: str, settings: Settings) -> Said:
    """A setting in force as a sentence, with its sources."""
    return Said(CLAUSES[name].told(name, settings), KEYS.get((name, str(getattr(settings, name))), ()))
