"""What a band on immunofixation means: the clone, a therapeutic antibody, or other clones recovering (rules.md 1.7)."""

from __future__ import annotations

import polars as pl

from mspike.record.words import by_word

# Codes in which immunofixation travels through the flowsheet; all but POSITIVE leave CR possible.
NEGATIVE, POSITIVE, ANTIBODY, OLIGOCLONAL, OTHER_BAND = range(5)

_WORDS = {"negative": NEGATIVE, "positive": POSITIVE, "therapeutic_antibody": ANTIBODY, "oligoclonal": OLIGOCLONAL}

# IgG kappa antibodies that give a band of their own.
ANTIBODIES = r"(?i)daratumumab|isatuximab|elotuzumab|darzalex|sarclisa|empliciti|\bdara|\bisa\b|\belo\b"


def coded(rows: pl.DataFrame, clones: pl.DataFrame) -> pl.DataFrame:
    """Turns the words of immunofixation into codes in `lo`.

    rows    pid, analyte, state, lo
    clones  pid, heavy_chain, light_chain
    """
    if rows["state"].null_count() == rows.height:
        return rows
    immunofixation = pl.col("analyte").is_in(["serum_ife", "urine_ife"])
    code = by_word(rows["state"], lambda w: w.replace_strict(_WORDS, default=None, return_dtype=pl.Int64))
    rows = rows.with_columns(lo=pl.when(immunofixation).then(code).otherwise("lo"))
    named = rows.select((immunofixation & pl.col("lo").is_null()).any()).item()
    if not named:
        return rows
    rows = rows.join(clones.select("pid", "heavy_chain", "light_chain"), on="pid", how="left", maintain_order="left")
    clone = pl.concat_str([pl.col("heavy_chain").str.to_lowercase(), pl.col("light_chain")], separator="_")
    state = pl.col("state").cast(pl.String)
    of_clone = (state == clone) | (state == pl.col("light_chain"))
    # Where the clone is not known, a band is taken for it: CR is not given away.
    unknown = pl.col("heavy_chain").is_null() | pl.col("light_chain").is_null()
    band = pl.when(of_clone | unknown | (pl.col("heavy_chain") == "unknown")).then(POSITIVE).otherwise(OTHER_BAND)
    return rows.with_columns(
        lo=pl.when(immunofixation & pl.col("lo").is_null()).then(band.cast(pl.Int64)).otherwise("lo")
    ).drop("heavy_chain", "light_chain")


def negative(name: str) -> pl.Expr:
    """Is immunofixation free of the clone? Antibody, oligoclonal and foreign bands count as negative."""
    return pl.col(name) != POSITIVE
