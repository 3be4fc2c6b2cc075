"""Cytokine release syndrome, graded day by day from temperature, oxygen, vasopressors and hypotension (ASTCT 2019).

What was not recorded is unknown: every day has the grade that is sure (`at_least`) and the highest that unrecorded
signs leave open (`at_most`); `grade` is there only where the two agree.
"""

from __future__ import annotations

import polars as pl

from mspike.knowledge.criteria import published
from mspike.knowledge.therapies import recognised
from mspike.record.record import Record
from mspike.record.ward_words import HYPOTENSION, VASOPRESSIN
from mspike.response.compare import micro
from mspike.safety.ward import (
    EDITION,
    GRADES,
    by_sign,
    event_rows,
    in_window,
    levels,
    recorded_grades,
    ward_rows,
    with_course,
    with_names,
    with_recorded,
    worst,
)

SIGNS = ("temperature", "oxygen", "vasopressors", "hypotension")
NAMES = ("crs", "cytokine release syndrome")
# Agents after which fever is no longer asked for: anticytokine agents and steroids, by their ids, and antipyretics.
ANTICYTOKINE = ("tocilizumab", "siltuximab", "anakinra", "emapalumab")
ANTIPYRETICS = r"paracetamol|acetaminophen|metamizol|dipyrone|novalgin|ibuprofen|antipyretic|anticytokine|steroid"
# Grades of a device whose flow does not matter, lowest and highest; a cannula goes by its flow.
DEVICES = {
    "room_air": (0, 0), "low_flow": (2, 2), "blow_by": (2, 2), "nasal_cannula": (2, 3), "high_flow": (3, 3),
    "facemask": (3, 3), "non_rebreather": (3, 3), "venturi": (3, 3), "cpap": (4, 4), "bipap": (4, 4),
    "ventilated": (4, 4),
}  # fmt: skip


def crs_days(record: Record, episodes: pl.DataFrame) -> pl.DataFrame:
    """Which grade of CRS has each day after an infusion, and because of what?

    episodes  one row an infusion: gid, pid, index_day, by pid and line

    One row an infusion and day with any of the signs, days 0 to 30 and before the next infusion; other days are
    unknown and have no row. gid, day, from_infusion, then
      grade, at_least, at_most   0 to 4, Int8; grade is empty where the two others differ
      fever      is the temperature at least 38.0 and not marked as explained otherwise? empty: unknown
      begun, treated   has CRS begun (a recorded fever); was a therapy that hides fever given since
      because    the signs that give at_least
      temperature, oxygen, vasopressors, hypotension   the worst value of the day, as recorded
      missing    what would narrow the grade

    1. Each sign has a lowest and a highest grade; the worst value of the day stands.
    2. Before the first recorded fever a day without fever is grade 0, whatever the oxygen: CRS begins with fever.
    3. From then on the worst of hypotension and hypoxia counts on days with fever, and on days without once an
       antipyretic or anticytokine therapy was given on or after the onset. Without one they may or may not count.
    4. A day on which all signs are known to be absent ends it; only a new fever opens it again.

    Source: rules astct.crs.* of astct-2019.
    """
    rows = ward_rows(record, episodes, SIGNS)
    rows = pl.concat([rows, event_rows(record, episodes, {"hypotension": HYPOTENSION}).select(rows.columns)])
    days = by_sign(worst(_levelled(rows)), SIGNS).rename({f"{sign}_text": sign for sign in SIGNS})
    days = _with_limbs(days)
    days = _with_therapy(_with_onset(days), therapy_days(record, episodes))
    return _graded(days).select(
        "gid", "day", pl.col("at").alias("from_infusion"), "grade", "at_least", "at_most", "fever", "begun",
        "treated", "because", *SIGNS, "missing",
    )  # fmt: skip


def crs_of(record: Record, episodes: pl.DataFrame, days: pl.DataFrame | None = None) -> pl.DataFrame:
    """How grave was CRS after each infusion, when, and does the recorded grade agree?

    days  what `crs_days` gives, where it is at hand

    One row an infusion: gid, pid, grade, at_least, at_most, highest_day, onset_day, last_day, end_day, duration,
    days_measured, missing (see `mspike.safety.ward.with_course`), fatal, recorded_grade, recorded_day, agreement (see
    `mspike.safety.ward.with_recorded`).
    """
    days = crs_days(record, episodes) if days is None else days
    course = with_recorded(with_course(episodes, days), recorded_grades(record, episodes, NAMES))
    return course.select(
        "gid", "pid", *GRADES, "highest_day", "onset_day", "last_day", "end_day", "duration", "days_measured",
        "missing", "fatal", "recorded_grade", "recorded_day", "agreement",
    )  # fmt: skip


