"""Passwords: hashed by argon2id, checked at the same cost whether or not there is such a person."""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from mspike.errors import WrongUsage

LEAST, MOST = 12, 1_000  # characters; NIST SP 800-63B-4, 3.1.1.2 asks for length, and for no mixture of kinds

# RFC 9106, section 4, second recommended option: 64 MiB, 3 passes, 4 lanes.
HASHER = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4, hash_len=32, salt_len=16, type=Type.ID)


def hashed(password: str, name: str) -> str:
    """The argon2id hash. Raises WrongUsage where the password is too short, too long, or the name itself."""
    password = _plain(password)
    if not LEAST <= len(password) <= MOST:
        raise WrongUsage(f"password: expected {LEAST} to {MOST:,} characters. A few words in a row will do.")
    if password.casefold() == name.casefold():
        raise WrongUsage("password: it is the name itself. Choose another.")
    return HASHER.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Is it the password behind this hash? None: nobody's hash, which costs as much and never fits."""
    password = _plain(password)[: MOST + 1]
    try:
        return HASHER.verify(kept or _nobodys(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Was it hashed with other parameters than today's?"""
    return HASHER.check_needs_rehash(kept)


def _plain(password: str) -> str:
    """One letter typed on two keyboards is one letter."""
    return unicodedata.normalize("NFKC", password)


@cache
def _nobodys() -> str:
    return HASHER.hash("of nobody")
