"""A mechanism is never supported on missing data: the empty patient, each finding alone, mixtures, a plain reading.

The plain reading takes one patient at a time, in exact fractions, from the clinical rules (section 6) and the published
windows; it shares nothing with the engine but the words of the states.
"""

from __future__ import annotations

import random
from fractions import Fraction

import polars as pl
import pytest

from mspike.knowledge.mechanisms import findings, mechanisms
from mspike.why.findings import findings_of
from mspike.why.mechanisms import why_of
from one_infusion import DPD, FAILS, VRD, derived, failure, gene, given, infusion, lesion, result

FOR, AGAINST, OPEN = "for", "against", "not_tested"
MIXTURES = 300
PLAIN_PATIENTS = 400

# What shows a finding, and what shows its absence. None: no test excludes it.
BELANTAMAB = [{**DPD, "end_date": -400}, given(-390, "belantamab mafodotin", -100, line=3)]
SHOWN = {
    "why.antigen_loss.expression": ([result(205, "bcma_expression", "0")], [result(205, "bcma_expression", "90")]),
    "why.antigen_loss.gene": ([gene(205, "TNFRSF17", "biallelic loss")], [gene(205, "TNFRSF17", "absent")]),
    "why.antigen_shedding.sbcma": ([result(-6, "sbcma", "500")], [result(-6, "sbcma", "20")]),
    "why.t_cell_fitness.alc": ([result(-6, "alc", "0.3")], [result(-6, "alc", "1.3")]),
    "why.poor_expansion.alc_max": ([result(10, "alc", "0.8")], [result(10, "alc", "3.8")]),
    "why.poor_expansion.alc_max_very_low": ([result(10, "alc", "0.3")], [result(10, "alc", "3.8")]),
    "why.short_persistence.transgene": ([result(200, "car_transgene", "<50")], [result(200, "car_transgene", "900")]),
    "why.burden.ferritin": (
        [result(-6, "ferritin", "900", ref_high="300")],
        [result(-6, "ferritin", "90", ref_high="300")],
    ),
    "why.burden.crp": ([result(-6, "crp", "9")], [result(-6, "crp", "0.1")]),
    "why.burden.marrow": ([result(-6, "marrow_plasma_cells", "80")], [result(-6, "marrow_plasma_cells", "8")]),
    "why.burden.ldh": ([result(-6, "ldh", "900", ref_high="250")], [result(-6, "ldh", "90", ref_high="250")]),
    "why.burden.high_risk_cytogenetics": (
        [gene(-40, "t(4;14)", "present")],
        [gene(-40, marker, "absent") for marker in ("del17p", "t(4;14)", "t(14;16)")],
    ),
    "why.heterogeneity.antigen_in_part": (
        [result(205, "bcma_expression", "20")],
        [result(205, "bcma_expression", "90")],
    ),
}
BY_HISTORY = {
    "why.t_cell_fitness.bendamustine": [given(-200, "bendamustine", -100, line=1)],
    "why.t_cell_fitness.high_dose_alkylator": [given(-200, "melphalan", -200, "transplant", line=1)],
    "why.earlier_bcma.six_months": [VRD, *BELANTAMAB],
}
BY_IMAGING = {"why.extramedullary.before": [lesion(-20)]}
# Shown by progression that the engine derives itself: tests/spec/test_why.py holds them one by one.
BY_VISITS = {
    "why.extramedullary.at_failure",
    "why.heterogeneity.mixed_response",
    "why.heterogeneity.lesions_apart",
    "why.heterogeneity.light_chain_escape",
    "why.earlier_bcma.eight_months",  # the same course as within six months
}
# One measurement shows two findings, or shows one and excludes another.
SAME_TEST = (
    {"why.poor_expansion.alc_max", "why.poor_expansion.alc_max_very_low"},
    {"why.antigen_loss.expression", "why.heterogeneity.antigen_in_part"},
)


def line_after(rows):
    return max([row["line"] for row in rows if row["table"] == "treatments"], default=0) + 1


def patient(rows, product="cilta-cel", failed=True, lymphodepletion=True):
    own = infusion(product, line=line_after(rows), lymphodepletion=lymphodepletion)
    return [*own, *(failure() if failed else []), *rows]


