"""The marker of a timeline: which judges the line, its values as reported, and from which value on it is progression.

Whether a value is progression is asked of response.progression; no threshold is computed here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mspike.course.derived import Derived
from mspike.figures.timeline_told import Curve, Reading, Threshold
from mspike.knowledge.criteria import Criteria
from mspike.packet.case import Case
from mspike.record.amounts import LARGEST, UNBOUNDED
from mspike.record.analytes import ANALYTES, MICRO
from mspike.report.inputs import Visits, written
from mspike.response.compare import amount
from mspike.response.flowsheet import usable_rows
from mspike.response.measurable import dflc
from mspike.response.progression import dflc_limb, qiga_limb, serum_m_limb, urine_m_limb

STEPS = 2_000  # values asked at once when the lowest progression is looked for
NOT_USED = "not used: attributed to another cause, or spurious"


@dataclass(frozen=True)
class Marker:
    """A marker that can be followed.

    analytes  whose results it is; column: its name in the flowsheet; by: the column that says it judges a line
    limb      of progression, ask: the rule of that limb
    """

    name: str
    words: str
    unit: str
    analytes: tuple[str, ...]
    column: str
    by: str
    limb: str
    ask: Callable[[Criteria], pl.Expr]


MARKERS = {
    marker.name: marker
    for marker in (
        Marker("serum_m", "Serum M-protein", "g/dL", ("serum_m",), "serum_m", "by_serum", "serum_m", serum_m_limb),
        Marker("iga", "Quantitative IgA", "mg/dL", ("iga",), "serum_m", "by_serum", "qiga", qiga_limb),
        Marker("urine_m_24h", "Urine M-protein", "mg/24 h", ("urine_m_24h",), "urine_m_24h", "by_urine", "urine_m",
               urine_m_limb),
        Marker("dflc", "dFLC", "mg/L", ("kappa_flc", "lambda_flc"), "dflc", "by_dflc", "dflc", dflc_limb),
    )
}  # fmt: skip


def marker_of(case: Case) -> str | None:
    """Which marker judges the line the page is about? A name of MARKERS; None where none was ever measured.

    The line is the last infusion, else the last line with a visit. Of several markers the one that showed the
    progression; where none judges the line, the one that was found most often.
    """
    derived = case.derived
    lines = derived.courses.sort("index_day")
    chosen = lines.filter("infused") if lines["infused"].any() else lines.filter(
        pl.col("gid").is_in(derived.sheet["gid"].unique().implode())
    )  # fmt: skip
    curves = {name: curve_of(derived, name).drawn for name in MARKERS}
    counted = {name: len(readings) for name, readings in curves.items()}
    if not chosen.is_empty():
        line = chosen.to_dicts()[-1]
        judging = [name for name, marker in MARKERS.items() if _judges(marker, line) and counted[name]]
        shown = [name for name in judging if MARKERS[name].limb in (line["limbs"] or [])]
        if judging:
            return (shown or judging)[0]
    # What was found and measured says more than what was below a limit each time.
    found = {name: sum(one.value > 0 and one.bound != "below" for one in some) for name, some in curves.items()}
    found.pop("iga")  # IgA that does not stand in for the M-protein is not the clone's
    most = max(found, key=lambda name: (found[name], counted[name]))
    return most if counted[most] else None


def judges(derived: Derived, name: str) -> bool:
    """Was this marker measurable at the start of an infused line (of any line where none was infused)?"""
    lines = derived.courses.filter("infused") if derived.courses["infused"].any() else derived.courses
    return any(_judges(MARKERS[name], line) for line in lines.to_dicts())


def _judges(marker: Marker, line: dict[str, Any]) -> bool:
    if marker.column == "serum_m" and bool(line["is_qiga"]) != (marker.name == "iga"):
        return False
    return bool(line[marker.by])  # unknown whether measurable: it cannot judge


def curve_of(derived: Derived, name: str) -> Curve:
    """All values of a marker as reported; what the rules set aside is kept with a note and is not on the line."""
    marker = MARKERS[name]
    if len(marker.analytes) == 2:
        return Curve(marker.words, marker.unit, tuple(_light_chains(derived)))
    return Curve(marker.words, marker.unit, tuple(readings_of(derived, marker.analytes[0])))


def readings_of(derived: Derived, analyte: str) -> list[Reading]:
    """The results of one analyte, each with its day, in the canonical unit."""
    rows = derived.record.results.filter((pl.col("analyte") == analyte) & pl.col("lo").is_not_null())
    used = set(usable_rows(derived.record, derived.settings)["row"])
    told = []
    for row in rows.sort("day", "row").to_dicts():
        unit = row["unit"] or ANALYTES[analyte].unit
        value, bound = _placed(row["lo"], row["hi"], row["comparator"])
        note = "" if row["row"] in used else NOT_USED
        told.append(Reading(row["day"], value, bound, f"{row['value']} {unit}".strip(), note))
    return told


def _placed(lo: int, hi: int, comparator: str) -> tuple[float, str]:
    """Where a value is drawn, and on which side of it the truth lies."""
    if hi >= UNBOUNDED:
        return lo / MICRO, "above"
    if lo == hi:
        return lo / MICRO, ""
    if lo == 0 or comparator.startswith("<"):
        # "<0.1" ends a millionth below 0.1, "<=0.1" at it.
        return (hi + (1 if hi % 10 == 9 else 0)) / MICRO, "below"
    return (lo + hi) / 2 / MICRO, ""


def _light_chains(derived: Derived) -> list[Reading]:
    """Involved minus uninvolved light chain of each day that has both, as the flowsheet takes it."""
    rows = usable_rows(derived.record, derived.settings).filter(pl.col("lo").is_not_null())
    pair = ("kappa_flc", "lambda_flc")
    wide = None
    for name in pair:
        one = rows.filter(pl.col("analyte") == name).unique("day", keep="last", maintain_order=True)
        reported = pl.concat_str(
            pl.col("value").cast(pl.String), pl.col("unit").cast(pl.String), separator=" ", ignore_nulls=True
        )
        parts = {f"{name}_lo": pl.col("lo"), f"{name}_hi": pl.col("hi"), name: reported}
        one = one.select("pid", "day", **parts)
        wide = one if wide is None else wide.join(one, on=["pid", "day"])
    assert wide is not None
    wide = wide.join(derived.lines.select("pid", "chain").unique("pid"), on="pid")
    lo, hi = dflc(amount("kappa_flc"), amount("lambda_flc"))
    told = []
    for row in wide.with_columns(lo=lo, hi=hi).filter(pl.col("lo").is_not_null()).sort("day").to_dicts():
        value, bound = _placed(row["lo"], row["hi"], "")
        values = f"{written(row['lo'], row['hi'])} mg/L (kappa {row['kappa_flc']}, lambda {row['lambda_flc']})"
        told.append(Reading(row["day"], value, bound, values))
    return told


def thresholds_of(derived: Derived, name: str) -> list[Threshold]:
    """From which value on each line would have progressed by this marker; none where it does not judge the line.

    At the visit with progression, else at the last visit before new therapy, as the nadir stood then.
    """
    marker = MARKERS[name]
    found = []
    lines = derived.courses.sort("index_day")
    if lines["infused"].any():  # what matters is whether CAR-T failed, and what came after it
        lines = lines.filter(pl.col("index_day") >= pl.col("infusion_day"))
    for line in lines.to_dicts():
        sheet = derived.sheet.filter(
            (pl.col("gid") == line["gid"]) & ~pl.col("after_new_therapy") & ~pl.col("assigned")
        ).filter(pl.col(f"{marker.column}_lo").is_not_null())
        if sheet.is_empty():
            continue
        progressed = sheet.filter(pl.col("day") == line["pd_day"]) if line["pd_day"] is not None else sheet.clear()
        row = (progressed if progressed.height else sheet.sort("opened"))[-1:]
        lowest = lowest_progression(row, marker, derived.criteria)
        if lowest is not None:
            found.append(_threshold(derived, marker, line, row, lowest))
    return list(dict.fromkeys(found))  # a visit may still judge the line before, which apheresis did not end


def _threshold(derived: Derived, marker: Marker, line: dict[str, Any], row: pl.DataFrame, lowest: int) -> Threshold:
    whole = derived.sheet.filter(pl.col("gid") == line["gid"])
    visits = Visits(line, whole, derived.record)
    visit = row.to_dicts()[0]
    told = visits.inputs(visits.place[visit["visit"], visit["day"]], f"imwg.pd.{marker.limb}")[0]
    # The lowest value on the grid that is progression: one above a round number means "more than" that number.
    # After a nadir "<0.1" it ends a millionth below one, where nobody reports a value: 0.6 is said, not 0.599999.
    lowest += -lowest % 10 if lowest % 10 >= 8 else 0
    more = lowest % 10 == 1
    value = f"{'above' if more else 'from'} {written(lowest - more, lowest - more)}"
    words = f"PD {value}; nadir {told['other_value']}"
    says = f"PD {value} {marker.unit}; nadir {told['other_value']} on {_said(told['other_date'])}, line {line['line']}"
    since = _days(derived, told["other_date"])
    end = line["next_day"] if line["next_day"] is not None else line["alive_day"]
    start = since if since is not None else line["index_day"]
    return Threshold(start, max(end or visit["day"], visit["day"]), lowest / MICRO, words, says)


def _said(date: str | int | None) -> str:
    return "an unknown day" if date is None else f"day {date}" if isinstance(date, int) else date


def _days(derived: Derived, date: str | int | None) -> int | None:
    if date is None or isinstance(date, int):
        return date
    return int((np.datetime64(date) - np.datetime64("1970-01-01")).astype(int))


def lowest_progression(row: pl.DataFrame, marker: Marker, criteria: Criteria) -> int | None:
    """The lowest value, millionths, at which the rule of the limb calls this visit progression; None: at no value.

    The rule itself is asked, over ever narrower ranges of values: it is the only place where it is written.
    """
    asked = row.drop(f"{marker.column}_lo", f"{marker.column}_hi")
    low, high = 0, LARGEST * MICRO
    if not _progresses(asked, marker, criteria, np.array([high]))[0]:
        return None
    while high - low > 0:
        values = np.unique(np.linspace(low, high, STEPS).astype(np.int64))
        answers = _progresses(asked, marker, criteria, values)
        first = int(np.argmax(answers))
        high = int(values[first])
        low = int(values[first - 1]) + 1 if first else high
    return high


def _progresses(asked: pl.DataFrame, marker: Marker, criteria: Criteria, values: np.ndarray) -> np.ndarray:
    frame = asked.join(pl.DataFrame({f"{marker.column}_lo": values, f"{marker.column}_hi": values}), how="cross")
    # A rule that cannot answer (no nadir) draws no threshold; nothing is called "not progressed" by it.
    return frame.select(marker.ask(criteria).alias("pd"))["pd"].eq_missing(pl.Series([True])).to_numpy()
