"""How genetic findings are written, and when a marker is present, absent or unknown (rules.md 3.3, 6)."""

from __future__ import annotations

import pytest
from staged import record_of

from mspike.course.genetics import markers_of, note_unrecognised_markers
from mspike.knowledge.codes.genetic_markers import markers, terms_of
from mspike.record.findings import Findings

SPELLINGS = """
del17p: del17p | del(17p) | del_17p | 17p- | del(17)(p13) | TP53 deletion | del(17p) (TP53) | del(17/17p)
TP53: TP53 | TP53 mutation | TP53mut | mutated TP53
t(4;14): t(4;14) | T(4;14) | t(4;14)(p16;q32) | t(4,14) | t(4_14) | IGH::NSD2 | IGH-FGFR3 | FGFR3/IGH
t(14;16): t(14;16) | t(16;14) | IGH/MAF | t(14;16)(q32;q23)
t(14;20): t(14;20) | IGH::MAFB
t(11;14): t(11;14) | CCND1-IGH
gain1q: gain1q | gain(1q) | gain_1q | 1q+ | +1q | +1q21 | 1q21 | gain(1)(q21) | gain/amp(1q) | 1q21 gain | CKS1B gain
amp1q: amp1q | amp(1q) | amp_1q | 1q21 amplification
del1p32: del1p32 | del(1p32) | del(1)(p32) | 1p32- | CDKN2C deletion | biallelic del(1p32) | del(1p32.3)
del1p: del1p | del(1p) | del_1p | 1p-
del13q: del13q | del(13q) | del_13q | 13q- | del(13q14) | RB1 deletion
monosomy17: monosomy 17 | -17
monosomy13: monosomy 13 | -13
del16: del_16 | del(16)
trisomy9: trisomy 9 | +9 | plus_9
hyperdiploid: hyperdiploid | Hyperdiploidy
hyperhaploid: hyperhaploid | hyperhaploidy
TNFRSF17: TNFRSF17 | BCMA | TNFRSF17 deletion | biallelic TNFRSF17 loss
GPRC5D: GPRC5D | GPRC5D mutation
"""
WRITTEN = [
    (term.strip(), text.strip())
    for line in SPELLINGS.strip().splitlines()
    for term, texts in [line.split(": ", 1)]
    for text in texts.split("|")
]


@pytest.mark.parametrize(("term", "text"), WRITTEN, ids=[text for _, text in WRITTEN])
def test_a_marker_is_recognised_however_it_is_written(term: str, text: str) -> None:
    assert terms_of(text) == (term,)


@pytest.mark.parametrize("text", ["17", "foo", "del", "t(3;3)", "17q", "gain", "", "x"])
def test_what_is_no_marker_is_not_guessed(text: str) -> None:
    assert terms_of(text) == ()


def test_every_term_is_recognised_by_its_own_name() -> None:
    assert [term for term in markers() if terms_of(term) != (term,)] == []


def test_whatever_is_implied_or_excluded_is_a_term_itself() -> None:
    followed = {then for marker in markers().values() for then in (*marker.implies, *marker.excludes)}
    assert followed <= set(markers())


def states(*rows: tuple) -> dict[str, tuple]:
    """marker -> (present, fraction, allelic) of one patient with rows (day, marker, finding, fraction)."""
    given = [dict(zip(("date", "marker", "finding", "fraction"), row, strict=False)) for row in rows]
    found = markers_of(record_of(genetics=given))
    return {row["marker"]: (row["present"], row["fraction"], row["allelic"]) for row in found.iter_rows(named=True)}


@pytest.mark.parametrize(
    "word", ["present", "positive", "x", "1", "yes", "detected", "deletion", "above cut-off", "> 20 %"]
)
def test_words_for_present(word: str) -> None:
    assert states((1, "del17p", word))["del17p"][0] is True


@pytest.mark.parametrize(
    "word", ["absent", "negative", "no", "0", "-", "not detected", "no deletion", "normal", "2 copies"]
)
def test_words_for_absent(word: str) -> None:
    assert states((1, "del17p", word))["del17p"][0] is False


@pytest.mark.parametrize("word", ["not tested", "not done", "inconclusive", "unknown", "< 5 %"])
def test_not_tested_is_unknown_not_absent(word: str) -> None:
    assert states((1, "del17p", word))["del17p"][0] is None


@pytest.mark.parametrize(
    ("fraction", "present"), [("0", False), ("0.05", None), ("0.1999", None), ("0.2", True), ("0.9", True)]
)
def test_a_share_without_a_word_decides_only_where_no_laboratory_would_differ(
    fraction: str, present: bool | None
) -> None:
    assert states((1, "del17p", None, fraction))["del17p"][0] is present


def test_a_marker_once_present_stays_present_whatever_the_order_of_rows() -> None:
    rows = [(1, "del17p", "absent"), (50, "del17p", "present", "0.3"), (90, "del(17p)", "absent")]
    assert states(*rows)["del17p"] == states(*reversed(rows))["del17p"] == (True, 0.3, None)


