"""Why it failed: both sides of every threshold and time window, each item missing alone, and what a reader gets."""

from __future__ import annotations

import math
from fractions import Fraction

import polars as pl
import pytest

from mspike.errors import KnowledgeError
from mspike.knowledge.criteria import published
from mspike.knowledge.mechanisms import findings, mechanisms, published_for, read_mechanism, telling_tests
from mspike.why.findings import findings_of
from mspike.why.mechanisms import why_of
from mspike.why.telling_tests import telling_tests_of
from one_infusion import DPD, VRD, derived, failure, gene, given, infusion, lesion, result

FOR, AGAINST, OPEN, SHOWN = "for", "against", "not_tested", "descriptive"
NEXT = given(250, "teclistamab", 300, line=4)
LOSS, PART, GENE = "antigen_loss.expression", "heterogeneity.antigen_in_part", "antigen_loss.gene"
PEAK, LOW_PEAK = "poor_expansion.alc_max", "poor_expansion.alc_max_very_low"
SIX, EIGHT = "earlier_bcma.six_months", "earlier_bcma.eight_months"
HISTORY = [VRD, DPD]


def bcma(day, value):
    return result(day, "bcma_expression", value)


def belantamab(days_before_apheresis):
    return [{**DPD, "end_date": -400}, given(-390, "belantamab mafodotin", -40 - days_before_apheresis, line=3)]


def melphalan(days_before_apheresis):
    day = -40 - days_before_apheresis
    return given(day, "melphalan", day, "transplant", line=1)


