"""What a test may need that a plain machine lacks: it skips and says so, but fails where MSPIKE_REQUIRE=all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[1]


def needs(command_or_path: str, why: str) -> str:
    """The full path of a command, or of a file beside the checkout; skips the test where there is none.

    command_or_path  "Rscript", or a path (with a slash) relative to the checkout
    why              what the test does with it, for the message
    """
    found = str(ROOT / command_or_path) if "/" in command_or_path else shutil.which(command_or_path)
    if found and Path(found).exists():
        return found
    lacking(f"{command_or_path} is not here; it is needed to {why}")


def lacking(message: str) -> NoReturn:
    """Skips the test with the message; fails it where nothing may be lacking."""
    if os.environ.get("MSPIKE_REQUIRE") == "all":
        pytest.fail(f"{message}. MSPIKE_REQUIRE=all allows no skip: install it.", pytrace=False)
    pytest.skip(message)


def shared(inside: str = "") -> Path:
    """A file or folder of the material beside the checkout; skips the test where it is absent, whatever is required.

    The material is no part of the repository, so that a clone alone can never be blamed for lacking it.
    """
    path = ROOT.parent / "shared" / inside
    if not path.exists():
        pytest.skip(f"../shared/{inside} is not beside this checkout")
    return path


@pytest.fixture(name="needs", scope="session")
def _needs():
    """`needs` for tests that take it as a fixture."""
    return needs


@pytest.fixture(name="lacking", scope="session")
def _lacking():
    """`lacking` for tests that take it as a fixture."""
    return lacking


@pytest.fixture(name="shared", scope="session")
def _shared():
    """`shared` for tests that take it as a fixture."""
    return shared
