"""The sentence at the head: it follows the origin asked, and tells nothing that the tables keep back."""

from __future__ import annotations

import polars as pl
from gathering import demo, demo_registry

from mspike.study.answer import answer_of
from mspike.study.gathered import Gathered
from mspike.study.plan import Plan
from mspike.study.survival import survival

__all__ = ["demo", "demo_registry"]  # fixtures


def test_the_sentence_tells_the_medians_of_the_origin_that_was_asked(demo: Gathered):
    told = {origin: answer_of(demo.cohort, Plan(origin)) for origin in ("infusion", "failure", "apheresis")}
    assert "from the infusion, median progression-free survival" in told["infusion"]
    assert "from apheresis, all who were collected, median progression-free survival" in told["apheresis"]
    assert "progression-free" not in told["failure"] and "from failure, median overall survival" in told["failure"]
    pfs = [text.split("survival ")[1].split(" months")[0] for text in (told["infusion"], told["apheresis"])]
    assert pfs[0] != pfs[1]  # who was never infused died of waiting, and is in one of them only


def test_the_sentence_and_the_section_tell_one_median_also_where_counts_are_kept_back(demo: Gathered):
    plan = Plan(min_cell=8)
    medians = survival(demo, plan).tables[0]
    assert medians.shown is not None
    words = [str(cell) for row in medians.shown.rows() for cell in row]
    told = answer_of(demo.cohort, plan)
    pfs = told.split("median progression-free survival ")[1].split(" months")[0]
    assert pfs in words


def test_what_nobody_observed_is_neither_reached_nor_absent(demo: Gathered):
    """SYNTHETIC: patients of whom nothing but the infusion is recorded."""
    days = [name for name in demo.cohort.columns if name.endswith("_days")]
    unseen = demo.cohort.filter("infused").with_columns(
        *(pl.lit(0, pl.Int32).alias(name) for name in days),
        *(pl.lit(False).alias(name.replace("_days", "_event")) for name in ("pfs_days", "os_days")),
        failed=pl.lit(False),
        failure_type=pl.lit("undetermined"),
        best_response=pl.lit("NE"),
    )
    told = answer_of(unseen, Plan())
    assert "nobody's response could be judged" in told and told.count("not estimable") == 2
    assert "in nobody is a failure on record so far, and of" in told and "(100 %) it is not known" in told
