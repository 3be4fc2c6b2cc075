"""What harm an infusion did: grades from raw signs beside recorded ones, scores, alerts; a page and a table."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.asking import Progress, Question, of_patient, of_registry, set_aside
from mspike.knowledge.criteria import published
from mspike.knowledge.safety import management
from mspike.record.dates import shown
from mspike.report.safety_rows import PARTS, between, grade_told
from mspike.report.terminal import counted, day_told, say, say_set_aside, say_table
from mspike.safety.answers import safety_of

Told = dict[str, Any]
TABLE = (
    "patient_id", "line", "agent", "index_day",
    "crs_at_least", "crs_at_most", "crs_recorded_grade", "crs_agreement", "crs_days_measured", "crs_onset_day",
    "crs_duration",
    "icans_at_least", "icans_at_most", "icans_recorded_grade", "icans_agreement", "icans_days_measured",
    "icans_ice_lowest",
    "icaht_early_low", "icaht_early_high", "icaht_early_days_500", "icaht_late_low", "icaht_late_high",
    "platelets_early_low", "platelets_early_high", "platelets_late_low", "platelets_late_high",
    "iec_hs_suspected", "iec_hs_suspected_by_values", "iec_hs_suspected_at", "iec_hs_recorded_grade",
    "hematotox_low", "hematotox_high", "hematotox_risk", "easix_easix", "easix_m_easix", "easix_s_easix",
    "mycare_low", "mycare_high", "mycare_risk", "peak_alert", "peak_expansion_good", "neurotoxicity_recorded",
    "igg_ever_low", "igg_last_low", "infections_early_severe_low", "infections_middle_severe_low",
    "infections_late_severe_low", "enterocolitis_alert", "malignancy_recorded", "malignancy_t_cell",
)  # fmt: skip
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
    facts = [fact for infusion in infusions for fact in facts_of(infusion)]
    return {
        "patient_id": patient, "infusions": infusions,
        "facts": list({fact["says"]: fact for fact in facts}.values()), "set_aside": set_aside(derived),
        "stamp": asked.stamp(),
    }  # fmt: skip


def facts_of(infusion: Told) -> list[Told]:
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
            f"{safety_told(infusion)}", "")  # fmt: skip
        say_table(("question", "answer", "because"), [row for part in PARTS for row in part(infusion)])
        say("")
    if told["facts"]:
        say("Published facts: what guidelines and studies printed, never a dose or advice for this patient", "")
        for fact in told["facts"]:
            say(f"  - {fact['says']} [{fact['source']}; checked: {fact['checked']}]")
        say("")
    say_set_aside(told["set_aside"])
    say(told["stamp"]["intended_use"])


def safety_told(infusion: Told) -> str:
    parts = [f"CRS {grade_told(infusion, 'crs')}", f"ICANS {grade_told(infusion, 'icans')}",
             f"early ICAHT {between(infusion['icaht_early_low'], infusion['icaht_early_high'], 'grade')}"]  # fmt: skip
    return "; ".join(parts) + "."


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
