"""Treatment rows as agents; and a line that is known without its date."""

from __future__ import annotations

import random

import polars as pl
import pytest

from mspike.course.agents import NOT_ASKED, given, note_unrecognised, transplants_named, unrecognised
from mspike.knowledge.therapies import recognised
from mspike.record.findings import Findings
from mspike.record.record import Record, clean_record
from mspike.record.tables import CATEGORIES, ROLES, TABLES


def table(name: str, rows: list[dict[str, str]]) -> pl.DataFrame:
    columns = {column: [row.get(column) for row in rows] for column in TABLES[name].names}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index("row", offset=2)


def record_of(*treatments: dict[str, str], calendar: str = "day") -> Record:
    patients = sorted({row.get("patient_id", "A") for row in treatments} | {"A"})
    rows = [{"patient_id": "A", "role": "treatment", **row} for row in treatments]
    raw = {name: table(name, []) for name in TABLES}
    raw["patients"] = table("patients", [{"patient_id": name} for name in patients])
    raw["treatments"] = table("treatments", rows)
    return clean_record(raw, calendar)


def told(record: Record) -> list[tuple]:
    findings = record.findings.filter(pl.col("table") == "treatments")
    return findings.select("severity", "row", "column", "problem").rows()


# ---- rows without a date --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "kept", "findings"),
    [
        ({"start_date": "-100"}, True, []),
        ({"start_date": "-100", "line": "1"}, True, []),
        ({"line": "1"}, True, []),
        ({}, False, [("error", 2, "start_date", "missing")]),
        ({"start_date": "soon", "line": "1"}, True, [("warning", 2, "start_date", "unreadable_date")]),
        ({"start_date": "soon"}, False, [("error", 2, "start_date", "unreadable_date")]),
        # A line that cannot be read orders nothing.
        (
            {"line": "first"},
            False,
            [("warning", 2, "line", "unreadable"), ("error", 2, "start_date", "missing")],
        ),
    ],
)
def test_a_treatment_without_a_date_is_kept_where_its_line_is_given(cells, kept, findings):
    record = record_of({"agent": "VRd", **cells})
    assert record.treatments.height == kept
    assert record.rows["treatments"] == {"rows": 1, "used": int(kept), "set_aside": int(not kept)}
    assert told(record) == findings


@pytest.mark.parametrize(("line", "kept", "severity"), [("1", True, "warning"), (None, False, "error")])
def test_a_partial_date_of_a_numbered_line_stays_as_it_is(line, kept, severity):
    record = record_of({"agent": "VRd", "start_date": "2019-03", "line": line}, calendar="iso")
    assert record.treatments.select("start_date", "start_date_partial").rows() == [(None, "2019-03")] * kept
    assert told(record) == [(severity, 2, "start_date", "partial_date")]


def test_only_the_start_of_a_treatment_may_be_missing():
    assert [(t.name, c.name, c.unless) for t in TABLES.values() for c in t.columns if c.unless] == [
        ("treatments", "start_date", "line")
    ]


@pytest.mark.parametrize("word", [*CATEGORIES, "vgpr"])
def test_the_best_response_to_a_line_is_read(word):
    record = record_of({"agent": "VRd", "line": "1", "best_response": word})
    assert record.treatments["best_response"].to_list() == [next(c for c in CATEGORIES if c.lower() == word.lower())]
    assert told(record) == []


def test_a_best_response_that_is_no_category_is_emptied_with_a_finding():
    record = record_of({"agent": "VRd", "line": "1", "best_response": "super"})
    assert record.treatments["best_response"].to_list() == [None]
    assert told(record) == [("warning", 2, "best_response", "unreadable")]


# ---- agents given ---------------------------------------------------------------------------------------------------


def test_a_row_is_told_agent_by_agent_with_what_the_row_says():
    row = {"start_date": "-300", "end_date": "-200", "line": "2", "stop_reason": "progression", "best_response": "MR"}
    frame = given(record_of({"agent": "DaraKd", **row}))
    assert frame["agent_id"].to_list() == ["daratumumab", "carfilzomib", "dexamethasone"]
    shared = ["pid", "row", "start_day", "end_day", "role", "line", "stop_reason", "best_response"]
    assert set(frame.select(shared).rows()) == {(0, 2, -300, -200, "treatment", 2, "progression", "MR")}
    assert frame["cls"].to_list() == ["anti_CD38", "PI", "steroid"]
    assert frame["target"].to_list() == ["CD38", None, None]


def test_an_undated_line_comes_before_the_dated_ones():
    frame = given(record_of({"start_date": "-50", "agent": "carfilzomib"}, {"line": "1", "agent": "bortezomib"}))
    assert frame.select("agent_id", "start_day").rows() == [("bortezomib", None), ("carfilzomib", -50)]


