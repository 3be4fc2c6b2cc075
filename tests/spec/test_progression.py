"""Progression, limb by limb: both sides of each threshold, and what is unknown stays unknown."""

from __future__ import annotations

import polars as pl
import pytest
from flowsheets import answers, flowsheet

from mspike.knowledge.criteria import criteria
from mspike.response import progression
from mspike.response.settings import settings_of

IMWG = criteria("imwg-2016")
SETTINGS = settings_of(IMWG)

SERUM = {"by_serum": True, "by_urine": False, "is_qiga": False, "flc_measurable": False}
LIGHT_CHAIN = {"by_serum": False, "by_urine": False, "is_qiga": False, "flc_measurable": True}
NOTHING_BUT_MARROW = {"by_serum": False, "by_urine": False, "is_qiga": False, "flc_measurable": False}


def test_serum_m_protein_needs_both_a_quarter_and_half_a_gram() -> None:
    sheet = flowsheet(
        """
        | serum_m_nadir | serum_m | expected |
        |---------------|---------|----------|
        | 0             | 0.49    | false    |
        | 0             | 0.5     | true     |
        | 0.2           | 0.7     | true     |
        | 1.8           | 2.3     | true     |
        | 2.0           | 2.5     | true     |
        | 2.01          | 2.51    | false    |
        | 3.0           | 3.5     | false    |
        | 3.0           | 3.75    | true     |
        | 4.9           | 5.9     | false    |
        | 4.9           | 6.125   | true     |
        | 4.99          | 5.99    | false    |
        | 5.0           | 5.99    | false    |
        | 5.0           | 6.0     | true     |
        | 6.0           | 7.0     | true     |
        | 2.0           |         |          |
        |               | 2.0     |          |
        """,
        **SERUM,
    )
    assert answers(sheet, progression.serum_m(IMWG, SETTINGS)) == sheet["expected"].to_list()


def test_a_nadir_below_quantification_decides_only_if_every_value_in_it_would() -> None:
    sheet = flowsheet(
        """
        | serum_m_nadir | serum_m | expected |
        |---------------|---------|----------|
        | <0.1          | 0.6     | true     |
        | <0.1          | 0.55    |          |
        | <0.1          | 0.49    | false    |
        | 0.2           | >0.7    | true     |
        | 0.2           | >0.5    |          |
        | 3.0           | <0.1    | false    |
        """,
        **SERUM,
    )
    assert answers(sheet, progression.serum_m(IMWG, SETTINGS)) == sheet["expected"].to_list()


def test_urine_m_protein_needs_a_quarter_and_200_mg() -> None:
    sheet = flowsheet(
        """
        | urine_m_24h_nadir | urine_m_24h | expected |
        |-------------------|-------------|----------|
        | 0                 | 199         | false    |
        | 0                 | 200         | true     |
        | 800               | 1000        | true     |
        | 801               | 1001        | false    |
        | 1000              | 1249        | false    |
        | 1000              | 1250        | true     |
        | 1000              |             |          |
        """,
        **SERUM,
    )
    assert answers(sheet, progression.urine_m(IMWG, SETTINGS)) == sheet["expected"].to_list()


def test_the_light_chain_rise_must_exceed_100_mg_per_litre() -> None:
    sheet = flowsheet(
        """
        | dflc_nadir | dflc  | expected |
        |------------|-------|----------|
        | 20         | 120   | false    |
        | 20         | 120.1 | true     |
        | 400        | 500   | false    |
        | 400.4      | 500.5 | true     |
        | 400.5      | 500.6 | false    |
        | 404        | 505   | true     |
        | 404.1      | 505.1 | false    |
        | 20         |       |          |
        """,
        **LIGHT_CHAIN,
    )
    assert answers(sheet, progression.dflc(IMWG, SETTINGS)) == sheet["expected"].to_list()


def test_light_chains_are_no_limb_where_serum_or_urine_is_measurable() -> None:
    sheet = flowsheet("| dflc_nadir | dflc |\n|---|---|\n| 20 | 900 |\n| 20 | |", **SERUM)
    assert answers(sheet, progression.dflc(IMWG, SETTINGS)) == [False, False]


@pytest.mark.parametrize(("reading", "nine_points", "ten_percent"), [("increase", False, False), ("level", True, True)])
def test_marrow_counts_as_increase_or_by_the_older_reading_as_level(
    reading: str, nine_points: bool, ten_percent: bool
) -> None:
    sheet = flowsheet(
        """
        | marrow_plasma_cells_nadir | marrow_plasma_cells |
        |---------------------------|---------------------|
        | 2                         | 11                  |
        | 2                         | 12                  |
        | 2                         | 9.9                 |
        | 8                         | 10                  |
        | 9                         | 10                  |
        """,
        **NOTHING_BUT_MARROW,
    )
    settings = settings_of(IMWG, {"marrow_pd": reading})
    got = answers(sheet, progression.marrow(IMWG, settings))
    assert got == [nine_points, True, False, ten_percent, False]


def test_circulating_plasma_cells_need_half_more_and_200_per_microlitre() -> None:
    sheet = flowsheet(
        """
        | circulating_plasma_cells_nadir | circulating_plasma_cells | expected |
        |--------------------------------|--------------------------|----------|
        | 100                            | 199                      | false    |
        | 100                            | 200                      | true     |
        | 200                            | 299                      | false    |
        | 200                            | 300                      | true     |
        """,
        **NOTHING_BUT_MARROW,
        by_dflc=False,
        by_marrow=False,
        by_lesion=False,
    )
    assert answers(sheet, progression.circulating_plasma_cells(IMWG, SETTINGS)) == sheet["expected"].to_list()


def test_quantitative_iga_has_no_shortcut_from_a_high_nadir() -> None:
    sheet = flowsheet(
        """
        | serum_m_nadir | serum_m | expected |
        |---------------|---------|----------|
        | 800           | 1299    | false    |
        | 800           | 1300    | true     |
        | 4000          | 4900    | false    |
        | 4000          | 5000    | true     |
        """,
        **SERUM | {"is_qiga": True},
    )
    assert answers(sheet, progression.qiga(IMWG, SETTINGS)) == sheet["expected"].to_list()
    assert answers(sheet, progression.serum_m(IMWG, SETTINGS)) == [False] * 4


def test_calcium_is_progression_only_where_the_setting_says_so_and_corrected_for_albumin() -> None:
    sheet = flowsheet(
        """
        | calcium | albumin | expected |
        |---------|---------|----------|
        | 11.5    | 4.0     | false    |
        | 11.6    | 4.0     | true     |
        | 11.0    | 3.0     | true     |
        | 11.6    | 4.5     | false    |
        | 11.6    |         | true     |
        |         | 4.0     |          |
        """,
    ).with_columns(calcium_by=pl.lit(None, pl.String))
    counted = settings_of(IMWG, {"hypercalcaemia_pd": "true"})
    assert answers(sheet, progression.calcium(IMWG, counted)) == sheet["expected"].to_list()
    assert answers(sheet, progression.calcium(IMWG, SETTINGS)) == [False] * 6


def test_calcium_that_a_clinician_attributed_to_something_else_is_no_progression() -> None:
    sheet = flowsheet("| calcium | albumin |\n|---|---|\n| 13 | 4 |").with_columns(calcium_by=pl.lit("other"))
    counted = settings_of(IMWG, {"hypercalcaemia_pd": "true"})
    assert answers(sheet, progression.calcium(IMWG, counted)) == [False]
