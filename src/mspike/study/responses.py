"""How deep was the response, how soon, and how many were MRD-negative: of all infused, and of all collected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from mspike.cohort.disclosure import MARK
from mspike.cohort.rates import AT_LEAST, clopper_pearson, mrd_rates, response_rates
from mspike.cohort.strata import Stratum
from mspike.record.tables import CATEGORIES
from mspike.study.cells import NONE, percent, share
from mspike.study.characteristics import discretion, first_infusions
from mspike.study.counted import Column, Counts, columns_of, counted, counts_column
from mspike.study.gathered import Gathered
from mspike.study.parts import Part, Section, StudyTable
from mspike.study.plan import Plan
from mspike.study.response_figures import response_figures
from mspike.study.response_times import response_times

RESPONDED = ("sCR", "CR", "VGPR", "PR")
STATUS = ("negative", "positive", "indeterminate")
BEST, DEPTH = "Best confirmed response", "Response of at least this depth"
_SCHEMA: dict[str, Any] = {
    "group": pl.String, "kind": pl.String, "level": pl.String, "n": pl.String, "total": pl.Int64,
    **dict.fromkeys(("percent", "low", "high"), pl.Float64),
}  # fmt: skip


def responses(gathered: Gathered, plan: Plan) -> Section:
    """How many responded, how deep, how soon, and how many were MRD-negative at 10⁻⁵?"""
    patients = first_infusions(gathered.cohort)
    if patients.is_empty():
        return Section("responses", "Response", ("Nobody was infused; there is no response to tell of.",), ())
    parts = _tables(gathered, patients, "", None, plan)
    for name, stratum in plan.strata.items():
        if stratum.baseline:
            parts += _tables(gathered, patients, f"_by_{name}", stratum, plan)
    figures, refused = response_figures(gathered, patients, plan)
    refused += tuple(
        f"Response by {stratum.words}: this division is made by what came after the response."
        for stratum in plan.strata.values()
        if not stratum.baseline
    )
    return Section(
        "responses", "Response", _says(patients, plan), (*parts, *figures), refused, _methods(),
        ("kumar-2016", "clopper-pearson-1934"),
    )  # fmt: skip


def _tables(gathered: Gathered, patients: pl.DataFrame, suffix: str, stratum: Stratum | None, plan: Plan) -> list[Part]:
    columns = columns_of(patients, stratum, plan.min_cell)
    best, mrd = _best(columns, plan.min_cell), _mrd_counts(columns, plan.min_cell)
    responded = [best.told(range(len(RESPONDED)), at) for at, _ in enumerate(columns)]
    told = {
        "first_response_day": responded,
        "best_response_day": responded,
        "mrd_negative_day": [mrd.told((0,), at) for at, _ in enumerate(columns)],
    }
    return [
        best_response_table(columns, suffix, stratum, plan.min_cell),
        *([] if stratum else _pair(gathered.cohort, plan)),
        mrd_table(columns, suffix, stratum, plan.min_cell),
        response_times(gathered.visits, columns, suffix, stratum, plan.min_cell, told),
    ]


def of_words(stratum: Stratum | None) -> str:
    return "" if stratum is None else f", by: {stratum.words}"


# ---- best response --------------------------------------------------------------------------------------------------


def best_response_table(columns: Sequence[Column], suffix: str, stratum: Stratum | None, min_cell: int) -> StudyTable:
    """Each category of best response and "at least this", with exact intervals; everybody is in the denominator."""
    counts = _best(columns, min_cell)
    rows = [row for at, column in enumerate(columns) if column.shown for row in _response_rows(column, at, counts)]
    return rates_table(
        f"best_response{suffix}", f"Best response after the infusion{of_words(stratum)}", rows, columns, min_cell,
        (
            "n / N (%) [95 % interval, Clopper-Pearson]. N: all patients of the column, also those who were not "
            "evaluable (NE): a response that nobody saw is none in a rate. A response counts when it is confirmed; an "
            "unconfirmed one stands as SD. Response rate: PR or better.",
        ),
    )  # fmt: skip


def _best(columns: Sequence[Column], min_cell: int) -> Counts:
    best = pl.col("best_response")
    levels = [(name, best == name) for name in CATEGORIES]
    depths = [range(row + 1) for row, name in enumerate(CATEGORIES) if name in AT_LEAST]
    return counted(columns, [*levels, ("not assessed", best.is_null())], min_cell, len(RESPONDED), depths)


def _response_rows(column: Column, at: int, counts: Counts) -> list[dict[str, Any]]:
    rates = response_rates(column.patients["best_response"])
    rows: list[dict[str, Any]] = []
    for row, rate in enumerate(rates.iter_rows(named=True)):
        if counts.n[row][0] or rate["category"] in CATEGORIES:
            rows.append(rate_row(column, BEST, rate["category"], counts.text(row, at), rate))
    for row, rate in enumerate(rates.iter_rows(named=True)):
        if rate["category"] in AT_LEAST:
            n = counts.told(range(row + 1), at)
            least = {name: rate[f"at_least_{name}"] for name in ("percent", "low", "high")}
            words = "PR or better (response rate)" if rate["category"] == "PR" else f"{rate['category']} or better"
            text = MARK if n is None else str(n)
            rows.append(rate_row(column, DEPTH, words, text, {"total": rate["total"], **least}))
    return rows


def rate_row(column: Column, kind: str, level: str, text: str, rate: dict[str, Any]) -> dict[str, Any]:
    """A row of a file; what would tell a count that is kept back is empty."""
    told = rate if text.isdigit() else {}
    numbers = {name: told.get(name) for name in ("percent", "low", "high")}
    return {"group": column.words, "kind": kind, "level": level, "n": text, "total": rate["total"], **numbers}


def share_of(n: int | None, total: int | None) -> dict[str, Any]:
    """total, percent, low, high of a count, as `rate_row` takes them."""
    if n is None or not total:
        return {"total": total}
    low, high = clopper_pearson(n, total)
    return {"total": total, "percent": 100 * n / total, "low": low, "high": high}


def rates_table(
    name: str, title: str, rows: Sequence[dict[str, Any]], columns: Sequence[Column], min_cell: int,
    notes: Sequence[str],
) -> StudyTable:  # fmt: skip
    """Rates as a table: a row a level, under the head of its kind; a column a group."""
    frame = pl.DataFrame(list(rows), schema=_SCHEMA)
    shown = frame.select("kind", "level").unique(maintain_order=True)
    heads = {"level": ""}
    for at, column in enumerate(columns):
        if column.shown:
            mine = [row for row in rows if row["group"] == column.words]
            shown = shown.with_columns(pl.Series(f"c{at}", [cell(row) for row in mine], dtype=pl.String))
            heads[f"c{at}"] = column.head
    return StudyTable(
        name=name, title=title, frame=frame.with_columns(counts_column("n", frame["n"].to_list(), min_cell)),
        shown=shown, heads=heads, groups="kind", right=tuple(c for c in shown.columns if c[1:].isdigit()),
        notes=(*notes, *discretion(columns, min_cell)),
    )  # fmt: skip


def cell(row: dict[str, Any]) -> str:
    """12 / 52 (23 %) [13, 37]"""
    if not row["n"].isdigit():
        return str(row["n"])
    if row["total"] is None:
        return str(row["n"])
    limits = "" if row["low"] is None else f" [{row['low']:.0f}, {row['high']:.0f}]"
    return share(int(row["n"]), row["total"]) + limits


def _pair(cohort: pl.DataFrame, plan: Plan) -> list[Part]:
    """The response rate of the infused beside that of all who were collected, where some were never infused."""
    infused = first_infusions(cohort)
    never = int((~cohort["infused"]).sum())
    counts = _best([Column("", infused)], plan.min_cell)
    n = counts.told(range(len(RESPONDED)))
    if not never or never < plan.min_cell or n is None:
        return []
    words = {"infused": "of all infused", "collected": "of all collected, also those never infused"}
    rows: list[dict[str, Any]] = []
    shown: list[dict[str, str]] = []
    for who, total in (("infused", infused.height), ("collected", infused.height + never)):
        low, high = clopper_pearson(n, total)
        rate = 100 * n / total
        rows.append({"of": who, "n": n, "total": total, "percent": rate, "low": low, "high": high})
        shown.append({"of": words[who], "n": share(n, total), "rate": percent(rate, low, high)})
    return [
        StudyTable(
            name="response_of_collected",
            title="Response rate of the infused, and of all who were collected",
            frame=pl.DataFrame(rows),
            shown=pl.DataFrame(shown),
            heads={"of": "PR or better", "n": "n / N (%)", "rate": "Rate [95 % interval]"},
            right=("n", "rate"),
            notes=("Whoever was collected and not infused so far has no response of the CAR T cells.",),
        )
    ]


# ---- MRD ------------------------------------------------------------------------------------------------------------


def mrd_table(columns: Sequence[Column], suffix: str, stratum: Stratum | None, min_cell: int) -> StudyTable:
    """MRD at 10⁻⁵: the best status in the line, and the negative of those tested and of all."""
    counts = _mrd_counts(columns, min_cell)
    rows = [row for at, column in enumerate(columns) if column.shown for row in _mrd_rows(column, at, counts)]
    return rates_table(
        f"mrd{suffix}", f"MRD at 10⁻⁵, until the next therapy{of_words(stratum)}", rows, columns, min_cell,
        (
            "n / N (%) [95 % interval, Clopper-Pearson]. Of those tested: patients with an adequate sample that was "
            "negative or positive; that overstates, as samples are taken from who does well. Of all: who was not "
            "tested counts as not negative. Indeterminate: no sample was deep enough to say negative at 10⁻⁵.",
        ),
    )  # fmt: skip


def _mrd_counts(columns: Sequence[Column], min_cell: int) -> Counts:
    status = pl.col("mrd_best")
    levels = [(name, status == name) for name in STATUS]
    untested = ~status.is_in(STATUS).fill_null(False)  # no sample on record
    return counted(columns, [*levels, ("not tested", untested)], min_cell, sums=[(0, 1)])


def _mrd_rows(column: Column, at: int, counts: Counts) -> list[dict[str, Any]]:
    status = column.patients["mrd_best"]
    answer = {"negative": True, "positive": False}
    known = status.replace_strict(answer, default=None, return_dtype=pl.Boolean)
    rates = {rate["denominator"]: rate for rate in mrd_rates(known).iter_rows(named=True)}
    tested = counts.told((0, 1), at)
    negative = counts.text(0, at)
    among = {**rates["tested"], "total": tested}
    rows = [
        rate_row(column, "MRD-negative", "of those tested", negative if tested is not None else MARK, among),
        rate_row(column, "MRD-negative", "of all", negative, rates["all"]),
    ]
    for row, words in enumerate(counts.levels):
        n = counts.text(row, at)
        alone = {"total": column.n, "percent": 100 * int(n) / column.n if n.isdigit() and column.n else None}
        rows.append(rate_row(column, "Best status", words, n, alone))
    return rows


# ---- in words -------------------------------------------------------------------------------------------------------


def _says(patients: pl.DataFrame, plan: Plan) -> tuple[str, ...]:
    counts, total = _best([Column("", patients)], plan.min_cell), patients.height
    told = {name: counts.told(range(row + 1)) for row, name in enumerate(CATEGORIES[: len(RESPONDED)])}
    if told["PR"] is None:
        return ("Too few patients responded, or did not, for their number to be shown.",)
    said = [f"{_rate(told['PR'], total)} had a partial response or better"]
    deeper = {"VGPR": "a VGPR or better", "CR": "a complete response or better"}
    said += [f"{_short(told[name], total)} {words}" for name, words in deeper.items() if told[name] is not None]
    negative, tested = _mrd(patients, plan)
    second = "No MRD result at 10⁻⁵ could be told." if not tested else (
        f"MRD at 10⁻⁵ was negative in {negative:,} of {tested:,} tested patients ({percent(100 * negative / tested)}), "
        f"which is {percent(100 * negative / total)} of all."
    )  # fmt: skip
    return (", ".join(said) + " (percent of all infused, with 95 % CI).", second)


def _rate(n: int, total: int) -> str:
    low, high = clopper_pearson(n, total)
    return f"{n:,} of {total:,} infused patients ({percent(100 * n / total, low, high) if total else NONE})"


def _short(n: int | None, total: int) -> str:
    if n is None or not total:
        return NONE
    low, high = clopper_pearson(n, total)
    return f"{n:,} ({percent(100 * n / total, low, high)})"


def _mrd(patients: pl.DataFrame, plan: Plan) -> tuple[int, int]:
    """Negative, tested; nobody where a number is kept back."""
    counts = _mrd_counts([Column("", patients)], plan.min_cell)
    negative, tested = counts.told((0,)), counts.told((0, 1))
    return (0, 0) if negative is None or tested is None else (negative, tested)


def _methods() -> tuple[str, ...]:
    return (
        "Best confirmed response was counted of all infused patients, patients who were not evaluable included; "
        "intervals of proportions are exact (Clopper-Pearson).",
        "MRD negativity at 10⁻⁵ before the next therapy was reported of those with an adequate test and of all.",
        "The time to response was described in responders only.",
    )
