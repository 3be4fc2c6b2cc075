"""Files that survive a crash: written, forced to the disk, hashed, and counted as there only when all is."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mspike.store.faults import StoreFull

if sys.platform != "win32":
    import fcntl

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_TOLD = "os error 28"  # polars tells a full disk in words


def sync_file(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def sync_folder(folder: Path) -> None:
    """Forces the names in a folder to the disk; Windows does so by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            sync_file(path)
    sync_folder(folder)


def sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def hashes(folder: Path, but: str = "") -> dict[str, str]:
    """SHA-256 of every file below the folder, by its path inside."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: sha256(path) for name, path in named.items() if name != but}


def copied(source: Path, target: Path, *, link: bool) -> None:
    """Puts a file at a second place: as a second name of the same file where `link` and the disk allow."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if link:
        try:
            os.link(source, target)
            return
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise
    shutil.copyfile(source, target)


@contextmanager
def naming_full_disk(where: Path, kept: str) -> Iterator[None]:
    """Turns a full disk into StoreFull. kept: what stays in force, a sentence."""
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in _NO_ROOM
        if not full and _TOLD not in str(error):
            raise
        raise StoreFull(f"{where}: the disk is full. {kept} Free room, then try again.") from None


@contextmanager
def door(folder: Path, *, alone: bool) -> Iterator[bool]:
    """Holds the folder's door: many may be inside together, or one alone. Yields whether it could be had.

    alone  do not wait: yields False where anybody is inside. Windows has no such door: never alone there.
    """
    if sys.platform == "win32":
        yield not alone
        return
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".door", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
            held = True
        except BlockingIOError:
            held = False
        yield held
    finally:
        os.close(descriptor)
