"""A process that writes to a store and is killed at a named moment, as by a power cut. Not a test: tests start it.

    python writing_and_killed.py MOMENT REGISTRY UPLOAD STORE [FOLDER]

Whatever it prints was acknowledged.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import event

from mspike.record.findings import Findings
from mspike.store import Store, registries, version_files


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(moment: str, registry: str, upload: str, *place: str) -> None:
    store = Store.open(*place)
    held = store.registries.of(registry)
    if moment == "any":
        while True:
            print(store.notes.add(registry, "SYNTHETIC-1", "note", "SYNTHETIC text", by="ann").id, flush=True)
    arm(moment, store)
    if "note" in moment:
        print(store.notes.add(registry, "SYNTHETIC-1", "note", "SYNTHETIC text", by="ann").id, flush=True)
    else:
        version = store.registries.add_version(
            registry, Path(upload), Findings().frame(), based_on=held.current, by="ann"
        )
        print(version.id, flush=True)


def arm(moment: str, store: Store) -> None:
    if moment == "while files are written":
        version_files.sync_tree = die
    elif moment == "before the folder is moved":
        registries.os.rename = die
    elif "before the commit" in moment:
        event.listen(store.database.engine, "commit", die)
    else:
        commit = store.database.engine.dialect.do_commit
        store.database.engine.dialect.do_commit = lambda connection: (commit(connection), die())  # type: ignore[method-assign]


if __name__ == "__main__":
    main(*sys.argv[1:])
