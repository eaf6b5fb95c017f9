"""Providers that are gone for a while, and come back."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tests.faults.kit import Stage

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
