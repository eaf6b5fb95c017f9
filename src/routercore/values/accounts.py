"""What the ledger tells: requests as they were asked, and sums of what was used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from routercore.values.ledger import EMPTY, Attempt, Balance, counted


class Prompts(StrEnum):
    """How much of a prompt is kept."""

    FULL = "full"
    HASH = "hash"
    """Its SHA-256: enough to find equal ones, and no more."""
    NONE = "none"

    def kept(self, prompt: str) -> str | None:
        """What is written down of a prompt."""
        match self:
            case Prompts.FULL:
                return prompt
            case Prompts.HASH:
                digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
                return f"sha256:{digest}"
            case Prompts.NONE:
                return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came in."""

    request: str
    caller: str
    model: str
    operation: str
    n: int
    at: datetime
    size: str | None = None
    quality: str | None = None
    prompt: str | None = field(default=None, repr=False)
    """As much of it as is kept."""
    user: str | None = field(default=None, repr=False)
    """The caller's own user, as the request names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a request came out."""

    request: str
    at: datetime
    status: str
    """``completed``, ``failed``, ``cancelled``, or :data:`LOST`."""
    code: str | None = None
    """Why, where it failed."""
    target: str | None = None
    images: int = 0
    seconds: float | None = None
    cache: str | None = None


LOST = "lost"
"""How a request ended whose process ended before it: what was posted for it is paid and lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One request of the log: what was asked, how it ended, and every attempt with its money."""

    asked: Asked
    ended: Ended | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def balance(self) -> Balance:
        """What its attempts count for."""
        balance = EMPTY
        for attempt in self.attempts:
            balance = balance.plus(counted(attempt.last))
        return balance


class By(StrEnum):
    """What usage is told by."""

    KEY = "key"
    PROVIDER = "provider"
    MODEL = "model"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One line of usage."""

    name: str
    balance: Balance
    attempts: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that the self-audit found: what should be, and what is."""

    what: str
    expected: str
    actual: str
