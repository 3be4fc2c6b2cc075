"""Treatments and events: the earlier lines, the CAR T-cell episode, what follows, and what befell the patient."""

from __future__ import annotations

from mspike.demo.fate import Fate
from mspike.demo.myeloma_markers import antibody_given
from mspike.demo.sheets import Sheets
from mspike.demo.toxicity import Toxicity

_LATER_REGIMENS = (
    ("daratumumab", "lenalidomide", "dexamethasone"),
    ("carfilzomib", "pomalidomide", "dexamethasone"),
    ("isatuximab", "carfilzomib", "dexamethasone"),
    ("elotuzumab", "pomalidomide", "dexamethasone"),
    ("selinexor", "bortezomib", "dexamethasone"),
)
_LENGTHS = (420, 380, 300, 240, 200)  # days on each later line; shorter every time
_CELLS = ("ide-cel", "cilta-cel")


def report_treatments(fate: Fate, sheets: Sheets) -> None:
    line = _report_earlier_lines(fate, sheets) + 1
    _report_episode(fate, sheets, line)
    for number in range(len(fate.salvage)):
        _report_later_line(fate, sheets, line + 1 + number, number)


def diagnosis_day(fate: Fate) -> int:
    """Day of diagnosis, from infusion (negative)."""
    return -60 - 560 - 700 - sum(_LENGTHS[: _earlier_lines(fate) - 1]) - fate.draws.whole("diagnosis", 0, 200)


def _earlier_lines(fate: Fate) -> int:
    if fate.product == "cilta-cel":
        return fate.draws.one_of("earlier lines", (1, 2, 3, 4, 5), (1, 2, 3, 3, 2))
    return fate.draws.one_of("earlier lines", (2, 3, 4, 5, 6), (1, 3, 4, 3, 2))


def _report_earlier_lines(fate: Fate, sheets: Sheets) -> int:
    """First line with transplant and maintenance, then regimens to progression. Returns how many lines."""
    lines, day = _earlier_lines(fate), diagnosis_day(fate) + 20
    for agent in ("bortezomib", "lenalidomide", "dexamethasone"):
        sheets.add("treatments", start_date=day, end_date=day + 112, agent=agent, role="induction", line=1,
                   stop_reason="completed", best_response="VGPR")  # fmt: skip
    sheets.add("treatments", start_date=day + 150, end_date=day + 150, agent="melphalan", role="transplant", line=1,
               stop_reason="completed")  # fmt: skip
    end = day + 150 + 90 + 920 if lines == 1 else day + 1150
    sheets.add("treatments", start_date=day + 240, end_date=end, agent="lenalidomide", role="maintenance", line=1,
               stop_reason="progression")  # fmt: skip
    end = day + 1150
    for number in range(2, lines + 1):
        start = end + 15
        end = start + _LENGTHS[number - 2] - 15
        best = fate.draws.one_of(f"response to line {number}", ("VGPR", "PR", "MR", "SD"), (30, 45, 15, 10))
        for agent in _LATER_REGIMENS[number - 2]:
            sheets.add("treatments", start_date=start, end_date=end, agent=agent, role="treatment", line=number,
                       stop_reason="progression", best_response=best)  # fmt: skip
    return lines


def _report_episode(fate: Fate, sheets: Sheets, line: int) -> None:
    failed = "" if fate.archetype.infused else fate.archetype.name.replace("_", " ")
    sheets.add("treatments", start_date=-35, end_date=-35, agent="leukapheresis", role="apheresis", line=line,
               stop_reason=failed or "completed")  # fmt: skip
    for agent in _bridging(fate):
        sheets.add("treatments", start_date=-30, end_date=-14, agent=agent, role="bridging", line=line,
                   stop_reason="completed")  # fmt: skip
    if not fate.archetype.infused:
        return
    for agent in ("fludarabine", "cyclophosphamide"):
        sheets.add("treatments", start_date=-5, end_date=-3, agent=agent, role="lymphodepletion", line=line,
                   stop_reason="completed")  # fmt: skip
    sheets.add("treatments", start_date=0, end_date=0, agent=fate.product, role="infusion", line=line)
    _report_maintenance(fate, sheets, line)
    if fate.end > 120 and fate.draws.happens("immunoglobulin", 0.4):
        sheets.add("treatments", start_date=100, end_date=min(fate.end, 400), agent="immunoglobulin", role="supportive",
                   stop_reason="completed")  # fmt: skip


