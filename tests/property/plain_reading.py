"""What do the criteria say about one patient? A plain reading: one value at a time, exact, and slow on purpose.

The oracle of the vectorised engine, which it neither imports nor resembles: fractions instead of fixed point, loops
instead of expressions, and True, False or None (unknown) for every criterion. Sources are places in
`clinical/rules.md`; edition `imwg-2016`.

Units: serum M g/dL, urine M mg/24 h, free light chains mg/L, marrow %, lesions mm, corrected calcium mg/dL; days count
from the infusion. Amounts are report texts ('2.8', '<0.1', '>3'), None where not done.

Choices where the text leaves room, each marked in the code by its letter:

 a  Unknown measurability (baseline '<1.5', or not done) is not measurable. A patient in whom neither serum nor urine
    was measured at baseline, and whom nothing else makes measurable, is NE; where at least one of the two was
    measured, the patient is non-measurable (SD).
 b  `flc_ratio_range` moves every use of the ratio: measurability, FLC-only CR and sCR. 0/0 is unknown, never normal.
 c  `blq=zero|limit` changes '<x' only; '>x' stays [x, infinity).
 d  A finding `ife_contradicts_spike` (1.7) is met only if the whole interval meets it: urine '<10' contradicts nothing.
    A spike of at most 0.2 g/dL that immunofixation adjudicates as the therapeutic antibody's counts as 0.
 e  VGPR route A asks electrophoresis of serum and of urine, both done and exactly 0, and an immunofixation positive in
    one of them; it exists only where serum or urine is index. Marrow and plasmacytoma as index know CR, PR, SD, PD.
 f  Both immunofixations negative without a contradicting spike (FLC-only: and a normal ratio) is at least VGPR where
    serum, urine or dFLC is index: it is less than route A asks for, whatever a marrow says, or that was not done (M2).
 g  `nadir=lowest_confirmed`: min(baseline, min over neighbouring later measurements of max(pair)), per parameter, for
    serum, urine and dFLC. Marrow and lesions are not repeated, so their lowest observed value stands.
 h  `mr_on_flc`: MR is a dFLC fall of at least 25 %.
 i  A marrow taken at a visit of raw PD carries forward from there; an earlier one does not survive that visit.
 j  Plasmacytoma at baseline = a baseline lesion measured in two dimensions; measurable if its perpendicular is at
    least 10 mm. Without imaging in force every category but PD is NE, also SD. Imaging in force is, lesion by
    lesion, the last one, at most `imaging_carry_forward_days` old, not before `first_response_day`.
 k  New lesion: finding `new`, or `measured` where imaging was done before, of an id never recorded as measured, new or
    resolved; or an id last recorded as resolved. New uptake and fracture are no history and no lesion.
 l  "More than one lesion" counts baseline lesions. Nothing grows from 0 to 0. Where the smallest longest diameter was
    seen twice, one of its short axes above 1 cm is enough.
 m  No plasmacytoma left (CR): every baseline lesion gone on the imaging in force, no later lesion last seen present.
 n  Before `first_response_day` only the lesion limb can call PD; other such visits give no reading. Their imaging is
    history (k), not nadir, and counts as evaluable for censoring.
 o  CR of a marrow- or plasmacytoma-only patient that is not confirmed is still PR: that needs no second assessment.
 p  An item done but indeterminate (ratio of '<' values) does not count as "not done" when confirming CR.
 q  `two_markers`: two biochemical limbs at one visit confirm at once; else as `category`.
 r  `death_confirms`: myeloma death at most 84 d after the PD visit, no evaluable visit after it, and no new therapy
    from that visit on and before the day of death.
 s  Unconfirmed PD "followed by new therapy": PD stands at the last evaluable visit not after new therapy. One that a
    later visit before the therapy has refuted counts neither here nor against F7.
 t  Follow-up (3.2) is told by the last judged visit (not NE) not after new therapy; day 90 suffices. "Never better than
    MR" is judged on raw categories, of which unconfirmed PD is none; its failure day is 90.
 u  Myeloma death without documented PD, not after new therapy: a PD type at the day of death. Deaths of other recorded
    causes go before next_therapy, as in the precedence of 3.2, also when they came after it; unknown cause is
    undetermined unless new therapy came before. A patient in whom no visit was ever judged is undetermined.
 v  Last known alive = latest of last contact, visits and new therapy. TTP is censored as PFS; EFS, which new therapy
    ends, at the last evaluable visit; its reason tells unconfirmed PD apart.
 y  Once PD is established, a later visit that is PD needs no second look of its own.
 w  `measurable_by` names the index parameters only.
 x  Evaluable for censoring: dFLC and marrow where their limb applies (1.5), also where another parameter is index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import inf

Answer = bool | None

ORDER = ("NE", "PD", "SD", "MR", "PR", "VGPR", "CR", "sCR")
BIOCHEMICAL = frozenset({"serum_m", "urine_m", "dflc"})
NEGATIVE = frozenset({"negative", "therapeutic_antibody", "oligoclonal"})
DEATH_CONFIRMS_WITHIN_DAYS = 84
PROVISIONALLY_REFRACTORY_DAY = 90


# ---- what goes in ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesion:
    """One lesion on one imaging: sizes in mm, finding measured, resolved, new, new_uptake or fracture."""

    lesion_id: str
    longest: str | None = None
    perp: str | None = None
    finding: str = "measured"


@dataclass(frozen=True)
class Visit:
    """Everything measured at one visit; None is not done."""

    day: int
    serum_m: str | None = None
    urine_m: str | None = None
    kappa: str | None = None
    lambda_: str | None = None
    serum_ife: str | None = None
    urine_ife: str | None = None
    marrow: str | None = None
    clonality: str | None = None
    lesions: tuple[Lesion, ...] = ()
    calcium: str | None = None


@dataclass(frozen=True)
class Patient:
    """One line of therapy: the baseline, what was seen after the infusion, and how it ended."""

    chain: str
    baseline: Visit
    visits: tuple[Visit, ...] = ()
    new_therapy_day: int | None = None
    death_day: int | None = None
    death_cause: str | None = None
    last_contact_day: int | None = None


@dataclass(frozen=True)
class Settings:
    """The settings of design.md that this reading knows, with their defaults."""

    nadir: str = "lowest_observed"
    serum_measurable_g_dl: str = "1.0"
    urine_only_vgpr: str = "literal"
    mr_on_flc: bool = False
    marrow_pd: str = "increase"
    marrow_lookback_days: int = 90
    pd_confirmation: str = "category"
    death_confirms: bool = True
    hypercalcaemia_pd: bool = False
    flc_ratio_range: str = "0.26-1.65"
    censoring: str = "fda"
    early_relapse_days: int = 183
    first_response_day: int = 21
    imaging_carry_forward_days: int = 95
    blq: str = "interval"


# ---- what comes out -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VisitReading:
    """The category of one visit, the limbs of PD met, and the limbs that intervals leave open."""

    day: int
    raw: str
    confirmed: str
    pd_limbs: frozenset[str]
    indeterminate_limbs: frozenset[str]


@dataclass(frozen=True)
class Endpoint:
    """Days from the start of the endpoint, whether the event was seen, and which event or reason for censoring."""

    days: int
    event: bool
    reason: str


@dataclass(frozen=True)
class Reading:
    """All answers about one patient."""

    visits: tuple[VisitReading, ...]
    measurable_by: tuple[str, ...]
    best_response: str
    best_response_day: int | None
    first_response_day: int | None
    pd_day: int | None
    failure_type: str
    failure_day: int | None
    pfs: Endpoint
    pfs_fda: Endpoint
    pfs_ema: Endpoint
    ttp: Endpoint
    dor: Endpoint | None
    os: Endpoint
    ttnt: Endpoint
    efs: Endpoint


# ---- three-valued logic ---------------------------------------------------------------------------------------------


def both(*answers: Answer) -> Answer:
    """Do all hold? False wins over unknown."""
    if any(answer is False for answer in answers):
        return False
    return None if any(answer is None for answer in answers) else True


def either(*answers: Answer) -> Answer:
    """Does one hold? True wins over unknown."""
    if any(answer is True for answer in answers):
        return True
    return None if any(answer is None for answer in answers) else False


# ---- amounts as intervals (rules C0.1, C0.2) ------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """Where a reported value can lie. An end that is open does not belong to it."""

    low: Fraction | float
    high: Fraction | float
    low_open: bool = False
    high_open: bool = False

    def times(self, factor: Fraction) -> Span:
        """The values multiplied by a positive number."""
        return Span(self.low * factor, self.high * factor, self.low_open, self.high_open)

    def minus(self, other: Span) -> Span:
        """Every difference between a value here and a value there."""
        return Span(
            self.low - other.high,
            self.high - other.low,
            self.low_open or other.high_open,
            self.high_open or other.low_open,
        )

    def floored(self) -> Span:
        """The values, negative ones replaced by 0."""
        zero = Fraction(0)
        low, low_open = (self.low, self.low_open) if self.low >= 0 else (zero, False)
        high, high_open = (self.high, self.high_open) if self.high > 0 else (zero, False)
        return Span(low, high, low_open, high_open)


def exactly(value: Fraction) -> Span:
    return Span(value, value)


def amount(text: str | None, blq: str = "interval") -> Span | None:
    """Which values does a report text leave possible? '<x' is [0, x), '>x' is [x, infinity) (C0.2; choice c)."""
    if text is None:
        return None
    if text.startswith("<"):
        limit = Fraction(text[1:].strip())
        return {
            "interval": Span(Fraction(0), limit, high_open=True),
            "zero": exactly(Fraction(0)),
            "limit": exactly(limit),
        }[blq]
    if text.startswith(">"):
        return Span(Fraction(text[1:].strip()), inf)
    return exactly(Fraction(text))


def lowest(spans: list[Span]) -> Span | None:
    """Where can the smallest of several values lie?"""
    if not spans:
        return None
    low, high = min(s.low for s in spans), min(s.high for s in spans)
    return Span(
        low,
        high,
        all(s.low_open for s in spans if s.low == low),
        any(s.high_open for s in spans if s.high == high),
    )


def higher(one: Span, other: Span) -> Span:
    """Where can the larger of two values lie?"""
    low, high = max(one.low, other.low), max(one.high, other.high)
    return Span(
        low,
        high,
        any(s.low_open for s in (one, other) if s.low == low),
        all(s.high_open for s in (one, other) if s.high == high),
    )


def at_least(value: Span | None, limit: Fraction | int) -> Answer:
    """Is the value >= limit, wherever in its interval it lies?"""
    if value is None:
        return None
    if value.low >= limit:
        return True
    if value.high < limit or (value.high == limit and value.high_open):
        return False
    return None


def more_than(value: Span | None, limit: Fraction | int) -> Answer:
    """Is the value > limit, wherever in its interval it lies?"""
    if value is None:
        return None
    if value.low > limit or (value.low == limit and value.low_open):
        return True
    return False if value.high <= limit else None


def opposite(answer: Answer) -> Answer:
    return None if answer is None else not answer


def below(value: Span | None, limit: Fraction | int) -> Answer:
    return opposite(at_least(value, limit))


def at_most(value: Span | None, limit: Fraction | int) -> Answer:
    return opposite(more_than(value, limit))


def rise(value: Span | None, nadir: Span | None) -> Span | None:
    return None if value is None or nadir is None else value.minus(nadir)


def up_by_a_quarter(value: Span | None, nadir: Span | None) -> Answer:
    """Is current >= 1.25 x nadir? Multiplied out, so a nadir of 0 is no special case (1.5)."""
    return None if value is None or nadir is None else at_least(value.minus(nadir.times(Fraction(5, 4))), 0)


def down(value: Span | None, baseline: Span | None, percent: int) -> Answer:
    """Has the value fallen from baseline by at least so many percent (1.4, inclusive)?"""
    if value is None or baseline is None:
        return None
    return at_most(value.minus(baseline.times(Fraction(100 - percent, 100))), 0)


# ---- lesions --------------------------------------------------------------------------------------------------------


def size(text: str | None) -> Fraction | None:
    """A lesion's diameter in mm, if reported exactly."""
    span = amount(text)
    return span.low if span is not None and span.low == span.high else None


