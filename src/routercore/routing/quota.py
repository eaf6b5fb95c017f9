"""How many retries a provider is sent: so few that its outage is not made worse by them.

A request's first call to a provider is free and earns a share of a retry; every further call of
the same request to it is a retry and costs one. Another provider's first call is none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRules:
    """In any minute a provider gets at most 1.2 calls for each request, and five."""

    share: float = 0.2
    """Of a retry, that each request earns."""
    burst: float = 4.0
    """Retries that may be saved up."""
    refill: float = 60.0
    """Seconds in which one is earned by nothing, for those who ask seldom."""


STANDARD = QuotaRules()


@dataclass(slots=True, kw_only=True)
class RetryQuota:
    """One provider's, shared by all requests of a router."""

    rules: QuotaRules = STANDARD
    saved: float = STANDARD.burst
    at: float = 0.0
    """When that was counted."""

    def asked(self, now: float) -> None:
        """A request calls the provider for the first time."""
        self._count(now, self.rules.share)

    def allows(self, now: float) -> bool:
        """Whether a request may call it once more."""
        self._count(now, 0.0)
        return self.saved >= 1.0

    def retried(self, now: float) -> None:
        """A request calls it once more."""
        self._count(now, 0.0)
        self.saved -= 1.0

    def _count(self, now: float, earned: float) -> None:
        idle = max(0.0, now - self.at) / self.rules.refill
        self.saved = min(self.saved + idle + earned, self.rules.burst)
        self.at = max(self.at, now)
