"""Checks a registry: every finding that assessing it would write, grouped, and how many rows of each table are used."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from mspike import __version__
from mspike.engines.local import in_order
from mspike.errors import UnreadableInput
from mspike.knowledge.criteria import criteria
from mspike.read.buckets import buckets
from mspike.read.folder import open_registry
from mspike.record.findings import SEVERITIES, counts, ordered
from mspike.record.record import add_counts
from mspike.record.tables import TABLES
from mspike.response.settings import settings_of

# The same steps in the same order as `assess`, so that the two never tell different findings.
from mspike.run import bucket_results

EXAMPLES = 3
ONE_KIND = ("severity", "table", "column", "problem", "expected")
EXIT_CODES = {"error": 2, "warning": 1}


def check_registry(
    registry: str | Path,
    *,
    edition: str = "imwg-2016",
    settings: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """What is wrong with this registry?

    Returns calendar, patients, rows (table -> rows, used, set_aside), findings (severity -> number), kinds (findings
    of one kind: how many, in how many patients, first rows) and `all`, a frame with one row a finding.
    """
    rules = criteria(edition)
    chosen = settings_of(rules, settings)
    source = open_registry(Path(registry))
    frames = [source.findings.frame()]
    rows: dict[str, dict[str, int]] = {}
    work = partial(bucket_results, calendar=source.calendar, rules=rules, settings=chosen)
    with tempfile.TemporaryDirectory(prefix="mspike-") as room:
        total, given = buckets(source, Path(room))
        for done, (results, row_counts) in enumerate(in_order(work, given), start=1):
            frames.append(results["findings"])
            add_counts(rows, row_counts)
            if progress:
                progress(done, total)
    found = ordered(frames)
    return {
        "mspike": __version__,
        "registry": str(registry),
        "calendar": source.calendar,
        "patients": rows["patients"]["used"],
        "rows": rows,
        "findings": counts(found),
        "kinds": kinds_of(found),
        "all": found,
    }


@contextmanager
def naming_damage(registry: Path) -> Iterator[None]:
    """Turns a failure to read into UnreadableInput that names the file; polars would print rows of patients instead.

    A failure that no file explains is a bug and keeps its traceback.
    """
    try:
        yield
    except (UnicodeDecodeError, pl.exceptions.PolarsError):
        damaged = _damaged_file(registry)
        if damaged is None:
            raise
        raise UnreadableInput(
            f"{damaged}: the file cannot be read to its end; it is damaged, or a quotation mark is never closed. "
            f"Export it again."
        ) from None


def _damaged_file(registry: Path) -> Path | None:
    files = [registry / f"{table}{suffix}" for table in TABLES for suffix in (".parquet", ".csv")]
    for file in files:
        try:
            if not file.exists() or file.stat().st_size == 0:
                continue
            if file.suffix == ".parquet":
                pl.read_parquet(file)
            else:
                text = file.read_bytes()
                pl.read_csv(_utf8(text), infer_schema=False, truncate_ragged_lines=True)
        except (UnicodeDecodeError, pl.exceptions.PolarsError):
            return file
    return None


def _utf8(text: bytes) -> bytes:
    try:
        text.decode("utf-8")
        return text
    except UnicodeDecodeError:
        return text.decode("cp1252").encode()


def exit_code(told: Mapping[str, Any]) -> int:
    """0 clean or worth knowing only, 1 warnings, 2 errors (rows set aside)."""
    return max((code for severity, code in EXIT_CODES.items() if told["findings"][severity]), default=0)


def kinds_of(found: pl.DataFrame) -> list[dict[str, Any]]:
    """Findings of one kind together: errors first, then the most frequent."""
    severity = pl.col("severity").replace_strict({s: i for i, s in enumerate(SEVERITIES)}, return_dtype=pl.Int64)
    kinds = found.group_by(ONE_KIND).agg(
        number=pl.len(),
        patients=pl.col("patient_id").drop_nulls().n_unique(),
        first_rows=pl.col("row").drop_nulls().head(EXAMPLES),
        first_patients=pl.col("patient_id").drop_nulls().unique(maintain_order=True).head(EXAMPLES),
        found=pl.col("found").drop_nulls().unique(maintain_order=True).head(EXAMPLES),
    )  # fmt: skip
    return kinds.sort(severity, -pl.col("number").cast(pl.Int64), *ONE_KIND[1:]).to_dicts()
