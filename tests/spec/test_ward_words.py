"""Words of the ward: each is read for the analyte it belongs to; what is not listed is a finding."""

from __future__ import annotations

import polars as pl
import pytest
from wards import result, ward

from mspike.record.analytes import ANALYTES
from mspike.record.ward_words import folded_word, lookup

WORDED = [a for a in ANALYTES.values() if a.words]


def read(analyte: str, value: str, **more: str) -> tuple[int | None, str | None] | str:
    record = ward([result(1, analyte, value, **more)])
    if record.results.is_empty():
        return record.findings.filter(pl.col("table") == "results")["problem"].item()
    return record.results.select("lo", pl.col("state").cast(pl.String)).row(0)


@pytest.mark.parametrize("analyte", WORDED, ids=lambda a: a.name)
def test_no_spelling_stands_for_two_words(analyte):
    spellings = [folded_word(s) for word, others in analyte.words.items() for s in {word, *others}]
    assert len(spellings) >= len(lookup(analyte.words))
    owners: dict[str, set[str]] = {}
    for word, others in analyte.words.items():
        for spelling in (word, *others):
            owners.setdefault(folded_word(spelling), set()).add(word)
    assert {s: words for s, words in owners.items() if len(words) > 1} == {}


@pytest.mark.parametrize("analyte", WORDED, ids=lambda a: a.name)
def test_every_declared_word_is_read(analyte):
    for word in analyte.words:
        assert read(analyte.name, word)[1] == word


@pytest.mark.parametrize(
    ("analyte", "value", "expected"),
    [
        ("oxygen", "6 L/min nasal cannula", (6_000_000, "nasal_cannula")),
        ("oxygen", "NC 2.5 lpm", (2_500_000, "nasal_cannula")),
        ("oxygen", "7 L/min", (7_000_000, None)),
        ("oxygen", "7", (7_000_000, None)),
        ("oxygen", "10 L via Non-Rebreather", (10_000_000, "non_rebreather")),
        ("oxygen", " Room  Air ", (None, "room_air")),
        ("oxygen", "2 L/min or 6 L/min", "unknown_word"),
        ("oxygen", "2 L/min cuddles", "unknown_word"),
        ("oxygen", "yes", "unknown_word"),
        ("oxygen", "positive", "unknown_word"),
        ("vasopressors", "Norepinephrine + vasopressin", (1_000_000, "norepinephrine + vasopressin")),
        ("vasopressors", "noradrenaline and adrenaline", (2_000_000, "epinephrine + norepinephrine")),
        ("vasopressors", "none", (0, "none")),
        ("vasopressors", "vasopressin", (0, "vasopressin")),
        ("vasopressors", "none + dopamine", "unknown_word"),
        ("vasopressors", "yes", "unknown_word"),
        ("consciousness", "Comatose", (None, "coma")),
        ("consciousness", "sleepy", "unknown_word"),
        ("consciousness", "4", "not_a_word"),
        ("hypotension", "no", (None, "negative")),
        ("hypotension", "n/a", "unknown_word"),
        ("seizure", "> 5 min", (None, "prolonged")),
        ("cerebral_oedema", "Cushing triad", (None, "diffuse")),
        ("serum_ife", "none", "not_readable"),
        ("serum_ife", "negative", (None, "negative")),
        ("serum_ife", "room air", "not_readable"),
    ],
)
def test_words(analyte, value, expected):
    assert read(analyte, value) == expected


def test_a_word_survives_the_conversion_of_other_units():
    rows = [
        result(1, "oxygen", "6 L/min nasal cannula"),
        result(1, "vasopressors", "norepinephrine"),
        result(1, "haemoglobin", "95", unit="g/L"),
        result(1, "crp", "<5", unit="mg/L"),
    ]
    told = ward(rows).results.sort("row").select("lo", "hi", pl.col("state").cast(pl.String)).rows()
    assert told[0] == (6_000_000, 6_000_000, "nasal_cannula")
    assert told[1] == (1_000_000, 1_000_000, "norepinephrine")
    assert told[2] == (9_500_000, 9_500_000, None)
