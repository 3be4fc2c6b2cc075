"""Names that may stand in an address: a token for each patient, a key for what a registry was served from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from mspike import __version__
from mspike.asking import Question
from mspike.errors import UnreadableInput
from mspike.knowledge.criteria import knowledge_hash
from mspike.read.folder import file_hash

FORM = 1  # of what is kept; another form is another key, and an old file is never misread
KEY_BYTES = 32
TOKEN_BYTES = 16


def house_key(house: Path) -> bytes:
    """The secret of this house, made on the first call. Whoever holds it can tell a patient from a token.

    Raises UnreadableInput where the file is not what this function wrote.
    """
    file = house / "house.key"
    house.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        aside = house / f".house.key.{secrets.token_hex(4)}"
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(secrets.token_bytes(KEY_BYTES))
        try:
            os.link(aside, file)  # fails where another process was first: then its key counts
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    key = file.read_bytes()
    if len(key) != KEY_BYTES:
        raise UnreadableInput(
            f"{file}: {len(key)} bytes; expected {KEY_BYTES}. Delete it: a new one is made, and old links end."
        )
    return key


def version_key(asked: Question) -> str:
    """What a served registry was made from: its files, the rules, settings and numbers, and the day asked."""
    told = [f"{raw.path.name}={file_hash(raw.path)}" for raw in asked.source.tables.values()]
    told += [asked.rules.edition, asked.settings.hash, knowledge_hash(), __version__, str(asked.on), str(FORM)]
    return hashlib.sha256("\n".join(sorted(told[:-6]) + told[-6:]).encode()).hexdigest()[:32]


def token_of(key: bytes, version: str, patient: str) -> str:
    """The name of a patient in addresses: 128 bits that say nothing to whoever lacks the key of the house."""
    digest = hmac.new(key, f"{version}\0{patient}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:TOKEN_BYTES]).decode().rstrip("=")
