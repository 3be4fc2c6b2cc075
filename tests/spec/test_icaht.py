"""ICAHT and T-ICAHT on worked cases: both sides of each level and of each number of days."""

from __future__ import annotations

import polars as pl
import pytest

from mspike.course.derived import derive, episodes
from mspike.knowledge.criteria import criteria, published
from mspike.record.record import Record, clean_record
from mspike.record.tables import TABLES
from mspike.response.settings import settings_of
from mspike.safety.icaht import cytopenia_days, icaht_of, thrombocytopenia_of

FOLLOWED = 400


def table(name: str, rows: list[dict]) -> pl.DataFrame:
    columns = {c: [None if row.get(c) is None else str(row[c]) for row in rows] for c in TABLES[name].names}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index("row", offset=2)


def record_of(counts: dict[int, str], *, analyte: str = "anc", unit: str = "10*9/L", **patient) -> Record:
    """One patient whose infusion is day 0."""
    results = [{"date": day, "analyte": analyte, "value": value, "unit": unit} for day, value in counts.items()]
    rows = {
        "patients": [{"last_contact_date": FOLLOWED} | patient],
        "results": results,
        "treatments": [{"start_date": 0, "agent": "cilta-cel", "role": "infusion"}],
    }
    tables = {name: table(name, [{"patient_id": "A"} | row for row in given]) for name, given in rows.items()}
    return clean_record(tables, "day")


def infusions(record: Record, **changed) -> pl.DataFrame:
    one = {"gid": 0, "pid": 0, "index_day": 0, "alive_day": 0, "next_day": None, "pd_day": None} | changed
    days = dict.fromkeys(("pid", "index_day", "alive_day", "next_day", "pd_day"), pl.Int32)
    return pl.DataFrame({name: [value] for name, value in one.items()}, schema={"gid": pl.Int64} | days)


def graded(counts: dict[int, str], *, until: dict | None = None, **patient) -> dict:
    record = record_of(counts, **patient)
    return icaht_of(record, infusions(record, **(until or {}))).row(0, named=True)


def platelets(counts: dict[int, str], *, until: dict | None = None, **patient) -> dict:
    record = record_of(counts, analyte="platelets", **patient)
    return thrombocytopenia_of(record, infusions(record, **(until or {}))).row(0, named=True)


def series(value: str, low: range, *, otherwise: str = "2.0", days: range = range(31)) -> dict[int, str]:
    """A count every day: this value on the low days."""
    return {day: value if day in low else otherwise for day in days}


# ---- worked cases ---------------------------------------------------------------------------------------------------


def test_i09_eight_days_at_most_500_are_grade_2():
    answer = graded(series("0.4", range(2, 10)))
    assert (answer["early_grade"], answer["early_days_500"], answer["early_days_100"]) == (2, 8, 0)
    assert (answer["early_from"], answer["early_to"], answer["never_above_500"]) == (2, 9, False)
    assert answer["early_rule"] == "icaht.early.grade_2"


def test_i11_a_recovery_of_two_days_joins_the_runs():
    counts = series("0.4", range(1, 16)) | {7: "0.62", 8: "0.62"}
    answer = graded(counts)
    assert (answer["early_grade"], answer["early_days_500"]) == (3, 15)
    assert (answer["early_from"], answer["early_to"]) == (1, 15)


def test_i11_where_nothing_was_measured_afterwards_is_at_least_grade_3():
    counts = {day: value for day, value in (series("0.4", range(1, 16)) | {7: "0.62", 8: "0.62"}).items() if day < 16}
    answer = graded(counts)
    assert (answer["early_grade"], answer["early_low"], answer["early_high"]) == (None, 3, 4)
    assert (answer["early_days_500"], answer["early_days_unknown"]) == (15, 15)


def test_i13_late_icaht_is_graded_on_the_lowest_of_two_low_counts():
    answer = graded({31: "2.0", 40: "0.48", 60: "0.9", 90: "3.0"})
    assert (answer["late_grade"], answer["late_rule"]) == (3, "icaht.late.grade_3")
    assert (answer["late_nadir_lo"], answer["late_nadir_hi"], answer["late_nadir_day"]) == (480_000, 480_000, 40)
    assert (answer["late_second_lo"], answer["late_days_measured"]) == (900_000, 4)


