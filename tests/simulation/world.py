"""A world out of a seed: providers that come and go, callers that come and hang up, and money."""

from __future__ import annotations

import asyncio
import bisect
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from routercore import Router
from routercore.config import load
from routercore.provider import hookimpl
from routercore.testing.leaping import LoopClock, run_leaping
from routercore.testing.providers import ScriptedProvider
from routercore.testing.rehearsal import Act
from routercore.testing.rehearsal.run import Inline, staged
from routercore.testing.rehearsal.stage import Stage
from routercore.values.accounts import Logged
from routercore.values.catalogue import ModelCard
from routercore.values.errors import RouterError
from routercore.values.events import AttemptRecord
from routercore.values.ledger import ROUTER, Account, Balance, Kind, Period, Scope, micros
from routercore.values.money import usd

HOUR = 3600.0
START = datetime(2026, 1, 1, tzinfo=UTC)
STRATEGIES = ("fallback", "cost", "round_robin", "weighted", "latency")
MOODS = (*[Act.WORKS] * 8, *Act)
"""What a provider may be in, mostly well."""


@dataclass(slots=True)
class Seen:
    """What came of one world."""

    requests: int = 0
    delivered: int = 0
    hung_up: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    overdue: list[float] = field(default_factory=list)
    """Seconds of requests that took longer than their deadline."""
    attempts: list[tuple[AttemptRecord, ...]] = field(default_factory=list)
    over_budget: list[tuple[Account, Balance]] = field(default_factory=list)
    mismatches: int = 0
    left_held: int = 0
    log: list[Logged] = field(default_factory=list)
    invoice: dict[str, int] = field(default_factory=dict)


class World:
    """Everything that happens in so many hours of a seed.

    Nothing but the seed decides: the same one gives the same hours.
    """

    def __init__(self, seed: int, *, hours: float, every: float) -> None:
        self.random = random.Random(seed)
        self.hours, self.every = hours, every
        self.names = [f"p{i}" for i in range(self.random.randint(1, 4))]
        self.prices = {n: self.random.choice(("0.003", "0.04", "0.25")) for n in self.names}
        self.moods = {name: self._moods() for name in self.names}
        self.config = self._config()
        self.seen = Seen()

    def play(self) -> Seen:
        """Let the hours pass."""
        run_leaping(self._hours())
        return self.seen

    def _moods(self) -> tuple[list[float], list[Act]]:
        """When a provider changes, and to what."""
        at, times, acts = 0.0, [0.0], [Act.WORKS]
        while at < self.hours * HOUR:
            at += self.random.expovariate(1 / (HOUR / 3))
            times.append(at)
            acts.append(self.random.choice(MOODS))
        return times, acts

    def act(self, place: str, now: float) -> Act:
        times, acts = self.moods[place]
        return acts[bisect.bisect_right(times, now) - 1]

    def _config(self) -> dict[str, Any]:
        chance = self.random
        return {
            "router": {
                "deadline": chance.choice(("60s", "180s", "600s")),
                "attempt_timeout": chance.choice(("40s", "120s")),
                "max_attempts": chance.randint(1, 5),
                "budget": {"usd": chance.choice((20, 2000)), "per": "day"},
            },
            "providers": {
                name: {
                    "api_keys": [f"key-{name}-{i}-0123456789" for i in range(chance.randint(1, 2))],
                    "limits": {"concurrency": chance.choice((1, 4, 64))},
                    "budget": {"usd": chance.choice((10, 1000)), "per": "day"},
                }
                for name in self.names
            },
            "models": {
                "poster": {
                    "strategy": chance.choice(STRATEGIES),
                    "targets": [f"{name}:poster" for name in self.names],
                    "on_refusal": chance.choice(("stop", "fallback")),
                    "on_unknown": chance.choice(("failover", "fail")),
                }
            },
        }

    def providers(self) -> list[ScriptedProvider]:
        """Each with a price and a rhythm of its own."""
        return [ScriptedProvider(name=name, cards=(self._card(name),)) for name in self.names]

    def _card(self, name: str) -> ModelCard:
        return ModelCard(
            id="poster",
            max_n=self.random.choice((1, 2, 4)),
            latency=self.random.choice((3.0, 15.0, 45.0)),
            prices=(usd(self.prices[name]),),
        )

    async def _hours(self) -> None:
        given = [(p.name, _Plugin(p)) for p in self.providers()]
        loaded = load(self.config, {}, given)
        setup = staged(loaded.setup)
        asyncio.get_running_loop().set_default_executor(Inline())
        stage, clock = Stage(self.act, self.random), LoopClock(start=START)
        async with Router(
            setup, loaded.contributions, transport=stage, clock=clock, random=self.random
        ) as router:
            async with asyncio.TaskGroup() as group:
                await self._callers(router, group)
            await self._look(router)
            self.seen.mismatches = len(await router.engine.ledger.audit())
            self.seen.log = await router.engine.ledger.log(limit=1_000_000)
        self.seen.left_held = sum(
            attempt.last.kind in (Kind.HELD, Kind.DISPATCHED)
            for logged in self.seen.log
            for attempt in logged.attempts
        )
        self.seen.invoice = stage.invoice

    async def _callers(self, router: Router, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < self.hours * HOUR:
            group.create_task(self._call(router))
            if self.random.random() < 0.05:
                await self._look(router)
            await asyncio.sleep(self.random.expovariate(1 / self.every))

    async def _call(self, router: Router) -> None:
        loop, seen = asyncio.get_running_loop(), self.seen
        began, n = loop.time(), self.random.choice((1, 1, 1, 2, 4))
        patience = self.random.uniform(0, 60) if self.random.random() < 0.1 else None
        seen.requests += 1
        try:
            async with asyncio.timeout(patience):
                result = await router.generate("a simulation", model="poster", n=n)
        except TimeoutError:
            seen.hung_up += 1
            return
        except RouterError as error:
            seen.errors[error.code or "error"] += 1
            seen.attempts.append(error.attempts)
        else:
            seen.delivered += 1
            seen.attempts.append(result.attempts)
        taken = loop.time() - began
        if taken > router.engine.setup.deadline + 1e-6:
            seen.overdue.append(taken)

    async def _look(self, router: Router) -> None:
        """Hold every budget to its limit, now."""
        setup, ledger = router.engine.setup, router.engine.ledger
        budgets = {Account(Scope.PROVIDER, p.name): p.budget for p in setup.providers}
        for account, budget in {**budgets, ROUTER: setup.budget}.items():
            if budget is not None:
                stands = await ledger.balance(account, Period.DAY, router.engine.clock.now())
                if sum(stands) > budget.micros:
                    self.seen.over_budget.append((account, stands))

    def billed(self) -> int:
        """What the providers bill, in micro-dollars, by their own invoices."""
        targets = {a.hold.attempt: a for logged in self.seen.log for a in logged.attempts}
        prices = {name: micros(usd(price).usd) for name, price in self.prices.items()}
        total = 0
        for key, images in self.seen.invoice.items():
            (attempt,) = [a for name, a in targets.items() if name.startswith(f"{key}.")]
            total += images * prices[attempt.hold.provider]
        return total


class _Plugin:
    """One provider's."""

    def __init__(self, provider: ScriptedProvider) -> None:
        self._provider = provider

    @hookimpl
    def routercore_providers(self) -> list[ScriptedProvider]:
        return [self._provider]
