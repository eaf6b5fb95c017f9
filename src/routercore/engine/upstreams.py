"""A configured provider at work: its attempts, its keys, its pace and its retries."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from routercore.engine.attempt import Attempter
from routercore.engine.health import Vitals
from routercore.engine.keys import KeyPool
from routercore.engine.setup import ProviderSetup
from routercore.routing.quota import RetryQuota


class UpstreamLimits(Protocol):
    """Paces the calls with one upstream key."""

    def slot(
        self, setup: ProviderSetup, key: int, images: int, deadline: float
    ) -> AbstractAsyncContextManager[object]:
        """Hold room for one call of so many images.

        Raises:
            ProviderFailed: ``limited``, if there is no room before ``deadline``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One configured provider at work."""

    attempter: Attempter
    keys: KeyPool
    retries: RetryQuota = field(default_factory=RetryQuota)

    @property
    def setup(self) -> ProviderSetup:
        return self.attempter.setup

    def keys_for(self, vitals: Vitals) -> KeyPool:
        """What rests when a target turns calls away: the provider's keys, for all its targets;
        of made-up failures, nothing but the target."""
        return vitals.keys if self.setup.is_rehearsal else self.keys