@pytest.mark.parametrize("product", ["cilta-cel", "arlo-cel", "CAR-T", "an unreadable product"])
@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("lymphodepletion", [True, False])
def test_of_an_empty_patient_nothing_is_supported_and_nothing_excluded(product, failed, lymphodepletion):
    nobody = derived({"P": patient([], product, failed, lymphodepletion)})
    told = why_of(nobody)
    assert told["mechanism"].to_list() == list(mechanisms())
    assert set(told["answer"]) == {"not_tested"}
    assert not told["conflict"].any() and told["strength"].null_count() == told.height
    every = findings_of(nobody)
    assert set(every["state"]) == {OPEN} and every["reason"].null_count() == 0


def alone():
    return {rule: rows for rule, (rows, _) in SHOWN.items()} | BY_HISTORY | BY_IMAGING


def test_every_finding_that_can_support_is_shown_alone_somewhere():
    deciding = {rule for rule, finding in findings().items() if finding.strength != "descriptive"}
    assert set(alone()) | BY_VISITS == deciding


def test_each_finding_alone_supports_its_own_mechanism_and_no_other():
    cases = alone()
    told = why_of(derived({f"P{at:03}": patient(rows) for at, rows in enumerate(cases.values())}))
    for at, rule in enumerate(cases):
        supported = told.filter((pl.col("pid") == at) & (pl.col("answer") == "supported"))
        assert supported["mechanism"].to_list() == [findings()[rule].mechanism], rule
        assert rule in supported["for"][0]


def test_each_finding_alone_and_absent_supports_nothing():
    cases = {rule: rows for rule, (_, rows) in SHOWN.items()}
    told = why_of(derived({f"P{at:03}": patient(rows) for at, rows in enumerate(cases.values())}))
    assert "supported" not in set(told["answer"])
    assert told.filter(pl.col("against").list.len() > 0)["pid"].n_unique() == len(cases)


def mixed(luck):
    """Some findings shown, some excluded, some never tested; of findings of one test at most one is chosen."""
    chosen = {rule: luck.choice([FOR, AGAINST, OPEN]) for rule in SHOWN}
    for group in SAME_TEST:
        for rule in sorted(group)[1:]:
            chosen[rule] = OPEN
    return chosen


def test_in_any_mixture_a_finding_speaks_by_its_own_rows_alone():
    luck = random.Random(20_240_531)
    chosen = [mixed(luck) for _ in range(MIXTURES)]
    rows = [[row for r, s in one.items() if s != OPEN for row in SHOWN[r][s == AGAINST]] for one in chosen]
    built = derived({f"P{at:04}": patient(own) for at, own in enumerate(rows)})
    told = findings_of(built)
    stated = {(row["pid"], row["rule"]): row for row in told.iter_rows(named=True)}
    apart = set.union(*SAME_TEST)
    for at, one in enumerate(chosen):
        for rule, expected in one.items():
            if rule not in apart or expected != OPEN:
                assert stated[at, rule]["state"] == expected, (at, rule)
    supported = why_of(built, told).filter(pl.col("answer") == "supported")
    carried = supported.filter(pl.col("for").list.len() == 0)
    assert carried.is_empty() and supported["strength"].null_count() == 0
    speaking = told.filter(pl.col("state").is_in([FOR, AGAINST]))
    assert speaking["value"].null_count() == 0 and speaking["day"].null_count() == 0


# ---- the plain reading ----------------------------------------------------------------------------------------------

NEAR = {
    "alc": ("0.49", "0.5", "0.51", "0.74", "0.75", "0.76", "1", "1.01", "<0.5", "<0.75", "<1", ">1", "2.5"),
    "sbcma": ("155.9", "156", "156.1", "<156", "<157", ">155", ">156", "700"),
    "crp": ("2.9", "3", "3.1", "<3", "<4", ">3", ">=3", "0.2"),
    "marrow_plasma_cells": ("49", "50", "51", "<50", "<60", ">50", "3"),
    "ferritin": ("299", "300", "301", "<300", "<400", ">300", ">299"),
    "ldh": ("249", "250", "251", "<250", ">250"),
    "car_transgene": ("negative", "0", "<50", "51", "9000"),
}
DAYS = {
    "alc": (-48, -47, -20, -6, -5, -4, 0, 3, 6, 7, 10, 15, 16, 40),
    "sbcma": (-91, -90, -30, -5, 0, 1, 30),
    "car_transgene": (10, 27, 28, 100, 169, 170, 200, 230, 231),
}
BEFORE = (-48, -47, -46, -20, -6, -5, -4, 0, 2)
LIMITS = {"ferritin": "300", "ldh": "250"}