def is_present(lesion: Lesion) -> bool:
    return lesion.finding in ("measured", "new") and size(lesion.longest) != 0


def is_gone(lesion: Lesion) -> bool:
    return lesion.finding == "resolved" or (lesion.finding in ("measured", "new") and size(lesion.longest) == 0)


def diameters(lesion: Lesion) -> tuple[Fraction | None, Fraction | None]:
    """Longest and perpendicular diameter; a resolved lesion measures 0."""
    return (Fraction(0), Fraction(0)) if is_gone(lesion) else (size(lesion.longest), size(lesion.perp))


def recorded(visit: Visit, lesion_id: str) -> Lesion | None:
    """What did this imaging say about that lesion (choice k)?"""
    for lesion in visit.lesions:
        if lesion.lesion_id == lesion_id and (is_present(lesion) or is_gone(lesion)):
            return lesion
    return None


def sum_of_products(visit: Visit, lesion_ids: tuple[str, ...]) -> Fraction | None:
    """SPD in mm^2 of these lesions, if each was measured in two dimensions or recorded as resolved (1.5)."""
    total = Fraction(0)
    for lesion_id in lesion_ids:
        lesion = recorded(visit, lesion_id)
        longest, perp = diameters(lesion) if lesion else (None, None)
        if longest is None or perp is None:
            return None
        total += longest * perp
    return total


