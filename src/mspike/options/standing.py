"""Where one patient stands on one day: everything that decides about a therapy, each fact with what says so."""

from __future__ import annotations

import datetime as dt
from typing import Any

from mspike.course.derived import Derived
from mspike.course.genetics import markers_of
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import published
from mspike.options.antigens import ANALYTE, antigen_on
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
    if patient["death_day"] is not None and patient["death_day"] <= day:
        when = told_day(patient["death_day"])
        raise WrongUsage(f"{patient['patient_id']} died ({when}). Name a day before with --on.")
    earlier = therapy_to_date(derived)
    complete = history_is_complete(earlier)
    doses = doses_so_far(earlier, told_day)
    values = _values(record, bare)
    values["gfr"] = values.get("gfr", ()) or glomerular_filtration(values.get("creatinine", ()), patient, counts_days)
    states = states_on(record, day, told_day)
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
        tests={target: antigen_on(target, values.get(name, ()), doses, day) for target, name in ANALYTE.items()},
        values=values,
        states={**states, **_from_values(states, values, day, derived), "progression": _progression(derived, told_day)},
        genetics=_genetics(record, told_day),
        day_registry=counts_days,
    )


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


def _progression(derived: Derived, told_day: Any) -> Fact:
    """Has the last line failed? Never answered no: that no failure is recorded does not say that there was none."""
    ask = "failure of the last line (confirmed progression)"
    if derived.courses.is_empty():
        return Fact(ask=ask)
    last = derived.courses.sort("line").to_dicts()[-1]
    failed = last["failure_type"] in FAILURES
    day = last["pd_day"] if last["pd_day"] is not None else last["failure_day"] if failed else None
    if day is None:
        return Fact(ask=ask)
    kind = "progression" if last["pd_day"] is not None else last["failure_type"].replace("_", " ")
    return Fact((f"{kind} after {last['agent'] or 'the last line'} ({told_day(day)})",), (), ask)


def _last_line(derived: Derived, told_day: Any) -> str:
    """What was given last, and what became of it."""
    if derived.courses.is_empty():
        return "No therapy is recorded."
    courses = derived.courses.sort("line")
    last = courses.to_dicts()[-1]
    begun = last["index_day"] if last["index_day"] is not None else last["begun_day"]
    told = f"Last line: {last['agent'] or 'not named'} ({told_day(begun)})"
    failure = _progression(derived, told_day)
    if failure.yes:
        end = failure.because.split(" after ")[0]
        when = failure.because.rsplit("(", 1)[1].rstrip(")")
        told = f"{told}, {end} {when}."
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
