"""Lines of therapy under both rule sets (rules.md 3.1; cases H05, G07). Days from the infusion, or from diagnosis."""

from __future__ import annotations

import polars as pl
import pytest

from mspike.course.lines import lines_of
from mspike.course.starts import line_disagreements, numbered_rows
from mspike.errors import WrongUsage
from mspike.record.record import Record, clean_record
from mspike.record.tables import TABLES

RAJKUMAR, CLAIMS = "rajkumar-2015", "claims"
VRD = "bortezomib + lenalidomide + dexamethasone"
DAY_ZERO = 20_000


def record(rows: list[tuple], progressions: tuple[int, ...] = (), calendar: str = "iso") -> Record:
    """One patient. A row is start, end, agent, role, and optionally line and stop_reason."""
    names = ("start_date", "end_date", "agent", "role", "line", "stop_reason")
    told = [dict(zip(names, row, strict=False)) | {"patient_id": "P1"} for row in rows]
    responses = [{"patient_id": "P1", "date": day, "response": "PD"} for day in progressions]
    raw = {"patients": [{"patient_id": "P1"}], "treatments": told, "responses": responses}
    return clean_record({name: as_text(name, given, calendar) for name, given in raw.items()}, calendar)


def as_text(name: str, rows: list[dict], calendar: str) -> pl.DataFrame:
    table = TABLES[name]
    columns = {c: pl.Series([row.get(c) for row in rows], dtype=None if rows else pl.String) for c in table.names}
    for date in table.dates:
        if calendar == "iso" and columns[date].dtype == pl.Int64:
            columns[date] = (columns[date] + DAY_ZERO).cast(pl.Int32).cast(pl.Date)
    text = {c: column.cast(pl.String) for c, column in columns.items()}
    return pl.DataFrame(text).with_row_index("row", offset=2)


def lines(rows: list[tuple], rules: str = RAJKUMAR, progressions: tuple[int, ...] = (), calendar: str = "iso") -> list:
    """The line of each row, in the order of the file."""
    told = numbered_rows(record(rows, progressions, calendar), rules)
    by_row = dict(told.drop_nulls("row").select("row", "line").iter_rows())
    return [by_row.get(at + 2) for at in range(len(rows))]


def courses(rows: list[tuple], rules: str = RAJKUMAR, calendar: str = "day") -> list[tuple]:
    """Line, kind, index day and start of the next line, by line."""
    got = lines_of(record(rows, calendar=calendar), rules)
    return got.select("line", "kind", "index_day", "next_day").rows()


INFUSION = (0, 0, "cilta-cel", "infusion")
INDUCTION = (0, 120, VRD, "induction")
TRANSPLANT = (200, 200, "melphalan", "transplant")


# ---- planned sequences ------------------------------------------------------------------------------------------


def test_induction_transplant_consolidation_and_maintenance_are_one_line():
    rows = [
        INDUCTION,
        TRANSPLANT,
        (290, 350, VRD, "induction"),
        (380, 1100, "lenalidomide", "maintenance"),
    ]
    assert lines(rows) == [1, 1, 1, 1]


@pytest.mark.parametrize(("day", "line"), [(320, 1), (321, 2)])
def test_other_drugs_called_induction_soon_after_a_transplant_are_its_consolidation(day, line):
    assert lines([INDUCTION, TRANSPLANT, (day, 380, "carfilzomib", "induction")]) == [1, 1, line]


def test_progression_after_the_transplant_makes_other_drugs_a_line():
    rows = [INDUCTION, TRANSPLANT, (300, 380, "carfilzomib", "induction")]
    assert lines(rows, progressions=(290,)) == [1, 1, 2]
    assert lines([INDUCTION, TRANSPLANT, (300, 380, "carfilzomib", "treatment")]) == [1, 1, 2]


def test_maintenance_never_starts_a_line_whatever_drug_it_is():
    rows = [INDUCTION, TRANSPLANT, (900, 1000, "ixazomib", "maintenance")]
    assert lines(rows) == [1, 1, 1]
    assert lines([(0, 30, "lenalidomide", "maintenance")]) == [None]


# ---- another regimen, and the same one again --------------------------------------------------------------------


