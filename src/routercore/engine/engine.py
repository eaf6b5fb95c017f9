"""The engine: plans, admits, caches and runs requests. What every face of the router stands on."""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial

from routercore.engine.admission import CallerLimits, ResultCache
from routercore.engine.attempt import Attempter
from routercore.engine.booking import Books, RequestBook
from routercore.engine.clock import Clock, SystemClock
from routercore.engine.collecting import Collector
from routercore.engine.discovery import Drift, by_calendar, by_list, listed_models
from routercore.engine.health import HealthBook
from routercore.engine.holders import holder
from routercore.engine.inputs import Inputs
from routercore.engine.keys import KeyPool
from routercore.engine.ledger import Ledger
from routercore.engine.models import Catalogue, ModelEntry
from routercore.engine.observers import Observers
from routercore.engine.runner import Runner
from routercore.engine.setup import LOCAL_CALLER, Caller, Route, RouterSetup
from routercore.engine.streaming import stream_items
from routercore.engine.transport.base import Transport
from routercore.engine.turns import Turns
from routercore.engine.upstreams import Upstream, UpstreamLimits
from routercore.engine.watching import Watch
from routercore.engine.wishes import refuse_wrong
from routercore.routing.estimates import Estimates, estimates_of
from routercore.routing.plan import (
    PRICE,
    Fitting,
    Health,
    Plan,
    Strategy,
    Target,
    Terms,
    TurnOf,
    UnknownPrice,
    fitting,
    make_plan,
)
from routercore.routing.policy import Policy
from routercore.values.errors import (
    ModelNotFoundError,
    RequestError,
    RouterError,
    UnsupportedError,
)
from routercore.values.events import Notice, Observer, StreamItem
from routercore.values.images import ImageRequest, ImageResult, Operation, Warning
from routercore.values.limits import Admission

NoticeListener = Callable[[str, Notice], None]
AdmissionListener = Callable[[Admission], None]
UNEXPECTED = "internal_error"
"""The code of a request that ended with something else than a :class:`RouterError`."""


