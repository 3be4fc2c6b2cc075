"""How much does `mspike assess` cost on a Spark cluster of two processes, beside the same on this machine's threads?

    python bench/spark.py [--patients 100000] [--master 'local-cluster[2,1,1024]'] [--repeat 1]

Prints rows of markdown: seconds of the whole command, start-up of Spark included, and the peak of the memory of all its
processes together (the driver, its Java, the executors' Java, their Python workers), looked at ten times a second; the
peak of the largest Python worker stands beside. Shared pages are counted in each process, so the sums are upper bounds.
Says too whether the tables are the same to the byte. Needs /proc, so Linux; and Java 17.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from run import DATA, ROOT, registry

MASTER = "local-cluster[2,1,1024]"
LOOK_SECONDS = 0.1


class Costs(NamedTuple):
    """Wall-clock seconds, and peaks of resident memory in MB."""

    seconds: float
    all_mb: float
    java_mb: float
    worker_mb: float  # the largest Python worker of an executor


class Process(NamedTuple):
    parent: int
    command: str
    resident_mb: float


def processes() -> dict[int, Process]:
    """Every process of this machine by its number; those that end while looked at are left out."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            told = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        resident = float(told.get("VmRSS", "0 kB").split()[0]) * 1024 / 1e6
        found[int(folder.name)] = Process(int(told["PPid"]), command, resident)
    return found


def family(root: int) -> list[Process]:
    """A process and all that stem from it."""
    known = processes()
    kept = {root}
    while more := {pid for pid, one in known.items() if one.parent in kept} - kept:
        kept |= more
    return [known[pid] for pid in kept if pid in known]


def costs_of(command: list[str]) -> Costs:
    """Runs a command and looks at its processes until it ends. Raises CalledProcessError, with what it said."""
    everything = java = worker = 0.0
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)
        while child.poll() is None:
            now = family(child.pid)
            everything = max(everything, sum(one.resident_mb for one in now))
            java = max(java, sum(one.resident_mb for one in now if "java" in one.command.split(" ")[0]))
            worker = max([worker, *(one.resident_mb for one in now if "pyspark.daemon" in one.command)])
            time.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - start
        if child.returncode != 0:
            said.seek(0)
            raise subprocess.CalledProcessError(child.returncode, command, said.read().decode(errors="replace"))
    return Costs(seconds, everything, java, worker)


def assessed(folder: Path, out: Path, engine: list[str], repeat: int) -> Costs:
    """The fastest of the runs, the highest of the peaks."""
    command = [sys.executable, "-m", "mspike", "assess", str(folder), "--out", str(out), *engine]
    runs = [costs_of(command) for _ in range(repeat)]
    return Costs(min(one.seconds for one in runs), *(max(peaks) for peaks in list(zip(*runs, strict=True))[1:]))


def differing(a: Path, b: Path) -> list[str]:
    """The tables that are not the same to the byte in two results."""
    names = {file.name for folder in (a, b) for file in folder.iterdir()} - {"run.json"}
    there = [name for name in names if (a / name).exists() and (b / name).exists()]
    return sorted(names - {name for name in there if (a / name).read_bytes() == (b / name).read_bytes()})


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure mspike assess on Spark beside this machine's threads.")
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--master", default=MASTER)
    parser.add_argument("--repeat", type=int, default=1)
    asked = parser.parse_args()
    folder, local, spark = registry(asked.patients), DATA / "engine-local", DATA / "engine-spark"
    rows = [("local", assessed(folder, local, [], asked.repeat))]
    given = ["--engine", "spark", "--master", asked.master]
    rows.append((f"spark, {asked.master}", assessed(folder, spark, given, asked.repeat)))
    print("| patients | engine | seconds | peak memory of all processes, MB | of Java, MB | of one Python worker, MB |")
    print("|---:|---|---:|---:|---:|---:|")
    for name, cost in rows:
        seen = [f"{mb:,.0f}" if mb else "none" for mb in cost[1:]]
        print(f"| {asked.patients:,} | {name} | {cost.seconds:.1f} | {' | '.join(seen)} |")
    if differ := differing(local, spark):
        sys.exit(f"\nNOT the same to the byte: {', '.join(differ)}; see {local} and {spark}.")
    print("\nAll tables are the same to the byte.")
    for out in (local, spark):
        shutil.rmtree(out)


if __name__ == "__main__":
    main()
