"""Callers that leave: at any moment, by the hundred, and in the very tick of the answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.faults.jobs import CancellableJobs
from tests.faults.kit import Stage, images_api, jobs_api

from routercore.engine.setup import LedgerSetup, Limits, StoreSetup
from routercore.engine.transport.base import Transport
from routercore.state.ledger import open_ledger
from routercore.testing.faulty import FaultyUpstream, steps
from routercore.values.ledger import Attempt, Kind, Step

Transports = Callable[..., Transport]
POINTS = 50


def at_rest(stage: Stage) -> None:
    """Nothing is under way any more: no key, no target and no task is busy."""
    engine = stage.router.engine
    for upstream in engine._upstreams.values():
        assert [0] * len(upstream.keys._keys) == [key.in_flight for key in upstream.keys._keys]
    for candidate in stage.router.plan("x", model="poster").candidates:
        assert 0 == candidate.health.in_flight
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def cancelled_after(asking: asyncio.Task[Any], turns: int) -> None:
    """Cancel after so many turns of the loop, and again while it cleans up."""
    for _ in range(turns):
        await asyncio.sleep(0)
    for _ in range(3):
        asking.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([asking])


@pytest.mark.fault("F39", "F42", how="a cancellation at each of the first 50 turns, thrice over")
@pytest.mark.parametrize("kind", ["images", "jobs"])
async def test_cancelled_at_any_point(
    first: FaultyUpstream, transport: Transports, kind: str
) -> None:
    """What never left is void, what may have is suspect or posted; nothing stays held or open."""
    own = jobs_api("first", first, kind=CancellableJobs) if kind == "jobs" else images_api(
        "first", first)  # fmt: skip
    async with Stage((own, first), injected={"transport": transport()}) as stage:
        for turns in range(POINTS):
            await cancelled_after(asyncio.create_task(stage.ask(f"picture {turns}")), turns)
        await first.idle()
        assert {"voided", "suspect", "posted"} >= set(await stage.kinds())
        at_rest(stage)


@pytest.mark.fault("F39", how="a cancellation once the upstream has the request")
async def test_cancelled_while_the_upstream_works(first: FaultyUpstream) -> None:
    """Its money is suspect, its socket is closed, and the books have the image that nobody got."""
    first.script(steps.hang())
    async with Stage(first) as stage:
        asking = asyncio.create_task(stage.ask())
        await first.arrived()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await first.idle()
        assert (1, ["suspect"]) == (len(stage.invoice()), await stage.kinds())
        at_rest(stage)


@pytest.mark.fault("F40", how="1,000 requests over eight permits, 600 of them cancelled at random")
async def test_cancel_storm(first: FaultyUpstream, transport: Transports) -> None:
    """All permits come back, and 50 plain requests go through."""
    rng = random.Random(40)
    own = images_api("first", first, limits=Limits(concurrency=8))
    async with Stage((own, first), deadline=900.0, injected={"transport": transport()}) as stage:
        asking = [asyncio.create_task(stage.ask(f"picture {n}")) for n in range(1000)]
        doomed = set(rng.sample(asking, 600))
        for task in rng.sample(sorted(doomed, key=asking.index), 600):
            await asyncio.sleep(0)
            task.cancel()
        done = await asyncio.gather(*asking, return_exceptions=True)
        kept = [one for task, one in zip(asking, done, strict=True) if task not in doomed]
        assert 400 == sum(not isinstance(one, BaseException) for one in kept)
        at_rest(stage)
        await asyncio.gather(*(stage.ask(f"plain {n}") for n in range(50)))
        at_rest(stage)


class Cancelling:
    """A ledger in whose very tick of a certain step somebody cancels the request."""

    def __init__(self, inner: Any, kind: Kind) -> None:
        self.inner, self.kind = inner, kind
        self.victim: asyncio.Task[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def write(self, step: Step) -> Attempt:
        if step.kind is self.kind and self.victim is not None:
            self.victim.cancel()
        attempt: Attempt = await self.inner.write(step)
        await asyncio.sleep(0)
        return attempt


@pytest.mark.fault("F41", "F42", how="a cancellation in the tick of the dispatch or of the post")
@pytest.mark.parametrize("kind", [Kind.DISPATCHED, Kind.POSTED])
async def test_cancelled_in_the_tick(first: FaultyUpstream, kind: Kind) -> None:
    """The money is written down once and rightly, and the cancellation is honoured."""
    made: list[Cancelling] = []

    def ledger(setup: LedgerSetup, store: StoreSetup) -> Any:
        made.append(Cancelling(open_ledger(setup), kind))
        return made[0]

    async with Stage(first, injected={"ledger": ledger}) as stage:
        asking = asyncio.create_task(stage.ask())
        made[0].victim = asking
        with pytest.raises(asyncio.CancelledError):
            await asking
        expected = {Kind.DISPATCHED: (["voided"], 0), Kind.POSTED: (["posted"], 1)}[kind]
        assert expected == (await stage.kinds(), len(stage.invoice()))
        at_rest(stage)
