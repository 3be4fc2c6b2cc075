"""Two runs side by side: which versions, editions, settings and inputs differ, who changed, and by which rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from mspike.errors import UnreadableInput, WrongUsage

Told = dict[str, Any]

KEY = ["patient_id", "line"]
# what is compared -> the dates of a line at which its reasons are looked up
COMPARED = {
    "best_response": ("best_response_date",),
    "pd_date": ("pd_date",),
    "failure_type": ("failure_date", "pd_date"),
    "measurable_by": ("index_date",),
    "pfs": ("pfs_date",),
}
OF_COURSE = (
    "best_response", "best_response_date", "pd_date", "failure_type", "failure_date", "measurable_by", "index_date",
)  # fmt: skip
STAMP = ("mspike", "edition", "settings_hash", "knowledge_hash", "calendar", "patients")


def compare_runs(run_a: str | Path, run_b: str | Path) -> Told:
    """What differs between two output folders of `assess`, Parquet or CSV.

    Returns differs (stamp and settings and inputs, as [in A, in B]), patients (both, only in A, only in B), changed
    (number of lines by what changed), best_response (cross table: from, to, lines) and changes, one row a line and
    change: patient_id, line, what, from, to, since, rules_a, rules_b.
    """
    folders = Path(run_a), Path(run_b)
    told = [_run(folder) for folder in folders]
    lines = [_lines(folder) for folder in folders]
    both = lines[0].join(lines[1], on=KEY, suffix="_b")
    changes = _with_rules(_changes(both), *folders)
    counts = dict(changes.group_by("what").len().iter_rows())
    return {
        "runs": [str(folder) for folder in folders],
        "differs": _differing(*told),
        "patients": _patients(*lines),
        "lines": {"both": both.height, "only_a": _only(*lines), "only_b": _only(*reversed(lines))},
        "changed": {what: counts.get(what, 0) for what in COMPARED},
        "changed_patients": changes["patient_id"].n_unique(),
        "best_response": _cross(both),
        "changes": changes.to_dicts(),
    }


def write_changes(told: Told, file: Path) -> None:
    """Every change as CSV, one row a line and change."""
    flat = [{k: "; ".join(v) if isinstance(v, list) else v for k, v in row.items()} for row in told["changes"]]
    if file.exists() and not file.read_bytes().startswith(",".join(_CHANGE).encode()):
        raise WrongUsage(f"--out {file} exists and holds no changes of an earlier comparison. Name another file.")
    pl.DataFrame(flat, schema=dict.fromkeys(_CHANGE, pl.String)).write_csv(file)


_CHANGE = (*KEY, "what", "from", "to", "since", "rules_a", "rules_b")


def _run(folder: Path) -> Told:
    file = folder / "run.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnreadableInput(
            f"{folder}: no run.json, so these are no results, or their run did not finish. Run `mspike assess` again."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise UnreadableInput(f"{file}: not readable as JSON. Run `mspike assess` again.") from None


def _table(folder: Path, name: str, columns: list[str]) -> pl.DataFrame:
    """Columns of a result table as text, so that Parquet and CSV compare."""
    parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
    if not parquet.exists() and not csv.exists():
        raise UnreadableInput(f"{folder}: no {name}.parquet or {name}.csv. Run `mspike assess` again.")
    try:
        if parquet.exists():
            frame = pl.read_parquet(parquet, columns=columns)
        else:
            frame = pl.read_csv(csv, columns=columns, infer_schema=False)
    except pl.exceptions.PolarsError as problem:
        first = str(problem).partition("\n")[0]
        raise UnreadableInput(f"{folder}: {name} cannot be read ({first}). Run `mspike assess` again.") from None
    lists = [pl.col(c).list.join(";") for c, t in frame.schema.items() if isinstance(t, pl.List)]
    texts = frame.with_columns(lists).with_columns(pl.all().cast(pl.String)).select(columns)
    return texts.with_columns(pl.when(pl.col(c) != "").then(pl.col(c)).alias(c) for c in columns)


def _lines(folder: Path) -> pl.DataFrame:
    """One row a line: what is compared and the dates to look for reasons at."""
    courses = _table(folder, "courses", [*KEY, *OF_COURSE])
    ends = _table(folder, "endpoints", [*KEY, "endpoint", "date", "days", "event"])
    outcome = pl.when(pl.col("event") == "true").then(pl.lit("event")).otherwise(pl.lit("censored"))
    pfs = ends.filter(pl.col("endpoint") == "pfs")
    pfs = pfs.select(*KEY, pfs_date="date", pfs=pl.format("{} days, {}", "days", outcome))
    return courses.join(pfs, on=KEY, how="left")


def _differing(a: Told, b: Told) -> Told:
    def pairs(left: Told, right: Told) -> dict[str, list[Any]]:
        names = sorted(left.keys() | right.keys())
        return {n: [left.get(n), right.get(n)] for n in names if left.get(n) != right.get(n)}

    stamp = {name: [a.get(name), b.get(name)] for name in STAMP if a.get(name) != b.get(name)}
    return {"stamp": stamp, "settings": pairs(a["settings"], b["settings"]), "input": pairs(a["input"], b["input"])}


def _patients(a: pl.DataFrame, b: pl.DataFrame) -> Told:
    ids = set(a["patient_id"]), set(b["patient_id"])
    return {"both": len(ids[0] & ids[1]), "only_a": sorted(ids[0] - ids[1]), "only_b": sorted(ids[1] - ids[0])}


def _only(a: pl.DataFrame, b: pl.DataFrame) -> int:
    """Lines that only the first run has, of patients whom both have."""
    shared = a.filter(pl.col("patient_id").is_in(b["patient_id"].unique().implode()))
    return shared.join(b, on=KEY, how="anti").height


def _cross(both: pl.DataFrame) -> list[Told]:
    pairs = both.group_by(pl.col("best_response").alias("from"), pl.col("best_response_b").alias("to"))
    return pairs.agg(lines=pl.len()).sort("from", "to").to_dicts()


def _changes(both: pl.DataFrame) -> pl.DataFrame:
    """One row a line and change, with the dates at which to look for the reason."""
    frames = []
    for what, dates in COMPARED.items():
        changed = both.filter(pl.col(what).ne_missing(pl.col(f"{what}_b")))
        at = pl.concat_list(pl.col(f"{d}{side}") for d in dates for side in ("", "_b")).list.drop_nulls()
        frames.append(
            changed.select(*KEY, what=pl.lit(what), **{"from": pl.col(what), "to": pl.col(f"{what}_b")}, at=at)
        )
    order = pl.col("what").replace_strict({w: i for i, w in enumerate(COMPARED)}, return_dtype=pl.Int64)
    number = pl.col("line").cast(pl.Int64)
    return pl.concat(frames).sort("patient_id", number, order)


def _with_rules(changes: pl.DataFrame, folder_a: Path, folder_b: Path) -> pl.DataFrame:
    """Adds since (the first date that tells), and the rules that fired in one run only then.

    The dates of the change itself are looked at first; where nothing differs there, the first date of the line at
    which the reasons differ.
    """
    changes = changes.with_row_index("_change")
    asked = changes.select(KEY).unique()
    columns = [*KEY, "date", "rule"]
    fired = [_table(f, "reasons", columns).join(asked, on=KEY, how="semi").unique() for f in (folder_a, folder_b)]
    sides = [
        fired[i].join(fired[1 - i], on=columns, how="anti", nulls_equal=True).with_columns(side=pl.lit(side))
        for i, side in enumerate("ab")
    ]
    differing = changes.select("_change", *KEY, "at").join(pl.concat(sides), on=KEY)
    differing = differing.with_columns(told=pl.col("at").list.contains(pl.col("date")))
    any_told = pl.col("told").any().over("_change")
    differing = differing.filter(pl.col("told") | ~any_told).filter(pl.col("date") == _first_date().over("_change"))
    rules = differing.group_by("_change").agg(
        since=pl.col("date").first(),
        rules_a=pl.col("rule").filter(pl.col("side") == "a").unique().sort(),
        rules_b=pl.col("rule").filter(pl.col("side") == "b").unique().sort(),
    )
    none = pl.lit([], pl.List(pl.String))
    joined = changes.join(rules, on="_change", how="left", maintain_order="left").drop("_change", "at")
    return joined.with_columns(pl.col("rules_a", "rules_b").fill_null(none)).select(_CHANGE)


def _first_date() -> pl.Expr:
    """The earliest date; days of a day registry compare as numbers, not as text."""
    day = pl.col("date").cast(pl.Int64, strict=False)
    return pl.when(day.is_not_null().all()).then(pl.col("date").sort_by(day).first()).otherwise(pl.col("date").min())
