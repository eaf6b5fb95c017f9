"""Time, injected: the system's, or one that tests turn by hand."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol

GRACE = 60.0
"""Seconds after what a process is at work on should have ended, when the process is taken to be
dead: slow clocks and last words come between. One for all that goes by it, or a key would be freed
while its call is alive."""


class Clock(Protocol):
    """All time that the engine knows."""

    def monotonic(self) -> float:
        """Seconds that only grow; for intervals and deadlines."""
        ...

    def now(self) -> datetime:
        """The aware UTC time of day."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        """Cancel the body when ``monotonic()`` reaches ``deadline``.

        Raises:
            TimeoutError: on leaving the body that was cancelled for it.
        """
        ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(deadline - time.monotonic())