# ---- one sign -------------------------------------------------------------------------------------------------------


def _levelled(rows: pl.DataFrame) -> pl.DataFrame:
    """The lowest and highest grade each record allows: `lowest`, `highest`. Of a temperature 1 is fever."""
    ends = {}
    for end, (name, number) in enumerate((("lowest", "lo"), ("highest", "hi"))):
        grade = (
            pl.when(pl.col("sign") == "temperature").then(_steps(pl.col(number), _limits("temperature")))
            .when(pl.col("sign") == "oxygen").then(_oxygen(number, end))
            .when(pl.col("sign") == "vasopressors").then(_vasopressors(number, end))
            .otherwise(levels({"negative": (0, 0), "positive": (2, 2)}, end))
        )  # fmt: skip
        # Of another cause: known, and no sign of CRS.
        ends[name] = pl.when(pl.col("explained")).then(0).otherwise(grade).cast(pl.Int8)
    return rows.with_columns(**ends)


def _limits(sign: str) -> list[tuple[int, int, bool]]:
    """(millionths, grade, the limit itself counts), in rising order."""
    rules = published(EDITION)
    if sign == "temperature":
        return [(micro(rules.value("astct.crs.fever", "temperature")), 1, True)]
    if sign == "oxygen":
        return [(0, 2, False), (micro(rules.value("astct.crs.grade_3", "flow")), 3, False)]
    return [(micro(rules.value(f"astct.crs.grade_{grade}", "vasopressors")), grade, True) for grade in (3, 4)]


def _steps(number: pl.Expr, limits: list[tuple[int, int, bool]]) -> pl.Expr:
    grade: pl.Expr = pl.when(number.is_not_null()).then(pl.lit(0, pl.Int8))
    for limit, step, counts in limits:
        grade = pl.when(number >= limit if counts else number > limit).then(pl.lit(step, pl.Int8)).otherwise(grade)
    return grade


def _oxygen(number: str, end: int) -> pl.Expr:
    by_flow = pl.col(number).is_not_null() & (pl.col("word").is_null() | (pl.col("word") == "nasal_cannula"))
    return pl.when(by_flow).then(_steps(pl.col(number), _limits("oxygen"))).otherwise(levels(DEVICES, end))


def _vasopressors(number: str, end: int) -> pl.Expr:
    counted = _steps(pl.col(number), _limits("vasopressors"))
    # Vasopressin alone is no second vasopressor, but blood pressure needs one.
    return pl.when(pl.col("word") == VASOPRESSIN).then(pl.lit(3, pl.Int8)).otherwise(counted)


# ---- the day --------------------------------------------------------------------------------------------------------


def _with_limbs(days: pl.DataFrame) -> pl.DataFrame:
    """fever, and organ_lo, organ_hi: the worst of hypotension and hypoxia, unrecorded signs left open."""
    pressor_lo, pressor_hi = pl.col("vasopressors_lowest"), pl.col("vasopressors_highest")
    low, high = pl.col("hypotension_lowest"), pl.col("hypotension_highest")
    # An unrecorded sign is sure of nothing: grade 0 is the least it can be, never what it is taken to be.
    # Without a word on blood pressure, hypotension that needs no vasopressor stays possible. With the word that there
    # is none, no vasopressor was needed either.
    pressor_open = pl.when(high == 0).then(0).otherwise(4)
    hypotension_lo = pl.max_horizontal(pressor_lo.fill_null(0), low.fill_null(0))
    hypotension_hi = pl.max_horizontal(pl.coalesce(pressor_hi, pressor_open), high.fill_null(2))
    oxygen_lo, oxygen_hi = pl.col("oxygen_lowest"), pl.col("oxygen_highest")
    return days.with_columns(
        fever=pl.when(pl.col("temperature_lowest") == 1)
        .then(True)
        .when(pl.col("temperature_highest") == 0)
        .then(False),
        pressure_lo=hypotension_lo.cast(pl.Int8),
        pressure_hi=hypotension_hi.cast(pl.Int8),
        organ_lo=pl.max_horizontal(hypotension_lo, oxygen_lo.fill_null(0)).cast(pl.Int8),
        organ_hi=pl.max_horizontal(hypotension_hi, oxygen_hi.fill_null(4)).cast(pl.Int8),
    )


