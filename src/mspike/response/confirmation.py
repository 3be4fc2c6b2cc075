"""Confirmation and dating (rules.md 1.8).

1. NE visits are skipped; nothing is confirmed over the start of a new therapy (its own day counts as before).
2. A response is as deep as the worse of its visit and the next. Next PD or none: unconfirmed, counts as SD.
3. CR and sCR ask for two consecutive samples negative on immunofixation; the marrow may fall on either or earlier.
   Visits that lack only a CR item are skipped. Responses by marrow or plasmacytoma alone stand at once.
4. PD by marrow, lesion or calcium stands at once; biochemical PD needs the next visit to be PD against the nadirs
   frozen at the first. Myeloma death within 84 days confirms (setting). Otherwise the visit is NE.
"""

from __future__ import annotations

import polars as pl

from mspike.knowledge.criteria import Criteria
from mspike.response.category import CATEGORY
from mspike.response.nadirs import NADIRS
from mspike.response.progression import BIOCHEMICAL, confirming_limbs
from mspike.response.settings import Settings

DEATH_CONFIRMS_DAYS = 84
_AT_ONCE = ("marrow", "lesion", "calcium")


def with_confirmation(sheet: pl.DataFrame, criteria: Criteria, settings: Settings) -> pl.DataFrame:
    """Adds `confirmed` (category), `pd_confirmed` and the flags of what stayed unconfirmed. Rows lie by gid.

    Columns used: gid, after_new_therapy, raw, pd_<limb>, cr_sample, normal_ratio, values, nadirs, death columns;
    for assigned responses: assigned_confirmed.
    """
    sheet = sheet.with_row_index("_row")
    judged = sheet.filter((pl.col("raw") != "NE") & ~pl.col("not_pd"))
    judged = judged.with_columns(_part=pl.col("gid") * 2 + pl.col("after_new_therapy").cast(pl.Int64))
    judged = _with_next(judged)
    judged = _with_progression(judged, criteria, settings)
    judged = _with_complete_response(judged)
    judged = judged.with_columns(confirmed=_confirmed())
    judged = judged.with_columns(
        unconfirmed_response=pl.col("raw").is_in(["sCR", "CR", "VGPR", "PR", "MR"])
        & (pl.col("confirmed") == "SD")
        & (pl.col("next_raw").is_null() | (pl.col("next_raw") == "PD"))
    )
    # Nobody looked again before therapy changed or the data ended: the progression was never refuted.
    judged = judged.with_columns(
        unrefuted_pd=(pl.col("raw") == "PD") & ~pl.col("pd_confirmed") & pl.col("next_raw").is_null()
    )
    added = judged.select(
        "_row",
        "confirmed",
        "pd_confirmed",
        "unconfirmed_response",
        "unrefuted_pd",
        pl.col("next_day_seen").alias("next_seen"),
    )
    return (
        sheet.join(added, on="_row", how="left", maintain_order="left")
        .with_columns(
            confirmed=pl.col("confirmed").fill_null(pl.lit("NE", CATEGORY)),
            # Visits that were not judged (NE) are no progression: that is what NE means.
            pd_confirmed=pl.col("pd_confirmed").fill_null(False),
            unconfirmed_response=pl.col("unconfirmed_response").fill_null(False),
            unrefuted_pd=pl.col("unrefuted_pd").fill_null(False),
            unconfirmed_pd=(pl.col("raw") == "PD") & ~pl.col("pd_confirmed").fill_null(False),
        )
        .drop("_row")
    )


def _with_next(judged: pl.DataFrame) -> pl.DataFrame:
    names = [f"{name}_{part}" for name in NADIRS if name != "marrow_plasma_cells" for part in ("lo", "hi")]
    names += ["raw", "assigned", "day", *(f"pd_{limb}" for limb in _AT_ONCE)]
    # Rows lie by part: the next row is the next assessment wherever it is of the same part.
    same = pl.col("_part") == pl.col("_part").shift(-1)
    return judged.with_columns(
        pl.when(same).then(pl.col(c).shift(-1)).alias("next_day_seen" if c == "day" else f"next_{c}") for c in names
    )


