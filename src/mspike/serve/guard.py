"""What every answer is wrapped in: secure headers, and a refusal of whatever did not come from a page of our own."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
BODY_MOST = 16_384  # bytes of a form; files come another way
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}
RAW = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


log = logging.getLogger("mspike.serve")


class Guard:
    """Stands before the application.

    Without accounts the address is the only lock, so a name that merely resolves to this machine is refused (a page of
    somebody else could otherwise read patients through the browser), and so is a form that another page sends.
    """

    def __init__(self, app: App, hosts: tuple[str, ...] = LOOPBACK) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun: list[bool] = []

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                begun.append(True)
                given = {name.lower() for name, _ in message.get("headers", [])}
                message["headers"] = [*message.get("headers", []), *((n, v) for n, v in RAW if n not in given)]
            await send(message)

        refused = self._refused(scope)
        if refused is None:
            try:
                await self._app(scope, receive, guarded)
                return
            except Exception as problem:
                _note(problem)
                if begun:
                    raise ConnectionError("an answer broke off") from None
                refused = 500, "Something failed inside mspike. The log of the server names the place."
        status, words = refused
        head = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        await guarded({"type": "http.response.start", "status": status, "headers": head})
        await guarded({"type": "http.response.body", "body": words.encode()})

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        heads = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = heads.get(b"host", "")
        if _name(host) not in self._hosts:
            return 400, "This server answers to 127.0.0.1 and localhost only."
        if scope["method"] in ("GET", "HEAD"):
            return None
        origin = heads.get(b"origin")
        foreign = heads.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if foreign or (origin is not None and urlsplit(origin).netloc != host):
            return 403, "This form was not sent by a page of this server."
        length = heads.get(b"content-length", "")
        if not length.isdecimal():
            return 411, "The length of what was sent is not told."
        if int(length) > BODY_MOST:
            return 413, f"More was sent than a form holds; expected at most {BODY_MOST:,} bytes."
        return None


def _note(problem: Exception) -> None:
    """Logs what failed and where. Not its words: they may hold a value of a patient."""
    places = traceback.extract_tb(problem.__traceback__)[-3:]
    log.error(
        "%s at %s", type(problem).__name__, " < ".join(f"{Path(p.filename).name}:{p.lineno}" for p in places[::-1])
    )


def _name(host: str) -> str:
    """The host without its port; an address of version 6 without its brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
