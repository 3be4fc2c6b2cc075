"""Subgroups: hazard ratios of each stratum alone, what is not estimated, and what must not be told. SYNTHETIC."""

from __future__ import annotations

import math

import polars as pl
import pytest
from literal_cohort import Row, gathered, patient

from mspike.cohort.outcomes import time_points
from mspike.cohort.strata import STRATA
from mspike.cohort.times import Unstable
from mspike.study.contrasts import KEPT_BACK, NOT_COMPARED, NOT_ESTIMABLE, REFERENCE, contrast, reference_of, refusal
from mspike.study.plan import plan_of
from mspike.study.subgroups import subgroups


def followed(number: int, days: int, event: bool, **told: object) -> Row:
    return patient(number, pfs_days=days, pfs_event=event, os_days=days, os_event=event, **told)


def six() -> list[Row]:
    """Events of men on days 1, 3, 6; of women on 2, 4 and 5."""
    times = [(1, "male"), (2, "female"), (3, "male"), (4, "female"), (5, "female"), (6, "male")]
    return [followed(number, days, True, sex=sex) for number, (days, sex) in enumerate(times)]


def rows_of(section, name: str) -> pl.DataFrame:
    return next(table.frame for table in section.tables if table.name == name)


def test_the_hazard_ratio_is_where_the_slope_of_the_partial_likelihood_is_zero():
    """By hand: the slope for men is 3 - sum of m h / (m h + w) over the six risk sets (m men, w women)."""
    found = contrast(time_points(gathered(six()).cohort, "infusion", "pfs"), STRATA["sex"], plan_of())
    men, women = (
        found.rows.filter(level="male").row(0, named=True),
        found.rows.filter(level="female").row(0, named=True),
    )
    assert women["told"] == REFERENCE and women["hazard_ratio"] is None
    h = men["hazard_ratio"]
    at_risk = [(3, 3), (2, 3), (2, 2), (1, 2), (1, 1), (1, 0)]
    assert 3 - sum(m * h / (m * h + w) for m, w in at_risk) == pytest.approx(0, abs=1e-6)
    information = sum(m * h * w / (m * h + w) ** 2 for m, w in at_risk)
    assert math.log(men["high"] / men["low"]) / 2 == pytest.approx(1.959964 / math.sqrt(information), rel=1e-5)
    assert (men["n"], men["events"]) == (3, 3)


def test_a_level_without_events_takes_nothing_from_the_others_and_is_said_to_have_no_estimate():
    extra = [followed(10 + number, 4, False, sex="other") for number in range(3)]
    alone = contrast(time_points(gathered(six()).cohort, "infusion", "pfs"), STRATA["sex"], plan_of()).rows
    found = contrast(time_points(gathered(six() + extra).cohort, "infusion", "pfs"), STRATA["sex"], plan_of())
    told = dict(found.rows.select("level", "told").iter_rows())
    assert told["other"] == NOT_ESTIMABLE and "'other' (n = 3)" in found.refused[0]
    assert found.rows.filter(level="male")["hazard_ratio"].equals(alone.filter(level="male")["hazard_ratio"])


def test_firth_keeps_the_level_without_events_and_says_so():
    extra = [followed(10 + number, 4, False, sex="other") for number in range(3)]
    section = subgroups(gathered(six() + extra), plan_of(penalty="firth"))
    other = rows_of(section, "subgroups_pfs").filter(level="other").row(0, named=True)
    assert 0 < other["hazard_ratio"] < 1 and other["method"] == "Cox with Firth's penalty"
    assert not section.refused and "heinze-schemper-2001" in section.references


def test_a_stratum_that_separates_is_refused_and_no_number_is_printed():
    """All women had the event before any man: no finite hazard ratio, although both levels hold events."""
    rows = [followed(n, 1 + n, True, sex="female") for n in range(5)]
    rows += [followed(5 + n, 50 + n, n == 4, sex="male") for n in range(5)]
    section = subgroups(gathered(rows), plan_of())
    frame = rows_of(section, "subgroups_pfs").filter(subgroup="Sex")
    assert frame["hazard_ratio"].null_count() == 2 and set(frame["estimate"]) == {NOT_ESTIMABLE}
    assert any(said.startswith("Progression-free survival. Sex:") for said in section.refused)


def test_the_unknown_are_a_row_and_not_compared():
    section = subgroups(gathered([*six(), followed(9, 3, True)]), plan_of())
    unknown = rows_of(section, "subgroups_pfs").filter(subgroup="Sex", level="not known").row(0, named=True)
    assert (unknown["n"], unknown["estimate"], unknown["hazard_ratio"]) == (1, NOT_COMPARED, None)


def test_one_reference_stands_on_the_whole_page_whatever_the_endpoint():
    """Women have 6 of 8 events of PFS and no death: beside them no death of a man could be told; men stand for both."""
    rows = [patient(n, sex="female", pfs_days=5 + n, pfs_event=n < 6, os_days=90, os_event=False) for n in range(8)]
    rows += [patient(10 + n, sex="male", pfs_days=6 + 2 * n, pfs_event=n < 2, os_days=50 + n, os_event=n < 5)
             for n in range(8)]  # fmt: skip
    section = subgroups(gathered(rows), plan_of())
    references = {
        name: rows_of(section, f"subgroups_{name}").filter(pl.col("reference") & (pl.col("subgroup") == "Sex"))["level"]
        for name in ("pfs", "os")
    }
    assert references["pfs"].to_list() == ["male"] and set(references["os"]) <= {"male"}
    few = plan_of()
    points = [time_points(gathered(many()).cohort, "infusion", name) for name in ("pfs", "os")]
    # Of products the commonest, of ordered strata the first that five have; the order of the endpoints is nothing.
    assert (
        reference_of(points, STRATA["product"], few) == reference_of(points[::-1], STRATA["product"], few) == "ide-cel"
    )
    assert reference_of(points, STRATA["heavy_chain"], few) == "IgG"


