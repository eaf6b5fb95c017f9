"""Where in its plan a request may go next: what can end in time, and what its retries allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from routercore.engine.clock import Clock
from routercore.engine.progress import price_of
from routercore.engine.upstreams import Upstream
from routercore.routing.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One request's way through its plan."""

    plan: Plan
    upstreams: Mapping[str, Upstream]
    clock: Clock
    began: float
    deadline: float
    asked: set[str] = field(default_factory=set)
    """Providers that were called already."""

    def ahead(self, index: int) -> list[int]:
        """The places of the next candidates that can end in the time that is left.

        Where not even the whole time is as long as it usually takes, nobody can tell.
        """
        whole, left = self.deadline - self.began, self.deadline - self.clock.monotonic()
        return [
            place
            for place, candidate in enumerate(self.plan.candidates)
            if place > index
            and not left < candidate.expected_latency <= whole
            and self._may_ask(candidate.target.provider)
        ]

    def hedge(self, index: int, max_extra: Decimal) -> int | None:
        """The place of a second copy: at another provider that is not resting, affordable, and
        makes no less of the background."""
        ahead = self.ahead(index)
        if not ahead:
            return None
        place = ahead[0]
        candidate = self.plan.candidates[place]
        price = price_of(candidate, self.plan.request.n)
        is_other = candidate.target.provider not in self.asked
        is_affordable = price is not None and price <= max_extra
        is_as_good = candidate.is_transparent or not self.plan.candidates[index].is_transparent
        is_fit = is_affordable and is_other and is_as_good
        return place if is_fit and not candidate.health.closed_for else None

    def _may_ask(self, provider: str) -> bool:
        """Whether asking a provider is no retry, or one that its quota allows."""
        quota = self.upstreams[provider].retries
        return provider not in self.asked or quota.allows(self.clock.monotonic())

    def ask(self, provider: str) -> None:
        """A provider is called; the first time earns a share of a retry."""
        if provider not in self.asked:
            self.asked.add(provider)
            self.upstreams[provider].retries.asked(self.clock.monotonic())

    def pay(self, index: int) -> None:
        """Have a provider's quota pay for what is a retry there."""
        provider = self.plan.candidates[index].target.provider
        if provider in self.asked:
            self.upstreams[provider].retries.retried(self.clock.monotonic())
