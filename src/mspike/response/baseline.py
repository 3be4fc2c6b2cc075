"""The baseline of each line: which value of each parameter it is judged against (rules.md 1.3).

1. The last value before lymphodepletion, not older than 28 days.
2. Else one up to 14 days older still, flagged `baseline_old`.
3. Else the last value up to the index day, flagged `after_LD`.
A later line starts with the last value up to its first dose. Nothing else carries over.
"""

from __future__ import annotations

import polars as pl

from mspike.response.settings import Settings
from mspike.response.visits import LABORATORY, day_of_patient

TOLERATED_DAYS = 14
PARAMETERS = (*LABORATORY, "iga", "marrow_plasma_cells", "haemoglobin", "creatinine")


def cut_days(lines: pl.DataFrame, randomised: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Adds `cut_day`: values before it are baseline values. A sample on the day of a first dose precedes the dose.

    randomised  pid, day of randomisation (from events)
    """
    index, lymphodepletion = pl.col("index_day"), pl.col("ld_day")
    car_t = pl.col("kind") == "car_t"
    choice = {
        "pre_ld": lymphodepletion,
        "apheresis": pl.col("apheresis_day") + 1,
        "relapse_before_bridging": pl.coalesce(pl.col("bridging_day") + 1, lymphodepletion),
        "randomisation": pl.col("randomised_day") + 1,
    }[settings.baseline]
    lines = lines.join(
        randomised.group_by("pid").agg(randomised_day=pl.col("day").min()), on="pid", how="left", maintain_order="left"
    )
    cut = pl.when(car_t & choice.is_not_null()).then(choice).otherwise(index + 1)
    return lines.with_columns(cut_day=pl.min_horizontal(cut, index + 1).cast(pl.Int32)).drop("randomised_day")


def baselines(rows: pl.DataFrame, lines: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """One row a line: `<parameter>_base_lo`, `_base_hi`, `_base_state`, `_base_method`, and the baseline flags.

    rows   pid, day, analyte, lo, hi, state, method (marrow already one a day)
    lines  gid, pid, index_day, cut_day
    """
    last = lines.group_by("pid").agg(last_index=pl.col("index_day").max())
    last_of_row = day_of_patient(rows["pid"], last["pid"], last["last_index"], missing=-(2**30))
    early = rows.filter(pl.Series(rows["day"].to_numpy() <= last_of_row))
    early = early.filter(pl.col("analyte").is_in(list(PARAMETERS)))
    fresh = pl.col("cut_day") - settings.baseline_max_age_days
    day = pl.col("day")
    choice = (
        pl.when(day > pl.col("index_day"))
        .then(None)
        .when(day >= pl.col("cut_day"))
        .then(2)
        .when(day >= fresh)
        .then(0)
        .when(day >= fresh - TOLERATED_DAYS)
        .then(1)
    )
    candidates = (
        early.join(lines.select("gid", "pid", "index_day", "cut_day", "kind"), on="pid", maintain_order="left")
        .with_columns(choice=choice.cast(pl.Int8))
        .filter(pl.col("choice").is_not_null())
    )
    chosen = candidates.sort(
        "gid", "analyte", "choice", "day", "specimen_id", descending=[False, False, False, True, True]
    )
    chosen = chosen.unique(["gid", "analyte"], keep="first", maintain_order=True)
    return _wide(chosen, lines)


def _wide(chosen: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    wide = lines.select("gid")
    for parameter in PARAMETERS:
        one = chosen.filter(pl.col("analyte") == parameter).select(
            "gid",
            pl.col("lo").alias(f"{parameter}_base_lo"),
            pl.col("hi").alias(f"{parameter}_base_hi"),
            pl.col("state").alias(f"{parameter}_base_state"),
            pl.col("method").alias(f"{parameter}_base_method"),
            pl.col("day").alias(f"{parameter}_base_day"),
        )
        wide = wide.join(one, on="gid", how="left", maintain_order="left")
    used = pl.col("analyte").is_in(["serum_m", "urine_m_24h", "kappa_flc", "lambda_flc"])
    flags = chosen.filter(used).group_by("gid").agg(
        baseline_old=(pl.col("choice") == 1).any(), after_LD=(pl.col("choice") == 2).any()
    )  # fmt: skip
    return wide.join(flags, on="gid", how="left", maintain_order="left").with_columns(
        pl.col("baseline_old", "after_LD").fill_null(False)  # no baseline value at all is neither old nor late
    )
