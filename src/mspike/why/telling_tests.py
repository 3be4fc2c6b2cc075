"""The tests that would tell: for every untested finding of a failed infusion, what to ask next. No treatment advice."""

from __future__ import annotations

import polars as pl

from mspike.course.derived import Derived
from mspike.knowledge.mechanisms import CHANGES, COSTS, TellingTest, also_asked, telling_tests
from mspike.why.antigen import GENE, LOSS
from mspike.why.findings import findings_of
from mspike.why.infusions import infusions_of

OTHERS = {"BCMA": "GPRC5D or FcRH5", "GPRC5D": "BCMA or FcRH5"}
ANTIGEN_TESTS = ("antigen_on_plasma_cells", "target_gene", "stored_marrow")
UNKNOWN_TARGET = ("its target", "the target's gene", "other targets")


def telling_tests_of(derived: Derived, findings: pl.DataFrame | None = None) -> pl.DataFrame:
    """Which tests would tell why a failed infusion failed, what do they cost the patient, what would an answer change?

    findings  see `findings_of`; derived anew where not given

    One row a failed infusion and test, those that change most first and among them the cheapest: gid, pid, order (from
    1), test, title, cost (records, blood, imaging, marrow), cost_says, changes (decides: an answer marks an option;
    informs: it is weighed with options; explains: it tells why and changes no option), now (it can still be done;
    otherwise only records and stored samples tell), answers (list of "answer: what it changes"), tells (rules of the
    untested findings), mechanisms. Of a patient who has died only records are asked.
    """
    infusions = infusions_of(derived).filter("failed")
    found = findings_of(derived) if findings is None else findings
    open_ = _without_answered(found).select("gid", "rule", "mechanism", "test")
    asked = (
        pl.concat([_asked(open_, infusions), _always(infusions)])
        .group_by("gid", "test")
        .agg(tells=pl.col("rule").drop_nulls().sort(), mechanisms=pl.col("mechanism").drop_nulls().unique().sort())
    )
    told = asked.join(infusions.select("gid", "pid", "target", "alive"), on="gid").join(
        _told(), on=["test", "target"], nulls_equal=True
    )
    told = _ranked(told.filter(pl.col("alive") | (pl.col("cost") == "records")), found)
    most = pl.lit(0) - pl.col("tells").list.len().cast(pl.Int64)
    told = told.sort("pid", "gid", "changes_rank", "cost_rank", most, "test")
    return told.select(
        "gid", "pid", pl.int_range(1, pl.len() + 1).over("gid").alias("order"), "test", "title", "cost", "cost_says",
        "changes", "now", "answers", "tells", "mechanisms",
    )  # fmt: skip


def _without_answered(found: pl.DataFrame) -> pl.DataFrame:
    """The untested findings, save those of a test whose specimen or image has told something else already.

    Records are asked for each finding: one value in them answers nothing about another.
    """
    again = [test.id for test in telling_tests().values() if test.now]
    done = found.filter((pl.col("state") != "not_tested") & pl.col("test").is_in(again)).select("gid", "test").unique()
    return found.filter(pl.col("state") == "not_tested").join(done, on=["gid", "test"], how="anti")


def _ranked(told: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Adds the ranks. Where the cells are known to carry the target, its gene no longer decides about it."""
    kept = found.filter((pl.col("rule") == LOSS) & (pl.col("state") == "against")).select("gid", kept=pl.lit(True))
    told = told.join(kept, on="gid", how="left")
    gene = (pl.col("test") == "target_gene") & pl.col("kept").is_not_null()
    told = told.with_columns(changes=pl.when(gene).then(pl.lit("informs")).otherwise("changes"))
    ranks = {"changes": CHANGES, "cost": COSTS}
    return told.with_columns(
        pl.col(name)
        .replace_strict({word: at for at, word in enumerate(words)}, return_dtype=pl.Int8)
        .alias(f"{name}_rank")
        for name, words in ranks.items()
    )


def _asked(open_: pl.DataFrame, infusions: pl.DataFrame) -> pl.DataFrame:
    """The untested findings of failed infusions with the test for each; an unknown product must be named first."""
    asked = open_.join(infusions.select("gid", "target"), on="gid")
    nameless = pl.col("target").is_null() & pl.col("test").is_in(ANTIGEN_TESTS)
    of_bcma = pl.col("test").is_in(["soluble_bcma", "soluble_bcma_before"])
    elsewhere = of_bcma & (pl.col("target") == "GPRC5D")
    asked = asked.filter(~elsewhere.fill_null(False))  # an unknown target may be BCMA
    test = pl.when(nameless).then(pl.lit("product")).otherwise("test")
    return asked.select("gid", "rule", "mechanism", test=test)


def _always(infusions: pl.DataFrame) -> pl.DataFrame:
    also = pl.DataFrame({"test": list(also_asked())})
    none = pl.lit(None, pl.String)
    return infusions.select("gid").join(also, how="cross").select("gid", rule=none, mechanism=none, test="test")


def _told() -> pl.DataFrame:
    """Each test in the words of each target."""
    rows = [_row(test, target) for test in telling_tests().values() for target in (*OTHERS, None)]
    return pl.DataFrame(rows, orient="row", infer_schema_length=None)


def _row(test: TellingTest, target: str | None) -> dict[str, object]:
    named = (target, GENE[target], OTHERS[target]) if target else UNKNOWN_TARGET
    words = dict(zip(("target", "gene", "others"), named, strict=True))
    return {
        "test": test.id,
        "target": target,
        "title": test.title.format(**words),
        "cost": test.cost,
        "cost_says": test.cost_says.format(**words),
        "changes": test.changes,
        "now": test.now,
        "answers": [f"{answer}: {changes}".format(**words) for answer, changes in test.answers],
    }
