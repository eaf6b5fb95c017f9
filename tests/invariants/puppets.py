"""A router whose upstreams answer when, and with what, a state machine says."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.serving import MODEL, card, route, router_of

from routercore.engine.setup import Caller, Limits, ProviderSetup, RouterSetup
from routercore.engine.transport.base import OpenResponse, Phase, TransportError
from routercore.provider import Row, bearer
from routercore.provider.http import HttpRequest, HttpResponse
from routercore.testing.clock import ManualClock
from routercore.testing.providers import PNG_BASE64
from routercore.testing.transport import json_answer
from routercore.values.errors import RouterError
from routercore.values.events import AttemptRecord
from routercore.values.images import ImageResult
from routercore.values.ledger import Attempt, Budget, Kind, Period
from routercore.values.money import usd

PRICE = 40_000
PERMITS = 2
TIGHT = Limits(concurrency=PERMITS)
BUDGET = Budget(30 * PRICE, Period.TOTAL)
DEADLINE = 180.0
MOST = 2
CALLERS = (Caller(name="red", budget=Budget(20 * PRICE, Period.TOTAL)), Caller(name="blue"))


@dataclass(eq=False)
class Exchange:
    """One call that waits for its answer."""

    key: str
    attempt: str
    number: int
    answer: asyncio.Future[HttpResponse]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it left."""

    at: float
    key: str
    attempt: str

    @property
    def provider(self) -> str:
        return self.key.split("-")[1]

    @property
    def request(self) -> str:
        return self.request_of(self.attempt)

    @staticmethod
    def request_of(attempt: str) -> str:
        """The request of an attempt, by the name that it goes by."""
        return attempt.partition("-")[0]


@dataclass
class Asked:
    """One request of the machine's."""

    task: asyncio.Task[ImageResult]
    began: float
    ended: float | None = None

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """What is known of its attempts, once it has ended."""
        if not self.task.done() or self.task.cancelled():
            return ()
        error = self.task.exception()
        if error is None:
            return self.task.result().attempts
        assert isinstance(error, RouterError)
        return error.attempts


class Puppets:
    """The transport: exchanges wait until :meth:`answer` is called for them."""

    name = "puppets"

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.open: list[Exchange] = []
        self.numbers = 0
        self.told: dict[str, float] = {}
        """Until when each key's upstream said not to use it."""
        self.invoice: Counter[str] = Counter()
        self.calls: list[Call] = []
        """Every call so far."""
        self.on_send: Callable[[Exchange], None] = lambda exchange: None

    async def send(
        self, request: HttpRequest, *, public_only: bool = False, max_bytes: int = 0
    ) -> HttpResponse:
        self.numbers += 1
        exchange = Exchange(
            request.headers["authorization"].removeprefix("Bearer "),
            request.headers["idempotency-key"], self.numbers,
            asyncio.get_running_loop().create_future(),
        )  # fmt: skip
        self.on_send(exchange)
        self.calls.append(Call(self.clock.monotonic(), exchange.key, exchange.attempt))
        self.open.append(exchange)
        try:
            return await exchange.answer
        finally:
            if exchange in self.open:
                self.open.remove(exchange)

    def stream(self, *_: Any, **__: Any) -> AbstractAsyncContextManager[OpenResponse]:
        raise AssertionError("nothing is streamed here")

    async def close(self) -> None:
        pass

    def bill(self, exchange: Exchange) -> None:
        """Write the image down; the upstream has accepted the work."""
        self.invoice[exchange.attempt] += PRICE

    def answer(self, exchange: Exchange, how: str, seconds: float) -> None:
        """End an exchange in one of many ways."""
        self.open.remove(exchange)
        future = exchange.answer
        if how in BILLED or (how in DOUBTFUL and exchange.number % 2):
            self.bill(exchange)
        if how in LOST:
            future.set_exception(TransportError(how, LOST[how]))
        elif how == "picture":
            future.set_result(json_answer({"data": [{"b64_json": PNG_BASE64}]}))
        elif how == "rubbish":
            future.set_result(json_answer({"data": [{"b64_json": "aGVsbG8="}]}))
        elif how == "empty":
            future.set_result(json_answer({"data": []}))
        else:
            status, code = ERRORS[how]
            headers = {}
            if how in ("limited", "overloaded"):
                self.told[exchange.key] = self.clock.monotonic() + seconds
                headers = {"retry_after": f"{seconds:g}"}
            error = {"message": how, "code": code}
            future.set_result(json_answer({"error": error}, status, **headers))


LOST = {"lost": Phase.SENT, "cut": Phase.HEADERS, "unsent": Phase.NOT_SENT}
ERRORS = {
    "limited": (429, None), "overloaded": (503, None), "failed": (500, None),
    "gateway": (504, None), "no credit": (402, None), "bad key": (401, None),
    "unknown": (404, "model_not_found"),
    "refused": (400, "moderation_blocked"), "wrong": (400, "invalid_value"),
}  # fmt: skip
BILLED = {"picture", "rubbish"}
DOUBTFUL = {"lost", "cut", "failed", "gateway", "empty"}
FINAL = {"refused", "invalid_request"}
"""Faults after which nobody else is asked."""
HOW = sorted({"picture", "rubbish", "empty", *LOST, *ERRORS})


@dataclass
class Stage:
    """The router, its clock and its puppets."""

    seed: int = 7
    clock: ManualClock = field(default_factory=ManualClock)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the router, where they differ."""
    route: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = TIGHT
    """Of each key."""

    def __post_init__(self) -> None:
        self.puppets = Puppets(self.clock)
        self.asked: list[Asked] = []
        own = {"deadline": DEADLINE, "max_attempts": MOST, "budget": BUDGET, **self.settings}
        self.setup = RouterSetup(
            providers=tuple(_provider(name, self.limits) for name in ("first", "second")),
            routes=(route("first", "second", **self.route),),
            **own,
        )
        self.router = router_of(
            self.setup, clock=self.clock, transport=self.puppets,
            random=random.Random(self.seed),
        )  # fmt: skip

    @property
    def ledger(self) -> Any:
        return self.router.engine.ledger

    def ask(self, caller: int) -> None:
        """Begin a request."""
        work = self.router.generate(f"p{len(self.asked)}", model=MODEL, caller=CALLERS[caller])
        one = Asked(asyncio.ensure_future(work), self.clock.monotonic())
        one.task.add_done_callback(lambda _: setattr(one, "ended", self.clock.monotonic()))
        self.asked.append(one)

    async def attempts(self) -> list[Attempt]:
        """Every attempt in the ledger, oldest first."""
        logged = await self.ledger.log(limit=100_000)
        return [attempt for one in reversed(logged) for attempt in one.attempts]

    def gauges(self) -> tuple[int, ...]:
        """How many attempts each key says are under way."""
        upstreams = self.router.engine._upstreams.values()
        return tuple(key.in_flight for one in upstreams for key in one.keys._keys)


def _provider(name: str, limits: Limits) -> ProviderSetup:
    origin = f"https://{name}.example/v1"
    row = Row(name=name, auth=bearer("KEY"), origins=(origin,),
              cards=(card(prices=(usd("0.04"),), latency=10.0),))  # fmt: skip
    keys = (f"sk-{name}-one", f"sk-{name}-two")
    return ProviderSetup(name=name, provider=row, keys=keys, base_url=origin, limits=limits)


def is_over(attempt: Attempt) -> bool:
    return attempt.last.kind in (Kind.POSTED, Kind.VOIDED, Kind.SUSPECT)