# ---- early: levels, days, joins -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "grade"),
    [
        ("0.500001", "10*9/L", 0),
        ("0.5", "10*9/L", 1),
        ("501", "/uL", 0),
        ("500", "/uL", 1),
        ("504", "/uL", 0),  # the published code rounds it to 500
        ("<0.5", "10*9/L", 1),
        ("<0.1", "10*9/L", 1),
    ],
)
def test_at_most_500_is_low(value, unit, grade):
    # Days 5 to 8, so that a run from the beginning does not raise the grade.
    other = "2000" if unit == "/uL" else "2"
    assert graded(series(value, range(5, 9), otherwise=other), unit=unit)["early_grade"] == grade


@pytest.mark.parametrize(
    ("value", "days", "grade"),
    [
        ("0.3", 1, 1),
        ("0.3", 6, 1),
        ("0.3", 7, 2),
        ("0.3", 13, 2),
        ("0.3", 14, 3),
        ("0.3", 25, 3),
        ("0.1", 6, 1),
        ("0.1", 7, 3),
        ("0.1", 13, 3),
        ("0.1", 14, 4),
        ("0.100001", 14, 3),
        ("0.101", 13, 2),
        ("<0.1", 7, 3),
        ("<0.1", 14, 4),
    ],
)
def test_days_in_a_row_decide(value, days, grade):
    answer = graded(series(value, range(5, 5 + days)))
    assert (answer["early_grade"], answer["early_days_500"]) == (grade, days)


@pytest.mark.parametrize(("recovery", "days", "grade"), [(1, 11, 2), (2, 12, 2), (3, 5, 1), (4, 5, 1)])
def test_fewer_than_three_days_of_recovery_join_two_runs(recovery, days, grade):
    low = [*range(5, 10), *range(10 + recovery, 15 + recovery)]
    answer = graded({day: "0.4" if day in low else "0.501" for day in range(31)})
    assert (answer["early_days_500"], answer["early_grade"]) == (days, grade)


def test_days_above_100_part_runs_of_100_although_they_stay_at_most_500():
    counts = series("0.1", range(5, 13)) | dict.fromkeys(range(8, 11), "0.3")
    answer = graded(counts)
    assert (answer["early_days_100"], answer["early_days_500"], answer["early_grade"]) == (3, 8, 2)


def test_the_lowest_count_of_a_day_stands():
    record = record_of(series("0.4", range(5, 9)))
    twice = pl.concat([record.results, record.results.with_columns(lo=pl.col("lo") * 5, hi=pl.col("hi") * 5)])
    for results in (twice, twice.reverse()):
        record.results = results
        assert icaht_of(record, infusions(record))["early_days_500"].to_list() == [4]


def test_a_spurious_count_is_left_out():
    record = record_of(series("0.4", range(5, 9)))
    mark = pl.when(pl.col("day") == 6).then(pl.lit("Spurious")).cast(pl.Categorical)
    record.results = record.results.with_columns(
        attribution=mark, hi=pl.when(pl.col("day") == 6).then(0).otherwise("hi")
    )
    answer = icaht_of(record, infusions(record)).row(0, named=True)
    assert (answer["early_days_measured"], answer["early_days_interpolated"], answer["early_days_500"]) == (30, 1, 4)


# ---- early: gaps ----------------------------------------------------------------------------------------------------


def without(counts: dict[int, str], gone: range) -> dict[int, str]:
    return {day: value for day, value in counts.items() if day not in gone}


def test_a_gap_of_seven_days_is_filled_and_one_of_eight_is_unknown():
    seven = graded(without(series("0.4", range(5, 15)), range(6, 13)))
    assert (seven["early_days_500"], seven["early_days_interpolated"], seven["early_days_unknown"]) == (10, 7, 0)
    assert seven["early_grade"] == 2
    eight = graded(without(series("0.4", range(5, 15)), range(6, 14)))
    assert (eight["early_days_500"], eight["early_days_interpolated"], eight["early_days_unknown"]) == (1, 0, 8)
    # Eight days as low as can be would be grade 3 by their depth.
    assert (eight["early_grade"], eight["early_low"], eight["early_high"]) == (None, 1, 3)


def test_a_filled_day_is_compared_as_an_exact_fraction():
    """Between 0.5 on day 5 and 0.500001 on day 12 each day lies above 0.5 by some sevenths of a millionth."""
    counts = without(series("0.5", range(5, 6)), range(6, 12)) | {12: "0.500001"}
    assert graded(counts)["early_days_500"] == 1
    assert graded(counts | {12: "0.5"})["early_days_500"] == 8


def test_a_filled_day_exactly_at_the_level_is_low():
    # 0.2 on day 5, 0.9 on day 12: 0.3, 0.4, 0.5 | 0.6 ...
    answer = graded(without(series("0.2", range(5, 6)), range(6, 12)) | {12: "0.9"})
    assert answer["early_days_500"] == 4


