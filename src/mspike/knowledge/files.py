"""Reads the YAML files under knowledge/, quickly: some hold hundreds of entries, and every command waits for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

# The parser in C where PyYAML was built with it; it reads the same and is ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """What the file holds. A key `on` or `yes` would be read as a truth value: such keys are not used."""
    return yaml.load(path.read_bytes(), Loader=_LOADER)