# One row a case: rows beside infusion and failure, the finding, its state.
CASES = [
    # The antigen: how much of it is gone.
    ("negative", [bcma(205, "negative")], LOSS, FOR),
    ("positive", [bcma(205, "positive")], LOSS, AGAINST),
    ("4.9 %", [bcma(205, "4.9")], LOSS, FOR),
    ("5 %", [bcma(205, "5")], LOSS, OPEN),
    ("49.9 %", [bcma(205, "49.9")], LOSS, OPEN),
    ("50 %", [bcma(205, "50")], LOSS, AGAINST),
    ("<5", [bcma(205, "<5")], LOSS, FOR),
    ("<10", [bcma(205, "<10")], LOSS, OPEN),
    ("4.9 % in part", [bcma(205, "4.9")], PART, AGAINST),
    ("5 % in part", [bcma(205, "5")], PART, FOR),
    ("49.9 % in part", [bcma(205, "49.9")], PART, FOR),
    ("50 % in part", [bcma(205, "50")], PART, AGAINST),
    ("two sites disagree", [bcma(201, "90"), bcma(205, "negative")], PART, FOR),
    # ... and when it was tested.
    ("before the infusion only", [bcma(-20, "negative")], LOSS, OPEN),
    ("before positive, now negative", [bcma(-20, "95"), bcma(205, "negative")], LOSS, FOR),
    ("never there", [bcma(-20, "negative"), bcma(205, "negative")], LOSS, OPEN),
    ("never there, then there, then gone", [bcma(-60, "negative"), bcma(-20, "90"), bcma(205, "negative")], LOSS, FOR),
    ("30 days before failure", [bcma(170, "negative")], LOSS, FOR),
    ("31 days before failure", [bcma(169, "negative")], LOSS, OPEN),
    ("clone shown", [bcma(169, "negative"), result(183, "marrow_clonality", "positive")], LOSS, FOR),
    ("clone shown too far off", [bcma(169, "negative"), result(184, "marrow_clonality", "positive")], LOSS, OPEN),
    ("no clone", [bcma(169, "negative"), result(169, "marrow_clonality", "negative")], LOSS, OPEN),
    ("5 % plasma cells", [bcma(169, "negative"), result(169, "marrow_plasma_cells", "5")], LOSS, FOR),
    ("4.9 % plasma cells", [bcma(169, "negative"), result(169, "marrow_plasma_cells", "4.9")], LOSS, OPEN),
    ("the last test counts", [bcma(190, "negative"), bcma(205, "90")], LOSS, AGAINST),
    ("on the day of the next therapy", [NEXT, bcma(250, "negative")], LOSS, FOR),
    ("after the next therapy", [NEXT, bcma(251, "negative")], LOSS, OPEN),
    ("another antigen", [result(205, "gprc5d_expression", "negative")], LOSS, OPEN),
    ("a spurious result", [{**bcma(205, "negative"), "attribution": "spurious"}], LOSS, OPEN),
    # The gene: two hits, after the therapy.
    ("biallelic loss", [gene(205, "TNFRSF17", "biallelic loss")], GENE, FOR),
    ("deletion and mutation", [gene(205, "TNFRSF17", "deletion"), gene(205, "TNFRSF17", "mutation")], GENE, FOR),
    ("one deletion", [gene(205, "TNFRSF17", "heterozygous deletion")], GENE, OPEN),
    ("second hit after", [gene(-40, "TNFRSF17", "deletion"), gene(205, "TNFRSF17", "mutation")], GENE, FOR),
    ("both hits before only", [gene(-40, "TNFRSF17", "biallelic loss")], GENE, OPEN),
    ("intact", [gene(205, "TNFRSF17", "absent")], GENE, AGAINST),
    ("another gene", [gene(205, "GPRC5D", "biallelic loss")], GENE, OPEN),
    ("one copy before", [gene(-40, "TNFRSF17", "heterozygous deletion")], "antigen_loss.one_copy_before", SHOWN),
    ("low soluble BCMA", [result(205, "sbcma", "2")], "antigen_loss.low_sbcma_at_failure", SHOWN),
    ("soluble BCMA late", [result(231, "sbcma", "2")], "antigen_loss.low_sbcma_at_failure", OPEN),
    # Soluble BCMA before the infusion: strictly above 156 ng/mL.
    ("156", [result(-6, "sbcma", "156")], "antigen_shedding.sbcma", AGAINST),
    ("156.000001", [result(-6, "sbcma", "156.000001")], "antigen_shedding.sbcma", FOR),
    (">156", [result(-6, "sbcma", ">156")], "antigen_shedding.sbcma", OPEN),
    (">157", [result(-6, "sbcma", ">157")], "antigen_shedding.sbcma", FOR),
    ("<200", [result(-6, "sbcma", "<200")], "antigen_shedding.sbcma", OPEN),
    ("after the infusion", [result(1, "sbcma", "500")], "antigen_shedding.sbcma", OPEN),
    ("90 days before", [result(-90, "sbcma", "500")], "antigen_shedding.sbcma", FOR),
    ("91 days before", [result(-91, "sbcma", "500")], "antigen_shedding.sbcma", OPEN),
    # Lymphocytes before lymphodepletion: strictly below 0.75.
    ("0.75", [result(-6, "alc", "0.75")], "t_cell_fitness.alc", AGAINST),
    ("0.749999", [result(-6, "alc", "0.749999")], "t_cell_fitness.alc", FOR),
    ("<0.75", [result(-6, "alc", "<0.75")], "t_cell_fitness.alc", FOR),
    ("750 /uL", [{**result(-6, "alc", "750"), "unit": "/uL"}], "t_cell_fitness.alc", AGAINST),
    ("42 days before", [result(-47, "alc", "0.5")], "t_cell_fitness.alc", FOR),
    ("43 days before", [result(-48, "alc", "0.5")], "t_cell_fitness.alc", OPEN),
    ("after lymphodepletion", [result(-4, "alc", "0.1")], "t_cell_fitness.alc", OPEN),
    # Alkylators.
    ("bendamustine", [VRD, given(-200, "bendamustine", -100, line=2)], "t_cell_fitness.bendamustine", FOR),
    ("no bendamustine", HISTORY, "t_cell_fitness.bendamustine", AGAINST),
    ("unreadable drug", [VRD, given(-200, "xyzumab", -100, line=2)], "t_cell_fitness.bendamustine", OPEN),
    ("nothing recorded", [], "t_cell_fitness.bendamustine", OPEN),
    ("melphalan 365 days", [*HISTORY, melphalan(365)], "t_cell_fitness.high_dose_alkylator", FOR),
    ("melphalan 366 days", [*HISTORY, melphalan(366)], "t_cell_fitness.high_dose_alkylator", AGAINST),
    ("no melphalan", HISTORY, "t_cell_fitness.high_dose_alkylator", AGAINST),
    # The lymphocyte peak of the first 15 days: at most 1.0, at most 0.5.
    ("1.0", [result(10, "alc", "1.0")], PEAK, FOR),
    ("1.000001", [result(10, "alc", "1.000001")], PEAK, AGAINST),
    ("0.5", [result(10, "alc", "0.5")], LOW_PEAK, FOR),
    ("0.500001", [result(10, "alc", "0.500001")], LOW_PEAK, AGAINST),
    ("low, the peak missed", [result(3, "alc", "0.4")], PEAK, OPEN),
    ("high, the peak missed", [result(3, "alc", "1.4")], PEAK, AGAINST),
    ("day 15", [result(15, "alc", "0.4")], PEAK, FOR),
    ("day 16", [result(16, "alc", "0.4")], PEAK, OPEN),
    ("the highest counts", [result(8, "alc", "0.4"), result(12, "alc", "2.0")], PEAK, AGAINST),
    ("transgene peak", [result(10, "car_transgene", "40000")], "poor_expansion.transgene_peak", SHOWN),
    # Persistence.
    ("gone", [result(200, "car_transgene", "<50")], "short_persistence.transgene", FOR),
    ("there", [result(200, "car_transgene", "276")], "short_persistence.transgene", AGAINST),
    ("gone on day 28", [result(28, "car_transgene", "negative")], "short_persistence.transgene", FOR),
    ("not found on day 27", [result(27, "car_transgene", "negative")], "short_persistence.transgene", OPEN),
    ("there long before", [result(169, "car_transgene", "276")], "short_persistence.transgene", OPEN),
    ("there 30 days before", [result(170, "car_transgene", "276")], "short_persistence.transgene", AGAINST),
    ("too late", [result(231, "car_transgene", "<50")], "short_persistence.transgene", OPEN),
    # Burden and inflammation.
    ("at the limit", [result(-6, "ferritin", "300", ref_high="300")], "burden.ferritin", AGAINST),
    ("above the limit", [result(-6, "ferritin", "300.1", ref_high="300")], "burden.ferritin", FOR),
    ("no limit given", [result(-6, "ferritin", "9000")], "burden.ferritin", OPEN),
    ("in mg/L", [{**result(-6, "ferritin", "0.4", ref_high="0.3"), "unit": "mg/L"}], "burden.ferritin", FOR),
    ("CRP 3", [result(-6, "crp", "3")], "burden.crp", FOR),
    ("CRP 2.999", [result(-6, "crp", "2.999")], "burden.crp", AGAINST),
    ("CRP 30 mg/L", [{**result(-6, "crp", "30"), "unit": "mg/L"}], "burden.crp", FOR),
    ("CRP of the cytokine storm", [result(3, "crp", "30")], "burden.crp", OPEN),
    ("marrow 50", [result(-6, "marrow_plasma_cells", "50")], "burden.marrow", FOR),
    ("marrow 49.9", [result(-6, "marrow_plasma_cells", "49.9")], "burden.marrow", AGAINST),
    ("marrow by flow", [result(-6, "marrow_plasma_cells", "60", method="flow cytometry")], "burden.marrow", OPEN),
    ("biopsy counts", [result(-6, "marrow_plasma_cells", v, method=m, specimen_id=m) for v, m in
                       (("60", "biopsy"), ("20", "aspirate"))], "burden.marrow", FOR),
    ("LDH at the limit", [result(-6, "ldh", "250", ref_high="250")], "burden.ldh", AGAINST),
    ("LDH above", [result(-6, "ldh", "251", ref_high="250")], "burden.ldh", FOR),
    ("del(17p)", [gene(-40, "del17p", "present")], "burden.high_risk_cytogenetics", FOR),
    ("all absent", [gene(-40, m, "absent") for m in ("del17p", "t(4;14)", "t(14;16)")], "burden.high_risk_cytogenetics",
     AGAINST),
    ("one absent", [gene(-40, "del17p", "absent")], "burden.high_risk_cytogenetics", OPEN),
    ("EASIX", [result(-6, a, v) for a, v in (("ldh", "300"), ("creatinine", "1.2"), ("platelets", "60"))],
     "burden.easix", SHOWN),
    ("EASIX without platelets", [result(-6, "ldh", "300"), result(-6, "creatinine", "1.2")], "burden.easix", OPEN),
    # Sites.
    ("liver before", [lesion(-20)], "extramedullary.before", FOR),
    ("rib mass before", [lesion(-20, "paraskeletal")], "extramedullary.before", AGAINST),
    ("no imaging before", [lesion(205)], "extramedullary.before", OPEN),
    ("site not told", [lesion(-20, None)], "extramedullary.before", OPEN),
    # Earlier BCMA therapy: months of 30.4375 days.
    ("182 days", [VRD, *belantamab(182)], SIX, FOR),
    ("183 days", [VRD, *belantamab(183)], SIX, AGAINST),
    ("183 days, the other reading", [VRD, *belantamab(183)], EIGHT, FOR),
    ("243 days", [VRD, *belantamab(243)], EIGHT, FOR),
    ("244 days", [VRD, *belantamab(244)], EIGHT, AGAINST),
    ("never", HISTORY, SIX, AGAINST),
    ("unknown history", [], SIX, OPEN),
    ("T-cell engager", [VRD, given(-300, "talquetamab", -200, line=2)], "exhaustion.recent_engager", SHOWN),
    ("no number supports exhaustion", [result(-6, "alc", "0.1")], "exhaustion.markers", OPEN),
]  # fmt: skip