@pytest.mark.parametrize(("first", "days", "unknown"), [(7, 14, 0), (8, 6, 8)])
def test_the_first_count_holds_over_seven_days_before_it(first, days, unknown):
    answer = graded({day: "0.4" if day < 14 else "2" for day in range(first, 31)})
    assert (answer["early_days_500"], answer["early_days_unknown"]) == (days, unknown)


@pytest.mark.parametrize(("last", "grade", "never"), [(23, 4, True), (22, None, None)])
def test_counts_that_merely_stop_do_not_show_that_nothing_recovered(last, grade, never):
    answer = graded(dict.fromkeys(range(last + 1), "0.4"))
    assert (answer["early_grade"], answer["never_above_500"]) == (grade, never)
    assert answer["early_low"] == (4 if never else 3)


def test_counts_before_infusion_and_after_day_30_fill_no_gap():
    inside = dict.fromkeys(range(8, 23), "0.4")
    outside = {-1: "0.4", 31: "0.4"}
    assert graded(inside)["early_days_unknown"] == graded(inside | outside)["early_days_unknown"] == 16


# ---- early: never above 500 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "grade"), [(0, 4), (3, 4), (4, 3)])
def test_a_run_to_day_30_is_grade_4_if_it_began_by_day_3(start, grade):
    answer = graded(series("0.4", range(start, 31)))
    assert (answer["early_grade"], answer["never_above_500"]) == (grade, start < 4)


def test_a_count_above_500_on_day_30_is_a_recovery():
    answer = graded(series("0.4", range(30)))
    assert (answer["early_grade"], answer["never_above_500"]) == (3, False)


@pytest.mark.parametrize("end", [{"death_date": 10, "last_contact_date": 10}, {"last_contact_date": 10}])
def test_a_run_to_death_or_last_follow_up_is_grade_4(end):
    answer = graded(series("0.4", range(11), days=range(11)), **end)
    assert (answer["early_grade"], answer["early_until"], answer["early_days_500"]) == (4, 10, 11)
    assert answer["early_ended_by"] == ("death" if "death_date" in end else "last_follow_up")
    assert answer["early_rule"] == "icaht.early.grade_4_never_recovered"


@pytest.mark.parametrize(("death", "grade"), [(17, 4), (18, None)])
def test_the_days_to_death_are_filled_if_there_are_seven(death, grade):
    answer = graded(series("0.4", range(11), days=range(11)), death_date=death, last_contact_date=death)
    assert answer["early_grade"] == grade


def test_without_a_last_contact_the_last_count_is_no_end_of_follow_up():
    answer = graded(series("0.4", range(11), days=range(11)), last_contact_date=None)
    assert (answer["early_until"], answer["early_ended_by"]) == (30, "day_30")
    assert (answer["early_grade"], answer["early_low"], answer["early_high"]) == (None, 2, 4)


def test_a_later_result_of_any_kind_shows_that_follow_up_went_on():
    record = record_of(series("0.4", range(11), days=range(11)), last_contact_date=10)
    later = record.results.tail(1).with_columns(
        day=pl.lit(29, pl.Int32), analyte=pl.lit("calcium").cast(record.results.schema["analyte"])
    )
    record.results = pl.concat([record.results, later])
    assert icaht_of(record, infusions(record))["early_until"].to_list() == [29]


def test_progression_and_next_therapy_do_not_end_early_icaht():
    answer = graded(series("0.4", range(31)), until={"pd_day": 20, "next_day": 25})
    assert (answer["early_until"], answer["early_grade"]) == (30, 4)


# ---- intervals ------------------------------------------------------------------------------------------------------


def test_an_undecided_count_leaves_a_range():
    answer = graded(series("<1.0", range(5, 12)))
    assert (answer["early_grade"], answer["early_low"], answer["early_high"]) == (None, 0, 3)
    assert (answer["early_days_500"], answer["early_days_500_high"], answer["early_days_undecided"]) == (0, 7, 7)


def test_an_undecided_count_that_changes_nothing_leaves_none():
    answer = graded(series("0.05", range(5, 19)) | {20: "<1.0"})
    assert (answer["early_grade"], answer["early_days_undecided"]) == (4, 1)


def test_more_than_500_is_no_low_count():
    assert graded(series(">0.501", range(5, 12)))["early_grade"] == 0


