"""Chance without randomness: numbers that follow from a text, the same for ever and everywhere."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
WORD = 2**32


class Chance:
    """A stream of numbers out of SHA-256; unlike ``random.Random`` no Python version changes it."""

    def __init__(self, *seed: object) -> None:
        self._words = _words("|".join(str(part) for part in seed).encode("utf-8", "replace"))

    def random(self) -> float:
        """A number from 0 up to 1."""
        return next(self._words) / WORD

    def uniform(self, low: float, high: float) -> float:
        """A number between two."""
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number between two, both included."""
        return low + int(self.random() * (high - low + 1))

    def normal(self, middle: float, spread: float) -> float:
        """A number around a middle, as Box and Muller draw it."""
        length = math.sqrt(-2 * math.log(1 - self.random()))
        return middle + spread * length * math.cos(math.tau * self.random())

    def choice(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.random() * len(items))]


def _words(seed: bytes) -> Iterator[int]:
    block = hashlib.sha256(seed).digest()
    while True:
        yield from (int.from_bytes(block[at : at + 4], "big") for at in range(0, 32, 4))
        block = hashlib.sha256(block + seed).digest()