def lines_before(rows):
    """The number of the infusion's line: one more than the earlier lines told."""
    earlier = [row["line"] for row in rows if row["table"] == "treatments" and row["start_date"] < 0]
    return max(earlier, default=0) + 1


def stated(cases):
    """The state of each case's finding: one engine run for all of them."""
    patients = {
        f"P{at:03}": [*infusion(line=lines_before(rows)), *failure(), *renumbered(rows)]
        for at, (_, rows, _, _) in enumerate(cases)
    }
    told = findings_of(derived(patients))
    known = {(row["pid"], row["rule"]): row for row in told.iter_rows(named=True)}
    return [known[at, f"why.{rule}"] for at, (_, _, rule, _) in enumerate(cases)]


def renumbered(rows):
    """A later therapy is the line after the infusion, whatever number that has."""
    later = lines_before(rows) + 1
    return [{**row, "line": later} if row.get("start_date", 0) > 0 else row for row in rows]


@pytest.fixture(scope="module")
def found():
    return stated(CASES)


@pytest.mark.parametrize("at", range(len(CASES)), ids=[f"{rule} {name}" for name, _, rule, _ in CASES])
def test_each_finding_on_both_sides_of_its_threshold_and_window(at, found):
    *_, expected = CASES[at]
    row = found[at]
    assert row["state"] == expected, row
    if expected != OPEN:
        assert row["value"] and row["reason"] is None
    else:
        assert row["reason"]


