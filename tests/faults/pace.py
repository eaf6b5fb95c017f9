"""Traffic over real sockets at an even pace, by a clock that waits for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.faults.kit import Stage

from routercore.testing.clock import ManualClock
from routercore.values.errors import RouterError
from routercore.values.images import ImageResult


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


async def traffic(stage: Stage, clock: ManualClock, *, rate: int, seconds: int) -> list[Answered]:
    """Callers who come at an even pace, whatever becomes of those before them; all are answered."""
    callers: list[asyncio.Task[Answered]] = []
    others = clock.sleepers
    while len(callers) < rate * seconds or not all(one.done() for one in callers):
        if len(callers) < rate * seconds:
            callers.append(asyncio.create_task(_caller(stage, clock, len(callers))))
        await _sockets(callers, clock, others)
        await clock.advance(1 / rate)
    return [one.result() for one in callers]


async def _caller(stage: Stage, clock: ManualClock, number: int) -> Answered:
    asked = clock.monotonic()
    try:
        got: ImageResult | RouterError = await stage.ask(f"picture {number}")
    except RouterError as error:
        got = error
    return Answered(clock.monotonic() - asked, got)


async def _sockets(callers: list[asyncio.Task[Answered]], clock: ManualClock, others: int) -> None:
    """Let every caller come to an end, or to where it waits for the clock."""
    await clock.run_until_idle()
    while sum(not one.done() for one in callers) > clock.sleepers - others:
        await clock.run_until_idle()
