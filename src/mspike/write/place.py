"""Puts finished files in place: written aside, moved in at the end. A killed run leaves the folder as it was."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from mspike.errors import WrongUsage

MADE, OLD = "made", "old"


def refuse_out(given: Path, out: Path) -> None:
    """Raises WrongUsage where --out is the input itself, or a file."""
    if given.resolve() == out.resolve():
        raise WrongUsage(f"--out {out} is the registry itself. Choose another folder, so that no input is overwritten.")
    if out.exists() and not out.is_dir():
        raise WrongUsage(f"--out {out} is a file. Name a folder.")


@contextmanager
def room_beside(out: Path) -> Iterator[Path]:
    """A room on the disk of `out` that is gone afterwards, with an empty folder `made` in it for the files to come."""
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(out)
    room = Path(tempfile.mkdtemp(prefix=f"{_ours(out)}{os.getpid()}-", dir=out.parent))
    try:
        (room / MADE).mkdir()
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def put_in_place(room: Path, out: Path, replaceable: Collection[str], last: str, begun: str | None = None) -> None:
    """Moves what was made into `out`. Raises WrongUsage where a file of somebody else has the name of one of ours.

    replaceable  files of an earlier run, relative to `out`: replaced, or removed where not made again
    last         the file that vouches for the whole: it goes first and comes last
    begun        what stands in it meanwhile; None: nothing

    A folder that holds nothing else changes in one step for the file system. Files of others are never touched.
    """
    out, made = out.resolve(), room / MADE
    new = _files(made)
    if not out.exists():
        os.replace(made, out)
        return
    foreign = _files(out) - set(replaceable)
    _refuse_foreign(out, foreign & new)
    if not foreign and not _empty_folders(out):
        os.replace(out, room / OLD)
        os.replace(made, out)
        return
    _vouch_for_nothing(room, out / last, begun)
    for name in sorted(new - {last}):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(made / name, out / name)
    for name in sorted(set(replaceable) - new):
        (out / name).unlink(missing_ok=True)
    os.replace(made / last, out / last)


def _ours(out: Path) -> str:
    return f".mspike-{out.name}-"


def _remove_leftovers(out: Path) -> None:
    """A killed run leaves its room beside the output; it may hold patients, so the next run clears it away.

    Was it killed between two renames, then the results of the run before are in there: they go back first.
    """
    for room in out.parent.glob(f"{escape(_ours(out))}*"):
        pid = room.name.removeprefix(_ours(out)).split("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            if (room / OLD).exists() and not out.exists():
                os.replace(room / OLD, out)
            shutil.rmtree(room, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _files(folder: Path) -> set[str]:
    """Everything in the folder that is no folder, by its path inside. A link counts as itself, wherever it leads."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}


def _empty_folders(folder: Path) -> list[Path]:
    """Nothing of ours: somebody made them for something."""
    return [path for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())]


def _refuse_foreign(out: Path, names: set[str]) -> None:
    if names:
        found = ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise WrongUsage(
            f"--out {out} holds {found}, which no earlier run of this command is known to have written. "
            "Nothing was overwritten: choose another folder, or move these files away."
        )


def _vouch_for_nothing(room: Path, last: Path, begun: str | None) -> None:
    if begun is None:
        last.unlink(missing_ok=True)
        return
    (room / "begun").write_text(begun, encoding="utf-8")
    os.replace(room / "begun", last)