def test_every_finding_has_a_case_in_which_it_was_seen():
    seen = {f"why.{rule}" for _, _, rule, state in CASES if state != OPEN}
    elsewhere = {
        "why.t_cell_fitness.washout",
        "why.extramedullary.at_failure",
        "why.heterogeneity.mixed_response",
        "why.heterogeneity.lesions_apart",
        "why.heterogeneity.light_chain_escape",
        "why.exhaustion.markers",  # no number can show it
    }
    assert set(findings()) == seen | elsewhere


def told(rows, rule, product="cilta-cel", failed=True):
    events = failure() if failed else []
    every = findings_of(derived({"P": [*infusion(product, line=lines_before(rows)), *events, *rows]}))
    return every.row(by_predicate=pl.col("rule") == f"why.{rule}", named=True)


def test_the_antigen_of_a_gprc5d_product_is_gprc5d():
    lost = [result(205, "gprc5d_expression", "negative"), gene(205, "GPRC5D", "biallelic loss")]
    assert told(lost, LOSS, "arlo-cel")["state"] == FOR
    assert told(lost, GENE, "arlo-cel")["state"] == FOR
    assert told([bcma(205, "negative")], LOSS, "arlo-cel")["state"] == OPEN
    assert told([result(-6, "sbcma", "900")], "antigen_shedding.sbcma", "arlo-cel")["state"] == OPEN
    assert told([VRD, *belantamab(10)], SIX, "arlo-cel")["state"] == OPEN