def test_a_refusal_names_strata_and_levels_as_they_are_printed():
    said = Unstable("extramedullary: true (vs false), best_response: PR (vs VGPR) cannot be told apart.")
    told = refusal(said, [STRATA["emd"], STRATA["response"]])
    assert told == "Extramedullary disease: yes (vs no), Best response: PR (vs VGPR) cannot be told apart."
    one = refusal(Unstable("'high_risk': none of the 5 patients with 'true' had the event."), [STRATA["risk"]])
    assert one.startswith("High-risk cytogenetics") and "with 'yes'" in one and one.count("High-risk") == 1


def test_nothing_is_claimed_where_nothing_was_estimated():
    section = subgroups(gathered([followed(n, 5, False, sex="male") for n in range(6)]), plan_of(by=["sex,product"]))
    assert section.methods == () and section.references == ()


def test_small_levels_are_put_together_so_that_the_large_ones_are_still_compared():
    """20 kappa and 18 lambda beside 3 without: lambda would be hidden to protect the 3; together they are 21."""
    chains = ["kappa"] * 20 + ["lambda"] * 18 + ["none"] * 3
    rows = [followed(n, 30 + 11 * n % 200, n % 2 == 0, light_chain=chain) for n, chain in enumerate(chains)]
    frame = rows_of(subgroups(gathered(rows), plan_of(min_cell=5)), "subgroups_pfs").filter(subgroup="Light chain")
    assert dict(frame.select("level", "n").iter_rows()) == {"kappa": 20, "lambda or none": 21}
    assert frame["hazard_ratio"].drop_nulls().len() == 1 and "§" in "".join(frame["estimate"])


def test_a_stratum_in_which_all_are_alike_leaves_the_adjusted_model_and_the_others_stay():
    section = subgroups(gathered(many()), plan_of(by=["product,sex,prior_bcma"]))
    table = next(table for table in section.tables if table.name == "subgroups_adjusted_pfs")
    assert table.frame.height == 2 and any("is not in the model" in said for said in section.refused)


def test_a_handful_of_patients_is_no_finding():
    """Three against three differ or not: no sentence may say so; the table still has the figures and warns."""
    section = subgroups(
        gathered([followed(n, 1 + n, True, sex="female" if n % 2 else "male") for n in range(6)]), plan_of()
    )
    assert not any("hazard differed" in said for said in section.says)
    assert any("intervals are wide" in note for note in section.tables[0].notes)


def many() -> list[Row]:
    rows = []
    for n in range(60):
        few = n % 3 == 0  # 20 patients with cilta-cel, of whom 3 have the event
        event = n < 9 if few else n % 2 == 0
        rows.append(followed(n, 30 + 7 * n % 200, event, product="cilta-cel" if few else "ide-cel",
                             sex="male" if n % 4 < 2 else "female", heavy_chain="IgM" if n < 3 else "IgG"))  # fmt: skip
    return rows


def test_small_counts_and_what_tells_them_are_kept_back():
    assert sum(row["pfs_event"] for row in many() if row["product"] == "cilta-cel") == 3
    section = subgroups(gathered(many()), plan_of(min_cell=5))
    frame = rows_of(section, "subgroups_pfs")
    products = frame.filter(subgroup="CAR-T product")
    assert dict(products.select("level", "events").iter_rows()) == {"cilta-cel": "*", "ide-cel": "*"}
    assert products["hazard_ratio"].null_count() == 2 and KEPT_BACK in set(products["estimate"])
    # Three patients with IgM: neither their row nor, by subtraction from all 60, the others'.
    assert frame.filter(subgroup="Heavy chain").is_empty()
    sexes = frame.filter(subgroup="Sex")
    assert sexes["hazard_ratio"].drop_nulls().len() == 1 and all(text.isdigit() for text in sexes["events"])
    page = " ".join((*section.says, *section.refused, *(n for t in section.tables for n in t.notes)))
    assert "(n = 3)" not in page and " 3 patients" not in page


def test_asked_together_strata_are_adjusted_for_each_other_and_the_incomplete_counted():
    rows = [{**row, "sex": None if n == 7 else row["sex"]} for n, row in enumerate(many())]
    section = subgroups(gathered(rows), plan_of(by=["product,sex"]))
    table = next(table for table in section.tables if table.name == "subgroups_adjusted_pfs")
    assert table.frame["hazard_ratio"].null_count() == 0 and table.frame.height == 2
    assert table.notes[0].startswith("59 patients in whom all of these are known. 1 left out")


@pytest.mark.parametrize("rows", [[], [patient(1)], [patient(1, pfs_days=5, pfs_event=True, os_days=5, os_event=True)]])
@pytest.mark.parametrize("origin", ["infusion", "failure", "apheresis"])
def test_nobody_or_one_patient_is_said(rows: list[Row], origin: str):
    section = subgroups(gathered(rows), plan_of(origin=origin))
    assert section.says and not section.figures