@pytest.mark.parametrize(
    ("agent", "role", "mark", "whose"),
    [
        ("lenalidomide", "maintenance", "maintenance", ["lenalidomide"]),
        ("Lenalidomid Erhaltung", "treatment", "maintenance", ["lenalidomide"]),
        ("lenalidomide", "treatment", "maintenance", []),
        ("FluCy", "lymphodepletion", "conditioning", ["fludarabine", "cyclophosphamide"]),
        ("cyclophosphamide", "bridging", "conditioning", []),
        ("melphalan", "transplant", "conditioning", []),
        ("HD Melphalan", "transplant", "high_dose", ["melphalan"]),
        ("Ixazomib oder Placebo", "maintenance", "doubtful", ["ixazomib"]),
    ],
)
def test_role_and_text_mark_an_agent(agent, role, mark, whose):
    frame = given(record_of({"start_date": "0", "agent": agent, "role": role}))
    assert frame.filter(mark)["agent_id"].to_list() == whose


def test_transplants_are_counted_row_by_row():
    record = record_of(
        {"start_date": "-900", "agent": "HD Melphalan + ASCT 2x", "role": "transplant"},
        {"start_date": "-500", "agent": "3. ASCT", "role": "transplant"},
        {"start_date": "-300", "agent": "alloTx", "role": "transplant"},
        {"start_date": "-100", "agent": "VRd"},
    )
    assert transplants_named(record).rows() == [(0, 2, 2, 0, 2, None), (0, 3, 1, 0, 1, 3), (0, 4, 0, 1, 1, None)]


def test_without_treatments_nothing_was_given_and_the_columns_stay():
    full, none = given(record_of({"start_date": "0", "agent": "VRd"})), given(record_of())
    assert none.height == 0
    assert none.columns == full.columns
    assert unrecognised(record_of()).height == 0
    assert transplants_named(record_of()).height == 0


# ---- what is not recognised -----------------------------------------------------------------------------------------


def noted(record: Record) -> list[tuple]:
    findings = Findings()
    note_unrecognised(record, findings)
    return findings.frame().select("severity", "table", "row", "column", "problem", "found").rows()


def test_a_word_that_is_no_agent_is_a_finding_row_by_row():
    record = record_of(
        {"start_date": "-9", "agent": "foomab, VRd + barzomib"},
        {"start_date": "-8", "agent": "foomab"},
        {"start_date": "-7", "agent": "VRd"},
        {"start_date": "-6", "agent": "VRd (Dara, Lenalidomid, Dexa)"},
        {"start_date": "-5"},
    )
    assert noted(record) == [
        ("warning", "treatments", 2, "agent", "unknown_agent", "barzomib"),
        ("warning", "treatments", 2, "agent", "unknown_agent", "foomab"),
        ("warning", "treatments", 3, "agent", "unknown_agent", "foomab"),
        (
            "warning",
            "treatments",
            5,
            "agent",
            "contradictory_regimen",
            "VRd: bortezomib, dexamethasone, lenalidomide; in brackets: daratumumab, dexamethasone, lenalidomide",
        ),
    ]


def test_a_finding_says_what_helps():
    record = record_of({"start_date": "-9", "agent": "Bortezomibb"}, {"start_date": "-8", "agent": "BPd"})
    nearest, readings = unrecognised(record)["expected"].to_list()
    assert "mspike columns --agents" in nearest
    assert "bortezomib" in nearest
    assert "bendamustine" in readings
    assert "belantamab mafodotin" in readings


@pytest.mark.parametrize("role", ROLES)
def test_only_therapy_against_the_myeloma_needs_a_listed_agent(role):
    record = record_of({"start_date": "-9", "agent": "unheard-of", "role": role})
    assert (noted(record) == []) == (role in NOT_ASKED)
    assert given(record).height == 0


# ---- against a plain reading ----------------------------------------------------------------------------------------

TEXTS = [
    "VRd", "DaraKd", "HD Melphalan + ASCT 2x", "Lenalidomid Erhaltung", "foomab", "CAR-T (cilta-cel)", "cilta-cel",
    "Ixazomib oder Placebo", "fludarabine", "Rd (Lenalidomid, Dexa)", "", "teclistamab, talquetamab",
]  # fmt: skip


def test_a_registry_is_read_as_each_of_its_rows_alone():
    draw = random.Random(7)
    rows = [
        {
            "patient_id": draw.choice("ABCDEF"),
            "start_date": draw.choice(["", str(draw.randint(-900, 90))]),
            "line": str(draw.randint(1, 9)),
            "role": draw.choice(ROLES),
            "agent": draw.choice(TEXTS),
        }
        for _ in range(400)
    ]
    record = record_of(*rows)
    plain = set()
    for row in record.treatments.iter_rows(named=True):
        for mention in recognised(row["agent"] or "").mentions:
            maintenance = mention.maintenance or row["role"] == "maintenance"
            plain.add((row["row"], mention.agent.id, mention.agent.target, maintenance, mention.doubtful))
    frame = given(record)
    got = frame.select("row", "agent_id", "target", "maintenance", "doubtful").rows()
    assert len(got) == len(plain)
    assert set(got) == plain
    assert frame.select("pid", "start_day", "row").rows() == sorted(
        frame.select("pid", "start_day", "row").rows(), key=lambda r: (r[0], r[1] is not None, r[1] or 0, r[2])
    )
