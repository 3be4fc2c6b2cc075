"""The mistakes of the documents that the project set out from are all recorded, and the right facts stand up."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import comb

import pytest

from mspike.knowledge.evidence import Erratum, errata, evidence
from mspike.knowledge.therapies import lists
from mspike.knowledge.therapies.salvage import therapies

# How many mistakes the clinical rules list for each document (section 8).
LISTED = {"000": 2, "001": 3, "002": 7, "003": 1, "004": 11}


@pytest.fixture(scope="module")
def told() -> dict[str, Erratum]:
    return errata()


def test_every_mistake_that_the_clinical_rules_list_is_recorded(told):
    assert Counter(one.seed for one in told.values()) == LISTED


def test_a_right_fact_is_no_repetition_of_the_mistake(told):
    assert [one.id for one in told.values() if one.says == one.right] == []


def test_what_an_erratum_concerns_exists(told):
    known = {*evidence(), *therapies(), *lists.agents()}
    assert sorted({name for one in told.values() for name in one.concerns} - known) == []


def test_the_lost_decimal_point_is_the_exact_interval_of_8_of_13():
    """Clopper-Pearson by its definition: at each bound the tail with 8 responders or beyond holds 2.5 %."""

    def at_least(p: float) -> float:
        return sum(comb(13, k) * p**k * (1 - p) ** (13 - k) for k in range(8, 14))

    def at_most(p: float) -> float:
        return sum(comb(13, k) * p**k * (1 - p) ** (13 - k) for k in range(9))

    assert at_least(0.3155) < 0.025 < at_least(0.3165)
    assert at_most(0.8615) < 0.025 < at_most(0.8605)


def test_the_counts_of_the_registry_give_the_percentages_that_the_erratum_names():
    share = {name: float(round(Fraction(100 * a, b), 1)) for name, a, b in (("all", 162, 603), ("of", 162, 421))}
    assert share == {"all": 26.9, "of": 38.5}
    assert round(100 * 421 / 603, 1) == 69.8


def test_the_counts_of_cart_ddbcma_add_up_to_the_patients_of_the_congress():
    assert 22 + 7 + 2 == 31
    assert (round(100 * 22 / 31), round(100 * 29 / 31)) == (71, 94)


def test_the_superseded_cut_of_cilta_cel_in_practice_points_at_the_published_one():
    early = evidence()["hansen-2023-cilta-cel"]
    assert early.superseded_by == "sidana-2025-cilta-cel"
    assert (early.orr.percent, evidence()["sidana-2025-cilta-cel"].orr.percent) == (80, 89)


def test_an_agent_binds_what_the_erratum_says():
    agents = lists.agents()
    assert (agents["teclistamab"].target, agents["elranatamab"].target) == ("BCMA", "BCMA")
    assert agents["talquetamab"].target == "GPRC5D"
    assert agents["tocilizumab"].target == "IL-6R"
    assert agents["siltuximab"].target == "IL-6"


# ---- the registration trials: what a pooled estimate and a table must not take twice


PIVOTAL = tuple(f"PV{number:03d}" for number in range(1, 61))


def test_every_row_of_the_table_of_registration_trials_is_a_record():
    assert sorted({row for one in evidence().values() for row in one.ours if row.startswith("PV")}) == sorted(PIVOTAL)


def test_a_newer_cut_replaces_only_what_it_tells_itself():
    """A superseded record of a registration trial holds no response rate that its successor lacks."""
    for one in evidence().values():
        if one.superseded_by and any(row.startswith("PV") for row in one.ours) and one.orr:
            assert evidence()[one.superseded_by].orr, one.id


def test_the_response_of_cartitude_1_is_current_and_its_older_medians_are_not():
    assert evidence()["cartitude-1-2023"].superseded_by is None
    assert "pfs_months" not in evidence()["cartitude-1-2023"].outcomes
    assert evidence()["cartitude-1-2023-medians"].superseded_by == "cartitude-1-close-out-2023"
    assert evidence()["cartitude-1-close-out-2023"].median("pfs_months").median == 34.9


def test_registration_trials_are_not_told_to_be_after_car_t():
    wrong = [one.id for one in evidence().values() if one.ours[:1] in ((row,) for row in PIVOTAL)]
    assert {evidence()[name].after_car_t for name in wrong} == {"no", "partly"}
