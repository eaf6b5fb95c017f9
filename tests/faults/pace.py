"""Traffic over real sockets, at an even pace, by a clock that is faster than the machine's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.faults.kit import Stage

from routercore.values.errors import RouterError
from routercore.values.images import ImageResult


class FastClock:
    """A :class:`routercore.engine.clock.Clock` that runs so many times as fast as the machine's.

    Unlike one that leaps it suits many requests at once: what one waits for ages no other.
    """

    def __init__(self, speed: float) -> None:
        self.speed, self._began, self._start = speed, time.monotonic(), datetime.now(UTC)
        self._leapt = 0.0

    def leap(self, seconds: float) -> None:
        """Let so many seconds have passed, while nobody waits for anything."""
        self._leapt += seconds

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self.speed + self._leapt

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    @asynccontextmanager
    async def timeout_at(self, deadline: float) -> AsyncIterator[None]:
        async with asyncio.timeout((deadline - self.monotonic()) / self.speed):
            yield


@dataclass(frozen=True, slots=True)
class Answered:
    """What one caller got."""

    took: float
    """Seconds of the clock."""
    got: ImageResult | RouterError

    def calls(self, provider: str) -> int:
        """How often the request called a provider, as its trace tells."""
        attempts = getattr(self.got, "attempts", ())
        return sum(one.target.startswith(f"{provider}:") for one in attempts)


async def traffic(stage: Stage, clock: FastClock, *, rate: float, seconds: float) -> list[Answered]:
    """Callers who come at an even pace, whatever becomes of those before them; all are answered."""
    begin = clock.monotonic()

    async def caller(number: int) -> Answered:
        await clock.sleep(max(0.0, begin + number / rate - clock.monotonic()))
        asked = clock.monotonic()
        try:
            got: ImageResult | RouterError = await stage.ask(f"picture {number}")
        except RouterError as error:
            got = error
        return Answered(clock.monotonic() - asked, got)

    return await asyncio.gather(*(caller(number) for number in range(round(seconds * rate))))