def test_a_product_that_is_not_named_has_no_antigen():
    row = told([bcma(205, "negative")], LOSS, "CAR-T")
    assert (row["state"], row["reason"]) == (OPEN, "the product's target is not known")


def test_without_a_day_of_lymphodepletion_only_a_count_before_its_usual_day_tells_of_the_t_cells():
    def state(day, analyte, value, rule):
        rows = [*infusion(lymphodepletion=False, line=1), result(day, analyte, value)]
        return findings_of(derived({"P": rows})).row(by_predicate=pl.col("rule") == rule, named=True)

    assert state(-5, "alc", "0.2", "why.t_cell_fitness.alc")["state"] == FOR
    assert state(-4, "alc", "0.2", "why.t_cell_fitness.alc")["state"] == OPEN
    crp = state(-1, "crp", "4", "why.burden.crp")
    assert crp["state"] == FOR and "perhaps after it" in crp["value"]


def spike(day, grams):
    return [result(day, "serum_m", grams), result(day, "urine_m_24h", "0")]


def chains(day, kappa):
    return [result(day, "kappa_flc", kappa), result(day, "lambda_flc", "10")]


def state_of(rows, rule):
    told = findings_of(derived({"P": [*infusion(line=1), *rows]}, heavy_chain="IgG", light_chain="kappa"))
    return told.row(by_predicate=pl.col("rule") == f"why.{rule}", named=True)["state"]


@pytest.mark.parametrize(
    ("grams", "longest", "expected"),
    [("1.5", 40, FOR), ("1.6", 40, AGAINST), ("1.5", 25, OPEN), ("3.9", 40, AGAINST)],
    ids=["down by half", "not quite half", "no lesion grew", "both grew"],
)
def test_a_lesion_that_grows_while_the_protein_is_down_by_half_is_a_mixed_response(grams, longest, expected):
    rows = [*spike(-10, "3.0"), lesion(-10, longest=25), *spike(100, grams), lesion(100, longest=longest)]
    assert state_of(rows, "heterogeneity.mixed_response") == expected


@pytest.mark.parametrize(
    ("other", "expected"), [(15, FOR), (16, AGAINST), (None, OPEN)], ids=["half", "not quite", "not measured"]
)
def test_lesions_go_apart_if_one_grows_while_another_halves(other, expected):
    before = [lesion(-10, longest=25), lesion(-10, longest=30, lesion_id="L2")]
    now = [lesion(100, longest=40), lesion(100, longest=other, lesion_id="L2")]
    rows = [*spike(-10, "3.0"), *before, *spike(100, "1.0"), *now]
    assert state_of(rows, "heterogeneity.lesions_apart") == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([lesion(205)], FOR),
        ([lesion(205, "cns")], FOR),
        ([lesion(205, "paraskeletal")], AGAINST),
        ([lesion(205, "bone", None)], AGAINST),
        ([lesion(205, longest=None, finding="resolved")], AGAINST),
        ([lesion(205, None)], OPEN),
        ([lesion(170)], FOR),
        ([lesion(169)], OPEN),
        ([lesion(230)], FOR),
        ([lesion(231)], OPEN),
        ([lesion(225), given(224, "teclistamab", line=2)], OPEN),
        ([], OPEN),
    ],
    ids=["liver", "cns", "touches bone", "bone", "gone", "site not told", "30 days before", "31 days before",
         "30 days after", "31 days after", "after the next therapy", "not imaged"],
)  # fmt: skip
def test_extraosseous_disease_is_looked_for_around_the_failure(rows, expected):
    old = [lesion(-10)] if rows else []
    relapse = [*spike(-10, "3.0"), *spike(60, "0.5"), *spike(90, "0.5"), *spike(200, "3.0"), *spike(214, "3.2")]
    assert state_of([*relapse, *old, *rows], "extramedullary.at_failure") == expected


