"""Providers that are gone for a while, and come back."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tests.faults.kit import Stage, rest
from tests.faults.pace import Answered, traffic

from routercore.testing.clock import ManualClock
from routercore.testing.faulty import FaultyUpstream, steps


async def crowd(stage: Stage, count: int) -> Counter[str]:
    """Who served so many requests at once."""
    results = await asyncio.gather(*(stage.ask(f"picture {n}") for n in range(count)))
    return Counter(one.target.partition(":")[0] for one in results)


@pytest.mark.fault("F35", how="the port is closed, and opened again when the circuit is open")
async def test_back_in_service(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Within one open period a single probe finds it back, and then everybody does."""
    async with Stage(first, second) as stage:
        first.stop()
        assert {"second": 20} == await crowd(stage, 20)
        first.listen()
        assert {"second": 20} == await crowd(stage, 20)
        assert [] == first.seen("make")
        stage.hasty.leap(15)
        first.script(steps.serve(gate=True))
        probing = asyncio.create_task(crowd(stage, 20))
        await first.arrived()
        await second.arrived(59)
        first.release()
        assert {"first": 1, "second": 19} == await probing
        assert {"first": 20} == await crowd(stage, 20)


@pytest.mark.fault("F35", how="the port is still closed when the probe comes")
async def test_still_gone(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A probe that fails costs nobody a request, and the next comes after twice the time."""
    async with Stage(first, second) as stage:
        first.stop()
        await crowd(stage, 10)
        stage.hasty.leap(15)
        assert {"second": 10} == await crowd(stage, 10)
        first.listen()
        stage.hasty.leap(14)
        assert {"second": 10} == await crowd(stage, 10)
        assert [] == first.seen("make")
        stage.hasty.leap(16)
        await crowd(stage, 1)
        assert {"first": 10} == await crowd(stage, 10)


RATE, OUTAGE = 20, 60
"""Requests a second, and seconds."""
MOST = 1.2 * RATE * OUTAGE + 5
"""Calls that a dead provider may get."""


def calls(answered: list[Answered], provider: str) -> int:
    """How often a provider was called, as the traces tell."""
    return sum(one.calls(provider) for one in answered)


@pytest.mark.fault("F34", how="two closed ports, or two that answer 503, for 60 s at 20 requests/s")
@pytest.mark.parametrize("how", ["refused", "503"])
async def test_all_are_down(first: FaultyUpstream, second: FaultyUpstream, how: str) -> None:
    """Each gets at most 1.2 calls for a request, and five; callers get a 503 without waiting."""
    clock, upstreams = ManualClock(), {"first": first, "second": second}
    for upstream in upstreams.values():
        upstream.stop() if how == "refused" else upstream.script(steps.error(503, times=0))
    async with Stage(first, second, clock=clock) as stage:
        answered = await traffic(stage, clock, rate=RATE, seconds=OUTAGE)
        assert {503} == {getattr(one.got, "status", 200) for one in answered}
        for name, upstream in upstreams.items():
            assert calls(answered, name) <= MOST
            arrived = calls(answered, name) if how == "503" else 0
            assert arrived == len(upstream.seen("make"))
        alone = [one for _ in range(3) for one in await traffic(stage, clock, rate=1, seconds=1)]
        assert min(one.took for one in alone) < 2.0
        assert [] == stage.invoice()


@pytest.mark.fault("F34", how="one of two ports is closed for 60 s at 20 requests/s")
async def test_one_is_down(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Nobody fails, the dead one is hardly called, and it is back when its rest is over."""
    clock = ManualClock()
    async with Stage(first, second, clock=clock) as stage:
        first.stop()
        during = await traffic(stage, clock, rate=RATE, seconds=OUTAGE)
        assert {"ImageResult"} == {type(one.got).__name__ for one in during}
        assert 0 < calls(during, "first") <= MOST / 10
        first.listen()
        await clock.advance(rest(stage))
        await stage.ask()
        after = await traffic(stage, clock, rate=RATE, seconds=1)
        assert [RATE, 0] == [calls(after, name) for name in ("first", "second")]