def test_another_regimen_after_all_drugs_were_stopped_is_a_line_whatever_the_reason():
    rows = [(0, 120, VRD, "induction"), (121, 300, "daratumumab", "treatment"), (400, 500, "carfilzomib", "treatment")]
    assert lines(rows) == [1, 2, 3]


def test_the_same_regimen_again_with_nothing_between_is_the_same_line():
    rows = [(0, 120, VRD, "induction"), (800, 900, VRD, "treatment")]
    assert lines(rows) == [1, 1]
    assert lines(rows, CLAIMS) == [1, 2]


def test_the_same_regimen_after_another_one_is_a_line():
    rows = [(0, 120, VRD, "induction"), (200, 300, "daratumumab", "treatment"), (400, 500, VRD, "treatment")]
    assert lines(rows) == [1, 2, 3]
    assert lines(rows, CLAIMS) == [1, 2, 3]


def test_stopping_some_of_the_drugs_is_no_line():
    rows = [(0, 120, "bortezomib", "induction"), (0, 700, "lenalidomide", "induction")]
    assert lines(rows) == [1, 1]
    assert lines([(0, 120, VRD, "induction"), (121, 700, "lenalidomide", "treatment")]) == [1, 1]


@pytest.mark.parametrize(("day", "line"), [(210, 1), (211, 2)])
def test_fewer_drugs_of_the_regimen_are_a_pause_first_and_another_regimen_later(day, line):
    assert lines([(0, 120, VRD, "induction"), (day, 700, "lenalidomide", "treatment")]) == [1, line]


def test_a_restart_is_compared_as_a_whole_though_its_drugs_have_rows_of_their_own():
    again = [(800, 900, "bortezomib", "treatment"), (810, 900, "lenalidomide", "treatment")]
    assert lines([(0, 120, VRD, "induction"), *again]) == [1, 1, 1]
    assert lines([(0, 120, VRD, "induction"), again[0], (815, 900, "lenalidomide", "treatment")]) == [1, 2, 2 + 1]


def test_the_drugs_of_planned_maintenance_again_are_the_same_line():
    rows = [INDUCTION, (150, 400, "lenalidomide", "maintenance"), (600, 900, "lenalidomide", "treatment")]
    assert lines(rows) == [1, 1, 1]


def test_where_nobody_knows_that_the_drugs_were_stopped_fewer_of_them_are_no_line():
    rows = [(0, None, VRD, "induction"), (800, 900, "lenalidomide", "treatment")]
    assert lines(rows) == [1, 1]
    assert lines(rows, CLAIMS) == [1, 1]


# ---- addition and substitution ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "line"), [(14, 1), (15, 2)])
def test_a_drug_added_after_the_first_days_is_a_line(day, line):
    assert lines([(0, None, "lenalidomide", "induction"), (day, None, "bortezomib", "induction")]) == [1, line]


@pytest.mark.parametrize(("day", "line"), [(30, 1), (31, 2)])
def test_claims_give_a_regimen_thirty_days(day, line):
    rows = [(0, 200, "lenalidomide", "induction"), (day, 200, "bortezomib", "induction")]
    assert lines(rows, CLAIMS) == [1, line]


@pytest.mark.parametrize(("day", "line"), [(209, 1), (210, 2)])
def test_claims_end_a_line_after_ninety_days_without_therapy(day, line):
    assert lines([(0, 120, VRD, "induction"), (day, 400, VRD, "treatment")], CLAIMS) == [1, line]


def test_a_corticosteroid_added_or_given_alone_is_no_line():
    rows = [
        (0, None, "lenalidomide", "induction"),
        (60, None, "dexamethasone", "treatment"),
        (90, None, "bortezomib", "treatment"),
    ]
    assert lines(rows) == [1, 1, 2]
    assert lines(rows, CLAIMS) == [1, 1, 2]
    assert lines([(0, 20, "prednisone", "treatment")]) == [None]


def test_a_corticosteroid_delays_no_gap():
    rows = [(0, 100, VRD, "induction"), (150, 160, "dexamethasone", "treatment"), (200, None, VRD, "treatment")]
    assert lines(rows, CLAIMS) == [1, 1, 2]


def test_a_drug_that_nobody_recognises_counts_as_one_of_its_own():
    rows = [(0, 50, "qxz-17", "treatment"), (100, 150, "qxz-18", "treatment"), (300, 320, "QXZ-18", "treatment")]
    assert lines(rows) == [1, 2, 2]


