"""The answers about one infusion in words: question, answer and because, row by row."""

from __future__ import annotations

from typing import Any

from mspike.report.terminal import counted, day_told

Told = dict[str, Any]
MICRO = 1_000_000
AGREEMENT = {
    "same": "the recorded grade is the same", "derived_higher": "the recorded grade is lower",
    "recorded_higher": "the recorded grade is higher", "not_known": "the recorded grade may be right",
    "only_recorded": "no sign of it is recorded in the values", "only_derived": "no grade is recorded",
    "neither": "no grade is recorded",
}  # fmt: skip
ENDED = {
    "death": "death", "last_follow_up": "the last follow-up", "day_30": "day 30", "day_100": "day 100",
    "progression": "progression", "next_therapy": "the next therapy",
}  # fmt: skip


def grade_told(infusion: Told, kind: str) -> str:
    return between(infusion[f"{kind}_at_least"], infusion[f"{kind}_at_most"], "grade")


def between(low: Any, high: Any, unit: str) -> str:
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
            lasted = infusion[f"{kind}_duration"]
            how_long = counted(lasted, "day") if lasted is not None else "duration not known"
            because.append(f"from {day_told(infusion[f'{kind}_onset_day'])}, {how_long}")
        because.append(_recorded(infusion, kind))
        if infusion[f"{kind}_at_least"] != infusion[f"{kind}_at_most"] and infusion[f"{kind}_missing"]:
            because.append(f"not recorded: {_listed(infusion[f'{kind}_missing'])}")
        days = infusion[f"{kind}_days_measured"]
        seen = f" on the {counted(days, 'day')} with signs on record" if infusion[f"{kind}_at_most"] == 0 else ""
        rows.append((f"{name} (ASTCT 2019)", grade_told(infusion, kind) + seen, "; ".join(because)))
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
        run, measured, filled, unknown = (
            infusion[f"{prefix}_early_days_{name}"] or 0 for name in (limit, "measured", "interpolated", "unknown")
        )
        because = [
            f"{counted(run, 'day')} in a row with {unit}",
            f"measured on {measured} days, {filled} filled in between, {unknown} not known",
        ]
        if not measured:
            because = ["no count of these days is on record"]
        if infusion[f"{prefix}_early_ended_by"] not in (None, "day_30"):
            because.append(f"judged up to day {infusion[f'{prefix}_early_until']}, {_end(infusion, prefix, 'early')}")
        rows.append((f"early {name}, day 0 to 30", between(low, high, "grade"), "; ".join(because)))
        rows.append(_late(infusion, prefix, name))
    return rows


def _late(infusion: Told, prefix: str, name: str) -> tuple[str, str, str]:
    title = f"late {name}, day 31 to 100"
    if infusion[f"{prefix}_late_until"] is not None and infusion[f"{prefix}_late_until"] < 31:
        return title, "no such days", f"ended by {_end(infusion, prefix, 'late')}"
    low, high = infusion[f"{prefix}_late_low"], infusion[f"{prefix}_late_high"]
    days = counted(infusion[f"{prefix}_late_days_measured"] or 0, "day")
    return title, between(low, high, "grade"), f"measured on {days}, up to day {infusion[f'{prefix}_late_until']}"


def _end(infusion: Told, prefix: str, window: str) -> str:
    return ENDED.get(infusion[f"{prefix}_{window}_ended_by"], "")


def _iec_hs(infusion: Told) -> list[tuple[str, str, str]]:
    by_values = infusion["iec_hs_suspected_by_values"]
    answer = {True: "values suggest it", False: "values do not suggest it", None: "not known"}[by_values]
    because = []
    if infusion["iec_hs_supporting"]:
        because.append(
            f"around the ferritin of day {infusion['iec_hs_judged_at']}: {_listed(infusion['iec_hs_supporting'])}"
        )
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
    points = between(infusion["hematotox_low"], infusion["hematotox_high"], "of 7")
    rows.append(("CAR-HEMATOTOX", f"{points}, {infusion['hematotox_risk'] or 'risk not decided'}", _items(infusion)))
    for index, name in (("easix", "EASIX"), ("m_easix", "m-EASIX"), ("s_easix", "s-EASIX")):
        value, missing = infusion[f"easix_{index}"], infusion[f"easix_{index}_missing"]
        answer = (
            f"{value:.2f} (log2 {infusion[f'easix_{index}_log2']:.2f})" if value is not None else "cannot be judged"
        )
        rows.append((name, answer, f"missing: {_listed(missing)}" if missing else "no cut-off is universal"))
    points = between(infusion["mycare_low"], infusion["mycare_high"], "of 4")
    because = f"missing: {_listed(infusion['mycare_missing'])}" if infusion["mycare_missing"] else ""
    if infusion["mycare_relapse_5_months_percent"] is not None:
        because = f"{infusion['mycare_relapse_5_months_percent']} % of the published patients relapsed by 5 months"
    rows.append(("MyCARe", f"{points}, {infusion['mycare_risk'] or 'risk not decided'}", because))
    return rows


def _items(infusion: Told) -> str:
    units = {
        "platelets": " x 10^9/L",
        "anc": " x 10^9/L",
        "haemoglobin": " g/dL",
        "crp": " mg/dL",
        "ferritin": " ng/mL",
    }
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
    # An infection without a grade may have been severe.
    bounds = [
        (*(infusion[f"infections_{p}_severe_{end}"] or 0 for end in ("low", "high")), days) for p, days in periods
    ]
    severe = [f"{low if low == high else f'{low} to {high}'} in days {days}" for low, high, days in bounds if high]
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
