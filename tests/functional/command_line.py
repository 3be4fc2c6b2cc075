"""Calls the command line as a user does, in a process of its own or, where that suffices, in this one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from mspike.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def called(capsys: pytest.CaptureFixture[str], *arguments: Any) -> Done:
    """The command in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return Done(int(left.value.code or 0), printed.out, printed.err)


def started(*arguments: Any) -> Done:
    """The command in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "mspike", *map(str, arguments)], capture_output=True, text=True)
    return Done(done.returncode, done.stdout, done.stderr)