def worse(one: str, other: str) -> str:
    return min(one, other, key=ORDER.index)


def better(one: str, other: str) -> str:
    return max(one, other, key=ORDER.index)


def reaches(category: str, level: str) -> bool:
    return ORDER.index(category) >= ORDER.index(level)


# ---- the reading ----------------------------------------------------------------------------------------------------


@dataclass
class _Row:
    """A visit being read."""

    visit: Visit
    earlier: list[Visit]
    limbs: frozenset[str]
    indeterminate: frozenset[str]
    raw: str
    confirmed: str = field(default="NE")


def plain_reading(patient: Patient, settings: Settings | None = None) -> Reading:
    """What do the criteria say about this patient?"""
    return PlainReader(patient, settings or Settings()).read()


class PlainReader:
    """Reads one patient under one set of settings."""

    def __init__(self, patient: Patient, settings: Settings) -> None:
        self.patient = patient
        self.settings = settings
        self.baseline = patient.baseline
        self.visits = sorted(patient.visits, key=lambda visit: visit.day)
        low, high = settings.flc_ratio_range.split("-")
        self.ratio_low, self.ratio_high = Fraction(low), Fraction(high)
        self.targets = self._targets()
        self.measurable = self._measurable()
        self.index = self._index()
        self.rows = self._rows()
        self._confirm()

    # -- quantities of a visit

    def serum(self, visit: Visit) -> Span | None:
        """The clone's M-protein; a faint spike adjudicated as the therapeutic antibody is none of it (choice d)."""
        value = amount(visit.serum_m, self.settings.blq)
        is_drug = visit.serum_ife == "therapeutic_antibody" and visit is not self.baseline
        if value is not None and is_drug and more_than(value, Fraction("0.2")) is False:
            return amount("0", self.settings.blq)
        return value

    def urine(self, visit: Visit) -> Span | None:
        return amount(visit.urine_m, self.settings.blq)

    def marrow(self, visit: Visit) -> Span | None:
        return amount(visit.marrow, self.settings.blq)

    def chains(self, visit: Visit) -> tuple[Span | None, Span | None]:
        """Involved and uninvolved free light chain; the involved one is the patient's (rules 0)."""
        kappa, lambda_ = amount(visit.kappa, self.settings.blq), amount(visit.lambda_, self.settings.blq)
        return (kappa, lambda_) if self.patient.chain == "kappa" else (lambda_, kappa)

    def dflc(self, visit: Visit) -> Span | None:
        """Involved minus uninvolved chain, never below 0 (rules 0)."""
        involved, uninvolved = self.chains(visit)
        return None if involved is None or uninvolved is None else involved.minus(uninvolved).floored()

    def ratio_above(self, visit: Visit, limit: Fraction) -> Answer:
        """Is kappa/lambda > limit, multiplied out?"""
        kappa, lambda_ = amount(visit.kappa, self.settings.blq), amount(visit.lambda_, self.settings.blq)
        return None if kappa is None or lambda_ is None else more_than(kappa.minus(lambda_.times(limit)), 0)

    def ratio_below(self, visit: Visit, limit: Fraction) -> Answer:
        """Is kappa/lambda < limit, multiplied out?"""
        kappa, lambda_ = amount(visit.kappa, self.settings.blq), amount(visit.lambda_, self.settings.blq)
        return None if kappa is None or lambda_ is None else below(kappa.minus(lambda_.times(limit)), 0)

    def ratio_normal(self, visit: Visit) -> Answer:
        """Is the ratio within its range, both ends included (1.4)? 0/0 is unknown (1.7; choice b)."""
        kappa, lambda_ = amount(visit.kappa, self.settings.blq), amount(visit.lambda_, self.settings.blq)
        if kappa is None or lambda_ is None or kappa.high == lambda_.high == 0:
            return None
        outside = either(self.ratio_above(visit, self.ratio_high), self.ratio_below(visit, self.ratio_low))
        return opposite(outside)

    # -- baseline (1.1, 1.2)

    def _targets(self) -> tuple[str, ...]:
        """Which baseline lesions were measured in two dimensions (choice j)?"""
        return tuple(
            lesion.lesion_id for lesion in self.baseline.lesions if is_present(lesion) and None not in diameters(lesion)
        )

    def _measurable(self) -> frozenset[str]:
        """Which parameters are measurable at baseline (1.1)? Unknown is not (choice a)."""
        answers = {
            "serum_m": at_least(self.serum(self.baseline), Fraction(self.settings.serum_measurable_g_dl)),
            "urine_m": at_least(self.urine(self.baseline), 200),
            "dflc": self._flc_measurable(),
            "marrow": at_least(self.marrow(self.baseline), 30),
            "lesion": any(
                diameters(lesion)[1] >= 10
                for lesion in self.baseline.lesions
                if lesion.lesion_id in self.targets and is_present(lesion)
            ),
        }
        return frozenset(name for name, answer in answers.items() if answer is True)

    def _flc_measurable(self) -> Answer:
        """Involved chain >= 100 mg/L and a ratio abnormal towards it (1.1)?"""
        involved, _ = self.chains(self.baseline)
        if self.patient.chain == "kappa":
            abnormal = self.ratio_above(self.baseline, self.ratio_high)
        else:
            abnormal = self.ratio_below(self.baseline, self.ratio_low)
        return both(at_least(involved, 100), abnormal)

    def _index(self) -> tuple[str, ...]:
        """By which parameters is the response judged (1.2)?"""
        m_protein = tuple(name for name in ("serum_m", "urine_m") if name in self.measurable)
        if m_protein:
            return m_protein
        return next(((name,) for name in ("dflc", "marrow", "lesion") if name in self.measurable), ())

    def _m_protein_measurable(self) -> bool:
        return "serum_m" in self.measurable or "urine_m" in self.measurable

    def _measurability_unknown(self) -> bool:
        """Was nothing measured at baseline that could have made the patient measurable (choice a)?"""
        return not self.index and self.baseline.serum_m is None and self.baseline.urine_m is None

    # -- nadir (1.5)

    def _counts_as_nadir(self, visit: Visit) -> bool:
        return visit.day >= self.settings.first_response_day

    def nadir(self, quantity: Callable[[Visit], Span | None], earlier: list[Visit], repeated: bool) -> Span | None:
        """Lowest value from baseline to the previous assessment (1.5; choice g).

        earlier   visits before the one judged
        repeated  the parameter is one that a second sample confirms
        """
        first = [span for span in [quantity(self.baseline)] if span is not None]
        later = [quantity(visit) for visit in earlier if self._counts_as_nadir(visit)]
        seen = [span for span in later if span is not None]
        if repeated and self.settings.nadir == "lowest_confirmed":
            seen = [higher(one, other) for one, other in pairwise(seen)]
        return lowest(first + seen)

    # -- progression (1.5)

    def limb_answers(self, visit: Visit, earlier: list[Visit]) -> dict[str, Answer]:
        """Which limbs of PD does this visit meet, against what was seen earlier? Limbs that do not apply are absent."""
        answers = {"lesion": self.lesion_progressed(visit, earlier)}
        if not self._counts_as_nadir(visit):
            return answers
        answers["serum_m"] = self.serum_progressed(visit, earlier)
        answers["urine_m"] = self.urine_progressed(visit, earlier)
        if not self._m_protein_measurable():
            answers["dflc"] = self.dflc_progressed(visit, earlier)
        if self._marrow_limb_applies():
            answers["marrow"] = self.marrow_progressed(visit, earlier)
        if self.settings.hypercalcaemia_pd:
            answers["calcium"] = more_than(amount(visit.calcium, self.settings.blq), Fraction("11.5"))
        return answers

    def pd_limbs(self, visit: Visit, earlier: list[Visit]) -> frozenset[str]:
        return frozenset(limb for limb, answer in self.limb_answers(visit, earlier).items() if answer is True)

    def _marrow_limb_applies(self) -> bool:
        return not self._m_protein_measurable() and "dflc" not in self.measurable

    def serum_progressed(self, visit: Visit, earlier: list[Visit]) -> Answer:
        """Serum limb: a quarter and 0.5 g/dL; from a nadir of 5 g/dL, 1.0 g/dL alone suffices (1.5)."""
        value, nadir = self.serum(visit), self.nadir(self.serum, earlier, repeated=True)
        usual = both(up_by_a_quarter(value, nadir), at_least(rise(value, nadir), Fraction("0.5")))
        from_high_nadir = both(at_least(nadir, 5), at_least(rise(value, nadir), 1))
        return either(usual, from_high_nadir)

    def urine_progressed(self, visit: Visit, earlier: list[Visit]) -> Answer:
        """Urine limb: a quarter and 200 mg/24 h, whatever was measurable (1.5)."""
        value, nadir = self.urine(visit), self.nadir(self.urine, earlier, repeated=True)
        return both(up_by_a_quarter(value, nadir), at_least(rise(value, nadir), 200))

    def dflc_progressed(self, visit: Visit, earlier: list[Visit]) -> Answer:
        """dFLC limb: a quarter and more than 100 mg/L, strictly (1.5)."""
        value, nadir = self.dflc(visit), self.nadir(self.dflc, earlier, repeated=True)
        return both(up_by_a_quarter(value, nadir), more_than(rise(value, nadir), 100))

    def marrow_progressed(self, visit: Visit, earlier: list[Visit]) -> Answer:
        """Marrow limb: a quarter and 10 points more (`level`: and at least 10 %) (1.5)."""
        value, nadir = self.marrow(visit), self.nadir(self.marrow, earlier, repeated=False)
        absolute = at_least(value, 10) if self.settings.marrow_pd == "level" else at_least(rise(value, nadir), 10)
        return both(up_by_a_quarter(value, nadir), absolute)

    def lesion_progressed(self, visit: Visit, earlier: list[Visit]) -> Answer:
        """Lesion limb: a new lesion, SPD x 1.5 of several, or a longest diameter x 1.5 (1.5). Unknown if not imaged."""
        if not visit.lesions:
            return None
        past = [self.baseline, *earlier]
        nadirs = [self.baseline, *(v for v in earlier if self._counts_as_nadir(v))]
        present = [lesion for lesion in visit.lesions if is_present(lesion)]
        return either(
            *(self._is_new(lesion, past) for lesion in present),
            self._several_have_grown(visit, nadirs),
            *(self._has_grown(lesion, nadirs) for lesion in present),
        )

    def _is_new(self, lesion: Lesion, past: list[Visit]) -> Answer:
        """Was this lesion not there before (choice k)?"""
        history = [found for visit in past if (found := recorded(visit, lesion.lesion_id))]
        if history:
            return is_gone(history[-1])
        return True if lesion.finding == "new" or any(visit.lesions for visit in past) else None

    def _several_have_grown(self, visit: Visit, nadirs: list[Visit]) -> Answer:
        """SPD >= 1.5 x nadir of more than one lesion, all recorded at both times (choice l)?"""
        if len(self.targets) < 2:
            return False
        now = sum_of_products(visit, self.targets)
        known = [spd for v in nadirs if (spd := sum_of_products(v, self.targets)) is not None]
        if now is None or not known:
            return None
        return now > 0 and 2 * now >= 3 * min(known)

    def _has_grown(self, lesion: Lesion, nadirs: list[Visit]) -> Answer:
        """Longest diameter >= 1.5 x nadir of a lesion big enough to be judged (1.5; choice l)?"""
        longest, perp = diameters(lesion)
        history = [diameters(found) for visit in nadirs if (found := recorded(visit, lesion.lesion_id))]
        sized = [(before, short) for before, short in history if before is not None]
        if longest is None or not sized:
            return None
        nadir = min(before for before, _ in sized)
        big_then = either(*(None if short is None else short > 10 for before, short in sized if before == nadir))
        big_now = both(None if perp is None else perp > 10, longest - nadir >= 10)
        return both(2 * longest >= 3 * nadir, either(big_then, big_now))

    # -- raw category (1.4, 1.6)

    def _rows(self) -> list[_Row]:
        rows: list[_Row] = []
        for position, visit in enumerate(self.visits):
            earlier = self.visits[:position]
            answers = self.limb_answers(visit, earlier)
            limbs = frozenset(limb for limb, answer in answers.items() if answer is True)
            if limbs or self._counts_as_nadir(visit):
                raw = "PD" if limbs else self.raw_response(visit, rows)
                rows.append(_Row(visit, earlier, limbs, self._left_open(visit, answers), raw))
        return rows

    def _left_open(self, visit: Visit, answers: dict[str, Answer]) -> frozenset[str]:
        """Which limbs were measured, but lie in an interval that may or may not be PD (C0.2)?"""
        measured = {
            "serum_m": visit.serum_m,
            "urine_m": visit.urine_m,
            "dflc": None if visit.kappa is None else visit.lambda_,
            "marrow": visit.marrow,
        }
        return frozenset(limb for limb, text in measured.items() if text and answers.get(limb, False) is None)

    def raw_response(self, visit: Visit, rows: list[_Row]) -> str:
        """Which category other than PD does this visit show, before confirmation (1.4, top to bottom)?"""
        if self.index_missing(visit) or (self.targets and self.imaging_spd(visit) is None):
            return "NE"
        complete = self.complete_response(visit, rows)
        if both(complete, self.ratio_normal(visit), self._no_clone(visit, rows)):
            return "sCR"
        if complete:
            return "CR"
        if not self.index:
            return "NE" if self._measurability_unknown() else "SD"
        for level, answer in (
            ("VGPR", either(self.very_good(visit), self._nothing_seen(visit))),
            ("PR", self.partial(visit)),
            ("MR", self.minimal(visit)),
        ):
            if both(answer, self.plasmacytoma_halved(visit)):
                return level
        return "SD"

    def index_missing(self, visit: Visit) -> bool:
        """Is a value missing that was measurable and is index (M1)? Plasmacytoma: see imaging_spd (M4)."""
        now = {
            "serum_m": self.serum(visit),
            "urine_m": self.urine(visit),
            "dflc": self.dflc(visit),
            "marrow": self.marrow(visit),
        }
        return any(now[name] is None for name in self.index if name in now)

    def imaging_spd(self, visit: Visit) -> Fraction | None:
        """SPD of the baseline lesions by the imaging in force at this visit, lesion by lesion (M4; choice j)."""
        seen = [v for v in self.visits if v.day <= visit.day and self._counts_as_nadir(v)]
        total = Fraction(0)
        for lesion_id in self.targets:
            last = next((v for v in reversed(seen) if any(x.lesion_id == lesion_id for x in v.lesions)), None)
            if last is None or visit.day - last.day > self.settings.imaging_carry_forward_days:
                return None
            product = sum_of_products(last, (lesion_id,))
            if product is None:
                return None
            total += product
        return total

    def plasmacytoma_halved(self, visit: Visit) -> Answer:
        """Is SPD down >= 50 %, where there was a plasmacytoma at baseline (1.4)?"""
        if not self.targets:
            return True
        now, before = self.imaging_spd(visit), sum_of_products(self.baseline, self.targets)
        return None if now is None or before is None else 2 * now <= before

    def no_plasmacytoma_left(self, visit: Visit) -> Answer:
        """Are all lesions gone (1.4; choice m)?"""
        until = [v for v in self.visits if v.day <= visit.day]
        later_ids = {lesion.lesion_id for v in until for lesion in v.lesions} - set(self.targets)
        for lesion_id in later_ids:
            history = [found for v in until if (found := recorded(v, lesion_id))]
            if history and is_present(history[-1]):
                return False
        return True if not self.targets else self.imaging_spd(visit) == 0

    def marrow_in_force(self, visit: Visit, rows: list[_Row]) -> Visit | None:
        """Which visit's marrow counts for CR now: the last since first_response_day, not older than PD (M3)?"""
        progressed = {row.visit.day for row in rows if row.raw == "PD"}
        for seen in reversed([v for v in self.visits if v.day <= visit.day]):
            if seen.marrow is not None and self._counts_as_nadir(seen):
                return seen
            if seen.day in progressed:
                return None
        return None

    def contradicted(self, visit: Visit) -> bool:
        """Does a measured spike contradict the negative immunofixation (1.7; choice d)?"""
        return either(more_than(self.serum(visit), Fraction("0.2")), more_than(self.urine(visit), 0)) is True

    def sample_negative(self, visit: Visit, level: str) -> Answer:
        """Is the sample free of the clone, as CR or sCR asks? Unknown only where an item was not done (1.8.2)."""
        items = [None if ife is None else ife in NEGATIVE for ife in (visit.serum_ife, visit.urine_ife)]
        if level == "sCR" or self.index == ("dflc",):
            done = visit.kappa is not None and visit.lambda_ is not None
            items.append(self.ratio_normal(visit) is True if done else None)
        return both(*items, not self.contradicted(visit))

    def complete_response(self, visit: Visit, rows: list[_Row]) -> Answer:
        """CR: both immunofixations negative, marrow < 5 %, no plasmacytoma; FLC-only: normal ratio (1.4)."""
        source = self.marrow_in_force(visit, rows)
        cleared = None if source is None else below(self.marrow(source), 5)
        return both(self.sample_negative(visit, "CR"), cleared, self.no_plasmacytoma_left(visit))

    def _no_clone(self, visit: Visit, rows: list[_Row]) -> Answer:
        """Were no clonal plasma cells found in the very marrow that CR rests on (M3)?"""
        source = self.marrow_in_force(visit, rows)
        if source is None or source.clonality is None:
            return None
        return source.clonality in ("absent", "negative")

    def _nothing_seen(self, visit: Visit) -> Answer:
        """Is the clone no longer seen in the sample, whatever marrow or imaging say (M2; choice f)?"""
        return self.index[0] in BIOCHEMICAL and self.sample_negative(visit, "CR")

    def very_good(self, visit: Visit) -> Answer:
        """VGPR by route A or B, or dFLC down >= 90 % (1.4; choice e)?"""
        if self.index == ("dflc",):
            return down(self.dflc(visit), self.dflc(self.baseline), 90)
        if self.index[0] not in BIOCHEMICAL:
            return False
        return either(self._only_by_immunofixation(visit), self._nearly_gone(visit))

    def _only_by_immunofixation(self, visit: Visit) -> Answer:
        """Route A: visible by immunofixation but not on electrophoresis, serum and urine (1.4)."""
        seen = either(*(None if ife is None else ife == "positive" for ife in (visit.serum_ife, visit.urine_ife)))
        return both(seen, at_most(self.serum(visit), 0), at_most(self.urine(visit), 0))

    def _nearly_gone(self, visit: Visit) -> Answer:
        """Route B: serum M down >= 90 % and urine M < 100 mg/24 h (1.4)."""
        urine, before = self.urine(visit), self.urine(self.baseline)
        low_urine = below(urine, 100)
        if "serum_m" not in self.index:
            strict = self.settings.urine_only_vgpr == "strict"
            return both(low_urine, down(urine, before, 90)) if strict else low_urine
        if urine is None and "urine_m" not in self.index and below(before, 100):
            low_urine = True
        return both(down(self.serum(visit), self.serum(self.baseline), 90), low_urine)

    def partial(self, visit: Visit) -> Answer:
        """PR: half of the serum M and the urine limb; dFLC, marrow or SPD down >= 50 % where that is index (1.4)."""
        if self.index == ("dflc",):
            return down(self.dflc(visit), self.dflc(self.baseline), 50)
        if self.index == ("marrow",):
            return down(self.marrow(visit), self.marrow(self.baseline), 50)
        if self.index == ("lesion",):
            return self.plasmacytoma_halved(visit)
        return both(self._serum_down(visit, 50), self._urine_partial(visit))

    def minimal(self, visit: Visit) -> Answer:
        """MR: a quarter of the serum M and half of the urine M; on FLC only if set (1.4; choice h)."""
        if self.index == ("dflc",) and self.settings.mr_on_flc:
            return down(self.dflc(visit), self.dflc(self.baseline), 25)
        if not self._m_protein_measurable():
            return False
        urine_halved = "urine_m" in self.index and down(self.urine(visit), self.urine(self.baseline), 50)
        return both(self._serum_down(visit, 25), either(urine_halved, self._urine_partial(visit)))

    def _serum_down(self, visit: Visit, percent: int) -> Answer:
        """The serum limb; not applicable in urine-only disease (1.4)."""
        return "serum_m" not in self.index or down(self.serum(visit), self.serum(self.baseline), percent)

    def _urine_partial(self, visit: Visit) -> Answer:
        """The urine limb of PR: down >= 90 % or < 200; not measurable at baseline: < 200, waived if not done (1.4)."""
        urine = self.urine(visit)
        if "urine_m" in self.index:
            return either(down(urine, self.urine(self.baseline), 90), below(urine, 200))
        return True if urine is None else below(urine, 200)

    # -- confirmation (1.8)

    def _after_new_therapy(self, day: int) -> bool:
        return self.patient.new_therapy_day is not None and day > self.patient.new_therapy_day

    def _same_side(self, row: _Row, other: _Row) -> bool:
        """Are both visits before, or both after, new therapy (1.8.1, 1.8.9)?"""
        return self._after_new_therapy(row.visit.day) == self._after_new_therapy(other.visit.day)

    def _next_evaluable(self, row: _Row) -> _Row | None:
        """The next visit that is not NE; none if new therapy lies between (M6)."""
        later = self.rows[self.rows.index(row) + 1 :]
        found = next((other for other in later if other.raw != "NE"), None)
        return found if found is not None and self._same_side(row, found) else None

    def _confirm(self) -> None:
        established = False
        for row in self.rows:
            row.confirmed = "PD" if established and row.raw == "PD" else self.confirmed_category(row)
            established = established or row.confirmed == "PD"

    def confirmed_category(self, row: _Row) -> str:
        """Which category stands once the following visits are known (1.8.2 to 1.8.5)?"""
        if row.raw in ("NE", "SD"):
            return row.raw
        if row.raw == "PD":
            return "PD" if self.progression_confirmed(row) else "NE"
        for level in ("sCR", "CR"):
            if reaches(row.raw, level) and self.complete_confirmed(row, level):
                return level
        at_once = "PR" if self.index in (("marrow",), ("lesion",)) and reaches(row.raw, "PR") else "SD"
        following = self._next_evaluable(row)
        if following is None or following.raw == "PD":
            return at_once
        return better(worse(row.raw, following.raw), at_once)

    def complete_confirmed(self, row: _Row, level: str) -> bool:
        """Is the neighbouring sample negative too, before or after (1.8.2)?"""
        position = self.rows.index(row)
        return any(
            self._neighbour_negative(row, neighbours, level)
            for neighbours in (self.rows[position + 1 :], self.rows[:position][::-1])
        )

    def _neighbour_negative(self, row: _Row, neighbours: list[_Row], level: str) -> bool:
        """Is the first neighbour that can say so negative? NE visits and samples not fully tested are skipped."""
        for other in neighbours:
            if not self._same_side(row, other):
                return False
            if other.raw == "NE":
                continue
            negative = self.sample_negative(other.visit, level)
            if reaches(other.raw, "VGPR") and negative is None:
                continue
            return reaches(other.raw, "VGPR") and negative is True
        return False

    def progression_confirmed(self, row: _Row) -> bool:
        """Does PD stand: at once, by the next visit against the frozen nadirs, or by death (1.8.4, 1.8.5, 1.8.7)?"""
        if row.limbs - BIOCHEMICAL:
            return True
        if self.settings.pd_confirmation == "two_markers" and len(row.limbs) >= 2:
            return True
        following = self._next_evaluable(row)
        if following is None:
            return self._death_confirms(row)
        frozen = self.pd_limbs(following.visit, row.earlier) & BIOCHEMICAL
        again = frozen | (following.limbs - BIOCHEMICAL)
        return bool(again & row.limbs if self.settings.pd_confirmation == "same_limb" else again)

    def _death_confirms(self, row: _Row) -> bool:
        """Did the patient die of myeloma before another assessment (1.8.5; choice r)?"""
        death, therapy, day = self.patient.death_day, self.patient.new_therapy_day, row.visit.day
        if not self.settings.death_confirms or death is None or self.patient.death_cause != "myeloma":
            return False
        seen_again = any(other.raw != "NE" for other in self.rows if other.visit.day > day)
        treated = therapy is not None and day <= therapy < death
        return not seen_again and not treated and death - day <= DEATH_CONFIRMS_WITHIN_DAYS

    # -- the course (1.8.8, 3.2)

    @property
    def pd_day(self) -> int | None:
        """First confirmed PD on or before new therapy: later progression is the next line's (1.8.1, 1.8.4)."""
        return next((day for day in self._pd_days() if not self._after_new_therapy(day)), None)

    def _pd_days(self) -> list[int]:
        return [row.visit.day for row in self.rows if row.confirmed == "PD"]

    def _pd_day_counted(self, censoring: str) -> int | None:
        """The progression that an endpoint counts: ema keeps following over new therapy (4.3)."""
        return self.pd_day if censoring == "fda" else next(iter(self._pd_days()), None)

    def _on_this_line(self) -> list[_Row]:
        """Visits up to and including PD and not after new therapy (1.8.8)."""
        pd_day = self.pd_day
        return [
            row
            for row in self.rows
            if not self._after_new_therapy(row.visit.day) and (pd_day is None or row.visit.day <= pd_day)
        ]

    def best_response(self) -> tuple[str, int | None]:
        """The best confirmed category and its first day (1.8.8)."""
        line = self._on_this_line()
        best = max((row.confirmed for row in line), key=ORDER.index, default="NE")
        return best, next((row.visit.day for row in line if row.confirmed == best != "NE"), None)

    def first_response_day(self) -> int | None:
        """Day of the first confirmed PR or better (4.4)."""
        return next((row.visit.day for row in self._on_this_line() if reaches(row.confirmed, "PR")), None)

    def standing_unconfirmed_pd_day(self) -> int | None:
        """Day of an unconfirmed PD that was still unanswered when new therapy began (1.8.6; choice s)."""
        if self.patient.new_therapy_day is None:
            return None
        before = [row for row in self.rows if not self._after_new_therapy(row.visit.day) and row.raw != "NE"]
        if before and before[-1].raw == "PD" and before[-1].confirmed != "PD":
            return before[-1].visit.day
        return None

    def failure(self) -> tuple[str, int | None]:
        """How and when did the therapy fail (3.2, in its precedence)?"""
        relapse_day = self._relapse_day()
        if relapse_day is not None:
            return self._relapse_type(relapse_day), relapse_day
        if self._never_responded():
            return "primary_refractory", PROVISIONALLY_REFRACTORY_DAY
        death, therapy = self.patient.death_day, self.patient.new_therapy_day
        cause = self.patient.death_cause or "unknown"
        if death is not None and cause == "second_malignancy":
            return "second_malignancy", death
        if death is not None and cause not in ("myeloma", "unknown"):
            return "nonrelapse_death", death
        if therapy is not None and (death is None or therapy < death):
            return "next_therapy", therapy
        if death is not None:
            return "undetermined", death
        return ("undetermined", None) if self._too_early_to_tell() else ("none", None)

    def _relapse_day(self) -> int | None:
        """Day of PD on this line, of unconfirmed PD before new therapy, or of death from myeloma (3.2; choice u)."""
        if self.pd_day is not None:
            return self.pd_day
        unconfirmed = self.standing_unconfirmed_pd_day()
        if unconfirmed is not None:
            return unconfirmed
        death = self.patient.death_day
        if death is not None and self.patient.death_cause == "myeloma" and not self._after_new_therapy(death):
            return death
        return None

    def _relapse_type(self, day: int) -> str:
        if self.first_response_day() is None:
            return "primary_refractory"
        return "early_relapse" if day <= self.settings.early_relapse_days else "late_relapse"

    def _judged(self) -> list[_Row]:
        """Visits other than NE, not after new therapy."""
        return [row for row in self.rows if row.raw != "NE" and not self._after_new_therapy(row.visit.day)]

    def _never_responded(self) -> bool:
        """F1 without PD: followed to day 90 or later, and never better than MR (3.2; choice t)?"""
        return (
            self.first_response_day() is None
            and self._followed()
            and bool(self._categories())
            and not any(reaches(raw, "PR") for raw in self._categories())
        )

    def _categories(self) -> list[str]:
        """Raw categories of the judged visits; an unconfirmed PD is none (1.8.5)."""
        return [row.raw for row in self._judged() if row.raw != "PD" or row.confirmed == "PD"]

    def _followed(self) -> bool:
        """Was the patient followed to day 90 or later, up to the next therapy (3.2; choice t)?"""
        ends = [self._last_known_alive(), self.patient.new_therapy_day]
        return min(day for day in ends if day is not None) >= PROVISIONALLY_REFRACTORY_DAY

    def _too_early_to_tell(self) -> bool:
        """No response, and not followed for 90 d, or nothing seen but unconfirmed PD (3.2; choice t)?"""
        return self.first_response_day() is None and not (self._followed() and self._categories())

    def _last_known_alive(self) -> int:
        """Latest day on which the patient is known to have lived (4.5; choice v)."""
        if self.patient.death_day is not None:
            return self.patient.death_day
        days = [self.patient.last_contact_day, self.patient.new_therapy_day, *(v.day for v in self.visits)]
        return max((day for day in days if day is not None), default=0)

    # -- endpoints (4)

    def could_have_shown_pd(self, visit: Visit) -> bool:
        """Is the visit evaluable for censoring (4.3; choices n, x)?"""
        if not self._counts_as_nadir(visit):
            return bool(visit.lesions)
        return (
            visit.serum_m is not None
            or visit.urine_m is not None
            or (not self._m_protein_measurable() and self.dflc(visit) is not None)
            or (self._marrow_limb_applies() and visit.marrow is not None)
            or bool(visit.lesions)
        )

    def last_evaluable_day(self, until: int | None) -> int:
        """Last visit that could have shown PD and is not an unconfirmed PD; day 0 if none (4.3)."""
        unconfirmed = {row.visit.day for row in self.rows if row.raw == "PD" and row.confirmed != "PD"}
        days = [
            visit.day
            for visit in self.visits
            if self.could_have_shown_pd(visit)
            and visit.day not in unconfirmed
            and (until is None or visit.day <= until)
        ]
        return max(days, default=0)

    def time_to(self, events: list[tuple[int | None, str]], censoring: str) -> Endpoint:
        """Days from the infusion to the earliest event, or to censoring (4.3).

        events     (day or None, name), on one day the first named wins
        censoring  fda: new therapy before the event ends follow-up; ema: it does not
        """
        seen = [(day, name) for day, name in events if day is not None]
        day, name = min(seen, key=lambda event: event[0], default=(None, ""))
        therapy = self.patient.new_therapy_day if censoring == "fda" else None
        if day is not None and (therapy is None or therapy >= day):
            return Endpoint(day, True, name)
        last = self.last_evaluable_day(therapy)
        if last == 0:
            return Endpoint(0, False, "no_assessment")
        return Endpoint(last, False, "no_event" if therapy is None else "new_therapy")

    def pfs(self, censoring: str) -> Endpoint:
        """Progression-free survival: confirmed PD or death of any cause (4.3)."""
        return self.time_to([(self._pd_day_counted(censoring), "PD"), (self.patient.death_day, "death")], censoring)

    def ttp(self) -> Endpoint:
        """Time to progression: PD only (4.6)."""
        return self.time_to([(self._pd_day_counted(self.settings.censoring), "PD")], self.settings.censoring)

    def dor(self) -> Endpoint | None:
        """Duration of response, from the first confirmed response; responders only (4.4)."""
        start = self.first_response_day()
        if start is None:
            return None
        end = self.pfs(self.settings.censoring)
        return Endpoint(end.days - start, end.event, end.reason)

    def alive_without(self, events: list[tuple[int | None, str]], otherwise: str) -> Endpoint:
        """Days to the earliest of these events, censored when last known alive (4.5, 4.6)."""
        return self.first_of(events, Endpoint(self._last_known_alive(), False, otherwise))

    def first_of(self, events: list[tuple[int | None, str]], censored: Endpoint) -> Endpoint:
        """The earliest of these events; on one day the first named wins."""
        seen = [(day, name) for day, name in events if day is not None]
        if not seen:
            return censored
        day, name = min(seen, key=lambda event: event[0])
        return Endpoint(day, True, name)

    def efs(self) -> Endpoint:
        """Event-free survival: PD (also unconfirmed before new therapy), death or new therapy (4.6, 1.8.6)."""
        events = [
            (self.pd_day, "PD"),
            (self.standing_unconfirmed_pd_day(), "unconfirmed_pd"),
            (self.patient.death_day, "death"),
            (self.patient.new_therapy_day, "new_therapy"),
        ]
        return self.first_of(events, Endpoint(self.last_evaluable_day(None), False, "no_event"))

    def read(self) -> Reading:
        best, best_day = self.best_response()
        failure_type, failure_day = self.failure()
        death, therapy = (self.patient.death_day, "death"), (self.patient.new_therapy_day, "new_therapy")
        return Reading(
            visits=tuple(VisitReading(r.visit.day, r.raw, r.confirmed, r.limbs, r.indeterminate) for r in self.rows),
            measurable_by=self.index,
            best_response=best,
            best_response_day=best_day,
            first_response_day=self.first_response_day(),
            pd_day=self.pd_day,
            failure_type=failure_type,
            failure_day=failure_day,
            pfs=self.pfs(self.settings.censoring),
            pfs_fda=self.pfs("fda"),
            pfs_ema=self.pfs("ema"),
            ttp=self.ttp(),
            dor=self.dor(),
            os=self.alive_without([death], "alive"),
            ttnt=self.alive_without([therapy, death], "no_event"),
            efs=self.efs(),
        )