def _with_onset(days: pl.DataFrame) -> pl.DataFrame:
    """begun, and the day of the first fever since signs were last all absent (`since`)."""
    absent = (pl.col("organ_hi") == 0) & pl.col("fever").eq_missing(False)
    # The days stand in order: another infusion, or a day without any sign, begins another spell.
    days = days.with_columns(spell=(absent | (pl.col("gid") != pl.col("gid").shift())).fill_null(True).cum_sum())
    first = pl.when(pl.col("fever")).then(pl.col("day")).min().over("spell")
    since = pl.when(pl.col("day") >= first).then(first)
    return days.with_columns(since=since, begun=since.is_not_null())


def therapy_days(record: Record, episodes: pl.DataFrame) -> pl.DataFrame:
    """Antipyretic and anticytokine therapy after each infusion: gid, start, end (day numbers), by gid and start."""
    treated = record.treatments.select("pid", "start_date", end=pl.coalesce("end_date", "start_date"), text="agent")
    events = record.events.select("pid", start_date="date", end=pl.coalesce("end_date", "date"), text="event")
    rows = pl.concat([treated, events]).drop_nulls(["start_date", "text"])
    texts = rows["text"].unique().sort().to_list()
    hiding = [text for text in texts if hides_fever(text)]
    rows = rows.filter(pl.col("text").is_in(hiding)).with_columns(pl.max_horizontal("end", "start_date").alias("end"))
    # A course begun before the infusion counts from the day of infusion on.
    first = episodes.select("pid", "index_day").sort("index_day")
    rows = rows.join(first, on="pid")
    rows = rows.filter(pl.col("end") >= pl.col("index_day"))
    rows = rows.with_columns(start=pl.max_horizontal("start_date", "index_day").cast(pl.Int32)).drop("index_day")
    held = in_window(rows, episodes, "start")
    return held.select("gid", "start", end=pl.col("end").cast(pl.Int32)).sort("gid", "start")


def hides_fever(text: str) -> bool:
    """Does this text name an antipyretic, a steroid or an agent against a cytokine?"""
    if pl.Series([text.lower()]).str.contains(ANTIPYRETICS).item():
        return True
    return any(agent.id in ANTICYTOKINE or agent.cls == "steroid" for agent in recognised(text).agents)


def _with_therapy(days: pl.DataFrame, therapies: pl.DataFrame) -> pl.DataFrame:
    """treated: did such a therapy run on any day from the onset of this spell to this day?"""
    until = therapies.with_columns(latest=pl.col("end").cum_max().over("gid")).select("gid", "start", "latest")
    days = days.sort("gid", "day").join_asof(
        until, left_on="day", right_on="start", by="gid", strategy="backward", check_sortedness=False
    )
    return days.with_columns(treated=(pl.col("latest") >= pl.col("since")).fill_null(False))


def _graded(days: pl.DataFrame) -> pl.DataFrame:
    """The grade of each day as a range, and what it rests on."""
    fever, known_absent = pl.col("fever").fill_null(False), pl.col("fever").eq_missing(False)
    begun, treated = pl.col("begun"), pl.col("treated")
    low, high = pl.col("organ_lo"), pl.col("organ_hi")
    one = pl.lit(1, pl.Int8)
    at_least = pl.when(fever).then(pl.max_horizontal(low, one)).when(begun & treated).then(low).otherwise(0)
    at_most = (
        pl.when(known_absent & ~begun).then(0)
        .when(known_absent).then(high)
        .otherwise(pl.max_horizontal(high, one))
    )  # fmt: skip
    days = days.with_columns(at_least=at_least.cast(pl.Int8), at_most=at_most.cast(pl.Int8))
    open_ = pl.col("at_least") < pl.col("at_most")
    days = days.with_columns(grade=pl.when(~open_).then("at_least"))
    organ = pl.col("at_least") > 1
    because = {"temperature": fever & (pl.col("at_least") == 1)} | {
        sign: organ & (pl.col(f"{sign}_lowest") == pl.col("at_least")) for sign in SIGNS[1:]
    }
    days = with_names(days, "because", because)
    missing = {
        "temperature": pl.col("fever").is_null(),
        "vasopressors": pl.col("vasopressors_highest").is_null() & (pl.col("pressure_hi") > 2),
        "hypotension": pl.col("hypotension_highest").is_null() & (pl.col("pressure_lo") < 2),
        "oxygen": pl.col("oxygen_highest").is_null(),
        "oxygen flow": pl.col("oxygen_lowest") < pl.col("oxygen_highest"),
        "antipyretic or anticytokine therapy": begun & ~(fever | treated) & (high > 0),
    }
    return with_names(days, "missing", {name: open_ & lacks for name, lacks in missing.items()})
