"""What a timeline is told: curves, therapy, marks and categories of one patient, each by its day. No rule is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

GAP_INTERVALS, GAP_DAYS = 1.5, 60  # a line breaks where nothing was measured for longer than either
Day = int


@dataclass(frozen=True)
class Reading:
    """A value on its day, in the unit of its curve. bound: "below" or "above" a limit of the assay; "" measured.

    reported  as the laboratory gave it, with its unit
    note      why it is in the table and not on the curve; empty: it is on the curve
    """

    day: Day
    value: float
    bound: str = ""
    reported: str = ""
    note: str = ""


@dataclass(frozen=True)
class Curve:
    """A marker over time. `name` as a person says it; `unit` of the axis."""

    name: str
    unit: str
    readings: tuple[Reading, ...]

    @property
    def drawn(self) -> tuple[Reading, ...]:
        return tuple(reading for reading in self.readings if not reading.note)

    @property
    def gap(self) -> float:
        """The longest interval that a line is drawn over, days."""
        return longest_joined([reading.day for reading in self.drawn])


def longest_joined(days: Sequence[Day]) -> float:
    """The longest interval between two days that still counts as follow-up: 1.5 usual intervals, at least 60 days."""
    apart = [b - a for a, b in zip(sorted(set(days)), sorted(set(days))[1:], strict=False)]
    return max(GAP_DAYS, GAP_INTERVALS * median(apart)) if apart else GAP_DAYS


@dataclass(frozen=True)
class Threshold:
    """From which value on the marker was progression, from the day of its nadir to the end of the line of therapy.

    words  beside its line; says: in full, with unit, nadir and date
    """

    start: Day
    end: Day
    value: float
    words: str
    says: str = ""


@dataclass(frozen=True)
class Progression:
    """A progression of a line of therapy. on_curve: the value of the marker that day, where it was measured."""

    day: Day
    confirmed: bool
    words: str
    on_curve: float | None = None


@dataclass(frozen=True)
class Therapy:
    """A line of therapy: its classes choose the band. open: its end is not on record, `end` is where it is cut."""

    start: Day
    end: Day
    name: str
    classes: tuple[str, ...]
    open: bool = False


@dataclass(frozen=True)
class Finding:
    """A mark in a lane (MRD, Marrow, Lesions). sign: filled, hollow, unknown or alarm; label: short, beside it."""

    lane: str
    day: Day
    sign: str
    label: str
    reported: str


@dataclass(frozen=True)
class Judged:
    """A visit with its category; unconfirmed: seen there, and no second assessment confirmed it."""

    day: Day
    category: str
    line: int
    unconfirmed: bool = False
    says: str = ""


@dataclass(frozen=True)
class Story:
    """One patient's course as it is drawn.

    zero         the day that is day 0, and zero_says what happened on it
    dates        is it known which date a day is? False: a registry of days
    infusions    days of infusions and what was infused
    end          the last day, and what it was: died, last contact
    """

    patient: str
    dates: bool
    zero: Day
    zero_says: str
    curve: Curve | None = None
    thresholds: tuple[Threshold, ...] = ()
    progressions: tuple[Progression, ...] = ()
    therapies: tuple[Therapy, ...] = ()
    findings: tuple[Finding, ...] = ()
    visits: tuple[Judged, ...] = ()
    others: tuple[Curve, ...] = ()
    infusions: tuple[tuple[Day, str], ...] = ()
    end: tuple[Day, str] | None = None

    @property
    def measured_days(self) -> list[Day]:
        """Every day on which something was measured, judged or infused."""
        curves = [*([self.curve] if self.curve else []), *self.others]
        days = [reading.day for curve in curves for reading in curve.drawn]
        for marks in (self.findings, self.visits, self.progressions):
            days += [mark.day for mark in marks]
        return sorted([*days, *(day for day, _ in self.infusions)])

    @property
    def empty(self) -> bool:
        return not self.measured_days and not self.therapies