def test_light_chains_escape_only_where_the_spike_does_not_follow():
    start = [*spike(-10, "3.0"), *chains(-10, "50"), *spike(60, "0.5"), *chains(60, "20")]
    rise = [*spike(120, "0.5"), *chains(120, "400")]
    assert state_of([*start, *rise], "heterogeneity.light_chain_escape") == FOR
    assert state_of(start, "heterogeneity.light_chain_escape") == AGAINST
    followed = [*spike(150, "2.0"), *chains(150, "900")]
    assert state_of([*start, *rise, *followed], "heterogeneity.light_chain_escape") == AGAINST
    assert state_of(spike(-10, "3.0"), "heterogeneity.light_chain_escape") == OPEN


def test_a_drug_in_the_two_weeks_before_apheresis_is_shown_and_never_judged():
    near = told([VRD, given(-100, "pomalidomide", -53, line=2)], "t_cell_fitness.washout")
    assert near["state"] == SHOWN and "13 days before apheresis" in near["value"]
    far = told([VRD, given(-100, "pomalidomide", -54, line=2)], "t_cell_fitness.washout")
    assert far["state"] == SHOWN and far["value"].startswith("no other drug")


def test_each_infusion_has_its_own_specimens():
    again = [given(400, "cilta-cel", 400, "infusion", 2), given(395, "fludarabine", 397, "lymphodepletion", 2)]
    tested = [result(-6, "alc", "2"), result(390, "alc", "0.2"), bcma(205, "90"), bcma(405, "negative")]
    rows = [*infusion(line=1), *failure(), *again, *tested]
    told_ = findings_of(derived({"P": rows}))
    assert told_.group_by("gid").len()["len"].to_list() == [len(findings())] * 2
    alc = told_.filter(pl.col("rule") == "why.t_cell_fitness.alc").sort("gid")["state"].to_list()
    assert alc == [AGAINST, FOR]
    lost = told_.filter(pl.col("rule") == f"why.{LOSS}").sort("gid")["value"].to_list()
    assert lost == ["BCMA 90 %", "BCMA negative"]


# ---- mechanisms -----------------------------------------------------------------------------------------------------


def answer(rows, mechanism, failed=True):
    events = failure() if failed else []
    every = why_of(derived({"P": [*infusion(line=lines_before(rows)), *events, *rows]}))
    return every.row(by_predicate=pl.col("mechanism") == mechanism, named=True)


def test_a_mechanism_is_not_supported_only_if_all_that_would_show_it_was_looked_for():
    normal = [result(-6, "crp", "1"), result(-6, "ferritin", "100", ref_high="300")]
    row = answer(normal, "burden_and_inflammation")
    assert (row["answer"], row["partly"], row["strength"]) == (OPEN, True, None)
    assert row["against"] == ["why.burden.ferritin", "why.burden.crp"]
    rest = [result(-6, "ldh", "200", ref_high="250"), result(-6, "marrow_plasma_cells", "20")]
    row = answer([*normal, *rest], "burden_and_inflammation")
    assert (row["answer"], row["partly"], row["strength"]) == ("not_supported", False, "moderate")
    assert "why.burden.high_risk_cytogenetics" in row["not_tested"]


def test_bcma_kept_on_the_cells_at_relapse_is_enough_against_its_loss_and_an_intact_gene_is_not():
    assert answer([bcma(205, "90")], "antigen_loss")["answer"] == "not_supported"
    row = answer([gene(205, "TNFRSF17", "absent")], "antigen_loss")
    assert (row["answer"], row["partly"]) == (OPEN, True)


def test_one_strong_finding_carries_its_mechanism_whatever_speaks_against():
    row = answer([bcma(205, "90"), gene(205, "TNFRSF17", "biallelic loss")], "antigen_loss")
    assert (row["answer"], row["strength"]) == ("supported", "strong")
    assert (row["for"], row["against"]) == (["why.antigen_loss.gene"], ["why.antigen_loss.expression"])


