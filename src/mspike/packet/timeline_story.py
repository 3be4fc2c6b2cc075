"""One patient's course for the timeline: therapy, findings, categories and progressions, read off what was derived."""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.course.agents import given
from mspike.course.derived import Derived
from mspike.course.doses import placed_rows
from mspike.figures.timeline_told import Curve, Finding, Judged, Progression, Story, Therapy
from mspike.packet.timeline_markers import MARKERS, curve_of, readings_of, thresholds_of
from mspike.report.because import PARAMETER
from mspike.report.inputs import square_mm
from mspike.response.lesions import seen

MRD_LEVEL = "1e-5"  # the level IMWG asks for; a sample that does not reach it decides nothing
OTHERS = (("car_transgene", "CAR copies", "/µg DNA"), ("sbcma", "sBCMA", "ng/mL"))
MRD_SIGN = {"positive": "filled", "negative": "hollow"}


def story_of(derived: Derived, patient: str, marker: str | None) -> Story:
    """Everything of this patient that has a day and is drawn. marker: a name of MARKERS; None: no curve."""
    curve = curve_of(derived, marker) if marker else None
    curve = curve if curve and curve.drawn else None
    courses = derived.courses.sort("index_day").to_dicts()
    others = [Curve(words, unit, tuple(readings_of(derived, name))) for name, words, unit in OTHERS]
    infusions = tuple((c["index_day"], _infusion(c)) for c in courses if c["infused"])
    zero, says = _zero(derived, courses)
    return Story(
        patient=patient, dates=derived.record.calendar == "iso", zero=zero, zero_says=says, curve=curve,
        thresholds=tuple(thresholds_of(derived, marker)) if curve and marker else (),
        progressions=tuple(_progressions(courses, curve, marker, zero)), therapies=tuple(_therapies(derived, courses)),
        findings=(*_lesions(derived), *_marrow(derived), *_mrd(derived)), visits=tuple(_visits(derived)),
        others=tuple(one for one in others if one.drawn), infusions=infusions, end=_end(derived, courses),
    )  # fmt: skip


def _infusion(course: dict[str, Any]) -> str:
    # Day 0 of a registry of days is an infusion even where no row says so.
    return f"{course['agent'] or 'CAR-T'} infused" + (", not on record" if course["implied"] else "")


def _zero(derived: Derived, courses: list[dict[str, Any]]) -> tuple[int, str]:
    """Day 0 as everywhere in mspike: the first infusion, else apheresis, else the first line; and what that was."""
    if not courses:
        days = derived.record.results["day"].drop_nulls()
        return (int(days.min()), "first result") if days.len() else (0, "first result")  # type: ignore[arg-type]
    first = courses[0]
    zero = first["day_zero"]
    if first["infusion_day"] is not None:
        return zero, "infusion"
    return zero, "apheresis" if any(c["apheresis_day"] == zero for c in courses) else "start of therapy"


def _progressions(
    courses: list[dict[str, Any]], curve: Curve | None, marker: str | None, zero: int
) -> list[Progression]:
    """Each progression once; on the curve where its marker showed it, else with what showed it."""
    values = {reading.day: reading.value for reading in curve.drawn} if curve else {}
    own = MARKERS[marker].limb if marker else None
    told: dict[tuple[int, bool], Progression] = {}
    for course in courses:
        for day, confirmed in ((course["pd_day"], True), (course["unconfirmed_pd_day"], False)):
            if day is None or (not confirmed and day == course["pd_day"]):
                continue
            limbs = course["limbs"] or []
            whose = "" if course["kind"] == "car_t" else f" of line {course['line']}"
            other = own not in limbs and bool(limbs) and confirmed
            by = " by " + ", ".join(PARAMETER[limb] for limb in limbs) if other else ""
            words = f"PD{whose}{by}{'' if confirmed else ', not confirmed'}, day {day - zero}"
            told.setdefault((day, confirmed), Progression(day, confirmed, words, None if other else values.get(day)))
    return list(told.values())


def _therapies(derived: Derived, courses: list[dict[str, Any]]) -> list[Therapy]:
    """Each line from its first dose to its last; an infusion until the next line, for it goes on working."""
    rows = placed_rows(derived.record, derived.settings.lines).filter(pl.col("line").is_not_null())
    classes = given(derived.record).filter(~pl.col("doubtful")).select("row", "cls").to_dicts()
    told = []
    for course in courses:
        mine = rows.filter((pl.col("line") == course["line"]) & pl.col("start").is_not_null()).sort("start", "row")
        own = mine["row"].to_list()
        start = min(mine["start"].min() or course["index_day"], course["begun_day"] or course["index_day"])
        ends = mine["end"].drop_nulls().to_list()
        until = course["next_day"] if course["next_day"] is not None else course["alive_day"]
        open_ = course["infused"] or not ends or mine["end"].null_count() > 0
        end = until if open_ and until is not None else max([*ends, start])
        kinds = tuple(dict.fromkeys(row["cls"] for row in classes if row["row"] in own and row["cls"]))
        kinds = ("car_t",) if course["kind"] == "car_t" else kinds
        told.append(Therapy(start, max(end, start), _named(course, mine), kinds, open_ and not course["infused"]))
    return told


