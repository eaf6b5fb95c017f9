"""A clock that stands still until a test turns it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")

IDLE_ROUNDS = 100
"""Passes of the event loop after which everything that can run has run; each costs a microsecond.
The longest chain of wake-ups in the engine is about ten."""
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(order=True, slots=True)
class _Timer:
    """Something due at a time; those of one time in the order in which they were set."""

    time: float
    number: int
    fire: Callable[[], None] = field(compare=False)
    is_deadline: bool = field(compare=False)


class ManualClock:
    """A :class:`routercore.engine.clock.Clock` for tests: time passes only when told to.

    ::

        clock = ManualClock()
        sleeper = asyncio.create_task(clock.sleep(60))
        await clock.advance(59.5)      # nothing yet
        await clock.advance(0.5)       # the sleeper has woken

    Or let it turn itself, for work that waits for nothing but time::

        result = await clock.run(router.generate("a lighthouse"))

    Work in threads and on sockets is not waited for: what it takes is not the clock's time.
    """

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._seconds = 0.0
        self._numbers = count()
        self._timers: list[_Timer] = []

    def monotonic(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    @property
    def sleepers(self) -> int:
        """How many tasks sleep."""
        return sum(not timer.is_deadline for timer in self._timers)

    @property
    def deadlines(self) -> int:
        """How many bodies run under a deadline."""
        return len(self._timers) - self.sleepers

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self._set(self._seconds + seconds, wake)
        try:
            await woken
        finally:
            self._unset(timer)

    @asynccontextmanager
    async def timeout_at(self, deadline: float) -> AsyncIterator[None]:
        """Cancel the body when the clock is turned to ``deadline``; at once if it is past that."""
        async with asyncio.timeout(None) as timeout:

            def expire() -> None:
                timeout.reschedule(asyncio.get_running_loop().time())

            if deadline <= self._seconds:
                expire()
                yield
                return
            timer = self._set(deadline, expire, is_deadline=True)
            try:
                yield
            finally:
                self._unset(timer)

    async def advance(self, seconds: float) -> None:
        """Let time pass: everything that is due happens in order, each at its own moment.

        Between two moments, everything that can run runs; so a task that wakes and sleeps again
        wakes again within the same ``advance``.
        """
        end = self._seconds + seconds
        await self.run_until_idle()
        while self._timers and self._timers[0].time <= end:
            await self._turn_to_next()
        self._seconds = end

    async def run_until_idle(self) -> None:
        """Let every task run until all of them wait for something."""
        for _ in range(IDLE_ROUNDS):
            await asyncio.sleep(0)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work``, turned to the next due moment whenever nothing else can run.

        Raises:
            RuntimeError: it waits for something that is not time.
        """
        task = asyncio.ensure_future(work)
        try:
            await self.run_until_idle()
            while not task.done():
                if not self._timers:
                    raise RuntimeError("the work waits, and not for the clock")
                await self._turn_to_next()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    async def _turn_to_next(self) -> None:
        timer = heapq.heappop(self._timers)
        self._seconds = max(self._seconds, float(timer.time))
        timer.fire()
        await self.run_until_idle()

    def _set(self, time: float, fire: Callable[[], None], *, is_deadline: bool = False) -> _Timer:
        timer = _Timer(time, next(self._numbers), fire, is_deadline)
        heapq.heappush(self._timers, timer)
        return timer

    def _unset(self, timer: _Timer) -> None:
        if timer in self._timers:
            self._timers.remove(timer)
            heapq.heapify(self._timers)