def test_several_mechanisms_hold_at_once():
    rows = [result(-6, "alc", "0.3"), result(10, "alc", "0.4"), lesion(-20), bcma(205, "negative")]
    every = why_of(derived({"P": [*infusion(line=1), *failure(), *rows]}))
    supported = every.filter(pl.col("answer") == "supported")["mechanism"].to_list()
    assert supported == ["antigen_loss", "t_cell_fitness", "poor_expansion", "extramedullary_sanctuary"]


def test_studies_that_disagree_are_shown_as_a_conflict_with_both_sides():
    row = answer([result(10, "alc", "0.4")], "poor_expansion")
    assert row["conflict"]
    (told_,) = row["conflicts"]
    assert "n=156" in told_ and "n=54" in told_
    assert not answer([], "poor_expansion")["conflict"]  # nothing rests on the disputed studies
    assert "cilta-cel" in answer([result(200, "car_transgene", "<50")], "short_persistence")["conflicts"][0]


def test_an_infusion_that_has_not_failed_shows_what_was_there_before_and_asks_nothing_of_a_failure():
    rows = [result(-6, "alc", "0.3"), result(200, "car_transgene", "<50")]
    assert answer(rows, "t_cell_fitness", failed=False)["answer"] == "supported"
    row = answer(rows, "short_persistence", failed=False)
    assert (row["answer"], row["failed"], row["failure_day"]) == (OPEN, False, None)


def test_the_thresholds_shown_are_those_of_the_rules_that_judge():
    """Expansion is judged in `safety`, the interval to earlier therapy in `course`: the numbers shown are theirs."""
    peak = published("delayed-neurotoxicity")
    shown = {rule: {name: v.number for name, v in f.values.items()} for rule, f in findings().items()}
    assert shown["why.poor_expansion.alc_max"]["level"] == peak.value("late.expansion.good", "level")
    assert shown["why.poor_expansion.alc_max_very_low"]["level"] == peak.value("late.expansion.very_poor", "level")
    months = {v.number for v in published("rajkumar-2011").rule("earlier_target.interval").values.values()}
    # "Less than n months" in whole days: the first day that is no longer less.
    days = {math.ceil(n * Fraction("30.4375")) for n in months}
    assert days == {shown[f"why.{rule}"]["interval"] for rule in (SIX, EIGHT)}


# ---- published figures ----------------------------------------------------------------------------------------------


def test_prevalence_is_never_mixed_across_therapies_antigens_or_times():
    bcma_shares = {(p.when, p.share) for p in published_for("antigen_loss", "BCMA") if p.share}
    assert bcma_shares == {
        ("at relapse", "1/16 (6.2 %)"),
        ("at relapse", "3/71 (4.2 %)"),
        ("before therapy", "37/168 (22 %)"),
        ("before therapy", "9/135 (6.7 %)"),
    }
    assert [p.share for p in published_for("antigen_loss", "GPRC5D")] == ["8/10 (80 %)"]
    assert published_for("antigen_loss", None) == ()
    for mechanism in mechanisms():
        for target in ("BCMA", "GPRC5D"):
            assert {p.target for p in published_for(mechanism, target)} <= {target}
            assert not any("bispecific" in p.therapy for p in published_for(mechanism, target))


def test_what_was_recalled_and_not_read_says_so():
    memory = {p.says: p.checked for p in mechanisms()["antigen_loss"].published}
    assert all(check == "memory" for says, check in memory.items() if "KarMMa" in says or "extracellular" in says)


def test_a_share_without_its_context_is_refused():
    told_ = {
        "id": "x",
        "order": 1,
        "title": "x",
        "says": "x",
        "findings": {},
        "not_supported_needs": [],
        "conflicts": [],
    }
    share = {"says": "6 %", "events": 1, "n": 16, "source": "karmma-2021", "where": "x", "checked": "memory"}
    with pytest.raises(KnowledgeError, match="lacks its therapy, target or time"):
        read_mechanism({**told_, "published": [{**share, "context": {"therapy": "car_t", "target": "BCMA"}}]}, "x.yaml")


