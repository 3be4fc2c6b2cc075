"""What came after failure: classes, days, and the hazard before and since, without immortal time. SYNTHETIC."""

from __future__ import annotations

import polars as pl
import pytest
from literal_cohort import Row, failed, gathered, patient

from mspike.study.parts import Section
from mspike.study.plan import plan_of
from mspike.study.salvages import salvages


def table(section: Section, name: str) -> pl.DataFrame:
    return next(table.frame for table in section.tables if table.name == name)


def treated(number: int, begun: int | None, lived: int, died: bool, kind: str = "bispecific") -> Row:
    told = {"first_salvage_day": begun, "first_salvage_class": kind, "salvage_relation": "other_target"}
    return failed(number, lived, died, **told)


ROWS = [failed(1, 20, True), failed(2, 100, False), treated(3, 30, 90, True), treated(4, 10, 60, True),
        treated(5, 40, 200, False)]  # fmt: skip


def test_classes_and_days_with_none_recorded_apart():
    section = salvages(gathered(ROWS), plan_of())
    classes = dict(table(section, "salvage_classes").select("first_salvage_class", "n").iter_rows())
    assert classes == {"bispecific": 3, "none": 2}
    start = table(section, "salvage_start").row(0, named=True)
    assert (start["n"], start["with_a_day"], start["median_days"]) == (3, 3, 30)


def test_days_before_a_therapy_count_as_without_it():
    """Days without: 20 + 100 + 30 + 10 + 40 = 200; with: 60 + 50 + 160 = 270. Deaths: one without, two with.

    By hand: at the death of day 20 patient 4 has begun and 1, 2, 3, 5 have not; at 60 and 90 patient 2 has not, while
    3, 4, 5 and then 3, 5 have. The slope 2 - h / (h + 4) - 3 h / (3 h + 1) - 2 h / (2 h + 1) is zero at the estimate.
    """
    rows = table(salvages(gathered(ROWS), plan_of()), "salvage_hazards").filter(exposure_by="Any therapy")
    none, begun = rows.filter(exposure="none yet").row(0, named=True), rows.filter(exposure="begun").row(0, named=True)
    assert (none["patient_years"], begun["patient_years"]) == pytest.approx((200 / 365.25, 270 / 365.25))
    assert (none["deaths"], begun["deaths"]) == (1, 2)
    h = begun["hazard_ratio"]
    assert 2 - h / (h + 4) - 3 * h / (3 * h + 1) - 2 * h / (2 * h + 1) == pytest.approx(0, abs=1e-5)


def test_ever_against_never_would_say_otherwise_and_is_nowhere():
    """Of those ever treated the first dies on day 60, of the others on day 20: their lead is time they had to live."""
    section = salvages(gathered(ROWS), plan_of())
    assert "none yet" in table(section, "salvage_hazards")["exposure"].to_list()
    assert {"never", "ever"}.isdisjoint(table(section, "salvage_hazards")["exposure"].to_list())
    curves = table(section, "salvage_curves_at_ticks")
    assert curves.filter(group="begun", days=0)["at_risk"].item() == 0  # nobody has begun on day 0


def test_therapies_without_a_day_are_not_taken_for_none():
    """One in ten may lack a day, and is left out; with more, nothing is compared."""
    undated = treated(6, None, 150, True)
    refused = salvages(gathered([*ROWS, undated]), plan_of())
    assert "1 of 4 of the therapies after failure have no day" in refused.refused[0]
    assert not any(t.name == "salvage_hazards" for t in refused.tables)
    many = [treated(10 + n, 5 + n, 60 + n, n % 2 == 0) for n in range(12)]
    section = salvages(gathered([*ROWS, *many, undated]), plan_of())
    rows = table(section, "salvage_hazards").filter(exposure_by="Any therapy")
    assert rows["deaths"].sum() == 3 + 6  # not the death of the one without a day
    assert any(note.startswith("1 left out") for t in section.tables for note in t.notes)


