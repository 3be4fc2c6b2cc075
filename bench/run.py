"""How fast is `mspike assess`, and how much memory does it take?

    python bench/run.py [--million] [--repeat 3] [--json] [--markdown]

1. Registries of 10,000 and 100,000 patients (and 1,000,000 with --million) are made in bench-data/ once and used again.
2. `mspike assess` runs in a process of its own. Its seconds, start-up included, and the peak of its resident memory,
   threads included, are those of the operating system.
3. The same Parquet is read by a process that does nothing but add up the length of every cell; the ratio says what
   judging costs above reading.
4. The same registry with its rows in random order is assessed too; the difference is what parting it costs.

This file imports nothing large: the peak of a child counts from what its parent held.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
DATA = ROOT / "bench-data"
VISITS = 24
SIZES = (10_000, 100_000)
MILLION = 1_000_000
LARGEST_SHUFFLED = 100_000  # shuffling holds all rows in memory once

SCAN = """
import sys
from pathlib import Path
import polars as pl
total = 0
for path in sorted(Path(sys.argv[1]).glob("*.parquet")):
    frame = pl.scan_parquet(path)
    cells = [
        pl.col(name).str.len_bytes().sum() if dtype == pl.String else pl.col(name).to_physical().cast(pl.Int64).sum()
        for name, dtype in frame.collect_schema().items()
        if dtype != pl.Null
    ]
    total += sum(frame.select(cells).collect(engine="streaming").row(0))
print(total)
"""


class Cost(NamedTuple):
    """What one process took: wall-clock seconds and peak resident memory in MB."""

    seconds: float
    peak_mb: float


def cost_of(command: list[str]) -> Cost:
    """Runs a command to its end. Raises CalledProcessError, with what it said, where it fails."""
    with tempfile.TemporaryFile() as said:
        start = perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            said.seek(0)
            raise subprocess.CalledProcessError(child.returncode, command, said.read().decode(errors="replace"))
    unit = 1 if platform.system() == "Darwin" else 1024  # bytes there, kilobytes on Linux
    return Cost(seconds, usage.ru_maxrss * unit / 1e6)


def median_cost(command: list[str], repeat: int) -> Cost:
    """The median of the seconds, the highest of the peaks."""
    costs = [cost_of(command) for _ in range(repeat)]
    return Cost(statistics.median(c.seconds for c in costs), max(c.peak_mb for c in costs))


def registry(patients: int, *, shuffled: bool = False) -> Path:
    """The benchmark registry of this size, made if it is not there."""
    folder = DATA / f"{patients}{'-shuffled' if shuffled else ''}"
    if not (folder / "complete").exists():
        print(f"making {folder.relative_to(ROOT)} ...", file=sys.stderr)
        asked = ["--patients", str(patients), "--visits", str(VISITS), *(["--shuffled"] if shuffled else [])]
        cost_of([sys.executable, "bench/make_bench.py", str(folder), *asked])
        (folder / "complete").touch()
    return folder


def assessed(folder: Path, patients: int) -> tuple[Cost, int]:
    """What assessing a registry takes, and how many results it read."""
    out = DATA / "results"
    cost = cost_of([sys.executable, "-m", "mspike", "assess", str(folder), "--out", str(out)])
    told = json.loads((out / "run.json").read_text())
    assert told["patients"] == patients, f"{told['patients']} patients assessed of {patients}"
    shutil.rmtree(out)
    return cost, told["rows"]["results"]["used"]


def measure(patients: int, repeat: int) -> dict[str, Any]:
    """Costs of one size. Sorted and shuffled runs take turns, so that a slow phase of the machine meets both."""
    folder = registry(patients)
    mixed = registry(patients, shuffled=True) if patients <= LARGEST_SHUFFLED else None
    scan = median_cost([sys.executable, "-c", SCAN, str(folder)], repeat)
    costs, shuffled = [], []
    for _ in range(repeat):
        cost, results = assessed(folder, patients)
        costs.append(cost)
        if mixed:
            shuffled.append(assessed(mixed, patients)[0])
    seconds = statistics.median(c.seconds for c in costs)
    extra = [b.seconds - a.seconds for a, b in zip(costs, shuffled, strict=False)]
    return {
        "patients": patients,
        "results": results,
        "seconds": round(seconds, 2),
        "patients_per_second": round(patients / seconds),
        "results_per_second": round(results / seconds),
        "peak_mb": round(max(c.peak_mb for c in costs)),
        "scan_seconds": round(scan.seconds, 2),
        "ratio_to_scan": round(seconds / scan.seconds, 1),
        "shuffled_extra_seconds": round(statistics.median(extra), 2) if extra else None,
        "shuffled_peak_mb": round(max(c.peak_mb for c in shuffled)) if shuffled else None,
    }


def machine() -> dict[str, Any]:
    """Where and of what this was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "date": dt.date.today().isoformat(),
        "commit": _commit(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(memory),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _commit() -> str:
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


COLUMNS = (
    ("patients", "patients"),
    ("results", "results"),
    ("seconds", "seconds"),
    ("patients / s", "patients_per_second"),
    ("results / s", "results_per_second"),
    ("peak memory, MB", "peak_mb"),
    ("bare scan, s", "scan_seconds"),
    ("ratio to scan", "ratio_to_scan"),
    ("shuffled, extra s", "shuffled_extra_seconds"),
    ("shuffled, peak MB", "shuffled_peak_mb"),
)


def shown(value: float | None) -> str:
    return "not run" if value is None else f"{value:,}"


def as_markdown(measured: list[dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(name for name, _ in COLUMNS) + " |", "|" + "---:|" * len(COLUMNS)]
    lines += ["| " + " | ".join(shown(m[key]) for _, key in COLUMNS) + " |" for m in measured]
    return "\n".join(lines)


def as_text(measured: list[dict[str, Any]]) -> str:
    width = max(len(name) for name, _ in COLUMNS)
    return "\n".join(
        f"{name:<{width}}" + "".join(f"{shown(m[key]):>16}" for m in measured) for name, key in COLUMNS
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure mspike assess.")
    parser.add_argument("--million", action="store_true", help="also a million patients")
    parser.add_argument("--patients", type=int, action="append", help="these sizes instead; may be given often")
    parser.add_argument("--repeat", type=int, default=3, help="median of so many runs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/benchmarks.md")
    asked = parser.parse_args()
    sizes = tuple(asked.patients or SIZES) + ((MILLION,) if asked.million else ())
    measured = []
    for patients in sizes:
        measured.append(measure(patients, 1 if patients >= MILLION else asked.repeat))
        print(f"{patients:,} patients: {measured[-1]['seconds']} s", file=sys.stderr)
    told = machine()
    if asked.json:
        print(json.dumps({"machine": told, "measured": measured}, indent=2))
    else:
        print(", ".join(f"{name} {value}" for name, value in told.items()), end="\n\n")
        print(as_markdown(measured) if asked.markdown else as_text(measured))


if __name__ == "__main__":
    main()