def test_two_therapies_without_a_name_are_two_lines():
    assert lines([(0, 50, None, "treatment"), (100, 150, None, "treatment")]) == [1, 2]


# ---- transplants ------------------------------------------------------------------------------------------------


def test_h05_planned_tandem_is_one_line_and_a_transplant_at_relapse_the_second():
    tandem = [(0, 120, VRD, "induction"), (200, 200, "melphalan", "transplant"), (290, 290, "melphalan", "transplant")]
    relapse = [*tandem[:2], (1200, 1200, "melphalan", "transplant")]
    assert lines(tandem) == [1, 1, 1]
    assert lines(relapse, progressions=(1150,)) == [1, 1, 2]
    assert lines(relapse) == [1, 1, 2]


@pytest.mark.parametrize(("day", "line"), [(383, 1), (384, 2)])
@pytest.mark.parametrize("rules", [RAJKUMAR, CLAIMS])
def test_a_second_transplant_is_tandem_within_half_a_year(day, line, rules):
    assert lines([INDUCTION, TRANSPLANT, (day, day, "melphalan", "transplant")], rules) == [1, 1, line]


@pytest.mark.parametrize(("between", "progressions"), [([], (250,)), ([(250, 280, "lenalidomide", "maintenance")], ())])
def test_progression_or_other_therapy_between_makes_the_second_transplant_a_line(between, progressions):
    rows = [INDUCTION, TRANSPLANT, *between, (290, 290, "melphalan", "transplant")]
    assert lines(rows, progressions=progressions)[-1] == 2
    assert lines(rows, CLAIMS, progressions=progressions)[-1] == 1


def test_a_transplant_labelled_tandem_is_one_whatever_the_interval():
    rows = [INDUCTION, TRANSPLANT, (500, 500, "melphalan, planned tandem", "transplant")]
    assert lines(rows) == [1, 1, 1]
    assert lines([*rows[:2], (500, 500, "melphalan, unplanned", "transplant")]) == [1, 1, 2]
    labelled = (200, 200, "melphalan", "transplant", None, "tandem")
    assert lines([INDUCTION, labelled, (500, 500, "melphalan", "transplant")]) == [1, 1, 1]


@pytest.mark.parametrize(("day", "line"), [(365, 1), (366, 2)])
@pytest.mark.parametrize("rules", [RAJKUMAR, CLAIMS])
def test_the_first_transplant_belongs_to_the_sequence_for_a_year(day, line, rules):
    assert lines([INDUCTION, (day, day, "melphalan", "transplant")], rules) == [1, line]


def test_progression_before_the_first_transplant_makes_it_a_line():
    assert lines([INDUCTION, TRANSPLANT], progressions=(150,)) == [1, 2]
    stopped = (0, 120, VRD, "induction", None, "progression")
    assert lines([stopped, TRANSPLANT]) == [1, 2]
    assert lines([stopped, TRANSPLANT], CLAIMS) == [1, 1]


def test_re_induction_and_the_second_transplant_are_one_line():
    rows = [INDUCTION, TRANSPLANT, (900, 1000, "DPd", "treatment"), (1100, 1100, "melphalan", "transplant")]
    assert lines(rows) == [1, 1, 2, 2]


def test_a_boost_of_stem_cells_is_no_line():
    rows = [INFUSION, (60, 60, "CD34 boost", "transplant"), (80, 80, "stem cell boost", "transplant")]
    assert courses(rows) == [(1, "car_t", 0, None)]


@pytest.mark.parametrize(("day", "line"), [(380, 1), (381, 2)])
def test_claims_count_maintenance_of_another_drug_long_after_a_transplant(day, line):
    rows = [INDUCTION, TRANSPLANT, (day, 900, "ixazomib", "maintenance")]
    assert lines(rows, CLAIMS) == [1, 1, line]
    assert lines(rows) == [1, 1, 1]


# ---- the CAR-T episode ------------------------------------------------------------------------------------------

EPISODE = [
    (-40, -40, "leukapheresis", "apheresis"),
    (-30, -12, "teclistamab", "bridging"),
    (-5, -3, "fludarabine", "lymphodepletion"),
    INFUSION,
]


