"""What the ward recorded on each day after infusion, and what each record says of the grade.

A row is turned into a level: the lowest and the highest grade that this sign alone allows. The worst of the day
stands (rules.md 5.1, 5.2). A value marked as of another cause is known, and no sign; a spurious one is left out.
"""

from __future__ import annotations

import polars as pl

from mspike.knowledge.criteria import published
from mspike.record.analytes import ANALYTE
from mspike.record.record import Record
from mspike.record.ward_words import folded_word, lookup
from mspike.safety.values import after_infusion

EDITION = "astct-2019"
EXPLAINED = ("other", "myeloma")
GRADES = ("grade", "at_least", "at_most")


def window() -> tuple[int, int]:
    """First and last day from infusion on which acute toxicity is graded."""
    rules = published(EDITION)
    return int(rules.value("astct.window", "first_day")), int(rules.value("astct.window", "last_day"))


def in_window(rows: pl.DataFrame, episodes: pl.DataFrame, day: str) -> pl.DataFrame:
    """The rows of the graded days, each with its infusion (`gid`) and day from infusion (`at`)."""
    held = after_infusion(rows, episodes, day)
    return held.filter(pl.col("at").is_between(*window()))


def ward_rows(record: Record, episodes: pl.DataFrame, analytes: tuple[str, ...]) -> pl.DataFrame:
    """gid, at, day, sign, lo, hi, word, text, explained: the results of these ward analytes on graded days."""
    columns = ["pid", "day", "lo", "hi", "analyte", "state", "value", "attribution"]
    rows = record.results.select(columns).filter(pl.col("analyte").is_in(list(analytes)))
    mark = pl.col("attribution").cast(pl.String).str.to_lowercase()
    rows = rows.filter(mark.ne_missing("spurious")).select(
        "pid", "day", "lo", "hi",
        sign="analyte",
        word="state",
        text="value",
        explained=mark.is_in(EXPLAINED).fill_null(False),
    )  # fmt: skip
    return in_window(rows, episodes, "day").drop("pid")


def event_rows(record: Record, episodes: pl.DataFrame, signs: dict[str, dict[str, tuple[str, ...]]]) -> pl.DataFrame:
    """Signs told as events, in the columns of `ward_rows`: one row a day from onset to resolution.

    signs  the words of each sign; the detail is searched for them. A detail without such a word says that the sign
           was there, not how it was.
    """
    distinct = record.events.select("event", "detail").unique().sort("event", "detail")
    told = [_event(event, detail, signs) for event, detail in distinct.iter_rows()]
    schema = {"sign": pl.String, "word": pl.String}
    read = distinct.hstack(pl.DataFrame(told, schema=schema, orient="row")).drop_nulls("sign")
    keys = ["event", "detail"]
    rows = record.events.join(read, on=keys, nulls_equal=True).filter(pl.col("date").is_not_null())
    # An event without an end is told of its first day alone.
    end = pl.coalesce("end_date", "date").clip(pl.col("date"), pl.col("date") + window()[1])
    rows = rows.with_columns(day=pl.int_ranges("date", end + 1, dtype=pl.Int32)).explode("day")
    rows = rows.select(
        "pid", "day", pl.col("sign").cast(ANALYTE), pl.col("word").cast(pl.Categorical),
        lo=pl.lit(None, pl.Int64), hi=pl.lit(None, pl.Int64),
        text=pl.coalesce("detail", "event").cast(pl.Categorical), explained=pl.lit(False),
    )  # fmt: skip
    columns = ["gid", "at", "day", "sign", "lo", "hi", "word", "text", "explained"]
    return in_window(rows, episodes, "day").select(columns)


_EVENTS = {
    "seizure": "seizure", "seizures": "seizure", "motor weakness": "motor_weakness",
    "cerebral oedema": "cerebral_oedema", "cerebral edema": "cerebral_oedema", "hypotension": "hypotension",
}  # fmt: skip


def _event(event: str, detail: str | None, signs: dict[str, dict[str, tuple[str, ...]]]) -> tuple[str | None, ...]:
    sign = _EVENTS.get(folded_word(event))
    if sign not in signs:
        return None, None
    known, plain = lookup(signs[sign]), f" {folded_word(detail or '')} "
    # "no return to baseline" is no denial: a detail as a whole may deny, a word in it may not.
    if (whole := known.get(plain.strip())) is not None:
        return sign, whole
    held = {word for spelling, word in known.items() if f" {spelling} " in plain} - {"negative", "positive"}
    # Of several kinds the gravest stands; the words stand in rising order.
    return sign, max(held, key=list(signs[sign]).index) if held else "positive"


def worst(rows: pl.DataFrame) -> pl.DataFrame:
    """gid, at, day, sign, lowest, highest, text: the worst of each sign and day.

    rows  with `lowest` and `highest`, the grades each record allows; both are at most what the worst record gives
    """
    rows = rows.sort("gid", "at", pl.col("sign").to_physical(), "highest", "lowest", maintain_order=True)
    return rows.group_by("gid", "at", "day", "sign", maintain_order=True).agg(
        pl.col("lowest").max(), pl.col("highest").max(), pl.col("text").last()
    )


def by_sign(days: pl.DataFrame, signs: tuple[str, ...]) -> pl.DataFrame:
    """One row an infusion and day: `<sign>_lowest`, `_highest` and `_text`, empty where the sign was not recorded.

    days  what `worst` gives: in order of infusion and day
    """
    key = ["gid", "at", "day"]
    wide = days.select(key).unique(["gid", "at"], keep="first", maintain_order=True)
    for sign in signs:
        one = days.filter(pl.col("sign") == sign).select(
            *key,
            *(pl.col(c).alias(f"{sign}_{c}") for c in ("lowest", "highest")),
            pl.col("text").cast(pl.String).alias(f"{sign}_text"),
        )
        wide = wide.join(one, on=key, how="left", maintain_order="left")
    return wide


