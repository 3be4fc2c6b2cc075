"""Random streams: one for each named quantity of each patient, so that no draw depends on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numpy.random.bit_generator import ISeedSequence

Choice = TypeVar("Choice")


class _Hashed(ISeedSequence):
    """Seeds a generator with the hash of a text; a tenth of the cost of numpy's own seeding."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def generate_state(self, n_words: int, dtype: npt.DTypeLike = np.uint32) -> npt.NDArray:
        kind = np.dtype(dtype).newbyteorder("<")
        return np.frombuffer(blake2b(self._key, digest_size=n_words * kind.itemsize).digest(), kind).astype(dtype)


@dataclass(frozen=True)
class Draws:
    """The randomness of one patient. Adding a quantity or a patient leaves every other draw as it was.

    A single number is the hash of seed, patient and name itself: a generator for each would take most of the time.
    """

    seed: int
    patient: int

    def _key(self, name: str) -> bytes:
        return f"{self.seed}/{self.patient}/{name}".encode()

    def stream(self, name: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(_Hashed(self._key(name))))  # type: ignore[arg-type]

    def share(self, name: str) -> float:
        """From 0 to below 1."""
        drawn = int.from_bytes(blake2b(self._key(name), digest_size=8).digest())
        return (drawn >> 11) / 2**53

    def uniform(self, name: str, low: float, high: float) -> float:
        return low + (high - low) * self.share(name)

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int((high - low + 1) * self.share(name))

    def happens(self, name: str, probability: float) -> bool:
        return self.share(name) < probability

    def one_of(self, name: str, choices: Sequence[Choice], weights: Sequence[float] | None = None) -> Choice:
        """One of the choices; weights need not sum to one."""
        upto = list(accumulate(weights or [1.0] * len(choices)))
        drawn = self.share(name) * upto[-1]
        return next(choice for choice, limit in zip(choices, upto, strict=True) if drawn < limit)