def _named(course: dict[str, Any], rows: pl.DataFrame) -> str:
    agents = rows["agent"].drop_nulls().unique(maintain_order=True).to_list()
    if course["kind"] == "car_t" and not course["infused"]:
        return f"{course['line']}: CAR-T collected, never infused"
    return f"{course['line']}: {course['agent'] if course['infused'] else ', '.join(agents) or 'agent not stated'}"


def _lesions(derived: Derived) -> list[Finding]:
    """A mark an imaging day: what was there, with the sum of products where the flowsheet has one."""
    images = seen(derived.record.lesions)
    sheet = derived.sheet.filter(pl.col("imaging_day").is_not_null())
    sums = {row["imaging_day"]: row["spd"] for row in sheet.select("imaging_day", "spd").to_dicts()}
    pd = sheet.filter(pl.col("lesion_pd") & ~pl.col("after_new_therapy"))
    grown = set(pd["imaging_day"])
    told = []
    for (day,), rows in images.sort("day").group_by("day", maintain_order=True):
        present = rows.filter(pl.col("finding") != "resolved")
        summed = f"{square_mm(sums[day])} mm²" if sums.get(day) else ""
        words = ", ".join(f"{row['lesion_id']} {row['site'] or 'site unknown'} {row['finding'].replace('_', ' ')}"
                          for row in rows.to_dicts())  # fmt: skip
        sign = "alarm" if day in grown else "filled" if present.height else "hollow"
        told.append(Finding("Lesions", day, sign, summed or (f"{present.height} seen" if present.height else ""),
                            f"{words}; sum of products {summed}" if summed else words))  # fmt: skip
    return told


def _marrow(derived: Derived) -> list[Finding]:
    rows = derived.record.results.filter(pl.col("analyte").is_in(["marrow_plasma_cells", "marrow_clonality"]))
    told = []
    for (day,), found in rows.sort("day", "row").group_by("day", maintain_order=True):
        values = {row["analyte"]: row for row in found.to_dicts()}
        cells, clone = values.get("marrow_plasma_cells"), values.get("marrow_clonality")
        words = [f"plasma cells {cells['value']} %"] if cells else ["plasma cells not reported"]
        words += [f"clonality {clone['value']}"] if clone else []
        state = clone["state"] if clone else None
        sign = {"positive": "filled", "negative": "hollow"}.get(state or "", "unknown")
        told.append(Finding("Marrow", day, sign, f"{cells['value']} %" if cells else "", ", ".join(words)))
    return told


def _mrd(derived: Derived) -> list[Finding]:
    samples = derived.mrd.filter(pl.col("threshold") == MRD_LEVEL).sort("day").to_dicts()
    given_ = {row["row"]: row for row in derived.record.mrd.to_dicts()}
    told = []
    for sample in samples:
        row = given_[sample["row"]]
        words = f"{row['result'] or 'result not stated'} by {row['method'] or 'method not stated'}"
        fraction = f", {row['fraction'] / 1e12:.2g} of cells" if row["fraction"] is not None else ""
        sign = MRD_SIGN.get(sample["status"], "unknown")
        said = f"{words}{fraction}; at {MRD_LEVEL}: {sample['status']}"
        told.append(Finding("MRD", sample["day"], sign, "", said))
    return told


def _visits(derived: Derived) -> list[Judged]:
    """Each visit once, judged by the line in force on its day."""
    rows = derived.sheet.filter(~pl.col("after_new_therapy")).sort("index_day", "day")
    rows = rows.unique(["visit"], keep="last", maintain_order=True) if rows.height else rows
    told = []
    for row in rows.sort("day").to_dicts():
        raw, confirmed = row["raw"], row["confirmed"] or "NE"
        open_ = raw == "PD" and confirmed != "PD"
        says = f"{raw} seen, {confirmed} confirmed" if raw != confirmed else f"{raw}"
        told.append(Judged(row["day"], "PD" if open_ else confirmed, row["line"], open_, says))
    return told


def _end(derived: Derived, courses: list[dict[str, Any]]) -> tuple[int, str] | None:
    """Death or the last contact; None where neither is dated."""
    person = derived.record.patients.to_dicts()[0]
    if person["death_day"] is not None:
        return person["death_day"], "died"
    died = " (died, date unknown)" if person["died_undated"] else ""
    if person["contact_day"] is not None:
        return person["contact_day"], f"last contact{died}"
    known = [course["alive_day"] for course in courses if course["alive_day"] is not None]
    return (max(known), f"last on record{died}") if known else None
