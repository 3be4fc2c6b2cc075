"""Which therapies are open, closed or not known to be either, for one patient on one day in one region, and why.

An option is closed if one need is known to fail, open only if every need is known to hold, and unknown otherwise.
Cautions never open or close anything. Nothing is ranked: the order is a stated one (see `in_order`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from mspike.knowledge.therapies.salvage import Approval, Therapy, therapies
from mspike.options.antigens import TARGETED
from mspike.options.facts import Standing
from mspike.options.judging import Judged, judge
from mspike.options.strata import Stratum, strata_of

ANSWERS = ("open", "unknown", "closed")
KINDS = ("failure", "label", "patient")
NOTHING = "nothing is recorded about this patient"


@dataclass(frozen=True)
class Reason:
    """One need or caution: what it asks, whether it holds, what that rests on, and where the need comes from."""

    kind: str
    asks: str
    holds: bool | None
    because: str
    missing: tuple[str, ...] = ()
    source: str = ""
    where: str = ""
    checked: str = ""


@dataclass(frozen=True)
class Option:
    """A therapy and its answer.

    by_label   what the label alone says: open, closed, unknown, or none (no label is asked for)
    reasons    every need, failing ones first, then unknown ones
    cautions   every caution that holds or may hold; `holds` False are left out
    missing    what would have to be known before an unknown can be answered
    relation   to what was aimed at before: first, same product, same target, other target, no target
    strata     published results, the narrowest stratum first
    """

    therapy: Therapy
    answer: str
    by_label: str
    reasons: tuple[Reason, ...]
    cautions: tuple[Reason, ...]
    missing: tuple[str, ...]
    relation: str
    strata: tuple[Stratum, ...]


def options_of(standing: Standing, region: str) -> list[Option]:
    """Every therapy the field has after a failed CAR-T, answered for this patient.

    standing  see `standing_of`
    region    US or EU: whose labels count
    """
    return in_order(_option(therapy, standing, region) for therapy in therapies().values())


def in_order(options: Iterable[Option]) -> list[Option]:
    """Open before unknown before closed; then the most direct evidence, then the most patients in it; then the list."""
    return sorted(options, key=_place)


def _place(option: Option) -> tuple[int, int, int, int]:
    first = option.strata[0] if option.strata else None
    directness = first.level if first else 99
    patients = first.patients if first else 0
    return ANSWERS.index(option.answer), directness, -patients, option.therapy.order


def _option(therapy: Therapy, standing: Standing, region: str) -> Option:
    relation = relation_of(therapy, standing)
    label = label_reasons(therapy, standing, region)
    failure = _reason("failure", "The last line has failed.", judge({"present": "failure"}, standing))
    needs = [
        _reason("patient", need.says, judge(need.atom, standing), need.source, need.where, need.checked)
        for need in therapy.needs
    ]
    # Relief and talk about aims need no failure first.
    reasons = [*([] if therapy.cls == "supportive" else [failure]), *label, *needs]
    answer = "unknown" if standing.empty else _answer(reasons)
    by_label = "none" if not label else "unknown" if standing.empty else _answer(label)
    cautions = [_reason("caution", c.says, judge(c.atom, standing), c.source, c.where, c.checked)
                for c in therapy.cautions]  # fmt: skip
    asked = () if answer != "unknown" else [m for r in reasons if r.holds is None for m in r.missing]
    return Option(
        therapy, answer, by_label, tuple(sorted(reasons, key=_weight)),
        tuple(sorted((c for c in cautions if c.holds is not False), key=lambda c: c.holds is None)),
        ((NOTHING,) if standing.empty else ()) + tuple(dict.fromkeys(asked)), relation,
        strata_of(therapy, standing, relation),
    )  # fmt: skip


def _answer(reasons: list[Reason]) -> str:
    holds = [r.holds for r in reasons]
    return "closed" if False in holds else "unknown" if None in holds else "open"


def _weight(reason: Reason) -> int:
    return {False: 0, None: 1, True: 2}[reason.holds]


def _reason(kind: str, asks: str, judged: Judged, source: str = "", where: str = "", checked: str = "") -> Reason:
    return Reason(kind, asks, judged.holds, judged.because, judged.missing, source, where, checked)


def label_reasons(therapy: Therapy, standing: Standing, region: str) -> list[Reason]:
    """What the label in force asks; of several labels the one that comes nearest to being met."""
    if therapy.basis == "established":
        return []
    if standing.date is None and therapy.basis != "investigational":
        ask = "the date whose labels count (--label-date)"
        return [Reason("label", f"Approved in the {region}.", None, "this registry counts days", (ask,))]
    in_force = therapy.in_force(region, standing.date) if standing.date else ()
    due = [p for p in therapy.pending if p.region == region and standing.date and p.start <= standing.date]
    if due and not in_force:
        told = due[-1]
        ask = f"the decision on {therapy.name} in the {region}"
        return [Reason("label", f"Approved in the {region}.", None, f"{told.start}: {told.says}", (ask,), told.source,
                       told.where, told.checked)]  # fmt: skip
    if therapy.basis == "investigational":
        words = f"no approval in the {region} is known: only within a trial"
        return [Reason("label", "Approved.", False, words, (), therapy.source, therapy.where, therapy.checked)]
    assert standing.date is not None  # asked for above
    if therapy.basis == "off_label":
        return [_marketed(therapy, standing.date, region)]
    if not in_force:
        return [_no_label(therapy, standing.date, region)]
    newest_first = sorted(in_force, key=lambda label: label.start, reverse=True)
    return min((_by_label(label, standing) for label in newest_first), key=_distance)


def _by_label(label: Approval, standing: Standing) -> list[Reason]:
    status = f"{label.status} approval, {label.region}, from {label.start}"
    approved = Reason("label", "Approved.", True, f"{status}: {label.indication}", (), label.source, label.where,
                      label.checked)  # fmt: skip
    return [approved] + [
        _reason("label", need.says, judge(need.atom, standing), need.source, need.where, need.checked)
        for need in label.needs
    ]


def _distance(reasons: list[Reason]) -> tuple[int, int]:
    """How far a label is from being met: failing needs, then unknown ones."""
    holds = [r.holds for r in reasons]
    return holds.count(False), holds.count(None)


def _no_label(therapy: Therapy, day: dt.date, region: str) -> Reason:
    """Why no label holds on the day, by the label that comes next or went last."""
    labels = therapy.of(region)
    later = [a for a in labels if a.start > day]
    named = later[0] if later else labels[-1] if labels else None
    if named is None:
        words = f"no approval in the {region} is known"
    elif later:
        words = f"not approved in the {region} on {day}; approved from {named.start}"
    else:
        words = f"no longer approved in the {region} on {day}; the approval ended {named.until}"
    source = named or therapy
    return Reason("label", f"Approved in the {region}.", False, words, (), source.source, source.where, source.checked)


def _marketed(therapy: Therapy, day: dt.date, region: str) -> Reason:
    for sold in therapy.marketed:
        if sold.region == region:
            holds = sold.start <= day
            told = f"off label: {sold.says}" if holds else f"not available in the {region} on {day}"
            return Reason(
                "label", "Can be had, for another use.", holds, told, (), sold.source, sold.where, sold.checked
            )
    told = f"not known to be available in the {region}"
    return Reason("label", "Can be had, for another use.", None, told, (f"availability in the {region}",))


def relation_of(therapy: Therapy, standing: Standing) -> str:
    """How the therapy relates to what was aimed at before."""
    if therapy.cls not in (*TARGETED, "dual_bispecific"):
        return "no target"
    aimed = [d for d in standing.doses if d.cls in TARGETED]
    if any(d.agent in therapy.agents for d in aimed):
        return "same product"
    before = {target for d in aimed for target in d.targets}
    if not aimed:
        return "first"
    if any(not d.targets for d in aimed) and not before & set(therapy.targets):
        return "not known"
    return "same target" if before & set(therapy.targets) else "other target"