@pytest.mark.parametrize("rules", [RAJKUMAR, CLAIMS])
def test_the_whole_episode_is_one_line_after_all_earlier_ones(rules):
    before = [(-900, -700, VRD, "induction"), (-400, -100, "daratumumab", "treatment")]
    rows = [*before, *EPISODE, (100, None, "lenalidomide", "maintenance"), (400, None, "talquetamab", "treatment")]
    assert lines(rows, rules, calendar="day") == [1, 2, 3, 3, 3, 3, 3, 4]
    assert courses(rows, rules) == [
        (1, "other", -900, -400),
        (2, "other", -400, -30),
        (3, "car_t", 0, 400),
        (4, "other", 400, None),
    ]


@pytest.mark.parametrize("rules", [RAJKUMAR, CLAIMS])
def test_g07_planned_maintenance_after_the_infusion_is_the_same_line(rules):
    assert courses([*EPISODE, (100, None, "lenalidomide", "maintenance")], rules) == [(1, "car_t", 0, None)]


def test_each_further_infusion_is_a_line():
    rows = [INFUSION, (300, 300, "cilta-cel", "infusion"), (600, 600, "ide-cel", "infusion")]
    for rules in (RAJKUMAR, CLAIMS):
        assert courses(rows, rules) == [(1, "car_t", 0, 300), (2, "car_t", 300, 600), (3, "car_t", 600, None)]


@pytest.mark.parametrize(("day", "count"), [(14, 1), (15, 2)])
def test_cells_given_in_fractions_are_one_infusion(day, count):
    assert len(courses([INFUSION, (day, day, "cilta-cel", "infusion")])) == count
    assert len(courses([INFUSION, (7, 7, "ide-cel", "infusion")])) == 2


def test_therapy_soon_after_the_infusion_is_the_next_line_but_not_to_claims():
    rows = [INFUSION, (20, None, "talquetamab", "treatment")]
    assert courses(rows) == [(1, "car_t", 0, 20), (2, "other", 20, None)]
    assert courses(rows, CLAIMS) == [(1, "car_t", 0, None)]


def test_bridging_drugs_given_again_after_the_infusion_are_the_next_line():
    rows = [*EPISODE, (200, None, "teclistamab", "treatment")]
    assert [row[0] for row in courses(rows)] == [1, 2]


def test_drugs_of_one_combination_after_the_infusion_are_one_line():
    rows = [INFUSION, (200, None, "talquetamab", "treatment"), (207, None, "daratumumab", "treatment")]
    assert courses(rows) == [(1, "car_t", 0, 200), (2, "other", 200, None)]


def test_therapy_between_apheresis_and_infusion_is_bridging_however_it_is_called():
    rows = [
        (-40, -40, None, "apheresis"),
        (-30, -12, "DPd", "treatment"),
        (-5, -3, "fludarabine", "lymphodepletion"),
        INFUSION,
    ]
    assert lines(rows, calendar="day") == [1, 1, 1, 1]
    got = lines_of(record(rows, calendar="day")).select("kind", "agent", "bridging_day", "begun_day").rows()
    assert got == [("car_t", "cilta-cel", -30, -30)]


@pytest.mark.parametrize(("day", "line"), [(-180, 1), (-181, 2)])
def test_cells_collected_long_before_do_not_turn_therapy_into_bridging(day, line):
    rows = [(day, day, None, "apheresis"), (-100, -50, "DPd", "treatment"), INFUSION]
    assert lines(rows, calendar="day")[-1] == line


def test_bridging_is_a_line_only_where_no_cells_were_given():
    rows = [(0, 0, "leukapheresis", "apheresis"), (20, 40, "DPd", "bridging")]
    assert courses(rows) == [(1, "car_t", 0, None), (2, "other", 20, None)]
    before = (-300, -100, VRD, "induction")
    later = (60, None, "selinexor", "treatment")
    assert courses([before, *rows, later]) == [
        (1, "other", -300, 60), (2, "car_t", 0, 60), (3, "other", 20, 60), (4, "other", 60, None)
    ]  # fmt: skip


@pytest.mark.parametrize("rules", [RAJKUMAR, CLAIMS])
@pytest.mark.parametrize("role", ["supportive", "radiotherapy"])
def test_supportive_care_and_radiotherapy_are_no_lines(rules, role):
    rows = [INFUSION, (40, 60, "immunoglobulin", role)]
    assert courses(rows, rules) == [(1, "car_t", 0, None)]