class Engine:
    """Everything behind the faces; made of a setup, strategies and injected effects."""

    def __init__(
        self,
        setup: RouterSetup,
        *,
        strategies: Mapping[str, Strategy],
        transport: Transport,
        upstream_limits: UpstreamLimits,
        caller_limits: CallerLimits,
        cache: ResultCache,
        ledger: Ledger,
        observers: Iterable[Observer] = (),
        clock: Clock | None = None,
        random: random_module.Random | None = None,
    ) -> None:
        self.setup = setup
        self.clock = clock or SystemClock()
        self.random = random or random_module.SystemRandom()
        self.catalogue = Catalogue(setup)
        self._strategies = strategies
        self._transport = transport
        self._callers = caller_limits
        self._cache = cache
        self._turns = Turns(self.random)
        self._health = HealthBook(self.clock)
        self._inputs = Inputs(transport=transport, clock=self.clock)
        self._observers = Observers(observers)
        self._upstreams = {p.name: self._upstream(p.name) for p in setup.providers}
        self.ledger = ledger
        self._books = Books(setup, ledger, clock=self.clock, observers=self._observers)
        self._runner = Runner(
            upstreams=self._upstreams,
            limits=upstream_limits,
            health=self._health,
            observers=self._observers,
            clock=self.clock,
            random=self.random,
            attempt_timeout=setup.attempt_timeout,
        )
        self.collector = Collector(
            setup=setup, upstreams=self._upstreams, catalogue=self.catalogue, ledger=ledger,
            observers=self._observers, clock=self.clock,
        )  # fmt: skip
        self._books.collector = self.collector

    def _upstream(self, name: str) -> Upstream:
        setup = next(p for p in self.setup.providers if p.name == name)
        attempter = Attempter(
            setup=setup, transport=self._transport, clock=self.clock, random=self.random,
            max_image_bytes=self.setup.max_image_bytes,
        )  # fmt: skip
        return Upstream(attempter=attempter, keys=KeyPool(setup.keys))

    async def close(self) -> None:
        """Close every connection, and the ledger. Late jobs are left for others to collect."""
        await self.collector.close()
        await self._transport.close()
        await self._callers.close()
        await self.ledger.close()

    def models(self, caller: Caller = LOCAL_CALLER) -> list[ModelEntry]:
        """Every model that ``caller`` may use, once."""
        return self.catalogue.entries(caller, self._today())

    def plan(self, request: ImageRequest, caller: Caller = LOCAL_CALLER) -> Plan:
        """What would be tried, in which order, at what price, and why not the rest.

        Makes no network call and takes no turn: asking does not change what comes next.

        Raises:
            RouterError: the model is unknown, or the request is wrong in itself.
        """
        route, targets = self._route(request, caller)
        fits = self._fitting(request, route, targets)
        return self._plan(fits, route, self._turns.peek)

    def estimate(self, request: ImageRequest, caller: Caller = LOCAL_CALLER) -> Estimates:
        """What a request may cost at each target. As :meth:`plan`, it asks nobody."""
        route, _ = self._route(request, caller)
        return estimates_of(self.plan(request, caller), self._policy(route))

    async def generate(
        self,
        request: ImageRequest,
        caller: Caller = LOCAL_CALLER,
        *,
        on_notice: NoticeListener = lambda target, notice: None,
        on_admission: AdmissionListener = lambda admission: None,
        request_id: str | None = None,
        watch: Watch | None = None,
    ) -> ImageResult:
        """Do a request: through limits and cache, over its plan.

        Args:
            request: what is asked for.
            caller: on whose behalf.
            on_notice: told of progress as it happens, with the target's name.
            on_admission: told what is left of the caller's limits, once, before any work.
            request_id: the id to use; made up unless given.
            watch: shows how far it has come; may say when the result is kept.

        Raises:
            RouterError: it could not be done; the class says why.
        """
        return await self._serve(
            request, caller, on_notice, on_admission, stream=False, request_id=request_id,
            watch=watch,
        )  # fmt: skip

    def stream(
        self,
        request: ImageRequest,
        caller: Caller = LOCAL_CALLER,
        *,
        on_admission: AdmissionListener = lambda admission: None,
        request_id: str | None = None,
        watch: Watch | None = None,
    ) -> AsyncIterator[StreamItem]:
        """Do a request, and give intermediate images as they come; the result is the last item.

        Streams pass by the cache.

        Raises:
            RouterError: from the iterator, as :meth:`generate` does.
        """

        async def produce(on_notice: NoticeListener) -> ImageResult:
            return await self._serve(
                request, caller, on_notice, on_admission, stream=True, request_id=request_id,
                watch=watch,
            )  # fmt: skip

        return stream_items(produce)

    async def _serve(
        self,
        request: ImageRequest,
        caller: Caller,
        on_notice: NoticeListener,
        on_admission: AdmissionListener,
        *,
        stream: bool,
        request_id: str | None,
        watch: Watch | None,
    ) -> ImageResult:
        route, targets = self._route(request, caller, stream=stream)
        request_id = request_id or f"req_{self.random.getrandbits(96):024x}"
        deadline = self.clock.monotonic() + self.setup.deadline
        book = self._books.open(request, caller, request_id, deadline)
        book.watch = watch or book.watch

        async def produce(fits: Fitting) -> ImageResult:
            book.watch.is_joining = False
            plan = self._plan(fits, route, self._turns.take)
            if not plan.candidates:
                raise unsupported(plan)
            return await self._runner.run(
                plan, policy=self._policy(route), book=book, request_id=request_id,
                deadline=deadline, stream=stream, on_notice=on_notice,
            )  # fmt: skip

        self._observers.emit("request.started", request_id, model=request.model, n=request.n)
        with self._telling(request_id, book):
            fits = self._possible(request, route, targets)
            async with self._callers.admit(caller, request.n) as admission:
                on_admission(admission)
                book.begin()
                whole = await self._inputs.resolve(request, book.watch.take)
                if whole is not request:
                    fits = self._possible(whole, route, targets)
                book.watch.is_joining = not stream
                work = partial(produce, fits)
                made = work() if stream else self._cache.serve(caller, whole, work)
                result = await made
        book.end("completed", result=result)
        self._observers.emit(
            "request.completed", request_id, target=result.target, images=len(result.images),
            seconds=round(result.latency_s, 3), cache=result.cache,
        )  # fmt: skip
        warnings = (*result.warnings, *self._unheard(request))
        if (result.id, result.warnings) == (request_id, warnings):
            return result
        return replace(result, id=request_id, warnings=warnings)

    @contextmanager
    def _telling(self, request_id: str, book: RequestBook) -> Iterator[None]:
        """Tell, and write down, how a request ended that came to nothing."""
        try:
            yield
        except asyncio.CancelledError:
            self._observers.emit("request.cancelled", request_id)
            book.end("cancelled")
            raise
        except RouterError as error:
            self._observers.emit("request.failed", request_id, code=error.code, status=error.status)
            book.end("failed", code=error.code)
            raise
        except Exception:  # A listener's mistake, or ours; whoever called hears of it.
            self._observers.emit("request.failed", request_id, code=UNEXPECTED, status=500)
            book.end("failed", code=UNEXPECTED)
            raise

    def _route(
        self, request: ImageRequest, caller: Caller, *, stream: bool = True
    ) -> tuple[Route, list[Target]]:
        """Where a request goes that can be one; ``stream``: whether it may be of a stream."""
        refuse_wrong(request)
        if request.partial_images and not stream:
            message = "intermediate images come in a stream alone; ask for one with stream()"
            raise RequestError(message, param="partial_images", code="invalid_value")
        if not caller.may_use(request.model):
            raise ModelNotFoundError(f"this key may not use a model named {request.model!r}")
        return self.catalogue.find(request.model, name_idle=caller is LOCAL_CALLER)

    def _unheard(self, request: ImageRequest) -> Iterator[Warning]:
        """Options that no provider will ever see, which would be dropped in silence."""
        names = {name for p in self.setup.providers for name in (p.name, p.provider.name)}
        for name in sorted(set(request.options) - names):
            message = f"there is no enabled provider {name!r} to give options to"
            yield Warning(code="options_unused", param=f"options.{name}", message=message)

    def _plan(self, fits: Fitting, route: Route, turn: TurnOf) -> Plan:
        request = fits.request
        ceilings = [x for x in (route.max_price, request.max_price) if x is not None]
        plan = make_plan(
            fits,
            self._strategy(route.strategy),
            terms=Terms(
                unknown_price=route.unknown_price,
                spread=route.spread,
                max_price=min(ceilings, default=None),
            ),
            health=partial(self._target_health, request.operation),
            turn=turn,
        )
        self._refuse_unknown_price(plan, route)
        return plan

    def _possible(self, request: ImageRequest, route: Route, targets: list[Target]) -> Fitting:
        """Who can do a request: what nobody can do uses up no limit, and fetches no picture.

        Price is no part of it: pictures may decide on that, and what is remembered is free.
        """
        fits = self._fitting(request, route, targets)
        if not fits.able:
            raise unsupported(fits)
        return fits

    def _fitting(self, request: ImageRequest, route: Route, targets: list[Target]) -> Fitting:
        return fitting(
            replace(request, strict=True) if route.strict else request,
            [self.catalogue.charged(target, request.options) for target in targets],
            refused=lambda target: self._health.seen(target.name, request.operation).refused,
            today=self._today(),
        )

    def _refuse_unknown_price(self, plan: Plan, route: Route) -> None:
        unknown = [r.target for r in plan.rejected if r.reasons[0].param == PRICE]
        if route.unknown_price is UnknownPrice.ERROR and unknown:
            names = ", ".join(unknown)
            message = f"the price of {names} is unknown, and unknown_price is 'error'"
            raise RequestError(message, param="model", code="price_unknown")

    async def drift(self, provider: str, *, live: bool) -> list[Drift]:
        """Where what a provider declares no longer holds, as far as can be told without paying.

        Args:
            provider: its name in the configuration.
            live: also ask the vendor for its list of models.

        Raises:
            ProviderFailed: the vendor did not answer, or not with a list.
        """
        upstream = self._upstreams[provider]
        declared, today = self.catalogue.cards(provider), self._today()
        found = list(by_calendar(declared, today))
        if live:
            secret, now = upstream.keys.soonest().secret, self.clock.monotonic()
            listed = await listed_models(upstream.attempter, secret, now)
            found += by_list(declared, listed, today) if listed is not None else []
        return found

    def _strategy(self, name: str) -> Strategy:
        return self._strategies[name]

    def _policy(self, route: Route) -> Policy:
        return Policy(
            max_attempts=self.setup.max_attempts,
            on_refusal=route.on_refusal,
            on_unknown=route.on_unknown,
            on_lost_result=route.on_lost_result,
            max_exposure=route.max_exposure,
            hedge=route.hedge,
            unknown_price=self.setup.ledger.unknown_price,
        )

    def _target_health(self, operation: Operation, target: Target) -> Health:
        vitals = self._health.seen(target.name, operation)
        now = self.clock.monotonic()
        keys = self._upstreams[target.provider].keys_for(vitals)
        parked, reason = keys.closed_for(now, vitals.barred)
        broken = vitals.circuit.closed_for(now)
        if broken > parked:
            parked, reason = broken, "its circuit is open"
        if vitals.off_until - now > parked:
            parked, reason = vitals.off_until - now, "its upstream does not know the model"
        return Health(latency=vitals.latency, in_flight=vitals.in_flight, closed_for=parked,
                      reason=reason)  # fmt: skip

    def _today(self) -> date:
        return self.clock.now().date()

    def authenticate(self, secret: str) -> Caller | None:
        """The caller that a secret stands for, unless it is not let in any more."""
        found = holder(self.setup.callers, secret)
        is_over = found is not None and found.expires and found.expires <= self.clock.now()
        return None if is_over else found


def unsupported(plan: Plan | Fitting) -> UnsupportedError:
    """The error for what nobody can do: which parameter excluded each target."""
    lines = [
        f"{rejected.target}: {'; '.join(f'{r.param}: {r.message}' for r in rejected.reasons)}"
        for rejected in plan.rejected
    ]
    message = f"no target can do this request for {plan.request.model!r}. " + " | ".join(lines)
    return UnsupportedError(message, {r.target: r.reasons for r in plan.rejected})
