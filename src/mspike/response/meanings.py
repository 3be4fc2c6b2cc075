"""What each setting decides, in one line: for the terminal, the reference and a study alike."""

from __future__ import annotations

# One line a setting; a test keeps this in step with the settings themselves.
MEANING: dict[str, str] = {
    "baseline": "the value taken as baseline: before lymphodepletion, at randomisation, at apheresis, before bridging",
    "nadir": "the lowest value seen, or the lowest level that two consecutive measurements held",
    "serum_measurable_g_dl": "serum M-protein from which disease is measurable by it, g/dL",
    "urine_only_vgpr": "VGPR in urine-only disease: below 100 mg/24 h, or (strict) a fall by 90 % as well",
    "mr_on_flc": "may a minimal response be judged by free light chains?",
    "marrow_pd": "progression in marrow: a rise by 10 points, or (level) any value from 10 %",
    "marrow_lookback_days": "a marrow that precedes the first negative immunofixation by more days is flagged",
    "pd_confirmation": "what confirms a progression: any limb again, the same limb, or also two markers at once",
    "death_confirms": "does death from myeloma within 84 days confirm a progression?",
    "hypercalcaemia_pd": "is hypercalcaemia by myeloma progression by itself?",
    "qiga_index": "in IgA myeloma, does quantitative IgA replace serum M-protein?",
    "vgpr_plasmacytoma": "fall of the plasmacytomas that VGPR asks for, per cent",
    "flc_ratio_range": "normal range of the kappa/lambda ratio",
    "flc_suppression_as_normal": "does a ratio abnormal by suppression alone count as normal?",
    "censoring": "fda: new therapy and two missed visits censor; ema: both are ignored",
    "visit_interval_days": "days between scheduled visits, for the test on missed visits; none: no such test",
    "dor_death": "does any death end the duration of response, or death from myeloma only?",
    "ttnt_death": "is death an event of time to next therapy, or does it censor?",
    "early_relapse_days": "a relapse up to this day after the infusion is early",
    "first_response_day": "results before this day after the infusion judge no response",
    "urine_carry_forward_days": "days for which a 24 h urine stands for one that was not done",
    "imaging_carry_forward_days": "days for which the last imaging stands",
    "baseline_max_age_days": "oldest baseline before lymphodepletion; up to 14 days older is used with a flag",
    "blq": "<x: an interval, zero, or the limit x",
    "lines": "how lines are numbered where the registry does not: by what was planned, or by drugs and dates alone",
}
