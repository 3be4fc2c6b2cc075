"""What harm an infusion did: grades from raw signs beside recorded ones, scores, alerts; a page and a table."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.knowledge.criteria import published
from mspike.knowledge.safety import management
from mspike.record.dates import shown
from mspike.report.asking import Progress, Question, of_patient, of_registry
from mspike.report.terminal import counted, day_told, say, say_table
from mspike.safety.answers import safety_of

Told = dict[str, Any]
MICRO = 1_000_000
TABLE = (
    "patient_id", "line", "agent", "index_day",
    "crs_at_least", "crs_at_most", "crs_recorded_grade", "crs_agreement", "crs_onset_day", "crs_duration",
    "icans_at_least", "icans_at_most", "icans_recorded_grade", "icans_agreement", "icans_ice_lowest",
    "icaht_early_low", "icaht_early_high", "icaht_early_days_500", "icaht_late_low", "icaht_late_high",
    "platelets_early_low", "platelets_early_high", "platelets_late_low", "platelets_late_high",
    "iec_hs_suspected", "iec_hs_suspected_by_values", "iec_hs_suspected_at", "iec_hs_recorded_grade",
    "hematotox_low", "hematotox_high", "hematotox_risk", "easix_easix", "easix_m_easix", "easix_s_easix",
    "mycare_low", "mycare_high", "mycare_risk", "peak_alert", "peak_expansion_good", "neurotoxicity_recorded",
    "igg_ever_low", "igg_last_low", "infections_early_severe_low", "infections_middle_severe_low",
    "infections_late_severe_low", "enterocolitis_alert", "malignancy_recorded", "malignancy_t_cell",
)  # fmt: skip
AGREEMENT = {
    "same": "the recorded grade is the same", "derived_higher": "the recorded grade is lower",
    "recorded_higher": "the recorded grade is higher", "not_known": "the recorded grade may be right",
    "only_recorded": "no sign of it is recorded in the values", "only_derived": "no grade is recorded",
    "neither": "none is recorded either",
}  # fmt: skip
ENDED = {
    "death": "death", "last_follow_up": "the last follow-up", "day_30": "day 30", "day_100": "day 100",
    "progression": "progression", "next_therapy": "the next therapy",
}  # fmt: skip
FACTS = {
    "peak": "delayed-neurotoxicity", "igg": "hypogammaglobulinaemia", "infections": "infections",
    "enterocolitis": "enterocolitis", "malignancy": "second-malignancies",
}  # fmt: skip


def safety_registry(asked: Question, progress: Progress | None = None) -> pl.DataFrame:
    """One row an infusion: grades, scores and alerts."""
    rows = of_registry(asked, lambda derived: safety_of(derived).select(TABLE), progress)
    days = ("index_day", "crs_onset_day")
    return rows.with_columns(shown(pl.col(c), asked.calendar).alias(c) for c in days)


def safety_patient(asked: Question, patient: str) -> Told:
    """All answers about each infusion of one patient, with the published facts that belong to them."""
    derived = of_patient(asked, patient, "safety")
    rows = safety_of(derived)
    days = [c for c in rows.columns if c == "index_day" or c.endswith("_day")]
    rows = rows.with_columns(shown(pl.col(c), asked.calendar).alias(c) for c in days)
    infusions = rows.drop("patient_id", "gid").to_dicts()
    facts = [fact for infusion in infusions for fact in _facts(infusion)]
    return {
        "patient_id": patient, "infusions": infusions,
        "facts": list({fact["says"]: fact for fact in facts}.values()), "stamp": asked.stamp(),
    }  # fmt: skip


def _facts(infusion: Told) -> list[Told]:
    """The published facts that belong to what was found: never a dose for this patient."""
    told = []
    for kind in ("crs", "icans"):
        for fact in management(kind, infusion[f"{kind}_at_least"] or 0):
            told.append({"about": kind, "says": fact.says, "source": fact.source, "checked": fact.checked})
    raised = {
        "peak": infusion["peak_alert"], "igg": infusion["igg_last_low"],
        "enterocolitis": infusion["enterocolitis_alert"], "malignancy": infusion["malignancy_recorded"],
    }  # fmt: skip
    for about in (name for name, holds in raised.items() if holds):
        rules = published(FACTS[about]).rules.values()
        told += [
            {"about": about, "says": " ".join(rule.says.split()), "source": rule.source, "checked": rule.checked}
            for rule in rules if ".fact." in rule.id
        ]  # fmt: skip
    return told


def print_safety(told: Told) -> None:
    """The page: one table an infusion, what is missing in words, then published facts."""
    if not told["infusions"]:
        say(f"{told['patient_id']}: no infusion is recorded by then, so there is no toxicity of CAR-T to tell.")
    for infusion in told["infusions"]:
        product = infusion["agent"] or "CAR-T, product not stated"
        say(f"{told['patient_id']}: {product}, infused {day_told(infusion['index_day'])} (line {infusion['line']}). "
            f"{_sentence(infusion)}", "")  # fmt: skip
        say_table(("question", "answer", "because"), [row for part in PARTS for row in part(infusion)])
        say("")
    if told["facts"]:
        say("Published facts (what was published, not advice for this patient)", "")
        for fact in told["facts"]:
            say(f"  - {fact['says']} [{fact['source']}; checked: {fact['checked']}]")
        say("")
    say(told["stamp"]["intended_use"])


def _sentence(infusion: Told) -> str:
    parts = [f"CRS {_grade(infusion, 'crs')}", f"ICANS {_grade(infusion, 'icans')}",
             f"early ICAHT {_between(infusion['icaht_early_low'], infusion['icaht_early_high'], 'grade')}"]  # fmt: skip
    return "; ".join(parts) + "."


def _grade(infusion: Told, kind: str) -> str:
    return _between(infusion[f"{kind}_at_least"], infusion[f"{kind}_at_most"], "grade")


def _between(low: Any, high: Any, unit: str) -> str:
    if low is None:
        return "cannot be judged"
    if low == high:
        return f"{unit} {low}" if unit == "grade" else f"{low} {unit}".strip()
    return f"at least {unit} {low}, at most {high}" if unit == "grade" else f"{low} to {high} {unit}".strip()


def _signs(infusion: Told) -> list[tuple[str, str, str]]:
    rows = []
    for kind, name in (("crs", "CRS"), ("icans", "ICANS")):
        because = []
        if infusion[f"{kind}_onset_day"] is not None:
            because.append(
                f"from {day_told(infusion[f'{kind}_onset_day'])}, {counted(infusion[f'{kind}_duration'] or 0, 'day')}"
            )
        because.append(_recorded(infusion, kind))
        if infusion[f"{kind}_at_least"] != infusion[f"{kind}_at_most"] and infusion[f"{kind}_missing"]:
            because.append(f"not recorded: {_listed(infusion[f'{kind}_missing'])}")
        rows.append((f"{name} (ASTCT 2019)", _grade(infusion, kind), "; ".join(because)))
    return rows


def _recorded(infusion: Told, kind: str) -> str:
    grade, agreement = infusion[f"{kind}_recorded_grade"], infusion[f"{kind}_agreement"]
    head = f"recorded grade {grade}: " if grade is not None else ""
    return head + AGREEMENT.get(agreement, "")


def _counts(infusion: Told) -> list[tuple[str, str, str]]:
    rows = []
    for prefix, name, limit in (("icaht", "ICAHT", "500"), ("platelets", "T-ICAHT (platelets)", "50")):
        low, high = infusion[f"{prefix}_early_low"], infusion[f"{prefix}_early_high"]
        unit = "neutrophils at most 500/uL" if prefix == "icaht" else "platelets below 50"
        run, measured, unknown = (
            infusion[f"{prefix}_early_days_{name}"] or 0 for name in (limit, "measured", "unknown")
        )
        because = [f"{counted(run, 'day')} in a row with {unit}", f"measured on {measured} days, {unknown} not known"]
        if not measured:
            because = ["no count of these days is on record"]
        if infusion[f"{prefix}_early_ended_by"] not in (None, "day_30"):
            because.append(f"judged up to day {infusion[f'{prefix}_early_until']}, {_end(infusion, prefix, 'early')}")
        rows.append((f"early {name}, day 0 to 30", _between(low, high, "grade"), "; ".join(because)))
        rows.append(_late(infusion, prefix, name))
    return rows


def _late(infusion: Told, prefix: str, name: str) -> tuple[str, str, str]:
    title = f"late {name}, day 31 to 100"
    if infusion[f"{prefix}_late_until"] is not None and infusion[f"{prefix}_late_until"] < 31:
        return title, "no such days", f"ended by {_end(infusion, prefix, 'late')}"
    low, high = infusion[f"{prefix}_late_low"], infusion[f"{prefix}_late_high"]
    days = counted(infusion[f"{prefix}_late_days_measured"] or 0, "day")
    return title, _between(low, high, "grade"), f"measured on {days}, up to day {infusion[f'{prefix}_late_until']}"


def _end(infusion: Told, prefix: str, window: str) -> str:
    return ENDED.get(infusion[f"{prefix}_{window}_ended_by"], "")


def _iec_hs(infusion: Told) -> list[tuple[str, str, str]]:
    by_values = infusion["iec_hs_suspected_by_values"]
    answer = {True: "values suggest it", False: "values do not suggest it", None: "not known"}[by_values]
    because = []
    if infusion["iec_hs_supporting"]:
        because.append(f"beside ferritin: {_listed(infusion['iec_hs_supporting'])}, day {infusion['iec_hs_judged_at']}")
    if infusion["iec_hs_ferritin_high_before"]:
        because.append("ferritin was high before the infusion already, so this says less")
    if infusion["iec_hs_recorded_day"] is not None:
        because.append(
            f"recorded {day_told(infusion['iec_hs_recorded_day'])}, grade {infusion['iec_hs_recorded_grade']}"
        )
    if infusion["iec_hs_missing"]:
        because.append(f"not recorded: {_listed(infusion['iec_hs_missing'])}")
    because.append("a reason to look, no diagnosis: infection and progression do the same")
    return [("IEC-HS (Hines 2023)", answer, "; ".join(because))]


def _scores(infusion: Told) -> list[tuple[str, str, str]]:
    rows = []
    points = _between(infusion["hematotox_low"], infusion["hematotox_high"], "of 7")
    rows.append(("CAR-HEMATOTOX", f"{points}, {infusion['hematotox_risk'] or 'risk not decided'}", _items(infusion)))
    for index, name in (("easix", "EASIX"), ("m_easix", "m-EASIX"), ("s_easix", "s-EASIX")):
        value, missing = infusion[f"easix_{index}"], infusion[f"easix_{index}_missing"]
        answer = (
            f"{value:.2f} (log2 {infusion[f'easix_{index}_log2']:.2f})" if value is not None else "cannot be judged"
        )
        rows.append((name, answer, f"missing: {_listed(missing)}" if missing else "no cut-off is universal"))
    points = _between(infusion["mycare_low"], infusion["mycare_high"], "of 4")
    because = f"missing: {_listed(infusion['mycare_missing'])}" if infusion["mycare_missing"] else ""
    if infusion["mycare_relapse_5_months_percent"] is not None:
        because = f"{infusion['mycare_relapse_5_months_percent']} % of the published patients relapsed by 5 months"
    rows.append(("MyCARe", f"{points}, {infusion['mycare_risk'] or 'risk not decided'}", because))
    return rows


def _items(infusion: Told) -> str:
    units = {"platelets": "", "anc": "", "haemoglobin": " g/dL", "crp": " mg/dL", "ferritin": " ng/mL"}
    told = []
    for item, unit in units.items():
        low, high = infusion[f"hematotox_{item}_lo"], infusion[f"hematotox_{item}_hi"]
        if low is not None:
            told.append(f"{item} {_amount(low, high)}{unit}")
    if infusion["hematotox_missing"]:
        told.append(f"missing: {_listed(infusion['hematotox_missing'])}")
    return ", ".join(told)


def _amount(low: int, high: int) -> str:
    if low == high:
        return f"{low / MICRO:g}"
    return f"<{(high + 1) / MICRO:g}" if low == 0 else f">{low / MICRO:g}"


def _peak(infusion: Told) -> list[tuple[str, str, str]]:
    if infusion["peak_peak_lo"] is None:
        return [
            ("lymphocyte peak", "not measured", "expansion and risk of delayed neurotoxicity cannot be told from it")
        ]
    peak = f"{_amount(infusion['peak_peak_lo'], infusion['peak_peak_hi'])} x 10^9/L on day {infusion['peak_peak_at']}"
    told = []
    if infusion["peak_expansion_good"]:
        told.append("good expansion (above 1.0 within 15 days)")
    elif infusion["peak_expansion_very_poor"]:
        told.append("very poor expansion (at most 0.5 within 15 days)")
    elif infusion["peak_expansion_poor"]:
        told.append("poor expansion (at most 1.0 within 15 days)")
    if infusion["peak_alert"]:
        told.append("above 3.0: delayed neurotoxicity was more frequent")
        if infusion["peak_evidence_for_product"] is not True:
            told.append("(shown with cilta-cel)")
    return [("lymphocyte peak", peak, "; ".join(told))]


def _late_effects(infusion: Told) -> list[tuple[str, str, str]]:
    signs = {
        "cranial_nerve_palsy": "cranial nerve palsy",
        "parkinsonism": "parkinsonism",
        "guillain_barre": "Guillain-Barre",
    }
    seen = [f"{name} {day_told(infusion[f'neurotoxicity_{sign}_day'])}" for sign, name in signs.items()
            if infusion[f"neurotoxicity_{sign}_day"] is not None]  # fmt: skip
    rows = [("delayed neurotoxicity", "recorded" if seen else "none recorded", "; ".join(seen))]
    periods = (("early", "0-30"), ("middle", "31-100"), ("late", "101-365"))
    counts = [(infusion[f"infections_{period}_severe_low"], days) for period, days in periods]
    severe = [f"{number} in days {days}" for number, days in counts if number]
    total = sum(infusion[f"infections_{p}_infections"] or 0 for p, _ in periods)
    rows.append(
        (
            "infections in a year",
            f"{total} recorded",
            f"grade 3 or more: {', '.join(severe) or 'none'}",
        )
    )
    rows.append(_igg(infusion))
    bowel = infusion["enterocolitis_alert"]
    answer = {True: "to be asked about", False: "none recorded", None: "diarrhoea without a grade"}[bowel]
    detail = f"{infusion['enterocolitis_event']} {day_told(infusion['enterocolitis_onset_day'])}" if bowel else ""
    if infusion["enterocolitis_germ_named"]:
        detail += "; an infection is named, to be excluded first"
    rows.append(("enterocolitis", answer, detail))
    tumours = infusion["malignancy_what"] or []
    kind = "T-cell malignancy" if infusion["malignancy_t_cell"] else ", ".join(tumours)
    rows.append(("second malignancy", "recorded" if infusion["malignancy_recorded"] else "none recorded", kind))
    return rows


def _igg(infusion: Told) -> tuple[str, str, str]:
    if infusion["igg_last_day"] is None:
        return "IgG", "not measured", ""
    value = _amount(infusion["igg_last_igg_lo"], infusion["igg_last_igg_hi"])
    value = f"{value} mg/dL, {day_told(infusion['igg_last_day'])}"
    low = {True: "below 400 mg/dL", False: "not below 400 mg/dL", None: "whether below 400 mg/dL is not known"}
    because = low[infusion["igg_last_low"]]
    if (
        infusion["igg_last_polyclonal_lo"] != infusion["igg_last_igg_lo"]
        and infusion["igg_last_polyclonal_lo"] is not None
    ):
        because += (
            f"; without the M-protein {_amount(infusion['igg_last_polyclonal_lo'], infusion['igg_last_polyclonal_hi'])}"
        )
    if infusion["igg_last_low_with_infections"]:
        because += "; with recurrent or serious infection"
    return "IgG", value, because


def _listed(words: list[str]) -> str:
    return ", ".join(word.replace("_", " ") for word in words)


PARTS = (_signs, _counts, _iec_hs, _scores, _peak, _late_effects)


def print_safety_table(rows: pl.DataFrame, limit: int) -> None:
    """One row an infusion; the whole table goes into a file."""
    some = rows.head(limit) if limit else rows
    say_table(
        ("patient", "infused", "CRS", "recorded", "ICANS", "early ICAHT", "HEMATOTOX", "MyCARe", "alerts"),
        [
            (r["patient_id"], r["index_day"], _short(r, "crs_at_least", "crs_at_most"), r["crs_recorded_grade"],
             _short(r, "icans_at_least", "icans_at_most"), _short(r, "icaht_early_low", "icaht_early_high"),
             _short(r, "hematotox_low", "hematotox_high"), _short(r, "mycare_low", "mycare_high"), _alerts(r))
            for r in some.to_dicts()
        ],
        whole=("patient", "infused"),
    )  # fmt: skip
    left = rows.height - some.height
    if left:
        say("", f"{counted(left, 'row')} more: `--limit 0` prints all, `--out FILE` writes all columns.")
    say("", "1-3: at least 1, at most 3, by what is recorded. ?: cannot be judged.")


def _short(row: Told, low: str, high: str) -> str:
    if row[low] is None:
        return "?"
    return str(row[low]) if row[low] == row[high] else f"{row[low]}-{row[high]}"


def _alerts(row: Told) -> str:
    told = {
        "IEC-HS": row["iec_hs_suspected_by_values"], "lymphocytes": row["peak_alert"], "IgG": row["igg_last_low"],
        "bowel": row["enterocolitis_alert"], "malignancy": row["malignancy_recorded"],
        "nerves": row["neurotoxicity_recorded"],
    }  # fmt: skip
    return ", ".join(name for name, holds in told.items() if holds)
