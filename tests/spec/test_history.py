"""What came before an infusion: lines, earlier targets, alkylators, functional high risk, state (rules.md 3.1, 3.3)."""

from __future__ import annotations

import polars as pl
import pytest
from therapies_given import INFUSION, patient, registry

from mspike.course.derived import derive
from mspike.course.history import exposures_of, history_of
from mspike.knowledge.criteria import criteria
from mspike.record.record import clean_record
from mspike.response.settings import settings_of

APHERESIS = (-50, None, None, "apheresis")


def told(*given, **options):
    frame = history_of(patient(*given, **options))
    assert frame.height == 1
    return frame.row(0, named=True)


def test_a_patient_without_an_infusion_is_seen_from_the_end_of_the_record():
    row = told([(0, 100, "VRd", "treatment", 1), (200, 300, "Dara", "treatment", 2)])
    assert (row["gid"], row["infusion"], row["lines_before"], row["lines_after"]) == (None, None, 2, 0)
    assert row["triple_class_exposed"] is True


def test_every_infusion_has_its_own_row():
    second = [
        (-300, -200, "VRd", "treatment", 1),
        (0, None, "ide-cel", "infusion", 2),
        (400, None, "cilta-cel", "infusion", 3),
    ]
    rows = history_of(patient(second)).sort("infusion").to_dicts()
    assert [(r["line"], r["lines_before"], r["lines_after"], r["bcma_exposed"]) for r in rows] == [
        (2, 1, 1, False), (3, 2, 0, True),
    ]  # fmt: skip
    assert rows[1]["bcma_kinds"] == ["car_t"] and rows[1]["bcma_agents"] == ["ide_cel"]
    assert rows[1]["bcma_interval_days"] == 400 and rows[1]["bcma_below_8_months"] is False


def test_lines_without_a_day_are_counted():
    given = [(None, None, "VRd", "treatment", 1), (None, None, "Kd", "treatment", 2), (*INFUSION, 3),
             (None, None, "Talquetamab", "treatment", 4), (90, None, "Pd", "treatment", 5)]  # fmt: skip
    row = told(given)
    assert (row["lines_before"], row["lines_after"]) == (2, 2)


# ---- earlier targets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "interval", "below_6", "below_8"),
    [
        (-51, 1, True, True),
        (-50 - 182, 182, True, True),  # 6 months are 182.6 days
        (-50 - 183, 183, False, True),
        (-50 - 243, 243, False, True),  # 8 months are 243.5 days
        (-50 - 244, 244, False, False),
        (-20, -30, True, True),  # given after apheresis as well
    ],
)
def test_the_interval_from_the_last_bcma_agent_to_apheresis(last, interval, below_6, below_8):
    row = told(
        [(-800, -790, "VRd", "treatment", 1), (-500, last, "Teclistamab", "treatment", 2), APHERESIS, (*INFUSION, 3)]
    )
    assert (row["bcma_interval_days"], row["bcma_last_day"]) == (interval, last)
    assert (row["bcma_below_6_months"], row["bcma_below_8_months"]) == (below_6, below_8)
    assert (row["bcma_exposed"], row["bcma_kinds"]) == (True, ["bispecific"])
    assert row["gprc5d_exposed"] is False


def test_without_apheresis_the_infusion_ends_the_interval():
    row = told([(-300, -100, "Belantamab mafodotin", "treatment", 1), (*INFUSION, 2)])
    assert (row["bcma_interval_days"], row["bcma_kinds"]) == (100, ["adc"])


@pytest.mark.parametrize(("start", "expected"), [(-50 - 182, True), (-50 - 300, None)])
def test_without_a_last_dose_only_a_recent_start_is_certain(start, expected):
    row = told(
        [(-800, -790, "VRd", "treatment", 1), (start, None, "Talquetamab", "treatment", 2), APHERESIS, (*INFUSION, 3)]
    )
    assert (row["gprc5d_exposed"], row["gprc5d_interval_days"]) == (True, None)
    assert row["gprc5d_below_6_months"] is expected


def test_an_undated_line_is_exposure_without_an_interval():
    row = told([(None, None, "Teclistamab", "treatment", 1), APHERESIS, (*INFUSION, 2)])
    assert (row["bcma_exposed"], row["bcma_interval_days"], row["bcma_below_6_months"]) == (True, None, None)


def test_an_undated_earlier_line_does_not_hide_the_day_of_a_later_one():
    given = [(None, None, "Belantamab mafodotin", "treatment", 1), (-200, -150, "Teclistamab", "treatment", 2),
             APHERESIS, (*INFUSION, 3)]  # fmt: skip
    row = told(given)
    assert (row["bcma_interval_days"], row["bcma_kinds"]) == (100, ["adc", "bispecific"])


def test_a_cd19_product_is_no_bcma_therapy():
    given = [(-900, -800, "VRd", "treatment", 1), (-400, None, "axi-cel", "infusion", 2), (*INFUSION, 3)]
    assert history_of(patient(given)).sort("infusion")["bcma_exposed"].to_list() == [False, False]


