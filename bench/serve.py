"""Fifty readers at once before `mspike serve`: how long does a page take, and does any fail?

    python bench/serve.py REGISTRY [--house DIR] [--readers 50] [--think 1.0] [--seconds 60]

Starts the server as a user does, in a process of its own on this machine, and reads as people do: the worklist, a page
of it, patients (with the drawing beside each), a line visit by visit, the criteria, with a pause after each page. The
readers are one asyncio process on the same cores, so they take computing time from the server. Prints one JSON object.
The first look at the options of a patient is computed by a worker and is measured by --options: how many such questions
are asked in all while the others read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import httpx

PATIENT = re.compile(r'href="(/patient/[\w-]+)"')
LINE = re.compile(r'href="(/patient/[\w-]+/line/\d+)"')
DRAWING = re.compile(r'src="(/chart/[\w-]+\.svg)"')
QUEUES = ("progressed", "overdue", "missing", "findings", "all")

Took = dict[str, list[float]]


async def reader(
    client: httpx.AsyncClient, until: float, think: float, seed: int, took: Took, errors: list[str]
) -> None:
    """One person: a list, some patients of it, now and then the criteria."""
    chance = random.Random(seed)
    await asyncio.sleep(chance.random() * think)

    async def page(kind: str, url: str) -> str:
        start = time.perf_counter()
        try:
            answer = await client.get(url)
            took[kind].append(time.perf_counter() - start)
            if answer.status_code != 200:
                errors.append(f"{kind}: {answer.status_code}")
            return answer.text
        except httpx.HTTPError as problem:
            errors.append(f"{kind}: {type(problem).__name__}")
            return ""

    while time.monotonic() < until:
        number = chance.randint(1, 200)
        url = f"/?show=all&page={number}" if chance.random() < 0.7 else f"/?show={chance.choice(QUEUES)}"
        patients = PATIENT.findall(await page("worklist", url))
        await asyncio.sleep(think)
        for link in chance.sample(patients, min(4, len(patients))):
            if time.monotonic() > until:
                return
            text = await page("patient", link)
            for drawing in DRAWING.findall(text):
                await page("drawing", drawing)
            await asyncio.sleep(think)
            lines = LINE.findall(text)
            if lines and chance.random() < 0.25 and time.monotonic() < until:
                await page("line", chance.choice(lines))
                await asyncio.sleep(think)
        if chance.random() < 0.1:
            await page("criteria", "/criteria/imwg-2016")
            await asyncio.sleep(think)


async def asker(client: httpx.AsyncClient, asked: int, until: float) -> int:
    """Asks for options of so many patients, spread over the time; returns how many were answered in it."""
    links = PATIENT.findall((await client.get("/?show=missing")).text)[:asked]
    step = max(0.5, (until - time.monotonic()) / max(1, len(links)))
    for link in links:
        await client.get(f"{link}/options?region=US")
        await asyncio.sleep(min(step, max(0.0, until - time.monotonic())))
    return sum([(await client.get(f"{link}/options?region=US")).status_code == 200 for link in links])


async def read(base: str, readers: int, think: float, seconds: float, options: int) -> dict[str, object]:
    took: Took = defaultdict(list)
    errors: list[str] = []
    limits = httpx.Limits(max_connections=readers + 5, max_keepalive_connections=readers + 5)
    async with httpx.AsyncClient(base_url=base, limits=limits, timeout=30) as client:
        until = time.monotonic() + seconds
        people = [reader(client, until, think, seed, took, errors) for seed in range(readers)]
        answers = await asyncio.gather(asker(client, options, until), *people)
    pages = [t for kind, times in took.items() if kind != "drawing" for t in times]
    return {
        "errors": len(errors), "error_kinds": sorted(set(errors)), "pages": len(pages),
        "requests_per_second": round(sum(map(len, took.values())) / seconds, 1), **told(pages),
        "by_kind": {kind: {"n": len(times), **told(times)} for kind, times in sorted(took.items())},
        "options_asked": options, "options_answered": answers[0],
    }  # fmt: skip


def told(times: list[float]) -> dict[str, float]:
    """Median, 99th percentile and the slowest, in milliseconds."""
    if len(times) < 2:
        return {}
    p99 = statistics.quantiles(times, n=100, method="inclusive")[98]
    return {
        name: round(t * 1000, 1)
        for name, t in (("median_ms", statistics.median(times)), ("p99_ms", p99), ("max_ms", max(times)))
    }


def memory_mb(pid: int) -> dict[str, float]:
    """What the server holds now, and the most it held."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        "memory_mb": round(int(status["VmRSS"].split()[0]) / 1024),
        "memory_peak_mb": round(int(status["VmHWM"].split()[0]) / 1024),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(base: str, server: subprocess.Popen[bytes], patience: float = 900) -> float:
    start = time.monotonic()
    while time.monotonic() - start < patience:
        if server.poll() is not None:
            raise SystemExit(f"the server ended with {server.returncode}")
        try:
            httpx.get(f"{base}/health", timeout=1)
            return time.monotonic() - start
        except httpx.HTTPError:
            time.sleep(0.2)
    raise SystemExit("the server did not open")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("registry", type=Path)
    parser.add_argument("--house", type=Path, help="kept between runs; a new folder each time where not given")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--think", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--options", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        house, port = given.house or Path(fresh), free_port()
        base = f"http://127.0.0.1:{port}"
        command = [
            sys.executable,
            "-m",
            "mspike",
            "serve",
            str(given.registry),
            "--port",
            str(port),
            "--house",
            str(house),
        ]
        before = os.getloadavg()
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            opened = wait_for(base, server)
            told_ = asyncio.run(read(base, given.readers, given.think, given.seconds, given.options))
            cpu = sum(
                map(int, Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
            ) / os.sysconf("SC_CLK_TCK")
            memory = memory_mb(server.pid)
        finally:
            server.terminate()
            server.wait(30)
        size = sum(f.stat().st_size for f in house.rglob("*") if f.is_file()) / 1e6
    print(json.dumps({
        "opened_after_s": round(opened, 1), "readers": given.readers, "think_s": given.think, "seconds": given.seconds,
        **told_, **memory, "server_cpu_s": round(cpu, 1), "house_mb": round(size), "cores": os.cpu_count(),
        "load_before": before, "load_after": os.getloadavg(),
    }, indent=2))  # fmt: skip


if __name__ == "__main__":
    main()
