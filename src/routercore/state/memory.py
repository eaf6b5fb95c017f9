"""Limits and result cache of one process, in its memory. They belong to one event loop."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial

from cachetools import TTLCache

from routercore.engine.clock import Clock
from routercore.engine.setup import CacheSetup, Caller, Limits, ProviderSetup
from routercore.state.fingerprint import (
    NOT_IN_THE_PICTURE,
    fingerprint,
    hashed,
    is_shareable,
)
from routercore.state.flights import Flights
from routercore.state.pacing import Pace
from routercore.state.window import Window
from routercore.values.amounts import number_of
from routercore.values.errors import LimitError, RequestError
from routercore.values.images import PAID_LOST, PAID_MAYBE, ImageRequest, ImageResult, Warning
from routercore.values.limits import Admission
from routercore.values.money import SHARED, SvgUsage, Usage

BUSY_RETRY_AFTER = 1.0
"""Seconds; when one of the requests in flight will end is not known to anybody."""
RESULT_OVERHEAD = 4096
"""Bytes that a cached result is taken to need beside its images."""


class MemoryCallerLimits:
    """Keeps the promises made to callers: exact over any window, and kept at once or not at all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._books: dict[str, _Book] = {}

    @asynccontextmanager
    async def admit(self, caller: Caller, images: int) -> AsyncIterator[Admission]:
        """See :class:`routercore.engine.admission.CallerLimits`."""
        book = self._books.setdefault(caller.name, _Book())
        admission = book.enter(caller, images, self._clock.monotonic())
        try:
            yield admission
        finally:
            book.in_flight -= 1

    async def close(self) -> None:
        """Let go of nothing."""


class _Book:
    """What one caller has used."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._limits = Limits()
        self._requests: Window | None = None
        self._images: Window | None = None

    def _adopt(self, limits: Limits) -> None:
        """Go by other limits from now on, and remember what was used under the old ones."""
        self._limits = limits
        self._requests = _window(limits.requests, limits.requests_per, self._requests)
        self._images = _window(limits.images, limits.images_per, self._images)

    def enter(self, caller: Caller, images: int, now: float) -> Admission:
        """Take one request and its images, or nothing at all."""
        if caller.limits != self._limits:
            self._adopt(caller.limits)
        refuse_impossible(caller.limits, images)
        waits = {
            "requests": self._requests.wait(1, now) if self._requests else 0.0,
            "images": self._images.wait(images, now) if self._images else 0.0,
            "concurrent requests": self._busy(),
        }
        if any(waits.values()):
            raise too_many(caller.name, waits, self._left(now))
        for window, amount in ((self._requests, 1), (self._images, images)):
            if window:
                window.take(amount, now)
        self.in_flight += 1
        return self._left(now)

    def _busy(self) -> float:
        most = self._limits.concurrency
        return BUSY_RETRY_AFTER if most is not None and self.in_flight >= most else 0.0

    def _left(self, now: float) -> Admission:
        return Admission(
            requests=self._requests.allowance(now) if self._requests else None,
            images=self._images.allowance(now) if self._images else None,
        )


def refuse_impossible(limits: Limits, images: int) -> None:
    """Refuse what no waiting would let in.

    Raises:
        RequestError: there are more images than the whole limit.
    """
    limit, per = whole_window(limits.images, limits.images_per)
    if 0 <= limit < images:
        most = f"{number_of(limit, 'image')} in {per:g} s"
        raise RequestError(f"{images} images are over this key's limit of {most}", param="n",
                           code="invalid_value")  # fmt: skip


def too_many(caller: str, waits: Mapping[str, float], admission: Admission) -> LimitError:
    """The error of who is early, which names the limit that takes longest."""
    what, wait = max(waits.items(), key=lambda item: item[1])
    message = f"{caller!r} has reached its limit of {what}; try again in {wait:.1f} s"
    return LimitError(message, retry_after=wait, admission=admission)


def whole_window(limit: float | None, per: float) -> tuple[int, float]:
    """A limit of whole ones and its seconds: half a request a second is one in two.

    A limit below zero is none.
    """
    if limit is None:
        return -1, per
    return (math.floor(limit), per) if limit >= 1 else (1, per / limit)


def _window(limit: float | None, per: float, old: Window | None) -> Window | None:
    if limit is None:
        return None
    window = Window(*whole_window(limit, per))
    if old is not None:
        window.inherit(old)
    return window


class MemoryUpstreamLimits:
    """Paces calls, for each key of each provider by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._paces: dict[tuple[str, int], Pace] = {}

    def slot(
        self, setup: ProviderSetup, key: int, images: int, deadline: float
    ) -> AbstractAsyncContextManager[None]:
        """See :class:`routercore.engine.upstreams.UpstreamLimits`."""
        pace = self._paces.get((setup.name, key))
        if pace is None:
            pace = self._paces[setup.name, key] = Pace(setup.limits, self._clock)
        return pace.slot(images, deadline)


