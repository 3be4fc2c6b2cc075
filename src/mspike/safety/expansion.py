"""The lymphocyte peak after infusion: too low means poor expansion, too high a risk of delayed neurotoxicity.

The same marker with two opposite meanings: both answers stand side by side (rules.md 5.7, 6).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mspike.course.derived import Derived, episodes
from mspike.knowledge.criteria import Criteria, published
from mspike.knowledge.therapies import recognised
from mspike.response.compare import amount, more_than
from mspike.safety.values import after_infusion, measured, named

CRITERIA = "delayed-neurotoxicity"
# The product with which the limit was seen, and names that may stand for it.
CILTA_CEL = "cilta_cel"
NOT_TOLD = ("car_t", "bcma_car_t")
# Signs by the words they are recorded under.
SIGNS = {
    "cranial_nerve_palsy": r"(?i)cranial[-_ ]?nerve|facial[-_ ]?(nerve|palsy|paralysis|paresis)|bell'?s[-_ ]?palsy",
    "parkinsonism": r"(?i)parkinson|neurocognitive|hypokine|bradykine|\bmnts?\b",
    "guillain_barre": r"(?i)guillain|\bgbs\b",
}
# An event of this name says only in its detail which sign it was.
GENERAL = r"(?i)neuro(toxicity|patholog|logic)|\bnint\b|\bdnt\b"


def lymphocyte_peak(derived: Derived) -> pl.DataFrame:
    """Did the CAR T cells expand, and is delayed neurotoxicity to be watched for, by the lymphocyte peak?

    One row an infusion: gid, pid, agent, alert (peak above 3.0 in four weeks), evidence_for_product (true after
    cilta-cel, false after another product, null where the product is not named), peak_lo, peak_hi (millionths of
    10^9/L), peak_at, peak_day, expansion_good (peak above 1.0 within 15 days), expansion_poor (1.0 or less),
    expansion_very_poor (0.5 or less), peak_15_lo, peak_15_hi, peak_15_at, peak_15_day, missing.

    A peak above a limit stands whenever it was seen. That it stayed below is said only where lymphocytes were
    measured when the peak is due; otherwise null.
    """
    rules = published(CRITERIA)
    frame = episodes(derived).select("gid", "pid", "agent")
    counts = after_infusion(measured(derived.record.results, ["alc"]), episodes(derived))
    watched = _window(rules, "late.neurotoxicity.window", "late.neurotoxicity.window")
    early = _window(rules, "late.expansion.good", "late.expansion.window")
    frame = _with_peak(_with_peak(frame, counts, "peak", watched), counts, "peak_15", early)
    good = _above("peak_15", rules, "late.expansion.good")
    frame = frame.with_columns(
        alert=_above("peak", rules, "late.neurotoxicity.peak_alc"),
        evidence_for_product=_by_product(frame["agent"]),
        expansion_good=good,
        expansion_poor=~good,
        expansion_very_poor=~_above("peak_15", rules, "late.expansion.very_poor"),
    )
    gone = {
        watched.words: pl.col("alert").is_null() & ~pl.col("peak_in_time"),
        early.words: pl.col("expansion_good").is_null() & ~pl.col("peak_15_in_time"),
    }
    return frame.with_columns(missing=named(gone)).drop("peak_in_time", "peak_15_in_time")


@dataclass(frozen=True)
class Window:
    """The last day on which a peak counts, and the days between which one that stayed low must have been looked for."""

    last: int
    measured_from: int
    measured_until: int

    @property
    def words(self) -> str:
        return f"lymphocytes between day {self.measured_from} and day {self.measured_until}"


def _window(rules: Criteria, last: str, measured_in: str) -> Window:
    days = int(rules.value(last, "days"))
    looked_for = rules.rule(measured_in).values
    until = int(looked_for["measured_until"].number) if "measured_until" in looked_for else days
    return Window(days, int(looked_for["measured_from"].number), until)


def _with_peak(frame: pl.DataFrame, counts: pl.DataFrame, name: str, window: Window) -> pl.DataFrame:
    """Adds the highest count, its first day, and whether it was looked for in time."""
    highest = pl.col("lo") == pl.col("lo").max()
    in_time = pl.col("at").is_between(window.measured_from, window.measured_until)
    peaks = (
        counts.filter(pl.col("at") <= window.last)
        .group_by("gid")
        .agg(
            pl.col("lo").max().alias(f"{name}_lo"),
            pl.col("hi").max().alias(f"{name}_hi"),
            pl.col("at").filter(highest).min().alias(f"{name}_at"),
            pl.col("day").filter(highest).min().alias(f"{name}_day"),
            in_time.any().alias(f"{name}_in_time"),
        )
    )
    joined = frame.join(peaks, on="gid", how="left", maintain_order="left")
    # Nobody counted at all: then nobody counted in time either.
    return joined.with_columns(pl.col(f"{name}_in_time").fill_null(False))


def _above(name: str, rules: Criteria, rule: str) -> pl.Expr:
    """Did the peak go above the limit? A low one says no only if it was looked for in time."""
    higher = more_than(amount(name), rules.value(rule, "level"))
    return pl.when(higher | pl.col(f"{name}_in_time")).then(higher)


def _by_product(agents: pl.Series) -> pl.Series:
    """Is this the product that the limit was seen with? Null where the product is not told."""
    answers = {text: _is_cilta_cel(text) for text in agents.drop_nulls().unique()}
    return agents.replace_strict(answers, default=None, return_dtype=pl.Boolean)


def _is_cilta_cel(text: str) -> bool | None:
    products = {agent.id for agent in recognised(text).agents if agent.cls == "car_t"}
    if CILTA_CEL in products:
        return True
    return False if products - set(NOT_TOLD) else None


def delayed_neurotoxicity(derived: Derived) -> pl.DataFrame:
    """Which signs of delayed neurotoxicity were recorded after the infusion, and on which day did each begin?

    One row an infusion: gid, recorded (any sign; false: none recorded), and for cranial_nerve_palsy, parkinsonism and
    guillain_barre: `<sign>_day`, `<sign>_at` (days after infusion), `<sign>_grade` (the highest).
    """
    events = derived.record.events.with_columns(
        words=pl.when(pl.col("event").str.contains(GENERAL))
        .then(pl.concat_str("event", "detail", separator=" ", ignore_nulls=True))
        .otherwise("event")
    )
    after = after_infusion(events, episodes(derived), "date").filter(pl.col("at") >= 1)
    frame = episodes(derived).select("gid")
    for sign, pattern in SIGNS.items():
        shown = after.filter(pl.col("words").str.contains(pattern))
        first = shown.group_by("gid").agg(
            pl.col("date").min().alias(f"{sign}_day"),
            pl.col("at").min().alias(f"{sign}_at"),
            pl.col("grade").max().alias(f"{sign}_grade"),
        )
        frame = frame.join(first, on="gid", how="left", maintain_order="left")
    return frame.with_columns(recorded=pl.any_horizontal(pl.col(f"{sign}_day").is_not_null() for sign in SIGNS))