# ---- the tests that would tell --------------------------------------------------------------------------------------


def asked(rows, product="cilta-cel", **facts):
    return telling_tests_of(derived({"P": [*infusion(product, line=lines_before(rows)), *failure(), *rows]}, **facts))


def test_what_decides_an_option_comes_first_and_the_cheaper_before_the_dearer():
    told_ = asked([])
    assert told_["order"].to_list() == list(range(1, told_.height + 1))
    changes = [("decides", "informs", "explains").index(c) for c in told_["changes"]]
    assert changes == sorted(changes)
    cost = ("records", "blood", "imaging", "marrow")
    for level in set(changes):
        costs = [cost.index(c) for c, change in zip(told_["cost"], changes, strict=True) if change == level]
        assert costs == sorted(costs)
    assert told_["test"].to_list()[:2] == ["antigen_on_plasma_cells", "target_gene"]


def test_the_page_of_an_untested_failure_says_what_an_answer_would_change():
    first = asked([]).row(0, named=True)
    assert first["title"].startswith("BCMA on the plasma cells")
    assert first["answers"][0] == (
        "BCMA negative: therapies against BCMA are marked: target absent; "
        "those against GPRC5D or FcRH5, and those without T cells, stay"
    )
    gprc5d = asked([], "arlo-cel").row(0, named=True)
    assert gprc5d["title"].startswith("GPRC5D") and "BCMA or FcRH5" in gprc5d["answers"][0]


def test_what_was_tested_is_not_asked_again():
    before, after = asked([])["test"].to_list(), asked([bcma(205, "90")])["test"].to_list()
    assert "antigen_on_plasma_cells" in before and "antigen_on_plasma_cells" not in after
    assert "soluble_bcma" not in asked([], "arlo-cel")["test"].to_list()


@pytest.mark.parametrize(
    "rows", [[bcma(205, "20")], [bcma(-20, "negative"), bcma(205, "negative")]], ids=["part", "never"]
)
def test_an_antigen_that_was_tested_but_decides_nothing_about_a_loss_is_not_asked_again(rows):
    assert told(rows, LOSS)["state"] == OPEN
    assert "antigen_on_plasma_cells" not in asked(rows)["test"].to_list()


def test_where_the_cells_carry_the_target_its_gene_no_longer_decides():
    def changes(rows):
        return asked(rows).row(by_predicate=pl.col("test") == "target_gene", named=True)["changes"]

    assert changes([]) == "decides"
    assert changes([bcma(205, "90")]) == "informs"


def test_imaging_that_was_done_is_not_asked_again_for_the_sake_of_lesions_that_are_not_there():
    relapse = [*spike(-10, "3.0"), *spike(60, "0.5"), *spike(90, "0.5"), *spike(200, "3.0"), *spike(214, "3.2")]

    def tests_of(rows):
        facts = {"heavy_chain": "IgG", "light_chain": "kappa"}
        return telling_tests_of(derived({"P": [*infusion(line=1), *relapse, *rows]}, **facts))["test"].to_list()

    assert "imaging_now" in tests_of([])
    assert "imaging_now" not in tests_of([lesion(205, "bone", None)])


def test_of_an_unknown_product_its_name_is_asked_first():
    told_ = asked([], "CAR-T")
    assert told_["test"][0] == "product"
    assert "antigen_on_plasma_cells" not in told_["test"].to_list()


def test_of_the_dead_only_records_are_asked():
    assert set(asked([], death_date="300", death_cause="myeloma")["cost"]) == {"records"}


def test_nothing_is_asked_of_an_infusion_that_has_not_failed():
    assert telling_tests_of(derived({"P": infusion(line=1)})).is_empty()


def test_every_test_in_the_list_tells_some_finding_or_is_asked_of_all():
    used = {f.test for f in findings().values()} | {"product", "lymphocytes_now", "other_targets"}
    assert used == set(telling_tests())


def test_every_asked_test_names_its_cost_and_answers():
    told_ = asked([])
    assert told_.null_count().sum_horizontal().item() == 0
    assert (told_["answers"].list.len() > 0).all()
