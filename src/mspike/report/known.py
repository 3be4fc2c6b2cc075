"""Facts that are known at the bedside and not in the registry: added to the rows of one patient for one question."""

from __future__ import annotations

import re
from difflib import get_close_matches

import polars as pl

from mspike.errors import WrongUsage
from mspike.knowledge.codes.genetic_markers import terms_of
from mspike.options.states import CONDITIONS
from mspike.read.buckets import Bucket
from mspike.record.analytes import ANALYTES

SHORT = {"bcma": "bcma_expression", "gprc5d": "gprc5d_expression"}
YES, NO = ("yes", "present", "true"), ("no", "absent", "none", "false")
Given = tuple[str, int, str]  # table, row, the text as given
ALIKE = {"extramedullary": "extramedullary disease"}  # the event that says so


def with_known(raw: Bucket, patient: str, day: str, given: list[str]) -> tuple[Bucket, list[Given]]:
    """The raw rows of one patient with the facts given as name=value, dated on the day asked; and where each stands.

    A name is an analyte (ecog=1, bcma=negative, anc=0.8), a condition (infection=no, neuropathy=2 for the grade) or a
    genetic marker (t(11;14)=yes). Raises WrongUsage where one is not understood.
    """
    places = []
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            raise WrongUsage(f"--know {text}: expected name=value, as in --know infection=no.")
        table, row = _row(name.lower(), name, value, text)
        frame = _added(raw.get(table), {"patient_id": patient, "date": day, **row})
        raw = {**raw, table: frame}
        places.append((table, int(frame["row"][-1]), text))
    return raw, places


def refuse_unreadable(findings: pl.DataFrame, places: list[Given]) -> None:
    """Raises WrongUsage where a fact given was set aside like any other bad row."""
    for table, row, text in places:
        bad = findings.filter((pl.col("table") == table) & (pl.col("row") == row) & (pl.col("severity") == "error"))
        for one in bad.to_dicts():
            raise WrongUsage(f"--know {text}: found {one['found']}; expected {one['expected']}.")


def _row(name: str, as_given: str, value: str, text: str) -> tuple[str, dict[str, str]]:
    name = SHORT.get(name, name)
    if name in ANALYTES:
        return "results", _result(name, value)
    if name in CONDITIONS or name in ALIKE:
        return "events", {"event": ALIKE.get(name, name.replace("_", " ")), **_condition(value, text)}
    if terms_of(as_given):
        yes = _yes(value)
        if yes is None:
            raise WrongUsage(f"--know {text}: expected yes or no.")
        return "genetics", {"marker": as_given, "finding": "present" if yes else "absent"}
    names = [*SHORT, *ANALYTES, *CONDITIONS, *ALIKE]
    close = get_close_matches(name, names, n=3)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    raise WrongUsage(f"--know {text}: no analyte, condition or genetic marker of that name.{hint}")


def _result(name: str, value: str) -> dict[str, str]:
    """A number with or without its unit; without one the canonical unit is meant. Words stand as they are."""
    number = re.fullmatch(r"([<>]?=?\s*[\d.,]+)\s*(.*)", value)
    if number is None:
        return {"analyte": name, "value": value}
    return {"analyte": name, "value": number[1], "unit": number[2] or ANALYTES[name].unit}


def _condition(value: str, text: str) -> dict[str, str]:
    if value.isdigit() and int(value) <= 5:
        return {"grade": value}
    yes = _yes(value)
    if yes is None:
        raise WrongUsage(f"--know {text}: expected yes, no or a grade from 0 to 5.")
    return {} if yes else {"grade": "0", "detail": "none"}


def _yes(value: str) -> bool | None:
    return True if value.lower() in YES else False if value.lower() in NO else None


def _added(frame: pl.DataFrame | None, row: dict[str, str]) -> pl.DataFrame:
    """The frame with one more row, in the types the file has."""
    if frame is None:
        return pl.DataFrame([row]).with_columns(row=pl.lit(1, pl.UInt32))
    types = {c: t for c, t in frame.schema.items() if c in row}
    new = pl.DataFrame([row]).with_columns(pl.col(c).str.to_date() for c, t in types.items() if t == pl.Date)
    # Columns of numbers become text: a word may stand beside them, and what is read in either is the same.
    frame = frame.with_columns(pl.col(c).cast(pl.String) for c, t in types.items() if t not in (pl.Date, pl.String))
    number = max([0, *frame["row"].drop_nulls()]) + 1  # behind the rows of the file
    new = new.with_columns(row=pl.lit(number, frame.schema["row"]))
    return pl.concat([frame, new], how="diagonal_relaxed")