# ---- late -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nadir", "grade"),
    [
        ("1.501", 0),
        ("1.5", 1),
        ("1.001", 1),
        ("1.0", 2),
        ("0.501", 2),
        ("0.5", 3),
        ("0.101", 3),
        ("0.1", 4),
        ("<0.1", 4),
    ],
)
def test_late_icaht_by_the_lowest_count(nadir, grade):
    assert graded({40: nadir, 50: "1.5", 60: "4"})["late_grade"] == grade
    assert graded({40: nadir})["late_grade"] == grade  # a single value is accepted
    assert graded({40: nadir, 50: "1.500001"})["late_grade"] == 0  # transient


def test_two_counts_of_one_day_are_one():
    record = record_of({40: "0.3", 50: "4"})
    record.results = pl.concat([record.results, record.results])
    assert icaht_of(record, infusions(record))["late_grade"].to_list() == [0]


def test_an_undecided_late_count_leaves_a_range():
    answer = graded({40: "<1.2", 50: "1.4"})
    assert (answer["late_grade"], answer["late_low"], answer["late_high"]) == (None, 1, 4)
    answer = graded({40: "0.3", 50: "<2"})
    assert (answer["late_grade"], answer["late_low"], answer["late_high"]) == (None, 0, 4)


@pytest.mark.parametrize(("day", "grade"), [(30, None), (31, 3), (100, 3), (101, None)])
def test_late_icaht_looks_at_day_31_to_100(day, grade):
    answer = graded({day: "0.4"})
    assert (answer["late_grade"], "anc day 31-100" in answer["missing"]) == (grade, grade is None)


@pytest.mark.parametrize("end", [{"pd_day": 49}, {"next_day": 49}])
def test_late_icaht_ends_with_progression_and_next_therapy(end):
    assert graded({40: "1.4", 49: "1.2", 50: "0.1"}, until=end)["late_grade"] == 1
    assert graded({40: "1.4", 49: "0.1"}, until=end)["late_grade"] == 4  # that day included


def test_without_a_late_window_nothing_is_missing():
    answer = graded(series("0.4", range(5, 9)), until={"pd_day": 30})
    assert (answer["late_grade"], answer["late_until"], answer["late_ended_by"]) == (None, 30, "progression")
    assert answer["missing"] == []


# ---- nothing measured -----------------------------------------------------------------------------------------------


def test_without_any_count_nothing_is_judged():
    for answer, name in ((graded({}), "anc"), (platelets({}), "platelets")):
        assert answer["missing"] == [f"{name} day 0-30", f"{name} day 31-100"]
        kept = ("gid", "pid", "missing", "early_until", "early_ended_by", "late_until", "late_ended_by")
        judged = {n: v for n, v in answer.items() if n not in kept and "_days_" not in n}
        assert set(judged.values()) == {None}
        assert (answer["early_days_measured"], answer["early_days_unknown"]) == (0, 31)


def test_of_no_infusion_there_is_no_row_but_every_column():
    record = record_of({5: "0.4"})
    nobody = infusions(record).clear()
    for ask in (icaht_of, thrombocytopenia_of):
        assert ask(record, nobody).height == 0
        assert ask(record, nobody).schema == ask(record, infusions(record)).schema
    assert cytopenia_days(record, nobody).height == 0


# ---- platelets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "days", "grade"),
    [
        ("50", 10, 0),
        ("49.9", 1, 1),
        ("49.9", 6, 1),
        ("49.9", 7, 2),
        ("49.9", 31, 2),
        ("20", 20, 2),
        ("19.9", 1, 3),
        ("19.9", 13, 3),
        ("19.9", 14, 4),
        ("<20", 14, 4),
    ],
)
def test_early_t_icaht(value, days, grade):
    answer = platelets(series(value, range(days), otherwise="120"))
    assert answer["early_grade"] == grade


@pytest.mark.parametrize(("recovery", "days"), [(2, 8), (3, 3)])
def test_platelet_runs_are_joined_as_those_of_neutrophils(recovery, days):
    low = [*range(5, 8), *range(8 + recovery, 11 + recovery)]
    assert platelets({day: "40" if day in low else "50" for day in range(31)})["early_days_50"] == days


@pytest.mark.parametrize("end", [{"pd_day": 9}, {"next_day": 9}])
def test_early_t_icaht_ends_with_progression_and_next_therapy(end):
    answer = platelets(series("40", range(5, 20), otherwise="120"), until=end)
    assert (answer["early_until"], answer["early_days_50"], answer["early_grade"]) == (9, 5, 1)