def interval(text):
    """The lowest and highest value that the report leaves open, and whether each end itself is possible."""
    number = Fraction(text.lstrip("<>=")) if text != "negative" else Fraction(0)
    if text.startswith("<"):
        return (Fraction(0), True), (number, text.startswith("<="))
    if text.startswith(">"):
        return (number, True), (Fraction(10**12), True)
    return (number, True), (number, True)


def surely(text, holds):
    """Does it hold over the whole interval, nowhere in it, or in a part? `holds` is monotonic: its ends decide.

    An open end is looked at just inside, half a millionth away.
    """
    (low, low_in), (high, high_in) = interval(text)
    inside = Fraction(1, 2_000_000)
    ends = {holds(low if low_in else low + inside), holds(high if high_in else high - inside)}
    return {frozenset({True}): FOR, frozenset({False}): AGAINST}.get(frozenset(ends), OPEN)


def last_before_lymphodepletion(values):
    """The text of the last value before day -5, else of that day itself, at most 42 days old."""
    recent = [v for v in values if -47 <= v[0] <= -5]
    earlier = [v for v in recent if v[0] < -5]
    return max(earlier or recent, key=lambda v: v[0])[1] if recent else None


def plainly(tested):
    """The state of each finding that these values decide; `tested` is analyte -> list of (day, text), a day once."""
    states = {}

    def read(rule, text, holds):
        states[rule] = OPEN if text is None else surely(text, holds)

    last = {analyte: last_before_lymphodepletion(tested[analyte]) for analyte in tested}
    read("why.t_cell_fitness.alc", last["alc"], lambda v: v < Fraction(3, 4))
    read("why.burden.crp", last["crp"], lambda v: v >= 3)
    read("why.burden.marrow", last["marrow_plasma_cells"], lambda v: v >= 50)
    read("why.burden.ferritin", last["ferritin"], lambda v: v > 300)
    read("why.burden.ldh", last["ldh"], lambda v: v > 250)
    shed = [v for v in tested["sbcma"] if -90 <= v[0] <= 0]
    read("why.antigen_shedding.sbcma", max(shed)[1] if shed else None, lambda v: v > 156)
    for rule, limit in (("alc_max", Fraction(1)), ("alc_max_very_low", Fraction(1, 2))):
        states[f"why.poor_expansion.{rule}"] = peak(tested["alc"], limit)
    states["why.short_persistence.transgene"] = persistence(tested["car_transgene"])
    return states


def peak(values, limit):
    """One count surely above is enough against; low needs all surely at or below, one of them from day 7 on."""
    first = [(day, surely(text, lambda v: v <= limit)) for day, text in values if 0 <= day <= 15]
    if any(state == AGAINST for _, state in first):
        return AGAINST
    timely = any(day >= 7 for day, _ in first)
    return FOR if timely and all(state == FOR for _, state in first) else OPEN


def persistence(values):
    seen = [v for v in values if 28 <= v[0] <= FAILS + 30]
    if not seen:
        return OPEN
    day, text = max(seen)
    if text in ("negative", "0") or text.startswith("<"):
        return FOR
    return AGAINST if day >= FAILS - 30 else OPEN


def drawn(luck):
    tested = {}
    for analyte, texts in NEAR.items():
        days = luck.sample(DAYS.get(analyte, BEFORE), luck.choice([0, 1, 2, 4]))
        tested[analyte] = [(day, luck.choice(texts)) for day in sorted(days)]
    return tested


def as_rows(tested):
    return [
        result(day, analyte, text, ref_high=LIMITS.get(analyte))
        for analyte, values in tested.items()
        for day, text in values
    ]


def test_the_engine_agrees_with_a_plain_reading_near_every_threshold_and_window():
    luck = random.Random(17)
    patients = [drawn(luck) for _ in range(PLAIN_PATIENTS)]
    told = findings_of(derived({f"P{at:04}": patient(as_rows(one)) for at, one in enumerate(patients)}))
    stated = {(row["pid"], row["rule"]): row["state"] for row in told.iter_rows(named=True)}
    different = [
        (rule, stated[at, rule], expected, one)
        for at, one in enumerate(patients)
        for rule, expected in plainly(one).items()
        if stated[at, rule] != expected
    ]
    assert different == []
    assert {s for (_, rule), s in stated.items() if rule in plainly(drawn(luck))} == {FOR, AGAINST, OPEN}