def _with_progression(judged: pl.DataFrame, criteria: Criteria, settings: Settings) -> pl.DataFrame:
    confirming = confirming_limbs(criteria)
    at_once = pl.any_horizontal(f"pd_{limb}" for limb in _AT_ONCE)
    any_next = pl.any_horizontal([*confirming.values(), *(pl.col(f"next_pd_{limb}") for limb in _AT_ONCE)])
    same_limb = pl.any_horizontal(pl.col(f"pd_{limb}") & confirming[limb] for limb in BIOCHEMICAL)
    by_next = same_limb if settings.pd_confirmation == "same_limb" else any_next
    by_next = (
        pl.when(pl.col("assigned"))
        .then(pl.col("next_raw") == "PD")
        .otherwise(by_next | (pl.col("next_assigned") & (pl.col("next_raw") == "PD")))
    )
    confirmed = at_once | by_next | pl.col("assigned_confirmed")
    if settings.pd_confirmation == "two_markers":
        confirmed = confirmed | (pl.sum_horizontal(pl.col(f"pd_{limb}") for limb in BIOCHEMICAL) >= 2)
    if settings.death_confirms:
        confirmed = confirmed | _by_death()
    judged = judged.with_columns(pd_confirmed=(pl.col("raw") == "PD") & confirmed.fill_null(False))
    # Once progression is established, a later visit that still meets it needs no second look of its own.
    established = pl.col("pd_confirmed").cum_max().over("gid")
    return judged.with_columns(pd_confirmed=(pl.col("raw") == "PD") & established)


def _by_death() -> pl.Expr:
    """Myeloma death before another assessment, within 84 days and not after the start of new therapy."""
    death = pl.col("death_day")
    soon = (death >= pl.col("pd_day")) & (death - pl.col("pd_day") <= DEATH_CONFIRMS_DAYS)
    untreated = pl.col("next_day").is_null() | (pl.col("next_day") >= death) | pl.col("after_new_therapy")
    return pl.col("next_raw").is_null() & (pl.col("death_cause") == "myeloma") & soon & untreated


def _with_complete_response(judged: pl.DataFrame) -> pl.DataFrame:
    """Is the CR or sCR of a visit confirmed by the sample before or after it?"""
    deep = pl.col("raw").is_in(["VGPR", "CR", "sCR"])
    for name, sample in (("cr", pl.col("cr_sample")), ("scr", pl.col("cr_sample") & pl.col("normal_ratio"))):
        # true: a sample negative in everything; false: it was not; null: an item was not done, look further.
        told = pl.when(~deep).then(False).otherwise(sample)
        judged = judged.with_columns(_told=told)
        row = pl.when(pl.col("_told").is_not_null()).then(pl.int_range(pl.len(), dtype=pl.Int64))
        after, before = row.backward_fill().shift(-1), row.forward_fill().shift(1)
        judged = judged.with_columns((_told_at(after) | _told_at(before)).alias(f"_{name}_pair"))
    return judged.drop("_told")


def _told_at(row: pl.Expr) -> pl.Expr:
    """What the sample in that row told, if it is of the same line and stretch of therapy."""
    at = row.fill_null(0)
    same = pl.col("_part").gather(at) == pl.col("_part")
    return (pl.col("_told").gather(at) & same & row.is_not_null()).fill_null(False)


def _confirmed() -> pl.Expr:
    raw, following = pl.col("raw"), pl.col("next_raw")
    alone = (pl.col("by_marrow") | pl.col("by_lesion")) & (raw == "PR")
    complete = raw.is_in(["CR", "sCR"])
    pair = (
        pl.when((raw == "sCR") & pl.col("_scr_pair"))
        .then(pl.lit("sCR", CATEGORY))
        .when(complete & pl.col("_cr_pair"))
        .then(pl.lit("CR", CATEGORY))
    )
    worse = pl.when(following < raw).then(following).otherwise(raw)
    by_next = pl.when(following.is_null() | (following == "PD")).then(pl.lit("SD", CATEGORY)).otherwise(worse)
    # An unconfirmed CR by marrow or plasmacytoma is at least the PR that needs no second look.
    at_least_pr = (pl.col("by_marrow") | pl.col("by_lesion")) & complete & pl.col("pr") & (by_next < "PR")
    by_next = pl.when(at_least_pr).then(pl.lit("PR", CATEGORY)).otherwise(by_next)
    return (
        pl.when(raw == "PD")
        .then(pl.when("pd_confirmed").then(raw).otherwise(pl.lit("NE", CATEGORY)))
        .when(pl.col("assigned_confirmed") | alone | (raw == "SD"))
        .then(raw)
        .otherwise(pl.coalesce(pair, by_next))
    )
