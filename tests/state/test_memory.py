"""Limits and cache in memory keep their contracts."""

from __future__ import annotations

from routercore.engine.clock import Clock
from routercore.engine.setup import CacheSetup
from routercore.state.memory import MemoryCache, MemoryCallerLimits, MemoryUpstreamLimits
from routercore.testing.clock import ManualClock
from routercore.testing.contracts import (
    CallerLimitsContract,
    ResultCacheContract,
    UpstreamLimitsContract,
)


class TestMemoryCallerLimits(CallerLimitsContract):
    def make(self, clock: ManualClock) -> MemoryCallerLimits:
        return MemoryCallerLimits(clock)


class TestMemoryUpstreamLimits(UpstreamLimitsContract):
    def make(self, clock: Clock) -> MemoryUpstreamLimits:
        return MemoryUpstreamLimits(clock)


class TestMemoryCache(ResultCacheContract):
    def make(self, setup: CacheSetup, clock: ManualClock) -> MemoryCache:
        return MemoryCache(setup, clock)
