"""Neurotoxicity (ICANS), graded day by day from ICE score, consciousness, seizure, weakness and oedema (ASTCT 2019)."""

from __future__ import annotations

import polars as pl

from mspike.knowledge.criteria import published
from mspike.record.record import Record
from mspike.record.ward_words import CEREBRAL_OEDEMA, MOTOR_WEAKNESS, SEIZURE
from mspike.response.compare import micro
from mspike.safety.ward import (
    EDITION,
    GRADES,
    by_sign,
    event_rows,
    levels,
    recorded_grades,
    ward_rows,
    with_course,
    with_names,
    with_recorded,
    worst,
)

WORDS = {
    "consciousness": {
        "awake": (0, 0), "wakes_spontaneously": (1, 1), "to_voice": (2, 2), "tactile": (3, 3), "unarousable": (4, 4),
        "stupor": (4, 4), "coma": (4, 4),
    },
    "seizure": {
        "negative": (0, 0), "positive": (3, 4), "brief": (3, 3), "nonconvulsive": (3, 3), "prolonged": (4, 4),
        "repetitive": (4, 4),
    },
    "motor_weakness": {"negative": (0, 0), "positive": (4, 4)},
    "cerebral_oedema": {"negative": (0, 0), "positive": (3, 4), "focal": (3, 3), "diffuse": (4, 4)},
}  # fmt: skip
NOTED = {"seizure": SEIZURE, "motor_weakness": MOTOR_WEAKNESS, "cerebral_oedema": CEREBRAL_OEDEMA}
SIGNS = ("ice_score", *WORDS)
NAMES = (
    "icans", "neurotoxicity", "immune effector cell associated neurotoxicity",
    "immune effector cell associated neurotoxicity syndrome",
)  # fmt: skip


def icans_days(record: Record, episodes: pl.DataFrame) -> pl.DataFrame:
    """Which grade of ICANS has each day after an infusion, and because of what?

    episodes  one row an infusion: gid, pid, index_day, by pid and line

    One row an infusion and day with any of the signs, days 0 to 30 and before the next infusion. gid, day,
    from_infusion, grade, at_least, at_most, ice_lowest (points), because (the signs that give at_least), ice_score,
    consciousness, seizure, motor_weakness, cerebral_oedema (the worst of the day, as recorded), missing.

    1. The worst sign decides; of several values a day the worst stands.
    2. Without an ICE score, ICE alone may give up to grade 3. Without a level of consciousness it may be up to 4, save
       where the patient answered any of the ICE: a lower level is noted when it occurs, and was not.
    3. Seizure, weakness and oedema are noted when they occur: not noted on a day with an ICE score or a level of
       consciousness, they did not. On other days they are unknown.

    Source: rules astct.icans.* of astct-2019.
    """
    rows = ward_rows(record, episodes, SIGNS)
    rows = pl.concat([rows, event_rows(record, episodes, NOTED).select(rows.columns)])
    days = by_sign(worst(_levelled(rows)), SIGNS).rename({f"{sign}_text": sign for sign in SIGNS})
    points = rows.filter(pl.col("sign") == "ice_score").group_by("gid", "at").agg(ice_lowest=pl.col("hi").min())
    points = points.with_columns(pl.col("ice_lowest") // 1_000_000)
    days = days.join(points, on=["gid", "at"], how="left", maintain_order="left")
    return _graded(days).select(
        "gid", "day", pl.col("at").alias("from_infusion"), "grade", "at_least", "at_most", "ice_lowest", "because",
        *SIGNS, "missing",
    )  # fmt: skip


def icans_of(record: Record, episodes: pl.DataFrame, days: pl.DataFrame | None = None) -> pl.DataFrame:
    """How grave was ICANS after each infusion, when, and does the recorded grade agree?

    Columns as in `mspike.safety.crs.crs_of`, and ice_lowest, the lowest ICE score.
    """
    days = icans_days(record, episodes) if days is None else days
    points = days.group_by("gid").agg(pl.col("ice_lowest").min())
    course = with_recorded(with_course(episodes, days), recorded_grades(record, episodes, NAMES))
    return course.join(points, on="gid", how="left", maintain_order="left").select(
        "gid", "pid", *GRADES, "highest_day", "onset_day", "last_day", "end_day", "duration", "days_measured",
        "ice_lowest", "missing", "fatal", "recorded_grade", "recorded_day", "agreement",
    )  # fmt: skip


def _levelled(rows: pl.DataFrame) -> pl.DataFrame:
    ends = {}
    # A low score is a high grade: the upper end of the score gives the lowest grade.
    for end, (name, number) in enumerate((("lowest", "hi"), ("highest", "lo"))):
        grade: pl.Expr = pl.when(pl.col("sign") == "ice_score").then(_ice(pl.col(number)))
        for sign, words in WORDS.items():
            grade = pl.when(pl.col("sign") == sign).then(levels(words, end)).otherwise(grade)
        ends[name] = pl.when(pl.col("explained")).then(0).otherwise(grade).cast(pl.Int8)
    return rows.with_columns(**ends)


def _ice(score: pl.Expr) -> pl.Expr:
    rules = published(EDITION)
    grade: pl.Expr = pl.when(score.is_not_null()).then(pl.lit(3, pl.Int8))
    for step, name in ((2, "grade_2"), (1, "grade_1"), (0, "none")):
        limit = micro(rules.value("astct.icans.ice", name))
        grade = pl.when(score >= limit).then(pl.lit(step, pl.Int8)).otherwise(grade)
    return grade


def _graded(days: pl.DataFrame) -> pl.DataFrame:
    ice, conscious = pl.col("ice_score_highest"), pl.col("consciousness_highest")
    examined = ice.is_not_null() | conscious.is_not_null()
    # No answer at all is what an unarousable patient gives; who answers is awake.
    rousable = pl.when((ice == 0) | (pl.col("ice_lowest") > 0)).then(0).otherwise(4)
    highest = {"ice_score": pl.coalesce(ice, pl.lit(3, pl.Int8)), "consciousness": pl.coalesce(conscious, rousable)}
    for sign in NOTED:
        highest[sign] = pl.coalesce(pl.col(f"{sign}_highest"), pl.when(examined).then(0).otherwise(4))
    lowest = {sign: pl.col(f"{sign}_lowest") for sign in SIGNS}
    days = days.with_columns(
        at_least=pl.max_horizontal(*lowest.values(), pl.lit(0, pl.Int8)).cast(pl.Int8),
        at_most=pl.max_horizontal(*highest.values()).cast(pl.Int8),
    )
    above = pl.col("at_least")
    days = days.with_columns(grade=pl.when(above == pl.col("at_most")).then("at_least"))
    days = with_names(days, "because", {sign: (above > 0) & (grade == above) for sign, grade in lowest.items()})
    unrecorded = {sign: (highest[sign] > above) & grade.is_null() for sign, grade in lowest.items()}
    return with_names(days, "missing", unrecorded)
