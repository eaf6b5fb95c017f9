"""Pacing of one upstream key: its calls in flight, requests and images, first come first served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from routercore.engine.clock import Clock
from routercore.engine.setup import Limits
from routercore.values.amounts import number_of
from routercore.values.faults import Failure, Fault, ProviderFailed


class Pace:
    """Lets calls pass at the rate of one key.

    A bucket of aiolimiter's holds one whole limit: that many pass at once, the rest evenly at the
    rate. Three of its properties shape this class. It wakes the smallest waiter first, so waiting
    is done behind a fair lock and by one at a time. It knows no deadline, so one is put around it
    (on our clock; the bucket itself reads the event loop's). It takes nothing back, so a slot of
    the concurrency limit is waited for first, and the buckets are touched last; who is cancelled
    between the two buckets leaves what it took of the first to drip away.
    """

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        self._slots = asyncio.Semaphore(limits.concurrency) if limits.concurrency else None
        self._requests = _bucket(limits.requests, limits.requests_per)
        self._images = _bucket(limits.images, limits.images_per)
        self._turn = asyncio.Lock()
        self._queue: list[_Wanted] = []

    @asynccontextmanager
    async def slot(self, images: int, deadline: float) -> AsyncIterator[None]:
        """Room for one call of so many images.

        Raises:
            ProviderFailed: ``limited``: there is none before the deadline. Where that is certain
                beforehand, it is not waited for, so that another target gets the time.
        """
        wanted = _Wanted(images)
        self._refuse_hopeless(wanted, deadline)
        async with AsyncExitStack() as held:
            self._queue.append(wanted)
            try:
                async with self._clock.timeout_at(deadline):
                    await self._enter(wanted, held)
            except TimeoutError:
                raise _limited("there was no room before the deadline") from None
            finally:
                self._queue.remove(wanted)
            yield

    async def _enter(self, wanted: _Wanted, held: AsyncExitStack) -> None:
        if self._slots is not None:
            await held.enter_async_context(self._slots)
        async with self._turn:
            if self._images is not None:
                await self._images.acquire(wanted.images)
            if self._requests is not None:
                await self._requests.acquire()

    def _refuse_hopeless(self, wanted: _Wanted, deadline: float) -> None:
        if self._images is not None and wanted.images > self._images.max_rate:
            most = f"{self._images.max_rate:g} in {self._images.time_period:g} s"
            raise _limited(
                f"one call of {number_of(wanted.images, 'image')} is over the limit of {most}"
            )
        amounts = [one.images for one in (*self._queue, wanted)]
        seconds = max(
            _least_wait(self._requests, [1] * len(amounts)), _least_wait(self._images, amounts)
        )
        if self._clock.monotonic() + seconds > deadline:
            raise _limited(f"there is no room for {seconds:.0f} s, which is past the deadline")


@dataclass(eq=False, slots=True)
class _Wanted:
    """One call that waits; equal to nothing but itself."""

    images: int


def _bucket(rate: float | None, seconds: float) -> AsyncLimiter | None:
    """A bucket that holds at least one, whatever the rate."""
    if rate is None:
        return None
    return AsyncLimiter(rate, seconds) if rate >= 1 else AsyncLimiter(1, seconds / rate)


def _least_wait(bucket: AsyncLimiter | None, amounts: list[int]) -> float:
    """The least time until the last of a queue gets through, as far as the bucket lets on.

    It does not tell its level, only whether an amount fits: so the room in it is taken to be the
    whole bucket if the head of the queue fits, and just what the head needs if it does not.
    """
    if bucket is None:
        return 0.0
    head = amounts[0]
    room = bucket.max_rate if bucket.has_capacity(head) else head
    return max(0.0, sum(amounts) - room) * bucket.time_period / bucket.max_rate


def _limited(message: str) -> ProviderFailed:
    return ProviderFailed(Failure(fault=Fault.LIMITED, message=f"our own limit: {message}"))
