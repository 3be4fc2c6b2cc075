"""The house key: a secret kept beside the database, never in it. It signs the log's head and hides names in it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from mspike.errors import UnreadableInput
from mspike.store.disk import sync_folder

FILE = "house.key"
BYTES = 32


class HouseKey:
    """Marks made with one purpose tell nothing of marks made with another."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def of(cls, folder: Path) -> HouseKey:
        """The key of this data folder; a new one where there is none. Raises UnreadableInput where it is damaged."""
        file = folder / FILE
        if not file.exists():
            _make(file)
        text = file.read_text(encoding="ascii", errors="replace").strip()
        try:
            secret = bytes.fromhex(text)
        except ValueError:
            secret = b""
        if len(secret) != BYTES:
            raise UnreadableInput(
                f"{file}: {2 * BYTES} hexadecimal digits were expected. Put the key of this house back from a backup; "
                "without it the audit log cannot be checked."
            )
        return cls(secret)

    def mark(self, purpose: str, *parts: str) -> str:
        """HMAC-SHA-256 of the parts, 64 hexadecimal digits. Without the key nobody can tell or try what they were."""
        key = hmac.digest(self._secret, purpose.encode(), hashlib.sha256)
        message = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
        return hmac.new(key, message, hashlib.sha256).hexdigest()

    def patient(self, registry: str, patient: str) -> str:
        """How the audit log names a patient: differently in each registry."""
        return self.mark("patient", registry, patient.strip())


def _make(file: Path) -> None:
    """Written aside and linked, so that of two processes that start at once one makes the key and both read it."""
    aside = file.with_name(f".{FILE}-{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_hex(BYTES) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        with suppress(FileExistsError):
            os.link(aside, file)
    finally:
        aside.unlink()
    sync_folder(file.parent)