def levels(words: dict[str, tuple[int, int]], end: int) -> pl.Expr:
    """The lowest (end 0) or highest (end 1) grade of a word; empty for a word without a grade."""
    return pl.col("word").replace_strict(
        {w: both[end] for w, both in words.items()}, default=None, return_dtype=pl.Int8
    )


def with_names(days: pl.DataFrame, column: str, items: dict[str, pl.Expr]) -> pl.DataFrame:
    """Adds a list of the items whose condition holds. Few lists occur on many days: each is made once."""
    # An unknown condition names nothing: each item says itself when it is missing.
    held = [pl.when(holds.fill_null(False)).then(2**at).otherwise(0) for at, holds in enumerate(items.values())]
    marks = days.select(pl.sum_horizontal(held).cast(pl.Int64)).to_series()
    lists = [[name for at, name in enumerate(items) if mark >> at & 1] for mark in range(2 ** len(items))]
    return days.with_columns(pl.Series(column, lists, dtype=pl.List(pl.String)).gather(marks))


def recorded_grades(record: Record, episodes: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """gid, recorded_grade (the highest), recorded_day (the first), recorded (how many): the events of these names."""
    event = pl.col("event").str.to_lowercase().str.replace_all(r"[-_\s]+", " ").str.strip_chars()
    rows = record.events.filter(event.is_in(names) & pl.col("date").is_not_null())
    held = in_window(rows.select("pid", "grade", pl.col("date").alias("day")), episodes, "day")
    return held.group_by("gid").agg(
        recorded_grade=pl.col("grade").max().cast(pl.Int8), recorded_day=pl.col("day").min(), recorded=pl.len()
    )


def with_recorded(course: pl.DataFrame, recorded: pl.DataFrame) -> pl.DataFrame:
    """Adds recorded_grade, recorded_day, fatal, and agreement: how the recorded grade stands to the one from the signs.

    fatal           a recorded grade 5, which then is the grade: whether somebody died of it, no sign tells
    same            the signs recorded give just this grade
    derived_higher  the signs recorded give more
    recorded_higher more than the signs allow, unrecorded signs included
    not_known       more than the signs recorded give, and unrecorded ones may account for it; or recorded ungraded
    only_recorded, only_derived, neither
    """
    both = course.join(recorded, on="gid", how="left", maintain_order="left")
    fatal = (pl.col("recorded_grade") == 5).fill_null(False)  # no grade 5 on record: nobody has said that it was fatal
    fifth = (pl.when(fatal).then(pl.lit(5, pl.Int8)).otherwise(pl.col(c)).alias(c) for c in GRADES)
    return both.with_columns(*fifth, fatal=fatal).with_columns(agreement=_agreement())


def _agreement() -> pl.Expr:
    told, low, high = pl.col("recorded_grade"), pl.col("at_least"), pl.col("at_most")
    measured = pl.col("days_measured") > 0
    return (
        pl.when(pl.col("recorded").is_null() & ~measured).then(pl.lit("neither"))
        .when(pl.col("recorded").is_null() & (low > 0)).then(pl.lit("only_derived"))
        .when(pl.col("recorded").is_null()).then(pl.lit("neither"))
        .when(~measured).then(pl.lit("only_recorded"))
        .when(told.is_null()).then(pl.lit("not_known"))
        .when(told == low).then(pl.lit("same"))
        .when(told < low).then(pl.lit("derived_higher"))
        .when(told > high).then(pl.lit("recorded_higher"))
        .otherwise(pl.lit("not_known"))
    )  # fmt: skip


def with_course(episodes: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """One row an infusion: the grades of its days put together.

    at_least, at_most   the highest grade of any day; grade where they agree
    highest_day         the first day with the grade at_least (above 0)
    onset_day, last_day first and last day surely graded 1 or more; end_day the first later day surely graded 0
    duration            onset to last day, in days, both counted
    days_measured, missing
    """
    graded = pl.col("at_least") > 0
    course = days.group_by("gid").agg(
        at_least=pl.col("at_least").max(),
        at_most=pl.col("at_most").max(),
        highest_day=pl.col("day").filter(graded & (pl.col("at_least") == pl.col("at_least").max())).min(),
        onset_day=pl.col("day").filter(graded).min(),
        last_day=pl.col("day").filter(graded).max(),
        days_measured=pl.len(),
    )
    free = days.filter(pl.col("at_most") == 0).select("gid", "day").join(course.select("gid", "last_day"), on="gid")
    ended = free.filter(pl.col("day") > pl.col("last_day")).group_by("gid").agg(end_day=pl.col("day").min())
    missing = days.select("gid", "missing").explode("missing").drop_nulls().unique().sort("gid", "missing")
    lists = missing.group_by("gid", maintain_order=True).agg("missing")
    one = episodes.select("gid", "pid")
    for part in (course, ended, lists):
        one = one.join(part, on="gid", how="left", maintain_order="left")
    return one.with_columns(
        grade=pl.when(pl.col("at_least") == pl.col("at_most")).then("at_least"),
        duration=(pl.col("last_day") - pl.col("onset_day") + 1).cast(pl.Int32),
        days_measured=pl.col("days_measured").fill_null(0),  # no row: nothing was measured
        missing=pl.col("missing").fill_null([]),
    )
