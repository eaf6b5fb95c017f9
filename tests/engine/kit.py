"""An engine over scripted providers: each has its own host, and its answers in turn."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from routercore.engine.engine import Engine
from routercore.engine.ledger import Ledger
from routercore.engine.setup import ProviderSetup, Route, RouterSetup, TargetSetup
from routercore.provider.http import HttpRequest, HttpResponse
from routercore.routing.strategies import builtin_strategies
from routercore.state.ledger.memory import MemoryLedger
from routercore.state.memory import MemoryCache, MemoryCallerLimits, MemoryUpstreamLimits
from routercore.testing.clock import ManualClock
from routercore.testing.providers import ScriptedProvider
from routercore.testing.transport import Answer, FakeTransport, json_answer
from routercore.values.catalogue import ModelCard
from routercore.values.errors import RouterError
from routercore.values.events import Event
from routercore.values.images import ImageRequest, ImageResult
from routercore.values.money import Price, usd

CARD = ModelCard(id="poster", max_n=4, latency=1.0, prices=(usd("0.04"),))


def made(images: int = 1) -> HttpResponse:
    """A success with so many images."""
    return json_answer({"images": images})


def status(code: int, **headers: str) -> HttpResponse:
    """An error."""
    return json_answer({"error": {"message": f"status {code}"}}, code, **headers)


def provider(name: str, **settings: Any) -> ProviderSetup:
    """One configured provider at ``https://NAME.example``."""
    own = {key: settings.pop(key) for key in ("flow", "faults", "cards") if key in settings}
    own.setdefault("cards", (CARD,))
    scripted = ScriptedProvider(name=name, origins=(f"https://{name}.example",), **own)
    settings.setdefault("keys", (f"key-of-{name}",))
    return ProviderSetup(name=name, provider=scripted, **settings)


def priced(*prices: Price) -> ModelCard:
    """The card with another price list."""
    return ModelCard(id="poster", max_n=4, latency=1.0, prices=prices)


class Kit:
    """An engine with everything around it faked."""

    def __init__(
        self, *providers: ProviderSetup | str, answers: dict[str, Sequence[Answer]] | None = None,
        route: dict[str, Any] | None = None, books: Ledger | None = None, clock: Any = None,
        **setup: Any,
    ) -> None:  # fmt: skip
        made_up = [one if isinstance(one, ProviderSetup) else provider(one) for one in providers]
        targets = tuple(TargetSetup(name=f"{one.name}:poster") for one in made_up)
        routes = (Route(**{"name": "art", "targets": targets, **(route or {})}),)
        self.answers: dict[str, deque[Answer]] = defaultdict(deque)
        for name, given in (answers or {}).items():
            self.answers[name].extend(given)
        self.clock = clock or ManualClock()
        self.transport = FakeTransport(self._answer)
        self.events: list[Event] = []
        setup = {"routes": routes, **setup}
        self.setup = RouterSetup(providers=tuple(made_up), **setup)
        self.ledger = books or MemoryLedger()
        self.engine = Engine(
            self.setup,
            strategies={one.name: one for one in builtin_strategies()},
            transport=self.transport,
            upstream_limits=MemoryUpstreamLimits(self.clock),
            caller_limits=MemoryCallerLimits(self.clock),
            cache=MemoryCache(self.setup.cache, self.clock),
            ledger=self.ledger,
            observers=[self],
            clock=self.clock,
            random=random.Random(7),
        )

    def _answer(self, request: HttpRequest) -> Answer:
        answers = self.answers[(urlsplit(request.url).hostname or "").removesuffix(".example")]
        return answers.popleft() if answers else made(request.json["n"])

    def notify(self, event: Event) -> None:
        self.events.append(event)

    @property
    def asked(self) -> list[str]:
        """The hosts that were asked, in order."""
        hosts = [urlsplit(request.url).hostname or "" for request in self.transport.requests]
        return [host.removesuffix(".example") for host in hosts]

    @property
    def keys_used(self) -> list[str]:
        return [r.headers["authorization"].removeprefix("Bearer ") for r in self.transport.requests]

    async def generate(self, *, caller: Any = None, **settings: Any) -> ImageResult:
        extra = {} if caller is None else {"caller": caller}
        return await self.clock.run(self.engine.generate(asking(**settings), **extra))

    async def error(self, **settings: Any) -> Any:
        """The error that a request ends with; and nothing stays behind."""
        with pytest.raises(RouterError) as caught:
            await self.generate(**settings)
        assert 0 == self.transport.open_exchanges
        return caught.value


def asking(**settings: Any) -> ImageRequest:
    """A request for the route."""
    return ImageRequest(**{"prompt": "a heron", "model": "art", **settings})


def dollars(amount: str) -> Decimal:
    return Decimal(amount)
