"""What a study was asked: from which day outcomes count, by what patients are divided, what must not be published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, get_args

from mspike.cohort.strata import STRATA, Origin, Stratum
from mspike.errors import WrongUsage

ObservedFrom = Literal["infusion", "apheresis"]
ENDPOINTS: dict[Origin, tuple[str, ...]] = {
    "infusion": ("pfs", "os", "dor", "ttnt", "efs", "ttp", "pfs2"),
    "failure": ("os", "pfs", "ttnt"),
    "apheresis": ("pfs", "os"),
}
WORDS = {
    "pfs": "Progression-free survival", "os": "Overall survival", "dor": "Duration of response",
    "ttnt": "Time to next therapy or death", "efs": "Event-free survival", "ttp": "Time to progression",
    "pfs2": "Second progression-free survival (PFS2)",
}  # fmt: skip
DEFAULT_LANDMARK_DAYS = 91


@dataclass(frozen=True)
class Plan:
    """What was asked of a study.

    origin         day 0 of the outcomes
    by             names of `cohort.strata.STRATA` by which every outcome is also told
    observed_from  from apheresis only: None lets the registry decide (see `decided`)
    min_cell       counts from 1 to min_cell - 1 are suppressed, and what would give them away
    penalty        "firth": every hazard ratio is penalised; None: those without a finite estimate are refused
    landmark_days  days from infusion of the landmark analysis
    name_patients  figures of single patients and their files carry the ids of the registry, else numbers
    """

    origin: Origin = "infusion"
    by: tuple[str, ...] = ()
    observed_from: ObservedFrom | None = None
    min_cell: int = 0
    penalty: Literal["firth"] | None = None
    landmark_days: int = DEFAULT_LANDMARK_DAYS
    name_patients: bool = False

    @property
    def endpoints(self) -> tuple[str, ...]:
        return ENDPOINTS[self.origin]

    @property
    def strata(self) -> dict[str, Stratum]:
        """The strata that were asked for, by name."""
        return {name: STRATA[name] for name in self.by}

    @property
    def discreet(self) -> bool:
        """Must small counts be kept back? Then nothing that shows a single patient may be shown either."""
        return self.min_cell > 1


def plan_of(
    *,
    origin: str = "infusion",
    by: Sequence[str] = (),
    observed_from: str | None = None,
    min_cell: int = 0,
    penalty: str | None = None,
    landmark_days: int = DEFAULT_LANDMARK_DAYS,
    name_patients: bool = False,
) -> Plan:
    """A plan from words as a user writes them. Raises WrongUsage where one is not known or cannot be answered."""
    chosen = _one_of("--from", origin, get_args(Origin))
    asked = tuple(dict.fromkeys(name.strip().lower() for text in by for name in text.split(",") if name.strip()))
    for name in asked:
        _refuse_stratum(name, chosen)
    if observed_from is not None and chosen != "apheresis":
        raise WrongUsage(f"--observed-from {observed_from} belongs to --from apheresis; found --from {chosen}.")
    if min_cell < 0 or landmark_days < 0:
        raise WrongUsage(f"--min-cell {min_cell}, --landmark {landmark_days}: expected whole numbers from 0.")
    observed = None if observed_from is None else _one_of("--observed-from", observed_from, get_args(ObservedFrom))
    penal = None if penalty is None else _one_of("--penalty", penalty, ("firth",))
    return Plan(chosen, asked, observed, min_cell, penal, landmark_days, name_patients)  # type: ignore[arg-type]


def _one_of(flag: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise WrongUsage(f"{flag} {text}: expected one of {', '.join(known)}.")
    return text


def _refuse_stratum(name: str, origin: str) -> None:
    """A group that only the future forms would compare who lived long enough with who did not."""
    if name not in STRATA:
        close = get_close_matches(name, STRATA, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        could = [other for other, stratum in STRATA.items() if stratum.comparable_from(origin)]  # type: ignore[arg-type]
        raise WrongUsage(f"--by {name}: no such stratum.{hint} From {origin} there are: {', '.join(could)}.")
    if not STRATA[name].comparable_from(origin):  # type: ignore[arg-type]
        could = [o for o in get_args(Origin) if STRATA[name].comparable_from(o)]
        how = (
            f"use --from {could[0]}" if could
            else "read the section on what came after failure, where it counts from the day it began"
        )  # fmt: skip
        raise WrongUsage(
            f"--by {name}: from {origin}, the groups of '{STRATA[name].words}' are formed by what happens later, so "
            f"that whoever lived longer had more time to come into one (immortal time). Instead, {how}."
        )
