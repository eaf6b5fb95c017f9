"""One scene a model and outage: callers keep calling while a provider goes out and comes back."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from routercore.config import load
from routercore.config.build import Loaded
from routercore.engine.engine import unsupported
from routercore.engine.setup import CacheSetup, LedgerSetup, RouterSetup
from routercore.router import Router, make_request
from routercore.testing.leaping import LoopClock, run_leaping
from routercore.testing.rehearsal.outages import CALM, OUTAGES, Act, Outage
from routercore.testing.rehearsal.stage import Stage, on_stage
from routercore.values.errors import ModelNotFoundError, RefusedError, RouterError
from routercore.values.events import AttemptRecord
from routercore.values.images import ImageRequest, ImageResult
from routercore.values.ledger import ROUTER, Balance, Period, dollars

PROMPT = "a rehearsal"
SEED = 20_261_121


@dataclass(frozen=True, slots=True)
class Pace:
    """How callers call; the second quarter of the time is the outage's."""

    requests: int = 60
    every: float = 5.0
    """Seconds from one to the next, whether or not it was answered."""

    @property
    def begins(self) -> float:
        return self.requests * self.every / 4

    @property
    def ends(self) -> float:
        return 2 * self.begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one caller saw."""

    at: float
    """Seconds after the scene began."""
    seconds: float
    target: str | None
    """Who delivered; ``None`` for an error."""
    error: RouterError | None
    attempts: tuple[AttemptRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What came of one outage, for the callers of one model and for the money."""

    model: str
    outage: Outage
    primary: str
    """Name of the provider whose outage it is."""
    pace: Pace
    calls: tuple[Call, ...]
    reached: Mapping[str, int]
    """How many calls each provider got."""
    balance: Balance

    @property
    def delivered(self) -> int:
        return sum(call.error is None for call in self.calls)

    @property
    def refused(self) -> int:
        """Callers who were told that their prompt is refused, which is no failure."""
        return sum(isinstance(call.error, RefusedError) for call in self.calls)

    @property
    def failed(self) -> int:
        return len(self.calls) - self.delivered - self.refused

    @property
    def errors(self) -> Mapping[str, int]:
        """Error codes that callers saw, and how often."""
        return Counter(call.error.code or "error" for call in self.calls if call.error)

    @property
    def usual_seconds(self) -> float:
        return statistics.median(call.seconds for call in self.calls)

    @property
    def slowest_seconds(self) -> float:
        return max(call.seconds for call in self.calls)

    @property
    def spent(self) -> Decimal:
        """Dollars, by the prices of the cards; what has no price counts for nothing."""
        return dollars(self.balance.posted)

    @property
    def at_stake(self) -> Decimal:
        """Dollars of attempts of which nobody knows whether they are charged."""
        return dollars(self.balance.suspect + self.balance.held)

    @property
    def back_after(self) -> float | None:
        """Seconds from the outage's end until the primary delivered again."""
        times = [
            call.at + call.seconds - self.pace.ends
            for call in self.calls
            if call.at + call.seconds >= self.pace.ends
            and (call.target or "").startswith(f"{self.primary}:")
        ]
        return min(times, default=None)

    @property
    def example(self) -> Call:
        """The call that tells most: an error, else the one with the most attempts."""
        during = [c for c in self.calls if self.pace.begins <= c.at < self.pace.ends]
        return max(during or self.calls, key=lambda c: (c.error is not None, len(c.attempts)))


def rehearse(
    source: str | Path | Mapping[str, Any],
    *,
    models: Sequence[str] = (),
    outages: Iterable[Outage] = (CALM, *OUTAGES),
    pace: Pace = Pace(),
    environ: Mapping[str, str] | None = None,
    plugins: Sequence[tuple[str, Any]] = (),
    seed: int = SEED,
    **settings: Any,
) -> Iterator[Scene]:
    """Play every outage on every model, and give what came of it, scene by scene.

    Not to be called from a running event loop: each scene has a loop of its own.

    Args:
        source: a configuration's path, or the mapping. Variables that are not set are made up.
        models: public names; every configured model unless given.
        outages: which to play.
        pace: how often callers call, and how long.
        environ: where variables are read from; the process's environment unless given.
        plugins: further plugins, as for :meth:`Router.from_config`.
        seed: of everything random; the same gives the same scenes.
        settings: of the request, as for :meth:`Router.generate`.

    Raises:
        ConfigError: the configuration is wrong.
        RouterError: a request is wrong, or no target can do it.
    """
    loaded = load(source, MadeUp(os.environ if environ is None else environ), plugins)
    setup = staged(loaded.setup)
    names = tuple(models) or tuple(route.name for route in loaded.setup.routes)
    if not names:
        raise ModelNotFoundError("the configuration has no [models.…]; name a model to rehearse")
    for model in names:
        request = make_request(PROMPT, model=model, **settings)
        for outage in outages:
            yield run_leaping(_scene(loaded, setup, request, outage, pace, seed))


class MadeUp(dict[str, str]):
    """An environment in which every ``${NAME}`` has a value; no provider is enabled by that."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"made-up-{name.lower()}"


def staged(setup: RouterSetup) -> RouterSetup:
    """The same routes, cards, limits and policy, with stand-ins and an empty ledger."""
    return replace(
        setup,
        providers=tuple(map(on_stage, setup.providers)),
        ledger=LedgerSetup(unknown_price=setup.ledger.unknown_price),
        cache=CacheSetup(),
    )


async def _scene(
    loaded: Loaded, setup: RouterSetup, request: ImageRequest, outage: Outage, pace: Pace,
    seed: int,
) -> Scene:  # fmt: skip
    asyncio.get_running_loop().set_default_executor(Inline())
    chance = random.Random(seed)
    affected = {provider.name for provider in setup.providers}

    def acts(place: str, now: float) -> Act:
        is_out = place in affected and pace.begins <= now < pace.ends
        return outage.act_at(now - pace.begins) if is_out else Act.WORKS

    clock, stage = LoopClock(start=datetime.now(UTC)), Stage(acts, chance)
    unheard = replace(loaded.contributions, observers=())  # None of it really happened.
    async with Router(setup, unheard, transport=stage, clock=clock, random=chance) as router:
        plan = router.plan(request)
        if not plan.candidates:
            raise unsupported(plan)
        primary = plan.candidates[0].target.provider
        if not outage.everywhere:
            affected &= {primary}
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_call(router, request, i, pace))
                     for i in range(pace.requests)]  # fmt: skip
        balance = await router.engine.ledger.balance(ROUTER, Period.TOTAL, clock.now())
    return Scene(
        model=request.model, outage=outage, primary=primary, pace=pace,
        calls=tuple(task.result() for task in tasks), reached=stage.calls, balance=balance,
    )  # fmt: skip


async def _call(router: Router, request: ImageRequest, number: int, pace: Pace) -> Call:
    loop, at = asyncio.get_running_loop(), number * pace.every
    await asyncio.sleep(at)
    result: ImageResult | None = None
    error: RouterError | None = None
    try:
        result = await router.generate(request)
    except RouterError as failure:
        error = failure
    told = result or error
    return Call(
        at=at, seconds=loop.time() - at, target=result.target if result else None, error=error,
        attempts=told.attempts if told else (),
    )  # fmt: skip


class Inline(ThreadPoolExecutor):
    """Works at once, in the loop's own thread: time must not leap while a thread works."""

    def submit(self, function: Any, /, *args: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **named))
        except Exception as error:  # noqa: BLE001 - as an executor does, for whoever awaits it
            future.set_exception(error)
        return future