def test_an_exposure_without_a_death_leaves_the_others_as_they_are():
    whole = salvages(gathered([*ROWS, treated(7, 15, 300, False, "adc")]), plan_of())
    rows = table(whole, "salvage_hazards").filter(exposure_by="By class of the first therapy")
    told = dict(rows.select("exposure", "estimate").iter_rows())
    assert told["adc"] == "not estimable" and any("ADC" in said for said in whole.refused)
    # Until day 15 that patient is without therapy and alive; afterwards in no risk set.
    left = salvages(gathered([*ROWS, failed(7, 15, False)]), plan_of())
    same = table(left, "salvage_hazards").filter(exposure_by="By class of the first therapy", exposure="bispecific")
    assert rows.filter(exposure="bispecific")["hazard_ratio"].item() == pytest.approx(same["hazard_ratio"].item())


def test_methods_follow_what_was_made():
    kept = salvages(gathered(many()), plan_of(min_cell=5))
    assert not kept.figures and "Simon-Makuch" not in " ".join(kept.methods)
    undated = [{**row, "first_salvage_day": None} for row in ROWS]
    refused = salvages(gathered(undated), plan_of())
    assert refused.refused and "Cox" not in " ".join(refused.methods) and refused.references == ()
    whole = salvages(gathered(ROWS), plan_of())
    assert "Cox" in " ".join(whole.methods) and "Simon-Makuch" in " ".join(whole.methods)


def test_two_deaths_are_no_finding():
    assert not any("hazard of death" in said for said in salvages(gathered(ROWS), plan_of()).says)


def test_the_flows_add_up():
    flows = table(salvages(gathered([*ROWS, patient(8)]), plan_of()), "sequence_flows")
    for _, part in flows.group_by("from_stage", "from_name"):
        assert part["n"].sum() == part["from_n"][0]
    assert flows.filter(from_stage="product")["n"].sum() == 6


def many() -> list[Row]:
    rows = [treated(n, 5 + n, 60 + 5 * n, n % 2 == 0) for n in range(20)]
    rows += [treated(30 + n, 5 + n, 60 + 5 * n, n % 2 == 0, "adc") for n in range(3)]
    rows += [treated(40 + n, 5 + n, 60 + 5 * n, n % 2 == 0, "pi") for n in range(7)]
    return [*rows, *(failed(50 + n, 30 + n, n % 2 == 0) for n in range(12)), *(patient(70 + n) for n in range(10))]


def test_small_therapies_are_kept_back_everywhere():
    section = salvages(gathered(many()), plan_of(min_cell=5))
    assert not section.figures and any("not drawn" in said for said in section.refused)
    classes = dict(table(section, "salvage_classes").select("first_salvage_class", "n").iter_rows())
    assert classes == {"bispecific": "20", "adc": "*", "pi": "*", "none": "12"}
    hazards = table(section, "salvage_hazards").filter(pl.col("exposure") == "adc")
    assert hazards.select("patients", "patient_years", "deaths", "hazard_ratio").null_count().row(0) == (1, 1, 1, 1)
    for one in section.tables:
        for column in ("n", "with_a_day"):
            if column in one.frame.columns:
                told = [int(text) for text in one.frame[column].cast(pl.String).drop_nulls() if text.isdigit()]
                assert all(n == 0 or n >= 5 for n in told), one.name
    assert "ADC" not in table(section, "sequence_flows")["to_name"].drop_nulls().to_list()


@pytest.mark.parametrize(
    "rows", [[], [patient(1)], [failed(1, 10, True)], [failed(1, 10, True, first_salvage_class=None)]]
)
@pytest.mark.parametrize("min_cell", [0, 5])
def test_few_or_nobody_is_said(rows: list[Row], min_cell: int):
    assert salvages(gathered(rows), plan_of(min_cell=min_cell)).says
