"""Days, spans and lists in plain words; every code that the rooms below may say has a plain word here."""

from __future__ import annotations

import datetime as dt

import pytest

from mspike.errors import KnowledgeError
from mspike.knowledge.mechanisms import mechanisms, telling_tests
from mspike.knowledge.schedule import schedule
from mspike.knowledge.support import kinds, organisations, signs, texts
from mspike.packet.plain_words import listed, plain_day, plain_product, plain_span
from mspike.report.because import FAILURE


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (dt.date(2023, 3, 20), "20 March 2023"),
        ("2023-03-02", "2 March 2023"),
        ("2023-03", "March 2023"),
        ("2023", "2023"),
        (135, "day 135 after your infusion"),
        (0, "the day of your infusion"),
        (-1, "1 day before your infusion"),
        (-58, "58 days before your infusion"),
        (None, None),
        ("", None),
    ],
)
def test_a_day_is_told_as_one_says_it(day, told):
    assert plain_day(day) == told


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2023-01-01", "2023-01-02", "1 day"),
        ("2023-01-01", "2023-01-07", "6 days"),
        ("2023-01-01", "2023-01-08", "about 1 week"),
        ("2023-01-01", "2023-03-05", "about 9 weeks"),
        ("2023-01-01", "2023-03-06", "about 2 months"),
        (0, 135, "about 4 months"),
        ("2023", "2023-03-06", None),
        ("2023-01-02", "2023-01-02", None),
        (None, "2023-01-02", None),
    ],
)
def test_a_span_is_told_in_the_unit_one_thinks_in(first, last, told):
    assert plain_span(first, last) == told


def test_lists_name_each_once():
    assert listed([]) == "" and listed(["a"]) == "a" and listed(["a", "b", "a", "c"]) == "a, b and c"


def test_products_carry_the_name_on_the_bag():
    assert plain_product("ide-cel") == "ide-cel (Abecma)" and plain_product("axi-cel") == "axi-cel"
    assert "does not say which" in plain_product(None)


def test_every_mechanism_test_check_and_failure_has_plain_words():
    reasons = texts("reasons")
    assert set(mechanisms()) <= set(reasons)
    assert set(reasons["tests"]) <= set(telling_tests())
    assert {item.name for item in schedule().items} == set(texts("checks"))
    died = {"nonrelapse_death", "not_infused"}  # no page is written, or told by itself
    assert set(texts("course")["failure"]) == set(FAILURE) - died


def test_every_text_is_sourced_and_says_how_it_was_checked():
    assert all(one.source and one.checked for one in (*kinds(), *signs()))
    assert all(one.seen and "." in one.web and " " not in one.web for one in organisations())


def test_a_text_that_is_not_there_is_refused_by_name():
    with pytest.raises(KnowledgeError, match=r"nowhere.*there are care"):
        texts("nowhere")