@pytest.mark.parametrize("agent", ["immunoglobulin", "G-CSF", "dexamethasone", "tocilizumab"])
def test_supportive_drugs_recorded_as_treatment_end_nothing(agent):
    assert courses([INFUSION, (40, 60, agent, "treatment")]) == [(1, "car_t", 0, None)]


# ---- given numbers ----------------------------------------------------------------------------------------------


def test_a_given_line_stands():
    rows = [(*INDUCTION, 4), (300, 400, "daratumumab", "treatment", 4), (600, None, VRD, "treatment", 7)]
    assert lines(rows) == [4, 4, 7]


def test_unnumbered_therapy_follows_the_given_lines():
    rows = [(*INDUCTION, 1), (150, 400, "lenalidomide", "maintenance"), (500, None, "daratumumab", "treatment")]
    assert lines(rows) == [1, 1, 2]


def test_an_infusion_counts_on_from_earlier_lines_of_which_no_date_is_known():
    rows = [
        (None, None, VRD, "treatment", 1),
        (None, None, "DPd", "treatment", 2),
        INFUSION,
        (90, None, "talquetamab", "treatment"),
    ]
    assert lines(rows, calendar="day") == [1, 2, 3, 4]
    assert courses(rows) == [(3, "car_t", 0, 90), (4, "other", 90, None)]


def test_unnumbered_therapy_fits_in_between_given_numbers():
    rows = [(-900, -800, VRD, "induction"), (-700, -600, "DPd", "treatment"), (*INFUSION, 3)]
    assert lines(rows, calendar="day") == [1, 2, 3]
    assert lines([*rows[:2], (-500, -400, "KPd", "treatment"), rows[2]], calendar="day") == [1, 2, 2, 3]
    assert lines([rows[0], (*INFUSION, 1)], calendar="day") == [None, 1]


def test_an_unnumbered_infusion_is_never_merged_into_a_given_line():
    rows = [(-500, -400, VRD, "induction", 1), INFUSION, (200, None, "talquetamab", "treatment", 2)]
    assert courses(rows) == [(1, "other", -500, 0), (2, "other", 200, None), (3, "car_t", 0, 200)]


# ---- where the two differ ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "progressions", "expected"),
    [
        ([(0, 120, VRD, "induction"), (800, 900, VRD, "treatment")], (), [(3, 1, 2, "gap")]),
        ([(0, None, "lenalidomide", "induction"), (20, None, "bortezomib", "treatment")], (),
         [(3, 2, 1, "combination_window")]),
        ([INDUCTION, TRANSPLANT, (290, 290, "melphalan", "transplant")], (250,), [(4, 2, 1, "tandem")]),
        ([INDUCTION, TRANSPLANT, (500, 500, "tandem melphalan", "transplant")], (), [(4, 1, 2, "tandem")]),
        ([INDUCTION, TRANSPLANT, (600, 900, "ixazomib", "maintenance")], (), [(4, 1, 2, "maintenance")]),
        ([INDUCTION, TRANSPLANT, (280, 380, "carfilzomib", "induction")], (), [(4, 1, 2, "consolidation")]),
        ([(0, 120, VRD, "induction"), (800, 900, VRD, "treatment"), (950, None, "daratumumab", "treatment")], (),
         [(3, 1, 2, "gap"), (4, 2, 3, "gap")]),
        ([INDUCTION, TRANSPLANT, (1000, None, "daratumumab", "treatment")], (), []),
    ],
)  # fmt: skip
def test_the_table_tells_each_row_where_they_differ_and_why(rows, progressions, expected):
    got = line_disagreements(record(rows, progressions))
    assert got.select("row", "line_rajkumar", "line_claims", "why").rows() == expected
    assert got.columns == [
        "pid", "patient_id", "row", "agent", "start_day", "line_rajkumar", "line_claims", "why"
    ]  # fmt: skip


def test_another_name_of_a_rule_set_is_refused():
    with pytest.raises(WrongUsage, match="rajkumar-2015, claims"):
        lines([INDUCTION, TRANSPLANT], "imwg")


def test_nobody_treated_has_no_line():
    empty = record([])
    assert lines_of(empty).is_empty()
    assert line_disagreements(empty).is_empty()
