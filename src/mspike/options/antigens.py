"""Is the antigen still on the plasma cells? Known only by a test after it was last aimed at; never assumed."""

from __future__ import annotations

from fractions import Fraction

from mspike.knowledge.mechanisms import findings
from mspike.options.facts import Dose, Fact, Reading, days_counted
from mspike.response.compare import micro

ANALYTE = {"BCMA": "bcma_expression", "GPRC5D": "gprc5d_expression"}
TARGETED = ("car_t", "bispecific", "adc")
LOSS = "why.antigen_loss.expression"


def last_aimed_at(target: str, doses: tuple[Dose, ...]) -> Dose | None:
    """The last dose against this antigen; of one whose end is not told its start."""
    aimed = [d for d in doses if target in d.targets and d.cls in TARGETED]
    return max(aimed, key=_last_day, default=None)


def _last_day(dose: Dose) -> int:
    days = [d for d in (dose.last, dose.start) if d is not None]
    return max(days, default=-(2**30))


def antigen_on(target: str, readings: tuple[Reading, ...], doses: tuple[Dose, ...], day: int) -> Fact:
    """Present, lost or not known on the day.

    1. Only a test after the antigen was last aimed at can tell; of a therapy still running, after it began.
    2. Present: positive and fresh. Lost: negative after the last therapy.
    3. A positive and a negative test side by side leave it open: the clone may be mixed.
    """
    last = last_aimed_at(target, doses)
    since = None if last is None else _last_day(last)
    after = [r for r in readings if since is None or r.day > since]
    fresh = [r for r in after if r.day >= day - days_counted("antigen", "fresh")]
    kept, gone = micro(_limit(LOSS, "kept")), micro(_limit(LOSS, "gone"))
    yes = tuple(r.told for r in fresh if r.lo >= kept)
    no = tuple(r.told for r in after if r.hi < gone)
    doubtful = [r.told for r in fresh if r.lo < kept and r.hi >= gone]
    if doubtful and not (yes and no):
        return Fact(ask=f"{target} on plasma cells (on a part of them: {'; '.join(doubtful)})")
    since_told = "" if last is None else f" since {last.told}"
    return Fact(yes, no, ask=f"{target} on plasma cells (not tested{since_told})")


def _limit(rule: str, name: str) -> Fraction:
    return findings()[rule].values[name].number
