"""A registry of invented patients that is open for its pages, once for all tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mspike.demo.registry import write_demo_registry
from mspike.serve.app import app_of
from mspike.serve.hall import Hall, open_hall

Ask = Callable[..., httpx.Response]
PATIENTS = 12


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SYNTHETIC patients."""
    folder = tmp_path_factory.mktemp("registry") / "demo"
    write_demo_registry(folder, PATIENTS, seed=3)
    return folder


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("house")


@pytest.fixture(scope="session")
def hall(registry: Path, house: Path) -> Iterator[Hall]:
    opened = open_hall(registry, house)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def ask(hall: Hall) -> Ask:
    """Asks the application as a browser on this machine does."""
    app = app_of(hall)

    def asked(url: str, method: str = "GET", **given: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                return await client.request(method, url, **given)

        return asyncio.run(once())

    return asked
