"""Tables of survival: medians with what holds at fixed months, the test between groups, and how long was followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from mspike.cohort.disclosure import MARK
from mspike.cohort.times import DAYS_A_MONTH
from mspike.study.cells import NONE, NOT_REACHED, p_value
from mspike.study.curve_blocks import FEW, Block, Compared, Told, block_of
from mspike.study.curve_months import MONTHS, at_months
from mspike.study.followed import Followed, left_out_words
from mspike.study.kept_back import count_words, counts_column, note
from mspike.study.parts import StudyTable
from mspike.study.plan import WORDS

KEPT_BACK = MARK
LIMITS = ("median", "median_low", "median_high")


def limit(day: float | None, until: float | None) -> str:
    """A median or a limit of it in months: NR where the curve does not reach it, "> 18.2" where it is not told on."""
    if day is not None:
        return f"{day / DAYS_A_MONTH:.1f}"
    return NOT_REACHED if until is None else f"> {until / DAYS_A_MONTH:.1f}"


def median_words(told: Told, *, follow_up: bool = False) -> str:
    """8.8 [5.9, NR], in months."""
    curve, until = (told.follow_up, told.followed_until) if follow_up else (told.curve, told.until)
    if told.group.patients.is_empty():
        return NONE
    if curve is None:
        return KEPT_BACK if isinstance(told.events, str) or isinstance(told.n, str) else "not estimable"
    middle, low, high = (limit(getattr(curve, name), until) for name in LIMITS)
    return f"{middle} [{low}, {high}]"


def in_months(told: Told, *, follow_up: bool = False) -> dict[str, float | None]:
    """median_months, median_low_months, median_high_months; null where not reached or not told."""
    curve = told.follow_up if follow_up else told.curve
    days = {name: None if curve is None else getattr(curve, name) for name in LIMITS}
    return {f"{name}_months": None if day is None else day / DAYS_A_MONTH for name, day in days.items()}


def at_month_words(row: dict[str, Any]) -> str:
    """42.0 [28.3, 55.1]; 20: percent, interval, and the number at risk."""
    if row["survival_percent"] is None:
        return MARK if row["at_risk"] == MARK else NONE
    if row["low_percent"] is None:
        return f"{row['survival_percent']:.1f}; {row['at_risk']}"
    return f"{row['survival_percent']:.1f} [{row['low_percent']:.1f}, {row['high_percent']:.1f}]; {row['at_risk']}"


def medians_frame(blocks: Sequence[Block], min_cell: int) -> pl.DataFrame:
    """A row an endpoint and group: counts, median, and at each of MONTHS the estimate with the number at risk."""
    rows = [(block, told) for block in blocks for told in block.groups]
    frame = pl.DataFrame(
        {
            "endpoint": [block.endpoint for block, _ in rows],
            "stratum": pl.Series([block.stratum for block, _ in rows], dtype=pl.String),
            "group": [told.words for _, told in rows],
        },
        schema_overrides={"endpoint": pl.String, "group": pl.String},
    )
    medians = pl.DataFrame(
        [in_months(told) for _, told in rows], schema={f"{name}_months": pl.Float64 for name in LIMITS}
    )
    frame = frame.with_columns(
        counts_column("n", [told.n for _, told in rows], min_cell),
        counts_column("events", [told.events for _, told in rows], min_cell),
        *medians.get_columns(),
    )
    if min_cell > 1:
        until = [None if told.until is None else told.until / DAYS_A_MONTH for _, told in rows]
        frame = frame.with_columns(pl.Series("told_until_months", until, dtype=pl.Float64))
    return pl.concat([frame, *_wide(blocks)], how="horizontal")


def _wide(blocks: Sequence[Block]) -> list[pl.DataFrame]:
    long = pl.concat([at_months(block, MONTHS) for block in blocks])
    names = ("survival_percent", "low_percent", "high_percent", "at_risk")
    frames = []
    for month in MONTHS:
        part = long.filter(pl.col("months") == month)
        frames.append(part.select(pl.col(name).alias(_at(name, month)) for name in names))
    return frames


def _at(name: str, month: int) -> str:
    return f"at_risk_{month}_months" if name == "at_risk" else f"{name.removesuffix('_percent')}_{month}_months_percent"


def medians_table(blocks: Sequence[Block], min_cell: int, name: str, title: str, notes: Sequence[str]) -> StudyTable:
    """Medians and estimates at fixed months, of all patients or by one stratum, as it is printed and as a file."""
    grouped = blocks[0].stratum is not None
    shown = []
    for block in blocks:
        said = at_months(block, MONTHS).rows(named=True)
        for place, told in enumerate(block.groups):
            row = {"endpoint": WORDS[block.endpoint], "group": told.words, "n": count_words(told.n)}
            row |= {"events": count_words(told.events), "median": median_words(told)}
            at = said[place * len(MONTHS) : (place + 1) * len(MONTHS)]
            row |= {f"m{month}": at_month_words(cell) for month, cell in zip(MONTHS, at, strict=True)}
            shown.append(row)
    months = tuple(f"m{month}" for month in MONTHS)
    text = ["endpoint", "group", "n", "events", "median", *months]
    printed = pl.DataFrame(shown, schema=dict.fromkeys(text, pl.String))
    heads = {"endpoint": "Endpoint", "group": blocks[0].words, "n": "n", "events": "Events"}
    heads |= {"median": "Median, months [95 % CI]"} | {f"m{month}": f"{month} months" for month in MONTHS}
    return StudyTable(
        name, title, medians_frame(blocks, min_cell), printed if grouped else printed.drop("group"), heads,
        groups="endpoint" if grouped else None,
        spans={"Free of the event, % [95 % CI]; number at risk": months},
        right=("n", "events", "median", *months),
        notes=tuple(note for note in notes if note),
    )  # fmt: skip


def table_notes(blocks: Sequence[Block], min_cell: int) -> list[str]:
    """What the reader of a table of medians must know of its numbers, and who is not in it."""
    notes = [
        "NR: not reached. Intervals: 95 %, on the log-log scale. Number at risk: just before the end of the month."
    ]
    notes += _left_out(blocks, min_cell)
    few = [told.words for told in blocks[0].groups if blocks[0].stratum and told.group.patients.height < FEW]
    if few and min_cell < 2:
        notes.append(f"Groups of fewer than {FEW} patients have no curve in the figure and take no part in a test.")
    if any(block.kept_back for block in blocks):
        notes.append("Groups too small to tell have no row; one that would give them away is told without its numbers.")
    if min_cell > 1:
        notes.append(
            f"{note(min_cell)} A curve is told as long as {min_cell} are at risk: behind that, > means longer than. A "
            f"month is not told between which and its neighbours fewer than {min_cell} had the event or left."
        )
    return notes


def _left_out(blocks: Sequence[Block], min_cell: int) -> list[str]:
    """Who is left out of which endpoint; endpoints that leave out the same are named together."""
    endpoints: dict[str, list[str]] = {}
    for block in blocks:
        endpoints.setdefault(left_out_words(block.told, min_cell), []).append(WORDS[block.endpoint])
    if len(endpoints) == 1:
        words = next(iter(endpoints))
        return [f"Left out: {words}."] if words else []
    return [f"Left out of {', '.join(names)}: {words or 'nobody'}." for words, names in endpoints.items()]


def log_rank_table(blocks: Sequence[Block], min_cell: int) -> tuple[StudyTable | None, list[str]]:
    """The comparisons of all strata and endpoints, and sentences on those that cannot be made."""
    rows: list[tuple[Block, Compared]] = []
    refused = []
    for block in blocks:
        refused += [block.untested] if block.untested and block.untested not in refused else []
        rows += [(block, block.test)] if block.test is not None else []
    if not rows:
        return None, refused
    frame = pl.DataFrame(
        {
            "stratum": pl.Series([block.stratum for block, _ in rows], dtype=pl.String),
            "endpoint": [block.endpoint for block, _ in rows],
            "groups": [test.groups for _, test in rows],
            "n": counts_column("n", [test.n for _, test in rows], min_cell),
            "left_out_as_unknown": counts_column("unknown", [test.unknown for _, test in rows], min_cell),
            "chi_square": [test.test.statistic for _, test in rows],
            "df": [test.test.df for _, test in rows],
            "p": [test.test.p for _, test in rows],
        }
    )
    shown = pl.DataFrame(
        {
            "stratum": [block.words for block, _ in rows],
            "endpoint": [WORDS[block.endpoint] for block, _ in rows],
            "n": [count_words(test.n) for _, test in rows],
            "unknown": [count_words(test.unknown) for _, test in rows],
            "chi_square": [f"{test.test.statistic:.2f}" for _, test in rows],
            "df": [str(test.test.df) for _, test in rows],
            "p": [p_value(test.test.p) for _, test in rows],
        }
    )
    heads = {"endpoint": "Endpoint", "n": "n", "unknown": "Left out: group not known", "chi_square": "Chi-square"}
    table = StudyTable(
        "survival_log_rank", "Log-rank tests between the groups", frame, shown, {**heads, "df": "df", "p": "p"},
        groups="stratum", right=("n", "unknown", "chi_square", "df", "p"),
        notes=(
            "Two-sided, not adjusted for the number of tests nor for other characteristics. Groups of fewer than "
            f"{max(FEW, min_cell)} patients take no part.",
        ),
    )  # fmt: skip
    return table, refused


def follow_up_table(blocks: Sequence[Block], min_cell: int) -> StudyTable:
    """How long were the patients followed, by reverse Kaplan-Meier of overall survival?"""
    rows = [(block, told) for block in blocks for told in block.groups]
    medians = pl.DataFrame(
        [in_months(told, follow_up=True) for _, told in rows], schema={f"{name}_months": pl.Float64 for name in LIMITS}
    )
    frame = pl.DataFrame(
        {
            "stratum": pl.Series([block.stratum for block, _ in rows], dtype=pl.String),
            "group": [told.words for _, told in rows],
        }
    ).with_columns(counts_column("n", [told.n for _, told in rows], min_cell), *medians.get_columns())
    shown = pl.DataFrame(
        {
            "stratum": [block.words or "All" for block, _ in rows],
            "group": [told.words for _, told in rows],
            "n": [count_words(told.n) for _, told in rows],
            "median": [median_words(told, follow_up=True) for _, told in rows],
        }
    )
    heads = {"group": "Group", "n": "n", "median": "Median follow-up, months [95 % CI]"}
    note = "Reverse Kaplan-Meier of overall survival: as long as patients would have been followed had none died."
    if len(rows) == 1:
        shown = shown.drop("stratum")
    return StudyTable(
        "survival_follow_up", "Follow-up", frame, shown, heads, groups="stratum" if len(rows) > 1 else None,
        right=("n", "median"), notes=(note,),
    )  # fmt: skip


def median_told(told: Followed, endpoint: str, min_cell: int) -> str:
    """The median of an endpoint in months with its interval, as every table of the study tells it: "8.8 [5.9, NR]".

    "> 39.1 [32.1, > 39.1]" where a curve is not told further, "not estimable", or MARK where it is kept back.
    """
    return median_words(block_of(told, endpoint, None, min_cell, name="").groups[0])
