"""Upstreams that are slow, and a machine of ours that stands still."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from tests.faults.kit import CARD, Stage, faults, images_api

from routercore.engine.clock import SystemClock
from routercore.testing.faulty import FaultyUpstream, steps


@pytest.mark.fault("F37", how="answers that take six times as long as the model usually does")
async def test_slow_calls(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Slow answers are delivered, and after five of them the target is left alone."""
    first.script(steps.serve(gate=True, times=0))
    async with Stage(first, second) as stage:
        for number in range(1, 6):
            asking = asyncio.create_task(stage.ask())
            await first.arrived(number)
            stage.hasty.leap(6 * CARD.latency)
            first.release(stay_open=False)
            assert "first:poster" == (await asking).target
        assert "second:poster" == (await stage.ask()).target
        stage.hasty.leap(15)
        first.release()
        assert ["first:poster"] * 2 == [(await stage.ask()).target for _ in range(2)]


@pytest.mark.fault("F37", how="a first target that uses up the time that the second would need")
async def test_no_attempt_that_cannot_finish(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """A target that usually takes longer than the time that is left is not asked: it would be paid
    for and not waited for."""
    slow = images_api("second", second, card=replace(CARD, latency=90.0))
    first.script(steps.hang())
    async with Stage((images_api("first", first), first), (slow, second)) as stage:
        asking = asyncio.create_task(stage.fails())
        await first.arrived()
        stage.hasty.leap(120)
        error = await asking
        assert (504, ["deadline"]) == (error.status, faults(error))
    assert 0 == second.connections


def stand_still(seconds: float) -> None:
    """Keep the event loop from doing anything."""
    time.sleep(seconds)


@pytest.mark.fault("F56", how="the event loop is blocked for two seconds under twenty calls")
async def test_our_own_standstill(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Answers that we missed because we stood still speak against no target."""
    first.script(steps.serve(gate=True, times=20))
    async with Stage(first, second, clock=SystemClock(), attempt_timeout=1.0) as stage:
        asking = [asyncio.create_task(stage.ask(f"picture {n}")) for n in range(20)]
        await first.arrived(20)
        first.release()
        stand_still(2.0)
        results = await asyncio.gather(*asking)
        late = [one for one in results if one.target == "second:poster"]
        assert {("deadline", True)} >= {
            (one.attempts[0].failure.fault.value, one.attempts[0].failure.is_ours)
            for one in late
            if one.attempts[0].failure
        }
        assert "first:poster" == (await stage.ask()).target
        assert 0 == stage.router.plan("x", model="poster").candidates[0].health.closed_for
