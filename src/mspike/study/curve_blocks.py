"""The curves of one endpoint: of all patients, or of the groups of one stratum, as far as each may be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mspike.cohort.disclosure import Arc, hidden_arcs, hidden_cells
from mspike.cohort.followup import reverse_kaplan_meier
from mspike.cohort.strata import Stratum
from mspike.cohort.survival import Curve, LogRank, kaplan_meier, log_rank
from mspike.cohort.times import Unstable
from mspike.study.cells import in_sentence
from mspike.study.divided import ALL, Group, divided
from mspike.study.followed import Followed
from mspike.study.kept_back import Count, count, cut_off, hidden_among, small
from mspike.study.plan import WORDS

# Endpoints whose events hold those of the other: what one has more are patients of a kind of their own (deaths without
# progression, next therapies without death, progressions of who never responded).
NESTED = {frozenset(pair) for pair in (("pfs", "ttp"), ("pfs", "efs"), ("os", "ttnt"), ("os", "pfs2"), ("pfs", "dor"))}
FEW = 5  # patients: fewer of a group have no curve in a figure and take no part in a test


@dataclass(frozen=True)
class Told:
    """One group: its counts, its curve and its follow-up as far as they may be told.

    curve       None where it cannot be estimated or must not be told
    until       the last day told; None: all of it
    follow_up   reverse Kaplan-Meier, likewise; its last day told is `followed_until`
    """

    group: Group
    n: Count
    events: Count
    curve: Curve | None
    until: float | None
    follow_up: Curve | None
    followed_until: float | None

    @property
    def words(self) -> str:
        return self.group.words


@dataclass(frozen=True)
class Compared:
    """The log-rank test of one block: how many groups and patients it compares, and how many are in no known group."""

    groups: int
    n: Count
    unknown: Count
    test: LogRank


@dataclass(frozen=True)
class Block:
    """The groups of one endpoint.

    endpoint   a key of `plan.WORDS`
    stratum    name and words of what divides them; None, for all patients
    kept_back  patients in groups too small to tell
    silent     groups whose curve must not be told, by name
    beside     the endpoint told before from which this one differs by too few events to be told too; None: none
    test       between the known groups that are told; `untested` says why there is none
    refused    sentences on what these patients cannot carry
    """

    endpoint: str
    stratum: str | None
    words: str
    told: Followed
    groups: tuple[Told, ...]
    kept_back: int
    silent: tuple[str, ...]
    test: Compared | None
    untested: str | None
    refused: tuple[str, ...]
    min_cell: int
    beside: str | None = None

    @property
    def drawn(self) -> dict[str, Curve]:
        """The curves of a figure. A group of a few patients has none of its own; the table tells of it."""
        few = FEW if self.stratum else 1
        return {told.words: told.curve for told in self.groups if told.curve is not None and told.curve.n >= few}


def block_of(
    told: Followed,
    endpoint: str,
    stratum: tuple[str, Stratum] | None,
    min_cell: int,
    *,
    name: str,
    follow_up: bool = False,
    before: Sequence[Block] = (),
) -> Block:
    """The curves of an endpoint, for all patients or by a stratum.

    name       of the endpoint in a sentence: "Overall survival"
    follow_up  also the reverse curves
    before     blocks of the same stratum that stand before it: differences from them must not be small either

    Kept back under `min_cell`: small groups; counts of events and of patients without, where small; the curve of a
    group whose events are few, and of another where the total would give them away; the rest of each curve, once few
    are at risk; the whole endpoint where it differs by few events from one that holds it.
    """
    parts = divided(told.patients, stratum[1], min_cell, beside=False) if stratum else None
    groups = parts.groups if parts else (Group("all", ALL, told.patients),)
    kept = parts.kept_back if parts else 0
    beside = _too_near(told, groups, endpoint, before, min_cell)
    n = hidden_n(told, groups, kept, stratum[1].column if stratum else None, before, min_cell)
    events, curves = hidden_events(told, groups, kept, min_cell)
    if beside is not None:
        events = curves = set(range(len(groups)))
    rows: list[Told] = []
    refused, silent = [], []
    for place, group in enumerate(groups):
        whole, why = _estimated(told, group, kaplan_meier, f"{name}, {group.words}")
        back, _ = _estimated(told, group, reverse_kaplan_meier, "") if follow_up else (None, None)
        if place in curves:
            silent.append(group.words)
            why, whole, back = None, None, None
        cut, until = cut_off(whole, min_cell) if whole else (None, None)
        cut_back, back_until = cut_off(back, min_cell) if back else (None, None)
        happened = int(group.patients["event"].sum())
        rows.append(
            Told(
                group, count(group.patients.height, place in n, min_cell), count(happened, place in events, min_cell),
                cut, until, cut_back, back_until,
            )
        )  # fmt: skip
        refused += [why] if why else []
    named, words = (stratum[0], stratum[1].words) if stratum else (None, "")
    test, untested = _compared(told, rows, endpoint, words, min_cell, beside) if stratum else (None, None)
    return Block(
        endpoint, named, words, told, tuple(rows), kept, tuple(silent), test, untested, tuple(refused), min_cell, beside
    )


def _too_near(
    told: Followed, groups: Sequence[Group], endpoint: str, before: Sequence[Block], min_cell: int
) -> str | None:
    """The endpoint before from which this one differs, in some group or in the rest, by few events or few without."""
    if min_cell < 2:
        return None
    own = _events(told, groups)
    for other in before:
        if other.beside is None and frozenset((endpoint, other.endpoint)) in NESTED:
            if [group.words for group in groups] != [group.words for group in other.groups]:
                return other.endpoint
            theirs = _events(other.told, [group.group for group in other.groups])
            pairs = zip(own, theirs, strict=True)
            if any(
                small(abs(a - b), min_cell) for row, other_row in pairs for a, b in zip(row, other_row, strict=True)
            ):
                return other.endpoint
    competing = int((told.patients["cr_cause"] == "progression").sum()) if endpoint == "ttp" else 0
    return "competing" if competing and small(abs(competing - sum(row[0] for row in own)), min_cell) else None


def _events(told: Followed, groups: Sequence[Group]) -> list[tuple[int, int]]:
    """Events and patients without, of each group and, last, of those in none (known by subtraction)."""
    counts = [(int(rows["event"].sum()), rows.height) for rows in (group.patients for group in groups)]
    events, n = int(told.patients["event"].sum()), told.patients.height
    rest = (events - sum(had for had, _ in counts), n - sum(size for _, size in counts))
    return [(had, size - had) for had, size in (*counts, rest)]


def hidden_n(
    told: Followed, groups: Sequence[Group], kept: int, column: str | None, before: Sequence[Block], min_cell: int
) -> set[int]:
    """Of which groups the number of patients is not told.

    Table 1 tells how many there are of each; who is not followed must not be few in any. Nor may the number differ by
    few from that of an endpoint before.
    """
    if min_cell < 2:
        return set()
    sizes = [group.patients.height for group in groups]
    beside = {
        place
        for place, (group, n) in enumerate(zip(groups, sizes, strict=True))
        for other in before
        for same in other.groups
        if same.words == group.words and not isinstance(same.n, str) and small(abs(n - int(same.n)), min_cell)
    }
    lacking = told.lacking(min_cell)
    if column is None:
        return {0} if beside or small(lacking, min_cell) or small(sizes[0], min_cell) else set()
    of, own = _told_of(told, column, min_cell), [group.level for group in groups]
    gone = [max(of[level] - n, 0) if level in of else 0 for level, n in zip(own, sizes, strict=True)]
    arcs = {}
    for place, (level, n, less) in enumerate(
        zip((*own, ""), (*sizes, kept), (*gone, lacking - sum(gone)), strict=True)
    ):
        row = ("group", place) if place < len(groups) and level in of else None
        arcs["n", place], arcs["lacking", place] = Arc("n", row, n), Arc("lacking", row, max(less, 0))
    always = [("n", place) for place in (*beside, *([len(sizes)] if kept else []))]
    always += [("lacking", place) for _, place in always]
    hidden = hidden_arcs(arcs, min_cell, always=always)
    return {place for kind, place in hidden if kind == "n" and place < len(sizes)}


def _told_of(told: Followed, column: str, min_cell: int) -> dict[str | None, int]:
    """How many Table 1 tells of each level that it tells of: the followed and who is not."""
    if told.of is None or column not in told.of.columns:
        return {}
    counts = told.of.group_by(level=pl.col(column).cast(pl.String)).agg(n=pl.len()).sort("n", "level")
    hidden = hidden_among(counts["n"].to_list(), min_cell)
    return {level: n for place, (level, n) in enumerate(counts.iter_rows()) if place not in hidden}


def hidden_events(told: Followed, groups: Sequence[Group], kept: int, min_cell: int) -> tuple[set[int], set[int]]:
    """Of which groups the number of events, and the curve, are not told."""
    if min_cell < 2:
        return set(), set()
    rows, last = _events(told, groups), len(groups)
    if not sum(rows[-1]):
        rows.pop()
    cells = hidden_cells(rows, min_cell, [(last, 0), (last, 1)] if kept else [])
    few = hidden_among([events for events, _ in rows], min_cell)
    tiny = {place for place, row in enumerate(rows) if 0 < sum(row) < min_cell}
    return {row for row, at in cells if at == 0}, few | tiny


def _estimated(told: Followed, group: Group, estimate: Any, name: str) -> tuple[Curve | None, str | None]:
    rows = group.patients
    if rows.height and not (rows["days"] > 0).any():
        return None, f"{name}: nobody was observed beyond day 0, so that there is no curve and no median."
    try:
        return estimate(rows["days"], rows["event"], rows["entry"] if told.late else None), None
    except Unstable as why:
        return None, f"{name}: {why}"


def _compared(
    told: Followed, rows: Sequence[Told], endpoint: str, words: str, min_cell: int, beside: str | None
) -> tuple[Compared | None, str | None]:
    """The test between the known groups of FEW patients or more, or why there is none.

    A group whose curve is kept back because it would give another away is compared all the same.
    """
    least = max(FEW, min_cell)
    groups = [row for row in rows if row.group.known and row.group.patients.height >= least]
    if beside is None:
        groups = [row for row in groups if row.curve is not None or int(row.group.patients["event"].sum()) >= least]
    else:
        groups = []
    if len(groups) < 2:
        several = sum(row.group.known for row in rows) > 1
        why = (
            f"there are no two known groups of {least} patients or more" if several else "there are no two known groups"
        )
        return None, None if beside else f"By {in_sentence(words)}: {why} to compare."
    both = pl.concat(
        [row.group.patients.select("days", "event", "entry").with_columns(_group=pl.lit(row.words)) for row in groups]
    )
    try:
        test = log_rank(both["days"], both["event"], both["_group"], both["entry"] if told.late else None)
    except Unstable as why:
        return None, f"{WORDS[endpoint]} by {in_sentence(words)}. {why}"
    left = told.patients.height - both.height
    hidden = hidden_among([left, both.height], min_cell)
    n = count(both.height, bool(hidden) or any(isinstance(row.n, str) for row in groups), min_cell)
    return Compared(
        len(groups), n, count(left, bool(hidden) or (isinstance(n, str) and left > 0), min_cell), test
    ), None