def test_where_nothing_is_recorded_nothing_is_denied():
    row = told([INFUSION])
    unknown = ("bcma_exposed", "gprc5d_exposed", "bendamustine_before", "high_dose_alkylator_before",
               "triple_class_exposed", "penta_drug_refractory", "lenalidomide_refractory", "functional_high_risk",
               "functional_high_risk_24", "state", "refractory_60d")  # fmt: skip
    assert {name: row[name] for name in unknown} == dict.fromkeys(unknown)
    assert row["history_complete"] is False


# ---- alkylators -----------------------------------------------------------------------------------------------------


def test_bendamustine_before_apheresis_and_not_after_it():
    before = told([(-400, -300, "Benda-Dex", "treatment", 1), APHERESIS, (*INFUSION, 2)])
    assert (before["bendamustine_before"], before["bendamustine_interval_days"]) == (True, 250)
    bridging = told(
        [(-400, -300, "VRd", "treatment", 1), APHERESIS, (-40, -30, "Bendamustine", "bridging"), (*INFUSION, 2)]
    )
    assert bridging["bendamustine_before"] is False


@pytest.mark.parametrize(
    ("agent", "role", "expected"),
    [("HD Melphalan + ASCT", "transplant", True), ("ASCT", "transplant", True), ("VMP", "treatment", False)],
)
def test_a_high_dose_alkylator_is_that_of_a_transplant(agent, role, expected):
    row = told([(-400, -390, agent, role, 1), APHERESIS, (*INFUSION, 2)])
    assert row["high_dose_alkylator_before"] is expected


# ---- lenalidomide, groups and state ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regimen", "best", "expected"), [("Rd", "SD", True), ("Vd", "SD", False), ("Rd", "PR", None), ("Rd", None, None)]
)
def test_lenalidomide_refractory(regimen, best, expected):
    row = told([(None, None, regimen, "treatment", 1, None, best), (*INFUSION, 2)])
    assert row["lenalidomide_refractory"] is expected


LINE_1, LINE_2 = (-800, -700, "VRd", "treatment", 1), (-400, -300, "Kd", "treatment", 2)


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ([(-780, "SD"), (-390, "SD"), (-310, "PD")], "primary_refractory"),
        ([(-780, "SD"), (-390, "SD"), (-250, "SD")], "primary_refractory"),  # without progression too
        ([(-780, "PR"), (-600, "PD"), (-390, "PR"), (-240, "PD")], "relapsed_and_refractory"),
        ([(-780, "PR"), (-600, "PD"), (-390, "SD"), (-250, "SD")], "relapsed_and_refractory"),
        ([(-780, "PR"), (-600, "PD"), (-390, "PR"), (-239, "PD")], "relapsed"),
        ([(-780, "PR"), (-600, "PD")], None),  # nobody saw what the second line did
        ([(-390, "SD"), (-250, "SD")], None),  # nor the first
        ([], None),
    ],
)
def test_primary_refractory_relapsed_and_refractory_or_relapsed(responses, expected):
    assert told([LINE_1, LINE_2, (*INFUSION, 3)], responses)["state"] == expected


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ([(30, "PR"), (60, "PD")], True),
        ([(30, "PR"), (61, "PD")], False),
        ([(30, "SD"), (90, "SD")], True),
        ([(30, "SD")], None),
        ([(30, "PR")], None),
        ([(30, "PR"), (60, "not_PD")], False),
        ([], None),
    ],
)
def test_refractory_to_the_infusion_by_the_letter(responses, expected):
    row = told([(-300, -200, "VRd", "treatment", 1), (*INFUSION, 2)], responses)
    assert row["refractory_60d"] is expected
    assert row["failure_type"] is not None


# ---- functional high risk -------------------------------------------------------------------------------------------

FIRST = -2000


def risk(pd_day, *, transplant=None, column="functional_high_risk", seen=None):
    given = [(FIRST, FIRST + 120, "VRd", "induction", 1), (-300, -200, "Kd", "treatment", 2), (*INFUSION, 3)]
    if transplant is not None:
        given.insert(1, (transplant, None, "HD Melphalan + ASCT", "transplant", 1))
    responses = [(FIRST + 60, "PR")] + ([(pd_day, "PD")] if pd_day is not None else [])
    return told(given, responses + ([(seen, "not_PD")] if seen is not None else []))[column]


@pytest.mark.parametrize(("days", "expected"), [(547, True), (548, False)])  # 18 months are 547.9 days
def test_progression_within_18_months_of_the_first_line(days, expected):
    assert risk(FIRST + days) is expected


@pytest.mark.parametrize(("days", "expected"), [(365, True), (366, False)])  # 12 months are 365.25 days
def test_progression_within_12_months_of_the_first_transplant(days, expected):
    """The transplant came late, so that the first line alone does not decide."""
    assert risk(FIRST + 400 + days, transplant=FIRST + 400) is expected


@pytest.mark.parametrize(("days", "expected"), [(730, True), (731, False)])  # 24 months are 730.5 days
def test_the_wider_reading_has_24_months(days, expected):
    assert risk(FIRST + days, column="functional_high_risk_24") is expected


