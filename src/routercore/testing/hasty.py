"""The machine's clock for tests over real sockets: what waits for it waits no time at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

TURNS = 3
"""Turns of the loop after which a deadline that has come has ended what it bounds."""


class HastyClock:
    """A :class:`routercore.engine.clock.Clock` that runs with the machine's, and leaps over sleeps.

    Sockets take the time that they take. A sleep takes none: the clock leaps by it, and everything
    that has a deadline sees that. :meth:`leap` does the same for a test::

        waiting = asyncio.create_task(router.generate("a lighthouse"))
        await upstream.arrived()
        clock.leap(120)                 # two minutes without an answer

    For one request at a time: what another is doing meanwhile ages with every sleep.
    """

    def __init__(self) -> None:
        self.ahead = 0.0
        """Seconds leapt so far."""
        self.slept: list[float] = []
        """Every sleep."""
        self._deadlines: dict[asyncio.Timeout, float] = {}

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def leap(self, seconds: float) -> None:
        """Let so many seconds have passed."""
        self.ahead += seconds
        for timeout, deadline in self._deadlines.items():
            if not timeout.expired():
                timeout.reschedule(self._on_loop(deadline))

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        self.slept.append(seconds)
        self._stop_at_deadlines(seconds)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self.leap(max(0.0, until - self.monotonic()))
        await asyncio.sleep(0)

    def _stop_at_deadlines(self, seconds: float) -> None:
        """Leap as far as the next deadline, which may end the sleep."""
        now = self.monotonic()
        waits = [at - now for timeout, at in self._deadlines.items() if not timeout.expired()]
        self.leap(max(0.0, min([seconds, *waits])))

    @asynccontextmanager
    async def timeout_at(self, deadline: float) -> AsyncIterator[None]:
        async with asyncio.timeout_at(self._on_loop(deadline)) as timeout:
            self._deadlines[timeout] = deadline
            try:
                yield
            finally:
                del self._deadlines[timeout]

    def _on_loop(self, deadline: float) -> float:
        return asyncio.get_running_loop().time() + deadline - self.monotonic()