def test_the_largest_share_counts_once_it_was_found() -> None:
    rows = [(1, "del17p", "present", "0.6"), (90, "del17p", "present", "0.1"), (99, "del17p", "absent", "0.9")]
    assert states(*rows)["del17p"][1] == 0.6


def test_a_percentage_in_the_finding_is_the_share() -> None:
    assert states((1, "del17p", "present in 35 % of cells"))["del17p"][:2] == (True, 0.35)


def test_the_finding_names_the_change_where_the_marker_names_the_place_only() -> None:
    assert list(states((1, "TP53", "deletion"))) == ["del17p"]
    assert set(states((1, "TP53", "deletion + mutation"))) == {"TP53", "del17p"}
    assert states((1, "1q21", "4 copies"))["amp1q"][0] is True
    assert states((1, "1q21", "3 copies")).get("amp1q") is None


def test_four_copies_of_1q_are_more_than_two_and_no_gain_excludes_four() -> None:
    assert states((1, "amp1q", "present"))["gain1q"][0] is True
    assert states((1, "gain1q", "absent"))["amp1q"][0] is False
    assert "gain1q" not in states((1, "amp1q", "absent"))
    both = states((1, "gain1q", "absent"), (1, "amp1q", "present"))
    assert both["gain1q"][0] is both["amp1q"][0] is True


def test_a_lost_chromosome_17_has_lost_17p_but_a_kept_one_may_have_lost_it_too() -> None:
    assert states((1, "monosomy 17", "present"))["del17p"][0] is True
    assert "del17p" not in states((1, "monosomy 17", "absent"))
    assert "del17p" not in states((1, "del(17)", "present"))


@pytest.mark.parametrize(
    ("findings", "allelic"),
    [
        (["deletion"], None),
        (["mutation"], None),
        (["mutation", "mutation"], None),
        (["deletion", "deletion"], None),  # the same deletion told twice
        (["deletion + deletion"], "bi"),
        (["deletion", "mutation"], "bi"),
        (["deletion + mutation"], "bi"),
        (["p.R27P", "deletion"], "bi"),
        (["monoallelic deletion"], "mono"),
        (["monoallelic deletion", "mutation"], "bi"),
        (["biallelic_loss"], "bi"),
        (["homozygous deletion"], "bi"),
        (["present"], None),
        (["absent"], None),
    ],
)
def test_tnfrsf17_is_lost_on_both_alleles_after_two_hits(findings: list[str], allelic: str | None) -> None:
    rows = [(10 * at, "TNFRSF17", finding) for at, finding in enumerate(findings)]
    assert states(*rows)["TNFRSF17"][2] == allelic


def test_monosomy_16_takes_one_copy_of_tnfrsf17() -> None:
    assert states((1, "monosomy 16", "present"))["TNFRSF17"] == (True, None, "mono")
    assert states((1, "monosomy 16", "present"), (9, "BCMA", "mutation"))["TNFRSF17"][2] == "bi"
    # Most chromosomes of a hyperhaploid clone are single, not each of them.
    assert "TNFRSF17" not in states((1, "hyperhaploid", "present"))


def test_that_both_copies_are_not_lost_does_not_say_that_none_is() -> None:
    assert states((1, "biallelic del(1p32)", "absent"))["del1p32"][0] is None
    assert states((1, "biallelic del(1p32)", "present"))["del1p32"] == (True, None, "bi")


def problems(*rows: tuple) -> list[tuple]:
    given = [dict(zip(("date", "marker", "finding", "fraction"), row, strict=False)) for row in rows]
    findings = Findings()
    note_unrecognised_markers(record_of(genetics=given), findings)
    return [(row["row"], row["problem"], row["found"]) for row in findings.frame().iter_rows(named=True)]


def test_what_is_not_understood_is_a_finding_and_used_by_nothing() -> None:
    rows = [
        (1, "del17p", "present"),
        (1, "del99z", "present"),
        (1, "t(4;14)", "ND"),
        (1, "TP53", "yes and no"),
        (1, "gain1q", None),
        (1, "del17p", "gain"),
        (1, "t(14;16)", "not tested"),
        (1, "TP53", "deletion + mutation"),
    ]
    assert problems(*rows) == [
        (3, "unknown_marker", "del99z"),
        (4, "unknown_finding", "ND"),
        (5, "unknown_finding", "yes and no"),
        (6, "nothing_said", ""),
        (7, "unknown_finding", "gain"),
    ]
    assert set(states(*rows)) == {"del17p", "TP53", "t(14;16)"}


def test_nothing_tested_gives_no_marker_and_no_finding() -> None:
    record = record_of()
    findings = Findings()
    note_unrecognised_markers(record, findings)
    assert markers_of(record).is_empty()
    assert findings.frame().is_empty()
