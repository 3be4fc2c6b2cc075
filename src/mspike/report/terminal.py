"""How mspike prints: tables of at most 100 columns, the marks of the categories, JSON, and progress on stderr."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 100
PATIENCE_SECONDS = 2.0  # shorter work shows no progress bar
MARKS = {"sCR": "★", "CR": "●", "VGPR": "◆", "PR": "■", "MR": "▲", "SD": "▬", "PD": "✖", "NE": "○"}

Progress = Callable[[int, int], None]


def console(*, stderr: bool = False) -> Console:
    """The terminal, at most 100 columns wide; colour only where a person looks at it. Text is never markup."""
    plain = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    plain.width = min(plain.width, WIDTH) if plain.is_terminal else WIDTH
    return plain


def say(*lines: str) -> None:
    """Prints lines, wrapped at 100 columns; the indent of a line is kept for what follows of it."""
    for line in lines:
        print(wrapped(line))


def wrapped(line: str, *, hang: int = 0) -> str:
    """One line of text, wrapped; further lines are indented as the first and by `hang` more."""
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.fill(
        line.strip(), WIDTH, initial_indent=indent, subsequent_indent=indent + " " * hang,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def say_table(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = (), whole: Sequence[str] = ()
) -> None:
    """Prints a table as a statistician would: a rule under the head, nothing else drawn.

    right  columns of figures, set to the right
    whole  columns that are never broken over lines
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in header:
        side = "right" if name in right else "left"
        table.add_column(name, justify=side, overflow="fold", no_wrap=name in whole or name in right)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    terminal = console()
    with terminal.capture() as printed:
        terminal.print(table)
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))


def say_json(told: Any) -> None:
    print(json.dumps(told, indent=2, ensure_ascii=False, default=str))


def counted(number: int, one: str, many: str = "") -> str:
    """1 patient, 2 patients."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def day_told(day: Any, unknown: str = "not known") -> str:
    """A date as it stands; a day counted from the infusion as such; a word where there is none."""
    if day is None:
        return unknown
    return f"day {day}" if isinstance(day, int) else str(day)


def say_set_aside(findings: Sequence[dict[str, Any]]) -> None:
    """Which rows a page does not rest on, or rests on with doubt. Says nothing where there are none."""
    for finding in findings:
        verb = "was set aside" if finding["severity"] == "error" else "needs a look"
        place = f"{finding['table']} row {finding['row']}" if finding["row"] is not None else finding["table"]
        told = f"{place}, {finding['column']}: found {finding['found']}; expected {finding['expected']}"
        say(f"Look at the data: a row {verb}: {told}.")


def marked(category: str | None) -> str:
    """A category behind its mark, so that colour is never alone."""
    return f"{MARKS[category]} {category}" if category in MARKS else category or ""


@contextmanager
def progress(what: str) -> Iterator[Progress | None]:
    """A bar on stderr with rate and remaining time, for people only and only where the work takes long."""
    with steps(what) as (tell,):
        yield tell


@contextmanager
def steps(*names: str) -> Iterator[tuple[Progress | None, ...]]:
    """A bar a step, one below the other, each from the moment it is first told of. See `progress`."""
    if not sys.stderr.isatty():
        yield (None,) * len(names)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    bar = Bar(*columns, TimeRemainingColumn(), console=console(stderr=True), transient=True)
    start = time.monotonic()
    try:
        yield tuple(_told_by(bar, name, start) for name in names)
    finally:
        bar.stop()


def _told_by(bar: Any, name: str, start: float) -> Progress:
    task = bar.add_task(name, total=None, rate="", visible=False, start=False)
    begun: list[float] = []

    def tell(done: int, total: int) -> None:
        now = time.monotonic()
        if not begun:
            begun.append(now if done == 0 else start)
            bar.start_task(task)
        if now - start < PATIENCE_SECONDS:
            return
        bar.start()
        passed = now - begun[0]
        rate = f"{done / passed:.1f}/s" if passed and done else ""
        bar.update(task, completed=done, total=total, rate=rate, visible=True)

    return tell
