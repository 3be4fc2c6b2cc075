"""mspike: what happens when CAR T-cell therapy fails in multiple myeloma."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Buckets reuse the same amounts of memory over and over: let polars' allocator keep freed pages for three seconds
# instead of handing them back each time (a fifth of the time of a large run). Has no effect once polars is imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:3000,muzzy_decay_ms:3000")

if TYPE_CHECKING:
    from mspike.run import assess_registry as assess

__version__ = "0.1.0"
__all__ = ["INTENDED_USE", "__version__", "assess"]

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
