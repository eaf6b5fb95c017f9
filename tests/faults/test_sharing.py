"""Many callers who want the same at once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tests.faults.kit import Stage

from routercore.engine.setup import CacheSetup, Caller
from routercore.testing.faulty import FaultyUpstream, steps
from routercore.values.images import ImageResult

CACHE = CacheSetup(ttl=60.0)


@pytest.mark.fault("F63", how="200 equal requests at once, from two callers")
async def test_a_herd(first: FaultyUpstream) -> None:
    """Each caller's herd is one call, and one image for all of them; none crosses over."""
    callers = [Caller(name=name) for name in ("red", "blue")]
    first.script(steps.serve(gate=True, times=0))
    async with Stage(first, cache=CACHE) as stage:
        asking = [asyncio.create_task(stage.ask(caller=callers[n % 2])) for n in range(200)]
        await first.arrived(2)
        first.release()
        results = await asyncio.gather(*asking)
        assert 2 == len(first.seen("make")) == len(stage.invoice())
        assert {100} == set(Counter(one.images[0].data for one in results).values())


@pytest.mark.fault("F63", how="whoever was first is cancelled while the others wait")
async def test_the_leader_leaves(first: FaultyUpstream) -> None:
    """The work belongs to all who wait for it: it goes on without whoever began it."""
    first.script(steps.serve(gate=True))
    async with Stage(first, cache=CACHE) as stage:
        leader, *followers = [asyncio.create_task(stage.ask()) for _ in range(10)]
        await first.arrived()
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        first.release()
        results: list[ImageResult] = await asyncio.gather(*followers)
        assert 1 == len(first.seen("make"))
        assert 1 == len({one.images[0].data for one in results})
        assert 1 == sum(one.cost.usd != 0 for one in results)


@pytest.mark.fault("F63", how="all who wait are cancelled")
async def test_all_leave(first: FaultyUpstream) -> None:
    """With the last one the call is ended, and its money is suspect."""
    first.script(steps.serve(gate=True))
    async with Stage(first, cache=CACHE) as stage:
        asking = [asyncio.create_task(stage.ask()) for _ in range(5)]
        await first.arrived()
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        await first.idle()
        assert ["suspect"] == await stage.kinds()


@pytest.mark.fault("F63", how="the one call fails")
async def test_a_herd_that_fails(first: FaultyUpstream) -> None:
    """A failure is everybody's, and nobody's to keep: the next request asks anew."""
    first.script(steps.error(400, "moderation_blocked", gate=True))
    async with Stage(first, cache=CACHE) as stage:
        asking = [asyncio.create_task(stage.fails()) for _ in range(20)]
        await first.arrived()
        first.release()
        assert {"moderation_blocked"} == {one.code for one in await asyncio.gather(*asking)}
        assert 1 == len(first.seen("make"))
        assert 1 == len((await stage.ask()).images)
