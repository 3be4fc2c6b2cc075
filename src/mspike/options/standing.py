"""Where one patient stands on one day: everything that decides about a therapy, each fact with what says so."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from mspike.course.derived import Derived
from mspike.course.genetics import markers_of
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import published
from mspike.options.antigens import ANALYTE, GENE, antigen_on
from mspike.options.facts import EPOCH, Fact, Lines, Reading, Standing, days_counted
from mspike.options.kidney import glomerular_filtration
from mspike.options.past import (
    doses_so_far,
    exposures_so_far,
    history_is_complete,
    lines_so_far,
    therapy_to_date,
)
from mspike.options.states import states_on
from mspike.record.analytes import ANALYTES, MICRO
from mspike.record.record import Record
from mspike.response.compare import micro
from mspike.why.infusions import FAILURES
from mspike.why.readings import measured, said

HUNDRED = 100 * MICRO


def standing_of(derived: Derived, day: int, *, label_date: dt.date | None = None) -> Standing:
    """Where the one patient of this record stands on the day.

    derived     of one patient, as of the day (see `record.asof`)
    day         day number in the registry's calendar
    label_date  date of the labels to look up, for a registry that counts days
    Raises WrongUsage where the patient had died by then.
    """
    record = derived.record
    patient = record.patients.to_dicts()[0]
    counts_days = record.calendar == "day"
    bare = Standing("", day, None, Lines(0, False, ""), False, None, True, day_registry=counts_days)
    told_day = bare.said_day
    _refuse_dead(patient, record, day, told_day)
    earlier = therapy_to_date(derived)
    complete = history_is_complete(earlier)
    doses = doses_so_far(earlier, told_day)
    values = _values(record, bare)
    by_creatinine = glomerular_filtration(values.get("creatinine", ()), patient, counts_days)
    values["gfr"] = tuple(sorted((*values.get("gfr", ()), *by_creatinine), key=lambda r: r.day))
    states = states_on(record, day, told_day)
    genes, failed = _genes_lost(record, told_day), _failure_day(derived)
    return Standing(
        patient=patient["patient_id"],
        day=day,
        date=label_date if counts_days or label_date else EPOCH + dt.timedelta(days=day),
        lines=lines_so_far(earlier, complete),
        complete=complete,
        age=None if counts_days else _age(patient, day),
        empty=_is_empty(record),
        last_line=_last_line(derived, told_day),
        last_record=_last_record(record),
        exposures=exposures_so_far(earlier, complete),
        doses=doses,
        tests={
            target: antigen_on(target, values.get(name, ()), doses, day, failed, genes.get(GENE[target]))
            for target, name in ANALYTE.items()
        },
        values=values,
        states={**states, **_from_values(states, values, day, derived), **_failures(derived, told_day)},
        genetics=_genetics(record, told_day),
        day_registry=counts_days,
    )


def _refuse_dead(patient: dict[str, Any], record: Record, day: int, told_day: Any) -> None:
    """Raises WrongUsage where the patient had died by the day, or may have: nobody plans for the dead."""
    name = patient["patient_id"]
    if patient["death_day"] is not None and patient["death_day"] <= day:
        raise WrongUsage(f"{name} died ({told_day(patient['death_day'])}). Name a day before with --on.")
    fatal = record.events.filter((pl.col("grade") == 5) & (pl.col("date") <= day))["date"]
    if not fatal.is_empty():
        raise WrongUsage(
            f"{name}: an event of grade 5 is recorded ({told_day(fatal[0])}). Name a day before with --on."
        )
    partial = patient.get("death_date_partial")
    later = partial is not None and standing_date(day) < partial and record.calendar != "day"
    if (patient["died_undated"] or patient["death_cause"]) and patient["death_day"] is None and not later:
        when = partial or "the day is not told"
        raise WrongUsage(f"{name}: a death is recorded ({when}), perhaps before the day asked. Complete its date.")


def standing_date(day: int) -> str:
    """A day number as an ISO date, to compare with half a date."""
    return (EPOCH + dt.timedelta(days=day)).isoformat()[:7]


def _values(record: Record, standing: Standing) -> dict[str, tuple[Reading, ...]]:
    """Every usable reading, by analyte and day. A bare "negative" is none of the cells, a "positive" all of them."""
    told: dict[str, tuple[Reading, ...]] = {}
    for name in record.results["analyte"].unique().to_list():
        rows = measured(record, name).with_columns(told=said(name, ANALYTES[name].meaning)).sort("day", "row")
        readings = []
        for row in rows.to_dicts():
            word = {"positive": (HUNDRED, HUNDRED), "negative": (0, 0)}.get(row["state"] or "")
            lo, hi = (row["lo"], row["hi"]) if row["lo"] is not None else word or (None, None)
            if lo is not None and hi is not None and row["day"] is not None:
                readings.append(Reading(row["day"], lo, hi, f"{row['told']} ({standing.said_day(row['day'])})"))
        told[str(name)] = tuple(readings)
    return told


def _age(patient: dict[str, Any], day: int) -> tuple[int, int] | None:
    if patient["birth_year"] is None:
        return None
    years = (EPOCH + dt.timedelta(days=day)).year - patient["birth_year"]
    return years - 1, years


def _is_empty(record: Record) -> bool:
    tables = (record.results, record.mrd, record.lesions, record.treatments, record.responses, record.events)
    return all(table.is_empty() for table in (*tables, record.genetics))


def _from_values(
    states: dict[str, Fact], values: dict[str, tuple[Reading, ...]], day: int, derived: Derived
) -> dict[str, Fact]:
    """Conditions that a laboratory value tells."""
    recent = {name: [r for r in rows if r.day >= day - days_counted("seen", "window")] for name, rows in values.items()}
    igg = recent.get("igg", [])[-1:]
    low = micro(published("hypogammaglobulinaemia").value("late.igg.low", "level"))
    leukaemic = micro(published("plasma-cell-leukaemia-2021").value("plasma_cell_leukaemia.imwg_2021", "share"))
    shares = recent.get("circulating_plasma_cell_share", [])[-1:]
    leukaemia = states["plasma_cell_leukaemia"]
    return {
        "hypogammaglobulinaemia": Fact(
            tuple(r.told for r in igg if r.hi < low), tuple(r.told for r in igg if r.lo >= low), "IgG"
        ),
        "plasma_cell_leukaemia": Fact(
            leukaemia.yes + tuple(r.told for r in shares if r.lo >= leukaemic),
            leukaemia.no + tuple(r.told for r in shares if r.hi < leukaemic),
            leukaemia.ask,
        ),
        "measurable_disease": _measurable(recent, derived),
    }


def _measurable(recent: dict[str, list[Reading]], derived: Derived) -> Fact:
    """Measurable by serum or urine; not measurable only where both were measured and the light chains are low too."""
    last = {name: rows[-1] for name, rows in recent.items() if rows}
    limits = {
        "serum_m": micro(derived.settings.serum_measurable_g_dl),
        "urine_m_24h": micro(derived.criteria.value("imwg.measurable.urine_m", "level")),
    }
    yes = tuple(last[name].told for name, limit in limits.items() if name in last and last[name].lo >= limit)
    under = [last[name].told for name, limit in limits.items() if name in last and last[name].hi < limit]
    chains = [last[name] for name in ("kappa_flc", "lambda_flc") if name in last]
    small = micro(published("standing").value("standing.no_light_chains", "each"))
    low = len(chains) == 2 and all(c.hi < small for c in chains)
    no = tuple(under) if len(under) == len(limits) and low else ()
    return Fact(yes, no, "serum M-protein, 24 h urine and free light chains")


def _last_course(derived: Derived) -> dict[str, Any] | None:
    return None if derived.courses.is_empty() else derived.courses.sort("line").to_dicts()[-1]


def _failure_day(derived: Derived) -> int | None:
    last = _last_course(derived)
    if last is None:
        return None
    failed = last["failure_type"] in FAILURES
    return last["pd_day"] if last["pd_day"] is not None else last["failure_day"] if failed else None


def _failures(derived: Derived, told_day: Any) -> dict[str, Fact]:
    """Has the last line failed, and by progression? Never answered no: no failure recorded does not say that none was.

    Molecular relapse and a next therapy are failures of the line and no progression.
    """
    asks = {
        "failure": "failure of the last line (confirmed progression)",
        "progression": "confirmed progression on the last therapy",
        "progression_on_therapy": "progression on the last therapy or within 60 days of its end",
    }
    last, day = _last_course(derived), _failure_day(derived)
    if last is None or day is None:
        return {name: Fact(ask=ask) for name, ask in asks.items()}
    kind = "progression" if last["pd_day"] is not None else last["failure_type"].replace("_", " ")
    words = (f"{kind} after {last['agent'] or 'the last line'} ({told_day(day)})",)
    progressed = words if last["pd_day"] is not None else ()
    on_therapy = Fact(progressed if _on_therapy(derived, last) else (), (), asks["progression_on_therapy"])
    return {
        "failure": Fact(words, (), asks["failure"]),
        "progression": Fact(progressed, (), asks["progression"]),
        "progression_on_therapy": on_therapy,
    }


def _on_therapy(derived: Derived, last: dict[str, Any]) -> bool:
    """Did the disease progress on a drug of the last line, or soon after it: is one of its agents refractory?"""
    courses = therapy_to_date(derived).courses.filter(pl.col("line") == last["line"])
    return bool((courses["refractory"] & (courses["cls"] != "car_t")).any())


def _genes_lost(record: Record, told_day: Any) -> dict[str, Fact]:
    """The genes of which both copies are hit, as far as recorded."""
    rows = markers_of(record).filter(pl.col("present") & (pl.col("allelic") == "bi"))
    return {r["marker"]: Fact((f"{r['marker']}: {r['said']} ({told_day(r['day'])})",)) for r in rows.to_dicts()}


def _last_line(derived: Derived, told_day: Any) -> str:
    """What was given last, and what became of it."""
    if derived.courses.is_empty():
        return "No therapy is recorded."
    courses = derived.courses.sort("line")
    last = courses.to_dicts()[-1]
    begun = last["index_day"] if last["index_day"] is not None else last["begun_day"]
    told = f"Last line: {last['agent'] or 'not named'} ({told_day(begun)})"
    failed = _failure_day(derived)
    if failed is not None:
        how = "progression" if last["pd_day"] is not None else last["failure_type"].replace("_", " ")
        told = f"{told}, {how} {told_day(failed)}."
    else:
        best = f", best response {last['best']}" if last["best"] else ""
        told = f"{told}{best}, no failure of it recorded."
    had = (courses["kind"] == "car_t").any() and courses["infused"].any()
    return told if had else f"{told} No CAR-T infusion is recorded."


def _last_record(record: Record) -> int | None:
    columns = [(record.results, "day"), (record.treatments, "start_date"), (record.treatments, "end_date")]
    columns += [(record.events, "date"), (record.responses, "date"), (record.lesions, "date"), (record.mrd, "date")]
    days = [frame[name].max() for frame, name in columns]
    return max((int(d) for d in days if d is not None), default=None)  # type: ignore[arg-type]


def _genetics(record: Record, told_day: Any) -> dict[str, Fact]:
    told = {}
    for row in markers_of(record).to_dicts():
        words = (f"{row['marker']}: {row['said']} ({told_day(row['day'])})",)
        present = row["present"]
        told[row["marker"]] = Fact(words if present else (), words if present is False else (), row["marker"])
    return told
