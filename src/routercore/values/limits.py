"""What a caller has left of its limits: the numbers behind the ``x-ratelimit-*`` headers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One limit, as it stands right after the request that asked."""

    limit: int
    """How many are allowed in one window."""
    remaining: int
    """How many more would be admitted now."""
    reset: float
    """Seconds until all of ``limit`` are there again, if nothing else is admitted meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """All of a caller's limits; ``None`` where there is none."""

    requests: Allowance | None = None
    images: Allowance | None = None


UNLIMITED = Admission()
