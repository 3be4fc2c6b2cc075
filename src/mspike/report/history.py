"""What came before CAR-T: lines, exposure, refractoriness, stage and risk; a page for a patient, a table for all."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.asking import Progress, Question, of_patient, of_registry, set_aside
from mspike.course.derived import Derived
from mspike.course.doses import placed_rows
from mspike.course.history import exposures_of, history_of
from mspike.course.stage import stages_of
from mspike.course.starts import line_disagreements
from mspike.record.dates import Calendar, shown
from mspike.report.terminal import counted, day_told, say, say_set_aside, say_table

Told = dict[str, Any]
ROMAN = {1: "I", 2: "II", 3: "III", 4: "IV"}
GROUP = {"triple_class": "triple-class", "penta_drug": "penta-drug"}
STATE = {
    "primary_refractory": "primary refractory", "relapsed_and_refractory": "relapsed and refractory",
    "relapsed": "relapsed", None: "relapsed or refractory: not known",
}  # fmt: skip
ANSWER = {True: "yes", False: "no", None: "not known"}
DIAGNOSIS = "At diagnosis"
WORST = {"iss": 3, "riss": 3, "r2iss": 4}
SCORE = {"iss": "ISS", "riss": "R-ISS", "r2iss": "R2-ISS"}
RISK = {
    "high_risk_cytogenetics": ("high-risk cytogenetics", "missing_cytogenetics"),
    "ims_2025_high_risk": ("high risk by IMS/IMWG 2025", "missing_ims"),
    "extraosseous": ("extraosseous disease (true EMD)", "missing_emd"),
    "paraskeletal": ("paraskeletal disease", "missing_emd"),
    "plasma_cell_leukaemia": ("plasma cell leukaemia", "missing_pcl"),
}
MISSING = {
    "b2m": "beta-2 microglobulin", "ldh": "LDH with its upper limit",
    "circulating_plasma_cell_share": "plasma cells in blood", "ldh_upper_limit": "the upper limit of LDH",
    "contact_with_bone": "contact with bone", "del17p_fraction": "share of cells with del17p",
    "TP53_fraction": "share of cells with TP53 mutation", "del1p32_alleles": "alleles of 1p32",
}  # fmt: skip
EPISODE = (
    "line", "infusion", "lines_before", "lines_after", "history_complete", "unread", "state", "refractory_60d",
    "failure_type", "lenalidomide_refractory",
    "triple_class_exposed", "triple_class_refractory", "triple_class_missing",
    "penta_drug_exposed", "penta_drug_refractory", "penta_drug_missing",
    "bcma_exposed", "bcma_kinds", "bcma_agents", "bcma_last_day", "bcma_interval_days", "bcma_below_6_months",
    "bcma_below_8_months", "gprc5d_exposed", "gprc5d_kinds", "gprc5d_agents", "gprc5d_last_day", "gprc5d_interval_days",
    "bendamustine_before", "high_dose_alkylator_before", "functional_high_risk", "first_line_day", "transplant_day",
    "first_pd_day",
)  # fmt: skip
DAYS = ("infusion", "bcma_last_day", "gprc5d_last_day", "first_line_day", "transplant_day", "first_pd_day")
STAGE = ("iss_low", "iss_high", "riss_low", "riss_high", "r2iss_low", "r2iss_high", *RISK)


def history_registry(asked: Question, progress: Progress | None = None) -> pl.DataFrame:
    """One row an infusion, or a patient without one: what came before, with stage and risk before the infusion."""
    table = of_registry(asked, _table, progress)
    return table.with_columns(shown(pl.col(c), asked.calendar).alias(c) for c in DAYS)


def _table(derived: Derived) -> pl.DataFrame:
    before = stages_of(derived).filter(pl.col("at") == "car_t").select("gid", *STAGE)
    told = history_of(derived).join(before, on="gid", how="left", maintain_order="left")
    return told.select("patient_id", *EPISODE, *STAGE)


def history_patient(asked: Question, patient: str) -> Told:
    """The lines, what each agent did, and stage and risk, of one patient."""
    derived = of_patient(asked, patient, "history")
    calendar = asked.calendar
    episodes = history_of(derived).with_columns(shown(pl.col(c), calendar).alias(c) for c in DAYS)
    exposures = exposures_of(derived)
    dated = [c for c in ("start", "last", "pd") if c in exposures.columns]
    exposures = exposures.with_columns(shown(pl.col(c), calendar).alias(c) for c in dated)
    stages = stages_of(derived)
    differ = line_disagreements(derived.record).drop("pid", "patient_id")
    return {
        "patient_id": patient,
        "lines": lines_told(derived, calendar),
        "before": [
            {name: episode[name] for name in EPISODE}
            | {
                "agents": exposures.filter(pl.col("gid").eq_missing(episode["gid"]))
                .drop("patient_id", "gid")
                .to_dicts()
            }
            | {"stage": _stage(stages, episode["gid"])}
            for episode in episodes.to_dicts()
        ],
        "at_diagnosis": _stage(stages.filter(pl.col("at") == "diagnosis"), None),
        "rule_sets_differ": differ.with_columns(start_day=shown(pl.col("start_day"), calendar)).to_dicts(),
        "set_aside": set_aside(derived),
        "stamp": asked.stamp(),
    }


def lines_told(derived: Derived, calendar: Calendar) -> list[Told]:
    """Each line of therapy: when, what, best response, progression; undated lines too."""
    rows = placed_rows(derived.record, derived.settings.lines)
    lines = rows.group_by("line").agg(
        start=pl.col("start").min(), end=pl.col("end").max(), open=pl.col("end").is_null().any(),
        agents=pl.col("agent").drop_nulls().unique(maintain_order=True),
        roles=pl.col("role").unique(maintain_order=True),
    )  # fmt: skip
    recorded = derived.record.treatments.filter(pl.col("best_response").is_not_null())
    recorded = recorded.join(rows.select("row", "line"), on="row", suffix="_of").group_by("line_of").agg(
        recorded=pl.col("best_response").last()
    )  # fmt: skip
    courses = derived.courses.select("line", "kind", best=pl.col("best").cast(pl.String), pd="pd_day")
    told = lines.join(courses, on="line", how="left").join(recorded, left_on="line", right_on="line_of", how="left")
    told = told.sort("line").with_columns(shown(pl.col(c), calendar).alias(c) for c in ("start", "end", "pd"))
    return told.to_dicts()


def _stage(stages: pl.DataFrame, gid: int | None) -> Told | None:
    row = stages.filter(pl.col("gid").eq_missing(pl.lit(gid, stages.schema["gid"])))
    if row.is_empty():
        return None
    told = row.to_dicts()[0]
    missing = [c for c in told if c.startswith("missing_")]
    points = ("r2iss_points_low", "r2iss_points_high", "ims_2025_criteria")
    return {name: told[name] for name in (*STAGE, *points, *missing)}


def print_history(told: Told) -> None:
    """The page: one sentence an infusion, the lines, what each agent did, stage and risk."""
    for episode in told["before"]:
        say(_sentence(told["patient_id"], episode))
    say("", "Lines of therapy")
    say_table(
        ("line", "from", "to", "agents", "best response", "progression"),
        [(line["line"], day_told(line["start"], "not dated"), day_told(line["end"], ""),
          ", ".join(line["agents"]) or ", ".join(line["roles"]), best_told(line), day_told(line["pd"], ""))
         for line in told["lines"]],
        right=("line",), whole=("from", "to"),
    )  # fmt: skip
    for differ in told["rule_sets_differ"]:
        numbers = f"line {differ['line_rajkumar']} by rajkumar-2015, {differ['line_claims']} by claims"
        say(f"  {differ['agent']} from {day_told(differ['start_day'])}: {numbers} ({differ['why'].replace('_', ' ')}).")
    for episode in told["before"]:
        _print_episode(episode)
    if told["at_diagnosis"] is not None:
        _print_stage(DIAGNOSIS, told["at_diagnosis"])
    say_set_aside(told["set_aside"])
    say("", told["stamp"]["intended_use"])


def best_told(line: Told) -> str:
    # A progression that was assigned after the line says nothing about its best response; what was recorded does.
    if line["best"] not in (None, "NE") and not (line["best"] == "PD" and line["recorded"]):
        return str(line["best"])
    return f"{line['recorded']} (recorded)" if line["recorded"] else "not known"


def _sentence(patient: str, episode: Told) -> str:
    head = f"{patient}: "
    head += (
        f"infused {day_told(episode['infusion'])} as line {episode['line']}"
        if episode["infusion"] is not None
        else "never infused"
    )
    parts = [head, f"after {counted(episode['lines_before'], 'line')} of therapy", STATE[episode["state"]]]
    parts += [f"{name}: {group_told(episode, group)}" for group, name in GROUP.items()]
    parts.append(target_told("BCMA", "bcma", episode))
    parts.append(f"functional high risk: {ANSWER[episode['functional_high_risk']]}")
    return "; ".join(parts) + "."


def group_told(episode: Told, group: str) -> str:
    if episode[f"{group}_refractory"]:
        return "refractory"
    exposed = episode[f"{group}_exposed"]
    if exposed is False:
        return "not exposed"
    seen = "exposed" if exposed else "exposure not known"
    return f"{seen}, refractory {ANSWER[episode[f'{group}_refractory']]}"


def target_told(name: str, prefix: str, episode: Told) -> str:
    exposed = episode[f"{prefix}_exposed"]
    if exposed is None:
        return f"earlier {name} therapy: not known"
    if not exposed:
        return f"no earlier {name} therapy on record"
    agents = ", ".join(episode[f"{prefix}_agents"] or [])
    interval = episode[f"{prefix}_interval_days"]
    return f"earlier {name} therapy: {agents}" + (
        f", last {interval} days before" if interval is not None else ", when not known"
    )


def _print_episode(episode: Told) -> None:
    title = (
        f"Before the infusion on {day_told(episode['infusion'])}" if episode["infusion"] is not None else "Up to now"
    )
    say("", title)
    agents = [a for a in episode["agents"] if a["level"] == "agent"]
    if not agents:
        say("  No earlier agent is on record.")
    else:
        say_table(
            ("agent", "class", "refractory", "because"),
            [(a["item"], a["cls"], refractory_told(a), because(a)) for a in agents],
        )
    for group, name in GROUP.items():
        missing = episode[f"{group}_missing"]
        if missing and episode[f"{group}_exposed"] and episode[f"{group}_refractory"] is None:
            say(f"  Not known whether {name} refractory; it is not shown: {', '.join(missing)}.")
    if episode["unread"]:
        say(f"  Not read: {', '.join(episode['unread'])}. These may be agents that are not counted here.")
    if not episode["history_complete"]:
        say("  The earlier therapy is not fully known, so what is not mentioned is not known rather than not given.")
    if episode["stage"] is not None:
        _print_stage("Stage and risk before it", episode["stage"])


def refractory_told(agent: Told) -> str:
    answer = ANSWER[agent["combined_refractory"]]
    return (
        f"{answer} (as stated)" if agent["refractory"] is None and agent["combined_refractory"] is not None else answer
    )


def because(agent: Told) -> str:
    """Why an agent counts as refractory, or why that is not known."""
    parts = []
    if agent["best"]:
        parts.append(f"best response {agent['best']} ({agent['best_from']})")
    if agent["last"] is not None:
        parts.append(f"last dose {day_told(agent['last'])}")
    if agent["pd"] is not None:
        parts.append(f"progression {day_told(agent['pd'])} ({agent['pd_from']})")
    if agent["stated_refractory"] is not None:
        parts.append(f"the registry states {'refractory' if agent['stated_refractory'] else 'not refractory'}")
    if agent["disagrees"]:
        parts.append("these disagree")
    return "; ".join(parts) or "neither response nor progression is on record"


def _print_stage(title: str, stage: Told) -> None:
    known = [name for name in RISK if stage[name] is not None]
    narrowed = [
        score for score, worst in WORST.items() if (stage[f"{score}_low"], stage[f"{score}_high"]) != (1, worst)
    ]
    if not known and not narrowed:
        say("", f"{title}: no value that a stage needs is on record.")
        return
    say("", title)
    for score, name in SCORE.items():
        say(f"  {name} {stage_told(stage, score)}")
    for key, (name, missing) in RISK.items():
        tail = f" (missing: {missing_told(stage[missing])})" if stage[key] is None and stage[missing] else ""
        say(f"  {name}: {ANSWER[stage[key]]}{tail}")
    if title != DIAGNOSIS:
        say("  These stages were made for newly diagnosed disease; before CAR-T they describe and do not forecast.")


def stage_told(stage: Told, score: str) -> str:
    low, high, missing = stage[f"{score}_low"], stage[f"{score}_high"], stage[f"missing_{score}"]
    if low == high:
        return ROMAN[low]
    return f"{ROMAN[low]} to {ROMAN[high]}, missing: {missing_told(missing)}"


def missing_told(missing: list[str]) -> str:
    return ", ".join(MISSING.get(name, name.replace("_", " ")) for name in missing)


def print_history_table(rows: pl.DataFrame, limit: int) -> None:
    """One row an infusion; the whole table goes into a file."""
    some = rows.head(limit) if limit else rows
    say_table(
        ("patient", "infused", "lines before", "triple-class", "penta-drug", "earlier BCMA", "R-ISS"),
        [
            (r["patient_id"], day_told(r["infusion"], "never"), r["lines_before"],
             *(group_told(r, group) for group in GROUP), _brief(r), _brief_stage(r))
            for r in some.to_dicts()
        ],
        right=("lines before",), whole=("patient", "infused"),
    )  # fmt: skip
    left = rows.height - some.height
    if left:
        say("", f"{counted(left, 'row')} more: `--limit 0` prints all, `--out FILE` writes all columns.")


def _brief(row: Told) -> str:
    return ", ".join(row["bcma_agents"] or []) if row["bcma_exposed"] else ANSWER[row["bcma_exposed"]]


def _brief_stage(row: Told) -> str:
    if row["riss_low"] is None:
        return "not known"
    same = row["riss_low"] == row["riss_high"]
    return ROMAN[row["riss_low"]] if same else f"{ROMAN[row['riss_low']]} to {ROMAN[row['riss_high']]}"