@pytest.mark.parametrize(
    ("first", "second", "grade"),
    [
        ("100", "100", 0),
        ("99", "100", 0),
        ("99", "99", 1),
        ("49", "50", 1),
        ("49", "49", 2),
        ("19", "20", 2),
        ("19", "19", 3),
        ("<20", "<20", 3),
    ],
)
def test_late_t_icaht_needs_two_days_below_the_level(first, second, grade):
    assert platelets({40: first, 60: second, 80: "150"})["late_grade"] == grade


def test_two_late_platelet_counts_are_enough():
    assert platelets({40: "19", 60: "15"})["late_grade"] == 3


def test_one_low_late_platelet_count_alone_leaves_the_grade_open():
    answer = platelets({40: "30"})
    assert (answer["late_grade"], answer["late_low"], answer["late_high"]) == (None, 0, 2)
    assert "second platelets day 31-100" in answer["missing"]
    high = platelets({40: "120"})
    assert (high["late_grade"], high["missing"]) == (0, ["platelets day 0-30"])


@pytest.mark.parametrize(("last", "grade"), [(46, 4), (45, 3)])
def test_fourteen_late_days_below_20_are_grade_4(last, grade):
    counts = {33: "15", 40: "15", last: "15", last + 1: "60"}
    answer = platelets(counts)
    assert (answer["late_grade"], answer["late_days_20"]) == (grade, last - 32)


# ---- days and the rest of the record --------------------------------------------------------------------------------


def test_each_day_says_how_it_came_by_its_count():
    record = record_of({2: "0.2", 5: "0.9", 20: "<1.0", 40: "1.1"}, last_contact_date=60)
    days = cytopenia_days(record, infusions(record))
    how = dict(zip(days["from_infusion"], days["how"], strict=True))
    assert {how[day] for day in (0, 1)} == {"held"}
    assert [how[day] for day in (2, 3, 4, 5)] == ["measured", "interpolated", "interpolated", "measured"]
    assert {how[day] for day in (*range(6, 20), *range(21, 31))} == {"unknown"}
    assert (how[20], how[40], len(how)) == ("measured", "measured", 32)
    third = days.row(3, named=True)
    assert (third["lo"], third["hi"]) == (433_333, 433_334)


def test_a_whole_registry_row_by_row():
    """Through lines, courses and calendar dates: a patient with two infusions and one without any count."""
    results = [
        {"patient_id": "A", "date": f"2024-01-{day:02d}", "analyte": "anc", "value": "0.3", "unit": "10*9/L"}
        for day in range(6, 14)
    ]
    results += [
        {"patient_id": "A", "date": f"2024-01-{day:02d}", "analyte": "anc", "value": "3", "unit": "10*9/L"}
        for day in (1, 2, 3, 4, 5, 14, 15, 16, 22, 29, 31)
    ]
    results += [{"patient_id": "A", "date": "2024-09-20", "analyte": "anc", "value": "0.4", "unit": "10*9/L"}]
    infused = [("A", "2024-01-01"), ("A", "2024-09-01"), ("B", "2024-02-01")]
    tables = {
        "patients": table("patients", [{"patient_id": p, "last_contact_date": "2025-06-01"} for p in "AB"]),
        "results": table("results", results),
        "treatments": table(
            "treatments",
            [{"patient_id": p, "start_date": d, "agent": "ide-cel", "role": "infusion"} for p, d in infused],
        ),
    }
    rules = criteria("imwg-2016")
    derived = derive(clean_record(tables, "iso"), rules, settings_of(rules, {}))
    told = icaht_of(derived.record, episodes(derived))
    assert told["pid"].to_list() == [0, 0, 1]
    assert told["early_grade"].to_list() == [2, None, None]
    assert told["early_low"].to_list() == [2, 1, None]
    assert told["early_days_500"].to_list() == [8, 1, None]
    assert told["missing"].to_list()[2] == ["anc day 0-30", "anc day 31-100"]
    days = cytopenia_days(derived.record, episodes(derived))
    assert days.filter(pl.col("gid") == told["gid"][1], pl.col("how") == "measured")["day"].to_list() == [19_986]


def test_every_number_of_the_rules_stands_in_the_files():
    neutrophils, thrombocytes = published("icaht-2023"), published("t-icaht-2025")
    assert [neutrophils.value(f"icaht.late.grade_{g}", "level") for g in (1, 2, 3, 4)] == [1500, 1000, 500, 100]
    assert neutrophils.value("icaht.early.grade_4_profound", "days") == 14
    assert thrombocytes.rule("t-icaht.early.grade_1").values["level"].comparison == "below"