def test_without_progression_it_depends_on_how_long_somebody_looked():
    assert risk(None) is None
    assert risk(None, seen=FIRST + 547) is None
    assert risk(None, seen=FIRST + 548) is False


def test_progression_in_a_line_of_which_nothing_was_seen_is_unknown():
    """The first known progression belongs to the second line: what ended the first one nobody wrote down."""
    given = [(FIRST, FIRST + 120, "VRd", "induction", 1), (-300, -200, "Kd", "treatment", 2), (*INFUSION, 3)]
    assert told(given, [(-250, "PR"), (-150, "PD")])["functional_high_risk"] is None


@pytest.mark.parametrize(("days", "expected"), [(547, True), (548, False)])
def test_the_reason_for_stopping_is_enough(days, expected):
    """Nothing was measured in the first line, but why it was stopped was written down."""
    given = [(FIRST, FIRST + days, "VRd", "induction", 1, "progression"), (-300, -200, "Kd", "treatment", 2),
             (*INFUSION, 3)]  # fmt: skip
    assert told(given)["functional_high_risk"] is expected


@pytest.mark.parametrize(("agent", "expected"), [("melphalan", True), ("alloTx", False)])
def test_a_transplant_is_told_by_its_role_too_and_an_allogeneic_one_is_another(agent, expected):
    given = [(FIRST, FIRST + 800, "VRd", "induction", 1, "progression"), (FIRST + 500, None, agent, "transplant", 1),
             (*INFUSION, 2)]  # fmt: skip
    assert told(given)["functional_high_risk"] is expected


def test_progression_after_the_infusion_was_not_known_on_its_day():
    given = [(-200, -100, "VRd", "induction", 1), (*INFUSION, 2)]
    assert told(given, [(-150, "PR"), (30, "PR"), (90, "PD")])["functional_high_risk"] is None


def test_a_transplant_without_a_day_leaves_its_half_open():
    given = [(FIRST, FIRST + 120, "VRd", "induction", 1), (None, None, "HD Melphalan + ASCT", "transplant", 1),
             (-300, -200, "Kd", "treatment", 2), (*INFUSION, 3)]  # fmt: skip
    early = told(given, [(FIRST + 60, "PR"), (FIRST + 500, "PD")])
    late = told(given, [(FIRST + 60, "PR"), (FIRST + 600, "PD")])
    assert (early["functional_high_risk"], late["functional_high_risk"]) == (True, None)


# ---- the long table, and many patients at once ----------------------------------------------------------------------


def test_the_long_table_names_what_stands_behind_each_answer():
    frame = exposures_of(patient([(-800, -700, "VRd", "treatment", 1), (*INFUSION, 2)], [(-780, "PR"), (-650, "PD")]))
    row = frame.filter(pl.col("item") == "lenalidomide").row(0, named=True)
    shown = {name: row[name] for name in ("exposed", "refractory", "rule", "line", "last", "best", "pd")}
    assert shown == {
        "exposed": True, "refractory": True, "rule": "refractory.progression", "line": 1, "last": -700, "best": "PR",
        "pd": -650,
    }  # fmt: skip


def test_patients_do_not_answer_for_each_other():
    one = {"treatments": [(-300, -200, "Teclistamab", "treatment", 1), (*INFUSION, 2)]}
    two = {
        "treatments": [(-300, -200, "VRd", "treatment", 1), (*INFUSION, 2)],
        "responses": [(-250, "PR"), (-210, "PD")],
    }
    together = {r["patient_id"]: r for r in history_of(registry({"A": one, "B": two, "C": {}})).to_dicts()}
    for name, alone in (("A", one), ("B", two)):
        single = history_of(registry({name: alone})).row(0, named=True)
        keys = [k for k in single if k not in ("key", "pid", "gid", "unread")]
        assert {k: single[k] for k in keys} == {k: together[name][k] for k in keys}
    assert together["C"]["history_complete"] is False


def test_history_numbers_lines_by_the_rule_set_in_force():
    """A pause of 100 days without therapy: the same regimen again is the same line by plan, another one in claims."""
    raw = {
        "patients": pl.DataFrame({"patient_id": ["P1"]}),
        "treatments": pl.DataFrame(
            {
                "patient_id": ["P1"] * 3,
                "start_date": ["-900", "-500", "0"],
                "end_date": ["-600", "-300", "0"],
                "agent": ["Rd", "Rd", "ide-cel"],
                "role": ["treatment", "treatment", "infusion"],
            }
        ),
    }
    record = clean_record({name: frame.with_row_index("row") for name, frame in raw.items()}, "day")
    rules = criteria("imwg-2016")
    found = {}
    for name in ("rajkumar-2015", "claims"):
        told = history_of(derive(record, rules, settings_of(rules, {"lines": name})))
        found[name] = told.select("line", "lines_before").row(0)
    assert found == {"rajkumar-2015": (2, 1), "claims": (3, 2)}
