"""One row an infusion: both sides of each rule on invented patients (SYNTHETIC), whose days count from the infusion."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from infusions import derived as empty_registry
from mspike.cohort.frame import SCHEMA, cohort_of
from mspike.cohort.outcomes import (
    DIED_OF_IT,
    LATER_INFUSION,
    NEVER_INFUSED,
    NO_APHERESIS,
    NO_TIME_AT_RISK,
    NO_USABLE_DATE,
    NOT_FAILED,
    TIMES,
    left_out,
    time_points,
)
from mspike.cohort.strata import AGES, LINES, SALVAGE_CLASSES, STRATA, banded
from mspike.course.derived import derive
from mspike.errors import WrongUsage
from mspike.knowledge.criteria import criteria
from mspike.record.record import clean_record
from mspike.record.tables import TABLES
from mspike.response.settings import settings_of
from one_infusion import APHERESIS, DPD, FAILS, VRD, as_text, derived, failure, gene, given, infusion

Rows = list[dict[str, Any]]


def cohort(rows: Rows, **facts: object) -> pl.DataFrame:
    return cohort_of(derived({"P1": rows}, **facts))


def one(rows: Rows, **facts: object) -> dict[str, Any]:
    frame = cohort(rows, **facts)
    assert frame.height == 1
    return frame.row(0, named=True)


def responds(day: int = 30, response: str = "PR") -> dict[str, Any]:
    return {"table": "responses", "date": day, "response": response, "confirmed": "yes"}


def dated(rows: Rows, **facts: object) -> pl.DataFrame:
    """The same patient in a registry of dates: the infusion was on 1 January 2024."""

    def date(value: object) -> object:
        return str(dt.date(2024, 1, 1) + dt.timedelta(days=value)) if isinstance(value, int) else value

    days = ("date", "start_date", "end_date", "last_contact_date", "death_date")
    tables: dict[str, Rows] = {name: [] for name in TABLES}
    for row in [{"table": "patients", "last_contact_date": 400, **facts}, *rows]:
        told = {name: date(value) if name in days else value for name, value in row.items()}
        tables[row["table"]].append({**told, "patient_id": "P1"})
    record = clean_record({name: as_text(name, found) for name, found in tables.items()}, "iso")
    rules = criteria("imwg-2016")
    return cohort_of(derive(record, rules, settings_of(rules)))


BEFORE = [VRD, DPD]
FAILED = [*BEFORE, *infusion(), *failure()]


# ---- the frame ------------------------------------------------------------------------------------------------------


def test_the_columns_are_the_same_whoever_is_in_it():
    nobody = cohort_of(empty_registry())
    assert nobody.schema == cohort(FAILED).schema == pl.Schema(SCHEMA)
    assert nobody.height == 0


def test_what_was_infused_and_what_came_before():
    told = one(FAILED, birth_year=1955, sex="F", heavy_chain="IgA", light_chain="unknown")
    assert (told["product"], told["target"], told["prior_lines"], told["lines_group"]) == (
        "cilta-cel",
        "BCMA",
        2,
        "2 to 3",
    )
    assert (told["prior_bcma"], told["sex"], told["heavy_chain"], told["light_chain"]) == (
        "none",
        "female",
        "IgA",
        None,
    )
    assert (told["index_day"], told["apheresis_day"], told["entry_days"]) == (0, APHERESIS, -APHERESIS)
    assert told["age"] is None and told["index_year"] is None  # days from the infusion tell no year
    assert told["extramedullary"] is None and told["high_risk"] is None and told["stage"] is None
    assert told["crs_grade"] is None and told["icans_grade"] is None and told["mrd_best"] == "not_tested"


@pytest.mark.parametrize(("born", "age", "group"), [(1958, 65, "65 to 74"), (1959, 64, "under 65"), (None, None, None)])
def test_the_age_is_the_least_it_can_have_been(born: int | None, age: int | None, group: str | None):
    """SYNTHETIC: infused on 1 January 2024; who was born in 1958 may have turned 66 on that day, and is 65 at least."""
    told = dated(FAILED, birth_year=born).row(0, named=True)
    assert (told["age"], told["age_group"], told["index_year"]) == (age, group, 2024)


PRODUCTS = {
    "Abecma": ("ide-cel", "BCMA"),
    "arlo-cel": ("arlo-cel", "GPRC5D"),
    "CAR-T": ("unknown CAR-T", None),
    "BCMA CAR-T": ("unknown CAR-T", "BCMA"),
    "cilta-cel Xyzzymab": ("cilta-cel", None),
    "AZD0120": ("GC012F", "BCMA + CD19"),
}


def test_a_product_has_one_name_and_a_target_only_where_it_is_told():
    told = cohort_of(derived({text: [*BEFORE, *infusion(text)] for text in PRODUCTS}))
    assert {
        patient: (name, target) for patient, name, target in told.select("patient_id", "product", "target").rows()
    } == (PRODUCTS)


EARLIER = {
    ("selinexor",): "none",
    ("belantamab mafodotin",): "adc",
    ("teclistamab",): "bispecific",
    ("ide-cel",): "car_t",
    ("belantamab mafodotin", "teclistamab"): "several",
    ("talquetamab",): "none",
    ("bispecific antibody",): None,  # nobody says against what
    ("Xyzzymab",): None,  # nobody can read it
}


def test_earlier_bcma_therapy_by_kind():
    patients = {}
    for agents in EARLIER:
        lines = [given(-300 + 20 * n, agent, -290 + 20 * n, line=3 + n) for n, agent in enumerate(agents)]
        patients[" and ".join(agents)] = [*BEFORE, *lines, *infusion(line=3 + len(lines))]
    told = cohort_of(derived(patients))
    wanted = {" and ".join(agents): kind for agents, kind in EARLIER.items()}
    assert dict(told.select("patient_id", "prior_bcma").rows()) == wanted


def test_no_earlier_therapy_on_record_is_not_none():
    """SYNTHETIC: a lone infusion without a number says nothing of the lines before it; a numbered one does."""
    alone = [{**row, "line": None} for row in infusion()]
    told = one(alone)
    assert told["prior_lines"] is None and told["lines_group"] is None and told["prior_bcma"] is None
    assert one(infusion(line=4))["prior_lines"] == 3


def test_high_risk_is_true_false_or_unknown():
    markers = ("del17p", "t(4;14)", "t(14;16)")
    absent = [gene(-100, marker, "absent") for marker in markers]
    assert one([*FAILED, gene(-100, "del17p", "present")])["high_risk"] is True
    assert one([*FAILED, *absent])["high_risk"] is False
    assert one([*FAILED, *absent[:2]])["high_risk"] is None


def test_a_recorded_grade_stands_where_no_sign_was_recorded():
    crs = {"table": "events", "date": 2, "event": "crs", "grade": 2}
    told = one([*FAILED, crs])
    assert (told["crs_grade"], told["crs_from"], told["icans_grade"], told["icans_from"]) == (2, "recorded", None, None)


def test_signs_that_leave_the_grade_open_leave_it_open():
    """SYNTHETIC: fever alone is grade 1 or more; oxygen and blood pressure were not recorded."""
    fever = {"table": "results", "date": 2, "analyte": "temperature", "value": "39.0", "unit": "Cel"}
    crs = {"table": "events", "date": 2, "event": "crs", "grade": 2}
    told = one([*FAILED, fever, crs])
    assert (told["crs_grade"], told["crs_from"]) == (None, None)


# ---- who has a row --------------------------------------------------------------------------------------------------


def collected() -> Rows:
    return [*BEFORE, given(APHERESIS, "leukapheresis", APHERESIS, "apheresis", 3)]


def test_who_was_collected_and_never_infused_has_a_row_without_an_infusion():
    told = one(collected(), death_date=100, death_cause="myeloma")
    assert told["infused"] is False and told["failure_type"] == "not_infused" and told["failed"] is False
    assert (
        told["index_day"] is None and told["pfs_days"] is None and told["os_event"] is None and told["cr_cause"] is None
    )
    assert told["best_response"] is None and told["product"] is None and told["entry_days"] is None
    assert (told["from_apheresis_os_days"], told["from_apheresis_os_event"]) == (100 - APHERESIS, True)
    assert told["prior_lines"] == 2


def test_cells_that_were_not_given_before_others_were_are_no_row():
    rows = [*BEFORE, given(-200, "leukapheresis", -200, "apheresis", 3), *infusion(line=4)]
    assert cohort(rows)["infused"].to_list() == [True]


def test_who_never_had_car_t_has_no_row():
    assert cohort([{**VRD, "start_date": 0, "end_date": 90}]).height == 0


def test_a_second_infusion_is_a_row_of_its_own_and_counts_once_unless_asked():
    again = [given(300, "ide-cel", 300, "infusion", 4), given(295, "fludarabine", 297, "lymphodepletion", 4)]
    frame = cohort([*FAILED, *again])
    assert frame["infusion_number"].to_list() == [1, 2] and frame["product"].to_list() == ["cilta-cel", "ide-cel"]
    first, second = frame.to_dicts()
    assert (first["first_salvage_class"], first["salvage_relation"]) == ("car_t", "same_target")
    assert first["first_salvage_day"] == 295 - FAILS  # the next line begins with its lymphodepletion
    assert second["prior_bcma"] == "car_t" and second["os_days"] == 100
    assert time_points(frame, "infusion", "os").height == 1
    assert time_points(frame, "infusion", "os", every_infusion=True).height == 2
    assert left_out(frame, "infusion", "os").rows() == [(LATER_INFUSION, 1)]


# ---- from failure ---------------------------------------------------------------------------------------------------


def test_failure_then_death_on_the_same_day_is_an_event_on_day_0():
    told = one(FAILED, death_date=FAILS, death_cause="myeloma")
    for name in ("os", "pfs", "ttnt"):
        assert (told[f"from_failure_{name}_days"], told[f"from_failure_{name}_event"]) == (0, True)
    assert told["first_salvage_class"] == "none" and told["salvage_relation"] == "none"
    assert told["first_salvage_day"] is None
    assert told["cr_cause"] == "progression"


def test_failure_then_death_on_the_next_day():
    told = one(FAILED, death_date=FAILS + 1, death_cause="myeloma")
    assert (told["from_failure_os_days"], told["from_failure_pfs_days"]) == (1, 1)


def test_without_a_next_line_only_death_ends_the_time_after_failure():
    told = one(FAILED)  # last contact on day 400
    for name in ("os", "pfs", "ttnt"):
        assert (told[f"from_failure_{name}_days"], told[f"from_failure_{name}_event"]) == (400 - FAILS, False)


def test_everybody_starts_at_failure_also_who_was_treated_late():
    later = given(260, "talquetamab", 380, line=4)
    pd = responds(330, "PD")
    told = one([*FAILED, later, pd])
    assert (told["first_salvage_day"], told["first_salvage_class"]) == (60, "bispecific")
    assert told["salvage_relation"] == "other_target"
    assert (told["from_failure_ttnt_days"], told["from_failure_ttnt_event"]) == (60, True)
    assert (told["from_failure_pfs_days"], told["from_failure_pfs_event"]) == (330 - FAILS, True)
    assert (told["from_failure_os_days"], told["from_failure_os_event"]) == (400 - FAILS, False)


def test_nobody_is_censored_before_the_failure_that_was_seen():
    """SYNTHETIC: the last contact lies before the progression; who progressed was alive."""
    told = one(FAILED, last_contact_date=100)
    assert (told["from_failure_os_days"], told["from_failure_os_event"]) == (0, False)


def test_who_did_not_fail_has_no_time_from_failure():
    frame = cohort([*BEFORE, *infusion(), responds()])
    told = frame.row(0, named=True)
    assert told["failed"] is False and told["failure_day"] is None
    assert told["from_failure_os_days"] is None and told["from_failure_os_event"] is None
    assert told["first_salvage_class"] is None and told["salvage_relation"] is None
    assert time_points(frame, "failure", "os").is_empty()
    assert left_out(frame, "failure", "os").rows() == [(NOT_FAILED, 1)]


def test_a_therapy_without_progression_is_a_failure_on_its_first_day():
    told = one([*BEFORE, *infusion(), responds(), given(150, "teclistamab", 200, line=4)])
    assert (told["failure_type"], told["failure_day"], told["first_salvage_day"]) == ("next_therapy", 150, 0)
    assert (told["from_failure_ttnt_days"], told["from_failure_ttnt_event"]) == (0, True)


SALVAGE = {
    ("teclistamab",): ("bispecific", "same_target"),
    ("talquetamab", "teclistamab"): ("bispecific", "same_target"),
    ("talquetamab", "daratumumab"): ("bispecific", "other_target"),
    ("belantamab mafodotin", "bortezomib"): ("adc", "same_target"),
    ("carfilzomib", "dexamethasone"): ("pi", "no_target"),
    ("daratumumab", "pomalidomide"): ("anti_cd38", "no_target"),
    ("selinexor", "dexamethasone"): ("other", "no_target"),
    ("melphalan",): ("alkylator_transplant", "no_target"),
    ("bispecific antibody",): ("bispecific", None),
    ("talquetamab", "Xyzzymab"): ("bispecific", None),
    ("teclistamab", "Xyzzymab"): ("bispecific", "same_target"),
    ("pomalidomide", "Xyzzymab"): (None, None),
    ("Xyzzymab",): (None, None),
}


def test_the_first_therapy_after_failure():
    wanted = {" and ".join(agents): told for agents, told in SALVAGE.items()}
    patients = {
        " and ".join(agents): [*FAILED, *(given(220, agent, 300, line=4) for agent in agents)] for agents in SALVAGE
    }
    told = cohort_of(derived(patients)).select("patient_id", "first_salvage_class", "salvage_relation")
    assert {patient: (cls, relation) for patient, cls, relation in told.rows()} == wanted
    assert {cls for cls, _ in wanted.values()} - {None} <= set(SALVAGE_CLASSES)


def test_against_an_unknown_target_no_relation_is_told():
    rows = [*BEFORE, *infusion("CAR-T"), *failure(), given(220, "teclistamab", 300, line=4)]
    assert one(rows)["salvage_relation"] is None
    rows[-1] = given(220, "pomalidomide", 300, line=4)
    assert one(rows)["salvage_relation"] == "no_target"


def test_a_next_line_without_a_day_tells_its_class_and_no_day():
    undated = {**given(0, "talquetamab", line=4), "start_date": None}
    told = one([*FAILED, undated, given(300, "pomalidomide", 350, line=5)])
    assert (told["first_salvage_class"], told["salvage_relation"]) == ("bispecific", "other_target")
    assert told["first_salvage_day"] is None


# ---- competing ends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "facts", "cause"),
    [
        (FAILED, {}, "progression"),
        ([*BEFORE, *infusion(), responds()], {}, "censored"),
        ([*BEFORE, *infusion(), responds()], {"death_date": 90, "death_cause": "infection"}, "non_relapse_death"),
        ([*BEFORE, *infusion(), responds()], {"death_date": 90, "death_cause": "myeloma"}, "progression"),
        ([*BEFORE, *infusion(), responds()], {"death_date": 90}, "non_relapse_death"),
    ],
)
def test_what_ended_the_time_without_progression(rows: Rows, facts: dict[str, Any], cause: str):
    told = one(rows, **{"last_contact_date": None, **facts})
    assert told["cr_cause"] == cause and told["cr_days"] == told["pfs_days"]


# ---- dates that are missing or contradict ----------------------------------------------------------------------------


def test_an_undated_death_is_an_event_without_a_day_and_is_counted_as_left_out():
    """SYNTHETIC: the registry knows the month of death only."""
    frame = dated([*BEFORE, *infusion(), responds()], death_date="2025-01")
    told = frame.row(0, named=True)
    assert (told["os_days"], told["os_event"]) == (None, True)
    assert time_points(frame, "infusion", "os").is_empty()
    assert left_out(frame, "infusion", "os").rows() == [(NO_USABLE_DATE, 1)]


def test_an_undated_death_after_failure_is_no_survivor():
    told = dated(FAILED, death_date="2025-01").row(0, named=True)
    assert (told["from_failure_os_days"], told["from_failure_os_event"]) == (None, True)


def test_a_death_before_the_failure_contradicts_it():
    frame = cohort(FAILED, death_date=FAILS - 1, death_cause="infection")
    assert frame["from_failure_os_days"].to_list() == [None]
    assert left_out(frame, "failure", "os").rows() in ([(NO_USABLE_DATE, 1)], [(NOT_FAILED, 1)])


# ---- from apheresis --------------------------------------------------------------------------------------------------


def test_from_apheresis_a_patient_enters_with_the_infusion_unless_all_are_followed():
    frame = cohort_of(derived({"P1": FAILED, "P2": collected()}))
    late = time_points(frame, "apheresis", "os")
    assert late.select("patient_id", "days", "entry").rows() == [("P1", 400 - APHERESIS, -APHERESIS)]
    assert left_out(frame, "apheresis", "os").rows() == [(NEVER_INFUSED, 1)]
    everybody = time_points(frame, "apheresis", "os", observed_from="apheresis")
    assert everybody.select("patient_id", "entry").rows() == [("P1", 0), ("P2", 0)]
    assert left_out(frame, "apheresis", "os", observed_from="apheresis").is_empty()


def test_without_a_day_of_apheresis_nobody_is_followed_from_it():
    frame = cohort([*BEFORE, infusion()[0], *failure()])
    assert left_out(frame, "apheresis", "os").rows() == [(NO_APHERESIS, 1)]


def test_who_died_on_the_day_of_infusion_was_never_at_risk_behind_it():
    frame = cohort([*BEFORE, *infusion()], death_date=0, death_cause="toxicity", last_contact_date=None)
    assert left_out(frame, "apheresis", "os").rows() == [(NO_TIME_AT_RISK, 1)]
    assert time_points(frame, "infusion", "os").select("days", "event").rows() == [(0, True)]


# ---- strata and points -----------------------------------------------------------------------------------------------


def test_followed_and_left_out_are_together_the_whole_cohort():
    frame = cohort_of(derived({"P1": FAILED, "P2": collected(), "P3": [*BEFORE, *infusion(), responds()]}))
    for origin, endpoint in TIMES:
        kept, gone = time_points(frame, origin, endpoint), left_out(frame, origin, endpoint)
        assert kept.height + gone["n"].sum() == frame.height
        assert kept.select("days", "event", "entry").null_count().row(0) == (0, 0, 0)


def test_an_endpoint_that_does_not_exist_is_refused():
    with pytest.raises(WrongUsage, match="no dor from failure"):
        time_points(cohort(FAILED), "failure", "dor")
    with pytest.raises(WrongUsage, match="observed_from"):
        time_points(cohort(FAILED), "apheresis", "os", observed_from="birth")  # type: ignore[arg-type]


def test_what_comes_later_is_no_baseline():
    later = {name for name, stratum in STRATA.items() if not stratum.baseline}
    assert later == {"response", "failure_type", "failure_pattern", "crs", "icans", "mrd", "salvage", "salvage_target"}
    assert not STRATA["salvage"].comparable_from("failure") and not STRATA["salvage"].comparable_from("infusion")
    assert STRATA["failure_type"].comparable_from("failure") and not STRATA["failure_type"].comparable_from("infusion")
    assert STRATA["prior_bcma"].comparable_from("failure")


def test_every_stratum_is_a_column_of_the_cohort():
    assert {stratum.column for stratum in STRATA.values()} <= set(SCHEMA)


def test_bands_hold_both_sides_of_their_limits():
    numbers = pl.DataFrame({"n": [None, 0, 1, 2, 3, 4, 64, 65, 74, 75]}, schema={"n": pl.Int64})
    lines = numbers.select(banded(pl.col("n"), LINES)).to_series().to_list()
    assert lines[:6] == [None, "0", "1", "2 to 3", "2 to 3", "4 and more"]
    ages = numbers.select(banded(pl.col("n"), AGES)).to_series().to_list()
    assert ages[6:] == ["under 65", "65 to 74", "65 to 74", "75 and over"]


# ---- the first failure in time --------------------------------------------------------------------------------------

NEXT = given(100, "teclistamab", line=4)
UNDATED = {"table": "treatments", "agent": "teclistamab", "role": "treatment", "line": 4}
STARTED = [*BEFORE, *infusion(), responds()]


@pytest.mark.parametrize(
    ("rows", "facts", "kind", "day", "at_the_cut"),
    [
        # Next therapy without progression, then death of something else: it had failed on day 100 all the same.
        ([NEXT], {"death_date": 300, "death_cause": "infection"}, "next_therapy", 100, "nonrelapse_death"),
        ([NEXT], {"death_date": 300}, "next_therapy", 100, "next_therapy"),
        ([], {"death_date": 300, "death_cause": "infection"}, None, None, "nonrelapse_death"),
        ([], {"death_date": 300, "death_cause": "myeloma"}, "death_of_myeloma", None, "late_relapse"),
        ([UNDATED], {}, "next_therapy", None, "next_therapy"),
        ([], {}, None, None, "none"),
    ],
)
def test_it_failed_when_it_first_failed_whatever_came_later(
    rows: Rows, facts: dict[str, Any], kind: str | None, day: int | None, at_the_cut: str
):
    told = one([*STARTED, *rows], **facts)
    assert (told["first_failure_type"], told["failure_day"]) == (kind, day)
    assert told["failed"] is (kind is not None) and told["failure_type"] == at_the_cut


def test_survival_after_failure_starts_with_the_first_failure_and_counts_apart_who_died_of_it():
    """SYNTHETIC: P1 starts the next therapy on day 100 and dies on 300; P2 dies of myeloma without any progression."""
    both = cohort_of(derived({"P1": [*STARTED, NEXT], "P2": STARTED}, death_date=300, death_cause="myeloma"))
    after = time_points(both, "failure", "os")
    assert after.select("patient_id", "days", "event").rows() == [("P1", 200, True)]
    assert left_out(both, "failure", "os").rows() == [(DIED_OF_IT, 1)]


def test_therapy_without_a_day_leaves_the_time_to_it_unknown_and_is_no_absence_of_therapy():
    told = one([*STARTED, UNDATED])
    assert (told["ttnt_event"], told["ttnt_days"], told["efs_event"], told["efs_days"]) == (True, None, True, None)
    assert told["next_line_seen"] is False
    progressed = one([*FAILED, UNDATED])  # somebody saw it progress on this line, so before the next
    assert (progressed["efs_event"], progressed["efs_days"], progressed["ttnt_days"]) == (True, FAILS, None)


def test_a_next_line_was_seen_only_where_a_visit_could_have_shown_its_progression():
    later = given(FAILS + 10, "teclistamab", line=4)
    assert one([*FAILED, later])["next_line_seen"] is False
    assert one([*FAILED, later, responds(FAILS + 60)])["next_line_seen"] is True
    assert one(FAILED)["next_line_seen"] is None
