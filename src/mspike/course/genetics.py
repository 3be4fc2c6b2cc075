"""Genetics of the clone: every statement under one name, and whether a marker is there (rules.md 3.3, 6).

A marker once present stays present: a later sample without it shows a smaller clone, not another one. It is absent if
it was tested, found absent and never present. What was not tested is unknown.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from mspike.knowledge.codes.genetic_markers import markers, read_words, terms_of
from mspike.knowledge.criteria import published
from mspike.record.clean import SCALES
from mspike.record.findings import Findings
from mspike.record.record import Record
from mspike.response.compare import micro

FRACTION = SCALES["fraction"]

_READING: dict[str, Any] = {
    "marker_text": pl.String,
    "finding": pl.String,
    "marker": pl.String,
    "state": pl.String,
    "alleles": pl.String,
    "above": pl.Boolean,
    "share": pl.Int64,
    "deletion": pl.Boolean,
    "mutation": pl.Boolean,
    "problem": pl.String,
}
_STATE: dict[str, Any] = {
    "present": pl.Boolean,
    "fraction": pl.Int64,
    "above": pl.Boolean,
    "day": pl.Int32,
    "allelic": pl.String,
    "said": pl.String,
}


def markers_of(record: Record) -> pl.DataFrame:
    """Which markers does the clone of each patient carry, by everything in this record?

    One row a patient and marker that was ever named: pid, marker, present (true, false, unknown), fraction (largest
    share of clonal cells reported while present, 0 to 1), day (first found; else last found absent), allelic (mono, bi,
    unknown), above (the laboratory said "above cut-off"), said (the finding as reported on that day).
    """
    found = _states(statements_of(record), ["pid", "marker"])
    return found.with_columns(fraction=pl.col("fraction") / FRACTION)


def markers_at(statements: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """Which markers were known at each point in time?

    statements  see `statements_of`
    points      point, pid, genetics_until: statements up to that day count

    One row a point and marker, columns as in `markers_of` with `point`; `fraction` in the record's exact grid.
    """
    joined = statements.join(points.select("point", "pid", "genetics_until"), on="pid")
    return _states(joined.filter(pl.col("day") <= pl.col("genetics_until")), ["point", "marker"])


def statements_of(record: Record) -> pl.DataFrame:
    """Every usable statement: pid, day, row, marker, present, alleles, above, fraction, deletion, mutation, said.

    What follows from a statement stands beside it: four copies of 1q are more than two; a lost chromosome 17 is a lost
    17p.
    """
    rows = _read(record.genetics).filter(pl.col("problem").is_null() & pl.col("marker").is_not_null())
    rows = rows.select(
        "pid", "marker", "alleles", "above", "deletion", "mutation", "row",
        day=pl.col("date"),
        present=_present(),
        fraction=pl.coalesce("fraction", "share"),
        said=pl.coalesce("finding", pl.lit("fraction only")),
    )  # fmt: skip
    return pl.concat([rows, _following(rows)]).sort("pid", "marker", "day", "row")


def note_unrecognised_markers(record: Record, findings: Findings) -> None:
    """Notes each genetics row whose marker or finding was not understood: it stays in the record, no rule uses it."""
    rows = _read(record.genetics)
    expected = {
        "marker": ("unknown_marker", "a marker such as del17p, t(4;14), gain1q, TP53 or TNFRSF17"),
        "finding": ("unknown_finding", "present, absent, not tested, or a change such as biallelic deletion"),
        "empty": ("nothing_said", "a finding or a fraction"),
    }
    for problem, (name, wanted) in expected.items():
        findings.add(
            rows.filter(pl.col("problem") == problem).unique("row", maintain_order=True),
            severity="warning",
            table="genetics",
            column="marker" if problem == "marker" else "finding",
            problem=name,
            found=pl.col("marker_text") if problem == "marker" else pl.col("finding").fill_null(""),
            expected=wanted,
        )


def _read(genetics: pl.DataFrame) -> pl.DataFrame:
    """Each distinct pair of texts is read once. A statement about two markers becomes two rows."""
    rows = genetics.rename({"marker": "marker_text"})
    pairs = rows.select("marker_text", "finding").unique(maintain_order=True)
    read = [reading for pair in pairs.iter_rows() for reading in _readings(*pair)]
    readings = pl.DataFrame(read, schema=_READING, orient="row")
    rows = rows.join(readings, on=["marker_text", "finding"], how="left", nulls_equal=True, maintain_order="left")
    silent = pl.col("problem").is_null() & pl.col("finding").is_null() & pl.col("fraction").is_null()
    told_by_name = pl.col("state").is_not_null() | pl.col("alleles").is_not_null()
    return rows.with_columns(problem=pl.when(silent & ~told_by_name).then(pl.lit("empty")).otherwise("problem"))


def _readings(marker: str, finding: str | None) -> list[tuple[Any, ...]]:
    """What one marker text with one finding says, a row for each term."""
    name, words = read_words(marker, is_name=True), read_words(finding or "")
    changes = tuple(dict.fromkeys([*name.changes, *words.changes]))
    terms = terms_of(marker, words.changes)
    problem = None
    if not terms_of(marker) and not terms:
        problem = "marker"
    elif not terms or words.locus or words.state == "contradiction":
        problem = "finding"
    state = words.state or name.state
    if state is None and (words.changes or words.alleles or words.above_cutoff or (name.alleles and not finding)):
        state = "present"
    share = None if words.share is None else int(words.share * FRACTION)
    if state == "absent" and name.alleles:  # "biallelic del(1p32): absent" leaves open whether one copy is lost
        state = "unknown"
    told = (state, words.alleles or name.alleles, words.above_cutoff, share)
    return [(marker, finding, term, *told, *_hits(term, changes), problem) for term in terms or (None,)]


def _hits(term: str | None, changes: tuple[str, ...]) -> tuple[bool, bool]:
    """Of a gene that one term stands for: is a deletion named, is a mutation named? Two kinds are two hits."""
    gene = term is not None and "any" in markers()[term].changes
    return gene and "deletion" in changes, gene and "mutation" in changes


def _present() -> pl.Expr:
    """Is the marker there by this statement? A share without a word decides only where no laboratory would differ."""
    limit = micro(published("stage-conventions").value("genetics.fraction_alone", "present"), FRACTION)
    state, share = pl.col("state"), pl.coalesce("fraction", "share")
    by_share = pl.when(share >= limit).then(True).when(share == 0).then(False)
    return (
        pl.when(state == "present").then(True).when(state == "absent").then(False).when(state.is_null()).then(by_share)
    )


def _following(rows: pl.DataFrame) -> pl.DataFrame:
    """Statements that follow from others by the markers' own meaning."""
    implied = [(m.term, t, True) for m in markers().values() for t in m.implies]
    excluded = [(m.term, t, False) for m in markers().values() for t in m.excludes]
    follows = pl.DataFrame(implied + excluded, schema=["marker", "then", "present"], orient="row")
    found = rows.join(follows, on=["marker", "present"])
    one_left = pl.col("marker").str.starts_with("monosomy")
    return found.with_columns(
        marker=pl.col("then"),
        # A lost chromosome takes one copy with it; what the first marker's alleles were says nothing about another one.
        alleles=pl.when(one_left).then(pl.lit("mono")),
        deletion=one_left,
        mutation=pl.lit(False),
    ).select(rows.columns)


def _states(statements: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Sums statements up to one state a key: present once said so; two different hits are both alleles."""
    if statements.is_empty():
        return statements.select(key).with_columns(pl.lit(None, dtype).alias(name) for name, dtype in _STATE.items())
    there = pl.col("present")
    hit_twice = (pl.col("deletion").filter(there).any()) & (pl.col("mutation").filter(there).any())
    both = (pl.col("alleles").filter(there) == "bi").any() | hit_twice
    one = (pl.col("alleles").filter(there) == "mono").any()
    first, last = pl.col("day").filter(there).min(), pl.col("day").filter(there.not_()).max()
    return (
        statements.group_by(key, maintain_order=True)
        .agg(
            present=there.max(),
            fraction=pl.col("fraction").filter(there).max(),
            above=pl.col("above").filter(there).any(),
            day=pl.coalesce(first, last),
            allelic=pl.when(both).then(pl.lit("bi")).when(one).then(pl.lit("mono")),
            said=pl.coalesce(pl.col("said").filter(there).first(), pl.col("said").filter(there.not_()).last()),
        )
        .sort(key)
    )
