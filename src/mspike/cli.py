"""The console script: gathers the verbs, and turns what a user can mend into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from mspike import INTENDED_USE, __version__
from mspike.errors import MspikeError, UnreadableInput, WrongUsage
from mspike.verbs import GROUPS, VERBS

INTERRUPTED = 130
# typer keeps its parser where it likes; this is the error of any argument that cannot be parsed.
_Misused: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for _name, _verb in VERBS.items():
    app.command(_name)(_verb)
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)

ABOUT = f"""What happens when CAR T-cell therapy fails in multiple myeloma.

{INTENDED_USE}

\b
Example:
  mspike demo-registry demo
  mspike assess demo --out results
"""


@app.callback(invoke_without_command=True, help=ABOUT)
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print(f"mspike {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def _answer(arguments: list[str] | None) -> int:
    """Runs a command and turns whatever the user can mend into one sentence on stderr and an exit code."""
    try:
        return int(app(arguments, standalone_mode=False, prog_name="mspike") or 0)
    except MspikeError as problem:
        return _say(str(problem), problem.exit_code)
    except _Misused as problem:
        command = problem.ctx.command_path if getattr(problem, "ctx", None) else "mspike"
        return _say(f"{problem.format_message()} See `{command} --help`.", WrongUsage.exit_code)
    except BrokenPipeError:  # `mspike columns | head` is no failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that closing it at the end does not fail either
        return 0
    except OSError as problem:
        place = f"{problem.filename}: " if problem.filename else ""
        found = problem.strerror or problem
        return _say(f"{place}{found}. Check the path and whether you may write there.", UnreadableInput.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted.", INTERRUPTED)


def _say(message: str, code: int) -> int:
    print(f"mspike: {message}", file=sys.stderr)
    return code


def main(arguments: list[str] | None = None) -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a mark prints ? rather than failing
            stream.reconfigure(errors="replace")
    sys.exit(_answer(arguments))
