"""mspike: what happens when CAR T-cell therapy fails in multiple myeloma."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

# Buckets reuse the same amounts of memory over and over: let polars' allocator keep freed pages for three seconds
# instead of handing them back each time (a fifth of the time of a large run). Has no effect once polars is imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:3000,muzzy_decay_ms:3000")

if TYPE_CHECKING:
    from pathlib import Path

    from mspike.registry import Registry
    from mspike.registry import read as read
    from mspike.run import assess_registry as assess

__version__ = "0.1.0"
__all__ = ["INTENDED_USE", "__version__", "assess", "read"]

INTENDED_USE = (
    "mspike is research and educational software that helps people prepare a discussion; "
    "it is no medical device, gives no dose, and is never the only basis of a decision."
)


def __getattr__(name: str) -> Any:
    # `mspike --help` must answer at once: polars is imported only when somebody assesses.
    if name == "assess":
        from mspike.run import assess_registry

        return assess_registry
    raise AttributeError(f"module 'mspike' has no attribute {name!r}")


class _Readers(ModuleType):
    """The room `mspike.read`, which can also be called: `mspike.read("registry")` opens a registry."""

    def __call__(self, registry: str | Path) -> Registry:
        from mspike.registry import read

        return read(registry)


# A function `read` would be hidden by the room of that name as soon as anything of it is imported.
import_module("mspike.read")
sys.modules["mspike.read"].__class__ = _Readers
