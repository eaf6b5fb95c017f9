"""A router over faulty upstreams, and its books held against their invoices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Self

import pytest
from tests.faults.jobs import JobService
from tests.invoices import name_of, wrong_money
from tests.serving import MODEL, card, provider, route, router_of

from routercore.engine.clock import Clock
from routercore.engine.setup import ProviderSetup, RouterSetup
from routercore.router import Router
from routercore.testing.faulty import FaultyUpstream, Invoiced, nonce_of
from routercore.testing.hasty import HastyClock
from routercore.values.errors import RouterError
from routercore.values.events import Event
from routercore.values.images import ImageResult
from routercore.values.ledger import Attempt
from routercore.values.money import usd

CARD = card(prices=(usd("0.04"),), latency=10.0)
"""Every image costs what a faulty upstream writes on its invoice."""


def images_api(name: str, upstream: FaultyUpstream, **more: Any) -> ProviderSetup:
    """The upstream as a provider of the Images API."""
    own = more.pop("card", CARD)
    return replace(provider(name, upstream.base_url, own), **more)


def jobs_api(name: str, upstream: FaultyUpstream, **more: Any) -> ProviderSetup:
    """The upstream as a provider of polled jobs."""
    kind = more.pop("kind", JobService)
    own = kind(name=name, origin=upstream.base_url, cards=(more.pop("card", CARD),))
    settings: dict[str, Any] = {"keys": ("sk-jobs",), "base_url": upstream.base_url, **more}
    return ProviderSetup(name=name, provider=own, **settings)


LOST = ("paid-lost", "suspect")
"""What becomes of the money of images that were not delivered."""


class Stage:
    """A router with default settings over upstreams in the order given; a context manager.

    Everything that upstreams invoice must be accounted for when it is left: delivered, or in the
    ledger as lost, as suspect, or as of a request that ended without it; and nothing that was
    voided may have been invoiced.
    """

    def __init__(
        self, *upstreams: FaultyUpstream | tuple[ProviderSetup, FaultyUpstream],
        clock: Clock | None = None, route_more: dict[str, Any] | None = None,
        injected: dict[str, Any] | None = None, **setup: Any,
    ) -> None:  # fmt: skip
        pairs = [_pair(number, one) for number, one in enumerate(upstreams)]
        self.upstreams = {own.name: upstream for own, upstream in pairs}
        self.clock = HastyClock() if clock is None else clock
        self.events: list[Event] = []
        names = [own.name for own, _ in pairs]
        self.setup = RouterSetup(
            providers=tuple(own for own, _ in pairs),
            routes=(route(*names, **(route_more or {})),),
            **setup,
        )
        self.router: Router = router_of(
            self.setup, clock=self.clock, observers=[self], **(injected or {})
        )
        self.delivered: list[str] = []
        self.may_differ = False
        """True where the invoice is meant to differ from what the ledger can know."""

    @property
    def hasty(self) -> HastyClock:
        assert isinstance(self.clock, HastyClock)
        return self.clock

    def notify(self, event: Event) -> None:
        self.events.append(event)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                await self.check_books()
        finally:
            await self.router.close()
        if kind is None:
            for upstream in self.upstreams.values():
                await upstream.idle()

    async def ask(self, prompt: str = "a lighthouse", **settings: Any) -> ImageResult:
        """One request; remembers what it delivered."""
        result = await self.router.generate(prompt, model=MODEL, **settings)
        self.delivered += [nonce_of(image.data) for image in result.images]
        return result

    async def fails(self, prompt: str = "a lighthouse", **settings: Any) -> RouterError:
        """One request that must fail; its error."""
        with pytest.raises(RouterError) as caught:
            await self.ask(prompt, **settings)
        return caught.value

    async def attempts(self) -> list[Attempt]:
        """Every attempt in the ledger, oldest first."""
        logged = await self.router.engine.ledger.log(limit=100_000)
        return [attempt for one in reversed(logged) for attempt in one.attempts]

    async def kinds(self) -> list[str]:
        """What became of each attempt's money, oldest first."""
        return [_kind(attempt) for attempt in await self.attempts()]

    def invoice(self) -> list[Invoiced]:
        """All lines of all invoices."""
        return [line for upstream in self.upstreams.values() for line in upstream.invoice()]

    async def check_books(self) -> None:
        """Hold the ledger and what was delivered against the invoices."""
        attempts = await self.attempts()
        assert [] == await self.router.engine.ledger.audit()
        left = {
            attempt.hold.attempt
            for one in await self.router.engine.ledger.log(limit=100_000)
            for attempt in one.attempts
            if one.ended is None or one.ended.status != "completed"
        }
        known = [a for a in attempts if _kind(a) in LOST or a.hold.attempt in left]
        assert [] == _unaccounted(known, self.invoice(), self.delivered)
        if not self.may_differ:
            assert [] == wrong_money(attempts, self.invoice())

    def named(self, name: str) -> list[Event]:
        """The events of one name."""
        return [event for event in self.events if event.name == name]


def _pair(
    number: int, one: FaultyUpstream | tuple[ProviderSetup, FaultyUpstream]
) -> tuple[ProviderSetup, FaultyUpstream]:
    if isinstance(one, tuple):
        return one
    return images_api(("first", "second", "third")[number], one), one


def _kind(attempt: Attempt) -> str:
    is_lost = attempt.last.reason.startswith("paid and lost")
    return "paid-lost" if is_lost else attempt.last.kind.value


def _unaccounted(
    known: Iterable[Attempt], invoice: Iterable[Invoiced], delivered: list[str]
) -> list[Invoiced]:
    """Invoiced images that were not delivered and are none of those known to be lost."""
    got, names = set(delivered), {name_of(one) for one in known}
    return [line for line in invoice if line.nonce not in got and line.attempt not in names]


def by_target(result_or_error: Any) -> Counter[str]:
    """How many attempts each target had."""
    return Counter(one.target.partition(":")[0] for one in result_or_error.attempts)


def faults(result_or_error: Any) -> list[str | None]:
    """The fault of every attempt, first to last."""
    return [one.failure and one.failure.fault.value for one in result_or_error.attempts]


def rest(stage: Stage) -> float:
    """Seconds for which the first upstream is left alone."""
    candidates = stage.router.plan("x", model=MODEL).candidates
    (known,) = [one.health for one in candidates if one.name == f"first:{MODEL}"]
    return known.closed_for