def _bridging(fate: Fate) -> tuple[str, ...]:
    if fate.archetype.infused and antibody_given(fate) is not None:
        return ("daratumumab", "dexamethasone")
    choices = ((), ("cyclophosphamide", "dexamethasone"), ("carfilzomib", "dexamethasone"), ("dexamethasone",))
    return fate.draws.one_of("bridging", choices, (30, 25, 25, 20))


def _report_maintenance(fate: Fate, sheets: Sheets, line: int) -> None:
    """Planned maintenance: part of the same line. Daratumumab in the archetype of its band."""
    if fate.has("antibody"):
        agent, start, end = "daratumumab", 60, 400
    elif fate.progression is None and not fate.salvage and fate.draws.happens("maintenance", 0.06):
        agent, start, end = "lenalidomide", 110, 700
    else:
        return
    if fate.end > start + 30:
        stop = "completed" if end < fate.end else None
        sheets.add("treatments", start_date=start, end_date=end if stop else None, agent=agent, role="maintenance",
                   line=line, stop_reason=stop)  # fmt: skip


def _report_later_line(fate: Fate, sheets: Sheets, line: int, number: int) -> None:
    salvage = fate.salvage[number]
    nxt = fate.salvage[number + 1].start if number + 1 < len(fate.salvage) else fate.end
    cells = salvage.agents[0] in _CELLS
    if cells:
        sheets.add("treatments", start_date=salvage.start, end_date=salvage.start + 2, agent="fludarabine",
                   role="lymphodepletion", line=line, stop_reason="completed")  # fmt: skip
        sheets.add("treatments", start_date=salvage.start + 5, end_date=salvage.start + 5, agent=salvage.agents[0],
                   role="infusion", line=line)  # fmt: skip
        return
    end = min(nxt - 1, salvage.progression + 40)
    ended = end < fate.end
    for agent in salvage.agents:
        sheets.add("treatments", start_date=salvage.start, end_date=end if ended else None, agent=agent,
                   role="treatment", line=line, stop_reason="progression" if ended else None)  # fmt: skip


def report_events(fate: Fate, toxicity: Toxicity, sheets: Sheets) -> None:
    """Events in days from infusion; nothing ends after the patient's last day."""
    last = fate.end
    if toxicity.crs_grade:
        grade = 5 if fate.has("severe_crs") and last < 25 else toxicity.crs_grade
        _event(sheets, last, "crs", toxicity.crs_start, toxicity.crs_end, grade, "")
    if toxicity.icans_grade:
        _event(sheets, last, "icans", toxicity.icans_start, toxicity.icans_end, toxicity.icans_grade, "")
    if fate.has("severe_crs"):
        _event(sheets, last, "iec_hs", 10, last, 4, "ferritin rising as CRS resolves")
    if fate.clone.kidney_failure:
        _event(sheets, last, "dialysis", -300, None, 4, "anuria since before apheresis, three times a week")
    if fate.has("not_infused"):
        detail = fate.archetype.name.replace("_", " ")
        _event(sheets, last, "not_infused", -5, None, None, detail)
    _report_infections(fate, sheets)
    if fate.has("second_malignancy"):
        day = fate.draws.whole("malignancy day", 330, 500)
        kind = fate.draws.one_of(
            "malignancy", ("myelodysplastic neoplasm", "acute myeloid leukaemia", "T-cell lymphoma")
        )
        _event(sheets, last, "second_malignancy", day, None, None, kind)
    elif fate.archetype.infused and fate.product == "cilta-cel" and fate.draws.happens("palsy", 0.06):
        _event(sheets, last, "cranial_nerve_palsy", 22, 80, 2, "facial nerve")


def _report_infections(fate: Fate, sheets: Sheets) -> None:
    draws = fate.draws
    if fate.archetype.infused and draws.happens("infection", 0.45):
        day = draws.whole("infection day", 15, 360)
        kind = draws.one_of(
            "infection kind", ("pneumonia", "upper respiratory infection", "bacteraemia", "CMV reactivation")
        )
        _event(sheets, fate.end, "infection", day, day + 12, draws.whole("infection grade", 2, 3), kind)
    if fate.death_cause == "infection":
        _event(sheets, fate.end, "infection", fate.end - 9, fate.end, 5, "septic shock")


def _event(sheets: Sheets, last: int, event: str, day: int, end: int | None, grade: int | None, detail: str) -> None:
    if day <= last:
        end = None if end is None or end > last else end
        sheets.add("events", date=day, end_date=end, event=event, grade=grade, detail=detail or None)