class MemoryCache:
    """Results by exact request, bounded by bytes and age; off unless it has a time to live.

    While it is on, equal requests of one caller that run at the same time share one result, too.
    """

    def __init__(self, setup: CacheSetup, clock: Clock) -> None:
        self._setup = setup
        self._clock = clock
        self._flights: Flights[ImageResult] = Flights()
        self._results: TTLCache[str, ImageResult] = TTLCache(
            setup.max_bytes, setup.ttl or 0, timer=clock.monotonic, getsizeof=result_bytes
        )

    async def serve(
        self,
        caller: Caller,
        request: ImageRequest,
        produce: Callable[[], Awaitable[ImageResult]],
    ) -> ImageResult:
        """See :class:`routercore.engine.admission.ResultCache`."""
        if not self._covers(request):
            return await produce()
        began = self._clock.monotonic()
        key = await hashed(request, partial(fingerprint, caller.name, request))
        known = self._results.get(key)
        if known is not None:
            return self._shared(known, request, "hit", began)

        async def work() -> ImageResult:
            result = await produce()
            self._keep(key, result)
            return result

        # Who may pay more can be asked of others, and must not fail with one who may not.
        flight = f"{key} {request.max_price}"
        result, is_mine = await self._flights.join(flight, work)
        if is_mine:
            return replace(result, cache="miss")
        return self._shared(result, request, "joined", began)

    def _covers(self, request: ImageRequest) -> bool:
        if not self._setup.ttl or (self._setup.only_seeded and request.seed is None):
            return False
        return is_shareable(request)

    def _keep(self, key: str, result: ImageResult) -> None:
        is_whole = bool(result.images) and not result.missing
        if is_whole and result_bytes(result) <= self._setup.max_bytes:
            self._results[key] = result

    def _shared(
        self, result: ImageResult, request: ImageRequest, how: str, began: float
    ) -> ImageResult:
        """Somebody else's result: nothing was tried, counted or paid for this request."""
        drawn = result.svg_usage
        return replace(
            result,
            cache=how,
            cost=SHARED,
            usage=Usage() if result.usage is not None else None,
            svg_usage=SvgUsage(model=drawn.model) if drawn is not None else None,
            warnings=tuple(one for one in result.warnings if _is_of_the_picture(one)),
            attempts=(),
            latency_s=self._clock.monotonic() - began,
            safety_identifier=request.safety_identifier or request.user,
        )


def _is_of_the_picture(warning: Warning) -> bool:
    """Whether a warning holds for all who get the picture: not of money or users of one of them."""
    return warning.code not in (PAID_LOST, PAID_MAYBE) and warning.param not in NOT_IN_THE_PICTURE


def result_bytes(result: ImageResult) -> int:
    """About how much memory a result takes."""
    return sum(len(image.data) for image in result.images) + RESULT_OVERHEAD
