"""Is the antigen still on the plasma cells? Known only by a test after it was last aimed at; never assumed."""

from __future__ import annotations

from fractions import Fraction

from mspike.knowledge.mechanisms import findings
from mspike.options.facts import Dose, Fact, Reading, days_counted
from mspike.response.compare import micro

ANALYTE = {"BCMA": "bcma_expression", "GPRC5D": "gprc5d_expression"}
TARGETED = ("car_t", "bispecific", "adc")
GENE = {"BCMA": "TNFRSF17", "GPRC5D": "GPRC5D"}
UNREAD = "unread"  # a text in which nobody could find an agent
UNTOLD = (UNREAD, "study_drug")
UNDATED = -(2**30)
LOSS = "why.antigen_loss.expression"


def could_aim_at(target: str, dose: Dose) -> bool:
    """Was this aimed at the antigen, or may it have been, as a CAR-T of unknown target or a study drug?"""
    if dose.cls in TARGETED:
        return target in dose.targets or not dose.targets
    return dose.agent in UNTOLD


def _last_day(dose: Dose) -> int:
    days = [d for d in (dose.last, dose.start) if d is not None]
    return max(days, default=UNDATED)


def antigen_on(
    target: str,
    readings: tuple[Reading, ...],
    doses: tuple[Dose, ...],
    day: int,
    failed: int | None = None,
    gene: Fact | None = None,
) -> Fact:
    """Present, lost or not known on the day.

    failed  day of the present failure, where there is one
    gene    are both copies of the gene of the antigen hit?

    1. Only a test after the antigen was last aimed at, or may have been, can tell; of a therapy still running, after it
       began. A therapy without a date may have come after every test: then nothing shows that the antigen is there.
    2. Present: positive and fresh. Lost: negative, and fresh or of the present failure.
    3. A positive and a negative test within the fresh days leave it open, whatever was given between them.
    """
    aimed = [d for d in doses if could_aim_at(target, d)]
    since = max((_last_day(d) for d in aimed), default=UNDATED)
    undated = any(_last_day(d) == UNDATED for d in aimed)
    after = [r for r in readings if r.day > since]
    fresh_from = day - days_counted("antigen", "fresh")
    lost_from = fresh_from if failed is None else min(fresh_from, failed - days_counted("antigen", "near_failure"))
    fresh = [r for r in after if r.day >= fresh_from]
    kept, gone = micro(_limit(LOSS, "kept")), micro(_limit(LOSS, "gone"))
    yes = tuple(r.told for r in fresh if r.lo >= kept and not undated)
    # A fresh positive from before the last therapy cannot show the antigen, and forbids calling it lost.
    before = tuple(r.told for r in readings if r.day >= fresh_from and r.lo >= kept and r.told not in yes)
    no = tuple(r.told for r in after if r.hi < gone and r.day >= lost_from) + (gene.yes if gene else ())
    if no and before:
        yes += before
    doubtful = [r.told for r in fresh if r.lo < kept and r.hi >= gone]
    if doubtful and not (yes and no):
        return Fact(ask=f"{target} on plasma cells (on a part of them: {'; '.join(doubtful)})")
    last = max(aimed, key=_last_day, default=None)
    since_told = "" if last is None else f" since {last.told}"
    return Fact(yes, no, ask=f"{target} on plasma cells (not tested{since_told})")


def _limit(rule: str, name: str) -> Fraction:
    return findings()[rule].values[name].number
